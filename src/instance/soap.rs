//! SOAP web services (`/incident.do?SOAP`): Basic or guest, WS-Security, SOAP roles (wire §14).

use super::settings::{SOAP_BASIC_REQUIRED, SOAP_STRICT};
use super::state::{Instance, User};
use super::{Call, Media, Moment, Reply, access, authenticate, policy};

/// `?SOAP` and `?WSDL` behind a table's `.do`.
pub(super) fn is_soap(call: &Call<'_>, path: &str) -> bool {
    path.ends_with(".do")
        && call.query().pairs.iter().any(|pair| pair.bare && matches!(pair.name.as_str(), "SOAP" | "WSDL"))
}

pub(super) fn reply(instance: &mut Instance, call: &Call<'_>, moment: &mut Moment<'_>) -> Reply {
    match authenticate::caller(instance, call, moment) {
        Ok(caller) => {
            let user = instance.user_by_id(&caller.user).cloned();
            served(instance, call, user.as_ref()).in_session(Some(caller.session))
        }
        // Anonymous calls run as soap.guest when Basic is not required.
        Err(_) if !instance.is(SOAP_BASIC_REQUIRED) => served(instance, call, None),
        Err(_) => unauthenticated(instance, call),
    }
}

fn unauthenticated(instance: &Instance, call: &Call<'_>) -> Reply {
    let body = "<html><head><title>HTTP Status 401 - </title></head><body><h1>HTTP Status 401 - </h1>\
                <p>This request requires HTTP authentication ().</p></body></html>";
    policy::challenges(instance, call)
        .into_iter()
        .fold(Reply::new(401, Media::Html, body), |reply, challenge| reply.with("WWW-Authenticate", challenge))
}

fn served(instance: &Instance, call: &Call<'_>, user: Option<&User>) -> Reply {
    if let Some(reason) = ws_security_fault(instance, call, user) {
        return fault(500, reason);
    }
    let has_role =
        user.is_some_and(|user| user.has_role("admin") || user.roles.iter().any(|role| role.starts_with("soap")));
    if instance.is(SOAP_STRICT) && !has_role {
        // Text and status are assumed.
        return fault(403, "Insufficient rights to perform SOAP operation");
    }
    Reply::new(200, Media::Xml, envelope("<getRecordsResponse/>"))
}

/// What WS-Security finds wrong; internal integration users are let off (causes E11, wire §14).
fn ws_security_fault(instance: &Instance, call: &Call<'_>, user: Option<&User>) -> Option<&'static str> {
    let wanted = instance.ws_security.as_ref().filter(|_| user.is_none_or(|user| !user.internal_integration_user))?;
    let text = String::from_utf8_lossy(&call.request.body.bytes);
    if wanted.must_be_signed && !text.contains("SignatureValue") {
        return Some("SOAP request not Signed. Policy requires signing.");
    }
    let Some(name) = element(&text, "Username") else { return Some("Failed to extract principal(s) from request.") };
    let password = element(&text, "Password").unwrap_or_default();
    let held = instance.user(name).and_then(|user| user.password.as_deref());
    (held != Some(password)).then_some("Failed to authenticate WS-security.")
}

/// The text of the first element of that local name.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split('<').find_map(|piece| {
        let (tag, content) = piece.split_once('>')?;
        let tag = tag.split_ascii_whitespace().next()?;
        (tag.rsplit(':').next() == Some(name) && !tag.starts_with('/')).then_some(content)
    })
}

fn fault(status: u16, reason: &str) -> Reply {
    let reason = access::escape(reason);
    let body = format!(
        "<SOAP-ENV:Fault><faultcode>SOAP-ENV:Server</faultcode><faultstring>{reason}</faultstring></SOAP-ENV:Fault>"
    );
    Reply::new(status, Media::Xml, envelope(&body))
}

fn envelope(body: &str) -> String {
    let namespace = "http://schemas.xmlsoap.org/soap/envelope/";
    format!(
        "<SOAP-ENV:Envelope xmlns:SOAP-ENV=\"{namespace}\"><SOAP-ENV:Body>{body}</SOAP-ENV:Body></SOAP-ENV:Envelope>"
    )
}

//! `/oauth_token.do` and `/oauth_revoke_token.do`: who the client is, which grant, and the one answer to nearly every
//! fault (wire §4, §6).

use crate::wire::form::{self, Form};

use super::settings::{BODY_ONLY, OAUTH_ACTIVE};
use super::state::{Instance, OAuthClient, Release};
use super::{Call, Media, Moment, Reply, assertion, grants, reading};

/// Why no token is given.
pub(super) enum Denied {
    /// The catch-all, whatever the reason (wire §4.3).
    Ordinary,
    /// No living OAuth Application User: the one fault with an answer of its own.
    NoApplicationUser { registry: String },
    /// jwt-bearer for an administrator.
    AdminSubject,
}

pub(super) fn reply(instance: &mut Instance, call: &Call<'_>, moment: &mut Moment<'_>) -> Reply {
    match issue(instance, call, moment) {
        Ok(reply) => reply,
        Err(denied) => refused(&denied),
    }
}

fn issue(instance: &mut Instance, call: &Call<'_>, moment: &mut Moment<'_>) -> Result<Reply, Denied> {
    let form = parameters(instance, call).filter(|_| instance.is(OAUTH_ACTIVE)).ok_or(Denied::Ordinary)?;
    let client = client(instance, call, &form).ok_or(Denied::Ordinary)?;
    match form.get("grant_type").unwrap_or_default() {
        "password" => grants::password(instance, moment, &client, &form),
        "client_credentials" => grants::client_credentials(instance, moment, &client, &form),
        "authorization_code" => grants::authorization_code(instance, moment, &client, &form),
        "refresh_token" => grants::refresh(instance, moment, &client, &form),
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => assertion::grant(instance, moment, &client, &form),
        _ => Err(Denied::Ordinary),
    }
}

/// The parameters: a form in a POST; where the property allows it, in the query too (wire §4.1).
fn parameters(instance: &Instance, call: &Call<'_>) -> Option<Form> {
    let is_form = call.method() == "POST" && call.body_is("application/x-www-form-urlencoded");
    let mut form = if is_form { form::parse(&call.request.body.bytes) } else { Form::default() };
    if instance.is(BODY_ONLY) {
        return is_form.then_some(form);
    }
    form.pairs.extend(call.query().pairs);
    Some(form)
}

/// The client, when it is known, active and showed its secret: in the form, or in Basic where that is taken.
fn client(instance: &Instance, call: &Call<'_>, form: &Form) -> Option<OAuthClient> {
    let in_basic = call.field("authorization").and_then(|value| {
        let (scheme, encoded) = value.split_once(' ')?;
        reading::basic(encoded)
            .filter(|_| scheme.eq_ignore_ascii_case("basic") && instance.unwritten.takes_client_in_basic)
    });
    let in_form = form.get("client_id").map(|id| (id.to_owned(), form.get("client_secret").map(str::to_owned)));
    let (id, secret) = match (in_form, in_basic) {
        (Some((id, secret)), None) => (id, secret),
        (None, Some((id, secret))) => (id, Some(secret)),
        // One way only (RFC 6749 §2.3); neither names a client.
        _ => return None,
    };
    let client = instance.client(&id).filter(|client| client.active)?;
    let shown = client.public || secret.as_deref() == Some(client.client_secret.as_str());
    shown.then(|| client.clone())
}

fn refused(denied: &Denied) -> Reply {
    let json = |status, body: String| Reply::new(status, Media::Json, body);
    match denied {
        Denied::Ordinary => {
            json(401, String::from("{\"error_description\":\"access_denied\",\"error\":\"server_error\"}"))
        }
        Denied::NoApplicationUser { registry } => {
            let text =
                "Received client_credentials grant_type request however integration user is not configured for OAuth:";
            json(400, format!("{{\"error\":\"unauthorized_client\",\"error_description\":\"{text}{registry}\"}}"))
        }
        // The status is not recorded (wire §18); 400 is what RFC 6749 §5.2 asks for.
        Denied::AdminSubject => {
            let text =
                "{\"error_description\":\"Grant access token to admin is not allowed\",\"error\":\"invalid_grant\"}";
            json(400, String::from(text))
        }
    }
}

/// The body of a token answer, in the release's key order (wire §4.2).
pub(super) fn granted(instance: &Instance, access: &str, refresh: Option<&str>, scope: &str, expires_in: i64) -> Reply {
    let scope = serde_json::Value::from(scope);
    let refresh = refresh.map(|value| format!("\"refresh_token\":\"{value}\",")).unwrap_or_default();
    let body = match instance.release {
        Release::Classic => format!(
            "{{\"scope\":{scope},\"token_type\":\"Bearer\",\"expires_in\":{expires_in},{refresh}\"access_token\":\"{access}\"}}"
        ),
        Release::Current => format!(
            "{{\"access_token\":\"{access}\",{refresh}\"scope\":{scope},\"token_type\":\"Bearer\",\"expires_in\":{expires_in}}}"
        ),
    };
    Reply::new(200, Media::Json, body)
}

/// Marks a token as ended; asks for no authentication. Method and answer are assumed (wire §6).
pub(super) fn revoke(instance: &mut Instance, call: &Call<'_>) -> Reply {
    let body = form::parse(&call.request.body.bytes);
    let query = call.query();
    if let Some(value) = query.get("token").or_else(|| body.get("token")) {
        instance.memory.tokens.iter_mut().filter(|token| token.value == value).for_each(|token| token.revoked = true);
    }
    Reply::new(200, Media::Html, "")
}

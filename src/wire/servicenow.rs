//! What an answer of ServiceNow looks like: error envelopes, fingerprints of the instance and its edge, pages.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde_json::Value;

use super::cookie;
use crate::model::{Body, Fields, Named, Response, lossy};

/// The error envelope of a REST answer (wire notes §2, §3), in JSON or XML.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    pub message: String,
    pub detail: String,
}

/// Signs that tell who made an answer (wire notes §1.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// The value of `Server`.
    pub server: Option<String>,
    /// `Server` is one that ServiceNow's edge sends.
    pub edge: bool,
    /// Fields or cookies that only an application node makes.
    pub node: bool,
    /// `X-Is-Logged-In`.
    pub logged_in: Option<bool>,
    /// `X-Transaction-ID`.
    pub transaction: Option<String>,
}

/// A page in the place of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    Hibernating,
    Offline,
    Login,
    Other,
}

/// Whether JSON or XML can have a member of that name: a quick look, so that healthy bodies are not parsed. Names may be
/// written with escapes: that of an ASCII letter has a 4 to 7 there, of an underscore a 5.
pub(super) fn names(body: &[u8], name: &str) -> bool {
    stands_framed(body, name) || has_escape(body)
}

/// `"name"` or `<name>`, and not a word in somebody's text.
fn stands_framed(body: &[u8], name: &str) -> bool {
    memchr::memmem::find_iter(body, name).any(|at| {
        let ends = (at.checked_sub(1).and_then(|before| body.get(before)), body.get(at + name.len()));
        matches!(ends, (Some(b'"'), Some(b'"')) | (Some(b'<'), Some(b'>')))
    })
}

fn has_escape(body: &[u8]) -> bool {
    static ESCAPE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\\u00"));
    ESCAPE.find_iter(body).any(|at| matches!(body.get(at + 4), Some(b'4'..=b'7')))
}

/// Which of the names that tell most stand in an answer, as `names` has it. Long answers are looked through once for it.
pub(super) fn named(body: &Body, decoded: &[u8]) -> Named {
    body.glance.named(|| {
        let either = has_escape(decoded);
        let names = |name: &str| either || stands_framed(decoded, name);
        Named { error: names("error"), access_token: names("access_token") }
    })
}

/// Reads the envelope; `None` where the body has none.
pub fn envelope(body: &[u8]) -> Option<Envelope> {
    if !names(body, "error") {
        return None;
    }
    let text = lossy(body);
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.starts_with('{') { json_envelope(text) } else { xml_envelope(text) }
}

/// What `/angular.do?sysparm_type=view_form.login` answers, the login of pages and of ServiceNow's own SDK (now-sdk 4.9,
/// `UISession.js`, reads it so).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormLogin {
    Passed,
    Refused,
    /// User name and password are right, a code is wanted as well.
    SecondFactor,
}

/// `None` where it is no such answer.
pub fn form_login(body: &[u8]) -> Option<FormLogin> {
    let value: Value = serde_json::from_slice(body).ok()?;
    match value.get("status")?.as_str()? {
        "success" => Some(FormLogin::Passed),
        "error" => Some(FormLogin::Refused),
        "mfa_code_required" => Some(FormLogin::SecondFactor),
        _ => None,
    }
}

fn json_envelope(text: &str) -> Option<Envelope> {
    let value: Value = serde_json::from_str(text).ok()?;
    let error = value.get("error")?.as_object()?;
    let part = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    error.contains_key("message").then(|| Envelope { message: part("message"), detail: part("detail") })
}

fn xml_envelope(text: &str) -> Option<Envelope> {
    let error = element(text, "error")?;
    let message = unescaped(element(error, "message")?.trim());
    let detail = unescaped(element(error, "detail").unwrap_or_default().trim());
    Some(Envelope { message, detail })
}

/// The five characters that XML names, and the quotes that writers give by number.
fn unescaped(text: &str) -> String {
    const NAMES: [(&str, &str); 8] = [
        ("&apos;", "'"),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
    ];
    NAMES.iter().fold(text.to_owned(), |text, (name, character)| text.replace(name, character))
}

/// The text between `<name>` and `</name>`, namespace prefixes ignored on neither side.
pub fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let open = text.find(&format!("<{name}>"))? + name.len() + 2;
    let rest = text.get(open..)?;
    rest.get(..rest.find(&format!("</{name}>"))?)
}

impl Envelope {
    /// The ordinary 401 of the REST layer, whatever its wording and key order (wire notes §2.1).
    pub fn is_not_authenticated(&self) -> bool {
        let (message, detail) = (self.message.to_ascii_lowercase(), self.detail.to_ascii_lowercase());
        message.contains("not authenticated") && (detail.contains("required to provide auth") || detail.is_empty())
    }

    /// Whether the JSON is an envelope of another maker: a message, and neither the detail nor the status of ServiceNow.
    pub fn is_foreign(body: &[u8]) -> bool {
        let Ok(value) = serde_json::from_slice::<Value>(body) else { return false };
        if Envelope::is_gateways(&value) {
            return true;
        }
        let own = value.get("status").is_some() || value.get("session").is_some();
        value.get("error").is_some_and(|error| error.get("message").is_some() && error.get("detail").is_none()) && !own
    }

    /// The refusals of API gateways: Azure's `statusCode` and `message`, Apigee's and WSO2's `fault`, AWS's and Kong's
    /// `message` alone.
    fn is_gateways(value: &Value) -> bool {
        let Some(members) = value.as_object() else { return false };
        let fault = members.get("fault").is_some_and(Value::is_object);
        let message = members.get("message").is_some_and(Value::is_string);
        let others = members.keys().all(|name| matches!(name.as_str(), "message" | "statusCode" | "request_id"));
        members.len() == 1 && fault || message && others
    }

    /// Whether the JSON is a gateway's own: a `fault` alone, or a status beside its message.
    pub fn is_a_gateways(body: &[u8]) -> bool {
        let value = serde_json::from_slice::<Value>(body).unwrap_or_default();
        Envelope::is_gateways(&value) && (value.get("fault").is_some() || value.get("statusCode").is_some())
    }

    /// Both texts in lower case, for signatures.
    pub fn lower(&self) -> String {
        format!("{}\n{}", self.message, self.detail).to_ascii_lowercase()
    }
}

/// `X-Is-Logged-In`.
pub(super) fn logged_in(fields: &Fields) -> Option<bool> {
    fields.text("x-is-logged-in").map(|value| value.trim().eq_ignore_ascii_case("true"))
}

/// Reads the signs of an answer.
pub fn fingerprint(fields: &Fields) -> Fingerprint {
    let server = fields.text("server").map(|value| value.into_owned());
    let edge =
        server.as_deref().is_some_and(|name| matches!(name.to_ascii_lowercase().as_str(), "servicenow" | "snow_adc"));
    let logged_in = logged_in(fields);
    let transaction = fields.text("x-transaction-id").map(|value| value.trim().to_owned()).filter(|id| !id.is_empty());
    let glide = |name: &str| name.starts_with("glide_") || cookie::pool_instance(name).is_some();
    let cookies = cookie::set(fields, glide).next().is_some();
    let timing =
        fields.text("server-timing").is_some_and(|value| value.contains("sem_wait") || value.contains("sesh_wait"));
    let realm = fields.all("www-authenticate").any(|value| lossy(value).to_ascii_lowercase().contains("service-now"));
    let node = logged_in.is_some()
        || transaction.is_some()
        || timing
        || cookies
        || realm
        || fields.has("x-usertoken-response");
    Fingerprint { server, edge, node, logged_in, transaction }
}

/// Which page stands in the place of an answer; `None` where the answer is no HTML. A page that was made for somebody who
/// is logged in may speak of logins and of sleep; it is neither.
pub fn page(response: &Response, body: &[u8], logged_in: Option<bool>) -> Option<Page> {
    let mime = response.fields.text("content-type").unwrap_or_default().to_ascii_lowercase();
    if !mime.contains("html") && !begins_like_markup(body) {
        return None;
    }
    let text = lossy(body.get(..body.len().min(65_536)).unwrap_or_default()).to_ascii_lowercase();
    let start = text.trim_start();
    let html = mime.contains("html") || start.starts_with("<!doctype html") || start.starts_with("<html");
    if !html {
        return None;
    }
    if logged_in == Some(true) {
        return Some(Page::Other);
    }
    let hibernating =
        ["instance hibernating", "instance-hibernating", "hibernating instance", "instance is hibernating"];
    if hibernating.iter().any(|sign| text.contains(sign)) {
        return Some(Page::Hibernating);
    }
    if text.contains("instance is currently offline") || text.contains("instance is offline") {
        return Some(Page::Offline);
    }
    let login = [
        "<title>log in",
        "log in | servicenow",
        "forgot password",
        "id=\"user_password\"",
        "name=\"user_password\"",
        "action=\"login.do\"",
    ];
    if login.iter().any(|sign| text.contains(sign)) {
        return Some(Page::Login);
    }
    Some(Page::Other)
}

/// The first byte that is no blank opens a tag; white space beyond ASCII is left to a closer look.
fn begins_like_markup(body: &[u8]) -> bool {
    body.iter()
        .find(|byte| !byte.is_ascii_whitespace())
        .is_some_and(|byte| *byte == b'<' || *byte == 0x0b || !byte.is_ascii())
}

/// Whether a URL elsewhere is an identity provider's: the authorization endpoint of OAuth with a client, or SAML's.
fn leads_to_provider(location: &str) -> bool {
    let Some((_, rest)) = location.split_once("://") else { return false };
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (_, path) = address.split_once('/').unwrap_or_default();
    let saml =
        path.split('/').any(|part| matches!(part, "saml" | "saml2")) && path.split('/').any(|part| part == "sso");
    saml || path.ends_with("/authorize") && query.contains("client_id=")
}

/// Whether a redirect of an instance leads to a login, a logout page or a session time-out (wire notes §1.4).
pub fn leads_to_login(location: &str) -> bool {
    let lower = location.to_ascii_lowercase();
    let path = lower.split('?').next().unwrap_or_default();
    let page = path.rsplit('/').next().unwrap_or_default();
    matches!(
        page,
        "login.do"
            | "login_redirect.do"
            | "auth_redirect.do"
            | "logout_success.do"
            | "session_timeout.do"
            | "login_with_sso.do"
            | "logout.do"
            | "external_logout_complete.do"
            | "login_locate_sso.do"
    ) || lower.contains("samlrequest=")
        || lower.contains("/adfs/ls")
        || lower.starts_with("http") && lower.contains("response_type=") && !lower.contains("/oauth_auth.do")
        || lower.starts_with("https://login.microsoftonline.com/")
        || leads_to_provider(&lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelopes_are_read_in_json_and_xml() {
        let json = br#"{"error":{"detail":"Required to provide Auth information","message":"User Not Authenticated"},"status":"failure"}"#;
        assert!(envelope(json).unwrap().is_not_authenticated());
        let xml = b"<response><error><message>User Not Authorized</message><detail>7 records constrained due to ACL restrictions</detail></error></response>";
        assert_eq!(envelope(xml).unwrap().message, "User Not Authorized");
        let escaped =
            b"<response><error><message>m</message><detail>Record doesn&apos;t &amp;lt;</detail></error></response>";
        assert_eq!(envelope(escaped).unwrap().detail, "Record doesn't &lt;");
        assert_eq!(envelope(br#"{"error":"server_error"}"#), None);
        assert!(Envelope::is_foreign(br#"{"error":{"message":"Access denied.","status":"403"}}"#));
        assert!(
            !Envelope::is_foreign(json) && !Envelope::is_foreign(br#"{"error":{"message":"m"},"status":"failure"}"#)
        );
        for gateway in
            [r#"{"message":"Unauthorized"}"#, r#"{"statusCode":401,"message":"m"}"#, r#"{"fault":{"code":1}}"#]
        {
            assert!(Envelope::is_foreign(gateway.as_bytes()), "{gateway}");
        }
        for own in [r#"{"result":[],"message":"m"}"#, r#"{"fault":"m","x":1}"#, "{}", "[]"] {
            assert!(!Envelope::is_foreign(own.as_bytes()), "{own}");
        }
        assert_eq!(envelope(br#"{"error":{"message":"m","detail":null}}"#).unwrap().detail, "");
    }

    #[test]
    fn only_glide_signs_make_a_node() {
        let node: Fields = [("Server", "snow_adc"), ("X-Is-Logged-In", "false")].into_iter().collect();
        let print = fingerprint(&node);
        assert!(print.edge && print.node && print.logged_in == Some(false));
        let other: Fields = [("Server", "nginx"), ("Set-Cookie", "JSESSIONID=1")].into_iter().collect();
        let print = fingerprint(&other);
        assert!(!print.edge && !print.node);
    }

    #[test]
    fn pages_are_told_apart() {
        let answer = |mime: &str| Response {
            status: 200,
            reason: String::new(),
            version: "HTTP/1.1".into(),
            fields: [("Content-Type", mime.to_owned())].into_iter().collect(),
            body: Body::default(),
            ours: false,
            cut: None,
        };
        let html = answer("text/html");
        assert_eq!(page(&html, b"<title>Instance Hibernating page</title>", None), Some(Page::Hibernating));
        assert_eq!(page(&html, b"Your instance is currently offline", None), Some(Page::Offline));
        assert_eq!(page(&html, b"<html><title>Log in | ServiceNow</title>", Some(false)), Some(Page::Login));
        assert_eq!(page(&html, b"<html>Forgot password?", Some(true)), Some(Page::Other));
        assert_eq!(page(&answer("application/json"), b"{}", None), None);
    }

    #[test]
    fn redirects_to_a_login_are_known() {
        assert!(leads_to_login("https://dev1.service-now.com/auth_redirect.do?sysparm_url=https://idp"));
        assert!(leads_to_login("/login_redirect.do?sysparm_stack=no"));
        assert!(leads_to_login("https://idp.acme.example/oauth2/v1/authorize?client_id=0oa&response_type=code"));
        assert!(leads_to_login("https://acme.okta.example/app/x/sso/saml"));
        assert!(leads_to_login("https://acme.okta.example/oauth2/v1/authorize?client_id=0oa&redirect_uri=x"));
        assert!(!leads_to_login("https://app.partner.example/cb?code=1"));
        assert!(!leads_to_login("https://app.partner.example/sso/start?client_id=1"));
    }
}

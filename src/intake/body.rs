//! An error, pasted alone: its body as JSON, XML, HTML or a SOAP fault, a line of a log that holds one, or the words of a
//! client that got no answer.

use bytes::Bytes;
use serde_json::Value;

use crate::model::{Body, Exchange, Fields, Millis, Outcome, Phase, Request, Response};
use crate::wire::{endpoint, servicenow};

use super::message::{self, Origin};
use super::{foreign, literal, url};

/// The text as the answer to an unseen request; `None` where it looks like no answer. Its status is the one that the text
/// forces; where it forces none, 400 stands for "an error", and the reason says so.
pub fn read(text: &str) -> Option<Exchange> {
    let text = text.trim();
    if let Some(failed) = stopped(text) {
        return Some(failed);
    }
    let printed = printed(text);
    let (body, around) = printed.as_deref().map_or_else(|| found(text), |json| Some((json, "")))?;
    let mime = mime(body);
    let (status, reason) = match status(body, around) {
        Some(status) => (status, String::new()),
        None => (400, String::from("(the text shows no status)")),
    };
    let fields: Fields = [("Content-Type", mime)].into_iter().collect();
    let body = Body { length: body.len() as u64, bytes: captured(body), ..Body::default() };
    let version = String::from("HTTP/1.1");
    let response = Response { status, reason, version, fields, body, ours: false, cut: None };
    let request = request(around);
    Some(message::exchange(request, Outcome::Answered(response), Millis::UNKNOWN))
}

/// What a client says that got no answer: no name, no connection, no TLS.
fn stopped(text: &str) -> Option<Exchange> {
    if text.starts_with(['{', '[', '<']) || text.len() > 20_000 {
        return None;
    }
    let line = text.lines().find(|line| foreign::is_known(line))?;
    // An answer, or what stands for one, says more than its words.
    if in_words(text).is_some() && foreign::failure(line).phase != Phase::ParentProxy {
        return None;
    }
    let mut request = request(text);
    if request.host.is_empty() {
        request.host = host(text).unwrap_or_default();
    }
    Some(message::exchange(request, Outcome::Failed(foreign::failure(line)), Millis::UNKNOWN))
}

/// The first word that is the name of an instance.
fn host(text: &str) -> Option<String> {
    let mut words = text.split(|sign: char| !(sign.is_ascii_alphanumeric() || matches!(sign, '.' | '-')));
    words.find(|word| endpoint::is_instance_host(word)).map(str::to_ascii_lowercase)
}

/// JSON as a program shows it that prints objects in its own way.
fn printed(text: &str) -> Option<String> {
    let shown = text.starts_with('{') && text.len() <= 20_000 && serde_json::from_str::<Value>(text).is_err();
    let object = literal::object(text).filter(|object| shown && object.contains_key("error"))?;
    Some(Value::Object(object).to_string())
}

/// The request that is not shown, to the URL that the words around the body name.
fn request(around: &str) -> Request {
    let named =
        around.find("https://").or_else(|| around.find("http://")).and_then(|at| around.get(at..)).map(|rest| {
            let end =
                rest.find(|sign: char| sign.is_whitespace() || "\"'<>()[]{}".contains(sign)).unwrap_or(rest.len());
            rest.get(..end).unwrap_or_default().trim_end_matches(['.', ',', ':', ';'])
        });
    let Some(place) = named.and_then(url::split) else { return message::unseen_request(&Origin::default()) };
    let origin = Origin { scheme: Some(place.scheme), host: Some(place.host), port: Some(place.port) };
    Request { target: url::origin_form(place.target), ..message::unseen_request(&origin) }
}

fn captured(body: &str) -> Bytes {
    Bytes::copy_from_slice(body.as_bytes().get(..body.len().min(message::BODY_LIMIT)).unwrap_or_default())
}

/// The body, and the words around it: a log's line often holds both.
fn found(text: &str) -> Option<(&str, &str)> {
    if text.starts_with(['{', '[', '<']) && !text.starts_with("<Response [") {
        return Some((text, ""));
    }
    if let Some(json) = json_in(text) {
        return Some((json, text));
    }
    let page = ["<!DOCTYPE html", "<!doctype html", "<html"].iter().filter_map(|start| text.find(start)).min();
    if let Some(page) = page.and_then(|at| text.get(at..)) {
        return Some((page, text));
    }
    let lower = text.to_ascii_lowercase();
    let short = text.len() <= 20_000;
    (short && ERRORS.iter().any(|word| lower.contains(word))).then_some((text, text))
}

/// The first object of JSON in a text that tells an error, else the first of all.
fn json_in(text: &str) -> Option<&str> {
    let whole = |at: usize| {
        let rest = text.get(at..)?;
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        let value = values.next()?.ok().filter(Value::is_object)?;
        Some((rest.get(..values.byte_offset())?, value.get("error").is_some()))
    };
    let objects: Vec<_> = text.match_indices('{').take(32).filter_map(|(at, _)| whole(at)).collect();
    objects.iter().find(|(_, error)| *error).or(objects.first()).map(|(json, _)| *json)
}

/// Words of which an error's plain text has one.
const ERRORS: [&str; 24] = [
    // .NET says it so in any language.
    "(401)",
    "(403)",
    "forbidden",
    "server returned an error",
    "token flow",
    "access restricted",
    "state parameter",
    "redirect url",
    "code_challenge",
    "proper roles",
    "restrictbasicauth",
    "ws-security",
    "not authenticated",
    "unauthorized",
    "unauthorised",
    "access_denied",
    "access denied",
    "invalid_",
    "invalid username",
    "aadsts",
    "oauth",
    "code: 401",
    "code: 403",
    "authenticat",
];

fn mime(body: &str) -> &'static str {
    let start = body.get(..200).unwrap_or(body).to_ascii_lowercase();
    match body.chars().next() {
        Some('{' | '[') => "application/json",
        Some('<') if start.contains("<html") || start.contains("<!doctype html") || start.contains("<head") => {
            "text/html"
        }
        Some('<') => "application/xml",
        _ => "text/plain",
    }
}

/// The status that the text forces.
pub(super) fn status(body: &str, around: &str) -> Option<u16> {
    let bytes = body.as_bytes();
    let lower = body.to_ascii_lowercase();
    let json: Option<Value> = serde_json::from_str(body).ok();
    if servicenow::envelope(bytes).is_some_and(|envelope| envelope.is_not_authenticated()) {
        return Some(401);
    }
    if let Some(error) = json.as_ref().and_then(|json| json.get("error")).and_then(Value::as_str) {
        return by_oauth(error, &lower).or_else(|| in_words(around));
    }
    let named = json.as_ref().and_then(own).or_else(|| by_text(&lower)).or_else(|| in_words(around));
    let page = lower.starts_with('<').then(|| in_title(&lower)).flatten();
    named.or(page)
}

/// RFC 6749 §5.2, RFC 6750 §3.1, and the catch-all of ServiceNow's token endpoint.
fn by_oauth(error: &str, lower: &str) -> Option<u16> {
    let catch_all = lower.contains("server_error") && lower.contains("access_denied");
    match error {
        _ if catch_all => Some(401),
        "invalid_client" | "invalid_token" => Some(401),
        "invalid_request" | "invalid_grant" | "unauthorized_client" | "unsupported_grant_type" | "invalid_scope" => {
            Some(400)
        }
        "insufficient_scope" => Some(403),
        _ => None,
    }
}

/// A status that a JSON body gives itself.
fn own(json: &Value) -> Option<u16> {
    let numbers = ["status", "statusCode", "status_code", "code"];
    let of = |object: &Value| {
        numbers.iter().find_map(|name| {
            let value = object.get(name)?;
            let number = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
            u16::try_from(number).ok().filter(|status| (400..600).contains(status))
        })
    };
    of(json).or_else(|| of(json.get("error")?))
}

/// Texts that stand with one status only (knowledge of the wire §3, §10, §12; SOAP 1.1 §6.2).
fn by_text(lower: &str) -> Option<u16> {
    const TEXTS: [(&str, u16); 8] = [
        ("user not authorized", 403),
        ("insufficient rights", 403),
        ("not a member of the organization", 403),
        ("rate limit of ", 429),
        ("no record found", 404),
        ("does not represent any resource", 400),
        ("instance hibernating", 200),
        ("<faultstring", 500),
    ];
    TEXTS.iter().find(|(text, _)| lower.contains(text)).map(|(_, status)| *status)
}

/// `HTTP Status 401 – …`, `<title>401 Unauthorized</title>`.
fn in_title(lower: &str) -> Option<u16> {
    let title = servicenow::element(lower, "title").or_else(|| servicenow::element(lower, "h1"))?;
    in_words(title)
}

/// The first number of three digits that is an error's status.
fn in_words(text: &str) -> Option<u16> {
    let mut numbers = text.split(|character: char| !character.is_ascii_alphanumeric()).filter(|word| word.len() == 3);
    numbers.find_map(|word| word.parse().ok().filter(|status| is_error(*status)))
}

/// A registered status of an error: other numbers of three digits are ports and counts.
fn is_error(status: u16) -> bool {
    (400..600).contains(&status)
        && http::StatusCode::from_u16(status).is_ok_and(|status| status.canonical_reason().is_some())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(text: &str) -> (u16, String, String) {
        let exchange = read(text).unwrap();
        assert!(exchange.request.unseen && exchange.request.host.is_empty());
        let response = exchange.response().unwrap();
        let mime = response.fields.text("content-type").unwrap().into_owned();
        (response.status, mime, String::from_utf8(response.body.bytes.to_vec()).unwrap())
    }

    #[test]
    fn the_ordinary_bodies_have_their_status() {
        let status = |text: &str| answer(text).0;
        assert_eq!(
            status(
                r#"{"error":{"message":"User Not Authenticated","detail":"Required to provide Auth information"},"status":"failure"}"#
            ),
            401
        );
        assert_eq!(status(r#"{"error_description":"access_denied","error":"server_error"}"#), 401);
        assert_eq!(status(r#"{"error":"invalid_grant"}"#), 400);
        assert_eq!(status(r#"{"error":{"message":"User Not Authorized","detail":"x"},"status":"failure"}"#), 403);
        assert_eq!(
            status(r#"{"error":{"code":"0x80072560","message":"The user is not a member of the organization."}}"#),
            403
        );
        assert_eq!(status(r#"{"message":"no","statusCode":"403"}"#), 403);
        assert_eq!(status("<html><head><title>HTTP Status 401 - x</title></head></html>"), 401);
        assert_eq!(
            status(
                "<response><error><message>User Not Authenticated</message><detail>Required to provide Auth information</detail></error></response>"
            ),
            401
        );
        assert_eq!(
            status(
                "<soap:Envelope><soap:Body><soap:Fault><faultstring>x</faultstring></soap:Fault></soap:Body></soap:Envelope>"
            ),
            500
        );
    }

    #[test]
    fn a_status_that_nothing_forces_is_marked() {
        let exchange = read(r#"{"error":"custom"}"#).unwrap();
        let response = exchange.response().unwrap();
        assert_eq!((response.status, response.reason.as_str()), (400, "(the text shows no status)"));
    }

    #[test]
    fn bodies_are_found_in_lines_of_logs() {
        let (status, mime, body) = answer(r#"2026-11-22 10:00:00 ERROR failed with 401: {"error":"x"} (retrying)"#);
        assert_eq!((status, mime.as_str(), body.as_str()), (401, "application/json", r#"{"error":"x"}"#));
        let (status, mime, _) =
            answer("Method failed: (/oauth_token.do) with code: 401 - Invalid username/password combo");
        assert_eq!((status, mime.as_str()), (401, "text/plain"));
        assert!(read("hello there").is_none() && read("").is_none());
    }

    #[test]
    fn the_url_in_the_words_around_is_where_the_request_went() {
        let place = |text: &str| {
            let request = read(text).unwrap().request;
            assert!(request.unseen);
            format!("{}{}", request.origin(), request.target)
        };
        let python = "401 Client Error: Unauthorized for url: https://dev1.service-now.com/api/now/table/incident?a=1";
        assert_eq!(place(python), "https://dev1.service-now.com/api/now/table/incident?a=1");
        assert_eq!(place("GET (https://h:8443/x): 401: {\"error\":\"x\"}"), "https://h:8443/x");
        assert_eq!(place("401 unauthorized http, see httpx"), "https:///");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_not(text in "\\PC{0,200}") {
            if let Some(exchange) = read(&text) {
                assert!((200..600).contains(&exchange.status().unwrap()));
            }
        }
    }
}

//! What Node's HTTP clients leave in an error (axios, got, request): the request's settings, and the answer beside them. The
//! steps of a flow's run history are written alike (`inputs` and `outputs`), and what programs log of a `request` and its
//! `response`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::model::{Exchange, Millis, Outcome, Response};
use crate::wire::form;

use super::message::{self, Origin};
use super::{literal, logs, url};

/// So many places at which an object may begin are tried.
const TRIES: usize = 12;

/// The exchange that an error tells; `None` where the text is none.
pub(super) fn read(text: &str) -> Option<Exchange> {
    let starts = text.match_indices('{').map(|(at, _)| at).take(TRIES);
    let found = starts.filter_map(|at| text.get(at..)).find_map(|part| exchange(&literal::object(part)?, text));
    found.or_else(|| exchange(&literal::object(&format!("{{{}", members(text)?))?, text))
}

/// The members of an error whose brace was not copied.
fn members(text: &str) -> Option<&str> {
    let names = ["config: {", "options: {", "\"config\": {"];
    let at = names.iter().filter_map(|name| text.find(name)).min()?;
    text.get(at..)
}

/// What stood for the settings of a request.
const SETTINGS: [&str; 4] = ["config", "options", "inputs", "request"];
/// What stood for its answer.
const ANSWERS: [&str; 3] = ["response", "res", "outputs"];

fn exchange(error: &Map<String, Value>, text: &str) -> Option<Exchange> {
    let Some(settings) = SETTINGS.iter().find_map(|name| error.get(*name)?.as_object()) else {
        return answer_alone(error);
    };
    let mut place = place(settings)?;
    let answer = ANSWERS.iter().find_map(|name| error.get(*name)?.as_object());
    let status = answer.and_then(status).or_else(|| status(error)).or_else(|| in_message(text))?;
    if let Some(query) =
        settings.get("params").and_then(Value::as_object).map(encoded).filter(|query| !query.is_empty())
    {
        place = format!("{place}{}{query}", if place.contains('?') { '&' } else { '?' });
    }
    let method = settings.get("method").and_then(Value::as_str).unwrap_or("GET").to_ascii_uppercase();
    let mut head = vec![format!("{method} {place} HTTP/1.1")];
    let fields = settings.get("headers").and_then(Value::as_object);
    head.extend(fields.map(lines).unwrap_or_default());
    head.extend(settings.get("auth").and_then(Value::as_object).and_then(basic));
    let head: Vec<Vec<u8>> = head.into_iter().map(String::into_bytes).collect();
    let mut request = message::request(&head, Vec::new(), &Origin::default())?;
    let sent = ["data", "body", "form"].iter().find_map(|name| settings.get(*name).filter(|value| !value.is_null()));
    if let Some(sent) = sent {
        request.body = crate::model::Body::whole(content(sent, message::is_form(&request)).into_bytes());
    }
    request.unseen = message::hides_form(&request);
    logs::leave_open(&mut request);
    Some(message::exchange(request, Outcome::Answered(response(answer, status)?), Millis::UNKNOWN))
}

fn response(answer: Option<&Map<String, Value>>, status: u16) -> Option<Response> {
    let got = ["data", "body"].iter().find_map(|name| Some(content(answer?.get(*name)?, false)));
    let mut head = vec![format!("HTTP/1.1 {status} ")];
    head.extend(answer.and_then(|answer| answer.get("headers")?.as_object()).map(lines).unwrap_or_default());
    let head: Vec<Vec<u8>> = head.into_iter().map(String::into_bytes).collect();
    message::response(&head, got.unwrap_or_default().into_bytes())
}

/// The outputs of a step, copied without its inputs: status, headers and body as members.
fn answer_alone(object: &Map<String, Value>) -> Option<Exchange> {
    let answer = ANSWERS.iter().find_map(|name| object.get(*name)?.as_object()).unwrap_or(object);
    let whole = answer.get("headers").is_some_and(Value::is_object) && answer.contains_key("body");
    let response = response(Some(answer), status(answer).filter(|_| whole)?)?;
    let request = message::unseen_request(&Origin::default());
    Some(message::exchange(request, Outcome::Answered(response), Millis::UNKNOWN))
}

/// The absolute URL.
fn place(settings: &Map<String, Value>) -> Option<String> {
    let text = |name: &str| settings.get(name).and_then(|value| value.as_str().or_else(|| value.get("href")?.as_str()));
    let given = text("url").or_else(|| text("uri")).or_else(|| text("href"))?;
    if url::split(given).is_some() {
        return Some(given.to_owned());
    }
    let base = text("baseURL").or_else(|| text("baseUrl")).or_else(|| text("prefixUrl"))?;
    let whole = format!("{}/{}", base.trim_end_matches('/'), given.trim_start_matches('/'));
    url::split(&whole).is_some().then_some(whole)
}

fn status(from: &Map<String, Value>) -> Option<u16> {
    let number = ["status", "statusCode"].iter().find_map(|name| from.get(*name)?.as_u64())?;
    u16::try_from(number).ok().filter(|status| (100..600).contains(status))
}

/// `Request failed with status code 401`
fn in_message(text: &str) -> Option<u16> {
    let rest = text.get(text.find("status code ")? + "status code ".len()..)?;
    rest.get(..3)?.parse().ok()
}

fn lines(fields: &Map<String, Value>) -> Vec<String> {
    let line = |(name, value): (&String, &Value)| {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        Some(format!("{name}: {value}"))
    };
    fields.iter().filter_map(line).collect()
}

/// axios' own way to send Basic.
fn basic(auth: &Map<String, Value>) -> Option<String> {
    let part = |name: &str| auth.get(name).and_then(Value::as_str);
    let (user, password) = (part("username")?, part("password")?);
    Some(format!("Authorization: Basic {}", STANDARD.encode(format!("{user}:{password}"))))
}

fn encoded(pairs: &Map<String, Value>) -> String {
    let pair = |(name, value): (&String, &Value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        format!("{}={}", form::encode(name), form::encode(&value))
    };
    pairs.iter().map(pair).collect::<Vec<_>>().join("&")
}

/// What was sent or came back: as text, as JSON, or as a form.
fn content(value: &Value, as_form: bool) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Object(pairs) if as_form => encoded(pairs),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(exchange: &Exchange) -> String {
        let fields = &exchange.request.fields;
        let response = exchange.response().unwrap();
        format!(
            "{} {}{} [{}] {} {}",
            exchange.request.method,
            exchange.request.origin(),
            exchange.request.target,
            fields.text("authorization").unwrap_or_default(),
            response.status,
            String::from_utf8_lossy(&response.body.bytes),
        )
    }

    #[test]
    fn errors_of_axios_are_read() {
        let printed = "AxiosError: Request failed with status code 401\n    at settle (x.js:1:2) {\n  code: 'ERR_BAD_REQUEST',\n  config: {\n    headers: Object [AxiosHeaders] { Authorization: 'Bearer undefined' },\n    method: 'get',\n    url: 'https://h/x'\n  },\n  response: { status: 401, headers: Object [AxiosHeaders] { server: 'a' }, data: { error: { message: 'm' } } }\n}";
        assert_eq!(
            told(&read(printed).unwrap()),
            r#"GET https://h/x [Bearer undefined] 401 {"error":{"message":"m"}}"#
        );
        let json = r#"{"message":"Request failed with status code 401","config":{"headers":{"A":"b"},"method":"post","baseURL":"https://h/","url":"/x","auth":{"username":"u","password":"p"},"params":{"q":"1 2"}},"status":401}"#;
        assert_eq!(told(&read(json).unwrap()), "POST https://h/x?q=1%202 [Basic dTpw] 401 ");
    }

    #[test]
    fn the_steps_of_a_flow_are_read() {
        let inputs = r#""inputs":{"method":"GET","uri":"https://h/x","headers":{"Authorization":"Bearer undefined"}}"#;
        let outputs = r#"{"statusCode":401,"headers":{"Server":"a"},"body":{"error":{"message":"m"}}}"#;
        let step = format!(r#"{{"name":"HTTP",{inputs},"outputs":{outputs},"status":"Failed"}}"#);
        assert_eq!(told(&read(&step).unwrap()), r#"GET https://h/x [Bearer undefined] 401 {"error":{"message":"m"}}"#);
        let alone = read(outputs).unwrap();
        assert!(alone.request.unseen);
        assert_eq!((alone.status(), alone.request.host.as_str()), (Some(401), ""));
        // Without fields it is the body of some answer.
        assert!(read(r#"{"statusCode":401,"message":"m"}"#).is_none());
    }

    #[test]
    fn what_an_error_does_not_show_is_unseen() {
        let bare = "Error: Request failed with status code 401 {\n config: { method: 'get', url: 'https://h/x', headers: { Accept: 'a' } } }";
        assert!(read(bare).unwrap().request.unseen);
    }

    #[test]
    fn other_texts_are_no_errors() {
        for text in ["", "{", "{}", "{\"error\":{\"config\":{}}}", "config: { url: '/x' }, status code 401"] {
            assert!(read(text).is_none(), "{text}");
        }
    }
}

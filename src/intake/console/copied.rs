//! Postman's console as it copies itself: `GET https://…: {`, and the sections as members of one JSON object.

use serde_json::{Map, Value};

use crate::intake::message::{self, Origin};
use crate::intake::{body, literal, url};
use crate::model::{Exchange, Millis, Outcome};
use crate::wire::form;

/// Whether the text holds such a copy.
pub(in crate::intake) fn is_copied(text: &str) -> bool {
    blocks(text).any(|(_, sections)| sections.contains_key(ASKED) || sections.contains_key(ANSWERED))
}

/// The exchanges of all blocks.
pub(in crate::intake) fn read(text: &str) -> Vec<Exchange> {
    let mut before = Millis::UNKNOWN;
    let exchange = |(opening, sections): (&str, Map<String, Value>)| {
        let exchange = exchange(opening, &sections, before)?;
        before = exchange.at;
        Some(exchange)
    };
    blocks(text).filter_map(exchange).collect()
}

const ASKED: &str = "Request Headers";
const ANSWERED: &str = "Response Headers";

/// `GET https://h/x`, and the object behind its colon.
fn blocks(text: &str) -> impl Iterator<Item = (&str, Map<String, Value>)> {
    text.match_indices(": {").filter_map(|(at, sign)| {
        let line = text.get(..at)?.lines().next_back()?.trim();
        let (method, place) = line.split_once(' ')?;
        let upper = method.len() >= 3 && method.bytes().all(|byte| byte.is_ascii_uppercase());
        url::split(place).filter(|_| upper)?;
        Some((line, literal::object(text.get(at + sign.len() - 1..)?)?))
    })
}

fn exchange(opening: &str, sections: &Map<String, Value>, before: Millis) -> Option<Exchange> {
    let lines = |first: String, name: &str| {
        let fields = sections.get(name).and_then(Value::as_object).into_iter().flatten();
        let field = |(name, value): (&String, &Value)| Some(format!("{name}: {}", value.as_str()?));
        [first].into_iter().chain(fields.filter_map(field)).map(String::into_bytes).collect::<Vec<_>>()
    };
    let mut request = message::request(&lines(format!("{opening} HTTP/1.1"), ASKED), Vec::new(), &Origin::default())?;
    // The head is put together here: it is no evidence of white space or order.
    request.head = None;
    let sent = sections.get("Request Body").map(|sent| content(sent, message::is_form(&request)));
    request.body = crate::model::Body::whole(sent.unwrap_or_default().into_bytes());
    let got = sections.get("Response Body").map(|got| content(got, false)).unwrap_or_default();
    // This copy shows no status; the body often forces one.
    let outcome = match body::status(&got, "") {
        Some(status) => {
            let head = lines(format!("HTTP/1.1 {status} (by its body)"), ANSWERED);
            Outcome::Answered(message::response(&head, got.into_bytes())?)
        }
        None => Outcome::Abandoned(crate::model::Phase::AwaitAnswer),
    };
    Some(message::exchange(request, outcome, before))
}

/// A body as text, as JSON, or as a form.
fn content(value: &Value, as_form: bool) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Object(members) if as_form => {
            let pair = |(name, value): (&String, &Value)| {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                format!("{}={}", form::encode(name), form::encode(&value))
            };
            members.iter().map(pair).collect::<Vec<_>>().join("&")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COPY: &str = r#"POST https://h/oauth_token.do: {
  "Network": {
    "addresses": { "remote": { "address": "192.0.2.7" } }
  },
  "Request Headers": {
    "content-type": "application/x-www-form-urlencoded",
    "user-agent": "PostmanRuntime/7.49.1"
  },
  "Request Body": { "grant_type": "password", "username": "svc&co" },
  "Response Headers": { "server": "snow_adc" },
  "Response Body": "{\"error_description\":\"access_denied\",\"error\":\"server_error\"}"
}
GET https://h/api/now/table/incident: {
  "Request Headers": { "authorization": "Bearer {{token}}" },
  "Response Headers": {},
  "Response Body": "{\"result\":[]}"
}"#;

    #[test]
    fn each_block_becomes_an_exchange() {
        assert!(is_copied(COPY));
        let exchanges = read(COPY);
        let [token, call] = exchanges.as_slice() else { panic!("two blocks: {}", exchanges.len()) };
        assert_eq!(&token.request.body.bytes[..], b"grant_type=password&username=svc%26co");
        assert_eq!((token.status(), token.request.path()), (Some(401), "/oauth_token.do"));
        assert_eq!(token.response().unwrap().fields.text("server").unwrap(), "snow_adc");
        assert_eq!(call.request.fields.text("authorization").unwrap(), "Bearer {{token}}");
        // What no body forces is not made up.
        assert_eq!(call.status(), None);
    }

    #[test]
    fn other_texts_are_no_copies() {
        for text in ["", "GET https://h/: {", "GET https://h/: {}", "get https://h/: {\"Request Headers\":{}}", "x: {"]
        {
            assert!(!is_copied(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "(GET https://h/|: \\{|\"Request Headers\"|\"Response Body\"|: |\\}|\"|\n|é){0,40}") {
            assert!(read(&text).len() <= text.len());
        }
    }
}

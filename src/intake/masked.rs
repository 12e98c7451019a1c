//! Values that a sanitizer, or a careful person, put in the place of secrets: `[Authorization redacted]`, `***`,
//! `TOKEN_a1b2c3d4`. A mask is no malformed token, and two masks are not the same secret. In a request each becomes
//! `[redacted]`, which `wire` knows: nothing is said of its form. In an answer each becomes a value of its own: that
//! something was issued is known, and what it was is not.

mod mask;

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::Value;

use crate::model::{Body, Exchange, Field, Outcome};

use super::message;
use mask::{is_cut, is_digest, is_hash, is_masked, is_named_digest, may_be_mask};

/// Replaces the masks of one exchange. Those of its answer are told from all others by `number`.
pub(super) fn unmask(exchange: &mut Exchange, number: u64) {
    let request = &mut exchange.request;
    let mut found = false;
    for field in &mut request.fields.0 {
        found |= request_field(field);
    }
    let mut hidden = || String::from(HIDDEN);
    if let Some((path, query)) = request.target.split_once('?')
        && let Some(query) = pairs(query, &mut hidden)
    {
        request.target = format!("{path}?{query}");
        found = true;
    }
    if body(&mut request.body, &mut hidden) {
        request.unseen |= message::hides_form(request);
    }
    if found {
        request.head = None;
    }
    let mut count = 0;
    let mut stand_in = || {
        count += 1;
        format!("masked-{number:x}-{count}")
    };
    if let Outcome::Answered(response) = &mut exchange.outcome {
        for field in &mut response.fields.0 {
            answer_field(field, &mut stand_in);
        }
        body(&mut response.body, &mut stand_in);
    }
}

/// The one mask that `wire` has to know.
pub(super) const HIDDEN: &str = "[redacted]";

/// What stands in for the next mask.
type StandIn<'a> = &'a mut dyn FnMut() -> String;

/// Credentials of a request; whether there was a mask.
fn request_field(field: &mut Field) -> bool {
    // A hash in the place of credentials has no sign but its place.
    if !may_be_mask(&field.value) && !is_name(field, "authorization") {
        return false;
    }
    let text = String::from_utf8_lossy(&field.value);
    let unmasked = if is_name(field, "cookie") {
        let pairs: Vec<_> = text.split(';').map(|pair| cookie(pair, &mut || String::from(HIDDEN))).collect();
        let found = pairs.iter().any(|(_, found)| *found);
        found.then(|| pairs.into_iter().map(|(pair, _)| pair).collect::<Vec<_>>().join(";"))
    } else if is_masked(&text) || is_name(field, "authorization") && text.trim().is_empty() {
        Some(String::from(HIDDEN))
    } else if is_name(field, "authorization") {
        authorization(&text)
    } else {
        None
    };
    let found = unmasked.is_some();
    if let Some(text) = unmasked {
        field.value = Bytes::from(text);
    }
    found
}

/// Cookies and the parameters of a redirect.
fn answer_field(field: &mut Field, stand_in: StandIn<'_>) {
    if !may_be_mask(&field.value) {
        return;
    }
    let text = String::from_utf8_lossy(&field.value).into_owned();
    if is_name(field, "set-cookie") {
        let (first, attributes) = text.split_at(text.find(';').unwrap_or(text.len()));
        if let (first, true) = cookie(first, stand_in) {
            field.value = Bytes::from(format!("{first}{attributes}"));
        }
    } else if is_name(field, "location")
        && let Some((path, query)) = text.split_once('?')
        && let Some(query) = pairs(query, stand_in)
    {
        field.value = Bytes::from(format!("{path}?{query}"));
    }
}

fn is_name(field: &Field, name: &str) -> bool {
    field.name.eq_ignore_ascii_case(name.as_bytes())
}

/// `Bearer [redacted]`, `Basic ***`, and a hash in the place of Basic's value or of all.
fn authorization(value: &str) -> Option<String> {
    let Some((scheme, rest)) = value.trim().split_once(' ') else {
        return is_digest(value.trim()).then(|| String::from(HIDDEN));
    };
    let rest = rest.trim();
    // `8Vn3o (truncated)`
    let noted = rest.rsplit_once(' ').is_some_and(|(_, note)| is_masked(note));
    let masked = is_masked(rest)
        || noted
        || is_cut(rest)
        || is_named_digest(rest)
        || scheme.eq_ignore_ascii_case("basic") && is_hash(rest, &[32, 40, 64, 128]);
    masked.then(|| format!("{scheme} {HIDDEN}"))
}

/// One `name=value`, its mask replaced; whether there was one.
fn cookie(pair: &str, stand_in: StandIn<'_>) -> (String, bool) {
    let (name, value) = pair.split_once('=').unwrap_or(("masked", pair));
    if is_masked(value) { (format!("{name}={}", stand_in()), true) } else { (pair.to_owned(), false) }
}

/// The pairs of a query or form with their masks replaced; `None` where there is none.
fn pairs(text: &str, stand_in: StandIn<'_>) -> Option<String> {
    if !text.split('&').any(|pair| name_of_masked(pair).is_some()) {
        return None;
    }
    let mut pair = |pair| match name_of_masked(pair) {
        // A state comes back as it was sent: its masks stay alike on both ways.
        Some("state") => format!("state={HIDDEN}"),
        Some(name) => format!("{name}={}", stand_in()),
        None => pair.to_owned(),
    };
    Some(text.split('&').map(&mut pair).collect::<Vec<_>>().join("&"))
}

/// The name of a pair whose value is a mask.
fn name_of_masked(pair: &str) -> Option<&str> {
    let (name, value) = pair.split_once('=')?;
    (may_be_mask(value.as_bytes()) && is_masked(&decoded(value))).then_some(name)
}

fn decoded(value: &str) -> Cow<'_, str> {
    percent_encoding::percent_decode_str(value).decode_utf8_lossy()
}

/// Whether a value of the form is a mask.
pub(super) fn in_form(form: &[u8]) -> bool {
    pairs(&String::from_utf8_lossy(form), &mut String::new).is_some()
}

/// Replaces the masks in a form or JSON body; a body that is a mask itself becomes empty. Whether there were any.
fn body(body: &mut Body, stand_in: StandIn<'_>) -> bool {
    let length = body.bytes.len();
    if length == 0 || length > LONGEST || body.coded || !may_hold_mask(&body.bytes) {
        return false;
    }
    let text = String::from_utf8_lossy(&body.bytes).into_owned();
    let unmasked = if let Ok(mut json) = serde_json::from_str::<Value>(&text) {
        replace(&mut json, stand_in).then(|| json.to_string())
    } else if text.contains('=') {
        pairs(text.trim(), stand_in)
    } else {
        is_masked(&text).then(String::new)
    };
    let found = unmasked.is_some();
    if let Some(text) = unmasked {
        body.bytes = Bytes::from(text);
    }
    found
}

/// Bodies of tokens and errors are shorter; a longer one is data.
const LONGEST: usize = 64 * 1024;

/// A quick look, so that healthy bodies are not parsed.
fn may_hold_mask(bytes: &[u8]) -> bool {
    const SIGNS: [&[u8]; 8] =
        [b"edacted", b"EDACTED", b"anitized", b"***", b"xxxx", b"XXXX", b"%2A%2A", "\u{2022}\u{2022}".as_bytes()];
    // What is sent is short: it is looked at for every mask there is.
    const SHORT: usize = 2048;
    let short = bytes.len() <= SHORT;
    let json = bytes.trim_ascii_start().starts_with(b"{");
    let sign = match (short, json) {
        (true, true) => mask::may_be_in_json(bytes),
        (true, false) => may_be_mask(bytes),
        (false, _) => SIGNS.iter().any(|sign| memchr::memmem::find(bytes, sign).is_some()),
    };
    sign || mask::may_be_hashed(bytes)
}

/// Replaces texts that are masks; whether there were any.
fn replace(value: &mut Value, stand_in: StandIn<'_>) -> bool {
    match value {
        Value::String(text) if is_masked(text) => {
            *text = stand_in();
            true
        }
        Value::Object(members) => {
            let mut found = false;
            members.values_mut().for_each(|member| found |= replace(member, stand_in));
            found
        }
        Value::Array(items) => {
            let mut found = false;
            items.iter_mut().for_each(|item| found |= replace(item, stand_in));
            found
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::read;

    fn one(text: &str) -> Exchange {
        read(text.as_bytes(), "test").unwrap().remove(0)
    }

    #[test]
    fn a_hidden_credential_keeps_its_scheme_alone() {
        for (shown, want) in [
            ("Bearer sha256:0123456789abcdef", "Bearer [redacted]"),
            ("Bearer 8Vn3o (truncated)", "Bearer [redacted]"),
            ("Basic [FILTERED]", "Basic [redacted]"),
            ("Basic c3Zj...", "Basic [redacted]"),
            ("Bearer abc\u{2026}", "Bearer [redacted]"),
            ("########", "[redacted]"),
        ] {
            let exchange = one(&format!("GET / HTTP/1.1\nHost: h\nAuthorization: {shown}\n\n"));
            assert_eq!(exchange.request.fields.text("authorization").unwrap(), want, "{shown}");
        }
    }

    /// What a mask hides was sent: a form without its body says nothing of what it lacks.
    #[test]
    fn a_form_whose_text_is_a_mask_is_unseen() {
        let post = |form: &str| {
            let head = "POST /oauth_token.do HTTP/1.1\nHost: h\nContent-Type: application/x-www-form-urlencoded";
            one(&format!("{head}\n\n{form}\n\nHTTP/1.1 401 Unauthorized\n\n")).request
        };
        assert!(post("[REDACTED]").unseen && post("(removed)").unseen);
        let stars = post("grant_type=password&client_secret=***");
        assert!(!stars.unseen && stars.body.bytes.starts_with(b"grant_type=password&"));
    }

    #[test]
    fn masks_become_what_says_nothing() {
        let exchange = one(
            "POST /oauth_token.do?state=x&code=[code+redacted] HTTP/1.1\nHost: h\nAuthorization: Bearer ***\n\
             Cookie: JSESSIONID=***; theme=dark\nX-UserToken: TOKEN_a1b2c3d4\nContent-Type: application/x-www-form-urlencoded\n\n\
             grant_type=password&password=%5Bpassword%20redacted%5D\n\n\
             HTTP/1.1 200 OK\nSet-Cookie: a=[REDACTED]; Path=/\nSet-Cookie: b=1\nLocation: https://c/cb?code=***&state=1\n\n\
             {\"access_token\":\"[access_token redacted]\",\"token_type\":\"Bearer\",\"nested\":[{\"id_token\":\"***\"}]}\n",
        );
        let request = &exchange.request;
        assert!(request.head.is_none());
        assert_eq!(request.target, "/oauth_token.do?state=x&code=[redacted]");
        let field = |name: &str| request.fields.text(name).unwrap().into_owned();
        assert_eq!(
            [field("authorization"), field("cookie"), field("x-usertoken")],
            ["Bearer [redacted]", "JSESSIONID=[redacted]; theme=dark", "[redacted]"]
        );
        assert_eq!(&request.body.bytes[..], b"grant_type=password&password=[redacted]");
        let response = exchange.response().unwrap();
        let shown = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            // The number in the middle is that of the recording.
            let parts: Vec<&str> = text.split("masked-").collect();
            let tails = parts.iter().skip(1).map(|part| part.split_once('-').unwrap().1);
            parts.first().into_iter().copied().chain(tails).collect::<Vec<_>>().join("masked-")
        };
        let cookies: Vec<_> = response.fields.all("set-cookie").map(shown).collect();
        assert_eq!(cookies, ["a=masked-1; Path=/", "b=1"]);
        assert_eq!(shown(response.fields.get("location").unwrap()), "https://c/cb?code=masked-2&state=1");
        let body = r#"{"access_token":"masked-3","nested":[{"id_token":"masked-4"}],"token_type":"Bearer"}"#;
        assert_eq!(shown(&response.body.bytes), body);
    }

    #[test]
    fn what_holds_no_mask_stays_byte_for_byte() {
        let exchange = one(
            "POST /x?a=1 HTTP/1.1\nHost: h\nAuthorization: Basic  {{x}}\nCookie: a=1;b=2\n\n{ \"b\": 1, \"a_b\": \"x\" }\n\nHTTP/1.1 401 x\n\n{ \"error\" : \"*** see the log\" , \"z\":1 }",
        );
        let request = &exchange.request;
        assert!(request.head.is_some());
        assert_eq!(&request.body.bytes[..], b"{ \"b\": 1, \"a_b\": \"x\" }");
        assert_eq!(request.fields.text("cookie").unwrap(), "a=1;b=2");
    }

    #[test]
    fn a_body_may_be_one_mask() {
        let body = |text: &str| {
            let exchange = one(&format!("HTTP/1.1 401 x\n\n{text}"));
            exchange.response().unwrap().body.bytes.clone()
        };
        assert_eq!(&body("[application/json redacted]")[..], b"");
        assert!(body(r#"{"a":"***FIELD***"}"#).starts_with(br#"{"a":"masked-"#));
    }

    #[test]
    fn a_hash_in_the_place_of_basic_is_a_mask() {
        let [brief, short, hash] = [4, 5, 8].map(|times| "01234567".repeat(times));
        let value = |value: &str| {
            let exchange = one(&format!("GET / HTTP/1.1\nHost: h\nAuthorization: {value}\n\n"));
            exchange.request.fields.text("authorization").unwrap().into_owned()
        };
        assert_eq!(value(&format!("Basic {hash}")), "Basic [redacted]");
        for mask in [hash.clone(), short, "sha256:9f86d081884c7d65".into(), format!("HASH-{hash}")] {
            assert_eq!(value(&mask), "[redacted]", "{mask}");
        }
        for sent in [brief.as_str(), "kW3nV8pQ2rT6yX1zB4cF7hJ0mL5sD9gA", "sha256", "hashtoken"] {
            assert_eq!(value(sent), sent);
        }
        assert_eq!(value("Basic c3ZjOnB3"), "Basic c3ZjOnB3");
    }
}

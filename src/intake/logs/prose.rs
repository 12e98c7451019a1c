//! A request and its answer as somebody writes them down: words around them, few fields, a status without its version.

use crate::intake::masked::HIDDEN;
use crate::intake::{body, head, message, raw, url};
use crate::model::{Body, Exchange, Outcome, Request};
use crate::wire::reading::API_KEY_FIELD;
use crate::wire::template;

use super::form;

/// Longer texts are no posts, in bytes.
const LONGEST: usize = 64 * 1024;

/// Plain messages out of the text, where it shows a request and an answer.
pub(super) fn messages(text: &str) -> Option<String> {
    if text.len() > LONGEST {
        return None;
    }
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mut out = String::new();
    let (mut at, mut asked, mut answered) = (0, false, false);
    while let Some(line) = lines.get(at).copied() {
        at += 1;
        if let Some(first) = request(line) {
            // A request that nothing answers stands in for none.
            asked = true;
            at = message(&mut out, &first, &lines, at, true);
        } else if let Some(first) = status(line).filter(|_| asked) {
            answered = true;
            at = message(&mut out, &first, &lines, at, false);
        } else if asked && !answered && line.starts_with('{') {
            let (json, next) = block(&lines, at - 1);
            if let Some(status) = forced(&json) {
                answered = true;
                out.push_str(&format!("HTTP/1.1 {status} \nContent-Type: application/json\n\n{json}\n"));
                at = next;
            }
        }
    }
    (asked && answered).then_some(out)
}

/// The status that a body forces by itself.
fn forced(json: &str) -> Option<u16> {
    body::read(json)?.response().filter(|response| response.reason.is_empty()).map(|response| response.status)
}

/// `POST https://h/oauth_token.do`, with or without a version behind it, and nothing else in the line.
fn request(line: &str) -> Option<String> {
    const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];
    let words: Vec<&str> = line.split_whitespace().collect();
    let (method, target) = (words.first()?, words.get(1)?);
    let place = url::split(target).is_some() || target.starts_with('/');
    let ends = match words.get(2) {
        None => true,
        Some(version) => words.len() == 3 && version.starts_with("HTTP/"),
    };
    (METHODS.contains(method) && place && ends).then(|| format!("{method} {target} HTTP/1.1"))
}

/// `HTTP/1.1 401 Unauthorized`, `401 Unauthorized`, `Status: 401`.
fn status(line: &str) -> Option<String> {
    if head::status_line(line.as_bytes()).is_some() {
        return Some(line.to_owned());
    }
    let lower = line.to_ascii_lowercase();
    let named = ["status code:", "status:", "response code:", "response:", "http status:", "http"];
    let rest = named.iter().find_map(|name| lower.strip_prefix(name)).unwrap_or(&lower).trim();
    let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
    let code: u16 = code.parse().ok().filter(|code| (200..600).contains(code))?;
    let known = http::StatusCode::from_u16(code).ok()?.canonical_reason()?;
    (reason.is_empty() || reason.trim().eq_ignore_ascii_case(known)).then(|| format!("HTTP/1.1 {code} {known}"))
}

/// Writes one message: its first line, the fields and the body that follow. Gives the line behind it.
fn message(out: &mut String, first: &str, lines: &[&str], mut at: usize, asks: bool) -> usize {
    let mut typed = false;
    out.push_str(first);
    out.push('\n');
    while let Some(line) = lines.get(at).filter(|line| is_field(line)) {
        typed |= line.to_ascii_lowercase().starts_with("content-type:");
        out.push_str(line);
        out.push('\n');
        at += 1;
    }
    let mut next = at;
    while lines.get(next).is_some_and(|line| line.is_empty()) {
        next += 1;
    }
    let start = lines.get(next).copied().unwrap_or_default();
    let (body, next) = match () {
        () if start.starts_with(['{', '[', '<']) && !(asks && forced(&block(lines, next).0).is_some()) => {
            block(lines, next)
        }
        () if asks && form(start) => pairs(lines, next),
        () => (String::new(), at),
    };
    if !body.is_empty() && !typed {
        let json = body.starts_with(['{', '[']);
        let mime = if json { "application/json" } else { "application/x-www-form-urlencoded" };
        if json || asks {
            out.push_str(&format!("Content-Type: {mime}\n"));
        }
    }
    out.push_str(&format!("\n{body}\n"));
    next
}

fn is_field(line: &str) -> bool {
    let name = line.split_once(':').map(|(name, _)| name).unwrap_or_default();
    !name.is_empty() && name.bytes().all(head::is_token_byte) && request(line).is_none() && status(line).is_none()
}

/// Lines up to the next empty one.
fn block(lines: &[&str], at: usize) -> (String, usize) {
    let rest = lines.get(at..).unwrap_or_default();
    let taken: Vec<&str> = rest.iter().copied().take_while(|line| !line.is_empty()).collect();
    let next = at + taken.len();
    (taken.join("\n"), next)
}

/// A form, over one line or several.
fn pairs(lines: &[&str], at: usize) -> (String, usize) {
    let rest = lines.get(at..).unwrap_or_default();
    let taken: Vec<&str> = rest.iter().copied().take_while(|line| form(line)).collect();
    let next = at + taken.len();
    let parts: Vec<&str> = taken.iter().map(|line| line.trim_matches('&')).collect();
    (parts.join("&"), next)
}

/// The exchanges of such messages. Sample text in the place of a value may be the post's own.
pub(super) fn read(messages: &str) -> Vec<Exchange> {
    let mut exchanges = raw::read(messages.as_bytes());
    for exchange in &mut exchanges {
        hide_samples(&mut exchange.request);
        leave_open(&mut exchange.request);
    }
    exchanges.retain(|exchange| matches!(exchange.outcome, Outcome::Answered(_)));
    exchanges
}

/// Credentials that are not shown may have been there: nobody writes down all fields, and some libraries log a request
/// before they add theirs.
pub(in crate::intake) fn leave_open(request: &mut Request) {
    let shown = ["authorization", "cookie", API_KEY_FIELD].iter().any(|name| request.fields.has(name));
    let whole = request.fields.has("host") && request.fields.has("user-agent");
    let grant =
        memchr::memmem::find(&request.body.bytes, b"grant_type").is_some() || request.target.contains("grant_type=");
    request.unseen |= !shown && !whole && !grant;
    request.head = None;
}

fn hide_samples(request: &mut Request) {
    for field in &mut request.fields.0 {
        let value = String::from_utf8_lossy(&field.value).into_owned();
        let (scheme, rest) = value.split_once(' ').unwrap_or(("", &value));
        if template::placeholder(rest).is_some() && template::placeholder(scheme).is_none() {
            field.value = format!("{scheme} {HIDDEN}").trim_start().to_owned().into();
        }
    }
    let form = String::from_utf8_lossy(&request.body.bytes).into_owned();
    if message::is_form(request) && template::placeholder(&form).is_some() {
        let pair = |pair: &str| match pair.split_once('=') {
            Some((name, value)) if template::placeholder(value).is_some() => format!("{name}={HIDDEN}"),
            _ => pair.to_owned(),
        };
        request.body = Body::whole(form.split('&').map(pair).collect::<Vec<_>>().join("&").into_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchanges(text: &str) -> Vec<Exchange> {
        messages(text).map(|text| read(&text)).unwrap_or_default()
    }

    #[test]
    fn a_post_is_read_between_its_words() {
        let post = "Hi all,\n\nRequest:\nPOST https://h.example/oauth_token.do\ngrant_type=password\n&client_id=1&\nusername=a b\n\nand I get:\n\n401 Unauthorized\n{\"error\":\"server_error\",\n\"error_description\":\"access_denied\"}\n\nAny idea?";
        let found = exchanges(post);
        assert_eq!(&found[0].request.body.bytes[..], b"grant_type=password&client_id=1");
        let response = found[0].response().unwrap();
        assert_eq!((response.status, response.body.bytes.ends_with(b"\"access_denied\"}")), (401, true));
        assert!(!found[0].request.unseen);
    }

    #[test]
    fn what_nobody_wrote_down_is_unseen() {
        let bare = "GET https://h.example/api/now/table/incident\n\nStatus: 401\n{\"error\":{}}";
        assert!(exchanges(bare)[0].request.unseen);
        let shown = "GET https://h.example/x\nAuthorization: Bearer abc\n\nHTTP/1.1 401\n\n{}";
        assert!(!exchanges(shown)[0].request.unseen);
        let posted =
            "POST https://h.example/api/now/table/incident\nAccept: a/b\n\n{\"a\":1}\n\nStatus: 401\n{\"error\":{}}";
        assert!(exchanges(posted)[0].request.unseen);
    }

    #[test]
    fn sample_text_is_hidden() {
        let post = "POST https://h/oauth_token.do\nAuthorization: Basic {{basic}}\n\ngrant_type=password&client_secret=<secret>\n\n401 Unauthorized\n{}";
        let request = &exchanges(post)[0].request;
        assert_eq!(request.fields.text("authorization").unwrap(), "Basic [redacted]");
        assert_eq!(&request.body.bytes[..], b"grant_type=password&client_secret=[redacted]");
    }

    #[test]
    fn words_alone_are_no_messages() {
        for text in ["GET /x", "GET the book of 401 pages", "POST it\n401", "Status: 401", "401 Unauthorized"] {
            assert!(exchanges(text).is_empty(), "{text}");
        }
    }
}

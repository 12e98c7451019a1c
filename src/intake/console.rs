//! What is copied from Postman's console: a block for each request, with sections for headers and bodies.
//!
//! ```text
//! GET https://dev1.service-now.com/api/now/table/incident
//! 401
//! 120 ms
//! Request Headers
//! Authorization: "Bearer …"
//! Response Headers
//! Server: "snow_adc"
//! Response Body
//! {"error":…}
//! ```

pub(super) mod copied;

use crate::model::{Exchange, Millis, Outcome, Phase, Request};
use crate::wire::form;

use super::head;
use super::message::{self, Origin};
use super::url;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Section {
    /// Between the first line and the first section: status, time, network.
    #[default]
    Top,
    RequestHeaders,
    RequestBody,
    ResponseHeaders,
    ResponseBody,
    Other,
}

/// Whether the text is such a copy: a line with method and URL, and a section of headers.
pub(super) fn is_console(text: &str) -> bool {
    let mut seen = false;
    text.lines().any(|line| {
        seen |= opening(line).is_some();
        seen && matches!(section(line), Some(Section::RequestHeaders | Section::ResponseHeaders))
    })
}

/// The exchanges of all blocks.
pub fn read(text: &str) -> Vec<Exchange> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    for line in text.lines() {
        match (opening(line), blocks.last_mut()) {
            (Some(opening), last) if last.as_ref().is_none_or(|block| block.may_end()) => {
                blocks.push(Block::new(opening))
            }
            (_, Some(block)) => block.take(line),
            (_, None) => {}
        }
    }
    let mut before = Millis::UNKNOWN;
    let exchanges = blocks.into_iter().filter_map(|block| block.exchange(&mut before));
    exchanges.collect()
}

/// The first line of a block: method, URL, and the status where it stands on the same line.
struct Opening<'a> {
    method: &'a str,
    url: &'a str,
    status: Option<u16>,
}

fn opening(line: &str) -> Option<Opening<'_>> {
    let line = line.trim_start_matches(|sign: char| sign.is_whitespace() || "▶▼▸▾►>".contains(sign));
    let mut words = line.split_whitespace();
    let (method, url) = (words.next()?, words.next()?);
    let upper = method.len() >= 3 && method.bytes().all(|byte| byte.is_ascii_uppercase());
    url::split(url).filter(|_| upper)?;
    Some(Opening { method, url, status: words.find_map(status) })
}

/// A status as a word of its own: `401`, or newman's `[401`.
fn status(word: &str) -> Option<u16> {
    let digits = word.trim_matches(['[', ']', ',', '"']);
    digits.parse().ok().filter(|status| digits.len() == 3 && (100..600).contains(status))
}

/// The heading of a section.
fn section(line: &str) -> Option<Section> {
    let name = line.trim_matches(|sign: char| sign.is_whitespace() || "▶▼▸▾►:{".contains(sign));
    Some(match name.to_ascii_lowercase().as_str() {
        "request headers" => Section::RequestHeaders,
        "request body" => Section::RequestBody,
        "response headers" => Section::ResponseHeaders,
        "response body" => Section::ResponseBody,
        "network" | "certificate" | "test results" | "cookies" => Section::Other,
        _ => return None,
    })
}

struct Block<'a> {
    opening: Opening<'a>,
    section: Section,
    request: Vec<&'a str>,
    sent: Vec<&'a str>,
    response: Vec<&'a str>,
    received: Vec<&'a str>,
}

impl<'a> Block<'a> {
    fn new(opening: Opening<'a>) -> Block<'a> {
        let (request, sent, response, received) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Block { opening, section: Section::Top, request, sent, response, received }
    }

    /// A line with method and URL begins the next block, unless it stands inside a body that has not ended.
    fn may_end(&self) -> bool {
        self.section != Section::RequestBody
    }

    fn take(&mut self, line: &'a str) {
        if let Some(section) = section(line) {
            self.section = section;
            return;
        }
        match self.section {
            Section::Top => self.opening.status = self.opening.status.or_else(|| status(line.trim())),
            Section::RequestHeaders => self.request.push(line),
            Section::RequestBody => self.sent.push(line),
            Section::ResponseHeaders => self.response.push(line),
            Section::ResponseBody => self.received.push(line),
            Section::Other => {}
        }
    }

    fn exchange(self, before: &mut Millis) -> Option<Exchange> {
        let request = self.request()?;
        let outcome = match self.opening.status {
            Some(status) => {
                let head = lines(format!("HTTP/1.1 {status} {}", reason(status)), &self.response);
                Outcome::Answered(message::response(&head, text(&self.received))?)
            }
            None => Outcome::Abandoned(Phase::AwaitAnswer),
        };
        let exchange = message::exchange(request, outcome, *before);
        *before = exchange.at;
        Some(exchange)
    }

    fn request(&self) -> Option<Request> {
        let Opening { method, url, .. } = self.opening;
        let head = lines(format!("{method} {url} HTTP/1.1"), &self.request);
        let mut request = message::request(&head, Vec::new(), &Origin::default())?;
        // The head is put together here: it is no evidence of white space or order.
        request.head = None;
        let form = request.fields.text("content-type").is_some_and(|mime| mime.starts_with("application/x-www-form"));
        let pairs: Option<Vec<_>> =
            self.sent.iter().filter(|line| !line.trim().is_empty()).map(|line| pair(line)).collect();
        let sent = match pairs.filter(|_| form) {
            Some(pairs) => {
                let part = |(name, value): (&str, String)| format!("{}={}", form::encode(name), form::encode(&value));
                pairs.into_iter().map(part).collect::<Vec<_>>().join("&").into_bytes()
            }
            None => text(&self.sent),
        };
        request.body = crate::model::Body::whole(sent);
        Some(request)
    }
}

/// A head of this first line and what the console shows as `name: "value"`.
fn lines(first: String, shown: &[&str]) -> Vec<Vec<u8>> {
    let fields = shown.iter().filter_map(|line| pair(line)).map(|(name, value)| format!("{name}: {value}"));
    [first].into_iter().chain(fields).map(String::into_bytes).collect()
}

/// `name: "value"`: the console puts one pair of quotes around every value.
fn pair(line: &str) -> Option<(&str, String)> {
    let (name, value) = line.trim().split_once(':')?;
    let (name, value) = (name.trim().trim_matches('"'), value.trim().trim_end_matches(','));
    let shown = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let value = shown.map_or_else(|| value.to_owned(), |inner| inner.replace("\\\"", "\""));
    let plain = !name.is_empty() && name.bytes().all(head::is_token_byte);
    plain.then_some((name, value))
}

fn text(lines: &[&str]) -> Vec<u8> {
    lines.join("\n").trim_end().as_bytes().to_vec()
}

/// The reason of the statuses that are met here; the console shows none.
fn reason(status: u16) -> &'static str {
    http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COPY: &str = "\u{25bc} POST https://dev1.service-now.com/oauth_token.do
401
212 ms
Network
Addresses: {\"local\":{}}
Request Headers
User-Agent: \"PostmanRuntime/7.36.0\"
Content-Type: \"application/x-www-form-urlencoded\"
Request Body
grant_type: \"password\"
username: \"svc&co\"
Response Headers
Server: \"snow_adc\"
Date: \"Sun, 22 Nov 2026 10:00:00 GMT\"
Response Body
{\"error_description\":\"access_denied\",
 \"error\":\"server_error\"}
GET https://dev1.service-now.com/api/now/table/incident 200 90 ms
Request Headers
Authorization: Bearer \\\"abc\\\"
Response Headers
Server: snow_adc
";

    #[test]
    fn blocks_become_exchanges() {
        assert!(is_console(COPY));
        let exchanges = read(COPY);
        let [first, second] = exchanges.as_slice() else { panic!("two blocks") };
        assert_eq!(&first.request.body.bytes[..], b"grant_type=password&username=svc%26co");
        let response = first.response().unwrap();
        assert_eq!((response.status, response.reason.as_str()), (401, "Unauthorized"));
        assert!(response.body.bytes.ends_with(b"\n \"error\":\"server_error\"}"));
        assert_eq!(crate::wire::date::iso(first.at), "2026-11-22T10:00:00.000Z");
        assert_eq!((second.request.path(), second.status()), ("/api/now/table/incident", Some(200)));
        assert_eq!(second.at, first.at);
    }

    #[test]
    fn quotes_inside_a_value_are_evidence() {
        assert_eq!(pair("Authorization: \"Bearer \\\"abc\\\"\"").unwrap().1, "Bearer \"abc\"");
        assert_eq!(pair("Authorization: Bearer \"abc\"").unwrap().1, "Bearer \"abc\"");
    }

    #[test]
    fn other_texts_are_no_console() {
        for text in ["GET https://h/", "Request Headers\nGET https://h/", "get https://h/\nRequest Headers", ""] {
            assert!(!is_console(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "([▶ A-Z]{0,4}|https://h/|Request Headers\n|Response Body\n|401|: |\"|\n|é){0,60}") {
            assert!(read(&text).len() <= text.len());
        }
    }
}

//! A request and an answer given as head lines and body bytes, put together as an exchange.

use bytes::Bytes;

use crate::model::{Body, Client, Exchange, Fields, Millis, Outcome, Request, Response, Scheme, Timing, Upstream, Way};
use crate::wire::date;

use super::head::{self, StatusLine};
use super::url;

/// Captured bytes of one body.
pub(super) const BODY_LIMIT: usize = 256 * 1024;

/// Where a request went, as far as the recording says it outside of the message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Origin {
    pub scheme: Option<Scheme>,
    pub host: Option<String>,
    pub port: Option<u16>,
}

/// A request of these head lines; `None` where the first is no request line. The host comes from the target, else from
/// the `Host` field, else from `origin`; the scheme from the target or `origin`, else it is https.
pub(super) fn request(lines: &[Vec<u8>], body: Vec<u8>, origin: &Origin) -> Option<Request> {
    let line = head::request_line(lines.first()?)?;
    let fields = head::fields(lines.iter().skip(1).map(Vec::as_slice));
    let absolute = url::split(&line.target);
    let named = fields.text("host").and_then(|host| url::authority_parts(&host));
    let scheme = absolute.as_ref().map(|url| url.scheme).or(origin.scheme).unwrap_or(Scheme::Https);
    let (host, port, target) = match (&absolute, line.method.as_str()) {
        (_, "CONNECT") => {
            let (host, port) = url::authority_parts(&line.target)?;
            (host, port, line.target)
        }
        (Some(url), _) => (url.host.clone(), Some(url.port), url::origin_form(url.target)),
        (None, _) => {
            let (host, port) = named.or_else(|| Some((origin.host.clone()?, None))).unwrap_or_default();
            (host, port.or(origin.port), url::origin_form(&line.target))
        }
    };
    let mut request = Request {
        method: line.method,
        scheme,
        host,
        port: port.unwrap_or(scheme.default_port()),
        target,
        version: line.version,
        body: whole_body(&fields, body),
        fields,
        head: Some(head::raw(lines.iter().map(Vec::as_slice))),
        unseen: false,
    };
    request.unseen = hides_form(&request);
    Some(request)
}

/// The recording says that a form was sent and does not show it: nothing follows from the parameters that are not there.
pub(super) fn hides_form(request: &Request) -> bool {
    is_form(request) && request.body.bytes.is_empty() && request.body.length > 0
}

/// The request says that it carries a form.
pub(super) fn is_form(request: &Request) -> bool {
    request.fields.text("content-type").is_some_and(|mime| mime.to_ascii_lowercase().contains("form-urlencoded"))
}

/// An answer of these head lines; `None` where the first is no status line.
pub(super) fn response(lines: &[Vec<u8>], body: Vec<u8>) -> Option<Response> {
    let StatusLine { version, status, reason } = head::status_line(lines.first()?)?;
    let fields = head::fields(lines.iter().skip(1).map(Vec::as_slice));
    let body = whole_body(&fields, body);
    Some(Response { status, reason, version, ours: head::is_ours(&fields), fields, body, cut: None })
}

/// The request that a recording does not show.
pub(super) fn unseen_request(origin: &Origin) -> Request {
    let scheme = origin.scheme.unwrap_or(Scheme::Https);
    Request {
        method: String::from("GET"),
        scheme,
        host: origin.host.clone().unwrap_or_default(),
        port: origin.port.unwrap_or(scheme.default_port()),
        target: String::from("/"),
        version: String::from("HTTP/1.1"),
        fields: Fields::default(),
        body: Body::default(),
        head: None,
        unseen: true,
    }
}

/// An exchange of a recording. Its time is that of the answer's `Date`, else `before`.
pub(super) fn exchange(request: Request, outcome: Outcome, before: Millis) -> Exchange {
    let date = match &outcome {
        Outcome::Answered(response) => response.fields.text("date").and_then(|date| date::parse_http(&date)),
        _ => None,
    };
    Exchange {
        id: 0,
        entry: None,
        at: date.unwrap_or(before).max(before),
        client: Client { way: Way::Recorded, ..Client::default() },
        request,
        outcome,
        timing: Timing::default(),
        upstream: Upstream::default(),
    }
}

/// A body as it was recorded: without chunk framing, and as long as its Content-Length says where it was not kept.
fn whole_body(fields: &Fields, bytes: Vec<u8>) -> Body {
    let chunked =
        fields.text("transfer-encoding").is_some_and(|coding| coding.to_ascii_lowercase().contains("chunked"));
    let mut bytes = if chunked { unchunked(&bytes).unwrap_or(bytes) } else { bytes };
    let length = bytes.len() as u64;
    bytes.truncate(BODY_LIMIT);
    let announced = fields.text("content-length").and_then(|length| length.trim().parse().ok()).unwrap_or_default();
    let zipped = fields.text("content-encoding").is_some_and(|coding| coding.to_ascii_lowercase().contains("gzip"));
    let coded = zipped && bytes.starts_with(&[0x1F, 0x8B]);
    Body { length: length.max(announced), bytes: Bytes::from(bytes), coded, ..Body::default() }
}

/// The data of a chunked body (RFC 9112 §7.1); `None` where it is not framed so. A cut end is no fault.
fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut data = Vec::new();
    loop {
        let end = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1);
        let (line, after) = rest.split_at(end);
        let size = line.split(|byte| matches!(byte, b';' | b'\r' | b'\n')).next().unwrap_or_default();
        let size = usize::from_str_radix(std::str::from_utf8(size).ok()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(data);
        }
        let chunk = after.get(..size).unwrap_or(after);
        data.extend_from_slice(chunk);
        let after = after.get(size..).unwrap_or_default();
        rest = after.strip_prefix(b"\r\n").or_else(|| after.strip_prefix(b"\n")).unwrap_or(after);
        if rest.is_empty() {
            return Some(data);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<Vec<u8>> {
        text.lines().map(|line| line.as_bytes().to_vec()).collect()
    }

    #[test]
    fn the_host_comes_from_where_it_is_known() {
        let origin = Origin { scheme: Some(Scheme::Http), host: Some(String::from("o")), port: Some(8080) };
        let place = |text: &str| request(&lines(text), Vec::new(), &origin).unwrap().origin();
        assert_eq!(place("GET https://h:8443/x HTTP/1.1\nHost: other"), "https://h:8443");
        assert_eq!(place("GET /x HTTP/1.1\nhost: H:81"), "http://h:81");
        assert_eq!(place("GET /x HTTP/1.1\nHost: h"), "http://h:8080");
        assert_eq!(place("GET /x HTTP/1.1"), "http://o:8080");
        let nowhere = request(&lines("GET /x HTTP/1.1"), Vec::new(), &Origin::default()).unwrap();
        assert_eq!((nowhere.host.as_str(), nowhere.port), ("", 443));
    }

    #[test]
    fn chunks_are_joined() {
        let head = lines("HTTP/1.1 200 OK\nTransfer-Encoding: chunked");
        let body = |bytes: &[u8]| response(&head, bytes.to_vec()).unwrap().body.bytes;
        assert_eq!(&body(b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n")[..], b"abcde");
        assert_eq!(&body(b"a\r\nabc")[..], b"abc");
        assert_eq!(&body(b"{\"error\":1}\n")[..], b"{\"error\":1}\n");
    }

    #[test]
    fn a_form_that_was_not_kept_is_unseen() {
        let post = |body: &str| {
            let head = lines("POST /t HTTP/1.1\nContent-Type: application/x-www-form-urlencoded\nContent-Length: 3");
            request(&head, body.as_bytes().to_vec(), &Origin::default()).unwrap().unseen
        };
        assert!(post("") && !post("a=1"));
    }

    #[test]
    fn a_body_that_was_not_kept_has_its_length() {
        let request = request(&lines("POST / HTTP/1.1\nHost: h\nContent-Length: 38"), Vec::new(), &Origin::default());
        let body = request.unwrap().body;
        assert_eq!((body.bytes.len(), body.length), (0, 38));
    }

    #[test]
    fn the_answers_date_is_the_time() {
        let answer = |date: &str| {
            let response = response(&lines(&format!("HTTP/1.1 200 OK\nDate: {date}")), Vec::new()).unwrap();
            exchange(unseen_request(&Origin::default()), Outcome::Answered(response), Millis(5)).at
        };
        assert_eq!(answer("Fri, 26 Feb 2021 11:40:33 GMT"), Millis(1_614_339_633_000));
        assert_eq!(answer("soon"), Millis(5));
    }
}

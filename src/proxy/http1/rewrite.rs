//! The heads that are sent on: the bytes that came, without the fields that end at a proxy, in the order they had.

use bytes::{BufMut, BytesMut};

use super::head::{AnswerHead, FieldLine, Head, RequestHead, Version, tokens};
use super::manner::Manner;
use crate::proxy::http2::names::titled;

/// Fields that belong to one connection (RFC 9110 §7.6.1), and those that are meant for a proxy.
const HOP_BY_HOP: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "proxy-authentication-info",
    "te",
    "upgrade",
    "http2-settings",
];

/// What a change of protocol is made with.
const UPGRADE: [&str; 2] = ["connection", "upgrade"];

/// Fields that a sender's `Connection` cannot take away: without them the request would be another one.
const NOT_NOMINABLE: [&str; 11] = [
    "host",
    "authorization",
    "www-authenticate",
    "location",
    "cookie",
    "content-length",
    "content-type",
    "content-encoding",
    "transfer-encoding",
    "trailer",
    "set-cookie",
];

fn is_any(name: &[u8], list: &[&str]) -> bool {
    list.iter().any(|listed| name.eq_ignore_ascii_case(listed.as_bytes()))
}

/// Decides which fields of a head end here.
pub(in crate::proxy) struct Sieve<'a> {
    nominated: Vec<&'a [u8]>,
}

impl<'a> Sieve<'a> {
    pub fn of(head: &'a Head) -> Sieve<'a> {
        let named = head.fields().filter(|field| field.is("connection")).flat_map(|field| tokens(field.value));
        Sieve { nominated: named.filter(|name| !is_any(name, &NOT_NOMINABLE)).collect() }
    }

    pub fn passes(&self, name: &[u8]) -> bool {
        !is_any(name, &HOP_BY_HOP) && !self.nominated.iter().any(|nominated| name.eq_ignore_ascii_case(nominated))
    }
}

/// What changes in a request on its way.
#[derive(Default)]
pub(in crate::proxy) struct RequestChanges<'a> {
    pub target: Option<&'a [u8]>,
    pub host: Option<&'a str>,
    /// Credentials for a parent proxy that takes the request in absolute form.
    pub parent: Option<&'a str>,
    /// The client asked to change the protocol: `Upgrade` goes with it, and the `Connection` that names it.
    pub upgrade: bool,
    /// Further field lines, whole.
    pub more: &'a [u8],
    pub manner: Option<&'a Manner>,
}

/// Writes a request's head for the upstream. The version is ours (RFC 9110 §2.5).
pub(in crate::proxy) fn request(request: &RequestHead, changes: &RequestChanges<'_>, out: &mut BytesMut) {
    out.reserve(request.head.raw.len() + 128);
    out.put_slice(request.method().as_bytes());
    out.put_u8(b' ');
    out.put_slice(changes.target.unwrap_or(request.target()));
    out.put_slice(b" HTTP/1.1\r\n");
    let sieve = Sieve::of(&request.head);
    let titles = request.version == Version::Http2;
    let mut host = changes.host;
    if let Some(host) = host.take_if(|_| request.head.get("host").is_none()) {
        put(out, b"Host", host.as_bytes());
    }
    for field in request.head.fields() {
        match host {
            Some(host) if field.is("host") && titles => put(out, b"Host", host.as_bytes()),
            Some(host) if field.is("host") => put(out, field.name, host.as_bytes()),
            // The one coding that comes this far, written as every reader knows it: not each takes off the same blanks.
            _ if field.is("transfer-encoding") => put(out, field.name, b"chunked"),
            _ if sieve.passes(field.name) => {
                let instead = changes.manner.and_then(|manner| manner.of_request(&field));
                pass(out, &field, instead, titles);
            }
            _ if changes.upgrade && is_any(field.name, &UPGRADE) => out.put_slice(field.whole),
            _ => {}
        }
    }
    out.put_slice(changes.more);
    let marks = changes.manner.into_iter().flat_map(|manner| manner.adds_to_request(request.version));
    marks.for_each(|(name, value)| put(out, name.as_bytes(), value.as_bytes()));
    if let Some(credentials) = changes.parent {
        put(out, b"Proxy-Authorization", credentials.as_bytes());
    }
    out.put_slice(b"\r\n");
}

/// A field as it came. `titles`: it came from HTTP/2 in lower case, which some readers of HTTP/1.1 do not understand
/// (ServiceNow's own client looks for `Content-Type` by case).
fn put_field(out: &mut BytesMut, field: &FieldLine<'_>, titles: bool) {
    if !titles {
        return out.put_slice(field.whole);
    }
    titled(field.name, out);
    out.put_slice(b": ");
    out.put_slice(field.value);
    out.put_slice(b"\r\n");
}

/// What an answer's head says about the connection to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proxy) enum Persistence {
    /// Says nothing: HTTP/1.1 keeps open by itself.
    Open,
    /// A client of HTTP/1.0 that asked for it is told.
    KeepAlive,
    Close,
    /// The protocol changes.
    Upgrade,
}

/// Writes an answer's head for the client. `framed`: the body's framing is passed on; else it ends with the connection.
/// `date`: for an answer that came without one.
pub(in crate::proxy) fn answer(
    answer: &AnswerHead,
    persistence: Persistence,
    framed: bool,
    manner: &Manner,
    date: Option<&str>,
    out: &mut BytesMut,
) {
    out.reserve(answer.head.raw.len() + 64);
    out.put_slice(b"HTTP/1.1 ");
    out.put_slice(answer.status_line());
    let titles = answer.version == Version::Http2;
    if titles {
        // HTTP/2 has no reasons.
        let status = http::StatusCode::from_u16(answer.status).ok();
        out.put_u8(b' ');
        out.put_slice(status.and_then(|status| status.canonical_reason()).unwrap_or_default().as_bytes());
    }
    out.put_slice(b"\r\n");
    let sieve = Sieve::of(&answer.head);
    // 426 names in `Upgrade` what it asks for (RFC 9110 §15.5.22); in 101 it is the answer.
    let upgrade = |field: &FieldLine<'_>| match answer.status {
        101 => is_any(field.name, &UPGRADE),
        426 => field.is("upgrade"),
        _ => false,
    };
    for field in answer.head.fields() {
        let unframed = !framed && (field.is("transfer-encoding") || field.is("trailer"));
        if (sieve.passes(field.name) && !unframed) || upgrade(&field) {
            pass(out, &field, manner.of_answer(&field), titles);
        }
    }
    if let Some((name, value)) = manner.adds_to_answer(answer.version) {
        put(out, name.as_bytes(), value.as_bytes());
    }
    if let Some(date) = date {
        put(out, b"Date", date.as_bytes());
    }
    match persistence {
        Persistence::Open | Persistence::Upgrade => {}
        Persistence::KeepAlive => out.put_slice(b"Connection: keep-alive\r\n"),
        Persistence::Close => out.put_slice(b"Connection: close\r\n"),
    }
    out.put_slice(b"\r\n");
}

/// A field as it came, or with another value in its place.
fn pass(out: &mut BytesMut, field: &FieldLine<'_>, instead: Option<Vec<u8>>, titles: bool) {
    match instead {
        Some(value) if titles => put_field(out, &FieldLine { value: &value, ..*field }, titles),
        Some(value) => put(out, field.name, &value),
        None => put_field(out, field, titles),
    }
}

fn put(out: &mut BytesMut, name: &[u8], value: &[u8]) {
    out.put_slice(name);
    out.put_slice(b": ");
    out.put_slice(value);
    out.put_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn sent(text: &str, changes: &RequestChanges<'_>) -> String {
        let mut out = BytesMut::new();
        let head = RequestHead::parse(Bytes::copy_from_slice(text.as_bytes()), 100).map_err(|_| text).unwrap();
        request(&head, changes, &mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    fn told(text: &str, persistence: Persistence, framed: bool) -> String {
        let mut out = BytesMut::new();
        let head = AnswerHead::parse(Bytes::copy_from_slice(text.as_bytes()), 100).map_err(|_| text).unwrap();
        answer(&head, persistence, framed, &Manner::default(), None, &mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn a_request_keeps_every_byte_that_is_not_hop_by_hop() {
        let text = "GET /a?b HTTP/1.1\r\nhOST:x\r\nX-A:  1 \r\nCookie: a\r\nx-a: 2\r\nCookie: b\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(sent(text, &RequestChanges::default()), text);
    }

    #[test]
    fn hop_by_hop_fields_go_and_the_others_stay_in_order() {
        let text = "POST / HTTP/1.0\r\nA: 1\r\nProxy-Connection: Keep-Alive\r\nB: 2\r\nConnection: close, X-Hop, Authorization\r\nTE: trailers\r\nAuthorization: Bearer t\r\nx-hop: 1\r\nKeep-Alive: 5\r\nProxy-Authorization: Basic eA==\r\nUpgrade: h2c\r\nC: 3\r\n\r\n";
        let expected = "POST / HTTP/1.1\r\nA: 1\r\nB: 2\r\nAuthorization: Bearer t\r\nC: 3\r\n\r\n";
        assert_eq!(sent(text, &RequestChanges::default()), expected);
    }

    #[test]
    fn target_and_host_change_where_they_stand() {
        let changes =
            RequestChanges { target: Some(b"/x"), host: Some("dev1.service-now.com"), ..RequestChanges::default() };
        let text = "GET http://a/x HTTP/1.1\r\nA: 1\r\nhost: a\r\nB: 2\r\n\r\n";
        assert_eq!(sent(text, &changes), "GET /x HTTP/1.1\r\nA: 1\r\nhost: dev1.service-now.com\r\nB: 2\r\n\r\n");
        assert_eq!(
            sent("GET / HTTP/1.0\r\nA: 1\r\n\r\n", &changes),
            "GET /x HTTP/1.1\r\nHost: dev1.service-now.com\r\nA: 1\r\n\r\n"
        );
    }

    #[test]
    fn an_upgrade_is_passed_on_when_it_is_meant() {
        let text =
            "GET /ws HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n";
        let changes = RequestChanges { upgrade: true, ..RequestChanges::default() };
        assert_eq!(sent(text, &changes), text);
        assert!(!sent(text, &RequestChanges::default()).to_lowercase().contains("upgrade"));
    }

    #[test]
    fn an_answer_keeps_reason_order_case_and_duplicates() {
        let text = "HTTP/1.1 401 Not Today\r\nSet-Cookie: a\r\nX: 1\r\nset-cookie: b\r\nWWW-Authenticate: Basic realm=\"Service-now\"\r\n";
        assert_eq!(told(&format!("{text}\r\n"), Persistence::Open, true), format!("{text}\r\n"));
        let more =
            format!("{text}Connection: keep-alive\r\nKeep-Alive: timeout=5\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert_eq!(
            told(&more, Persistence::Close, true),
            format!("{text}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
        );
        assert_eq!(told(&more, Persistence::Close, false), format!("{text}Connection: close\r\n\r\n"));
    }

    #[test]
    fn an_older_answer_gets_our_version() {
        assert_eq!(
            told("HTTP/1.0 200\r\nA: b\r\n\r\n", Persistence::KeepAlive, true),
            "HTTP/1.1 200\r\nA: b\r\nConnection: keep-alive\r\n\r\n"
        );
    }

    #[test]
    fn via_is_added_on_request_only() {
        let mut manner = Manner::default();
        manner.mark(crate::proxy::Marks { via: true, x_forwarded: true }, None);
        let changes = RequestChanges { manner: Some(&manner), ..RequestChanges::default() };
        let text = "GET / HTTP/1.0\r\nVia: 1.1 a\r\n\r\n";
        assert_eq!(sent(text, &changes), "GET / HTTP/1.1\r\nVia: 1.1 a\r\nVia: 1.0 why401\r\n\r\n");
        let mut out = BytesMut::new();
        let head =
            AnswerHead::parse(Bytes::from_static(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n"), 100).map_err(|_| ()).unwrap();
        answer(&head, Persistence::Open, true, &manner, None, &mut out);
        assert_eq!(&out[..], b"HTTP/1.1 200 OK\r\nA: b\r\nVia: 1.1 why401\r\n\r\n");
    }
}

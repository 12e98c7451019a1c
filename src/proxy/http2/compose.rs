//! What HTTP/2 brought, as a head in the form that all others have: evidence, routing and rewriting read one form only.
//! Pure: parts in, a head or a fault at a byte of it out.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, COOKIE, HOST};
use http::{HeaderMap, Method, request, response};

use crate::model::{HeadFault, HeadProblem};
use crate::proxy::http1::framing::length;
use crate::proxy::http1::head::{AnswerHead, Composer, RequestHead, control};

/// A fault, and the head in which it is.
pub(super) type Refused = (Bytes, HeadFault);

/// The head of a request. Stricter than the library, which lets pass what it can pass on: here the next reader may be one
/// of HTTP/1.1.
pub(super) fn request(parts: &request::Parts, most_fields: usize) -> Result<RequestHead, Refused> {
    let mut composer = Composer::new(room(&parts.headers), parts.headers.len() + 1);
    composer.put(parts.method.as_str().as_bytes());
    composer.put(b" ");
    let from = composer.at();
    composer.put(target(parts).as_bytes());
    let to = composer.at();
    composer.put(b" HTTP/2\r\n");
    let authority = parts.uri.authority().map(|authority| authority.as_str().as_bytes());
    if let Some(authority) = authority {
        composer.field(b"host", std::iter::once(authority), b"");
    }
    fields(&mut composer, &parts.headers, authority.is_some());
    let head = composer.request(parts.method.as_str().len(), (from, to));
    match faults(parts, &head, most_fields) {
        None => Ok(head),
        Some(fault) => Err((head.head.raw, fault)),
    }
}

/// CONNECT has no path.
fn target(parts: &request::Parts) -> &str {
    match (&parts.method, parts.uri.path_and_query()) {
        (&Method::CONNECT, _) => parts.uri.authority().map_or("", |authority| authority.as_str()),
        (_, Some(path)) => path.as_str(),
        (_, None) => "",
    }
}

fn faults(parts: &request::Parts, head: &RequestHead, most_fields: usize) -> Option<HeadFault> {
    let fault = |offset, problem| Some(HeadFault { offset, problem, status: 400 });
    let target = head.target();
    if let Some(at) = target.iter().position(|byte| *byte <= b' ' || control(*byte)) {
        return fault(head.target_offset() + at, HeadProblem::SpaceInTarget);
    }
    if let Some(at) = target.iter().position(|byte| !byte.is_ascii()) {
        return fault(head.target_offset() + at, HeadProblem::RequestLine);
    }
    let asterisk = target == b"*" && parts.method == Method::OPTIONS;
    if !(target.starts_with(b"/") || asterisk || parts.method == Method::CONNECT) {
        return fault(head.target_offset(), HeadProblem::RequestLine);
    }
    if parts.uri.scheme_str().is_some_and(|scheme| scheme != "https") {
        return Some(HeadFault { offset: head.target_offset(), problem: HeadProblem::RequestLine, status: 421 });
    }
    // RFC 9113 §8.3.1: a Host beside :authority says the same.
    let authority = parts.uri.authority().map(|authority| authority.as_str().as_bytes());
    let mut hosts = parts.headers.get_all(HOST).iter();
    let other = authority.is_some_and(|named| hosts.any(|host| !host.as_bytes().eq_ignore_ascii_case(named)));
    if other || parts.headers.get_all(HOST).iter().count() > 1 {
        return fault(head.head.offset("host"), HeadProblem::Host);
    }
    let mut lengths = parts.headers.get_all(CONTENT_LENGTH).iter();
    let readable = lengths.next().is_none_or(|text| length(text.as_bytes()).is_some()) && lengths.next().is_none();
    if !readable {
        return fault(head.head.offset("content-length"), HeadProblem::Framing);
    }
    if let Some(at) = head.head.alias("transfer-encoding").or(head.head.alias("content-length")) {
        return fault(at, HeadProblem::Framing);
    }
    let many = head.head.fields().count() > most_fields;
    many.then_some(HeadFault { offset: head.head.raw.len(), problem: HeadProblem::TooManyFields, status: 431 })
}

/// The head of an answer.
pub(super) fn answer(parts: &response::Parts, chunked: bool) -> AnswerHead {
    let mut composer = Composer::new(room(&parts.headers), parts.headers.len() + 1);
    composer.put(b"HTTP/2 ");
    let from = composer.at();
    composer.put(parts.status.as_str().as_bytes());
    let to = composer.at();
    composer.put(b"\r\n");
    fields(&mut composer, &parts.headers, false);
    if chunked {
        composer.field(b"transfer-encoding", std::iter::once(&b"chunked"[..]), b"");
    }
    composer.answer(parts.status.as_u16(), from, to)
}

/// The fields in their order; those of one name stand together, as the library keeps them. The crumbs of a cookie become
/// one field again (RFC 9113 §8.2.3).
fn fields(composer: &mut Composer, headers: &HeaderMap, authority: bool) {
    for name in headers.keys() {
        let values = headers.get_all(name).iter().map(http::HeaderValue::as_bytes);
        if name == COOKIE {
            composer.field(name.as_str().as_bytes(), values, b"; ");
        } else if !(authority && name == HOST) {
            values.for_each(|value| composer.field(name.as_str().as_bytes(), std::iter::once(value), b""));
        }
    }
}

fn room(headers: &HeaderMap) -> usize {
    128 + headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum::<usize>()
}

#[cfg(test)]
#[path = "compose_tests.rs"]
mod tests;

//! Heads for the side that speaks HTTP/2: from what an HTTP/1.1 side sent. Pure.

use http::header::{HOST, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, request};

use crate::proxy::door::route::Destination;
use crate::proxy::http1::head::{AnswerHead, FieldLine, Head, RequestHead, Version};
use crate::proxy::http1::rewrite::Sieve;
use crate::proxy::http1::trailers::may_trail;

/// A request of an HTTP/2 client for an HTTP/2 upstream: its own, but for what the destination changes.
pub(super) fn passed_on(parts: request::Parts, destination: &Destination) -> Option<Request<()>> {
    let request::Parts { method, uri, mut headers, .. } = parts;
    let authority = match (&destination.host, uri.authority(), headers.remove(HOST)) {
        (Some(host), _, _) => host.clone(),
        (None, Some(authority), _) => authority.as_str().to_owned(),
        (None, None, Some(host)) => host.to_str().ok()?.to_owned(),
        (None, None, None) => return None,
    };
    shield(&mut headers);
    destination.manner.dress_request(&mut headers, Version::Http2);
    let own = uri.path_and_query()?.as_str().as_bytes();
    finish(method, &authority, destination.target.as_deref().unwrap_or(own), headers)
}

/// A request of an HTTP/1.1 client for an HTTP/2 upstream.
pub(super) fn request(head: &RequestHead, destination: &Destination) -> Option<Request<()>> {
    let method = Method::from_bytes(head.method().as_bytes()).ok()?;
    let host = head.head.get("host").and_then(|host| std::str::from_utf8(host).ok());
    let own = destination.origin.host_field();
    let authority = destination.host.as_deref().or(host).unwrap_or(&own);
    let mut headers = end_to_end(&head.head)?;
    headers.remove(HOST);
    if head.head.lists("te", "trailers") {
        headers.insert(http::header::TE, HeaderValue::from_static("trailers"));
    }
    shield(&mut headers);
    destination.manner.dress_request(&mut headers, head.version);
    finish(method, authority, destination.target.as_deref().unwrap_or(head.target()), headers)
}

fn finish(method: Method, authority: &str, target: &[u8], headers: HeaderMap) -> Option<Request<()>> {
    let uri = Uri::builder().scheme("https").authority(authority).path_and_query(target).build().ok()?;
    let mut request = Request::new(());
    (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (method, uri, headers);
    *request.version_mut() = http::Version::HTTP_2;
    Some(request)
}

/// An upstream's connection is shared by clients that do not know each other: what is secret stays out of its compression
/// table, where one client could find out another's by the length of its own requests (RFC 7541 §7.1).
fn shield(headers: &mut HeaderMap) {
    for name in [http::header::AUTHORIZATION, http::header::COOKIE] {
        if let http::header::Entry::Occupied(mut values) = headers.entry(name) {
            values.iter_mut().for_each(|value| value.set_sensitive(true));
        }
    }
}

/// An answer of an HTTP/1.1 upstream for an HTTP/2 client. `None`: it has a field that HTTP/2 cannot express.
pub(super) fn answer(answer: &AnswerHead) -> Option<Response<()>> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(answer.status).ok()?;
    *response.headers_mut() = end_to_end(&answer.head)?;
    Some(response)
}

/// The fields that are not the connection's (RFC 9113 §8.2.2).
fn end_to_end(head: &Head) -> Option<HeaderMap> {
    let sieve = Sieve::of(head);
    let mut headers = HeaderMap::with_capacity(head.fields().count());
    let passes = |field: &FieldLine<'_>| sieve.passes(field.name) && !field.is("transfer-encoding");
    for field in head.fields().filter(passes) {
        let value = HeaderValue::from_maybe_shared(head.raw.slice_ref(field.value)).ok()?;
        headers.try_append(HeaderName::from_bytes(field.name).ok()?, value).ok()?;
    }
    Some(headers)
}

/// The trailers that a decoder of HTTP/1.1 has kept: field lines and an empty line.
pub(super) fn trailers(lines: &[u8]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end).filter(|line| !line.is_empty()) {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = line.split_at_checked(colon)?;
        let value = HeaderValue::from_bytes(value.get(1..)?.trim_ascii()).ok()?;
        headers.try_append(HeaderName::from_bytes(name).ok()?, value).ok()?;
    }
    (!headers.is_empty()).then_some(headers)
}

/// Takes out of trailers what may not be passed on as such.
pub(super) fn sifted(trailers: HeaderMap) -> HeaderMap {
    trailers
        .iter()
        .filter(|(name, _)| may_trail(name.as_str().as_bytes()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

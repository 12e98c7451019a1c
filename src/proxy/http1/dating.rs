//! The Date of an answer of our own, and of one that came without it: who has a clock adds it to what is passed on (RFC 9110 §6.6.1).

use std::time::Instant;

use http::HeaderMap;
use http::header::{DATE, HeaderValue};

use crate::proxy::observe::wall_clock;
use crate::wire::date;

/// The value for an answer that came just now, unless it is dated.
pub(in crate::proxy) fn due(dated: bool) -> Option<String> {
    (!dated).then(now)
}

/// The value for an answer of our own.
pub(in crate::proxy) fn now() -> String {
    date::http(wall_clock(Instant::now()))
}

/// Adds it to the fields of an answer in HTTP/2.
pub(in crate::proxy) fn complete(headers: &mut HeaderMap) {
    if let Some(Ok(date)) = due(headers.contains_key(DATE)).map(HeaderValue::try_from) {
        headers.insert(DATE, date);
    }
}

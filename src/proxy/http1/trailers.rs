//! The field lines behind a chunked body: which of them may be passed on.

use super::head::field_lines;
use crate::model::HeadFault;

/// Framing, routing, credentials and control would be read as if they had been in the head (RFC 9110 §6.5.1).
const NOT_IN_TRAILERS: [&str; 33] = [
    "age",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "expect",
    "expires",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "location",
    "max-forwards",
    "pragma",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "retry-after",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "www-authenticate",
];

/// Whether a trailer of that name is passed on.
pub(in crate::proxy) fn may_trail(name: &[u8]) -> bool {
    !NOT_IN_TRAILERS.iter().any(|forbidden| name.eq_ignore_ascii_case(forbidden.as_bytes()))
}

/// Checks the field lines of a trailer section, which ends with an empty line. Gives the lines that may be passed on.
pub(in crate::proxy) fn trailer_lines(raw: &[u8], most: usize) -> Result<Vec<&[u8]>, HeadFault> {
    let lines = field_lines(raw, 0, most)?;
    Ok(lines.iter().filter(|line| may_trail(line.name.of(raw))).map(|line| line.whole.of(raw)).collect())
}

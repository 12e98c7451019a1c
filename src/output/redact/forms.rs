//! The ways in which programs write a secret where they do not write it plainly: one list for all that looks for secrets.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::wire::form;

/// What JavaScript's `encodeURIComponent` leaves.
const COMPONENT: &AsciiSet = &UNRESERVED.remove(b'!').remove(b'\'').remove(b'(').remove(b')').remove(b'*');
/// As a URI component: what RFC 3986 §2.3 calls unreserved stays, `~` too.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// What Python's `quote` leaves.
const PATH: &AsciiSet = &UNRESERVED.remove(b'/');

/// How a secret is written where it is not written plainly; always the same forms in the same order.
pub(super) fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(secret);
    let encoded = form::encode(&text);
    let quoted = |set| utf8_percent_encode(&text, set).to_string();
    let json = serde_json::to_string(&text).unwrap_or_default();
    let json = json.get(1..json.len().saturating_sub(1)).unwrap_or_default().to_owned();
    let markup = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    // PHP's writer and some of Java's put a backslash before every slash.
    let slashes = json.replace('/', "\\/");
    let in_strings = json.replace('\\', "\\\\").replace('"', "\\\"");
    vec![
        lower_escapes(&encoded).into_bytes(),
        encoded.replace("%20", "+").into_bytes(),
        form::encode(&encoded).into_bytes(),
        encoded.into_bytes(),
        quoted(UNRESERVED).into_bytes(),
        quoted(COMPONENT).into_bytes(),
        quoted(PATH).into_bytes(),
        json.into_bytes(),
        slashes.into_bytes(),
        in_strings.into_bytes(),
        markup.into_bytes(),
    ]
}

/// `%2F` as `%2f`.
fn lower_escapes(encoded: &str) -> String {
    let mut left = 0;
    let lower = |c: char| {
        let within = left > 0;
        left = if c == '%' { 2 } else { usize::saturating_sub(left, 1) };
        if within { c.to_ascii_lowercase() } else { c }
    };
    encoded.chars().map(lower).collect()
}

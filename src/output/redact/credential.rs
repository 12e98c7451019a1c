//! Marks in header fields: credentials, cookies, challenges.

use std::ops::Range;

use super::clean::brief;
use super::names::{Secrecy, secrecy};
use super::secret::{Shaper, Writing, is_random};
use super::shown::Mark;
use crate::wire::authorization::{self, SchemeKind};
use crate::wire::basic::{self, Basic, BasicFault};

/// A user name longer than this is cut.
const USER_LIMIT: usize = 64;

/// Marks in the value of `Authorization`, or of a field that was meant to be it.
pub(super) fn authorization(shaper: Shaper<'_>, value: &[u8]) -> Vec<Mark> {
    let parts = authorization::split(value);
    let credentials = parts.credentials_of(value);
    let token = |from: usize| shaper.marks(from, value.get(from..).unwrap_or_default(), Writing::Token);
    match parts.kind {
        SchemeKind::BearerRunOn => token("bearer".len()),
        SchemeKind::Basic => basic(shaper, parts.credentials.start, credentials),
        SchemeKind::Digest => parameters(shaper, value),
        // One word alone is no scheme: it is the secret.
        SchemeKind::Other if credentials.is_empty() => token(0),
        SchemeKind::Other if !is_scheme(value.get(parts.scheme.clone()).unwrap_or_default()) => token(0),
        SchemeKind::Other if credentials.contains(&b'=') && credentials.contains(&b',') => parameters(shaper, value),
        _ => token(parts.credentials.start),
    }
}

/// A word that names a scheme, perhaps with punctuation behind it; a token in its place is long or holds digits.
fn is_scheme(word: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_' | b'.' | b':' | b'=' | b',');
    let known = word.to_ascii_uppercase();
    word.len() <= 24 && (word.iter().all(plain) || known.starts_with(b"AWS4-HMAC") || known.starts_with(b"HMAC"))
}

/// User name shown, password by its shape. Where the fault is in the base64 text itself, the text is shown by its shape
/// instead, with the fault visible in it.
fn basic(shaper: Shaper<'_>, start: usize, credentials: &[u8]) -> Vec<Mark> {
    if shaper.whole {
        return shaper.as_written(start, credentials, Writing::Basic);
    }
    let decoded = basic::decode(credentials);
    let in_the_text = |fault: &BasicFault| {
        matches!(fault, BasicFault::NotBase64 { .. } | BasicFault::UrlAlphabet { .. } | BasicFault::Wrapped { .. })
    };
    if credentials.is_empty() || decoded.has(in_the_text) || !is_readable(&decoded) {
        return base64_text(shaper, start, credentials, &decoded);
    }
    let user = String::from_utf8_lossy(decoded.decoded.get(decoded.user.clone()).unwrap_or_default()).into_owned();
    let password = super::Shown::new(decoded.password(), shaper.marks(0, decoded.password(), Writing::Plain)).text();
    let password = password.replace(['‹', '›'], "");
    let password = if password.is_empty() { "empty".to_owned() } else { password };
    let user = if user.is_empty() { "empty".to_owned() } else { brief(&user, USER_LIMIT) };
    let mut marks = vec![Mark {
        range: start..start + credentials.len(),
        text: format!("‹user {user}, password {password}›"),
        secrets: vec![credentials.to_vec()],
        writing: Writing::Basic,
        aside: false,
    }];
    marks.extend(learned(shaper, decoded.password()));
    marks
}

/// Marks without a place: what was learned of a secret, to be found elsewhere.
fn learned(shaper: Shaper<'_>, secret: &[u8]) -> Vec<Mark> {
    let marks = shaper.marks(0, secret, Writing::Plain);
    marks.into_iter().map(|mark| Mark { range: 0..0, ..mark }).collect()
}

/// A colon, and before it something that a person would call a name (a client id counts).
fn is_readable(basic: &Basic) -> bool {
    let user = basic.decoded.get(basic.user.clone()).unwrap_or_default();
    let text = String::from_utf8_lossy(user);
    let clear = !text.chars().any(|c| c.is_control() || c == char::REPLACEMENT_CHARACTER);
    basic.is_readable() && !is_random(user) && (clear || basic.has(|fault| matches!(fault, BasicFault::NotUtf8)))
}

/// The text by its shape; characters of the URL-safe alphabet stay visible where they are what is wrong.
fn base64_text(shaper: Shaper<'_>, start: usize, text: &[u8], decoded: &Basic) -> Vec<Mark> {
    let url_safe = decoded.faults.iter().find_map(|fault| match fault {
        BasicFault::UrlAlphabet { at } => Some(*at),
        _ => None,
    });
    let Some(at) = url_safe else {
        let mut marks = shaper.marks(start, text, Writing::Token);
        marks.extend(learned(shaper, &decoded.decoded));
        marks.extend(learned(shaper, decoded.password()));
        return marks;
    };
    let (before, after) = text.split_at(at.min(text.len()));
    let mut marks = shaper.marks(start, before, Writing::Token);
    marks.extend(shaper.marks(start + at + 1, after.get(1..).unwrap_or_default(), Writing::Token));
    marks.extend(learned(shaper, decoded.password()));
    marks
}

/// Marks in decoded Basic credentials.
pub(super) fn decoded(shaper: Shaper<'_>, basic: &Basic) -> Vec<Mark> {
    if is_readable(basic) {
        return shaper.marks(basic.password.start, basic.password(), Writing::Plain);
    }
    shaper.marks(0, &basic.decoded, Writing::Plain)
}

/// Marks in `Cookie`: names stay, values are secrets.
pub(super) fn cookies(shaper: Shaper<'_>, value: &[u8]) -> Vec<Mark> {
    let mut marks = Vec::new();
    let mut start = 0;
    for part in value.split(|byte| *byte == b';') {
        marks.extend(cookie(shaper, start, part));
        start += part.len() + 1;
    }
    marks
}

/// Marks in `Set-Cookie`: the first pair's value; attributes stay.
pub(super) fn set_cookie(shaper: Shaper<'_>, value: &[u8]) -> Vec<Mark> {
    cookie(shaper, 0, value.split(|byte| *byte == b';').next().unwrap_or_default())
}

fn cookie(shaper: Shaper<'_>, start: usize, part: &[u8]) -> Vec<Mark> {
    // A pair without `=` may be a value without its name.
    let from = part.iter().position(|byte| *byte == b'=').map_or(0, |at| at + 1);
    let value = part.get(from..).unwrap_or_default();
    let blanks = value.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    shaper.marks(start + from + blanks, value.get(blanks..).unwrap_or_default().trim_ascii_end(), Writing::Plain)
}

/// Marks in `name=value, name="value"` lists: values whose names say that they are secrets.
pub(super) fn parameters(shaper: Shaper<'_>, value: &[u8]) -> Vec<Mark> {
    let mut marks = Vec::new();
    let mut at = 0;
    while let Some(equals) = value.iter().skip(at).position(|byte| *byte == b'=').map(|found| found + at) {
        let name_start = value.iter().take(equals).rposition(|byte| !is_name(*byte)).map_or(0, |before| before + 1);
        let name = String::from_utf8_lossy(value.get(name_start..equals).unwrap_or_default()).into_owned();
        let range = parameter_value(value, equals + 1);
        at = range.end;
        let secret =
            matches!(secrecy(&name), Secrecy::Secret | Secrecy::Maybe) || name.eq_ignore_ascii_case("response");
        if secret {
            marks.extend(shaper.marks(range.start, value.get(range).unwrap_or_default(), Writing::Plain));
        }
    }
    marks
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// A quoted string without its quotes, or everything up to a comma or blank.
fn parameter_value(value: &[u8], start: usize) -> Range<usize> {
    let rest = value.get(start..).unwrap_or_default();
    match rest.first() {
        Some(b'"') => {
            let length = rest.iter().skip(1).position(|byte| *byte == b'"').unwrap_or(rest.len() - 1);
            start + 1..start + 1 + length
        }
        _ => {
            let end = rest.iter().position(|byte| matches!(byte, b',' | b';' | b' ' | b'\t')).unwrap_or(rest.len());
            start..start + end
        }
    }
}

//! Marks in query strings, form bodies and URLs.

use memchr::{memchr, memchr_iter};

use super::names::{Secrecy, secrecy};
use super::secret::{Shaper, Writing, is_random};
use super::shown::Mark;
use super::text::{self, find};
use crate::wire::form;

/// Marks in `name=value&…`.
pub(super) fn pairs(shaper: Shaper<'_>, base: usize, input: &[u8]) -> Vec<Mark> {
    let mut marks = Vec::new();
    let mut after_secret = false;
    let mut began = 0;
    for pair in form::parse(input).pairs {
        let part = |range: &std::ops::Range<usize>| input.get(range.clone()).unwrap_or_default();
        let (at, bare) = (base + pair.raw_name.start, part(&pair.raw_name));
        if !pair.bare {
            after_secret = secrecy(pair.name.trim()) == Secrecy::Secret;
            began = pair.raw_value.start;
            marks.extend(value(shaper, base + pair.raw_value.start, pair.name.trim(), part(&pair.raw_value)));
        } else if after_secret {
            // What follows an unencoded `&` of a secret (`client_secret=ab&cd`) has no name of its own.
            marks.extend(shaper.marks(at, bare, Writing::Encoded));
            let whole = began..pair.raw_name.end;
            marks.push(shaper.aside(base + whole.start, part(&whole), Writing::Encoded));
        } else {
            marks.extend(text::marks(shaper, at, bare));
        }
    }
    marks
}

/// Marks in one raw value of a query or form.
pub(super) fn value(shaper: Shaper<'_>, base: usize, name: &str, raw: &[u8]) -> Vec<Mark> {
    match secrecy(name) {
        Secrecy::Secret | Secrecy::Maybe => shaper.marks(base, raw, Writing::Encoded),
        Secrecy::Public if shaper.whole && is_astray(name, raw) => shaper.marks(base, raw, Writing::Encoded),
        Secrecy::Public => Vec::new(),
        Secrecy::Unknown if shaper.whole => {
            let plain = !raw.contains(&b'%') && !raw.contains(&b'+') && find(raw, b"://", 0).is_none();
            if plain { text::marks(shaper, base, raw) } else { shaper.as_written(base, raw, Writing::EncodedText) }
        }
        Secrecy::Unknown => {
            let marks = text::marks(shaper, base, raw);
            if marks.is_empty() && hides_a_secret(raw) { shaper.marks(base, raw, Writing::Encoded) } else { marks }
        }
    }
}

/// Something else than an id in the place of a client's id, as a secret that was pasted into the wrong field.
fn is_astray(name: &str, raw: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:/@%".contains(byte);
    name.eq_ignore_ascii_case("client_id") && (!raw.iter().all(is_plain) || is_random(raw))
}

/// A URL in a parameter, with secrets in its own query or user information.
fn hides_a_secret(raw: &[u8]) -> bool {
    let inner = form::decode(raw);
    let Some((_, rest)) = inner.split_once("://") else { return false };
    let user = rest.split(['/', '?', '#']).next().unwrap_or_default().contains('@');
    let query = rest.split_once(['?', '#']).map(|(_, query)| query.replace('#', "&")).unwrap_or_default();
    user || form::parse(query.as_bytes())
        .pairs
        .iter()
        .any(|pair| !pair.value.is_empty() && matches!(secrecy(&pair.name), Secrecy::Secret | Secrecy::Maybe))
}

/// Marks in a URL or request target: user information, path, query, fragment.
pub(super) fn url(shaper: Shaper<'_>, base: usize, url: &[u8]) -> Vec<Mark> {
    let fragment = memchr(b'#', url).unwrap_or(url.len());
    let query = memchr(b'?', url.get(..fragment).unwrap_or_default()).unwrap_or(fragment);
    let mut marks = path(shaper, base, url.get(..query).unwrap_or_default());
    for (start, end) in [(query + 1, fragment), (fragment + 1, url.len())] {
        if start < end {
            marks.extend(pairs(shaper, base + start, url.get(start..end).unwrap_or_default()));
        }
    }
    marks
}

/// The part before the query.
fn path(shaper: Shaper<'_>, base: usize, path: &[u8]) -> Vec<Mark> {
    let mut marks = Vec::new();
    let authority = after_scheme(path).or(path.starts_with(b"//").then_some(2)).or(is_authority(path).then_some(0));
    let mut rest_at = 0;
    if let Some(start) = authority {
        let end = path.iter().skip(start).position(|byte| *byte == b'/').map_or(path.len(), |at| at + start);
        marks.extend(user_information(shaper, base + start, path.get(start..end).unwrap_or_default()));
        rest_at = end;
    }
    let rest = path.get(rest_at..).unwrap_or_default();
    let session = session_id(rest);
    if let Some(at) = session {
        marks.extend(shaper.marks(base + rest_at + at, rest.get(at..).unwrap_or_default(), Writing::Encoded));
    }
    let rest = rest.get(..session.unwrap_or(rest.len())).unwrap_or_default();
    marks.extend(match shaper.whole && rest.contains(&b'%') {
        true => shaper.as_written(base + rest_at, rest, Writing::EncodedText),
        false => text::marks(shaper, base + rest_at, rest),
    });
    marks
}

/// Where what follows `://` begins.
fn after_scheme(path: &[u8]) -> Option<usize> {
    memchr_iter(b':', path).find(|at| path.get(at + 1..at + 3) == Some(b"//")).map(|at| at + 3)
}

/// Where the value of `;jsessionid=` begins (Jakarta Servlet 6.1 §7.1.3).
fn session_id(path: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b";jsessionid=";
    let is_name = |at: &usize| path.get(*at..at + NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME));
    memchr_iter(b';', path).find(is_name).map(|at| at + NAME.len())
}

/// The target of a CONNECT, with user information that does not belong there.
fn is_authority(path: &[u8]) -> bool {
    let end = path.iter().position(|byte| matches!(byte, b'/' | b' ' | b'@')).and_then(|at| path.get(at));
    end == Some(&b'@')
}

/// The same in the first line of a head that could not be read.
pub(super) fn in_first_line(shaper: Shaper<'_>, base: usize, line: &[u8]) -> Vec<Mark> {
    let Some(target) = line.iter().position(|byte| *byte == b' ').map(|at| at + 1) else { return Vec::new() };
    let rest = line.get(target..).unwrap_or_default();
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#' | b' ')).unwrap_or(rest.len());
    user_information(shaper, base + target, rest.get(..end).unwrap_or_default())
}

/// `user:password@host`: the password; without a colon, what stands there may be a token.
pub(super) fn user_information(shaper: Shaper<'_>, base: usize, authority: &[u8]) -> Vec<Mark> {
    let Some(at) = authority.iter().rposition(|byte| *byte == b'@') else { return Vec::new() };
    let information = authority.get(..at).unwrap_or_default();
    let start = information.iter().position(|byte| *byte == b':').map_or(0, |colon| colon + 1);
    shaper.marks(base + start, information.get(start..).unwrap_or_default(), Writing::Encoded)
}

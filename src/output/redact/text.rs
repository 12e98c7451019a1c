//! Marks in text that no structure explains: what gives itself away by its own look, wherever it stands.

use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::names::{Secrecy, secrecy};
use super::secret::{Shaper, Writing, is_random};
use super::shown::Mark;

/// Shorter words hold neither a JWT nor a long row.
const LOOK_FROM: usize = 20;
/// A row of mixed characters of this length is no word, path or name.
const RANDOM_FROM: usize = 32;

/// A scheme, a blank and eight bytes: shorter texts without an equals sign hold nothing.
const SHORTEST: usize = "basic 12345678".len();

/// Longer texts are worth a quick look first.
const QUICK: usize = 40;
/// The end of the line that a private key begins with.
const KEY_LINE: &[u8] = b"PRIVATE KEY-----";
static KEY: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(KEY_LINE));

/// Marks for JWTs, `Bearer x` and `Basic x`, private keys, and long rows of random characters.
pub(super) fn marks(shaper: Shaper<'_>, base: usize, text: &[u8]) -> Vec<Mark> {
    if text.len() < SHORTEST && !text.contains(&b'=') || text.len() > QUICK && holds_nothing(text) {
        return Vec::new();
    }
    scan(shaper, base, text)
}

fn scan(shaper: Shaper<'_>, base: usize, text: &[u8]) -> Vec<Mark> {
    let mut marks = private_keys(base, text);
    let mut before: &[u8] = b"";
    for word in words(text) {
        let mut bytes = text.get(word.clone()).unwrap_or_default();
        let scheme = before.eq_ignore_ascii_case(b"bearer") || before.eq_ignore_ascii_case(b"basic");
        if bytes.len() < LOOK_FROM && !scheme && memchr::memchr(b'=', bytes).is_none() {
            before = bytes;
            continue;
        }
        if scheme {
            bytes = credentials(text.get(word.start..).unwrap_or_default());
        }
        if let Some(jwt) = jwt(bytes) {
            let at = word.start + jwt.start;
            marks.extend(shaper.marks(base + at, bytes.get(jwt).unwrap_or_default(), Writing::Token));
        } else if scheme && bytes.len() >= 8 && bytes.iter().any(|byte| byte.is_ascii_digit() || *byte == b'=') {
            marks.extend(shaper.marks(base + word.start, bytes, Writing::Token));
        } else if let Some(at) = assigned(bytes) {
            marks.extend(shaper.marks(base + word.start + at, bytes.get(at..).unwrap_or_default(), Writing::Token));
        } else {
            marks.extend(random_parts(shaper, base + word.start, bytes));
        }
        before = bytes;
    }
    marks
}

/// A quick look at prose: no long row, no equals sign, no scheme, no key.
fn holds_nothing(text: &[u8]) -> bool {
    let scheme = |at: usize| {
        let is = |name: &[u8]| text.get(at..at + name.len()).is_some_and(|word| word.eq_ignore_ascii_case(name));
        is(b"bearer") || is(b"basic")
    };
    !has_long_row(text)
        && memchr::memchr(b'=', text).is_none()
        && !memchr::memchr2_iter(b'b', b'B', text).any(scheme)
        && KEY.find(text).is_none()
}

/// Whether `LOOK_FROM` bytes of which tokens are made stand together; seen from the end of each window, most windows are
/// done with after a few bytes.
fn has_long_row(text: &[u8]) -> bool {
    let mut start = 0;
    while let Some(window) = text.get(start..start + LOOK_FROM) {
        match window.iter().rposition(|byte| !is_part(*byte)) {
            Some(at) => start += at + 1,
            None => return true,
        }
    }
    false
}

/// What follows a scheme, up to what ends it in a sentence or a string: a token that is none may hold any other byte.
fn credentials(rest: &[u8]) -> &[u8] {
    let ends = |byte: &u8| *byte <= b' ' || b"\"'`<>(),;[]{}\\&".contains(byte);
    rest.get(..rest.iter().position(ends).unwrap_or(rest.len())).unwrap_or_default()
}

/// Rows of the characters of which tokens are made.
fn words(text: &[u8]) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..).unwrap_or_default();
        let start = at + rest.iter().position(|byte| is_part(*byte))?;
        let rest = text.get(start..).unwrap_or_default();
        at = rest.iter().position(|byte| !is_part(*byte)).map_or(text.len(), |length| start + length);
        Some(start..at)
    })
}

/// Letters, digits and what tokens are made of beside them, by byte.
#[expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "the compiler computes it for 256 bytes")]
const PARTS: [bool; 256] = {
    let mut parts = [false; 256];
    let mut byte = 0;
    while byte < parts.len() {
        let part = byte as u8;
        parts[byte] = part.is_ascii_alphanumeric() || matches!(part, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=');
        byte += 1;
    }
    parts
};

fn is_part(byte: u8) -> bool {
    PARTS.get(usize::from(byte)).copied().unwrap_or(false)
}

/// Where the value starts in `access_token=x`.
fn assigned(word: &[u8]) -> Option<usize> {
    let equals = memchr::memchr(b'=', word)?;
    let name = String::from_utf8_lossy(word.get(..equals)?);
    (equals + 1 < word.len() && secrecy(&name) == Secrecy::Secret).then_some(equals + 1)
}

/// The JWT in a word: it begins with an encoded `{"` and has two full stops.
fn jwt(word: &[u8]) -> Option<Range<usize>> {
    let start = find(word, b"eyJ", 0)?;
    let rest = word.get(start..)?;
    let stops = rest.iter().filter(|byte| **byte == b'.').count();
    (stops >= 2 && rest.len() >= 20).then_some(start..word.len())
}

/// Random rows of a word, cut at what joins paths and names.
fn random_parts(shaper: Shaper<'_>, base: usize, word: &[u8]) -> Vec<Mark> {
    let slashes = word.iter().filter(|byte| **byte == b'/').count();
    let dots = word.iter().filter(|byte| **byte == b'.').count();
    // Standard base64 has slashes too, but few, and no full stop.
    if dots == 0 && slashes * 12 < word.len() && word.first() != Some(&b'/') && is_long_random(word) {
        return shaper.marks(base, word, Writing::Token);
    }
    let mut marks = Vec::new();
    let mut start = 0;
    for part in word.split(|byte| matches!(byte, b'/' | b'.' | b'=')) {
        if is_long_random(part) {
            marks.extend(shaper.marks(base + start, part, Writing::Token));
        }
        start += part.len() + 1;
    }
    marks
}

fn is_long_random(bytes: &[u8]) -> bool {
    bytes.len() >= RANDOM_FROM && is_random(bytes)
}

/// PEM private keys, also cut ones and ones with escaped line breaks.
fn private_keys(base: usize, text: &[u8]) -> Vec<Mark> {
    let mut marks = Vec::new();
    if KEY.find(text).is_none() {
        return marks;
    }
    let mut at = 0;
    while let Some(start) = find(text, KEY_LINE, at).map(|found| found + KEY_LINE.len()) {
        let end = find(text, b"-----END", start).unwrap_or(text.len());
        marks.push(Mark::known(base + start..base + end, "‹private key›".into()));
        at = find(text, KEY_LINE, end).map_or(text.len(), |found| found + KEY_LINE.len());
    }
    marks
}

/// Where `what` stands in `text`, from `from` on.
pub(super) fn find(text: &[u8], what: &[u8], from: usize) -> Option<usize> {
    if what.is_empty() {
        return None;
    }
    memchr::memmem::find(text.get(from..)?, what).map(|at| at + from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Millis, Salt};

    #[test]
    fn prose_is_known_at_a_glance() {
        let prose = "Can not get to the shared drive. The basement's bears say (again): reboot it, it is number 4711!";
        assert!(holds_nothing(prose.as_bytes()));
        for odd in ["Bearer x1", "basic x", "BASIC", "a=b", "12345678901234567890", "PRIVATE KEY-----"] {
            assert!(!holds_nothing(format!("{prose} {odd} {prose}").as_bytes()), "{odd}");
        }
        assert!(holds_nothing(b"1234567890123456789 1234567890123456789"), "rows of 19");
    }

    proptest! {
        #[test]
        fn what_the_glance_passes_over_holds_no_mark(text in "([a-z]{1,9}[ ,.:]|[ -~]{0,9}|[bB]asic |Bearer |[0-9a-f.]{15,24}){0,12}") {
            let salt = Salt::new([7; 32]);
            let shaper = Shaper { salt: &salt, at: Millis(0), whole: true };
            if holds_nothing(text.as_bytes()) {
                prop_assert!(scan(shaper, 0, text.as_bytes()).is_empty());
            }
        }
    }
}

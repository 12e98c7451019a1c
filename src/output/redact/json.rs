//! Marks in JSON at any depth, also where it is cut or not quite JSON: a scan of its strings that never gives up.

use std::ops::Range;

use super::names::{Secrecy, secrecy, secrecy_of};
use super::secret::{Shaper, Writing};
use super::shown::Mark;
use super::{form, text};
use crate::model::lossy;

/// Deeper than this, everything is taken for a secret.
const DEPTH_LIMIT: usize = 512;

/// What the names on the way down say of the values here.
#[derive(Clone, Copy)]
struct Level {
    /// A name further up was a secret's: every value below is one, unless its own name says otherwise.
    within_secret: bool,
    here: Secrecy,
}

/// Marks for string and number values.
pub(super) fn marks(shaper: Shaper<'_>, input: &[u8]) -> Vec<Mark> {
    let mut marks = Vec::new();
    let mut levels = vec![Level { within_secret: false, here: Secrecy::Unknown }];
    let mut names = Names::default();
    let mut too_deep = 0usize;
    let mut at = 0;
    while let Some(&byte) = input.get(at) {
        let here =
            if too_deep > 0 { Secrecy::Secret } else { levels.last().map_or(Secrecy::Unknown, |level| level.here) };
        match byte {
            b'{' | b'[' if levels.len() >= DEPTH_LIMIT => too_deep += 1,
            b'{' | b'[' => levels.push(Level { within_secret: here == Secrecy::Secret, here }),
            b'}' | b']' if too_deep > 0 => too_deep -= 1,
            b'}' | b']' if levels.len() > 1 => levels.truncate(levels.len() - 1),
            b'"' | b'\'' => {
                let inner = string(input, at);
                at = inner.end;
                if is_name(input, inner.end + 1) {
                    let said = names.secrecy(input.get(inner).unwrap_or_default());
                    if let Some(level) = levels.last_mut() {
                        level.name(said);
                    }
                } else {
                    marks.extend(value(shaper, here, inner.start, input.get(inner).unwrap_or_default()));
                }
            }
            b'0'..=b'9' | b'-' if here == Secrecy::Secret => {
                let length =
                    input.iter().skip(at).take_while(|byte| byte.is_ascii_alphanumeric() || b"-+.".contains(byte));
                let length = length.count();
                marks.extend(shaper.marks(at, input.get(at..at + length).unwrap_or_default(), Writing::Plain));
                at += length - 1;
            }
            _ => {}
        }
        at += 1;
    }
    marks
}

/// The inside of the string that opens at `open`; to the end of the input where it is not closed.
fn string(input: &[u8], open: usize) -> Range<usize> {
    let quote = input.get(open).copied().unwrap_or(b'"');
    let mut at = open + 1;
    while let Some(next) = input.get(at..).and_then(|rest| memchr::memchr2(quote, b'\\', rest)) {
        at += next;
        if input.get(at) == Some(&quote) {
            return open + 1..at;
        }
        at += 2;
    }
    open + 1..input.len()
}

/// Whether a colon follows: the string was a member's name.
fn is_name(input: &[u8], from: usize) -> bool {
    input.iter().skip(from).find(|byte| !byte.is_ascii_whitespace()) == Some(&b':')
}

impl Level {
    fn name(&mut self, said: Secrecy) {
        self.here = if self.within_secret && said != Secrecy::Public { Secrecy::Secret } else { said };
    }
}

/// What names said that were met before: the rows of a table have the same ones.
#[derive(Default)]
struct Names<'a>([(&'a [u8], Option<Secrecy>); PLACES]);

const PLACES: usize = 32;

impl<'a> Names<'a> {
    fn secrecy(&mut self, raw: &'a [u8]) -> Secrecy {
        let ends = raw.first().zip(raw.last()).map_or(0, |(first, last)| usize::from(first ^ last >> 1));
        let place = self.0.get_mut((raw.len() ^ ends) % PLACES);
        if let Some((_, Some(said))) = place.as_ref().filter(|place| place.0 == raw) {
            return *said;
        }
        let said = if raw.contains(&b'\\') { secrecy(&unescaped(raw)) } else { secrecy_of(raw) };
        place.into_iter().for_each(|place| *place = (raw, Some(said)));
        said
    }
}

fn value(shaper: Shaper<'_>, here: Secrecy, at: usize, raw: &[u8]) -> Vec<Mark> {
    let secret = match here {
        Secrecy::Secret => true,
        Secrecy::Maybe => is_opaque(raw),
        Secrecy::Public | Secrecy::Unknown => false,
    };
    if secret && raw.contains(&b'\\') {
        return vec![shaper.escaped(at..at + raw.len(), unescaped(raw).as_bytes())];
    }
    if secret {
        return shaper.marks(at, raw, Writing::Plain);
    }
    if here == Secrecy::Public {
        return Vec::new();
    }
    if shaper.whole && raw.contains(&b'\\') {
        return shaper.as_written(at, raw, Writing::JsonText);
    }
    if raw.starts_with(b"http://") || raw.starts_with(b"https://") {
        return form::url(shaper, at, raw);
    }
    text::marks(shaper, at, raw)
}

/// One long word of letters and digits: an authorization code rather than an error code.
fn is_opaque(raw: &[u8]) -> bool {
    let count = |test: fn(&u8) -> bool| raw.iter().filter(|byte| test(byte)).count();
    raw.len() >= 16
        && count(u8::is_ascii_digit) >= 2
        && count(u8::is_ascii_alphabetic) >= 2
        && !raw.iter().any(u8::is_ascii_whitespace)
}

fn unescaped(raw: &[u8]) -> String {
    let text = lossy(raw);
    serde_json::from_str(&format!("\"{text}\"")).unwrap_or_else(|_| text.into_owned())
}

//! The shape that stands for a secret: its length, what it is, its tag. What is odd about it stays visible, for that is
//! the evidence: quotes, blanks, line breaks, percent signs, unresolved variables.

use std::ops::Range;

use super::clean::{brief, is_odd};
use super::shown::Mark;
use super::written::{Written, hex_byte};
use crate::model::{Millis, Salt};
use crate::wire::{date, form, jwt, template};

/// How a secret is written, and so which of its bytes are odd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writing {
    /// After a scheme: whatever RFC 6750's `b64token` does not have is odd.
    Token,
    /// Percent-encoded, in a query or a form: what decodes to a blank, a control or a quote is odd.
    Encoded,
    /// Percent-encoded outside of a form: a plus sign is one. Only for what is looked for.
    Percent,
    /// As it is: controls, and blanks and quotes at the ends are odd.
    Plain,
    /// Inside a string of JSON with escapes.
    Json,
    /// In markup, with its entities.
    Markup,
    /// The base64 text of Basic credentials.
    Basic,
    /// Percent-encoded text that may hold secrets, not one itself; only where whole values are marked.
    EncodedText,
    /// A string of JSON with escapes that may hold secrets; only where whole values are marked.
    JsonText,
}

/// More odd places than this, and the whole value is one shape: it is no token with a flaw in it.
const ODD_LIMIT: usize = 12;
/// A part of a secret gets a tag of its own when it is at least this long, in characters.
const TAG_FROM: usize = 16;
/// A secret of at least this many bytes is looked for everywhere else.
const KNOWN_FROM: usize = 8;

/// Makes shapes for one exchange.
#[derive(Clone, Copy)]
pub(super) struct Shaper<'a> {
    pub salt: &'a Salt,
    /// When the exchange was: dates of the same day are shown as a time alone.
    pub at: Millis,
    /// A mark covers a value as a whole, with all that is odd about it: for stand-ins, which keep that themselves.
    pub whole: bool,
}

impl Shaper<'_> {
    /// Marks for the secret `raw`, which starts at `base` of the value.
    pub fn marks(&self, base: usize, raw: &[u8], writing: Writing) -> Vec<Mark> {
        if self.whole {
            return whole(base, raw, writing);
        }
        let hidden = hidden(raw, writing);
        // Around an unresolved variable nothing is known as a whole: the variable is no secret.
        let words = if writing == Writing::Token { leading_words(raw) } else { 0 };
        let cut =
            hidden.first().is_some_and(|first| *first != (words..raw.len())) && placeholder(raw, writing).is_none();
        let aside = cut.then(|| self.aside(base + words, raw.get(words..).unwrap_or_default(), writing));
        let mark = |part: Range<usize>| {
            let bytes = raw.get(part.clone()).unwrap_or_default();
            self.read(base + part.start, bytes, writing, hidden.len() == 1)
        };
        hidden.iter().cloned().map(mark).chain(aside).collect()
    }

    /// What is to be known of `raw` as a whole, which has marks of its own.
    pub fn aside(&self, base: usize, raw: &[u8], writing: Writing) -> Mark {
        Mark { aside: true, ..self.read(base, raw, writing, true) }
    }

    /// A mark with all that the secret may be.
    fn read(&self, base: usize, raw: &[u8], writing: Writing, alone: bool) -> Mark {
        let plain = match writing {
            Writing::Encoded => form::decode(raw).into_bytes(),
            Writing::Markup => Written::new(raw, writing).decoded,
            _ => raw.to_vec(),
        };
        let mark = self.mark(base..base + raw.len(), &plain, writing, alone);
        Mark { secrets: readings(raw, plain), ..mark }
    }

    /// One mark over the escaped string `range` of JSON, for the secret `plain`.
    pub fn escaped(&self, range: Range<usize>, plain: &[u8]) -> Mark {
        self.mark(range, plain, Writing::Json, true)
    }

    /// One mark over all of `raw`.
    pub fn as_written(&self, base: usize, raw: &[u8], writing: Writing) -> Vec<Mark> {
        if raw.is_empty() { Vec::new() } else { vec![self.mark(base..base + raw.len(), raw, writing, true)] }
    }

    fn mark(&self, range: Range<usize>, plain: &[u8], writing: Writing, alone: bool) -> Mark {
        if self.whole {
            // Its bytes are exchanged, and nobody reads a shape.
            return Mark { range, text: String::new(), secrets: Vec::new(), writing, aside: false };
        }
        let text = String::from_utf8_lossy(plain);
        let count = text.chars().count();
        let kind = match jwt::decode(&text) {
            Some(jwt) => self.jwt(&jwt),
            None => shape(&text, count, writing),
        };
        let tagged = alone || count >= TAG_FROM;
        let tag = if tagged { format!(" {}", self.salt.tag(plain)) } else { String::new() };
        Mark { range, text: format!("‹{kind}{tag}›"), secrets: vec![plain.to_vec()], writing, aside: false }
    }

    fn jwt(&self, jwt: &jwt::Jwt) -> String {
        let mut facts = format!("JWT alg {}", brief(jwt.alg().unwrap_or("none"), 16));
        if let Some(exp) = jwt.date("exp") {
            facts.push_str(&format!(", exp {}", self.moment(exp)));
        }
        facts
    }

    /// The time alone on the day of the exchange, else with its date.
    fn moment(&self, at: Millis) -> String {
        let (text, today) = (date::iso(at), date::iso(self.at));
        let day = |text: &str| text.split('T').next().unwrap_or_default().to_owned();
        if day(&text) == day(&today) { date::clock(at) } else { format!("{} {}", day(&text), date::clock(at)) }
    }
}

/// What a secret may be: as it is written, as its writing says, and where it was percent-encoded without need or half; each
/// without what stands around it.
fn readings(raw: &[u8], plain: Vec<u8>) -> Vec<Vec<u8>> {
    let mut readings = vec![plain, raw.to_vec(), percent_encoding::percent_decode(raw).collect()];
    readings.dedup();
    let bare = readings.iter().filter_map(|reading| Some(reading.get(trimmed(reading))?.to_vec()));
    let bare: Vec<Vec<u8>> = bare.filter(|bare| !readings.contains(bare)).collect();
    readings.extend(bare);
    readings
}

/// A secret without the quotes, brackets, blanks and invisible characters around it.
pub(super) fn trimmed(text: &[u8]) -> Range<usize> {
    let is_around = |c: char| is_odd(c) || matches!(c, ' ' | '"' | '\'' | '`' | '<' | '>');
    let Ok(text) = std::str::from_utf8(text) else { return 0..text.len() };
    let start = text.len() - text.trim_start_matches(is_around).len();
    start..text.trim_end_matches(is_around).len().max(start)
}

fn shape(text: &str, count: usize, writing: Writing) -> String {
    let what = if count == 1 { "char" } else { "chars" };
    let hex = count >= 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if writing != Writing::Token || !hex { format!("{count} {what}") } else { format!("{count} hex {what}") }
}

/// Worth looking for elsewhere: long enough, and not one plain word that any text may hold.
pub fn is_strong(plain: &[u8]) -> bool {
    let has = |test: fn(&u8) -> bool| usize::from(plain.iter().any(test));
    let classes = has(u8::is_ascii_lowercase)
        + has(u8::is_ascii_uppercase)
        + has(u8::is_ascii_digit)
        + has(|byte| !byte.is_ascii_alphanumeric());
    plain.len() >= KNOWN_FROM && classes >= 2
}

/// The parts of a secret that must not be shown: everything but placeholders and odd bytes.
pub(super) fn hidden(raw: &[u8], writing: Writing) -> Vec<Range<usize>> {
    if raw.is_empty() || is_nothing(raw) {
        return Vec::new();
    }
    let open = visible(raw, writing);
    let parts = between(&open, raw.len());
    if placeholder(raw, writing).is_some() {
        return parts;
    }
    let words = open.first().map_or(0, |range| range.end);
    let secret: usize = parts.iter().map(Range::len).sum();
    let only_blanks =
        secret == 0 && raw.iter().skip(words).all(|byte| byte.is_ascii_whitespace() || b"\"'`".contains(byte));
    let shredded = parts.len() > ODD_LIMIT || secret < (raw.len() - words) / 2 && !only_blanks;
    if shredded { std::iter::once(words..raw.len()).collect() } else { parts }
}

/// One mark over the value, without what may be shown for certain: words for nothing, an unresolved variable, the scheme
/// words in front of a token.
fn whole(base: usize, raw: &[u8], writing: Writing) -> Vec<Mark> {
    if raw.is_empty() || is_nothing(raw) {
        return Vec::new();
    }
    let parts = match placeholder(raw, writing) {
        Some(span) => between(&[span], raw.len()),
        None if writing == Writing::Token => std::iter::once(leading_words(raw)..raw.len()).collect(),
        None => std::iter::once(0..raw.len()).collect(),
    };
    let mark = |part: Range<usize>| {
        let range = base + part.start..base + part.end;
        Mark { range, text: String::new(), secrets: Vec::new(), writing, aside: false }
    };
    parts.into_iter().map(mark).collect()
}

/// The words for "no value" are no secret, in quotes or not.
fn is_nothing(raw: &[u8]) -> bool {
    let text = String::from_utf8_lossy(raw);
    template::literal_null(text.trim().trim_matches(['"', '\'', '`']))
}

/// Ranges that may be shown, in order.
fn visible(raw: &[u8], writing: Writing) -> Vec<Range<usize>> {
    if let Some(span) = placeholder(raw, writing) {
        return vec![span];
    }
    let words = if writing == Writing::Token { leading_words(raw) } else { 0 };
    let mut open: Vec<Range<usize>> = std::iter::once(0..words).collect();
    let mut at = words;
    while at < raw.len() {
        let length = odd(raw, at, writing);
        if length > 0 {
            open.push(at..at + length);
        }
        at += length.max(1);
    }
    open
}

/// How many bytes at `at` are odd; 0 where the byte belongs to the secret.
fn odd(raw: &[u8], at: usize, writing: Writing) -> usize {
    let rest = raw.get(at..).unwrap_or_default();
    let Some(&byte) = rest.first() else { return 0 };
    let encoded = hex_byte(rest);
    match writing {
        Writing::Token if encoded.is_some() => 3,
        Writing::Token => usize::from(!is_b64token(byte)),
        Writing::Encoded => match encoded {
            Some(byte) if byte.is_ascii_whitespace() || byte.is_ascii_control() || matches!(byte, b'"' | b'\'') => 3,
            Some(_) => 0,
            None => usize::from(byte == b'+' || byte == b'%' || byte <= b' '),
        },
        Writing::Plain | Writing::Json | Writing::Markup
            if at_an_end(raw, at) && matches!(byte, b' ' | b'"' | b'\'' | b'`') =>
        {
            1
        }
        // Texts as they are written and Basic are exchanged as wholes and not looked at here.
        _ => odd_character(rest),
    }
}

fn is_b64token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
}

/// Only blanks and quotes lie between here and one of the ends.
fn at_an_end(raw: &[u8], at: usize) -> bool {
    let edge = |byte: &u8| matches!(byte, b' ' | b'"' | b'\'' | b'`' | b'\r' | b'\n' | b'\t');
    raw.iter().take(at).all(edge) || raw.iter().skip(at).all(edge)
}

/// The length of an invisible or control character at the start.
fn odd_character(rest: &[u8]) -> usize {
    let chunk = rest.get(..rest.len().min(4)).unwrap_or_default();
    let first = chunk.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next());
    first.filter(|c| is_odd(*c)).map_or(0, char::len_utf8)
}

/// Scheme words and the header's own name before a token: `Bearer `, `Authorization: Bearer `, `token=`.
fn leading_words(raw: &[u8]) -> usize {
    const WORDS: [&[u8]; 6] = [b"authorization", b"access_token", b"bearer", b"basic", b"token", b"oauth"];
    let mut end = 0;
    loop {
        let rest = raw.get(end..).unwrap_or_default();
        let word =
            WORDS.iter().find(|word| rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word)));
        let length = word.map_or(0, |word| word.len());
        let joints =
            rest.iter().skip(length).take_while(|byte| matches!(byte, b' ' | b'\t' | b':' | b'=' | b',' | b';'));
        let joints = joints.count();
        if joints == 0 || length + joints == rest.len() {
            return end;
        }
        end += length + joints;
    }
}

/// An unresolved variable or sample text that may be shown. What looks like one and holds something random is none.
fn placeholder(raw: &[u8], writing: Writing) -> Option<Range<usize>> {
    let text = std::str::from_utf8(raw).ok()?;
    let found = template::placeholder(text);
    let (span, inner) = match found {
        Some(span) => (span.clone(), text.get(span)?.to_owned()),
        None if writing == Writing::Encoded => {
            let decoded = form::decode(raw);
            let span = template::placeholder(&decoded)?;
            // The whole of it or nothing: offsets of decoded text are none of the raw text.
            (span == (0..decoded.len())).then_some((0..raw.len(), decoded))?
        }
        None => return None,
    };
    let harmless = inner.len() <= 64 && !is_random(inner.as_bytes());
    (harmless && (writing == Writing::Token || says_so(&inner))).then_some(span)
}

/// People do choose `my_password` and `$winter` as passwords: sample text has to say that it is one.
fn says_so(inner: &str) -> bool {
    const MARKS: [&str; 8] = ["your", "here", "insert", "replace", "enter", "placeholder", "example", "paste"];
    let lower = inner.to_ascii_lowercase();
    let variable =
        inner.strip_prefix('$').is_some_and(|name| name.starts_with("env:") || name == name.to_ascii_uppercase());
    let enclosed = inner.starts_with(['{', '<', '%']) || inner.starts_with("${") || inner.starts_with("#{");
    let sampled = inner.chars().all(|c| matches!(c, 'x' | 'X' | '*' | '.' | '…'));
    variable || enclosed || sampled || MARKS.iter().any(|mark| lower.contains(mark))
}

/// Mixed cases and digits in a row, or a long row of hexadecimal digits: nobody wrote that by hand.
pub(super) fn is_random(bytes: &[u8]) -> bool {
    let count = |test: fn(&u8) -> bool| bytes.iter().filter(|byte| test(byte)).count();
    let digits = count(u8::is_ascii_digit);
    let hex = bytes.len() >= 40 && digits >= 4 && bytes.iter().all(u8::is_ascii_hexdigit);
    let mixed =
        bytes.len() >= 20 && digits >= 2 && count(u8::is_ascii_uppercase) >= 2 && count(u8::is_ascii_lowercase) >= 2;
    hex || mixed
}

/// What lies between the open ranges, without empty parts.
fn between(open: &[Range<usize>], length: usize) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut at = 0;
    for range in open.iter().chain(std::iter::once(&(length..length))) {
        if range.start > at {
            parts.push(at..range.start);
        }
        at = at.max(range.end);
    }
    parts
}

#[cfg(test)]
#[path = "secret_tests.rs"]
mod tests;

//! Written text as units: what each raw piece stands for, so that what it stands for can be exchanged and be written again
//! in the same way, percent sign for percent sign.

use std::ops::Range;

use memchr::{memchr, memchr2};

use super::secret::Writing;
use crate::wire::form;

/// A row of bytes that stand for themselves, or one decoded byte or character and the raw bytes that stand for it.
struct Unit {
    raw: Range<usize>,
    decoded: Range<usize>,
    style: Style,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Literal,
    /// `%2b`, with the case of its letters.
    Percent {
        upper: bool,
    },
    /// `\u00e4`
    Unicode,
    /// `&#228;`
    Entity,
    /// `\n`, `\"`, `&amp;`: never exchanged.
    Short,
}

/// Text taken apart.
pub(super) struct Written {
    units: Vec<Unit>,
    pub decoded: Vec<u8>,
}

impl Written {
    pub fn new(raw: &[u8], writing: Writing) -> Written {
        let mut written = Written { units: Vec::new(), decoded: Vec::with_capacity(raw.len()) };
        let mut at = 0;
        while let Some(rest) = raw.get(at..).filter(|rest| !rest.is_empty()) {
            let plain = match writing {
                Writing::Encoded | Writing::EncodedText => memchr2(b'%', b'+', rest),
                Writing::Percent => memchr(b'%', rest),
                Writing::Json | Writing::JsonText => memchr(b'\\', rest),
                Writing::Markup => memchr(b'&', rest),
                Writing::Token | Writing::Plain | Writing::Basic => None,
            };
            at += match (plain.unwrap_or(rest.len()), writing) {
                (0, Writing::Encoded | Writing::EncodedText | Writing::Percent) => written.percent(at, rest),
                (0, Writing::Json | Writing::JsonText) => written.json(at, rest),
                (0, _) => written.markup(at, rest),
                (length, _) => written.literal(at, rest, length),
            };
        }
        written
    }

    /// Nothing in it is written otherwise than it is.
    pub fn is_plain(&self) -> bool {
        self.units.iter().all(|unit| unit.style == Style::Literal)
    }

    /// The raw bytes that stand for decoded ones.
    pub fn raw(&self, decoded: &Range<usize>) -> Range<usize> {
        let within = |unit: &&Unit| unit.decoded.start < decoded.end;
        let first = self.units.partition_point(|unit| unit.decoded.end <= decoded.start);
        let met = self.units.get(first..).unwrap_or_default().iter().take_while(within);
        let ranges = met.map(|unit| match unit.style {
            Style::Literal => {
                let from = decoded.start.max(unit.decoded.start) - unit.decoded.start;
                let to = decoded.end.min(unit.decoded.end) - unit.decoded.start;
                unit.raw.start + from..unit.raw.start + to
            }
            _ => unit.raw.clone(),
        });
        ranges.reduce(|one, other| one.start..other.end).unwrap_or_default()
    }

    fn push(&mut self, raw: Range<usize>, bytes: &[u8], style: Style) -> usize {
        let (start, length) = (self.decoded.len(), raw.len());
        self.decoded.extend_from_slice(bytes);
        self.units.push(Unit { raw, decoded: start..self.decoded.len(), style });
        length
    }

    fn literal(&mut self, at: usize, rest: &[u8], length: usize) -> usize {
        self.push(at..at + length, rest.get(..length).unwrap_or_default(), Style::Literal)
    }

    fn percent(&mut self, at: usize, rest: &[u8]) -> usize {
        if rest.first() == Some(&b'+') {
            return self.push(at..at + 1, b" ", Style::Short);
        }
        match hex_byte(rest) {
            Some(byte) => {
                let upper = !rest.iter().take(3).any(u8::is_ascii_lowercase);
                self.push(at..at + 3, &[byte], Style::Percent { upper })
            }
            None => self.literal(at, rest, 1),
        }
    }

    fn json(&mut self, at: usize, rest: &[u8]) -> usize {
        let short = |byte: u8| (at..at + 2, [byte]);
        let (raw, byte) = match rest.get(1) {
            Some(b'n') => short(b'\n'),
            Some(b'r') => short(b'\r'),
            Some(b't') => short(b'\t'),
            Some(b'b') => short(8),
            Some(b'f') => short(12),
            Some(b'u') => return self.unicode(at, rest),
            Some(byte) => short(*byte),
            None => return self.literal(at, rest, 1),
        };
        self.push(raw, &byte, Style::Short)
    }

    /// `\u0041`, or a pair of surrogates; what is neither stands for itself.
    fn unicode(&mut self, at: usize, rest: &[u8]) -> usize {
        let first = hex_unit(rest, 0);
        let pair = first
            .zip(hex_unit(rest, 6))
            .and_then(|(high, low)| char::decode_utf16([high, low]).next()?.ok().filter(|c| c.len_utf16() == 2));
        let single = first.and_then(|unit| char::from_u32(u32::from(unit)));
        let (c, length) = match (pair, single) {
            (Some(c), _) => (c, 12),
            (None, Some(c)) => (c, 6),
            (None, None) => return self.literal(at, rest, 1),
        };
        self.push(at..at + length, c.encode_utf8(&mut [0; 4]).as_bytes(), Style::Unicode)
    }

    fn markup(&mut self, at: usize, rest: &[u8]) -> usize {
        let end = rest.iter().take(12).position(|byte| *byte == b';').filter(|_| rest.first() == Some(&b'&'));
        let name = end.and_then(|end| std::str::from_utf8(rest.get(1..end)?).ok());
        let (c, style) = match name {
            Some("amp") => ('&', Style::Short),
            Some("lt") => ('<', Style::Short),
            Some("gt") => ('>', Style::Short),
            Some("quot") => ('"', Style::Short),
            Some("apos") => ('\'', Style::Short),
            Some(name) => match numeric(name) {
                Some(c) => (c, Style::Entity),
                None => return self.literal(at, rest, 1),
            },
            None => return self.literal(at, rest, 1),
        };
        let length = end.map_or(1, |end| end + 1);
        self.push(at..at + length, c.encode_utf8(&mut [0; 4]).as_bytes(), style)
    }

    /// The raw text again with other decoded bytes, of whatever number. What is the same at both ends stays as written.
    pub fn respelt(&self, raw: &[u8], decoded: &[u8], writing: Writing) -> Vec<u8> {
        if decoded.len() == self.decoded.len() {
            return self.rewritten(raw, decoded);
        }
        let same = |(one, other): &(&u8, &u8)| one == other;
        let before = self.decoded.iter().zip(decoded).take_while(same).count();
        let most = self.decoded.len().min(decoded.len()) - before;
        let after = self.decoded.iter().rev().zip(decoded.iter().rev()).take(most).take_while(same).count();
        let new = String::from_utf8_lossy(decoded.get(before..decoded.len() - after).unwrap_or_default());
        let new = match writing {
            Writing::Encoded | Writing::EncodedText | Writing::Percent => form::encode(&new),
            Writing::Json | Writing::JsonText => escaped(&new),
            _ => new.replace('&', "&amp;").replace('<', "&lt;"),
        };
        let head = raw.get(..self.raw(&(0..before)).end);
        let tail = raw.get(raw.len() - self.raw(&(self.decoded.len() - after..self.decoded.len())).len()..);
        [head.unwrap_or_default(), new.as_bytes(), tail.unwrap_or_default()].concat()
    }

    /// The raw text again with other decoded bytes, which must be as many. Units whose bytes are the same stay as written.
    pub fn rewritten(&self, raw: &[u8], decoded: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(raw.len());
        for unit in &self.units {
            let (old, new) = (self.decoded.get(unit.decoded.clone()), decoded.get(unit.decoded.clone()));
            match new.filter(|new| Some(*new) != old) {
                Some(new) => write(new, unit.style, &mut out),
                None => out.extend_from_slice(raw.get(unit.raw.clone()).unwrap_or_default()),
            }
        }
        out
    }
}

/// As in a string of JSON.
fn escaped(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap_or_default();
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
}

fn write(new: &[u8], style: Style, out: &mut Vec<u8>) {
    match style {
        Style::Literal | Style::Short => out.extend_from_slice(new),
        Style::Percent { upper } => {
            for byte in new {
                let text = if upper { format!("%{byte:02X}") } else { format!("%{byte:02x}") };
                out.extend_from_slice(text.as_bytes());
            }
        }
        Style::Entity => {
            for c in String::from_utf8_lossy(new).chars() {
                out.extend_from_slice(format!("&#{};", u32::from(c)).as_bytes());
            }
        }
        Style::Unicode => {
            for unit in String::from_utf8_lossy(new).encode_utf16() {
                out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
            }
        }
    }
}

/// The byte that `%XX` at the start stands for.
pub(super) fn hex_byte(rest: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = rest else { return None };
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? * 16 + digit(low)?)
}

/// The character of `#65` or `#x41`.
fn numeric(name: &str) -> Option<char> {
    let digits = name.strip_prefix('#')?;
    let number = match digits.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
        None => digits.parse().ok()?,
    };
    char::from_u32(number)
}

/// The number in `\uXXXX` at `from`.
fn hex_unit(rest: &[u8], from: usize) -> Option<u16> {
    let text = std::str::from_utf8(rest.get(from..from + 6)?).ok()?;
    u16::from_str_radix(text.strip_prefix("\\u")?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchanged(raw: &str, writing: Writing, from: u8, to: u8) -> String {
        let written = Written::new(raw.as_bytes(), writing);
        let other: Vec<u8> = written.decoded.iter().map(|byte| if *byte == from { to } else { *byte }).collect();
        String::from_utf8(written.rewritten(raw.as_bytes(), &other)).unwrap()
    }

    #[test]
    fn what_is_exchanged_is_written_as_it_was() {
        assert_eq!(exchanged("a+b%61%2b%2B%zz", Writing::Encoded, b'a', b'x'), "x+b%78%2b%2B%zz");
        assert_eq!(
            exchanged(r"a\u0061\n\/\u00e4\ud83d\ude00\x", Writing::Json, b'a', b'x'),
            r"x\u0078\n\/\u00e4\ud83d\ude00\x"
        );
        assert_eq!(exchanged(r"a\r\t\b\f\/\\", Writing::Json, b'a', b'x'), r"x\r\t\b\f\/\\");
        assert_eq!(Written::new(br"\r\n\t\b\f\/\\", Writing::Json).decoded, b"\r\n\t\x08\x0c/\\");
        assert_eq!(Written::new(br"\u0041\u0042\ud83d\ude00", Writing::Json).decoded, "AB😀".as_bytes());
        assert_eq!(exchanged("a%61", Writing::Plain, b'a', b'x'), "x%61");
        assert_eq!(exchanged("a&#97;&amp;&#x61;&a;&", Writing::Markup, b'a', b'x'), "x&#120;&amp;&#120;&x;&");
    }

    #[test]
    fn bytes_of_another_number_are_written_anew_and_their_neighbours_stay() {
        for (raw, writing, decoded, respelt) in [
            ("a%20b%3Dc%2F", Writing::Encoded, "a b=q&qc/", "a%20b%3Dq%26qc%2F"),
            ("a%20b+c%2F", Writing::Percent, "a b/", "a%20b%2F"),
            (r#"\u0061\"b\"\n"#, Writing::Json, "a\"b\"\"c\"\n", r#"\u0061\"b\"\"c\"\n"#),
            ("&#97;&amp;b&lt;", Writing::Markup, "a&x<&b<", "&#97;&amp;x&lt;&amp;b&lt;"),
            ("a%20b", Writing::EncodedText, "a c", "a%20c"),
            ("x%20x", Writing::Encoded, "x x x", "x%20x%20x"),
        ] {
            let written = Written::new(raw.as_bytes(), writing);
            let other = String::from_utf8(written.respelt(raw.as_bytes(), decoded.as_bytes(), writing)).unwrap();
            assert_eq!(other, respelt);
            assert_eq!(Written::new(other.as_bytes(), writing).decoded, decoded.as_bytes());
        }
    }

    #[test]
    fn decoded_bytes_lead_to_the_raw_bytes_that_stand_for_them() {
        let written = Written::new(b"ab%20cd%3D%3De", Writing::Encoded);
        assert_eq!(written.decoded, b"ab cd==e");
        for (decoded, raw) in [(0..1, 0..1), (1..3, 1..5), (2..3, 2..5), (3..5, 5..7), (4..6, 6..10), (6..8, 10..14)] {
            assert_eq!(written.raw(&decoded), raw, "{decoded:?}");
        }
        assert_eq!(written.raw(&(3..3)), 0..0);
        assert!(!written.is_plain() && Written::new(b"ab", Writing::Encoded).is_plain());
    }

    #[test]
    fn what_is_not_exchanged_stays_byte_for_byte() {
        for raw in ["", "%", "%4", "\\", "\\u12", "\\ud83d", "\\ud83dx", "ä\\u00E4", "&", "&#;", "&#99999999;"] {
            for writing in [Writing::Encoded, Writing::Json, Writing::Markup, Writing::Plain] {
                assert_eq!(exchanged(raw, writing, 0, 0), raw);
            }
        }
    }
}

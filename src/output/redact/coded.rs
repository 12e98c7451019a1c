//! Known secrets inside of what is written otherwise: percent-encoded, escaped, in base64 and base16, and these in each
//! other.

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};

use super::known::Known;
use super::secret::Writing;
use super::written::Written;

/// Padding or not, and whatever the last digit's unused bits are.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true)
    .with_encode_padding(false);
pub(super) static STANDARD: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);
pub(super) static URL_SAFE: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::URL_SAFE, LENIENT);

/// Encoded runs shorter than this hold no secret that is looked for: eight bytes are as many digits of base64.
const RUN_FROM: usize = 11;
/// Writings within writings are undone up to this many times.
const DEPTH: usize = 2;
/// The writings that are undone.
const LAYERS: [Writing; 4] = [Writing::Percent, Writing::Encoded, Writing::Json, Writing::Markup];

/// The digits of a run.
#[derive(Clone, Copy)]
enum Digits {
    Base64,
    Base64Url,
    Base16,
}

const DIGITS: [Digits; 3] = [Digits::Base64, Digits::Base64Url, Digits::Base16];

impl Digits {
    fn has(self, byte: u8) -> bool {
        match self {
            Digits::Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'),
            Digits::Base64Url => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'),
            Digits::Base16 => byte.is_ascii_hexdigit(),
        }
    }

    /// How many digits make whole bytes.
    fn group(self) -> usize {
        if matches!(self, Digits::Base16) { 2 } else { 4 }
    }

    /// Rows of the text that are long enough to hold a secret.
    fn rows(self, text: &[u8]) -> impl Iterator<Item = Range<usize>> {
        let mut at = 0;
        std::iter::from_fn(move || {
            while at < text.len() {
                let length = text.iter().skip(at).take_while(|byte| self.has(**byte)).count();
                let row = at..at + length;
                at = row.end + 1;
                if length >= RUN_FROM {
                    return Some(row);
                }
            }
            None
        })
    }

    /// The digits of a row that are whole bytes, where the first byte begins at its digit `first`: other digits may stand
    /// before it.
    fn run(self, first: usize, length: usize) -> Option<Range<usize>> {
        let rest = length.checked_sub(first)?;
        let odd = if matches!(self, Digits::Base16) { rest % 2 } else { usize::from(rest % 4 == 1) };
        Some(first..length - odd)
    }

    /// All runs of a row, as ranges of the text.
    fn runs(self, row: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let length = row.len();
        let runs = (0..self.group()).filter_map(move |first| self.run(first, length));
        runs.map(move |run| row.start + run.start..row.start + run.end)
    }

    fn decoded(self, run: &[u8]) -> Option<Vec<u8>> {
        match self {
            Digits::Base64 => STANDARD.decode(run).ok(),
            Digits::Base64Url => URL_SAFE.decode(run).ok(),
            Digits::Base16 => from_hex(run),
        }
    }

    fn encoded(self, bytes: &[u8], like: &[u8]) -> Vec<u8> {
        let upper = !like.iter().any(u8::is_ascii_lowercase);
        let digit = |byte: &u8| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
        match self {
            Digits::Base64 => STANDARD.encode(bytes).into_bytes(),
            Digits::Base64Url => URL_SAFE.encode(bytes).into_bytes(),
            Digits::Base16 => bytes.iter().map(digit).collect::<String>().into_bytes(),
        }
    }

    /// The digits that hold any bit of these bytes.
    fn of(self, bytes: Range<usize>) -> Range<usize> {
        match self {
            Digits::Base16 => bytes.start * 2..bytes.end * 2,
            _ => bytes.start * 4 / 3..(bytes.end * 4).div_ceil(3),
        }
    }
}

impl Known {
    /// The text with every known secret exchanged, in whatever writing. `None`: there was none.
    pub fn exchanged(&self, text: &[u8]) -> Option<Vec<u8>> {
        if self.is_empty() { None } else { self.exchanged_within(text, DEPTH) }
    }

    /// Whether a known secret stands in the text, in whatever writing.
    pub fn is_in(&self, text: &[u8]) -> bool {
        self.exchanged(text).is_some()
    }

    /// Where known secrets stand in the text, in whatever writing, and what is shown there; in no order.
    pub fn found<'a>(&'a self, text: &[u8]) -> Vec<(Range<usize>, &'a [u8])> {
        if self.is_empty() { Vec::new() } else { self.found_within(text, DEPTH) }
    }

    /// The writings that may hide what is known: `+` stands for a blank.
    fn layers(&self) -> impl Iterator<Item = Writing> {
        let blanks = self.has_blanks();
        LAYERS.into_iter().filter(move |layer| blanks || *layer != Writing::Encoded)
    }

    fn exchanged_within(&self, text: &[u8], depth: usize) -> Option<Vec<u8>> {
        let mut out = if self.may_be_in(text) { self.here(text) } else { None };
        for layer in self.layers() {
            let text = out.as_deref().unwrap_or(text);
            let Some(written) = undone(text, layer, depth) else { continue };
            if let Some(other) = self.exchanged_within(&written.decoded, depth - 1) {
                out = Some(written.respelt(text, &other, layer));
            }
        }
        out
    }

    fn found_within<'a>(&'a self, text: &[u8], depth: usize) -> Vec<(Range<usize>, &'a [u8])> {
        let mut found: Vec<(Range<usize>, &'a [u8])> = Vec::new();
        if self.may_be_in(text) {
            found.extend(self.plain_hits(text).map(|(range, form)| (range, &form.stand_in[..])));
            self.found_in_runs(text, &mut found);
        }
        for written in self.layers().filter_map(|layer| undone(text, layer, depth)) {
            let within = self.found_within(&written.decoded, depth - 1);
            found.extend(within.into_iter().map(|(range, shown)| (written.raw(&range), shown)));
        }
        found
    }

    fn found_in_runs<'a>(&'a self, text: &[u8], found: &mut Vec<(Range<usize>, &'a [u8])>) {
        for digits in DIGITS {
            for row in digits.rows(text).filter(|row| self.may_be_in(text.get(row.clone()).unwrap_or_default())) {
                for run in digits.runs(row) {
                    let decoded = digits.decoded(text.get(run.clone()).unwrap_or_default()).unwrap_or_default();
                    for (range, form) in self.plain_hits(&decoded) {
                        let place = digits.of(range);
                        found.push((run.start + place.start..run.end.min(run.start + place.end), &form.stand_in));
                    }
                }
            }
        }
    }

    /// The text with the secrets exchanged that stand in it plainly or in a row of digits.
    fn here(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut out = self.in_plain(text);
        for digits in DIGITS {
            let rows: Vec<Range<usize>> = digits.rows(out.as_deref().unwrap_or(text)).collect();
            // From the right: what is exchanged moves only what stands behind it.
            for row in rows.into_iter().rev() {
                let now = out.as_deref().unwrap_or(text);
                let Some(other) = self.in_row(now.get(row.clone()).unwrap_or_default(), digits) else { continue };
                out.get_or_insert_with(|| text.to_vec()).splice(row, other);
            }
        }
        out
    }

    /// A row of digits; what it is decoded from may begin at any of the digits of a group.
    fn in_row(&self, row: &[u8], digits: Digits) -> Option<Vec<u8>> {
        if !self.may_be_in(row) {
            return None;
        }
        let mut out: Option<Vec<u8>> = None;
        for first in 0..digits.group() {
            let row = out.as_deref().unwrap_or(row);
            let Some(run) = digits.run(first, row.len()) else { continue };
            let like = row.get(run.clone()).unwrap_or_default();
            if let Some(other) = digits.decoded(like).and_then(|decoded| self.in_plain(&decoded)) {
                let (head, tail) = (row.get(..run.start).unwrap_or_default(), row.get(run.end..).unwrap_or_default());
                out = Some([head, &digits.encoded(&other, like), tail].concat());
            }
        }
        out
    }

    fn in_plain(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut out: Option<Vec<u8>> = None;
        let mut copied = 0;
        for (range, form) in self.plain_hits(text) {
            let out = out.get_or_insert_with(|| Vec::with_capacity(text.len()));
            out.extend_from_slice(text.get(copied..range.start).unwrap_or_default());
            out.extend_from_slice(&form.stand_in);
            copied = range.end;
        }
        let mut out = out?;
        out.extend_from_slice(text.get(copied..).unwrap_or_default());
        Some(out)
    }
}

/// The text without that writing; `None` where nothing is written so, or it is too deep.
fn undone(text: &[u8], layer: Writing, depth: usize) -> Option<Written> {
    let sign = match layer {
        Writing::Percent => b'%',
        Writing::Encoded => b'+',
        Writing::Json => b'\\',
        _ => b'&',
    };
    let written = (depth > 0 && memchr::memchr(sign, text).is_some()).then(|| Written::new(text, layer))?;
    (!written.is_plain()).then_some(written)
}

fn from_hex(run: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    run.chunks(2).map(|pair| Some(digit(pair.first()?)? * 16 + digit(pair.get(1)?)?)).collect()
}

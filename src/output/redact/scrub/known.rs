//! Secrets that were met, and their stand-ins: found again in any text, in whatever form.

use std::collections::{HashMap, HashSet, VecDeque};

use base64::Engine;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};

use crate::output::redact::secret::is_strong;
use crate::wire::form;

/// A form of a secret is found by this many bytes of its start.
const START: usize = 8;
/// Secrets are remembered up to this many bytes in all their forms; the oldest go first.
const BYTES: usize = 16 * 1024 * 1024;
/// Encoded runs shorter than this hold no secret that is looked for.
const RUN_FROM: usize = 12;

/// One form of a secret and what stands in its place.
struct Form {
    text: Vec<u8>,
    stand_in: Vec<u8>,
}

/// The memory of secrets of one session. Holds them in the clear: it has no `Debug`.
#[derive(Default)]
pub(super) struct Known {
    /// By the first bytes of a form.
    starts: HashMap<[u8; START], Vec<Form>>,
    first_two: Pairs,
    /// In the order in which they were met, for forgetting.
    order: VecDeque<Vec<Vec<u8>>>,
    bytes: usize,
    plain: HashSet<Vec<u8>>,
    /// How many were learned in all.
    learned: u64,
}

impl Known {
    /// Remembers a secret that is long and odd enough to be looked for.
    pub fn learn(&mut self, secret: &[u8], stand_in: &[u8]) {
        if !is_strong(secret) || secret == stand_in || !self.plain.insert(secret.to_vec()) {
            return;
        }
        self.learned += 1;
        let mut texts = vec![secret.to_vec()];
        self.add(secret.to_vec(), stand_in.to_vec());
        for (text, stand_in) in forms(secret).into_iter().zip(forms(stand_in)) {
            if text.len() >= START && !texts.contains(&text) {
                texts.push(text.clone());
                self.add(text, stand_in);
            }
        }
        self.order.push_back(texts);
        while self.bytes > BYTES {
            self.forget_oldest();
        }
    }

    /// Grows with every secret that was not known before.
    pub fn learned(&self) -> u64 {
        self.learned
    }

    /// The secrets that were learned since there were so many, in all their forms.
    pub fn since(&self, learned: u64) -> Vec<Vec<u8>> {
        let new = usize::try_from(self.learned.saturating_sub(learned)).unwrap_or(usize::MAX);
        self.order.iter().rev().take(new).flatten().cloned().collect()
    }

    fn add(&mut self, text: Vec<u8>, stand_in: Vec<u8>) {
        let Some(start) = start(&text) else { return };
        self.bytes += text.len() + stand_in.len();
        self.first_two.insert(start[0], start[1]);
        let forms = self.starts.entry(start).or_default();
        forms.push(Form { text, stand_in });
        forms.sort_by_key(|form| std::cmp::Reverse(form.text.len()));
    }

    fn forget_oldest(&mut self) {
        let texts = self.order.pop_front().unwrap_or_default();
        if let Some(plain) = texts.first() {
            self.plain.remove(plain);
        }
        if texts.is_empty() {
            self.bytes = 0;
        }
        for text in texts {
            let Some(forms) = start(&text).and_then(|start| self.starts.get_mut(&start)) else { continue };
            if let Some(at) = forms.iter().position(|form| form.text == text) {
                let form = forms.swap_remove(at);
                self.bytes = self.bytes.saturating_sub(form.text.len() + form.stand_in.len());
            }
        }
    }

    /// The text with every known secret exchanged, also inside of base64 and hexadecimal. `None`: there was none.
    pub fn exchanged(&self, text: &[u8]) -> Option<Vec<u8>> {
        if self.starts.is_empty() {
            return None;
        }
        let plain = self.in_plain(text);
        let coded = self.in_runs(plain.as_deref().unwrap_or(text));
        coded.or(plain)
    }

    /// Whether a known secret stands in the text, in whatever form.
    pub fn is_in(&self, text: &[u8]) -> bool {
        self.exchanged(text).is_some()
    }

    fn in_plain(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut out: Option<Vec<u8>> = None;
        let mut at = 0;
        while let Some(rest) = text.get(at..).filter(|rest| rest.len() >= START) {
            match self.form_at(rest) {
                None => {
                    if let (Some(out), Some(byte)) = (&mut out, rest.first()) {
                        out.push(*byte);
                    }
                    at += 1;
                }
                Some(form) => {
                    let out = out.get_or_insert_with(|| text.get(..at).unwrap_or_default().to_vec());
                    out.extend_from_slice(&form.stand_in);
                    at += form.text.len();
                }
            }
        }
        let mut out = out?;
        out.extend_from_slice(text.get(at..).unwrap_or_default());
        Some(out)
    }

    fn form_at(&self, rest: &[u8]) -> Option<&Form> {
        if !self.first_two.has(*rest.first()?, *rest.get(1)?) {
            return None;
        }
        self.starts.get(&start(rest)?)?.iter().find(|form| rest.starts_with(&form.text))
    }

    /// Known secrets inside of encoded rows.
    fn in_runs(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut out: Option<Vec<u8>> = None;
        let mut at = 0;
        while at < text.len() {
            let rest = text.get(at..).unwrap_or_default();
            let length = rest.iter().take_while(|byte| is_run(**byte)).count();
            let run = rest.get(..length).unwrap_or_default();
            let other = (length >= RUN_FROM).then(|| self.in_run(run)).flatten();
            if let Some(other) = other {
                let out = out.get_or_insert_with(|| text.to_vec());
                out.splice(at..at + length, other);
            }
            at += length.max(1);
        }
        out
    }

    fn in_run(&self, run: &[u8]) -> Option<Vec<u8>> {
        let url_safe = run.iter().any(|byte| matches!(byte, b'-' | b'_'));
        let alphabet = if url_safe { base64::alphabet::URL_SAFE } else { base64::alphabet::STANDARD };
        let config = GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true)
            .with_encode_padding(false);
        let engine = GeneralPurpose::new(&alphabet, config);
        let digits = if run.len() % 4 == 1 { run.get(..run.len() - 1).unwrap_or_default() } else { run };
        if let Some(other) = engine.decode(digits).ok().and_then(|decoded| self.in_plain(&decoded)) {
            let rest = run.get(digits.len()..).unwrap_or_default();
            return Some([engine.encode(other).as_bytes(), rest].concat());
        }
        let upper = !run.iter().any(u8::is_ascii_lowercase);
        let other = self.in_plain(&from_hex(run)?)?;
        let digit = |byte: &u8| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
        Some(other.iter().map(digit).collect::<String>().into_bytes())
    }
}

/// Whether any form begins with two bytes: almost every place of a text is passed over by this.
struct Pairs(Vec<u64>);

impl Default for Pairs {
    fn default() -> Pairs {
        Pairs(vec![0; 1 << 10])
    }
}

impl Pairs {
    fn insert(&mut self, first: u8, second: u8) {
        if let Some(word) = self.0.get_mut(Pairs::word(first, second)) {
            *word |= 1 << (second % 64);
        }
    }

    fn has(&self, first: u8, second: u8) -> bool {
        self.0.get(Pairs::word(first, second)).is_some_and(|word| word >> (second % 64) & 1 == 1)
    }

    fn word(first: u8, second: u8) -> usize {
        usize::from(first) * 4 + usize::from(second) / 64
    }
}

fn start(text: &[u8]) -> Option<[u8; START]> {
    text.get(..START)?.try_into().ok()
}

/// A row of digits of base64 or base16, without padding.
fn is_run(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

fn from_hex(run: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    run.chunks(2).map(|pair| Some(digit(pair.first()?)? * 16 + digit(pair.get(1)?)?)).collect()
}

/// How a secret is written where it is not written plainly; always the same forms in the same order.
pub(super) fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(secret);
    let encoded = form::encode(&text);
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
        uri(&text).into_bytes(),
        json.into_bytes(),
        slashes.into_bytes(),
        in_strings.into_bytes(),
        markup.into_bytes(),
    ]
}

/// As a URI component: what RFC 3986 calls unreserved stays, `~` too.
fn uri(text: &str) -> String {
    const SET: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    percent_encoding::utf8_percent_encode(text, SET).to_string()
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A value of 4096 bytes that no other number gives.
    fn long(number: u64) -> Vec<u8> {
        let word = |at: u64| format!("{:016x}Zq", (number * 1000 + at + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        (0..256).flat_map(|at| word(at).into_bytes()).take(4096).collect()
    }

    #[test]
    fn the_oldest_is_forgotten_when_the_memory_is_full() {
        let mut known = Known::default();
        let stand_in = vec![b'x'; 4096];
        known.learn(&long(0), &stand_in);
        assert!(known.is_in(&long(0)));
        let mut number = 0;
        while known.is_in(&long(0)) && number < 20_000 {
            number += 1;
            known.learn(&long(number), &stand_in);
            assert!(known.bytes <= BYTES);
        }
        assert!((100..20_000).contains(&number), "forgotten after {number}");
        assert!(known.is_in(&long(number)) && known.is_in(&long(number - 50)));
        known.learn(&long(0), &stand_in);
        assert!(known.is_in(&long(0)), "what is met again is known again");
    }
}

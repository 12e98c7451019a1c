//! Secrets that were met, and their stand-ins: found again in any text, in whatever form.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};

use crate::output::redact::secret::is_strong;
use crate::wire::form;

/// A form of a secret is found by this many bytes of its start.
const START: usize = 8;
/// A window of `START` bytes whose last two begin or end nothing that is known: as many bytes hold no start of a form.
const FAR: u8 = 7;
/// Secrets are remembered up to about this many bytes of memory; the oldest go first.
const BYTES: usize = 4 * 1024 * 1024;
/// What a form takes beside its own bytes and those of its stand-in, about: its places in the tables.
const EACH: usize = 300;
/// Encoded runs shorter than this hold no secret that is looked for: eight bytes are as many digits of base64.
const RUN_FROM: usize = 11;

/// One form of a secret and what stands in its place.
struct Form {
    text: Arc<[u8]>,
    stand_in: Vec<u8>,
}

/// The memory of secrets of one session. Holds them in the clear: it has no `Debug`.
#[derive(Default)]
pub(super) struct Known {
    /// By the first bytes of a form.
    starts: HashMap<[u8; START], Vec<Form>>,
    /// By two bytes, how far ahead a form may begin at the least, seen from the window of `START` bytes that ends with them:
    /// almost every place of a text is passed over by it (Wu and Manber's search for many words).
    ahead: Vec<u8>,
    /// The first bytes of every form in base64 (at each of the three places where it may begin in a group) and base16 (in
    /// small letters), and how many forms have them: without one of these no encoded row has to be decoded.
    coded: HashMap<[u8; START], u32>,
    /// Counts what was learnt and forgotten.
    changes: u64,
    /// How many were learned in all.
    learned: u64,
    /// In the order in which they were met, for forgetting.
    order: VecDeque<Box<[Arc<[u8]>]>>,
    bytes: usize,
    plain: HashSet<Arc<[u8]>>,
}

impl Known {
    /// Remembers a secret that is long and odd enough to be looked for.
    pub fn learn(&mut self, secret: &[u8], stand_in: &[u8]) {
        if self.plain.contains(secret) || !is_strong(secret) || secret == stand_in {
            return;
        }
        let plain: Arc<[u8]> = Arc::from(secret);
        self.plain.insert(Arc::clone(&plain));
        self.learned += 1;
        let mut texts = vec![Arc::clone(&plain)];
        self.add(plain, stand_in.to_vec());
        for (text, stand_in) in forms(secret).into_iter().zip(forms(stand_in)) {
            if text.len() >= START && !texts.iter().any(|other| **other == *text) {
                let text: Arc<[u8]> = Arc::from(text);
                texts.push(Arc::clone(&text));
                self.add(text, stand_in);
            }
        }
        self.order.push_back(texts.into());
        while self.bytes > BYTES && !self.order.is_empty() {
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
        self.order.iter().rev().take(new).flatten().map(|text| text.to_vec()).collect()
    }

    fn add(&mut self, text: Arc<[u8]>, stand_in: Vec<u8>) {
        let Some(start) = start(&text) else { return };
        self.bytes += text.len() + stand_in.len() + EACH;
        self.changes += 1;
        self.ahead.resize(1 << 16, FAR);
        self.look_closer_at(start);
        for coded in coded_starts(&text) {
            *self.coded.entry(coded).or_default() += 1;
            self.look_closer_at(coded);
        }
        // As a rule one form begins like that: no room for more.
        let forms = self.starts.entry(start).or_insert_with(|| Vec::with_capacity(1));
        forms.push(Form { text, stand_in });
        forms.sort_by_key(|form| std::cmp::Reverse(form.text.len()));
    }

    fn look_closer_at(&mut self, start: [u8; START]) {
        for (before, two) in start.windows(2).enumerate() {
            let far = FAR - 1 - u8::try_from(before).unwrap_or(0);
            // Base16 is written in small letters, in capitals and in both.
            for two in either_case(two) {
                if let Some(ahead) = pair(&two).and_then(|pair| self.ahead.get_mut(pair)) {
                    *ahead = far.min(*ahead);
                }
            }
        }
    }

    fn forget_oldest(&mut self) {
        let texts = self.order.pop_front().unwrap_or_default();
        self.changes += 1;
        if let Some(plain) = texts.first() {
            self.plain.remove(plain);
        }
        for text in texts {
            let Some(start) = start(&text) else { continue };
            let Some(forms) = self.starts.get_mut(&start) else { continue };
            let Some(at) = forms.iter().position(|form| form.text == text) else { continue };
            let form = forms.swap_remove(at);
            if forms.is_empty() {
                self.starts.remove(&start);
            }
            for coded in coded_starts(&text) {
                match self.coded.get_mut(&coded) {
                    Some(count) if *count > 1 => *count -= 1,
                    _ => drop(self.coded.remove(&coded)),
                }
            }
            self.bytes = self.bytes.saturating_sub(form.text.len() + form.stand_in.len() + EACH);
        }
    }

    /// Differs when something was learnt or forgotten in between.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// The text with every known secret exchanged, also inside of base64 and hexadecimal. `None`: there was none.
    pub fn exchanged(&self, text: &[u8]) -> Option<Vec<u8>> {
        if self.starts.is_empty() || !self.may_be_in(text) {
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

    /// Whether a form begins somewhere in the text, plain or encoded. Most texts are done with after this.
    fn may_be_in(&self, text: &[u8]) -> bool {
        let mut at = 0;
        while let Some(last) = text.get(at + START - 2..at + START) {
            let ahead = pair(last).and_then(|pair| self.ahead.get(pair)).copied().unwrap_or(FAR);
            if ahead > 0 {
                at += usize::from(ahead);
                continue;
            }
            let start = text.get(at..).and_then(start);
            if start.is_some_and(|start| self.begins(&start)) {
                return true;
            }
            at += 1;
        }
        false
    }

    fn begins(&self, start: &[u8; START]) -> bool {
        self.starts.contains_key(start)
            || self.coded.contains_key(start)
            || self.coded.contains_key(&start.map(|byte| byte.to_ascii_lowercase()))
    }

    fn in_plain(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut out: Option<Vec<u8>> = None;
        let (mut at, mut copied) = (0, 0);
        while let Some(last) = text.get(at + START - 2..at + START) {
            let ahead = pair(last).and_then(|pair| self.ahead.get(pair)).copied().unwrap_or(FAR);
            if ahead > 0 {
                at += usize::from(ahead);
                continue;
            }
            let Some(form) = self.form_at(text.get(at..).unwrap_or_default()) else {
                at += 1;
                continue;
            };
            let out = out.get_or_insert_with(|| Vec::with_capacity(text.len()));
            out.extend_from_slice(text.get(copied..at).unwrap_or_default());
            out.extend_from_slice(&form.stand_in);
            at += form.text.len();
            copied = at;
        }
        let mut out = out?;
        out.extend_from_slice(text.get(copied..).unwrap_or_default());
        Some(out)
    }

    fn form_at(&self, rest: &[u8]) -> Option<&Form> {
        self.starts.get(&start(rest)?)?.iter().find(|form| rest.starts_with(&form.text))
    }

    /// Known secrets inside of encoded rows.
    fn in_runs(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut out: Option<Vec<u8>> = None;
        let mut decoded = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let rest = text.get(at..).unwrap_or_default();
            let length = rest.iter().position(|byte| !is_run(*byte)).unwrap_or(rest.len());
            let run = rest.get(..length).unwrap_or_default();
            let other = if length >= RUN_FROM { self.in_run(run, &mut decoded) } else { None };
            if let Some(other) = other {
                let out = out.get_or_insert_with(|| text.to_vec());
                out.splice(at..at + length, other);
            }
            at += length.max(1);
        }
        out
    }

    /// `decoded` is room to work in.
    fn in_run(&self, run: &[u8], decoded: &mut Vec<u8>) -> Option<Vec<u8>> {
        let url_safe = run.iter().any(|byte| matches!(byte, b'-' | b'_'));
        let engine = if url_safe { &URL_SAFE } else { &STANDARD };
        let digits = if run.len() % 4 == 1 { run.get(..run.len() - 1).unwrap_or_default() } else { run };
        decoded.clear();
        if engine.decode_vec(digits, decoded).is_ok()
            && let Some(other) = self.in_plain(decoded)
        {
            let rest = run.get(digits.len()..).unwrap_or_default();
            return Some([engine.encode(other).as_bytes(), rest].concat());
        }
        if !run.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let upper = !run.iter().any(u8::is_ascii_lowercase);
        let other = self.in_plain(&from_hex(run)?)?;
        let digit = |byte: &u8| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
        Some(other.iter().map(digit).collect::<String>().into_bytes())
    }
}

/// Padding or not, and whatever the last digit's unused bits are.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true)
    .with_encode_padding(false);
static STANDARD: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);
static URL_SAFE: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::URL_SAFE, LENIENT);

/// Two bytes as one number.
fn pair(two: &[u8]) -> Option<usize> {
    let [first, second] = two else { return None };
    Some(usize::from(*first) << 8 | usize::from(*second))
}

/// Two bytes in small letters and in capitals.
fn either_case(two: &[u8]) -> impl Iterator<Item = [u8; 2]> {
    let (first, second) = (two.first().copied().unwrap_or(0), two.get(1).copied().unwrap_or(0));
    let cases = |byte: u8| [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()];
    cases(first).into_iter().flat_map(move |first| cases(second).map(|second| [first, second]))
}

/// How a form begins where it is encoded: what of the digits depends on nothing but the form. In base16 in small letters.
fn coded_starts(form: &[u8]) -> Vec<[u8; START]> {
    let head = form.get(..START + 1).unwrap_or(form);
    let mut starts = Vec::with_capacity(8);
    for before in 0..3_usize {
        // Whatever stands before the form in its group is in the first digits alone.
        let group = [vec![0; before], head.to_vec()].concat();
        let digits = STANDARD.encode(&group);
        let first = [0, 2, 3].get(before).copied().unwrap_or(0);
        starts.extend(digits.as_bytes().get(first..).and_then(start));
        let digits = URL_SAFE.encode(&group);
        starts.extend(digits.as_bytes().get(first..).and_then(start));
    }
    let digits: String = head.iter().map(|byte| format!("{byte:02x}")).collect();
    starts.extend(start(digits.as_bytes()));
    starts.sort_unstable();
    starts.dedup();
    starts
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
    use proptest::prelude::*;

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

    #[test]
    fn what_was_learned_since_is_all_of_it_and_no_more() {
        let mut known = known("q7Z3z6a8d9mp4nQYfYx3VK");
        let before = known.learned();
        assert!(known.since(before).is_empty());
        known.learn(b"kW3n/V8pQ2rT6yX1zB4c", b"xxxxxxxxxxxxxxxxxxxx");
        let new = known.since(before);
        assert_eq!(known.learned(), before + 1);
        assert!(new.contains(&b"kW3n/V8pQ2rT6yX1zB4c".to_vec()) && new.contains(&b"kW3n%2FV8pQ2rT6yX1zB4c".to_vec()));
        assert!(!new.iter().any(|form| form.starts_with(b"q7Z3")));
    }

    #[test]
    fn a_digit_too_many_hides_nothing() {
        let secret = "q7Z3z6a8d9mp4nQYfYx3VK";
        for coded in [STANDARD.encode(format!("xy{secret}")), URL_SAFE.encode(format!("{secret}xy"))] {
            let written = format!("<{coded}Z>");
            assert_eq!(coded.len() % 4, 0);
            let other = known(secret).exchanged(written.as_bytes()).unwrap();
            assert_eq!((other.len(), other.ends_with(b"Z>")), (written.len(), true));
            assert!(!other.windows(12).any(|part| written.as_bytes()[8..24].starts_with(part)));
        }
    }

    /// Letters, digits and marks, mixed enough to be looked for.
    fn secret() -> impl Strategy<Value = String> {
        "[A-Za-z0-9+/=%&\"~_.-]{6,40}".prop_map(|text| format!("{text}a1"))
    }

    fn known(secret: &str) -> Known {
        let mut known = Known::default();
        known.learn(secret.as_bytes(), "x".repeat(secret.len()).as_bytes());
        known
    }

    proptest! {
        #[test]
        fn a_secret_is_found_in_whatever_form(secret in secret(), before in "[a-z:{\" ]{0,9}", after in "[a-z:}\" ]{0,9}") {
            let known = known(&secret);
            let text = format!("{before}{secret}{after}");
            let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
            let both_cases: String =
                hex.chars().enumerate().map(|(at, c)| if at % 3 == 0 { c.to_ascii_uppercase() } else { c }).collect();
            let slashes = secret.replace('"', "\\\"").replace('/', "\\/");
            let coded = [STANDARD.encode(&text), URL_SAFE.encode(&text), hex.to_ascii_uppercase(), hex, both_cases];
            let written = coded.into_iter().chain([form::encode(&secret), slashes, text]);
            for written in written {
                let line = format!("{{\"value\":\"{written}\"}}");
                prop_assert!(known.is_in(line.as_bytes()), "{}", line);
                let other = known.exchanged(line.as_bytes()).unwrap_or_default();
                prop_assert!(!known.is_in(&other), "{}", String::from_utf8_lossy(&other));
            }
        }

        #[test]
        fn what_was_forgotten_leaves_nothing(secret in secret()) {
            let mut known = known(&secret);
            known.forget_oldest();
            prop_assert!(!known.is_in(secret.as_bytes()) && known.coded.is_empty() && known.bytes == 0);
        }
    }
}

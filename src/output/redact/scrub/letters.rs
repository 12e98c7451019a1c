//! Keyed exchange of letters and digits: a stand-in has the length, the alphabet and the punctuation of the secret, and
//! nothing else of it.
//!
//! Every letter becomes another of its case and every digit another digit, chosen by a hash over the session's key and the
//! secret's own letters and digits as a whole (its core). So equal secrets get equal stand-ins, also where a shell or an
//! encoder changed the punctuation of one of them; two different secrets have nothing in common in their stand-ins, and
//! nobody without the key can compute or undo one. Long values made by a machine are keyed in three parts (the first and
//! the last twelve, the rest): a token that was cut is still known as a part of the whole one.
//!
//! What remains visible: the length, which characters are letters and which digits, and the punctuation (of a secret that
//! is little else, other punctuation stands there). For a token that is nothing. Of a password it is its pattern, which
//! narrows a search through a list of likely passwords. Very short secrets (a PIN) may come to share a stand-in.

use crate::model::Salt;
use crate::output::redact::written::hex_byte;
use crate::wire::template;

/// Cores from here on may be a machine's.
const MACHINE_FROM: usize = 20;
/// The memory knows a cut token by this many characters of its start or end.
const PART: usize = 12;
/// A core shorter than this says little: of the rest, punctuation is exchanged too.
const SPARSE: usize = 4;
/// Starts of keys that say what a value is; they are no part of the secret.
const KNOWN_STARTS: [&str; 5] = ["now_", "sn_", "key-", "key_", "apikey"];

const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
const DIGITS: &[u8] = b"0123456789";

/// A part of a value that is kept or exchanged as one.
enum Part {
    Kept,
    /// A letter or digit of ASCII, perhaps behind a percent sign.
    Core {
        byte: u8,
        escaped: bool,
    },
    /// A letter of another script.
    Wide(char),
    /// A byte of no character.
    Broken,
    /// Punctuation that may be exchanged within its kind.
    Mark(&'static [u8]),
}

/// The value with its letters and digits exchanged; as long as the value. `attempt` gives another one. `given` are the
/// letters and digits for this core, where they are decided already.
pub(super) fn exchanged(salt: &Salt, value: &[u8], attempt: u32, given: Option<&Vec<u8>>) -> Vec<u8> {
    let parts = parts(value);
    let core: Vec<u8> = parts.iter().filter_map(|(_, part)| core_byte(part)).collect();
    let given = given.filter(|given| given.len() == core.len()).cloned();
    let letters = given.unwrap_or_else(|| core_exchanged(salt, &core, attempt));
    let mut letters = letters.iter();
    let mut dice = Dice::new(salt, "rest", value, attempt);
    let mut out = Vec::with_capacity(value.len());
    for (range, part) in &parts {
        let old = value.get(range.clone()).unwrap_or_default();
        match part {
            Part::Kept => out.extend_from_slice(old),
            Part::Core { escaped: false, byte } => out.push(letters.next().copied().unwrap_or(*byte)),
            Part::Core { escaped: true, byte } => {
                let byte = letters.next().copied().unwrap_or(*byte);
                let upper = !old.iter().any(u8::is_ascii_lowercase);
                let text = if upper { format!("%{byte:02X}") } else { format!("%{byte:02x}") };
                out.extend_from_slice(text.as_bytes());
            }
            Part::Wide(c) => out.extend_from_slice(dice.wide(*c).encode_utf8(&mut [0; 4]).as_bytes()),
            Part::Broken => out.push(0xC0 | dice.below(64)),
            Part::Mark(kind) => out.push(dice.one_of(kind)),
        }
    }
    out
}

/// The letters and digits of a value, percent-encoding taken off.
pub(super) fn core(value: &[u8]) -> Vec<u8> {
    percent_encoding::percent_decode(value).filter(u8::is_ascii_alphanumeric).collect()
}

fn core_byte(part: &Part) -> Option<u8> {
    match part {
        Part::Core { byte, .. } => Some(*byte),
        _ => None,
    }
}

/// The letters and digits of a core exchanged.
fn core_exchanged(salt: &Salt, core: &[u8], attempt: u32) -> Vec<u8> {
    let hex = core.len() >= 8 && core.iter().any(u8::is_ascii_digit) && core.iter().all(u8::is_ascii_hexdigit);
    let machine = is_machine_made(core);
    let head = if machine { PART } else { 0 };
    let tail = if machine && core.len() >= 2 * PART { core.len() - PART } else { core.len() };
    let blocks = [
        ("head", 0..head, 0..head),
        ("whole", head..tail, 0..core.len()),
        ("tail", tail..core.len(), tail..core.len()),
    ];
    let mut out = Vec::with_capacity(core.len());
    for (name, range, key) in blocks {
        let mut dice = Dice::new(salt, name, core.get(key).unwrap_or_default(), attempt);
        for at in range {
            let last = machine && at + 1 == core.len();
            out.extend(core.get(at).map(|byte| dice.letter(*byte, hex, last)));
        }
    }
    out
}

/// Mixed cases and digits in a row, or a long row of hexadecimal digits.
fn is_machine_made(core: &[u8]) -> bool {
    let count = |test: fn(&u8) -> bool| core.iter().filter(|byte| test(byte)).count();
    let digits = count(u8::is_ascii_digit);
    let mixed = count(u8::is_ascii_uppercase) >= 2 && count(u8::is_ascii_lowercase) >= 2;
    core.len() >= MACHINE_FROM && digits >= 2 && (mixed || core.iter().all(u8::is_ascii_hexdigit))
}

fn parts(value: &[u8]) -> Vec<(std::ops::Range<usize>, Part)> {
    let text = String::from_utf8_lossy(value);
    let sample = template::placeholder(&text) == Some(0..text.len());
    let redacted = template::redacted(&text);
    let sparse = value.iter().filter(|byte| byte.is_ascii_alphanumeric()).count() < SPARSE;
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(rest) = value.get(at..).filter(|rest| !rest.is_empty()) {
        let begins = at == 0 || !value.get(at - 1).is_some_and(u8::is_ascii_alphanumeric);
        let (length, part) = match kept(rest, at, sample && begins, redacted) {
            0 => part(rest, sparse),
            length => (length, Part::Kept),
        };
        parts.push((at..at + length, part));
        at += length;
    }
    parts
}

/// How many bytes at the start of `rest` say what the value is, and are no part of a secret: the start of a key, a word of
/// sample text, the word that a sanitizer left.
fn kept(rest: &[u8], at: usize, sample: bool, redacted: bool) -> usize {
    let starts = |word: &&&str| rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()));
    let word = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let spelt = String::from_utf8_lossy(rest.get(..word).unwrap_or_default());
    if sample && template::is_sample_word(&spelt) {
        return word;
    }
    let start = KNOWN_STARTS.iter().find(|start| at == 0 && starts(start));
    let left = template::TAKEN_OUT.iter().find(|word| redacted && starts(word));
    start.or(left).map_or(0, |word| word.len())
}

/// The part at the start of `rest` and its length.
fn part(rest: &[u8], sparse: bool) -> (usize, Part) {
    let first = rest.first().copied().unwrap_or_default();
    if let Some(byte) = hex_byte(rest) {
        let core = byte.is_ascii_alphanumeric();
        return (3, if core { Part::Core { byte, escaped: true } } else { Part::Kept });
    }
    if first.is_ascii() {
        let core = first.is_ascii_alphanumeric();
        let mark = mark_kind(first).filter(|_| sparse);
        return (
            1,
            if core { Part::Core { byte: first, escaped: false } } else { mark.map_or(Part::Kept, Part::Mark) },
        );
    }
    let chunk = rest.get(..rest.len().min(4)).unwrap_or_default();
    match chunk.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next()) {
        Some(c) if c.is_alphanumeric() => (c.len_utf8(), Part::Wide(c)),
        Some(c) => (c.len_utf8(), Part::Kept),
        None => (1, Part::Broken),
    }
}

/// The marks among which a mark may be exchanged: none that a form, a URL, JSON, markup or a template reads.
fn mark_kind(byte: u8) -> Option<&'static [u8]> {
    let kinds: [&'static [u8]; 2] = [b"^[];,()@!", b"*-_~:?|"];
    kinds.into_iter().find(|kind| kind.contains(&byte))
}

/// Choices that only the key's owner can repeat.
struct Dice<'a> {
    salt: &'a Salt,
    purpose: &'a str,
    key: Vec<u8>,
    block: [u8; 32],
    used: usize,
    blocks: u32,
}

impl<'a> Dice<'a> {
    fn new(salt: &'a Salt, purpose: &'a str, key: &[u8], attempt: u32) -> Dice<'a> {
        let key = [&attempt.to_be_bytes()[..], key].concat();
        Dice { salt, purpose, key, block: [0; 32], used: 32, blocks: 0 }
    }

    /// A number below `limit`.
    fn below(&mut self, limit: u8) -> u8 {
        let number = u16::from_be_bytes([self.byte(), self.byte()]) % u16::from(limit.max(1));
        u8::try_from(number).unwrap_or_default()
    }

    fn byte(&mut self) -> u8 {
        if self.used == self.block.len() {
            self.block = self.salt.derive(self.purpose, &self.key, self.blocks);
            (self.used, self.blocks) = (0, self.blocks + 1);
        }
        self.used += 1;
        self.block.get(self.used - 1).copied().unwrap_or_default()
    }

    fn one_of(&mut self, from: &[u8]) -> u8 {
        let length = u8::try_from(from.len()).unwrap_or(u8::MAX);
        let at = usize::from(self.below(length));
        from.get(at).copied().unwrap_or_default()
    }

    /// Another letter or digit of the same kind. The last of a machine's value stays among A, Q, g and w where it is one
    /// of them: 64 bytes in base64url end so, and a token that was cut does not.
    fn letter(&mut self, byte: u8, hex: bool, last: bool) -> u8 {
        let alphabet = match byte {
            b'A'..=b'F' if hex => b"ABCDEF",
            b'a'..=b'f' if hex => b"abcdef",
            b'A'..=b'Z' => UPPER,
            b'a'..=b'z' => LOWER,
            _ => DIGITS,
        };
        let ends = |byte: &u8| b"AQgw".contains(byte);
        let fitting: Vec<u8> = alphabet.iter().copied().filter(|other| !last || ends(other) == ends(&byte)).collect();
        self.one_of(&fitting)
    }

    /// Another letter of the same script, as many bytes long.
    fn wide(&mut self, c: char) -> char {
        let row = u32::from(c) & !0x3F;
        let fits = |other: &char| {
            other.is_alphanumeric() && other.len_utf8() == c.len_utf8() && other.is_uppercase() == c.is_uppercase()
        };
        let others: Vec<char> = (row..row + 64).filter_map(char::from_u32).filter(fits).collect();
        let at = usize::from(self.below(u8::try_from(others.len()).unwrap_or(u8::MAX)));
        others.get(at).copied().unwrap_or(c)
    }
}

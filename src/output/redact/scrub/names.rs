//! Names that were learned, found again in any text, in whatever form.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};

use super::stand_in::recoded;
use crate::output::redact::forms::forms;
use crate::wire::basic;

/// Shorter names are words of many texts: they are found only where they stand as a value of their own.
pub(super) const WORD_FROM: usize = 4;
/// Runs of base64 shorter than this hold no name.
const RUN_FROM: usize = 8;
/// Words of the protocols; as a user's name they are found only where they stand as a value of their own.
const WORDS: [&str; 24] = [
    "access",
    "admin",
    "authorization",
    "basic",
    "bearer",
    "client",
    "client_credentials",
    "code",
    "error",
    "grant",
    "guest",
    "https",
    "incident",
    "invalid",
    "login",
    "oauth",
    "password",
    "refresh",
    "scope",
    "service",
    "session",
    "table",
    "token",
    "user",
];

/// All forms of all names.
pub(super) struct Search {
    automaton: AhoCorasick,
    /// What stands in the place of each form, and whether it may stand inside of a sentence.
    stand_ins: Vec<(Vec<u8>, bool)>,
}

impl Search {
    /// `None` where nothing was learned.
    pub fn new(names: &HashMap<String, Vec<u8>>) -> Option<Search> {
        let (mut texts, mut stand_ins, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
        for (name, stand_in) in names {
            let word = name.chars().count() >= WORD_FROM && !WORDS.contains(&name.as_str());
            let plain = (name.as_bytes().to_vec(), stand_in.clone());
            for (text, other) in std::iter::once(plain).chain(forms(name.as_bytes()).into_iter().zip(forms(stand_in))) {
                if !text.is_empty() && seen.insert(text.clone()) {
                    texts.push(text);
                    stand_ins.push((other, word));
                }
            }
        }
        if texts.is_empty() {
            return None;
        }
        let mut builder = AhoCorasick::builder();
        builder.ascii_case_insensitive(true).match_kind(MatchKind::LeftmostLongest);
        builder.build(&texts).ok().map(|automaton| Search { automaton, stand_ins })
    }

    /// The text with every name exchanged; `None`: there was none.
    pub fn exchanged(&self, text: &[u8]) -> Option<Vec<u8>> {
        let plain = self.in_plain(text);
        self.in_runs(plain.as_deref().unwrap_or(text)).or(plain)
    }

    fn in_plain(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut out: Option<Vec<u8>> = None;
        let (mut at, mut copied) = (0, 0);
        while let Some(found) = text.get(at..).and_then(|rest| self.automaton.find(rest)) {
            let range = at + found.start()..at + found.end();
            let Some((stand_in, word)) = self.stand_ins.get(found.pattern().as_usize()) else { break };
            at = range.start + 1;
            if stands_alone(text, &range, *word) {
                let out = out.get_or_insert_with(Vec::new);
                out.extend_from_slice(text.get(copied..range.start).unwrap_or_default());
                let old = text.get(range.clone()).unwrap_or_default();
                out.extend(stand_in.iter().zip(old).map(|(new, old)| in_case_of(*new, *old)));
                (at, copied) = (range.end, range.end);
            }
        }
        let mut out = out?;
        out.extend_from_slice(text.get(copied..).unwrap_or_default());
        Some(out)
    }

    /// Names inside of base64: Basic credentials, the parts of JWTs.
    fn in_runs(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut out: Option<Vec<u8>> = None;
        let mut at = 0;
        while at < text.len() {
            let rest = text.get(at..).unwrap_or_default();
            let digit = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
            let length = rest.iter().take_while(|byte| digit(byte)).count();
            let run = rest.get(..length).unwrap_or_default();
            let decoded = (length >= RUN_FROM).then(|| basic::decode(run).decoded);
            // What is no text has no names; chance would find short ones in it.
            let decoded = decoded.filter(|decoded| std::str::from_utf8(decoded).is_ok_and(|text| !text.contains('\0')));
            if let Some(other) = decoded.and_then(|decoded| self.in_plain(&decoded)) {
                let out = out.get_or_insert_with(|| text.to_vec());
                out.splice(at..at + length, recoded(run, &other));
            }
            at += length.max(1);
        }
        out
    }
}

/// A new letter in the case that the old one had.
fn in_case_of(new: u8, old: u8) -> u8 {
    if old.is_ascii_uppercase() { new.to_ascii_uppercase() } else { new }
}

/// Not a part of a longer word; what is no `word` must be all of a value.
fn stands_alone(text: &[u8], range: &Range<usize>, word: bool) -> bool {
    let before = range.start.checked_sub(1).and_then(|at| text.get(at)).copied();
    let after = text.get(range.end).copied();
    // The end of `%3D` or `\u0022` belongs to no word.
    let escape = |back: usize, sign: u8| range.start.checked_sub(back).and_then(|at| text.get(at)) == Some(&sign);
    let escaped = escape(3, b'%') || escape(2, b'\\');
    if word {
        let part = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
        return (!part(before) || escaped) && !part(after);
    }
    let opens = before.is_none_or(|byte| b"=\"'>:/\\@".contains(&byte)) || escaped;
    opens && after.is_none_or(|byte| b"&\"'<:;,/\\@%".contains(&byte))
}

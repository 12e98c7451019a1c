//! Words that were written and that no rule took for a secret. Where one turns out to be a secret later, the lines that
//! hold it are mended: a stand-in is as long as its secret, so it is written over it.
//!
//! The memory is two rings of fixed size, of words and of the lines that they stand in; the oldest are written over. It is
//! taken, all of it, when the first line is noted.

use std::ops::Range;

use super::write::Place;
use crate::model::Quick;

/// Words are remembered up to this many.
const WORDS: usize = 128 * 1024;
/// Lines are remembered up to this many.
const LINES: usize = 32 * 1024;
/// Chains of words with equal ends of their hashes.
const CHAINS: usize = 16 * 1024;
/// Words that are counted.
const COUNTED: usize = 8 * 1024;
/// A word of more lines than this is one of the protocol, not a secret.
pub(super) const OFTEN: u32 = 64;
/// Shorter words are no secrets that are looked for, in bytes (`redact::is_strong`).
const SHORTEST: usize = 8;
/// Longer words are no secrets that somebody typed in the wrong place, in bytes.
const LONGEST: usize = 512;

/// A word: its keyed hash and not itself, the line that it stands in, and the word before it in its chain, from 1.
#[derive(Clone, Copy, Default)]
struct Sighting {
    hash: u32,
    line: u32,
    before: u32,
}

/// Where words stand.
#[derive(Default)]
pub(super) struct Sightings {
    quick: Quick,
    words: Vec<Sighting>,
    /// The newest word of each chain, from 1; 0 where there is none.
    newest: Vec<u32>,
    lines: Vec<Place>,
    /// How many words and lines there were in all.
    noted: u32,
    written: u32,
    /// Hashes and how often they were met.
    counts: Vec<(u32, u32)>,
}

impl Sightings {
    /// Remembers the words of a line that was written there; those in `fresh` parts of it.
    pub fn note(&mut self, line: &str, fresh: &[Range<usize>], place: Place) {
        if self.written == 0 {
            self.make_room();
        }
        let number = self.written;
        self.written = self.written.wrapping_add(1);
        if let Some(slot) = self.lines.get_mut(number as usize % LINES) {
            *slot = place;
        }
        for word in fresh.iter().filter_map(|part| line.get(part.clone())).flat_map(|part| words(part.as_bytes())) {
            let hash = self.quick.hash(word);
            if !self.is_often(hash) {
                self.add(hash, number);
            }
        }
    }

    fn make_room(&mut self) {
        self.words.resize(WORDS, Sighting::default());
        self.newest.resize(CHAINS, 0);
        self.lines.resize(LINES, Place { file: 0, offset: 0, length: 0 });
        self.counts.resize(COUNTED, (0, 0));
    }

    fn is_often(&mut self, hash: u64) -> bool {
        let Some((known, count)) = self.counts.get_mut(low(hash) as usize % COUNTED) else { return false };
        if *known != high(hash) {
            (*known, *count) = (high(hash), 0);
        }
        *count = count.saturating_add(1);
        *count > OFTEN
    }

    fn add(&mut self, hash: u64, line: u32) {
        let Some(newest) = self.newest.get_mut(low(hash) as usize % CHAINS) else { return };
        let Some(slot) = self.words.get_mut(self.noted as usize % WORDS) else { return };
        *slot = Sighting { hash: high(hash), line, before: *newest };
        self.noted = self.noted.wrapping_add(1);
        *newest = self.noted;
    }

    /// The lines in which a secret may stand.
    pub fn of(&self, secret: &[u8]) -> Vec<Place> {
        let Some(word) = words(secret).max_by_key(|word| word.len()) else { return Vec::new() };
        let hash = self.quick.hash(word);
        let mut at = self.newest.get(low(hash) as usize % CHAINS).copied().unwrap_or_default();
        let mut lines = Vec::new();
        // What is further back was written over.
        while at != 0 && (self.noted.wrapping_sub(at) as usize) < WORDS {
            let Some(sighting) = self.words.get(at.wrapping_sub(1) as usize % WORDS) else { break };
            let there = self.written.wrapping_sub(sighting.line) as usize <= LINES;
            if sighting.hash == high(hash) && there && lines.last() != Some(&sighting.line) {
                lines.push(sighting.line);
            }
            // Once round, the numbers begin anew: a chain only ever goes back.
            if self.noted.wrapping_sub(sighting.before) <= self.noted.wrapping_sub(at) {
                break;
            }
            at = sighting.before;
        }
        lines.iter().rev().filter_map(|line| self.lines.get(*line as usize % LINES).copied()).collect()
    }
}

fn low(hash: u64) -> u32 {
    u32::try_from(hash & u64::from(u32::MAX)).unwrap_or_default()
}

fn high(hash: u64) -> u32 {
    u32::try_from(hash >> 32).unwrap_or_default()
}

/// The class of every byte.
#[expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "the compiler computes it for 256 bytes")]
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < classes.len() {
        classes[byte] = class(byte as u8);
        byte += 1;
    }
    classes
};

/// What a byte is: 0 where it is no part of a word, else its class as `redact::is_strong` tells them apart.
const fn class(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' => 1,
        b'A'..=b'Z' => 2,
        b'0'..=b'9' => 4,
        b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'%' | b'!' | b'$' | b'*' | 0x80.. => 8,
        _ => 0,
    }
}

/// Rows of characters of which secrets are made, long and mixed enough to be one.
fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < text.len() {
            let rest = text.get(at..)?;
            let mut classes = 0;
            let mut length = 0;
            for byte in rest {
                match CLASSES.get(usize::from(*byte)) {
                    None | Some(0) => break,
                    Some(class) => classes |= class,
                }
                length += 1;
            }
            at += length + 1;
            if (SHORTEST..=LONGEST).contains(&length) && classes.count_ones() >= 2 {
                return rest.get(..length);
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::redact::is_strong;

    fn note(sightings: &mut Sightings, line: &str, place: Place) {
        sightings.note(line, std::slice::from_ref(&(0..line.len())), place);
    }

    fn place(offset: u64) -> Place {
        Place { file: 1, offset, length: 30 }
    }

    #[test]
    fn a_word_is_found_where_it_was_written() {
        let mut sightings = Sightings::default();
        note(&mut sightings, "{\"a\":\"S3cretWord77 short\"}", place(80));
        note(&mut sightings, "{\"a\":\"S3cretWord77 S3cretWord77\"}", place(111));
        assert_eq!(sightings.of(b"S3cretWord77"), [place(80), place(111)]);
        assert!(sightings.of(b"S3cretWord78").is_empty() && sightings.of(b"short").is_empty());
    }

    #[test]
    fn words_are_those_that_are_strong() {
        for text in ["a short S3cretWord77, onlyletters 12345678 x-y-z-a-b", "Äöü-ÄÖÜ-1 \"Bearer\" Zq7x%2FkP2", ""]
        {
            let part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/%!$*".contains(byte) || *byte >= 0x80;
            let want: Vec<&[u8]> = text.as_bytes().split(|byte| !part(byte)).filter(|word| is_strong(word)).collect();
            assert_eq!(words(text.as_bytes()).collect::<Vec<_>>(), want, "{text}");
        }
    }

    #[test]
    fn the_oldest_words_and_lines_are_forgotten() {
        let mut sightings = Sightings::default();
        let word = |number: u64| format!("Word-number-{number}");
        for number in 0..LINES as u64 + 1 {
            note(&mut sightings, &word(number), place(number));
        }
        let found = |sightings: &Sightings, number: u64| sightings.of(word(number).as_bytes()) == [place(number)];
        assert!(!found(&sightings, 0) && found(&sightings, 1) && found(&sightings, LINES as u64));
        // Many words on few lines.
        let text: Vec<String> = (0..WORDS as u64).map(|number| format!("Other-number-{number}")).collect();
        note(&mut sightings, &text.join(" "), place(7));
        assert!(!found(&sightings, 1) && sightings.of(b"Other-number-0") == [place(7)]);
    }

    #[test]
    fn a_word_of_every_line_is_remembered_of_the_first() {
        let mut sightings = Sightings::default();
        (0..1000).for_each(|number| note(&mut sightings, "application/json;charset=UTF-8", place(number)));
        assert_eq!(sightings.of(b"application/json").len(), OFTEN as usize);
        assert_eq!(sightings.noted, OFTEN);
    }
}

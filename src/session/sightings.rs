//! Words that were written and that no rule took for a secret. Where one turns out to be a secret later, the lines that
//! hold it are mended: a stand-in is as long as its secret, so it is written over it.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};

use super::write::Place;
use crate::output::redact::is_strong;

/// Words are remembered up to this many; the oldest go first.
const WORDS: usize = 50_000;
/// Places are remembered up to this many in all.
const PLACES: usize = 200_000;
/// A word of more lines than this is one of the protocol, not a secret.
const LINES: usize = 64;
/// Longer words are no secrets that somebody typed in the wrong place, in bytes.
const LONGEST: usize = 512;

/// Where words stand, by their keyed hashes: no word itself is kept.
#[derive(Default)]
pub(super) struct Sightings {
    key: RandomState,
    places: HashMap<u64, Vec<Place>>,
    order: VecDeque<u64>,
    count: usize,
}

impl Sightings {
    /// Remembers the words of a line that was written there.
    pub fn note(&mut self, line: &str, place: Place) {
        for word in words(line.as_bytes()) {
            let hash = self.key.hash_one(word);
            let places = self.places.entry(hash).or_insert_with(|| {
                self.order.push_back(hash);
                Vec::new()
            });
            if places.len() < LINES && places.last() != Some(&place) {
                places.push(place);
                self.count += 1;
            }
        }
        while self.order.len() > WORDS || self.count > PLACES {
            let Some(oldest) = self.order.pop_front() else { return };
            let gone = self.places.remove(&oldest).unwrap_or_default();
            self.count = self.count.saturating_sub(gone.len());
        }
    }

    /// The lines in which a secret may stand.
    pub fn of(&self, secret: &[u8]) -> Vec<Place> {
        let longest = words(secret).max_by_key(|word| word.len());
        longest.and_then(|word| self.places.get(&self.key.hash_one(word))).cloned().unwrap_or_default()
    }
}

/// Rows of characters of which secrets are made, long and mixed enough to be one.
fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/%!$*".contains(byte) || *byte >= 0x80;
    text.split(move |byte| !part(byte)).filter(|word| word.len() <= LONGEST && is_strong(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_where_it_was_written() {
        let mut sightings = Sightings::default();
        let (one, two) = (Place { file: 1, offset: 80, length: 30 }, Place { file: 1, offset: 111, length: 30 });
        sightings.note("{\"a\":\"S3cretWord77 short\"}", one);
        sightings.note("{\"a\":\"S3cretWord77 S3cretWord77\"}", two);
        assert_eq!(sightings.of(b"S3cretWord77"), [one, two]);
        assert!(sightings.of(b"S3cretWord78").is_empty() && sightings.of(b"short").is_empty());
    }

    #[test]
    fn the_oldest_words_are_forgotten() {
        let mut sightings = Sightings::default();
        for number in 0..WORDS as u64 + 1 {
            sightings.note(&format!("Word-number-{number}"), Place { file: 1, offset: number, length: 20 });
        }
        assert!(sightings.of(b"Word-number-0").is_empty() && !sightings.of(b"Word-number-1").is_empty());
        assert_eq!((sightings.places.len(), sightings.count), (WORDS, WORDS));
    }
}

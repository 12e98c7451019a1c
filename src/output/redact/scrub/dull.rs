//! Texts in which there was nothing to learn: a list that is asked for every minute is mostly the same one.

use std::collections::VecDeque;

use bytes::Bytes;

/// Texts are remembered up to so many bytes; the oldest go first.
const BYTES: usize = 1024 * 1024;
/// A shorter text is looked through as fast, in bytes.
const LONG: usize = 4 * 1024;

#[derive(Default)]
pub(super) struct Dull {
    texts: VecDeque<Bytes>,
    bytes: usize,
}

impl Dull {
    pub fn has(&self, text: &[u8]) -> bool {
        text.len() >= LONG && self.texts.iter().any(|known| known == text)
    }

    /// Remembers a text, without a copy of it.
    pub fn add(&mut self, text: &Bytes) {
        if text.len() < LONG {
            return;
        }
        self.bytes += text.len();
        self.texts.push_back(text.clone());
        while self.bytes > BYTES {
            let Some(oldest) = self.texts.pop_front() else { return };
            self.bytes -= oldest.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_long_texts_are_known_again() {
        let mut dull = Dull::default();
        let text = |number: u8| Bytes::from(vec![number; BYTES / 4]);
        (0..5).for_each(|number| dull.add(&text(number)));
        let known = (0..6).filter(|number| dull.has(&text(*number))).collect::<Vec<_>>();
        assert_eq!(known, [1, 2, 3, 4]);
        for short in [0, 1, 2000, LONG - 1] {
            let short = Bytes::from(vec![9; short]);
            dull.add(&short);
            assert!(!dull.has(&short) && dull.texts.len() == 4, "a short one has no room, and takes none");
        }
        assert!(!dull.has(&text(4)[1..]));
        dull.add(&Bytes::from(vec![7; BYTES + 1]));
        assert_eq!((dull.bytes, dull.texts.len()), (0, 0), "one that has no room stays no longer than others");
        let least = Bytes::from(vec![8; LONG]);
        dull.add(&least);
        assert!(dull.has(&least));
    }
}

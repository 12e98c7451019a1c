//! Hashes for tables of this process.

use std::hash::{BuildHasher, RandomState};

/// A quick hash with a key: whoever does not know the key cannot choose texts that meet. It keeps no secret.
pub struct Quick(u64);

impl Default for Quick {
    fn default() -> Quick {
        Quick(RandomState::new().hash_one(0))
    }
}

impl Quick {
    /// Eight bytes at a time.
    pub fn hash(&self, text: &[u8]) -> u64 {
        const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
        let mix = |hash: u64, part: u64| (hash ^ part).wrapping_mul(ODD).rotate_left(29);
        let (parts, rest) = text.as_chunks::<8>();
        let hash = parts.iter().fold(self.0, |hash, part| mix(hash, u64::from_le_bytes(*part)));
        let mut last = [0; 8];
        last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        let hash = mix(mix(hash, u64::from_le_bytes(last)), text.len() as u64);
        hash ^ hash >> 32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_differ_in_a_byte_or_in_length_have_other_hashes() {
        let quick = Quick::default();
        let text = b"GET /api/now/table/incident".to_vec();
        for at in 0..text.len() {
            let mut other = text.clone();
            other[at] ^= 1;
            assert_ne!(quick.hash(&text), quick.hash(&other), "{at}");
            assert_ne!(quick.hash(&text), quick.hash(&text[..at]), "{at}");
        }
        assert_ne!(quick.hash(b"a"), quick.hash(b"a\0"));
        assert_ne!(quick.hash(&text), Quick::default().hash(&text), "the key is another one each time");
        assert_eq!(quick.hash(&text), quick.hash(&text));
    }
}

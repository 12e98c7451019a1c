//! Secrets: kept without a printable value, recognised again by a keyed tag.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use sha2::{Digest, Sha256};

/// A value that must not leave the process. Neither `Debug` nor `Display` show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    pub fn new(value: T) -> Secret<T> {
        Secret(value)
    }

    /// The value itself: for comparing and forwarding, never for telling.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Hashes of stand-ins of secrets, to the tags that they go by.
type Aliases = HashMap<[u8; 16], Tag>;

/// The session's key for tags. Two sessions give the same secret different tags.
#[derive(Clone)]
pub struct Salt {
    key: Secret<[u8; 32]>,
    /// Tags that stand-ins had in another session; see `with_aliases`.
    aliases: Option<Arc<RwLock<Aliases>>>,
}

/// Aliases end here; later stand-ins have tags of their own.
const ALIASES: usize = 200_000;

/// The beginning of a hash: long values take no more memory than short ones.
fn short(value: &[u8]) -> [u8; 16] {
    let mut short = [0; 16];
    short.iter_mut().zip(Sha256::digest(value)).for_each(|(to, from)| *to = from);
    short
}

impl Salt {
    pub fn new(key: [u8; 32]) -> Salt {
        Salt { key: Secret::new(key), aliases: None }
    }

    /// A key for reading a recorded session: stand-ins get the tags that their secrets had when it was recorded, so that
    /// a report shows the same tags as the log.
    pub fn with_aliases(key: [u8; 32]) -> Salt {
        Salt { aliases: Some(Arc::default()), ..Salt::new(key) }
    }

    /// From now on the value has this tag. Without effect on a key that takes no aliases.
    pub fn alias(&self, value: &[u8], tag: Tag) {
        let Some(aliases) = &self.aliases else { return };
        let mut aliases = aliases.write().unwrap_or_else(PoisonError::into_inner);
        if aliases.len() < ALIASES {
            aliases.insert(short(value), tag);
        }
    }

    fn aliased(&self, value: &[u8]) -> Option<Tag> {
        let aliases = self.aliases.as_ref()?.read().unwrap_or_else(PoisonError::into_inner);
        aliases.get(&short(value)).copied()
    }

    /// The tag of a secret: the first eight bytes of SHA-256 over key and value.
    pub fn tag(&self, value: &[u8]) -> Tag {
        if let Some(tag) = self.aliased(value) {
            return tag;
        }
        let mut hash = Sha256::new();
        hash.update(self.key.expose());
        hash.update(value);
        let digest = hash.finalize();
        let mut short = [0u8; 8];
        short.iter_mut().zip(digest.iter()).for_each(|(to, from)| *to = *from);
        Tag(u64::from_be_bytes(short))
    }
}

impl Salt {
    /// Bytes that only the key's owner can compute from `value`; `purpose` and `number` keep uses and blocks apart.
    pub fn derive(&self, purpose: &str, value: &[u8], number: u32) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.key.expose());
        hash.update(purpose);
        hash.update([0]);
        hash.update(number.to_be_bytes());
        hash.update(value);
        hash.finalize().into()
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt")
    }
}

/// Stands for a secret: equal for equal values within one session. Shown as `#a41f…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(pub u64);

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:04x}…", self.0 >> 48)
    }
}

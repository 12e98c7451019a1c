//! Header fields that were scrubbed before: clients and servers send the same ones again and again, and what was found once
//! in a field need not be looked for again.

use std::collections::HashMap;

use bytes::Bytes;

use super::{Removed, Rule};
use crate::output::redact::known::Known;

/// Fields are remembered up to about this many bytes; then all are forgotten at once.
const BYTES: usize = 128 * 1024;
/// About what an entry takes beside its bytes.
const EACH: usize = 500;

/// What became of a field.
#[derive(Clone)]
pub(super) struct Scrubbed {
    pub name: Bytes,
    pub value: Bytes,
    pub removed: Vec<Removed>,
}

struct Entry {
    scrubbed: Scrubbed,
    /// The state of `Known` that it was looked through with.
    as_of: u64,
}

/// The memory of fields. Holds secrets in the clear: it has no `Debug`.
#[derive(Default)]
pub(super) struct Remembered {
    entries: HashMap<Vec<u8>, Entry>,
    bytes: usize,
    key: Vec<u8>,
}

impl Remembered {
    /// What became of this field, where that is still so. `side` is that of the exchange.
    pub fn get(&mut self, side: &str, name: &[u8], value: &[u8], known: &Known) -> Option<Scrubbed> {
        self.set_key(side, name, value);
        let entry = self.entries.get_mut(self.key.as_slice())?;
        if entry.as_of != known.changes() {
            let scrubbed = &entry.scrubbed;
            let met = scrubbed.removed.iter().any(|removed| removed.rule == Rule::KnownElsewhere);
            if met || known.is_in(&scrubbed.name) || known.is_in(&scrubbed.value) {
                return None;
            }
            entry.as_of = known.changes();
        }
        Some(entry.scrubbed.clone())
    }

    pub fn put(&mut self, side: &str, name: &[u8], value: &[u8], scrubbed: Scrubbed, known: &Known) {
        if self.bytes > BYTES {
            self.clear();
        }
        self.set_key(side, name, value);
        self.bytes += self.key.len() * 2 + EACH;
        self.entries.insert(self.key.clone(), Entry { scrubbed, as_of: known.changes() });
    }

    pub fn clear(&mut self) {
        self.entries.clear();
        self.bytes = 0;
    }

    fn set_key(&mut self, side: &str, name: &[u8], value: &[u8]) {
        self.key.clear();
        for part in [side.as_bytes(), name, value] {
            self.key.extend_from_slice(part);
            // Neither a name nor a value holds a line end.
            self.key.push(b'\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_forgotten_when_they_are_too_many_bytes() {
        let (mut remembered, known) = (Remembered::default(), Known::default());
        let value = |number: usize| vec![b'a' + u8::try_from(number).unwrap(); 16 * 1024];
        let scrubbed = || Scrubbed { name: Bytes::new(), value: Bytes::new(), removed: Vec::new() };
        for number in 0..20 {
            remembered.put("request", b"X-Long", &value(number), scrubbed(), &known);
            assert!(remembered.get("request", b"X-Long", &value(number), &known).is_some());
            assert!(remembered.get("response", b"X-Long", &value(number), &known).is_none(), "the other side");
            assert!(remembered.bytes <= BYTES + 2 * 17 * 1024 && remembered.entries.len() <= 5);
        }
        assert!(remembered.get("request", b"X-Long", &value(0), &known).is_none());
    }
}

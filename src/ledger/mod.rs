//! The memory of what went by: a bounded fold over exchanges, keyed by tags and never by values.

use crate::model::{Exchange, Salt};

/// How much the ledger remembers; the oldest goes first.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Records of one kind (tokens, codes, credentials, clients …).
    pub records: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { records: 20_000 }
    }
}

/// The memory of one session.
pub struct Ledger {
    salt: Salt,
}

impl Ledger {
    pub fn new(salt: Salt, _limits: Limits) -> Ledger {
        Ledger { salt }
    }

    pub fn salt(&self) -> &Salt {
        &self.salt
    }

    /// Remembers one exchange.
    pub fn record(&mut self, _exchange: &Exchange) {}
}

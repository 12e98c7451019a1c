//! For recordings: what follows is read before the words are said, so that later evidence weighs on earlier exchanges.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::ledger::{Ledger, Limits};
use crate::model::{Exchange, Salt};

/// So many exchanges are read ahead,
const MOST: usize = 128;
/// and so much of their bodies is held meanwhile, in bytes.
const BYTES: usize = 1024 * 1024;

/// Exchanges that wait for their words, and a memory that knows them all.
pub struct Ahead {
    ledger: Ledger,
    waiting: VecDeque<Arc<Exchange>>,
    bytes: usize,
}

fn size(exchange: &Exchange) -> usize {
    exchange.request.body.bytes.len() + exchange.response().map_or(0, |response| response.body.bytes.len())
}

impl Ahead {
    /// Its memory is a smaller one: what lies ahead is near.
    pub fn new(salt: Salt, limits: Limits) -> Ahead {
        let records = limits.records / 32;
        Ahead { ledger: Ledger::new(salt, Limits { records }), waiting: VecDeque::new(), bytes: 0 }
    }

    /// Remembers an exchange, and lets it wait.
    pub fn see(&mut self, exchange: Arc<Exchange>) {
        let seen = catch_unwind(AssertUnwindSafe(|| self.ledger.record(&exchange)));
        if seen.is_err() {
            // It breaks off again when the exchange is explained, and is counted there.
            tracing::debug!(exchange = exchange.id, "reading ahead failed");
        }
        self.bytes += size(&exchange);
        self.waiting.push_back(exchange);
    }

    /// The oldest exchange, where no more can wait.
    pub fn due(&mut self) -> Option<Arc<Exchange>> {
        let full = self.waiting.len() > MOST || self.bytes > BYTES;
        if full { self.next() } else { None }
    }

    pub fn next(&mut self) -> Option<Arc<Exchange>> {
        let exchange = self.waiting.pop_front()?;
        self.bytes = self.bytes.saturating_sub(size(&exchange));
        Some(exchange)
    }

    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

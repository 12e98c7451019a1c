//! Exchanges that were just written without their bodies: should a finding name one of them, it is written again in full.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::model::Exchange;

/// So many are remembered.
const EXCHANGES: usize = 64;
/// With so many bytes of bodies in all.
const BYTES: usize = 1024 * 1024;

#[derive(Default)]
pub(super) struct Recent {
    exchanges: VecDeque<Arc<Exchange>>,
    bytes: usize,
}

impl Recent {
    /// Remembers an exchange; the oldest are forgotten.
    pub fn add(&mut self, exchange: Arc<Exchange>) {
        self.bytes += size(&exchange);
        self.exchanges.push_back(exchange);
        while self.exchanges.len() > EXCHANGES || self.bytes > BYTES {
            let Some(oldest) = self.exchanges.pop_front() else { return };
            self.bytes -= size(&oldest);
        }
    }

    pub fn take(&mut self, id: u64) -> Option<Arc<Exchange>> {
        let at = self.exchanges.iter().rposition(|exchange| exchange.id == id)?;
        let taken = self.exchanges.remove(at)?;
        self.bytes -= size(&taken);
        Some(taken)
    }
}

fn size(exchange: &Exchange) -> usize {
    exchange.request.body.bytes.len() + exchange.response().map_or(0, |answer| answer.body.bytes.len())
}

//! One side of an exchange at a time, for whoever remembers what became of it.

use super::{Removed, Scrubber};
use crate::model::{Exchange, Outcome, Request};
use crate::wire::telling::Telling;

/// What scrubbing rests on beside the text: while it stays the same, the same text becomes the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// Secrets that were learned or forgotten.
    known: u64,
    /// Ids that are none, and passwords whose stand-ins depend on more than themselves.
    judged: (usize, usize),
}

/// A request without its secrets.
pub struct Sent {
    pub request: Request,
    /// `User-Agent` of the CONNECT before it.
    pub agent: Option<String>,
    pub removed: Vec<Removed>,
}

impl Scrubber {
    /// Learns what is no secret in an exchange. Comes before its sides are scrubbed.
    pub fn meet(&mut self, exchange: &Exchange) {
        self.public.learn(exchange);
    }

    /// Where this changes while an exchange is scrubbed, something was learnt: what one side says is a secret may stand in
    /// the other one, and both have to be scrubbed again.
    pub fn state(&self) -> State {
        State { known: self.known.changes(), judged: (self.public.count(), self.maker.changes()) }
    }

    pub fn request(&mut self, exchange: &Exchange, keep: Telling) -> Sent {
        let salt = self.maker.salt.clone();
        let mut work = self.work(&salt, exchange.at, keep);
        let request = work.request(&exchange.request, matches!(exchange.outcome, Outcome::Refused(_)));
        let agent = work.agent(&exchange.client);
        Sent { request, agent, removed: work.removed }
    }

    pub fn outcome(&mut self, exchange: &Exchange, keep: Telling) -> (Outcome, Vec<Removed>) {
        let salt = self.maker.salt.clone();
        let mut work = self.work(&salt, exchange.at, keep);
        (work.outcome(&exchange.outcome), work.removed)
    }

    /// Whether what was made of a text from the state `then` on would be made of it again. `met`: secrets that were known
    /// from elsewhere were taken out of it.
    pub fn still(&self, then: State, met: bool, made: &[u8]) -> bool {
        let now = self.state();
        then == now || then.judged == now.judged && !met && !self.known.is_in(made)
    }
}

//! How many requests there were and what became of each: every one that began ends in exactly one of the others.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::Outcome;

/// Counted while the proxy runs, over all reloads.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub begun: AtomicU64,
    pub unobserved: AtomicU64,
    answered: AtomicU64,
    failed: AtomicU64,
    refused: AtomicU64,
    abandoned: AtomicU64,
}

/// The counts at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests that came, those that are no HTTP too; not what passes unseen.
    pub begun: u64,
    /// An answer came, whole or cut short.
    pub answered: u64,
    /// The upstream could not be reached or gave no answer.
    pub failed: u64,
    /// Not forwarded, for a fault of its own.
    pub refused: u64,
    /// The client or the proxy went away before the end.
    pub abandoned: u64,
    /// Forwarded without being observed; how they ended is not known.
    pub unobserved: u64,
}

impl Tally {
    /// Those that have not ended.
    pub fn under_way(&self) -> u64 {
        self.begun.saturating_sub(self.answered + self.failed + self.refused + self.abandoned + self.unobserved)
    }
}

impl Counts {
    pub fn ended(&self, outcome: &Outcome) {
        let count = match outcome {
            Outcome::Answered(_) => &self.answered,
            Outcome::Failed(_) => &self.failed,
            Outcome::Refused(_) => &self.refused,
            Outcome::Abandoned(_) => &self.abandoned,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    pub fn tally(&self) -> Tally {
        let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
        Tally {
            begun: count(&self.begun),
            answered: count(&self.answered),
            failed: count(&self.failed),
            refused: count(&self.refused),
            abandoned: count(&self.abandoned),
            unobserved: count(&self.unobserved),
        }
    }
}

//! What happens to a finished exchange: read, diagnose with the memory as it was, remember, tell.
//!
//! Two things make this more than three lines. A 401 without credentials may be the first half of an ordinary challenge
//! round (RFC 9110 §11.6.1), so its words wait for the next request of that client. And a later success can contradict
//! an earlier verdict, which is then taken back.

mod held;
mod verdicts;

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::diagnose;
use crate::ledger::{Ledger, Limits};
use crate::model::{Answerer, Diagnosis, Exchange, Millis, Salt};
use crate::output::{TakenBack, Told};
use held::Held;
use verdicts::Verdicts;

/// Hears of every exchange, healthy ones included, once it is clear what is to be said.
pub trait Teller {
    fn tell(&mut self, told: &Told<'_>);
}

impl<F: FnMut(&Told<'_>)> Teller for F {
    fn tell(&mut self, told: &Told<'_>) {
        self(told);
    }
}

/// The one task behind the channel, or behind a recording.
pub struct Pipeline {
    ledger: Ledger,
    held: Held,
    verdicts: Verdicts,
    salt: Salt,
    /// Exchanges whose diagnosis broke off by a panic: told without words.
    broken: u64,
}

impl Pipeline {
    pub fn new(salt: Salt, limits: Limits) -> Pipeline {
        Pipeline {
            ledger: Ledger::new(salt.clone(), limits),
            held: Held::default(),
            verdicts: Verdicts::default(),
            salt,
            broken: 0,
        }
    }

    /// Takes one exchange, in the order of their ends (live) or of their beginnings (recorded).
    pub fn take(&mut self, exchange: Exchange, teller: &mut dyn Teller) {
        self.tick(exchange.at, teller);
        let reading = self.ledger.read(&exchange);
        for (first, mut diagnosis) in self.held.answered_by(&reading) {
            diagnosis.findings.clear();
            tell(teller, &self.salt, &first, &diagnosis, &[]);
        }
        let looked = catch_unwind(AssertUnwindSafe(|| diagnose::diagnose_reading(&reading, &self.ledger)));
        let diagnosis = looked.unwrap_or_else(|_| {
            self.broken += 1;
            Diagnosis { answered_by: Answerer::Why401, findings: Vec::new(), folded: Vec::new() }
        });
        let takes_back = self.verdicts.contradicted_by(&reading, self.ledger.salt());
        self.verdicts.remember(&reading, &diagnosis, self.ledger.salt());
        let waits = held::may_be_half(&reading, &diagnosis);
        let party = reading.party();
        if catch_unwind(AssertUnwindSafe(|| self.ledger.record_reading(&reading))).is_err() {
            self.broken += 1;
        }
        if waits {
            for (early, diagnosis) in self.held.hold(party, exchange, diagnosis) {
                tell(teller, &self.salt, &early, &diagnosis, &[]);
            }
        } else {
            tell(teller, &self.salt, &exchange, &diagnosis, &takes_back);
        }
    }

    /// Tells what has waited long enough at `now`. Live, a clock calls this; a recording brings its own time.
    pub fn tick(&mut self, now: Millis, teller: &mut dyn Teller) {
        for (exchange, diagnosis) in self.held.overdue(now) {
            tell(teller, &self.salt, &exchange, &diagnosis, &[]);
        }
    }

    /// Tells everything that still waits.
    pub fn finish(&mut self, teller: &mut dyn Teller) {
        for (exchange, diagnosis) in self.held.all() {
            tell(teller, &self.salt, &exchange, &diagnosis, &[]);
        }
    }

    /// How many diagnoses broke off.
    pub fn broken(&self) -> u64 {
        self.broken
    }
}

fn tell(teller: &mut dyn Teller, salt: &Salt, exchange: &Exchange, diagnosis: &Diagnosis, takes_back: &[TakenBack]) {
    teller.tell(&Told { exchange, diagnosis, salt, takes_back });
}

//! What happens to a finished exchange: read, diagnose with the memory as it was, remember, tell.
//!
//! Two things make this more than three lines. A 401 without credentials may be the first half of an ordinary challenge
//! round (RFC 9110 §11.6.1), so its words wait for the next request of that client. And what comes later can contradict
//! an earlier verdict: live, it is then taken back; of a recording, what comes later is read first (`ahead`).

mod ahead;
mod held;
mod verdicts;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::diagnose;
use crate::ledger::{Ledger, Limits};
use crate::model::{Answerer, Diagnosis, Exchange, Millis, Salt};
use crate::output::Told;
use crate::wire::reading::Reading;
use ahead::Ahead;
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
    ahead: Option<Ahead>,
    verdicts: Verdicts,
    salt: Salt,
    diagnose: Diagnose,
    /// Exchanges whose explanation broke off by a panic.
    broken: u64,
}

/// What finds the causes of one exchange, with the memory as it was before it and, of a recording, with one that knows what
/// follows as well.
pub type Diagnose = fn(&Reading<'_>, &Ledger, Option<&Ledger>) -> Diagnosis;

impl Pipeline {
    pub fn new(salt: Salt, limits: Limits) -> Pipeline {
        Pipeline {
            ledger: Ledger::new(salt.clone(), limits),
            held: Held::default(),
            ahead: None,
            verdicts: Verdicts::default(),
            salt,
            diagnose: diagnose::diagnose_in_hindsight,
            broken: 0,
        }
    }

    /// The same for a recording, where nobody waits for the words: a challenge round may take as long as a person types,
    /// and what follows is read first. The last words come with `finish`.
    pub fn recorded(self, limits: Limits) -> Pipeline {
        Pipeline { held: Held::recorded(), ahead: Some(Ahead::new(self.salt.clone(), limits)), ..self }
    }

    /// The same with another diagnosis: faults are put in by it, to see that they stay where they are.
    pub fn diagnosing(self, diagnose: Diagnose) -> Pipeline {
        Pipeline { diagnose, ..self }
    }

    /// Takes one exchange, in the order of their ends (live) or of their beginnings (recorded). Whatever breaks off in it
    /// costs the words about this exchange.
    pub fn take(&mut self, exchange: impl Into<Arc<Exchange>>, teller: &mut dyn Teller) {
        let Some(ahead) = &mut self.ahead else { return self.take_now(exchange.into(), teller) };
        ahead.see(exchange.into());
        while let Some(exchange) = self.ahead.as_mut().and_then(Ahead::due) {
            self.take_now(exchange, teller);
        }
    }

    fn take_now(&mut self, exchange: Arc<Exchange>, teller: &mut dyn Teller) {
        let id = exchange.id;
        self.tick(exchange.at, teller);
        if catch_unwind(AssertUnwindSafe(|| self.explain(exchange, teller))).is_err() {
            self.broke(id);
        }
    }

    fn broke(&mut self, exchange: u64) {
        self.broken += 1;
        tracing::error!(exchange, "explainer failed: nothing is said of this exchange; it passed all the same");
    }

    fn explain(&mut self, exchange: Arc<Exchange>, teller: &mut dyn Teller) {
        let reading = self.ledger.read(&exchange);
        for (first, mut diagnosis) in self.held.answered_by(&reading) {
            diagnosis.findings.clear();
            tell(teller, &self.salt, &first, &diagnosis);
        }
        let (diagnose, later) = (self.diagnose, self.ahead.as_ref().map(Ahead::ledger));
        let looked = catch_unwind(AssertUnwindSafe(|| diagnose(&reading, &self.ledger, later)));
        let diagnosis = looked.unwrap_or_else(|_| {
            self.broke(exchange.id);
            Diagnosis { answered_by: Answerer::Why401, findings: Vec::new(), folded: Vec::new() }
        });
        let mut takes_back = self.verdicts.contradicted_by(&reading, self.ledger.salt());
        takes_back.extend(self.held.contradicted_by(&reading));
        self.verdicts.remember(&reading, &diagnosis, self.ledger.salt());
        let waits = held::may_be_half(&reading, &diagnosis);
        let party = waits.then(|| reading.party());
        if catch_unwind(AssertUnwindSafe(|| self.ledger.record_reading(&reading))).is_err() {
            self.broke(exchange.id);
        }
        if let Some(party) = party {
            for (early, diagnosis) in self.held.hold(party, exchange, diagnosis) {
                tell(teller, &self.salt, &early, &diagnosis);
            }
        } else {
            let told = Told {
                exchange: &exchange,
                diagnosis: &diagnosis,
                salt: &self.salt,
                takes_back: &takes_back,
                reading: Some(&reading),
            };
            teller.tell(&told);
        }
    }

    /// Tells what has waited long enough at `now`. Live, a clock calls this; a recording brings its own time.
    pub fn tick(&mut self, now: Millis, teller: &mut dyn Teller) {
        let overdue = self.held.overdue(now);
        self.tell_each(&overdue, teller);
    }

    /// Tells everything that still waits.
    pub fn finish(&mut self, teller: &mut dyn Teller) {
        while let Some(exchange) = self.ahead.as_mut().and_then(Ahead::next) {
            self.take_now(exchange, teller);
        }
        let all = self.held.all();
        self.tell_each(&all, teller);
    }

    fn tell_each(&mut self, held: &[(Arc<Exchange>, Diagnosis)], teller: &mut dyn Teller) {
        for (exchange, diagnosis) in held {
            let told = catch_unwind(AssertUnwindSafe(|| tell(teller, &self.salt, exchange, diagnosis)));
            if told.is_err() {
                self.broke(exchange.id);
            }
        }
    }

    /// How many explanations broke off.
    pub fn broken(&self) -> u64 {
        self.broken
    }
}

fn tell(teller: &mut dyn Teller, salt: &Salt, exchange: &Exchange, diagnosis: &Diagnosis) {
    teller.tell(&Told { exchange, diagnosis, salt, takes_back: &[], reading: None });
}

//! What happened and why: `diagnose(&Exchange, &Ledger) -> Diagnosis`, pure.
//!
//! ```text
//! Reading + Ledger → Facts ─┬→ rules (one look at forced or remembered causes) ─┐
//!                           ├→ signatures (the answer names the cause)          ├→ rank → at most six findings
//!                           └→ suspects (same bytes, moved by observations)     ┘
//! ```

mod answerer;
pub mod causes;
mod facts;
mod observe;
mod rank;
mod signature;
mod suspects;

pub use observe::SERVICE;

use crate::ledger::Ledger;
use crate::model::{Diagnosis, Exchange};
use crate::wire::reading::Reading;
use facts::Facts;

/// Explains one exchange with the memory as it was before it.
pub fn diagnose(exchange: &Exchange, ledger: &Ledger) -> Diagnosis {
    diagnose_reading(&ledger.read(exchange), ledger)
}

/// Explains one exchange that was read already.
pub fn diagnose_reading(reading: &Reading<'_>, ledger: &Ledger) -> Diagnosis {
    diagnose_in_hindsight(reading, ledger, None)
}

/// Explains one exchange of a recording: `later` remembers what follows it as well. Contrast weighs the same from both
/// sides of an exchange; a proof is made from what came before alone.
pub fn diagnose_in_hindsight(reading: &Reading<'_>, ledger: &Ledger, later: Option<&Ledger>) -> Diagnosis {
    let facts = Facts::gather(reading, ledger);
    if !facts.needs_words() {
        return Diagnosis { answered_by: facts.answerer, findings: causes::exposures(&facts), folded: Vec::new() };
    }
    let mut found = causes::exposures(&facts);
    found.extend(causes::rules(&facts));
    found.extend(signature::read(&facts));
    found.extend(suspects::suspects(&facts, later));
    if let Some(later) = later {
        found.extend(causes::in_hindsight(&facts, later));
        causes::weaken_in_hindsight(&facts, later, &mut found);
    }
    let (findings, folded) = rank::rank(&facts, found);
    Diagnosis { answered_by: facts.answerer, findings, folded }
}

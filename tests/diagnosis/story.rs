//! Stories told to the diagnosis, one exchange after the other.

use why401::diagnose::diagnose;
use why401::intake::transcript;
use why401::ledger::{Ledger, Limits};
use why401::model::{Diagnosis, Exchange, Salt};

/// The last exchange, and what is said of it.
pub fn last(story: &str) -> (Exchange, Diagnosis) {
    let mut ledger = Ledger::new(Salt::new([1; 32]), Limits::default());
    let read = transcript::parse(story).unwrap_or_else(|error| panic!("{error}\n{story}"));
    let mut last = None;
    for step in read.steps {
        let diagnosis = diagnose(&step.exchange, &ledger);
        ledger.record(&step.exchange);
        last = Some((step.exchange, diagnosis));
    }
    last.expect("a story has a step")
}

/// `cause grade` of all that is said of the last exchange, the first suspect first.
pub fn said(story: &str) -> Vec<String> {
    let all = last(story).1.findings;
    all.iter().map(|found| format!("{} {}", found.cause, found.grade.as_str())).collect()
}

/// What is said of one cause: its grade, weight and reason.
pub fn of(story: &str, cause: &str) -> Option<(&'static str, i32, String)> {
    let all = last(story).1.findings;
    all.into_iter().find(|one| one.cause == cause).map(|one| (one.grade.as_str(), one.weight, one.because))
}

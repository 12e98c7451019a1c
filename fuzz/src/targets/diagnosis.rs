//! Diagnosis of whatever passed by: it does not break off, says the same again, and keeps to the closed list.

use why401::diagnose::causes;
use why401::intake;
use why401::ledger::Limits;
use why401::model::{Exchange, Salt};
use why401::output::{Style, Told, json, log};
use why401::pipeline::Pipeline;

/// The exchanges of a page's transcript, or of any recording.
pub(crate) fn exchanges(bytes: &[u8]) -> Vec<Exchange> {
    let text = String::from_utf8_lossy(bytes);
    match intake::transcript::parse(&text) {
        Ok(read) => read.steps.into_iter().map(|step| step.exchange).take(64).collect(),
        Err(_) => intake::read(bytes, "input").unwrap_or_default().into_iter().take(64).collect(),
    }
}

/// All that is said of them, by both tellers.
fn said(exchanges: &[Exchange]) -> Vec<String> {
    // A small memory, so that forgetting is tried too.
    let mut pipeline = Pipeline::new(Salt::new([7; 32]), Limits { records: 8 });
    let mut said = Vec::new();
    let mut teller = |told: &Told<'_>| {
        assert!(told.diagnosis.findings.len() <= 6);
        for finding in &told.diagnosis.findings {
            let cause = causes::cause(finding.cause).expect("a cause of the closed list");
            assert!(finding.grade <= cause.best, "{} is {:?}", finding.cause, finding.grade);
        }
        let line = json::line(told);
        assert!(!line.contains('\n'), "one event is one line");
        let block = log::block(told, &Style { why: true, ..Style::plain(80) });
        assert!(!block.chars().any(|c| c.is_control() && c != '\n'), "a terminal would obey this: {block:?}");
        said.extend([line, block]);
    };
    for exchange in exchanges {
        pipeline.take(exchange.clone(), &mut teller);
    }
    pipeline.finish(&mut teller);
    assert_eq!(pipeline.broken(), 0, "a diagnosis broke off");
    said
}

pub fn diagnosis(bytes: &[u8]) {
    let exchanges = exchanges(bytes);
    assert_eq!(said(&exchanges), said(&exchanges));
}

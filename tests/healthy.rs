//! Traffic that is in order, with the 401s and redirects that belong to it: nothing is told of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests may"
)]

use std::fs;
use std::path::Path;

use why401::intake::transcript;
use why401::ledger::Limits;
use why401::model::{Exchange, Salt};
use why401::output::Told;
use why401::pipeline::Pipeline;

/// The sequences of `tests/data/healthy`, by name.
fn sequences() -> Vec<(String, Vec<Exchange>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/healthy");
    let mut all: Vec<(String, Vec<Exchange>)> = fs::read_dir(folder)
        .unwrap()
        .map(|file| {
            let path = file.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let read = transcript::parse(&fs::read_to_string(&path).unwrap());
            let steps = read.unwrap_or_else(|error| panic!("{name}: {error}")).steps;
            (name, steps.into_iter().map(|step| step.exchange).collect())
        })
        .collect();
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all
}

/// What is told of the exchanges, and of how many it is known what to tell.
fn told(exchanges: Vec<Exchange>) -> (Vec<String>, usize) {
    let (mut said, mut heard) = (Vec::new(), 0);
    let mut teller = |told: &Told<'_>| {
        heard += 1;
        for finding in &told.diagnosis.findings {
            said.push(format!("#{} {} {}", told.exchange.id, finding.cause, finding.grade.as_str()));
        }
        said.extend(told.takes_back.iter().map(|back| format!("#{} takes back {}", told.exchange.id, back.cause)));
    };
    let mut pipeline = Pipeline::new(Salt::new([2; 32]), Limits::default());
    for exchange in exchanges {
        pipeline.take(exchange, &mut teller);
    }
    pipeline.finish(&mut teller);
    (said, heard)
}

#[test]
fn nothing_is_told_of_healthy_traffic() {
    let sequences = sequences();
    assert!(sequences.len() >= 25, "only {} sequences are there", sequences.len());
    let mut wrong = Vec::new();
    for (name, exchanges) in sequences {
        let count = exchanges.len();
        let (said, heard) = told(exchanges);
        assert_eq!(heard, count, "{name}: every exchange is told once");
        wrong.extend(said.iter().map(|line| format!("{name}: {line}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// All of it as the traffic of one day: what one sequence leaves in the memory speaks against no other.
#[test]
fn nothing_is_told_of_healthy_traffic_as_one_day() {
    let mut at = 0;
    let mut day = Vec::new();
    for (_, exchanges) in sequences() {
        let begins = exchanges.first().map_or(0, |first| first.at.0);
        for mut exchange in exchanges {
            // A quarter of an hour between two sequences.
            exchange.at.0 = exchange.at.0 - begins + 1_793_613_600_000 + at;
            exchange.id = day.len() as u64 + 1;
            day.push(exchange);
        }
        at = day.last().map_or(0, |last: &Exchange| last.at.0 - 1_793_613_600_000) + 900_000;
    }
    let (said, _) = told(day);
    assert!(said.is_empty(), "{}", said.join("\n"));
}

/// The measure can fail: with its success taken away, a challenge round is told.
#[test]
fn a_round_without_its_end_is_told() {
    let (_, mut round) = sequences().into_iter().find(|(name, _)| name == "challenge-round").unwrap();
    round.truncate(1);
    assert_eq!(told(round).0, ["#1 no-credentials proven"]);
}

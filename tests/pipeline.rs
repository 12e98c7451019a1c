//! What the pipeline adds to diagnosis: challenge rounds wait for their second half, verdicts can be taken back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use why401::diagnose::diagnose_reading;
use why401::intake::transcript;
use why401::ledger::{Ledger, Limits};
use why401::model::{Diagnosis, Salt};
use why401::output::Told;
use why401::pipeline::Pipeline;
use why401::run::tellers::Tellers;
use why401::wire::reading::Reading;

const REQUEST: &str = "> GET /api/now/table/incident HTTP/1.1\n> Host: dev1.service-now.com\n> User-Agent: tool/1\n";
const BASIC: &str = "> Authorization: Basic c3ZjLnN5bmM6SGFyYm91ci00MS1sYW1w\n";
const REFUSED: &str = "< HTTP/1.1 401 Unauthorized\n< Server: snow_adc\n< X-Is-Logged-In: false\n< WWW-Authenticate: Basic realm=\"Service-now\"\n< Content-Type: application/json\n<\n< {\"error\":{\"message\":\"User is not authenticated\",\"detail\":\"Required to provide Auth information\"},\"status\":\"failure\"}\n";
const PASSED: &str = "< HTTP/1.1 200 OK\n< Server: snow_adc\n< X-Is-Logged-In: true\n< Content-Type: application/json\n<\n< {\"result\":[{\"number\":\"INC0010001\",\"short_description\":\"printer on fire again\"}]}\n";

/// Number, causes and takings-back of every exchange, in the order in which they were told.
fn told(story: &str) -> Vec<(u64, Vec<&'static str>, Vec<&'static str>)> {
    let mut all = Vec::new();
    let mut teller = |one: &Told<'_>| {
        let causes = one.diagnosis.findings.iter().map(|finding| finding.cause).collect();
        all.push((one.exchange.id, causes, one.takes_back.iter().map(|back| back.cause).collect()));
    };
    let mut pipeline = Pipeline::new(Salt::new([3; 32]), Limits::default());
    for step in transcript::parse(story).unwrap().steps {
        pipeline.take(step.exchange, &mut teller);
    }
    pipeline.finish(&mut teller);
    all
}

fn exchange(at: &str, authorization: &str, answer: &str) -> String {
    format!("@ {at} https://dev1.service-now.com\n{REQUEST}{authorization}>\n{answer}")
}

#[test]
fn the_first_half_of_a_challenge_round_is_no_failure() {
    let round = exchange("10:00:00", "", REFUSED) + &exchange("10:00:01", BASIC, PASSED);
    assert!(told(&round).iter().all(|(_, causes, _)| causes.is_empty()), "{:?}", told(&round));
    let alone = exchange("10:00:00", "", REFUSED);
    assert_eq!(told(&alone), [(1, vec!["no-credentials"], vec![])]);
    let late = exchange("10:00:00", "", REFUSED) + &exchange("10:05:00", BASIC, PASSED);
    assert_eq!(told(&late)[0], (1, vec!["no-credentials"], vec![]));
}

/// A browser asks a person, who types for a while.
#[test]
fn a_challenge_round_that_a_person_answers_is_taken_back_live_and_not_told_of_a_recording() {
    let typed = exchange("10:00:00", "", REFUSED) + &exchange("10:00:30", BASIC, PASSED);
    let live = told(&typed);
    assert_eq!(live, [(1, vec!["no-credentials"], vec![]), (2, vec![], vec!["no-credentials"])]);
    let refused = exchange("10:00:00", "", REFUSED) + &exchange("10:00:30", BASIC, REFUSED);
    assert!(told(&refused)[1].2.is_empty(), "a refusal takes nothing back");
    let mut words = 0;
    let mut teller = |one: &Told<'_>| words += one.diagnosis.findings.len() + one.takes_back.len();
    let mut pipeline = Pipeline::new(Salt::new([3; 32]), Limits::default()).recorded(Limits::default());
    for step in transcript::parse(&typed).unwrap().steps {
        pipeline.take(step.exchange, &mut teller);
    }
    pipeline.finish(&mut teller);
    assert_eq!(words, 0);
}

#[test]
fn a_success_of_the_same_credential_takes_the_verdict_back() {
    let story = exchange("10:00:00", BASIC, REFUSED) + &exchange("10:01:00", BASIC, PASSED);
    let all = told(&story);
    let first = all[0].1[0];
    assert_eq!((all[1].0, &all[1].1, &all[1].2), (2, &vec![], &vec![first]));
}

#[test]
fn a_success_of_another_credential_takes_nothing_back() {
    let other = "> Authorization: Basic c3ZjLm90aGVyOkhhcmJvdXItNDEtbGFtcA==\n";
    let story = exchange("10:00:00", BASIC, REFUSED) + &exchange("10:01:00", other, PASSED);
    assert!(told(&story)[1].2.is_empty());
}

/// A rule that breaks off at one address, as a fault in ours would.
fn breaks(reading: &Reading<'_>, ledger: &Ledger, _: Option<&Ledger>) -> Diagnosis {
    assert!(!reading.request().target.contains("break"), "a rule has broken off");
    diagnose_reading(reading, ledger)
}

#[test]
fn a_rule_that_panics_costs_the_words_about_its_exchange_only() {
    let broken = exchange("10:00:00", BASIC, REFUSED).replace("/api/now/table/incident", "/api/now/break");
    let story = broken + &exchange("10:00:05", BASIC, REFUSED);
    let mut told = Vec::new();
    let mut teller = |one: &Told<'_>| told.push((one.exchange.id, one.diagnosis.findings.is_empty()));
    let mut pipeline = Pipeline::new(Salt::new([3; 32]), Limits::default()).diagnosing(breaks);
    for step in transcript::parse(&story).unwrap().steps {
        pipeline.take(step.exchange, &mut teller);
    }
    pipeline.finish(&mut teller);
    assert_eq!(pipeline.broken(), 1);
    assert_eq!(told, [(1, true), (2, false)], "the first without words, the second with them");
}

#[test]
fn a_teller_that_panics_costs_its_exchange_only() {
    let story = exchange("10:00:00", BASIC, REFUSED) + &exchange("10:00:05", BASIC, REFUSED);
    let mut told = Vec::new();
    let mut teller = |one: &Told<'_>| {
        assert_ne!(one.exchange.id, 1, "an output has broken off");
        told.push(one.exchange.id);
    };
    let mut pipeline = Pipeline::new(Salt::new([3; 32]), Limits::default());
    for step in transcript::parse(&story).unwrap().steps {
        pipeline.take(step.exchange, &mut teller);
    }
    pipeline.finish(&mut teller);
    assert_eq!((told, pipeline.broken()), (vec![2], 1));
}

#[test]
fn an_output_that_panics_silences_no_other() {
    let heard = Arc::new(AtomicUsize::new(0));
    let count = heard.clone();
    let breaks = |_: &Told<'_>| panic!("an output has broken off");
    let counts = move |_: &Told<'_>| {
        count.fetch_add(1, Ordering::Relaxed);
    };
    let mut tellers = Tellers(vec![Box::new(breaks), Box::new(counts)]);
    let mut pipeline = Pipeline::new(Salt::new([3; 32]), Limits::default());
    for step in transcript::parse(&exchange("10:00:00", BASIC, REFUSED)).unwrap().steps {
        pipeline.take(step.exchange, &mut tellers);
    }
    pipeline.finish(&mut tellers);
    assert_eq!((heard.load(Ordering::Relaxed), pipeline.broken()), (1, 0));
}

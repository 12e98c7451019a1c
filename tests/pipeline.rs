//! What the pipeline adds to diagnosis: challenge rounds wait for their second half, verdicts can be taken back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may")]

use why401::intake::transcript;
use why401::ledger::Limits;
use why401::model::Salt;
use why401::output::Told;
use why401::pipeline::Pipeline;

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

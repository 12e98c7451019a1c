//! Of a recording, what comes later weighs on what came before, and proves nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may")]

use why401::intake::transcript;
use why401::ledger::Limits;
use why401::model::{Grade, Salt};
use why401::output::Told;
use why401::pipeline::Pipeline;

const SERVER: &str = "< Server: snow_adc\n< Content-Type: application/json\n";
const TOKEN: &str = "h9sYwmGS5Nh7rkVdPEqWcuZtfA1JbX3LoT8iUjQpKvR2eDyM4xCgBnH6lFzOa0sIQwErTyUiOpAsDfGhJkLzXQ";
const CLIENT: &str = "client_id=8ff578658fc35c49df5942e58a4d7dc0&client_secret=VLUzyUyyrkWdGn4DtjG3HDq9zPmA";
const BASIC: &str = "Basic c3ZjLnN5bmM6SGFyYm91ci00MS1sYW1w";
const TABLE: &str = "/api/now/table/incident";

fn passed() -> String {
    format!(
        "< HTTP/1.1 200 OK\n{SERVER}< X-Is-Logged-In: true\n<\n< {{\"result\":[{{\"number\":\"INC0010001\",\"short_description\":\"printer on fire again\"}}]}}\n"
    )
}

fn refused() -> String {
    format!(
        "< HTTP/1.1 401 Unauthorized\n{SERVER}< X-Is-Logged-In: false\n<\n< {{\"error\":{{\"message\":\"User is not authenticated\",\"detail\":\"Required to provide Auth information\"}},\"status\":\"failure\"}}\n"
    )
}

fn denied() -> String {
    format!(
        "< HTTP/1.1 401 Unauthorized\n{SERVER}<\n< {{\"error_description\":\"access_denied\",\"error\":\"server_error\"}}\n"
    )
}

fn issued() -> String {
    format!(
        "< HTTP/1.1 200 OK\n{SERVER}<\n< {{\"access_token\":\"{TOKEN}\",\"scope\":\"useraccount\",\"token_type\":\"Bearer\",\"expires_in\":1799}}\n"
    )
}

fn get(at: &str, path: &str, credential: &str, answer: &str) -> String {
    format!(
        "@ {at} https://dev1.service-now.com\n> GET {path} HTTP/1.1\n> Host: dev1.service-now.com\n> Authorization: {credential}\n>\n{answer}"
    )
}

fn post(at: &str, body: &str, answer: &str) -> String {
    format!(
        "@ {at} https://dev1.service-now.com\n> POST /oauth_token.do HTTP/1.1\n> Host: dev1.service-now.com\n> Content-Type: application/x-www-form-urlencoded\n>\n> {body}\n{answer}"
    )
}

type Said = Vec<(&'static str, Grade)>;

/// What is said of each exchange, and what is taken back by it.
fn told(mut pipeline: Pipeline, parts: &[String]) -> Vec<(Said, usize)> {
    let mut all = Vec::new();
    let mut teller = |one: &Told<'_>| {
        let findings = one.diagnosis.findings.iter().map(|finding| (finding.cause, finding.grade)).collect();
        all.push((findings, one.takes_back.len()));
    };
    for step in transcript::parse(&parts.concat()).unwrap().steps {
        pipeline.take(step.exchange, &mut teller);
    }
    pipeline.finish(&mut teller);
    all
}

fn live() -> Pipeline {
    Pipeline::new(Salt::new([3; 32]), Limits::default())
}

fn recorded(parts: &[String]) -> Vec<Said> {
    told(live().recorded(Limits::default()), parts).into_iter().map(|(said, _)| said).collect()
}

#[test]
fn a_credential_that_passes_moments_later_was_not_wrong() {
    let story = [get("10:00:00", TABLE, BASIC, &refused()), get("10:00:02", TABLE, BASIC, &passed())];
    let then = told(live(), &story);
    assert_eq!((then[0].0[0].0, then[1].1), ("basic-auth-restricted", 1), "live, the verdict is taken back");
    let known = told(live().recorded(Limits::default()), &story);
    assert_eq!(known[0].0[0].0, "ldap-unavailable");
    assert_eq!(known[1].1, 0, "words that know it need no taking back");
}

/// Ten minutes are enough to mend an instance: what passes then says nothing of what stopped it.
#[test]
fn a_success_after_a_while_leaves_the_verdict() {
    let story = [get("10:00:00", TABLE, BASIC, &refused()), get("10:10:00", TABLE, BASIC, &passed())];
    assert_eq!(recorded(&story)[0][0].0, "basic-auth-restricted");
}

#[test]
fn contrast_counts_from_both_sides() {
    let bearer = format!("Bearer {TOKEN}");
    let elsewhere =
        [get("10:00:00", "/api/x_acme/v1/orders", &bearer, &refused()), get("10:00:05", TABLE, &bearer, &passed())];
    assert_eq!(recorded(&elsewhere)[0][0], ("api-access-policy", Grade::Likely));
    let grants = [
        post("10:00:00", &format!("grant_type=client_credentials&{CLIENT}"), &denied()),
        post("10:01:00", &format!("grant_type=password&{CLIENT}&username=svc&password=Harbour-41"), &issued()),
    ];
    assert_eq!(recorded(&grants)[0][0], ("client-credentials-disabled", Grade::Likely));
    let other = "Basic c3ZjLnN5bmM6SGFyYm91ci00Mi1sYW1w";
    let passwords = [get("10:00:00", TABLE, BASIC, &refused()), get("10:00:20", TABLE, other, &passed())];
    assert_eq!(recorded(&passwords)[0][0].0, "wrong-password");
    let host = [
        get("10:00:00", TABLE, &bearer, &refused()).replace("dev1", "dev2"),
        get("10:00:20", TABLE, &bearer, &passed()),
    ];
    assert_eq!(recorded(&host)[0][0], ("token-from-other-instance", Grade::Likely));
}

/// A code that is exchanged with success later was not exchanged before.
#[test]
fn what_comes_later_proves_nothing() {
    let body =
        format!("grant_type=authorization_code&code={TOKEN}&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&{CLIENT}");
    let story = [post("10:00:00", &body, &denied()), post("10:00:05", &body, &issued())];
    let first = &recorded(&story)[0];
    assert!(!first.is_empty() && first.iter().all(|(_, grade)| *grade < Grade::Proven), "{first:?}");
}

#[test]
fn a_token_that_passes_later_had_not_expired() {
    let bearer = format!("Bearer {TOKEN}");
    let mut story = vec![
        post("10:00:00", &format!("grant_type=password&{CLIENT}&username=svc&password=Harbour-41"), &issued()),
        get("10:40:00", TABLE, &bearer, &refused()),
    ];
    assert_eq!(recorded(&story)[1][0], ("token-expired", Grade::Proven));
    story.push(get("10:41:00", TABLE, &bearer, &passed()));
    let proven = |said: &Said| said.iter().any(|(_, grade)| *grade == Grade::Proven);
    assert!(!proven(&recorded(&story)[1]), "{:?}", recorded(&story)[1]);
}

/// Words do not wait for the end of a long recording.
#[test]
fn so_much_is_read_ahead_and_no_more() {
    let story: Vec<String> =
        (0..600).map(|n| get(&format!("10:{:02}:{:02}", n / 60, n % 60), TABLE, BASIC, &passed())).collect();
    let mut pipeline = live().recorded(Limits::default());
    let mut words = 0;
    for step in transcript::parse(&story.concat()).unwrap().steps {
        pipeline.take(step.exchange, &mut |_: &Told<'_>| words += 1);
    }
    assert!((1..600).contains(&words), "{words}");
    pipeline.finish(&mut |_: &Told<'_>| words += 1);
    assert_eq!(words, 600);
}

/// A refresh that fails again and again is no matter of concurrency; one that passes when it is tried again is.
#[test]
fn refreshes_trip_over_each_other_only_where_one_passes() {
    let body = format!("grant_type=refresh_token&refresh_token={TOKEN}&{CLIENT}");
    let fails = |at: &str| post(at, &body, &denied());
    let looped = [fails("10:00:00"), fails("10:00:02"), fails("10:00:04")];
    assert!(recorded(&looped).iter().all(|said| said[0].0 == "refresh-token-expired"));
    let again = [fails("10:00:00"), post("10:00:01", &body, &issued())];
    assert_eq!(recorded(&again)[0][0], ("refresh-concurrency", Grade::Likely));
}

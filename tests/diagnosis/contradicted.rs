//! Proofs that an earlier exchange of the same recording speaks against: they are no proofs.

use why401::diagnose::diagnose;
use why401::intake::transcript;
use why401::ledger::{Ledger, Limits};
use why401::model::{Grade, Salt};

const REFUSED: &str = "< HTTP/1.1 401 Unauthorized\n< Server: snow_adc\n< X-Is-Logged-In: false\n< WWW-Authenticate: Basic realm=\"Service-now\"\n< Content-Type: application/json\n<\n< {\"error\":{\"message\":\"User is not authenticated\",\"detail\":\"Required to provide Auth information\"},\"status\":\"failure\"}\n";
const DENIED: &str = "< HTTP/1.1 401 Unauthorized\n< Server: snow_adc\n< Content-Type: application/json\n<\n< {\"error_description\":\"access_denied\",\"error\":\"server_error\"}\n";
const TOKEN: &str = "Od4sDPUtmmj5dRmxAFhJHQ9410k5vvfIz8RC57CKCQiqx0ElAjqXjU_fAP2dkwqKiZDCdqUahw7sKUMqZRN_ww";

fn ok(body: &str) -> String {
    format!(
        "< HTTP/1.1 200 OK\n< Server: snow_adc\n< X-Is-Logged-In: true\n< Content-Type: application/json\n<\n< {body}\n"
    )
}

fn issued() -> String {
    ok(&format!(r#"{{"access_token":"{TOKEN}","scope":"useraccount","token_type":"Bearer","expires_in":1799}}"#))
}

/// `lines` of a request at `clock`, with the answer to it.
fn step(clock: &str, host: &str, lines: &[&str], answer: &str) -> String {
    let (first, rest) = lines.split_first().unwrap();
    let rest: String = rest.iter().map(|line| format!("> {line}\n")).collect();
    format!(
        "@ {clock} https://{host}.service-now.com\n> {first} HTTP/1.1\n> Host: {host}.service-now.com\n{rest}{answer}"
    )
}

/// What is said of the last exchange: causes and grades.
fn said_last(story: &[String]) -> Vec<(&'static str, Grade)> {
    let mut ledger = Ledger::new(Salt::new([3; 32]), Limits::default());
    let mut last = Vec::new();
    for step in transcript::parse(&story.concat()).unwrap().steps {
        let diagnosis = diagnose(&step.exchange, &ledger);
        last = diagnosis.findings.iter().map(|finding| (finding.cause, finding.grade)).collect();
        ledger.record(&step.exchange);
    }
    last
}

fn grade_of(cause: &str, story: &[String]) -> Option<Grade> {
    said_last(story).into_iter().find(|(said, _)| *said == cause).map(|(_, grade)| grade)
}

/// The knowledge: the same credential succeeded on this host, so its form is not what is wrong with it.
#[test]
fn the_form_of_a_credential_that_passed_is_no_proof() {
    let rows = [
        ("Basic InN2YyI6ImFtYmVyIg==", "basic-quoted"),
        ("Basic c3ZjOmFtYmVyCg==", "basic-trailing-newline"),
        ("Bearer ab:cd!ef", "token-illegal-character"),
        ("Token amber", "scheme-unknown"),
    ];
    for (value, cause) in rows {
        let field = format!("Authorization: {value}");
        let call = |clock: &str, path: &str, answer: &str| {
            step(clock, "dev1", &[&format!("GET /api/now/table/{path}"), &field, ""], answer)
        };
        let refused = call("10:01:00", "problem", REFUSED);
        assert_eq!(grade_of(cause, std::slice::from_ref(&refused)), Some(Grade::Proven), "{value}");
        let passed = call("10:00:00", "incident", &ok(r#"{"result":[{"number":"INC1"}]}"#));
        let after = grade_of(cause, &[passed, refused]);
        assert!(after < Some(Grade::Proven), "{value}: {after:?}");
    }
}

/// A resource of the customer's own reads whatever it likes.
#[test]
fn a_refusal_in_words_of_its_own_makes_no_scheme_unknown_for_sure() {
    let call = |answer: &str| {
        step("10:00:00", "dev1", &["POST /api/x_acme/hook/v1/alert", "Authorization: Token amber", ""], answer)
    };
    let own = "< HTTP/1.1 401 Unauthorized\n< Server: snow_adc\n< X-Is-Logged-In: false\n< Content-Type: application/json\n<\n< {\"result\":{\"error\":\"bad token\"}}\n";
    assert_eq!(grade_of("scheme-unknown", &[call(own)]), Some(Grade::Likely));
    assert_eq!(grade_of("scheme-unknown", &[call(REFUSED)]), Some(Grade::Proven));
}

#[test]
fn a_form_of_token_request_that_was_taken_is_not_what_is_refused() {
    let form = "grant_type=client_credentials&client_id=c0ffee&client_secret=amber";
    let json = r#"{"grant_type":"client_credentials","client_id":"c0ffee","client_secret":"amber"}"#;
    let in_url = format!("POST /oauth_token.do?{form}");
    let by_get = format!("GET /oauth_token.do?{form}");
    let rows: [(&[&str], &str); 3] = [
        (&[&in_url, ""], "token-params-in-query"),
        (&[&by_get, ""], "token-endpoint-wrong"),
        (&["POST /oauth_token.do", "Content-Type: application/json", "", json], "token-request-not-form"),
    ];
    for (lines, cause) in rows {
        let refused = step("11:00:00", "dev1", lines, DENIED);
        assert_eq!(grade_of(cause, std::slice::from_ref(&refused)), Some(Grade::Proven), "{cause}");
        let after = said_last(&[step("10:00:00", "dev1", lines, &issued()), refused]);
        assert!(after.iter().all(|(said, grade)| *said != cause && *grade < Grade::Proven), "{cause}: {after:?}");
    }
}

#[test]
fn a_token_that_passed_since_was_ended_by_neither_revocation_nor_host() {
    let field = format!("Authorization: Bearer {TOKEN}");
    let grant = [
        "POST /oauth_token.do",
        "Content-Type: application/x-www-form-urlencoded",
        "",
        "grant_type=client_credentials&client_id=a&client_secret=b",
    ];
    let call = |clock: &str, answer: &str| step(clock, "dev1", &["GET /api/now/table/incident", &field, ""], answer);
    let (passed, refused) = (ok(r#"{"result":[{"number":"INC1"}]}"#), REFUSED);
    let revoke = format!("GET /oauth_revoke_token.do?token={TOKEN}");
    let revoked = step("10:01:00", "dev1", &[&revoke, ""], "< HTTP/1.1 200 OK\n< Server: snow_adc\n<\n");
    let here = step("10:00:00", "dev1", &grant, &issued());
    let story = [here.clone(), revoked.clone(), call("10:03:00", refused)];
    assert_eq!(grade_of("token-revoked", &story), Some(Grade::Proven));
    let story = [here, revoked, call("10:02:00", &passed), call("10:03:00", refused)];
    assert_eq!(grade_of("token-revoked", &story), Some(Grade::Likely));
    let elsewhere = step("10:00:00", "dev2", &grant, &issued());
    assert_eq!(
        grade_of("token-from-other-instance", &[elsewhere.clone(), call("10:03:00", refused)]),
        Some(Grade::Proven)
    );
    let story = [elsewhere, call("10:02:00", &passed), call("10:03:00", refused)];
    assert_eq!(grade_of("token-from-other-instance", &story), None);
}

/// An instance that gave two tokens for one `jti` does not look at it.
#[test]
fn an_assertion_that_passed_twice_is_not_replayed() {
    // {"alg":"RS256","kid":"k"} and {"iss":"c0ffee","sub":"svc","aud":"c0ffee","jti":"1","exp":1924947000}
    let assertion = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImsifQ.eyJpc3MiOiJjMGZmZWUiLCJzdWIiOiJzdmMiLCJhdWQiOiJjMGZmZWUiLCJqdGkiOiIxIiwiZXhwIjoxOTI0OTQ3MDAwfQ.c2lnbmF0dXJl";
    let form = format!(
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={assertion}&client_id=c0ffee&client_secret=amber"
    );
    let ask = |clock: &str, answer: &str| {
        step(
            clock,
            "dev1",
            &["POST /oauth_token.do", "Content-Type: application/x-www-form-urlencoded", "", &form],
            answer,
        )
    };
    let (first, second, third) = (ask("10:00:00", &issued()), ask("10:01:00", &issued()), ask("10:02:00", DENIED));
    assert_eq!(grade_of("jwt-replayed", &[first.clone(), third.clone()]), Some(Grade::Proven));
    assert_eq!(grade_of("jwt-replayed", &[first, second, third]), None);
}

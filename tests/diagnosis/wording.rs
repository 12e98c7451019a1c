//! Words that belong to one cause alone, and what else decides which of two it is.

use crate::story::{last, of, said};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use why401::diagnose::diagnose;
use why401::intake::{self, transcript};
use why401::ledger::{Ledger, Limits};
use why401::model::{Finding, Salt};
use why401::output::Told;
use why401::pipeline::Pipeline;

const DEV: &str = "dev1.service-now.com";
const TABLE: &str = "GET /api/now/table/incident";
const NONE: &str = "{\"error\":{\"message\":\"User is not authenticated\",\"detail\":\"Required to provide Auth information\"},\"status\":\"failure\"}";
const DENIED: &str = "{\"error_description\":\"access_denied\",\"error\":\"server_error\"}";
const NO: &str = "401 Unauthorized";

fn at(time: &str, host: &str, line: &str, sent: &str, status: &str, answer: &str, body: &str) -> String {
    format!(
        "@ {time} https://{host}\n> {line} HTTP/1.1\n> Host: {host}\n{sent}< HTTP/1.1 {status}\n{answer}<\n< {body}\n"
    )
}

const EDGE: &str = "< Server: snow_adc\n< X-Is-Logged-In: false\n< Content-Type: application/json\n";

fn token(form: &str) -> String {
    let sent = format!("> Content-Type: application/x-www-form-urlencoded\n>\n> {form}\n");
    at("10:00:00", DEV, "POST /oauth_token.do", &sent, NO, EDGE, DENIED)
}

#[test]
fn an_id_that_almost_is_one_of_an_instance_was_cut_or_mistyped() {
    let id = "8ff578658fc35c49df5942e58a4d7dc0";
    let weight = |id: &str| {
        let form = format!("grant_type=client_credentials&client_id={id}&client_secret=VLUzyUyyrkWdGn4DtjG3HDq9zPmA");
        of(&token(&form), "client-id-malformed").map(|one| one.1)
    };
    assert_eq!((weight(id), weight(&id[..29]), weight(&id[..28])), (None, Some(82), Some(58)));
    assert_eq!((weight(&format!("{id}abc")), weight(&format!("{id}abcd"))), (Some(82), Some(58)));
    let spelt = |wrong: usize| format!("{}{}", "z".repeat(wrong), &id[wrong..]);
    assert_eq!((weight(&spelt(2)), weight(&spelt(3))), (Some(82), Some(58)));
}

#[test]
fn an_assertion_is_judged_by_its_own_dates() {
    let part = |json: String| URL_SAFE_NO_PAD.encode(json);
    let now = 1_793_613_600;
    let jwt = |claims: String| format!("{}.{}.c2ln", part("{\"alg\":\"RS256\"}".into()), part(claims));
    let sent = |assertion: &str| {
        token(&format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&client_id=a&client_secret=d817fe9de05b600a&assertion={assertion}"
        ))
    };
    let ended = |late: i64| {
        of(&sent(&jwt(format!("{{\"iss\":\"a\",\"sub\":\"b\",\"aud\":\"a\",\"exp\":{}}}", now - late))), "jwt-expired")
            .map(|one| one.0)
    };
    assert_eq!((ended(0), ended(1), ended(300), ended(301)), (None, Some("likely"), Some("likely"), Some("proven")));
    for nothing in ["undefined", "%7B%7Bjwt%7D%7D"] {
        assert!(!said(&sent(nothing)).iter().any(|line| line.starts_with("jwt-malformed")), "{nothing}");
    }
    assert!(said(&sent("abc")).iter().any(|line| line.starts_with("jwt-malformed")));
}

#[test]
fn a_login_that_refuses_names_its_suspects() {
    let form = "> Content-Type: application/x-www-form-urlencoded\n>\n> user_name=abel&user_password=Harbour-41\n";
    let story = at("10:00:00", DEV, "POST /login.do", form, "200 OK", EDGE, "{\"status\":\"error\"}");
    let first = &last(&story).1.findings[0];
    let because = "The login gives this one answer for many causes; nothing on the wire tells them apart.";
    assert_eq!((first.cause, first.because.as_str()), ("wrong-password", because));
}

/// What is said of something pasted, or of a recording.
fn pasted(text: &str) -> Vec<Finding> {
    let exchange = &intake::read(text.as_bytes(), "a").unwrap()[0];
    diagnose(exchange, &Ledger::new(Salt::new([9; 32]), Limits::default())).findings
}

#[test]
fn what_is_hidden_or_was_not_shown_leaves_other_suspects() {
    for (text, cause) in [(NONE, "token-expired"), (DENIED, "client-secret-wrong")] {
        let found = pasted(text);
        assert!(found.iter().any(|one| one.because.contains("was not shown")), "{text}");
        assert!(found.iter().any(|one| one.cause == cause), "{text}");
    }
    let har = |field: &str| {
        format!(
            r#"{{"log":{{"entries":[{{"startedDateTime":"2026-11-02T10:00:00Z","request":{{"method":"GET","url":"https://{DEV}/api/now/table/incident","headers":[{field}]}},"response":{{"status":401,"headers":[{{"name":"Server","value":"snow_adc"}},{{"name":"X-Is-Logged-In","value":"false"}}],"content":{{"mimeType":"application/json","text":{}}}}}}}]}}}}"#,
            serde_json::to_string(NONE).unwrap()
        )
    };
    let causes = |field: &str| pasted(&har(field)).iter().map(|one| one.cause).collect::<Vec<_>>();
    let hidden = causes(r#"{"name":"Authorization","value":"[REDACTED]"}"#);
    assert!(hidden.contains(&"token-expired") && hidden.contains(&"basic-auth-restricted"), "{hidden:?}");
    let cookies = causes(r#"{"name":"Cookie","value":"[REDACTED]"}"#);
    assert!(cookies.contains(&"session-expired") && cookies.contains(&"session-missing-user-token"), "{cookies:?}");
    let shown = causes(r#"{"name":"Authorization","value":"Custom q7Zh4PJX"}"#);
    assert!(shown.contains(&"scheme-unknown") && !shown.contains(&"token-expired"), "{shown:?}");
    let soap = at("10:00:00", DEV, "POST /incident.do?SOAP", ">\n> <wsse:Security/>\n", NO, EDGE, NONE);
    assert!(said(&soap)[0].starts_with("ws-security-failed"), "{:?}", said(&soap));
}

#[test]
fn a_secret_in_clear_is_exposed_unless_it_stays_on_the_machine() {
    let exposed = |host: &str| {
        let story = at(
            "10:00:00",
            host,
            TABLE,
            "> Authorization: Basic c3ZjOkhhcmJvdXItNDE=\n>\n",
            "200 OK",
            "",
            "{\"result\":[]}",
        );
        said(&story.replacen("https://", "http://", 1)).iter().any(|line| line.starts_with("plain-http"))
    };
    assert!(exposed(DEV) && exposed("192.0.2.7"));
    for own in ["localhost", "a.localhost", "127.0.0.1"] {
        assert!(!exposed(own), "{own}");
    }
}

/// That it crossed in clear did not refuse it: what did comes first.
#[test]
fn what_is_no_cause_comes_behind_a_cause_as_sure() {
    let head = "> Authorization: Bearer \"3NdYw1Lq5ZtS0vX8cKfB2hJm7PgR4aEu\"\n>\n";
    let body = r#"{"error":{"message":"User Not Authenticated","detail":"Required to provide Auth information"},"status":"failure"}"#;
    let fields =
        "< Server: snow_adc\n< WWW-Authenticate: BASIC realm=\"Service-now\"\n< Content-Type: application/json\n";
    let story = at("10:00:00", DEV, TABLE, head, "401 Unauthorized", fields, body).replacen("https://", "http://", 1);
    let proven: Vec<String> = said(&story).into_iter().filter(|line| line.ends_with(" proven")).collect();
    assert_eq!(proven, ["token-quoted proven", "plain-http proven"]);
}

#[test]
fn a_callback_with_another_state_is_refused_by_its_client() {
    let ask = at(
        "10:00:00",
        DEV,
        "GET /oauth_auth.do?response_type=code&client_id=beef&redirect_uri=https%3A%2F%2Fa.example%2Fcb&state=q7Zh4PJX",
        ">\n",
        "302 Found",
        "< Location: https://a.example/cb?code=kdj39dkjw0sl2kd9aaaa&state=q7Zh4PJX\n",
        "",
    );
    let called = |method: &str, state: &str| {
        let line = format!("{method} /cb?code=kdj39dkjw0sl2kd9aaaa&state={state}");
        let back = at("10:00:01", "a.example", &line, ">\n", "400 Bad Request", "", "no");
        said(&format!("{ask}{back}")).contains(&"state-mismatch proven".to_owned())
    };
    assert!(called("GET", "other") && !called("GET", "q7Zh4PJX") && !called("POST", "other"));
}

#[test]
fn a_circle_says_how_often_it_went_round() {
    let hop = |second: u32, to: &str| {
        at(
            &format!("10:00:{second:02}"),
            DEV,
            "GET /oauth_auth.do?response_type=code&client_id=beef&state=x",
            "> User-Agent: Mozilla/5.0\n>\n",
            "302 Found",
            &format!("< Location: https://{DEV}{to}\n"),
            "",
        )
    };
    let round = |times: u32| -> String {
        (0..times).map(|n| hop(n * 2, "/login.do") + &hop(n * 2 + 1, "/consent.do")).collect()
    };
    let says = |times: u32| {
        of(&format!("{}{}", round(times), hop(40, "/login.do")), "authorize-loop").map(|(.., because)| because)
    };
    for (times, word) in [(2, "third"), (3, "fourth"), (4, "fifth"), (5, "6th")] {
        assert!(says(times).unwrap().contains(&format!("for the {word} time")), "{times}: {:?}", says(times));
    }
    assert_eq!(says(1), None);
}

/// All findings of the first exchange of a recording.
fn recorded(story: &str) -> Vec<Finding> {
    let mut all = Vec::new();
    let mut teller = |one: &Told<'_>| all.push(one.diagnosis.findings.clone());
    let mut pipeline = Pipeline::new(Salt::new([3; 32]), Limits::default()).recorded(Limits::default());
    for step in transcript::parse(story).unwrap().steps {
        pipeline.take(step.exchange, &mut teller);
    }
    pipeline.finish(&mut teller);
    all.remove(0)
}

const TOKEN: &str = "h9sYwmGS5Nh7rkVdPEqWcuZtfA1JbX3LoT8iUjQpKvR2eDyM4xCgBnH6lFzOa0sIQwErTyUiOpAsDfGhJkLzXQ";

#[test]
fn a_token_that_passes_once_it_is_spelt_as_usual_was_refused_for_its_spelling_perhaps() {
    let call = |time: &str, scheme: &str, status: &str| {
        let (edge, body) =
            if status == NO { (EDGE.to_owned(), NONE) } else { (EDGE.replace("false", "true"), "{\"result\":[]}") };
        at(time, DEV, TABLE, &format!("> Authorization: {scheme}{TOKEN}\n>\n"), status, &edge, body)
    };
    for (scheme, cause) in [("Bearer  ", "bearer-extra-space"), ("bearer ", "bearer-lowercase")] {
        let found = recorded(&(call("10:00:00", scheme, NO) + &call("10:00:20", "Bearer ", "200 OK")));
        let one = found.iter().find(|one| one.cause == cause).unwrap();
        assert_eq!((one.grade.as_str(), one.weight), ("possible", 95));
        assert!(one.because.ends_with("The same token, spelt otherwise, passes 20 s later."), "{}", one.because);
    }
}

#[test]
fn a_token_answer_in_a_form_was_read_where_its_token_passes() {
    let sent = "> Content-Type: application/x-www-form-urlencoded\n>\n> grant_type=client_credentials&client_id=sn&client_secret=5MMD8jDM2cGNAi5kNe3GxiGX\n";
    let ask = |body: &str| {
        at("10:00:00", "login.vendor.example", "POST /oauth/token", sent, "200 OK", "< Server: nginx\n", body)
    };
    let call = |token: &str| {
        at(
            "10:00:10",
            "api.vendor.example",
            "GET /v1",
            &format!("> Authorization: Bearer {token}\n>\n"),
            "200 OK",
            "< Server: nginx\n",
            "{\"a\":1}",
        )
    };
    let missed = |story: String| recorded(&story).iter().any(|one| one.cause == "outbound-no-access-token");
    let body = format!("access_token={TOKEN}&token_type=bearer");
    assert!(!missed(ask(&body) + &call(TOKEN)), "it was read");
    assert!(missed(ask(&body)) && missed(ask(&body) + &call("another1234567890another1234567890")));
    assert!(missed(ask("{\"a\":1}") + &call(TOKEN)));
}

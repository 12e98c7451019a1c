//! What an exchange leaves in the memory and what it does not, beside the stories of `ledger.rs`.

use why401::intake::transcript;
use why401::ledger::{Ledger, Limits};
use why401::model::Salt;

const DEV: &str = "dev1.service-now.com";
const TOKEN: &str = "h9sYwmGS5Nh7rkVdPEqWcuZtfA1JbX3LoT8iUjQpKvR2eDyM4xCgBnH6lFzOa0sIQwErTyUiOpAsDfGhJkLzXQ";

fn told(story: &str) -> Ledger {
    let mut ledger = Ledger::new(Salt::new([3; 32]), Limits::default());
    let read = transcript::parse(story).unwrap_or_else(|error| panic!("{error}\n{story}"));
    read.steps.iter().for_each(|step| ledger.record(&step.exchange));
    ledger
}

/// One exchange with dev1: the request line, its fields and body, the status, the answer's fields and body.
fn step(at: &str, line: &str, sent: &str, status: &str, answer: &str, body: &str) -> String {
    format!(
        "@ 10:{at} https://{DEV}\n> {line} HTTP/1.1\n> Host: {DEV}\n{sent}< HTTP/1.1 {status}\n{answer}<\n< {body}\n"
    )
}

const JSON: &str = "< Content-Type: application/json\n";
const OK: &str = "200 OK";
const NO: &str = "401 Unauthorized";
const TABLE: &str = "GET /api/now/table/incident";

#[test]
fn a_host_is_remembered_by_what_it_said() {
    let page = |title: &str| format!("<html><head><title>{title}</title></head><body>Your {title} page</body></html>");
    let html = "< Content-Type: text/html\n";
    let host = |story: &str| told(story).host(DEV).unwrap().clone();
    let slept = host(&step("00:00", TABLE, ">\n", OK, html, &page("Instance Hibernating")));
    assert!(slept.hibernating.is_some() && slept.offline.is_none());
    let plain = host(&step("00:00", TABLE, ">\n", OK, html, &page("Welcome")));
    assert!(plain.hibernating.is_none() && plain.offline.is_none());
    let probe = |path: &str, body: &str| host(&step("00:00", &format!("GET {path}"), ">\n", OK, "", body)).mutual_tls;
    assert!(probe("/adcv2/supports_tls", "true") && probe("/adcv2/supports_tls", " TRUE "));
    assert!(!probe("/adcv2/supports_tls", "false") && !probe("/api/now/x", "true"));
    // A date is a second long: its middle is meant. Of all offsets of its clock the smallest is the truest: the rest is delay.
    let date = |at: &str, date: &str| {
        step(at, TABLE, ">\n", OK, &format!("< Date: Mon, 02 Nov 2026 10:{date} GMT\n{JSON}"), "{}")
    };
    let offset = |parts: [String; 2]| host(&parts.concat()).clock_offset;
    assert_eq!(offset([date("00:00", "00:09"), date("01:00", "01:05")]), Some(5500));
    assert_eq!(offset([date("00:00", "00:05"), date("01:00", "01:09")]), Some(5500));
    assert_eq!(offset([date("00:00", "00:05"), date("01:06", "01:00")]), Some(5500), "the first of two alike");
    let challenge = |at: &str, scheme: &str, status: &str| {
        step(at, TABLE, ">\n", status, &format!("< WWW-Authenticate: {scheme} realm=\"x\"\n"), "")
    };
    let said = challenge("00:00", "BASIC", NO) + &challenge("00:01", "Basic", NO) + &challenge("00:02", "Bearer", NO);
    assert_eq!(host(&said).schemes, ["basic", "bearer"]);
    assert!(host(&challenge("00:00", "Basic", OK)).schemes.is_empty());
}

#[test]
fn refused_tokens_are_counted_by_client_until_one_passes() {
    let call = |at: &str, credential: &str, status: &str| {
        step(at, TABLE, &format!("> Authorization: {credential}\n>\n"), status, JSON, "{\"result\":[]}")
    };
    let bearer = format!("Bearer {TOKEN}");
    let other = "Bearer 7rkVdPEqWcuZtfA1JbX3LoT8iUjQpKvR2eDyM4xCgBnH6lFzOa0sIQwErTyUiOpAsDfGhJkLzXQh9sYwmGS5Nw";
    let refused = |parts: &[String]| told(&parts.concat()).host(DEV).unwrap().bearer_refused.len();
    let (first, second) = (call("00:00", &bearer, NO), call("00:01", other, NO));
    assert_eq!(refused(&[first.clone(), call("00:01", &bearer, NO)]), 1);
    assert_eq!(refused(&[first.clone(), second.clone()]), 2);
    assert_eq!(refused(&[first.clone(), second.clone(), call("00:02", other, OK)]), 0);
    assert_eq!(refused(&[first.clone(), second.clone(), call("00:02", "Basic YTpi", OK)]), 2, "no token passed");
    assert_eq!(refused(&[first, call("00:01", other, "500 No")]), 1, "no refusal");
}

#[test]
fn a_password_is_written_by_a_change_of_a_user_that_passes() {
    let write = |line: &str, status: &str| {
        let sent = "> Content-Type: application/json\n>\n> {\"user_password\":\"n3wOne99\",\"user_name\":\"Beth\"}\n";
        let ledger = told(&step("00:00", line, sent, status, JSON, "{\"result\":{}}"));
        ledger.user(DEV, "beth").is_some_and(|user| user.written.is_some())
    };
    let id = "6816f79cc0a8016401c5a33be04be441";
    assert!(write(&format!("PUT /api/now/table/sys_user/{id}"), OK) && write("POST /api/now/table/sys_user", OK));
    assert!(!write(&format!("GET /api/now/table/sys_user/{id}"), OK));
    assert!(!write(&format!("PUT /api/now/table/sys_user/{id}"), "403 Forbidden"));
    assert!(!write(&format!("PUT /api/now/table/incident/{id}"), OK));
}

#[test]
fn a_session_is_somebodys_once_it_was_let_in_and_over_once_nobody_is_in_it() {
    let cookie = "4890423B4DACDCD093A1D4CAC5E73FA0";
    let call = |at: &str, line: &str, more: &str, status: &str, logged_in: &str| {
        let sent = format!("> Cookie: JSESSIONID={cookie}\n{more}>\n");
        step(at, line, &sent, status, &format!("{logged_in}{JSON}"), "{\"result\":[]}")
    };
    let opened = step("00:00", TABLE, ">\n", NO, &format!("< Set-Cookie: JSESSIONID={cookie}; Path=/\n"), "");
    let (inside, outside) = ("< X-Is-Logged-In: true\n", "< X-Is-Logged-In: false\n");
    let session = |later: String| told(&(opened.clone() + &later)).session(DEV, cookie.as_bytes()).unwrap().clone();
    let after = |later: String| {
        let session = session(later);
        (session.anonymous, session.ok.is_some(), session.dead.is_some())
    };
    assert_eq!(after(String::new()), (true, false, false));
    assert_eq!(after(call("01:00", TABLE, "", OK, inside)), (false, true, false));
    assert_eq!(after(call("01:00", TABLE, "", OK, "")), (false, true, false));
    assert_eq!(after(call("01:00", TABLE, "", OK, outside)), (false, false, true));
    assert_eq!(after(call("01:00", TABLE, "", NO, outside)), (true, false, true));
    assert_eq!(after(call("01:00", TABLE, "", NO, "")), (true, false, false));
    assert_eq!(after(call("01:00", "POST /login.do", "", NO, "")), (false, false, false));
    // Beside a credential of its own it is not the session that is judged.
    let basic = "> Authorization: Basic YTpi\n";
    assert_eq!(after(call("01:00", TABLE, basic, NO, outside)), (true, false, false));
}

#[test]
fn who_came_bare_is_remembered_by_the_challenge() {
    let call = |sent: &str, status: &str, challenges: &str| {
        let ledger = told(&step("00:00", TABLE, &format!("{sent}>\n"), status, challenges, ""));
        let read = transcript::parse(&step("00:00", TABLE, ">\n", OK, "", "")).unwrap();
        let party = ledger.read(&read.steps[0].exchange).party();
        ledger.party(&party).is_some_and(|party| party.bearer_only.is_some())
    };
    let (bearer, basic) = ("< WWW-Authenticate: Bearer\n", "< WWW-Authenticate: Basic realm=\"x\"\n");
    assert!(call("", NO, bearer));
    assert!(!call("", NO, &format!("{bearer}{basic}")) && !call("", NO, "") && !call("", OK, bearer));
    assert!(!call("> Authorization: Basic YTpi\n", NO, bearer));
}

#[test]
fn authorization_requests_are_those_that_ask_for_a_code_wherever_they_go() {
    let asked = |line: &str| {
        let story = step("00:00", line, ">\n", OK, "", "");
        let ledger = told(&story);
        let read = transcript::parse(&story).unwrap();
        let party = ledger.read(&read.steps[0].exchange).party();
        ledger.party(&party).is_some_and(|party| !party.authorizes.is_empty())
    };
    assert!(asked("GET /oauth_auth.do?client_id=a&response_type=code") && asked("GET /oauth_auth.do?client_id=a"));
    assert!(asked("GET /authorize?client_id=a&response_type=code"));
    assert!(!asked("GET /authorize?client_id=a") && !asked("GET /authorize?response_type=code"));
    assert!(!asked("GET /oauth_auth.do?response_type=code"), "of no client");
    let code = "dtkmEz6SSan3wKdNXpGyZIvS";
    let known = |line: &str| told(&step("00:00", line, ">\n", OK, "", "")).code(code).is_some();
    assert!(known(&format!("GET /callback?code={code}&state=x")));
    assert!(!known(&format!("POST /callback?code={code}&state=x")));
    assert!(!known(&format!("GET /oauth_token.do?code={code}&state=x")), "there it is exchanged");
}

#[test]
fn tokens_know_their_kind_their_length_and_whose_they_are() {
    let refresh = "Rx7ZB3bhTn5Wk9sR2xY4mPc8vLd1eBBBB";
    let id = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhYmVsIn0.x";
    let answer = |access: &str| {
        format!(
            "{{\"access_token\":\"{access}\",\"refresh_token\":\"{refresh}\",\"id_token\":\"{id}\",\"token_type\":\"Bearer\",\"expires_in\":1800}}"
        )
    };
    let form = "> Content-Type: application/x-www-form-urlencoded\n>\n> grant_type=password&client_id=a&client_secret=b&username=Abel&password=c\n";
    let story = step("00:00", "POST /oauth_token.do", form, OK, JSON, &answer(TOKEN));
    let call = |status: &str| {
        step("00:10", TABLE, &format!("> Authorization: Bearer {TOKEN}\n>\n"), status, JSON, "{\"result\":[]}")
    };
    let ledger = told(&story);
    let of =
        |value: &str| ledger.token(value).map(|token| (format!("{:?}", token.kind), token.length, token.expires_in));
    assert_eq!(of(TOKEN), Some(("Access".into(), TOKEN.len(), Some(1800))));
    assert_eq!(of(refresh), Some(("Refresh".into(), refresh.len(), None)));
    assert_eq!(of(id), Some(("Id".into(), id.len(), Some(1800))));
    assert!(ledger.token(TOKEN).unwrap().instance);
    let passes = |story: &str| told(story).user(DEV, "abel").is_some_and(|user| user.bearer_ok.is_some());
    assert!(passes(&format!("{story}{}", call(OK))) && !passes(&format!("{story}{}", call(NO))));
    // One value under two names is a mark that a sanitizer left: it may be the access token.
    let both = told(&step("00:00", "POST /oauth_token.do", form, OK, JSON, &answer(refresh)));
    assert_eq!(both.token(refresh).map(|token| format!("{:?}", token.kind)), Some("Access".into()));
    let vendor = told(&story.replace(DEV, "login.vendor.example").replace("/oauth_token.do", "/oauth/token"));
    assert!(!vendor.token(TOKEN).unwrap().instance);
}

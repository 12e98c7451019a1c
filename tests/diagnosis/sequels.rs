//! What an earlier exchange makes of a later one: the reason that is given, at both sides of every limit.

use crate::story::{of, said};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const DEV: &str = "dev1.service-now.com";
const TABLE: &str = "GET /api/now/table/incident";
const TOKEN: &str = "h9sYwmGS5Nh7rkVdPEqWcuZtfA1JbX3LoT8iUjQpKvR2eDyM4xCgBnH6lFzOa0sIQwErTyUiOpAsDfGhJkLzXQ";
const REFRESH: &str = "Rx7ZB3bhTn5Wk9sR2xY4mPc8vLd1eBBBBh9sYwmGS5Nh7rkVdPEqWcuZtfA1JbX3LoT8iUjQpKvR2eDyM4xCgB";
const CLIENT: &str = "client_id=8ff578658fc35c49df5942e58a4d7dc0&client_secret=VLUzyUyyrkWdGn4DtjG3HDq9zPmA";
const NONE: &str = "{\"error\":{\"message\":\"User is not authenticated\",\"detail\":\"Required to provide Auth information\"},\"status\":\"failure\"}";
const DENIED: &str = "{\"error_description\":\"access_denied\",\"error\":\"server_error\"}";
const OK: &str = "200 OK";
const NO: &str = "401 Unauthorized";

/// One exchange so many seconds after ten o'clock.
fn at(seconds: u32, host: &str, line: &str, sent: &str, status: &str, answer: &str, body: &str) -> String {
    let (hour, minute, second) = (10 + seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!(
        "@ {hour:02}:{minute:02}:{second:02} https://{host}\n> {line} HTTP/1.1\n> Host: {host}\n{sent}< HTTP/1.1 {status}\n\
         < Server: snow_adc\n< Content-Type: application/json\n{answer}<\n< {body}\n"
    )
}

fn call(seconds: u32, sent: &str, status: &str) -> String {
    let (state, body) = if status == OK { ("true", "{\"result\":[]}") } else { ("false", NONE) };
    at(seconds, DEV, TABLE, &format!("{sent}>\n"), status, &format!("< X-Is-Logged-In: {state}\n"), body)
}

fn bearer(token: &str) -> String {
    format!("> Authorization: Bearer {token}\n")
}

fn token(seconds: u32, form: &str, status: &str, answer: &str) -> String {
    let sent = format!("> Content-Type: application/x-www-form-urlencoded\n>\n> {form}\n");
    at(seconds, DEV, "POST /oauth_token.do", &sent, status, "", answer)
}

fn issued(life: u32) -> String {
    format!(
        "{{\"access_token\":\"{TOKEN}\",\"refresh_token\":\"{REFRESH}\",\"scope\":\"useraccount\",\"token_type\":\"Bearer\",\"expires_in\":{life}}}"
    )
}

const PASSWORD: &str = "grant_type=password&username=svc&password=Harbour-41&";

fn password(seconds: u32, life: u32) -> String {
    token(seconds, &format!("{PASSWORD}{CLIENT}"), OK, &issued(life))
}

#[test]
fn a_token_says_how_long_it_lived_and_how_it_was_given_out() {
    let story = |parts: &[String]| parts.concat();
    let late = |seconds: u32| story(&[password(0, 1800), call(seconds, &bearer(TOKEN), NO)]);
    let (grade, _, because) = of(&late(2000), "token-expired").unwrap();
    assert!(because.contains("lived 1800 s; it was used 2000 s after it was issued"), "{because}");
    assert_eq!((grade, of(&late(1801), "token-expired").unwrap().0), ("proven", "proven"));
    assert_eq!(of(&late(1800), "token-expired").unwrap().0, "likely");
    let again = |left: u32, seconds: u32| {
        let story = story(&[password(0, 1800), password(1000, left), call(seconds, &bearer(TOKEN), NO)]);
        of(&story, "token-near-expiry-reused").map(|one| one.0)
    };
    assert_eq!((again(900, 2000), again(901, 2000)), (Some("proven"), None), "a whole life is no remnant");
    assert_eq!((again(100, 4700), again(100, 4701)), (Some("proven"), None), "an hour later it is simply old");
    let once = story(&[password(0, 100), call(300, &bearer(TOKEN), NO)]);
    assert_eq!(of(&once, "token-near-expiry-reused"), None, "handed out once");
}

#[test]
fn a_token_of_another_scope_is_refused_without_a_reason() {
    let told = |scope: &str, detail: &str, status: &str| {
        let first = password(0, 1800).replace("useraccount", scope);
        let body = format!(
            "{{\"error\":{{\"message\":\"User Not Authorized\",\"detail\":\"{detail}\"}},\"status\":\"failure\"}}"
        );
        let next = at(60, DEV, TABLE, &format!("{}>\n", bearer(TOKEN)), status, "< X-Is-Logged-In: true\n", &body);
        of(&format!("{first}{next}"), "auth-scope-missing").map(|one| one.0)
    };
    let forbidden = "403 Forbidden";
    assert_eq!(told("orders_read", "", forbidden), Some("likely"));
    assert_eq!((told("useraccount", "", forbidden), told("a useraccount", "", forbidden)), (None, None));
    assert_eq!(
        (told("orders_read", "x", forbidden), told("", "", forbidden), told("orders_read", "", NO)),
        (None, None, None)
    );
}

#[test]
fn a_jwt_that_passed_once_is_not_taken_twice() {
    let jwt = |issuer: &str, more: &str, life: i64| {
        let part = |json: String| URL_SAFE_NO_PAD.encode(json);
        let claims =
            format!("{{\"iss\":\"{issuer}\",\"sub\":\"abel\",\"aud\":\"x\",\"exp\":{}{more}}}", 1_793_613_600 + life);
        format!("{}.{}.c2lnbmF0dXJl", part("{\"alg\":\"RS256\"}".into()), part(claims))
    };
    let told = |token: &str, passes: usize| {
        let mut story: String = (0..passes).map(|n| call(u32::try_from(n).unwrap(), &bearer(token), OK)).collect();
        story.push_str(&call(60, &bearer(token), NO));
        of(&story, "jwt-replayed").is_some()
    };
    let (idp, jti) = ("https://idp.acme.example", ",\"jti\":\"842b977927f601ba\"");
    assert!(told(&jwt(idp, jti, 3600), 1) && told(&jwt(idp, jti, 60), 1));
    assert!(!told(&jwt(idp, jti, 3600), 2) && !told(&jwt(idp, jti, 3600), 0) && !told(&jwt(idp, "", 3600), 1));
    assert!(!told(&jwt(idp, jti, 59), 1) && !told(&jwt("https://dev1.service-now.com", jti, 3600), 1));
}

#[test]
fn a_netrc_entry_replaces_the_token_that_was_fetched_within_the_hour() {
    let agent = |name: &str| format!("> User-Agent: {name}\n");
    let told = |name: &str, seconds: u32, host: &str| {
        let first = password(0, 1800).replacen("> Content-Type", &format!("{}> Content-Type", agent(name)), 1);
        let next = call(seconds, &format!("{}> Authorization: Basic YWJlbDpIYXJib3Vy\n", agent(name)), NO);
        of(&format!("{first}{}", next.replace(DEV, host)), "netrc-replaced-bearer").map(|one| one.0)
    };
    for name in ["python-requests/2.3", "python-httpx/0.2", "curl/8.5.0", "HTTPie/3.2"] {
        assert_eq!(told(name, 60, DEV), Some("likely"), "{name}");
    }
    assert_eq!((told("curl/8.5.0", 3600, DEV), told("curl/8.5.0", 3601, DEV)), (Some("likely"), None));
    assert_eq!((told("PostmanRuntime/7", 60, DEV), told("curl/8.5.0", 60, "dev2.service-now.com")), (None, None));
}

#[test]
fn a_session_belongs_to_its_host_and_to_the_client_that_opened_it() {
    let cookie = "> Cookie: JSESSIONID=4890423B4DACDCD093A1D4CAC5E73FA0\n";
    let with =
        |agent: &str| if agent.is_empty() { cookie.to_owned() } else { format!("> User-Agent: {agent}\n{cookie}") };
    let bound = |one: &str, other: &str| {
        let story = format!("{}{}", call(0, &with(one), OK), call(60, &with(other), NO));
        of(&story, "session-bound-to-client").map(|(.., because)| because)
    };
    let says = "The session was opened by curl/8; this request says no user agent.";
    assert_eq!(bound("curl/8", "").as_deref(), Some(says));
    assert_eq!(bound("curl/8", "curl/8"), None);
    let long = "x".repeat(60);
    assert!(bound(&long, "curl/8").unwrap().contains(&format!("by {}; this", "x".repeat(40))));
    let opened = |host: &str| {
        let set = "< Set-Cookie: JSESSIONID=4890423B4DACDCD093A1D4CAC5E73FA0; Path=/\n< X-Is-Logged-In: true\n";
        let first = at(0, host, TABLE, "> Authorization: Basic YTpi\n>\n", OK, set, "{\"result\":[]}");
        of(&format!("{first}{}", call(60, cookie, NO)), "session-host-mismatch").map(|one| one.1)
    };
    assert_eq!((opened("dev2.service-now.com"), opened(DEV)), (Some(88), None));
    let pooled = |pool: &str| {
        let sent = cookie.replace("\n", &format!("; BIGipServerpool_{pool}=1.2.3\n"));
        of(&call(0, &sent, NO), "session-host-mismatch").map(|one| one.1)
    };
    assert_eq!((pooled("dev2"), pooled("dev1")), (Some(80), None));
}

#[test]
fn a_refresh_token_is_known_by_who_got_it_and_from_whom() {
    let refresh = |seconds: u32, value: &str, client: &str| {
        token(seconds, &format!("grant_type=refresh_token&refresh_token={value}&{client}"), NO, DENIED)
    };
    let first = password(0, 1800);
    let wrong = |story: String| of(&story, "refresh-token-wrong").map(|(grade, _, because)| (grade, because));
    let other = CLIENT.replace("8ff5", "9ff5");
    let of_client = wrong(format!("{first}{}", refresh(60, REFRESH, &other))).unwrap();
    assert!(of_client.0 == "proven" && of_client.1.contains("was issued to client 8ff5"), "{of_client:?}");
    let access = wrong(format!("{first}{}", refresh(60, TOKEN, CLIENT))).unwrap();
    assert!(access.1.contains("was issued as an access token"), "{access:?}");
    let cut = wrong(format!("{first}{}", refresh(60, &REFRESH[..60], CLIENT))).unwrap();
    assert!(cut.1.contains("has 60 characters"), "{cut:?}");
    assert_eq!(wrong(format!("{first}{}", refresh(60, REFRESH, CLIENT))), None);
    let elsewhere =
        |host: &str| wrong(format!("{}{}", first.replace(DEV, host), refresh(60, REFRESH, CLIENT))).map(|one| one.0);
    assert_eq!(
        (elsewhere("dev2.service-now.com"), elsewhere("support.acme.example")),
        (Some("proven"), Some("likely"))
    );
    let passes = |seconds: u32| {
        token(seconds, &format!("grant_type=refresh_token&refresh_token={REFRESH}&{CLIENT}"), OK, &issued(1800))
    };
    let weight = |seconds: u32| {
        let story = format!("{first}{}{}", passes(60), refresh(60 + seconds, REFRESH, CLIENT));
        of(&story, "refresh-concurrency").map_or(0, |one| one.1)
    };
    assert!(weight(3) > weight(4) && weight(4) == weight(10) && weight(10) > weight(11), "the nearer, the likelier");
    let never = |grant: &str, answer: &str| {
        let story = format!(
            "{}{}",
            token(0, &format!("{grant}&{CLIENT}"), OK, answer),
            refresh(60, "unknown1234567890abc", CLIENT)
        );
        of(&story, "refresh-token-never-issued").map(|one| one.0)
    };
    let bare = format!("{{\"access_token\":\"{TOKEN}\",\"token_type\":\"Bearer\",\"expires_in\":1800}}");
    assert_eq!(never("grant_type=client_credentials", &bare), Some("proven"));
    assert_eq!(never("grant_type=password&username=a&password=b", &bare), Some("likely"));
    assert_eq!(never("grant_type=password&username=a&password=b", &issued(1800)), None);
}

#[test]
fn a_code_is_known_again_in_another_spelling() {
    let code = "dtkmEz6SSan3wKdNXpGyZIvS+XnZROuHCEGMi64s/KD0BDR/xB2KbSKh2xG=a9Wd";
    let escaped = "dtkmEz6SSan3wKdNXpGyZIvS%2BXnZROuHCEGMi64s%2FKD0BDR%2FxB2KbSKh2xG%3Da9Wd";
    let back = "https%3A%2F%2Fa.example%2Fcb";
    let first = at(
        0,
        DEV,
        &format!(
            "GET /oauth_auth.do?response_type=code&client_id=8ff578658fc35c49df5942e58a4d7dc0&redirect_uri={back}&state=x"
        ),
        ">\n",
        "302 Found",
        &format!("< Location: https://a.example/cb?code={escaped}&state=x\n"),
        "",
    );
    let sent = |code: &str| {
        let form = format!("grant_type=authorization_code&code={code}&redirect_uri={back}&{CLIENT}");
        of(&format!("{first}{}", token(10, &form, NO, DENIED)), "auth-code-altered")
            .map(|(grade, _, because)| (grade, because))
    };
    assert_eq!(sent(escaped), None, "the very code");
    let twice = sent(&escaped.replace('%', "%25")).unwrap();
    assert!(twice.0 == "proven" && twice.1.ends_with("in another encoding."), "{twice:?}");
    assert!(sent(code).unwrap().1.ends_with("in another encoding."), "its + became a blank");
    assert!(sent(&escaped[..40]).unwrap().1.ends_with("cut or edited."));
    assert_eq!(sent("another1234567890another1234567890another1234567890another12345678"), None);
    assert!(!said(&format!("{first}{}", call(10, &bearer("abc"), NO))).join(" ").contains("auth-code-altered"));
}

#[test]
fn a_grant_that_is_refused_to_a_client_whose_other_grants_pass_is_off() {
    let client = format!("grant_type=client_credentials&{CLIENT}");
    let off = |parts: &[String], cause: &str| of(&parts.concat(), cause).is_some_and(|one| one.0 == "likely");
    let denied = |seconds: u32, form: &str| token(seconds, form, NO, DENIED);
    let credentials = "client-credentials-disabled";
    assert!(off(&[password(0, 1800), denied(60, &client)], credentials));
    let passes = |seconds: u32, form: &str| token(seconds, form, OK, &issued(1800));
    assert!(!off(&[password(0, 1800), passes(30, &client), denied(60, &client)], credentials), "it passed before");
    let other = client.replace("8ff5", "9ff5");
    assert!(!off(&[password(0, 1800), passes(30, &other), denied(60, &client)], credentials), "another client gets it");
    let wrong = client.replace("VLUz", "XLUz");
    assert!(!off(&[password(0, 1800), denied(60, &wrong)], credentials), "its secret is another one");
    let grant = "password-grant-disabled";
    let asked = |user: &str| format!("grant_type=password&username={user}&password=Harbour-41&{CLIENT}");
    let several = [passes(0, &client), denied(30, &asked("abel")), denied(60, &asked("beth"))];
    assert!(off(&several, grant) && !off(&[passes(0, &client), denied(60, &asked("beth"))], grant), "one user alone");
    let before =
        [passes(0, &client), passes(10, &asked("cain")), denied(30, &asked("abel")), denied(60, &asked("beth"))];
    assert!(!off(&before, grant), "it passed for another user");
}

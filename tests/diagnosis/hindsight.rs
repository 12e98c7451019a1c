//! Of a recording, what comes later weighs on what came before, and proves nothing.

use why401::intake::transcript;
use why401::ledger::Limits;
use why401::model::{Exchange, Grade, Millis, Salt};
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

/// All that was weighed for the first exchange, as it is said.
fn weighed(parts: &[String]) -> String {
    weighed_at(parts, |_| ())
}

fn weighed_at(parts: &[String], date: impl Fn(&mut Exchange)) -> String {
    let mut all = Vec::new();
    let mut teller = |one: &Told<'_>| {
        let reasons = one.diagnosis.findings.iter().flat_map(|finding| finding.account.iter());
        all.push(reasons.map(|reason| reason.says.clone()).collect::<Vec<_>>().join("; "));
    };
    let mut pipeline = live().recorded(Limits::default());
    for mut step in transcript::parse(&parts.concat()).unwrap().steps {
        date(&mut step.exchange);
        pipeline.take(step.exchange, &mut teller);
    }
    pipeline.finish(&mut teller);
    all.remove(0)
}

const BETH: &str = "Basic YmV0aDpIYXJib3VyLTQxLWxhbXA=";

#[test]
fn what_passes_later_is_weighed_and_named() {
    let bearer = format!("Bearer {TOKEN}");
    let login = |at: &str| {
        format!(
            "@ {at} https://dev1.service-now.com\n> POST /login.do HTTP/1.1\n> Host: dev1.service-now.com\n> Content-Type: application/x-www-form-urlencoded\n>\n> user_name=svc.sync&user_password=Harbour-41-lamp\n< HTTP/1.1 302 Found\n< Location: /navpage.do\n<\n"
        )
    };
    let password = format!("grant_type=password&{CLIENT}&username=svc.sync&password=Harbour-41-lamp");
    let first = get("10:00:00", TABLE, BASIC, &refused());
    for (later, says) in [
        (vec![get("10:00:20", TABLE, BETH, &passed())], "another user passes with Basic 20 s later"),
        (vec![get("10:00:20", TABLE, &bearer, &passed())], "a credential of another kind passes here 20 s later"),
        (vec![get("10:00:20", "/api/x/y", BASIC, &passed())], "the same credential passes at"),
        (vec![get("10:01:00", TABLE, BASIC, &passed())], "the same credential passes here, unchanged, 60 s later"),
        (vec![get("10:15:00", TABLE, BASIC, &passed())], "the same credential passes here, unchanged, 15 min later"),
        (vec![login("10:00:20")], "the same user and password pass at the login page 20 s later"),
        (
            vec![post("10:00:20", &password, &issued())],
            "the same user and password pass with the password grant 20 s later",
        ),
        (
            vec![post("10:00:10", &password, &issued()), get("10:00:20", "/api/x/y", &bearer, &passed())],
            "a token of the same user passes 20 s later",
        ),
    ] {
        let weighed = weighed(&[vec![first.clone()], later].concat());
        assert!(weighed.contains(says), "{says}: {weighed}");
    }
    for (later, says) in [
        (get("10:01:01", TABLE, BASIC, &passed()), "passes here, unchanged"),
        (get("10:14:59", TABLE, BASIC, &passed()), "passes here, unchanged"),
        (get("10:00:20", TABLE, "", &passed()).replace("> Authorization: \n", ""), "passes here"),
        (get("10:00:20", TABLE, &bearer, &passed()), "another user passes"),
        (get("10:00:20", TABLE, BETH, &refused()), "passes"),
    ] {
        let weighed = weighed(&[first.clone(), later.clone()]);
        assert!(!weighed.contains(says), "{later}: {weighed}");
    }
    let elsewhere = weighed(&[first.clone(), get("10:00:20", "/api/x/y", BASIC, &passed())]);
    assert!(!elsewhere.contains("pass as Basic"), "it is Basic itself: {elsewhere}");
    let granted = weighed(&[post("10:00:00", &password, &denied()), get("10:00:20", TABLE, BASIC, &passed())]);
    assert!(granted.contains("the same user and password pass as Basic 20 s later"), "{granted}");
    let beths = post("10:00:10", &password.replace("svc.sync", "beth"), &issued());
    let others = weighed(&[first.clone(), beths, get("10:00:20", TABLE, &bearer, &passed())]);
    assert!(!others.contains("another user passes with Basic"), "it was a token: {others}");
    let again = [first.clone(), get("10:00:20", TABLE, BASIC, &passed())];
    let undated = weighed_at(&again, |exchange| exchange.at = Millis::UNKNOWN);
    assert!(!undated.contains("unchanged"), "how much later, nobody knows: {undated}");
    let own_kind = [get("10:00:00", TABLE, &bearer, &refused()), get("10:00:20", TABLE, BETH, &passed())];
    assert!(weighed(&own_kind).contains("a credential of another kind passes here"));
    let other_token = "Bearer 7rkVdPEqWcuZtfA1JbX3LoT8iUjQpKvR2eDyM4xCgBnH6lFzOa0sIQwErTyUiOpAsDfGhJkLzXQh9sYwmGS5Nw";
    let same_kind = [get("10:00:00", TABLE, &bearer, &refused()), get("10:00:20", TABLE, other_token, &passed())];
    assert!(weighed(&same_kind).contains("another credential of the same kind passes here 20 s later"));
}

#[test]
fn what_a_client_gets_later_is_weighed_and_named() {
    let other = "client_id=0d175c4098ee6d5a320963cf361168eb&client_secret=fd713e26f1b52e49d7f574532ca04648";
    let wrong = "client_id=8ff578658fc35c49df5942e58a4d7dc0&client_secret=fd713e26f1b52e49d7f574532ca04648";
    let password =
        |client: &str, user: &str| format!("grant_type=password&{client}&username={user}&password=Harbour-41");
    let grant = |client: &str| format!("grant_type=client_credentials&{client}");
    let refresh = |client: &str| format!("grant_type=refresh_token&{client}&refresh_token={TOKEN}");
    let of =
        |first: &str, at: &str, later: &str| weighed(&[post("10:00:00", first, &denied()), post(at, later, &issued())]);
    let same = "the same client gets a token with ";
    for (first, at, later, says) in [
        (
            grant(CLIENT),
            "10:00:20",
            grant(other),
            Some("another client gets tokens with client_credentials 20 s later"),
        ),
        (
            grant(CLIENT),
            "10:00:20",
            password(CLIENT, "svc"),
            Some("the same client gets a token with password 20 s later"),
        ),
        (
            grant(CLIENT),
            "10:01:00",
            grant(CLIENT),
            Some("the same client gets a token with client_credentials 60 s later"),
        ),
        (grant(wrong), "10:00:20", grant(CLIENT), Some("another secret of this client gets a token 20 s later")),
        (
            password(CLIENT, "svc"),
            "10:05:00",
            password(CLIENT, "beth"),
            Some("the same client works for another user 300 s later"),
        ),
        (refresh(CLIENT), "10:00:10", refresh(CLIENT), Some("a refresh of the same client passes 10 s later")),
        (
            refresh(CLIENT),
            "10:05:00",
            refresh(CLIENT),
            Some("the same client gets a token with refresh_token 300 s later"),
        ),
        (grant(CLIENT), "10:01:01", grant(CLIENT), None),
        (password(CLIENT, "svc"), "10:05:00", password(CLIENT, "svc"), None),
    ] {
        let told = of(&first, at, &later);
        assert!(says.map_or(!told.contains(same), |says| told.contains(says)), "{says:?}: {told}\n{first}\n{later}");
    }
    assert!(!of(&refresh(CLIENT), "10:00:11", &refresh(CLIENT)).contains("a refresh of the same client"));
    assert!(!of(&grant(CLIENT), "10:00:05", &refresh(CLIENT)).contains("a refresh of the same client"));
    assert!(!of(&grant(wrong), "10:00:20", &grant(CLIENT)).contains(same), "its secret is another one");
}

#[test]
fn a_credential_passes_later_without_the_cookies() {
    let with = |at: &str, cookie: &str, answer: &str| {
        get(at, TABLE, BASIC, answer).replacen(">\n", &format!("> Cookie: JSESSIONID={cookie}\n>\n"), 1)
    };
    let conflict = |parts: [String; 2]| recorded(&parts)[0].contains(&("session-cookie-conflict", Grade::Likely));
    let first = || with("10:00:00", "4890423B4DACDCD093A1D4CAC5E73FA0", &refused());
    assert!(conflict([first(), get("10:00:20", TABLE, BASIC, &passed())]));
    assert!(!conflict([first(), with("10:00:20", "5890423B4DACDCD093A1D4CAC5E73FA0", &passed())]));
    assert!(!conflict([get("10:00:00", TABLE, BASIC, &refused()), get("10:00:20", TABLE, BASIC, &passed())]));
    assert!(!conflict([first(), get("10:00:20", "/api/x/y", BASIC, &passed())]), "another path");
}

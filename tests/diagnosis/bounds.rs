//! How far a cause reaches: stories that are told as it, and the same stories with one thing changed, which are not.

use why401::diagnose::diagnose;
use why401::intake::{self, transcript};
use why401::ledger::{Ledger, Limits};
use why401::model::{Answerer, Outcome, Salt};

const TOKEN: &str = "h9sYwmGS5Nh7rkVdPEqWcuZtfA1JbX3LoT8iUjQpKvR2eDyM4xCgBnH6lFzOa0sIQwErTyUiOpAsDfGhJkLzXQ";
const CLIENT: &str = "client_id=8ff578658fc35c49df5942e58a4d7dc0&client_secret=VLUzyUyyrkWdGn4DtjG3HDq9zPmA";
const BASIC: &str = "Basic c3ZjLnN5bmM6SGFyYm91ci00MS1sYW1w";
const TABLE: &str = "/api/now/table/incident";
const JSON: &str = "< Server: snow_adc\n< Content-Type: application/json\n";

fn answer(status: &str, body: &str) -> String {
    format!("< HTTP/1.1 {status}\n{JSON}<\n< {body}\n")
}

fn refused() -> String {
    let body = "{\"error\":{\"message\":\"User is not authenticated\",\"detail\":\"Required to provide Auth information\"},\"status\":\"failure\"}";
    answer("401 Unauthorized", body)
}

fn denied() -> String {
    answer("401 Unauthorized", "{\"error_description\":\"access_denied\",\"error\":\"server_error\"}")
}

fn forbidden() -> String {
    answer(
        "403 Forbidden",
        "{\"error\":{\"message\":\"Operation Failed\",\"detail\":\"ACL Exception\"},\"status\":\"failure\"}",
    )
}

fn passed() -> String {
    answer("200 OK", "{\"result\":[{\"number\":\"INC0010001\",\"short_description\":\"printer on fire again\"}]}")
}

fn issued(token: &str) -> String {
    answer("200 OK", &format!("{{\"access_token\":\"{token}\",\"token_type\":\"Bearer\",\"expires_in\":1799}}"))
}

fn get(at: &str, path: &str, credential: &str, answer: &str) -> String {
    let credential = if credential.is_empty() { String::new() } else { format!("> Authorization: {credential}\n") };
    format!(
        "@ {at} https://dev1.service-now.com\n> GET {path} HTTP/1.1\n> Host: dev1.service-now.com\n{credential}>\n{answer}"
    )
}

fn post(at: &str, body: &str, answer: &str) -> String {
    format!(
        "@ {at} https://dev1.service-now.com\n> POST /oauth_token.do HTTP/1.1\n> Host: dev1.service-now.com\n> Content-Type: application/x-www-form-urlencoded\n>\n> {body}\n{answer}"
    )
}

/// A cause, what its reason says (`None`: the cause is not told of), and the story.
type Row = (&'static str, Option<&'static str>, String);

fn check(rows: impl IntoIterator<Item = Row>) {
    let wrong = rows.into_iter().filter_map(|(cause, wanted, story)| {
        let told = crate::story::of(&story, cause).map(|(_, _, because)| because);
        let right = match (&told, wanted) {
            (Some(because), Some(wanted)) => because.contains(wanted),
            (told, wanted) => told.is_none() && wanted.is_none(),
        };
        (!right).then(|| format!("{cause}: wanted {wanted:?}, told {told:?}\n{story}"))
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn grant(password: &str) -> String {
    format!("grant_type=password&{CLIENT}&username=svc.sync&password={password}")
}

/// Five refusals with one password, and the sixth that is told of.
fn six_times(password: &str) -> String {
    (1..=6).map(|minute| post(&format!("10:0{minute}:00"), &grant(password), &denied())).collect()
}

#[test]
fn a_user_may_be_locked_by_the_password_grant_as_well() {
    let known = post("10:00:00", &grant("Harbour-41"), &issued(TOKEN));
    check([
        ("account-locked", Some("svc.sync was refused 5 times since"), six_times("Harbour-41")),
        ("account-locked", Some("also for the right password"), known.clone() + &six_times("Harbour-41")),
        ("account-locked", Some("by default."), known + &six_times("Harbour-42")),
    ]);
}

#[test]
fn what_a_user_may_elsewhere_tells_of_a_refusal_and_of_no_other_answer() {
    let legacy = |answer: &str| {
        get("10:00:00", TABLE, BASIC, &passed()) + &get("10:00:05", "/incident_list.do?JSONv2", BASIC, answer)
    };
    let scoped = |scope: &str| post("10:00:00", &format!("{}&scope={scope}", grant("Harbour-41")), &denied());
    let vendor = format!(
        "@ 09:59:00 https://login.vendor.example\n> POST /oauth/token HTTP/1.1\n> Host: login.vendor.example\n> Content-Type: application/x-www-form-urlencoded\n>\n> grant_type=client_credentials&{CLIENT}\n{}",
        issued("mF9B5f41JqM8sT2vX7z").replace("< Server: snow_adc\n", "")
    );
    let opaque = |answer: &str| vendor.clone() + &get("10:00:00", TABLE, "Bearer mF9B5f41JqM8sT2vX7z", answer);
    let short = &TOKEN[..80];
    let cut = |before: &str| before.to_owned() + &get("10:00:00", TABLE, &format!("Bearer {short}"), &refused());
    check([
        ("legacy-web-service-inactive", Some("The same user passes at"), legacy(&forbidden())),
        ("legacy-web-service-inactive", None, legacy(&refused())),
        ("oauth-scope-not-allowed", Some("The scope read is asked for"), scoped("read")),
        ("oauth-scope-not-allowed", None, scoped("useraccount")),
        ("third-party-token-opaque", Some("login.vendor.example"), opaque(&refused())),
        ("third-party-token-opaque", None, opaque(&forbidden())),
        ("token-truncated", Some("80 characters"), cut("")),
        // It was given out like that.
        ("token-truncated", None, cut(&post("09:59:00", &grant("Harbour-41"), &issued(short)))),
        (
            "instance-gone",
            None,
            get("10:00:00", TABLE, BASIC, &answer("200 OK", "{\"result\":\"instance not found\"}")),
        ),
    ]);
    // A call that ran as guest with a credential is told of, however long its answer.
    let guest = passed().replacen("<\n", "< X-Is-Logged-In: false\n<\n", 1);
    assert_eq!(crate::story::said(&get("10:00:00", TABLE, BASIC, &guest)), ["scripted-rest-guest likely"]);
}

/// What works is no fault, whatever it was that would have been one.
#[test]
fn nothing_is_said_of_what_passes() {
    let refresh = |at: &str| {
        post(at, &format!("grant_type=refresh_token&{CLIENT}&refresh_token=q7Zh4PJXEog2HSgw9x"), &issued(TOKEN))
    };
    let client = post("10:00:00", &format!("grant_type=client_credentials&{CLIENT}"), &issued(TOKEN));
    let in_both = post("10:00:00", &grant("Harbour-41"), &issued(TOKEN)).replacen(
        ">\n",
        &format!("> Authorization: {BASIC}\n>\n"),
        1,
    );
    for story in [
        refresh("10:00:00") + &refresh("10:10:00"),
        refresh("10:00:00") + &refresh("10:10:00 +120 days"),
        client + &post("10:00:05", &grant("Harbour-41"), &issued(TOKEN)),
        in_both,
    ] {
        assert_eq!(crate::story::said(&story), Vec::<String>::new(), "{story}");
    }
}

/// A user, a grant and a token are told of by what they are.
#[test]
fn names_and_tokens_say_what_they_are() {
    let of = |form: &str| post("10:00:00", &format!("{form}&{CLIENT}"), &denied());
    let user = |name: &str| of(&format!("grant_type=password&username={name}&password=Harbour-41"));
    let bearer = |token: &str| get("10:00:00", TABLE, &format!("Bearer {token}"), &refused());
    let moved = "< HTTP/1.1 302 Found\n< Server: snow_adc\n< Location: /login.do\n<\n";
    let page = "< HTTP/1.1 200 OK\n< Server: snow_adc\n< Content-Type: text/html\n<\n< <html><head><title>ServiceNow</title></head><body><form action=\"login.do\"><input id=\"user_name\" name=\"user_name\"><input id=\"user_password\" name=\"user_password\" type=\"password\"></form></body></html>\n";
    check([
        (
            "grant-type-unknown",
            Some("meant is probably refresh_token"),
            of("grant_type=refresh&refresh_token=q7Zh4PJX"),
        ),
        ("placeholder-in-token-request", None, user("api_user")),
        ("placeholder-in-token-request", Some("username was sent as YOUR_USERNAME"), user("YOUR_USERNAME")),
        ("token-truncated", Some("80 characters"), bearer(&TOKEN[..80])),
        // None of the characters that instances make tokens of.
        ("token-truncated", None, bearer(&format!("{}~{}", &TOKEN[..40], &TOKEN[41..80]))),
        ("redirected-to-login", Some("a redirect to a login"), get("10:00:00", TABLE, BASIC, moved)),
        ("redirected-to-login", Some("with status 200"), get("10:00:00", TABLE, BASIC, page)),
        // The words are an instance's only where an instance says them.
        (
            "endpoint-not-found",
            None,
            get("10:00:00", "/v1/a", BASIC, &answer("404 Not Found", "{\"error\":\"no matching resource\"}"))
                .replace("dev1.service-now.com", "api.vendor.example")
                .replace("< Server: snow_adc\n", ""),
        ),
    ]);
    let admin = |name: &str| weighed(&get("10:00:00", TABLE, &format!("Basic {name}"), &refused()));
    // admin, beth.admin, adminx
    for (name, says) in [
        ("YWRtaW46SGFyYm91ci00MQ==", true),
        ("YmV0aC5hZG1pbjpIYXJib3VyLTQx", true),
        ("YWRtaW54OkhhcmJvdXItNDE=", false),
    ] {
        assert_eq!(admin(name).contains("an administrator by name"), says, "{name}");
    }
}

/// A token that an instance gave out is its own under its other names as well.
#[test]
fn a_cookie_of_the_load_balancer_tells_which_instance_stands_behind_a_host() {
    let story = |pool: &str| {
        let answer =
            refused().replacen("<\n", &format!("< Set-Cookie: BIGipServerpool_{pool}=1.2.3.4; path=/\n<\n"), 1);
        let call = get("10:00:00", TABLE, &format!("Bearer {TOKEN}"), &answer);
        post("09:59:00", &grant("Harbour-41"), &issued(TOKEN))
            + &call.replace("dev1.service-now.com", "desk.acme.example")
    };
    check([
        ("token-from-other-instance", Some("nothing on the wire tells the suspects apart"), story("dev1")),
        ("token-from-other-instance", Some("was sent to desk.acme.example"), story("dev2")),
    ]);
}

#[test]
fn what_the_authorization_endpoint_does_is_told_by_what_it_answers() {
    let ask = |query: &str, answer: &str| {
        get("10:00:00", &format!("/oauth_auth.do?client_id=8ff578658fc35c49&{query}"), "", answer)
    };
    let to = |location: &str| format!("< HTTP/1.1 302 Found\n< Server: snow_adc\n< Location: {location}\n<\n");
    let page = "< HTTP/1.1 200 OK\n< Server: snow_adc\n< Content-Type: text/html\n<\n< <html><body>Invalid request</body></html>\n";
    let (token, code) = ("response_type=token&state=x", "response_type=code&state=x");
    let implicit = "implicit-grant-refused";
    check([
        (implicit, Some("response_type=token asks"), ask(token, &answer("400 Bad Request", "{}"))),
        (
            implicit,
            Some("response_type=token asks"),
            ask(token, &to("https://a.example/cb#error=unsupported_response_type")),
        ),
        (implicit, Some("response_type=token asks"), ask(token, page)),
        (implicit, None, ask(token, &to("/login.do"))),
        (implicit, None, ask(code, &answer("400 Bad Request", "{}"))),
        ("authorize-client-unknown", Some("8ff578658fc35c49"), ask(code, &answer("400 Bad Request", "{}"))),
        ("authorize-client-unknown", None, ask(code, &answer("500 Internal Server Error", "{}"))),
        ("authorize-stopped-at-login", Some("ends at a login"), ask(code, &to("/login.do"))),
        ("authorize-stopped-at-login", None, ask(code, &to("/oauth_consent.do"))),
    ]);
    // Without a hash the verifier is the challenge.
    let plain = |verifier: &str| {
        let asked = ask(
            "response_type=code&state=x&redirect_uri=https%3A%2F%2Fa.example%2Fcb&code_challenge_method=plain&code_challenge=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            &to("https://a.example/cb?code=q7Zh4PJXEog2HSgw&state=x"),
        );
        let form = format!(
            "grant_type=authorization_code&{CLIENT}&code=q7Zh4PJXEog2HSgw&redirect_uri=https%3A%2F%2Fa.example%2Fcb&code_verifier={verifier}"
        );
        asked + &post("10:00:10", &form, &denied())
    };
    check([
        ("pkce-verifier-mismatch", None, plain("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")),
        ("pkce-verifier-mismatch", Some("does not hash"), plain("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")),
    ]);
}

#[test]
fn the_form_of_a_request_decides_what_is_said_of_it() {
    let misspelt = get("10:00:00", "/oauth_token", "", &answer("404 Not Found", "{}")).replacen("> GET", "> POST", 1);
    let plain = |mime: &str| {
        post("10:00:00", &format!("grant_type=password&{CLIENT}&username=svc.sync"), &denied()).replacen(
            "application/x-www-form-urlencoded",
            mime,
            1,
        )
    };
    let head = "> GET / HTTP/1.1\n> Host: dev1.service-now.com\n> Authorization: Bearer q7Zh4PJX";
    let cut = |problem: &str| {
        format!("@ 10:00:00 https://dev1.service-now.com\n{head}\n>\n* refused {problem} {}\n", head.len() - 8)
    };
    let failed = |how: &str| {
        format!(
            "@ 10:00:00 https://dev1.service-now.com\n> GET {TABLE} HTTP/1.1\n> Host: dev1.service-now.com\n>\n* failed {how}\n"
        )
    };
    let shut = "< HTTP/1.1 403 Forbidden\n< Server: snow_adc\n<\n< denied\n";
    check([
        ("token-endpoint-wrong", Some("/oauth_token is not the token endpoint"), misspelt),
        ("token-parameter-missing", Some("has no password"), plain("text/plain")),
        ("basic-malformed", Some("in clear"), get("10:00:00", TABLE, "Basic svc:Harbour-41", &refused())),
        ("basic-malformed", Some("is not base64"), get("10:00:00", TABLE, "Basic svc-Harbour-41!", &refused())),
        ("token-illegal-character", Some("A line break stands"), cut("folded")),
        ("token-illegal-character", Some("A line break stands"), cut("bare-line-break")),
        ("token-illegal-character", Some("A control byte stands"), cut("control-byte")),
        ("upstream-unreachable", None, failed("client-tls closed")),
        ("upstream-unreachable", None, failed("upstream-tls certificate-expired")),
        ("ip-restricted", Some("Through this proxy"), get("10:00:00", TABLE, BASIC, shut)),
        (
            "ip-restricted",
            Some("access control does."),
            get("10:00:00", TABLE, BASIC, shut).replacen(".com\n", ".com via=recorded\n", 1),
        ),
        (
            "no-credentials",
            Some(""),
            get("10:00:00", TABLE, "", &refused().replace(JSON, "")).replacen(".com\n", ".com via=recorded\n", 1),
        ),
    ]);
}

/// Everything that was weighed for the last exchange.
fn weighed(story: &str) -> String {
    let all = crate::story::last(story).1.findings;
    all.iter().flat_map(|one| &one.account).map(|reason| reason.says.clone()).collect::<Vec<_>>().join("; ")
}

#[test]
fn what_was_refused_since_passes_no_more() {
    let (own, other) = (format!("Bearer {TOKEN}"), format!("Bearer {}", TOKEN.replace("h9sY", "k2bM")));
    let kind = "another credential of the same kind passes here";
    let story = |first: &str, second: &str| {
        let theirs = get("10:00:00", TABLE, &other, first) + &get("10:00:10", TABLE, &other, second);
        weighed(&(theirs + &get("10:00:20", TABLE, &own, &refused())))
    };
    assert!(story(&refused(), &passed()).contains(kind), "{}", story(&refused(), &passed()));
    assert!(!story(&passed(), &refused()).contains(kind));
    // What nobody's calls got is no credential that is refused now.
    let together = "are refused since one moment";
    let since = |credential: &str| {
        [
            get("10:00:00", "/api/x/y", credential, &passed()),
            get("10:00:05", TABLE, BASIC, &passed()),
            get("10:00:10", "/api/x/y", credential, &refused()),
            get("10:00:15", TABLE, BASIC, &refused()),
        ]
        .concat()
    };
    assert!(!weighed(&since("")).contains(together), "{}", weighed(&since("")));
}

/// An answer whose body a recording left out is not an empty one.
#[test]
fn a_token_answer_that_was_left_out_may_hold_a_token() {
    let story = format!(
        "@ 12:00:00 https://login.vendor.example\n> POST /oauth/token HTTP/1.1\n> Host: login.vendor.example\n> User-Agent: ServiceNow/1.0\n> Content-Type: application/x-www-form-urlencoded\n>\n> grant_type=client_credentials&{CLIENT}\n< HTTP/1.1 200 OK\n< Server: nginx\n< Content-Type: application/json\n<\n"
    );
    let told = |length: u64| {
        let mut exchange = transcript::parse(&story).unwrap().steps.remove(0).exchange;
        let Outcome::Answered(answer) = &mut exchange.outcome else { panic!("it was answered") };
        answer.body.length = length;
        let found = diagnose(&exchange, &Ledger::new(Salt::new([1; 32]), Limits::default())).findings;
        found.into_iter().map(|one| one.cause).collect::<Vec<_>>()
    };
    assert_eq!((told(0), told(40)), (vec!["outbound-no-access-token"], vec![]));
}

/// A word that instances use does not make an answer theirs.
#[test]
fn a_providers_answer_stays_its_own() {
    let story = "@ 10:00:00 https://api.vendor.example\n> GET /v1/a HTTP/1.1\n> Host: api.vendor.example\n> Authorization: Bearer q7Zh4PJXEog2HSgw\n>\n< HTTP/1.1 401 Unauthorized\n< Content-Type: application/json\n<\n< {\"status\":\"no\"}\n";
    assert_eq!(crate::story::last(story).1.answered_by, Answerer::Provider);
}

/// The evidence of a suspect is what speaks for it; what speaks against it stands in its account alone.
#[test]
fn what_speaks_against_a_suspect_is_no_evidence_for_it() {
    let story = get("09:00:00", TABLE, BASIC, &passed()) + &get("10:00:00", TABLE, BASIC, &refused());
    let found = crate::story::last(&story).1.findings;
    let suspects: Vec<_> = found.iter().filter(|one| !one.account.is_empty()).collect();
    let reasons = || suspects.iter().flat_map(|one| &one.account[1..]);
    assert!(reasons().any(|reason| reason.moved > 0) && reasons().any(|reason| reason.moved < 0), "{suspects:#?}");
    for one in suspects {
        let speaks_for = one.account[1..].iter().filter(|reason| reason.moved > 0).map(|reason| &reason.says);
        assert!(speaks_for.eq(one.evidence.iter().map(|evidence| &evidence.says)), "{one:#?}");
    }
}

#[test]
fn an_answer_pasted_alone_is_weighed_for_what_it_may_belong_to() {
    let first = |error: &str| {
        let text = format!(
            "HTTP/1.1 401 Unauthorized\r\nServer: snow_adc\r\nContent-Type: application/json\r\n\r\n{{\"error_description\":\"access_denied\",\"error\":\"{error}\"}}"
        );
        let exchange = &intake::read(text.as_bytes(), "a").unwrap()[0];
        let found = diagnose(exchange, &Ledger::new(Salt::new([1; 32]), Limits::default())).findings;
        assert!(found[0].because.contains("was not shown"), "{found:#?}");
        found.into_iter().map(|one| one.cause).collect::<Vec<_>>()
    };
    let (denied, client) = (first("server_error"), first("invalid_client"));
    assert!(denied.contains(&"client-secret-wrong") && denied.contains(&"auth-code-expired"), "{denied:?}");
    assert!(client.contains(&"token-expired") && client.contains(&"no-credentials"), "{client:?}");
}

/// What an instance refuses in words of its own, and what was refused before anything of it ran.
#[test]
fn a_refusal_is_told_by_how_far_it_came() {
    let of = |answer: &str| crate::story::said(&get("10:00:00", TABLE, BASIC, answer));
    let field = |field: &str| format!("< HTTP/1.1 403 Forbidden\n< Server: snow_adc\n{field}<\n< denied\n");
    for answer in [&forbidden(), &field("< X-Is-Logged-In: true\n"), &field("< X-Transaction-ID: 5b1f2c3d4e5f\n")] {
        assert!(of(answer).contains(&"rest-endpoint-acl possible".to_owned()), "{answer}: {:?}", of(answer));
    }
    assert_eq!(of(&field("")), ["ip-restricted likely"]);
    for text in
        ["Requested URI does not represent any resource", "No matching resource", "the requested URI does not exist"]
    {
        assert_eq!(
            of(&answer("404 Not Found", &format!("{{\"error\":{{\"message\":\"{text}\"}}}}")))[0],
            "endpoint-not-found proven",
            "{text}"
        );
    }
}

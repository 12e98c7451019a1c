//! What the memory keeps: stories told to it, and every record that they leave, to the last field.
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

use std::fmt::{Debug, Write};

use why401::intake::transcript;
use why401::ledger::{Ledger, Limits};
use why401::model::{Millis, Salt};

const DEV: &str = "dev1.service-now.com";

/// The memory after a story, and the story's steps that it was told.
fn told(story: &str) -> Ledger {
    let mut ledger = Ledger::new(Salt::new([3; 32]), Limits { records: 64 });
    let read = transcript::parse(story).unwrap_or_else(|error| panic!("{error}"));
    assert!(!read.steps.is_empty());
    read.steps.iter().for_each(|step| ledger.record(&step.exchange));
    ledger
}

/// Records, one below the other, under the words that ask for them.
#[derive(Default)]
struct Kept(String);

impl Kept {
    fn add(&mut self, what: &str, record: impl Debug) {
        writeln!(self.0, "{what}\n    {record:?}").unwrap();
    }
}

const CODE_FLOW: &str = r#"
@ 10:00:00 https://dev1.service-now.com
> GET /oauth_auth.do?response_type=code&client_id=c0ffee&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&state=st4te&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256 HTTP/1.1
> Host: dev1.service-now.com
< HTTP/1.1 302 Found
< Location: https://app.example/cb?code=q7ZB3bhTn5Wk9sR2xY4mPc8vLd1e&state=st4te
< Date: Mon, 02 Nov 2026 10:00:03 GMT
<
@ 10:00:05 https://dev1.service-now.com took=2s
> POST /oauth_token.do HTTP/1.1
> Host: dev1.service-now.com
> Content-Type: application/x-www-form-urlencoded
>
> grant_type=authorization_code&code=q7ZB3bhTn5Wk9sR2xY4mPc8vLd1e&client_id=c0ffee&client_secret=s3cret99&redirect_uri=https%3A%2F%2Fapp.example%2Fcb
< HTTP/1.1 200 OK
< content-type: application/json
< Date: Mon, 02 Nov 2026 10:00:07 GMT
<
< {"access_token":"Ax7ZB3bhTn5Wk9sR2xY4mPc8vLd1eAAAA","refresh_token":"Rx7ZB3bhTn5Wk9sR2xY4mPc8vLd1eBBBB","scope":"useraccount https://graph.microsoft.com/.default","token_type":"Bearer","expires_in":1799,"instance_url":"https://Acme.my.salesforce.com/x"}
@ 10:00:10 https://dev1.service-now.com
> GET /api/now/table/incident?sysparm_query=active%3Dtrue HTTP/1.1
> Host: dev1.service-now.com
> Authorization: bearer  Ax7ZB3bhTn5Wk9sR2xY4mPc8vLd1eAAAA
< HTTP/1.1 200 OK
< Content-Type: application/json
< X-Is-Logged-In: true
< Server: ServiceNow
<
< {"result":[]}
@ 10:00:20 https://dev1.service-now.com
> PATCH /api/now/table/incident HTTP/1.1
> Host: dev1.service-now.com
> Authorization: Bearer Ax7ZB3bhTn5Wk9sR2xY4mPc8vLd1eAAAA
< HTTP/1.1 401 Unauthorized
< WWW-Authenticate: BEARER realm="Service-now"
< WWW-Authenticate: Basic realm="Service-now"
< Server: ServiceNow
<
< {"error":{"message":"User Not Authenticated","detail":"Required to provide Auth information"},"status":"failure"}
@ 10:01:00 https://dev1.service-now.com
> POST /oauth_token.do HTTP/1.1
> Host: dev1.service-now.com
> Content-Type: application/x-www-form-urlencoded
>
> grant_type=refresh_token&refresh_token=Rx7ZB3bhTn5Wk9sR2xY4mPc8vLd1eBBBB&client_id=c0ffee&client_secret=s3cret99&scope=useraccount
< HTTP/1.1 200 OK
< Content-Type: application/json
<
< {"access_token":"Ax7ZB3bhTn5Wk9sR2xY4mPc8vLd1eAAAA","refresh_token":"Rx7ZB3bhTn5Wk9sR2xY4mPc8vLd1eBBBB","scope":"useraccount","token_type":"Bearer","expires_in":1740}
@ 10:02:00 https://dev1.service-now.com
> POST /oauth_token.do HTTP/1.1
> Host: dev1.service-now.com
> Content-Type: application/x-www-form-urlencoded
>
> grant_type=authorization_code&code=q7ZB3bhTn5Wk9sR2xY4mPc8vLd1e&client_id=c0ffee&client_secret=s3cret99
< HTTP/1.1 401 Unauthorized
< Content-Type: application/json
<
< {"error":"access_denied","error_description":"access_denied"}
@ 10:03:00 https://dev1.service-now.com
> POST /oauth_revoke_token.do?token=Ax7ZB3bhTn5Wk9sR2xY4mPc8vLd1eAAAA HTTP/1.1
> Host: dev1.service-now.com
< HTTP/1.1 200 OK
<
@ 10:03:05 https://dev1.service-now.com
> POST /oauth_revoke_token.do?token=Zz7ZB3bhTn5Wk9sR2xY4mPc8vLd1eCCCC HTTP/1.1
> Host: dev1.service-now.com
< HTTP/1.1 302 Found
< Location: /login.do
<
@ 10:03:06 https://dev1.service-now.com
> POST /oauth_revoke_token.do HTTP/1.1
> Host: dev1.service-now.com
> Content-Type: application/x-www-form-urlencoded
>
> token=Yy7ZB3bhTn5Wk9sR2xY4mPc8vLd1eDDDD
< HTTP/1.1 200 OK
<
"#;

#[test]
fn a_code_becomes_a_token_that_is_used_refreshed_and_revoked() {
    let ledger = told(CODE_FLOW);
    let (code, access, refresh) =
        ("q7ZB3bhTn5Wk9sR2xY4mPc8vLd1e", "Ax7ZB3bhTn5Wk9sR2xY4mPc8vLd1eAAAA", "Rx7ZB3bhTn5Wk9sR2xY4mPc8vLd1eBBBB");
    let mut kept = Kept::default();
    kept.add("the code", ledger.code(code));
    kept.add("the access token", ledger.token(access));
    kept.add("the refresh token", ledger.token(refresh));
    kept.add("a token that a login page did not revoke", ledger.token("Zz7ZB3bhTn5Wk9sR2xY4mPc8vLd1eCCCC"));
    kept.add("a token that was revoked before it was met", ledger.token("Yy7ZB3bhTn5Wk9sR2xY4mPc8vLd1eDDDD"));
    kept.add("the client", ledger.client(DEV, "c0ffee"));
    kept.add("its hosts", ledger.hosts_of_client("c0ffee"));
    kept.add("clients of the host", ledger.clients_of_host(DEV).map(|(id, _)| id).collect::<Vec<_>>());
    kept.add("the host", ledger.host(DEV));
    kept.add("the token as a credential", ledger.credential(DEV, access.as_bytes()));
    kept.add("where it worked", ledger.worked_at(access.as_bytes()));
    kept.add("its clock ten minutes on", ledger.instance_clock(DEV, Millis(600_000)));
    insta::assert_snapshot!(kept.0);
    // A token that was cut is known as a part of the whole one, and only that.
    let tag = ledger.tag(access.as_bytes());
    assert_eq!(ledger.relative_of(&access[..30]), Some(tag));
    assert_eq!(ledger.relative_of(&format!("xx{}", &access[10..])), Some(tag));
    assert_eq!((ledger.relative_of(access), ledger.relative_of(&access[..20])), (None, None));
    assert_eq!(ledger.begins_like(&access[..14]), Some(tag));
    assert_eq!((ledger.begins_like(&access[..6]), ledger.begins_like("eyJhbGciOiJIUzI1NiJ9.e30.x")), (None, None));
    assert!(ledger.token_by_tag(tag).is_some() && ledger.credential_by_tag(DEV, tag).is_some());
    assert!(ledger.credential_by_tag("dev2.service-now.com", tag).is_none());
    assert!(ledger.code_by_tag(ledger.tag(code.as_bytes())).is_some() && ledger.code_by_tag(tag).is_none());
}

const USERS: &str = r#"
@ 10:00:00 https://dev1.service-now.com
> GET /api/now/table/incident HTTP/1.1
> Host: dev1.service-now.com
> Authorization: Basic QWJlbDpXaW50ZXIkeDIwMjYh
< HTTP/1.1 200 OK
< Server: ServiceNow
< Set-Cookie: JSESSIONID=0A1B2C3D4E5F60718293A4B5C6D7E8F9; Path=/
< Set-Cookie: BIGipServerpool_dev1=1234.5.6; Path=/
<
< {"result":[]}
@ 10:00:10 https://dev1.service-now.com
> GET /api/now/table/problem HTTP/1.1
> Host: dev1.service-now.com
> Authorization: Basic YWJlbDp3cm9uZ3B3
< HTTP/1.1 401 Unauthorized
< WWW-Authenticate: Basic realm="Service-now"
< Server: ServiceNow
<
< {"error":{"message":"User Not Authenticated","detail":"Required to provide Auth information"},"status":"failure"}
@ 10:00:20 https://dev1.service-now.com
> GET /api/now/table/problem HTTP/1.1
> Host: dev1.service-now.com
> Authorization: Basic QWJlbDpXaW50ZXIkeDIwMjYh
< HTTP/1.1 403 Forbidden
< Server: ServiceNow
<
< {"error":{"message":"User Not Authorized","detail":"Failed API level ACL Validation"},"status":"failure"}
@ 10:00:30 https://dev1.service-now.com
> POST /login.do HTTP/1.1
> Host: dev1.service-now.com
> Content-Type: application/x-www-form-urlencoded
>
> user_name=abel&user_password=Winter%24x2026%21&sysparm_login_url=x
< HTTP/1.1 302 Found
< Location: /navpage.do
< Set-Cookie: JSESSIONID=FFFB2C3D4E5F60718293A4B5C6D7E8F9; Path=/
<
@ 10:00:40 https://dev1.service-now.com
> POST /login.do HTTP/1.1
> Host: dev1.service-now.com
> Content-Type: application/x-www-form-urlencoded
>
> user_name=abel&user_password=nope1234
< HTTP/1.1 302 Found
< Location: /login.do?x=1
<
@ 10:00:50 https://dev1.service-now.com
> PUT /api/now/table/sys_user/6816f79cc0a8016401c5a33be04be441 HTTP/1.1
> Host: dev1.service-now.com
> Authorization: Basic QWJlbDpXaW50ZXIkeDIwMjYh
> Content-Type: application/json
>
> {"user_password":"n3wOne99"}
< HTTP/1.1 200 OK
< Content-Type: application/json
<
< {"result":{"user_name":"Beth"}}
@ 10:01:00 https://dev1.service-now.com
> GET /api/now/table/incident HTTP/1.1
> Host: dev1.service-now.com
> Cookie: JSESSIONID=FFFB2C3D4E5F60718293A4B5C6D7E8F9; glide_user_route=glide.abc123
> X-UserToken: 72a9f3e1
< HTTP/1.1 200 OK
< X-Is-Logged-In: true
< Server: ServiceNow
<
< {"result":[]}
@ 10:31:00 https://dev1.service-now.com
> GET /api/now/table/incident HTTP/1.1
> Host: dev1.service-now.com
> Cookie: JSESSIONID=FFFB2C3D4E5F60718293A4B5C6D7E8F9
< HTTP/1.1 401 Unauthorized
< X-Is-Logged-In: false
< Set-Cookie: JSESSIONID=EEEB2C3D4E5F60718293A4B5C6D7E8F9; Path=/
< Server: ServiceNow
<
< {"error":{"message":"User Not Authenticated","detail":"Required to provide Auth information"},"status":"failure"}
@ 10:32:00 https://dev2.service-now.com
> GET /api/now/table/incident HTTP/1.1
> Host: dev2.service-now.com
> x-sn-apikey: now_abcDEF123456789
< HTTP/1.1 200 OK
< Server: ServiceNow
< Date: Mon, 02 Nov 2026 10:33:00 GMT
<
< {"result":[]}
@ 10:32:10 https://dev2.service-now.com
> GET /api/now/table/incident?x-sn-apikey=now_abcDEF123456789 HTTP/1.1
> Host: dev2.service-now.com
< HTTP/1.1 200 OK
< Server: ServiceNow
< Date: Mon, 02 Nov 2026 10:32:30 GMT
<
< {"result":[]}
@ 10:32:20 https://dev2.service-now.com
> GET /adcv2/supports_tls HTTP/1.1
> Host: dev2.service-now.com
< HTTP/1.1 200 OK
<
< true
@ 10:32:30 https://dev2.service-now.com
> POST /oauth_token.do HTTP/1.1
> Host: dev2.service-now.com
> Content-Type: application/x-www-form-urlencoded
>
> grant_type=password&client_id=c0ffee&client_secret=s3cret99&username=Abel&password=Winter%24x2026%21
< HTTP/1.1 401 Unauthorized
<
< {"error":"access_denied","error_description":"access_denied"}
@ 10:32:40 https://dev2.service-now.com
> POST /oauth_token.do HTTP/1.1
> Host: dev2.service-now.com
> Content-Type: application/x-www-form-urlencoded
>
> grant_type=password&client_id=c0ffee&client_secret=s3cret99&username=cain&password=Winter%24x2026%21
< HTTP/1.1 200 OK
<
< {"access_token":"Cx7ZB3bhTn5Wk9sR2xY4mPc8vLd1eAAAA","token_type":"Bearer","expires_in":100}
@ 10:32:50 https://dev2.service-now.com
> GET /api/now/table/incident HTTP/1.1
> Host: dev2.service-now.com
> Authorization: Bearer Cx7ZB3bhTn5Wk9sR2xY4mPc8vLd1eAAAA
< HTTP/1.1 200 OK
< Server: ServiceNow
<
< {"result":[]}
"#;

#[test]
fn users_sessions_and_hosts_are_remembered_by_what_they_did() {
    let ledger = told(USERS);
    let dev2 = "dev2.service-now.com";
    let mut kept = Kept::default();
    for (host, user) in [(DEV, "ABEL"), (DEV, "beth"), (dev2, "abel"), (dev2, "cain")] {
        kept.add(&format!("{user} on {host}"), ledger.user(host, user));
    }
    kept.add("the password as a credential", ledger.credential(DEV, b"QWJlbDpXaW50ZXIkeDIwMjYh"));
    kept.add("the same, decoded", ledger.credential(DEV, b"Abel:Winter$x2026!"));
    kept.add("the key", ledger.credential(dev2, b"now_abcDEF123456789"));
    for cookie in ["0A1B2C3D", "FFFB2C3D", "EEEB2C3D"] {
        let cookie = format!("{cookie}4E5F60718293A4B5C6D7E8F9");
        kept.add(&format!("session {cookie}"), ledger.session(DEV, cookie.as_bytes()));
        kept.add("elsewhere", ledger.session_elsewhere(dev2, cookie.as_bytes()).map(|session| session.first));
        assert!(ledger.session_elsewhere(DEV, cookie.as_bytes()).is_none());
    }
    kept.add("the first host", ledger.host(DEV));
    kept.add("the second host", ledger.host(dev2));
    kept.add("the client", ledger.client(dev2, "c0ffee"));
    kept.add("the password's cores", ledger.password_cores(b"Winter$x2026!"));
    let eaten = ledger.password_cores(b"Winter!");
    kept.add("what a shell leaves of it is known", ledger.password_cores(b"Winter$x2026!").contains(&eaten[0]));
    kept.add("its start", ledger.password_cut(b"Winter$x2026!") == Some(ledger.as_cut(b"Winter")));
    kept.add("no start", ledger.password_cut(b"W$x2026").or(ledger.password_cut(b"Winter2026")));
    insta::assert_snapshot!(kept.0);
}

#[test]
fn assertions_are_remembered_whole_and_in_their_parts() {
    use base64::Engine;
    let part = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let jwt = |key: &str, id: &str| {
        let (head, claims) =
            (format!(r#"{{"alg":"RS256","kid":"{key}"}}"#), format!(r#"{{"iss":"i","sub":"s-{id}","jti":"{id}"}}"#));
        format!("{}.{}.c2ln", part(&head), part(&claims))
    };
    let (good, bad) = (jwt("k1", "a"), jwt("k2", "b"));
    let asked = |at: &str, assertion: &str, answer: &str| {
        format!(
            "@ {at} https://dev1.service-now.com\n> POST /oauth_token.do HTTP/1.1\n> Host: dev1.service-now.com\n\
             > Content-Type: application/x-www-form-urlencoded\n>\n> grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&client_id=c&assertion={assertion}\n{answer}\n"
        )
    };
    let ok =
        "< HTTP/1.1 200 OK\n<\n< {\"access_token\":\"Dx7ZB3bhTn5Wk9sR2xY4mPc8vLd1eAAAA\",\"token_type\":\"Bearer\"}";
    let no = "< HTTP/1.1 401 Unauthorized\n<\n< {\"error\":\"invalid_grant\"}";
    let story = [asked("10:00:00", &good, ok), asked("10:00:10", &bad, no), asked("10:00:20", &good, no)].concat();
    let ledger = told(&story);
    let seen = |value: &str| ledger.assertion(value.as_bytes()).map(|(seen, ok)| (seen.exchange, ok));
    assert_eq!((seen(&good), seen(&bad), seen("x")), (Some((1, true)), Some((2, false)), None));
    let accepted = |part: &str, value: &str| ledger.accepted(DEV, part, value);
    assert!(accepted("kid", "k1") && accepted("sub", "s-a") && accepted("iss", "i") && accepted("jti", "a"));
    assert!(!accepted("kid", "k2") && !accepted("sub", "s-b") && !accepted("jti", "b"));
    assert!(!ledger.accepted("dev2.service-now.com", "kid", "k1"));
}

fn asked(at: &str, lines: &str, answer: &str) -> String {
    let lines = lines.replace('\n', "\n> ");
    format!("@ {at} https://{DEV}\n> {lines}\n< HTTP/1.1 {}\n", answer.replace('\n', "\n< "))
}

fn login(at: &str, password: &str, answer: &str) -> String {
    let kind = "Content-Type: application/x-www-form-urlencoded";
    asked(
        at,
        &format!("POST /login.do HTTP/1.1\nHost: {DEV}\n{kind}\n\nuser_name=abel&user_password={password}"),
        answer,
    )
}

/// A script that logs in is told in words, not by where it is sent.
#[test]
fn a_login_that_is_answered_in_words_is_one_where_they_say_so() {
    let said = |status: &str| format!("200 OK\n\n{{\"status\":\"{status}\"}}");
    let story = [
        login("10:00:00", "nope1234", &said("error")),
        login("10:00:10", "W1nter99", &said("mfa_code_required")),
        login("10:00:20", "0therOne", &said("success")),
    ];
    let ledger = told(&story.concat());
    let user = ledger.user(DEV, "abel").unwrap();
    let tags = |passwords: &[&str]| passwords.iter().map(|text| ledger.tag(text.as_bytes())).collect::<Vec<_>>();
    assert_eq!(user.passwords_ok.iter().map(|known| known.tag).collect::<Vec<_>>(), tags(&["W1nter99", "0therOne"]));
    assert_eq!(user.refusals.iter().map(|(_, tag, _)| *tag).collect::<Vec<_>>(), tags(&["nope1234"]));
}

#[test]
fn a_person_who_logs_in_ends_a_circle_and_nothing_else_does() {
    let get = |at: &str, path: &str| {
        asked(
            at,
            &format!("GET {path} HTTP/1.1\nHost: {DEV}"),
            "302 Found\nLocation: /login.do?x=1\nServer: ServiceNow\n",
        )
    };
    let post = get("10:00:20", "/a.do").replace("GET", "POST");
    let hops = |story: &[String]| {
        let story = story.concat();
        let ledger = told(&story);
        let step = transcript::parse(&story).unwrap().steps.into_iter().next().unwrap();
        let party = ledger.read(&step.exchange).party();
        ledger.party(&party).map_or(0, |party| party.login_hops.len())
    };
    let circle = [get("10:00:00", "/a.do"), get("10:00:10", "/login.do"), post];
    assert_eq!(hops(&circle), 3);
    let person = login("10:00:30", "W1nter99", "302 Found\nLocation: /navpage.do\nServer: ServiceNow\n");
    assert_eq!(hops(&[circle.as_slice(), &[person]].concat()), 1);
}

#[test]
fn what_a_host_refuses_is_nothing_that_it_takes() {
    let challenges: String = (0..20).map(|number| format!("WWW-Authenticate: Scheme{number} realm=\"x\"\n")).collect();
    let sent = "grant_type=client_credentials&client_id=c0ffee&username=dora&password=W1nter99";
    let bearer = |at: &str, value: &str, answer: &str| {
        asked(at, &format!("GET /api/a HTTP/1.1\nHost: {DEV}\nAuthorization: {value}"), answer)
    };
    let story = [
        asked(
            "10:00:00",
            &format!("GET /api/a HTTP/1.1\nHost: {DEV}\nx-sn-apikey: now_abcDEF123456789"),
            &format!("401 Unauthorized\n{challenges}"),
        ),
        asked(
            "10:00:10",
            &format!("GET /oauth_token.do?grant_type=client_credentials HTTP/1.1\nHost: {DEV}"),
            "401 Unauthorized\n\n{\"error\":\"invalid_client\"}",
        ),
        asked(
            "10:00:15",
            &format!(
                "POST /oauth_token.do HTTP/1.1\nHost: {DEV}\nContent-Type: application/x-www-form-urlencoded\n\n{sent}"
            ),
            "401 Unauthorized\n\n{\"error\":\"invalid_client\"}",
        ),
        bearer("10:00:16", "Bearer Ax7ZB3bhTn5Wk9sR2xY4mPc8vLd1eAAAA", "401 Unauthorized\n"),
        bearer("10:00:17", "Bearer", "200 OK\n"),
        asked(
            "10:00:20",
            &format!("GET / HTTP/1.1\nHost: {DEV}"),
            "200 OK\nContent-Type: text/html\n\n<html>Your instance is currently offline</html>",
        ),
    ];
    let ledger = told(&story.concat());
    let host = ledger.host(DEV).unwrap();
    assert!(!host.took_key_in_header && !host.took_parameters_in_url && !host.took_get);
    assert_eq!((host.schemes.len(), host.offline.is_some(), host.hibernating.is_some()), (16, true, false));
    assert_eq!(host.bearer_refused.len(), 1, "who is served without a token clears nobody");
    assert!(ledger.user(DEV, "dora").is_none(), "a password that this grant does not ask for");
}

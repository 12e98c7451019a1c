//! What stops a call before the instance can say anything, and who answers in its place.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use why401::model::Diagnosis;

fn last(story: &str) -> Diagnosis {
    crate::story::last(story).1
}

fn stopped(how: &str) -> String {
    format!(
        "@ 10:00:00 https://dev1.service-now.com\n> GET /api/now/table/incident HTTP/1.1\n> Host: dev1.service-now.com\n>\n* failed {how}\n"
    )
}

#[test]
fn a_connection_that_failed_says_where_and_how() {
    let unreachable = "upstream-unreachable proven";
    for (how, cause, says, place) in [
        (
            "resolve name-not-found",
            unreachable,
            "The name dev1.service-now.com could not be resolved.",
            "while resolving the name",
        ),
        ("connect connection-refused", unreachable, "nothing listens on port 443", "while connecting"),
        ("connect unreachable", unreachable, "There is no route", "while connecting"),
        ("connect timed-out", unreachable, "came about in time", "while connecting"),
        ("connect other", unreachable, "No connection to dev1.service-now.com came about.", "while connecting"),
        ("await-answer timed-out", unreachable, "did not answer in time", "while waiting for the answer"),
        ("read-body timed-out", unreachable, "came about in time", "while reading the answer"),
        ("read-body reset", unreachable, "in the middle of its answer", "while reading the answer"),
        ("send-request closed", unreachable, "closed the connection before it answered", "while sending the request"),
        ("await-answer malformed", unreachable, "is not HTTP", "while waiting for the answer"),
        ("upstream-tls not-tls", unreachable, "does not speak TLS", "in the TLS handshake with the server"),
        (
            "upstream-tls client-certificate-refused-46",
            unreachable,
            "(TLS alert 46)",
            "in the TLS handshake with the server",
        ),
        ("upstream-tls tls-alert-112", unreachable, "unrecognized_name", "in the TLS handshake with the server"),
        ("upstream-tls tls-alert-80", unreachable, "with the alert 80", "in the TLS handshake with the server"),
        (
            "parent-proxy connection-refused no route",
            unreachable,
            "did not speak as one: no route.",
            "at the parent proxy",
        ),
        ("parent-proxy parent-proxy-refused-503", unreachable, "answered 503 to the CONNECT", "at the parent proxy"),
        ("parent-proxy parent-proxy-refused-5", unreachable, "SOCKS5", "at the parent proxy"),
        (
            "parent-proxy parent-proxy-refused-407 It asks for NTLM",
            "proxy-authentication-required proven",
            "It asks for NTLM",
            "407 from the parent proxy",
        ),
        ("upstream-tls tls-version", "tls-version-refused proven", "TLS 1.2 at least", "no version in common"),
        ("client-tls client-tls-version", "tls-version-refused proven", "The client offers", "no version in common"),
        ("upstream-tls tls-alert-70", "tls-version-refused proven", "refused the TLS version", "no version in common"),
        ("upstream-tls tls-alert-71", "tls-version-refused proven", "too weak", "no version in common"),
        ("upstream-tls tls-alert-40", "tls-version-refused likely", "handshake_failure", "no version in common"),
        (
            "upstream-tls certificate-expired",
            "upstream-certificate-invalid proven",
            "has expired",
            "the server's certificate",
        ),
        (
            "upstream-tls certificate-wrong-name",
            "upstream-certificate-invalid proven",
            "is not for dev1.service-now.com.",
            "the server's certificate",
        ),
        (
            "upstream-tls certificate-wrong-name a.example",
            "upstream-certificate-invalid proven",
            "it is for a.example.",
            "the server's certificate",
        ),
        (
            "upstream-tls certificate-unknown-issuer",
            "upstream-certificate-invalid proven",
            "from an authority that is not trusted here",
            "the server's certificate",
        ),
        (
            "upstream-tls certificate-unknown-issuer CN=Acme",
            "upstream-certificate-invalid proven",
            "was issued by CN=Acme",
            "the server's certificate",
        ),
        ("client-tls client-alert-48", "client-distrusts-ca proven", "unknown_ca", "refused in the TLS handshake"),
        ("client-tls client-alert-40", "client-distrusts-ca likely", "a fatal alert", "refused in the TLS handshake"),
    ] {
        let found = last(&stopped(how)).findings;
        let one = found.first().unwrap_or_else(|| panic!("nothing is said of {how}"));
        assert_eq!(format!("{} {}", one.cause, one.grade.as_str()), cause, "{how}");
        assert!(one.because.contains(says), "{how}: {}", one.because);
        assert_eq!(one.evidence[0].says, place, "{how}");
    }
}

/// A call with Basic that was answered so.
fn call(method: &str, host: &str, path: &str, answer: &str) -> String {
    format!(
        "@ 10:00:00 https://{host}\n> {method} {path} HTTP/1.1\n> Host: {host}\n> Authorization: Basic c3ZjLnN5bmM6SGFyYm91ci00MQ==\n>\n{answer}"
    )
}

const DEV: &str = "dev1.service-now.com";
const TABLE: &str = "/api/now/table/incident";

#[test]
fn a_page_stands_in_the_place_of_data_only_where_data_was_asked_for() {
    let page = "< HTTP/1.1 200 OK\n< Server: nginx\n< Content-Type: text/html\n<\n< <html>Sign in</html>\n";
    let json = "< HTTP/1.1 200 OK\n< Server: nginx\n< Content-Type: application/json\n<\n< {\"a\":1}\n";
    let moved = |to: &str| format!("< HTTP/1.1 302 Found\n< Server: nginx\n< Location: {to}\n<\n");
    let told = |story: &str| {
        let said = last(story);
        assert_eq!(said.answered_by.as_str(), "intermediary");
        said.findings.iter().any(|one| one.cause == "answered-by-intermediary" && one.weight == 99)
    };
    let instead = |method: &str, path: &str, answer: &str| {
        let said = last(&call(method, DEV, path, answer));
        said.findings.iter().any(|one| one.cause == "answered-by-intermediary" && one.weight == 99)
    };
    assert!(told(&call("GET", DEV, TABLE, &page.replace("Server: nginx", "Server: gate\n< Via: 1.1 gate"))));
    for (method, path, answer, wanted) in [
        ("HEAD", TABLE, page.to_owned(), false),
        ("GET", "/nav_to.do", page.to_owned(), false),
        ("GET", TABLE, json.to_owned(), false),
    ] {
        let answer = answer.replace("Server: nginx", "Server: gate\n< Via: 1.1 gate");
        assert_eq!(instead(method, path, &answer), wanted, "{method} {path} {answer}");
    }
    for (to, wanted) in [
        ("https://sso.acme.example/login", true),
        ("https://SSO.acme.example:8443/login?x", true),
        ("https://dev1.service-now.com/x", false),
        ("https://dev2.service-now.com/x", false),
        ("/login.do", false),
        ("ftp://sso.acme.example/", false),
    ] {
        let answer = moved(to).replace("Server: nginx", "Server: gate\n< Via: 1.1 gate");
        assert_eq!(instead("GET", TABLE, &answer), wanted, "{to}");
    }
}

#[test]
fn who_answered_is_told_by_signs_and_without_any_by_the_name() {
    let by = |host: &str, path: &str, status: &str, fields: &str, body: &str| {
        let answer = format!("< HTTP/1.1 {status}\n{fields}<\n< {body}\n");
        last(&call("GET", host, path, &answer)).answered_by.as_str()
    };
    let envelope = "{\"error\":{\"message\":\"User Not Authenticated\",\"detail\":\"x\"},\"status\":\"failure\"}";
    let (refused, nginx) = ("401 Unauthorized", "< Server: nginx\n");
    for (host, status, fields, body, wanted) in [
        (DEV, refused, "", "x", "instance"),
        (DEV, refused, "< Server: snow_adc\n", "x", "instance"),
        (DEV, refused, "", envelope, "instance"),
        (DEV, refused, nginx, "x", "intermediary"),
        (DEV, refused, nginx, envelope, "intermediary"),
        (DEV, refused, "< Via: 1.1 gate\n", "x", "intermediary"),
        (DEV, refused, "< X-Squid-Error: x\n", "x", "intermediary"),
        (DEV, refused, "< CF-Ray: 1\n", "x", "intermediary"),
        (DEV, "407 Proxy Authentication Required", "< Server: snow_adc\n", "x", "intermediary"),
    ] {
        assert_eq!(by(host, TABLE, status, fields, body), wanted, "{host} {status} {fields} {body}");
    }
    assert_eq!(last(&stopped("connect timed-out")).answered_by.as_str(), "why401");
}

/// An assertion made so many seconds after the time of the answer's `Date`.
fn assertion(early: i64) -> Option<&'static str> {
    let now = 1_793_613_600 + early;
    let part = |json: String| URL_SAFE_NO_PAD.encode(json);
    let jwt = format!(
        "{}.{}.c2ln",
        part("{\"alg\":\"RS256\"}".into()),
        part(format!("{{\"iss\":\"a\",\"sub\":\"b\",\"aud\":\"a\",\"iat\":{now},\"exp\":{}}}", now + 90_000))
    );
    let story = format!(
        "@ 10:00:00 https://dev1.service-now.com\n> POST /oauth_token.do HTTP/1.1\n> Host: dev1.service-now.com\n\
         > Content-Type: application/x-www-form-urlencoded\n>\n\
         > grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&client_id=a&client_secret=d817fe9de05b600a&assertion={jwt}\n\
         < HTTP/1.1 401 Unauthorized\n< Server: snow_adc\n< Date: Mon, 02 Nov 2026 10:00:00 GMT\n< Content-Type: application/json\n<\n\
         < {{\"error_description\":\"access_denied\",\"error\":\"server_error\"}}\n"
    );
    last(&story).findings.iter().find(|one| one.cause == "clock-skew").map(|one| one.grade.as_str())
}

#[test]
fn a_clock_is_wrong_where_an_assertion_is_of_the_future_or_of_an_hour_ago() {
    let rows = [(0, None), (60, None), (61, Some("proven")), (-61, None), (-3599, None), (-3600, Some("likely"))];
    for (early, wanted) in rows {
        assert_eq!(assertion(early), wanted, "{early} s");
    }
}

#[test]
fn an_instance_behind_another_name_is_named_by_the_load_balancers_cookie() {
    let weight = |host: &str, sent: &str, fields: &str| {
        let answer = format!("< HTTP/1.1 401 Unauthorized\n< Server: snow_adc\n< X-Is-Logged-In: false\n{fields}<\n");
        let story =
            call("GET", host, TABLE, &answer).replace("> Authorization: Basic c3ZjLnN5bmM6SGFyYm91ci00MQ==\n", sent);
        last(&story).findings.iter().find(|one| one.cause == "host-not-issuing").map(|one| one.weight)
    };
    let basic = "> Authorization: Basic c3ZjLnN5bmM6SGFyYm91ci00MQ==\n";
    let pool = "< Set-Cookie: BIGipServerpool_dev1=1234.5.6; Path=/\n";
    assert_eq!(weight("support.acme.example", basic, pool), Some(62));
    assert_eq!(weight("dev2.service-now.com", basic, pool), Some(35));
    assert_eq!(weight(DEV, basic, pool), None, "it is the very name");
    assert_eq!((weight("dev2.service-now.com", "", pool), weight("dev2.service-now.com", basic, "")), (None, None));
}

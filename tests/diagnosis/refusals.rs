//! Refusals that say more than the ordinary 401: SOAP, certificates, logins, callbacks, recordings that hide something.

use crate::story::{last, of, said};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use why401::diagnose::diagnose;
use why401::intake;
use why401::ledger::{Ledger, Limits};
use why401::model::Salt;

const DEV: &str = "dev1.service-now.com";
const TABLE: &str = "GET /api/now/table/incident";
const OUT: &str = "< X-Is-Logged-In: false\n";
const NO: &str = "401 Unauthorized";
const NONE: &str = "{\"error\":{\"message\":\"User Not Authenticated\",\"detail\":\"Required to provide Auth information\"},\"status\":\"failure\"}";

fn at(host: &str, line: &str, sent: &str, status: &str, answer: &str, body: &str) -> String {
    format!(
        "@ 10:00:00 https://{host}\n> {line} HTTP/1.1\n> Host: {host}\n{sent}< HTTP/1.1 {status}\n< Server: snow_adc\n{answer}<\n< {body}\n"
    )
}

fn call(line: &str, sent: &str, status: &str, body: &str) -> String {
    at(DEV, line, sent, status, OUT, body)
}

fn basic(text: &str) -> String {
    format!("> Authorization: Basic {}\n>\n", STANDARD.encode(text))
}

#[test]
fn soap_faults_name_what_refused_the_message() {
    let soap = "POST /incident.do?SOAP";
    let told = |line: &str, sent: &str, status: &str, body: &str| said(&call(line, sent, status, body)).join(", ");
    let (fault, error) = ("<faultstring>Failed to authenticate WS-Security</faultstring>", "500 Internal Server Error");
    let abel = basic("abel:Harbour-41");
    for fault in [
        "Failed to authenticate WS-Security",
        "Failed to extract principal",
        "Unable to verify signed request",
        "Request not signed",
        "No profiles to authenticate",
        "Invalid security policy selected",
    ] {
        let body = format!("<Fault><faultstring>{fault}</faultstring></Fault>");
        assert!(told(soap, ">\n", error, &body).contains("ws-security-failed proven"), "{fault}");
        assert!(told(soap, ">\n", "200 OK", &body).contains("ws-security-failed proven"), "{fault}");
        assert!(!told(TABLE, ">\n", "200 OK", &body).contains("ws-security-failed"), "data that speaks of it");
        assert!(told(TABLE, ">\n", NO, &body).contains("ws-security-failed proven"), "{fault}");
    }
    let internal = "internal-integration-user-required likely";
    assert!(told(soap, &abel, error, fault).contains(internal));
    assert!(!told(soap, ">\n", error, fault).contains(internal), "no Basic was sent");
    let secured = abel.replace(">\n", ">\n> <wsse:Security/>\n");
    assert!(!told(soap, &secured, error, fault).contains(internal), "it was secured");
    assert!(!told(TABLE, &abel, NO, fault).contains(internal), "no SOAP");
    assert!(told(TABLE, &abel, "403 Forbidden", "only for an internal integration user").contains(internal));
    assert!(!told(TABLE, &abel, "200 OK", "only for an internal integration user").contains(internal));
    let role = "soap-role-missing likely";
    assert!(told(soap, &abel, "403 Forbidden", "<a/>").contains(role));
    assert!(
        told(soap, &abel, error, "Insufficient rights").contains(role)
            && told(soap, &abel, error, "User not authorized").contains(role)
    );
    assert!(
        !told(soap, &abel, error, "NullPointer").contains(role)
            && !told(soap, &abel, "502 Bad", "not authorized").contains(role)
    );
    assert!(!told(TABLE, &abel, "403 Forbidden", "<a/>").contains(role));
}

#[test]
fn a_front_end_says_that_it_wants_a_certificate_or_has_no_use_for_one() {
    let told = |line: &str, status: &str, body: &str| said(&call(line, ">\n", status, body)).join(", ");
    let missing = "client-certificate-missing proven";
    assert!(told(TABLE, "400 Bad Request", "<h1>No required SSL certificate was sent</h1>").contains(missing));
    assert!(told(TABLE, "400 Bad Request", "Client certificate required").contains(missing));
    assert!(!told(TABLE, "400 Bad Request", "no").contains(missing));
    assert!(!told(TABLE, NO, "Client certificate required").contains(missing));
    let (probe, off) = ("GET /adcv2/supports_tls", "mutual-tls-not-enabled likely");
    assert!(told(probe, "200 OK", "false").contains(off) && told(probe, "404 Not Found", "true").contains(off));
    assert!(!told(probe, "200 OK", " TRUE ").contains(off) && !told(TABLE, "200 OK", "false").contains(off));
}

#[test]
fn a_login_asks_for_a_second_factor_or_refuses() {
    let form = "> Content-Type: application/x-www-form-urlencoded\n>\n> user_name=abel&user_password=Harbour-41\n";
    let told = |line: &str, body: &str| {
        said(&at(DEV, line, form, "200 OK", "< Content-Type: application/json\n", body)).join(", ")
    };
    let wanted = "{\"status\":\"mfa_code_required\"}";
    assert!(told("POST /login.do", wanted).contains("mfa-required likely"), "{}", told("POST /login.do", wanted));
    assert!(!told("POST /api/x/y", wanted).contains("mfa-required"));
    assert!(!told("POST /login.do", "{\"status\":\"ok\"}").contains("mfa-required"));
    let asks = |field: &str, status: &str| {
        of(
            &at(DEV, TABLE, &basic("abel:Harbour-41"), status, &format!("{OUT}< {field}: required\n"), NONE),
            "mfa-required",
        )
        .is_some_and(|one| one.0 == "proven")
    };
    assert!(
        asks("X-MFA_TOKEN", NO) && asks("X-MFA-TOKEN", NO) && !asks("X-Other", NO) && !asks("X-MFA-TOKEN", "200 OK")
    );
}

#[test]
fn providers_take_keys_where_instances_want_a_user_and_a_password() {
    let told = |host: &str, text: &str| {
        let story =
            at(host, "GET /v1/x", &basic(text), NO, "", "{}").replace("< Server: snow_adc\n", "< Server: nginx\n");
        said(&story).join(", ")
    };
    let vendor = "api.vendor.example";
    for text in [":key123456", "key123456:", ":"] {
        let instance = said(&call(TABLE, &basic(text), NO, NONE)).join(", ");
        assert!(instance.contains("credential-empty proven"), "{instance}");
    }
    assert!(told(vendor, ":").contains("credential-empty"), "{}", told(vendor, ":"));
    assert!(
        !told(vendor, ":key123456").contains("credential-empty")
            && !told(vendor, "key123456:").contains("credential-empty")
    );
}

#[test]
fn the_way_back_from_the_login_says_who_stopped() {
    let ask = |query: &str, status: &str, location: &str| {
        let back = if location.is_empty() { String::new() } else { format!("< Location: {location}\n") };
        let line = format!("GET /oauth_auth.do?client_id=beef{query}");
        said(&at(DEV, &line, "> User-Agent: Mozilla/5.0\n>\n", status, &back, "<html>no</html>")).join(", ")
    };
    let (found, back) = ("302 Found", "https://a.example/cb");
    let denied = "consent-denied proven";
    let code = "&response_type=code&state=q7Zh4PJX";
    assert!(ask(code, found, &format!("{back}?error=access_denied&state=q7Zh4PJX")).contains(denied));
    assert!(!ask(code, found, &format!("{back}?error=server_error&state=q7Zh4PJX")).contains(denied));
    assert!(
        !ask(code, found, &format!("{back}?error=access_denied&code=kdj39dkjw0sl2kd9&state=q7Zh4PJX")).contains(denied)
    );
    let other = "state-mismatch proven";
    assert!(ask(code, found, &format!("{back}?code=kdj39dkjw0sl2kd9&state=other")).contains(other));
    assert!(!ask(code, found, &format!("{back}?code=kdj39dkjw0sl2kd9&state=q7Zh4PJX")).contains(other));
    let implicit = "implicit-grant-refused likely";
    let token = "&response_type=token";
    assert!(ask(token, "400 Bad Request", "").contains(implicit));
    assert!(ask(token, found, &format!("{back}?error=unsupported_response_type")).contains(implicit));
    assert!(!ask(token, found, &format!("{back}#access_token=kdj39dkjw0sl2kd9")).contains(implicit));
    assert!(!ask(code, "400 Bad Request", "").contains(implicit));
    let called = |method: &str, query: &str| {
        said(&at("a.example", &format!("{method} /cb?{query}"), ">\n", "200 OK", "", "x")).join(", ")
    };
    assert!(called("GET", "error=access_denied&state=x").contains(denied));
    assert!(!called("POST", "error=access_denied&state=x").contains(denied));
}

/// A recording of one call with a browser's or a tool's fields.
fn recorded(request: &str, response: &str) -> Vec<(&'static str, &'static str)> {
    let text = format!(
        r#"{{"log":{{"entries":[{{"startedDateTime":"2026-11-02T10:00:00Z","request":{{"method":"GET","url":"https://{DEV}/api/now/table/incident","headers":[{request}]}},"response":{{"status":401,"headers":[{response}],"content":{{"text":""}}}}}}]}}}}"#
    );
    let exchange = &intake::read(text.as_bytes(), "a").unwrap()[0];
    let ledger = Ledger::new(Salt::new([9; 32]), Limits::default());
    diagnose(exchange, &ledger).findings.iter().map(|found| (found.cause, found.grade.as_str())).collect()
}

#[test]
fn what_a_recording_left_out_is_no_proof_that_it_was_not_sent() {
    let field = |name: &str, value: &str| format!(r#"{{"name":"{name}","value":"{value}"}}"#);
    let server = field("Server", "snow_adc");
    assert_eq!(recorded("", &server).first(), Some(&("no-credentials", "proven")));
    assert_eq!(recorded("", "").first(), Some(&("no-credentials", "likely")), "not a field of the answer is shown");
    let hash = "0123456789abcdef0123456789abcdef";
    let value = |text: &str| recorded(&field("Authorization", text), &server).first().copied();
    assert_eq!(value(hash), Some(("scheme-unknown", "likely")), "a sanitizer may have put a hash there");
    assert_eq!(value(&hash[1..]), Some(("scheme-unknown", "proven")));
    assert_eq!(value(&hash.replace('0', "g")), Some(("scheme-unknown", "proven")));
    let key = |text: &str| {
        recorded(&field("x-sn-apikey", text), &server).iter().find(|one| one.0 == "credential-empty").copied()
    };
    assert_eq!(key(""), Some(("credential-empty", "likely")));
    let live = call(TABLE, "> x-sn-apikey:\n>\n", NO, NONE);
    assert!(said(&live).contains(&"credential-empty proven".to_owned()));
}

#[test]
fn an_answer_of_its_own_make_may_want_something_else() {
    let grade = |answer: &str, body: &str| {
        of(&at(DEV, "GET /api/x_acme/orders", ">\n", NO, &format!("{OUT}{answer}"), body), "no-credentials").unwrap().0
    };
    assert_eq!(grade("", "{\"reason\":\"no\"}"), "likely");
    assert_eq!(grade("< WWW-Authenticate: Basic\n", "{\"reason\":\"no\"}"), "proven");
    assert_eq!((grade("", NONE), grade("", "no")), ("proven", "proven"));
}

#[test]
fn kinds_of_answers_are_told_apart() {
    let by =
        |line: &str, status: &str, body: &str| said(&call(line, &basic("abel:Harbour-41"), status, body)).join(", ");
    let plain = by(TABLE, NO, NONE);
    assert!(plain.starts_with("basic-auth-restricted possible"), "{plain}");
    assert!(by(TABLE, "400 Bad Request", NONE).starts_with("basic-auth-restricted possible"), "in another status");
    for (status, body) in
        [("404 Not Found", "{}"), ("500 No", "{}"), ("409 Conflict", "{}"), ("200 OK", "{\"result\":[]}")]
    {
        assert!(!by(TABLE, status, body).contains("basic-auth-restricted"), "{status}");
    }
    let none = last(&call(
        TABLE,
        &basic("abel:Harbour-41"),
        "200 OK",
        "{\"result\":[{\"number\":\"INC0010001\",\"short_description\":\"printer on fire\"}]}",
    ));
    assert!(none.1.findings.is_empty() || none.1.findings.iter().all(|one| one.cause == "scripted-rest-guest"));
}

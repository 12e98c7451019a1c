//! Answers that narrow the suspects without naming one: OAuth's error codes, pages in the place of data, the words of logs.

use why401::diagnose::diagnose;
use why401::intake;
use why401::intake::transcript;
use why401::ledger::{Ledger, Limits};
use why401::model::{Exchange, Grade, Salt};

const CLIENT: &str = "client_id=8ff578658fc35c49df5942e58a4d7dc0&client_secret=VLUzyUyyrkWdGn4DtjG3HDq9zPmA";

fn found(exchange: &Exchange) -> Vec<(&'static str, Grade)> {
    let ledger = Ledger::new(Salt::new([9; 32]), Limits::default());
    diagnose(exchange, &ledger).findings.iter().map(|finding| (finding.cause, finding.grade)).collect()
}

fn one(story: &str) -> Vec<(&'static str, Grade)> {
    found(&transcript::parse(story).unwrap().steps[0].exchange)
}

fn token(body: &str, status: u16, error: &str) -> Vec<(&'static str, Grade)> {
    one(&format!(
        "@ 10:00:00 https://dev1.service-now.com\n> POST /oauth_token.do HTTP/1.1\n> Host: dev1.service-now.com\n> Content-Type: application/x-www-form-urlencoded\n>\n> {body}&{CLIENT}\n< HTTP/1.1 {status} Refused\n< Server: snow_adc\n< Content-Type: application/json\n<\n< {{\"error\":\"{error}\",\"error_description\":\"no\"}}\n"
    ))
}

#[test]
fn codes_of_oauth_narrow_the_suspects() {
    let code = "grant_type=authorization_code&code=abcdefghijklmnopqrstuvwx&redirect_uri=https%3A%2F%2Fa.example%2Fcb";
    let client = token(code, 401, "invalid_client");
    assert_eq!(client[0].0, "client-secret-wrong");
    assert!(client.iter().all(|(cause, grade)| !cause.starts_with("auth-code") && *grade < Grade::Proven));
    let grant = token(code, 400, "invalid_grant");
    assert_eq!(grant[0].0, "auth-code-expired");
    assert!(grant.iter().all(|(cause, _)| !cause.starts_with("client-")), "{grant:?}");
    let password = token("grant_type=password&username=svc&password=Harbour-41", 400, "unsupported_grant_type");
    assert_eq!(password[0].0, "password-grant-disabled");
    assert!(password.iter().all(|(cause, _)| *cause != "client-credentials-disabled"));
    assert_eq!(
        token("grant_type=client_credentials", 400, "unsupported_grant_type")[0].0,
        "client-credentials-disabled"
    );
    let client = token("grant_type=client_credentials", 400, "unsupported_grant_type");
    assert!(client.iter().all(|(cause, _)| *cause != "password-grant-disabled"), "{client:?}");
    assert_eq!(token("grant_type=client_credentials", 400, "unauthorized_client")[0].0, "inbound-grant-type-wrong");
}

fn call(answer: &str) -> Vec<(&'static str, Grade)> {
    one(&format!(
        "@ 10:00:00 https://dev1.service-now.com\n> GET /api/now/table/incident HTTP/1.1\n> Host: dev1.service-now.com\n> Authorization: Basic c3ZjLnN5bmM6SGFyYm91ci00MS1sYW1w\n>\n{answer}<\n"
    ))
}

#[test]
fn a_page_or_a_way_to_elsewhere_is_no_answer_of_the_platform() {
    let page = "< HTTP/1.1 200 OK\n< Server: Microsoft-IIS/10.0\n< Content-Type: text/html\n<\n< <html><head><title>Sign In</title></head></html>\n";
    assert_eq!(call(page), [("answered-by-intermediary", Grade::Likely)]);
    let away =
        "< HTTP/1.1 307 Temporary Redirect\n< Server: gate/6.2\n< Location: https://gateway.example/auD?origurl=x\n";
    assert_eq!(call(away), [("answered-by-intermediary", Grade::Likely)]);
    let moved = "< HTTP/1.1 308 Permanent Redirect\n< Server: nginx\n< Location: https://dev2.service-now.com/api/now/table/incident\n";
    assert!(call(moved).is_empty(), "another name of an instance is no way to elsewhere");
}

/// A file that leaves bodies out writes 0 for their size as well.
#[test]
fn a_form_that_no_length_announces_lacks_nothing_for_sure() {
    let har = |field: &str| {
        let text = format!(
            r#"{{"log":{{"entries":[{{"startedDateTime":"2026-11-22T10:00:00Z","request":{{"method":"POST","url":"https://dev1.service-now.com/oauth_token.do","bodySize":0,"headers":[{{"name":"Content-Type","value":"application/x-www-form-urlencoded"}}{field}]}},"response":{{"status":401,"headers":[],"content":{{"mimeType":"application/json","text":"{{\"error_description\":\"access_denied\",\"error\":\"server_error\"}}"}}}}}}]}}}}"#
        );
        found(&intake::read(text.as_bytes(), "a").unwrap()[0])
    };
    let announced = har(r#",{"name":"Content-Length","value":"0"}"#);
    assert_eq!(announced[0], ("token-parameter-missing", Grade::Proven));
    let silent = har("");
    assert!(!silent.is_empty() && silent.iter().all(|(_, grade)| *grade < Grade::Proven), "{silent:?}");
}

/// A sanitizer changes values; it turns no form into JSON and no POST into GET.
#[test]
fn hidden_secrets_leave_the_form_of_a_token_request_to_see() {
    let json = r#"{"grant_type":"password","client_secret":"****","password":"****"}"#;
    let sent = |line: &str, mime: &str, body: &str| {
        one(&format!(
            "@ 10:00:00 https://dev1.service-now.com\n> {line} HTTP/1.1\n> Host: dev1.service-now.com\n> Content-Type: {mime}\n>\n> {body}\n< HTTP/1.1 401 Unauthorized\n< Server: snow_adc\n< Content-Type: application/json\n<\n< {{\"error_description\":\"access_denied\",\"error\":\"server_error\"}}\n"
        ))
    };
    let form = "application/x-www-form-urlencoded";
    assert_eq!(sent("POST /oauth_token.do", "application/json", json)[0], ("token-request-not-form", Grade::Proven));
    let unknown = sent("POST /oauth_token.do", form, "grant_type=auth_code&client_id=a&client_secret=[redacted]");
    assert_eq!(unknown[0], ("grant-type-unknown", Grade::Proven));
    let hidden = sent("POST /oauth_token.do", form, "grant_type=[redacted]&client_id=a&client_secret=[redacted]");
    assert!(hidden.iter().all(|(_, grade)| *grade < Grade::Proven), "{hidden:?}");
}

#[test]
fn words_of_logs_and_clients_name_causes() {
    let first = |text: &str| {
        let exchange = &intake::read(text.as_bytes(), "a").unwrap()[0];
        found(exchange).first().map_or(("", Grade::Possible), |first| *first)
    };
    let gate = "SNCRestrictBasicAuthUserAuthenticationGate: denied basic-auth API call for interactive-login user [j] under enforce=true";
    assert_eq!(first(gate), ("basic-auth-restricted", Grade::Likely));
    let french = "Le serveur distant a retourn\u{e9} une erreur : (401) Non autoris\u{e9}: https://dev1.service-now.com/api/now/table/incident";
    assert_eq!(first(french).1, Grade::Possible);
    assert!(!first(french).0.is_empty());
    assert_eq!(first("Missing State parameter in request").0, "state-missing");
    assert_eq!(first("Exception on token flow - client_secret").0, "client-secret-wrong");
    let expired = "curl: (60) SSL certificate problem: certificate has expired";
    assert_eq!(first(expired), ("upstream-certificate-invalid", Grade::Proven));
    let flow = |detail: &str| {
        first(&format!("OAuth flow failed. Verify the configurations and try again. Error detail:{detail}"))
    };
    let entra = |code: &str| flow(&format!("invalid_client, AADSTS{code} Trace ID: 1"));
    assert_eq!(entra("7000215: Invalid client secret provided."), ("outbound-client-secret-wrong", Grade::Proven));
    assert_eq!(entra("90014: The required field 'scope' is missing.").0, "outbound-scope-missing");
    assert_eq!(
        entra("7000218: must contain the following parameter: 'client_assertion'").0,
        "outbound-parameter-missing"
    );
    // Whether it was a refresh token or an authorization code, the text alone does not say.
    assert_eq!(entra("70008: The provided grant has expired."), ("outbound-refresh-expired", Grade::Likely));
    assert_eq!(flow("invalid_client, no"), ("outbound-client-secret-wrong", Grade::Possible));
    assert_eq!(first("curl: (56) Received HTTP code 407 from proxy after CONNECT").0, "proxy-authentication-required");
    let name = "ConnectionError(host='dev1.service-now.com', port=443): Failed to resolve 'dev1.service-now.com'";
    assert!(matches!(first(name).0, "upstream-unreachable" | "instance-gone"));
    let fault = "<Fault><faultstring>Failed to authenticate WS-security.</faultstring></Fault>";
    assert_eq!(first(fault).0, "ws-security-failed");
}

/// What a client shows of an unknown authority may be the server's, why401's or that of a company's proxy.
#[test]
fn an_authority_that_a_client_does_not_know_is_nobodys_for_sure() {
    for line in ["unable to get local issuer certificate", "self-signed certificate in certificate chain"] {
        let text = format!("curl: (60) SSL certificate problem: {line}");
        let all = found(&intake::read(text.as_bytes(), "a").unwrap()[0]);
        let both = [("client-distrusts-ca", Grade::Likely), ("upstream-certificate-invalid", Grade::Likely)];
        assert_eq!(all, both, "{line}");
    }
}

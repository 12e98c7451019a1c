//! What a third party says, in its own words: the code or the text of its answer, and the cause that it is told as.

use crate::story::last as told;
use why401::diagnose::diagnose;
use why401::intake;
use why401::ledger::{Ledger, Limits};
use why401::model::{Diagnosis, Salt};

fn last(story: &str) -> Diagnosis {
    told(story).1
}

fn said(story: &str) -> String {
    crate::story::said(story).join(", ")
}

/// Every row that is not told as it says.
fn check<'a>(rows: impl IntoIterator<Item = (&'a str, String)>) {
    let wrong: Vec<String> = rows
        .into_iter()
        .filter_map(|(wanted, story)| {
            let said = said(&story);
            (said != wanted).then(|| format!("wanted {wanted}\ngot    {said}\n{story}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

const SECRET: &str = "client_secret=5MMD8jDM2cGNAi5kNe3GxiGX";

/// ServiceNow asks a vendor for a token.
fn token_request(form: &str, status: &str, fields: &str, answer: &str) -> String {
    format!(
        "@ 12:00:00 https://login.vendor.example\n> POST /oauth/token HTTP/1.1\n> Host: login.vendor.example\n\
         > User-Agent: ServiceNow/1.0\n> Content-Type: application/x-www-form-urlencoded\n>\n> {form}\n\
         < HTTP/1.1 {status}\n< Server: nginx\n< Content-Type: application/json\n{fields}<\n< {answer}\n"
    )
}

fn refused(form: &str, error: &str, description: &str) -> String {
    let answer = format!("{{\"error\":\"{error}\",\"error_description\":\"{description}\"}}");
    token_request(&format!("{form}&client_id=sn-assets&{SECRET}"), "400 Bad Request", "", &answer)
}

#[test]
fn codes_of_entra_name_the_cause() {
    let (client, refresh) =
        ("grant_type=client_credentials", "grant_type=refresh_token&refresh_token=nWq8Zr5tYb2vKc9x");
    let rows = [
        (client, "outbound-client-secret-wrong proven", &[7_000_215, 7_000_222][..]),
        (client, "outbound-client-secret-wrong likely", &[700_027]),
        (client, "outbound-client-unknown proven", &[700_016, 90_002, 700_011, 7_000_229]),
        (client, "outbound-client-unknown likely", &[7_000_112]),
        (refresh, "outbound-refresh-expired proven", &[70_008, 700_082, 700_084, 50_173, 70_043, 700_081]),
        // Without a refresh token it is the code that is too old.
        (client, "outbound-refresh-expired likely", &[70_008, 700_082]),
        (client, "outbound-parameter-missing proven", &[90_014, 900_144, 7_000_218]),
        (client, "outbound-token-refused likely", &[70_011, 65_001, 650_057, 500_011, 50_013, 1_002_012]),
        (client, "outbound-grant-unsupported proven", &[70_003, 70_001]),
        (client, "outbound-user-not-authorised proven", &[50_105, 50_020, 50_034, 50_057]),
        (client, "consent-denied proven", &[65_004]),
        (client, "outbound-ip-blocked likely", &[53_003, 53_000, 50_053]),
        (client, "outbound-credential-type-wrong likely", &[50_076, 50_079]),
        (client, "outbound-credential-type-wrong possible", &[50_126]),
    ];
    let of = |form: &str, code: &u32| refused(form, "x", &format!("AADSTS{code}: No."));
    check(rows.iter().flat_map(|(form, wanted, codes)| codes.iter().map(|code| (*wanted, of(form, code)))));
}

#[test]
fn an_error_and_its_text_name_the_cause() {
    let client = "grant_type=client_credentials";
    let scoped = "grant_type=client_credentials&scope=read";
    let code = "grant_type=authorization_code&code=kdj39dkjw0sl2kd9&redirect_uri=https%3A%2F%2Fa.example";
    let refresh = "grant_type=refresh_token&refresh_token=nWq8Zr5tYb2vKc9xLd4m";
    let rows = [
        (client, "unsupported_grant_type", "no", "outbound-grant-unsupported proven"),
        // Of a refresh token the text says which of RFC 6749's four reasons it is.
        (refresh, "invalid_grant", "The token has expired", "outbound-refresh-expired proven"),
        (refresh, "invalid_grant", "was revoked", "outbound-refresh-expired proven"),
        (refresh, "invalid_grant", "bad", "outbound-refresh-expired likely"),
        (refresh, "invalid_grant", "expired, or not issued to this client", "outbound-refresh-expired likely"),
        (code, "invalid_grant", "wrong audience", "outbound-token-refused likely"),
        (code, "invalid_grant", "bad assertion", "outbound-token-refused likely"),
        (code, "invalid_grant", "user hasn't approved this consumer", "outbound-user-not-authorised likely"),
        (code, "invalid_grant", "not approved", "outbound-user-not-authorised likely"),
        (client, "invalid_scope", "no", "outbound-scope-missing proven"),
        (scoped, "invalid_scope", "no", "outbound-token-refused likely"),
        (client, "invalid_request", "a scope is needed", "outbound-scope-missing proven"),
        (client, "invalid_client", "invalid client secret", "outbound-client-secret-wrong proven"),
        (client, "invalid_client", "the secret is incorrect", "outbound-client-secret-wrong proven"),
        (client, "invalid_client", "wrong secret", "outbound-client-secret-wrong proven"),
        (client, "invalid_client", "secret mismatch", "outbound-client-secret-wrong proven"),
        // Which of the two it is, is not said.
        (client, "invalid_client", "invalid client id or secret", "outbound-client-secret-wrong likely"),
        (
            client,
            "invalid_client",
            "invalid client id and secret",
            "outbound-client-auth-placement likely, outbound-client-secret-wrong possible, outbound-client-unknown possible",
        ),
        (client, "invalid_client", "client not found", "outbound-client-unknown proven"),
        (client, "invalid_client_id", "client identifier invalid", "outbound-client-unknown proven"),
        (client, "unauthorized_client", "unknown client", "outbound-client-unknown proven"),
        (client, "unauthorized_client", "this grant is not yours", "outbound-grant-unsupported proven"),
        // A parameter that the answer names.
        (client, "invalid_request", "Missing required parameter: resource", "outbound-parameter-missing proven"),
        (client, "invalid_request", "no audience parameter was given", "outbound-parameter-missing proven"),
        (client, "invalid_request", "The required field 'scope' is missing", "outbound-scope-missing proven"),
        (scoped, "invalid_request", "missing parameter: scope", "outbound-scope-missing likely"),
        (client, "invalid_request", "missing parameter: ?", ""),
        (scoped, "invalid_request", "a scope is needed", ""),
    ];
    check(rows.map(|(form, error, text, wanted)| (wanted, refused(form, error, text))));
}

#[test]
fn of_a_long_text_the_first_sentence_is_quoted() {
    let because =
        |text: &str| last(&refused("grant_type=x", "unsupported_grant_type", text)).findings[0].because.clone();
    let lead = "The provider answers unsupported_grant_type";
    for (text, quoted) in [
        ("", ""),
        ("Not this one. Try another.", ": Not this one."),
        ("Not this one Trace ID: 1. Correlation", ": Not this one"),
        ("Not this one\\nnor that", ": Not this one"),
    ] {
        assert_eq!(because(text), format!("{lead}{quoted}"));
    }
    assert_eq!(because(&"x".repeat(200)), format!("{lead}: {}", "x".repeat(160)));
}

#[test]
fn a_client_may_have_shown_itself_in_the_wrong_place() {
    let ask = |form: &str, field: &str, status: &str, challenge: &str, answer: &str| {
        let story =
            token_request(&format!("grant_type=client_credentials&client_id=sn{form}"), status, challenge, answer);
        story.replacen(">\n", &format!("{field}>\n"), 1)
    };
    let in_form = format!("&{SECRET}");
    let basic = "> Authorization: Basic c246NU1NRDhqRE0yY0dOQWk1a05lM0d4aUdY\n";
    let (bad, wrong) = ("400 Bad Request", "{\"error\":\"invalid_client\"}");
    let wants_basic = "< WWW-Authenticate: Basic realm=\"x\"\n";
    let named = "{\"error\":\"invalid_client\",\"error_description\":\"no client authentication\"}";
    let weight = |story: &str| {
        let all = last(story).findings;
        all.iter().find(|one| one.cause == "outbound-client-auth-placement").map(|one| one.weight)
    };
    for (wanted, story) in [
        (Some(64), ask(&in_form, "", bad, "", wrong)),
        (Some(88), ask(&in_form, "", bad, wants_basic, wrong)),
        (Some(88), ask(&in_form, "", bad, "", named)),
        (Some(64), ask("", basic, bad, "", wrong)),
        (Some(64), ask("", basic, bad, wants_basic, wrong)),
        // Nowhere at all.
        (Some(87), ask("", "", bad, "", wrong)),
        (None, ask("&client_assertion=eyJhbGciOiJub25lIn0.e30.x", "", bad, "", wrong)),
        (None, ask("", "> Authorization: Custom x\n", bad, "", wrong)),
        // In both places: neither is the wrong one.
        (None, ask(&in_form, basic, bad, "", wrong)),
        (Some(64), ask(&in_form, "", "401 Unauthorized", "", "{\"error\":\"other\"}")),
        (None, ask(&in_form, "", bad, "", "{\"error\":\"other\"}")),
        (None, ask(&in_form, "", "403 Forbidden", "", wrong)),
    ] {
        assert_eq!(weight(&story), wanted, "{story}");
    }
}

#[test]
fn a_secret_in_the_form_of_a_guid_may_be_the_id_of_one() {
    let ask = |secret: &str, error: &str, text: &str| {
        let answer = format!("{{\"error\":\"{error}\",\"error_description\":\"{text}\"}}");
        let form = format!("grant_type=client_credentials&client_id=sn&client_secret={secret}");
        said(&token_request(&form, "400 Bad Request", "", &answer)).contains("outbound-client-secret-wrong likely")
    };
    let guid = "f8c3fd0f-18e6-4146-86f8-805ba36772a5";
    assert!(ask(guid, "invalid_client", "no"));
    assert!(!ask(guid, "invalid_request", "no") && !ask(guid, "invalid_client", "client not found"));
    assert!(!ask("f8c3fd0f-18e6-4146-86f8-805ba36772ax", "invalid_client", "no"), "no hexadecimal digits");
    assert!(!ask("f8c3fd0f18e6-4146-86f8-805ba36772a5", "invalid_client", "no"), "other groups");
}

#[test]
fn a_token_answer_holds_a_token_or_says_what_it_holds() {
    let ask = |form: &str, body: &str| {
        let all = last(&token_request(form, "200 OK", "", body)).findings;
        all.first().map(|one| format!("{} {} {}", one.cause, one.grade.as_str(), one.because)).unwrap_or_default()
    };
    let form = "grant_type=client_credentials&client_id=sn";
    let wrong =
        |grade: &str, says: &str| format!("outbound-no-access-token {grade} The token answer says 200 and {says}.");
    assert_eq!(ask(form, "{\"a\":1,\"b\":2}"), wrong("proven", "has no access_token; it has a, b"));
    assert_eq!(ask(form, "{}"), wrong("proven", "has no access_token; it has nothing"));
    assert_eq!(ask(form, "welcome"), wrong("proven", "is no JSON"));
    assert_eq!(ask(form, "access_token=bvmZpQnLaw7zQZ6PNTdVJjRYxB9KQe2XkYeG"), wrong("likely", "is no JSON"));
    assert_eq!(ask(form, "{\"a\":\"access_token=x\"}"), wrong("proven", "has no access_token; it has a"));
    assert_eq!(ask("client_id=sn", "{\"a\":1}"), "", "no token was asked for");
    assert_eq!(ask(form, "{\"access_token\":\"bvmZpQnLaw7zQZ6PNTdVJjRYxB9KQe2XkYeG\"}"), "");
}

/// A call of a vendor's API with a credential.
fn call(agent: &str, fields: &str, status: &str, answer: &str) -> String {
    format!(
        "@ 12:00:02 https://api.vendor.example\n> GET /v1/assets HTTP/1.1\n> Host: api.vendor.example\n\
         > User-Agent: {agent}\n{fields}>\n< HTTP/1.1 {status}\n< Server: nginx\n{answer}"
    )
}

fn body(text: &str) -> String {
    format!("< Content-Type: application/json\n<\n< {text}\n")
}

const BEARER: &str = "> Authorization: Bearer 3kqGZ0b7Qd4WmXr9TtY2vLc8NfHs5JaP\n";
const BASIC: &str = "> Authorization: Basic c3ZjOkhhcmJvdXItNDE=\n";
const UNAUTHORIZED: &str = "401 Unauthorized";
const FORBIDDEN: &str = "403 Forbidden";

#[test]
fn a_provider_says_that_a_token_is_over() {
    let rows = [
        ("token is expired", "proven"),
        ("token has expired", "proven"),
        ("Token expired", "proven"),
        ("ExpiredAuthenticationToken", "proven"),
        ("jwt expired", "proven"),
        ("expired or invalid", "likely"),
        ("invalid or expired", "likely"),
        ("revoked or expired", "likely"),
        ("expired or revoked", "likely"),
        ("token expired or invalid", "likely"),
    ];
    let of =
        |text: &str, fields: &str| call("curl/8", fields, UNAUTHORIZED, &body(&format!("{{\"message\":\"{text}\"}}")));
    for (text, grade) in rows {
        assert_eq!(said(&of(text, BEARER)), format!("outbound-token-expired {grade}"), "{text}");
        assert!(!said(&of(text, "")).contains("outbound-token-expired"), "no token was sent: {text}");
    }
}

#[test]
fn a_provider_does_not_want_the_token_or_its_user() {
    let scope = ("outbound-token-refused", 84, "scope");
    let rows = [
        (UNAUTHORIZED, "", Some(("outbound-token-refused", 60, "inside its life"))),
        (FORBIDDEN, "", Some(("outbound-token-refused", 58, "a scope or permission is missing"))),
        (FORBIDDEN, "insufficient_scope", Some(("outbound-token-refused", 84, "insufficient_scope"))),
        (UNAUTHORIZED, "wrong audience", Some(("outbound-token-refused", 84, "audience"))),
        (FORBIDDEN, "permission for this scope", Some(scope)),
        ("400 Bad Request", "insufficient_scope", Some(("outbound-token-refused", 84, "insufficient_scope"))),
        ("400 Bad Request", "bad scope", None),
        ("400 Bad Request", "bad", None),
        ("404 Not Found", "bad scope", None),
        // Its user.
        (UNAUTHORIZED, "user is disabled", Some(("outbound-user-not-authorised", 33, "user is disabled"))),
        (FORBIDDEN, "not allowed", Some(("outbound-user-not-authorised", 70, "not allowed"))),
        (UNAUTHORIZED, "no permission", Some(("outbound-user-not-authorised", 70, "permission"))),
        (UNAUTHORIZED, "not allowed", Some(("outbound-token-refused", 60, "inside its life"))),
        // Its address.
        (FORBIDDEN, "ip address not allowed", Some(("outbound-ip-blocked", 86, "address"))),
        (UNAUTHORIZED, "client ip: no permission", Some(("outbound-ip-blocked", 86, "address"))),
        ("400 Bad Request", "source ip", None),
    ];
    for (status, text, wanted) in rows {
        let all = last(&call("curl/8", BEARER, status, &body(&format!("{{\"message\":\"{text}\"}}")))).findings;
        let told: Vec<_> = all.iter().map(|one| (one.cause, one.weight)).collect();
        assert_eq!(
            told,
            wanted.map(|(cause, weight, _)| (cause, weight)).into_iter().collect::<Vec<_>>(),
            "{status} {text}"
        );
        let says = wanted.map_or("", |(.., says)| says);
        assert!(all.iter().all(|one| one.because.contains(says)), "{all:?}");
    }
}

#[test]
fn a_provider_wants_another_kind_of_credential() {
    let token = "The provider says that it wants a token or key in the place of the password.";
    let bearer = "Basic was sent; the provider asks for Bearer only.";
    let challenge = |scheme: &str| format!("< WWW-Authenticate: {scheme} realm=\"x\"\n");
    let rows = [
        ("passwords are no longer taken", "", Some(token)),
        ("Support for password authentication was removed", "", Some(token)),
        ("a personal access token is needed", "", Some(token)),
        ("wrong password", "", None),
        ("no longer", "", None),
        ("no", "Bearer", Some(bearer)),
        ("use an API token", "Bearer", Some(token)),
        ("passwords are no longer taken", "Bearer", Some(token)),
        ("no", "Basic", None),
    ];
    for (text, scheme, wanted) in rows {
        let fields = if scheme.is_empty() { String::new() } else { challenge(scheme) };
        let story =
            |sent: &str| call("curl/8", sent, UNAUTHORIZED, &format!("{fields}{}", body(&format!("\"{text}\""))));
        let told = |sent: &str| {
            let all = last(&story(sent)).findings;
            all.into_iter().find(|one| one.cause == "outbound-credential-type-wrong").map(|one| one.because)
        };
        assert_eq!((told(BASIC).as_deref(), told(BEARER)), (wanted, None), "{text} {scheme}");
    }
}

#[test]
fn a_call_without_a_credential_carries_none_in_another_place_either() {
    let bare = |method: &str, target: &str, field: &str| {
        let story = call("curl/8", field, UNAUTHORIZED, &body("{}"));
        said(&story.replace("GET /v1/assets", &format!("{method} {target}"))).contains("no-credentials proven")
    };
    assert!(bare("GET", "/v1/assets?page=1", "> Accept: */*\n"));
    for (target, field) in [
        ("/v1/assets", "> X-Api-Key: 1\n"),
        ("/v1/assets", "> X-Access-Token: 1\n"),
        ("/v1/assets", "> X-Vendor-Auth: 1\n"),
        ("/v1/assets", "> X-Signature: 1\n"),
        ("/v1/assets?apikey=1", ""),
        ("/v1/assets?token=1", ""),
        ("/v1/assets?sig=1", ""),
    ] {
        assert!(!bare("GET", target, field), "{target} {field}");
    }
    assert!(!bare("OPTIONS", "/v1/assets", ""), "a preflight carries none");
}

/// ServiceNow fetches a token, and calls so many seconds after it.
fn fetched_then(seconds: u32, api: &str, fields: &str, form: &str) -> Diagnosis {
    let answer =
        "{\"access_token\":\"bvmZpQnLaw7zQZ6PNTdVJjRYxB9KQe2XkYeG\",\"token_type\":\"Bearer\",\"expires_in\":3600}";
    let token =
        token_request(&format!("grant_type=client_credentials&client_id=sn&{SECRET}{form}"), "200 OK", "", answer);
    let (day, seconds) = (seconds / 86_400, 43_200 + seconds % 86_400);
    let (day, seconds) = (day + seconds / 86_400, seconds % 86_400);
    let at = format!("{:02}:{:02}:{:02} +{day} days", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let at = if day == 0 { at.split(" +").next().unwrap_or_default().to_owned() } else { at };
    let call = call("ServiceNow/1.0", fields, UNAUTHORIZED, &body("{}")).replace("12:00:02", &at);
    last(&format!("{token}{}", call.replace("api.vendor.example", api)))
}

#[test]
fn a_token_was_fetched_and_the_call_carries_none() {
    let told = |seconds: u32, api: &str, form: &str| {
        let found = fetched_then(seconds, api, "", form).findings;
        let one = found.iter().find(|one| one.cause == "outbound-token-missing").expect("it is missing");
        (one.grade.as_str(), one.weight)
    };
    let vendor = "api.vendor.example";
    assert_eq!(told(2, vendor, ""), ("proven", 30), "one organisation's hosts");
    assert_eq!(told(86_399, vendor, ""), ("proven", 30));
    assert_eq!(told(86_400, vendor, ""), ("likely", 96), "a day later it is forgotten");
    assert_eq!(told(2, "api.elsewhere.test", ""), ("likely", 80));
    assert_eq!(told(2, "api.elsewhere.test", "&resource=https%3A%2F%2Fapi.elsewhere.test"), ("proven", 30));
    // Under `co.uk` anybody may have a name.
    assert_eq!(told(2, "api.vendor.example", "&audience=https%3A%2F%2Fx.co.uk"), ("proven", 30));
    assert_eq!(told(2, "api.one.uk", "&audience=https%3A%2F%2Fother.one.uk"), ("likely", 80));
}

#[test]
fn an_authorization_set_by_hand_wins_over_the_profiles() {
    let told = |seconds: u32, fields: &str| {
        let found = fetched_then(seconds, "api.vendor.example", fields, "").findings;
        let one = found.iter().find(|one| one.cause == "outbound-authorization-by-hand")?;
        Some((one.grade.as_str(), one.weight))
    };
    let fetched = "> Authorization: Bearer bvmZpQnLaw7zQZ6PNTdVJjRYxB9KQe2XkYeG\n";
    let template = "> Authorization: Bearer {{access_token}}\n";
    assert_eq!(told(2, BEARER), Some(("likely", 82)));
    assert_eq!(told(599, BASIC), Some(("likely", 82)));
    assert_eq!(told(2, "> Authorization: Custom x\n"), Some(("likely", 82)));
    assert_eq!(told(2, template), Some(("proven", 82)));
    assert_eq!((told(2, fetched), told(600, BEARER), told(2, "")), (None, None, None));
    assert_eq!(told(2, &format!("{BEARER}{BASIC}")), Some(("proven", 31)), "two of them");
}

#[test]
fn a_provider_that_drops_connections_before_tls_may_not_know_the_address() {
    let dropped = |agent: &str, failed: &str| {
        let story = format!(
            "@ 12:00:02 https://api.vendor.example\n> GET /v1 HTTP/1.1\n> Host: api.vendor.example\n> User-Agent: {agent}\n>\n* failed {failed}\n"
        );
        said(&story).contains("outbound-ip-blocked likely")
    };
    let now = "ServiceNow/1.0";
    assert!(dropped(now, "connect timed-out") && dropped(now, "upstream-tls reset"));
    assert!(!dropped("curl/8", "connect timed-out") && !dropped(now, "connect connection-refused"));
    assert!(!dropped(now, "await-answer reset"));
}

#[test]
fn an_error_that_was_pasted_alone_is_told_by_its_code() {
    let told = |text: &str| {
        let exchange = &intake::read(text.as_bytes(), "a").unwrap()[0];
        let ledger = Ledger::new(Salt::new([9; 32]), Limits::default());
        let all = diagnose(exchange, &ledger).findings;
        all.iter().map(|one| format!("{} {}", one.cause, one.grade.as_str())).collect::<Vec<_>>().join(", ")
    };
    let unknown = r#"{"error":"unauthorized_client","error_description":"AADSTS700016: Application was not found.","error_codes":[700016]}"#;
    assert_eq!(told(unknown), "outbound-client-unknown proven");
    let secret = r#"{"error":"invalid_client","error_description":"Invalid client secret"}"#;
    assert!(told(secret).starts_with("outbound-client-secret-wrong likely"), "{}", told(secret));
}

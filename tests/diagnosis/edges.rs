//! Where rules end: one second, one letter, one field more or less than what their pages show.

use crate::story::said;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A provider's token answer to ServiceNow, with these fields and this parameter in the request.
fn token_answer(parameter: &str, content_type: &str) -> String {
    format!(
        "@ 12:00:00 https://login.vendor.example\n> POST /oauth/token HTTP/1.1\n> Host: login.vendor.example\n\
         > User-Agent: ServiceNow/1.0\n> Content-Type: application/x-www-form-urlencoded\n>\n\
         > grant_type=client_credentials&client_id=sn-assets&client_secret=5MMD8jDM2cGNAi5kNe3GxiGX{parameter}\n\
         < HTTP/1.1 200 OK\n< Server: nginx\n< {content_type}: application/json\n<\n\
         < {{\"access_token\":\"bvmZpQnLaw7zQZ6PNTdVJjRYxB9KQe2XkYeGELih2HYgs2tRJ53PZASueGC9EemY\",\"token_type\":\"Bearer\",\"expires_in\":3600}}\n"
    )
}

/// ServiceNow calls that host without a token.
fn bare_call(host: &str) -> String {
    format!(
        "@ 12:00:02 https://{host}\n> GET /v1/assets HTTP/1.1\n> Host: {host}\n> User-Agent: ServiceNow/1.0\n>\n\
         < HTTP/1.1 401 Unauthorized\n< WWW-Authenticate: Bearer realm=\"api\"\n< Content-Type: application/json\n<\n\
         < {{\"error\":\"unauthorized\"}}\n"
    )
}

#[test]
fn a_content_type_in_small_letters_beside_others_in_capitals_is_told_at_once() {
    assert_eq!(said(&token_answer("", "content-type")), ["outbound-header-case likely"]);
    assert!(said(&token_answer("", "Content-Type")).is_empty());
}

#[test]
fn a_token_was_meant_for_the_host_that_its_request_names() {
    let calls =
        |parameter: &str| said(&(token_answer(parameter, "Content-Type") + &bare_call("api.elsewhere.example")));
    assert_eq!(calls("&resource=https%3A%2F%2Fapi.elsewhere.example%2F")[0], "outbound-token-missing proven");
    assert_eq!(calls("&resource=https%3A%2F%2Fapi.third.test%2F")[0], "outbound-token-missing likely");
}

/// An assertion that begins so many seconds after it was sent.
fn assertion(early: i64) -> String {
    let now = 1_793_613_600 + early;
    let client = "4f387b9a847978028f048565bf99d1b0";
    let part = |json: String| URL_SAFE_NO_PAD.encode(json);
    let head = part("{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"k-2026-10\"}".to_owned());
    let claims = part(format!(
        "{{\"iss\":\"{client}\",\"sub\":\"svc.robot\",\"aud\":\"{client}\",\"nbf\":{now},\"iat\":{now},\"exp\":{},\"jti\":\"842b977927f601ba\"}}",
        now + 3600
    ));
    let signature = URL_SAFE_NO_PAD.encode([0xA7; 256]);
    format!(
        "@ 10:00:00 https://dev1.service-now.com\n> POST /oauth_token.do HTTP/1.1\n> Host: dev1.service-now.com\n\
         > Content-Type: application/x-www-form-urlencoded\n>\n\
         > grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&client_id={client}&client_secret=d817fe9de05b600a157519e8704fd34d&assertion={head}.{claims}.{signature}\n\
         < HTTP/1.1 401 Unauthorized\n< Server: snow_adc\n< X-Is-Logged-In: false\n< Content-Type: application/json;charset=UTF-8\n<\n\
         < {{\"error_description\":\"access_denied\",\"error\":\"server_error\"}}\n"
    )
}

#[test]
fn an_assertion_of_the_future_is_proven_beyond_the_skew_that_old_forms_allow() {
    let first = |early: i64| said(&assertion(early)).first().cloned().unwrap_or_default();
    assert_eq!(first(301), "jwt-expired proven");
    assert_eq!(first(300), "jwt-expired likely");
    assert_eq!(first(6), "jwt-expired likely");
    assert!(!said(&assertion(5)).iter().any(|line| line.starts_with("jwt-expired")), "seconds of a clock are no fault");
}

/// A code that is exchanged so many seconds after it was given out, with these parameters at both ends.
fn exchanged(age: i64, asked: &str, sent: &str) -> Vec<String> {
    let code = "dtkmEz6SSan3wKdNXpGyZIvS-XnZROuHCEGMi64s_KD0BDR_xB2KbSKh2xG_a9Wd";
    let client = "4f5c07eb895eab7e87037bc32a6f625e";
    let back = "https%3A%2F%2Fapp.partner.example%2Fcallback";
    said(&format!(
        "@ 10:00:00 https://dev1.service-now.com\n\
         > GET /oauth_auth.do?response_type=code&client_id={client}&redirect_uri={back}&scope=useraccount&state=k3Vt9{asked} HTTP/1.1\n\
         > Host: dev1.service-now.com\n> Cookie: JSESSIONID=4890423B4DACDCD093A1D4CAC5E73FA0\n>\n\
         < HTTP/1.1 302 Found\n< Server: snow_adc\n< Location: https://app.partner.example/callback?code={code}&state=k3Vt9\n<\n\
         @ 10:{:02}:{:02} https://dev1.service-now.com\n> POST /oauth_token.do HTTP/1.1\n> Host: dev1.service-now.com\n\
         > Content-Type: application/x-www-form-urlencoded\n>\n\
         > grant_type=authorization_code&code={code}&redirect_uri={back}&client_id={client}&client_secret=fc0e8f83b198964145591386d1b2376f{sent}\n\
         < HTTP/1.1 401 Unauthorized\n< Server: snow_adc\n< X-Is-Logged-In: false\n< Content-Type: application/json;charset=UTF-8\n<\n\
         < {{\"error_description\":\"access_denied\",\"error\":\"server_error\"}}\n",
        age / 60,
        age % 60
    ))
}

#[test]
fn a_code_is_old_after_a_minute_and_surely_after_two() {
    let of = |age: i64| exchanged(age, "", "").into_iter().find(|line| line.starts_with("auth-code-expired"));
    assert_eq!(of(60), None);
    assert_eq!(of(61).as_deref(), Some("auth-code-expired likely"));
    assert_eq!(of(119).as_deref(), Some("auth-code-expired likely"));
    assert_eq!(of(120).as_deref(), Some("auth-code-expired proven"));
}

#[test]
fn an_old_code_is_not_proven_to_be_the_cause_where_its_verifier_is_wrong_too() {
    let challenge = "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";
    let of =
        |sent: &str| exchanged(200, challenge, sent).into_iter().find(|line| line.starts_with("auth-code-expired"));
    // The pair of RFC 7636, appendix B.
    let fits = of("&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    assert_eq!(fits.as_deref(), Some("auth-code-expired proven"));
    assert_ne!(of("").as_deref(), Some("auth-code-expired proven"));
    assert_ne!(
        of("&code_verifier=aBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").as_deref(),
        Some("auth-code-expired proven")
    );
}

/// A call with the cookies of one session, and what the instance says of it.
fn with_session(minute: u8, status: &str, logged_in: bool, more: &str) -> String {
    let cookie = if more.is_empty() { "> Cookie: JSESSIONID=0DB226BD042DEFA98C12D91AE5412F51\n" } else { "" };
    format!(
        "@ 10:{minute:02}:00 https://dev1.service-now.com\n> GET /api/now/table/incident HTTP/1.1\n\
         > Host: dev1.service-now.com\n{cookie}>\n< HTTP/1.1 {status}\n< Server: snow_adc\n\
         < X-Is-Logged-In: {logged_in}\n{more}< Content-Type: application/json;charset=UTF-8\n<\n< {{\"result\":[]}}\n"
    )
}

#[test]
fn a_session_of_nobody_is_somebodys_once_it_was_let_in() {
    let opened = "< Set-Cookie: JSESSIONID=0DB226BD042DEFA98C12D91AE5412F51; Path=/; HttpOnly\n";
    let opened = with_session(0, "401 Unauthorized", false, opened);
    let refused = with_session(2, "401 Unauthorized", false, "");
    let nobody = said(&format!("{opened}{refused}"));
    let somebody = said(&format!("{opened}{}{refused}", with_session(1, "200 OK", true, "")));
    assert_eq!(nobody.first().map(String::as_str), Some("no-credentials likely"), "{nobody:?}");
    assert!(somebody.first().is_some_and(|line| line.starts_with("session-expired ")), "{somebody:?}");
}

#[test]
fn a_redirect_lost_the_credentials_only_where_it_was_followed_and_soon() {
    let of = |second: &str, path: &str| {
        said(&format!(
            "@ 10:00:00 https://support.acme.example\n> GET /api/now/table/incident HTTP/1.1\n> Host: support.acme.example\n\
             > User-Agent: curl/8.5.0\n> Authorization: Bearer ZfoqqTnL2k5z0Sg7Vui8Lz9kHHMWgMAfVLbgVo-GLv39kZTMlRTWlgvvkSx8pLSacz46_2nXcZzxHR3nWTxQKw\n>\n\
             < HTTP/1.1 301 Moved Permanently\n< Server: nginx\n< Location: https://acme.service-now.com/api/now/table/incident\n<\n\
             @ 10:00:{second} https://acme.service-now.com\n> GET {path} HTTP/1.1\n> Host: acme.service-now.com\n> User-Agent: curl/8.5.0\n>\n\
             < HTTP/1.1 401 Unauthorized\n< Server: snow_adc\n< X-Is-Logged-In: false\n< WWW-Authenticate: BASIC realm=\"Service-now\"\n\
             < Content-Type: application/json;charset=UTF-8\n<\n\
             < {{\"error\":{{\"message\":\"User is not authenticated\",\"detail\":\"Required to provide Auth information\"}},\"status\":\"failure\"}}\n"
        ))
        .contains(&"redirect-dropped-authorization proven".to_owned())
    };
    assert!(of("00.120", "/api/now/table/incident") && of("30", "/api/now/table/incident/"));
    assert!(!of("31", "/api/now/table/incident"), "half a minute later it is another call");
    assert!(!of("00.120", "/api/now/table/problem"), "another address is not where the redirect led");
}

#[test]
fn the_password_grant_is_suspected_where_the_same_password_works_elsewhere() {
    let token = |at: &str, form: &str, status: &str, answer: &str| {
        format!(
            "@ {at} https://dev1.service-now.com\n> POST /oauth_token.do HTTP/1.1\n> Host: dev1.service-now.com\n\
             > Content-Type: application/x-www-form-urlencoded\n>\n\
             > {form}&client_id=0d175c4098ee6d5a320963cf361168eb&client_secret=fd713e26f1b52e49d7f574532ca04648\n\
             < HTTP/1.1 {status}\n< Server: snow_adc\n< Content-Type: application/json;charset=UTF-8\n<\n< {answer}\n"
        )
    };
    let given = "{\"access_token\":\"1FuWloZ5hrTutmiWcEWyc_VeEKZBD2orXQ61sjUER6ukZs0-ELAR6pOjGrHXtk8sYSTGMsRzHfAccOFTyWR8fQ\",\"token_type\":\"Bearer\",\"expires_in\":1799}";
    let denied = "{\"error_description\":\"access_denied\",\"error\":\"server_error\"}";
    let client = token("10:00:00", "grant_type=client_credentials", "200 OK", given);
    let asked = token("10:01:00", "grant_type=password&username=svc.hr&password=Marble-11", "401 Unauthorized", denied);
    let basic = |password: &str| {
        let credentials = base64::engine::general_purpose::STANDARD.encode(format!("svc.hr:{password}"));
        format!(
            "@ 10:00:30 https://dev1.service-now.com\n> GET /api/now/table/incident HTTP/1.1\n> Host: dev1.service-now.com\n\
             > Authorization: Basic {credentials}\n>\n< HTTP/1.1 200 OK\n< Server: snow_adc\n< X-Is-Logged-In: true\n\
             < Content-Type: application/json;charset=UTF-8\n<\n< {{\"result\":[]}}\n"
        )
    };
    let suspected = |text: String| said(&text).contains(&"password-grant-disabled likely".to_owned());
    assert!(suspected(format!("{client}{}{asked}", basic("Marble-11"))));
    assert!(!suspected(format!("{client}{}{asked}", basic("Basalt-72"))), "another password works");
    assert!(!suspected(format!("{client}{asked}")), "nothing is known of the password");
}

#[test]
fn a_session_that_an_answer_opened_is_nobodys_where_the_answer_says_so() {
    let cookie = "< Set-Cookie: JSESSIONID=0DB226BD042DEFA98C12D91AE5412F51; Path=/; HttpOnly\n";
    let refused = with_session(2, "401 Unauthorized", false, "");
    let first = |logged_in: bool| {
        let opened = with_session(0, "200 OK", logged_in, cookie);
        said(&format!("{opened}{refused}")).first().cloned().unwrap_or_default()
    };
    assert!(first(true).starts_with("session-expired "), "{}", first(true));
    assert_eq!(first(false), "no-credentials likely");
}

#[test]
fn a_key_that_was_taken_in_the_url_is_misplaced_in_the_header() {
    let call = |minute: u8, target: &str, field: &str, status: &str, logged_in: bool| {
        format!(
            "@ 10:{minute:02}:00 https://dev1.service-now.com\n> GET {target} HTTP/1.1\n> Host: dev1.service-now.com\n{field}>\n\
             < HTTP/1.1 {status}\n< Server: snow_adc\n< X-Is-Logged-In: {logged_in}\n< WWW-Authenticate: BASIC realm=\"Service-now\"\n\
             < Content-Type: application/json;charset=UTF-8\n<\n< {{\"result\":[]}}\n"
        )
    };
    let path = "/api/x_acme_erp/orders/open";
    let key = "OoSzgcrBH9DLrqJyocWhCC7bUhdu8BPmx3b8DEePTvabz5KT";
    let taken = call(0, &format!("{path}?x-sn-apikey={key}"), "", "200 OK", true);
    let refused = call(1, path, &format!("> x-sn-apikey: {key}\n"), "401 Unauthorized", false);
    assert!(said(&format!("{taken}{refused}")).contains(&"api-key-misplaced likely".to_owned()));
    assert!(!said(&refused).iter().any(|line| line.starts_with("api-key-misplaced")));
}

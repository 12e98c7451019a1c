//! Calls of an instance's API: what one answer shows, and what it shows beside an earlier one.

use crate::story::{last, of, said};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

const TABLE: &str = "/api/now/table/incident";
const JSON: &str = "< Content-Type: application/json\n";
const EMPTY: &str = "{\"result\":[]}";

/// One exchange with dev1 at that time: the request line, its fields, the status, the answer's fields, its body.
fn at(time: &str, line: &str, fields: &str, status: &str, answer: &str, body: &str) -> String {
    format!(
        "@ {time} https://dev1.service-now.com\n> {line} HTTP/1.1\n> Host: dev1.service-now.com\n{fields}>\n\
         < HTTP/1.1 {status}\n< Server: snow_adc\n{answer}{JSON}<\n< {body}\n"
    )
}

fn now(line: &str, fields: &str, status: &str, answer: &str, body: &str) -> String {
    at("10:10:00", line, fields, status, answer, body)
}

fn basic(user: &str) -> String {
    format!("> Authorization: Basic {}\n", STANDARD.encode(format!("{user}:Harbour-41")))
}

fn refusal(message: &str, detail: &str) -> String {
    format!("{{\"error\":{{\"message\":\"{message}\",\"detail\":\"{detail}\"}},\"status\":\"failure\"}}")
}

const OUT: &str = "< X-Is-Logged-In: false\n";
const IN: &str = "< X-Is-Logged-In: true\n";
const UNAUTHORIZED: &str = "401 Unauthorized";
const FORBIDDEN: &str = "403 Forbidden";

#[test]
fn who_passed_where_this_user_is_refused_is_evidence() {
    let get = format!("GET {TABLE}");
    let passed = |line: &str, fields: &str| at("10:00:00", line, fields, "200 OK", IN, EMPTY);
    let refused = |line: &str, text: &str| now(line, &basic("abel"), FORBIDDEN, IN, &refusal(text, "x"));
    let role = |before: &str, text: &str| {
        of(&format!("{before}{}", refused(&get, text)), "role-missing").is_some_and(|one| one.1 == 80)
    };
    assert!(role(&passed(&get, &basic("beth")), "User Not Authorized"));
    assert!(
        role(&passed(&get, &basic("beth")), "Insufficient rights") && role(&passed(&get, &basic("beth")), "an ACL")
    );
    assert!(!role(&passed(&get, &basic("abel")), "User Not Authorized"), "the same user");
    assert!(!role(&passed(&get, ""), "User Not Authorized"), "nobody");
    assert!(!role(&passed(&get, &basic("beth")), "not this") && !role("", "User Not Authorized"));
    assert!(!role(&passed(&get, &basic("beth")), "User Not Authorized: access scope"));
    let write = |before: &str, method: &str, text: &str| {
        let line = format!("{method} {TABLE}");
        of(&format!("{before}{}", refused(&line, text)), "write-refused").is_some_and(|one| one.1 == 55)
    };
    let read = passed(&get, &basic("abel"));
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        assert!(write(&read, method, "Operation Failed"), "{method}");
    }
    assert!(!write(&read, "GET", "Operation Failed") && !write("", "POST", "Operation Failed"));
    assert!(!write(&passed(&format!("POST {TABLE}"), &basic("abel")), "POST", "Operation Failed"), "no read passed");
    for text in ["aborted by Business Rule", "Data Policy Exception", "Error during insert", "access scope"] {
        assert!(!write(&read, "POST", text), "{text}");
    }
}

#[test]
fn a_field_that_may_not_be_read_may_as_well_not_exist() {
    let text = refusal("Operation Failed", "Field(s) present in the query do not have permission to be read");
    let query = format!("GET {TABLE}?sysparm_query=colour%3Dred");
    let after = |before: &str, user: &str| format!("{before}{}", now(&query, &basic(user), FORBIDDEN, IN, &text));
    let passed = |line: &str, user: &str| at("10:00:00", line, &basic(user), "200 OK", IN, EMPTY);
    let plain = format!("GET {TABLE}");
    let weight = |story: &str| of(story, "unknown-field-reported-as-acl").map(|(_, weight, _)| weight);
    assert_eq!(weight(&after("", "abel")), Some(60));
    assert_eq!(weight(&after("", "admin")), Some(85));
    assert_eq!(weight(&after(&passed(&plain, "abel"), "abel")), Some(90), "without the query it passes");
    assert_eq!(weight(&after(&passed(&plain, "beth"), "abel")), Some(60), "for another user");
    let known = after(&passed(&query, "beth"), "abel");
    assert_eq!((weight(&known), of(&known, "field-acl").map(|one| one.0)), (None, Some("proven")));
    let other = now(&query, &basic("abel"), FORBIDDEN, IN, &refusal("User Not Authorized", "x"));
    let other = format!("{}{other}", passed(&query, "beth"));
    assert!(weight(&other).is_none() && of(&other, "field-acl").is_none_or(|one| one.0 != "proven"));
}

#[test]
fn rows_that_are_counted_and_not_shown_are_hidden() {
    let hidden = |line: &str, count: &str, body: &str| {
        let total = if count.is_empty() { String::new() } else { format!("< X-Total-Count: {count}\n") };
        of(&now(line, &basic("abel"), "200 OK", &format!("{IN}{total}"), body), "row-acl").is_some()
    };
    let all = format!("GET {TABLE}");
    assert!(hidden(&all, "3", EMPTY) && hidden(&format!("{all}?sysparm_offset=2"), "3", EMPTY));
    assert!(hidden(&format!("{all}?sysparm_limit=1"), "3", EMPTY));
    assert!(!hidden(&all, "0", EMPTY) && !hidden(&all, "", EMPTY) && !hidden(&all, "3", "{\"result\":[{\"a\":1}]}"));
    assert!(!hidden(&format!("{all}?sysparm_offset=3"), "3", EMPTY), "past the last page");
    assert!(!hidden(&format!("{all}?sysparm_limit=0"), "3", EMPTY), "none were asked for");
    assert!(!hidden(&format!("{all}/6816f79cc0a8016401c5a33be04be441"), "3", EMPTY), "no list");
    assert!(!hidden(&all, "3", "[]") && !hidden("GET /api/now/stats/incident", "3", EMPTY));
}

#[test]
fn a_call_that_ran_as_guest_says_so() {
    let script = "GET /api/x_acme/orders";
    let guest = |fields: &str, status: &str, answer: &str, body: &str| {
        of(&now(script, fields, status, answer, body), "scripted-rest-guest").map(|(_, weight, _)| weight)
    };
    let abel = basic("abel");
    for body in ["{\"user\":\"guest\"}", "\"User guest may not\"", "\"ran as guest\"", "\"x.sys_user.guest\""] {
        assert_eq!(guest(&abel, FORBIDDEN, "", body), Some(78), "{body}");
    }
    assert_eq!(guest(&abel, "200 OK", IN, "{\"user\":\"guest\"}"), None, "a word of the data");
    assert_eq!(guest(&abel, FORBIDDEN, IN, "{\"user\":\"guest\"}"), Some(78));
    assert_eq!(guest(&abel, "200 OK", "", "{\"user\":\"guest\"}"), Some(78));
    assert_eq!(guest(&abel, "200 OK", OUT, "{\"user\":\"abel\"}"), Some(70));
    assert_eq!(guest("", "200 OK", OUT, "{\"user\":\"guest\"}"), None, "nobody was meant to be somebody");
    assert_eq!(guest("> Cookie: JSESSIONID=1\n", "200 OK", OUT, "{}"), None);
    let nobody = refusal("User Not Authorized", "x");
    assert_eq!(guest("", FORBIDDEN, OUT, &nobody), Some(79));
    assert_eq!((guest("", FORBIDDEN, IN, &nobody), guest(&abel, FORBIDDEN, OUT, &nobody)), (None, None));
}

#[test]
fn browsers_hide_answers_and_ask_before_they_call() {
    let page = "> Origin: https://app.acme.example\n";
    let asks = format!("{page}> Access-Control-Request-Method: GET\n");
    let all = "< Access-Control-Allow-Origin: *\n";
    let blocked = |line: &str, fields: &str, status: &str, answer: &str| {
        of(&now(line, fields, status, answer, EMPTY), "cors-blocked").map(|(.., because)| because)
    };
    let options = format!("OPTIONS {TABLE}");
    assert!(
        blocked(&options, &asks, "200 OK", "").is_some_and(|says| says.contains("without Access-Control-Allow-Origin"))
    );
    let wants = format!("{asks}> Access-Control-Request-Headers: x-note, Authorization\n");
    assert!(blocked(&options, &wants, "200 OK", all).is_some_and(|says| says.contains("asks for Authorization")));
    let allows = format!("{all}< Access-Control-Allow-Headers: Accept, authorization\n");
    let star = format!("{all}< Access-Control-Allow-Headers: *\n");
    assert!(blocked(&options, &wants, "200 OK", &star).is_some(), "a star is not Authorization");
    for (line, fields, status, answer) in [
        (options.as_str(), wants.as_str(), "200 OK", allows.as_str()),
        (&options, &asks, "200 OK", all),
        (&options, page, "200 OK", ""),
        (&options, &asks, "500 No", ""),
        (&options, &asks.replace("app.acme.example", "dev1.service-now.com"), "200 OK", ""),
    ] {
        assert_eq!(blocked(line, fields, status, answer), None, "{line} {fields} {status} {answer}");
    }
    let get = format!("GET {TABLE}");
    let script = format!("{page}> User-Agent: Mozilla/5.0\n> Sec-Fetch-Mode: cors\n");
    assert!(blocked(&get, &script, "200 OK", IN).is_some());
    assert!(blocked(&get, &script.replace("> Sec-Fetch-Mode: cors\n", ""), "200 OK", IN).is_some());
    for (fields, status, answer) in [
        (script.as_str(), "200 OK", all),
        (&script.replace("cors", "navigate"), "200 OK", IN),
        (&script.replace("Mozilla/5.0", "curl/8"), "200 OK", IN),
        (&script.replace("app.acme.example", "dev1.service-now.com"), "200 OK", IN),
        (&script.replace("https://app.acme.example", "null"), "200 OK", IN),
        (&script, FORBIDDEN, IN),
    ] {
        assert_eq!(blocked(&get, fields, status, answer), None, "{fields} {status} {answer}");
    }
    let preflight = |method: &str, fields: &str, status: &str| {
        said(&now(&format!("{method} {TABLE}"), fields, status, "", "{}"))
            .contains(&"cors-preflight-refused proven".to_owned())
    };
    assert!(preflight("OPTIONS", &asks, "400 Bad Request") && preflight("OPTIONS", &asks, UNAUTHORIZED));
    assert!(!preflight("OPTIONS", &asks, "200 OK") && !preflight("OPTIONS", page, UNAUTHORIZED));
    assert!(!preflight("GET", &asks, UNAUTHORIZED));
}

#[test]
fn an_api_of_its_own_wants_what_it_documents() {
    let none = refusal("User Not Authenticated", "Required to provide Auth information");
    let call =
        |line: &str, fields: &str, answer: &str| now(line, fields, UNAUTHORIZED, &format!("{OUT}{answer}"), &none);
    let (abel, agents) = (basic("abel"), "GET /api/now/awa/agents");
    let role = |line: &str, fields: &str| of(&call(line, fields, ""), "role-missing").is_some_and(|one| one.1 == 75);
    assert!(role(agents, &abel) && !role(agents, "") && !role(&format!("GET {TABLE}"), &abel));
    let other = |line: &str, fields: &str| {
        of(&call(line, fields, ""), "scheme-for-other-api").map(|(grade, weight, _)| (grade, weight))
    };
    let token = "> Authorization: Bearer 3kqGZ0b7Qd4WmXr9TtY2vLc8NfHs5JaP\n";
    let devops = "> Authorization: sn_devops.DevOpsToken 0123:abc\n";
    assert_eq!(other("POST /api/sn_aia/a2a/x", &abel), Some(("likely", 80)));
    assert_eq!(other("POST /api/x/a2a/v1", &abel), Some(("likely", 80)));
    assert_eq!((other("POST /api/sn_aia/a2a/x", token), other(&format!("GET {TABLE}"), &abel)), (None, None));
    assert_eq!(other("GET /api/sn_devops/v1/x", token), Some(("likely", 75)));
    assert_eq!(other("GET /api/sn_devops/v2/x", &abel), Some(("proven", 75)));
    assert_eq!((other("GET /api/sn_devops/v1/x", &abel), other("GET /api/sn_devops/v2/x", devops)), (None, None));
    assert_eq!(other(&format!("GET {TABLE}"), devops).map(|one| one.0), Some("proven"));
    let says = |value: &str| {
        let field = format!("> Authorization: sn_devops.DevOpsToken {value}\n");
        of(&call("GET /api/sn_devops/v2/x", &field, ""), "devops-token-refused").unwrap().2
    };
    assert!(says("0123").contains("the tool id is missing") && says("0123:abc").contains("the right form"));
    let policy = |fields: &str, challenges: &str| {
        of(&call(&format!("GET {TABLE}"), fields, challenges), "api-access-policy")
            .is_some_and(|one| one.2.contains("advertises BEARER only"))
    };
    let (bearer, both) = ("< WWW-Authenticate: BEARER\n", "< WWW-Authenticate: BASIC\n< WWW-Authenticate: BEARER\n");
    assert!(policy(&abel, bearer) && !policy(&abel, both) && !policy(&abel, "") && !policy(token, bearer));
    let key = |fields: &str| of(&call(&format!("GET {TABLE}"), fields, ""), "api-key-refused").is_some();
    assert!(
        key("> x-sn-apikey: now_abcDEF123456789\n") && !key(&format!("> x-sn-apikey: now_abcDEF123456789\n{abel}"))
    );
    let misplaced = |line: &str, fields: &str| of(&call(line, fields, ""), "api-key-misplaced").is_some();
    let get = format!("GET {TABLE}");
    assert!(
        misplaced(&get, "> X-Api-Key: a1\n")
            && misplaced(&get, "> apikey: a1\n")
            && misplaced(&get, "> my_api_key: a1\n")
    );
    assert!(misplaced(&format!("{get}?api_key=1"), "") && misplaced(&format!("{get}?sn-apikey=1"), ""));
    assert!(!misplaced(&get, "> x-sn-apikey: a1\n") && !misplaced(&format!("{get}?key=1"), ""));
}

#[test]
fn a_header_by_another_name_is_not_read() {
    let none = refusal("User Not Authenticated", "Required to provide Auth information");
    let told = |field: &str| {
        of(&now(&format!("GET {TABLE}"), &format!("> {field}\n"), UNAUTHORIZED, OUT, &none), "header-misnamed")
            .map(|one| one.0)
    };
    for (field, grade) in [
        ("Authentication: x", Some("proven")),
        ("Autorization: x", Some("proven")),
        ("X-Auth-Token: x", Some("likely")),
        ("X-Auth-Token: Bearer abc", Some("proven")),
        ("X-Access-Token: Basic abc", Some("proven")),
        ("Autorization:", None),
        ("Author: x", None),
        ("Accept: x", None),
    ] {
        assert_eq!(told(field), grade, "{field}");
    }
}

/// A JWT of that issuer that ends so many seconds after the call.
fn jwt(issuer: &str, left: i64, more: &str) -> String {
    let part = |json: String| URL_SAFE_NO_PAD.encode(json);
    let ends = 1_793_613_600 + 600 + left;
    let claims = format!("{{\"iss\":\"{issuer}\",\"sub\":\"abel\",\"aud\":\"x\",\"exp\":{ends}{more}}}");
    format!("{}.{}.c2lnbmF0dXJl", part("{\"alg\":\"RS256\"}".into()), part(claims))
}

fn with_token(token: &str) -> String {
    let none = refusal("User Not Authenticated", "Required to provide Auth information");
    now(&format!("GET {TABLE}"), &format!("> Authorization: Bearer {token}\n"), UNAUTHORIZED, OUT, &none)
}

#[test]
fn a_jwt_tells_whose_it_is_and_until_when() {
    let (own, foreign) = ("https://dev1.service-now.com", "https://idp.acme.example");
    let told = |token: &str, cause: &str| of(&with_token(token), cause).map(|(grade, weight, _)| (grade, weight));
    for (issuer, cause) in [(own, "token-expired"), (foreign, "jwt-expired")] {
        let at = |left: i64| told(&jwt(issuer, left, ""), cause).filter(|(_, weight)| *weight == 11).map(|one| one.0);
        assert_eq!((at(-301), at(-300), at(-1)), (Some("proven"), Some("likely"), Some("likely")), "{cause}");
        assert_eq!((at(0), at(60)), (None, None), "{cause}");
    }
    let early = |by: i64| told(&jwt(foreign, 9000, &format!(",\"nbf\":{}", 1_793_613_600 + 600 + by)), "jwt-expired");
    assert_eq!((early(301), early(300)), (Some(("proven", 11)), None));
    let id =
        |issuer: &str, left: i64, more: &str| told(&jwt(issuer, left, more), "id-token-as-access").map(|one| one.1);
    for claim in ["nonce", "at_hash", "c_hash"] {
        assert_eq!(id(foreign, 60, &format!(",\"{claim}\":\"x\"")), Some(72), "{claim}");
    }
    assert_eq!((id(foreign, 60, ""), id(foreign, 0, ""), id(own, 60, ",\"nonce\":\"x\"")), (Some(58), None, None));
    let wanted = |issuer: &str, left: i64| told(&jwt(issuer, left, ""), "third-party-token-not-configured").is_some();
    assert!(wanted(foreign, 60) && wanted(foreign, -300) && !wanted(foreign, -301) && !wanted(own, 60));
}

#[test]
fn the_form_of_a_token_tells_what_it_may_be() {
    let told = |token: &str, cause: &str| of(&with_token(token), cause).map(|(grade, weight, _)| (grade, weight));
    let row = |length: usize, end: char| "aB3dE5gH7j".chars().cycle().take(length - 1).chain([end]).collect::<String>();
    let cut = |length: usize, end: char| told(&row(length, end), "token-truncated");
    assert_eq!((cut(86, 'A'), cut(86, 'Q'), cut(86, 'g'), cut(86, 'w')), (None, None, None, None));
    assert_eq!(
        (cut(86, 'x'), cut(85, 'A'), cut(87, 'A')),
        (Some(("likely", 55)), Some(("likely", 55)), Some(("likely", 55)))
    );
    assert_eq!(
        (cut(76, 'A'), cut(92, 'A'), cut(75, 'A'), cut(93, 'A')),
        (Some(("likely", 55)), Some(("likely", 55)), None, None)
    );
    let whole = jwt("https://idp.acme.example", 60, "");
    let parts: Vec<&str> = whole.split('.').collect();
    assert_eq!(told(&format!("{}.{}", parts[0], parts[1]), "token-truncated"), Some(("proven", 18)));
    assert_eq!(told(&format!("{}.{}.", parts[0], parts[1]), "token-truncated"), Some(("likely", 55)));
    assert_eq!(told(&whole, "token-truncated"), None);
    let key = |token: &str| told(token, "api-key-as-bearer").map(|one| one.1);
    assert_eq!(
        (key(&row(20, 'x')), key(&row(75, 'x')), key(&row(19, 'x')), key(&row(76, 'x'))),
        (Some(62), Some(62), None, None)
    );
    assert_eq!((key("now_abc"), key("key-abc"), key("abc.def.ghi.jkl.mno.pqr")), (Some(62), Some(62), None));
    let hex = "0123456789abcdef0123456789abcdef";
    assert_eq!((key(hex), told(hex, "client-id-as-token").map(|one| one.1)), (None, Some(80)));
    assert_eq!(
        (told(&hex[1..], "client-id-as-token"), told(&hex.replace('0', "g"), "client-id-as-token")),
        (None, None)
    );
}

#[test]
fn the_words_say_why_nothing_is_told_apart() {
    let none = refusal("User Not Authenticated", "Required to provide Auth information");
    let first =
        |story: &str| last(story).1.findings.iter().find(|one| one.evidence.is_empty()).map(|one| one.because.clone());
    let plain = now(&format!("GET {TABLE}"), &basic("abel"), UNAUTHORIZED, OUT, &none);
    assert_eq!(
        first(&plain).as_deref(),
        Some("The ordinary 401 names no cause; nothing on the wire tells the suspects apart.")
    );
    let forbidden = now(&format!("GET {TABLE}"), &basic("abel"), FORBIDDEN, IN, &refusal("Operation Failed", ""));
    assert_eq!(
        first(&forbidden).as_deref(),
        Some("The 403 names no reason; nothing on the wire tells the suspects apart.")
    );
    let token = |status: &str, error: &str| {
        now("POST /oauth_token.do", "> Content-Type: application/x-www-form-urlencoded\n", status, OUT, error)
            .replacen(">\n", ">\n> grant_type=client_credentials&client_id=8ff578658fc35c49df5942e58a4d7dc0&client_secret=VLUzyUyyrkWdGn4DtjG3\n", 1)
    };
    let denied = token(UNAUTHORIZED, "{\"error_description\":\"access_denied\",\"error\":\"server_error\"}");
    assert_eq!(
        first(&denied).as_deref(),
        Some("The token endpoint gives this one answer for many causes; nothing on the wire tells them apart.")
    );
    let error = token(UNAUTHORIZED, "{\"error\":\"invalid_client\"}");
    assert_eq!(
        first(&error).as_deref(),
        Some(
            "The token endpoint says invalid_client, which leaves several causes; nothing on the wire tells them apart."
        )
    );
}

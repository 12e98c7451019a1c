//! Faults that stand in the bytes of a request: the cause, its grade, and the very bytes that are pointed at.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use why401::model::{Exchange, Finding, Place};

fn told(story: &str) -> (Exchange, Vec<Finding>) {
    let (exchange, diagnosis) = crate::story::last(story);
    (exchange, diagnosis.findings)
}

/// The bytes of a place that the first evidence of a finding points at; all of them where it points at none.
fn pointed(exchange: &Exchange, finding: &Finding) -> String {
    let evidence = finding.evidence.first().expect("something was seen");
    let field = exchange.request.fields.get("authorization").unwrap_or_default();
    let bytes = match &evidence.place {
        Place::RequestHead => exchange.request.head.clone().unwrap_or_default().to_vec(),
        Place::BasicDecoded => {
            let coded: Vec<u8> = field[6..].iter().copied().filter(u8::is_ascii_alphanumeric).collect();
            STANDARD_NO_PAD.decode(coded).unwrap()
        }
        _ => field.to_vec(),
    };
    let shown = evidence.span.clone().map_or(&bytes[..], |span| &bytes[span]);
    String::from_utf8_lossy(shown).into_owned()
}

fn call(field: &str) -> String {
    format!(
        "@ 10:00:00 https://dev1.service-now.com\n> GET /api/now/table/incident HTTP/1.1\n> Host: dev1.service-now.com\n\
         > Authorization: {field}\n>\n< HTTP/1.1 401 Unauthorized\n< Server: snow_adc\n< X-Is-Logged-In: false\n\
         < WWW-Authenticate: BASIC realm=\"Service-now\"\n< Content-Type: application/json;charset=UTF-8\n<\n\
         < {{\"error\":{{\"message\":\"User is not authenticated\",\"detail\":\"Required to provide Auth information\"}},\"status\":\"failure\"}}\n"
    )
}

/// `cause grade` and what is pointed at, of the finding that comes first.
fn first(field: &str) -> (String, String) {
    let (exchange, found) = told(&call(field));
    let one = found.first().unwrap_or_else(|| panic!("nothing is said of {field}"));
    (format!("{} {}", one.cause, one.grade.as_str()), pointed(&exchange, one))
}

fn check(rows: &[(&str, &str, &str)]) {
    let rows = rows.iter().map(|(field, cause, shown)| (*field, (cause.to_string(), shown.to_string())));
    let wrong: Vec<_> = rows
        .filter(|(field, wanted)| first(field) != *wanted)
        .map(|(field, wanted)| (field, wanted, first(field)))
        .collect();
    assert!(wrong.is_empty(), "field, wanted, got: {wrong:#?}");
}

const TOKEN: &str = "eLpjknwLXOs5xAqFJ2Lh";

#[test]
fn what_is_wrong_with_a_token_is_pointed_at() {
    check(&[
        ("Bearer", "bearer-empty proven", "Bearer"),
        ("BearereLpjknwLXOs5xAqFJ2Lh", "bearer-missing-space proven", "re"),
        ("Bearer{{token}}", "bearer-missing-space proven", "Bearer"),
        ("Bearer Bearer eLpjknwLXOs5xAqFJ2Lh", "bearer-doubled proven", "Bearer"),
        ("Bearer : eLpjknwLXOs5xAqFJ2Lh", "bearer-colon proven", ":"),
        ("Bearer: eLpjknwLXOs5xAqFJ2Lh", "bearer-colon proven", "Bearer:"),
        ("Authorization Bearer eLpjknwLXOs5xAqFJ2Lh", "bearer-colon proven", "Authorization"),
        ("Bearer {{access_token}}", "token-placeholder proven", "{{access_token}}"),
        ("{{access_token}}", "token-placeholder proven", "{{access_token}}"),
        ("Basic {{credentials}}", "token-placeholder proven", "{{credentials}}"),
        ("Bearer undefined", "token-literal-null proven", "undefined"),
        ("undefined", "token-literal-null proven", "undefined"),
        ("Basic undefined", "token-literal-null proven", "Basic undefined"),
        ("Bearer \"eLpjknwLXOs5xAqFJ2Lh\"", "token-quoted proven", "\""),
        ("Bearer eLpjknwL%2FXOs5xAqFJ2Lh", "token-percent-encoded proven", "%2F"),
        ("Bearer eLpjknwL, Basic c3ZjOng=", "authorization-duplicated proven", ","),
        ("Custom eLpjknwL,basic c3ZjOng=", "scheme-unknown proven", "Custom"),
        (TOKEN, "scheme-unknown proven", ""),
        ("Custom eLpjknwLXOs5xAqFJ2Lh", "scheme-unknown proven", "Custom"),
        ("Bearer c3ZjLnN5bmM6SGFyYm91ci00MS1sYW1w", "bearer-carries-basic proven", "Bearer"),
    ]);
}

#[test]
fn a_byte_that_no_token_holds_is_named() {
    for (between, name) in [
        (" ", "a blank"),
        ("\\x09", "a tab"),
        ("\\x01", "the control byte 0x01"),
        ("\\x7f", "the control byte 0x7F"),
        ("\u{a0}", "a no-break space"),
        ("\u{200b}", "an invisible character"),
        ("\u{feff}", "an invisible character"),
        ("\u{e4}", "the character U+00E4"),
        ("\\xe4", "the byte 0xE4"),
        ("!", "the character !"),
    ] {
        let (_, found) = told(&call(&format!("Bearer eLpjknwL{between}XOs5xAqFJ2Lh")));
        let because = format!("Inside the token stands {name}, which no token can hold.");
        assert_eq!((found[0].cause, &found[0].because), ("token-illegal-character", &because));
    }
}

#[test]
fn what_is_wrong_with_user_name_and_password_is_pointed_at() {
    let plain: [(&[u8], &str, &str); 16] = [
        (b"svc.sync:Harbour-41\n", "basic-trailing-newline proven", "\n"),
        (b"svc\n:Harbour-41", "token-illegal-character proven", "\n"),
        (b"svc:Har\x01bour", "token-illegal-character proven", "\x01"),
        (b"j\xf6rg:Harbour-41", "basic-not-utf8 likely", "\u{fffd}"),
        (b"\"svc:Harbour-41\"", "basic-quoted proven", "\""),
        (b"'svc':Harbour-41", "basic-quoted proven", "'"),
        (b"svc:'Harbour-41'", "basic-quoted proven", "'"),
        (b"\"svc\":\"Harbour-41\"", "basic-quoted proven", "\""),
        (b":", "credential-empty proven", ":"),
        (b":Harbour-41", "credential-empty proven", ":Harbour-41"),
        (b"svc.sync:", "credential-empty proven", "svc.sync:"),
        (b"svc.sync:null", "credential-empty proven", "svc.sync:null"),
        (b"{{user}}:Harbour-41", "token-placeholder proven", "{{user}}"),
        (b"svc.sync:{{password}}", "token-placeholder proven", "{{password}}"),
        (b"ACME\\svc:Harbour-41", "basic-domain-user likely", "\\"),
        (b"HarbourWithoutColon", "basic-malformed proven", ""),
    ];
    for (text, cause, shown) in plain {
        let field = format!("Basic {}", STANDARD.encode(text));
        let shown = if shown.is_empty() { &field[6..] } else { shown };
        assert_eq!(first(&field), (cause.to_owned(), shown.to_owned()), "{}", String::from_utf8_lossy(text));
    }
    let where_ = |text: &[u8]| told(&call(&format!("Basic {}", STANDARD.encode(text)))).1[0].because.clone();
    assert!(
        where_(b"svc\n:Harbour-41").contains("in the user name") && where_(b"svc:\x01H").contains("in the password")
    );
    check(&[
        ("Basic", "credential-empty proven", "Basic"),
        ("Basic svc.sync:Harbour-41", "basic-malformed proven", "."),
        ("Basic svc!sync", "basic-malformed proven", "!"),
        ("Basic Bearer c3ZjLnN5bmM6SGFyYm91ci00MS1sYW1w", "basic-malformed proven", "Bearer"),
        ("Basic c3ZjLnN5bmM6 SGFyYm91ci00MS1sYW1w", "basic-line-wrapped proven", " "),
        ("Basic c3ZjLmE6Pj4-Pz8_", "basic-base64url proven", "-"),
        (
            "Basic eLpjknwLXOs5xAqFJ2LheLpjknwLXOs5xAqFJ2LheLpjknwLXOs5xAqFJ2Lh",
            "basic-carries-token proven",
            "eLpjknwLXOs5xAqFJ2LheLpjknwLXOs5xAqFJ2LheLpjknwLXOs5xAqFJ2Lh",
        ),
    ]);
    let of_names = |text: &[u8], cause: &str| {
        let (exchange, found) = told(&call(&format!("Basic {}", STANDARD.encode(text))));
        found.iter().find(|one| one.cause == cause).map(|one| pointed(&exchange, one))
    };
    assert_eq!(of_names(b"abel@acme.example:Harbour-41", "username-not-user-name").as_deref(), Some("@"));
    assert_eq!(of_names(b"Abel Tuter:Harbour-41", "username-not-user-name").as_deref(), Some(" "));
    assert_eq!(of_names(b"abel.tuter:Harbour-41", "username-not-user-name"), None);
}

/// A head that is no HTTP, refused at that offset.
fn broken(line: &str, more: &str, problem: &str, offset: usize) -> String {
    format!(
        "@ 10:00:00 https://dev1.service-now.com\n> GET / HTTP/1.1\n> Host: dev1.service-now.com\n> {line}\n{more}>\n* refused {problem} {offset}\n"
    )
}

#[test]
fn a_head_that_is_no_http_is_told_where_its_authorization_is_at_fault() {
    let before = "GET / HTTP/1.1\r\nHost: dev1.service-now.com\r\n".len();
    for (line, problem, at, cause, shown) in [
        ("Authorization Bearer eLpjknwL", "no-colon", 0, "header-misnamed", "A"),
        ("Authorization : Bearer eLpjknwL", "space-before-colon", 13, "header-misnamed", " "),
        ("Authorization: Basic c3ZjOkhh\\x0acmJvdXI=", "bare-line-break", 29, "basic-line-wrapped", "\n"),
        ("Authorization: Bearer eLpj\\x0aknwL", "bare-line-break", 26, "token-illegal-character", "\n"),
        ("Authorization: Bearer eLpj\\x00knwL", "control-byte", 26, "token-illegal-character", "\0"),
    ] {
        let (exchange, found) = told(&broken(line, "", problem, before + at));
        assert_eq!((found[0].cause, found[0].grade.as_str()), (cause, "proven"), "{line}");
        assert_eq!(pointed(&exchange, &found[0]), shown, "{line}");
    }
    let folded = broken("Authorization: Bearer eLpj", ">  knwL\n", "folded", before + 28);
    assert_eq!(told(&folded).1[0].cause, "token-illegal-character");
    for other in [
        broken("X-Note: a\\x0ab", "", "bare-line-break", before + 9),
        broken("Authorization: Bearer eLpj", "> X-Note: a\\x00b\n", "control-byte", before + 37),
    ] {
        assert!(told(&other).1.is_empty(), "{other}");
    }
}

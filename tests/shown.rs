//! What is shown of an exchange, place by place and text by text: everything but its secrets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests may"
)]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use why401::intake::transcript;
use why401::model::{Exchange, Millis, Place, Salt};
use why401::output::redact::{Door, Side};

/// Without the digits of the tags.
fn untagged(text: &str) -> String {
    let mut parts = text.split(" #");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |out, part| out + part.split_once('…').map_or("", |(_, rest)| rest))
}

const SALT: [u8; 32] = [7; 32];

fn exchange(story: &str) -> Exchange {
    transcript::parse(story).unwrap_or_else(|error| panic!("{error}\n{story}")).steps.remove(0).exchange
}

/// The text at a place of the exchange, and the offset at which it begins.
fn at(exchange: &Exchange, place: &Place, byte: usize) -> Option<(Side, String, usize)> {
    let salt = Salt::new(SALT);
    let found = Door::of(&salt, exchange).found(exchange, place, byte)?;
    Some((found.side, untagged(&found.shown.text()), found.offset))
}

#[test]
fn every_place_shows_its_text_and_not_its_secrets() {
    let credentials = STANDARD.encode("svc.sync:Harbour-41");
    let exchange = exchange(&format!(
        "@ 10:00:00 https://dev1.service-now.com\n> POST /oauth_token.do?state=q7Zh4PJX&a=b HTTP/1.1\n> Host: dev1.service-now.com\n\
         > Authorization: Basic {credentials}\n> X-Note: one\n> X-Note: two Harbour-41\n> X-Earlier: q7Zh4PJXEog2HSgw\n> X-UserToken: W8kfQ2mLb7xx\n> X-Later: W8kfQ2mLb7xx\n\
         > Content-Type: application/x-www-form-urlencoded\n>\n> grant_type=password&password=Harbour-41&username=svc\n\
         < HTTP/1.1 401 Harbour-41 no\n< X-Echo: Harbour-41!\n<\n< {{\"access_token\":\"q7Zh4PJXEog2HSgw\",\"scope\":\"x\"}}\n"
    ));
    let (sent, answered) = (Side::Request, Side::Response);
    let url = "/oauth_token.do?state=‹8 chars›&a=b";
    for (place, wanted) in [
        (Place::RequestMethod, Some((sent, "POST".to_owned()))),
        (Place::RequestUrl, Some((sent, format!("https://dev1.service-now.com{url}")))),
        (Place::RequestTarget, Some((sent, format!("POST {url}")))),
        (
            Place::request_field("authorization"),
            Some((sent, "Authorization: Basic ‹user svc.sync, password 10 chars›".into())),
        ),
        (Place::RequestField { name: "x-note".into(), nth: 0 }, Some((sent, "X-Note: one".into()))),
        (Place::RequestField { name: "x-note".into(), nth: 1 }, Some((sent, "X-Note: two ‹10 chars›".into()))),
        (Place::RequestField { name: "x-note".into(), nth: 2 }, None),
        (Place::request_field("x-later"), Some((sent, "X-Later: ‹12 chars›".into()))),
        // The answer says that it is a token.
        (Place::request_field("x-earlier"), Some((sent, "X-Earlier: ‹16 chars›".into()))),
        (Place::BasicDecoded, Some((sent, "Basic, decoded: svc.sync:‹10 chars›".into()))),
        (Place::Query("state".into()), Some((sent, "state=‹8 chars›".into()))),
        (Place::Query("other".into()), None),
        (Place::Form("password".into()), Some((sent, "password=‹10 chars›".into()))),
        (Place::Form("username".into()), Some((sent, "username=svc".into()))),
        (Place::RequestBody, Some((sent, "grant_type=password&password=‹10 chars›&username=svc".into()))),
        (Place::ResponseStatus, Some((answered, "401 ‹10 chars› no".into()))),
        (Place::response_field("x-echo"), Some((answered, "X-Echo: ‹10 chars›!".into()))),
        (Place::ResponseBody, Some((answered, "{\"access_token\":\"‹16 chars›\",\"scope\":\"x\"}".into()))),
        (Place::Connection, None),
        (Place::Clock, None),
        (Place::Exchange(1), None),
    ] {
        assert_eq!(at(&exchange, &place, 0).map(|(side, text, _)| (side, text)), wanted, "{place}");
    }
}

/// A secret that is too short to be looked for elsewhere is hidden where it stands.
#[test]
fn short_secrets_are_hidden_in_their_places() {
    let credentials = STANDARD.encode("svc:q7");
    let exchange = exchange(&format!(
        "@ 10:00:00 https://dev1.service-now.com\n> POST /a?token=q7 HTTP/1.1\n> Host: dev1.service-now.com\n> Authorization: Basic {credentials}\n\
         > Cookie: a=q7\n>\n> {{\"token\":\"q7\"}}\n< HTTP/1.1 401 No\n< Set-Cookie: b=q7; Path=/\n<\n< {{\"token\":\"q7\"}}\n"
    ));
    for (place, shown) in [
        (Place::RequestTarget, "POST /a?token=‹2 chars›"),
        (Place::request_field("authorization"), "Authorization: Basic ‹user svc, password 2 chars›"),
        (Place::request_field("cookie"), "Cookie: a=‹2 chars›"),
        (Place::BasicDecoded, "Basic, decoded: svc:‹2 chars›"),
        (Place::Query("token".into()), "token=‹2 chars›"),
        (Place::RequestBody, "{\"token\":\"‹2 chars›\"}"),
        (Place::response_field("set-cookie"), "Set-Cookie: b=‹2 chars›; Path=/"),
        (Place::ResponseBody, "{\"token\":\"‹2 chars›\"}"),
    ] {
        assert_eq!(at(&exchange, &place, 0).unwrap().1, shown, "{place}");
    }
}

#[test]
fn of_a_head_the_line_of_interest_is_shown() {
    let line = "Authorization Bearer q7Zh4PJXEog2HSgw";
    let before = "GET / HTTP/1.1\r\nHost: dev1.service-now.com\r\n";
    let exchange = exchange(&format!(
        "@ 10:00:00 https://dev1.service-now.com\n> GET / HTTP/1.1\n> Host: dev1.service-now.com\n> {line}\n> X-UserToken: q7\n>\n* refused no-colon {}\n",
        before.len()
    ));
    let shown = |byte: usize| at(&exchange, &Place::RequestHead, byte).map(|(_, text, offset)| (text, offset)).unwrap();
    assert_eq!(shown(0), ("GET / HTTP/1.1".into(), 0));
    assert_eq!(shown(before.len() - 3), ("Host: dev1.service-now.com".into(), 16));
    for byte in [before.len(), before.len() + line.len() - 1] {
        assert_eq!(shown(byte), ("Authorization Bearer ‹16 chars›".into(), before.len()));
    }
    // Where the line's end is what is wrong, it is shown.
    assert_eq!(shown(before.len() + line.len()).0, "Authorization Bearer ‹16 chars›\\r");
    assert_eq!(shown(before.len() + line.len() + 1).0, "Authorization Bearer ‹16 chars›\\r\\n");
    assert_eq!(shown(before.len() + line.len() + 2).0, "X-UserToken: ‹2 chars›");
}

/// A head that HTTP could not parse may have its colons anywhere.
#[test]
fn lines_of_a_broken_head_lose_their_secrets() {
    let line = |line: &str| {
        let before = "GET / HTTP/1.1\r\nHost: dev1.service-now.com\r\n";
        let exchange = exchange(&format!(
            "@ 10:00:00 https://dev1.service-now.com\n> GET / HTTP/1.1\n> Host: dev1.service-now.com\n> {line}\n>\n* refused no-colon 0\n"
        ));
        at(&exchange, &Place::RequestHead, before.len()).map(|(_, text, _)| text).unwrap()
    };
    for (raw, shown) in [
        ("X-UserToken: q7", "X-UserToken: ‹2 chars›"),
        ("X-UserToken :q7", "X-UserToken :‹2 chars›"),
        ("X-UserToken  :   q7", "X-UserToken  :   ‹2 chars›"),
        ("X-UserToken   q7", "X-UserToken   ‹2 chars›"),
        ("X-UserToken:q7", "X-UserToken:‹2 chars›"),
        (": q7", ": q7"),
        ("X-Note q7", "X-Note q7"),
    ] {
        assert_eq!(line(raw), shown);
    }
}

fn door<T>(ask: impl FnOnce(&Door<'_>) -> T) -> T {
    let salt = Salt::new(SALT);
    ask(&Door::new(&salt, Millis(0)))
}

fn words(text: &str) -> String {
    untagged(&door(|door| door.words(text)))
}

const RANDOM: &str = "kW3nV8pQ2rT6yX1zB4cF7hJ0mL5sD9gA";
const JWT: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhYmVsIn0.c2lnbmF0dXJlLW9mLW5vYm9keQ";

#[test]
fn free_text_loses_what_gives_itself_away_and_nothing_else() {
    let short = &RANDOM[..31];
    let label = "PRIVATE KEY-----";
    let mut wrong = Vec::new();
    for (text, shown) in [
        // A row of mixed characters, from 32 on.
        (format!("a {RANDOM} b"), "a ‹32 chars› b".to_owned()),
        (format!("a {short} b"), format!("a {short} b")),
        (format!("/x/{RANDOM}/y"), "/x/‹32 chars›/y".into()),
        (format!("{RANDOM}.{RANDOM}"), "‹32 chars›.‹32 chars›".into()),
        (format!("a.x={RANDOM}"), "a.x=‹32 chars›".into()),
        (format!("{RANDOM}/{RANDOM}"), "‹65 chars›".into()),
        (format!("a/b/c/{RANDOM}"), "‹38 chars›".into()),
        (format!("a/b/c/d/{RANDOM}"), "a/b/c/d/‹32 chars›".into()),
        ("0123456789abcdef0123456789abcdef01234567".into(), "‹40 hex chars›".into()),
        ("0123456789abcdef0123456789abcdef0123456".into(), "0123456789abcdef0123456789abcdef0123456".into()),
        ("abcdefabcdefabcdefabcdefabcdefabcdef0123".into(), "‹40 hex chars›".into()),
        ("abcdefabcdefabcdefabcdefabcdefabcdefa012".into(), "abcdefabcdefabcdefabcdefabcdefabcdefa012".into()),
        // A JWT, wherever it begins in a word.
        (format!("it was {JWT}, no"), "it was ‹JWT alg RS256›, no".into()),
        (format!("x/{JWT}"), "x/‹JWT alg RS256›".into()),
        ("eyJhbGciOiJSUzI1.x".into(), "eyJhbGciOiJSUzI1.x".into()),
        ("eyJ.a.b".into(), "eyJ.a.b".into()),
        // What follows a scheme, from eight bytes with a digit or an equals sign on.
        ("Bearer abcdefg8, it said".into(), "Bearer ‹8 chars›, it said".into()),
        ("a basic YWJjZGU= b".into(), "a basic ‹8 chars› b".into()),
        ("Bearer abcdef8 was it".into(), "Bearer abcdef8 was it".into()),
        ("Bearer authentication".into(), "Bearer authentication".into()),
        ("bearers abcdefg8 b".into(), "bearers abcdefg8 b".into()),
        // What stands behind a secret's name.
        ("access_token=q7 x".into(), "access_token=‹2 chars› x".into()),
        ("a=b token=q".into(), "a=b token=‹1 char›".into()),
        ("token= x and =token".into(), "token= x and =token".into()),
        ("scope=q7Zh4PJX".into(), "scope=q7Zh4PJX".into()),
        // A private key, whole or cut.
        (
            format!("-----BEGIN {label}MIG-----END {label} b"),
            format!("-----BEGIN {label}‹private key›-----END {label} b"),
        ),
        (format!("-----BEGIN {label}MIG"), format!("-----BEGIN {label}‹private key›")),
        (
            format!("{label}a-----END {label} b {label}c-----END {label}"),
            format!("{label}‹private key›-----END {label} b {label}‹private key›-----END {label}"),
        ),
    ] {
        wrong.extend((words(&text) != shown).then(|| (words(&text), shown)));
    }
    assert!(wrong.is_empty(), "shown, and to be shown: {wrong:#?}");
}

#[test]
fn urls_lose_passwords_sessions_and_secret_parameters() {
    let url = |text: &str| untagged(&door(|door| door.url(text.as_bytes()).text()));
    for (text, shown) in [
        ("https://svc:q7Zh@h/a", "https://svc:‹4 chars›@h/a"),
        ("https://q7Zh@h/a@b", "https://‹4 chars›@h/a@b"),
        ("//q7Zh@h", "//‹4 chars›@h"),
        ("/a;jsessionid=q7Zh?x=1", "/a;jsessionid=‹4 chars›?x=1"),
        ("/a;JSESSIONID=q7Zh", "/a;JSESSIONID=‹4 chars›"),
        ("/a;b=q7Zh", "/a;b=q7Zh"),
        ("/a?x=1#token=q7Zh&y=2", "/a?x=1#token=‹4 chars›&y=2"),
        ("/a#token=q7Zh", "/a#token=‹4 chars›"),
        ("/a?#b", "/a?#b"),
        ("/a?client_secret=q7Zh&9dQ&x=1", "/a?client_secret=‹4 chars›&‹3 chars›&x=1"),
        ("/a?x=1&bare", "/a?x=1&bare"),
        // A URL in a parameter: its own secrets are the whole value's.
        ("/a?next=https%3A%2F%2Fu%3Ap%40h%2F", "/a?next=‹14 chars›"),
        ("/a?next=https%3A%2F%2Fh%2F%3Fcode%3Dx", "/a?next=‹17 chars›"),
        ("/a?next=https%3A%2F%2Fh%2F%23token%3Dx", "/a?next=‹18 chars›"),
        ("/a?next=https%3A%2F%2Fh%2F%3Fcode%3D", "/a?next=https%3A%2F%2Fh%2F%3Fcode%3D"),
        ("/a?next=https%3A%2F%2Fh%2F%3Fx%3D1", "/a?next=https%3A%2F%2Fh%2F%3Fx%3D1"),
        ("/a?next=u%40h", "/a?next=u%40h"),
    ] {
        assert_eq!(url(text), shown, "{text}");
    }
    let long = format!("/x/{RANDOM}/y?a=1");
    assert_eq!(url(&long), "/x/‹32 chars›/y?a=1");
    assert_eq!(url(&format!("https://h/x/{RANDOM}")), "https://h/x/‹32 chars›");
}

#[test]
fn bodies_and_fields_of_every_make_lose_their_secrets_alone() {
    let body = |text: &str| untagged(&door(|door| door.body(text.as_bytes()).text()));
    let deep =
        |levels: usize| format!("{}\"q7\":\"q7Zh4PJX\",\"n\":12{}", "{\"a\":[{".repeat(levels), "}]}".repeat(levels));
    assert!(body(&deep(100)).contains("q7Zh4PJX"));
    assert!(!body(&deep(300)).contains("q7Zh4PJX"), "what lies too deep to be looked at is hidden");
    let after = format!("[{},{{\"x\":\"q7Zh4PJX\"}}]", deep(300));
    assert!(body(&after).ends_with("\"q7Zh4PJX\"}]"), "{}", body(&after));
    for (text, shown) in [
        ("{\"token\":-1.5e3,\"n\":-1.5e3}", "{\"token\":‹6 chars›,\"n\":-1.5e3}"),
        ("{\"token\" : \"q7\"}", "{\"token\" : \"‹2 chars›\"}"),
        ("{\"a\":\"token\",\"b\":\"q7\"}", "{\"a\":\"token\",\"b\":\"q7\"}"),
        (
            "{\"token\":{\"a\":\"q7\",\"scope\":\"s\"},\"a\":\"q7\"}",
            "{\"token\":{\"a\":\"‹2 chars›\",\"scope\":\"s\"},\"a\":\"q7\"}",
        ),
        ("password=q7&x=1", "password=‹2 chars›&x=1"),
        (" password =q7&x=1", " password =‹2 chars›&x=1"),
        ("password: q7", "password: q7"),
        ("=q7Zh", "=q7Zh"),
        ("{\"a\":1}}]{\"token\":\"q7\"}", "{\"a\":1}}]{\"token\":\"‹2 chars›\"}"),
        ("<script>g_ck=q7Zh4PJXEog2HSgw;</script>", "<script>g_ck=‹16 chars›;</script>"),
        ("{\"token\":\"q7", "{\"token\":\"‹2 chars›"),
        (" {\"a\":{\"token\":\"q7\\", " {\"a\":{\"token\":\"‹3 chars›"),
        ("<a token=q7 b='c'/>", "<a token=‹2 chars›b='c'/>"),
        ("<script>var a = g_ckABCDEFGH12345678;</script>", "<script>var a = g_ckABCDEFGH12345678;</script>"),
        ("<a token=\"two q7\" b='c'/>", "<a token=\"‹6 chars›\" b='c'/>"),
        ("<a><token>q7</token><b>c</b></a>", "<a><token>‹2 chars›</token><b>c</b></a>"),
    ] {
        if text.contains("token=q7 b") {
            assert!(!body(text).contains("q7") && body(text).contains("b='c'"), "{}", body(text));
        } else {
            assert_eq!(body(text), shown, "{text}");
        }
    }
    let field = |name: &str, value: &str| untagged(&door(|door| door.field(name, value.as_bytes()).text()));
    for (name, value, shown) in [
        ("WWW-Authenticate", "Digest nonce=\"q7Zh\", realm=\"a\"", "Digest nonce=\"‹4 chars›\", realm=\"a\""),
        ("WWW-Authenticate", "Digest realm=\"a\",nonce=q7Zh;x=1", "Digest realm=\"a\",nonce=‹4 chars›;x=1"),
        ("WWW-Authenticate", "Digest nonce=\"q7 Zh,x\", realm=\"a\"", "Digest nonce=\"‹7 chars›\", realm=\"a\""),
        ("WWW-Authenticate", "Digest nonce=\"q7Zh", "Digest nonce=\"‹4 chars›"),
        ("WWW-Authenticate", "Digest nonce=\"\", opaque=q7", "Digest nonce=\"\", opaque=‹2 chars›"),
        ("Authorization", "Digest response=q7Zh, uri=\"/x\"", "Digest response=‹4 chars›, uri=\"/x\""),
        ("Authorization", "AWS4-HMAC-SHA256 q7Zh4PJX", "AWS4-HMAC-SHA256 ‹8 chars›"),
        ("Authorization", "Basic c3Zj-OnE3Wmg0UEpY", "Basic ‹4 chars›-‹12 chars›"),
        ("Authorization", "Basic c3ZjOnE3Wmg0_UEpY", "Basic ‹12 chars›_‹4 chars›"),
        ("Authorization", "Custom q7Zh4PJX=", "Custom ‹9 chars›"),
        ("Authorization", "Custom q7Zh,4PJX", "Custom ‹4 chars›,‹4 chars›"),
        ("Authorization", "Custom token=q7Zh,a=b", "Custom token=‹4 chars›,a=b"),
        ("Authorization", "qwertyuiop", "‹10 chars›"),
        ("Authorization", "q7Zh4PJX9 abc", "‹9 chars› ‹3 chars›"),
        ("Cookie", "a=q7Zh; b=", "a=‹4 chars›; b="),
        ("Access-Control-Allow-Headers", "authorization, x-sn-apikey", "authorization, x-sn-apikey"),
        ("Vary", "Authorization", "Vary"),
        ("X-Auth-Anything", "q7Zh", "‹4 chars›"),
        ("Accept", "q7Zh", "q7Zh"),
    ] {
        let wanted = if name == "Vary" { "Authorization" } else { shown };
        assert_eq!(field(name, value), wanted, "{name}: {value}");
    }
}

/// A caret stands under the bytes that it speaks of, whatever stands before them.
#[test]
fn columns_are_counted_past_bytes_that_are_no_text() {
    let shown = door(|door| door.field("X-Note", b"\xE4\xE4ab\xE4cd"));
    let text = shown.text();
    for (bytes, what) in [(2..4, "ab"), (5..7, "cd"), (6..7, "d")] {
        assert_eq!(&text[shown.columns(&bytes)], what, "{text}");
    }
}

/// Of a longer text in base16 or base64 only the digits are hidden in which a secret stands.
#[test]
fn digits_before_and_behind_a_secret_are_shown() {
    let secret = "q7Zh4PJXE";
    let text = format!("ab {secret} cd");
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    for (digits, before, after) in [(hex, "616220", "206364"), (STANDARD.encode(&text), "YWIg", "IGNk")] {
        let exchange = exchange(&format!(
            "@ 10:00:00 https://dev1.service-now.com\n> GET / HTTP/1.1\n> Host: dev1.service-now.com\n\
             > Authorization: Bearer {secret}\n> X-Debug: it:{digits}.\n>\n< HTTP/1.1 200 OK\n<\n"
        ));
        let shown = at(&exchange, &Place::request_field("x-debug"), 0).unwrap().1;
        assert_eq!(shown, format!("X-Debug: it:{before}‹9 chars›{after}."));
    }
}

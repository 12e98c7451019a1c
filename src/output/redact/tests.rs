//! What redaction leaves: everything that a diagnosis reads.

use std::collections::BTreeSet;

use super::*;

const TOKEN: &str = "B1wSEk09CHPEwLCMMfkbL8Xre008lPKQV3XbCgGGfVUIQ6qxThf8BwkVgTzeel0jJdlSBai3TXcfWB7nUQmxAA";

/// Shown text without the tags' digits.
fn field(name: &str, value: &[u8]) -> String {
    let salt = Salt::new([7; 32]);
    untagged(&Door::new(&salt, Millis(0)).field(name, value).text())
}

fn body(text: &str) -> String {
    let salt = Salt::new([7; 32]);
    untagged(&Door::new(&salt, Millis(0)).body(text.as_bytes()).text())
}

fn url(text: &str) -> String {
    let salt = Salt::new([7; 32]);
    untagged(&Door::new(&salt, Millis(0)).url(text.as_bytes()).text())
}

fn untagged(text: &str) -> String {
    let mut parts = text.split(" #");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |out, part| out + part.split_once('…').map_or("", |(_, rest)| rest))
}

#[test]
fn a_password_before_a_host_is_hidden_wherever_a_host_stands() {
    for (shown, wanted) in [
        (field("Host", b"svc:Harbour%4012@dev1.service-now.com"), "@dev1.service-now.com"),
        (field("X-Forwarded-Host", b"Harbour%4012@dev1.service-now.com"), "@dev1.service-now.com"),
        (url("svc:Harbour%4012@dev1.service-now.com:443"), "@dev1.service-now.com:443"),
        (url("Harbour%4012@dev1.service-now.com:443"), "@dev1.service-now.com:443"),
    ] {
        assert!(shown.contains(wanted) && !shown.contains("Harbour"), "{shown}");
    }
    for kept in ["dev1.service-now.com:443", "/a@b", "/x?sysparm_query=email=a@b.example", "*"] {
        assert_eq!(url(kept), kept);
    }
    let salt = Salt::new([7; 32]);
    let head = b"CONNECT svc:Harbour%4012@dev1.service-now.com:443 HTTP/1.1\r\nHost: Harbour%4012@x\r\n\r\n";
    let marks = head::marks(Door::new(&salt, Millis(0)).shaper, head);
    let shown = Shown::new(head, marks).text();
    assert!(shown.contains("CONNECT svc:") && !shown.contains("Harbour"), "{shown}");
}

#[test]
fn the_mistake_in_a_malformed_authorization_stays_visible() {
    let t = TOKEN;
    let values = [
        format!("Bearer {t}"),
        format!("Bearer{t}"),
        format!("bearer {t}"),
        format!("Bearer  {t}"),
        format!("Bearer\t{t}"),
        format!("Bearer \"{t}\""),
        format!("Bearer <{t}>"),
        format!("Bearer: {t}"),
        format!("Bearer Bearer {t}"),
        format!("Bearer {t}%3D"),
        format!("Bearer {t}\u{200b}"),
        format!("Bearer {t} x"),
        format!("Token {t}"),
        t.to_owned(),
        "Bearer".to_owned(),
        "Bearer {{access_token}}".to_owned(),
        "Bearer undefined".to_owned(),
        "Bearer [object Object]".to_owned(),
        "".to_owned(),
    ];
    let shown: BTreeSet<String> = values.iter().map(|value| field("Authorization", value.as_bytes())).collect();
    assert_eq!(shown.len(), values.len(), "two mistakes look alike: {shown:#?}");
}

#[test]
fn basic_credentials_show_the_user_and_not_the_password() {
    use base64::Engine;
    let basic = |text: &[u8]| format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(text));
    let shown = |text: &[u8]| field("Authorization", basic(text).as_bytes());
    assert_eq!(shown(b"svc.user:pa55word"), "Basic ‹user svc.user, password 8 chars›");
    assert_eq!(shown(b"svc.user:pa55word\n"), "Basic ‹user svc.user, password 8 chars\\n›");
    assert_eq!(shown(b"DOMAIN\\svc:\"pa55word\""), "Basic ‹user DOMAIN\\svc, password \"8 chars\"›");
    assert_eq!(shown(b":x"), "Basic ‹user empty, password 1 char›");
    assert_eq!(shown(b"admin:"), "Basic ‹user admin, password empty›");
    assert_eq!(shown(b"admin:None"), "Basic ‹user admin, password None›");
    assert_eq!(shown(b"pa55wordwithoutacolon"), "Basic ‹28 chars›");
    assert_eq!(field("Authorization", b"Basic YWRtaW46 cGFzcw=="), "Basic ‹8 chars› ‹8 chars›");
}

#[test]
fn cookies_keep_their_names_and_attributes() {
    assert_eq!(
        field("Cookie", b"JSESSIONID=AB12; glide_user_route=glide.1"),
        "JSESSIONID=‹4 chars›; glide_user_route=‹7 chars›"
    );
    assert_eq!(
        field("Set-Cookie", b"glide_session_store=4DEEE160; Max-Age=1800; Path=/; HttpOnly"),
        "glide_session_store=‹8 chars›; Max-Age=1800; Path=/; HttpOnly"
    );
    assert_eq!(field("Set-Cookie", b"glide_user=; Max-Age=0"), "glide_user=; Max-Age=0");
}

#[test]
fn evidence_in_answers_stays() {
    for text in [
        r#"{"error_description":"access_denied","error":"server_error"}"#,
        r#"{"error":{"message":"User Not Authenticated","detail":"Required to provide Auth information"},"status":"failure"}"#,
        r#"{"error":{"code":"InvalidAuthenticationToken","message":"Access token has expired"}}"#,
        r#"{"error":"invalid_client","error_codes":[7000215],"trace_id":"00f1c6b2-7f4c-4c4e-9a35-5c4d5c4ee400"}"#,
        r#"{"result":[{"sys_id":"9d385017c611228701d22104cc95c371","state":"2"}]}"#,
        "User Not Authorized: Failed API level ACL Validation",
        "Invalid token: expired. Bearer token required, Basic auth refused",
    ] {
        assert_eq!(body(text), text);
    }
    assert_eq!(field("WWW-Authenticate", b"BEARER realm=\"Service-now\""), "BEARER realm=\"Service-now\"");
    assert_eq!(field("X-Transaction-ID", b"09ee25ec974f"), "09ee25ec974f");
}

#[test]
fn token_answers_keep_what_is_no_secret() {
    let answer =
        format!(r#"{{"access_token":"{TOKEN}","scope":"useraccount","token_type":"Bearer","expires_in":1799}}"#);
    assert_eq!(
        body(&answer),
        r#"{"access_token":"‹86 chars›","scope":"useraccount","token_type":"Bearer","expires_in":1799}"#
    );
    assert_eq!(
        body(
            "grant_type=password&client_id=fba32103a0130d7755f10709edfe7474&client_secret=a1b2c3d4&username=svc&password=p"
        ),
        "grant_type=password&client_id=fba32103a0130d7755f10709edfe7474&client_secret=‹8 chars›&username=svc&password=‹1 char›"
    );
}

#[test]
fn addresses_keep_what_is_no_secret() {
    assert_eq!(
        url(
            "https://svc:hunter2@dev1.service-now.com/api/now/table/incident?sysparm_query=active%3Dtrue&access_token=abc#top"
        ),
        "https://svc:‹7 chars›@dev1.service-now.com/api/now/table/incident?sysparm_query=active%3Dtrue&access_token=‹3 chars›#top"
    );
    assert_eq!(
        url("https://app.partner.example/cb?code=abc&state=xyz&error=access_denied"),
        "https://app.partner.example/cb?code=‹3 chars›&state=‹3 chars›&error=access_denied"
    );
    let plain = "/oauth_auth.do?response_type=code&client_id=fba32103a0130d7755f10709edfe7474&redirect_uri=https%3A%2F%2Fapp.partner.example%2Fcb&code_challenge_method=S256";
    assert_eq!(url(plain), plain);
}

#[test]
fn equal_secrets_have_equal_tags_wherever_they_are() {
    let salt = Salt::new([7; 32]);
    let door = Door::new(&salt, Millis(0));
    let tag = salt.tag(TOKEN.as_bytes()).to_string();
    for shown in [
        door.field("Authorization", format!("Bearer \"{TOKEN}\"").as_bytes()),
        door.body(format!("{{\"access_token\":\"{TOKEN}\"}}").as_bytes()),
        door.url(format!("/x?access_token={TOKEN}").as_bytes()),
        door.field("Cookie", format!("a={TOKEN}").as_bytes()),
    ] {
        assert!(shown.text().contains(&tag), "{}", shown.text());
    }
    let encoded = door.body(b"grant_type=x&code=ab%2Fcd%3D");
    assert!(encoded.text().contains(&salt.tag(b"ab/cd=").to_string()), "{}", encoded.text());
}

#[test]
fn a_door_of_an_exchange_knows_its_secrets() {
    let salt = Salt::new([7; 32]);
    let mut door = Door::new(&salt, Millis(0));
    assert_eq!(door.words("Harbour@12 and Harbour%4012"), "Harbour@12 and Harbour%4012");
    door.learn(field_marks(door.shaper, FieldKind::Cookie, b"x=Harbour@12"));
    assert!(!door.words("Harbour@12 and Harbour%4012").contains("Harbour"));
    let base16 = "486172626f7572403132";
    assert!(!door.words(&format!("{base16} and {}", base16.to_ascii_uppercase())).contains("486172"));
}

/// What its odd bytes cut into parts is known as a whole and in its strong parts; its own field still shows what is odd.
#[test]
fn a_value_of_parts_is_known_as_a_whole() {
    let salt = Salt::new([7; 32]);
    let secret = "q7Z6$XiwosY6!38on3DK*H";
    let said = [
        secret,
        "q7Z6%24XiwosY6%2138on3DK*H",
        "q7Z6%24XiwosY6!38on3DK*H",
        r"q7Z6\u0024XiwosY6\u002138on3DK\u002AH",
        "cTdaNiRYaXdvc1k2ITM4b24zREsqSA",
        "71375a362458",
    ];
    let raw = |head: &str| head::marks(Shaper { salt: &salt, at: Millis(0), whole: false }, head.as_bytes());
    let mut doors = Vec::new();
    for (kind, value) in [
        (FieldKind::Authorization, format!("Bearer {secret}")),
        (FieldKind::Authorization, "Bearer q7Z6%24XiwosY6%2138on3DK*H".to_owned()),
        (FieldKind::Secret, format!("\"{secret}\"")),
        (FieldKind::Cookie, format!("a={secret}")),
        (FieldKind::Url, "/x?access_token=q7Z6$XiwosY6%2138on3DK*H".to_owned()),
    ] {
        let mut door = Door::new(&salt, Millis(0));
        door.learn(field_marks(door.shaper, kind, value.as_bytes()));
        doors.push((value, door));
    }
    let mut door = Door::new(&salt, Millis(0));
    door.learn(raw(&format!("GET / HTTP/1.1\r\nAuthorization : Bearer {secret}\r\n\r\n")));
    doors.push(("a raw head".to_owned(), door));
    for (value, door) in &doors {
        for said in said {
            let shown = door.words(&format!("refused {said} of yours"));
            let hidden = !shown.contains("q7Z6") && !shown.contains("cTda") && !shown.contains("DK*H");
            assert!(hidden || said.len() < 16, "{value}: {shown}");
            assert!(shown.starts_with("refused ") && shown.ends_with(" of yours"), "{value}: {shown}");
        }
    }
    let (value, door) = &doors[0];
    let shown = door.field("Authorization", value.as_bytes()).text();
    assert_eq!(untagged(&shown), "Bearer ‹4 chars›$‹7 chars›!‹7 chars›*‹1 char›");
}

#[test]
fn what_follows_a_bare_ampersand_belongs_to_the_secret() {
    let salt = Salt::new([7; 32]);
    let mut door = Door::new(&salt, Millis(0));
    door.learn(body::marks(door.shaper, b"grant_type=password&password=q7Z6Xi&wosY6&username=a"));
    for said in ["q7Z6Xi&wosY6", "q7Z6Xi%26wosY6", "q7Z6Xi&amp;wosY6"] {
        let shown = untagged(&door.words(&format!("no {said} here")));
        assert_eq!(shown, "no ‹12 chars› here");
    }
}

#[test]
fn credentials_that_are_not_quite_base64_are_known_all_the_same() {
    use base64::Engine;
    let salt = Salt::new([7; 32]);
    for (coded, password) in [
        (base64::engine::general_purpose::STANDARD_NO_PAD.encode("svc:q7Z6$XiwosY"), "q7Z6$XiwosY"),
        (base64::engine::general_purpose::STANDARD.encode("svc:q7Z6$Xi\u{200b}wosY"), "q7Z6$Xi\u{200b}wosY"),
    ] {
        let mut door = Door::new(&salt, Millis(0));
        let (head, tail) = coded.split_at(8);
        let value = format!("Basic {head} {tail}");
        door.learn(field_marks(door.shaper, FieldKind::Authorization, value.as_bytes()));
        let shown = door.words(&format!("no {password} and no {} here", crate::wire::form::encode(password)));
        assert!(!shown.contains("q7Z6") && !shown.contains("wosY") && shown.ends_with(" here"), "{shown}");
    }
}

#[test]
fn what_gives_itself_away_in_free_text_is_shown_as_a_shape() {
    let salt = Salt::new([7; 32]);
    let door = Door::new(&salt, Millis(0));
    let jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhYmVsIn0.c2lnbmF0dXJlLW9mLW5vYm9keQ";
    let random = "kW3nV8pQ2rT6yX1zB4cF7hJ0mL5sD9gAkW3n";
    let label = "PRIVATE KEY-----";
    let key = format!("-----BEGIN {label}\\nMIGHAgEAMBMGByqGSM49\\n-----END {label}");
    let cut = format!("-----BEGIN RSA {label}\nMIGHAgEAMBMGByqGSM49");
    for (before, rest, secret) in [
        ("the token was ", format!("{jwt}, it said"), "c2lnbmF0dXJl"),
        ("read /files/", format!("{random}/a.txt again"), random),
        ("with ", format!("{key} in it"), "MIGHAgEAMBMGByqGSM49"),
        ("with ", cut, "MIGHAgEAMBMGByqGSM49"),
        ("sent access_token=", "q7Z3z6a8d9mp again".to_owned(), "q7Z3z6a8d9mp"),
    ] {
        let shown = door.words(&format!("{before}{rest}"));
        assert!(!shown.contains(secret), "{shown}");
        assert!(shown.starts_with(before), "what is around it stays: {shown}");
    }
    assert_eq!(door.words("access_token= and =q7Z3z6a8d9mp"), "access_token= and =q7Z3z6a8d9mp");
}

/// The shortest that is taken for a secret, and what only begins like one.
#[test]
fn free_text_loses_its_secrets_and_nothing_more() {
    for (text, wanted) in [
        ("basic 1234567a", "basic ‹8 chars›"),
        ("basic 123456a", "basic 123456a"),
        ("it was eyJ0.eyJ1.abcdefghij", "it was ‹20 chars›"),
        ("it was eyJ0.eyJ1.abcdefghi", "it was eyJ0.eyJ1.abcdefghi"),
        ("it was eyJust.allofthatatonce", "it was eyJust.allofthatatonce"),
        ("no, the password=Harbour12 was wrong", "no, the password=‹9 chars› was wrong"),
        ("no, kW3nV8pQ2rT6Token1zB4cF7hJ0mL5sD9g= is it", "no, ‹35 chars› is it"),
    ] {
        assert_eq!(body(text), wanted);
    }
    let salt = Salt::new([7; 32]);
    let mut door = Door::new(&salt, Millis(0));
    door.learn(text::marks(door.shaper, 0, b"no, the password=Harbour12 was wrong"));
    assert!(!door.words("Harbour12 is refused").contains("Harbour"), "what stands behind the sign is the secret");
}

#[test]
fn numbers_under_a_secret_name_and_values_without_quotes_are_secrets() {
    assert!(!body(r#"{"pin":{"password":48151623},"b":7}"#).contains("48151623"));
    assert!(body(r#"{"pin":{"password":48151623},"b":7}"#).contains("\"b\":7"));
    assert!(
        !field("WWW-Authenticate", b"Digest realm=x, nonce=q7ZhPJXQEog2HSgw, stale=true").contains("q7ZhPJXQEog2HSgw")
    );
    assert!(!body("<script>window.g_ck = 'q7Zh*PJXQEog*2HSgwBEhr';</script>").contains("PJXQEog"));
}

#[test]
fn a_code_is_a_secret_where_it_looks_like_one() {
    assert!(!body(r#"{"code":"ab12cd34ef56gh78"}"#).contains("ab12cd34"));
    for evidence in ["error_code_of_words_alone", "12 34 is no valid code", "123456789012345678", "ab12cd34"] {
        let text = format!("{{\"code\":\"{evidence}\"}}");
        assert_eq!(body(&text), text);
    }
}

#[test]
fn nothing_is_nowhere() {
    assert_eq!(text::find(b"abc", b"", 0), None);
    assert_eq!(text::find(b"abc", b"c", 2), Some(2));
    assert_eq!(text::find(b"abc", b"a", 4), None);
}

/// What is replaced is the secret and nothing beside it, however far in it stands, in whatever it stands.
#[test]
fn shapes_stand_exactly_where_the_secrets_stood() {
    let secret = "q7Zh*PJXQEog2HSgw";
    let jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhYmVsIn0.c2lnbmF0dXJlLW9mLW5vYm9keQ";
    let random = "kW3nV8pQ2rT6yX1zB4cF7hJ0mL5sD9gAkW3n";
    let key = "PRIVATE KEY-----";
    let body_rows = [
        // JSON
        format!(r#"{{"a":[1,{{"password":"{secret}","b":"c"}}],"d":"e"}}"#),
        format!(r#"{{"token":{{"x":"{secret}","scope":"a b","n":12345678,"m":[true,null,-1.5e3]}},"n":12345678}}"#),
        format!(r#"{{"token":["{secret}","b"],"c":["d"]}}"#),
        format!(r#"{{"password":"a\"b\\{secret}\u0041","c":"d"}}"#),
        format!(r#"{{"url":"https://u:{secret}@h/x?access_token={secret}&y=1","c":"see https://u:p@h/"}}"#),
        format!(r#"{{"note":"Bearer {secret} and {jwt}","password": "{secret}"#),
        format!("\u{feff}  [\"{jwt}\",'x']"),
        format!(r#"{{"code":"{secret}","client_id":"{secret}","token_type":"{secret}"}}"#),
        format!(r#"{{"a":"-----BEGIN {key}\\nMIG\\n-----END {key}","b":"-----BEGIN EC {key}MIG"#),
        "{\"a\":1}}}}{\"password\":\"x\"}".to_owned(),
        // Markup
        format!("<a><wsse:Password Type=\"t\">{secret}</wsse:Password><b>c</b></a>"),
        format!("<a><password><![CDATA[{secret}]]></password><b>c</b></a>"),
        format!("<UsernameToken><Username>u</Username><Password>{secret}</Password><Nonce>n</Nonce></UsernameToken>"),
        format!("<a token=\"{secret}\" b='c'><input name='password' id=x value='{secret}' type=hidden>d</a>"),
        format!(
            "<input value={secret} name=sysparm_ck><input value=plain name=other><meta name=csrf-token content=\"{secret}\">"
        ),
        format!("<s>window.g_ck = '{secret}'; g_ck=\"short\"; var g_ck={random}; x='{secret}'</s>"),
        format!("<x><saml:Assertion ID=\"i\"><b>{secret}</b></saml:Assertion><c>d</c></x>"),
        format!("<password>{secret}"),
        "<password/><a name=password>b</a><token>".to_owned(),
        // Forms
        format!("grant_type=password&password={secret}&username=u&x=y"),
        format!("a=1&client_secret={secret}&more&even more&b=2&bare"),
        "redirect_uri=https%3A%2F%2Fu%3Ap%40h%2F&next=https%3A%2F%2Fh%2F%3Fcode%3Dabc&x=1".to_owned(),
        format!("x={jwt}&code=%7B%7Bcode%7D%7D&state=a%20b%22c%2B+d"),
        // Parts
        format!(
            "--b\r\nContent-Disposition: form-data; name=\"client_secret\"\r\n\r\n{secret}\r\n--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\ny\r\n--b--\r\n"
        ),
        format!(
            "--b\nContent-Disposition: form-data; name=password; x\n\n{secret}\n--b\nContent-Disposition: form-data; name=code\n\nabc"
        ),
        // Words
        format!(
            "it said Bearer {secret}, then Basic YWRtaW46cGFzc3dvcmQ= and /a/{random}/b.{random} or access_token={random}"
        ),
        format!("-----BEGIN {key}\nMIG\n-----END {key} then {jwt}"),
    ];
    let shown: Vec<String> = body_rows.iter().map(|row| body(row)).collect();
    let fields = [
        ("Cookie", format!("a={secret}; b = {secret} ;{secret}; c=")),
        ("Set-Cookie", format!(" a={secret}; Path=/; token={secret}")),
        ("WWW-Authenticate", format!("Digest realm=\"a, b\", nonce=\"{secret}\", opaque={secret}, qop=auth")),
        ("Authorization", format!("Digest username=\"u\", response=\"{secret}\", cnonce={secret} ; uri=\"/x\"")),
        ("Authorization", format!("OAuth oauth_token=\"{secret}\", oauth_version=\"1.0\"")),
        ("Authorization", format!("Custom {secret}")),
        ("Authorization", format!("{secret} and")),
        ("Authorization", format!("bearer{random}")),
        ("Location", format!("//u:{secret}@h/a;jsessionid={secret}?x=1&token={secret}#code={secret}&y=2")),
        ("Location", format!("https://{secret}@h:1/p/{random}#x")),
        ("X-Note", format!("id={secret} token={random}.{random} of {jwt}.")),
        ("X-UserToken", format!("\"{secret}\"")),
    ];
    let shown: Vec<String> = shown
        .into_iter()
        .chain(fields.iter().map(|(name, value)| format!("{name}: {}", field(name, value.as_bytes()))))
        .collect();
    // No file of the project looks as if it held a key.
    insta::assert_snapshot!(shown.join("\n").replace(key, "[label]"));
}

//! Stand-ins in whole exchanges: what keeps its form, what is known again, and which names are masked where.
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
use why401::model::{Exchange, Millis, Outcome, Salt};
use why401::output::redact::Door;
use why401::output::redact::scrub::{Masker, Masks, Rule, Scrubber};
use why401::wire::telling::Telling;

fn exchange(line: &str, fields: &str, answer: &str) -> Exchange {
    let story = format!(
        "@ 10:00:00 https://dev1.service-now.com\n> {line} HTTP/1.1\n> Host: dev1.service-now.com\n{fields}>\n{answer}"
    );
    transcript::parse(&story).unwrap_or_else(|error| panic!("{error}\n{story}")).steps.remove(0).exchange
}

const OK: &str = "< HTTP/1.1 200 OK\n<\n";

fn scrubbed(exchange: &Exchange) -> (Exchange, Vec<Rule>) {
    let (scrubbed, removed) = Scrubber::new(Salt::new([7; 32])).scrub(exchange);
    (scrubbed, removed.into_iter().map(|one| one.rule).collect())
}

/// The value of a field after the secrets of the exchange are gone.
fn field(exchange: &Exchange, name: &str) -> String {
    scrubbed(exchange).0.request.fields.text(name).unwrap().into_owned()
}

#[test]
fn escapes_keep_the_case_of_their_digits() {
    let lower: String = (b'j'..=b'o').cycle().take(24).map(|byte| format!("%{byte:02x}")).collect();
    let upper: String = (b'J'..=b'O').cycle().take(24).map(|byte| format!("%{byte:02X}")).collect();
    let sent = exchange(&format!("GET /?access_token={lower}{upper}99"), "", OK);
    let value = scrubbed(&sent).0.request.target.split_once('=').unwrap().1.to_owned();
    assert_eq!(value.len(), lower.len() + upper.len() + 2);
    let (one, other) = (&value[..lower.len()], &value[lower.len()..]);
    assert!(one != lower && !one.bytes().any(|byte| byte.is_ascii_uppercase()), "{value}");
    assert!(!other.starts_with(&upper) && !other.bytes().any(|byte| byte.is_ascii_lowercase()), "{value}");
}

#[test]
fn stand_ins_stay_of_the_alphabet_of_their_secrets() {
    let of = |secret: &str| field(&exchange("GET /", &format!("> X-UserToken: {secret}\n"), OK), "x-usertoken");
    let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    for (secret, stays) in
        [("8f14e45fceea167a", true), ("8f14e45f", true), ("8F14E45FCEEA167A", true), ("deadbeefdeadbeef", false)]
    {
        let other = of(secret);
        assert!(other != secret && hex(&other) == stays && other.len() == secret.len(), "{secret}: {other}");
    }
    // Letters of any script are exchanged, what stands between them stays.
    let (wide, capitals) = (of("pässwört–Ölkanne"), of("AAAABBBBCCCCzzzz9"));
    assert!(wide.contains('–') && !wide.contains('ö') && !wide.contains('Ö'), "{wide}");
    assert!(capitals.bytes().any(|byte| (b'G'..=b'Z').contains(&byte)), "{capitals}");
    // What says whose key it is stays where keys begin with it, and nowhere else.
    assert!(of("now_q7Zh4PJXEog2HSgw").starts_with("now_") && !of("q7Zh4now_PJXEog2HSgw").contains("now_"));
    // A token of a machine ends as it did, where that says that it is whole; 64 bytes end in one of four letters.
    let token = "h9sYwmGS5Nh7rkVdPEqWcuZtfA1JbX3LoT8iUjQpKvR2eDyM4xCgBnH6lFzOa0sIQwErTyUiOpAsDfGhJkLzXQ";
    assert!(of(token).ends_with(['A', 'Q', 'g', 'w']) && !of(&token[..85]).ends_with(['A', 'Q', 'g', 'w']));
    // The first and the last twelve have stand-ins of their own.
    let (whole, cut, tail) = (of(token), of(&token[..60]), of(&token[20..]));
    assert_eq!((&whole[..12], &whole[74..]), (&cut[..12], &tail[54..]));
    assert_ne!(&whole[12..24], &cut[12..24]);
}

#[test]
fn a_jwt_loses_its_signature_wherever_that_stands() {
    let (head, signature) = ("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhYmVsIn0", "c2lnbmF0dXJlLW9mLW5vYm9keQ");
    let sent = exchange(
        "GET /",
        &format!("> Authorization: Bearer {head}.{signature}\n> X-Echo: was {signature} there\n"),
        OK,
    );
    let (other, rules) = scrubbed(&sent);
    assert!(rules.contains(&Rule::JwtSignature) && rules.contains(&Rule::KnownElsewhere), "{rules:?}");
    let text = |name: &str| other.request.fields.text(name).unwrap().into_owned();
    assert!(
        text("authorization").starts_with(&format!("Bearer {head}.")) && !text("authorization").contains(signature)
    );
    assert_eq!(text("x-echo"), format!("was {} there", text("authorization").rsplit('.').next().unwrap()));
    // Encrypted, it has nothing to keep but its head; what is no JSON is none.
    let of = |secret: &str| field(&exchange("GET /", &format!("> X-UserToken: {secret}\n"), OK), "x-usertoken");
    let five = of(&format!("{head}.{signature}.aaaa1111bbbb.cccc2222"));
    assert!(five.starts_with("eyJhbGciOiJSUzI1NiJ9.") && !five.contains("eyJzdWIi"), "{five}");
    assert!(!of("eyJhbGciOiJSUzI1NiJ9.c2Vjb25kX3BhcnQ.c2lnbmF0").contains("c2Vjb25kX3BhcnQ"));
}

#[test]
fn a_secret_is_known_again_without_what_was_around_it() {
    for (line, fields, echoed) in [
        ("GET /?password=%22q7Zh4PJX9x%22", "", "q7Zh4PJX9x"),
        ("GET /?password=q7Zh%2B4PJX9x", "", "q7Zh%2B4PJX9x"),
        ("GET /?password=q7Zh%2B4PJX9x", "", "q7Zh+4PJX9x"),
        ("GET /?password=q7Zh%252B4PJX9x", "", "q7Zh+4PJX9x"),
        ("GET /", "> Cookie: a=q7Zh%2B4PJX9x\n", "q7Zh+4PJX9x"),
        ("GET /", "> Cookie: a=\"q7Zh4PJX9x\"\n", "q7Zh4PJX9x"),
        ("GET /", "> X-UserToken: <q7Zh4PJX9x>\n", "q7Zh4PJX9x"),
        ("GET /", "> X-UserToken: q7Zh4PJX9x;W8kfQ2mLb7xx\n", "W8kfQ2mLb7xx"),
        ("GET /", "> X-UserToken: q7Zh4PJX9x{{a}}W8kfQ2mLb7\n", "W8kfQ2mLb7"),
    ] {
        let sent = exchange(line, &format!("{fields}> X-Echo: was {echoed} there\n"), OK);
        let told = field(&sent, "x-echo");
        assert!(
            !told.contains(echoed) && told.starts_with("was ") && told.ends_with(" there"),
            "{line} {fields}: {told}"
        );
    }
    // Credentials: the password alone, and the text as a whole.
    let coded = STANDARD.encode("svc.sync:q7Zh4PJX9x");
    for echoed in ["q7Zh4PJX9x", &coded] {
        let sent = exchange("GET /", &format!("> Authorization: Basic {coded}\n> X-Echo: was {echoed} there\n"), OK);
        let (other, rules) = scrubbed(&sent);
        assert!(
            rules.contains(&Rule::Basic) && !other.request.fields.text("x-echo").unwrap().contains(echoed),
            "{echoed}"
        );
    }
    // Words for nothing stay, and nothing was removed.
    let nothing = "/?access_token=null&password=undefined&client_secret=";
    let (other, rules) = scrubbed(&exchange(&format!("GET {nothing}"), "", OK));
    assert_eq!((other.request.target.as_str(), rules), (nothing, vec![]));
    let nothing = STANDARD.encode("svc.sync:null");
    let (other, rules) = scrubbed(&exchange("GET /", &format!("> Authorization: Basic {nothing}\n"), OK));
    assert_eq!(
        (other.request.fields.text("authorization").unwrap().into_owned(), rules),
        (format!("Basic {nothing}"), vec![])
    );
}

/// Who compares them afterwards finds what he would have found.
#[test]
fn verifiers_and_ids_mean_the_same_afterwards() {
    let (verifier, challenge) =
        ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    let sent = exchange(
        &format!("GET /?code_challenge={challenge}&code_challenge_method=S256&code_verifier={verifier}"),
        "",
        OK,
    );
    let (other, rules) = scrubbed(&sent);
    let query = why401::wire::form::parse(other.request.query().unwrap().as_bytes());
    let (said, hashed) = (query.get("code_verifier").unwrap(), query.get("code_challenge").unwrap());
    assert!(said != verifier && hashed != challenge && rules.contains(&Rule::Pkce), "{rules:?}");
    assert_eq!(why401::wire::oauth::s256(said), hashed);
    // An id in the place of a secret is what is wrong with it.
    let id = "fba32103a0130d7755f10709edfe7474";
    for (line, stays) in [
        (format!("GET /?client_id={id}&client_secret={id}"), true),
        (format!("GET /?client%5Fid={id}&client_secret={id}"), true),
        (format!("GET /?client_secret={id}"), false),
    ] {
        let target = scrubbed(&exchange(&line, "", OK)).0.request.target;
        assert_eq!(target.ends_with(&format!("client_secret={id}")), stays, "{target}");
    }
}

#[test]
fn a_body_that_is_left_out_keeps_its_length() {
    let sent = exchange("GET /", "", "< HTTP/1.1 200 OK\n<\n< {\"result\":[]}\n");
    let none = Telling { request: false, answer: false };
    let (left, _) = Scrubber::new(Salt::new([7; 32])).scrub_keeping(&sent, none);
    let (before, after) = (&sent.response().unwrap().body, &left.response().unwrap().body);
    assert_eq!((after.length, after.left_out, after.bytes.len()), (before.length, Some(13), 0));
    let (whole, _) = Scrubber::new(Salt::new([7; 32])).scrub_keeping(&sent, Telling::BOTH);
    let after = &whole.response().unwrap().body;
    assert_eq!((&after.bytes, after.length), (&before.bytes, before.length));
}

#[test]
fn what_stands_around_a_secret_stays_byte_for_byte() {
    let coded = STANDARD.encode("svc.sync:two q7Zh4PJX words");
    for (fields, before, secret, after) in [
        ("", "https://h.example/a%3Faccess_token%3D", "q7Zh4PJX9x", ""),
        ("", "https://h.example/a%2Fb/", "B1wSEk09CHPEwLC%4DMkfbL8Xre008lPKQV3XbCg", "/c"),
        ("", "<a><token><![CDATA[", "q7Zh4PJX9x", "]]></token><b>c</b></a>"),
        ("", "<a><token> ", "q7Zh4PJX9x", " <!-- it --></token><b>c</b></a>"),
        ("", "<input name='token' value=\"", "two q7Zh4PJX words", "\" type='hidden'>"),
        // A blank as forms write it, and another as it is.
        (&*format!("> Authorization: Basic {coded}\n"), "it was ", "two+q7Zh4PJX words", " there"),
    ] {
        let sent = exchange("GET /", fields, &format!("< HTTP/1.1 200 OK\n<\n< {before}{secret}{after}\n"));
        let told = scrubbed(&sent).0.response().unwrap().body.bytes.to_vec();
        let told = String::from_utf8(told).unwrap();
        assert!(told.starts_with(before) && told.ends_with(after) && !told.contains("q7Zh4PJX"), "{before}: {told}");
        assert!(told.len() == before.len() + secret.len() + after.len() && !told.contains(secret), "{told}");
    }
}

#[test]
fn hosts_are_masked_in_what_stopped_a_call_as_well() {
    let failed = |how: &str| exchange("GET /", "", &format!("* failed upstream-tls {how}\n"));
    let masked = |how: &str, name: &str| {
        let exchange = failed(how);
        let mut masker = Masker::new(Salt::new([7; 32]), Masks { hosts: true, ..Masks::default() });
        let host = format!("@ 10:00:00 https://{name}\n> GET / HTTP/1.1\n> Host: {name}\n>\n{OK}");
        masker.learn(&transcript::parse(&host).unwrap().steps[0].exchange);
        let Outcome::Failed(failure) = masker.mask(&exchange).0.outcome else { panic!("{how}") };
        format!("{failure:?}")
    };
    let name = "acme4711.service-now.com";
    for how in [
        format!("certificate-wrong-name {name}"),
        format!("certificate-unknown-issuer CN={name}"),
        format!("certificate-chain-incomplete CN={name}"),
        format!("other no way to {name}"),
    ] {
        let told = masked(&how, name);
        assert!(!told.contains("acme4711") && told.contains(".service-now.com"), "{how}: {told}");
    }
    let nothing = Masker::new(Salt::new([7; 32]), Masks::default()).mask(&failed("other x"));
    assert!(nothing.1.is_empty());
}

/// What a client said of itself when it opened the tunnel is text like any other.
#[test]
fn the_agent_of_a_tunnel_loses_its_secrets() {
    let mut sent = exchange("GET /", "", OK);
    sent.client.connect_agent = Some("curl/8.9 Bearer q7Zh4PJX9x".into());
    let agent = scrubbed(&sent).0.client.connect_agent.unwrap();
    assert!(agent.starts_with("curl/8.9 Bearer ") && !agent.contains("q7Zh4PJX9x"), "{agent}");
}

#[test]
fn names_of_any_length_are_judged() {
    let salt = Salt::new([7; 32]);
    let door = Door::new(&salt, Millis(0));
    for length in [1, 63, 64, 65, 200] {
        let (plain, secret) = ("a".repeat(length), format!("{}token", "a".repeat(length)));
        let text = format!("{{\"{plain}\":\"q7\",\"{secret}\":\"q7\"}}");
        let told = door.body(text.as_bytes()).text();
        assert!(
            told.contains(&format!("\"{plain}\":\"q7\"")) && !told.contains(&format!("{secret}\":\"q7\"")),
            "{told}"
        );
    }
}

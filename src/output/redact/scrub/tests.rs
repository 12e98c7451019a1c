//! Stand-ins: what they keep of a secret, and what they do not.

use super::*;
use crate::wire::{basic, bearer, oauth};

mod exchanges;
mod masks;

const TOKEN: &str = "B1wSEk09CHPEwLCMMfkbL8Xre008lPKQV3XbCgGGfVUIQ6qxThf8BwkVgTzeel0jJdlSBai3TXcfWB7nUQmxAA";

fn of(secret: &str) -> String {
    String::from_utf8(Maker::new(Salt::new([7; 32])).of(secret.as_bytes())).unwrap()
}

/// What a stand-in keeps: upper case as `A`, lower case as `a`, digits as `0`, the rest as it is.
fn pattern(text: &str) -> String {
    let class = |c: char| match c {
        c if c.is_ascii_uppercase() => 'A',
        c if c.is_ascii_lowercase() => 'a',
        c if c.is_ascii_digit() => '0',
        c if c.is_uppercase() => 'Ä',
        c if c.is_alphanumeric() => 'ä',
        c => c,
    };
    text.chars().map(class).collect()
}

#[test]
fn a_stand_in_has_the_pattern_of_its_secret_and_nothing_else() {
    for secret in [
        TOKEN,
        "S3cr3t&more+",
        "kennwört\n",
        " \"quoted9\"",
        "p%40ss%2Bw0rd",
        "8f14e45fceea167a5a36dedd4bea2543",
        "Kd7fQ2mX9aTzR4vLw8Yc1B",
        "Пароль",
    ] {
        let other = of(secret);
        assert_eq!((pattern(&other), other.len()), (pattern(secret), secret.len()));
        assert_ne!(other, secret);
        assert_eq!(other, of(secret), "the same secret has the same stand-in");
        let elsewhere = String::from_utf8(Maker::new(Salt::new([8; 32])).of(secret.as_bytes())).unwrap();
        assert_ne!(other, elsewhere, "another session has another stand-in");
    }
}

#[test]
fn secrets_that_are_alike_have_stand_ins_that_are_not() {
    let same = |one: &str, other: &str| one.bytes().zip(other.bytes()).filter(|(a, b)| a == b).count();
    assert!(same(&of("Winter2026!"), &of("Winter2027!")) < 8);
    assert!(same(&of(TOKEN), TOKEN) < 20);
    let (one, other) = ("correct1horse2battery3staple4moor", "correct1horse2battery3staple5moor");
    assert!(same(&of(one), &of(other)) < 12, "nor are words of a person keyed in parts");
}

/// Nothing is chosen by its place: no period, and no place where it is always the same.
#[test]
fn every_letter_of_a_stand_in_is_chosen_anew() {
    let secret = "z".repeat(80);
    let others: Vec<Vec<u8>> = (10..40).map(|number| of(&format!("{secret}{number}")).into_bytes()).collect();
    for at in 0..80 {
        let letters: std::collections::HashSet<u8> = others.iter().map(|other| other[at]).collect();
        assert!(letters.len() > 8, "{at}");
    }
    for period in 1..40 {
        assert!(others.iter().all(|other| other[..40] != other[period..period + 40]), "{period}");
    }
}

/// What a rule sees in a value it sees in its stand-in, however many tries that takes.
#[test]
fn a_stand_in_never_looks_like_what_its_secret_is_not() {
    for hex in ["7a12", "99a1", "12e4", "4b71", "0c55"] {
        assert!(of(hex).bytes().all(|byte| byte.is_ascii_hexdigit()), "{}", of(hex));
    }
    for letter in b'g'..=b'z' {
        let secret = format!("ab%{}1cd%{}7e", char::from(letter), char::from(letter));
        assert_eq!(bearer::faults(secret.as_bytes()), bearer::faults(of(&secret).as_bytes()), "{}", of(&secret));
    }
}

/// What a shell leaves of a password is worth remembering where it takes something: `$word`.
#[test]
fn only_passwords_with_a_variable_in_them_are_remembered() {
    for (secret, changes) in [("Tin$Alpha!Moor9", 1), ("Tin!Moor9", 0), ("Moor9$", 0), ("Tin$9!Moor", 0)] {
        let mut maker = Maker::new(Salt::new([7; 32]));
        maker.of(secret.as_bytes());
        assert_eq!(maker.changes(), changes, "{secret}");
    }
    let mut maker = Maker::new(Salt::new([7; 32]));
    (0..1100).for_each(|number| drop(maker.of(format!("Tin$Alpha!{number}").as_bytes())));
    assert_eq!(maker.changes(), 1024, "and not without end");
}

#[test]
fn a_cut_token_is_still_a_part_of_the_whole_one() {
    let whole = of(TOKEN);
    let head = of(TOKEN.get(..60).unwrap());
    let tail = of(TOKEN.get(20..).unwrap());
    assert_eq!(whole.get(..12), head.get(..12));
    assert_eq!(whole.get(74..), tail.get(54..));
    assert!(whole.ends_with(['A', 'Q', 'g', 'w']));
}

#[test]
fn letters_and_digits_of_a_password_are_the_same_whatever_a_shell_ate() {
    let core = |text: &str| text.bytes().filter(u8::is_ascii_alphanumeric).collect::<Vec<u8>>();
    assert_eq!(core(&of("Re^ed-Marten4")), core(&of("Reed-Marten4")));
    assert_eq!(core(&of("a+b c9%21")), core(&of("a b+c9!")).into_iter().chain(*b"21").collect::<Vec<u8>>());
}

#[test]
fn a_password_without_its_variable_is_known_again() {
    let mut maker = Maker::new(Salt::new([7; 32]));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (whole, eaten) = (text(maker.of(b"Tin$Alpha!Moor9")), text(maker.of(b"Tin!Moor9")));
    let left = whole.get(..3).unwrap().to_owned() + whole.get(9..).unwrap();
    assert_eq!(left, eaten);
}

#[test]
fn a_jwt_loses_its_signature_alone() {
    let jwt = "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjE3OTM2MTU0MDB9.c2lnbmF0dXJlMTIz";
    let other = of(jwt);
    let (head, signature) = other.rsplit_once('.').unwrap();
    assert!(jwt.starts_with(head) && !jwt.ends_with(signature) && signature.len() == 16);
}

#[test]
fn basic_credentials_keep_user_colon_faults_and_alphabet() {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    let mut maker = Maker::new(Salt::new([7; 32]));
    for plain in [
        &b"admin:S3cret99\n"[..],
        b"svc:",
        b"svc:null",
        b"\"svc\":\"S3cret99\"",
        b"j\xf6rg:g\xfcnther99",
        b"a:b:c9>>>??",
        b"\xf6:ab",
    ] {
        for text in [STANDARD.encode(plain), URL_SAFE.encode(plain), format!("{} ", STANDARD.encode(plain))] {
            let other = maker.basic_text(text.as_bytes());
            let (old, new) = (basic::decode(text.as_bytes()), basic::decode(&other));
            assert_eq!(
                (&old.faults, old.user(), old.password().len()),
                (&new.faults, new.user(), new.password().len())
            );
        }
    }
    let run_together = STANDARD.encode("S3cretWithoutColon");
    assert_ne!(maker.basic_text(run_together.as_bytes()), run_together.as_bytes());
    // What is no text is a key, with a colon in it or not: none of its bytes is a user's name.
    for key in [&b"\x01\x02:!\x03\x04(;\x05"[..], b"\xf6\xe4\xfc\xdf\xe0\xe1:\xe2\xe3\xe5-plainly", b"\x7f!-:-"] {
        let text = STANDARD.encode(key);
        assert_eq!(maker.basic_text(text.as_bytes()), maker.of(text.as_bytes()), "{text}");
    }
}

#[test]
fn what_is_wrong_with_a_token_stays_wrong_at_the_same_place() {
    for value in
        ["abc%2Bdef1", "\u{201c}abcDEF123\u{201d}", "abc def1", "{{access_token}}9x", "token-user", "ab\u{200b}c1"]
    {
        assert_eq!(bearer::faults(value.as_bytes()), bearer::faults(of(value).as_bytes()), "{value}");
    }
}

#[test]
fn verifiers_and_challenges_still_belong_together() {
    let salt = Salt::new([7; 32]);
    let (verifier, challenge) =
        ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    let other = stand_in::verifier(&salt, verifier);
    assert_ne!(other, verifier);
    assert_eq!(oauth::s256(&other), stand_in::challenge(&salt, challenge, false));
    assert_eq!(other, stand_in::challenge(&salt, verifier, true));
    assert_ne!(oauth::s256(&other), stand_in::challenge(&salt, &challenge.replace('E', "F"), false));
}

#[test]
fn a_secret_of_punctuation_is_exchanged_too() {
    assert_ne!(of("!@[];,()"), "!@[];,()");
}

#[test]
fn words_of_unknown_make_lose_what_is_known() {
    let mut scrubber = Scrubber::new(Salt::new([7; 32]));
    let text = format!("sent Bearer {TOKEN} twice");
    let first = scrubber.words(&text);
    assert!(!first.contains(TOKEN) && first.starts_with("sent Bearer ") && first.ends_with(" twice"), "{first}");
    assert_eq!(scrubber.words(&text), first);
    assert!(scrubber.finds_secret_in(format!("x={TOKEN}").as_bytes()));
    assert!(!scrubber.finds_secret_in(first.as_bytes()));
}

#[test]
fn letters_that_are_escaped_stay_escaped() {
    let secret = "p%61ss%4fw%4Frd9%C3%A4";
    let other = of(secret);
    let shape = |text: &str| pattern(&percent_encoding::percent_decode(text.as_bytes()).decode_utf8_lossy());
    assert_eq!((shape(&other), other.len()), (shape(secret), secret.len()), "{other}");
    let escapes = |text: &str| text.match_indices('%').map(|(at, _)| at).collect::<Vec<_>>();
    assert_eq!(escapes(&other), escapes(secret), "{other}");
    assert_ne!(other.get(..4), secret.get(..4));
    let small = of("%6a%6b%6c%6d%6e%6f%7a%6a%6c");
    assert_eq!((small.to_lowercase(), small.contains(['a', 'b', 'c', 'd', 'e', 'f'])), (small.clone(), true));
    let large = of("%6A%6B%6C%6D%6E%6F%7A%6A%6C");
    assert_eq!((large.to_uppercase(), large.contains(['A', 'B', 'C', 'D', 'E', 'F'])), (large.clone(), true));
}

#[test]
fn a_stand_in_is_the_same_however_many_were_made_in_between() {
    let mut maker = Maker::new(Salt::new([7; 32]));
    let secret = |number: usize| format!("{TOKEN}{number}").into_bytes();
    let first: Vec<Vec<u8>> = (0..600).map(|number| maker.of(&secret(number))).collect();
    let again: Vec<Vec<u8>> = (0..600).map(|number| maker.of(&secret(number))).collect();
    assert_eq!(first, again);
    assert_eq!(first.iter().collect::<std::collections::HashSet<_>>().len(), 600);
}

/// The second of two exchanges of a session, as the line of a file would show it.
fn exchange(text: &str) -> Exchange {
    let read = crate::intake::transcript::parse(text).unwrap_or_else(|error| panic!("{error}"));
    read.steps.into_iter().next().expect("an exchange").exchange
}

const ECHO: &str = "@ 10:00:00 https://dev1.service-now.com\n> GET /a HTTP/1.1\n> Host: h\n> X-Trace: sent q7ZB3bh@n on\n\
                    < HTTP/1.1 200 OK\n<\n";

#[test]
fn a_body_that_is_left_out_is_learned_from() {
    let told = |body: &str| format!("{ECHO}< {body}\n");
    let only_requests = Telling { request: true, answer: false };
    for (body, gone) in [
        (r#"{"access_token":"q7ZB3bh@n"}"#, true),
        (r#"{"note":"nothing"}"#, false),
        (r#"{"code_verifier":"q7ZB3bh@n"}"#, true),
    ] {
        let mut scrubber = Scrubber::new(Salt::new([7; 32]));
        let (scrubbed, removed) = scrubber.scrub_keeping(&exchange(&told(body)), only_requests);
        let trace = scrubbed.request.fields.text("x-trace").unwrap().into_owned();
        assert_eq!(!trace.contains("q7ZB3bh@n"), gone, "{body}: {trace}");
        assert!(scrubbed.response().unwrap().body.bytes.is_empty());
        assert!(removed.iter().all(|removed| removed.place == "request.headers.x-trace"), "{removed:?}");
    }
}

#[test]
fn what_is_learned_later_mends_what_was_written_before() {
    let mut scrubber = Scrubber::new(Salt::new([7; 32]));
    let (before, _) = scrubber.scrub(&exchange(ECHO));
    let line = before.request.fields.text("x-trace").unwrap().into_owned();
    assert_eq!((line.as_str(), scrubber.mended(line.as_bytes())), ("sent q7ZB3bh@n on", None));
    let learned = scrubber.learned();
    scrubber.learn(&exchange(
        "@ 10:00:00 https://dev1.service-now.com\n> GET /?access_token=q7ZB3bh%40n HTTP/1.1\n> Host: h\n< HTTP/1.1 200 OK\n<\n",
    ));
    assert!(scrubber.learned() > learned);
    let forms = scrubber.learned_since(learned);
    assert!(forms.contains(&b"q7ZB3bh@n".to_vec()) && forms.contains(&b"q7ZB3bh%40n".to_vec()));
    let mended = String::from_utf8(scrubber.mended(line.as_bytes()).unwrap()).unwrap();
    assert_eq!((mended.len(), pattern(&mended), mended.contains("q7Z")), (line.len(), pattern(&line), false));
}

#[test]
fn rules_have_their_names() {
    use Rule::*;
    let names = [Name, Basic, JwtSignature, Pkce, KnownElsewhere, UnreadableBody].map(Rule::as_str);
    let known = ["name-or-look", "basic-password", "jwt-signature", "pkce", "known-elsewhere", "unreadable-body"];
    assert_eq!(names, known);
}

#[test]
fn a_verifier_within_a_text_within_a_text_is_exchanged_there() {
    let mut scrubber = Scrubber::new(Salt::new([7; 32]));
    let body = r#"{"log":"sent \"code_verifier\":\"short-Verifier-123\" and \"password\" of a\u002Fb","x":"y"}"#;
    let (scrubbed, _) = scrubber.scrub(&exchange(&format!("{ECHO}< {body}\n")));
    let text = String::from_utf8_lossy(&scrubbed.response().unwrap().body.bytes).into_owned();
    assert!(!text.contains("short-Verifier") && text.starts_with(r#"{"log":"sent \"code_verifier\":\""#), "{text}");
    assert!(text.ends_with(r#"\" and \"password\" of a\u002Fb","x":"y"}"#), "{text}");
    assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
}

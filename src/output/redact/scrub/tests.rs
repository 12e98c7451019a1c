//! Stand-ins: what they keep of a secret, and what they do not.

use super::*;
use crate::wire::{basic, bearer, oauth};

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
        "пароль",
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

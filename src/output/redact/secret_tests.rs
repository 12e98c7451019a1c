//! What is shown of secrets, and what is not.

use super::super::shown::Shown;
use super::*;

const TOKEN: &str = "B1wSEk09CHPEwLCMMfkbL8Xre008lPKQV3XbCgGGfVUIQ6qxThf8BwkVgTzeel0jJdlSBai3TXcfWB7nUQmxAA";

fn shown(raw: &str, writing: Writing) -> String {
    let salt = Salt::new([7; 32]);
    let shaper = Shaper { salt: &salt, at: Millis(1_793_613_600_000), whole: false };
    let text = Shown::new(raw.as_bytes(), shaper.marks(0, raw.as_bytes(), writing)).text();
    // Tags depend on the key alone; here only their places matter.
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once(" #") {
        out.push_str(before);
        out.push_str(" #");
        rest = after.split_once('…').map_or("", |(_, rest)| rest);
    }
    out + rest
}

#[test]
fn a_token_is_its_length_and_tag() {
    assert_eq!(shown(TOKEN, Writing::Token), "‹86 chars #›");
    assert_eq!(shown("0123456789abcdef0123456789abcdef", Writing::Token), "‹32 hex chars #›");
    assert_eq!(shown("a", Writing::Token), "‹1 char #›");
    assert_eq!(shown("", Writing::Token), "");
}

#[test]
fn what_is_odd_about_a_token_stays_visible() {
    assert_eq!(shown(&format!("\"{TOKEN}\""), Writing::Token), "\"‹86 chars #›\"");
    assert_eq!(shown(&format!("{TOKEN}\n"), Writing::Token), "‹86 chars #›\\n");
    assert_eq!(shown(&format!("abc\u{200b}{TOKEN}"), Writing::Token), "‹3 chars›\\u{200b}‹86 chars #›");
    assert_eq!(shown(&format!("abc%2B{TOKEN}"), Writing::Token), "‹3 chars›%2B‹86 chars #›");
    assert_eq!(shown(&format!("Bearer {TOKEN}"), Writing::Token), "Bearer ‹86 chars #›");
    assert_eq!(shown(&format!("Authorization: Bearer {TOKEN}"), Writing::Token), "Authorization: Bearer ‹86 chars #›");
    assert_eq!(shown(&format!("<{TOKEN}>"), Writing::Token), "<‹86 chars #›>");
}

#[test]
fn placeholders_and_words_for_nothing_are_no_secrets() {
    for text in
        ["{{access_token}}", "${X}", "undefined", "null", "\"None\"", "<your token>", "YOUR_ACCESS_TOKEN", "$TOKEN"]
    {
        assert_eq!(shown(text, Writing::Token), text);
    }
    assert_eq!(shown("%7B%7Bclient_secret%7D%7D", Writing::Encoded), "%7B%7Bclient_secret%7D%7D");
    assert!(shown("%7B%7Bclient_secret%7D%7D", Writing::Plain).starts_with('‹'), "a password may be written so");
    assert_eq!(shown("abc{{x}}de", Writing::Token), "‹3 chars›{{x}}‹2 chars›");
}

#[test]
fn what_only_looks_like_a_placeholder_is_hidden() {
    assert_eq!(shown("{{tR4nd0mS3cr3tV4lu3xYz}}", Writing::Plain), "‹25 chars #›");
    for password in ["my_password", "$winter", "token-user", "secret_key"] {
        assert!(shown(password, Writing::Plain).starts_with('‹'), "{password}");
    }
}

#[test]
fn of_a_password_only_edges_and_controls_are_seen() {
    assert_eq!(shown("corr ect\"horse", Writing::Plain), "‹14 chars #›");
    assert_eq!(shown("secret99\n", Writing::Plain), "‹8 chars #›\\n");
    assert_eq!(shown("\"secret99\"", Writing::Plain), "\"‹8 chars #›\"");
    assert_eq!(shown(" secret99", Writing::Plain), " ‹8 chars #›");
    assert_eq!(shown("пароль", Writing::Plain), "‹6 chars #›");
    assert_eq!(shown("p%40ss+word%0A", Writing::Encoded), "‹4 chars›+‹4 chars›%0A");
}

#[test]
fn a_value_of_odd_bytes_is_one_shape() {
    assert_eq!(shown("!!!!!!!!!!a", Writing::Token), "‹11 chars #›");
    assert_eq!(shown("a!b!c!d!e!f!g!h!i!j!k!l!m!n!", Writing::Token), "‹28 chars #›");
}

/// Nothing of it would be left to hide: all of it is hidden.
#[test]
fn what_is_odd_from_end_to_end_is_hidden_and_blanks_are_not() {
    assert_eq!(shown("!@[];,()", Writing::Token), "‹8 chars #›");
    assert_eq!(shown("Bearer !@[];,()", Writing::Token), "Bearer ‹8 chars #›");
    for blank in ["  ", "\"  \"", " ' ", "``"] {
        assert_eq!(shown(blank, Writing::Plain), blank);
    }
}

/// In front of a token; a password may begin with any word.
#[test]
fn scheme_words_stand_in_front_of_a_token_and_of_nothing_else() {
    for (value, words) in [("Bearer x1", 7), ("basic: abc", 7), ("Token=token=x", 12), ("Bearer ", 0), ("oauth", 0)] {
        assert_eq!(leading_words(value.as_bytes()), words, "{value}");
        let covered = |writing| whole(0, value.as_bytes(), writing).into_iter().map(|mark| mark.range).next();
        assert_eq!(covered(Writing::Token), Some(words..value.len()), "{value}");
        assert_eq!(covered(Writing::Plain), Some(0..value.len()), "{value}");
    }
    for variable in ["$env:token", "$TOKEN"] {
        assert_eq!(shown(variable, Writing::Plain), variable);
    }
}

#[test]
fn a_jwt_says_its_algorithm_and_when_it_ends() {
    use base64::Engine;
    let part = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let token = |exp: i64| format!("{}.{}.c2ln", part(r#"{"alg":"RS256"}"#), part(&format!(r#"{{"exp":{exp}}}"#)));
    assert_eq!(shown(&token(1_793_615_400), Writing::Token), "‹JWT alg RS256, exp 10:30:00 #›");
    assert_eq!(shown(&token(1_700_000_000), Writing::Token), "‹JWT alg RS256, exp 2023-11-14 22:13:20 #›");
}

/// Whatever its field or its end made of it, the secret itself is among what is learned.
#[test]
fn what_is_learned_is_the_secret_without_what_is_around_it() {
    let salt = Salt::new([7; 32]);
    let shaper = Shaper { salt: &salt, at: Millis(0), whole: false };
    for (raw, writing, secret) in [
        ("\"q7ZB3bh@$\"", Writing::Token, "q7ZB3bh@$"),
        ("Bearer <q7ZB3bh@$>", Writing::Token, "q7ZB3bh@$"),
        ("q7ZB3bh@$\u{200b}\n", Writing::Token, "q7ZB3bh@$"),
        ("q7ZB%33bh%40%24", Writing::Token, "q7ZB3bh@$"),
        ("%22q7ZB3+h@$%22", Writing::Encoded, "q7ZB3 h@$"),
        ("q7ZB3+h%40$", Writing::Encoded, "q7ZB3+h@$"),
        ("q7ZB3%h$%", Writing::Encoded, "q7ZB3%h$%"),
        ("q7ZB3&amp;h&#64;$", Writing::Markup, "q7ZB3&h@$"),
        ("q7ZB\u{200b}3h$", Writing::Plain, "q7ZB\u{200b}3h$"),
    ] {
        let marks = shaper.marks(0, raw.as_bytes(), writing);
        let learned = marks.iter().flat_map(|mark| &mark.secrets);
        assert!(learned.into_iter().any(|learned| learned == secret.as_bytes()), "{raw}: {marks:?}");
    }
    let around = shaper.marks(0, b"abc{{token}}def", Writing::Token);
    assert!(around.iter().all(|mark| !mark.aside), "what stands around a variable is no secret as a whole");
}

//! Secrets that were met are found again in whatever writing, until they are forgotten.

use proptest::prelude::*;

use super::super::coded::{STANDARD, URL_SAFE};
use super::*;
use crate::wire::form;

/// A value of 4096 bytes that no other number gives.
fn long(number: u64) -> Vec<u8> {
    let word = |at: u64| format!("{:016x}Zq", (number * 1000 + at + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    (0..256).flat_map(|at| word(at).into_bytes()).take(4096).collect()
}

#[test]
fn the_oldest_is_forgotten_when_the_memory_is_full() {
    let mut known = Known::default();
    let stand_in = vec![b'x'; 4096];
    known.learn(&long(0), &stand_in);
    assert!(known.is_in(&long(0)));
    let mut number = 0;
    while known.is_in(&long(0)) && number < 20_000 {
        number += 1;
        known.learn(&long(number), &stand_in);
        assert!(known.bytes <= BYTES);
    }
    // Four megabytes of secrets as long as their stand-ins.
    assert!((480..500).contains(&number), "forgotten after {number}");
    assert!(known.is_in(&long(number)) && known.is_in(&long(number - 50)));
    known.learn(&long(0), &stand_in);
    assert!(known.is_in(&long(0)), "what is met again is known again");
}

#[test]
fn what_was_learned_since_is_all_of_it_and_no_more() {
    let mut known = known("q7Z3z6a8d9mp4nQYfYx3VK");
    let before = known.learned();
    assert!(known.since(before).is_empty());
    known.learn(b"kW3n/V8pQ2rT6yX1zB4c", b"xxxxxxxxxxxxxxxxxxxx");
    let new = known.since(before);
    assert_eq!(known.learned(), before + 1);
    assert!(new.contains(&b"kW3n/V8pQ2rT6yX1zB4c".to_vec()) && new.contains(&b"kW3n%2FV8pQ2rT6yX1zB4c".to_vec()));
    assert!(new.contains(&b"kW3n%2fV8pQ2rT6yX1zB4c".to_vec()), "as others write it");
    assert!(!new.iter().any(|form| form.starts_with(b"q7Z3")));
}

#[test]
fn a_digit_too_many_hides_nothing() {
    let secret = "q7Z3z6a8d9mp4nQYfYx3VK";
    for coded in [STANDARD.encode(format!("xy{secret}")), URL_SAFE.encode(format!("{secret}xy"))] {
        let written = format!("<{coded}Z>");
        assert_eq!(coded.len() % 4, 0);
        let other = known(secret).exchanged(written.as_bytes()).unwrap();
        assert_eq!((other.len(), other.ends_with(b"Z>")), (written.len(), true));
        assert!(!other.windows(12).any(|part| written.as_bytes()[8..24].starts_with(part)));
    }
}

/// `+` and `/` are digits of base64 like others.
#[test]
fn base64_is_read_through_its_marks() {
    let secret = "q7?>~~?Z6>~?>~?w>?~";
    for before in ["", "x", "xy"] {
        let coded = STANDARD.encode(format!("{before}{secret}"));
        assert!(coded.contains(['+', '/']), "{coded}");
        assert!(known(secret).is_in(format!("id {coded} of it").as_bytes()), "{coded}");
    }
}

/// A form writes a blank as `+`, and not every form escapes what others escape.
#[test]
fn blanks_of_a_secret_are_known_as_plus_signs() {
    for written in ["q7Z6+Xi%2bwo!sY", "q7Z6+Xi+wo!sY", "q7Z6%20Xi%2Bwo%21sY", "q7Z6+%58i%2Bwo!sY"] {
        let known = known(if written.contains("Xi+") { "q7Z6 Xi wo!sY" } else { "q7Z6 Xi+wo!sY" });
        assert!(known.is_in(format!("x={written}&y=1").as_bytes()), "{written}");
    }
}

/// The depth of what a stranger wrote is not the depth of our stack.
#[test]
fn what_is_encoded_again_and_again_is_undone_a_few_times() {
    let text = format!("%{}41", "25".repeat(20_000));
    let known = known("q7Z6$Xi+wo!sY");
    assert_eq!((known.exchanged(text.as_bytes()), known.found(text.as_bytes()).len()), (None, 0));
}

/// Letters, digits and marks, mixed enough to be looked for.
fn secret() -> impl Strategy<Value = String> {
    "[A-Za-z0-9+/=%&\"~_.-]{6,40}".prop_map(|text| format!("{text}a1"))
}

fn known(secret: &str) -> Known {
    let mut known = Known::default();
    known.learn(secret.as_bytes(), "x".repeat(secret.len()).as_bytes());
    known
}

proptest! {
    #[test]
    fn a_secret_is_found_in_whatever_form(secret in secret(), before in "[a-z:{\" ]{0,9}", after in "[a-z:}\" ]{0,9}") {
        let known = known(&secret);
        let text = format!("{before}{secret}{after}");
        let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        let both_cases: String =
            hex.chars().enumerate().map(|(at, c)| if at % 3 == 0 { c.to_ascii_uppercase() } else { c }).collect();
        let slashes = secret.replace('"', "\\\"").replace('/', "\\/");
        let coded = [STANDARD.encode(&text), URL_SAFE.encode(&text), hex.to_ascii_uppercase(), hex, both_cases];
        let written = coded.into_iter().chain([form::encode(&secret), slashes, text]);
        for written in written {
            let line = format!("{{\"value\":\"{written}\"}}");
            prop_assert!(known.is_in(line.as_bytes()), "{}", line);
            let other = known.exchanged(line.as_bytes()).unwrap_or_default();
            prop_assert!(!known.is_in(&other), "{}", String::from_utf8_lossy(&other));
        }
    }

    #[test]
    fn what_was_forgotten_leaves_nothing(secret in secret()) {
        let mut known = known(&secret);
        known.forget_oldest();
        prop_assert!(!known.is_in(secret.as_bytes()) && known.coded.is_empty() && known.bytes == 0);
    }
}

/// Percent-encoded as JavaScript, Java, Python and half a hand do it, escaped as .NET and PHP do, in markup, each in each.
#[test]
fn whoever_wrote_it_a_secret_is_found() {
    let secret = "q7Z6$Xi+wo!sY6/38&n3";
    let written = [
        "q7Z6%24Xi%2Bwo!sY6%2F38%26n3",
        "q7Z6%24Xi%2Bwo%21sY6/38%26n3",
        "q7Z6%24Xi+wo!sY6/38%26n3",
        "q7Z6$Xi%2bwo!sY6/38&n3",
        "%71%37Z6$Xi%2Bwo!sY6/38&n3",
        "q7Z6%2524Xi%252Bwo%2521sY6%252F38%2526n3",
        r"q7Z6$Xi\u002Bwo!sY6/38\u0026n3",
        r"q7Z6$Xi\u002bwo!sY6\/38\u0026n3",
        r"q7Z6$Xi\\u002Bwo!sY6\\/38\\u0026n3",
        "q7Z6&#36;Xi&#x2b;wo!sY6/38&amp;n3",
        r"q7Z6%24Xi\u002Bwo!sY6/38&amp;n3",
    ];
    let mut shown = Known::default();
    shown.learn_shown(secret.as_bytes(), "‹secret›");
    for written in written {
        let line = format!("said: {written}, and went");
        let other = known(secret).exchanged(line.as_bytes()).unwrap_or_else(|| panic!("{line}"));
        let other = String::from_utf8(other).unwrap();
        assert!(!other.contains("q7Z6") && other.starts_with("said: ") && other.ends_with(", and went"), "{other}");
        let found = shown.found(line.as_bytes());
        assert!(found.iter().any(|(range, _)| *range == (6..6 + written.len())), "{line}: {found:?}");
    }
}

/// A row of digits that stands right behind other digits begins anywhere in a group.
#[test]
fn what_a_coded_secret_is_glued_to_does_not_hide_it() {
    let secret = "q7Z6$Xi!wosY";
    for inside in ["", "x", "xy", "xyz"] {
        let plain = format!("{inside}{secret}{inside}");
        let hex: String = plain.bytes().map(|byte| format!("{byte:02x}")).collect();
        for coded in [STANDARD.encode(&plain), URL_SAFE.encode(&plain), hex.to_ascii_uppercase(), hex] {
            for before in ["", "a", "ab", "id-", "a/b/c", "t_"] {
                let line = format!("<{before}{coded}Z>");
                let known = known(secret);
                let other = known.exchanged(line.as_bytes()).unwrap_or_else(|| panic!("{line}"));
                assert!(!known.is_in(&other), "{line}");
                assert_eq!((other.len(), &other[..=before.len()]), (line.len(), &line.as_bytes()[..=before.len()]));
                let found = known.found(line.as_bytes()).into_iter().map(|(range, _)| range);
                let digits = found.reduce(|one, other| one.start.min(other.start)..one.end.max(other.end)).unwrap();
                assert!(digits.start > before.len() && digits.end < line.len(), "{line}: {digits:?}");
            }
        }
    }
}

proptest! {
    /// Tokens of one issuer begin alike.
    #[test]
    fn of_forms_that_begin_alike_the_longest_is_found(
        ends in proptest::collection::vec("[ab]{0,4}", 1..12),
        end in "[ab]{0,6}"
    ) {
        let mut known = Known::default();
        let form = |end: &String| format!("Q7z3-same{end}");
        ends.iter().for_each(|end| known.add(Arc::from(form(end).as_bytes()), end.clone().into_bytes()));
        let text = format!("{}!", form(&end));
        let longest = ends.iter().filter(|end| text.starts_with(&form(end))).max_by_key(|end| end.len());
        let found = known.form_at(text.as_bytes()).map(|(length, form)| (length, form.stand_in.clone()));
        prop_assert_eq!(found, longest.map(|end| (form(end).len(), end.clone().into_bytes())));
    }
}

#[test]
fn of_what_is_forgotten_nothing_is_left() {
    let mut known = Known::default();
    for secret in ["q7Z3z6a8d9mp4nQYfYx3VK", "q7Z3z6a8+9mp4 QYfYx3VK", "kW3n/V8pQ2rT6yX1zB4c"] {
        known.learn(secret.as_bytes(), b"xxxxxxxxxxxxxxxxxxxxxx");
    }
    assert!(known.has_blanks());
    while !known.order.is_empty() {
        known.forget_oldest();
    }
    assert!(known.is_empty() && known.starts.is_empty() && known.coded.is_empty() && known.plain.is_empty());
    assert!(!known.has_blanks() && known.bytes == 0);
}

/// Two tokens of one issuer: what is kept of their beginnings is of both.
#[test]
fn of_two_that_begin_alike_one_is_forgotten_and_the_other_is_still_found() {
    let (one, other) = ("q7Z3z6a8d9mp4nQYfYx3VK", "q7Z3z6a8d9mpW2rT6yX1zB");
    let hex: String = other.bytes().map(|byte| format!("{byte:02x}")).collect();
    let written = [other.to_owned(), STANDARD.encode(other), URL_SAFE.encode(format!("x{other}")), hex];
    let mut both = known(one);
    both.learn(other.as_bytes(), &b"x".repeat(other.len()));
    let before = both.changes();
    both.forget_oldest();
    assert!(both.changes() > before, "what was forgotten is a change as well");
    assert_eq!(both.bytes, known(other).bytes);
    assert!(!both.is_in(one.as_bytes()));
    for text in written {
        assert!(both.is_in(format!("x={text}&y").as_bytes()), "{text}");
    }
}

#[test]
fn a_secret_is_learned_once_and_a_word_never() {
    let mut known = known("q7Z3z6a8d9mp4nQYfYx3VK");
    let (learned, bytes) = (known.learned(), known.bytes);
    for known_or_weak in ["q7Z3z6a8d9mp4nQYfYx3VK", "incident", "a1", ""] {
        known.learn(known_or_weak.as_bytes(), b"another stand-in");
        assert_eq!((known.learned(), known.bytes, known.order.len()), (learned, bytes, 1), "{known_or_weak}");
    }
}

/// Almost every place of a text is passed over, and a place that is not is looked at closely.
#[test]
fn a_text_without_a_beginning_is_done_with_at_once() {
    let known = known("q7Z3z6a8d9mp4nQYfYx3VK");
    let far = |window: &str| known.ahead_of(window.as_bytes().first_chunk().unwrap());
    assert_eq!((far("--------"), far("q7Z3z6a8"), far("xq7Z3z6a"), far("xxxxxq7Z")), (FAR, 0, 1, 5));
    assert!(known.may_be_in(b"of q7Z3z6a8"));
    for text in ["nothing of it stands here", "it ends as one begins: xxxxx6a8, and xxxx6a8x", "q7Z3z6a", ""] {
        assert!(!known.may_be_in(text.as_bytes()), "{text}");
    }
}

#[test]
fn letters_have_places_of_their_own_in_the_table() {
    let all = |first: u8| (b'a'..=b'z').flat_map(move |second| (b'a'..=b'z').map(move |third| [first, second, third]));
    let places: HashSet<usize> = (b'a'..=b'p').flat_map(all).map(place).collect();
    assert_eq!(places.len(), 16 * 26 * 26);
    assert_eq!((place(*b"aF7"), place(*b"k%2")), (place(*b"Af7"), place(*b"K%2")), "whatever their case");
}

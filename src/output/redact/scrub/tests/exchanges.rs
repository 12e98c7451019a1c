//! What becomes of exchanges, one after the other.

use super::*;

/// What is evidence in a client's id, and what went astray into its place.
#[test]
fn a_client_id_stays_and_a_secret_in_its_place_does_not() {
    for (id, stays) in
        [("partner-portal.v2", true), ("Harbour!12", false), ("kW3nV8pQ2rT6yX1zB4cF7", false), ("deadbeef", true)]
    {
        for target in [format!("/a?client_id={id}&x=1"), format!("/a?x=1&client_id={id}"), format!("/a#client_id={id}")]
        {
            let story =
                format!("@ 10:00:00 https://h.example\n> GET {target} HTTP/1.1\n> Host: h\n< HTTP/1.1 200 OK\n<\n");
            let (scrubbed, _) = Scrubber::new(Salt::new([7; 32])).scrub(&exchange(&story));
            assert_eq!(scrubbed.request.target.contains(id), stays, "{}", scrubbed.request.target);
        }
    }
    for (id, is) in [
        ("fba32103a0130d7755f10709edfe7474", true),
        ("8f14e45f-ceea-167a-5a36-dedd4bea2543", true),
        ("deadbeef12", false),
        ("fba32103a0130d7755f10709edfe747z", false),
    ] {
        assert_eq!(public::is_id(id), is, "{id}");
    }
}

/// Fields are remembered, but judged anew where more is known.
#[test]
fn a_field_that_was_met_is_judged_by_what_is_known_now() {
    let get = |line: &str| {
        format!("@ 10:00:00 https://h.example\n> GET /a HTTP/1.1\n> Host: h\n> {line}\n< HTTP/1.1 200 OK\n<\n")
    };
    let mut scrubber = Scrubber::new(Salt::new([7; 32]));
    let mut field = |line: &str, name: &str| {
        scrubber.scrub(&exchange(&get(line))).0.request.fields.text(name).unwrap_or_default().into_owned()
    };
    field("X-UserToken: Harbour@12", "x-usertoken");
    assert!(field("X-Trace: sent Harbour@12-North!34 on", "x-trace").ends_with("-North!34 on"));
    field("X-UserToken: Harbour@12-North!34", "x-usertoken");
    assert!(!field("X-Trace: sent Harbour@12-North!34 on", "x-trace").contains("North"));
}

/// A form's value as it is written is perhaps the secret itself: `+` was not meant to be a blank.
#[test]
fn a_secret_that_was_not_encoded_is_known_as_it_was_sent() {
    use base64::Engine;
    let coded = base64::engine::general_purpose::STANDARD.encode("svc:q7Z6+Xi@wosY");
    let story = format!(
        "@ 10:00:00 https://h.example\n> POST /a?client_secret=q7Z6+Xi%40wosY HTTP/1.1\n> Host: h\n> X-Trace: {coded}\n< HTTP/1.1 200 OK\n<\n"
    );
    let (scrubbed, _) = Scrubber::new(Salt::new([7; 32])).scrub(&exchange(&story));
    let trace = scrubbed.request.fields.text("x-trace").unwrap().into_owned();
    assert!(trace != coded && trace.starts_with("c3Zj"), "{trace}");
}

/// Each level is a parameter of the one above it.
#[test]
fn a_short_password_in_texts_within_texts_is_found_five_levels_down() {
    let wrapped = |levels: usize| {
        let mut text = "password=Moor9".to_owned();
        (0..levels).for_each(|_| text = format!("x={}", crate::wire::form::encode(&text)));
        text
    };
    let mut scrubber = Scrubber::new(Salt::new([7; 32]));
    let mut work = |text: &str| {
        let story =
            format!("@ 10:00:00 https://h.example\n> GET /a?{text} HTTP/1.1\n> Host: h\n< HTTP/1.1 200 OK\n<\n");
        scrubber.scrub(&exchange(&story)).0.request.target
    };
    for levels in 0..=5 {
        assert!(!work(&wrapped(levels)).contains("Moor9"), "{levels}");
    }
    assert!(work(&wrapped(9)).contains("Moor9"), "a short one is not known elsewhere: so deep nothing is looked for");
}

#[test]
fn nothing_is_noted_where_nothing_was_removed() {
    let removed = |target: &str| {
        let story = format!("@ 10:00:00 https://h.example\n> GET {target} HTTP/1.1\n> Host: h\n< HTTP/1.1 200 OK\n<\n");
        Scrubber::new(Salt::new([7; 32])).scrub(&exchange(&story)).1.len()
    };
    assert_eq!((removed("/a?password=%26%26%26"), removed("/a?password=Moor9")), (0, 1));
}

/// Somebody wrote the whole line into the field of the name.
#[test]
fn a_field_that_is_named_by_its_secret_is_not_named_so_among_the_removals() {
    let secret = "Zk4Wq9TnB2xLr7Vd0Ys5";
    let line = format!("X-Secret-{secret}: {secret}");
    let story = format!("@ 10:00:00 https://h.example\n> GET /a HTTP/1.1\n> Host: h\n> {line}\n< HTTP/1.1 200 OK\n<\n");
    let (scrubbed, removed) = Scrubber::new(Salt::new([7; 32])).scrub(&exchange(&story));
    let named = |bytes: &[u8]| lossy(bytes).to_lowercase().contains(&secret.to_lowercase());
    assert!(!scrubbed.request.fields.0.iter().any(|field| named(&field.name) || named(&field.value)));
    assert!(removed.len() > 1 && !removed.iter().any(|removed| named(removed.place.as_bytes())), "{removed:?}");
    assert!(removed.iter().all(|removed| removed.place.starts_with("request.head")), "{removed:?}");
}

/// What is told of a break may quote what came.
#[test]
fn why_an_answer_broke_off_is_told_without_its_secrets() {
    let secret = "Zk4Wq9TnB2xLr7Vd0Ys5";
    let line = format!("Authorization: Bearer {secret}");
    let story = format!("@ 10:00:00 https://h.example\n> GET /a HTTP/1.1\n> Host: h\n> {line}\n< HTTP/1.1 200 OK\n<\n");
    let mut cut = exchange(&story);
    let Outcome::Answered(answer) = &mut cut.outcome else { panic!("no answer") };
    let (phase, detail) = (crate::model::Phase::ReadBody, format!("broke off after {secret}, unasked"));
    answer.cut = Some(Failure { phase, kind: FailureKind::Reset, detail, status: None });
    let (scrubbed, removed) = Scrubber::new(Salt::new([7; 32])).scrub(&cut);
    let told = scrubbed.response().unwrap().cut.as_ref().unwrap();
    assert_eq!((told.phase, &told.kind), (phase, &FailureKind::Reset));
    assert!(told.detail.starts_with("broke off after ") && told.detail.ends_with(", unasked"), "{}", told.detail);
    assert!(
        !told.detail.contains(secret) && removed.iter().any(|removed| removed.place == "connection"),
        "{removed:?}"
    );
}

/// A shell leaves of `Lake$Beta!Reed7` what was met before: both have to lose the same.
#[test]
fn a_field_that_was_met_is_judged_anew_when_a_password_turned_out_to_be_a_part_of_another() {
    let mut scrubber = Scrubber::new(Salt::new([7; 32]));
    let mut field = |password: &str| {
        let story = format!(
            "@ 10:00:00 https://h.example\n> GET /a HTTP/1.1\n> Host: h\n> X-UserToken: {password}\n< HTTP/1.1 200 OK\n<\n"
        );
        scrubber.scrub(&exchange(&story)).0.request.fields.text("x-usertoken").unwrap().into_owned()
    };
    field("Tin$Alpha!Moor9");
    let before = field("Lake!Reed7");
    let whole = field("Lake$Beta!Reed7");
    let after = field("Lake!Reed7");
    assert_ne!(after, before);
    assert_eq!(whole.replacen(whole.get(4..9).unwrap(), "", 1), after);
}

/// Whoever keeps what was made asks whether it would be made again.
#[test]
fn what_was_made_stays_until_something_in_it_is_known_or_judged_otherwise() {
    let mut scrubber = Scrubber::new(Salt::new([7; 32]));
    let learn = |scrubber: &mut Scrubber, password: &str| {
        let target = format!("/a?password={password}");
        scrubber.learn(&exchange(&format!(
            "@ 10:00:00 https://h.example\n> GET {target} HTTP/1.1\n> Host: h\n< HTTP/1.1 200 OK\n<\n"
        )));
    };
    let then = scrubber.state();
    assert!(scrubber.still(then, true, b"sent q7ZB3bh@n on"), "nothing happened");
    learn(&mut scrubber, "q7ZB3bh@n");
    assert!(scrubber.still(then, false, b"sent nothing on"));
    assert!(!scrubber.still(then, false, b"sent q7ZB3bh@n on"));
    assert!(!scrubber.still(then, true, b"sent nothing on"), "of what was known once more may be known now");
    let then = scrubber.state();
    learn(&mut scrubber, "Tin$Alpha!Moor9");
    assert!(!scrubber.still(then, false, b"sent nothing on"), "stand-ins changed");
}

#[test]
fn only_a_long_text_without_secrets_is_passed_over_the_next_time() {
    let only_requests = Telling { request: true, answer: false };
    let rest = "nothing of it. ".repeat(400);
    for (body, dull) in [
        (format!(r#"{{"note":"{rest}"}}"#), true),
        (format!(r#"{{"access_token":"q7ZB3bh@n","note":"{rest}"}}"#), false),
        (r#"{"note":"nothing"}"#.to_owned(), false),
    ] {
        let mut scrubber = Scrubber::new(Salt::new([7; 32]));
        for time in 0..2 {
            scrubber.scrub_keeping(&exchange(&format!("{ECHO}< {body}\n")), only_requests);
            assert_eq!(scrubber.dull.has(body.as_bytes()), dull, "{time}: {} bytes", body.len());
        }
    }
}

#[test]
fn a_body_that_was_left_out_before_says_so_still() {
    let mut exchange = exchange(ECHO);
    let Outcome::Answered(answer) = &mut exchange.outcome else { panic!("it was answered") };
    answer.body = Body { length: 815, left_out: Some(4711), ..Body::default() };
    let (scrubbed, _) = Scrubber::new(Salt::new([7; 32])).scrub(&exchange);
    let body = &scrubbed.response().unwrap().body;
    assert_eq!((body.left_out, body.length, body.bytes.len()), (Some(4711), 815, 0));
}

/// A password that only ends as a parameter of PKCE does.
#[test]
fn what_stands_before_a_verifier_in_a_secret_is_exchanged_with_it() {
    for password in ["Moor9code_verifier=ab1", "code_verifier=ab1!Moor9", "Moor9code_challenge=ab1+Moor9"] {
        let story = format!(
            "@ 10:00:00 https://h.example\n> GET /a?password={password} HTTP/1.1\n> Host: h\n< HTTP/1.1 200 OK\n<\n"
        );
        let target = Scrubber::new(Salt::new([7; 32])).scrub(&exchange(&story)).0.request.target;
        assert!(target.starts_with("/a?password=") && !target.contains("Moor9"), "{target}");
    }
}

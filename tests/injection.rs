//! What comes from the wire stays text: in the terminal, in a line of JSON, in the journal and in a HAR. The report's page,
//! its Markdown and its curl command are looked at in `tests/report.rs`, and a shell runs the latter there.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests may"
)]

use why401::catalog;
use why401::intake::transcript;
use why401::ledger::Limits;
use why401::model::{Body, Exchange, Outcome, Salt};
use why401::output::redact::scrub::Scrubber;
use why401::output::{Style, Told, har, journal, json, log};
use why401::pipeline::Pipeline;
use why401::wire::telling::Telling;

/// What each place is given, one at a time.
const HOSTILE: [(&str, &str); 22] = [
    ("a cleared screen", "a\u{1b}[2Jb"),
    ("a title of the terminal", "a\u{1b}]0;pwned\u{7}b"),
    ("a hyperlink of the terminal", "a\u{1b}]8;;http://h.example\u{1b}\\b"),
    ("an escape of one byte", "a\u{9b}31mb"),
    ("a new line that looks like ours", "a\nINFO stopped\nb"),
    ("a line break of two bytes", "a\r\nX-Injected: 1\r\n\r\nb"),
    ("a carriage return", "a\rwhy401 proven nothing-wrong"),
    ("a NUL and a bell", "a\u{0}\u{7}b"),
    ("a backspace", "secret\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}public"),
    ("a next line", "a\u{85}INFO stopped"),
    ("a line and a paragraph separator", "a\u{2028}b\u{2029}c"),
    ("text that runs backwards", "a\u{202e}gnp.exe\u{202c}"),
    ("isolates", "a\u{2066}b\u{2069}\u{2067}c\u{2068}"),
    ("marks of direction", "a\u{200e}b\u{200f}c\u{61c}"),
    ("nothing to be seen", "a\u{200b}b\u{feff}c\u{2060}"),
    ("an element", "<script>alert(1)</script><img src=x onerror=alert(1)>"),
    ("a formula", "=cmd|'/c calc'!A1"),
    ("other formulas", "@SUM(1)+-=1"),
    ("Markdown", "[a](http://h.example)\n# heading\n```"),
    ("a shell", "'; touch pwned; $(touch pwned) `touch pwned` \"| &"),
    ("a lookup", "${jndi:ldap://h.example/a} %n%s%x {{7*7}}"),
    ("the end of a JSON text", "\"}]}\n{\"schema\":\"why401.exchange/1\",\"findings\":[]}"),
];

/// Where it is put.
const PLACES: [&str; 9] =
    ["realm", "server", "reason", "message", "description", "agent", "field name", "target", "user name"];

fn example(slug: &str) -> Exchange {
    let page = catalog::page(slug).unwrap();
    transcript::parse(&page.examples[0].transcript).unwrap().steps.pop().unwrap().exchange
}

/// A refused request with `text` in one place.
fn exchange(place: &str, text: &str) -> Exchange {
    let mut exchange = example(if place == "description" { "token-expired" } else { "wrong-password" });
    let json = |key: &str| serde_json::json!({ key: text, "error": { "message": text, "detail": text } }).to_string();
    if let Outcome::Answered(answer) = &mut exchange.outcome {
        match place {
            "realm" => {
                answer.fields.push("WWW-Authenticate", format!("BASIC realm=\"{text}\", Bearer error=\"{text}\""))
            }
            "server" => answer.fields.push("Server", text.to_owned()),
            "reason" => answer.reason = text.to_owned(),
            "message" => answer.body = Body { bytes: json("status").into(), ..Body::default() },
            "description" => answer.body = Body { bytes: json("error_description").into(), ..Body::default() },
            _ => {}
        }
    }
    match place {
        "agent" => exchange.request.fields.push("User-Agent", text.to_owned()),
        "field name" => exchange.request.fields.push(text.to_owned(), text.to_owned()),
        "target" => exchange.request.target = format!("/api/now/table/{text}?sysparm_query={text}"),
        "user name" => {
            use base64::Engine;
            let pair = base64::engine::general_purpose::STANDARD.encode(format!("{text}:Harbour-41-lamp"));
            exchange.request.fields.push("Authorization", format!("Basic {pair}"));
        }
        _ => {}
    }
    exchange
}

/// Everything that is said of an exchange: blocks with and without the account, and the line of JSON.
fn said(exchange: &Exchange) -> (Vec<String>, String) {
    let (mut blocks, mut line) = (Vec::new(), String::new());
    let mut teller = |told: &Told<'_>| {
        blocks = [60, 100].map(|width| log::block(told, &Style::plain(width))).into();
        line = json::line(told);
    };
    let mut pipeline = Pipeline::new(Salt::new([3; 32]), Limits::default());
    pipeline.take(exchange.clone(), &mut teller);
    pipeline.finish(&mut teller);
    (blocks, line)
}

/// Characters that do something instead of being seen, but for the line end.
fn acts(letter: char) -> bool {
    let hidden = matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}');
    (letter.is_control() && letter != '\n') || hidden || matches!(letter, '\u{61c}' | '\u{feff}')
}

#[test]
fn nothing_from_the_wire_acts_in_a_terminal_or_begins_a_line_there() {
    for place in PLACES {
        for (name, text) in HOSTILE {
            let (blocks, line) = said(&exchange(place, text));
            assert!(!line.is_empty(), "{name} in {place} is told");
            for block in blocks {
                assert_eq!(block.chars().find(|letter| acts(*letter)), None, "{name} in {place}: {block:?}");
                let begins = |start: &str| block.lines().any(|line| line.starts_with(start));
                assert!(
                    !["INFO ", "X-Injected", "why401 proven", "{\"schema\""].iter().any(|start| begins(start)),
                    "{name} in {place}: {block}"
                );
            }
        }
    }
}

#[test]
fn one_event_is_one_line_of_json_whatever_is_in_it() {
    for place in PLACES {
        for (name, text) in HOSTILE {
            let (_, line) = said(&exchange(place, text));
            assert_eq!(
                line.chars().find(|letter| acts(*letter) || *letter == '\n'),
                None,
                "{name} in {place}: {line:?}"
            );
            let read: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert_eq!(read["schema"], "why401.exchange/1", "{name} in {place}");
            assert_eq!(line.matches("\"schema\":").count(), 1, "{name} in {place}: {line}");
        }
    }
}

#[test]
fn the_journal_and_a_har_keep_an_exchange_on_its_line_and_give_it_back() {
    for place in PLACES {
        for (name, text) in HOSTILE {
            let exchange = exchange(place, text);
            let mut lines = journal::Lines::new(Scrubber::new(Salt::new([7; 32])), 0);
            let Ok(made) = lines.exchange(&exchange, Telling::BOTH, false) else { panic!("{name} in {place}") };
            for line in [&made.text, &har::entry(&exchange, har::Beside::default())] {
                assert_eq!(line.chars().find(|letter| letter.is_ascii_control()), None, "{name} in {place}: {line:?}");
                serde_json::from_str::<serde_json::Value>(line).unwrap();
            }
            assert!(matches!(journal::read(&made.text), journal::Line::Exchange(_)), "{name} in {place}");
        }
    }
}

//! Readers of recordings: any bytes end in exchanges or in faults with a place, in bounded memory, and the same each time.

use why401::intake;
use why401::model::{Exchange, Salt};
use why401::output::har;
use why401::output::journal::{self, Line, Lines};
use why401::output::redact::scrub::Scrubber;
use why401::wire::telling::Telling;

/// What is compared of an exchange that was read twice.
fn outline(exchange: &Exchange) -> String {
    let request = &exchange.request;
    format!("{} {} {} {:?} {}", request.method, request.origin(), request.target, exchange.status(), exchange.at.0)
}

fn outlines(bytes: &[u8]) -> Option<Vec<String>> {
    Some(intake::read(bytes, "input").ok()?.iter().map(outline).collect())
}

/// A HAR, whatever is wrong with it.
pub fn har(bytes: &[u8]) {
    read(bytes);
    checked(bytes);
}

/// What was read is written, and read as the same.
fn read(bytes: &[u8]) {
    for item in intake::har::Reader::new(bytes) {
        let Ok(exchange) = item else { continue };
        let written = har::entry(&exchange, har::Beside::default());
        let again = intake::har::one(written.as_bytes(), 0).unwrap_or_else(|what| panic!("{what}\n{written}"));
        let again = again.unwrap_or_else(|| panic!("no exchange\n{written}"));
        assert_eq!(again.status(), exchange.status(), "{written}");
        assert_eq!(again.request.method, exchange.request.method, "{written}");
    }
}

/// The checker of HARs tells of every flaw that it counts.
fn checked(bytes: &[u8]) {
    let mut told = 0;
    let summary = intake::har_check::check(bytes, &mut |flaw| {
        assert!(!flaw.place.is_empty() && !flaw.what.is_empty());
        told += 1;
    });
    assert_eq!(told, summary.faults + summary.notes);
}

/// A transcript of `curl -v`.
pub fn curl(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    intake::curl::is_transcript(&text);
    let read = intake::curl::read(&text);
    assert!(read.len() <= text.len() + 1);
    read.iter().for_each(|exchange| assert!(!outline(exchange).is_empty()));
    intake::curl::asked::is_asked(&text);
    intake::curl::asked::read(&text).iter().for_each(|exchange| assert!(!outline(exchange).is_empty()));
}

/// A raw message, a console's words, a pasted body.
pub fn raw(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    intake::raw::read(bytes).iter().for_each(|exchange| assert!(!outline(exchange).is_empty()));
    intake::console::read(&text).iter().for_each(|exchange| assert!(!outline(exchange).is_empty()));
    intake::body::read(&text).iter().for_each(|exchange| assert!(!outline(exchange).is_empty()));
}

/// Whatever it is: the kind is decided from the bytes, masks are taken off, and a second reading gives the same.
pub fn any(bytes: &[u8]) {
    assert_eq!(outlines(bytes), outlines(bytes));
}

/// Lines of a session's journal. What is written of an exchange is read as that exchange.
pub fn journal(bytes: &[u8]) {
    for line in String::from_utf8_lossy(bytes).lines() {
        match journal::read(line) {
            Line::Exchange(read) => {
                assert!(read.removed.iter().filter_map(journal::Gone::tag).count() <= read.removed.len());
                let Ok(Some(exchange)) = intake::har::one(read.entry.get().as_bytes(), 0) else { continue };
                let mut lines = Lines::new(Scrubber::new(Salt::new([7; 32])), 0);
                let [Ok(first), Ok(second)] = [(); 2].map(|()| lines.exchange(&exchange, Telling::BOTH, false)) else {
                    continue;
                };
                assert_eq!(first.text, second.text, "what is remembered is what is made");
                assert!(!first.text.contains('\n'), "one event is one line");
                assert!(matches!(journal::read(&first.text), Line::Exchange(_)), "{}", first.text);
            }
            Line::Told(told) => drop(told.story),
            Line::Head(_) | Line::Unknown => {}
        }
    }
}

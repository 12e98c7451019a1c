//! Whether a file is HAR 1.2: every fault at its place, in what the format says (`shape`) and in what a reader relies on
//! although no schema says it (`meaning`). Entry by entry, in bounded memory.

mod meaning;
mod shape;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::Read;

use serde_json::Value;

use super::har::custom;
use super::har::split::{Piece, Splitter};
use super::when;
use crate::model::Millis;

/// How bad a fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Readers refuse the file, or read something else than was meant.
    Fault,
    /// The format discourages it, or two places contradict each other; readers cope.
    Note,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    pub weight: Weight,
    /// Such as `log.entries[3].response.content.size`.
    pub place: String,
    pub what: String,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weight = if self.weight == Weight::Note { "note: " } else { "" };
        write!(f, "{}: {weight}{}", self.place, self.what)
    }
}

/// What was checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub entries: usize,
    pub faults: usize,
    pub notes: usize,
    /// Credentials in header fields: whoever has the file can use them.
    pub credentials: usize,
    /// The file says that why401 took the secrets out.
    pub redacted: bool,
}

/// Takes flaws as they are found.
struct Flaws<'a> {
    tell: &'a mut dyn FnMut(&Flaw),
    summary: Summary,
}

impl Flaws<'_> {
    fn fault(&mut self, place: impl Into<String>, what: impl Into<String>) {
        self.summary.faults += 1;
        (self.tell)(&Flaw { weight: Weight::Fault, place: place.into(), what: what.into() });
    }

    fn note(&mut self, place: impl Into<String>, what: impl Into<String>) {
        self.summary.notes += 1;
        (self.tell)(&Flaw { weight: Weight::Note, place: place.into(), what: what.into() });
    }
}

/// Checks a file. `tell` hears of every flaw, in the order of the file.
pub fn check(from: impl Read, tell: &mut dyn FnMut(&Flaw)) -> Summary {
    let mut flaws = Flaws { tell, summary: Summary::default() };
    let mut pieces = Splitter::new(from);
    let mut seen = Vec::new();
    let mut latest = Millis::UNKNOWN;
    loop {
        match pieces.next() {
            Ok(Some(Piece::Entry(text))) => {
                let place = format!("log.entries[{}]", flaws.summary.entries);
                flaws.summary.entries += 1;
                entry(text, &place, &mut latest, &mut flaws);
            }
            Ok(Some(Piece::Member(name, text))) => {
                flaws.summary.redacted |= name == custom::WHY401;
                shape::log_member(name, text, &mut flaws);
                seen.push(name.to_owned());
            }
            Ok(None) => break,
            Err(broken) => {
                flaws.fault(format!("byte {}", broken.offset), broken.what);
                return flaws.summary;
            }
        }
    }
    if pieces.has_entries {
        seen.push(String::from("entries"));
    }
    for name in ["version", "creator", "entries"] {
        if !seen.iter().any(|seen| seen == name) {
            flaws.fault(format!("log.{name}"), "is missing");
        }
    }
    flaws.summary
}

fn entry(text: Option<&[u8]>, place: &str, latest: &mut Millis, flaws: &mut Flaws<'_>) {
    let Some(text) = text else { return flaws.note(place, "is too long to be checked") };
    let entry: Value = match serde_json::from_slice(text) {
        Ok(entry) => entry,
        Err(error) => return flaws.fault(place, format!("is not JSON: {error}")),
    };
    shape::entry(&entry, place, flaws);
    meaning::entry(&entry, place, flaws);
    flaws.summary.credentials += meaning::credentials(&entry);
    let started = entry.get("startedDateTime").and_then(Value::as_str).and_then(when::parse);
    if let Some(at) = started {
        if at < *latest {
            flaws.note(
                format!("{place}.startedDateTime"),
                "is before that of an entry above; readers expect them sorted",
            );
        }
        *latest = at.max(*latest);
    }
}

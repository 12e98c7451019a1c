//! The report for a support ticket: what a session says, gathered exchange by exchange, as Markdown, as one page of HTML and
//! as a short text for a forum.
//!
//! Everything that comes from outside goes through `redact::Door` when it is gathered: what is kept here is harmless text.

mod curl;
mod gather;
pub mod html;
pub mod markdown;
mod picture;
mod timeline;

use std::collections::BTreeMap;

use crate::model::{Grade, Millis};

pub use gather::gather;
use timeline::Timeline;

/// Failures that are shown in full; further ones are counted.
const FAILURES: usize = 40;
/// Hosts and clients that are named.
const NAMES: usize = 12;

/// What the report tells of where it comes from.
#[derive(Clone, Debug)]
pub struct Source {
    /// Name of the session's folder or of the file, without its path.
    pub name: String,
    pub made: Millis,
}

/// All that a report needs, bounded whatever the session's length.
#[derive(Default)]
pub struct Story {
    pub exchanges: u64,
    pub explained: u64,
    first: Option<Millis>,
    last: Option<Millis>,
    hosts: BTreeMap<String, u64>,
    clients: BTreeMap<String, u64>,
    failures: Vec<Failure>,
    /// Exchanges whose failures are not shown.
    more: u64,
    timeline: Timeline,
}

/// Exchanges that failed for the same reason at the same place.
struct Failure {
    cause: &'static str,
    title: String,
    grade: Grade,
    actor: &'static str,
    id: u64,
    at: Millis,
    /// `GET https://…`
    what: String,
    ended: String,
    direction: &'static str,
    host: String,
    transaction: Option<String>,
    client: String,
    user: Option<String>,
    /// The log's own block.
    block: String,
    fix: Vec<String>,
    ruled_out: Vec<String>,
    sources: Vec<String>,
    curl: String,
    /// Later ones of the same kind: number and time.
    again: Vec<(u64, Millis)>,
    count: u64,
    taken_back: Option<String>,
}

impl Story {
    /// Three sentences: what was recorded, what is wrong, what to do first.
    fn summary(&self) -> Vec<String> {
        let period = match (self.first, self.last) {
            (Some(first), Some(last)) => format!("From {} to {}", utc(first), utc(last)),
            _ => return vec!["The recording holds no exchange.".into()],
        };
        let hosts: Vec<String> = self.hosts.keys().map(|host| quoted(host)).take(3).collect();
        let more = if self.hosts.len() > hosts.len() { " and others" } else { "" };
        let count = |number: u64, one: &str| if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") };
        let recorded = format!(
            "{period}, {} with {}{more} went by; {} could be explained.",
            count(self.exchanges, "exchange"),
            hosts.join(", "),
            count(self.explained, "of them").replace("of thems", "of them"),
        );
        let Some(worst) = self.worst() else {
            return vec![recorded, "Nothing that authentication explains went wrong.".into()];
        };
        let wrong = format!(
            "{} (`{}`, {}): exchange {}, {}, {}.",
            worst.title,
            worst.cause,
            worst.grade.as_str(),
            worst.id,
            quoted(&worst.what),
            quoted(&worst.ended)
        );
        let todo = worst.fix.first().map(|step| format!("What to do first: {step}"));
        [Some(recorded), Some(wrong), todo].into_iter().flatten().collect()
    }

    /// The failure that the summary names: the surest one that was not taken back, the most frequent of those.
    fn worst(&self) -> Option<&Failure> {
        let standing = |failure: &&Failure| failure.taken_back.is_none();
        let best = self.failures.iter().filter(standing).max_by_key(|f| (f.grade, f.count, std::cmp::Reverse(f.id)));
        best.or(self.failures.first())
    }
}

/// Foreign words inside of a sentence, in backticks; they hold none themselves.
fn quoted(foreign: &str) -> String {
    format!("`{}`", bare(foreign))
}

/// Foreign words without backticks.
fn bare(foreign: &str) -> String {
    foreign.replace('`', "'")
}

/// `2026-11-02 10:35:00.000 UTC (+00:00)`: nobody has to guess a zone.
fn utc(at: Millis) -> String {
    let iso = crate::wire::date::iso(at);
    let (day, clock) = iso.split_once('T').unwrap_or((&iso, ""));
    format!("{day} {} UTC (+00:00)", clock.trim_end_matches('Z'))
}

/// What the support of ServiceNow asks for first and no recording knows.
const TO_FILL_IN: [(&str, &str); 3] = [
    (
        "Public source address",
        "the address from which the instance sees these calls (with a corporate proxy: the proxy's)",
    ),
    (
        "Since when, and what changed",
        "the last time that it worked; releases, clones, new certificates, rotated secrets",
    ),
    ("Test user", "a user with which the instance's side may try it"),
];

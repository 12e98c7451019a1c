//! The lines of a session's journal: one JSON object each, written once and never changed. An exchange's line holds a HAR
//! entry, so that whatever reads HAR reads journals too. A line that a crash cut short is no line.

mod lines;
mod parts;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::redact::scrub::Removed;
use crate::model::{Millis, Place, Tag};
use crate::wire::date;

pub use lines::{Leak, Lines, Made};

const HEAD: &str = "why401.session/1";
const ENTRY: &str = "why401.entry/1";
/// How the line begins that says which run a file is of.
pub const HEAD_BEGINS: &str = r#"{"schema":"why401.session/1","#;
const ENTRY_BEGINS: &str = r#"{"schema":"why401.entry/1","exchange":"#;
const TOLD: &str = "why401.told/1";

#[derive(Serialize)]
struct Head<'a> {
    schema: &'static str,
    why401: &'a str,
    at: String,
}

#[derive(Serialize)]
struct Written<'a, E> {
    schema: &'static str,
    exchange: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    again: bool,
    removed: Vec<&'a Taken>,
    entry: E,
}

/// A removal: where, by which rule, its tag, and what stands there now.
#[derive(Serialize)]
struct Taken {
    #[serde(rename = "where")]
    place: String,
    rule: &'static str,
    tag: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    now: String,
}

impl Taken {
    fn of(removed: &Removed) -> Taken {
        let tag = format!("{:016x}", removed.tag.0);
        Taken { place: removed.place.clone(), rule: removed.rule.as_str(), tag, now: removed.now.clone() }
    }
}

/// The line that begins a file.
pub fn head(at: Millis) -> String {
    line(&Head { schema: HEAD, why401: env!("CARGO_PKG_VERSION"), at: date::iso(at) })
}

/// The line of what was said of an exchange: causes and grades, and the exchanges that belong to it. The words are not
/// repeated: whoever reads the exchanges comes to the same ones.
pub fn told(told: &super::Told<'_>) -> String {
    let id = told.exchange.id;
    let findings = &told.diagnosis.findings;
    let named = findings.iter().flat_map(|finding| &finding.evidence).filter_map(|evidence| match evidence.place {
        Place::Exchange(other) => Some(other),
        _ => None,
    });
    let mut story: Vec<u64> = Some(id).filter(|_| !findings.is_empty()).into_iter().chain(named).collect();
    story.sort_unstable();
    story.dedup();
    let causes = findings.iter().map(|finding| [finding.cause, finding.grade.as_str()]).collect();
    let takes_back = told.takes_back.iter().map(|back| (back.exchange, back.cause)).collect();
    line(&Said { schema: TOLD, exchange: id, causes, takes_back, story })
}

#[derive(Serialize)]
struct Said {
    schema: &'static str,
    exchange: u64,
    causes: Vec<[&'static str; 2]>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    takes_back: Vec<(u64, &'static str)>,
    story: Vec<u64>,
}

/// Most lines have no more bytes than this.
const LINE: usize = 4096;

fn line(value: &impl Serialize) -> String {
    let mut text = Vec::with_capacity(LINE);
    let written = serde_json::to_writer(&mut text, value);
    written.ok().and_then(|()| String::from_utf8(text).ok()).unwrap_or_default()
}

#[derive(Deserialize)]
struct Begun<'a> {
    #[serde(borrow)]
    at: &'a str,
}

/// A line that was read.
pub enum Line<'a> {
    /// The beginning of a file; the text is the same in all files of one run.
    Head(&'a str),
    Exchange(Read<'a>),
    /// What was said of an exchange.
    Told(Told),
    /// Cut by a crash, or of a later version.
    Unknown,
}

/// An exchange's line.
#[derive(Deserialize)]
pub struct Read<'a> {
    pub exchange: u64,
    /// A line without its bodies stands shortly before this one, which takes its place.
    #[serde(default)]
    pub again: bool,
    #[serde(default)]
    pub removed: Vec<Gone>,
    #[serde(borrow)]
    pub entry: &'a RawValue,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Gone {
    #[serde(rename = "where")]
    pub place: String,
    pub rule: String,
    tag: String,
    #[serde(default)]
    pub now: String,
}

impl Gone {
    /// The tag of what was removed, as the log showed it.
    pub fn tag(&self) -> Option<Tag> {
        u64::from_str_radix(&self.tag, 16).ok().map(Tag)
    }
}

/// Which exchanges belong together by what was said: a failure and every other that its evidence names.
#[derive(Deserialize)]
pub struct Told {
    pub story: Vec<u64>,
}

#[derive(Deserialize)]
struct Schema<'a> {
    #[serde(borrow)]
    schema: &'a str,
}

/// The number of an exchange's line as this version writes it, without reading the rest.
pub fn number(line: &str) -> Option<u64> {
    let rest = line.strip_prefix(ENTRY_BEGINS)?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    rest.get(..digits)?.parse().ok()
}

/// Reads a line. Total: whatever it holds gives something.
pub fn read(line: &str) -> Line<'_> {
    let schema = serde_json::from_str::<Schema<'_>>(line).map(|line| line.schema).unwrap_or_default();
    match schema {
        HEAD => serde_json::from_str::<Begun<'_>>(line).map_or(Line::Unknown, |begun| Line::Head(begun.at)),
        ENTRY => serde_json::from_str(line).map_or(Line::Unknown, Line::Exchange),
        TOLD => serde_json::from_str(line).map_or(Line::Unknown, Line::Told),
        _ => Line::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        Answerer, Body, Client, Diagnosis, Evidence, Exchange, Fields, Finding, Grade, Outcome, Phase, Request, Salt,
        Scheme, Timing, Upstream,
    };
    use crate::output::redact::scrub::Scrubber;
    use crate::wire::telling::Telling;

    #[test]
    fn lines_are_known_by_how_they_begin() {
        let request = Request {
            method: "GET".into(),
            scheme: Scheme::Https,
            host: "dev1.service-now.com".into(),
            port: 443,
            target: "/".into(),
            version: "HTTP/1.1".into(),
            fields: Fields::default(),
            body: Body::default(),
            head: None,
            unseen: false,
        };
        let one = Exchange {
            id: 4711,
            entry: None,
            at: Millis(1),
            client: Client::default(),
            request,
            outcome: Outcome::Abandoned(Phase::AwaitAnswer),
            timing: Timing::default(),
            upstream: Upstream::default(),
        };
        for again in [false, true] {
            let mut lines = Lines::new(Scrubber::new(Salt::new([7; 32])), 64);
            let Ok(Made { text: line, .. }) = lines.exchange(&one, Telling::BOTH, again) else { panic!("a leak") };
            assert_eq!(number(&line), Some(4711), "{line}");
            assert!(matches!(read(&line), Line::Exchange(Read { exchange: 4711, .. })));
        }
        let head = head(Millis(1));
        assert!(head.starts_with(HEAD_BEGINS) && matches!(read(&head), Line::Head(_)));
        assert_eq!(number(&head), None);
        assert_eq!(number(r#"{"schema":"why401.entry/2","exchange":1}"#), None);
    }

    /// A failure is kept with all that it was explained by.
    #[test]
    fn a_story_is_a_failure_and_every_exchange_that_its_evidence_names() {
        let story = "@ 10:00:00 https://h.example\n> GET /a HTTP/1.1\n> Host: h\n< HTTP/1.1 401 Unauthorized\n<\n";
        let parsed = crate::intake::transcript::parse(story).unwrap();
        let exchange = Exchange { id: 9, ..parsed.steps.into_iter().next().unwrap().exchange };
        let line_of = |findings: Vec<Finding>| {
            let diagnosis = Diagnosis { answered_by: Answerer::Instance, findings, folded: Vec::new() };
            let salt = Salt::new([7; 32]);
            told(&crate::output::Told {
                exchange: &exchange,
                diagnosis: &diagnosis,
                salt: &salt,
                takes_back: &[],
                reading: None,
            })
        };
        let names = |place| Evidence { place, span: None, says: String::new() };
        let mut finding = Finding::new("token-expired", Grade::Proven, "it was");
        finding.evidence = [7, 3, 7].map(|id| names(Place::Exchange(id))).into();
        finding.evidence.push(names(Place::Connection));
        let line = line_of(vec![finding]);
        let Line::Told(read_back) = read(&line) else { panic!("{line}") };
        assert_eq!(read_back.story, [3, 7, 9]);
        assert!(line.contains(r#""exchange":9,"causes":[["token-expired","#), "{line}");
        assert!(matches!(read(&line_of(Vec::new())), Line::Told(Told { story }) if story.is_empty()));
    }
}

//! One exchange as one line of JSON: schema `why401.exchange/1`, a promise to scripts.

mod manual;

use manual::{Manual, Part};
use serde::Serialize;
use serde_json::value::RawValue;

use super::view::{View, title};
use super::{TakenBack, Told, switched};
use crate::catalog;
use crate::model::{Evidence, Finding, Unverified};
use crate::wire::date;

/// What a line of several findings takes, in bytes.
const ROOM: usize = 8 * 1024;

// The order of the fields is the order in which they are written.
#[derive(Serialize)]
struct Line {
    schema: &'static str,
    exchange: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<usize>,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    /// Empty, as the address, where the recording shows the answer alone.
    method: String,
    url: String,
    /// The origin that the client called instead: a reverse listener's.
    #[serde(skip_serializing_if = "Option::is_none")]
    called: Option<String>,
    /// `null` where no answer came and none was made.
    status: Option<u16>,
    answered_by: &'static str,
    /// Where the upstream's certificate was not verified: `anything` or `pinned`.
    #[serde(skip_serializing_if = "Option::is_none")]
    unverified: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    switched: Option<switched::View>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction: Option<String>,
    findings: Vec<Found>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    takes_back: Vec<Revised>,
}

#[derive(Serialize)]
struct Found {
    cause: &'static str,
    grade: &'static str,
    title: Part,
    evidence: Vec<Seen>,
    because: String,
    fix: Part,
    links: Vec<String>,
    tell_apart: Vec<&'static RawValue>,
    sources: Part,
}

#[derive(Serialize)]
struct Seen {
    #[serde(rename = "where")]
    place: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    span: Option<[usize; 2]>,
    says: String,
}

#[derive(Serialize)]
struct Revised {
    exchange: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<usize>,
    cause: &'static str,
    because: String,
}

/// The line, without its end. No control character and no secret is in it.
pub fn line(told: &Told<'_>) -> String {
    let view = View::new(told);
    let exchange = told.exchange;
    let line = Line {
        schema: "why401.exchange/1",
        exchange: exchange.id.to_string(),
        entry: exchange.entry,
        at: date::iso(exchange.at),
        client: exchange.client.address.map(|address| address.to_string()),
        method: view.door.words(&exchange.request.method),
        url: view.url(),
        called: exchange.client.called.as_ref().map(|called| view.door.words(called)),
        status: status(told),
        answered_by: told.diagnosis.answered_by.as_str(),
        switched: switched::view(exchange),
        unverified: exchange.upstream.unverified.map(Unverified::as_str),
        transaction: view.transaction(),
        findings: told.diagnosis.findings.iter().map(|finding| found(&view, finding)).collect(),
        takes_back: told.takes_back.iter().map(|revised| taken_back(&view, revised)).collect(),
    };
    // Plain data with text keys: this cannot fail.
    let mut out = Vec::with_capacity(ROOM);
    serde_json::to_writer(&mut out, &line).unwrap_or_default();
    String::from_utf8(out).unwrap_or_default()
}

/// The status that the client was given.
fn status(told: &Told<'_>) -> Option<u16> {
    use crate::model::Outcome;
    match &told.exchange.outcome {
        Outcome::Answered(answer) => Some(answer.status),
        Outcome::Failed(failure) => failure.status,
        Outcome::Refused(fault) => Some(fault.status),
        Outcome::Abandoned(_) => None,
    }
}

fn found(view: &View<'_>, finding: &Finding) -> Found {
    let (page, manual) = (catalog::page(finding.cause), manual::of(finding.cause));
    Found {
        cause: finding.cause,
        grade: finding.grade.as_str(),
        title: manual.map_or_else(|| Part::Name(title(finding.cause)), |manual| Part::Page(&manual.title)),
        evidence: finding.evidence.iter().map(|evidence| seen(view, evidence)).collect(),
        because: view.door.words(&finding.because),
        fix: manual.map_or(Part::None([]), |manual| Part::Page(&manual.fix)),
        links: page.map(|page| view.links(page)).unwrap_or_default(),
        tell_apart: tell_apart(view, finding, manual),
        sources: manual.map_or(Part::None([]), |manual| Part::Page(&manual.sources)),
    }
}

fn seen(view: &View<'_>, evidence: &Evidence) -> Seen {
    Seen {
        place: view.door.words(&evidence.place.to_string()),
        span: evidence.span.as_ref().map(|span| [span.start, span.end]),
        says: view.door.words(&evidence.says),
    }
}

/// `cause: what is seen when it is that one`, for each other suspect of this exchange; see `View::contrast`.
fn tell_apart(view: &View<'_>, finding: &Finding, manual: Option<&'static Manual>) -> Vec<&'static RawValue> {
    let others = view.told.diagnosis.findings.iter().map(|other| other.cause).filter(|other| *other != finding.cause);
    let own = |other| manual.and_then(|manual| manual.contrast(other));
    let contrasts = others.filter_map(|other| own(other).or_else(|| manual::of(other)?.contrast(finding.cause)));
    contrasts.collect()
}

fn taken_back(view: &View<'_>, revised: &TakenBack) -> Revised {
    Revised {
        exchange: revised.exchange.to_string(),
        entry: revised.entry,
        cause: revised.cause,
        because: view.door.words(&revised.because),
    }
}

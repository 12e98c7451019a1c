//! One exchange after the other into the story.

use super::{FAILURES, Failure, NAMES, Story, bare, curl};
use crate::catalog;
use crate::model::{Answerer, Diagnosis, Exchange, Finding};
use crate::output::redact::{Door, brief};
use crate::output::view::{View, title};
use crate::output::{Style, Told, log, words};
use crate::wire::reading::Reading;

/// Columns of a block in the report.
const BLOCK: usize = 100;
/// A name of a client is cut after this many characters.
const CLIENT: usize = 80;
/// Numbers of later failures of the same kind.
const AGAIN: usize = 12;

/// Takes in what was said of an exchange.
pub fn gather(story: &mut Story, told: &Told<'_>) {
    let exchange = told.exchange;
    let reading = Reading::of(exchange, told.diagnosis.answered_by == Answerer::Instance);
    // What is gathered was made harmless before; of an exchange that is quoted the door looks once more by itself.
    let quoted = !told.diagnosis.findings.is_empty();
    let door = if quoted { Door::of(told.salt, exchange) } else { Door::new(told.salt, exchange.at) };
    story.exchanges += 1;
    story.first = Some(story.first.map_or(exchange.at, |first| first.min(exchange.at)));
    story.last = Some(story.last.map_or(exchange.at, |last| last.max(exchange.at)));
    count(&mut story.hosts, door.words(&exchange.request.host));
    count(&mut story.clients, brief(&door.words(&client(&reading)), CLIENT));
    story.timeline.add(told, &reading, &door);
    for revised in told.takes_back {
        let failure = story.failures.iter_mut().find(|failure| failure.id == revised.exchange);
        if let Some(failure) = failure.filter(|failure| failure.cause == revised.cause) {
            failure.taken_back = Some(bare(&door.words(&revised.because)));
        }
    }
    if let Some((first, _)) = told.diagnosis.findings.split_first() {
        story.explained += 1;
        failure(story, told, &reading, &door, first);
    }
}

fn count(names: &mut std::collections::BTreeMap<String, u64>, name: String) {
    if !name.is_empty() && (names.len() < NAMES || names.contains_key(&name)) {
        *names.entry(name).or_default() += 1;
    }
}

fn client(reading: &Reading<'_>) -> String {
    let agent = reading.user_agent();
    if agent.is_empty() { reading.exchange.client.connect_agent.clone().unwrap_or_default() } else { agent }
}

fn failure(story: &mut Story, told: &Told<'_>, reading: &Reading<'_>, door: &Door<'_>, first: &Finding) {
    let exchange = told.exchange;
    let what = what(told, door);
    let host = door.words(&exchange.request.host);
    let same = |known: &&mut Failure| known.cause == first.cause && known.host == host && known.what == what;
    if let Some(known) = story.failures.iter_mut().find(same) {
        known.count += 1;
        if known.again.len() < AGAIN {
            known.again.push((exchange.id, exchange.at));
        }
        return;
    }
    if story.failures.len() >= FAILURES {
        story.more += 1;
        return;
    }
    let page = catalog::page(first.cause);
    story.failures.push(Failure {
        cause: first.cause,
        title: title(first.cause),
        grade: first.grade,
        actor: page.map_or("", |page| page.actor.words()),
        id: exchange.id,
        at: exchange.at,
        what,
        ended: door.words(&words::outcome(exchange, told.diagnosis.answered_by)),
        direction: direction(reading),
        host,
        transaction: View::new(told).transaction(),
        client: brief(&door.words(&client(reading)), CLIENT),
        user: reading.user().map(|user| brief(&door.words(&user), CLIENT)),
        block: log::block(told, &Style { why: true, ..Style::plain(BLOCK) }),
        fix: page.map(|page| page.fix.clone()).unwrap_or_default(),
        ruled_out: ruled_out(told.diagnosis, door),
        sources: page.map(sources).unwrap_or_default(),
        curl: curl::command(exchange, door),
        again: Vec::new(),
        count: 1,
        taken_back: None,
    });
}

fn what(told: &Told<'_>, door: &Door<'_>) -> String {
    let url = View::new(told).url();
    let url = url.split('?').next().unwrap_or_default();
    format!("{} {}", brief(&door.words(&told.exchange.request.method), 20), brief(url, 200))
}

fn direction(reading: &Reading<'_>) -> &'static str {
    match (reading.outbound, reading.instance) {
        (true, _) => "outbound (ServiceNow calls a third party)",
        (false, true) => "inbound (a client calls ServiceNow)",
        (false, false) => "to a third party",
    }
}

/// Suspects that were weighed and found less likely, each with what spoke against it.
fn ruled_out(diagnosis: &Diagnosis, door: &Door<'_>) -> Vec<String> {
    let line = |finding: &Finding| {
        let against = finding.account.iter().filter(|reason| reason.moved < 0);
        let against: Vec<String> = against.map(|reason| bare(&door.words(&reason.says))).collect();
        let why = if against.is_empty() {
            bare(&door.words(&finding.because))
        } else {
            format!("against it: {}", against.join("; "))
        };
        format!("{} ({}): {why}", title(finding.cause), finding.grade.as_str())
    };
    let mut lines: Vec<String> = diagnosis.findings.iter().skip(1).map(line).collect();
    if !diagnosis.folded.is_empty() {
        let titles: Vec<String> = diagnosis.folded.iter().map(|cause| title(cause)).collect();
        lines.push(format!("Also weighed, and less likely than all above: {}.", titles.join("; ")));
    }
    lines
}

fn sources(page: &catalog::Page) -> Vec<String> {
    let source = |source: &catalog::Source| match &source.url {
        Some(url) => format!("{}: {url}", source.title),
        None => source.title.clone(),
    };
    page.sources.iter().map(source).collect()
}

/// Whether there is anything in an exchange that a picture of the story should show beside failures.
pub(super) fn is_healthy(exchange: &Exchange) -> bool {
    exchange.status().is_some_and(|status| status < 400)
}

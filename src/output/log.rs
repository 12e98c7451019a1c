//! The block that people read: in five seconds what is wrong and what to do, then everything that proves it.
//!
//! ```text
//! 10:35:00  #7 GET https://dev1.service-now.com/api/now/table/incident
//!           401 Unauthorized from the instance in 143 ms
//! PROVEN    The access token was past its lifetime (token-expired)
//!           because …
//!         > Authorization: Bearer ‹86 chars #a41f…›
//!                                 ^^^^^^^^^^^^^^^^^ says …
//! fix       …
//! where     …
//! or        possible  another suspect (its-name), and what would tell it apart
//! trace     X-Transaction-ID …
//! ```

use super::evidence;
use super::inline::inline;
use super::layout::{Paint, Runs, Sheet, Style};
use super::view::{View, title};
use super::words;
use super::{TakenBack, Told};
use crate::catalog::{self, Actor, Page, Severity, Where};
use crate::model::{Finding, Grade, Millis};
use crate::wire::date;

/// All text stands from this column on; labels stand before it.
pub(super) const GUTTER: usize = 10;
/// Suspects stand behind their grade.
const SUSPECT: usize = GUTTER + 10;
/// A method that is longer is cut.
const METHOD_LIMIT: usize = 20;
/// An address that is shown in one line is cut, in characters.
const ADDRESS_LIMIT: usize = 100;
/// The block is not the page: so many steps and places, the rest is on the page.
const STEPS: usize = 2;
const PLACES: usize = 2;

/// The block for one exchange, every line with its end. Without findings: what happened, and what it takes back.
pub fn block(told: &Told<'_>, style: &Style) -> String {
    let view = View::new(told);
    let mut sheet = Sheet::new(style);
    happened(&mut sheet, &view);
    if let Some((first, others)) = told.diagnosis.findings.split_first() {
        let page = catalog::page(first.cause);
        verdict(&mut sheet, &view, first, page);
        if let Some(page) = page {
            actor(&mut sheet, page);
            fix(&mut sheet, page, style);
            places(&mut sheet, &view, page, style);
        }
        suspects(&mut sheet, &view, first, others, style);
        trace(&mut sheet, &view);
        if page.is_some() {
            let command = format!("why401 explain {}", first.cause);
            sheet.wrapped(&label("more"), GUTTER, &Runs::of(Paint::Code, command));
        }
        if style.why {
            account(&mut sheet, &view);
        }
    }
    for revised in told.takes_back {
        revise(&mut sheet, &view, revised);
    }
    sheet.finish()
}

/// One line for a failure that was told whole as exchange `first`, and has come `times` times since.
pub fn again(told: &Told<'_>, style: &Style, first: u64, times: u64) -> String {
    let view = View::new(told);
    let mut sheet = Sheet::new(style);
    let exchange = told.exchange;
    let clock = if exchange.at == Millis::UNKNOWN { "--:--:--".into() } else { date::clock(exchange.at) };
    let method = super::redact::brief(&view.door.words(&exchange.request.method), METHOD_LIMIT);
    let times = if times == 1 { "once more".to_owned() } else { format!("{times} times") };
    let mut line = Runs::of(Paint::Strong, clock)
        .and(Paint::Dim, format!("  #{} ", exchange.id))
        .and(Paint::Plain, format!("again, {times} since #{first}: "));
    if let Some(finding) = told.diagnosis.findings.first() {
        line = line.and(Paint::of(finding.grade), finding.cause).and(Paint::Plain, "  ");
    }
    let url = view.url();
    let address = format!("{method} {}", url.split('?').next().unwrap_or_default());
    sheet.line(&line.and(Paint::Plain, super::redact::brief(&address, ADDRESS_LIMIT)));
    sheet.finish()
}

/// What an exchange takes back, alone: one paragraph for each earlier verdict.
pub fn taken_back(told: &Told<'_>, style: &Style) -> String {
    let view = View::new(told);
    let mut sheet = Sheet::new(style);
    for revised in told.takes_back {
        revise(&mut sheet, &view, revised);
    }
    sheet.finish()
}

fn label(text: &str) -> Runs {
    Runs::of(Paint::Dim, text)
}

/// When, which, what, and how it ended.
fn happened(sheet: &mut Sheet<'_>, view: &View<'_>) {
    let exchange = view.told.exchange;
    let request = &exchange.request;
    let method = super::redact::brief(&view.door.words(&request.method), METHOD_LIMIT);
    let address =
        if request.has_place() { format!("{method} {}", view.url()) } else { "an answer without its request".into() };
    let number = format!("#{} ", exchange.id);
    let ended = view.door.words(&words::outcome(exchange, view.told.diagnosis.answered_by));
    let clock = if exchange.at == Millis::UNKNOWN { "--:--:--".into() } else { date::clock(exchange.at) };
    let time = Runs::of(Paint::Strong, clock);
    let start = GUTTER + sheet.columns(&number) + sheet.columns(&address);
    if start + 2 + sheet.columns(&ended) <= sheet.width() {
        let line =
            Runs::of(Paint::Dim, number).and(Paint::Strong, address).and(Paint::Plain, "  ").and(Paint::Plain, ended);
        return sheet.line(&time.and(Paint::Plain, "  ").join(line));
    }
    let mut prefix = time.and(Paint::Plain, "  ").and(Paint::Dim, number);
    for row in address_rows(&address, sheet.width().saturating_sub(GUTTER)) {
        sheet.line(&prefix.and(Paint::Strong, row));
        prefix = Runs::plain(" ".repeat(GUTTER));
    }
    sheet.wrapped(&Runs::default(), GUTTER, &Runs::plain(ended));
}

/// A long address in rows: before `?` and `&`, then before `/`. Three rows at most.
fn address_rows(address: &str, room: usize) -> Vec<String> {
    let mut rows = vec![String::new()];
    for part in address.split_inclusive(['?', '&']) {
        let part_width = part.chars().count();
        let full = rows.last().is_some_and(|row| !row.is_empty() && row.chars().count() + part_width > room);
        if full {
            // The sign leads the next row: `?a=b` and `&c=d` read as what they are.
            let sign = rows.last_mut().and_then(String::pop).map(String::from).unwrap_or_default();
            rows.push(sign);
        }
        if let Some(row) = rows.last_mut() {
            row.push_str(part);
        }
    }
    if rows.len() > 3 {
        rows.truncate(3);
        if let Some(row) = rows.last_mut() {
            row.push('…');
        }
    }
    rows
}

/// The best explanation: grade and headline, why it is this one, and the bytes.
fn verdict(sheet: &mut Sheet<'_>, view: &View<'_>, finding: &Finding, page: Option<&Page>) {
    let paint = match page.map(|page| page.severity) {
        Some(Severity::Note) => Paint::Possible,
        Some(Severity::Warning) if finding.grade == Grade::Proven => Paint::Likely,
        _ => Paint::of(finding.grade),
    };
    let grade = Runs::of(paint, finding.grade.as_str().to_uppercase());
    let headline = Runs::of(Paint::Strong, title(finding.cause)).and(Paint::Dim, format!(" ({})", finding.cause));
    sheet.wrapped(&grade, GUTTER, &headline);
    sheet.wrapped(&Runs::default(), GUTTER, &Runs::plain(view.door.words(&finding.because)));
    evidence::write(sheet, view, &finding.evidence, &finding.because);
}

/// Who must act, where it is not the one who reads.
fn actor(sheet: &mut Sheet<'_>, page: &Page) {
    if page.actor != Actor::Caller {
        sheet.wrapped(&label("who"), GUTTER, &Runs::plain(page.actor.words()));
    }
}

fn fix(sheet: &mut Sheet<'_>, page: &Page, style: &Style) {
    let steps: Vec<&String> = page.fix.iter().take(STEPS).collect();
    let numbered = steps.len() > 1;
    for (at, step) in steps.into_iter().enumerate() {
        let name = if at == 0 { Runs::of(Paint::Good, "fix") } else { Runs::default() };
        let number = if numbered { format!("{}. ", at + 1) } else { String::new() };
        let gap = " ".repeat(if at == 0 { GUTTER - 3 } else { GUTTER });
        let first = name.and(Paint::Plain, gap).and(Paint::Plain, number.clone());
        sheet.wrapped(&first, GUTTER + number.len(), &inline(step, !style.colour));
    }
}

fn places(sheet: &mut Sheet<'_>, view: &View<'_>, page: &Page, style: &Style) {
    for (at, spot) in page.where_.iter().take(PLACES).enumerate() {
        let name = if at == 0 { label("where") } else { Runs::default() };
        sheet.wrapped(&name, GUTTER, &inline(&spot.what, !style.colour));
        for row in signs(sheet, spot) {
            sheet.wrapped(&Runs::default(), GUTTER, &row);
        }
        if let Some(link) = view.link(spot) {
            sheet.wrapped(&Runs::default(), GUTTER, &Runs::of(Paint::Link, link));
        }
    }
}

/// Table, property and menu of a place: in one row where they fit, else one row each.
pub(super) fn signs(sheet: &Sheet<'_>, spot: &Where) -> Vec<Runs> {
    let named = |name: &str, value: &Option<String>| {
        value.as_ref().map(|value| Runs::of(Paint::Dim, name).and(Paint::Code, value))
    };
    let menu = spot.menu.as_ref().map(Runs::plain);
    let signs: Vec<Runs> =
        [named("table ", &spot.table), named("property ", &spot.property), menu].into_iter().flatten().collect();
    let joined = signs.iter().cloned().reduce(|all, sign| all.and(Paint::Dim, " · ").join(sign));
    match joined {
        Some(row) if sheet.measure(&row) + GUTTER <= sheet.width() => vec![row],
        _ => signs,
    }
}

/// The rest of the list: rivals after `or`, further facts that are proven after `also`.
fn suspects(sheet: &mut Sheet<'_>, view: &View<'_>, first: &Finding, others: &[Finding], style: &Style) {
    let mut before = "";
    for other in others {
        let name = if other.grade == Grade::Proven { "also" } else { "or" };
        let shown = if name == before { Runs::default() } else { label(name) };
        before = name;
        let gap = " ".repeat(if shown.is_empty() { GUTTER } else { GUTTER - name.len() });
        let grade = shown.and(Paint::Plain, gap).and(Paint::of(other.grade), other.grade.as_str());
        let headline = Runs::plain(title(other.cause)).and(Paint::Dim, format!(" ({})", other.cause));
        sheet.wrapped(&grade, SUSPECT, &headline);
        if let Some((cause, says)) = view.contrast(first, other.cause).filter(|_| name == "or") {
            // What is said of another than the one above it has to be named.
            let whose = if cause == other.cause { String::new() } else { format!("`{cause}`: ") };
            sheet.wrapped(&Runs::default(), SUSPECT, &inline(&format!("{whose}{says}"), !style.colour).dimmed());
        }
    }
    let folded = &view.told.diagnosis.folded;
    if !folded.is_empty() {
        let text = format!("and less likely: {}", folded.join(", "));
        sheet.wrapped(&Runs::default(), GUTTER, &Runs::of(Paint::Dim, text));
    }
}

/// What a support engineer asks for first.
fn trace(sheet: &mut Sheet<'_>, view: &View<'_>) {
    let Some(id) = view.transaction() else { return };
    let at = date::iso(view.told.exchange.at);
    let text = Runs::plain("X-Transaction-ID ").and(Paint::Code, id).and(Paint::Dim, format!(" at {at}"));
    sheet.wrapped(&label("trace"), GUTTER, &text);
}

/// What spoke for and against each suspect.
fn account(sheet: &mut Sheet<'_>, view: &View<'_>) {
    let mut name = label("why");
    for finding in &view.told.diagnosis.findings {
        let sum = Runs::of(Paint::of(finding.grade), finding.grade.as_str())
            .and(Paint::Plain, format!(" {}", finding.cause))
            .and(Paint::Dim, format!(", weight {}", finding.weight));
        sheet.wrapped(&std::mem::take(&mut name), GUTTER, &sum);
        for reason in &finding.account {
            let moved = format!("{:>w$}{:+} ", "", reason.moved, w = GUTTER + 2);
            sheet.wrapped(&Runs::of(Paint::Dim, moved), SUSPECT, &Runs::plain(view.door.words(&reason.says)));
        }
        if finding.account.is_empty() {
            sheet.wrapped(&Runs::default(), GUTTER + 2, &Runs::of(Paint::Dim, "by its signature alone"));
        }
    }
}

fn revise(sheet: &mut Sheet<'_>, view: &View<'_>, revised: &TakenBack) {
    let text = Runs::plain(format!("exchange {} was not ", revised.exchange))
        .and(Paint::Strong, revised.cause)
        .and(Paint::Plain, format!(" ({}): {}", title(revised.cause), view.door.words(&revised.because)));
    sheet.wrapped(&Runs::of(Paint::Good, "revised"), GUTTER, &text);
}

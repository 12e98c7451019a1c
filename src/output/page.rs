//! The page of a cause for a terminal, and the list of all causes.

use super::inline::inline;
use super::layout::{Paint, Runs, Sheet, Style};
use super::log::signs;
use super::prose;
use crate::catalog::{self, Example, Page};

/// Text of a section stands from this column on.
const INDENT: usize = 2;

/// One page: everything but the expectations of its examples, of which the first is shown.
pub fn page(page: &Page, style: &Style) -> String {
    let mut sheet = Sheet::new(style);
    let graded = format!("{} · {} at best", page.group, page.best.as_str());
    sheet.line(&Runs::of(Paint::of(page.best), page.slug.clone()).and(Paint::Dim, format!("  ({graded})")));
    sheet.wrapped(&Runs::default(), 0, &Runs::of(Paint::Strong, page.title.clone()));
    sheet.wrapped(&Runs::default(), 0, &Runs::of(Paint::Dim, format!("To be mended by {}.", page.actor.words())));
    section(&mut sheet, "What happened", |sheet| prose::write(sheet, &page.what, INDENT));
    section(&mut sheet, "Why", |sheet| prose::write(sheet, &page.why, INDENT));
    section(&mut sheet, "Fix", |sheet| {
        let width = page.fix.len().to_string().len();
        for (at, step) in page.fix.iter().enumerate() {
            let number = Runs::plain(format!("  {:>width$}. ", at + 1));
            sheet.wrapped(&number, INDENT + width + 2, &inline(step, !style.colour));
        }
    });
    if !page.where_.is_empty() {
        section(&mut sheet, "Where to look", |sheet| places(sheet, page, style));
    }
    section(&mut sheet, "Not this when", |sheet| {
        for item in &page.not_when {
            sheet.wrapped(&Runs::plain("  - "), INDENT + 2, &inline(item, !style.colour));
        }
    });
    if !page.tell_apart.is_empty() {
        section(&mut sheet, "How to tell apart", |sheet| {
            for contrast in &page.tell_apart {
                sheet.wrapped(&Runs::plain("  "), INDENT, &Runs::of(Paint::Code, contrast.causes.join(", ")));
                sheet.wrapped(&Runs::default(), INDENT + 2, &inline(&contrast.says, !style.colour));
            }
        });
    }
    if let Some(example) = page.examples.first() {
        section(&mut sheet, "On the wire", |sheet| wire(sheet, example));
    }
    section(&mut sheet, "Sources", |sheet| sources(sheet, page));
    sheet.finish()
}

fn section(sheet: &mut Sheet<'_>, name: &str, write: impl FnOnce(&mut Sheet<'_>)) {
    sheet.blank();
    sheet.line(&Runs::of(Paint::Strong, name));
    write(sheet);
}

fn places(sheet: &mut Sheet<'_>, page: &Page, style: &Style) {
    for spot in &page.where_ {
        sheet.wrapped(&Runs::plain("  - "), INDENT + 2, &inline(&spot.what, !style.colour));
        for row in signs(sheet, spot) {
            sheet.wrapped(&Runs::default(), INDENT + 2, &row);
        }
        if let Some(link) = &spot.link {
            let link = format!("https://<instance>.service-now.com{link}");
            sheet.wrapped(&Runs::default(), INDENT + 2, &Runs::of(Paint::Link, link));
        }
    }
}

/// An example as it passed by; long lines are cut, what is expected of the diagnosis is the tests' business.
fn wire(sheet: &mut Sheet<'_>, example: &Example) {
    sheet.wrapped(&Runs::plain("  "), INDENT, &Runs::of(Paint::Dim, format!("{}:", example.name)));
    let room = sheet.width().saturating_sub(INDENT + 1);
    for line in example.transcript.lines().filter(|line| !line.starts_with(['=', '~', '!', '#'])) {
        let shown: String = line.chars().take(room).collect();
        let cut = if shown.len() < line.len() { "…" } else { "" };
        let paint = if line.starts_with('@') { Paint::Dim } else { Paint::Plain };
        sheet.line(&Runs::plain(" ".repeat(INDENT)).and(paint, shown).and(Paint::Dim, cut));
    }
}

fn sources(sheet: &mut Sheet<'_>, page: &Page) {
    for source in &page.sources {
        let checked = format!(" (checked {})", source.checked);
        let title = inline(&source.title, true).and(Paint::Dim, checked);
        sheet.wrapped(&Runs::plain("  - "), INDENT + 2, &title);
        if let Some(url) = &source.url {
            sheet.wrapped(&Runs::default(), INDENT + 2, &Runs::of(Paint::Link, url.clone()));
        }
    }
}

/// Causes by group: name, best grade, headline.
pub fn list(pages: &[&Page], style: &Style) -> String {
    let mut sheet = Sheet::new(style);
    let width = pages.iter().map(|page| page.slug.len()).max().unwrap_or(0);
    for (group, words) in catalog::GROUPS {
        let members: Vec<&&Page> = pages.iter().filter(|page| page.group == group).collect();
        if members.is_empty() {
            continue;
        }
        if !sheet.is_empty() {
            sheet.blank();
        }
        sheet.line(&Runs::of(Paint::Strong, group).and(Paint::Dim, format!("  {words}")));
        for page in members {
            let name = Runs::plain("  ")
                .and(Paint::of(page.best), format!("{:<9}", page.best.as_str()))
                .and(Paint::Plain, format!("{:<width$}", page.slug));
            sheet.wrapped(&name, INDENT + 9 + width + 2, &Runs::of(Paint::Dim, page.title.clone()));
        }
    }
    sheet.finish()
}

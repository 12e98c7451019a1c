//! The page in the browser: the findings of a running proxy, the newest first, each on one card. Pure text; who serves it
//! decides who may see it.

use std::collections::VecDeque;

use super::report::html::{escaped, prose};
use super::view::{View, title};
use super::{Style, Told, log, words};
use crate::catalog;
use crate::model::Grade;
use crate::wire::date;

/// What every page and every part of it may load: nothing but what comes from the same place, and nothing inline.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// The page's style sheet and its script, which fetches the list anew when there is news.
pub const STYLE: &str = include_str!("live/live.css");
pub const SCRIPT: &str = include_str!("live/live.js");

/// Findings that are kept; the oldest goes first.
const MOST: usize = 200;
/// Columns of a block.
const BLOCK: usize = 100;

/// One exchange that was explained.
struct Card {
    id: u64,
    at: String,
    grade: Grade,
    cause: &'static str,
    title: String,
    request: String,
    ended: String,
    because: String,
    /// Grade and headline of the other suspects.
    others: Vec<(Grade, String)>,
    fix: Vec<String>,
    block: String,
    taken_back: Option<String>,
}

/// What the page shows: bounded, without secrets.
#[derive(Default)]
pub struct Board {
    cards: VecDeque<Card>,
    exchanges: u64,
    explained: u64,
}

impl Board {
    /// Takes in what was said of an exchange; whether there is news to show.
    pub fn take(&mut self, told: &Told<'_>) -> bool {
        self.exchanges += 1;
        for revised in told.takes_back {
            let card = self.cards.iter_mut().find(|card| card.id == revised.exchange && card.cause == revised.cause);
            if let Some(card) = card {
                card.taken_back = Some(revised.because.clone());
            }
        }
        if let Some(card) = card(told) {
            self.explained += 1;
            self.cards.push_front(card);
            self.cards.truncate(MOST);
        }
        // The count of exchanges is news, too.
        true
    }

    /// The whole page. `token` is what its parts are asked for with; `facts` are name and value of what is running.
    pub fn page(&self, token: &str, facts: &[(&str, String)]) -> String {
        let token = escaped(token);
        let facts: String = facts
            .iter()
            .map(|(name, value)| format!("<div><dt>{name}</dt><dd>{}</dd></div>", escaped(value)))
            .collect();
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>why401</title>\n\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
             <link rel=\"icon\" href=\"data:,\"><link rel=\"stylesheet\" href=\"/live.css?token={token}\">\n\
             <noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>\n\
             <script src=\"/live.js?token={token}\" defer></script></head>\n\
             <body><header><h1>why401</h1><p id=\"state\" role=\"status\">Reload for news.</p><dl>{facts}</dl></header>\n\
             <main id=\"list\">{}</main></body></html>\n",
            self.list()
        )
    }

    /// The part that changes.
    pub fn list(&self) -> String {
        let mut out = format!("<p class=\"count\">{}</p>\n", self.count());
        if self.cards.is_empty() {
            out.push_str(
                "<p class=\"none\">Nothing to explain yet. Send the failing request through the proxy; it appears here.</p>",
            );
        }
        self.cards.iter().for_each(|card| card.write(&mut out));
        out
    }

    fn count(&self) -> String {
        let exchanges = match self.exchanges {
            1 => "1 exchange came through".to_owned(),
            count => format!("{count} exchanges came through"),
        };
        let older = self.explained.saturating_sub(self.cards.len() as u64);
        let shown = if older > 0 { format!(", the oldest {older} no longer shown here") } else { String::new() };
        format!("{exchanges}, {} explained{shown}.", self.explained)
    }
}

fn card(told: &Told<'_>) -> Option<Card> {
    let (first, others) = told.diagnosis.findings.split_first()?;
    let view = View::new(told);
    let exchange = told.exchange;
    let method = super::redact::brief(&view.door.words(&exchange.request.method), 20);
    Some(Card {
        id: exchange.id,
        at: date::clock(exchange.at),
        grade: first.grade,
        cause: first.cause,
        title: title(first.cause),
        request: format!("{method} {}", view.url()),
        ended: view.door.words(&words::outcome(exchange, told.diagnosis.answered_by)),
        because: view.door.words(&first.because),
        others: others.iter().map(|other| (other.grade, title(other.cause))).collect(),
        fix: catalog::page(first.cause).map(|page| page.fix.clone()).unwrap_or_default(),
        block: log::block(told, &Style::plain(BLOCK)),
        taken_back: None,
    })
}

impl Card {
    fn write(&self, out: &mut String) {
        let grade = self.grade.as_str();
        out.push_str(&format!(
            "<article id=\"x{}\"><p class=\"when\"><time>{}</time> #{} <code>{}</code><br>{}</p>\n\
             <h2><span class=\"grade {grade}\">{grade}</span> {} <code>{}</code></h2>\n<p>{}</p>\n",
            self.id,
            self.at,
            self.id,
            escaped(&self.request),
            escaped(&self.ended),
            escaped(&self.title),
            self.cause,
            escaped(&self.because)
        ));
        for (grade, title) in &self.others {
            let grade = grade.as_str();
            out.push_str(&format!(
                "<p class=\"or\">or, <span class=\"{grade}\">{grade}</span>: {}</p>\n",
                escaped(title)
            ));
        }
        if let Some(because) = &self.taken_back {
            out.push_str(&format!("<p class=\"back\"><strong>Taken back.</strong> {}</p>\n", prose(because)));
        }
        if !self.fix.is_empty() {
            out.push_str("<ol>");
            self.fix.iter().for_each(|step| out.push_str(&format!("<li>{}</li>", prose(step))));
            out.push_str("</ol>\n");
        }
        out.push_str(&format!(
            "<details><summary>What shows it, and what would tell the suspects apart</summary><pre>{}</pre></details></article>\n",
            escaped(self.block.trim_end())
        ));
    }
}

#[cfg(test)]
mod tests;

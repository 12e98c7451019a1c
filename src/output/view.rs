//! What every teller says of one exchange: the address, links into the instance, what separates the suspects.

use super::Told;
use super::redact::Door;
use crate::catalog::{self, Page, Values};
use crate::model::{Answerer, Finding};
use crate::wire::endpoint::is_instance_host;
use crate::wire::reading::Reading;

/// One exchange, seen for telling.
pub struct View<'a> {
    pub told: &'a Told<'a>,
    pub door: Door<'a>,
    /// Host of the instance that links lead to; `None` where no instance took part.
    host: Option<String>,
    values: Values,
}

impl<'a> View<'a> {
    pub fn new(told: &'a Told<'a>) -> View<'a> {
        let request = &told.exchange.request;
        let answered = told.diagnosis.answered_by == Answerer::Instance;
        let again;
        // What the memory knew of the host can make another reading of it, unless it is an instance's in both.
        let reading = match told.reading.filter(|reading| answered && reading.instance) {
            Some(reading) => reading,
            None => {
                again = Reading::of(told.exchange, answered);
                &again
            }
        };
        let is_instance = !reading.outbound && request.has_place() && (answered || is_instance_host(&request.host));
        let form_user = reading.form.as_ref().and_then(|form| form.get("username")).map(str::to_owned);
        let values = Values {
            client_id: reading.client.id().filter(|_| !reading.endpoint.is_api()).map(str::to_owned),
            table: reading.endpoint.table().map(str::to_owned),
            user: form_user
                .or_else(|| reading.basic.as_ref().filter(|_| reading.endpoint.is_api()).map(|basic| basic.user())),
        };
        let host = is_instance.then(|| request.origin().split_once("://").map(|(_, host)| host.to_owned())).flatten();
        View { told, door: Door::of(told.salt, told.exchange), host, values }
    }

    /// The address; empty where the recording does not show the request.
    pub fn url(&self) -> String {
        let request = &self.told.exchange.request;
        if !request.has_place() {
            return String::new();
        }
        let target = if request.target.starts_with(['/', '?']) { request.target.as_str() } else { "" };
        self.door.url(format!("{}{target}", request.origin()).as_bytes()).text()
    }

    pub fn transaction(&self) -> Option<String> {
        let answer = self.told.exchange.response()?;
        let id = answer.fields.text("x-transaction-id").filter(|id| !id.trim().is_empty())?;
        Some(super::redact::brief(&self.door.words(id.trim()), 64))
    }

    /// Links of a page into the instance that took part.
    pub fn links(&self, page: &Page) -> Vec<String> {
        let links = page.where_.iter().filter_map(|spot| self.link(spot));
        let mut seen: Vec<String> = Vec::new();
        links.for_each(|link| {
            if !seen.contains(&link) {
                seen.push(link)
            }
        });
        seen
    }

    pub fn link(&self, spot: &catalog::Where) -> Option<String> {
        spot.link(self.host.as_deref()?, &self.values).map(|link| self.door.url(link.as_bytes()).text())
    }

    /// What separates `one` from another suspect: the name of one of the two, and what is seen when it is that one. The
    /// page of `one` knows its rivals best; else the other page says what speaks for `one`.
    pub fn contrast(&self, one: &Finding, other: &'static str) -> Option<(&'static str, &'static str)> {
        let by = |page: &str, rival: &'static str| Some((rival, catalog::page(page)?.contrast(rival)?));
        by(one.cause, other).or_else(|| by(other, one.cause))
    }
}

/// The headline of a cause; its name where it has no page.
pub fn title(cause: &str) -> String {
    catalog::page(cause).map_or_else(|| cause.replace('-', " "), |page| page.title.clone())
}

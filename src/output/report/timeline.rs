//! The steps of the OAuth story: who asked for what, what was given, and where it was used in vain.

use super::gather::is_healthy;
use crate::model::{Millis, Tag};
use crate::output::Told;
use crate::output::redact::{Door, brief};
use crate::output::view::title;
use crate::wire::endpoint::Endpoint;
use crate::wire::reading::{Credential, Reading};

/// Steps that a picture can hold.
const STEPS: usize = 28;
/// Steps that are remembered; the oldest that nobody refers to go first.
const REMEMBERED: usize = 400;
/// Characters of a line.
const LINE: usize = 46;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Good,
    Bad,
    Plain,
}

/// One step.
pub(super) struct Step {
    pub at: Millis,
    pub id: u64,
    pub mood: Mood,
    pub what: String,
    pub came: String,
    /// Tags of what was given.
    gives: Vec<Tag>,
    /// Tag of what was used.
    uses: Option<Tag>,
    /// Calls like it that followed at once.
    pub again: u64,
}

#[derive(Default)]
pub(super) struct Timeline {
    steps: Vec<Step>,
    left_out: u64,
}

impl Timeline {
    pub fn add(&mut self, told: &Told<'_>, reading: &Reading<'_>, door: &Door<'_>) {
        let Some(step) = step(told, reading, door) else { return };
        let like = |last: &&mut Step| {
            last.what == step.what && last.came == step.came && last.uses == step.uses && step.gives.is_empty()
        };
        if let Some(last) = self.steps.last_mut().filter(like) {
            last.again += 1;
            return;
        }
        self.steps.push(step);
        if self.steps.len() > REMEMBERED {
            let at = self.steps.iter().position(|step| step.mood == Mood::Plain).unwrap_or(0);
            self.steps.remove(at);
            self.left_out += 1;
        }
    }

    /// The steps for the picture and how many were left out: failures and what they used come first.
    pub fn chosen(&self) -> (Vec<&Step>, u64) {
        let used: Vec<Tag> =
            self.steps.iter().filter(|step| step.mood == Mood::Bad).filter_map(|step| step.uses).collect();
        let weight = |step: &Step| match step.mood {
            _ if step.gives.iter().any(|tag| used.contains(tag)) => 0,
            Mood::Bad => 1,
            Mood::Good => 2,
            Mood::Plain => 3,
        };
        let mut order: Vec<usize> = (0..self.steps.len()).collect();
        order.sort_by_key(|at| (self.steps.get(*at).map(weight), *at));
        order.truncate(STEPS);
        order.sort_unstable();
        let chosen: Vec<&Step> = order.into_iter().filter_map(|at| self.steps.get(at)).collect();
        let left_out = self.steps.len().saturating_sub(chosen.len()) as u64 + self.left_out;
        (chosen, left_out)
    }
}

/// Pairs of steps of a list: the one that gave what the other used in vain.
pub(super) fn links(steps: &[&Step]) -> Vec<(usize, usize)> {
    let giver = |tag: Tag, before: usize| steps.iter().take(before).rposition(|step| step.gives.contains(&tag));
    let bad = steps.iter().enumerate().filter(|(_, step)| step.mood == Mood::Bad);
    bad.filter_map(|(at, step)| Some((giver(step.uses?, at)?, at))).collect()
}

fn step(told: &Told<'_>, reading: &Reading<'_>, door: &Door<'_>) -> Option<Step> {
    let exchange = told.exchange;
    let finding = told.diagnosis.findings.first();
    let what = what(reading).or_else(|| finding.map(|_| call(reading, door)))?;
    let mood = match finding {
        Some(_) if !is_healthy(exchange) => Mood::Bad,
        Some(_) => Mood::Plain,
        None if !is_healthy(exchange) => Mood::Plain,
        None => Mood::Good,
    };
    let came = match finding {
        Some(finding) => format!("{}: {}", status(reading), title(finding.cause)),
        None => given(told, reading),
    };
    Some(Step {
        at: exchange.at,
        id: exchange.id,
        mood,
        what: brief(&door.words(&what), LINE * 2),
        came: brief(&door.words(&came), LINE * 2),
        gives: gives(told, reading),
        uses: uses(told, reading),
        again: 0,
    })
}

/// A step of OAuth, or a call with a token of it.
fn what(reading: &Reading<'_>) -> Option<String> {
    Some(match &reading.endpoint {
        Endpoint::Token | Endpoint::ProviderToken | Endpoint::TokenMisspelt => {
            format!("asks for a token ({})", reading.grant().unwrap_or("no grant").trim())
        }
        Endpoint::Authorize => "asks the user for consent".into(),
        Endpoint::Revoke => "revokes a token".into(),
        Endpoint::OAuthRedirect => "calls the redirect of the instance".into(),
        Endpoint::Login => "logs in".into(),
        _ if reading.callback.is_some() => "is redirected".into(),
        _ if matches!(reading.credential, Credential::Bearer | Credential::QueryToken) => {
            format!("{} {} with a token", reading.request().method, reading.request().path())
        }
        _ => return None,
    })
}

fn call(reading: &Reading<'_>, door: &Door<'_>) -> String {
    let path = door.url(reading.request().path().as_bytes()).text();
    format!("{} {path}", reading.request().method)
}

fn status(reading: &Reading<'_>) -> String {
    reading.status().map_or_else(|| "no answer".into(), |status| status.to_string())
}

/// What an answer without findings brought.
fn given(told: &Told<'_>, reading: &Reading<'_>) -> String {
    let tag = |value: &str| told.salt.tag(value.as_bytes());
    if let Some(answer) = &reading.token_answer {
        let life = answer.expires_in.map(|seconds| format!(", lives {seconds} s")).unwrap_or_default();
        return format!("token {}{life}", tag(&answer.access_token));
    }
    match reading.callback.as_ref().and_then(|callback| callback.code.as_deref()) {
        Some(code) => format!("code {}", tag(code)),
        None => status(reading),
    }
}

fn gives(told: &Told<'_>, reading: &Reading<'_>) -> Vec<Tag> {
    let tag = |value: &str| told.salt.tag(value.as_bytes());
    let answer = reading.token_answer.as_ref();
    let tokens =
        answer.map(|answer| [Some(&answer.access_token), answer.refresh_token.as_ref(), answer.id_token.as_ref()]);
    let code = reading.callback.as_ref().and_then(|callback| callback.code.as_deref()).map(tag);
    tokens.into_iter().flatten().flatten().map(|token| tag(token)).chain(code).collect()
}

fn uses(told: &Told<'_>, reading: &Reading<'_>) -> Option<Tag> {
    let token = ["code", "refresh_token", "token"].iter().find_map(|name| reading.param(name));
    let at_endpoint = matches!(reading.endpoint, Endpoint::Token | Endpoint::ProviderToken | Endpoint::Revoke);
    let value = if at_endpoint { token } else { reading.token.as_deref() };
    value.map(|value| told.salt.tag(value.as_bytes()))
}

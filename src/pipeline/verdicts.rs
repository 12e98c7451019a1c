//! Verdicts that a later success with the very same credential contradicts (knowledge: ambiguities §1, second corollary).

use std::collections::{HashMap, VecDeque};

use crate::model::{Diagnosis, Grade, Millis, Place, Salt, Tag};
use crate::output::TakenBack;
use crate::wire::date;
use crate::wire::endpoint::Endpoint;
use crate::wire::reading::Reading;

/// Keys that are remembered; the oldest goes first.
const KEYS: usize = 4_096;
/// A locked user is let in again after this, in milliseconds: a success from here on confirms the verdict.
const UNLOCK: i64 = 15 * 60 * 1000;

/// Causes that say "this credential is not good": a success of the same bytes speaks against them.
const ABOUT_THE_CREDENTIAL: [&str; 20] = [
    "wrong-password",
    "unknown-user",
    "account-inactive",
    "account-locked",
    "password-needs-reset",
    "sso-user-no-local-password",
    "basic-auth-restricted",
    "api-access-policy",
    "token-expired",
    "token-revoked",
    "token-restricted",
    "token-from-other-instance",
    "client-secret-wrong",
    "client-id-unknown",
    "client-credentials-disabled",
    "password-grant-disabled",
    "oauth-scope-wiring",
    "refresh-token-expired",
    "username-not-user-name",
    "oauth-client-inactive",
];

struct Verdict {
    exchange: u64,
    entry: Option<usize>,
    cause: &'static str,
    at: Millis,
}

#[derive(Default)]
pub struct Verdicts {
    open: HashMap<Tag, Verdict>,
    order: VecDeque<Tag>,
}

/// Host, endpoint and all that a credential consists of.
fn key(reading: &Reading<'_>, salt: &Salt) -> Option<Tag> {
    let mut parts = vec![reading.host().as_bytes().to_vec(), reading.endpoint.class().into_bytes()];
    if matches!(reading.endpoint, Endpoint::Token | Endpoint::ProviderToken) {
        parts.push(reading.sent.to_vec());
    }
    match reading.credential_bytes() {
        Some(bytes) => parts.push(bytes.into_owned()),
        None if parts.len() < 3 => return None,
        None => {}
    }
    Some(salt.tag(&parts.join(&0)))
}

impl Verdicts {
    /// Remembers the first finding of an exchange, where a success could contradict it.
    pub fn remember(&mut self, reading: &Reading<'_>, diagnosis: &Diagnosis, salt: &Salt) {
        let Some(first) = diagnosis.findings.first() else { return };
        if first.grade == Grade::Proven || !ABOUT_THE_CREDENTIAL.contains(&first.cause) {
            return;
        }
        // Words that know of what follows are not taken back by it.
        let follows = |place: &Place| matches!(place, Place::Exchange(other) if *other > reading.exchange.id);
        let mut evidence = diagnosis.findings.iter().flat_map(|finding| &finding.evidence);
        if evidence.any(|evidence| follows(&evidence.place)) {
            return;
        }
        let Some(key) = key(reading, salt) else { return };
        let verdict = Verdict {
            exchange: reading.exchange.id,
            entry: reading.exchange.entry,
            cause: first.cause,
            at: reading.exchange.at,
        };
        if self.open.insert(key, verdict).is_none() {
            self.order.push_back(key);
        }
        while self.open.len() > KEYS {
            let Some(oldest) = self.order.pop_front() else { return };
            self.open.remove(&oldest);
        }
    }

    /// Verdicts that no longer stand after this success.
    pub fn contradicted_by(&mut self, reading: &Reading<'_>, salt: &Salt) -> Vec<TakenBack> {
        if self.open.is_empty() || !reading.succeeded() {
            return Vec::new();
        }
        let Some(verdict) = key(reading, salt).and_then(|key| self.open.remove(&key)) else { return Vec::new() };
        let after = reading.exchange.at.since(verdict.at);
        if verdict.cause == "account-locked" && after >= UNLOCK {
            return Vec::new();
        }
        let because = format!(
            "The same credential passed here {} later, unchanged: what stopped it then was for a moment, or was mended on the instance.",
            date::span(after / 1000)
        );
        vec![TakenBack { exchange: verdict.exchange, entry: verdict.entry, cause: verdict.cause, because }]
    }
}

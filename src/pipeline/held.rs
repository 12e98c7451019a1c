//! Refusals that may be the first half of a challenge round: held until the client's next request tells.

use crate::model::{Diagnosis, Exchange, Millis};
use crate::wire::reading::{Credential, Reading};

/// How long a client is given to come back with credentials, in milliseconds.
const PATIENCE: i64 = 3_000;
/// Held exchanges end here; the oldest is told at once.
const MOST: usize = 256;

struct Half {
    party: String,
    exchange: Exchange,
    diagnosis: Diagnosis,
}

#[derive(Default)]
pub struct Held(Vec<Half>);

/// A 401 (or 407) with a challenge, to a request that carried nothing to answer it with.
pub fn may_be_half(reading: &Reading<'_>, diagnosis: &Diagnosis) -> bool {
    let status = reading.status().unwrap_or(0);
    let bare = match status {
        401 => reading.credential == Credential::None && !reading.challenges.is_empty(),
        407 => !reading.request().fields.has("proxy-authorization") || goes_on(reading),
        _ => false,
    };
    bare && !diagnosis.findings.is_empty() && !reading.request().unseen
}

/// NTLM and Negotiate take several rounds: the proxy answers the client's first message with a message of its own.
fn goes_on(reading: &Reading<'_>) -> bool {
    let Some(response) = reading.response() else { return false };
    response.fields.all("proxy-authenticate").any(|value| {
        let (scheme, message) = value.split_at(value.iter().position(|byte| *byte == b' ').unwrap_or(value.len()));
        let rounds = scheme.eq_ignore_ascii_case(b"ntlm") || scheme.eq_ignore_ascii_case(b"negotiate");
        rounds && !message.trim_ascii().is_empty()
    })
}

impl Held {
    /// Holds an exchange; gives back those that have to go to make room.
    pub fn hold(&mut self, party: String, exchange: Exchange, diagnosis: Diagnosis) -> Vec<(Exchange, Diagnosis)> {
        self.0.push(Half { party, exchange, diagnosis });
        let over = self.0.len().saturating_sub(MOST);
        self.0.drain(..over).map(|half| (half.exchange, half.diagnosis)).collect()
    }

    /// Takes out the first halves that this request is the second half of.
    pub fn answered_by(&mut self, reading: &Reading<'_>) -> Vec<(Exchange, Diagnosis)> {
        // A sanitized recording hides what the second half carries. Cookies of the refusal itself come back with any next
        // request: they answer no challenge.
        let carries = !matches!(reading.credential, Credential::None | Credential::Cookie)
            || reading.request().fields.has("proxy-authorization")
            || reading.request().unseen;
        if self.0.is_empty() || !carries {
            return Vec::new();
        }
        let party = reading.party();
        let same = |half: &Half| {
            let (first, second) = (&half.exchange.request, reading.request());
            half.party == party
                && first.host == second.host
                && first.target == second.target
                && first.method == second.method
        };
        self.0.extract_if(.., |half| same(half)).map(|half| (half.exchange, half.diagnosis)).collect()
    }

    pub fn overdue(&mut self, now: Millis) -> Vec<(Exchange, Diagnosis)> {
        if self.0.is_empty() {
            return Vec::new();
        }
        self.0
            .extract_if(.., |half| now.since(half.exchange.at) > PATIENCE)
            .map(|half| (half.exchange, half.diagnosis))
            .collect()
    }

    pub fn all(&mut self) -> Vec<(Exchange, Diagnosis)> {
        self.0.drain(..).map(|half| (half.exchange, half.diagnosis)).collect()
    }
}

//! Refusals that may be the first half of a challenge round: held until the client's next request tells.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::model::{Diagnosis, Exchange, Millis, Request, Scheme};
use crate::output::TakenBack;
use crate::wire::date;
use crate::wire::reading::{Credential, Reading};

/// How long a client is given to come back with credentials before the words are told, in milliseconds.
const PATIENCE: i64 = 3_000;
/// How long a person is given who is asked by a browser for a name and a password, in milliseconds. A recording waits as
/// long; live, what was told is taken back.
const PERSON: i64 = 120_000;
/// Held exchanges end here; the oldest is told at once.
const MOST: usize = 256;

struct Half {
    party: String,
    exchange: Arc<Exchange>,
    diagnosis: Diagnosis,
}

/// A first half that was told already.
struct Late {
    party: String,
    at: Millis,
    asked: [String; 3],
    takes_back: TakenBack,
}

#[derive(Default)]
pub struct Held {
    halves: Vec<Half>,
    late: VecDeque<Late>,
    /// The whole story is there already: nobody waits for the words.
    recorded: bool,
}

/// Host, target and method.
fn asked(request: &Request) -> [String; 3] {
    [request.host.clone(), request.target.clone(), request.method.clone()]
}

/// A 401 (or 407) with a challenge, to a request that carried nothing to answer it with.
pub fn may_be_half(reading: &Reading<'_>, diagnosis: &Diagnosis) -> bool {
    let status = reading.status().unwrap_or(0);
    let bare = match status {
        401 => reading.credential == Credential::None && !reading.challenges.is_empty(),
        407 => !reading.request().fields.has("proxy-authorization") || goes_on(reading),
        _ => false,
    };
    let half = bare && !reading.request().unseen || status == 401 && offered_user_token(reading.exchange).is_some();
    half && !diagnosis.findings.is_empty()
}

/// The token against forged requests that a refusal hands out, for the same request to come back with (wire notes §1.3).
fn offered_user_token(exchange: &Exchange) -> Option<Cow<'_, str>> {
    exchange.response()?.fields.text("x-usertoken-response").filter(|token| !token.trim().is_empty())
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
    /// For recordings: a person's whole time is waited for.
    pub fn recorded() -> Held {
        Held { recorded: true, ..Held::default() }
    }

    /// Holds an exchange; gives back those that have to go to make room.
    pub fn hold(
        &mut self,
        party: String,
        exchange: Arc<Exchange>,
        diagnosis: Diagnosis,
    ) -> Vec<(Arc<Exchange>, Diagnosis)> {
        self.halves.push(Half { party, exchange, diagnosis });
        let over = self.halves.len().saturating_sub(MOST);
        self.halves.drain(..over).map(|half| (half.exchange, half.diagnosis)).collect()
    }

    /// Takes out the first halves that this request is the second half of.
    pub fn answered_by(&mut self, reading: &Reading<'_>) -> Vec<(Arc<Exchange>, Diagnosis)> {
        if self.halves.is_empty() {
            return Vec::new();
        }
        let party = reading.party();
        let same = |half: &Half| half.party == party && is_second_half(reading, &half.exchange);
        self.halves.extract_if(.., |half| same(half)).map(|half| (half.exchange, half.diagnosis)).collect()
    }

    pub fn overdue(&mut self, now: Millis) -> Vec<(Arc<Exchange>, Diagnosis)> {
        if self.halves.is_empty() {
            return Vec::new();
        }
        let patience = if self.recorded { PERSON } else { PATIENCE };
        let over: Vec<Half> = self.halves.extract_if(.., |half| now.since(half.exchange.at) > patience).collect();
        over.iter().for_each(|half| self.told_late(half));
        over.into_iter().map(|half| (half.exchange, half.diagnosis)).collect()
    }

    fn told_late(&mut self, half: &Half) {
        let Some(first) = half.diagnosis.findings.first().filter(|_| !self.recorded) else { return };
        let (party, exchange) = (half.party.clone(), &half.exchange);
        let takes_back =
            TakenBack { exchange: exchange.id, entry: exchange.entry, cause: first.cause, because: String::new() };
        self.late.push_back(Late { party, at: exchange.at, asked: asked(&exchange.request), takes_back });
        if self.late.len() > MOST {
            self.late.pop_front();
        }
    }

    /// What was told of first halves whose second half passes only now: somebody had to type.
    pub fn contradicted_by(&mut self, reading: &Reading<'_>) -> Vec<TakenBack> {
        let now = reading.exchange.at;
        while self.late.front().is_some_and(|late| now.since(late.at) > PERSON) {
            self.late.pop_front();
        }
        if self.late.is_empty() || !carries(reading) || !reading.succeeded() {
            return Vec::new();
        }
        let (party, wanted) = (reading.party(), asked(reading.request()));
        let (answered, rest): (Vec<Late>, Vec<Late>) =
            self.late.drain(..).partition(|late| late.party == party && late.asked == wanted);
        self.late = rest.into();
        let because = |late: &Late| {
            let after = date::span(now.seconds_since(late.at));
            format!(
                "The same request passed with credentials {after} later: it was the first half of a challenge round."
            )
        };
        answered.into_iter().map(|late| TakenBack { because: because(&late), ..late.takes_back }).collect()
    }

    pub fn all(&mut self) -> Vec<(Arc<Exchange>, Diagnosis)> {
        self.halves.drain(..).map(|half| (half.exchange, half.diagnosis)).collect()
    }
}

/// The same request with what was asked for; or what passes through the tunnel that a proxy had refused to open.
fn is_second_half(reading: &Reading<'_>, first: &Exchange) -> bool {
    let second = reading.request();
    if asked(&first.request) == asked(second) {
        let brought =
            || second.fields.text("x-usertoken").is_some_and(|token| Some(token) == offered_user_token(first));
        return carries(reading) || brought();
    }
    let inside = (&first.request.host, first.request.port) == (&second.host, second.port) && second.method != "CONNECT";
    first.request.method == "CONNECT" && inside && second.scheme == Scheme::Https && reading.status() != Some(407)
}

/// Whether a request answers a challenge. A sanitized recording hides what the second half carries. Cookies of the
/// refusal itself come back with any next request: they answer no challenge.
fn carries(reading: &Reading<'_>) -> bool {
    !matches!(reading.credential, Credential::None | Credential::Cookie)
        || reading.request().fields.has("proxy-authorization")
        || reading.request().unseen
}

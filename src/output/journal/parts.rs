//! Sides of exchanges that were written before. Clients send the same requests again and again, and servers the same
//! answers: what was made of one need not be made again.

use std::collections::HashMap;

use memchr::memmem::find;
use serde_json::value::RawValue;

use super::Taken;
use crate::model::{Body, Exchange, Fields, Outcome, Quick};
use crate::output::har;
use crate::output::redact::scrub::{Removed, Rule, Scrubber, Sent, State};
use crate::wire::telling::Telling;

/// Parts are remembered up to about this many bytes; then all are forgotten at once.
const BYTES: usize = 256 * 1024;
/// Longer bodies are seldom the same twice, in bytes.
const BODY: usize = 16 * 1024;
/// About what a part takes beside its bytes.
const EACH: usize = 300;

/// What was made of a request or of an answer.
pub(super) struct Part {
    /// What it was made of; empty where it cannot come again. Holds secrets in the clear.
    from: Vec<u8>,
    /// Its texts as they are without secrets, one after the other.
    texts: Vec<u8>,
    pub json: Box<RawValue>,
    /// The agent of a request's CONNECT; what stopped the exchange instead of an answer.
    pub beside: Option<String>,
    pub removed: Vec<Taken>,
    /// An answer that brought a token or a code, which later exchanges may use in vain.
    pub gives: bool,
    /// A secret that was known from elsewhere was taken out of it.
    met: bool,
    as_of: State,
    /// In how many lines it stands already.
    pub lines: u32,
}

impl Part {
    pub fn request(scrubber: &mut Scrubber, exchange: &Exchange, keep: Telling) -> Part {
        let as_of = scrubber.state();
        let Sent { request, agent, removed } = scrubber.request(exchange, keep);
        let json = har::request(&request, matches!(exchange.outcome, Outcome::Refused(_)));
        let mut texts = Vec::new();
        let head = request.head.as_deref().unwrap_or_default();
        let lines = [&request.method, &request.host, &request.target, &request.version].map(|text| text.as_bytes());
        let lines = lines.into_iter().chain([head]);
        lines.chain(agent.as_deref().map(str::as_bytes)).for_each(|text| add_text(&mut texts, text));
        add_texts(&mut texts, &request.fields, &request.body);
        Part::new(as_of, json, texts, agent, &removed)
    }

    pub fn answer(scrubber: &mut Scrubber, exchange: &Exchange, keep: Telling) -> Part {
        let as_of = scrubber.state();
        let (outcome, removed) = scrubber.outcome(exchange, keep);
        let stopped = har::stopped(&outcome);
        let mut texts = Vec::new();
        add_text(&mut texts, stopped.as_deref().unwrap_or_default().as_bytes());
        if let Outcome::Answered(answer) = &outcome {
            add_text(&mut texts, answer.reason.as_bytes());
            add_texts(&mut texts, &answer.fields, &answer.body);
        }
        let part = Part::new(as_of, har::answer(&outcome), texts, stopped, &removed);
        Part { gives: gives(&outcome), ..part }
    }

    fn new(as_of: State, json: Box<RawValue>, texts: Vec<u8>, beside: Option<String>, removed: &[Removed]) -> Part {
        let met = removed.iter().any(|removed| removed.rule == Rule::KnownElsewhere);
        let removed = removed.iter().map(Taken::of).collect();
        Part { from: Vec::new(), texts, json, beside, removed, gives: false, met, as_of, lines: 0 }
    }

    /// Whether the same would be made again, with all that is known now.
    pub fn still(&mut self, scrubber: &Scrubber) -> bool {
        let still = scrubber.still(self.as_of, self.met, &self.texts);
        self.as_of = if still { scrubber.state() } else { self.as_of };
        still
    }

    fn bytes(&self) -> usize {
        self.from.len() + self.texts.len() + self.json.get().len() + EACH
    }
}

fn add_texts(out: &mut Vec<u8>, fields: &Fields, body: &Body) {
    let fields = fields.0.iter().flat_map(|field| [&field.name, &field.value]);
    fields.chain([&body.bytes]).for_each(|text| add_text(out, text));
}

fn add_text(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(text);
    out.push(b'\n');
}

fn gives(outcome: &Outcome) -> bool {
    let Outcome::Answered(answer) = outcome else { return false };
    let location = answer.fields.text("location").unwrap_or_default();
    answer.status < 400 && (location.contains("code=") || find(&answer.body.bytes, b"access_token").is_some())
}

/// The memory of one kind of sides, by all that they are made of.
#[derive(Default)]
pub(super) struct Parts {
    parts: HashMap<u64, Part>,
    bytes: usize,
    quick: Quick,
}

impl Parts {
    /// Takes out what was made of these bytes.
    pub fn take(&mut self, from: &[u8]) -> Option<Part> {
        let part = self.parts.remove(&self.quick.hash(from))?;
        self.bytes -= part.bytes();
        Some(part).filter(|part| part.from == from)
    }

    /// Remembers what was made of these bytes, and stands in one more line.
    pub fn put(&mut self, from: &[u8], mut part: Part) {
        if from.is_empty() {
            return;
        }
        if self.bytes > BYTES {
            self.parts.clear();
            self.bytes = 0;
        }
        if part.from.is_empty() {
            part.from = from.to_vec();
        }
        part.lines = part.lines.saturating_add(1);
        self.bytes += part.bytes();
        // Whoever puts a part has taken the one before.
        self.parts.insert(self.quick.hash(from), part);
    }
}

/// All that a request's part is made of; nothing where it is of a kind that seldom comes again.
pub(super) fn of_request(exchange: &Exchange, keep: Telling, out: &mut Vec<u8>) {
    out.clear();
    let request = &exchange.request;
    let refused = matches!(exchange.outcome, Outcome::Refused(_));
    if refused || request.body.bytes.len() > BODY {
        return;
    }
    let agent = exchange.client.connect_agent.as_deref();
    let texts = [&request.method, &request.host, &request.target, &request.version, agent.unwrap_or_default()];
    texts.into_iter().for_each(|text| add(out, text.as_bytes()));
    let flags = [agent.is_some(), request.unseen, keep.request].map(u8::from);
    add(out, &flags);
    add(out, request.scheme.as_str().as_bytes());
    add(out, &request.port.to_le_bytes());
    add(out, request.odd_head().map_or(&b""[..], |head| head));
    add_message(out, &request.fields, &request.body, true);
}

/// All that an answer's part is made of. `dull`: whether there is nothing to learn from a text, so that of one that is left
/// out only the length counts.
pub(super) fn of_answer(exchange: &Exchange, keep: Telling, dull: impl Fn(&[u8]) -> bool, out: &mut Vec<u8>) {
    out.clear();
    let Some(answer) = exchange.response().filter(|answer| answer.cut.is_none()) else { return };
    let dull = !keep.answer && dull(&answer.body.bytes);
    if answer.body.bytes.len() > BODY && !dull {
        return;
    }
    add(out, &answer.status.to_le_bytes());
    [&answer.reason, &answer.version].into_iter().for_each(|text| add(out, text.as_bytes()));
    add(out, &[answer.ours, keep.answer].map(u8::from));
    add_message(out, &answer.fields, &answer.body, !dull);
}

fn add_message(out: &mut Vec<u8>, fields: &Fields, body: &Body, text: bool) {
    for field in &fields.0 {
        add(out, &field.name);
        add(out, &field.value);
    }
    let Body { bytes, length, coded, left_out, unpacking, glance: _ } = body;
    let left_out = left_out.unwrap_or(u64::MAX);
    let unpacking = [unpacking.bytes as u64, unpacking.ratio as u64];
    for number in [*length, left_out, bytes.len() as u64].into_iter().chain(unpacking) {
        out.extend_from_slice(&number.to_le_bytes());
    }
    add(out, &[*coded, text].map(u8::from));
    if text {
        add(out, bytes);
    }
}

/// With its length before it: no two lists of texts give the same bytes.
fn add(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(&(text.len() as u64).to_le_bytes());
    out.extend_from_slice(text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{HeadFault, HeadProblem, Salt};

    #[test]
    fn parts_are_forgotten_when_they_are_too_many_bytes() {
        let as_of = Scrubber::new(Salt::new([7; 32])).state();
        let (mut parts, mut most) = (Parts::default(), 0);
        for number in 0..100_u8 {
            let from = vec![number; BODY];
            parts.put(&from, Part::new(as_of, Box::default(), Vec::new(), None, &[]));
            let kept = parts.take(&from).unwrap();
            assert_eq!((kept.lines, parts.take(&from).is_some()), (1, false), "taken is gone");
            assert_eq!(kept.bytes(), BODY + kept.json.get().len() + EACH);
            parts.put(&from, kept);
            assert!(parts.bytes <= BYTES + 2 * BODY, "{}", parts.bytes);
            most = most.max(parts.parts.len());
        }
        assert!((10..30).contains(&most), "{most}");
        assert!(parts.take(&vec![0; BODY]).is_none());
    }

    /// What seldom comes again is made of nothing, so it takes no room.
    #[test]
    fn neither_long_bodies_nor_what_was_refused_is_remembered() {
        let story = "@ 10:00:00 https://h.example\n> POST /a HTTP/1.1\n> Host: h\n< HTTP/1.1 200 OK\n<\n";
        let read = crate::intake::transcript::parse(story).unwrap();
        let plain = read.steps.into_iter().next().unwrap().exchange;
        let made_of = |exchange: &Exchange| {
            let (mut request, mut answer) = (b"before".to_vec(), b"before".to_vec());
            of_request(exchange, Telling::BOTH, &mut request);
            of_answer(exchange, Telling::BOTH, |_| true, &mut answer);
            [request, answer].map(|bytes| !bytes.is_empty() && !bytes.starts_with(b"before"))
        };
        for (length, remembered) in [(0, true), (BODY, true), (BODY + 1, false), (2 * BODY, false)] {
            let (mut sent, mut got) = (plain.clone(), plain.clone());
            let body = Body::whole("x".repeat(length));
            sent.request.body = body.clone();
            let Outcome::Answered(answer) = &mut got.outcome else { panic!("it was answered") };
            answer.body = body;
            assert_eq!((made_of(&sent), made_of(&got)), ([remembered, true], [true, remembered]), "{length}");
        }
        let fault = HeadFault { offset: 0, problem: HeadProblem::RequestLine, status: 400 };
        let refused = Exchange { outcome: Outcome::Refused(fault), ..plain };
        assert_eq!(made_of(&refused), [false, false]);
    }
}

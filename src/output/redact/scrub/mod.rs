//! A whole exchange without its secrets, fit for a file: stand-ins take their places, in both directions, and the
//! diagnosis of what is left is the same (`diagnose(x) == diagnose(read_har(redact(x)))`).
//!
//! What is looked for by structure is what `redact` marks; what was met as a secret once is looked for everywhere from
//! then on, in plain, percent-encoded, escaped, in base64 and in base16. Bodies lose their content coding first; bodies
//! that cannot be read (an unknown coding, pictures, archives) are left out, their length stays.

mod body;
mod dull;
mod fields;
mod letters;
mod mask;
mod names;
mod parts;
mod pkce;
mod public;
mod stand_in;
mod text;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use bytes::Bytes;

use super::known::Known;
use super::names::field_kind;
use super::secret::Shaper;
use super::text::find;
use super::{field_marks, form, head};
use crate::model::{
    Body, CertificateFault, Client, Exchange, Failure, FailureKind, Fields, Millis, Outcome, Request, Response, Salt,
    Tag, lossy,
};
use crate::wire::content;
use crate::wire::telling::Telling;
use dull::Dull;
use fields::{Remembered, Scrubbed};
use public::Public;
use stand_in::Maker;

pub use mask::{Masker, Masks};
pub use parts::{Sent, State};

/// One removal: where, by which rule, and the tag of what was removed (never the value).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// As in evidence: `request.headers.authorization`.
    pub place: String,
    pub rule: Rule,
    pub tag: Tag,
    /// What stands there now; empty where that is nothing, or a part of a longer text.
    pub now: String,
}

/// Why something was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// The name of a field, parameter, member, element or cookie says that its value is a secret.
    Name,
    /// User name and password in base64: the password.
    Basic,
    /// The signature of a JWT.
    JwtSignature,
    /// A verifier or challenge of PKCE.
    Pkce,
    /// It was met as a secret elsewhere.
    KnownElsewhere,
    /// A body that cannot be read as text.
    UnreadableBody,
}

impl Rule {
    pub fn as_str(self) -> &'static str {
        match self {
            Rule::Name => "name-or-look",
            Rule::Basic => "basic-password",
            Rule::JwtSignature => "jwt-signature",
            Rule::Pkce => "pkce",
            Rule::KnownElsewhere => "known-elsewhere",
            Rule::UnreadableBody => "unreadable-body",
        }
    }
}

/// Removes the secrets of one session. Remembers them to find them again, so it never leaves the process.
pub struct Scrubber {
    maker: Maker,
    known: Known,
    public: Public,
    fields: Remembered,
    dull: Dull,
    /// What fields were judged by, beside `known`.
    judged: (usize, usize),
}

/// What the work on one exchange needs and collects.
struct Work<'a> {
    maker: &'a mut Maker,
    known: &'a mut Known,
    public: &'a mut Public,
    remembered: &'a mut Remembered,
    dull: &'a mut Dull,
    shaper: Shaper<'a>,
    /// Whose text stays.
    keep: Telling,
    place: String,
    removed: Vec<Removed>,
}

impl Scrubber {
    /// The key must be the session's own: it makes stand-ins that nobody else can compute.
    pub fn new(salt: Salt) -> Scrubber {
        Scrubber {
            maker: Maker::new(salt),
            known: Known::default(),
            public: Public::default(),
            fields: Remembered::default(),
            dull: Dull::default(),
            judged: (0, 0),
        }
    }

    /// The exchange without its secrets, and what was removed.
    pub fn scrub(&mut self, exchange: &Exchange) -> (Exchange, Vec<Removed>) {
        self.scrub_keeping(exchange, Telling::BOTH)
    }

    /// The same, with the texts of the bodies left out that are not to be kept. Their secrets are learned all the same.
    pub fn scrub_keeping(&mut self, exchange: &Exchange, keep: Telling) -> (Exchange, Vec<Removed>) {
        let salt = self.maker.salt.clone();
        self.meet(exchange);
        let before = self.state();
        let mut work = self.work(&salt, exchange.at, keep);
        let first = (work.exchange(exchange), work.removed);
        if before == self.state() {
            return first;
        }
        // Again, as something was learnt: what the answer says is a secret may stand in the request, and the other way round.
        let mut work = self.work(&salt, exchange.at, keep);
        (work.exchange(exchange), work.removed)
    }

    /// Learns the secrets of an exchange without writing it: for looking ahead.
    pub fn learn(&mut self, exchange: &Exchange) {
        self.scrub(exchange);
    }

    /// Text of unknown make without its secrets.
    pub fn words(&mut self, text: &str) -> String {
        let salt = self.maker.salt.clone();
        let mut work = self.work(&salt, Millis::default(), Telling::BOTH);
        work.plain_text(text)
    }

    fn work<'a>(&'a mut self, salt: &'a Salt, at: Millis, keep: Telling) -> Work<'a> {
        let judged = (self.public.count(), self.maker.changes());
        if judged != self.judged {
            self.fields.clear();
            self.judged = judged;
        }
        Work {
            maker: &mut self.maker,
            known: &mut self.known,
            public: &mut self.public,
            remembered: &mut self.fields,
            dull: &mut self.dull,
            shaper: Shaper { salt, at, whole: true },
            keep,
            place: String::new(),
            removed: Vec::new(),
        }
    }

    /// How many secrets were learned so far.
    pub fn learned(&self) -> u64 {
        self.known.learned()
    }

    /// The secrets that were learned since there were so many, in every form that is looked for. They must not leave the
    /// process.
    pub fn learned_since(&self, learned: u64) -> Vec<Vec<u8>> {
        self.known.since(learned)
    }

    /// Finished bytes without the secrets that are known by now; `None`: they hold none.
    pub fn mended(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        self.known.exchanged(bytes)
    }

    /// Whether this long text was looked through lately, and there was nothing to learn from it.
    pub fn knows_as_dull(&self, text: &[u8]) -> bool {
        self.dull.has(text)
    }

    /// Whether finished bytes still hold a secret that is known, in whatever form.
    pub fn finds_secret_in(&self, bytes: &[u8]) -> bool {
        self.known.is_in(bytes)
    }
}

impl Work<'_> {
    fn exchange(&mut self, exchange: &Exchange) -> Exchange {
        let request = self.request(&exchange.request, matches!(exchange.outcome, Outcome::Refused(_)));
        let connect_agent = self.agent(&exchange.client);
        let outcome = self.outcome(&exchange.outcome);
        let client = Client { connect_agent, ..exchange.client.clone() };
        let Exchange { id, entry, at, timing, ref upstream, .. } = *exchange;
        Exchange { id, entry, at, client, request, outcome, timing, upstream: upstream.clone() }
    }

    fn agent(&mut self, client: &Client) -> Option<String> {
        client.connect_agent.as_deref().map(|agent| self.plain_text(agent))
    }

    fn outcome(&mut self, outcome: &Outcome) -> Outcome {
        match outcome {
            Outcome::Answered(response) => Outcome::Answered(self.response(response)),
            Outcome::Failed(failure) => Outcome::Failed(self.failure(failure)),
            other => other.clone(),
        }
    }

    fn request(&mut self, request: &Request, refused: bool) -> Request {
        "request.url".clone_into(&mut self.place);
        let target = self.url(request.target.as_bytes());
        let method = self.plain_text(&request.method);
        let fields = self.fields("request", &request.fields);
        "request.body".clone_into(&mut self.place);
        let body = self.body(&request.fields, &request.body, self.keep.request);
        let &Request { scheme, port, unseen, .. } = request;
        let (host, version) = (request.host.clone(), request.version.clone());
        let mut out = Request { method, scheme, host, port, target, version, fields, body, head: None, unseen };
        out.head = request.head.as_ref().map(|bytes| {
            // As a rule the head is what the fields show, which are scrubbed already. One that was refused has lines that
            // only look like fields.
            if !refused && request.odd_head().is_none() {
                return Bytes::from(out.shown_head());
            }
            "request.head".clone_into(&mut self.place);
            let marks = head::marks(self.shaper, bytes);
            Bytes::from(self.marked(bytes, marks, 0))
        });
        out
    }

    fn response(&mut self, response: &Response) -> Response {
        "response.status".clone_into(&mut self.place);
        let reason = self.plain_text(&response.reason);
        let fields = self.fields("response", &response.fields);
        "response.body".clone_into(&mut self.place);
        let body = self.body(&response.fields, &response.body, self.keep.answer);
        let cut = response.cut.as_ref().map(|failure| self.failure(failure));
        let &Response { status, ours, .. } = response;
        Response { status, reason, version: response.version.clone(), fields, body, ours, cut }
    }

    fn fields(&mut self, side: &str, fields: &Fields) -> Fields {
        let scrubbed = fields.0.iter().map(|field| {
            let found = self.remembered.get(side, &field.name, &field.value, self.known);
            let scrubbed = found.unwrap_or_else(|| self.field(side, &field.name, &field.value));
            for removed in scrubbed.removed {
                self.add(removed);
            }
            (scrubbed.name, scrubbed.value)
        });
        scrubbed.collect()
    }

    fn field(&mut self, side: &str, name: &[u8], value: &[u8]) -> Scrubbed {
        let others = std::mem::take(&mut self.removed);
        let text = lossy(name).into_owned();
        self.place = format!("{side}.headers.{}", text.to_ascii_lowercase());
        let marks = field_marks(self.shaper, field_kind(&text), value);
        let scrubbed = Bytes::from(self.marked(value, marks, 0));
        let shown = self.plain_text(&text);
        let mut removed = std::mem::replace(&mut self.removed, others);
        if shown != text {
            // The name itself held a secret.
            let place = format!("{side}.headers.{}", shown.to_ascii_lowercase());
            removed.iter_mut().for_each(|removed| removed.place.clone_from(&place));
        }
        let scrubbed = Scrubbed { name: Bytes::from(shown), value: scrubbed, removed };
        self.remembered.put(side, name, value, scrubbed.clone(), self.known);
        scrubbed
    }

    /// A URL or target; what is no UTF-8 in it becomes U+FFFD.
    fn url(&mut self, url: &[u8]) -> String {
        let marks = form::url(self.shaper, 0, url);
        lossy(&self.marked(url, marks, 0)).into_owned()
    }

    fn failure(&mut self, failure: &Failure) -> Failure {
        "connection".clone_into(&mut self.place);
        let kind = match &failure.kind {
            FailureKind::Certificate(CertificateFault::UnknownIssuer(issuer)) => {
                FailureKind::Certificate(CertificateFault::UnknownIssuer(self.plain_text(issuer)))
            }
            FailureKind::Certificate(CertificateFault::ChainIncomplete(issuer)) => {
                FailureKind::Certificate(CertificateFault::ChainIncomplete(self.plain_text(issuer)))
            }
            other => other.clone(),
        };
        Failure { kind, detail: self.plain_text(&failure.detail), ..failure.clone() }
    }

    fn body(&mut self, fields: &Fields, body: &Body, keep: bool) -> Body {
        let bytes = content::decoded(fields, body);
        if body::is_unreadable(fields, body, &bytes) {
            // Left out as a whole; but what can be read of it may be repeated where it can be read.
            let removed = self.removed.len();
            self.text_of_any_kind(bytes.get(..bytes.len().min(body::LEARNT)).unwrap_or_default(), 0);
            self.removed.truncate(removed);
            self.note(Rule::UnreadableBody, &bytes, b"");
            return Body { length: body.length.max(1), ..Body::default() };
        }
        if !keep && !bytes.is_empty() {
            if !self.dull.has(&bytes) && !self.learn_from(&bytes) && matches!(bytes, Cow::Borrowed(_)) {
                self.dull.add(&body.bytes);
            }
            let left_out = Some(content::length(fields, body, bytes.len() as u64));
            return Body { length: body.length, left_out, ..Body::default() };
        }
        let out = self.text_of_any_kind(&bytes, 0);
        Body { bytes: Bytes::from(out), left_out: body.left_out, length: body.length, ..Body::default() }
    }

    /// Secrets of a text that is left out may stand elsewhere. Whether there could be any.
    fn learn_from(&mut self, bytes: &[u8]) -> bool {
        let marks = self.marks_of_any_kind(bytes);
        if marks.is_empty() && find(bytes, b"code_", 0).is_none() {
            return false;
        }
        let removed = self.removed.len();
        self.marked(bytes, marks, 0);
        self.removed.truncate(removed);
        true
    }

    fn note(&mut self, rule: Rule, secret: &[u8], now: &[u8]) {
        let now = lossy(now).into_owned();
        let removed = Removed { place: self.place.clone(), rule, tag: self.maker.salt.tag(secret), now };
        self.add(removed);
    }

    fn add(&mut self, removed: Removed) {
        if !self.removed.contains(&removed) {
            self.removed.push(removed);
        }
    }
}

//! Turns what passes into an `Exchange` and hands it over, whatever happens on the way.
//!
//! A sheet is opened before a request is forwarded, with room for it in the pipeline's queue already taken: the pipeline's
//! slowness holds requests back for a moment, memory stays bounded, and nothing that was begun is lost. A sheet that is
//! dropped (the client went away, the proxy stops) hands itself over as abandoned.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{OwnedPermit, Sender};
use tokio::time::timeout;

use super::Shared;
use super::dial::Facts;
use super::door::route::{Destination, split_scheme};
use super::http1::head::{AnswerHead, RequestHead, Version};
use super::http1::lenient::lenient;
use super::settings::{Origin, Watch};
use super::tally::Counts;
use crate::model::{
    Body, Client, Exchange, Failure, HeadFault, Millis, Outcome, Phase, Request, Response, Scheme, Switched, Timing,
    Unpacking, Upstream, lossy,
};

/// The beginning of a body, and how long all of it was.
#[derive(Default)]
pub(super) struct Capture {
    kept: BytesMut,
    length: u64,
    limit: usize,
    unpacking: Unpacking,
}

impl Capture {
    fn new(limit: usize, unpacking: Unpacking) -> Capture {
        Capture { limit, unpacking, ..Capture::default() }
    }

    /// So many bytes are announced: room for those that are kept is taken once, and not again and again as they come.
    pub fn expect(&mut self, length: u64) {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        self.kept.reserve(length.min(self.limit).saturating_sub(self.kept.len()));
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.length = self.length.saturating_add(bytes.len() as u64);
        let room = self.limit.saturating_sub(self.kept.len()).min(bytes.len());
        self.kept.extend_from_slice(bytes.get(..room).unwrap_or_default());
    }

    /// Begins anew: the same bytes will come again.
    pub fn forget(&mut self) {
        *self = Capture::new(self.limit, self.unpacking);
    }

    fn take(&mut self) -> Body {
        let mut bytes = std::mem::take(&mut self.kept).freeze();
        if self.length > bytes.len() as u64 {
            bytes.truncate(whole_words(&bytes));
        }
        // Nothing is decoded here: the bytes are as they were on the wire.
        Body { bytes, length: self.length, coded: true, unpacking: self.unpacking, ..Body::default() }
    }
}

/// Where the last whole word of a text ends that was cut: the first half of a secret is not known again as what it is. One
/// that is longer than any stays.
pub(super) fn whole_words(text: &[u8]) -> usize {
    let tail = text.len().saturating_sub(WORD);
    let between = |byte: &u8| byte.is_ascii_whitespace() || b"\"'&;,<>{}[]()".contains(byte);
    let end = text.iter().skip(tail).rposition(between);
    end.map_or(text.len(), |at| tail + at + 1)
}

/// Few tokens are longer, and what is cut off is no evidence any more.
const WORD: usize = 4 * 1024;

/// One exchange in the making: what is known so far, and both bodies, which are filled from two sides at once.
pub(super) struct Sheet {
    pub draft: Draft,
    pub sent: Capture,
    pub received: Capture,
}

/// What is known so far.
pub(super) struct Draft {
    live: Option<Live>,
    started: Instant,
}

struct Live {
    /// Given back while the exchange is another protocol's connection, which may be open for days.
    permit: Option<OwnedPermit<Arc<Exchange>>>,
    queue: Sender<Arc<Exchange>>,
    counts: Arc<Counts>,
    seen: Option<Arc<dyn Watch>>,
    exchange: Exchange,
    answer: Option<Response>,
    phase: Phase,
}

impl Sheet {
    /// Waits for room in the queue; opens an empty sheet that tells nothing when there is none in time.
    pub async fn open(shared: &Shared, client: Client, request: Request, started: Instant) -> Sheet {
        let id = shared.counts.begun.fetch_add(1, Ordering::Relaxed) + 1;
        let permit = admit(shared).await;
        if permit.is_none() {
            shared.counts.unobserved.fetch_add(1, Ordering::Relaxed);
        }
        let limit = if permit.is_some() { shared.limits.body_kept } else { 0 };
        let live = permit.map(|permit| Live {
            permit: Some(permit),
            queue: shared.exchanges.clone(),
            counts: shared.counts.clone(),
            seen: shared.seen.clone(),
            exchange: Exchange {
                id,
                entry: None,
                at: wall_clock(started),
                client,
                request,
                outcome: Outcome::Abandoned(Phase::Resolve),
                timing: Timing::default(),
                upstream: Upstream::default(),
            },
            answer: None,
            phase: Phase::Resolve,
        });
        let capture = || Capture::new(limit, shared.limits.unpacking);
        Sheet { draft: Draft { live, started }, sent: capture(), received: capture() }
    }

    /// A sheet that nothing is written on.
    pub fn blank(started: Instant) -> Sheet {
        Sheet { draft: Draft { live: None, started }, sent: Capture::default(), received: Capture::default() }
    }

    /// The answer ended: well, or `cut` short by the upstream.
    pub fn answered(mut self, cut: Option<Failure>) {
        let body = self.received.take();
        let answer = self.draft.live.as_mut().and_then(|live| live.answer.take());
        if let Some(answer) = answer {
            self.finish(Outcome::Answered(Response { body, cut, ..answer }));
        }
    }

    /// Both sides speak another protocol from here on. Room in the queue is for exchanges that end soon.
    pub fn switches(&mut self) {
        if let Some(live) = &mut self.draft.live {
            live.permit = None;
        }
    }

    /// The other protocol has ended, too.
    pub fn switched(mut self, switched: Switched) {
        if let Some(live) = &mut self.draft.live {
            live.exchange.upstream.switched = Some(Box::new(switched));
        }
        self.answered(None);
    }

    pub fn failed(mut self, failure: Failure) {
        self.finish(Outcome::Failed(failure));
    }

    pub fn refused(mut self, fault: HeadFault) {
        self.finish(Outcome::Refused(fault));
    }

    fn finish(&mut self, outcome: Outcome) {
        let Some(mut live) = self.draft.live.take() else { return };
        live.counts.ended(&outcome);
        live.exchange.outcome = outcome;
        live.exchange.request.body = self.sent.take();
        live.exchange.timing.end = Some(self.draft.started.elapsed());
        let exchange = Arc::new(live.exchange);
        live.seen.iter().for_each(|seen| seen.ended(&exchange));
        match live.permit {
            Some(permit) => drop(permit.send(exchange)),
            None if live.queue.try_send(exchange).is_ok() => {}
            None => drop(live.counts.unobserved.fetch_add(1, Ordering::Relaxed)),
        }
    }
}

impl Drop for Sheet {
    fn drop(&mut self) {
        let phase = self.draft.live.as_ref().map_or(Phase::AwaitAnswer, |live| live.phase);
        self.finish(Outcome::Abandoned(phase));
    }
}

impl Draft {
    /// A field of the answer that has begun; empty where there is none.
    pub fn answers(&self, name: &str) -> String {
        let answer = self.live.as_ref().and_then(|live| live.answer.as_ref());
        answer.and_then(|answer| answer.fields.text(name)).unwrap_or_default().into_owned()
    }

    pub fn phase(&mut self, phase: Phase) {
        if let Some(live) = &mut self.live {
            live.phase = phase;
        }
    }

    /// How long each step of connecting took, however far it came.
    pub fn dialled(&mut self, steps: &Timing) {
        if let Some(live) = &mut self.live {
            let timing = &mut live.exchange.timing;
            (timing.resolve, timing.connect, timing.tls) = (steps.resolve, steps.connect, steps.tls);
        }
    }

    pub fn connected(&mut self, facts: &Facts, reused: bool) {
        if let Some(live) = &mut self.live {
            live.exchange.upstream = Upstream {
                address: facts.address,
                tls: facts.tls.clone(),
                reused,
                parent: facts.parent.clone(),
                unverified: facts.unverified,
                switched: None,
            };
            live.phase = Phase::SendRequest;
        }
    }

    pub fn request_sent(&mut self, at: Instant) {
        let at = at.saturating_duration_since(self.started);
        if let Some(live) = &mut self.live {
            live.exchange.timing.sent = Some(at);
        }
    }

    pub fn answer_begun(&mut self, answer: &AnswerHead, first_byte: Instant) {
        let at = first_byte.saturating_duration_since(self.started);
        if let Some(live) = &mut self.live {
            live.exchange.timing.first_byte = Some(at);
            live.phase = Phase::ReadBody;
            live.answer = Some(Response {
                status: answer.status,
                reason: lossy(answer.reason()).into_owned(),
                version: answer.version.as_str().to_owned(),
                fields: answer.head.to_model(),
                body: Body::default(),
                ours: false,
                cut: None,
            });
        }
        self.begins(answer.status);
    }

    /// An answer of that status goes to the client next.
    pub fn begins(&self, status: u16) {
        if let Some(live) = &self.live {
            live.seen.iter().for_each(|seen| seen.begins(&live.exchange, status));
        }
    }
}

async fn admit(shared: &Shared) -> Option<OwnedPermit<Arc<Exchange>>> {
    match shared.exchanges.clone().try_reserve_owned() {
        Ok(permit) => Some(permit),
        Err(TrySendError::Full(sender)) => timeout(shared.limits.admission, sender.reserve_owned()).await.ok()?.ok(),
        Err(TrySendError::Closed(_)) => None,
    }
}

/// The wall clock's time of a moment that the monotonic clock has measured.
pub(super) fn wall_clock(moment: Instant) -> Millis {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let at = now.saturating_sub(moment.elapsed());
    Millis(i64::try_from(at.as_millis()).unwrap_or(i64::MAX))
}

/// The model's request for one that is forwarded.
pub(super) fn request(head: &RequestHead, destination: &Destination) -> Request {
    let target = match &destination.target {
        Some(target) => lossy(target).into_owned(),
        None => origin_form(head.target()),
    };
    Request {
        method: head.method().to_owned(),
        scheme: destination.origin.scheme,
        host: destination.origin.host.clone(),
        port: destination.origin.port,
        target,
        version: head.version.as_str().to_owned(),
        fields: head.head.to_model(),
        body: Body::default(),
        head: Some(head.head.raw.clone()),
        unseen: false,
    }
}

/// Inside of a tunnel a target may be absolute and is forwarded so; the model has path and query only.
fn origin_form(target: &[u8]) -> String {
    let path = match split_scheme(target) {
        None => target,
        Some((_, rest)) => {
            let start = rest.iter().position(|byte| matches!(byte, b'/' | b'?'));
            start.and_then(|start| rest.get(start..)).unwrap_or(b"/")
        }
    };
    lossy(path).into_owned()
}

/// The model's request for a CONNECT that led to nothing; without a head for a connection to a reverse listener, which is
/// to its upstream as a tunnel is.
pub(super) fn connect_request(head: Option<&RequestHead>, origin: &Origin) -> Request {
    Request {
        method: "CONNECT".to_owned(),
        scheme: origin.scheme,
        host: origin.host.clone(),
        port: origin.port,
        target: origin.authority(),
        version: head.map(|head| head.version).unwrap_or(Version::Http11).as_str().to_owned(),
        fields: head.map(|head| head.head.to_model()).unwrap_or_default(),
        body: Body::default(),
        head: head.map(|head| head.head.raw.clone()),
        unseen: false,
    }
}

/// The model's request for a head that HTTP cannot parse: what can be read of it.
pub(super) fn broken_request(raw: Bytes, origin: Option<&Origin>) -> Request {
    let reading = lenient(&raw);
    let named = reading.fields.text("host").and_then(|host| super::settings::split_authority(host.trim()));
    let (scheme, host, port) = match (origin, named) {
        (Some(origin), _) => (origin.scheme, origin.host.clone(), origin.port),
        (None, Some((host, port))) => (Scheme::Http, host, port.unwrap_or(80)),
        (None, None) => (Scheme::Http, String::new(), 80),
    };
    let target = if reading.target.is_empty() { "/".to_owned() } else { reading.target };
    Request {
        method: reading.method,
        scheme,
        host,
        port,
        target,
        version: reading.version,
        fields: reading.fields,
        body: Body::default(),
        head: Some(raw),
        unseen: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_ends_with_a_whole_word() {
        for (text, kept) in [
            ("a b", "a "),
            ("{\"token\":\"B1wSEk0", "{\"token\":\""),
            ("a=1&code=B1wS", "a=1&"),
            ("Cookie: a=B1; b=B1", "Cookie: a=B1; "),
            ("B1wSEk0", "B1wSEk0"),
        ] {
            assert_eq!(text.get(..whole_words(text.as_bytes())), Some(kept), "{text}");
        }
        let long = format!("a {}", "b".repeat(WORD));
        assert_eq!(whole_words(long.as_bytes()), long.len());
    }
}

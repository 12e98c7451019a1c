//! One request to its upstream and the answer back: connect, converse, and whatever happens becomes an exchange.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::time::timeout;

use super::Shared;
use super::dial::Purpose;
use super::dial::pool::Upstream;
use super::door::answer::Notice;
use super::door::route::Destination;
use super::fault::failure;
use super::http1::converse::{Conversation, Ending, Terms, Trouble};
use super::http1::framing::{self, Decoder};
use super::http1::head::{RequestHead, Version};
use super::http1::rewrite::{self, RequestChanges};
use super::http1::transfer::{Body, Stop};
use super::http2::from_http1::{self, Crossing};
use super::http2::sessions::Speaks;
use super::link::Link;
use super::observe::{self, Sheet};
use super::relay::Changed;
use super::settings::Origin;
use super::tls::Offer;
use crate::model::{Client, Failure, FailureKind, HeadFault, HeadProblem, Phase, Timing, Way};

/// A request's head, and when its first byte was seen.
pub(super) struct Arrived {
    pub head: RequestHead,
    pub first: Instant,
}

/// What becomes of the client's connection.
pub(super) enum After {
    /// It can carry the next request.
    Next,
    /// It ends in peace.
    Close,
    /// It ends at once: what was sent is incomplete, and the client must see that.
    Cut,
    /// It speaks another protocol from here on, with this upstream.
    Upgraded(Box<Changed>),
}

/// A reused connection may have been closed by its upstream while a request was on its way to it. Where that request
/// cannot be repeated, only connections are reused that were busy until now: no server known closes within this time
/// (Node's default is 5 s).
pub(super) const SAFE_IDLE: Duration = Duration::from_secs(4);

/// An upstream connection that belongs to one client connection.
pub(super) type Own = Option<(Origin, Upstream)>;

/// Forwards one request.
pub(super) async fn forward(
    shared: &Shared,
    client: &mut Link,
    own: &mut Own,
    from: &Client,
    arrived: Arrived,
    mut destination: Destination,
) -> After {
    let request = observe::request(&arrived.head, &destination);
    let from = Client { way: destination.way, called: destination.manner.called(), ..from.clone() };
    destination.manner.mark(shared.marks, from.address.map(|address| address.ip()));
    let sheet = if explained(shared, &destination) {
        Sheet::open(shared, from, request, arrived.first).await
    } else {
        Sheet::blank(arrived.first)
    };
    let decoder = match framing::of_request(&arrived.head) {
        Ok(framing) => Decoder::new(framing),
        Err(fault) => return Box::pin(refuse(shared, client, &arrived.head, sheet, fault)).await,
    };
    let errand = Errand { shared, head: arrived.head, own, destination, sheet, decoder };
    errand.run(client).await
}

/// What comes with an absolute URL may be for any host, as a CONNECT; out of scope it is forwarded and not looked at.
fn explained(shared: &Shared, destination: &Destination) -> bool {
    let named_by_client = matches!(destination.way, Way::Absolute | Way::ClearHttps);
    !named_by_client || shared.scope.covers(&destination.origin.host)
}

/// Answers a request that is not forwarded for a fault of its own.
async fn refuse(shared: &Shared, client: &mut Link, head: &RequestHead, sheet: Sheet, fault: HeadFault) -> After {
    let notice = Notice::of_fault(&fault, &head.head.raw);
    let bytes = notice.render(head.head.get("accept"), head.method() == "HEAD", true);
    sheet.draft.begins(notice.status);
    // The client may be gone already; the exchange is told all the same.
    client.send(&bytes, shared.limits.idle).await.ok();
    sheet.refused(fault);
    After::Close
}

struct Errand<'a> {
    shared: &'a Shared,
    head: RequestHead,
    own: &'a mut Own,
    destination: Destination,
    sheet: Sheet,
    /// Follows the request's body.
    decoder: Decoder,
}

impl Errand<'_> {
    /// What is rare is boxed: room for it would be taken and given back with every request.
    async fn run(mut self, client: &mut Link) -> After {
        let shared = self.shared;
        if shared.http2 && shared.sessions.speaks(&self.destination.origin) == Some(Speaks::OnlyHttp2) {
            return Box::pin(self.over_http2(client)).await;
        }
        let mut first = self.first_bytes();
        let head = first.len();
        let mut body = Body {
            decoder: &mut self.decoder,
            kept: &mut self.sheet.sent,
            framed: true,
            idle: self.shared.limits.idle,
        };
        if body.take(&mut client.buffer, &mut first).is_err() {
            return Box::pin(self.broken_body(client)).await;
        }
        let whole = self.decoder.done();
        let repeatable = whole && idempotent(self.head.method());
        let mut may_reuse = true;
        loop {
            let upstream = match self.upstream(may_reuse, repeatable).await {
                Ok(upstream) => upstream,
                Err(failure) if shared.http2 && from_http1::refuses_http1(&failure) => {
                    self.rewind(client, &first, head);
                    return Box::pin(self.over_http2(client)).await;
                }
                Err(failure) => return Box::pin(self.fail(client, failure)).await,
            };
            let stale = repeatable && upstream.served > 0;
            match self.converse(client, upstream, &first, stale).await {
                Err(Trouble::Stale) => may_reuse = false,
                Ok((ending, upstream)) => return self.ended(ending, upstream),
                Err(trouble) => return Box::pin(self.troubled(client, trouble)).await,
            }
        }
    }

    /// Gives back what was taken of the body: it goes out in another framing.
    fn rewind(&mut self, client: &mut Link, first: &[u8], head: usize) {
        let mut buffer = BytesMut::from(first.get(head..).unwrap_or_default());
        buffer.extend_from_slice(&client.buffer);
        client.buffer = buffer;
        self.sheet.sent.forget();
        if let Ok(framing) = framing::of_request(&self.head) {
            self.decoder = Decoder::new(framing);
        }
    }

    /// To an upstream that takes nothing but HTTP/2.
    async fn over_http2(mut self, client: &mut Link) -> After {
        let bodiless = self.decoder.done();
        let (mut again, mut reuse) = (bodiless, true);
        loop {
            let lease = from_http1::lease(self.shared, &self.destination, &mut self.sheet.draft, reuse).await;
            let lease = match lease {
                Ok(lease) => lease,
                Err(failure) => return self.fail(client, failure).await,
            };
            let mut crossing = Crossing {
                shared: self.shared,
                head: &self.head,
                destination: &self.destination,
                sheet: &mut self.sheet,
                decoder: &mut self.decoder,
                lease: &lease,
                stale: again && lease.reused && idempotent(self.head.method()),
            };
            match crossing.run(client).await {
                Ok(ending) => {
                    self.sheet.answered(None);
                    return if ending.keep_client { After::Next } else { After::Close };
                }
                Err(Trouble::Stale | Trouble::Unprocessed(_)) if again => (again, reuse) = (false, false),
                Err(trouble) => return self.troubled(client, trouble).await,
            }
        }
    }

    /// The head for the upstream.
    fn first_bytes(&self) -> BytesMut {
        let dialer = &self.shared.dialer;
        let absolute = dialer.absolute_for_parent(&self.destination.origin);
        let own = self.destination.target.as_deref().unwrap_or(self.head.target());
        let whole = absolute.is_some().then(|| [self.destination.origin.to_string().as_bytes(), own].concat());
        let credentials = absolute.flatten();
        let changes = RequestChanges {
            target: whole.as_deref().or(self.destination.target.as_deref()),
            host: self.destination.host.as_deref(),
            parent: credentials.as_deref(),
            upgrade: self.upgrades(),
            more: b"",
            manner: Some(&self.destination.manner),
        };
        let mut out = BytesMut::new();
        rewrite::request(&self.head, &changes, &mut out);
        out
    }

    /// Whether the client asks to change the protocol. Not to h2c: HTTP/2 in clear text would leave our sight, and
    /// RFC 9113 has withdrawn it. Not to WebSocket with another method than GET (RFC 6455 §4.1).
    fn upgrades(&self) -> bool {
        let head = &self.head.head;
        self.head.version == Version::Http11
            && head.lists("connection", "upgrade")
            && head.get("upgrade").is_some()
            && !head.lists("upgrade", "h2c")
            && (self.head.method() == "GET" || !head.lists("upgrade", "websocket"))
    }

    /// A pooled connection or a new one.
    async fn upstream(&mut self, may_reuse: bool, repeatable: bool) -> Result<Upstream, Failure> {
        let shared = self.shared;
        let idle = if repeatable { shared.limits.pooled_for } else { SAFE_IDLE };
        let origin = &self.destination.origin.clone();
        let kept = if may_reuse { self.own_connection().or_else(|| shared.pool.take(origin, idle)) } else { None };
        let upstream = match kept {
            Some(upstream) => upstream,
            None => {
                let mut steps = Timing::default();
                let dialled = shared.dialer.dial(origin, Purpose::Http(Offer::Http1), &mut steps).await;
                self.sheet.draft.dialled(&steps);
                let (link, facts) = dialled?;
                Upstream { link, facts: facts.into(), served: 0, bound: false }
            }
        };
        self.sheet.draft.connected(&upstream.facts, upstream.served > 0);
        Ok(upstream)
    }

    /// The connection that belongs to this client's, if it goes to the right origin and is still open.
    fn own_connection(&mut self) -> Option<Upstream> {
        let (origin, mut upstream) = self.own.take()?;
        (origin == self.destination.origin && upstream.link.idle_and_open()).then_some(upstream)
    }

    async fn converse(
        &mut self,
        client: &mut Link,
        mut upstream: Upstream,
        first: &[u8],
        stale: bool,
    ) -> Result<(Ending, Upstream), Trouble> {
        let terms = Terms {
            limits: &self.shared.limits,
            method: self.head.method(),
            version: self.head.version,
            keeps: keeps(&self.head) && !self.shared.draining(),
            upgrades: self.upgrades(),
            stale,
            fresh: upstream.served == 0,
            manner: &self.destination.manner,
            notes: &upstream.facts.notes,
        };
        let mut conversation = Conversation { terms, decoder: &mut self.decoder, sheet: &mut self.sheet };
        let ending = conversation.run(client, &mut upstream.link, first).await?;
        Ok((ending, upstream))
    }

    fn ended(self, ending: Ending, upstream: Upstream) -> After {
        let bound = upstream.bound || authenticates_connection(&self.head);
        if ending.upgraded {
            let protocol = self.sheet.draft.answers("upgrade");
            return After::Upgraded(Box::new(Changed::new(upstream.link, self.sheet, &protocol)));
        }
        self.sheet.answered(None);
        if ending.keep_upstream && bound {
            let upstream = Upstream { served: upstream.served + 1, bound, ..upstream };
            *self.own = Some((self.destination.origin, upstream));
        } else if ending.keep_upstream {
            self.shared.pool.put(&self.destination.origin, upstream);
        }
        if ending.keep_client { After::Next } else { After::Close }
    }

    async fn troubled(self, client: &mut Link, trouble: Trouble) -> After {
        match trouble {
            Trouble::Upstream(failure) => self.fail(client, failure).await,
            Trouble::Unprocessed(reason) => {
                let refused = failure(Phase::AwaitAnswer, FailureKind::Reset, reason.description());
                self.fail(client, refused).await
            }
            Trouble::Cut(failure) => {
                self.sheet.answered(Some(failure));
                After::Cut
            }
            Trouble::Request(Stop::Broken(_)) => self.broken_body(client).await,
            Trouble::Request(Stop::Read(error)) if error.kind() == ErrorKind::TimedOut => self.stalled(client).await,
            // The sheet tells that the client has gone, by being dropped.
            Trouble::Request(_) | Trouble::Gone | Trouble::Stale => After::Cut,
        }
    }

    /// The client has stopped sending within its request's body. The sheet tells it as abandoned.
    async fn stalled(self, client: &mut Link) -> After {
        let notice = Notice::plain(408, "http_request_error", "The request's body did not go on in time.");
        let bytes = notice.render(self.head.head.get("accept"), self.head.method() == "HEAD", true);
        self.sheet.draft.begins(notice.status);
        match client.send(&bytes, self.shared.limits.idle).await {
            Ok(()) => After::Close,
            Err(_) => After::Cut,
        }
    }

    async fn broken_body(self, client: &mut Link) -> After {
        let fault = HeadFault { offset: self.head.head.raw.len(), problem: HeadProblem::Framing, status: 400 };
        refuse(self.shared, client, &self.head, self.sheet, fault).await
    }

    /// Answers instead of the upstream.
    async fn fail(mut self, client: &mut Link, mut failure: Failure) -> After {
        let notice = Notice::of_failure(&failure, &self.destination.origin);
        failure.status = Some(notice.status);
        let keep = self.rest_of_body(client).await && keeps(&self.head);
        let bytes = notice.render(self.head.head.get("accept"), self.head.method() == "HEAD", !keep);
        self.sheet.draft.begins(notice.status);
        let sent = client.send(&bytes, self.shared.limits.idle).await;
        self.sheet.failed(failure);
        if keep && sent.is_ok() { After::Next } else { After::Close }
    }

    /// Reads what is left of the request's body where that is soon done: a token request is explained by its body, and
    /// the connection can go on. Says whether the body has ended.
    async fn rest_of_body(&mut self, client: &mut Link) -> bool {
        if self.decoder.done() || self.head.head.get("expect").is_some() {
            return self.decoder.done();
        }
        let mut body = Body { decoder: &mut self.decoder, kept: &mut self.sheet.sent, framed: false, idle: SHORTLY };
        let (mut nowhere, mut out) = (tokio::io::sink(), BytesMut::new());
        let read = body.transfer(&mut client.stream, &mut client.buffer, &mut nowhere, &mut out, None);
        matches!(timeout(SHORTLY, read).await, Ok(Ok(())))
    }
}

/// NTLM and Negotiate authenticate the connection and not the request (RFC 4559 §6): such a connection may carry the
/// requests of one client connection only.
pub(super) fn authenticates_connection(request: &RequestHead) -> bool {
    request.head.all("authorization").any(|value| {
        let scheme = value.split(|byte| *byte == b' ').next().unwrap_or_default();
        scheme.eq_ignore_ascii_case(b"negotiate") || scheme.eq_ignore_ascii_case(b"ntlm")
    })
}

/// How long the rest of a body is waited for that has nowhere to go.
pub(super) const SHORTLY: Duration = Duration::from_secs(1);

/// RFC 9110 §9.2.2.
pub(super) fn idempotent(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "PUT" | "DELETE" | "OPTIONS" | "TRACE")
}

/// Whether the client's connection stays open after this request (RFC 9112 §9.3); old clients say so in a field of their
/// own making towards proxies.
pub(super) fn keeps(request: &RequestHead) -> bool {
    let head = &request.head;
    let says = |token: &str| head.lists("connection", token) || head.lists("proxy-connection", token);
    !says("close") && (request.version == Version::Http11 || says("keep-alive"))
}

/// A failure of the upstream while its answer was awaited or read.
pub(super) fn malformed(phase: Phase, why: impl Into<String>) -> Failure {
    failure(phase, FailureKind::Malformed, why)
}

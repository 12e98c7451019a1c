//! One request of an HTTP/2 client to its upstream and the answer back; whatever happens becomes an exchange.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::sync::PoisonError;
use std::time::Instant;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{Request, request};
use tokio::time::timeout;

use super::serve::Caller;
use super::sessions::{Lease, Session, Speaks};
use super::{answer, compose, to_http1, to_http2, translate};
use crate::model::{Client, Failure, FailureKind, HeadFault, HeadProblem, Phase, Scheme, Timing};
use crate::proxy::dial::pool::Upstream;
use crate::proxy::dial::{Facts, Purpose};
use crate::proxy::door::answer::Notice;
use crate::proxy::door::route::{Destination, Route, route};
use crate::proxy::fault::failure;
use crate::proxy::forward::{SAFE_IDLE, SHORTLY, authenticates_connection, idempotent, malformed};
use crate::proxy::http1::converse::{Ending, Trouble};
use crate::proxy::http1::head::RequestHead;
use crate::proxy::http1::transfer::Stop;
use crate::proxy::link::Link;
use crate::proxy::observe::{self, Sheet};
use crate::proxy::tls::{HTTP2, Offer};

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    Served,
    /// The client took it back.
    Reset,
}

/// A request on its way.
pub(super) struct Errand<'a> {
    pub caller: &'a Caller<'a>,
    pub head: RequestHead,
    pub destination: Destination,
    pub sheet: Sheet,
    pub body: RecvStream,
    pub respond: SendResponse<Bytes>,
}

/// A connection that the request goes out on.
enum Way {
    Http1(Upstream),
    Http2(Lease),
}

/// Serves one stream.
pub(super) async fn run(caller: &Caller<'_>, request: Request<RecvStream>, respond: SendResponse<Bytes>) -> Left {
    let first = Instant::now();
    let (parts, body) = request.into_parts();
    let head = match compose::request(&parts, caller.shared.limits.fields) {
        Ok(head) => head,
        Err((raw, fault)) => return refuse(caller, respond, raw, fault, first).await,
    };
    let mut destination = match route(&head, caller.door.entrance(caller.shared)) {
        Route::Forward(destination) => destination,
        Route::Refuse(fault) => return refuse(caller, respond, head.head.raw, fault, first).await,
        _ => {
            let fault = HeadFault { offset: head.head.offset("host"), problem: HeadProblem::Host, status: 421 };
            return refuse(caller, respond, head.head.raw, fault, first).await;
        }
    };
    let from = Client { way: destination.way, called: destination.manner.called(), ..caller.door.client.clone() };
    destination.manner.mark(caller.shared.marks, from.address.map(|address| address.ip()));
    let sheet = Sheet::open(caller.shared, from, observe::request(&head, &destination), first).await;
    Errand { caller, head, destination, sheet, body, respond }.run(parts).await
}

async fn refuse(
    caller: &Caller<'_>,
    mut respond: SendResponse<Bytes>,
    raw: Bytes,
    fault: HeadFault,
    first: Instant,
) -> Left {
    let request = observe::broken_request(raw.clone(), caller.door.origin());
    let accept = request.fields.get("accept").map(<[u8]>::to_vec);
    let sheet = Sheet::open(caller.shared, caller.door.client.clone(), request, first).await;
    answer::refused(&mut respond, sheet, fault, &raw, accept.as_deref());
    Left::Served
}

/// Tries of one request: the first, one because a kept connection had ended, one because the upstream asked for it.
const TRIES: usize = 3;

impl Errand<'_> {
    async fn run(mut self, parts: request::Parts) -> Left {
        if !self.nothing_follows_nothing().await {
            return Left::Reset;
        }
        let bodiless = self.body.is_end_stream();
        let repeatable = bodiless && idempotent(self.head.method());
        let (mut parts, mut reuse, mut offer) = (Some(parts), true, Offer::Either);
        for again in (0..TRIES).rev() {
            let way = match self.open(repeatable, reuse, offer).await {
                None => return Left::Reset,
                Some(Err(failure)) => return self.fail(failure).await,
                Some(Ok(way)) => way,
            };
            let ended = match way {
                Way::Http1(upstream) => to_http1::converse(&mut self, upstream, repeatable).await,
                Way::Http2(lease) => self.over_http2(&lease, parts.take(), repeatable).await,
            };
            match ended {
                Ok(kept) => return self.answered(kept),
                Err(Trouble::Stale) if again > 0 => reuse = false,
                Err(Trouble::Unprocessed(reason)) if bodiless && again > 0 => {
                    reuse = false;
                    offer = if reason == Reason::HTTP_1_1_REQUIRED { Offer::Http1 } else { offer };
                }
                Err(trouble) => return self.troubled(trouble).await,
            }
        }
        Left::Reset
    }

    /// A request that says that its body is empty is not sent on before it has ended so: what follows instead is a fault of
    /// which the library learns then (RFC 9113 §8.1.1).
    async fn nothing_follows_nothing(&mut self) -> bool {
        if self.body.is_end_stream() || self.head.head.get("content-length") != Some(b"0") {
            return true;
        }
        // A client that waits longer may have its answer first, as with any other length.
        !matches!(timeout(SHORTLY, self.body.data()).await, Ok(Some(Err(_))))
    }

    /// A connection, unless the client takes its request back meanwhile.
    async fn open(&mut self, repeatable: bool, reuse: bool, offer: Offer) -> Option<Result<Way, Failure>> {
        let mut way =
            Searching { caller: self.caller, head: &self.head, destination: &self.destination, sheet: &mut self.sheet };
        let respond = &mut self.respond;
        tokio::select! {
            biased;
            _ = poll_fn(|cx| respond.poll_reset(cx)) => None,
            found = way.find(repeatable, reuse, offer) => Some(found),
        }
    }

    async fn over_http2(
        &mut self,
        lease: &Lease,
        parts: Option<request::Parts>,
        repeatable: bool,
    ) -> Result<Option<Upstream>, Trouble> {
        let request = match parts {
            Some(parts) => translate::passed_on(parts, &self.destination),
            None => translate::request(&self.head, &self.destination),
        };
        let unfit = || Trouble::Upstream(malformed(Phase::SendRequest, "HTTP/2 cannot express this request"));
        to_http2::converse(self, lease, request.ok_or_else(unfit)?, repeatable && lease.reused).await?;
        Ok(None)
    }

    /// `kept`: the HTTP/1.1 connection that can be used again.
    fn answered(self, kept: Option<Upstream>) -> Left {
        if let Some(upstream) = kept {
            if upstream.bound || authenticates_connection(&self.head) {
                let upstream = Upstream { served: upstream.served + 1, bound: true, ..upstream };
                let own = Some((self.destination.origin.clone(), upstream));
                *self.caller.own.lock().unwrap_or_else(PoisonError::into_inner) = own;
            } else {
                self.caller.shared.pool.put(&self.destination.origin, upstream);
            }
        }
        self.sheet.answered(None);
        Left::Served
    }

    async fn troubled(mut self, trouble: Trouble) -> Left {
        match trouble {
            Trouble::Upstream(failure) => self.fail(failure).await,
            Trouble::Cut(failure) => {
                self.sheet.answered(Some(failure));
                Left::Served
            }
            // Said by the upstream to us, and by us to the client: both know that it can be sent again.
            Trouble::Unprocessed(reason) => {
                self.respond.send_reset(reason);
                self.sheet.failed(failure(Phase::AwaitAnswer, FailureKind::Reset, reason.description()));
                Left::Served
            }
            Trouble::Request(Stop::Read(error)) if error.kind() == ErrorKind::TimedOut => {
                let notice = Notice::plain(408, "http_request_error", "The request's body did not go on in time.");
                self.sheet.draft.begins(notice.status);
                answer::say(&mut self.respond, &notice, self.head.head.get("accept"), self.head.method() == "HEAD");
                Left::Served
            }
            // The sheet tells that the client has gone, by being dropped.
            Trouble::Request(_) | Trouble::Gone | Trouble::Stale => Left::Reset,
        }
    }

    /// Answers instead of the upstream.
    async fn fail(mut self, mut failure: Failure) -> Left {
        let notice = Notice::of_failure(&failure, &self.destination.origin);
        failure.status = Some(notice.status);
        self.rest_of_body().await;
        self.sheet.draft.begins(notice.status);
        answer::say(&mut self.respond, &notice, self.head.head.get("accept"), self.head.method() == "HEAD");
        self.sheet.failed(failure);
        Left::Served
    }

    /// Reads what is left of the request's body where that is soon done: a token request is explained by its body.
    async fn rest_of_body(&mut self) {
        if self.body.is_end_stream() || self.head.head.get("expect").is_some() {
            return;
        }
        let (body, kept) = (&mut self.body, &mut self.sheet.sent);
        let rest = async {
            while let Some(Ok(data)) = body.data().await {
                kept.push(&data);
                // An error means that the stream has ended, which the next look tells.
                body.flow_control().release_capacity(data.len()).ok();
            }
        };
        // What has come until then is enough.
        timeout(SHORTLY, rest).await.ok();
    }
}

/// Looks for a connection.
struct Searching<'a> {
    caller: &'a Caller<'a>,
    head: &'a RequestHead,
    destination: &'a Destination,
    sheet: &'a mut Sheet,
}

impl Searching<'_> {
    async fn find(&mut self, repeatable: bool, reuse: bool, offer: Offer) -> Result<Way, Failure> {
        let way = self.any(repeatable, reuse, offer).await?;
        match &way {
            Way::Http1(upstream) => self.sheet.draft.connected(&upstream.facts, upstream.served > 0),
            Way::Http2(lease) => self.sheet.draft.connected(&lease.session.facts, lease.reused),
        }
        Ok(way)
    }

    async fn any(&mut self, repeatable: bool, reuse: bool, offer: Offer) -> Result<Way, Failure> {
        let (shared, origin) = (self.caller.shared, &self.destination.origin);
        // Credentials that authenticate a connection go where the connection is this client's alone (RFC 4559 §6).
        let own = self.own_connection();
        if own.is_some() && reuse {
            return own.map(Way::Http1).ok_or_else(|| malformed(Phase::Connect, "no connection"));
        }
        if offer == Offer::Http1
            || origin.scheme == Scheme::Http
            || !shared.http2
            || authenticates_connection(self.head)
        {
            return self.http1(repeatable, reuse && !authenticates_connection(self.head)).await;
        }
        if let Some(lease) = shared.sessions.ready(origin).filter(|_| reuse) {
            return Ok(Way::Http2(lease));
        }
        if shared.sessions.speaks(origin) == Some(Speaks::Http1) {
            return match self.pooled(repeatable).filter(|_| reuse) {
                Some(upstream) => Ok(Way::Http1(upstream)),
                None => self.dial(Offer::Either).await,
            };
        }
        self.first(reuse).await
    }

    /// The streams that come while a first connection is made wait for it; where it fails or cannot take them, each makes
    /// its own.
    async fn first(&mut self, reuse: bool) -> Result<Way, Failure> {
        let (sessions, origin) = (&self.caller.shared.sessions, &self.destination.origin);
        let turn = sessions.turn(origin);
        let Ok(held) = turn.try_lock() else {
            drop(turn.lock().await);
            if let Some(lease) = sessions.ready(origin).filter(|_| reuse) {
                return Ok(Way::Http2(lease));
            }
            return self.dial(Offer::Either).await;
        };
        let dialled = self.dial(Offer::Either).await;
        drop(held);
        dialled
    }

    async fn http1(&mut self, repeatable: bool, reuse: bool) -> Result<Way, Failure> {
        match self.pooled(repeatable).filter(|_| reuse) {
            Some(upstream) => Ok(Way::Http1(upstream)),
            None => self.dial(Offer::Http1).await,
        }
    }

    fn pooled(&self, repeatable: bool) -> Option<Upstream> {
        let shared = self.caller.shared;
        let idle = if repeatable { shared.limits.pooled_for } else { SAFE_IDLE };
        shared.pool.take(&self.destination.origin, idle)
    }

    /// The connection that belongs to this client's, if it goes to the right origin and is still open.
    fn own_connection(&self) -> Option<Upstream> {
        let own = self.caller.own.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (origin, mut upstream) = own?;
        (origin == self.destination.origin && upstream.link.idle_and_open()).then_some(upstream)
    }

    async fn dial(&mut self, offer: Offer) -> Result<Way, Failure> {
        let (shared, origin) = (self.caller.shared, &self.destination.origin);
        let mut steps = Timing::default();
        let dialled = shared.dialer.dial(origin, Purpose::Http(offer), &mut steps).await;
        self.sheet.draft.dialled(&steps);
        let (link, facts) = dialled?;
        if speaks_http2(&facts) {
            let session = Session::start(link, facts, &shared.limits).await?;
            return Ok(Way::Http2(shared.sessions.put(origin, session)));
        }
        if offer == Offer::Either {
            shared.sessions.learn(origin, Speaks::Http1);
        }
        Ok(Way::Http1(new(link, facts)))
    }
}

fn new(link: Link, facts: Facts) -> Upstream {
    Upstream { link, facts: facts.into(), served: 0, bound: false }
}

pub(super) fn speaks_http2(facts: &Facts) -> bool {
    facts.tls.as_ref().and_then(|tls| tls.alpn.as_deref()).is_some_and(|alpn| alpn.as_bytes() == HTTP2)
}

/// What an HTTP/1.1 conversation leaves of its upstream connection.
pub(super) fn kept(ending: Ending, upstream: Upstream) -> Option<Upstream> {
    ending.keep_upstream.then_some(upstream)
}

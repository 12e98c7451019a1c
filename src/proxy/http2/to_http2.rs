//! An HTTP/2 client and an HTTP/2 upstream: what one stream brings goes into the other.

use std::convert::Infallible;
use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Context;
use std::time::Instant;

use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{Request, Response};

use super::awaited::{Event, event};
use super::compose;
use super::errand::Errand;
use super::flow::pass;
use super::sessions::Lease;
use crate::model::{FailureKind, Phase};
use crate::proxy::fault::failure;
use crate::proxy::forward::malformed;
use crate::proxy::http1::converse::{Trouble, both};
use crate::proxy::http1::dating;
use crate::proxy::http1::download::MOST_INFORMATIONAL;
use crate::proxy::http1::head::Version;
use crate::proxy::http1::manner::Manner;
use crate::proxy::http1::transfer::{Progress, Stop};
use crate::proxy::observe::{Capture, Draft, Sheet};
use crate::proxy::settings::Limits;

/// Sends the request and brings the answer back. `stale`: silence at the connection's end is not the upstream's answer.
pub(super) async fn converse(
    errand: &mut Errand<'_>,
    lease: &Lease,
    request: Request<()>,
    stale: bool,
) -> Result<(), Trouble> {
    let limits = &errand.caller.shared.limits;
    let bodiless = errand.body.is_end_stream();
    let (response, mut send) = lease.send(request, bodiless).map_err(|error| before(lease, &error, stale))?;
    let (progress, begun) = (Progress::new(), AtomicBool::new(false));
    if bodiless {
        progress.finish();
    }
    let Sheet { draft, sent, received } = &mut errand.sheet;
    let body = &mut errand.body;
    let up = async {
        if !bodiless {
            pass(body, &mut send, sent, limits.idle, Some(&progress)).await?;
            progress.finish();
        }
        // The stream is kept until the answer has come: letting go of it would be taking the request back.
        pending::<Result<Infallible, Stop>>().await
    };
    let manner = &errand.destination.manner;
    let mut down = Down { limits, manner, lease, stale, draft, kept: received, progress: &progress, begun: &begun };
    let ended = both(up, down.run(&mut errand.respond, response), &progress, limits).await;
    if progress.done() {
        errand.sheet.draft.request_sent(progress.last());
    }
    match ended {
        // Once an answer has begun, nothing else can be said to the client.
        Err(Trouble::Request(_)) if begun.load(Ordering::Relaxed) => Err(Trouble::Gone),
        ended => ended,
    }
}

/// An error before anything of an answer.
pub(super) fn before(lease: &Lease, error: &h2::Error, stale: bool) -> Trouble {
    let unprocessed = match error.reason() {
        // A stream that a GOAWAY leaves out was not looked at, nor was one that is refused (RFC 9113 §6.8, §8.7).
        Some(reason) if error.is_remote() && error.is_go_away() => Some(reason),
        Some(reason @ (Reason::REFUSED_STREAM | Reason::HTTP_1_1_REQUIRED)) if error.is_remote() => Some(reason),
        _ => None,
    };
    if !error.is_reset() {
        lease.session.retire();
    }
    match unprocessed {
        Some(Reason::HTTP_1_1_REQUIRED) => Trouble::Unprocessed(Reason::HTTP_1_1_REQUIRED),
        Some(_) => Trouble::Unprocessed(Reason::REFUSED_STREAM),
        None if stale && !error.is_reset() => Trouble::Stale,
        None => Trouble::Upstream(lease.failure(error, Phase::AwaitAnswer)),
    }
}

/// The connection may be dead without having said so: the next request gets a new one.
pub(super) fn late(lease: &Lease) -> Trouble {
    lease.session.retire();
    Trouble::Upstream(failure(Phase::AwaitAnswer, FailureKind::TimedOut, "no first byte in time"))
}

/// The way down.
struct Down<'a> {
    limits: &'a Limits,
    manner: &'a Manner,
    lease: &'a Lease,
    stale: bool,
    draft: &'a mut Draft,
    kept: &'a mut Capture,
    progress: &'a Progress,
    begun: &'a AtomicBool,
}

impl Down<'_> {
    async fn run(&mut self, respond: &mut SendResponse<Bytes>, mut response: ResponseFuture) -> Result<(), Trouble> {
        let (mut parts, mut body) = self.answer(respond, &mut response).await?.into_parts();
        let head = compose::answer(&parts, false);
        self.draft.answer_begun(&head, Instant::now());
        if parts.headers.len() > self.limits.fields {
            return Err(Trouble::Upstream(malformed(Phase::AwaitAnswer, "TooManyFields")));
        }
        self.begun.store(true, Ordering::Relaxed);
        let end = body.is_end_stream();
        self.manner.dress_answer(&mut parts.headers, Version::Http2);
        dating::complete(&mut parts.headers);
        let mut send = respond.send_response(Response::from_parts(parts, ()), end).map_err(|_| Trouble::Gone)?;
        if end {
            return Ok(());
        }
        match pass(&mut body, &mut send, self.kept, self.limits.idle, None).await {
            Ok(()) => Ok(()),
            Err(Stop::Read(error)) => Err(self.cut(error, &mut send)),
            Err(_) => Err(Trouble::Gone),
        }
    }

    /// The first head that is not informational; those are passed on as they come.
    async fn answer(
        &mut self,
        respond: &mut SendResponse<Bytes>,
        response: &mut ResponseFuture,
    ) -> Result<Response<RecvStream>, Trouble> {
        for _ in 0..MOST_INFORMATIONAL {
            let gone = |cx: &mut Context<'_>| respond.poll_reset(cx).is_ready();
            match event(response, self.progress, self.limits, self.draft, gone).await {
                Event::Answer(answer) => return answer.map_err(|error| before(self.lease, &error, self.stale)),
                Event::Informational(mut head) => {
                    self.manner.dress_answer(head.headers_mut(), Version::Http2);
                    respond.send_informational(head).map_err(|_| Trouble::Gone)?;
                }
                Event::Gone => return Err(Trouble::Gone),
                Event::Late => return Err(late(self.lease)),
            }
        }
        Err(Trouble::Upstream(malformed(Phase::AwaitAnswer, "informational answers without an end")))
    }

    /// The upstream failed within its answer. The client is told in the way in which we were.
    fn cut(&self, error: std::io::Error, send: &mut h2::SendStream<Bytes>) -> Trouble {
        let seen = error.get_ref().and_then(|error| error.downcast_ref::<h2::Error>());
        let failed = match seen {
            Some(seen) => self.lease.failure(seen, Phase::ReadBody),
            None => failure(Phase::ReadBody, FailureKind::TimedOut, "the body did not go on in time"),
        };
        let reason = seen.filter(|error| error.is_reset() && error.is_remote()).and_then(h2::Error::reason);
        send.send_reset(reason.filter(|reason| *reason != Reason::NO_ERROR).unwrap_or(Reason::INTERNAL_ERROR));
        Trouble::Cut(failed)
    }
}

//! An HTTP/1.1 client and an upstream that speaks HTTP/2 only. Where an upstream speaks both, such a client's bytes go out
//! in HTTP/1.1, as they came.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bytes::{BufMut, BytesMut};
use h2::RecvStream;
use h2::client::ResponseFuture;
use http::{Method, Response, StatusCode};
use tokio::io::{AsyncWrite, split};

use super::awaited::{Event, event};
use super::flow::{Written, from_link, to_link};
use super::sessions::{Lease, Session, Speaks};
use super::to_http2::{before, late};
use super::{compose, translate};
use crate::model::{Failure, FailureKind, Phase, Timing};
use crate::proxy::Shared;
use crate::proxy::dial::{Facts, Purpose};
use crate::proxy::door::route::Destination;
use crate::proxy::fault::failure;
use crate::proxy::forward::{keeps, malformed};
use crate::proxy::http1::converse::{Ending, Trouble, both, gone, send};
use crate::proxy::http1::dating;
use crate::proxy::http1::download::MOST_INFORMATIONAL;
use crate::proxy::http1::framing::Decoder;
use crate::proxy::http1::head::{RequestHead, Version};
use crate::proxy::http1::manner::Manner;
use crate::proxy::http1::rewrite::{self, Persistence};
use crate::proxy::http1::transfer::{Progress, Stop};
use crate::proxy::link::Link;
use crate::proxy::observe::{Capture, Draft, Sheet};
use crate::proxy::settings::Limits;
use crate::proxy::tls::Offer;

/// TLS has no_application_protocol (RFC 7301 §3.2) for an offer that holds nothing the server speaks.
const NO_APPLICATION_PROTOCOL: u8 = 120;

/// Whether an upstream refused a connection because HTTP/1.1 was all that it offered.
pub(in super::super) fn refuses_http1(failure: &Failure) -> bool {
    failure.kind == FailureKind::TlsAlert(NO_APPLICATION_PROTOCOL)
}

/// A shared connection or a new one.
pub(in super::super) async fn lease(
    shared: &Shared,
    destination: &Destination,
    draft: &mut Draft,
    reuse: bool,
) -> Result<Lease, Failure> {
    let origin = &destination.origin;
    shared.sessions.learn(origin, Speaks::OnlyHttp2);
    let lease = match shared.sessions.ready(origin).filter(|_| reuse) {
        Some(lease) => lease,
        None => {
            let mut steps = Timing::default();
            let dialled = shared.dialer.dial(origin, Purpose::Http(Offer::Http2), &mut steps).await;
            draft.dialled(&steps);
            let (link, facts) = dialled?;
            shared.sessions.put(origin, start(link, facts, &shared.limits).await?)
        }
    };
    draft.connected(&lease.session.facts, lease.reused);
    Ok(lease)
}

async fn start(link: Link, facts: Facts, limits: &Limits) -> Result<std::sync::Arc<Session>, Failure> {
    if !super::errand::speaks_http2(&facts) {
        return Err(failure(Phase::UpstreamTls, FailureKind::NotTls, "it takes neither HTTP/1.1 nor HTTP/2"));
    }
    Session::start(link, facts, limits).await
}

/// One request over `lease` and its answer back.
pub(in super::super) struct Crossing<'a> {
    pub shared: &'a Shared,
    pub head: &'a RequestHead,
    pub destination: &'a Destination,
    pub sheet: &'a mut Sheet,
    pub decoder: &'a mut Decoder,
    pub lease: &'a Lease,
    /// The request can be repeated: silence at the connection's end is not the upstream's answer.
    pub stale: bool,
}

impl Crossing<'_> {
    pub async fn run(&mut self, client: &mut Link) -> Result<Ending, Trouble> {
        let limits = &self.shared.limits;
        let unfit = || Trouble::Upstream(malformed(Phase::SendRequest, "HTTP/2 cannot express this request"));
        let request = translate::request(self.head, self.destination).ok_or_else(unfit)?;
        let bodiless = self.decoder.done();
        let sent = self.lease.send(request, bodiless);
        let (response, mut to) = sent.map_err(|error| before(self.lease, &error, self.stale))?;
        let (progress, begun) = (Progress::new(), AtomicBool::new(false));
        let (mut reader, mut writer) = split(&mut client.stream);
        let Sheet { draft, sent, received } = &mut *self.sheet;
        let decoder = &mut *self.decoder;
        let buffer = &mut client.buffer;
        let up = async {
            if !bodiless {
                from_link(&mut reader, buffer, decoder, sent, &mut to, limits, Some(&progress)).await?;
            }
            progress.finish();
            gone(&mut reader, buffer, limits, &begun).await
        };
        let down = Down {
            limits,
            manner: &self.destination.manner,
            head: self.head,
            keeps: keeps(self.head) && !self.shared.draining(),
            lease: self.lease,
            stale: self.stale,
            draft,
            kept: received,
            progress: &progress,
            begun: &begun,
        };
        let ended = both(up, down.run(response, &mut writer), &progress, limits).await;
        if progress.done() {
            self.sheet.draft.request_sent(progress.last());
        }
        match ended {
            Err(Trouble::Request(_)) if begun.load(Ordering::Relaxed) => Err(Trouble::Gone),
            ended => ended.map(|ending| Ending { keep_client: ending.keep_client && progress.done(), ..ending }),
        }
    }
}

struct Down<'a> {
    limits: &'a Limits,
    manner: &'a Manner,
    head: &'a RequestHead,
    keeps: bool,
    lease: &'a Lease,
    stale: bool,
    draft: &'a mut Draft,
    kept: &'a mut Capture,
    progress: &'a Progress,
    begun: &'a AtomicBool,
}

impl Down<'_> {
    async fn run<W: AsyncWrite + Unpin>(mut self, response: ResponseFuture, writer: &mut W) -> Result<Ending, Trouble> {
        let (parts, mut body) = self.answer(response, writer).await?.into_parts();
        self.draft.answer_begun(&compose::answer(&parts, false), Instant::now());
        self.begun.store(true, Ordering::Relaxed);
        let bare = body.is_end_stream() || self.head.method() == Method::HEAD || no_content(parts.status);
        let said = parts.headers.contains_key(http::header::CONTENT_LENGTH);
        let chunked = !bare && !said && self.head.version == Version::Http11;
        let keep_client = self.keeps && (bare || said || chunked);
        let persistence = match (keep_client, self.head.version) {
            (false, _) => Persistence::Close,
            (true, Version::Http10) => Persistence::KeepAlive,
            (true, _) => Persistence::Open,
        };
        let mut out = BytesMut::new();
        let date = dating::due(parts.headers.contains_key(http::header::DATE));
        let head = compose::answer(&parts, chunked);
        rewrite::answer(&head, persistence, true, self.manner, date.as_deref(), &mut out);
        if bare && !said && self.head.method() != Method::HEAD && !no_content(parts.status) {
            // An answer without a body says so in HTTP/1.1: else its reader waits for the connection's end.
            out.truncate(out.len() - 2);
            out.put_slice(b"Content-Length: 0\r\n\r\n");
        }
        let written = if chunked { Written::Chunked } else { Written::Plain };
        let moved = to_link(&mut body, self.kept, writer, &mut out, written, self.limits, None).await;
        moved.map_err(|stop| self.stopped(stop))?;
        Ok(Ending { keep_client, keep_upstream: false, upgraded: false })
    }

    async fn answer<W: AsyncWrite + Unpin>(
        &mut self,
        mut response: ResponseFuture,
        writer: &mut W,
    ) -> Result<Response<RecvStream>, Trouble> {
        for _ in 0..MOST_INFORMATIONAL {
            match event(&mut response, self.progress, self.limits, self.draft, |_| false).await {
                Event::Answer(answer) => return answer.map_err(|error| before(self.lease, &error, self.stale)),
                // HTTP/1.0 knows none (RFC 9110 §15.2).
                Event::Informational(_) if self.head.version == Version::Http10 => {}
                Event::Informational(head) => {
                    let mut out = BytesMut::new();
                    let head = compose::answer(&head.into_parts().0, false);
                    rewrite::answer(&head, Persistence::Open, true, self.manner, None, &mut out);
                    send(writer, &out, self.limits).await.map_err(|_| Trouble::Gone)?;
                }
                Event::Gone => return Err(Trouble::Gone),
                Event::Late => return Err(late(self.lease)),
            }
        }
        Err(Trouble::Upstream(malformed(Phase::AwaitAnswer, "informational answers without an end")))
    }

    fn stopped(&self, stop: Stop) -> Trouble {
        let Stop::Read(error) = stop else { return Trouble::Gone };
        let seen = error.get_ref().and_then(|error| error.downcast_ref::<h2::Error>());
        Trouble::Cut(match seen {
            Some(seen) => self.lease.failure(seen, Phase::ReadBody),
            None => failure(Phase::ReadBody, FailureKind::TimedOut, "the body did not go on in time"),
        })
    }
}

fn no_content(status: StatusCode) -> bool {
    matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

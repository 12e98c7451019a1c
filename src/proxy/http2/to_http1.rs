//! An HTTP/2 client and an HTTP/1.1 upstream.

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http::Response;
use tokio::io::{AsyncRead, split};

use super::errand::{Errand, kept};
use super::flow::{Written, from_link, to_link};
use super::translate;
use crate::model::Phase;
use crate::proxy::dial::pool::Upstream;
use crate::proxy::forward::malformed;
use crate::proxy::http1::converse::{Ending, Terms, Trouble, both};
use crate::proxy::http1::dating;
use crate::proxy::http1::download::{Down, MOST_INFORMATIONAL, persists};
use crate::proxy::http1::framing::{self, Decoder, Framing};
use crate::proxy::http1::head::{AnswerHead, RequestHead, Version};
use crate::proxy::http1::manner::Manner;
use crate::proxy::http1::rewrite::{self, RequestChanges};
use crate::proxy::http1::transfer::{Progress, Stop};
use crate::proxy::observe::Sheet;

/// Sends the request and brings the answer back; gives the connection where it can carry another request.
pub(super) async fn converse(
    errand: &mut Errand<'_>,
    mut upstream: Upstream,
    repeatable: bool,
) -> Result<Option<Upstream>, Trouble> {
    let limits = &errand.caller.shared.limits;
    let bodiless = errand.body.is_end_stream();
    let (mut first, written) = head(errand, bodiless);
    let (progress, begun) = (Progress::new(), AtomicBool::new(false));
    let (mut reader, mut writer) = split(&mut upstream.link.stream);
    let Sheet { draft, sent, received } = &mut errand.sheet;
    let body = &mut errand.body;
    let up = async {
        to_link(body, sent, &mut writer, &mut first, written, limits, Some(&progress)).await?;
        progress.finish();
        pending::<Result<Infallible, Stop>>().await
    };
    let terms = Terms {
        limits,
        method: errand.head.method(),
        version: Version::Http2,
        keeps: true,
        upgrades: false,
        stale: repeatable && upstream.served > 0,
        fresh: upstream.served == 0,
        manner: &errand.destination.manner,
        notes: &upstream.facts.notes,
    };
    let down = Down {
        terms,
        draft,
        kept: received,
        progress: &progress,
        begun: &begun,
        patience: &mut upstream.link.patience,
    };
    let ended =
        both(up, bring(down, &mut reader, &mut upstream.link.buffer, &mut errand.respond), &progress, limits).await;
    if progress.done() {
        errand.sheet.draft.request_sent(progress.last());
    }
    let mut ending = match ended {
        // Once an answer has begun, nothing else can be said to the client.
        Err(Trouble::Request(_)) if begun.load(Ordering::Relaxed) => return Err(Trouble::Gone),
        ended => ended?,
    };
    ending.keep_upstream &= progress.done() && upstream.link.buffer.is_empty();
    Ok(kept(ending, upstream))
}

/// The request's head for the upstream, and how its body follows.
fn head(errand: &Errand<'_>, bodiless: bool) -> (BytesMut, Written) {
    let destination = &errand.destination;
    let absolute = errand.caller.shared.dialer.absolute_for_parent(&destination.origin);
    let own = destination.target.as_deref().unwrap_or(errand.head.target());
    let whole = absolute.is_some().then(|| [destination.origin.to_string().as_bytes(), own].concat());
    let credentials = absolute.flatten();
    let (more, written) = framing_for(&errand.head, bodiless);
    let changes = RequestChanges {
        target: whole.as_deref().or(destination.target.as_deref()),
        host: destination.host.as_deref(),
        parent: credentials.as_deref(),
        upgrade: false,
        more,
        manner: Some(&destination.manner),
    };
    let mut out = BytesMut::new();
    rewrite::request(&errand.head, &changes, &mut out);
    (out, written)
}

/// HTTP/2 shows a body's end by itself; HTTP/1.1 has to be told where it is. Servers ask for a length with methods that
/// have a body as a rule (RFC 9110 §8.6).
fn framing_for(head: &RequestHead, bodiless: bool) -> (&'static [u8], Written) {
    let said = head.head.get("content-length").is_some();
    match (said, bodiless) {
        (true, _) => (b"", Written::Plain),
        (false, false) => (b"Transfer-Encoding: chunked\r\n", Written::Chunked),
        (false, true) if matches!(head.method(), "POST" | "PUT" | "PATCH") => {
            (b"Content-Length: 0\r\n", Written::Plain)
        }
        (false, true) => (b"", Written::Plain),
    }
}

/// The way down.
async fn bring<R: AsyncRead + Unpin>(
    mut down: Down<'_>,
    reader: &mut R,
    buffer: &mut BytesMut,
    respond: &mut SendResponse<Bytes>,
) -> Result<Ending, Trouble> {
    let answer = final_head(&mut down, reader, buffer, respond).await?;
    let broken = |why: &str| Trouble::Upstream(malformed(Phase::AwaitAnswer, why));
    let framing = framing::of_answer(&answer, down.terms.method).map_err(broken)?;
    let mut response = expressed(&answer, down.terms.manner)?;
    dating::complete(response.headers_mut());
    down.begun.store(true, Ordering::Relaxed);
    let end = matches!(framing, Framing::Empty | Framing::Length(0));
    let mut send = respond.send_response(response, end).map_err(|_| Trouble::Gone)?;
    let keep_upstream = persists(&answer) && framing != Framing::UntilClose;
    if !end {
        let mut decoder = Decoder::new(framing);
        let limits = down.terms.limits;
        let moved = from_link(reader, buffer, &mut decoder, down.kept, &mut send, limits, None).await;
        moved.map_err(|stop| cut(&down, stop, &mut send))?;
    }
    Ok(Ending { keep_client: true, keep_upstream, upgraded: false })
}

/// The first head that is not informational; those are passed on as they come.
async fn final_head<R: AsyncRead + Unpin>(
    down: &mut Down<'_>,
    reader: &mut R,
    buffer: &mut BytesMut,
    respond: &mut SendResponse<Bytes>,
) -> Result<AnswerHead, Trouble> {
    for _ in 0..MOST_INFORMATIONAL {
        let (answer, first_byte) = tokio::select! {
            biased;
            _ = poll_fn(|cx| respond.poll_reset(cx)) => return Err(Trouble::Gone),
            head = down.any_head(reader, buffer) => head?,
        };
        match answer.status {
            101 => return Err(Trouble::Upstream(malformed(Phase::AwaitAnswer, "it changed the protocol unasked"))),
            100..=199 => {
                respond.send_informational(expressed(&answer, down.terms.manner)?).map_err(|_| Trouble::Gone)?
            }
            _ => {
                down.draft.answer_begun(&answer, first_byte);
                return Ok(answer);
            }
        }
    }
    Err(Trouble::Upstream(malformed(Phase::AwaitAnswer, "informational answers without an end")))
}

fn expressed(answer: &AnswerHead, manner: &Manner) -> Result<Response<()>, Trouble> {
    let unfit = || Trouble::Upstream(malformed(Phase::AwaitAnswer, "HTTP/2 cannot express its answer"));
    let mut expressed = translate::answer(answer).ok_or_else(unfit)?;
    manner.dress_answer(expressed.headers_mut(), answer.version);
    Ok(expressed)
}

/// The upstream failed within its answer, or the client has gone.
fn cut(down: &Down<'_>, stop: Stop, send: &mut SendStream<Bytes>) -> Trouble {
    let trouble = down.stopped(stop, true);
    if matches!(trouble, Trouble::Cut(_)) {
        send.send_reset(Reason::INTERNAL_ERROR);
    }
    trouble
}

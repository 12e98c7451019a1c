//! Request and answer between two connections, both ways at once: the request's rest goes up while the answer comes down.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, split};
use tokio::time::sleep;

use super::download::Down;
use super::framing::Decoder;
use super::head::Version;
use super::manner::Manner;
use super::transfer::{Body, Progress, Stop};
use crate::model::Failure;
use crate::proxy::link::{Link, fill};
use crate::proxy::observe::{Capture, Sheet};
use crate::proxy::patience::within;
use crate::proxy::settings::Limits;
use crate::proxy::tls::Notes;

/// A client's bytes that are read ahead while its answer is awaited: pipelined requests.
const AHEAD: usize = 64 * 1024;

/// What is known of one request and of the connections that it and its answer take.
#[derive(Clone, Copy)]
pub(in crate::proxy) struct Terms<'a> {
    pub limits: &'a Limits,
    pub method: &'a str,
    /// The client's version.
    pub version: Version,
    /// The client's connection may stay open.
    pub keeps: bool,
    /// The client asks to change the protocol.
    pub upgrades: bool,
    /// The connection was used before and the request can be repeated: silence at its end is not the upstream's answer.
    pub stale: bool,
    /// The connection has served nothing before.
    pub fresh: bool,
    /// How heads are written for the client.
    pub manner: &'a Manner,
    pub notes: &'a Notes,
}

/// What one request and its answer need.
pub(in crate::proxy) struct Conversation<'a> {
    pub terms: Terms<'a>,
    /// Follows the request's body.
    pub decoder: &'a mut Decoder,
    pub sheet: &'a mut Sheet,
}

/// How a complete exchange leaves the connections.
#[derive(Clone, Copy, Debug)]
pub(in crate::proxy) struct Ending {
    pub keep_client: bool,
    pub keep_upstream: bool,
    pub upgraded: bool,
}

/// Why an exchange is not complete.
#[derive(Debug)]
pub(in crate::proxy) enum Trouble {
    /// The reused connection had been closed; nothing came from it.
    Stale,
    /// The upstream failed; the client has got nothing of an answer yet.
    Upstream(Failure),
    /// The upstream failed within its answer.
    Cut(Failure),
    /// The request's body did not come.
    Request(Stop),
    /// The client has gone.
    Gone,
    /// The upstream said of itself that it has not looked at the request (HTTP/2 only), with this error code.
    Unprocessed(h2::Reason),
}

impl Conversation<'_> {
    /// Sends `first` (the head and what was there of the body) and the rest, and brings the answer back.
    pub async fn run(&mut self, client: &mut Link, upstream: &mut Link, first: &[u8]) -> Result<Ending, Trouble> {
        let progress = Progress::new();
        let begun = AtomicBool::new(false);
        let (mut client_reader, mut client_writer) = split(&mut client.stream);
        let (mut upstream_reader, mut upstream_writer) = split(&mut upstream.stream);
        let Sheet { draft, sent, received } = &mut *self.sheet;
        let mut down = Down {
            terms: self.terms,
            draft,
            kept: received,
            progress: &progress,
            begun: &begun,
            patience: &mut upstream.patience,
        };
        let limits = self.terms.limits;
        let decoder = &mut *self.decoder;
        let ended = {
            let up = async {
                let mut out = BytesMut::new();
                send(&mut upstream_writer, first, limits).await?;
                upload(
                    decoder,
                    sent,
                    &mut client_reader,
                    &mut client.buffer,
                    &mut upstream_writer,
                    &mut out,
                    limits,
                    &progress,
                )
                .await?;
                gone(&mut client_reader, &mut client.buffer, limits, &begun).await
            };
            let down = down.run(&mut upstream_reader, &mut upstream.buffer, &mut client_writer);
            both(up, down, &progress, limits).await
        };
        if progress.done() {
            self.sheet.draft.request_sent(progress.last());
        }
        let mut ending = match ended {
            // Once an answer has begun, nothing else can be said to the client.
            Err(Trouble::Request(_)) if begun.load(Ordering::Relaxed) => return Err(Trouble::Gone),
            ended => ended?,
        };
        // Bytes behind an answer belong to no request: such a connection is not trusted with another one.
        ending.keep_upstream &= progress.done() && upstream.buffer.is_empty();
        ending.keep_client &= progress.done();
        Ok(ending)
    }
}

/// Writes and flushes, within the limit for one write.
pub(in crate::proxy) async fn send<W: AsyncWrite + Unpin>(
    writer: &mut W,
    bytes: &[u8],
    limits: &Limits,
) -> Result<(), Stop> {
    let write = async {
        writer.write_all(bytes).await?;
        writer.flush().await
    };
    within(limits.idle, write).await.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into())).map_err(|_| Stop::Write)
}

/// Sends the rest of the request's body.
#[expect(
    clippy::too_many_arguments,
    reason = "two borrowed halves of two connections; a struct would only rename them"
)]
async fn upload<R, W>(
    decoder: &mut Decoder,
    kept: &mut Capture,
    reader: &mut R,
    buffer: &mut BytesMut,
    writer: &mut W,
    out: &mut BytesMut,
    limits: &Limits,
    progress: &Progress,
) -> Result<(), Stop>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    if !decoder.done() {
        let mut body = Body { decoder, kept, framed: true, idle: limits.idle };
        body.transfer(reader, buffer, writer, out, Some(progress)).await?;
    }
    progress.finish();
    Ok(())
}

/// Ends only when the client has gone: reset, or closed for so long that no answer is expected any more. A client that
/// has closed its sending side may still read.
pub(in crate::proxy) async fn gone<R: AsyncRead + Unpin>(
    reader: &mut R,
    buffer: &mut BytesMut,
    limits: &Limits,
    begun: &AtomicBool,
) -> Result<Infallible, Stop> {
    loop {
        if buffer.len() >= AHEAD {
            return pending().await;
        }
        match fill(reader, buffer, 4096).await {
            Ok(0) => {
                sleep(limits.half_closed).await;
                if begun.load(Ordering::Relaxed) {
                    return pending().await;
                }
                return Err(Stop::Read(io::ErrorKind::UnexpectedEof.into()));
            }
            Ok(_) => {}
            Err(error) => return Err(Stop::Read(error)),
        }
    }
}

/// Runs both ways until the answer has come down, or one way has failed for good.
pub(in crate::proxy) async fn both<T>(
    up: impl Future<Output = Result<Infallible, Stop>>,
    down: impl Future<Output = Result<T, Trouble>>,
    progress: &Progress,
    limits: &Limits,
) -> Result<T, Trouble> {
    let (mut up, mut down) = (std::pin::pin!(up), std::pin::pin!(down));
    let mut going_up = true;
    let ended = loop {
        tokio::select! {
            biased;
            ended = &mut down => break ended,
            stop = &mut up, if going_up => match stop {
                // The upstream takes no more; its answer may be on the way all the same.
                Err(Stop::Write) => going_up = false,
                Err(_) if progress.done() => break Err(Trouble::Gone),
                Err(stop) => break Err(Trouble::Request(stop)),
                Ok(never) => match never {},
            },
        }
    }?;
    // The answer was there before the request's end. The rest is sent on for as long as it moves.
    while going_up && !progress.done() {
        let last = progress.last();
        tokio::select! {
            _ = &mut up => going_up = false,
            () = progress.ended.notified() => {}
            () = sleep(limits.half_closed) => going_up = progress.last() > last,
        }
    }
    Ok(ended)
}

//! Request and answer between two connections, both ways at once: the request's rest goes up while the answer comes down.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, split};
use tokio::time::{sleep, timeout};

use super::fault::{self, failure};
use super::forward::malformed;
use super::framing::{self, Decoder, Framing};
use super::head::{AnswerHead, Version};
use super::link::{HeadRead, Link, fill, read_head};
use super::observe::{Capture, Draft, Sheet};
use super::rewrite::{self, Persistence};
use super::settings::Limits;
use super::tls::Notes;
use super::transfer::{Body, Progress, Stop};
use crate::model::{Failure, FailureKind, Phase};

/// Informational answers before the final one. Real ones are one or two.
const MOST_INFORMATIONAL: usize = 100;
/// A client's bytes that are read ahead while its answer is awaited: pipelined requests.
const AHEAD: usize = 64 * 1024;

/// What one request and its answer need.
pub(super) struct Conversation<'a> {
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
    pub notes: &'a Notes,
    /// Follows the request's body.
    pub decoder: &'a mut Decoder,
    pub sheet: &'a mut Sheet,
}

/// How a complete exchange leaves the connections.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending {
    pub keep_client: bool,
    pub keep_upstream: bool,
    pub upgraded: bool,
}

/// Why an exchange is not complete.
#[derive(Debug)]
pub(super) enum Trouble {
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
            limits: self.limits,
            method: self.method,
            version: self.version,
            keeps: self.keeps,
            upgrades: self.upgrades,
            stale: self.stale,
            fresh: self.fresh,
            notes: self.notes,
            draft,
            kept: received,
            progress: &progress,
            begun: &begun,
        };
        let limits = self.limits;
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
        let mut ending = ended?;
        // Bytes behind an answer belong to no request: such a connection is not trusted with another one.
        ending.keep_upstream &= progress.done() && upstream.buffer.is_empty();
        ending.keep_client &= progress.done();
        Ok(ending)
    }
}

async fn send<W: AsyncWrite + Unpin>(writer: &mut W, bytes: &[u8], limits: &Limits) -> Result<(), Stop> {
    let write = async {
        writer.write_all(bytes).await?;
        writer.flush().await
    };
    timeout(limits.idle, write).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(|_| Stop::Write)
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
async fn gone<R: AsyncRead + Unpin>(
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
async fn both(
    up: impl Future<Output = Result<Infallible, Stop>>,
    down: impl Future<Output = Result<Ending, Trouble>>,
    progress: &Progress,
    limits: &Limits,
) -> Result<Ending, Trouble> {
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

/// The way down.
struct Down<'a> {
    limits: &'a Limits,
    method: &'a str,
    version: Version,
    keeps: bool,
    upgrades: bool,
    stale: bool,
    fresh: bool,
    notes: &'a Notes,
    draft: &'a mut Draft,
    kept: &'a mut Capture,
    progress: &'a Progress,
    begun: &'a AtomicBool,
}

impl Down<'_> {
    async fn run<R, W>(&mut self, reader: &mut R, buffer: &mut BytesMut, writer: &mut W) -> Result<Ending, Trouble>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let answer = self.final_head(reader, buffer, writer).await?;
        let broken = |why: &str| Trouble::Upstream(malformed(Phase::AwaitAnswer, why));
        if answer.status == 101 {
            return self.upgrade(&answer, writer).await;
        }
        let framing = framing::of_answer(&answer, self.method).map_err(broken)?;
        // HTTP/1.0 knows no chunks: its body ends with the connection.
        let framed = self.version == Version::Http11 || framing != Framing::Chunked;
        let keep_client = self.keeps && framed && framing != Framing::UntilClose;
        let persistence = match (keep_client, self.version) {
            (false, _) => Persistence::Close,
            (true, Version::Http10) => Persistence::KeepAlive,
            (true, Version::Http11) => Persistence::Open,
        };
        let mut out = BytesMut::new();
        rewrite::answer(&answer, persistence, framed, &mut out);
        let mut decoder = Decoder::new(framing);
        let mut body = Body { decoder: &mut decoder, kept: self.kept, framed, idle: self.limits.idle };
        let ended = body.transfer(reader, buffer, writer, &mut out, None).await;
        // What is still here was never written.
        let begun = out.is_empty();
        ended.map_err(|stop| self.stopped(stop, begun))?;
        let keep_upstream = persists(&answer) && framing != Framing::UntilClose;
        Ok(Ending { keep_client, keep_upstream, upgraded: false })
    }

    async fn upgrade<W: AsyncWrite + Unpin>(&mut self, answer: &AnswerHead, writer: &mut W) -> Result<Ending, Trouble> {
        if !self.upgrades {
            return Err(Trouble::Upstream(malformed(Phase::AwaitAnswer, "it changed the protocol unasked")));
        }
        let mut out = BytesMut::new();
        rewrite::answer(answer, Persistence::Upgrade, true, &mut out);
        send(writer, &out, self.limits).await.map_err(|_| Trouble::Gone)?;
        Ok(Ending { keep_client: false, keep_upstream: false, upgraded: true })
    }

    /// The first head that is not informational; those are passed on as they come.
    async fn final_head<R, W>(
        &mut self,
        reader: &mut R,
        buffer: &mut BytesMut,
        writer: &mut W,
    ) -> Result<AnswerHead, Trouble>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        for _ in 0..MOST_INFORMATIONAL {
            let (raw, first_byte) = self.head(reader, buffer).await?;
            let answer = AnswerHead::parse(raw, self.limits.fields).map_err(|fault| {
                Trouble::Upstream(malformed(
                    Phase::AwaitAnswer,
                    format!("{:?} at byte {}", fault.problem, fault.offset),
                ))
            })?;
            if answer.status >= 200 || answer.status == 101 {
                self.begun.store(true, Ordering::Relaxed);
                self.draft.answer_begun(&answer, first_byte);
                return Ok(answer);
            }
            // HTTP/1.0 knows none (RFC 9110 §15.2).
            if self.version == Version::Http11 {
                let mut out = BytesMut::new();
                rewrite::answer(&answer, Persistence::Open, true, &mut out);
                send(writer, &out, self.limits).await.map_err(|_| Trouble::Gone)?;
            }
        }
        Err(Trouble::Upstream(malformed(Phase::AwaitAnswer, "informational answers without an end")))
    }

    /// One head. The time for its first byte counts from the last movement of the request.
    async fn head<R: AsyncRead + Unpin>(
        &mut self,
        reader: &mut R,
        buffer: &mut BytesMut,
    ) -> Result<(Bytes, Instant), Trouble> {
        let limits = self.limits;
        loop {
            let wait = limits.first_byte.saturating_sub(self.progress.last().elapsed());
            let failed = match self.reading(read_head(reader, buffer, wait, limits.first_byte, limits.head_bytes)).await
            {
                HeadRead::Head(raw, first_byte) => return Ok((raw, first_byte)),
                HeadRead::Closed | HeadRead::Failed(_) if self.stale => return Err(Trouble::Stale),
                HeadRead::Closed => fault::closed(self.notes, self.fresh),
                HeadRead::Cut if !buffer.starts_with(b"HTTP/") => {
                    malformed(Phase::AwaitAnswer, "something else came, then the end")
                }
                HeadRead::Cut => failure(Phase::AwaitAnswer, FailureKind::Closed, "closed within the answer's head"),
                HeadRead::Silent if self.progress.last().elapsed() < limits.first_byte => continue,
                HeadRead::Silent => failure(Phase::AwaitAnswer, FailureKind::TimedOut, "no first byte in time"),
                HeadRead::Slow => {
                    failure(Phase::AwaitAnswer, FailureKind::TimedOut, "the answer's head did not end in time")
                }
                HeadRead::TooLarge(_) => malformed(Phase::AwaitAnswer, "the answer's head has no end within the limit"),
                HeadRead::Failed(error) => fault::upstream(Phase::AwaitAnswer, &error, self.notes),
            };
            return Err(Trouble::Upstream(failed));
        }
    }

    /// Notes on the way when the request has been sent: should the client go now, that is where the exchange was.
    async fn reading(&mut self, read: impl Future<Output = HeadRead>) -> HeadRead {
        let mut read = std::pin::pin!(read);
        tokio::select! {
            biased;
            read = &mut read => return read,
            () = self.progress.ended.notified() => self.draft.phase(Phase::AwaitAnswer),
        }
        read.await
    }

    fn stopped(&self, stop: Stop, begun: bool) -> Trouble {
        let failed = match stop {
            Stop::Write => return Trouble::Gone,
            Stop::Read(error) => fault::upstream(Phase::ReadBody, &error, self.notes),
            Stop::Broken(why) => malformed(Phase::ReadBody, why),
        };
        if begun { Trouble::Cut(failed) } else { Trouble::Upstream(failed) }
    }
}

/// Whether the upstream keeps its connection open (RFC 9112 §9.3).
fn persists(answer: &AnswerHead) -> bool {
    let head = &answer.head;
    !head.lists("connection", "close") && (answer.version == Version::Http11 || head.lists("connection", "keep-alive"))
}

//! The way down: informational heads, the answer's head, its body.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite};

use super::converse::{Ending, Terms, Trouble, send};
use super::dating;
use super::framing::{self, Decoder, Framing};
use super::head::{AnswerHead, Version, no_answer};
use super::rewrite::{self, Persistence};
use super::transfer::{Body, Progress, Stop};
use crate::model::{FailureKind, Phase};
use crate::proxy::fault::{self, failure};
use crate::proxy::forward::malformed;
use crate::proxy::link::{HeadRead, read_head};
use crate::proxy::observe::{Capture, Draft};
use crate::proxy::patience::Patience;

/// Informational answers before the final one. Real ones are one or two.
pub(in crate::proxy) const MOST_INFORMATIONAL: usize = 100;

/// What the way down needs.
pub(in crate::proxy) struct Down<'a> {
    pub terms: Terms<'a>,
    pub draft: &'a mut Draft,
    pub kept: &'a mut Capture,
    pub progress: &'a Progress,
    pub begun: &'a AtomicBool,
    /// The upstream's.
    pub patience: &'a mut Patience,
}

impl Down<'_> {
    pub async fn run<R, W>(&mut self, reader: &mut R, buffer: &mut BytesMut, writer: &mut W) -> Result<Ending, Trouble>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let answer = self.final_head(reader, buffer, writer).await?;
        let broken = |why: &str| Trouble::Upstream(malformed(Phase::AwaitAnswer, why));
        if answer.status == 101 {
            return self.upgrade(&answer, writer).await;
        }
        let framing = framing::of_answer(&answer, self.terms.method).map_err(broken)?;
        // HTTP/1.0 knows no chunks: its body ends with the connection.
        let framed = self.terms.version == Version::Http11 || framing != Framing::Chunked;
        let keep_client = self.terms.keeps && framed && framing != Framing::UntilClose;
        let persistence = match (keep_client, self.terms.version) {
            (false, _) => Persistence::Close,
            (true, Version::Http10) => Persistence::KeepAlive,
            (true, Version::Http11 | Version::Http2) => Persistence::Open,
        };
        // Room for what of the body is there already: both leave in one write.
        let mut out = BytesMut::with_capacity(answer.head.raw.len() + buffer.len() + 64);
        let date = dating::due(answer.head.get("date").is_some());
        rewrite::answer(&answer, persistence, framed, self.terms.manner, date.as_deref(), &mut out);
        if let Framing::Length(length) = framing {
            self.kept.expect(length);
        }
        let mut decoder = Decoder::new(framing);
        let mut body = Body { decoder: &mut decoder, kept: self.kept, framed, idle: self.terms.limits.idle };
        let ended = body.transfer(reader, buffer, writer, &mut out, None).await;
        // What is still here was never written.
        let begun = out.is_empty();
        ended.map_err(|stop| self.stopped(stop, begun))?;
        // HTTP/1.0 knows no chunks: who sends them so is not to be trusted with the end of a body (RFC 9112 §6.1).
        let faulty = answer.version == Version::Http10 && framing == Framing::Chunked;
        let keep_upstream = persists(&answer) && framing != Framing::UntilClose && !faulty;
        Ok(Ending { keep_client, keep_upstream, upgraded: false })
    }

    async fn upgrade<W: AsyncWrite + Unpin>(&mut self, answer: &AnswerHead, writer: &mut W) -> Result<Ending, Trouble> {
        if !self.terms.upgrades {
            return Err(Trouble::Upstream(malformed(Phase::AwaitAnswer, "it changed the protocol unasked")));
        }
        let mut out = BytesMut::new();
        rewrite::answer(answer, Persistence::Upgrade, true, self.terms.manner, None, &mut out);
        send(writer, &out, self.terms.limits).await.map_err(|_| Trouble::Gone)?;
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
            let (answer, first_byte) = self.any_head(reader, buffer).await?;
            if answer.status >= 200 || answer.status == 101 {
                self.begun.store(true, Ordering::Relaxed);
                self.draft.answer_begun(&answer, first_byte);
                return Ok(answer);
            }
            // HTTP/1.0 knows none (RFC 9110 §15.2).
            if self.terms.version == Version::Http11 {
                let mut out = BytesMut::new();
                rewrite::answer(&answer, Persistence::Open, true, self.terms.manner, None, &mut out);
                send(writer, &out, self.terms.limits).await.map_err(|_| Trouble::Gone)?;
            }
        }
        Err(Trouble::Upstream(malformed(Phase::AwaitAnswer, "informational answers without an end")))
    }

    /// One head, informational or final, read.
    pub async fn any_head<R: AsyncRead + Unpin>(
        &mut self,
        reader: &mut R,
        buffer: &mut BytesMut,
    ) -> Result<(AnswerHead, Instant), Trouble> {
        let (raw, first_byte) = self.head(reader, buffer).await?;
        let answer = AnswerHead::parse(raw, self.terms.limits.fields).map_err(|fault| {
            Trouble::Upstream(malformed(Phase::AwaitAnswer, format!("{:?} at byte {}", fault.problem, fault.offset)))
        })?;
        Ok((answer, first_byte))
    }

    /// One head. The time for its first byte counts from the last movement of the request.
    async fn head<R: AsyncRead + Unpin>(
        &mut self,
        reader: &mut R,
        buffer: &mut BytesMut,
    ) -> Result<(Bytes, Instant), Trouble> {
        let limits = self.terms.limits;
        loop {
            let wait = limits.first_byte.saturating_sub(self.progress.last().elapsed());
            let waits = (wait, limits.first_byte);
            let read = read_head(reader, buffer, self.patience, waits, limits.head_bytes, no_answer);
            let failed = match reading(read, self.progress, self.draft).await {
                HeadRead::Head(raw, first_byte) => return Ok((raw, first_byte)),
                HeadRead::Closed | HeadRead::Failed(_) if self.terms.stale => return Err(Trouble::Stale),
                HeadRead::Closed => fault::closed(self.terms.notes, self.terms.fresh),
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
                HeadRead::Failed(error) => fault::upstream(Phase::AwaitAnswer, &error, self.terms.notes),
            };
            return Err(Trouble::Upstream(failed));
        }
    }

    pub fn stopped(&self, stop: Stop, begun: bool) -> Trouble {
        let failed = match stop {
            Stop::Write => return Trouble::Gone,
            Stop::Read(error) => fault::upstream(Phase::ReadBody, &error, self.terms.notes),
            Stop::Broken(why) => malformed(Phase::ReadBody, why),
        };
        if begun { Trouble::Cut(failed) } else { Trouble::Upstream(failed) }
    }
}

/// Notes on the way when the request has been sent: should the client go now, that is where the exchange was.
async fn reading(read: impl Future<Output = HeadRead>, progress: &Progress, draft: &mut Draft) -> HeadRead {
    let mut read = std::pin::pin!(read);
    tokio::select! {
        biased;
        read = &mut read => return read,
        () = progress.ended.notified() => draft.phase(Phase::AwaitAnswer),
    }
    read.await
}

/// Whether the upstream keeps its connection open (RFC 9112 §9.3).
pub(in crate::proxy) fn persists(answer: &AnswerHead) -> bool {
    let head = &answer.head;
    !head.lists("connection", "close") && (answer.version == Version::Http11 || head.lists("connection", "keep-alive"))
}

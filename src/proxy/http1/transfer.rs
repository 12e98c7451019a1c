//! A body from one side to the other: streamed, followed by its framing, its beginning kept.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;

use super::framing::{Broken, Decoder, Step};
use crate::proxy::link::fill;
use crate::proxy::observe::Capture;
use crate::proxy::patience::{Patience, within};

/// What is written together with a head: one TLS record, one system call.
const TOGETHER: usize = 16 * 1024;
const READ: usize = 16 * 1024;
/// Once a read has filled its buffer, the next ones may take as much as this.
const BULK_READ: usize = 64 * 1024;

/// Why a body did not come through.
#[derive(Debug)]
pub(in crate::proxy) enum Stop {
    /// The sender failed, or closed before the body's end.
    Read(io::Error),
    /// The sender's bytes break the framing.
    Broken(&'static str),
    /// The receiver failed.
    Write,
}

/// How far the upload is: read by the side that waits for the answer.
pub(in crate::proxy) struct Progress {
    start: Instant,
    /// Milliseconds after `start`.
    last: AtomicU64,
    done: AtomicBool,
    pub ended: Notify,
}

impl Progress {
    pub fn new() -> Progress {
        Progress { start: Instant::now(), last: AtomicU64::new(0), done: AtomicBool::new(false), ended: Notify::new() }
    }

    pub fn moved(&self) {
        let millis = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(millis, Ordering::Relaxed);
    }

    pub fn finish(&self) {
        self.moved();
        self.done.store(true, Ordering::Relaxed);
        self.ended.notify_one();
    }

    pub fn done(&self) -> bool {
        self.done.load(Ordering::Relaxed)
    }

    /// When the upload moved last.
    pub fn last(&self) -> Instant {
        self.start + Duration::from_millis(self.last.load(Ordering::Relaxed))
    }
}

/// One body on its way.
pub(in crate::proxy) struct Body<'a> {
    pub decoder: &'a mut Decoder,
    pub kept: &'a mut Capture,
    /// The framing is passed on with the content.
    pub framed: bool,
    /// Between two reads, and for one write.
    pub idle: Duration,
}

/// What one look at a buffer gave.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::proxy) struct Scan {
    /// Bytes of the buffer that are dealt with.
    pub used: usize,
    /// They go on as they are, after what is in `out`; else `out` has them.
    direct: bool,
    done: bool,
}

impl Body<'_> {
    /// Takes from `buffer` what belongs to the body. Only what has to change is copied.
    fn scan(&mut self, buffer: &[u8], out: &mut BytesMut) -> Result<Scan, Broken> {
        let (mut used, mut direct) = (0, true);
        loop {
            let rest = buffer.get(used..).unwrap_or_default();
            let (length, instead) = match self.decoder.step(rest)? {
                Step::More => return Ok(Scan { used, direct, done: false }),
                Step::Done => return Ok(Scan { used, direct, done: true }),
                Step::Content(length) => {
                    self.kept.push(rest.get(..length).unwrap_or_default());
                    (length, None)
                }
                Step::Frame(length) if self.framed => (length, None),
                Step::Frame(length) => (length, Some(Vec::new())),
                Step::Replace(length, instead) => (length, Some(if self.framed { instead } else { Vec::new() })),
            };
            if instead.is_some() && direct {
                out.extend_from_slice(buffer.get(..used).unwrap_or_default());
                direct = false;
            }
            match instead {
                Some(instead) => out.extend_from_slice(&instead),
                None if direct => {}
                None => out.extend_from_slice(rest.get(..length).unwrap_or_default()),
            }
            used += length;
        }
    }

    /// Appends to `out` what `buffer` already has of the body.
    pub fn take(&mut self, buffer: &mut BytesMut, out: &mut BytesMut) -> Result<(), Stop> {
        let scan = self.scan(buffer, out).map_err(|broken| Stop::Broken(broken.0))?;
        if scan.direct {
            out.extend_from_slice(buffer.get(..scan.used).unwrap_or_default());
        }
        drop_used(buffer, scan.used);
        Ok(())
    }

    /// Moves the whole body, after what is in `out` (a head, as a rule).
    pub async fn transfer<R, W>(
        &mut self,
        reader: &mut R,
        buffer: &mut BytesMut,
        writer: &mut W,
        out: &mut BytesMut,
        progress: Option<&Progress>,
    ) -> Result<(), Stop>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let mut room = READ;
        let mut patience = Patience::default();
        loop {
            let scan = self.scan(buffer, out).map_err(|broken| Stop::Broken(broken.0))?;
            let direct = if scan.direct { buffer.get(..scan.used).unwrap_or_default() } else { &[] };
            self.write(writer, out, direct).await?;
            drop_used(buffer, scan.used);
            if let Some(progress) = progress {
                progress.moved();
            }
            if scan.done {
                return Ok(());
            }
            let read = patience.within(self.idle, fill(reader, buffer, room)).await;
            match read.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into())) {
                Ok(0) if self.decoder.may_end() => return Ok(()),
                Ok(0) => return Err(Stop::Read(io::ErrorKind::UnexpectedEof.into())),
                Ok(length) if length >= room => room = BULK_READ,
                Ok(_) => {}
                Err(error) => return Err(Stop::Read(error)),
            }
        }
    }

    async fn write<W: AsyncWrite + Unpin>(
        &self,
        writer: &mut W,
        out: &mut BytesMut,
        direct: &[u8],
    ) -> Result<(), Stop> {
        if out.is_empty() && direct.is_empty() {
            return Ok(());
        }
        let together = !out.is_empty() && direct.len() <= TOGETHER;
        if together {
            out.extend_from_slice(direct);
        }
        let write = async {
            writer.write_all(out).await?;
            if !together {
                writer.write_all(direct).await?;
            }
            writer.flush().await
        };
        let written = within(self.idle, write).await.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()));
        out.clear();
        written.map_err(|_| Stop::Write)
    }
}

fn drop_used(buffer: &mut BytesMut, used: usize) {
    // Clearing gives the whole room back; advancing would lose it.
    if used == buffer.len() { buffer.clear() } else { buffer.advance(used) }
}

//! A connection with what was read from it ahead of need.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

use super::http1::head;
use super::observe::whole_words;
use super::patience::{Patience, within};
use super::stream::Stream;

/// First read of a head: most fit.
const HEAD_READ: usize = 8 * 1024;

pub(super) struct Link {
    pub stream: Stream,
    pub buffer: BytesMut,
    /// For waiting for heads.
    pub patience: Patience,
}

/// What came of waiting for a head.
pub(super) enum HeadRead {
    /// A head, whole or broken, and when its first byte was seen.
    Head(Bytes, Instant),
    /// The peer closed before the first byte.
    Closed,
    /// The peer closed within the head.
    Cut,
    /// No first byte in time.
    Silent,
    /// No last byte in time.
    Slow,
    /// No end within the limit; the bytes so far.
    TooLarge(Bytes),
    Failed(io::Error),
}

impl Link {
    pub fn new(stream: Stream) -> Link {
        Link { stream, buffer: BytesMut::new(), patience: Patience::default() }
    }

    /// Reads once; `Ok(0)` is the peer's end.
    pub async fn fill(&mut self, room: usize) -> io::Result<usize> {
        fill(&mut self.stream, &mut self.buffer, room).await
    }

    /// The TCP stream of a link without TLS; the link is of no use after that.
    pub fn into_tcp(self) -> Option<(TcpStream, BytesMut)> {
        let buffer = self.buffer;
        self.stream.into_tcp().map(|tcp| (tcp, buffer))
    }

    /// Waits `wait` for the first byte of a request's head and `within` for its last. One that its first bytes have spoilt
    /// is not waited for.
    pub async fn read_request(&mut self, wait: Duration, within: Duration, most: usize) -> HeadRead {
        read_head(&mut self.stream, &mut self.buffer, &mut self.patience, (wait, within), most, head::hopeless).await
    }

    /// Writes and flushes all of `bytes`, within `limit`.
    pub async fn send(&mut self, bytes: &[u8], limit: Duration) -> io::Result<()> {
        let written = within(limit, async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        });
        written.await.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Whether an idle connection is still open and silent: one read that does not wait. Anything that came unasked (an
    /// end, an error, bytes) makes it useless.
    pub fn idle_and_open(&mut self) -> bool {
        let mut byte = [0u8; 1];
        let mut cx = Context::from_waker(Waker::noop());
        let read = Pin::new(&mut self.stream).poll_read(&mut cx, &mut ReadBuf::new(&mut byte));
        self.buffer.is_empty() && read.is_pending()
    }

    /// Ends our side and waits shortly for the peer's, so that what was written is read before the connection goes: data
    /// that arrives at a closed socket makes the kernel reset it, and the peer would lose our last words.
    pub async fn close(mut self) {
        let farewell = async {
            self.stream.shutdown().await?;
            self.buffer.clear();
            while self.fill(HEAD_READ).await? > 0 {
                self.buffer.clear();
            }
            io::Result::Ok(())
        };
        // Whatever goes wrong here, the connection ends.
        within(LINGER, farewell).await;
    }
}

/// Reads once behind what `buffer` has.
pub(super) async fn fill<R: AsyncRead + Unpin>(
    reader: &mut R,
    buffer: &mut BytesMut,
    room: usize,
) -> io::Result<usize> {
    buffer.reserve(room);
    reader.read_buf(buffer).await.or_else(without_farewell)
}

/// Reads once, by way of the stack.
fn first_bytes<R: AsyncRead + Unpin>(
    reader: &mut R,
    buffer: &mut BytesMut,
    context: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let mut room = [MaybeUninit::uninit(); HEAD_READ];
    let mut read = ReadBuf::uninit(&mut room);
    let done = std::task::ready!(Pin::new(reader).poll_read(context, &mut read));
    buffer.extend_from_slice(read.filled());
    Poll::Ready(done.map(|()| read.filled().len()).or_else(without_farewell))
}

/// Many peers close TLS without saying so first; here it is an end like any other.
fn without_farewell(error: io::Error) -> io::Result<usize> {
    if error.kind() == io::ErrorKind::UnexpectedEof { Ok(0) } else { Err(error) }
}

/// Waits `wait` for the first byte of a head and `within` for its last; where the bytes are `spoilt`, not even that.
pub(super) async fn read_head<R: AsyncRead + Unpin>(
    reader: &mut R,
    buffer: &mut BytesMut,
    patience: &mut Patience,
    (wait, within): (Duration, Duration),
    most: usize,
    spoilt: fn(&[u8]) -> bool,
) -> HeadRead {
    if buffer.is_empty() {
        // A connection that waits holds no memory for what may come.
        *buffer = BytesMut::new();
        match patience.within(wait, poll_fn(|context| first_bytes(reader, buffer, context))).await {
            None => return HeadRead::Silent,
            Some(Ok(0)) => return HeadRead::Closed,
            Some(Ok(_)) => {}
            Some(Err(error)) => return HeadRead::Failed(error),
        }
    }
    let first = Instant::now();
    patience.within(within, finish_head(reader, buffer, first, most, spoilt)).await.unwrap_or(HeadRead::Slow)
}

async fn finish_head<R: AsyncRead + Unpin>(
    reader: &mut R,
    buffer: &mut BytesMut,
    first: Instant,
    most: usize,
    spoilt: fn(&[u8]) -> bool,
) -> HeadRead {
    let mut looked = 0_usize;
    loop {
        let blank = head::leading_blank_lines(buffer);
        if blank > 0 {
            buffer.advance(blank);
            looked = 0;
        }
        // Three bytes back: the end may have begun in what was looked at before.
        if let Some(end) = head::end(buffer, looked.saturating_sub(3)).filter(|end| *end <= most) {
            // A copy of its own size: the exchange keeps it longer than the read buffer should live.
            let raw = Bytes::copy_from_slice(buffer.get(..end).unwrap_or_default());
            buffer.advance(end);
            return HeadRead::Head(raw, first);
        }
        looked = buffer.len();
        if looked >= most {
            let kept = buffer.get(..most).unwrap_or_default();
            return HeadRead::TooLarge(Bytes::copy_from_slice(kept.get(..whole_words(kept)).unwrap_or_default()));
        }
        // What follows at once is read all the same: it is evidence.
        let wait = if spoilt(buffer) { REST } else { FOR_EVER };
        let Some(read) = within(wait, fill(reader, buffer, HEAD_READ)).await else {
            return HeadRead::Head(buffer.split().freeze(), first);
        };
        match read {
            Ok(0) if buffer.is_empty() => return HeadRead::Closed,
            Ok(0) => return HeadRead::Cut,
            Ok(_) => {}
            Err(error) => return HeadRead::Failed(error),
        }
    }
}

/// How long the rest of a head is waited for that can no longer become one.
const REST: Duration = Duration::from_millis(250);
/// The whole head has a limit of its own.
const FOR_EVER: Duration = Duration::from_secs(24 * 3600);

/// How long a closing connection waits for the peer.
const LINGER: Duration = Duration::from_secs(1);

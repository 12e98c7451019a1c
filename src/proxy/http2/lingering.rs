//! A client's stream under HTTP/2. What comes is watched for what the library lets pass. It is closed in peace: after our
//! last words the client's are read for a moment, because data that arrives at a closed socket makes the kernel reset it,
//! and the client would lose the GOAWAY that says why.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::trailers::Watch;
use crate::proxy::stream::Stream;

/// How long a closing connection waits for the client.
const LINGER: Duration = Duration::from_secs(1);

pub(super) struct Lingering {
    stream: Stream,
    /// Set once our side is closed.
    until: Option<Pin<Box<Sleep>>>,
    watch: Watch,
    /// What was read and has to wait for what is behind it; of it, so many bytes wait no more.
    held: BytesMut,
    cleared: usize,
}

impl Lingering {
    pub fn new(stream: Stream) -> Lingering {
        Lingering { stream, until: None, watch: Watch::new(), held: BytesMut::new(), cleared: 0 }
    }

    /// Reads more behind what is held, and looks at it all; an end clears it.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut scratch = [0; 4096];
        let mut buffer = ReadBuf::new(&mut scratch);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        self.held.extend_from_slice(buffer.filled());
        self.cleared = if buffer.filled().is_empty() { self.held.len() } else { self.watch.look(&mut self.held) };
        Poll::Ready(Ok(()))
    }

    /// Straight into the reader's buffer, where nothing is held.
    fn poll_straight(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let read = buffer.filled_mut().get_mut(before..).unwrap_or_default();
        let passed = self.watch.look(read);
        self.held.extend_from_slice(read.get(passed..).unwrap_or_default());
        buffer.set_filled(before + passed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Lingering {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let start = buffer.filled().len();
        loop {
            if self.cleared > 0 {
                let length = self.cleared.min(buffer.remaining());
                buffer.put_slice(self.held.get(..length).unwrap_or_default());
                self.held.advance(length);
                self.cleared -= length;
                return Poll::Ready(Ok(()));
            }
            if self.held.is_empty() {
                ready!(self.poll_straight(cx, buffer))?;
                // Nothing read is the end; nothing passed is not.
                if self.held.is_empty() || buffer.filled().len() > start {
                    return Poll::Ready(Ok(()));
                }
            }
            ready!(self.poll_more(cx))?;
        }
    }
}

impl AsyncWrite for Lingering {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let until = match &mut this.until {
            Some(until) => until,
            None => {
                ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
                this.until.insert(Box::pin(sleep(LINGER)))
            }
        };
        let mut scratch = [0; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut this.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => return until.as_mut().poll(cx).map(Ok),
            }
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

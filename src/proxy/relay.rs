//! Bytes through, unseen: hosts out of scope, and connections that have changed their protocol.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::time::{Instant, sleep_until};

use super::link::Link;

const READ: usize = 16 * 1024;

/// Moves bytes both ways until both sides have ended, one has failed, or nothing has moved for `idle`.
pub(super) async fn relay(mut client: Link, mut upstream: Link, idle: Duration) {
    let moved = AtomicU64::new(0);
    let start = Instant::now();
    {
        let (mut client_reader, mut client_writer) = split(&mut client.stream);
        let (mut upstream_reader, mut upstream_writer) = split(&mut upstream.stream);
        let up = pass(&mut client_reader, &mut client.buffer, &mut upstream_writer, start, &moved);
        let down = pass(&mut upstream_reader, &mut upstream.buffer, &mut client_writer, start, &moved);
        let both = async { tokio::try_join!(up, down).map(|_| ()) };
        tokio::select! {
            // How it ended matters to nobody: the bytes are not ours.
            _ = both => {}
            () = silence(start, &moved, idle) => {}
        }
    }
    // A side that is still open sees its peer go.
    tokio::join!(client.close(), upstream.close());
}

async fn pass<R, W>(
    reader: &mut R,
    buffer: &mut BytesMut,
    writer: &mut W,
    start: Instant,
    moved: &AtomicU64,
) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    loop {
        if !buffer.is_empty() {
            writer.write_all(buffer).await?;
            writer.flush().await?;
            buffer.clear();
            moved.store(millis(start.elapsed()), Ordering::Relaxed);
        }
        buffer.reserve(READ);
        if reader.read_buf(buffer).await? == 0 {
            return writer.shutdown().await;
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Ends when nothing has moved for `idle`.
async fn silence(start: Instant, moved: &AtomicU64, idle: Duration) {
    loop {
        let last = start + Duration::from_millis(moved.load(Ordering::Relaxed));
        if last.elapsed() >= idle {
            return;
        }
        sleep_until(last + idle).await;
    }
}

//! Bytes through, unseen: hosts out of scope, and connections that have changed their protocol.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, split};
use tokio::time::sleep;

use super::link::{Link, fill};

const READ: usize = 16 * 1024;

/// When bytes moved last, and whether one side has ended.
struct Pulse {
    start: Instant,
    /// Milliseconds after `start`.
    last: AtomicU64,
    half: AtomicBool,
}

impl Pulse {
    fn beat(&self) {
        let millis = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(millis, Ordering::Relaxed);
    }

    fn last(&self) -> Instant {
        self.start + Duration::from_millis(self.last.load(Ordering::Relaxed))
    }
}

/// How long the rest of a tunnel may be silent once one side has ended: most peers that are left have gone as well.
const HALF: Duration = Duration::from_secs(30);
/// How often silence is looked for.
const LOOK: Duration = Duration::from_secs(10);

/// Moves bytes both ways until both sides have ended, one has failed, or nothing has moved for `idle`.
pub(super) async fn relay(mut client: Link, mut upstream: Link, idle: Duration) {
    let pulse = Pulse { start: Instant::now(), last: AtomicU64::new(0), half: AtomicBool::new(false) };
    {
        let (mut client_reader, mut client_writer) = split(&mut client.stream);
        let (mut upstream_reader, mut upstream_writer) = split(&mut upstream.stream);
        let up = pass(&mut client_reader, &mut client.buffer, &mut upstream_writer, &pulse);
        let down = pass(&mut upstream_reader, &mut upstream.buffer, &mut client_writer, &pulse);
        let both = async { tokio::try_join!(up, down).map(|_| ()) };
        tokio::select! {
            // How it ended matters to nobody: the bytes are not ours.
            _ = both => {}
            () = silence(&pulse, idle) => {}
        }
    }
    // A side that is still open sees its peer go.
    tokio::join!(client.close(), upstream.close());
}

async fn pass<R, W>(reader: &mut R, buffer: &mut BytesMut, writer: &mut W, pulse: &Pulse) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    loop {
        if !buffer.is_empty() {
            writer.write_all(buffer).await?;
            writer.flush().await?;
            buffer.clear();
            pulse.beat();
        }
        if fill(reader, buffer, READ).await? == 0 {
            pulse.half.store(true, Ordering::Relaxed);
            return writer.shutdown().await;
        }
    }
}

/// Ends when nothing has moved for too long.
async fn silence(pulse: &Pulse, idle: Duration) {
    loop {
        let limit = if pulse.half.load(Ordering::Relaxed) { idle.min(HALF) } else { idle };
        let left = limit.saturating_sub(pulse.last().elapsed());
        if left.is_zero() {
            return;
        }
        sleep(left.min(LOOK)).await;
    }
}

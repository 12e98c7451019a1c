//! Bytes through, unseen: hosts out of scope, and connections that have changed their protocol.

mod frames;

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, split};
use tokio::time::sleep;

use super::link::{Link, fill};
use super::observe::Sheet;
use crate::model::Switched;
use frames::Tap;

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

/// A connection that has changed its protocol.
pub(super) struct Changed {
    upstream: Link,
    account: Account,
}

/// What passed on it; told with the exchange that changed it when it ends, however it does.
struct Account {
    sheet: Option<Sheet>,
    protocol: String,
    sent: Tap,
    received: Tap,
}

impl Changed {
    /// `protocol`: as the answer names it.
    pub fn new(upstream: Link, mut sheet: Sheet, protocol: &str) -> Changed {
        sheet.switches();
        let protocol = protocol.to_ascii_lowercase();
        let tap = || if protocol == "websocket" { Tap::of_websocket() } else { Tap::default() };
        let (sent, received) = (tap(), tap());
        Changed { upstream, account: Account { sheet: Some(sheet), protocol, sent, received } }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let Some(sheet) = self.sheet.take() else { return };
        let protocol = std::mem::take(&mut self.protocol);
        sheet.switched(Switched { protocol, sent: self.sent.passed(), received: self.received.passed() });
    }
}

/// Moves the bytes of another protocol; they pass untouched and are counted.
pub(super) async fn changed(mut client: Link, changed: Changed, idle: Duration) {
    let Changed { mut upstream, mut account } = changed;
    both_ways(&mut client, &mut upstream, (&mut account.sent, &mut account.received), idle).await;
    drop(account);
    tokio::join!(client.close(), upstream.close());
}

/// Moves bytes both ways until both sides have ended, one has failed, or nothing has moved for `idle`.
pub(super) async fn relay(mut client: Link, mut upstream: Link, idle: Duration) {
    both_ways(&mut client, &mut upstream, (&mut Tap::default(), &mut Tap::default()), idle).await;
    // A side that is still open sees its peer go.
    tokio::join!(client.close(), upstream.close());
}

async fn both_ways(client: &mut Link, upstream: &mut Link, taps: (&mut Tap, &mut Tap), idle: Duration) {
    let pulse = Pulse { start: Instant::now(), last: AtomicU64::new(0), half: AtomicBool::new(false) };
    let (mut client_reader, mut client_writer) = split(&mut client.stream);
    let (mut upstream_reader, mut upstream_writer) = split(&mut upstream.stream);
    let up = pass(&mut client_reader, &mut client.buffer, &mut upstream_writer, taps.0, &pulse);
    let down = pass(&mut upstream_reader, &mut upstream.buffer, &mut client_writer, taps.1, &pulse);
    let both = async { tokio::try_join!(up, down).map(|_| ()) };
    tokio::select! {
        // How it ended matters to nobody: the bytes are not ours.
        _ = both => {}
        () = silence(&pulse, idle) => {}
    }
}

async fn pass<R, W>(
    reader: &mut R,
    buffer: &mut BytesMut,
    writer: &mut W,
    tap: &mut Tap,
    pulse: &Pulse,
) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    loop {
        if !buffer.is_empty() {
            writer.write_all(buffer).await?;
            writer.flush().await?;
            tap.see(buffer);
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

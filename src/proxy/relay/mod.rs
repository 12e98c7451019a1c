//! Bytes through, unseen: hosts out of scope, and connections that have changed their protocol.

mod frames;

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, split};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::link::{Link, fill};
use super::observe::Sheet;
use crate::model::Switched;
use frames::Tap;

const READ: usize = 16 * 1024;

/// How long a tunnel may be silent.
#[derive(Clone, Copy)]
struct Patience {
    /// Both sides are there.
    whole: Duration,
    /// The client has closed its sending side.
    without_client: Duration,
    /// The upstream has.
    without_upstream: Duration,
}

/// Once one side of a tunnel has ended most peers that are left have gone as well; but some send to the other's end.
const HALF: Duration = Duration::from_secs(30);
/// A WebSocket has no half (RFC 6455 §7.1.1), and an upstream that has said its last word to a changed protocol hears none:
/// the peer is given the time to close, then it is told what passed.
const LEAVE: Duration = Duration::from_secs(1);

impl Patience {
    fn unseen(idle: Duration) -> Patience {
        Patience { whole: idle, without_client: idle.min(HALF), without_upstream: idle.min(HALF) }
    }

    fn changed(idle: Duration, protocol: &str) -> Patience {
        let unseen = Patience::unseen(idle);
        let without_client = if protocol == WEBSOCKET { idle.min(LEAVE) } else { unseen.without_client };
        Patience { without_client, without_upstream: idle.min(LEAVE), ..unseen }
    }
}

const WEBSOCKET: &str = "websocket";

/// When bytes moved last, and how long they may rest now.
struct Pulse {
    start: Instant,
    /// Milliseconds after `start`.
    last: AtomicU64,
    rest: Mutex<Duration>,
    /// The time to rest has become shorter.
    shortened: Notify,
}

impl Pulse {
    fn new(rest: Duration) -> Pulse {
        Pulse { start: Instant::now(), last: AtomicU64::new(0), rest: Mutex::new(rest), shortened: Notify::new() }
    }

    fn beat(&self) {
        let millis = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(millis, Ordering::Relaxed);
    }

    /// One side has ended, which counts as a movement.
    fn ended(&self, rest: Duration) {
        self.beat();
        let mut now = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        *now = rest.min(*now);
        self.shortened.notify_one();
    }

    fn left(&self) -> Duration {
        let last = self.start + Duration::from_millis(self.last.load(Ordering::Relaxed));
        let rest = *self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        rest.saturating_sub(last.elapsed())
    }
}

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
        let tap = || if protocol == WEBSOCKET { Tap::of_websocket() } else { Tap::default() };
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
    let patience = Patience::changed(idle, &account.protocol);
    both_ways(&mut client, &mut upstream, (&mut account.sent, &mut account.received), patience).await;
    drop(account);
    tokio::join!(client.close(), upstream.close());
}

/// Moves bytes both ways until both sides have ended, one has failed, or nothing has moved for `idle`.
pub(super) async fn relay(mut client: Link, mut upstream: Link, idle: Duration) {
    both_ways(&mut client, &mut upstream, (&mut Tap::default(), &mut Tap::default()), Patience::unseen(idle)).await;
    // A side that is still open sees its peer go.
    tokio::join!(client.close(), upstream.close());
}

async fn both_ways(client: &mut Link, upstream: &mut Link, taps: (&mut Tap, &mut Tap), patience: Patience) {
    let pulse = Pulse::new(patience.whole);
    let (mut client_reader, mut client_writer) = split(&mut client.stream);
    let (mut upstream_reader, mut upstream_writer) = split(&mut upstream.stream);
    let up = async {
        pass(&mut client_reader, &mut client.buffer, &mut upstream_writer, taps.0, &pulse).await?;
        pulse.ended(patience.without_client);
        upstream_writer.shutdown().await
    };
    let down = async {
        pass(&mut upstream_reader, &mut upstream.buffer, &mut client_writer, taps.1, &pulse).await?;
        pulse.ended(patience.without_upstream);
        client_writer.shutdown().await
    };
    let both = async { tokio::try_join!(up, down).map(|_| ()) };
    tokio::select! {
        // How it ended matters to nobody: the bytes are not ours.
        _ = both => {}
        () = silence(&pulse) => {}
    }
}

/// To the reader's end.
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
            return Ok(());
        }
    }
}

/// Ends when nothing has moved for too long.
async fn silence(pulse: &Pulse) {
    loop {
        let left = pulse.left();
        if left.is_zero() {
            return;
        }
        tokio::select! {
            () = sleep(left) => {}
            () = pulse.shortened.notified() => {}
        }
    }
}

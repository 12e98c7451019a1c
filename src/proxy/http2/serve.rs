//! A client's connection that speaks HTTP/2: its streams side by side in one task, its limits, its end.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt};
use h2::{Reason, server};
use tokio::time::{sleep_until, timeout};

use super::errand::{self, Left};
use super::lingering::Lingering;
use crate::model::FailureKind;
use crate::proxy::Shared;
use crate::proxy::door::front::{self, Door};
use crate::proxy::forward::Own;
use crate::proxy::link::Link;

/// What all streams of a connection share.
pub(super) struct Caller<'a> {
    pub shared: &'a Shared,
    pub door: &'a Door,
    /// The HTTP/1.1 connection to an upstream that belongs to this client's: the upstream has authenticated it.
    pub own: Mutex<Own>,
}

/// Serves a connection to its end.
pub(in super::super) async fn serve(shared: Arc<Shared>, link: Link, door: Door) {
    let handshake = super::server_builder(&shared.limits).handshake(Lingering::new(link.stream));
    match timeout(shared.limits.silent, handshake).await {
        Ok(Ok(connection)) => streams(&shared, &door, connection).await,
        // A client that distrusts our certificate may leave before its first word.
        Ok(Err(error)) => match error.into_io() {
            Some(error) => front::distrusted(&shared, &door, &error).await,
            None => tracing::debug!("a client that chose HTTP/2 does not speak it"),
        },
        Err(_) => front::silent(&shared, &door, FailureKind::ClientClosed, "no word after the handshake").await,
    }
}

async fn streams(shared: &Shared, door: &Door, mut connection: server::Connection<Lingering, Bytes>) {
    let caller = Caller { shared, door, own: Mutex::new(None) };
    let limits = &shared.limits;
    let mut open = FuturesUnordered::new();
    let mut drained = pin!(front::drained(shared.life.clone()));
    let mut idle = pin!(sleep_until((Instant::now() + limits.silent).into()));
    let mut resets = Resets::default();
    let mut ending = false;
    loop {
        // What is ready of the streams goes first, so that what they send leaves together.
        tokio::select! {
            biased;
            Some(left) = open.next(), if !open.is_empty() => {
                if left == Left::Reset && resets.too_many() {
                    connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
                }
                if open.is_empty() {
                    idle.as_mut().reset((Instant::now() + limits.idle).into());
                }
            }
            accepted = connection.accept() => match accepted {
                Some(Ok((request, respond))) => open.push(errand::run(&caller, request, respond)),
                Some(Err(error)) => {
                    tracing::debug!(reason = ?error.reason(), "a client's HTTP/2 connection broke off");
                    return;
                }
                None => return,
            },
            () = &mut drained, if !ending => {
                ending = true;
                connection.graceful_shutdown();
            }
            () = &mut idle, if open.is_empty() => {
                connection.abrupt_shutdown(Reason::NO_ERROR);
                idle.as_mut().reset((Instant::now() + limits.idle).into());
            }
        }
    }
}

/// Streams that the client took back. A browser does that when a page is left; who does nothing else only makes work.
#[derive(Default)]
struct Resets {
    count: usize,
    since: Option<Instant>,
}

/// Over this time they are counted.
const COUNTED: Duration = Duration::from_secs(10);

impl Resets {
    fn too_many(&mut self) -> bool {
        if self.since.is_none_or(|since| since.elapsed() > COUNTED) {
            *self = Resets { count: 0, since: Some(Instant::now()) };
        }
        self.count += 1;
        self.count > super::MOST_RESETS
    }
}

//! Connections to upstreams that speak HTTP/2: shared by all clients, kept while they are of use.

use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{SendStream, client};
use http::Request;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::model::{Failure, FailureKind, Phase};
use crate::proxy::dial::Facts;
use crate::proxy::fault;
use crate::proxy::link::Link;
use crate::proxy::settings::{Limits, Origin};
use crate::proxy::stream::Stream;
use crate::proxy::tls::Notes;

/// Origins that are remembered: a client may name any host in scope.
const MOST_ORIGINS: usize = 1000;

/// One connection.
pub(in super::super) struct Session {
    requests: SendRequest<Bytes>,
    pub facts: Arc<Facts>,
    /// Requests that were given to it.
    served: AtomicU64,
    /// Streams that are open on it.
    busy: AtomicUsize,
    /// Takes no further request: it has ended, or its upstream says that it will.
    retired: AtomicBool,
    /// What broke the connection, where it was broken.
    broken: Arc<OnceLock<Failure>>,
    last: Mutex<Instant>,
}

impl Session {
    /// Speaks HTTP/2 over a new connection.
    pub async fn start(link: Link, facts: Facts, limits: &Limits) -> Result<Arc<Session>, Failure> {
        let facts = Arc::new(facts);
        let broken = Arc::new(OnceLock::new());
        let stream = Witness { stream: link.stream, notes: facts.notes.clone(), seen: broken.clone() };
        let handshake = super::client_builder(limits).handshake(stream).await;
        let (requests, connection) = handshake.map_err(|error| told(&error, &broken, Phase::SendRequest))?;
        let session = Arc::new(Session {
            requests,
            facts,
            served: AtomicU64::new(0),
            busy: AtomicUsize::new(0),
            retired: AtomicBool::new(false),
            broken,
            last: Mutex::new(Instant::now()),
        });
        tokio::spawn(drive(connection, Arc::downgrade(&session)));
        Ok(session)
    }

    /// Whether a further request can be sent on it now.
    fn takes(&self, most: usize) -> bool {
        let room = self.busy.load(Ordering::Relaxed) < most.min(self.requests.current_max_send_streams());
        let open = || {
            let ready = self.requests.clone().poll_ready(&mut Context::from_waker(Waker::noop()));
            matches!(ready, Poll::Ready(Ok(())))
        };
        room && !self.retired.load(Ordering::Relaxed) && open()
    }

    pub fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
    }
}

async fn drive(connection: client::Connection<Witness, Bytes>, session: std::sync::Weak<Session>) {
    if let Err(error) = connection.await {
        tracing::debug!(reason = ?error.reason(), "a connection to an upstream ended");
    }
    if let Some(session) = session.upgrade() {
        session.retire();
    }
}

fn told(error: &h2::Error, broken: &OnceLock<Failure>, phase: Phase) -> Failure {
    let kind = |kind: FailureKind, detail: String| fault::failure(phase, kind, detail);
    match (broken.get(), error.reason()) {
        // The stream's own end says more than the connection's, where both are known.
        (_, Some(reason)) if error.is_reset() && error.is_remote() => {
            kind(FailureKind::Reset, format!("reset the stream: {}", reason.description()))
        }
        (_, Some(reason)) if error.is_go_away() && error.is_remote() => {
            kind(FailureKind::Closed, format!("ended the connection: {}", reason.description()))
        }
        (Some(failure), _) => {
            Failure { phase: if of_body(failure, phase) { phase } else { failure.phase }, ..failure.clone() }
        }
        (None, Some(reason)) => {
            kind(FailureKind::Malformed, format!("broke the rules of HTTP/2: {}", reason.description()))
        }
        (None, None) => kind(FailureKind::Closed, "closed the connection".to_owned()),
    }
}

/// What breaks within a body is the body's failure; what TLS says keeps its own place.
fn of_body(failure: &Failure, phase: Phase) -> bool {
    phase == Phase::ReadBody && failure.phase == Phase::AwaitAnswer
}

/// One stream's share of a connection.
pub(in super::super) struct Lease {
    pub session: Arc<Session>,
    /// The connection had carried a request before.
    pub reused: bool,
}

impl Lease {
    fn new(session: Arc<Session>) -> Lease {
        session.busy.fetch_add(1, Ordering::Relaxed);
        let reused = session.served.fetch_add(1, Ordering::Relaxed) > 0;
        Lease { session, reused }
    }

    /// The library's error as a failure, by what was seen on the connection under it.
    pub fn failure(&self, error: &h2::Error, phase: Phase) -> Failure {
        let failure = told(error, &self.session.broken, phase);
        if failure.kind == FailureKind::Closed && phase == Phase::AwaitAnswer && !error.is_remote() {
            return fault::closed(&self.session.facts.notes, !self.reused);
        }
        failure
    }

    /// Sends a request's head.
    pub fn send(&self, request: Request<()>, end: bool) -> Result<(ResponseFuture, SendStream<Bytes>), h2::Error> {
        self.session.requests.clone().send_request(request, end)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        *self.session.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.session.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What an origin is known to speak over TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Speaks {
    /// Offered both, it chose the older one.
    Http1,
    Http2,
    /// It refuses connections that offer HTTP/1.1 alone.
    OnlyHttp2,
}

#[derive(Default)]
struct Known {
    speaks: Option<Speaks>,
    open: Vec<Arc<Session>>,
    /// Held while the first connection is made: the streams that come meanwhile wait for it instead of making their own.
    turn: Arc<tokio::sync::Mutex<()>>,
}

pub(in super::super) struct Sessions {
    known: Mutex<HashMap<Origin, Known>>,
    /// Streams on one connection.
    streams: usize,
    /// Connections that are kept although nothing is on them, over all origins.
    most: usize,
    keep: Duration,
}

impl Sessions {
    pub fn new(limits: &Limits) -> Sessions {
        Sessions { known: Mutex::default(), streams: limits.streams, most: limits.pooled, keep: limits.pooled_for }
    }

    /// A connection that can take a request at once.
    pub fn ready(&self, origin: &Origin) -> Option<Lease> {
        let known = self.lock();
        let session = known.get(origin)?.open.iter().find(|session| session.takes(self.streams))?;
        Some(Lease::new(session.clone()))
    }

    pub fn speaks(&self, origin: &Origin) -> Option<Speaks> {
        self.lock().get(origin)?.speaks
    }

    pub fn learn(&self, origin: &Origin, speaks: Speaks) {
        self.entry(origin, |known| known.speaks = Some(speaks));
    }

    pub fn turn(&self, origin: &Origin) -> Arc<tokio::sync::Mutex<()>> {
        self.entry(origin, |known| known.turn.clone())
    }

    /// Shares a new connection; its first stream is the caller's.
    pub fn put(&self, origin: &Origin, session: Arc<Session>) -> Lease {
        let lease = Lease::new(session.clone());
        self.shed();
        self.entry(origin, |known| {
            known.speaks = Some(known.speaks.filter(|speaks| *speaks == Speaks::OnlyHttp2).unwrap_or(Speaks::Http2));
            known.open.push(session);
        });
        lease
    }

    /// Closes what has been idle for too long.
    pub fn sweep(&self) {
        let mut old = Vec::new();
        for known in self.lock().values_mut() {
            old.extend(known.open.extract_if(.., |session| session.is_over(self.keep)));
        }
        drop(old);
    }

    /// Closes what is idle where there is too much of it.
    fn shed(&self) {
        let mut idle = Vec::new();
        let mut known = self.lock();
        if known.values().map(|known| known.open.len()).sum::<usize>() >= self.most {
            for known in known.values_mut() {
                idle.extend(known.open.extract_if(.., |session| session.busy.load(Ordering::Relaxed) == 0));
            }
        }
        drop(known);
        drop(idle);
    }

    fn entry<T>(&self, origin: &Origin, change: impl FnOnce(&mut Known) -> T) -> T {
        let mut known = self.lock();
        if known.len() >= MOST_ORIGINS && !known.contains_key(origin) {
            known.retain(|_, known| !known.open.is_empty());
        }
        change(known.entry(origin.clone()).or_default())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Origin, Known>> {
        // Each change is one call: nothing is left half-done.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    fn is_over(&self, keep: Duration) -> bool {
        let idle = self.last.lock().unwrap_or_else(PoisonError::into_inner).elapsed() > keep;
        self.busy.load(Ordering::Relaxed) == 0 && (idle || self.retired.load(Ordering::Relaxed))
    }
}

/// A connection that remembers what broke it: the library keeps of an error its kind and its words only, and nothing is
/// decided on words.
struct Witness {
    stream: Stream,
    notes: Notes,
    seen: Arc<OnceLock<Failure>>,
}

impl Witness {
    fn note<T>(&self, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if let Poll::Ready(Err(error)) = &polled {
            // The first error is the cause of those after it.
            self.seen.set(fault::upstream(Phase::AwaitAnswer, error, &self.notes)).ok();
        }
        polled
    }
}

impl AsyncRead for Witness {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_read(cx, buffer) {
            // Many peers close TLS without saying so first; here it is an end like any other.
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Poll::Ready(Ok(())),
            polled => self.note(polled),
        }
    }
}

impl AsyncWrite for Witness {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note(polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.note(polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.note(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

//! The wire half: an intercepting HTTP(S) proxy that hands over what passed as `Exchange`s.
//!
//! ```text
//! accept::run ── one task each connection ── front::serve(link, door)
//!    link.read_head ── RequestHead::parse ── fault? front::refuse: 400, said at which byte, and an exchange
//!    route::route(&head, entrance)                                              pure
//!      Connect ── connect::open
//!      │            out of scope: Dialer::dial, relay::relay                    bytes through, unseen
//!      │            in scope: 200, first byte: TLS ── tls::accept (mint::Mint::config) ── front::serve   the same door again
//!      │                                       HTTP ── front::serve            else ── relay::relay
//!      Own ────── page::page
//!      Forward ── forward::forward                  (a client that chose HTTP/2: front::serve ── http2, its own drawing)
//!                   observe::Sheet::open                                        room in the pipeline's queue is taken here
//!                   rewrite::request, Pool::take or Dialer::dial (resolve, connect, parent proxy, tls::connect)
//!                   Conversation::run: upload and Down::run at once, Body::transfer each way, bodies kept up to a limit
//!                   Draft::answer_begun: Watch::begins, before the answer's first byte goes down
//!                   Sheet::answered | failed | refused | dropped: abandoned ──▶ Exchange, over the channel
//! ```
//!
//! Its rooms: `door` where connections and requests come in, `http1` and `http2` the languages, `dial` the way to upstreams, `ca`
//! the certificates that are signed here, `tls` both handshakes, `relay` what passes unread.
//!
//! HTTP/1 is read and written here and not by a library, because what has to be explained are the bytes: field order, case,
//! repeated fields and blanks go through as they came, and a head that HTTP cannot parse is answered with the byte where
//! it breaks. One parser decides both what is evidence and what is forwarded, so the two cannot differ. TLS is rustls'.

pub mod ca;
mod dial;
mod door;
mod fault;
mod forward;
mod http1;
mod http2;
mod link;
mod observe;
mod patience;
mod relay;
mod renew;
mod scope;
mod settings;
mod stream;
mod tally;
mod tls;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};

pub use dial::own_certificate::CertificateError;
pub use dial::trust::{ClientCertificate, Fingerprint, Insecure};
pub use dial::way::{Exception, Parent, ParentKind, Rule, WayOut};
pub use door::accept::Running;
pub use door::access::{Access, Credentials, Network, Open};
#[doc(hidden)]
pub use http1::strict;
pub use scope::{Pattern, PatternError, Scope};
pub use settings::{
    Guide, Limits, Marks, Origin, Override, Reverse, SettingError, Settings, Watch, certificates_from_pem,
};
pub use tally::Tally;

use crate::model::Exchange;
use ca::mint::Mint;
use ca::{Authority, CaError};
use dial::Dialer;
use dial::pool::Pool;
use dial::targets::Targets;
use door::accept::{Bound, Role};
use door::{accept, route};
use http2::sessions::Sessions;
use renew::Lasting;
use tally::Counts;

/// What every connection is handed. A reload makes another one, for the connections that come after it.
struct Shared {
    limits: Limits,
    scope: Scope,
    authority: Arc<Authority>,
    guides: Vec<Guide>,
    mint: Arc<Mint>,
    dialer: Dialer,
    access: Access,
    marks: Marks,
    targets: Arc<Targets>,
    pool: Pool,
    sessions: Sessions,
    /// Spoken with clients and upstreams that can.
    http2: bool,
    /// Where requests go that come to the forward proxy's listeners and name no host.
    fallback: Option<Origin>,
    exchanges: mpsc::Sender<Arc<Exchange>>,
    next_connection: Arc<AtomicU64>,
    counts: Arc<Counts>,
    seen: Option<Arc<dyn Watch>>,
    life: watch::Receiver<Life>,
}

/// How far the proxy is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
enum Life {
    Running,
    /// No new connections; those that there are end after their current request.
    Draining,
    /// Everything ends now.
    Stopped,
}

impl Shared {
    /// Closes connections to upstreams that have been idle for too long.
    fn sweep(&self) {
        self.pool.sweep();
        self.sessions.sweep();
    }

    fn draining(&self) -> bool {
        *self.life.borrow() >= Life::Draining
    }

    /// Whether our own page can be had over TLS: an authority of the user's may have no right to its name.
    fn has_own_tls(&self) -> bool {
        self.authority.refuses(&[scope::Pattern::Exact(route::OWN_HOST.into())]).is_empty()
    }

    /// Ends when everything must.
    async fn stopped(&self) {
        self.life.clone().wait_for(|life| *life >= Life::Stopped).await.ok();
    }
}

/// Why the proxy did not start. Says what to do next.
#[derive(Debug)]
pub enum StartError {
    Bind {
        address: SocketAddr,
        error: io::Error,
    },
    Authority(CaError),
    /// Hosts in scope that the authority may not sign for.
    Scope(Vec<String>),
    /// More than one reverse entry without a listener of its own.
    Reverse,
    Tls(String),
    /// A listener that other machines can reach, and nothing that says which of them may.
    Open(SocketAddr, Open),
    /// An address that should expect the PROXY protocol and is no listener's.
    Balanced(SocketAddr),
}

impl StartError {
    /// The settings are at fault, and not the machine.
    pub fn is_usage(&self) -> bool {
        matches!(self, StartError::Open(..) | StartError::Reverse | StartError::Balanced(_))
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Bind { address, error } if error.kind() == io::ErrorKind::AddrInUse => {
                write!(f, "{address} is in use by another program; choose another address, or port 0 for a free one")
            }
            StartError::Bind { address, error } => write!(f, "cannot listen on {address}: {error}"),
            StartError::Authority(error) => error.fmt(f),
            StartError::Scope(hosts) => write!(
                f,
                "the certificate authority may not sign for {}; run `why401 ca rotate` and let the clients trust the new one, or take the host out of the scope",
                hosts.join(", ")
            ),
            StartError::Reverse => f.write_str(
                "only one reverse entry may use the proxy's own listener; give the others theirs: `--reverse 127.0.0.1:PORT=https://HOST`",
            ),
            StartError::Open(address, Open::Remote) => write!(
                f,
                "{address} can be reached from other machines: listen on 127.0.0.1 or [::1], or allow it with --allow-remote"
            ),
            StartError::Open(address, Open::Anybody) => write!(
                f,
                "{address} would serve anybody who reaches it: name the clients with --allow-client ADDRESS or RANGE, or set `access.credentials = [\"USER:PASSWORD\"]`"
            ),
            StartError::Open(address, Open::AnybodyReverse) => write!(
                f,
                "{address} is a reverse listener, which cannot ask for proxy credentials: name its clients with --allow-client ADDRESS or RANGE"
            ),
            StartError::Balanced(address) => write!(
                f,
                "`access.proxy_protocol` names {address}, which is no listener: write it as in `listen` or `reverse`"
            ),
            StartError::Tls(why) => write!(f, "cannot set up TLS: {why}"),
        }
    }
}

impl std::error::Error for StartError {}

/// How often idle upstream connections are looked through.
const SWEEP: Duration = Duration::from_secs(5);

/// Starts a proxy. `exchanges` gets every exchange once it has ended; its capacity is the bound on exchanges that are under
/// way or not yet taken by the pipeline.
pub async fn start(settings: Settings, exchanges: mpsc::Sender<Arc<Exchange>>) -> Result<Running, StartError> {
    let refused = settings.authority.refuses(&settings.scope.0);
    if !refused.is_empty() {
        return Err(StartError::Scope(refused));
    }
    let own: Vec<&Reverse> = settings.reverse.iter().filter(|entry| entry.listen.is_none()).collect();
    let fallback = match own.as_slice() {
        [] => None,
        [one] => Some(one.upstream.clone()),
        _ => return Err(StartError::Reverse),
    };
    guarded(&settings)?;
    let bound = bind_all(&settings).await?;
    let (life, watched) = watch::channel(Life::Running);
    let (shared, warnings) =
        renew::share(&settings, fallback, Lasting::new(exchanges, settings.seen.clone(), watched))?;
    Ok(run(settings, shared, bound, life, warnings))
}

/// Whether every listener is one that only those reach who may.
fn guarded(settings: &Settings) -> Result<(), StartError> {
    let proxies = settings.listen.iter().map(|address| (*address, false));
    let reverse = settings.reverse.iter().filter_map(|entry| Some((entry.listen?, true)));
    let listeners: Vec<(SocketAddr, bool)> = proxies.chain(reverse).collect();
    for (address, is_reverse) in &listeners {
        settings.access.permits(*address, *is_reverse).map_err(|open| StartError::Open(*address, open))?;
    }
    let is_listener = |address: &&SocketAddr| listeners.iter().any(|(known, _)| known == *address);
    if let Some(address) = settings.access.balanced.iter().find(|address| !is_listener(address)) {
        return Err(StartError::Balanced(*address));
    }
    Ok(())
}

async fn bind_all(settings: &Settings) -> Result<Vec<Bound>, StartError> {
    let proxies = settings.listen.iter().map(|address| (*address, Role::Proxy));
    let role = |entry: &Reverse| Role::Reverse { scheme: entry.scheme, upstream: entry.upstream.clone() };
    let reverse = settings.reverse.iter().filter_map(|entry| Some((entry.listen?, role(entry))));
    let mut bound = Vec::new();
    for (address, role) in proxies.chain(reverse) {
        let balanced = settings.access.balanced.contains(&address);
        bound.push(accept::bind(address, role, balanced).await.map_err(|error| StartError::Bind { address, error })?);
    }
    Ok(bound)
}

fn run(
    settings: Settings,
    shared: Arc<Shared>,
    bound: Vec<Bound>,
    life: watch::Sender<Life>,
    warnings: Vec<String>,
) -> Running {
    let addresses: Vec<SocketAddr> =
        bound.iter().filter(|bound| matches!(bound.role, Role::Proxy)).map(|bound| bound.address).collect();
    let mut own_listeners =
        bound.iter().filter(|bound| matches!(bound.role, Role::Reverse { .. })).map(|bound| bound.address);
    let reverse = settings.reverse.iter().filter_map(|entry| match entry.listen {
        Some(_) => own_listeners.next(),
        None => addresses.first().copied(),
    });
    let reverse = reverse.collect();
    // Set once, here: nothing else has seen `shared` yet.
    shared.targets.own.set(bound.iter().map(|bound| bound.address).chain(settings.shut.iter().copied()).collect()).ok();
    let room = Arc::new(Semaphore::new(settings.limits.connections.max(1)));
    let (holds, alive) = mpsc::channel(1);
    let (current, watched) = watch::channel(shared);
    let mut tasks: Vec<_> = bound
        .into_iter()
        .map(|bound| tokio::spawn(accept::run(watched.clone(), bound, room.clone(), holds.clone())))
        .collect();
    tasks.push(tokio::spawn(sweep(watched)));
    let Settings { listen, reverse: entries, shut, .. } = settings;
    Running {
        current,
        life,
        addresses,
        reverse,
        bound: accept::BoundTo { listen, entries, shut },
        warnings,
        tasks,
        alive,
    }
}

async fn sweep(current: watch::Receiver<Arc<Shared>>) {
    let mut ticks = tokio::time::interval(SWEEP);
    // Connections keep the generation that they began with, and its pool.
    let mut generations: Vec<Weak<Shared>> = Vec::new();
    loop {
        ticks.tick().await;
        let newest = Arc::downgrade(&current.borrow());
        if !generations.last().is_some_and(|last| last.ptr_eq(&newest)) {
            generations.push(newest);
        }
        generations.retain(|generation| generation.upgrade().inspect(|shared| shared.sweep()).is_some());
    }
}

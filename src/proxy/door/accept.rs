//! Listeners and the life of the whole: accept with back-off, one task each connection, drain with a deadline.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::answer::Notice;
use super::balancer;
use super::front::{self, Door, Entry};
use super::reverse;
use crate::model::{Client, Scheme, Way};
use crate::proxy::link::Link;
use crate::proxy::renew::renew;
use crate::proxy::settings::{Origin, Reverse, Settings};
use crate::proxy::stream::Stream;
use crate::proxy::tally::Tally;
use crate::proxy::{Life, Shared, StartError};

/// What a listener is for.
#[derive(Clone)]
pub(in crate::proxy) enum Role {
    Proxy,
    /// Stands for an upstream, over http or https.
    Reverse {
        scheme: Scheme,
        upstream: Origin,
    },
}

/// A bound listener.
pub(in crate::proxy) struct Bound {
    pub listener: TcpListener,
    pub address: SocketAddr,
    pub role: Role,
    /// A load balancer says first for whom it speaks.
    pub balanced: bool,
}

pub(in crate::proxy) async fn bind(address: SocketAddr, role: Role, balanced: bool) -> io::Result<Bound> {
    let listener = TcpListener::bind(address).await?;
    Ok(Bound { address: listener.local_addr()?, listener, role, balanced })
}

/// A proxy that runs. Dropping it stops it at once.
pub struct Running {
    /// What the next connection is handed.
    pub(in crate::proxy) current: watch::Sender<Arc<Shared>>,
    pub(in crate::proxy) life: watch::Sender<Life>,
    pub(in crate::proxy) addresses: Vec<SocketAddr>,
    pub(in crate::proxy) reverse: Vec<SocketAddr>,
    pub(in crate::proxy) bound: BoundTo,
    pub(in crate::proxy) warnings: Vec<String>,
    pub(in crate::proxy) tasks: Vec<JoinHandle<()>>,
    /// Ends when the last connection has: each holds a sender.
    pub(in crate::proxy) alive: mpsc::Receiver<Infallible>,
}

/// What the settings said of listeners when they were bound.
pub(in crate::proxy) struct BoundTo {
    pub listen: Vec<SocketAddr>,
    pub entries: Vec<Reverse>,
    pub shut: Vec<SocketAddr>,
}

type Infallible = std::convert::Infallible;

impl Running {
    /// Where the forward proxy listens, in the order of the settings.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where the reverse entries listen, in the order of the settings.
    pub fn reverse_addresses(&self) -> &[SocketAddr] {
        &self.reverse
    }

    /// What the operator should know and what is no reason not to start.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Requests that were forwarded without being observed, because the pipeline had no room for them in time.
    pub fn unobserved(&self) -> u64 {
        self.tally().unobserved
    }

    /// How many requests there were, and what became of them.
    pub fn tally(&self) -> Tally {
        self.current.borrow().counts.tally()
    }

    /// New connections get what `settings` say; those that there are keep what they began with. Listeners, reverse entries
    /// and the number of connections stay as they are bound, and are what access is measured by. Fails without having
    /// changed anything.
    pub fn reload(&self, settings: Settings) -> Result<Vec<String>, StartError> {
        let BoundTo { listen, entries, shut } = &self.bound;
        let settings = Settings { listen: listen.clone(), reverse: entries.clone(), shut: shut.clone(), ..settings };
        let before = self.current.borrow().clone();
        let (shared, warnings) = renew(&before, &settings)?;
        self.current.send_replace(shared);
        Ok(warnings)
    }

    /// Stops accepting, lets what is under way end for at most `deadline`, then cuts it. Returns whether all ended by
    /// themselves, and the last tally.
    pub async fn drain(mut self, deadline: Duration) -> (bool, Tally) {
        self.life.send_replace(Life::Draining);
        self.stop_listening();
        let ended = timeout(deadline, self.alive.recv()).await.is_ok();
        self.life.send_replace(Life::Stopped);
        // A cut connection hands over its exchange as abandoned; that takes no time worth a limit, but gets one.
        timeout(Duration::from_secs(1), self.alive.recv()).await.ok();
        (ended, self.tally())
    }

    fn stop_listening(&mut self) {
        self.tasks.drain(..).for_each(|task| task.abort());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.life.send_replace(Life::Stopped);
        self.stop_listening();
    }
}

/// Accepts for ever.
pub(in crate::proxy) async fn run(
    current: watch::Receiver<Arc<Shared>>,
    bound: Bound,
    room: Arc<Semaphore>,
    alive: mpsc::Sender<Infallible>,
) {
    let mut pause = FIRST_PAUSE;
    loop {
        // Never closed: the semaphore lives as long as its listeners.
        let Ok(permit) = room.clone().acquire_owned().await else { return };
        match bound.listener.accept().await {
            Ok((tcp, from)) => {
                pause = FIRST_PAUSE;
                let shared = current.borrow().clone();
                let guest = Guest { tcp, from, listener: bound.address, balanced: bound.balanced };
                tokio::spawn(connection(shared, guest, bound.role.clone(), permit, alive.clone()));
            }
            // Out of descriptors, as a rule: an immediate retry would only burn the processor.
            Err(error) if accept_pauses(&error) => {
                tracing::warn!(%error, listener = %bound.address, "cannot accept connections for now");
                sleep(pause).await;
                pause = (pause * 2).min(LAST_PAUSE);
            }
            // That one connection died before it was taken.
            Err(_) => {}
        }
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LAST_PAUSE: Duration = Duration::from_secs(1);

fn accept_pauses(error: &io::Error) -> bool {
    !matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

/// Whoever may not come in is told so, whatever it wanted, and nothing of it is read for long.
async fn turn_away(shared: &Shared, tcp: TcpStream, from: SocketAddr) {
    tracing::info!(client = %from.ip(), "turned away: not one of access.clients");
    let says = "This proxy serves other clients only.";
    let mut link = Link::new(Stream::Tcp(tcp));
    let notice = Notice::plain(403, "http_request_denied", says).render(None, false, true);
    if link.send(&notice, shared.limits.silent).await.is_ok() {
        link.close().await;
    }
}

/// A connection that has just come in.
struct Guest {
    tcp: TcpStream,
    from: SocketAddr,
    /// The listener that it came to.
    listener: SocketAddr,
    balanced: bool,
}

async fn connection(
    shared: Arc<Shared>,
    guest: Guest,
    role: Role,
    permit: OwnedSemaphorePermit,
    alive: mpsc::Sender<Infallible>,
) {
    tokio::select! {
        () = serve(&shared, guest, role) => {}
        () = shared.stopped() => {}
    }
    drop((permit, alive));
}

/// What is rare, or soon over, is boxed: a connection that waits is small.
async fn serve(shared: &Arc<Shared>, guest: Guest, role: Role) {
    let Guest { tcp, mut from, listener, balanced } = guest;
    if !shared.access.admits(from.ip()) {
        return Box::pin(turn_away(shared, tcp, from)).await;
    }
    // Answers are often small and must not wait for an acknowledgement.
    tcp.set_nodelay(true).ok();
    // The address that the client reached, where the listener is for all of them.
    let here = tcp.local_addr().unwrap_or(listener);
    let mut link = Link::new(Stream::Tcp(tcp));
    if balanced {
        let Some(client) = Box::pin(balancer::client(&mut link, from, &shared.limits)).await else {
            tracing::info!(%listener, peer = %from, "refused: a connection without the PROXY protocol");
            return;
        };
        from = client;
    }
    let number = shared.next_connection.fetch_add(1, Ordering::Relaxed) + 1;
    let client = Client { address: Some(from), connection: number, ..Client::default() };
    match role {
        Role::Proxy => {
            let client = Client { way: Way::Absolute, ..client };
            front::serve(shared.clone(), link, Door { entry: Entry::Proxy(here), client, opened: None }).await;
        }
        Role::Reverse { scheme, upstream } => {
            let here = Origin { scheme, host: here.ip().to_canonical().to_string(), port: here.port() };
            let opened = Box::pin(reverse::open(shared, link, client, here, upstream)).await;
            if let Some((link, door)) = opened {
                front::serve(shared.clone(), link, door).await;
            }
        }
    }
}

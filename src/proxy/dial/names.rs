//! From a name to an open TCP connection: lookup, a short memory of it, forbidden addresses, one address after the other.
//!
//! Names go to the system's resolver, as those of every other client on this machine do: it knows the hosts file, the
//! split answers of a VPN and what else is set up here, and a client that works without the proxy must not fail through
//! it because another resolver was asked. The system does not say how long an answer may be kept, so every answer is
//! kept for the same short time; one whose addresses all fail is forgotten at once.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

use super::targets::Targets;
use crate::model::{Failure, FailureKind, Phase, Timing};
use crate::proxy::fault::{self, failure};
use crate::proxy::settings::Override;
use crate::proxy::tls::Notes;

/// A second address is tried when the first has not answered for this long (RFC 8305 §5).
const NEXT_ADDRESS: Duration = Duration::from_millis(250);
/// Addresses of one name that are tried.
const MOST_ADDRESSES: usize = 6;
/// How long an answer is kept: shorter than most records live (ServiceNow's: 60 s and more), longer than a burst of
/// requests lasts.
const KEPT: Duration = Duration::from_secs(30);
/// How long it is kept that a name has no address: somebody may be typing it into the DNS right now.
const KEPT_NONE: Duration = Duration::from_secs(5);
/// Names that are kept; more are looked up each time.
const MOST_NAMES: usize = 1000;

/// What a name leads to, or the resolver's words for why it leads nowhere.
type Answer = Result<Vec<IpAddr>, String>;
/// Asks for the addresses of a name.
type Resolver = fn(String) -> Pin<Box<dyn Future<Output = Answer> + Send>>;

pub(in super::super) struct Names {
    pub by_hand: Vec<Override>,
    /// Where connections may go.
    pub targets: Arc<Targets>,
    known: Mutex<HashMap<String, Known>>,
    resolver: Resolver,
}

struct Known {
    addresses: Answer,
    until: Instant,
}

impl Default for Names {
    fn default() -> Names {
        Names {
            by_hand: Vec::new(),
            targets: Arc::default(),
            known: Mutex::default(),
            resolver: |host| Box::pin(look_up(host)),
        }
    }
}

impl Names {
    pub fn new(by_hand: Vec<Override>, targets: Arc<Targets>) -> Names {
        Names { by_hand, targets, ..Names::default() }
    }

    /// Where a name was said by hand to lead.
    pub fn by_hand(&self, host: &str, port: u16) -> Option<SocketAddr> {
        let fits = |entry: &&Override| entry.host == host && entry.port.is_none_or(|wanted| wanted == port);
        let entry = self.by_hand.iter().find(fits)?;
        Some(SocketAddr::new(entry.address, entry.to_port.unwrap_or(port)))
    }

    /// A TCP connection; `steps` says how long name and connection took.
    pub async fn connect(
        &self,
        host: &str,
        port: u16,
        deadline: Instant,
        steps: &mut Timing,
    ) -> Result<(TcpStream, SocketAddr), Failure> {
        let addresses = self.allowed(host, port, deadline, steps).await?;
        let start = Instant::now();
        let connected = timeout_at(deadline, connect_any(addresses)).await;
        steps.connect = Some(start.elapsed());
        let failed = match connected {
            Ok(Ok((tcp, address))) => {
                // Small requests must not wait for the answer to earlier ones (Nagle meets delayed acknowledgement).
                tcp.set_nodelay(true).ok();
                return Ok((tcp, address));
            }
            Ok(Err(error)) => fault::upstream(Phase::Connect, &error, &Notes::default()),
            Err(_) => failure(Phase::Connect, FailureKind::TimedOut, format!("{host}:{port} did not answer in time")),
        };
        self.forget(host);
        Err(failed)
    }

    /// The addresses of a name, if the proxy may go to all of them.
    pub async fn allowed(
        &self,
        host: &str,
        port: u16,
        deadline: Instant,
        steps: &mut Timing,
    ) -> Result<Vec<SocketAddr>, Failure> {
        let start = Instant::now();
        let addresses = timeout_at(deadline, self.addresses(host, port)).await;
        steps.resolve = Some(start.elapsed());
        let unresolved = |kind, words: String| Err(failure(Phase::Resolve, kind, words));
        let addresses = match addresses {
            Err(_) => return unresolved(FailureKind::TimedOut, format!("no answer for the name {host} in time")),
            // The resolver's errors have no type of their own: whatever it says, the name led nowhere.
            Ok(Err(words)) => return unresolved(FailureKind::NameNotFound, words),
            Ok(Ok(list)) => list,
        };
        addresses.iter().try_for_each(|address| self.targets.address(host, port, *address))?;
        Ok(addresses)
    }

    async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
        if let Some(address) = self.by_hand(host, port) {
            return Ok(vec![address]);
        }
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let addresses = match self.known(host, Instant::now()) {
            Some(known) => known,
            None => {
                let found = (self.resolver)(host.to_owned()).await;
                self.keep(host, found.clone(), Instant::now());
                found
            }
        };
        Ok(addresses?.into_iter().map(|address| SocketAddr::new(address, port)).collect())
    }

    fn known(&self, host: &str, now: Instant) -> Option<Answer> {
        let known = self.lock();
        known.get(host).filter(|known| known.until > now).map(|known| known.addresses.clone())
    }

    fn keep(&self, host: &str, addresses: Answer, now: Instant) {
        let until = now + if addresses.is_ok() { KEPT } else { KEPT_NONE };
        let mut known = self.lock();
        if known.len() >= MOST_NAMES {
            known.retain(|_, known| known.until > now);
        }
        if known.len() < MOST_NAMES {
            known.insert(host.to_owned(), Known { addresses, until });
        }
    }

    fn forget(&self, host: &str) {
        self.lock().remove(host);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Known>> {
        // A cache cannot be left half-changed: each change is one call.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks the system.
async fn look_up(host: String) -> Answer {
    let found = lookup_host((host.as_str(), 0)).await.map_err(|error| error.to_string())?;
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in found.map(|found| found.ip()) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(format!("the name {host} has no address"));
    }
    Ok(in_turns(addresses))
}

/// Both families by turns, beginning with the one that the system prefers (RFC 8305 §4): where one of them leads nowhere,
/// the second address tried is of the other.
fn in_turns(addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    let first_is_v6 = addresses.first().is_some_and(IpAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut turns = Vec::new();
    while turns.len() < MOST_ADDRESSES {
        let pair = [first.next(), second.next()];
        if pair.iter().all(Option::is_none) {
            break;
        }
        turns.extend(pair.into_iter().flatten());
    }
    turns.truncate(MOST_ADDRESSES);
    turns
}

/// Tries the addresses one after the other, each a little later than the one before; the first that answers wins.
async fn connect_any(addresses: Vec<SocketAddr>) -> io::Result<(TcpStream, SocketAddr)> {
    if let [address] = addresses.as_slice() {
        return Ok((TcpStream::connect(address).await?, *address));
    }
    let mut left = addresses.into_iter();
    let mut tried = JoinSet::new();
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    loop {
        let next = left.next();
        let more = next.is_some();
        if let Some(address) = next {
            tried.spawn(async move { TcpStream::connect(address).await.map(|tcp| (tcp, address)) });
        }
        let wait = if more { NEXT_ADDRESS } else { Duration::from_secs(3600) };
        match timeout(wait, tried.join_next()).await {
            Ok(Some(Ok(Ok(connected)))) => return Ok(connected),
            Ok(Some(Ok(Err(error)))) => last = error,
            Ok(Some(Err(_))) | Err(_) => {}
            Ok(None) if !more => return Err(last),
            Ok(None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    fn addresses(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns() {
        let turns = in_turns(addresses(&["::1", "::2", "::3", "::4", "::5", "::6", "10.0.0.1", "10.0.0.2"]));
        assert_eq!(turns, addresses(&["::1", "10.0.0.1", "::2", "10.0.0.2", "::3", "::4"]));
        assert_eq!(in_turns(addresses(&["10.0.0.1", "::1"])), addresses(&["10.0.0.1", "::1"]));
    }

    #[test]
    fn answers_are_kept_for_a_short_time_and_none_for_a_shorter() {
        let (names, now) = (Names::default(), Instant::now());
        names.keep("a.example", Ok(addresses(&["10.0.0.1"])), now);
        names.keep("b.example", Err("no such name".into()), now);
        let left = |after| ["a.example", "b.example"].map(|name| names.known(name, now + after).is_some());
        assert_eq!(left(Duration::ZERO), [true, true]);
        assert_eq!(left(KEPT_NONE), [true, false]);
        assert_eq!(left(KEPT), [false, false]);
    }

    #[test]
    fn the_memory_of_names_is_bounded() {
        let (names, now) = (Names::default(), Instant::now());
        (0..=MOST_NAMES).for_each(|number| names.keep(&format!("{number}.example"), Err(String::new()), now));
        assert_eq!(names.lock().len(), MOST_NAMES);
        names.keep("new.example", Err(String::new()), now + KEPT_NONE);
        assert_eq!(names.lock().len(), 1);
    }

    #[tokio::test]
    async fn a_name_whose_addresses_all_fail_is_forgotten() {
        let shut = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let names = Names::default();
        let now = Instant::now();
        names.keep("a.example", Ok(vec![shut.ip()]), now);
        let deadline = now + Duration::from_secs(10);
        let failed = names.connect("a.example", shut.port(), deadline, &mut Timing::default()).await.unwrap_err();
        assert_eq!((failed.phase, names.known("a.example", now).is_some()), (Phase::Connect, false));
    }

    /// Leads to this machine when it is asked first, and to a cloud's metadata from then on.
    fn rebinding(_: String) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let address = if ASKED.fetch_add(1, Ordering::SeqCst) == 0 { "127.0.0.1" } else { "169.254.169.254" };
        Box::pin(async move { Ok(addresses(&[address])) })
    }

    #[tokio::test]
    async fn the_address_that_was_checked_is_the_one_that_is_connected_to() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let names = Names { resolver: rebinding, ..Names::default() };
        let deadline = Instant::now() + Duration::from_secs(10);
        let connect = || async { names.connect("a.example", port, deadline, &mut Timing::default()).await };
        let (tcp, address) = connect().await.unwrap();
        assert_eq!(
            (tcp.peer_addr().unwrap(), address),
            (listener.local_addr().unwrap(), listener.local_addr().unwrap())
        );
        // Asked again, the name leads elsewhere, which is checked as well.
        names.forget("a.example");
        let refused = connect().await.unwrap_err();
        assert_eq!((refused.phase, refused.kind), (Phase::Connect, FailureKind::Forbidden));
    }

    /// A listener whose queue is full: the kernel leaves every further connection without an answer.
    async fn unanswered() -> (SocketAddr, TcpListener, Vec<TcpStream>) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        while let Ok(tcp) = timeout(Duration::from_millis(300), TcpStream::connect(address)).await {
            waiting.push(tcp.unwrap());
        }
        (address, listener, waiting)
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_dead_address_keeps_nobody_from_the_next_one() {
        let (dead, _listener, _waiting) = unanswered().await;
        let alive = TcpListener::bind(("127.0.0.2", dead.port())).await.unwrap();
        let names = Names::default();
        names.keep("a.example", Ok(addresses(&["127.0.0.1", "127.0.0.2"])), Instant::now());
        let mut steps = Timing::default();
        let deadline = Instant::now() + Duration::from_secs(10);
        let (_, address) = names.connect("a.example", dead.port(), deadline, &mut steps).await.unwrap();
        assert_eq!(address, alive.local_addr().unwrap());
        // Where none answers it ends at its time.
        drop(alive);
        names.keep("b.example", Ok(addresses(&["127.0.0.1"])), Instant::now());
        let deadline = Instant::now() + Duration::from_millis(100);
        let failed = names.connect("b.example", dead.port(), deadline, &mut steps).await.unwrap_err();
        assert_eq!((failed.phase, failed.kind), (Phase::Connect, FailureKind::TimedOut));
    }
}

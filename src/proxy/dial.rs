//! A new connection to an upstream: name, address, parent proxy, TLS, each step timed and each failure named.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use rustls::ClientConfig;
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

use super::fault::{self, failure};
use super::head::AnswerHead;
use super::link::{HeadRead, Link};
use super::settings::{Limits, Origin, Override, Parent};
use super::stream::Stream;
use super::targets::Targets;
use super::tls::{self, Notes, Offer};
use crate::model::{Failure, FailureKind, Phase, Scheme, Timing, TlsFacts};

/// A second address is tried when the first has not answered for this long (RFC 8305 §5).
const NEXT_ADDRESS: Duration = Duration::from_millis(250);
/// Addresses of one name that are tried.
const MOST_ADDRESSES: usize = 6;

pub(super) struct Dialer {
    pub resolve: Vec<Override>,
    pub parent: Option<Parent>,
    pub tls: Arc<ClientConfig>,
    pub limits: Limits,
    pub targets: Arc<Targets>,
}

/// What is known of a connection to an upstream.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub address: Option<SocketAddr>,
    pub tls: Option<TlsFacts>,
    pub notes: Notes,
    pub parent: Option<String>,
}

/// What the connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// HTTP in the scheme of the origin; over TLS in a version that is offered.
    Http(Offer),
    /// Bytes that we do not look into.
    Tunnel,
}

impl Dialer {
    /// Connects; `steps` says how long each step took, however far it came.
    pub async fn dial(&self, origin: &Origin, purpose: Purpose, steps: &mut Timing) -> Result<(Link, Facts), Failure> {
        self.targets.admits(origin)?;
        let deadline = Instant::now() + self.limits.connect;
        let (link, mut facts) = self.reach(origin, purpose, deadline, steps).await?;
        let Purpose::Http(offer) = purpose else { return Ok((link, facts)) };
        if origin.scheme == Scheme::Http {
            return Ok((link, facts));
        }
        let start = Instant::now();
        let within = deadline.saturating_duration_since(start);
        let Some((tcp, _)) = link.into_tcp().filter(|(_, ahead)| ahead.is_empty()) else {
            return Err(failure(Phase::ParentProxy, FailureKind::Malformed, "the parent proxy spoke before its turn"));
        };
        let connected = tls::connect(&self.tls, tcp, &origin.host, offer, within).await;
        steps.tls = Some(start.elapsed());
        let connected = connected?;
        (facts.tls, facts.notes) = (Some(connected.facts), connected.notes);
        Ok((Link::new(Stream::Client(Box::new(connected.stream))), facts))
    }

    /// A TCP connection that leads to the origin: straight, or through the parent.
    async fn reach(
        &self,
        origin: &Origin,
        purpose: Purpose,
        deadline: Instant,
        steps: &mut Timing,
    ) -> Result<(Link, Facts), Failure> {
        let Some(parent) = &self.parent else {
            let (tcp, address) = self.tcp(&origin.host, origin.port, deadline, steps).await?;
            return Ok((Link::new(Stream::Tcp(tcp)), Facts { address: Some(address), ..Facts::default() }));
        };
        let (tcp, address) = self.tcp(&parent.host, parent.port, deadline, steps).await?;
        let mut link = Link::new(Stream::Tcp(tcp));
        if purpose == Purpose::Tunnel || origin.scheme == Scheme::Https {
            timeout_at(deadline, through(&mut link, origin, parent, &self.limits)).await.unwrap_or_else(|_| {
                Err(failure(
                    Phase::ParentProxy,
                    FailureKind::TimedOut,
                    "the parent proxy did not answer CONNECT in time",
                ))
            })?;
        }
        let name = format!("{}:{}", parent.host, parent.port);
        Ok((link, Facts { address: Some(address), parent: Some(name), ..Facts::default() }))
    }

    async fn tcp(
        &self,
        host: &str,
        port: u16,
        deadline: Instant,
        steps: &mut Timing,
    ) -> Result<(TcpStream, SocketAddr), Failure> {
        let start = Instant::now();
        let addresses = timeout_at(deadline, self.addresses(host, port)).await;
        steps.resolve = Some(start.elapsed());
        let addresses = match addresses {
            Err(_) => {
                return Err(failure(
                    Phase::Resolve,
                    FailureKind::TimedOut,
                    format!("no answer for the name {host} in time"),
                ));
            }
            // The resolver's errors have no type of their own: whatever it says, the name led nowhere.
            Ok(Err(error)) => return Err(failure(Phase::Resolve, FailureKind::NameNotFound, error.to_string())),
            Ok(Ok(list)) if list.is_empty() => {
                return Err(failure(
                    Phase::Resolve,
                    FailureKind::NameNotFound,
                    format!("the name {host} has no address"),
                ));
            }
            Ok(Ok(list)) => list,
        };
        addresses.iter().try_for_each(|address| self.targets.address(host, port, *address))?;
        let start = Instant::now();
        let connected = timeout_at(deadline, connect_any(addresses)).await;
        steps.connect = Some(start.elapsed());
        match connected {
            Err(_) => {
                Err(failure(Phase::Connect, FailureKind::TimedOut, format!("{host}:{port} did not answer in time")))
            }
            Ok(Err(error)) => Err(fault::upstream(Phase::Connect, &error, &Notes::default())),
            Ok(Ok((tcp, address))) => {
                // Small requests must not wait for the answer to earlier ones (Nagle meets delayed acknowledgement).
                tcp.set_nodelay(true).ok();
                Ok((tcp, address))
            }
        }
    }

    async fn addresses(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let fits = |entry: &&Override| entry.host == host && entry.port.is_none_or(|wanted| wanted == port);
        if let Some(entry) = self.resolve.iter().find(fits) {
            return Ok(vec![SocketAddr::new(entry.address, entry.to_port.unwrap_or(port))]);
        }
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        Ok(lookup_host((host, port)).await?.take(MOST_ADDRESSES).collect())
    }

    /// The credentials for a parent proxy that takes requests in absolute form; `None` where there is no such.
    pub fn absolute_for_parent(&self, origin: &Origin) -> Option<Option<String>> {
        let parent = self.parent.as_ref().filter(|_| origin.scheme == Scheme::Http)?;
        Some(basic(parent))
    }
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

/// Asks the parent to CONNECT to the origin.
async fn through(link: &mut Link, origin: &Origin, parent: &Parent, limits: &Limits) -> Result<(), Failure> {
    let authority = origin.authority();
    let credentials = basic(parent).map(|value| format!("Proxy-Authorization: {value}\r\n")).unwrap_or_default();
    let request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{credentials}\r\n");
    let broken = |error: io::Error| fault::upstream(Phase::ParentProxy, &error, &Notes::default());
    link.send(request.as_bytes(), limits.connect).await.map_err(broken)?;
    let malformed = |why: &str| failure(Phase::ParentProxy, FailureKind::Malformed, why);
    match link.read_head(limits.connect, limits.connect, limits.head_bytes).await {
        HeadRead::Head(raw, _) => refused(raw, limits.fields),
        HeadRead::Closed | HeadRead::Cut => Err(failure(
            Phase::ParentProxy,
            FailureKind::Closed,
            "the parent proxy closed without an answer to CONNECT",
        )),
        HeadRead::Silent | HeadRead::Slow => {
            Err(failure(Phase::ParentProxy, FailureKind::TimedOut, "no answer to CONNECT"))
        }
        HeadRead::TooLarge(_) => Err(malformed("the parent proxy's answer to CONNECT has no end")),
        HeadRead::Failed(error) => Err(broken(error)),
    }
}

fn refused(raw: Bytes, most_fields: usize) -> Result<(), Failure> {
    match AnswerHead::parse(raw, most_fields) {
        Ok(answer) if (200..300).contains(&answer.status) => Ok(()),
        Ok(answer) => {
            let line = String::from_utf8_lossy(answer.status_line()).into_owned();
            Err(failure(Phase::ParentProxy, FailureKind::ParentProxyRefused(answer.status), line))
        }
        Err(_) => {
            Err(failure(Phase::ParentProxy, FailureKind::Malformed, "the parent proxy's answer to CONNECT is not HTTP"))
        }
    }
}

fn basic(parent: &Parent) -> Option<String> {
    let credentials = parent.credentials.as_ref()?;
    let (name, password) = credentials.expose();
    Some(format!("Basic {}", STANDARD.encode(format!("{name}:{password}"))))
}

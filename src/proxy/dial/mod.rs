//! A new connection to an upstream: name, address, parent proxy, TLS, each step timed and each failure named.

mod names;
pub(super) mod own_certificate;
mod parent;
pub(super) mod pool;
pub(super) mod targets;
pub(super) mod trust;
pub(super) mod way;

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;
use tokio::time::{Instant, timeout_at};

use super::fault::failure;
use super::link::Link;
use super::settings::{Limits, Origin};
use super::stream::{Road, Stream};
use super::tls::{Notes, Offer, UpstreamTls};
use crate::model::{Failure, FailureKind, Phase, Scheme, Timing, TlsFacts, Unverified};
pub(super) use names::Names;
use parent::Goal;
use way::{Parent, ParentKind, WayOut};

pub(super) struct Dialer {
    pub names: Names,
    pub way_out: WayOut,
    pub tls: UpstreamTls,
    pub limits: Limits,
}

/// What is known of a connection to an upstream.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub address: Option<SocketAddr>,
    pub tls: Option<TlsFacts>,
    pub notes: Notes,
    pub parent: Option<String>,
    pub unverified: Option<Unverified>,
}

/// What the connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// HTTP in the scheme of the origin; over TLS in a version that is offered.
    Http(Offer),
    /// Bytes that we do not look into.
    Tunnel,
}

/// A connection on which the origin's own protocol can begin.
struct Reached {
    road: Road,
    /// What came along it already.
    ahead: BytesMut,
    facts: Facts,
}

impl Dialer {
    /// Connects; `steps` says how long each step took, however far it came.
    pub async fn dial(&self, origin: &Origin, purpose: Purpose, steps: &mut Timing) -> Result<(Link, Facts), Failure> {
        self.names.targets.admits(origin)?;
        let deadline = Instant::now() + self.limits.connect;
        let Reached { road, ahead, mut facts } = self.reach(origin, purpose, deadline, steps).await?;
        let offer = match purpose {
            Purpose::Http(offer) if origin.scheme == Scheme::Https => offer,
            _ => return Ok((Link { buffer: ahead, ..Link::new(road.into()) }, facts)),
        };
        if !ahead.is_empty() {
            return Err(failure(Phase::ParentProxy, FailureKind::Malformed, "the parent proxy spoke before its turn"));
        }
        let start = Instant::now();
        let within = deadline.saturating_duration_since(start);
        let connected = self.tls.connect(road, &origin.host, offer, within).await;
        steps.tls = Some(start.elapsed());
        let connected = connected?;
        (facts.tls, facts.notes) = (Some(connected.facts), connected.notes);
        facts.unverified = self.tls.unverified(&origin.host);
        Ok((Link::new(Stream::Client(Box::new(connected.stream))), facts))
    }

    /// A connection that leads to the origin: straight, or through a parent.
    async fn reach(
        &self,
        origin: &Origin,
        purpose: Purpose,
        deadline: Instant,
        steps: &mut Timing,
    ) -> Result<Reached, Failure> {
        let Some(parent) = self.parent(origin) else {
            let (tcp, address) = self.names.connect(&origin.host, origin.port, deadline, steps).await?;
            let facts = Facts { address: Some(address), ..Facts::default() };
            return Ok(Reached { road: Road::Tcp(tcp), ahead: BytesMut::new(), facts });
        };
        let goal = self.goal(origin, purpose, parent, deadline, steps).await?;
        let connected = self.names.connect(&parent.host, parent.port, deadline, steps).await;
        let (tcp, address) = connected.map_err(|failure| of_parent(parent, failure))?;
        let within = deadline.saturating_duration_since(Instant::now());
        let led = timeout_at(deadline, parent::lead(tcp, parent, goal, &self.tls, &self.limits, within)).await;
        let (road, ahead) = led.unwrap_or_else(|_| {
            Err(failure(Phase::ParentProxy, FailureKind::TimedOut, "the parent proxy did not answer in time"))
        })?;
        let facts = Facts { address: Some(address), parent: Some(parent.to_string()), ..Facts::default() };
        Ok(Reached { road, ahead, facts })
    }

    /// What the parent is asked for. A name that was looked up by hand goes to it as the address: whoever names an address
    /// wants that one, whatever the parent's resolver says.
    async fn goal<'a>(
        &self,
        origin: &'a Origin,
        purpose: Purpose,
        parent: &Parent,
        deadline: Instant,
        steps: &mut Timing,
    ) -> Result<Goal<'a>, Failure> {
        if purpose != Purpose::Tunnel && origin.scheme == Scheme::Http && parent.kind.takes_requests() {
            return Ok(Goal::Itself);
        }
        if let Some(address) = self.names.by_hand(&origin.host, origin.port) {
            self.names.targets.address(&origin.host, origin.port, address)?;
            return Ok(Goal::Address(address));
        }
        if parent.kind != ParentKind::Socks5 {
            return Ok(Goal::Name(origin));
        }
        let addresses = self.names.allowed(&origin.host, origin.port, deadline, steps).await?;
        // A name without addresses has failed by now. An IPv4 address first: fewer SOCKS servers have a way to others.
        let first = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first());
        Ok(first.map_or(Goal::Name(origin), |address| Goal::Address(*address)))
    }

    /// The parent on the way to an origin.
    pub fn parent(&self, origin: &Origin) -> Option<&Arc<Parent>> {
        self.way_out.parent(origin, self.names.by_hand(&origin.host, origin.port).map(|address| address.ip()))
    }

    /// The credentials for a parent proxy that takes requests in absolute form; `None` where there is no such.
    pub fn absolute_for_parent(&self, origin: &Origin) -> Option<Option<String>> {
        let parent = self.parent(origin).filter(|_| origin.scheme == Scheme::Http)?;
        parent.kind.takes_requests().then(|| parent.basic())
    }
}

/// A failure on the way to a parent, and not behind it.
fn of_parent(parent: &Parent, failure: Failure) -> Failure {
    Failure { phase: Phase::ParentProxy, detail: format!("{parent}: {}", failure.detail), ..failure }
}

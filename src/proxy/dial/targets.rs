//! Where requests may go: not to ourselves, not to a cloud's metadata, not to ports that nobody asked for; and while other
//! machines can reach the proxy, not into the network that it stands in. Pure.
//!
//! Names are checked before they are looked up, addresses after it, each that would be tried, and the connection is made
//! to the address that was checked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::OnceLock;

use crate::model::{Failure, FailureKind, Phase};
use crate::proxy::fault::failure;
use crate::proxy::scope::Scope;
use crate::proxy::settings::{Origin, Settings};

/// Where clouds answer questions about the machine and its credentials, beside the link-local addresses. AWS over IPv6,
/// Alibaba, Oracle, Azure.
const METADATA: [IpAddr; 4] = [
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
];

/// The names of the same.
const METADATA_NAMES: [&str; 5] =
    ["metadata.google.internal", "metadata.goog", "metadata", "instance-data", "instance-data.ec2.internal"];

/// Below this port stand services that take a request for a message of their own: mail, shells, names.
const FIRST_FREE_PORT: u16 = 1024;

/// Where requests may go.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Targets {
    /// Our own listeners, and others of this process; known once all are bound.
    pub own: OnceLock<Vec<SocketAddr>>,
    /// Other machines can reach the proxy.
    wide: bool,
    private: bool,
    ports: Vec<u16>,
    scope: Scope,
    /// Hosts that the configuration names, with the port where it names one: overrides, reverse upstreams, parents.
    named: Vec<(String, Option<u16>)>,
}

impl Targets {
    pub fn new(settings: &Settings) -> Targets {
        let overrides = settings.resolve.iter().map(|entry| (entry.host.clone(), entry.port));
        let reverse = settings.reverse.iter().map(|entry| (entry.upstream.host.clone(), Some(entry.upstream.port)));
        let parents = settings.way_out.parents().into_iter();
        let parents = parents.map(|parent| (parent.host.clone(), Some(parent.port)));
        let listeners = settings.listen.iter().copied().chain(settings.reverse.iter().filter_map(|entry| entry.listen));
        Targets {
            own: OnceLock::new(),
            wide: listeners.map(|address| address.ip().to_canonical()).any(|ip| !ip.is_loopback()),
            private: settings.access.private,
            ports: settings.access.ports.clone(),
            scope: settings.scope.clone(),
            named: overrides.chain(reverse).chain(parents).collect(),
        }
    }

    /// What can be said before the name is looked up.
    pub fn admits(&self, origin: &Origin) -> Result<(), Failure> {
        let (host, port) = (origin.host.as_str(), origin.port);
        if METADATA_NAMES.contains(&host) {
            return Err(shut(Phase::Resolve, format!("{host} is where a cloud keeps this machine's credentials")));
        }
        if !self.port_is_open(host, port) {
            let says = format!(
                "port {port} of {host} is not open here; `access.ports = [{port}]` or --allow-port {port} opens it"
            );
            return Err(shut(Phase::Resolve, says));
        }
        let literal = host.parse().ok().or_else(|| (host == "localhost").then_some(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        literal.map_or(Ok(()), |ip| self.address(host, port, SocketAddr::new(ip, port)))
    }

    /// What an address may be that `host` and `port` led to.
    pub fn address(&self, host: &str, port: u16, address: SocketAddr) -> Result<(), Failure> {
        let ip = effective(address.ip());
        if self.loops(address) {
            return Err(shut(Phase::Connect, format!("{address} is one of this proxy's own listeners")));
        }
        if is_link_local(ip) || METADATA.contains(&ip) {
            let says = format!("{address} is a link-local address, or where a cloud keeps this machine's credentials");
            return Err(shut(Phase::Connect, says));
        }
        let guarded = self.wide && !self.private && !self.is_named(host, port);
        if guarded && is_inside(ip) {
            let says = format!(
                "{address} is an address of this machine or of its own network, and other machines can reach this \
                 proxy; `access.private = true` opens such addresses, --resolve a single one"
            );
            return Err(shut(Phase::Connect, says));
        }
        Ok(())
    }

    fn port_is_open(&self, host: &str, port: u16) -> bool {
        let ours = || self.scope.covers(host) || is_loopback_name(host);
        matches!(port, 80 | 443)
            || self.ports.contains(&port)
            || self.is_named(host, port)
            || (!self.wide && port >= FIRST_FREE_PORT && ours())
    }

    fn is_named(&self, host: &str, port: u16) -> bool {
        self.named.iter().any(|(name, only)| name == host && only.is_none_or(|only| only == port))
    }

    /// Whether an address is one of our own listeners: a request would go round for ever.
    fn loops(&self, address: SocketAddr) -> bool {
        let ip = effective(address.ip());
        self.own.get().into_iter().flatten().any(|own| {
            let here = own.ip().is_unspecified() && (ip.is_loopback() || ip.is_unspecified());
            own.port() == address.port() && (own.ip() == ip || here || (ip.is_unspecified() && own.ip().is_loopback()))
        })
    }
}

fn shut(phase: Phase, says: String) -> Failure {
    failure(phase, FailureKind::Forbidden, says)
}

fn is_loopback_name(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| effective(ip).is_loopback())
}

/// The address that is reached in the end: IPv4 inside of IPv6, as mapped (RFC 4291) or translated (RFC 6052).
fn effective(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) => match v6.segments() {
            [0x64, 0xff9b, 0, 0, 0, 0, high, low] => IpAddr::V4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low))),
            _ => IpAddr::V6(v6),
        },
        v4 => v4,
    }
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

/// This machine, or a network that the rest of the world cannot reach (RFC 1918, RFC 6598, RFC 4193).
fn is_inside(ip: IpAddr) -> bool {
    let shared = |v4: Ipv4Addr| matches!(v4.octets(), [100, second, ..] if second & 0xc0 == 64);
    match ip {
        IpAddr::V4(v4) => {
            v4.is_loopback() || v4.is_private() || v4.octets().first() == Some(&0) || shared(v4) || v4.is_broadcast()
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unspecified() || v6.is_unique_local(),
    }
}

#[cfg(test)]
#[path = "targets_tests.rs"]
mod tests;

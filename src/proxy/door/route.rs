//! Decides what a request wants of us. Pure: a head and the door it came through in, a decision out.

use std::net::{IpAddr, SocketAddr};

use crate::model::{HeadFault, HeadProblem, Scheme, Way};
use crate::proxy::http1::facade::Facade;
use crate::proxy::http1::head::{RequestHead, Version};
use crate::proxy::http1::manner::Manner;
use crate::proxy::settings::{Origin, split_authority};

/// The name under which our own pages are reached through the proxy.
pub(in crate::proxy) const OWN_HOST: &str = "why401.proxy";

/// The door that a request came through.
#[derive(Clone, Copy)]
pub(in crate::proxy) enum Entrance<'a> {
    /// The forward proxy's listener; requests that name no host go to `fallback`, where there is one.
    Proxy { local: SocketAddr, fallback: Option<&'a Origin> },
    /// A reverse listener.
    /// By the origin that it is, and the one that it stands for.
    Reverse { here: &'a Origin, upstream: &'a Origin },
    /// Inside of a CONNECT that we look into.
    Tunnel(&'a Origin),
}

/// What to do with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::proxy) enum Route {
    Connect(Origin),
    /// A page of our own, by path.
    Own(String),
    Forward(Destination),
    /// Not ours to answer: the Host is neither us nor a target.
    Misdirected,
    Refuse(HeadFault),
}

/// Where a request goes and what of it has to change for that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::proxy) struct Destination {
    pub origin: Origin,
    pub way: Way,
    /// The request target for the upstream, where it is not the one that came.
    pub target: Option<Vec<u8>>,
    /// The Host for the upstream, where it is not the one that came.
    pub host: Option<String>,
    pub manner: Manner,
}

pub(in crate::proxy) fn route(request: &RequestHead, entrance: Entrance<'_>) -> Route {
    decide(request, entrance).unwrap_or_else(Route::Refuse)
}

fn decide(request: &RequestHead, entrance: Entrance<'_>) -> Result<Route, HeadFault> {
    if request.method() == "CONNECT" {
        return match entrance {
            Entrance::Proxy { .. } => connect(request),
            // A tunnel within a tunnel, or through a reverse listener: nobody asks for it in earnest.
            _ => Err(HeadFault { offset: 0, problem: HeadProblem::RequestLine, status: 405 }),
        };
    }
    let host = host(request)?;
    if let Some(absolute) = absolute(request)? {
        return by_absolute(request, entrance, absolute, host);
    }
    // RFC 9112 §3.2.4: the asterisk is for OPTIONS alone.
    if !request.target().starts_with(b"/") && (request.target() != b"*" || request.method() != "OPTIONS") {
        return Err(at_target(request));
    }
    match entrance {
        Entrance::Tunnel(origin) => within(request, origin, host),
        Entrance::Reverse { here, upstream } => Ok(to_reverse(here, upstream, host, None)),
        Entrance::Proxy { local, fallback: Some(upstream) } => Ok(to_reverse(&plain(local), upstream, host, None)),
        Entrance::Proxy { local, .. } if ours(host, local) => Ok(Route::Own(path(request.target()))),
        Entrance::Proxy { .. } => Ok(Route::Misdirected),
    }
}

fn at_target(request: &RequestHead) -> HeadFault {
    HeadFault { offset: request.target_offset(), problem: HeadProblem::RequestLine, status: 400 }
}

/// RFC 9110 §9.3.6: `host:port` and nothing else. What `Host` says here does not matter, and some clients send none.
fn connect(request: &RequestHead) -> Result<Route, HeadFault> {
    let authority = std::str::from_utf8(request.target()).ok().and_then(split_authority);
    let Some((host, Some(port))) = authority else { return Err(at_target(request)) };
    // Until the first byte shows it: a tunnel to port 80 is plain, any other is expected to speak TLS.
    let scheme = if port == 80 { Scheme::Http } else { Scheme::Https };
    Ok(Route::Connect(Origin { scheme, host, port }))
}

/// A Host field: its text, and host and port in it.
#[derive(Clone)]
struct Host<'a> {
    text: &'a [u8],
    host: String,
    port: Option<u16>,
}

/// One Host in HTTP/1.1, at most one in HTTP/1.0, and a readable one (RFC 9112 §3.2).
fn host(request: &RequestHead) -> Result<Option<Host<'_>>, HeadFault> {
    let wrong = |offset| HeadFault { offset, problem: HeadProblem::Host, status: 400 };
    let mut hosts = request.head.all("host");
    let Some(first) = hosts.next() else {
        let missing = request.version != Version::Http10;
        return if missing { Err(wrong(request.head.raw.len().saturating_sub(2))) } else { Ok(None) };
    };
    if hosts.next().is_some() {
        return Err(wrong(request.head.second_offset("host")));
    }
    let parsed = std::str::from_utf8(first).ok().and_then(split_authority);
    let (host, port) = parsed.ok_or_else(|| wrong(request.head.offset("host")))?;
    Ok(Some(Host { text: first, host, port }))
}

/// The parts of an absolute-form target.
struct Absolute {
    origin: Origin,
    /// As sent, without user information: there is none.
    authority: String,
    target: Vec<u8>,
}

impl Absolute {
    fn names(&self, origin: &Origin) -> bool {
        self.origin.port == origin.port && (self.origin.host == origin.host || self.origin.host == "localhost")
    }
}

fn absolute(request: &RequestHead) -> Result<Option<Absolute>, HeadFault> {
    let target = request.target();
    let Some((scheme, rest)) = split_scheme(target) else { return Ok(None) };
    let scheme = match scheme.to_ascii_lowercase().as_slice() {
        b"http" => Scheme::Http,
        b"https" => Scheme::Https,
        _ => return Err(at_target(request)),
    };
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, b""));
    let authority = std::str::from_utf8(authority).map_err(|_| at_target(request))?;
    let (host, port) = split_authority(authority).ok_or_else(|| at_target(request))?;
    let target = match path {
        // RFC 9112 §3.2.4.
        b"" if request.method() == "OPTIONS" => b"*".to_vec(),
        path if path.starts_with(b"/") => path.to_vec(),
        path => [b"/", path].concat(),
    };
    let port = port.unwrap_or(scheme.default_port());
    Ok(Some(Absolute { origin: Origin { scheme, host, port }, authority: authority.to_owned(), target }))
}

/// `scheme` and what follows `://`; an origin-form target has a slash first, whatever else is in it.
pub(in crate::proxy) fn split_scheme(target: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = target.iter().position(|byte| !byte.is_ascii_alphanumeric())?;
    let (scheme, rest) = target.split_at_checked(length)?;
    Some((scheme, rest.strip_prefix(b"://")?))
}

fn by_absolute(
    request: &RequestHead,
    entrance: Entrance<'_>,
    absolute: Absolute,
    host: Option<Host<'_>>,
) -> Result<Route, HeadFault> {
    match entrance {
        Entrance::Tunnel(origin) if same(origin, &absolute.origin.host, Some(absolute.origin.port)) => {
            within(request, origin, host)
        }
        // Every server takes this form as well (RFC 9112 §3.2.2).
        Entrance::Reverse { here, upstream } if absolute.names(here) || absolute.names(upstream) => {
            Ok(to_reverse(here, upstream, host, Some(absolute.target)))
        }
        Entrance::Tunnel(_) | Entrance::Reverse { .. } => Err(HeadFault { status: 421, ..at_target(request) }),
        Entrance::Proxy { .. } if absolute.origin.host == OWN_HOST => Ok(Route::Own(path(&absolute.target))),
        Entrance::Proxy { .. } => {
            let way = if absolute.origin.scheme == Scheme::Https { Way::ClearHttps } else { Way::Absolute };
            // The target's authority wins over a Host that differs (RFC 9112 §3.2.2).
            let kept = host.is_some_and(|host| host.text.eq_ignore_ascii_case(absolute.authority.as_bytes()));
            let host = (!kept).then(|| absolute.authority.clone());
            Ok(Route::Forward(Destination {
                origin: absolute.origin,
                way,
                target: Some(absolute.target),
                host,
                manner: Manner::default(),
            }))
        }
    }
}

/// Inside of a tunnel the request must be for where the tunnel goes: the certificate was made and checked for that name.
fn within(request: &RequestHead, origin: &Origin, host: Option<Host<'_>>) -> Result<Route, HeadFault> {
    let missing = host.is_none().then(|| origin.host_field());
    if host.is_some_and(|host| !same(origin, &host.host, host.port)) {
        return Err(HeadFault { offset: request.head.offset("host"), problem: HeadProblem::Host, status: 421 });
    }
    if origin.host == OWN_HOST {
        return Ok(Route::Own(path(request.target())));
    }
    let way = if origin.scheme == Scheme::Https { Way::Tunnel } else { Way::PlainTunnel };
    Ok(Route::Forward(Destination {
        origin: origin.clone(),
        way,
        target: None,
        host: missing,
        manner: Manner::default(),
    }))
}

/// Some clients leave the port out where it is not the default one; none gives a wrong one.
fn same(origin: &Origin, host: &str, port: Option<u16>) -> bool {
    origin.host == host && port.is_none_or(|port| port == origin.port)
}

fn to_reverse(here: &Origin, upstream: &Origin, host: Option<Host<'_>>, target: Option<Vec<u8>>) -> Route {
    let wanted = upstream.host_field();
    let kept = host.as_ref().is_some_and(|host| host.text.eq_ignore_ascii_case(wanted.as_bytes()));
    let called = match host {
        Some(Host { host, port, .. }) => {
            Origin { host, port: port.unwrap_or(here.scheme.default_port()), scheme: here.scheme }
        }
        None => here.clone(),
    };
    let facade = (called != *upstream).then(|| Facade { called, upstream: upstream.clone() });
    let host = (!kept).then_some(wanted);
    Route::Forward(Destination {
        origin: upstream.clone(),
        way: Way::Reverse,
        target,
        host,
        manner: Manner::of(facade),
    })
}

/// A listener of the forward proxy, as an origin.
fn plain(local: SocketAddr) -> Origin {
    Origin { scheme: Scheme::Http, host: local.ip().to_canonical().to_string(), port: local.port() }
}

/// Whether a Host means this listener: its address, the loopback names, or our own name. Any other could be a page in a
/// browser whose name was made to point here (DNS rebinding).
fn ours(host: Option<Host<'_>>, local: SocketAddr) -> bool {
    let Some(host) = host else { return false };
    let port_fits = host.port.unwrap_or(80) == local.port();
    match host.host.parse::<IpAddr>() {
        Ok(address) => port_fits && (address == local.ip() || address.is_loopback()),
        Err(_) => (port_fits && host.host == "localhost") || host.host == OWN_HOST,
    }
}

fn path(target: &[u8]) -> String {
    let path = target.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default();
    String::from_utf8_lossy(path).into_owned()
}

#[cfg(test)]
#[path = "route_tests.rs"]
mod tests;

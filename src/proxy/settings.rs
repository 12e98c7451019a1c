//! What the proxy is started with: plain values, read from flags and files by somebody else.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::ca::Authority;
use super::dial::trust::{ClientCertificate, Insecure};
use super::dial::way::WayOut;
use super::door::access::Access;
use super::scope::{Scope, host_name};
use crate::model::{Exchange, Scheme, Unpacking};

/// Everything that `start` needs.
pub struct Settings {
    /// Where the forward proxy listens; port 0 takes a free one.
    pub listen: Vec<SocketAddr>,
    pub reverse: Vec<Reverse>,
    /// Hosts that are decrypted; all others are tunnelled untouched.
    pub scope: Scope,
    pub authority: Arc<Authority>,
    /// Roots trusted upstream beside the system's.
    pub upstream_roots: Vec<CertificateDer<'static>>,
    /// Test hosts whose certificates are not verified as others are.
    pub insecure: Vec<Insecure>,
    /// What we show to upstreams that ask who we are; the first that is for a host counts.
    pub client_certificates: Vec<ClientCertificate>,
    pub resolve: Vec<Override>,
    /// Which parent proxies are on the way to which upstreams.
    pub way_out: WayOut,
    /// HTTP/1.1 alone, on both sides.
    pub http1: bool,
    /// Further listeners of this process (a page, a page's data): like the proxy's own, nothing is fetched from them.
    pub shut: Vec<SocketAddr>,
    pub access: Access,
    /// For the proxy's own page.
    pub guides: Vec<Guide>,
    pub marks: Marks,
    pub limits: Limits,
    /// Is shown every exchange while it passes. A reload keeps the one of the start.
    pub seen: Option<Arc<dyn Watch>>,
}

/// Looks at exchanges on the data path.
pub trait Watch: Send + Sync {
    /// An answer of that status is about to go to the client, its first byte after this call. Everything of the request is
    /// there but its body. May take as long as a write to a file does.
    fn begins(&self, exchange: &Exchange, status: u16);

    /// The exchange has ended, and waits for whoever takes it from the channel. Must not block.
    fn ended(&self, exchange: &Arc<Exchange>);
}

impl Settings {
    /// A proxy on a free port of the loopback address, with nothing in scope.
    pub fn new(authority: Arc<Authority>) -> Settings {
        Settings {
            listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))],
            reverse: Vec::new(),
            scope: Scope::default(),
            authority,
            upstream_roots: Vec::new(),
            insecure: Vec::new(),
            client_certificates: Vec::new(),
            resolve: Vec::new(),
            way_out: WayOut::default(),
            http1: false,
            shut: Vec::new(),
            access: Access::default(),
            guides: Vec::new(),
            marks: Marks::default(),
            limits: Limits::default(),
            seen: None,
        }
    }
}

/// How a client comes to use the proxy and trust it. `{proxy}` stands for the proxy's URL, `{host}` and `{port}` for its
/// parts; what begins with two blanks is a command, everything else is words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guide {
    pub title: String,
    pub lines: Vec<String>,
}

/// What is added to messages to say that we are there. Nothing by default: ServiceNow's ip_access reads X-Forwarded-For, and
/// a request that went through here should be treated as it would have been without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Via (RFC 9110 §7.6.3), both ways.
    pub via: bool,
    /// X-Forwarded-For, -Host and -Proto, in requests to reverse listeners.
    pub x_forwarded: bool,
}

/// A host that clients reach by calling us as if we were it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reverse {
    /// What its own listener speaks.
    pub scheme: Scheme,
    /// Its own listener. `None`: the forward proxy's listeners take it for requests that name no host in
    /// their target; at most one entry may do so.
    pub listen: Option<SocketAddr>,
    pub upstream: Origin,
}

/// Scheme, host and port of an upstream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    pub scheme: Scheme,
    /// Lower case, no brackets.
    pub host: String,
    pub port: u16,
}

impl Origin {
    /// `host` or `[v6]`, with the port where it is not the scheme's own: what `Host` says.
    pub fn host_field(&self) -> String {
        if self.port == self.scheme.default_port() { bracketed(&self.host) } else { self.authority() }
    }

    /// `host:port`, always with the port: what CONNECT says.
    pub fn authority(&self) -> String {
        format!("{}:{}", bracketed(&self.host), self.port)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.host_field())
    }
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

/// `host`, `host:port` or `[v6]:port`; the host in the form in which the proxy keeps it.
pub(crate) fn split_authority(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let port = match port {
        None => None,
        Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
            Some(digits.parse::<u16>().ok().filter(|port| *port != 0)?)
        }
        Some(_) => return None,
    };
    // A bare IPv6 address needs its brackets here: its last group would be read as a port.
    if host.contains(':') && !host.starts_with('[') {
        return None;
    }
    Some((host_name(host)?, port))
}

/// curl's `--resolve`: connections for a host go to this address instead of where its name points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    pub host: String,
    /// `None`: any port.
    pub port: Option<u16>,
    pub address: IpAddr,
    /// `None`: the port that was asked for.
    pub to_port: Option<u16>,
}

/// Why one of the values above could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingError {
    expected: &'static str,
    seen: String,
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}, saw `{}`", self.expected, self.seen)
    }
}

impl std::error::Error for SettingError {}

/// Says what was expected. What was seen is cut at an `@`: it may follow a password.
pub(super) fn wrong(expected: &'static str, seen: &str) -> SettingError {
    let seen = seen.rsplit('@').next().unwrap_or_default();
    SettingError { expected, seen: seen.chars().filter(|c| !c.is_control()).take(100).collect() }
}

impl FromStr for Origin {
    type Err = SettingError;

    /// `https://host[:port]`, with nothing behind it but a slash.
    fn from_str(text: &str) -> Result<Origin, SettingError> {
        const EXPECTED: &str = "http://HOST[:PORT] or https://HOST[:PORT]";
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong(EXPECTED, text))?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(wrong(EXPECTED, text)),
        };
        let (host, port) =
            split_authority(rest.strip_suffix('/').unwrap_or(rest)).ok_or_else(|| wrong(EXPECTED, text))?;
        Ok(Origin { scheme, host, port: port.unwrap_or(scheme.default_port()) })
    }
}

/// As it is read.
impl fmt::Display for Reverse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.listen {
            Some(listen) if self.scheme == Scheme::Https => write!(f, "https://{listen}={}", self.upstream),
            Some(listen) => write!(f, "{listen}={}", self.upstream),
            None => self.upstream.fmt(f),
        }
    }
}

impl FromStr for Reverse {
    type Err = SettingError;

    /// `[[https://]ADDR:PORT=]https://HOST[:PORT]`.
    fn from_str(text: &str) -> Result<Reverse, SettingError> {
        const EXPECTED: &str = "[[https://]ADDR:PORT=]https://HOST[:PORT]";
        let Some((listen, upstream)) = text.split_once('=') else {
            return Ok(Reverse { scheme: Scheme::Http, listen: None, upstream: text.parse()? });
        };
        let (scheme, address) = match listen.split_once("://") {
            None => (Scheme::Http, listen),
            Some(("http", address)) => (Scheme::Http, address),
            Some(("https", address)) => (Scheme::Https, address),
            Some(_) => return Err(wrong(EXPECTED, text)),
        };
        let local = address.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
        let listen = local.as_deref().unwrap_or(address).parse().map_err(|_| wrong(EXPECTED, text))?;
        Ok(Reverse { scheme, listen: Some(listen), upstream: upstream.parse()? })
    }
}

impl FromStr for Override {
    type Err = SettingError;

    /// `HOST[:PORT]=ADDR[:PORT]`.
    fn from_str(text: &str) -> Result<Override, SettingError> {
        let error = || wrong("HOST[:PORT]=ADDR[:PORT]", text);
        let (from, to) = text.split_once('=').ok_or_else(error)?;
        let (host, port) = split_authority(from).ok_or_else(error)?;
        let (address, to_port) = match (to.parse::<IpAddr>(), to.parse::<SocketAddr>()) {
            (Ok(address), _) => (address, None),
            (_, Ok(whole)) if whole.port() != 0 => (whole.ip(), Some(whole.port())),
            _ => return Err(error()),
        };
        Ok(Override { host, port, address, to_port })
    }
}

/// The certificates of a PEM file, for `Settings::upstream_roots`. The error says what is wrong with the text.
pub fn certificates_from_pem(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(list) if list.is_empty() => {
            Err("expected at least one `-----BEGIN CERTIFICATE-----` block, saw none".to_owned())
        }
        Ok(list) => Ok(list),
        Err(error) => Err(format!("not PEM: {error}")),
    }
}

/// Every limit and time-out. None is infinite: whatever the network does, memory and waiting end somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request's or an answer's head. ServiceNow's own limit is lower; hyper's is 400 KiB.
    pub head_bytes: usize,
    /// Bytes of a request's target. ServiceNow's own limit is lower.
    pub target_bytes: usize,
    /// Field lines in a head.
    pub fields: usize,
    /// From a connection's opening to its first byte.
    pub silent: Duration,
    /// From the first byte of a request's head to its last.
    pub header: Duration,
    /// The client's TLS handshake, from its first byte to its end.
    pub handshake: Duration,
    /// Between two requests on a client's connection, and between two reads or writes of a body.
    pub idle: Duration,
    /// Between two bytes of a tunnel that we do not look into.
    pub tunnel_idle: Duration,
    /// Name, TCP connect, parent proxy and TLS to an upstream, all together.
    pub connect: Duration,
    /// From the end of the request to the first byte of the answer.
    pub first_byte: Duration,
    /// An answer that has not begun this long after the client closed its sending side is given up.
    pub half_closed: Duration,
    /// Bytes of a body that are kept for explaining, each way.
    pub body_kept: usize,
    /// How much of what is kept is decoded, where it is compressed.
    pub unpacking: Unpacking,
    /// Client connections at once; more wait in the listen queue.
    pub connections: usize,
    /// Requests at once on one connection of HTTP/2, on either side.
    pub streams: usize,
    /// Bytes of a body that one stream of HTTP/2 may bring before its receiver has taken any.
    pub stream_bytes: usize,
    /// Certificates kept ready, one each host.
    pub leaves: usize,
    /// Idle upstream connections kept, over all hosts, and how long.
    pub pooled: usize,
    pub pooled_for: Duration,
    /// How long a request waits for room in the pipeline's queue before it is forwarded unobserved. The size of the queue
    /// is that of the channel given to `start`.
    pub admission: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            head_bytes: 64 * 1024,
            target_bytes: 32 * 1024,
            fields: 100,
            silent: Duration::from_secs(10),
            header: Duration::from_secs(10),
            handshake: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            tunnel_idle: Duration::from_secs(600),
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(60),
            half_closed: Duration::from_secs(5),
            body_kept: 256 * 1024,
            unpacking: Unpacking::default(),
            connections: 10_000,
            streams: 100,
            stream_bytes: 64 * 1024,
            leaves: 1000,
            pooled: 256,
            pooled_for: Duration::from_secs(50),
            admission: Duration::from_millis(250),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_and_reverse_entries_are_read() {
        let plain: Reverse = "https://Dev1.Service-Now.com/".parse().unwrap();
        assert_eq!(plain.listen, None);
        assert_eq!(plain.upstream.authority(), "dev1.service-now.com:443");
        assert_eq!(plain.upstream.to_string(), "https://dev1.service-now.com");
        let bound: Reverse = "127.0.0.1:9000=http://[::1]:8081".parse().unwrap();
        assert_eq!(bound.listen.unwrap().port(), 9000);
        assert_eq!(bound.upstream.host_field(), "[::1]:8081");
        let secure: Reverse = "https://localhost:8443=https://dev1.service-now.com".parse().unwrap();
        assert_eq!((secure.scheme, secure.listen.unwrap().to_string().as_str()), (Scheme::Https, "127.0.0.1:8443"));
        let six: Reverse = "http://[::1]:0=https://dev1.service-now.com".parse().unwrap();
        assert!(six.scheme == Scheme::Http && six.listen.unwrap().is_ipv6());
        for text in ["dev1", "ftp://x", "https://", "https://x/path", "https://x:0", "https://u@x", "x=https://y"] {
            assert!(text.parse::<Reverse>().is_err(), "{text}");
        }
    }

    #[test]
    fn overrides_are_read_as_curl_has_them() {
        let whole: Override = "dev1.service-now.com:443=127.0.0.1:9443".parse().unwrap();
        assert_eq!((whole.port, whole.to_port), (Some(443), Some(9443)));
        let any: Override = "dev1.service-now.com=::1".parse().unwrap();
        assert_eq!((any.port, any.to_port, any.address.to_string().as_str()), (None, None, "::1"));
        assert!("dev1.service-now.com=localhost".parse::<Override>().is_err());
    }
}

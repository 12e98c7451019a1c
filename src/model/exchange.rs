//! One exchange: a request, how it ended, when, and what is known of the connections on both sides.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use super::glance::Glance;
use super::outcome::{Failure, Outcome};
use super::switched::Switched;

use super::text::lossy;

/// Milliseconds since the UNIX epoch, UTC. The pure half never reads a clock: every time comes in as a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub i64);

impl Millis {
    /// No time: recordings that show none. Nothing is known of the time between such an exchange and another.
    pub const UNKNOWN: Millis = Millis(0);

    /// Milliseconds from `earlier` to `self`; negative when `self` is the earlier one.
    pub fn since(self, earlier: Millis) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Whole seconds from `earlier` to `self`, rounded towards zero.
    pub fn seconds_since(self, earlier: Millis) -> i64 {
        self.since(earlier) / 1000
    }

    /// This time moved by `seconds`.
    pub fn plus_seconds(self, seconds: i64) -> Millis {
        Millis(self.0.saturating_add(seconds.saturating_mul(1000)))
    }
}

/// What every view of the traffic consumes. Holds secrets in the clear: it has no `Debug`, and only `output::redact`
/// may turn it into text.
#[derive(Clone)]
pub struct Exchange {
    /// Number of the exchange in its session, from 1 (live) or in reading order (recorded).
    pub id: u64,
    /// Index of the HAR entry that this exchange was read from, from 0.
    pub entry: Option<usize>,
    /// When the request's first byte was seen (by the proxy's clock or the recording's).
    pub at: Millis,
    pub client: Client,
    pub request: Request,
    pub outcome: Outcome,
    pub timing: Timing,
    pub upstream: Upstream,
}

impl Exchange {
    /// The answer, if there was one (from upstream, or from the proxy itself).
    pub fn response(&self) -> Option<&Response> {
        match &self.outcome {
            Outcome::Answered(response) => Some(response),
            _ => None,
        }
    }

    /// The status of the answer, if there was one.
    pub fn status(&self) -> Option<u16> {
        self.response().map(|response| response.status)
    }
}

/// The side that called us.
#[derive(Clone, Debug, Default)]
pub struct Client {
    pub address: Option<SocketAddr>,
    /// Number of the client connection, from 1; 0 where unknown (recordings).
    pub connection: u64,
    /// The client's TLS session with us, where it had one.
    pub tls: Option<TlsFacts>,
    pub way: Way,
    /// The origin that the client called, where a reverse listener stood for the upstream under another name. The request's
    /// fields are as the client sent them; its host is the upstream's.
    pub called: Option<String>,
    /// `User-Agent` of the CONNECT that opened the tunnel, where it had one.
    pub connect_agent: Option<String>,
}

/// How a request came to us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// CONNECT, then TLS that we ended.
    #[default]
    Tunnel,
    /// CONNECT, then plain HTTP inside.
    PlainTunnel,
    /// Absolute-form `http://` to the proxy.
    Absolute,
    /// Absolute-form `https://` in clear text to the proxy (old axios): the first hop was not encrypted.
    ClearHttps,
    /// A reverse listener.
    Reverse,
    /// Read from a recording; the way is unknown.
    Recorded,
}

/// What is known of one TLS session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFacts {
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: Option<String>,
    pub alpn: Option<String>,
    pub sni: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    Http,
    Https,
}

impl Scheme {
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }

    pub fn default_port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }
}

/// A request as it was on the wire.
#[derive(Clone)]
pub struct Request {
    pub method: String,
    pub scheme: Scheme,
    /// Host in lower case, without port and without brackets.
    pub host: String,
    pub port: u16,
    /// Path and query as sent (origin-form); never empty, `*` for asterisk-form, the authority for CONNECT.
    pub target: String,
    /// `HTTP/1.1`, `HTTP/1.0`, `HTTP/2`.
    pub version: String,
    pub fields: Fields,
    pub body: Body,
    /// The raw head, byte for byte, request line to blank line, where it was kept.
    pub head: Option<Bytes>,
    /// The recording does not show the request (an answer or an error body alone: then the host is empty), or hides its
    /// secrets (a sanitized HAR): nothing follows from what the request seems to lack.
    pub unseen: bool,
}

impl Request {
    /// Whether the recording shows where the request went.
    pub fn has_place(&self) -> bool {
        !(self.unseen && self.host.is_empty())
    }

    pub fn path(&self) -> &str {
        self.target.split(['?', '#']).next().unwrap_or_default()
    }

    pub fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query.split('#').next().unwrap_or_default())
    }

    /// The head as the list of fields shows it, byte for byte the one that was sent where nothing about that is odd.
    pub fn shown_head(&self) -> Vec<u8> {
        let mut head = Vec::with_capacity(self.shown_parts().map(<[u8]>::len).sum());
        self.shown_parts().for_each(|part| head.extend_from_slice(part));
        head
    }

    /// The head that was kept, where it is another one than the list of fields shows.
    pub fn odd_head(&self) -> Option<&Bytes> {
        let mut parts = self.shown_parts();
        self.head.as_ref().filter(|head| parts.try_fold(&head[..], |rest, part| rest.strip_prefix(part)) != Some(b""))
    }

    fn shown_parts(&self) -> impl Iterator<Item = &[u8]> {
        let line = [self.method.as_str(), " ", &self.target, " ", &self.version, "\r\n"].map(str::as_bytes);
        let fields = self.fields.0.iter().flat_map(|field| [&field.name[..], b": ", &field.value, b"\r\n"]);
        line.into_iter().chain(fields).chain([&b"\r\n"[..]])
    }

    /// `https://host` or `https://host:port` where the port is not the scheme's own.
    pub fn origin(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == self.scheme.default_port() {
            format!("{}://{host}", self.scheme.as_str())
        } else {
            format!("{}://{host}:{}", self.scheme.as_str(), self.port)
        }
    }
}

/// An answer as it was on the wire, or one that the proxy made itself.
#[derive(Clone)]
pub struct Response {
    pub status: u16,
    pub reason: String,
    pub version: String,
    pub fields: Fields,
    pub body: Body,
    /// The proxy made this answer; no upstream did.
    pub ours: bool,
    /// What cut the body short, where it was cut.
    pub cut: Option<Failure>,
}

/// A body, captured up to a limit.
#[derive(Clone, Default)]
pub struct Body {
    /// The captured prefix: as on the wire when `coded`, else with content codings removed.
    pub bytes: Bytes,
    /// Length on the wire in bytes, captured or not.
    pub length: u64,
    /// `bytes` still carry the Content-Encoding that the fields name.
    pub coded: bool,
    /// A recording left the text out, since it tells nothing: its length in bytes, without content coding.
    pub left_out: Option<u64>,
    pub unpacking: Unpacking,
    pub glance: Glance,
}

/// How much of a coded body is decoded to be read: what comes out of few bytes can be without end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unpacking {
    /// Bytes that come out.
    pub bytes: usize,
    /// How many times as long as the coded body that may be.
    pub ratio: usize,
}

impl Default for Unpacking {
    fn default() -> Unpacking {
        Unpacking { bytes: 1024 * 1024, ratio: 100 }
    }
}

impl Body {
    /// A body that was seen whole and without content coding.
    pub fn whole(bytes: impl Into<Bytes>) -> Body {
        let bytes = bytes.into();
        Body { length: bytes.len() as u64, bytes, ..Body::default() }
    }

    /// Whether less was captured than was sent.
    pub fn truncated(&self) -> bool {
        self.coded && self.length > self.bytes.len() as u64
    }
}

/// One field line: name in its own case, value without the surrounding white space.
#[derive(Clone, PartialEq, Eq)]
pub struct Field {
    pub name: Bytes,
    pub value: Bytes,
}

/// Field lines in the order and case in which they were sent.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fields(pub Vec<Field>);

impl Fields {
    pub fn push(&mut self, name: impl Into<Bytes>, value: impl Into<Bytes>) {
        self.0.push(Field { name: name.into(), value: value.into() });
    }

    /// The first value of a field, by name without regard to case (RFC 9110 §5.1).
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|field| field.name.eq_ignore_ascii_case(name.as_bytes())).map(|field| &field.value[..])
    }

    /// All values of a field, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.0
            .iter()
            .filter(move |field| field.name.eq_ignore_ascii_case(name.as_bytes()))
            .map(|field| &field.value[..])
    }

    /// The first value as text; bytes that are not UTF-8 become U+FFFD.
    pub fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(name).map(lossy)
    }

    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

impl<N: Into<Bytes>, V: Into<Bytes>> FromIterator<(N, V)> for Fields {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Fields {
        Fields(pairs.into_iter().map(|(name, value)| Field { name: name.into(), value: value.into() }).collect())
    }
}

/// Durations: the first three are lengths, the others offsets from `Exchange::at`. `None`: did not happen or unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    pub resolve: Option<Duration>,
    pub connect: Option<Duration>,
    /// Length of the upstream TLS handshake.
    pub tls: Option<Duration>,
    /// The request, body included, had been sent upstream.
    pub sent: Option<Duration>,
    /// The first byte of the answer.
    pub first_byte: Option<Duration>,
    /// Both bodies had ended, or the exchange failed.
    pub end: Option<Duration>,
}

/// The side that we called.
#[derive(Clone, Debug, Default)]
pub struct Upstream {
    pub address: Option<SocketAddr>,
    pub tls: Option<TlsFacts>,
    /// The connection had served an exchange before.
    pub reused: bool,
    /// The parent proxy on the way, where there was one (`http://host:port`, no credentials).
    pub parent: Option<String>,
    /// The upstream's certificate was not verified as others are, because somebody said so for this host.
    pub unverified: Option<Unverified>,
    /// What passed after a change of protocol.
    pub switched: Option<Box<Switched>>,
}

/// How far less than always an upstream's certificate was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unverified {
    /// Not at all: whoever answered may have been anybody.
    Anything,
    /// It is the one certificate that was named by its fingerprint; names, dates and issuer were not looked at.
    Pinned,
}

impl Unverified {
    pub fn as_str(self) -> &'static str {
        match self {
            Unverified::Anything => "anything",
            Unverified::Pinned => "pinned",
        }
    }
}

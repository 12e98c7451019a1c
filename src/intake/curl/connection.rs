//! curl's own words about connections: whom it reached, through what, and over which TLS.

use std::net::{IpAddr, SocketAddr};

use crate::intake::foreign;
use crate::intake::message::Origin;
use crate::intake::url;
use crate::model::{FailureKind, Scheme, TlsFacts, Upstream};

/// What is known of the connection under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Connection {
    host: Option<String>,
    port: Option<u16>,
    address: Option<SocketAddr>,
    connected: bool,
    tls: Option<TlsFacts>,
    proxy: Option<String>,
    reused: bool,
    /// The certificate that the server showed was issued by why401.
    pub issued_by_us: bool,
    /// The last words that named a failure.
    pub trouble: Option<String>,
}

impl Connection {
    /// Takes in one line of curl's words, without the `*`.
    pub fn says(&mut self, words: &str) {
        if let Some(rest) =
            words.strip_prefix("Connected to ").or_else(|| words.strip_prefix("Established connection to "))
        {
            self.connected_to(rest);
        } else if words.starts_with("Re-using existing") || words.starts_with("Reusing existing") {
            (self.reused, self.trouble) = (true, None);
        } else if let Some(rest) = words.strip_prefix("Establish HTTP proxy tunnel to ") {
            self.tunnel_to(rest.trim());
        } else if let Some(rest) = words.strip_prefix("Could not resolve host: ") {
            self.host = Some(rest.trim().trim_end_matches('.').to_ascii_lowercase());
            self.troubled(words);
        } else if let Some((authority, _)) =
            words.strip_prefix("Host ").and_then(|rest| rest.split_once(" was resolved"))
        {
            self.forget();
            self.named(authority);
        } else if let Some(rest) = words.strip_prefix("issuer:") {
            self.issued_by_us = rest.contains("why401");
        } else if foreign::is_known(words) && !words.contains("continuing anyway") {
            if let Some((host, rest)) =
                words.strip_prefix("Failed to connect to ").and_then(|rest| rest.split_once(" port "))
            {
                let port = rest.split(' ').next().and_then(|port| port.parse().ok());
                (self.host, self.port) = (Some(host.to_ascii_lowercase()), port);
            }
            self.troubled(words);
        } else {
            self.tls_words(words);
        }
    }

    /// `dev1.service-now.com (203.0.113.7) port 443`, or `… (203.0.113.7 port 443) from …` in newer versions.
    fn connected_to(&mut self, rest: &str) {
        let mut words = rest.split([' ', '(', ')']).filter(|word| !word.is_empty());
        let name = words.next().unwrap_or_default();
        let address: Option<IpAddr> = words.next().and_then(|word| word.parse().ok());
        let port =
            words.skip_while(|word| *word != "port").nth(1).and_then(|port| port.trim_end_matches(',').parse().ok());
        self.forget();
        (self.host, self.port, self.connected) = (Some(name.to_ascii_lowercase()), port, true);
        self.address = address.zip(port).map(SocketAddr::from);
    }

    /// Keeps what names a failure; a general sentence does not replace a telling one.
    fn troubled(&mut self, words: &str) {
        if self.trouble.is_none() || foreign::failure(words).kind != FailureKind::Other {
            self.trouble = Some(words.to_owned());
        }
    }

    /// What was reached so far was a proxy.
    fn tunnel_to(&mut self, authority: &str) {
        let parent = format!("{}:{}", self.host.take().unwrap_or_default(), self.port.take().unwrap_or_default());
        (self.proxy, self.address, self.tls) = (Some(parent), None, None);
        self.named(authority);
    }

    fn named(&mut self, authority: &str) {
        if let Some((host, port)) = url::authority_parts(authority) {
            (self.host, self.port) = (Some(host), port);
        }
    }

    fn tls_words(&mut self, words: &str) {
        let version = words.split([' ', ',', '/']).find(|word| word.starts_with("TLSv1"));
        let alpn = words.strip_prefix("ALPN").and_then(|rest| {
            let (_, chosen) = rest.split_once("accepted")?;
            chosen.trim().trim_start_matches("to use").split_whitespace().next()
        });
        if version.is_some() || alpn.is_some() || words.starts_with("ALPN") || words.starts_with("SSL connection using")
        {
            let tls = self.tls.get_or_insert_default();
            tls.sni = self.host.clone();
            tls.alpn = alpn.map(str::to_owned).or(tls.alpn.take());
            if words.starts_with("SSL connection using") {
                tls.version = version.map(str::to_owned);
            }
        }
    }

    /// A connection begins: nothing of the one before holds.
    fn forget(&mut self) {
        *self = Connection::default();
    }

    /// Where the requests of this connection go.
    pub fn origin(&self) -> Origin {
        let scheme = match (&self.tls, self.port) {
            (Some(_), _) | (None, Some(443)) => Some(Scheme::Https),
            _ if self.connected || self.proxy.is_some() => Some(Scheme::Http),
            _ => None,
        };
        Origin { scheme, host: self.host.clone(), port: self.port }
    }

    /// The side that was called, as the model has it.
    pub fn upstream(&self) -> Upstream {
        let (address, tls) = (self.address, self.tls.clone());
        Upstream { address, tls, reused: self.reused, parent: self.proxy.clone(), unverified: None, switched: None }
    }
}

/// Beginnings of curl's words, by which a transcript is known and a body's end is found.
const TALK: [&str; 18] = [
    "Connection #",
    "Connected to ",
    "Established connection to ",
    "Closing connection",
    "closing connection",
    "shutting down connection",
    "Trying ",
    "Host ",
    "IPv4: ",
    "ALPN",
    "TLSv1",
    "SSL ",
    "Could not resolve",
    "Re-using existing",
    "Ignoring the response-body",
    "Issue another request",
    "Server certificate",
    "Uses proxy env",
];

/// Whether these are words of curl about a connection.
pub(super) fn is_talk(words: &str) -> bool {
    TALK.iter().any(|start| words.trim_start().starts_with(start))
}

/// Parts a body from the words of curl that share its last line.
pub(super) fn split_talk(line: &str) -> (&str, Option<&str>) {
    let split = line.match_indices("* ").find(|(at, _)| line.get(at + 2..).is_some_and(is_talk));
    split.map_or((line, None), |(at, _)| (line.get(..at).unwrap_or_default(), line.get(at + 2..)))
}

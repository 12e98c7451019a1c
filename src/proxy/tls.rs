//! TLS on both sides: here the client's handshake, ended with a minted leaf; the upstream's in `upstream`.

mod notes;
mod suites;
mod upstream;
mod verdict;

use std::io;

use rustls::server::Acceptor;
use rustls::{CommonState, HandshakeKind};
use tokio::time::timeout;
use tokio_rustls::{LazyConfigAcceptor, server};

use super::Shared;
use super::fault;
use super::scope::host_name;
use super::settings::Origin;
use super::stream::Rewound;
use crate::model::{Failure, FailureKind, Phase, TlsFacts};
pub(super) use notes::Notes;
pub(super) use suites::provider;
pub(super) use upstream::{UpstreamTls, roots};
pub(super) use verdict::fault as verdict;

/// The client's side of a tunnel, decrypted.
pub(super) struct Accepted {
    pub stream: server::TlsStream<Rewound>,
    pub facts: TlsFacts,
    /// The client took up an earlier session: it has trusted us before.
    pub resumed: bool,
}

/// Finishes the client's handshake as `origin`.
pub(super) async fn accept(shared: &Shared, raw: Rewound, origin: &Origin) -> Result<Accepted, Failure> {
    let late =
        |_| Err(fault::failure(Phase::ClientTls, FailureKind::ClientTlsBroken, "the handshake did not end in time"));
    timeout(shared.limits.handshake, handshake(shared, raw, origin)).await.unwrap_or_else(late)
}

async fn handshake(shared: &Shared, raw: Rewound, origin: &Origin) -> Result<Accepted, Failure> {
    let failed = |error: io::Error| fault::client_tls(&error);
    let start = LazyConfigAcceptor::new(Acceptor::default(), raw).await.map_err(failed)?;
    let sni = start.client_hello().server_name().map(str::to_owned);
    // The name that the client will check is the one it asks for; some ask for another than in CONNECT.
    let asked = sni.as_deref().and_then(host_name).filter(|name| shared.scope.covers(name) || name == "localhost");
    let config = shared
        .mint
        .config(asked.as_deref().unwrap_or(&origin.host))
        .map_err(|error| fault::failure(Phase::ClientTls, FailureKind::Other, error.to_string()))?;
    let stream = start.into_stream(config).await.map_err(failed)?;
    let (_, session) = stream.get_ref();
    let resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
    let facts = TlsFacts { sni, ..facts(session) };
    Ok(Accepted { stream, facts, resumed })
}

fn facts(session: &CommonState) -> TlsFacts {
    let version = session.protocol_version().map(|version| match version {
        rustls::ProtocolVersion::TLSv1_3 => "TLSv1.3".to_owned(),
        rustls::ProtocolVersion::TLSv1_2 => "TLSv1.2".to_owned(),
        other => format!("{other:?}"),
    });
    let alpn = session.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
    TlsFacts { version, alpn, sni: None }
}

/// Which versions of HTTP an upstream is asked for (ALPN, RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offer {
    /// What the bytes of an HTTP/1.1 client can be passed on in.
    Http1,
    /// The upstream chooses.
    Either,
    Http2,
}

impl Offer {
    fn protocols(self) -> Vec<Vec<u8>> {
        let names: &[&[u8]] = match self {
            Offer::Http1 => &[HTTP1],
            Offer::Either => &[HTTP2, HTTP1],
            Offer::Http2 => &[HTTP2],
        };
        names.iter().map(|name| name.to_vec()).collect()
    }
}

/// The names of the versions in ALPN.
pub(super) const HTTP1: &[u8] = b"http/1.1";
pub(super) const HTTP2: &[u8] = b"h2";

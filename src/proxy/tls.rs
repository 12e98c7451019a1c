//! TLS on both sides: the client's handshake ended with a minted leaf, the upstream's verified as always.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::Acceptor;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, CommonState, DigitallySignedStruct, HandshakeKind, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{LazyConfigAcceptor, TlsConnector, client, server};

use super::Shared;
use super::fault;
use super::scope::host_name;
use super::settings::Origin;
use super::stream::Rewound;
use crate::model::{Failure, FailureKind, Phase, TlsFacts};

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
    let asked = sni.as_deref().and_then(host_name).filter(|name| shared.scope.covers(name));
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

/// What an upstream's handshake showed beside its outcome.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes {
    pub asked_for_certificate: bool,
    /// The upstream's own certificate and what it sent along, kept where it was refused.
    pub(super) refused: Vec<CertificateDer<'static>>,
}

impl Notes {
    /// The names that the refused certificate has. A common name is none: no client accepts it (RFC 9525 §2).
    pub fn names(&self) -> Vec<String> {
        use x509_parser::extensions::GeneralName;
        let parsed = self.refused.first().and_then(|der| x509_parser::parse_x509_certificate(der).ok());
        let Some((_, certificate)) = parsed else { return Vec::new() };
        let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
        let names = extension.value.general_names.iter().filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::IPAddress(bytes) => Some(address(bytes)),
            _ => None,
        });
        names.take(MOST_NAMES).collect()
    }

    /// The issuer of the last certificate that was sent: the one that is not known here.
    pub fn issuer(&self) -> String {
        let parsed = self.refused.last().and_then(|der| x509_parser::parse_x509_certificate(der).ok());
        parsed.map(|(_, certificate)| certificate.issuer().to_string()).unwrap_or_default()
    }
}

/// Certificates of content networks name hundreds of hosts.
const MOST_NAMES: usize = 20;

fn address(bytes: &[u8]) -> String {
    if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
        return std::net::Ipv4Addr::from(octets).to_string();
    }
    <[u8; 16]>::try_from(bytes).map(|octets| std::net::Ipv6Addr::from(octets).to_string()).unwrap_or_default()
}

tokio::task_local! {
    /// The notes of the handshake that is being polled: the configuration is shared by all of them.
    static NOTES: Arc<Mutex<Notes>>;
}

fn note(change: impl FnOnce(&mut Notes)) {
    // Outside of a handshake of ours there is nowhere to note it.
    NOTES.try_with(|notes| change(&mut notes.lock().unwrap_or_else(PoisonError::into_inner))).ok();
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

/// An upstream's TLS session.
pub(super) struct Connected {
    pub stream: client::TlsStream<TcpStream>,
    pub facts: TlsFacts,
    pub notes: Notes,
}

/// TLS to an upstream, always verified.
pub(super) async fn connect(
    config: &Arc<ClientConfig>,
    tcp: TcpStream,
    host: &str,
    offer: Offer,
    within: Duration,
) -> Result<Connected, Failure> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|error| fault::failure(Phase::UpstreamTls, FailureKind::Other, format!("{host}: {error}")))?;
    let notes = Arc::new(Mutex::new(Notes::default()));
    // A copy of a handful of pointers, for a connection that costs a handshake.
    let mut config = ClientConfig::clone(config);
    config.alpn_protocols = offer.protocols();
    let handshake = NOTES.scope(notes.clone(), TlsConnector::from(Arc::new(config)).connect(name, tcp));
    let ended = timeout(within, handshake).await;
    let notes = notes.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match ended {
        Err(_) => {
            Err(fault::failure(Phase::UpstreamTls, FailureKind::TimedOut, "the TLS handshake did not end in time"))
        }
        Ok(Err(error)) => Err(fault::upstream(Phase::UpstreamTls, &error, &notes)),
        Ok(Ok(stream)) => {
            let facts = TlsFacts { sni: Some(host.to_owned()), ..facts(stream.get_ref().1) };
            Ok(Connected { stream, facts, notes })
        }
    }
}

/// The roots of the system and `more`. Says what of the system's could not be read.
pub(super) fn roots(more: &[CertificateDer<'static>]) -> (RootCertStore, Vec<String>) {
    let mut store = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let mut trouble: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
    // Systems have roots that no library reads; one unreadable root is not worth a word.
    store.add_parsable_certificates(found.certs);
    let (_, unreadable) = store.add_parsable_certificates(more.iter().cloned());
    if unreadable > 0 {
        trouble.push(format!("{unreadable} of the added upstream roots could not be read"));
    }
    (store, trouble)
}

/// How we are a client to upstreams.
pub(super) fn client_config(roots: RootCertStore, provider: Arc<CryptoProvider>) -> Result<Arc<ClientConfig>, String> {
    let words = |error: rustls::Error| error.to_string();
    let builder = ClientConfig::builder_with_provider(provider.clone());
    let builder = builder.with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12]).map_err(words)?;
    let config = if roots.is_empty() {
        // A verifier cannot be made of no roots; with none, every upstream's issuer is unknown.
        builder.with_root_certificates(roots).with_client_cert_resolver(Arc::new(NoCertificate))
    } else {
        let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider).build();
        let verifier = Noting(verifier.map_err(|error| error.to_string())?);
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(Arc::new(NoCertificate))
    };
    Ok(Arc::new(config))
}

/// The library's own verification, every verdict unchanged; keeps what it refused, for the explanation.
#[derive(Debug)]
struct Noting(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for Noting {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verdict = self.0.verify_server_cert(own, others, name, ocsp, now);
        if verdict.is_err() {
            let seen = std::iter::once(own).chain(others).map(|der| der.clone().into_owned());
            note(|notes| notes.refused = seen.take(10).collect());
        }
        verdict
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// Has no certificate for any upstream, and notes that one asked.
#[derive(Debug)]
struct NoCertificate;

impl ResolvesClientCert for NoCertificate {
    fn resolve(&self, _issuers: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        note(|notes| notes.asked_for_certificate = true);
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

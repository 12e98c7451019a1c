//! The upstream's side: how we are a client to it, and what its certificate has to stand up to.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, WebPkiServerVerifier};
use rustls::crypto::{self, CryptoProvider};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::{TlsConnector, client};

use super::notes::{NOTES, Notes, note};
use super::{Offer, facts};
use crate::model::{Failure, FailureKind, Phase, TlsFacts, Unverified};
use crate::proxy::dial::trust::{ClientCertificate, Insecure, fingerprint};
use crate::proxy::fault;

/// An upstream's TLS session.
pub(in super::super) struct Connected<S> {
    pub stream: client::TlsStream<S>,
    pub facts: TlsFacts,
    pub notes: Notes,
}

/// TLS to upstreams and to parent proxies.
pub(in super::super) struct UpstreamTls {
    /// Without a certificate of ours.
    plain: Arc<ClientConfig>,
    /// A configuration each, so that a session is never taken up with another certificate.
    certified: Vec<(ClientCertificate, Arc<ClientConfig>)>,
    insecure: Vec<Insecure>,
}

impl UpstreamTls {
    pub fn new(
        roots: RootCertStore,
        insecure: Vec<Insecure>,
        certificates: &[ClientCertificate],
        provider: Arc<CryptoProvider>,
    ) -> Result<UpstreamTls, String> {
        let verifier = Arc::new(Noting::new(roots, insecure.clone(), provider.clone())?);
        let config = |key| config(verifier.clone(), key, provider.clone());
        let plain = config(None)?;
        let certified = certificates.iter().map(|own| Ok((own.clone(), config(Some(own.key.clone()))?)));
        let certified = certified.collect::<Result<_, String>>()?;
        Ok(UpstreamTls { plain, certified, insecure })
    }

    /// TLS to an upstream, verified, but for hosts that were named for it.
    pub async fn connect<S>(&self, io: S, host: &str, offer: Offer, within: Duration) -> Result<Connected<S>, Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let own = self.certified.iter().find(|(own, _)| own.hosts.iter().any(|pattern| pattern.covers(host)));
        connect(own.map_or(&self.plain, |(_, config)| config), io, host, offer, within).await
    }

    /// TLS to a parent proxy.
    pub async fn connect_to_parent<S>(&self, io: S, host: &str, within: Duration) -> Result<Connected<S>, Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        // CONNECT is spoken in HTTP/1.1.
        let connected = connect(&self.plain, io, host, Offer::Http1, within).await;
        connected.map_err(|failure| Failure { phase: Phase::ParentProxy, ..failure })
    }

    /// How far less than always the certificate of `host` is checked.
    pub fn unverified(&self, host: &str) -> Option<Unverified> {
        let entry = self.insecure.iter().find(|entry| entry.host == host)?;
        Some(if entry.pinned.is_some() { Unverified::Pinned } else { Unverified::Anything })
    }
}

async fn connect<S>(
    config: &Arc<ClientConfig>,
    io: S,
    host: &str,
    offer: Offer,
    within: Duration,
) -> Result<Connected<S>, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let name = ServerName::try_from(host.to_owned())
        .map_err(|error| fault::failure(Phase::UpstreamTls, FailureKind::Other, format!("{host}: {error}")))?;
    let notes = Arc::new(Mutex::new(Notes::default()));
    // A copy of a handful of pointers, for a connection that costs a handshake.
    let mut config = ClientConfig::clone(config);
    config.alpn_protocols = offer.protocols();
    let handshake = NOTES.scope(notes.clone(), TlsConnector::from(Arc::new(config)).connect(name, io));
    let ended: Result<io::Result<_>, _> = timeout(within, handshake).await;
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
pub(in super::super) fn roots(more: &[CertificateDer<'static>]) -> (RootCertStore, Vec<String>) {
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
fn config(
    verifier: Arc<Noting>,
    key: Option<Arc<CertifiedKey>>,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<ClientConfig>, String> {
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_cert_resolver(Arc::new(OwnCertificate(key)));
    Ok(Arc::new(config))
}

/// The library's own verification, every verdict unchanged but for hosts that were named for it; keeps what it refused,
/// for the explanation.
#[derive(Debug)]
struct Noting {
    /// `None`: there is no root at all, and every issuer is unknown.
    verifier: Option<Arc<WebPkiServerVerifier>>,
    insecure: Vec<Insecure>,
    provider: Arc<CryptoProvider>,
}

impl Noting {
    fn new(roots: RootCertStore, insecure: Vec<Insecure>, provider: Arc<CryptoProvider>) -> Result<Noting, String> {
        let verifier = match roots.is_empty() {
            true => None,
            false => {
                let builder = WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone());
                Some(builder.build().map_err(|error| error.to_string())?)
            }
        };
        Ok(Noting { verifier, insecure, provider })
    }

    fn verdict(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let host = name.to_str().to_ascii_lowercase();
        match (self.insecure.iter().find(|entry| entry.host == host), &self.verifier) {
            (Some(entry), _) if entry.accepts(&fingerprint(own)) => Ok(ServerCertVerified::assertion()),
            (Some(_), _) => Err(CertificateError::ApplicationVerificationFailure.into()),
            (None, Some(verifier)) => verifier.verify_server_cert(own, others, name, ocsp, now),
            (None, None) => Err(CertificateError::UnknownIssuer.into()),
        }
    }
}

impl ServerCertVerifier for Noting {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verdict = self.verdict(own, others, name, ocsp, now);
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
        let algorithms = &self.provider.signature_verification_algorithms;
        proved(certificate, crypto::verify_tls12_signature(message, certificate, signature, algorithms))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        proved(certificate, crypto::verify_tls13_signature(message, certificate, signature, algorithms))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Keeps the certificate whose holder did not prove to have its key.
fn proved(
    certificate: &CertificateDer<'_>,
    verdict: Result<HandshakeSignatureValid, rustls::Error>,
) -> Result<HandshakeSignatureValid, rustls::Error> {
    if verdict.is_err() {
        note(|notes| {
            notes.refused = vec![certificate.clone().into_owned()];
            notes.key_not_proved = true;
        });
    }
    verdict
}

/// Our certificate for an upstream, where there is one; notes that it was asked for.
#[derive(Debug)]
struct OwnCertificate(Option<Arc<CertifiedKey>>);

impl ResolvesClientCert for OwnCertificate {
    fn resolve(&self, issuers: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        note(|notes| notes.asked_for_certificate(issuers, self.0.is_some()));
        self.0.clone()
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}

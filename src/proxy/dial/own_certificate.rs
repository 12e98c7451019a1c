//! A certificate of ours for some upstreams, read from PEM or PKCS#12 and proved sound before it is ever shown.

use std::fmt;
use std::sync::Arc;

use p12_keystore::{KeyStore, Pkcs12ImportPolicy};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use time::OffsetDateTime;

use super::trust::ClientCertificate;
use crate::proxy::scope::Pattern;

/// Why a file is no client certificate. Says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateError(String);

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CertificateError {}

fn wrong<T>(says: impl Into<String>) -> Result<T, CertificateError> {
    Err(CertificateError(says.into()))
}

impl ClientCertificate {
    /// `file`: PEM or PKCS#12. `key`: PEM, where the key is not in `file`. `now`: to refuse what has ended or not begun.
    pub fn read(
        hosts: Vec<Pattern>,
        file: &[u8],
        key: Option<&[u8]>,
        password: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<ClientCertificate, CertificateError> {
        let (chain, private) = if is_pem(file) {
            (certificates(file)?, pem_key(key.unwrap_or(file))?)
        } else {
            pkcs12(file, password.unwrap_or_default())?
        };
        let Some(own) = chain.first() else { return wrong("there is no certificate in it") };
        in_time(own, now)?;
        let provider = rustls::crypto::ring::default_provider();
        let signer = provider.key_provider.load_private_key(private);
        let signer = signer.or_else(|error| wrong(format!("its key is of no kind that can be used: {error}")))?;
        let certified = CertifiedKey::new(chain, signer);
        match certified.keys_match() {
            Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch)) => {
                wrong("certificate and key do not belong together")
            }
            // A key that cannot say its public half is believed; the upstream will tell.
            _ => Ok(ClientCertificate { hosts, key: Arc::new(certified) }),
        }
    }
}

fn is_pem(file: &[u8]) -> bool {
    file.windows(11).any(|window| window == b"-----BEGIN ")
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    match CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>() {
        Ok(list) if list.is_empty() => wrong("expected a `-----BEGIN CERTIFICATE-----` block, saw none"),
        Ok(list) => Ok(list),
        Err(error) => wrong(format!("not PEM: {error}")),
    }
}

fn pem_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, CertificateError> {
    let text = String::from_utf8_lossy(pem);
    if text.contains("ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return wrong(
            "its PEM key is encrypted, which is not read here; put both into a PKCS#12 file: `openssl pkcs12 -export -in CERT -inkey KEY -out FILE.p12`",
        );
    }
    PrivateKeyDer::from_pem_slice(pem).or_else(|_| {
        wrong("expected its private key beside the certificate in PEM, saw none; name its file with `key`")
    })
}

type Pair = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn pkcs12(file: &[u8], password: &str) -> Result<Pair, CertificateError> {
    let store = KeyStore::from_pkcs12(file, password, Pkcs12ImportPolicy::Strict);
    let store = store.or_else(|error| match error {
        p12_keystore::error::Error::MacError(_) => wrong("the password is wrong, or the file is damaged"),
        other => wrong(format!("neither PEM nor a PKCS#12 file that can be read: {other}")),
    })?;
    let Some((_, chain)) = store.private_key_chain() else { return wrong("there is no key with a certificate in it") };
    let certificates = chain.certs().iter().map(|certificate| certificate.as_der().to_vec().into()).collect();
    let key = PrivatePkcs8KeyDer::from(chain.key().as_der().to_vec());
    Ok((certificates, key.into()))
}

/// Refuses a certificate that no upstream can take.
fn in_time(own: &CertificateDer<'_>, now: OffsetDateTime) -> Result<(), CertificateError> {
    let Ok((_, parsed)) = x509_parser::parse_x509_certificate(own) else {
        return wrong("its certificate cannot be read");
    };
    let (from, to) = (parsed.validity().not_before.to_datetime(), parsed.validity().not_after.to_datetime());
    match () {
        () if now > to => wrong(format!("the certificate of {} expired on {}", parsed.subject(), to.date())),
        () if now < from => {
            wrong(format!("the certificate of {} is not valid before {}", parsed.subject(), from.date()))
        }
        () => Ok(()),
    }
}

#[cfg(test)]
#[path = "own_certificate_tests.rs"]
mod tests;

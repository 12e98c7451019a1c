//! What an upstream's handshake shows beside its outcome, kept for the explanation.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate, X509Name};

/// What an upstream's handshake showed beside its outcome.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Notes {
    pub asked_for_certificate: bool,
    /// We had one for this upstream, and gave it.
    pub gave_certificate: bool,
    /// The authorities whose certificates it takes, as far as it named them.
    pub accepts: Vec<String>,
    /// The upstream's own certificate and what it sent along, kept where it was refused.
    pub(in super::super) refused: Vec<CertificateDer<'static>>,
    /// Refused because the upstream did not prove to have the key of its certificate.
    pub key_not_proved: bool,
}

/// Certificates of content networks name hundreds of hosts, and servers hundreds of authorities.
const MOST_NAMES: usize = 20;

impl Notes {
    pub(super) fn asked_for_certificate(&mut self, issuers: &[&[u8]], given: bool) {
        self.asked_for_certificate = true;
        self.gave_certificate = given;
        let names = issuers.iter().take(MOST_NAMES).filter_map(|der| X509Name::from_der(der).ok());
        self.accepts = names.map(|(_, name)| name.to_string()).collect();
    }

    /// The refused certificates, the upstream's own first.
    pub fn refused(&self) -> impl Iterator<Item = X509Certificate<'_>> {
        self.refused.iter().filter_map(|der| x509_parser::parse_x509_certificate(der).ok()).map(|(_, parsed)| parsed)
    }

    /// The names that the refused certificate has. A common name is none: no client accepts it (RFC 9525 §2).
    pub fn names(&self) -> Vec<String> {
        let Some(certificate) = self.refused().next() else { return Vec::new() };
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
        self.refused().last().map(|certificate| certificate.issuer().to_string()).unwrap_or_default()
    }
}

fn address(bytes: &[u8]) -> String {
    if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
        return std::net::Ipv4Addr::from(octets).to_string();
    }
    <[u8; 16]>::try_from(bytes).map(|octets| std::net::Ipv6Addr::from(octets).to_string()).unwrap_or_default()
}

tokio::task_local! {
    /// The notes of the handshake that is being polled: the configuration is shared by all of them.
    pub(super) static NOTES: Arc<Mutex<Notes>>;
}

pub(super) fn note(change: impl FnOnce(&mut Notes)) {
    // Outside of a handshake of ours there is nowhere to note it.
    NOTES.try_with(|notes| change(&mut notes.lock().unwrap_or_else(PoisonError::into_inner))).ok();
}

//! Why an upstream's certificate does not verify: the library's verdict, and what the certificates themselves show.

use rustls::CertificateError;
use x509_parser::prelude::X509Certificate;
use x509_parser::public_key::PublicKey;

use super::notes::Notes;
use crate::model::CertificateFault;
use crate::proxy::dial::trust::fingerprint;

/// The fault, and what is to be added for people.
pub(in super::super) fn fault(error: &CertificateError, notes: &Notes) -> (CertificateFault, String) {
    use CertificateError as E;
    match error {
        E::Expired | E::ExpiredContext { .. } => (CertificateFault::Expired, dated(error, notes)),
        E::NotValidYet | E::NotValidYetContext { .. } => (CertificateFault::NotYetValid, dated(error, notes)),
        E::NotValidForName | E::NotValidForNameContext { .. } => {
            (CertificateFault::WrongName(notes.names()), String::new())
        }
        E::UnknownIssuer => (unknown(notes), String::new()),
        E::Revoked => (CertificateFault::Revoked, String::new()),
        E::ApplicationVerificationFailure => {
            let seen = notes.refused.first().map(|own| fingerprint(own).to_string()).unwrap_or_default();
            (CertificateFault::NotPinned, format!("it is {seen}"))
        }
        E::BadSignature
        | E::UnsupportedSignatureAlgorithmContext { .. }
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => signature(notes),
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => {
            not_allowed("it is not for servers (extended key usage)")
        }
        E::UnhandledCriticalExtension => not_allowed("it has a critical extension that nobody here knows"),
        E::Other(other) => match other.0.downcast_ref().and_then(why_not_allowed) {
            Some(why) => not_allowed(why),
            None => (CertificateFault::Other, error.to_string()),
        },
        _ => (CertificateFault::Other, error.to_string()),
    }
}

fn not_allowed(why: &str) -> (CertificateFault, String) {
    (CertificateFault::NotAllowed, why.to_owned())
}

/// Verdicts that the TLS library passes on as its certificate library gave them.
fn why_not_allowed(error: &webpki::Error) -> Option<&'static str> {
    use webpki::Error;
    Some(match error {
        Error::CaUsedAsEndEntity => "it is an authority's certificate and not a server's",
        Error::EndEntityUsedAsCa => "what signed it is no authority's certificate",
        Error::NameConstraintViolation => {
            "its name is outside of those that its authority may sign for (name constraints)"
        }
        Error::PathLenConstraintViolated => "its authority may have no further authority below it (path length)",
        Error::UnsupportedCriticalExtension => "it has a critical extension that nobody here knows",
        Error::UnsupportedNameType => "its authority is limited to a kind of names that nobody here knows",
        _ => return None,
    })
}

/// A certificate that nobody known has signed.
fn unknown(notes: &Notes) -> CertificateFault {
    let own_issuer = |certificate: &X509Certificate<'_>| certificate.issuer() == certificate.subject();
    let sent: Vec<X509Certificate<'_>> = notes.refused().collect();
    match sent.as_slice() {
        [own] if own_issuer(own) => CertificateFault::SelfSigned,
        // Alone, and somebody else's: a public authority's server sends an intermediate with it.
        [_] => CertificateFault::ChainIncomplete(notes.issuer()),
        _ => CertificateFault::UnknownIssuer(notes.issuer()),
    }
}

/// A signature that does not verify: for its kind, for the key, or for what is signed.
fn signature(notes: &Notes) -> (CertificateFault, String) {
    match notes.refused().find_map(|certificate| weakness(&certificate)) {
        Some(weak) => (CertificateFault::Weak, weak),
        None if notes.key_not_proved => {
            (CertificateFault::BadSignature, "the server does not have the key of its certificate".to_owned())
        }
        None => (CertificateFault::BadSignature, String::new()),
    }
}

/// Bits of an RSA key from which on it is taken (CA/Browser Forum, Baseline Requirements §6.1.5).
const RSA_BITS: usize = 2048;

fn weakness(certificate: &X509Certificate<'_>) -> Option<String> {
    let oid = certificate.signature_algorithm.algorithm.to_id_string();
    match oid.as_str() {
        // RFC 8017 §A.2.4 and RFC 5758.
        "1.2.840.113549.1.1.5" | "1.2.840.10045.4.1" => return Some("signed with SHA-1".to_owned()),
        "1.2.840.113549.1.1.4" => return Some("signed with MD5".to_owned()),
        _ => {}
    }
    match certificate.public_key().parsed() {
        Ok(PublicKey::RSA(key)) if key.key_size() < RSA_BITS => Some(format!("an RSA key of {} bits", key.key_size())),
        _ => None,
    }
}

/// Whose date it is, and which.
fn dated(error: &CertificateError, notes: &Notes) -> String {
    let expired = matches!(error, CertificateError::Expired | CertificateError::ExpiredContext { .. });
    let at = match error {
        CertificateError::ExpiredContext { not_after, .. } => not_after.as_secs(),
        CertificateError::NotValidYetContext { not_before, .. } => not_before.as_secs(),
        _ => return String::new(),
    };
    let of = |certificate: &X509Certificate<'_>| {
        let validity = certificate.validity();
        if expired { validity.not_after } else { validity.not_before }
    };
    let found = notes
        .refused()
        .enumerate()
        .find(|(_, certificate)| u64::try_from(of(certificate).timestamp()).ok() == Some(at));
    let Some((index, certificate)) = found else { return String::new() };
    let date = of(&certificate).to_datetime().date();
    let when = if expired { format!("since {date}") } else { format!("it is from {date} on") };
    match index {
        0 => when,
        _ => format!("{when}, that of its issuer {}", certificate.subject()),
    }
}

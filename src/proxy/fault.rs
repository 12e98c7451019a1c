//! What went wrong, decided from the types of the libraries' errors and never from their words.

use std::io::{self, ErrorKind};

use rustls::{AlertDescription, CertificateError};

use super::tls::Notes;
use crate::model::{CertificateFault, Failure, FailureKind, Phase};

/// A failure without an answer yet.
pub(super) fn failure(phase: Phase, kind: FailureKind, detail: impl Into<String>) -> Failure {
    Failure { phase, kind, detail: detail.into(), status: None }
}

/// The TLS library's error in an I/O error, where there is one.
pub(super) fn of_tls(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// An upstream closed before its answer had begun. Some servers let the alert go under that would have said why; what is
/// left is that a new connection asked for a client certificate, got none, and was closed.
pub(super) fn closed(notes: &Notes, fresh: bool) -> Failure {
    if fresh && notes.asked_for_certificate {
        let detail = "asked for a client certificate, got none, and closed without an answer";
        return failure(Phase::UpstreamTls, FailureKind::ClientCertificateRequired, detail);
    }
    failure(Phase::AwaitAnswer, FailureKind::Closed, "closed before the answer")
}

/// An upstream's connection failed.
pub(super) fn upstream(phase: Phase, error: &io::Error, notes: &Notes) -> Failure {
    match of_tls(error) {
        // A client certificate is asked for in the handshake, and missed after it: TLS 1.3 has ended its own part by then.
        Some(tls) => failure(Phase::UpstreamTls, upstream_tls(tls, notes), tls.to_string()),
        None => failure(phase, by_kind(error.kind()), error.to_string()),
    }
}

fn by_kind(kind: ErrorKind) -> FailureKind {
    match kind {
        ErrorKind::ConnectionRefused => FailureKind::ConnectionRefused,
        ErrorKind::TimedOut => FailureKind::TimedOut,
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => FailureKind::Reset,
        ErrorKind::UnexpectedEof => FailureKind::Closed,
        ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NetworkDown
        | ErrorKind::AddrNotAvailable => FailureKind::Unreachable,
        _ => FailureKind::Other,
    }
}

fn upstream_tls(error: &rustls::Error, notes: &Notes) -> FailureKind {
    use rustls::Error;
    match error {
        Error::InvalidCertificate(error) => FailureKind::Certificate(certificate(error, notes)),
        Error::NoCertificatesPresented => FailureKind::Certificate(CertificateFault::Other),
        Error::PeerIncompatible(_) | Error::AlertReceived(AlertDescription::ProtocolVersion) => FailureKind::TlsVersion,
        Error::AlertReceived(alert) if wants_certificate(*alert, notes) => FailureKind::ClientCertificateRequired,
        Error::AlertReceived(alert) => FailureKind::TlsAlert(u8::from(*alert)),
        Error::NoApplicationProtocol => FailureKind::TlsAlert(u8::from(AlertDescription::NoApplicationProtocol)),
        Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. }
        | Error::InvalidMessage(_)
        | Error::PeerMisbehaved(_)
        | Error::PeerSentOversizedRecord
        | Error::DecryptError => FailureKind::NotTls,
        _ => FailureKind::Other,
    }
}

/// `certificate_required` says it (RFC 8446 §6.2). Before TLS 1.3 there was no such alert: OpenSSL sends
/// `handshake_failure` and Java `bad_certificate` to a client that was asked and had none.
fn wants_certificate(alert: AlertDescription, notes: &Notes) -> bool {
    let older = matches!(alert, AlertDescription::HandshakeFailure | AlertDescription::BadCertificate);
    alert == AlertDescription::CertificateRequired || (older && notes.asked_for_certificate)
}

fn certificate(error: &CertificateError, notes: &Notes) -> CertificateFault {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => CertificateFault::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => CertificateFault::NotYetValid,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            CertificateFault::WrongName(notes.names())
        }
        CertificateError::UnknownIssuer => CertificateFault::UnknownIssuer(notes.issuer()),
        CertificateError::Revoked => CertificateFault::Revoked,
        CertificateError::BadSignature
        | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => CertificateFault::BadSignature,
        CertificateError::InvalidPurpose
        | CertificateError::InvalidPurposeContext { .. }
        | CertificateError::UnhandledCriticalExtension => CertificateFault::NotAllowed,
        CertificateError::Other(other) => match other.0.downcast_ref() {
            Some(error) if not_allowed(error) => CertificateFault::NotAllowed,
            _ => CertificateFault::Other,
        },
        _ => CertificateFault::Other,
    }
}

/// Verdicts that the TLS library passes on as its certificate library gave them.
fn not_allowed(error: &webpki::Error) -> bool {
    use webpki::Error;
    matches!(
        error,
        Error::CaUsedAsEndEntity
            | Error::EndEntityUsedAsCa
            | Error::NameConstraintViolation
            | Error::PathLenConstraintViolated
            | Error::UnsupportedCriticalExtension
            | Error::UnsupportedNameType
    )
}

/// A client's handshake with us failed.
pub(super) fn client_tls(error: &io::Error) -> Failure {
    let (kind, detail) = match of_tls(error) {
        Some(tls) => (client_kind(tls), tls.to_string()),
        None => match error.kind() {
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
                (FailureKind::ClientClosed, error.to_string())
            }
            _ => (FailureKind::ClientTlsBroken, error.to_string()),
        },
    };
    failure(Phase::ClientTls, kind, detail)
}

fn client_kind(error: &rustls::Error) -> FailureKind {
    match error {
        rustls::Error::AlertReceived(alert) => FailureKind::ClientAlert(u8::from(*alert)),
        rustls::Error::PeerIncompatible(_) | rustls::Error::NoApplicationProtocol => FailureKind::ClientTlsVersion,
        _ => FailureKind::ClientTlsBroken,
    }
}

//! What went wrong, decided from the types of the libraries' errors and never from their words.

use std::io::{self, ErrorKind};

use rustls::AlertDescription;

use super::tls::{self, Notes};
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
    if fresh && notes.asked_for_certificate && !notes.gave_certificate {
        let detail = "asked for a client certificate, got none, and closed without an answer";
        return failure(Phase::UpstreamTls, FailureKind::ClientCertificateRequired, detail);
    }
    failure(Phase::AwaitAnswer, FailureKind::Closed, "closed before the answer")
}

/// An upstream's connection failed.
pub(super) fn upstream(phase: Phase, error: &io::Error, notes: &Notes) -> Failure {
    match of_tls(error) {
        // A client certificate is asked for in the handshake, and missed after it: TLS 1.3 has ended its own part by then.
        Some(rustls::Error::InvalidCertificate(error)) => {
            let (fault, detail) = tls::verdict(error, notes);
            failure(Phase::UpstreamTls, FailureKind::Certificate(fault), detail)
        }
        Some(error) => failure(Phase::UpstreamTls, upstream_tls(error, notes), said(error, notes)),
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
        Error::NoCertificatesPresented => FailureKind::Certificate(CertificateFault::Other),
        Error::PeerIncompatible(_) | Error::AlertReceived(AlertDescription::ProtocolVersion) => FailureKind::TlsVersion,
        Error::AlertReceived(alert) if wants_certificate(*alert, notes) => FailureKind::ClientCertificateRequired,
        Error::AlertReceived(alert) if notes.gave_certificate && about_certificates(*alert) => {
            FailureKind::ClientCertificateRefused(u8::from(*alert))
        }
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

/// The library's words; for a certificate that was asked for, whose the upstream takes.
fn said(error: &rustls::Error, notes: &Notes) -> String {
    let accepts = if notes.accepts.is_empty() {
        String::new()
    } else {
        format!("; it takes those of {}", notes.accepts.join(" | "))
    };
    format!("{error}{accepts}")
}

/// Alerts that speak of a peer's certificate (RFC 8446 §6.2): here they can only mean ours.
fn about_certificates(alert: AlertDescription) -> bool {
    matches!(u8::from(alert), 42..=46 | 48 | 49 | 51) || alert == AlertDescription::HandshakeFailure
}

/// `certificate_required` says it (RFC 8446 §6.2). Before TLS 1.3 there was no such alert: OpenSSL sends
/// `handshake_failure` and Java `bad_certificate` to a client that was asked and had none.
fn wants_certificate(alert: AlertDescription, notes: &Notes) -> bool {
    let older = matches!(alert, AlertDescription::HandshakeFailure | AlertDescription::BadCertificate);
    alert == AlertDescription::CertificateRequired || (older && notes.asked_for_certificate && !notes.gave_certificate)
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

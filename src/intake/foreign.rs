//! What other programs say when an exchange fails: Chrome, curl, Node, Python, Java and Go, turned into phases and kinds.
//!
//! Only recordings need this: live failures are decided from types. A text that is not known gives `Other`.

use crate::model::{CertificateFault, Failure, FailureKind, Phase};

/// The failure that a text names. The text itself is kept as the detail.
pub(super) fn failure(text: &str) -> Failure {
    let lower = text.to_ascii_lowercase();
    let known = SAYINGS.iter().find(|(says, _, _)| lower.contains(says));
    let (phase, kind) =
        known.map_or((Phase::AwaitAnswer, FailureKind::Other), |(_, phase, kind)| (*phase, kind.clone()));
    Failure { phase, kind, detail: text.trim().to_owned(), status: None }
}

/// Whether the text names a failure that is known here.
pub(super) fn is_known(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    SAYINGS.iter().any(|(says, _, _)| lower.contains(says))
}

const fn certificate(fault: CertificateFault) -> FailureKind {
    FailureKind::Certificate(fault)
}

/// Parts of messages in lower case, the more telling ones first.
const SAYINGS: &[(&str, Phase, FailureKind)] = &[
    // Names.
    ("err_name_not_resolved", Phase::Resolve, FailureKind::NameNotFound),
    ("err_name_resolution_failed", Phase::Resolve, FailureKind::NameNotFound),
    ("could not resolve proxy", Phase::ParentProxy, FailureKind::NameNotFound),
    ("could not resolve host", Phase::Resolve, FailureKind::NameNotFound),
    ("enotfound", Phase::Resolve, FailureKind::NameNotFound),
    ("eai_again", Phase::Resolve, FailureKind::NameNotFound),
    ("name or service not known", Phase::Resolve, FailureKind::NameNotFound),
    ("nodename nor servname", Phase::Resolve, FailureKind::NameNotFound),
    ("getaddrinfo failed", Phase::Resolve, FailureKind::NameNotFound),
    ("unknownhostexception", Phase::Resolve, FailureKind::NameNotFound),
    ("failed to resolve", Phase::Resolve, FailureKind::NameNotFound),
    ("failure in name resolution", Phase::Resolve, FailureKind::NameNotFound),
    ("remote name could not be resolved", Phase::Resolve, FailureKind::NameNotFound),
    ("no such host", Phase::Resolve, FailureKind::NameNotFound),
    // The proxy of that program.
    ("err_proxy_connection_failed", Phase::ParentProxy, FailureKind::ConnectionRefused),
    ("err_tunnel_connection_failed", Phase::ParentProxy, FailureKind::Other),
    ("err_proxy_auth", Phase::ParentProxy, FailureKind::ParentProxyRefused(407)),
    ("407 from proxy", Phase::ParentProxy, FailureKind::ParentProxyRefused(407)),
    ("403 from proxy", Phase::ParentProxy, FailureKind::ParentProxyRefused(403)),
    ("response 407", Phase::ParentProxy, FailureKind::ParentProxyRefused(407)),
    ("response 403", Phase::ParentProxy, FailureKind::ParentProxyRefused(403)),
    ("response 502", Phase::ParentProxy, FailureKind::ParentProxyRefused(502)),
    ("response 503", Phase::ParentProxy, FailureKind::ParentProxyRefused(503)),
    // Certificates.
    ("err_cert_date_invalid", Phase::UpstreamTls, certificate(CertificateFault::Other)),
    ("err_cert_common_name_invalid", Phase::UpstreamTls, certificate(CertificateFault::WrongName(Vec::new()))),
    ("err_cert_authority_invalid", Phase::UpstreamTls, certificate(CertificateFault::UnknownIssuer(String::new()))),
    ("err_cert_revoked", Phase::UpstreamTls, certificate(CertificateFault::Revoked)),
    ("err_cert_", Phase::UpstreamTls, certificate(CertificateFault::Other)),
    ("err_tls_cert_altname_invalid", Phase::UpstreamTls, certificate(CertificateFault::WrongName(Vec::new()))),
    (
        "no alternative certificate subject name",
        Phase::UpstreamTls,
        certificate(CertificateFault::WrongName(Vec::new())),
    ),
    ("hostname/ip does not match", Phase::UpstreamTls, certificate(CertificateFault::WrongName(Vec::new()))),
    ("does not match target host name", Phase::UpstreamTls, certificate(CertificateFault::WrongName(Vec::new()))),
    ("certificate has expired", Phase::UpstreamTls, certificate(CertificateFault::Expired)),
    ("cert_has_expired", Phase::UpstreamTls, certificate(CertificateFault::Expired)),
    ("certificate is not yet valid", Phase::UpstreamTls, certificate(CertificateFault::NotYetValid)),
    ("unable to get local issuer", Phase::UpstreamTls, certificate(CertificateFault::UnknownIssuer(String::new()))),
    ("unable to get issuer", Phase::UpstreamTls, certificate(CertificateFault::UnknownIssuer(String::new()))),
    ("unable to verify the first", Phase::UpstreamTls, certificate(CertificateFault::UnknownIssuer(String::new()))),
    ("unable_to_verify_leaf", Phase::UpstreamTls, certificate(CertificateFault::UnknownIssuer(String::new()))),
    ("unable_to_get_issuer", Phase::UpstreamTls, certificate(CertificateFault::UnknownIssuer(String::new()))),
    ("self signed cert", Phase::UpstreamTls, certificate(CertificateFault::UnknownIssuer(String::new()))),
    ("self-signed cert", Phase::UpstreamTls, certificate(CertificateFault::UnknownIssuer(String::new()))),
    ("self_signed_cert", Phase::UpstreamTls, certificate(CertificateFault::UnknownIssuer(String::new()))),
    ("pkix path building failed", Phase::UpstreamTls, certificate(CertificateFault::UnknownIssuer(String::new()))),
    ("signed by unknown authority", Phase::UpstreamTls, certificate(CertificateFault::UnknownIssuer(String::new()))),
    ("could not establish trust relationship", Phase::UpstreamTls, certificate(CertificateFault::Other)),
    ("certificate verify failed", Phase::UpstreamTls, certificate(CertificateFault::Other)),
    ("ssl certificate problem", Phase::UpstreamTls, certificate(CertificateFault::Other)),
    // The rest of TLS.
    ("client_auth_cert_needed", Phase::UpstreamTls, FailureKind::ClientCertificateRequired),
    ("bad_ssl_client_auth_cert", Phase::UpstreamTls, FailureKind::ClientCertificateRequired),
    ("certificate required", Phase::UpstreamTls, FailureKind::ClientCertificateRequired),
    ("err_ssl_version_or_cipher", Phase::UpstreamTls, FailureKind::TlsVersion),
    ("alert protocol_version", Phase::UpstreamTls, FailureKind::TlsAlert(70)),
    ("unsupported protocol", Phase::UpstreamTls, FailureKind::TlsVersion),
    ("alert protocol version", Phase::UpstreamTls, FailureKind::TlsAlert(70)),
    ("alert handshake failure", Phase::UpstreamTls, FailureKind::TlsAlert(40)),
    ("sslv3_alert_handshake_failure", Phase::UpstreamTls, FailureKind::TlsAlert(40)),
    ("wrong version number", Phase::UpstreamTls, FailureKind::NotTls),
    ("packet length too long", Phase::UpstreamTls, FailureKind::NotTls),
    ("err_ssl_protocol_error", Phase::UpstreamTls, FailureKind::NotTls),
    ("ssl_error_syscall", Phase::UpstreamTls, FailureKind::Closed),
    ("unexpected eof while reading", Phase::UpstreamTls, FailureKind::Closed),
    // Connections.
    ("connection refused", Phase::Connect, FailureKind::ConnectionRefused),
    ("err_connection_refused", Phase::Connect, FailureKind::ConnectionRefused),
    ("econnrefused", Phase::Connect, FailureKind::ConnectionRefused),
    ("err_connection_timed_out", Phase::Connect, FailureKind::TimedOut),
    ("connection timed out", Phase::Connect, FailureKind::TimedOut),
    ("connect timeout", Phase::Connect, FailureKind::TimedOut),
    ("etimedout", Phase::Connect, FailureKind::TimedOut),
    ("err_internet_disconnected", Phase::Connect, FailureKind::Unreachable),
    ("err_address_unreachable", Phase::Connect, FailureKind::Unreachable),
    ("err_network_changed", Phase::Connect, FailureKind::Unreachable),
    ("no route to host", Phase::Connect, FailureKind::Unreachable),
    ("network is unreachable", Phase::Connect, FailureKind::Unreachable),
    ("ehostunreach", Phase::Connect, FailureKind::Unreachable),
    ("enetunreach", Phase::Connect, FailureKind::Unreachable),
    ("couldn't connect to server", Phase::Connect, FailureKind::Other),
    ("failed to connect", Phase::Connect, FailureKind::Other),
    // The answer.
    ("err_timed_out", Phase::AwaitAnswer, FailureKind::TimedOut),
    ("operation timed out", Phase::AwaitAnswer, FailureKind::TimedOut),
    ("timed out", Phase::AwaitAnswer, FailureKind::TimedOut),
    ("esockettimedout", Phase::AwaitAnswer, FailureKind::TimedOut),
    ("err_connection_reset", Phase::AwaitAnswer, FailureKind::Reset),
    ("connection reset", Phase::AwaitAnswer, FailureKind::Reset),
    ("connection was reset", Phase::AwaitAnswer, FailureKind::Reset),
    ("econnreset", Phase::AwaitAnswer, FailureKind::Reset),
    ("socket hang up", Phase::AwaitAnswer, FailureKind::Closed),
    ("err_connection_closed", Phase::AwaitAnswer, FailureKind::Closed),
    ("err_empty_response", Phase::AwaitAnswer, FailureKind::Closed),
    ("empty reply from server", Phase::AwaitAnswer, FailureKind::Closed),
    ("err_invalid_http_response", Phase::AwaitAnswer, FailureKind::Malformed),
    ("err_http2_protocol_error", Phase::AwaitAnswer, FailureKind::Malformed),
    ("transfer closed with", Phase::ReadBody, FailureKind::Closed),
    ("err_incomplete_chunked", Phase::ReadBody, FailureKind::Closed),
    ("err_content_length_mismatch", Phase::ReadBody, FailureKind::Closed),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_many_programs_are_known() {
        let said = |text: &str| {
            let failure = failure(text);
            (failure.phase, failure.kind)
        };
        assert_eq!(said("net::ERR_NAME_NOT_RESOLVED"), (Phase::Resolve, FailureKind::NameNotFound));
        assert_eq!(said("getaddrinfo ENOTFOUND dev1.service-now.com"), (Phase::Resolve, FailureKind::NameNotFound));
        assert_eq!(
            said("curl: (60) SSL certificate problem: certificate has expired"),
            (Phase::UpstreamTls, FailureKind::Certificate(CertificateFault::Expired))
        );
        assert_eq!(said("connect ECONNREFUSED 127.0.0.1:8080"), (Phase::Connect, FailureKind::ConnectionRefused));
        assert_eq!(said("something new"), (Phase::AwaitAnswer, FailureKind::Other));
    }

    #[test]
    fn every_saying_can_be_reached() {
        for (at, (says, phase, kind)) in SAYINGS.iter().enumerate() {
            let found = failure(says);
            assert_eq!((found.phase, &found.kind), (*phase, kind), "row {at}: an earlier row takes `{says}`");
            assert_eq!(*says, says.to_ascii_lowercase());
        }
    }
}

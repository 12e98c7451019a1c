//! What went wrong, in words: of a request's head, of an upstream, of a certificate.

use crate::model::{CertificateFault, Failure, FailureKind, HeadFault, HeadProblem, Phase};
use crate::proxy::settings::Origin;
use crate::wire::inspection::product;

/// Why a head is not forwarded.
pub(super) fn problem(fault: &HeadFault) -> &'static str {
    match fault.problem {
        HeadProblem::RequestLine if fault.status == 505 => "its HTTP version is not supported here",
        HeadProblem::RequestLine if fault.status == 405 => "CONNECT is not possible here",
        HeadProblem::RequestLine if fault.status == 421 => "its target is not what this connection is for",
        HeadProblem::RequestLine => {
            "its first line is not `METHOD TARGET HTTP/1.1`, or the target is none (what is not ASCII is percent-encoded)"
        }
        HeadProblem::SpaceInTarget => "there is a blank in its target; it has to be sent as %20",
        HeadProblem::NoColon => "a field line has no colon between name and value",
        HeadProblem::SpaceBeforeColon => "there is a blank between a field's name and its colon",
        HeadProblem::FieldName => "a field's name has a character that none may have",
        HeadProblem::Folded => "a line begins with a blank: there is a line break inside the field's value before it",
        HeadProblem::BareLineBreak => {
            "there is a line feed or carriage return alone, as from a value that ends in a line break"
        }
        HeadProblem::ControlByte => "there is a control character in it",
        HeadProblem::TooLarge if fault.status == 414 => "its target is too long",
        HeadProblem::TooLarge => "its head is too large",
        HeadProblem::TooManyFields => "it has too many fields",
        HeadProblem::Framing => {
            "the length of its body is not clear from Content-Length and Transfer-Encoding, or its chunks are broken"
        }
        HeadProblem::Host if fault.status == 421 => "its Host is not the one that this tunnel was opened for",
        HeadProblem::Host => "Host is missing, given twice or not a host",
        HeadProblem::Other => "it is not what HTTP allows",
    }
}

/// Why an upstream gave nothing to pass on.
pub(super) fn words(failure: &Failure, origin: &Origin) -> String {
    let host = &origin.host;
    if failure.phase == Phase::ParentProxy {
        return parent(failure);
    }
    match (&failure.kind, failure.phase) {
        (FailureKind::NameNotFound, _) => format!("the name {host} has no address here ({})", failure.detail),
        (FailureKind::TimedOut, Phase::Resolve) => format!("the name {host} was not resolved in time"),
        (FailureKind::TimedOut, Phase::Connect) => "the TCP connection was not answered in time".to_owned(),
        (FailureKind::TimedOut, Phase::UpstreamTls) => "the TLS handshake did not end in time".to_owned(),
        (FailureKind::TimedOut, _) => "the request was sent, and no answer began in time".to_owned(),
        (FailureKind::ConnectionRefused, _) => "the connection was refused: nothing listens there".to_owned(),
        (FailureKind::Unreachable, _) => format!("there is no route to it ({})", failure.detail),
        (FailureKind::Forbidden, _) => failure.detail.clone(),
        (FailureKind::Certificate(fault), _) => beside(certificate(fault, host), &failure.detail),
        (FailureKind::ClientCertificateRequired, _) => {
            let says = "it asks for a client certificate, and the proxy has none for it: name one in \
                        `upstream.client_certificates`, or let this host pass without interception";
            beside(says.to_owned(), &failure.detail)
        }
        (FailureKind::ClientCertificateRefused(alert), _) => {
            format!("it refused the proxy's client certificate with TLS alert {}", alert_name(*alert))
        }
        (FailureKind::TlsAlert(alert), _) => format!("it ended the TLS handshake with alert {}", alert_name(*alert)),
        (FailureKind::TlsVersion, _) => {
            "no TLS version or cipher in common (the proxy speaks TLS 1.2 and 1.3)".to_owned()
        }
        (FailureKind::NotTls, _) => format!("what answers on port {} does not speak TLS", origin.port),
        (FailureKind::Malformed, _) => format!("its answer is not HTTP ({})", failure.detail),
        (FailureKind::Closed | FailureKind::Reset, Phase::UpstreamTls) => {
            "it closed the connection during the TLS handshake, as servers do that have only TLS versions or ciphers \
             which are not safe any more (the proxy speaks TLS 1.2 and 1.3)"
                .to_owned()
        }
        (FailureKind::Closed, _) => "it closed the connection without an answer".to_owned(),
        (FailureKind::Reset, _) => "it reset the connection".to_owned(),
        _ => failure.detail.clone(),
    }
}

/// What is said of a thing, with more of it behind it where there is more.
fn beside(says: String, detail: &str) -> String {
    if detail.is_empty() { says } else { format!("{says} ({detail})") }
}

/// What went wrong at the parent proxy, or on the way to it.
fn parent(failure: &Failure) -> String {
    let detail = &failure.detail;
    match &failure.kind {
        FailureKind::ParentProxyRefused(407) => format!(
            "the parent proxy refused CONNECT with 407: it wants credentials of its own ({detail}); they are given in its \
             URL, http://USER:PASSWORD@HOST:PORT. Negotiate, NTLM and Kerberos need a helper in between: px-proxy, Cntlm, Alpaca"
        ),
        FailureKind::ParentProxyRefused(..100) => format!("the SOCKS5 proxy on the way did not lead there ({detail})"),
        FailureKind::ParentProxyRefused(status) => {
            beside(format!("the parent proxy refused CONNECT with {status}"), detail)
        }
        FailureKind::Certificate(fault) => {
            format!("at the parent proxy on the way, {}", beside(certificate(fault, "it"), detail))
        }
        FailureKind::TimedOut => beside("the parent proxy did not answer CONNECT in time".to_owned(), detail),
        _ => format!("the parent proxy on the way failed ({detail})"),
    }
}

/// A TLS alert with its name (RFC 8446 §6).
fn alert_name(alert: u8) -> String {
    let name = match alert {
        40 => "handshake_failure",
        42 => "bad_certificate",
        43 => "unsupported_certificate",
        44 => "certificate_revoked",
        45 => "certificate_expired",
        46 => "certificate_unknown",
        47 => "illegal_parameter",
        48 => "unknown_ca",
        49 => "access_denied",
        51 => "decrypt_error",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        112 => "unrecognized_name: it does not know this host",
        116 => "certificate_required",
        120 => "no_application_protocol",
        _ => return alert.to_string(),
    };
    format!("{alert} ({name})")
}

fn certificate(fault: &CertificateFault, host: &str) -> String {
    match fault {
        CertificateFault::Expired => "its certificate has expired".to_owned(),
        CertificateFault::NotYetValid => "its certificate is not valid yet".to_owned(),
        CertificateFault::WrongName(names) if names.is_empty() => {
            format!("its certificate names no host in its subject alternative names, so none like {host}")
        }
        CertificateFault::WrongName(names) => format!("its certificate is for {}, not for {host}", names.join(", ")),
        CertificateFault::UnknownIssuer(issuer) if issuer.is_empty() => {
            "its certificate is from an issuer that is not trusted here".to_owned()
        }
        CertificateFault::UnknownIssuer(issuer) => match product(issuer) {
            Some(product) => format!(
                "its certificate is from {product}, which opens TLS on the way and is not trusted here ({issuer}); give its \
                 root certificate with --upstream-ca"
            ),
            None => format!("its certificate is from an issuer that is not trusted here ({issuer})"),
        },
        CertificateFault::SelfSigned => {
            "its certificate is signed by itself, so its issuer is not trusted here".to_owned()
        }
        CertificateFault::ChainIncomplete(issuer) => format!(
            "its certificate came alone, and its issuer is not trusted here ({issuer}): the server does not send its \
             intermediate certificate, or the issuer is a private authority"
        ),
        CertificateFault::Weak => "its certificate is too weak to be believed".to_owned(),
        CertificateFault::NotPinned => {
            "its certificate is not the one that was named with --upstream-insecure".to_owned()
        }
        CertificateFault::Revoked => "its certificate was revoked".to_owned(),
        CertificateFault::BadSignature => {
            "the signature of its certificate is wrong, or of a kind that is not accepted".to_owned()
        }
        CertificateFault::NotAllowed => {
            "its certificate (or that of its issuer) is not allowed to be used so".to_owned()
        }
        CertificateFault::Other => "its certificate does not verify".to_owned(),
    }
}

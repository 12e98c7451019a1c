//! Responses of our own: marked as ours (RFC 9209), saying why, never empty.

use crate::model::{CertificateFault, Failure, FailureKind, HeadFault, HeadProblem, Phase};
use crate::proxy::http1::head::tokens;
use crate::proxy::settings::Origin;
use crate::wire::inspection::product;

/// What we have to say instead of an upstream.
pub(in crate::proxy) struct Notice {
    pub status: u16,
    /// The error type of RFC 9209 §2.3; none where the fault is the request's.
    error: &'static str,
    /// More parameters of Proxy-Status, each with its `; `.
    more: String,
    /// One line for people.
    says: String,
    /// Further field lines, whole.
    fields: &'static str,
}

impl Notice {
    /// A request that HTTP cannot parse, or that could be read in two ways.
    pub fn of_fault(fault: &HeadFault, raw: &[u8]) -> Notice {
        let before = raw.get(..fault.offset).unwrap_or(raw);
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let says = format!(
            "The request was not forwarded: {}. Line {line} of its head, byte {} counted from 0.",
            problem(fault),
            fault.offset
        );
        Notice { status: fault.status, error: "http_request_error", more: String::new(), says, fields: "" }
    }

    /// The upstream could not be reached, or gave no usable answer.
    pub fn of_failure(failure: &Failure, origin: &Origin) -> Notice {
        let (status, error) = classify(failure);
        let more = match &failure.kind {
            FailureKind::TlsAlert(alert) | FailureKind::ClientCertificateRefused(alert) => {
                format!("; alert-id={alert}")
            }
            FailureKind::ParentProxyRefused(status @ 100..) => format!("; received-status={status}"),
            _ => String::new(),
        };
        let says = format!("No answer from {origin}: {}.", words(failure, origin));
        Notice { status, error, more, says, fields: "" }
    }

    /// Anything else, in words.
    pub fn plain(status: u16, error: &'static str, says: &str) -> Notice {
        Notice { status, error, more: String::new(), says: says.to_owned(), fields: "" }
    }

    /// Asks for the proxy's own credentials (RFC 9110 §11.7.1).
    pub fn wants_credentials() -> Notice {
        let says = "This proxy wants credentials of its own, in Proxy-Authorization; they are not those of ServiceNow.";
        let fields = "Proxy-Authenticate: Basic realm=\"why401\", charset=\"UTF-8\"\r\n";
        Notice { fields, ..Notice::plain(407, "http_request_denied", says) }
    }

    /// The response without its framing: status, fields and body, for a client of HTTP/2.
    pub fn parts(&self, accept: Option<&[u8]>) -> (u16, [(&'static str, String); 3], String) {
        let (media, body) = self.body(accept);
        let fields = [
            ("proxy-status", self.proxy_status()),
            ("content-type", media.to_owned()),
            ("cache-control", "no-store".to_owned()),
        ];
        (self.status, fields, body)
    }

    fn body(&self, accept: Option<&[u8]>) -> (&'static str, String) {
        if wants_json(accept) {
            ("application/json", self.json())
        } else {
            ("text/plain; charset=utf-8", format!("why401: {}\n", self.says))
        }
    }

    fn proxy_status(&self) -> String {
        format!("why401; error={}{}; details=\"{}\"", self.error, self.more, quoted(&self.says))
    }

    /// The whole response. `accept`: the request's field, to answer a program in JSON and a person in text.
    pub fn render(&self, accept: Option<&[u8]>, bodiless: bool, close: bool) -> Vec<u8> {
        let (media, body) = self.body(accept);
        let mut out = format!(
            "HTTP/1.1 {status} {reason}\r\nProxy-Status: {proxy_status}\r\nContent-Type: {media}\r\nContent-Length: {length}\r\nCache-Control: no-store\r\n{fields}{close}\r\n",
            status = self.status,
            reason = reason(self.status),
            proxy_status = self.proxy_status(),
            length = body.len(),
            fields = self.fields,
            close = self.more_fields(close),
        );
        if !bodiless {
            out.push_str(&body);
        }
        out.into_bytes()
    }

    fn more_fields(&self, close: bool) -> &'static str {
        match (self.status, close) {
            // RFC 9110 §15.5.6.
            (405, _) => "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\nConnection: close\r\n",
            (_, true) => "Connection: close\r\n",
            (_, false) => "",
        }
    }

    /// In the form of ServiceNow's own errors, so that clients that look for `error.message` find it.
    fn json(&self) -> String {
        let error = serde_json::json!({ "message": format!("why401: {}", self.says), "detail": self.error });
        let mut text = serde_json::json!({ "error": error, "status": "failure" }).to_string();
        text.push('\n');
        text
    }
}

/// A client that names JSON and no text gets JSON.
fn wants_json(accept: Option<&[u8]>) -> bool {
    let accept = accept.unwrap_or_default().to_ascii_lowercase();
    let media = |token: &[u8]| token.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii().to_vec();
    let mut json = false;
    for token in tokens(&accept).map(media) {
        match token.as_slice() {
            b"text/plain" | b"text/html" | b"text/*" => return false,
            b"application/json" => json = true,
            other => json |= other.ends_with(b"+json"),
        }
    }
    json
}

/// A string of RFC 8941 §3.3.3: printable ASCII, quotes and backslashes escaped.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars().take(300) {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            ' '..='~' => out.push(letter),
            _ => out.push('?'),
        }
    }
    out
}

fn problem(fault: &HeadFault) -> &'static str {
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

/// Status and error type (RFC 9209 §2.3).
fn classify(failure: &Failure) -> (u16, &'static str) {
    match (&failure.kind, failure.phase) {
        (FailureKind::NameNotFound, _) => (502, "dns_error"),
        (FailureKind::TimedOut, Phase::Resolve) => (504, "dns_timeout"),
        (FailureKind::TimedOut, Phase::Connect | Phase::ParentProxy | Phase::UpstreamTls) => {
            (504, "connection_timeout")
        }
        (FailureKind::TimedOut, Phase::SendRequest) => (504, "connection_write_timeout"),
        (FailureKind::TimedOut, _) => (504, "http_response_timeout"),
        (FailureKind::ConnectionRefused, _) => (502, "connection_refused"),
        (FailureKind::Unreachable, _) => (502, "destination_ip_unroutable"),
        // Decided before anything was looked up: by our rules, not by where it led.
        (FailureKind::Forbidden, Phase::Resolve) => (403, "http_request_denied"),
        (FailureKind::Forbidden, _) => (403, "destination_ip_prohibited"),
        (FailureKind::Certificate(_) | FailureKind::ClientCertificateRequired, _) => (502, "tls_certificate_error"),
        (FailureKind::TlsAlert(_) | FailureKind::ClientCertificateRefused(_), _) => (502, "tls_alert_received"),
        (FailureKind::TlsVersion | FailureKind::NotTls, _) => (502, "tls_protocol_error"),
        (FailureKind::ParentProxyRefused(_), _) => (502, "destination_unavailable"),
        (FailureKind::Malformed, _) => (502, "http_protocol_error"),
        (FailureKind::Closed | FailureKind::Reset, Phase::AwaitAnswer | Phase::ReadBody) => {
            (502, "http_response_incomplete")
        }
        (FailureKind::Closed | FailureKind::Reset, _) => (502, "connection_terminated"),
        _ => (502, "proxy_internal_error"),
    }
}

fn words(failure: &Failure, origin: &Origin) -> String {
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

/// RFC 9110 §15.
pub(in crate::proxy) fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        414 => "URI Too Long",
        421 => "Misdirected Request",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(kind: FailureKind) -> Failure {
        Failure { phase: Phase::Connect, kind, detail: "a \"quoted\" détail\r\nX: y".to_owned(), status: None }
    }

    fn origin() -> Origin {
        "https://dev1.service-now.com".parse().unwrap()
    }

    #[test]
    fn a_failure_is_marked_and_said() {
        let notice = Notice::of_failure(&failure(FailureKind::ConnectionRefused), &origin());
        let text = String::from_utf8(notice.render(None, false, true)).unwrap();
        assert!(
            text.starts_with("HTTP/1.1 502 Bad Gateway\r\nProxy-Status: why401; error=connection_refused; details=\""),
            "{text}"
        );
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("\r\nConnection: close"));
        assert!(head.contains(&format!("Content-Length: {}", body.len())));
        assert!(body.contains("https://dev1.service-now.com") && body.contains("refused"));
    }

    #[test]
    fn nothing_from_outside_breaks_the_head() {
        let notice = Notice::of_failure(&failure(FailureKind::NameNotFound), &origin());
        let text = String::from_utf8(notice.render(None, true, false)).unwrap();
        assert!(text.contains("a \\\"quoted\\\" d?tail??X: y"), "{text}");
        assert!(text.ends_with("\r\n\r\n"));
    }

    #[test]
    fn programs_get_json_and_people_text() {
        for accept in ["application/json", "application/json;q=0.9, */*", "application/problem+json"] {
            assert!(wants_json(Some(accept.as_bytes())), "{accept}");
        }
        for accept in ["*/*", "", "text/html,application/json", "application/xml"] {
            assert!(!wants_json(Some(accept.as_bytes())), "{accept}");
        }
        let notice = Notice::of_failure(&failure(FailureKind::ConnectionRefused), &origin());
        let text = String::from_utf8(notice.render(Some(b"application/json"), false, false)).unwrap();
        let body: serde_json::Value = serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap();
        assert_eq!(body["status"], "failure");
        assert!(body["error"]["message"].as_str().unwrap().starts_with("why401: "));
    }

    #[test]
    fn a_fault_is_told_with_line_and_byte() {
        let raw = b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization : y\r\n\r\n";
        let fault = HeadFault { offset: 38, problem: HeadProblem::SpaceBeforeColon, status: 400 };
        let text = String::from_utf8(Notice::of_fault(&fault, raw).render(None, false, true)).unwrap();
        assert!(text.contains("Line 3 of its head, byte 38"), "{text}");
    }
}

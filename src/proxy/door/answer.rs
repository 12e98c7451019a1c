//! Responses of our own: marked as ours (RFC 9209), saying why, never empty.

mod words;

use crate::model::{Failure, FailureKind, HeadFault, Phase};
use crate::proxy::http1::dating;
use crate::proxy::http1::head::tokens;
use crate::proxy::settings::Origin;
use words::{problem, words};

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
    pub fn parts(&self, accept: Option<&[u8]>) -> (u16, [(&'static str, String); 4], String) {
        let (media, body) = self.body(accept);
        let fields = [
            ("proxy-status", self.proxy_status()),
            ("content-type", media.to_owned()),
            ("cache-control", "no-store".to_owned()),
            ("date", dating::now()),
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
            "HTTP/1.1 {status} {reason}\r\nProxy-Status: {proxy_status}\r\nContent-Type: {media}\r\nContent-Length: {length}\r\nCache-Control: no-store\r\nDate: {date}\r\n{fields}{close}\r\n",
            status = self.status,
            reason = reason(self.status),
            proxy_status = self.proxy_status(),
            length = body.len(),
            date = dating::now(),
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
    use crate::model::HeadProblem;

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
        let date = head.split("\r\nDate: ").nth(1).and_then(|rest| rest.lines().next()).unwrap();
        assert!(crate::wire::date::parse_http(date).is_some(), "{date}");
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

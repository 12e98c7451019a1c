//! Message heads as lines: request line, status line, field lines. Lenient: recordings are evidence, not traffic.

use bytes::Bytes;

use crate::model::{Fields, HeadProblem};

/// `GET /path HTTP/1.1`, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RequestLine {
    pub method: String,
    pub target: String,
    pub version: String,
}

/// `HTTP/1.1 401 Unauthorized`, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StatusLine {
    pub version: String,
    pub status: u16,
    pub reason: String,
}

/// A request line: a method of token characters, a target (which may hold blanks: clients send that), a version.
pub(super) fn request_line(line: &[u8]) -> Option<RequestLine> {
    let text = String::from_utf8_lossy(line);
    let (method, rest) = text.trim_end().split_once(' ')?;
    let (target, version) = rest.rsplit_once(' ')?;
    let known = !method.is_empty() && method.bytes().all(is_token_byte) && is_version(version);
    known.then(|| RequestLine { method: method.to_owned(), target: target.trim().to_owned(), version: tidy(version) })
}

/// A status line; the reason may be missing (HTTP/2 has none).
pub(super) fn status_line(line: &[u8]) -> Option<StatusLine> {
    let text = String::from_utf8_lossy(line);
    let (version, rest) = text.trim_end().split_once(' ')?;
    let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
    let status = code.parse().ok().filter(|code| (100..=999).contains(code))?;
    is_version(version).then(|| StatusLine { version: tidy(version), status, reason: reason.trim().to_owned() })
}

/// One field line; the value loses the white space around it (RFC 9112 §5.1). `None` without a colon or a name.
pub(super) fn field(line: &[u8]) -> Option<(Bytes, Bytes)> {
    let colon = line.iter().position(|&byte| byte == b':').filter(|&at| at > 0)?;
    let (name, rest) = line.split_at(colon);
    let value = rest.get(1..).unwrap_or_default();
    Some((Bytes::copy_from_slice(name), Bytes::copy_from_slice(trim_blanks(value))))
}

/// All field lines that are some; the others are left out.
pub(super) fn fields<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Fields {
    lines.into_iter().filter_map(field).collect()
}

/// The lines of a head as it stood on the wire: each ended by CR LF, one empty line at the end.
pub(super) fn raw<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Bytes {
    let mut bytes = Vec::new();
    for line in lines {
        bytes.extend_from_slice(line);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    Bytes::from(bytes)
}

/// The first field line that is none (RFC 9112 §5): where it breaks, counted in `raw` of the same lines, and how.
pub(super) fn broken<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Option<(usize, HeadProblem)> {
    let mut start = 0;
    for (number, line) in lines.into_iter().enumerate() {
        if number > 0
            && let Some((at, problem)) = broken_line(line)
        {
            return Some((start + at, problem));
        }
        start += line.len() + 2;
    }
    None
}

fn broken_line(line: &[u8]) -> Option<(usize, HeadProblem)> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Some((0, HeadProblem::Folded));
    }
    let name = line.iter().position(|byte| !is_token_byte(*byte)).unwrap_or(line.len());
    let rest = line.get(name..).unwrap_or_default();
    let problem = match rest.first() {
        Some(b':') if name > 0 => {
            let control = rest.iter().position(|byte| byte.is_ascii_control() && *byte != b'\t')?;
            return Some((name + control, HeadProblem::ControlByte));
        }
        _ if name > 0 && rest.trim_ascii_start().starts_with(b":") => HeadProblem::SpaceBeforeColon,
        _ if line.contains(&b':') => HeadProblem::FieldName,
        _ => HeadProblem::NoColon,
    };
    Some((name, problem))
}

/// Without blanks, tabs and line ends around it; other bytes stay, they are evidence.
pub(super) fn trim_blanks(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t' | b'\r' | b'\n'] = value {
        value = rest;
    }
    value
}

/// Whether the answer says that why401 made it (`Proxy-Status: why401; …`, RFC 9209 §2).
pub(super) fn is_ours(fields: &Fields) -> bool {
    fields.all("proxy-status").any(|value| {
        let name = value.split(|byte| *byte == b';' || *byte == b',').next().unwrap_or_default();
        trim_blanks(name).eq_ignore_ascii_case(b"why401")
    })
}

/// Bytes of a token (RFC 9110 §5.6.2).
pub(super) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_version(text: &str) -> bool {
    text.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("HTTP/"))
}

/// `HTTP/2.0` and `http/1.1` as the model writes them.
pub(super) fn tidy(version: &str) -> String {
    match version.trim().to_ascii_uppercase().as_str() {
        "HTTP/2" | "HTTP/2.0" | "H2" | "HTTP2" => String::from("HTTP/2"),
        "HTTP/3" | "HTTP/3.0" | "H3" | "HTTP3" | "HTTP/2+QUIC/46" => String::from("HTTP/3"),
        other if other.starts_with("HTTP/") => other.to_owned(),
        _ => String::from("HTTP/1.1"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_lines_may_hold_blanks_in_the_target() {
        let line = request_line(b"GET /api?q=a b HTTP/1.1\r\n").unwrap();
        assert_eq!((line.method.as_str(), line.target.as_str()), ("GET", "/api?q=a b"));
        assert_eq!(request_line(b"GET /api"), None);
        assert_eq!(request_line(b"Hello you HTTP/1.1 fans"), None);
    }

    #[test]
    fn status_lines_need_no_reason() {
        let line = status_line(b"HTTP/2 401 \r").unwrap();
        assert_eq!((line.version.as_str(), line.status, line.reason.as_str()), ("HTTP/2", 401, ""));
        assert_eq!(status_line(b"HTTP/1.1 200 Connection established").unwrap().reason, "Connection established");
        assert_eq!(status_line(b"HTTP/1.1 OK"), None);
    }

    #[test]
    fn values_keep_their_inner_bytes() {
        let (name, value) = field(b"Authorization:  Bearer  \xe2\x80\x8babc \t").unwrap();
        assert_eq!((&name[..], &value[..]), (&b"Authorization"[..], &b"Bearer  \xe2\x80\x8babc"[..]));
        assert!(field(b"no colon").is_none() && field(b": no name").is_none());
    }

    #[test]
    fn broken_lines_are_found_at_their_byte() {
        let fault = |line: &'static str| broken(["GET / HTTP/1.1", line].map(str::as_bytes));
        assert_eq!(fault("Host: h\t"), None);
        assert_eq!(fault("Authorization : x"), Some((16 + 13, HeadProblem::SpaceBeforeColon)));
        assert_eq!(fault("Authorization Bearer x"), Some((16 + 13, HeadProblem::NoColon)));
        assert_eq!(fault(" folded"), Some((16, HeadProblem::Folded)));
        assert_eq!(fault("A: b\u{1}c"), Some((16 + 4, HeadProblem::ControlByte)));
        assert_eq!(fault("\u{FEFF}A: b"), Some((16, HeadProblem::FieldName)));
    }

    #[test]
    fn our_own_answers_are_known_by_proxy_status() {
        let ours = |value: &'static str| is_ours(&[("Proxy-Status", value)].into_iter().collect());
        assert!(ours("why401; error=tls_certificate_error") && ours("Why401"));
        assert!(!ours("squid; error=dns_error") && !ours("why4010"));
    }
}

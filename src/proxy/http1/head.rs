//! Raw heads of HTTP/1: where one ends, what it says, and at which byte it breaks RFC 9112.
//!
//! The bytes are kept as they came, and forwarded from there: an HTTP library's header map would trim values, regroup
//! repeated fields and drop what it cannot read, which is the very evidence. Pure: bytes in, values out.

mod composer;

use bytes::Bytes;

use crate::model::{Fields, HeadFault, HeadProblem};
pub(in crate::proxy) use composer::Composer;

/// A part of a head, in bytes from its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::proxy) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    fn new(start: usize, end: usize) -> Span {
        // Heads are limited to far below 4 GiB.
        Span { start: u32::try_from(start).unwrap_or(u32::MAX), end: u32::try_from(end).unwrap_or(u32::MAX) }
    }

    pub fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    fn share(self, bytes: &Bytes) -> Bytes {
        bytes.slice_ref(self.of(bytes))
    }
}

/// One field line.
#[derive(Clone, Copy, Debug)]
pub(in crate::proxy) struct Line {
    pub name: Span,
    /// Without the white space around it.
    value: Span,
    /// With everything, the line end included.
    pub whole: Span,
}

/// A field as a view into its head.
#[derive(Clone, Copy)]
pub(in crate::proxy) struct FieldLine<'a> {
    pub name: &'a [u8],
    pub value: &'a [u8],
    pub whole: &'a [u8],
}

impl FieldLine<'_> {
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// A head's bytes and its field lines.
#[derive(Clone)]
pub(in crate::proxy) struct Head {
    pub raw: Bytes,
    lines: Vec<Line>,
}

impl Head {
    pub fn fields(&self) -> impl Iterator<Item = FieldLine<'_>> {
        self.lines.iter().map(|line| FieldLine {
            name: line.name.of(&self.raw),
            value: line.value.of(&self.raw),
            whole: line.whole.of(&self.raw),
        })
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields().filter(move |field| field.is(name)).map(|field| field.value)
    }

    pub fn get<'a>(&'a self, name: &'a str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// Whether a comma-separated field lists `token`, in any of its lines.
    pub fn lists(&self, name: &str, token: &str) -> bool {
        self.all(name).any(|value| tokens(value).any(|listed| listed.eq_ignore_ascii_case(token.as_bytes())))
    }

    /// Where the value of the first field of that name begins, else 0.
    pub fn offset(&self, name: &str) -> usize {
        let found = self.lines.iter().find(|line| line.name.of(&self.raw).eq_ignore_ascii_case(name.as_bytes()));
        found.map_or(0, |line| line.value.start as usize)
    }

    /// Where the second field of that name begins, else 0.
    pub fn second_offset(&self, name: &str) -> usize {
        let mut found = self.lines.iter().filter(|line| line.name.of(&self.raw).eq_ignore_ascii_case(name.as_bytes()));
        found.nth(1).map_or(0, |line| line.name.start as usize)
    }

    /// Where a field stands whose name is `name` with an underscore for the hyphen: gateways that make variables of fields
    /// (RFC 3875 §4.1.18) read both as one.
    pub fn alias(&self, name: &str) -> Option<usize> {
        let lines = self.lines.iter();
        let alias = |other: &[u8]| {
            let same = |(a, b): (&u8, &u8)| a.eq_ignore_ascii_case(b) || (*a == b'_' && *b == b'-');
            other.len() == name.len() && other.contains(&b'_') && other.iter().zip(name.as_bytes()).all(same)
        };
        lines.map(|line| line.name).find(|span| alias(span.of(&self.raw))).map(|span| span.start as usize)
    }

    /// The fields as the model has them; they share the head's memory.
    pub fn to_model(&self) -> Fields {
        self.lines.iter().map(|line| (line.name.share(&self.raw), line.value.share(&self.raw))).collect()
    }
}

/// The members of a comma-separated list, without blanks and empty members.
pub(in crate::proxy) fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|token| !token.is_empty())
}

/// HTTP's version, where a head came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proxy) enum Version {
    Http10,
    Http11,
    /// The head was composed from what HTTP/2 brought.
    Http2,
}

impl Version {
    pub fn as_str(self) -> &'static str {
        match self {
            Version::Http10 => "HTTP/1.0",
            Version::Http11 => "HTTP/1.1",
            Version::Http2 => "HTTP/2",
        }
    }

    fn parse(text: &[u8]) -> Option<Version> {
        match text {
            b"HTTP/1.1" => Some(Version::Http11),
            b"HTTP/1.0" => Some(Version::Http10),
            _ => None,
        }
    }
}

/// A request's head that keeps to RFC 9112.
#[derive(Clone)]
pub(in crate::proxy) struct RequestHead {
    pub head: Head,
    pub version: Version,
    method: Span,
    target: Span,
}

impl RequestHead {
    pub fn parse(raw: Bytes, most_fields: usize) -> Result<RequestHead, HeadFault> {
        // A first line that cannot become one is told at its byte, also where it has no end.
        let (line_end, after) = line(&raw, 0).map_err(|fault| method(&raw).err().unwrap_or(fault))?;
        let (method, target, version) = request_line(raw.get(..line_end).unwrap_or_default())?;
        let lines = field_lines(&raw, after, most_fields)?;
        Ok(RequestHead { head: Head { raw, lines }, version, method, target })
    }

    /// A token: ASCII without blanks.
    pub fn method(&self) -> &str {
        std::str::from_utf8(self.method.of(&self.head.raw)).unwrap_or_default()
    }

    pub fn target(&self) -> &[u8] {
        self.target.of(&self.head.raw)
    }

    pub fn target_offset(&self) -> usize {
        self.target.start as usize
    }
}

/// An answer's head.
#[derive(Clone)]
pub(in crate::proxy) struct AnswerHead {
    pub head: Head,
    pub version: Version,
    pub status: u16,
    /// From the status code to the end of the status line, without the line end.
    rest: Span,
}

impl AnswerHead {
    pub fn parse(raw: Bytes, most_fields: usize) -> Result<AnswerHead, HeadFault> {
        let (line_end, after) = line(&raw, 0)?;
        let wrong = |offset| fault(offset, HeadProblem::RequestLine);
        let text = raw.get(..line_end).unwrap_or_default();
        let version = text.get(..8).and_then(Version::parse).ok_or_else(|| wrong(0))?;
        let (blank, digits, tail) = (text.get(8..9), text.get(9..12), text.get(12..).unwrap_or_default());
        let status = digits.filter(|digits| digits.iter().all(u8::is_ascii_digit)).ok_or_else(|| wrong(9))?;
        let status = status.iter().fold(0, |sum: u16, digit| sum * 10 + u16::from(digit - b'0'));
        // Some servers leave out the reason together with its blank.
        if blank != Some(b" ") || status < 100 || !(tail.is_empty() || tail.starts_with(b" ")) {
            return Err(wrong(8));
        }
        if let Some(at) = tail.iter().position(|byte| control(*byte)) {
            return Err(fault(12 + at, HeadProblem::ControlByte));
        }
        let lines = field_lines(&raw, after, most_fields)?;
        Ok(AnswerHead { head: Head { raw, lines }, version, status, rest: Span::new(9, line_end) })
    }

    /// `200 OK`, as it was sent.
    pub fn status_line(&self) -> &[u8] {
        self.rest.of(&self.head.raw)
    }

    pub fn reason(&self) -> &[u8] {
        self.status_line().get(4..).unwrap_or_default()
    }
}

fn fault(offset: usize, problem: HeadProblem) -> HeadFault {
    let status = match problem {
        HeadProblem::TooLarge | HeadProblem::TooManyFields => 431,
        _ => 400,
    };
    HeadFault { offset, problem, status }
}

/// The end of the line that starts at `from`, and where the next one starts. Only CR LF ends a line here: a lone line feed
/// inside a value would end it for one reader and not for another (RFC 9112 §2.2 lets a server refuse it).
fn line(raw: &[u8], from: usize) -> Result<(usize, usize), HeadFault> {
    let rest = raw.get(from..).unwrap_or_default();
    let Some(length) = memchr::memchr(b'\n', rest) else {
        let broken = lone_return(rest).map(|at| fault(from + at, HeadProblem::BareLineBreak));
        return Err(broken.unwrap_or(fault(raw.len(), HeadProblem::Other)));
    };
    let text = rest.get(..length).unwrap_or_default();
    match memchr::memchr(b'\r', text) {
        Some(at) if at + 1 == length => Ok((from + at, from + length + 1)),
        Some(at) => Err(fault(from + at, HeadProblem::BareLineBreak)),
        None => Err(fault(from + length, HeadProblem::BareLineBreak)),
    }
}

/// Where a carriage return stands that no line feed follows; at the very end one may still come.
pub(in crate::proxy) fn lone_return(text: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\r', text).find(|at| text.get(at + 1).is_some_and(|next| *next != b'\n'))
}

/// A method may be this long; the longest that is registered has 17 bytes. More is answered as what it is: no request.
const METHOD: usize = 64;

/// The length of the method at the start of a request line; `None` where more bytes may still bring its end.
fn method(text: &[u8]) -> Result<Option<usize>, HeadFault> {
    let end = text.iter().take(METHOD + 1).position(|byte| !token_byte(*byte));
    match end.map(|end| (end, text.get(end))) {
        Some((1.., Some(b' '))) => Ok(end),
        None if text.len() <= METHOD => Ok(None),
        _ => Err(fault(end.unwrap_or(METHOD), HeadProblem::RequestLine)),
    }
}

/// Whether these first bytes of a request can no longer become one, whatever follows. A lone carriage return may be half
/// of an empty line.
pub(in crate::proxy) fn hopeless(start: &[u8]) -> bool {
    if start == b"\r" {
        return false;
    }
    if lone_return(start).is_some() {
        return true;
    }
    let Some(end) = start.iter().position(|byte| *byte == b'\n') else { return method(start).is_err() };
    line(start, 0).and_then(|(line_end, _)| request_line(start.get(..line_end.min(end)).unwrap_or_default())).is_err()
}

/// Whether these first bytes can no longer become an answer's head.
pub(in crate::proxy) fn no_answer(start: &[u8]) -> bool {
    start != b"\r" && start.iter().zip(b"HTTP/1.").any(|(byte, wanted)| byte != wanted)
}

fn request_line(text: &[u8]) -> Result<(Span, Span, Version), HeadFault> {
    let method = method(text)?.ok_or(fault(text.len(), HeadProblem::RequestLine))?;
    let target = method + 1;
    let last = text.iter().rposition(|byte| *byte == b' ').filter(|last| *last > method);
    let Some(last) = last else { return Err(fault(text.len(), HeadProblem::RequestLine)) };
    let version = text.get(last + 1..).unwrap_or_default();
    let Some(version) = Version::parse(version) else {
        // A version that is one is answered as such (RFC 9110 §15.6.6); anything else is no request line (RFC 9112 §2.3).
        let shaped = matches!(version, [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9']);
        let status = if shaped { 505 } else { 400 };
        return Err(HeadFault { offset: last + 1, problem: HeadProblem::RequestLine, status });
    };
    let bytes = text.get(target..last).unwrap_or_default();
    if bytes.is_empty() {
        return Err(fault(target, HeadProblem::RequestLine));
    }
    // A fragment never leaves its client (RFC 9112 §3.2): one reader would cut it off, another read it as the path.
    // Nor does a byte above ASCII: a URI has it percent-encoded (RFC 3986 §2), and readers guess its character set.
    match bytes.iter().position(|byte| *byte <= b' ' || matches!(byte, 0x7f.. | b'#')) {
        Some(at) if matches!(bytes.get(at), Some(b' ' | b'\t')) => Err(fault(target + at, HeadProblem::SpaceInTarget)),
        Some(at) if matches!(bytes.get(at), Some(b'#' | 0x80..)) => Err(fault(target + at, HeadProblem::RequestLine)),
        Some(at) => Err(fault(target + at, HeadProblem::ControlByte)),
        None => Ok((Span::new(0, method), Span::new(target, last), version)),
    }
}

pub(in crate::proxy) fn field_lines(raw: &[u8], from: usize, most: usize) -> Result<Vec<Line>, HeadFault> {
    let mut lines = Vec::with_capacity(16);
    let mut start = from;
    loop {
        let (end, next) = line(raw, start)?;
        if start == end {
            return Ok(lines);
        }
        if lines.len() == most {
            return Err(fault(start, HeadProblem::TooManyFields));
        }
        lines.push(field_line(raw, start, end, next)?);
        start = next;
    }
}

fn field_line(raw: &[u8], start: usize, end: usize, next: usize) -> Result<Line, HeadFault> {
    let text = raw.get(start..end).unwrap_or_default();
    if matches!(text.first(), Some(b' ' | b'\t')) {
        return Err(fault(start, HeadProblem::Folded));
    }
    let name = text.iter().position(|byte| !token_byte(*byte)).unwrap_or(text.len());
    if text.get(name) != Some(&b':') {
        return Err(fault(start + name, name_problem(text, name)));
    }
    if name == 0 {
        return Err(fault(start, HeadProblem::FieldName));
    }
    let value = text.get(name + 1..).unwrap_or_default();
    // Looked at as a whole first: that takes many bytes at once.
    if value.iter().fold(false, |found, byte| found | control(*byte)) {
        let at = value.iter().position(|byte| control(*byte)).unwrap_or(0);
        return Err(fault(start + name + 1 + at, HeadProblem::ControlByte));
    }
    let blank = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let leading = value.iter().position(blank).unwrap_or(value.len());
    let trailing = value.iter().rposition(blank).map_or(leading, |last| last + 1);
    let base = start + name + 1;
    Ok(Line {
        name: Span::new(start, start + name),
        value: Span::new(base + leading, base + trailing),
        whole: Span::new(start, next),
    })
}

/// What is wrong with a name that is not followed by its colon at `at`.
fn name_problem(text: &[u8], at: usize) -> HeadProblem {
    let rest = text.get(at..).unwrap_or_default();
    if rest.trim_ascii_start().starts_with(b":") && at > 0 {
        return HeadProblem::SpaceBeforeColon;
    }
    if text.contains(&b':') { HeadProblem::FieldName } else { HeadProblem::NoColon }
}

/// RFC 9110 §5.6.2.
pub(in crate::proxy) fn token_byte(byte: u8) -> bool {
    matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'0'..=b'9' | b'A'..=b'Z' | b'^'..=b'z' | b'|' | b'~')
}

/// A byte that no value may hold (RFC 9110 §5.5); bytes above 0x7F may.
pub(in crate::proxy) fn control(byte: u8) -> bool {
    (byte < b' ' && byte != b'\t') || byte == 0x7f
}

/// Empty lines before a request line are skipped (RFC 9112 §2.2): how many bytes they are.
pub(in crate::proxy) fn leading_blank_lines(buffer: &[u8]) -> usize {
    let mut skip = 0;
    while buffer.get(skip..skip + 2) == Some(b"\r\n") {
        skip += 2;
    }
    skip
}

/// Where the head at the start of `buffer` ends, counted behind its empty line; looks from `from` on, which lets a caller
/// not look twice. Broken heads end too: at an empty line made of lone line feeds, unless a proper end is there as well.
pub(in crate::proxy) fn end(buffer: &[u8], from: usize) -> Option<usize> {
    let mut broken = None;
    for at in memchr::memchr_iter(b'\n', buffer.get(from..).unwrap_or_default()).map(|at| at + from) {
        match buffer.get(at + 1..) {
            Some([b'\r', b'\n', ..]) if at > 0 && buffer.get(at - 1) == Some(&b'\r') => return Some(at + 3),
            Some([b'\r', b'\n', ..]) => broken = broken.or(Some(at + 3)),
            Some([b'\n', ..]) => broken = broken.or(Some(at + 2)),
            _ => {}
        }
    }
    broken
}

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;

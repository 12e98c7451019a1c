//! The lines of one exchange, collected and then put together.

use crate::intake::{head, stopped, url};
use crate::model::{Body, Exchange, Fields, Outcome, Request, Response, Timing, Upstream};

use super::opening::Opening;
use super::{Expectation, Step, TranscriptError};

/// One exchange under way.
pub(super) struct Draft {
    line: usize,
    opening: Opening,
    request: Lines,
    response: Lines,
    stopped: Option<Outcome>,
    pub expectations: Vec<Expectation>,
}

/// The lines of one message: head lines, and after an empty line the body's.
#[derive(Default)]
struct Lines {
    head: Vec<Vec<u8>>,
    body: Option<Vec<Vec<u8>>>,
}

impl Lines {
    fn push(&mut self, line: Vec<u8>) {
        match &mut self.body {
            Some(body) => body.push(line),
            None if line.is_empty() => self.body = Some(Vec::new()),
            None => self.head.push(line),
        }
    }

    fn head(&self) -> impl Iterator<Item = &[u8]> {
        self.head.iter().map(Vec::as_slice)
    }

    fn body(&self) -> Body {
        Body::whole(self.body.as_deref().unwrap_or_default().join(&b'\n'))
    }

    /// The field lines behind the first line, every one of which must be a field line.
    fn fields(&self) -> Result<Fields, String> {
        let line = |line: &[u8]| head::field(line).ok_or_else(|| String::from_utf8_lossy(line).into_owned());
        let fields: Result<Vec<_>, _> = self.head().skip(1).map(line).collect();
        let fields = fields.map_err(|line| format!("`{line}` is no field line (a broken head is `* refused`)"))?;
        Ok(fields.into_iter().collect())
    }
}

impl Draft {
    pub fn new(line: usize, opening: Opening) -> Draft {
        let (request, response) = (Lines::default(), Lines::default());
        Draft { line, opening, request, response, stopped: None, expectations: Vec::new() }
    }

    /// Takes a `>`, `<` or `*` line, without its mark.
    pub fn take(&mut self, mark: char, rest: &str) -> Result<(), String> {
        if !self.expectations.is_empty() {
            return Err(format!("a `{mark}` line after the expectations; the next exchange starts with `@`"));
        }
        let line = rest.strip_prefix(' ').unwrap_or(rest);
        match mark {
            '*' if self.stopped.is_some() || !self.response.head.is_empty() => {
                return Err(String::from("this exchange has ended already"));
            }
            '*' => self.stopped = Some(stopped::parse(line)?),
            '>' if self.stopped.is_some() || !self.response.head.is_empty() => {
                return Err(String::from("a `>` line after the answer; the next exchange starts with `@`"));
            }
            '>' => self.request.push(unescape(line)?),
            _ if self.stopped.is_some() => return Err(String::from("a `<` line after `*`")),
            _ => self.response.push(unescape(line)?),
        }
        Ok(())
    }

    /// The exchange, numbered `id`.
    pub fn finish(self, id: u64) -> Result<Step, TranscriptError> {
        let line = self.line;
        let fault = |what| TranscriptError { line, what };
        let request = self.request().map_err(fault)?;
        let timing = Timing { end: self.opening.took, ..Timing::default() };
        let outcome = match self.stopped {
            Some(outcome) => outcome,
            None => Outcome::Answered(response(&self.response).map_err(fault)?),
        };
        let upstream = Upstream::default();
        let (at, client) = (self.opening.at, self.opening.client);
        let exchange = Exchange { id, entry: None, at, client, request, outcome, timing, upstream };
        Ok(Step { exchange, expectations: self.expectations, line })
    }

    fn request(&self) -> Result<Request, String> {
        let (scheme, host, port) = (self.opening.scheme, self.opening.host.clone(), self.opening.port);
        let mut request = Request {
            method: String::from("CONNECT"),
            scheme,
            target: format!("{host}:{port}"),
            host,
            port,
            version: String::from("HTTP/1.1"),
            fields: Fields::default(),
            body: self.request.body(),
            head: None,
            unseen: false,
        };
        if matches!(self.stopped, Some(Outcome::Refused(_))) {
            self.fill_refused(&mut request);
            return Ok(request);
        }
        // A handshake that failed before any request: the CONNECT is all there was.
        let Some(first) = self.request.head.first() else {
            let failed = self.stopped.is_some();
            return failed.then_some(request).ok_or_else(|| String::from("expected a request line behind `>`"));
        };
        let line = head::request_line(first)
            .ok_or_else(|| format!("`{}` is no request line", String::from_utf8_lossy(first)))?;
        request.fields = self.request.fields()?;
        request.head = Some(head::raw(self.request.head()));
        request.target = target(&line.method, &line.target);
        request.method = line.method;
        request.version = line.version;
        Ok(request)
    }

    /// A head that HTTP cannot parse: kept raw; what can be read of it is.
    fn fill_refused(&self, request: &mut Request) {
        let mut lines = self.request.head();
        let first = lines.next().unwrap_or_default();
        request.fields = head::fields(lines);
        request.head = Some(head::raw(self.request.head()));
        let text = String::from_utf8_lossy(first);
        let mut words = text.split_whitespace();
        request.method = words.next().unwrap_or_default().to_owned();
        request.target = target(&request.method, words.next().unwrap_or("/"));
    }
}

/// Origin-form, whatever form the request line had.
fn target(method: &str, target: &str) -> String {
    if method == "CONNECT" {
        return target.to_owned();
    }
    url::origin_form(url::split(target).map_or(target, |url| url.target))
}

fn response(lines: &Lines) -> Result<Response, String> {
    let Some(first) = lines.head.first() else {
        return Err(String::from("no answer: expected `<` lines, `* failed PHASE KIND`, `* abandoned` or `* refused`"));
    };
    let line =
        head::status_line(first).ok_or_else(|| format!("`{}` is no status line", String::from_utf8_lossy(first)))?;
    let fields = lines.fields()?;
    let ours = head::is_ours(&fields);
    let (status, reason, version) = (line.status, line.reason, line.version);
    Ok(Response { status, reason, version, fields, body: lines.body(), ours, cut: None })
}

/// `\xHH` becomes a byte, `\\x` a backslash and an x; every other backslash is itself.
fn unescape(line: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(line.len());
    let mut rest = line.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = match rest {
            [b'\\', b'\\', b'x', tail @ ..] => {
                bytes.extend_from_slice(b"\\x");
                tail
            }
            [b'\\', b'x', high, low, tail @ ..] => {
                bytes.push(hex(*high, *low).ok_or("`\\x` wants two hexadecimal digits; a literal one is `\\\\x`")?);
                tail
            }
            [b'\\', b'x', ..] => return Err(String::from("`\\x` wants two hexadecimal digits")),
            _ => {
                bytes.push(*first);
                tail
            }
        };
    }
    Ok(bytes)
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

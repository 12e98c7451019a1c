//! The exchanges of a transcript, put together line by line.

use crate::intake::message::{self, BODY_LIMIT};
use crate::intake::{foreign, head};
use crate::model::{Body, Exchange, Failure, FailureKind, Millis, Outcome, Phase, Request};

use super::command::{self, Command};
use super::connection::Connection;

/// All that was understood so far.
#[derive(Default)]
pub(super) struct Session {
    connection: Connection,
    command: Command,
    draft: Draft,
    before: Millis,
    exchanges: Vec<Exchange>,
}

/// The exchange under way.
#[derive(Default)]
struct Draft {
    sent: Vec<Vec<u8>>,
    sent_whole: bool,
    sent_data: Vec<u8>,
    received: Vec<Vec<u8>>,
    received_whole: bool,
    received_data: Vec<u8>,
    failure: Option<Failure>,
}

impl Draft {
    fn status(&self) -> Option<u16> {
        let line = self.received.first().filter(|_| self.received_whole)?;
        head::status_line(line).map(|line| line.status)
    }

    fn is_interim(&self) -> bool {
        self.status().is_some_and(|status| status < 200)
    }

    fn opens_tunnel(&self) -> bool {
        let connects = self.sent.first().is_some_and(|line| line.starts_with(b"CONNECT "));
        connects && self.status().is_some_and(|status| (200..300).contains(&status))
    }
}

impl Session {
    /// A new command: what it says of the request to come.
    pub fn command(&mut self, text: &str) {
        self.close();
        self.connection = Connection::default();
        self.command = command::read(text);
    }

    /// Whether a line behind `>` belongs to a request's head here.
    pub fn sends(&self, rest: &str) -> bool {
        let begins = head::request_line(rest.trim_start().as_bytes()).is_some();
        begins || !self.draft.sent.is_empty() && !self.draft.sent_whole
    }

    /// Whether a line behind `<` belongs to an answer's head here.
    pub fn receives(&self, rest: &str) -> bool {
        let begins = head::status_line(rest.trim_start().as_bytes()).is_some();
        begins || !self.draft.received.is_empty() && !self.draft.received_whole
    }

    pub fn sent_line(&mut self, line: &[u8]) {
        let begins = self.draft.sent.is_empty() || self.draft.sent_whole;
        if begins && !self.draft.sent.is_empty() {
            self.close();
        }
        match line {
            [] => self.draft.sent_whole = true,
            line => self.draft.sent.push(line.to_vec()),
        }
    }

    pub fn received_line(&mut self, line: &[u8]) {
        if self.draft.is_interim() {
            self.draft.received.clear();
            self.draft.received_whole = false;
        } else if self.draft.received_whole {
            self.close();
        }
        self.draft.sent_whole = true;
        match line {
            [] => self.draft.received_whole = true,
            line => self.draft.received.push(line.to_vec()),
        }
        // An open tunnel is no exchange of its own: what follows is.
        if self.draft.opens_tunnel() {
            self.draft = Draft::default();
        }
    }

    pub fn sent_data(&mut self, data: &[u8]) {
        append(&mut self.draft.sent_data, data);
    }

    pub fn received_data(&mut self, data: &[u8]) {
        append(&mut self.draft.received_data, data);
    }

    /// A line of a body as it stood on the screen; `ended` by a line feed.
    pub fn received_text(&mut self, line: &[u8], ended: bool) {
        if self.draft.received_whole && !self.draft.is_interim() {
            append(&mut self.draft.received_data, line);
            if ended {
                append(&mut self.draft.received_data, b"\n");
            }
        }
    }

    /// curl's own words.
    pub fn says(&mut self, words: &str) {
        let new_connection =
            words.starts_with("Trying ") || words.starts_with("Host ") && words.contains("was resolved");
        if self.draft.received_whole && !self.draft.is_interim() && new_connection {
            self.close();
        }
        self.connection.says(words);
    }

    /// The head that was sent is complete, although no empty line says so.
    pub fn sent_all(&mut self) {
        self.draft.sent_whole = !self.draft.sent.is_empty();
    }

    /// `curl: (code) text`: this transfer ended so.
    pub fn failed(&mut self, code: u16, text: &str) {
        self.connection.says(text);
        let mut failure = foreign::failure(text);
        if failure.kind == FailureKind::Other {
            let earlier = self.connection.trouble.take().map(|words| foreign::failure(&words));
            let telling = earlier.filter(|earlier| earlier.kind != FailureKind::Other);
            (failure.phase, failure.kind) = telling.map_or_else(|| by_code(code), |told| (told.phase, told.kind));
        }
        // With an answer there, only what cut it short is of interest: 22 repeats the status, 56 also a refused CONNECT.
        let answered = self.draft.received_whole && !self.draft.is_interim();
        if !answered || matches!(code, 18 | 56 | 92) && !text.contains("CONNECT") {
            self.draft.failure = Some(failure);
        }
        self.close();
    }

    /// All exchanges.
    pub fn finish(mut self) -> Vec<Exchange> {
        self.close();
        self.exchanges
    }

    /// The draft becomes an exchange, if there is one in it.
    fn close(&mut self) {
        let mut draft = std::mem::take(&mut self.draft);
        let trouble = self.connection.trouble.take();
        let answer = message::response(&draft.received, body_text(&draft));
        if draft.failure.is_none() && answer.is_none() {
            draft.failure = trouble.map(|words| foreign::failure(&words));
        }
        let request = self.request(&draft);
        let outcome = match (answer, draft.failure) {
            (Some(mut answer), cut) => {
                answer.cut = cut.map(|failure| Failure { phase: Phase::ReadBody, ..failure });
                Outcome::Answered(answer)
            }
            (None, Some(failure)) => Outcome::Failed(self.seen_by_us(failure)),
            (None, None) if draft.sent.is_empty() => return,
            (None, None) => Outcome::Abandoned(Phase::AwaitAnswer),
        };
        let mut exchange = message::exchange(request, outcome, self.before);
        exchange.upstream = self.connection.upstream();
        self.before = exchange.at;
        self.exchanges.push(exchange);
    }

    /// A client that refuses a certificate of why401's own distrusts us, not the instance.
    fn seen_by_us(&self, failure: Failure) -> Failure {
        let refused = matches!(failure.kind, FailureKind::Certificate(_)) && self.connection.issued_by_us;
        // 48: unknown_ca (RFC 8446 §6.2).
        let ours = Failure { phase: Phase::ClientTls, kind: FailureKind::ClientAlert(48), ..failure.clone() };
        if refused { ours } else { failure }
    }

    fn request(&mut self, draft: &Draft) -> Request {
        let mut origin = self.connection.origin();
        if let Some(place) = self.command.place() {
            origin.scheme = origin.scheme.or(Some(place.scheme));
            origin.host = origin.host.or(Some(place.host));
            origin.port = origin.port.or(Some(place.port));
        }
        let Some(mut request) = message::request(&draft.sent, draft.sent_data.clone(), &origin) else {
            let mut request = message::unseen_request(&origin);
            // Stopped before any request: what was wanted first was the connection.
            if draft.received.is_empty() {
                request.method = String::from("CONNECT");
                request.target = format!("{}:{}", request.host, request.port);
                request.unseen = request.host.is_empty();
            }
            return request;
        };
        // The body is in the command, if it has the length that was announced.
        let fits = |data: &String| request.body.bytes.is_empty() && data.len() as u64 == request.body.length;
        if let Some(data) = self.command.data.take_if(|data| fits(data)) {
            request.body = Body::whole(data.into_bytes());
            request.unseen = false;
        }
        request
    }
}

/// The body without what `-i` repeats of the heads, and without the screen's last line feed.
fn body_text(draft: &Draft) -> Vec<u8> {
    let whole = draft.received_data.as_slice();
    let status = |text: &[u8]| head::status_line(text.split(|byte| *byte == b'\n').next()?).map(|line| line.status);
    let (mut body, mut repeated) = (whole, None);
    while let Some(next) = status(body) {
        let end = [&b"\r\n\r\n"[..], b"\n\n"].iter().filter_map(|end| Some(find(body, end)? + end.len())).min();
        body = end.and_then(|end| body.get(end..)).unwrap_or_default();
        repeated = Some(next);
    }
    let shown = draft.received.first().and_then(|line| status(line));
    let body = if repeated == shown { body } else { whole };
    body.strip_suffix(b"\n").unwrap_or(body).to_vec()
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, part)
}

fn append(data: &mut Vec<u8>, more: &[u8]) {
    let room = BODY_LIMIT.saturating_sub(data.len());
    data.extend_from_slice(more.get(..room.min(more.len())).unwrap_or_default());
}

/// curl's exit codes, where the words are not known (man page, "Exit codes").
fn by_code(code: u16) -> (Phase, FailureKind) {
    match code {
        5 => (Phase::ParentProxy, FailureKind::NameNotFound),
        6 => (Phase::Resolve, FailureKind::NameNotFound),
        7 => (Phase::Connect, FailureKind::Other),
        28 => (Phase::AwaitAnswer, FailureKind::TimedOut),
        35 | 51 | 53 | 58 | 59 | 60 | 66 | 77 | 80 | 83 | 90 | 91 => (Phase::UpstreamTls, FailureKind::Other),
        97 => (Phase::ParentProxy, FailureKind::Other),
        55 => (Phase::SendRequest, FailureKind::Other),
        52 => (Phase::AwaitAnswer, FailureKind::Closed),
        18 => (Phase::ReadBody, FailureKind::Closed),
        _ => (Phase::AwaitAnswer, FailureKind::Other),
    }
}

//! Raw HTTP messages: a request, an answer, or any row of them, with CR LF or LF, as Burp, Postman's raw view or an
//! editor keep them.

use crate::model::{Exchange, HeadFault, HeadProblem, Millis, Outcome, Phase, Request};

use super::head;
use super::message::{self, Origin};
use super::url;

/// Whether a message begins at the first line that is not blank.
pub(super) fn is_message(text: &str) -> bool {
    text.lines().map(str::trim).find(|line| !line.is_empty()).is_some_and(|line| begins(line.as_bytes()))
}

/// The exchanges of all messages, in order: a request and the answer behind it are one.
pub fn read(bytes: &[u8]) -> Vec<Exchange> {
    let mut pairs = Pairs::default();
    for message in messages(bytes) {
        pairs.take(&message);
    }
    pairs.finish()
}

/// One message: its head's lines, and the bytes after the empty line.
#[derive(Default)]
struct Message<'a> {
    head: Vec<Vec<u8>>,
    body: &'a [u8],
    /// The last URL that stood alone in front: Postman's raw view shows it there.
    above: Option<&'a str>,
}

fn begins(line: &[u8]) -> bool {
    head::request_line(line).is_some() || head::status_line(line).is_some()
}

/// Cuts the text at the lines that begin a message.
fn messages(bytes: &[u8]) -> Vec<Message<'_>> {
    let mut starts = Vec::new();
    let mut at = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if begins(unended(line)) {
            starts.push(at);
        }
        at += line.len();
    }
    let ends = starts.iter().skip(1).copied().chain([bytes.len()]);
    let mut above = bytes.get(..starts.first().copied().unwrap_or_default()).unwrap_or_default();
    let mut found = Vec::new();
    for (start, end) in starts.iter().copied().zip(ends) {
        let mut message = message(bytes.get(start..end).unwrap_or_default());
        message.above = last_url(above);
        above = message.body;
        found.push(message);
    }
    found
}

fn message(bytes: &[u8]) -> Message<'_> {
    let (mut head, mut at) = (Vec::new(), 0);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        at += line.len();
        let line = unended(line);
        if head::trim_blanks(line).is_empty() {
            break;
        }
        head.push(line.to_vec());
    }
    Message { head, body: bytes.get(at..).unwrap_or_default(), above: None }
}

/// A URL in the last line that holds one, such as `▶ POST https://dev1.service-now.com/oauth_token.do`.
fn last_url(text: &[u8]) -> Option<&str> {
    let line = text.rsplit(|byte| *byte == b'\n').map(head::trim_blanks).find(|line| !line.is_empty())?;
    let line = std::str::from_utf8(line).ok()?;
    line.split_whitespace().find(|word| url::split(word).is_some())
}

fn unended(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Joins requests and answers.
#[derive(Default)]
struct Pairs {
    waiting: Option<Request>,
    before: Millis,
    exchanges: Vec<Exchange>,
}

impl Pairs {
    fn take(&mut self, message: &Message<'_>) {
        let shown = message.above.and_then(url::split);
        let origin = shown.map(|url| Origin { scheme: Some(url.scheme), host: Some(url.host), port: Some(url.port) });
        let origin = origin.unwrap_or_default();
        let body = body(message);
        if let Some(response) = message::response(&message.head, body.clone()) {
            // An interim answer is none yet.
            if response.status < 200 {
                return;
            }
            let request = self.waiting.take().unwrap_or_else(|| message::unseen_request(&origin));
            self.push(request, Outcome::Answered(response));
        } else if let Some(request) = message::request(&message.head, body, &origin) {
            self.flush();
            self.waiting = Some(request);
        }
    }

    fn finish(mut self) -> Vec<Exchange> {
        self.flush();
        self.exchanges
    }

    /// A request that no answer follows: nothing is known of its end, unless its head can have none but a 400.
    fn flush(&mut self) {
        if let Some(request) = self.waiting.take() {
            self.push(request, Outcome::Abandoned(Phase::AwaitAnswer));
        }
    }

    fn push(&mut self, request: Request, outcome: Outcome) {
        let fault = broken(&request);
        let refused = match &outcome {
            Outcome::Answered(response) => response.status == 400,
            _ => true,
        };
        let outcome = match fault.filter(|_| refused) {
            Some((offset, problem)) => Outcome::Refused(HeadFault { offset, problem, status: 400 }),
            None => outcome,
        };
        let exchange = message::exchange(request, outcome, self.before);
        self.before = exchange.at;
        self.exchanges.push(exchange);
    }
}

fn broken(request: &Request) -> Option<(usize, HeadProblem)> {
    let head = request.head.as_deref()?;
    let lines = head.split(|byte| *byte == b'\n').map(unended).take_while(|line| !line.is_empty());
    head::broken(lines)
}

/// The body without what stands between messages: empty lines, separators (`###`, `=====`), the URL of the next one.
fn body(message: &Message<'_>) -> Vec<u8> {
    let announced = message.head.iter().filter_map(|line| head::field(line));
    let mut announced = announced.filter(|(name, _)| name.eq_ignore_ascii_case(b"content-length"));
    let length = announced.next_back().and_then(|(_, value)| std::str::from_utf8(&value).ok()?.parse::<usize>().ok());
    let (kept, rest) = message.body.split_at_checked(length.unwrap_or_default()).unwrap_or((message.body, b""));
    // The length that was announced holds if nothing but a separation follows it.
    if length.is_some() && rest.split(|byte| *byte == b'\n').all(separates) {
        return kept.to_vec();
    }
    let mut body = message.body;
    while let Some(last) = body.rsplit(|byte| *byte == b'\n').next().filter(|line| separates(line)) {
        let end = body.len().saturating_sub(last.len() + 1);
        if body.is_empty() {
            break;
        }
        body = body.get(..end).unwrap_or_default();
    }
    unended(body).to_vec()
}

/// An empty line, a row of signs, or a line with a request's method and URL.
fn separates(line: &[u8]) -> bool {
    let line = head::trim_blanks(line);
    let row = line.iter().all(|byte| b"#=-_*".contains(byte)) && line.len() != 1;
    let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).rev();
    let url =
        words.next().and_then(|word| std::str::from_utf8(word).ok()).is_some_and(|word| url::split(word).is_some());
    row || url && words.count() <= 2
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Scheme;

    fn text(exchange: &Exchange) -> String {
        let body = |body: &crate::model::Body| String::from_utf8_lossy(&body.bytes).into_owned();
        let answer = exchange.response().map_or(String::from("-"), |r| format!("{} {}", r.status, body(&r.body)));
        format!("{} {} [{}] {answer}", exchange.request.method, exchange.request.target, body(&exchange.request.body))
    }

    fn all(bytes: &[u8]) -> Vec<String> {
        read(bytes).iter().map(text).collect()
    }

    #[test]
    fn messages_in_a_row_are_paired() {
        let row = b"POST /oauth_token.do HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\na=1\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n\
                    HTTP/1.1 401 Unauthorized\r\nContent-Length: 7\r\n\r\n{\"a\":1}\n\n###\nGET /x HTTP/1.1\nHost: h\n\n\n=====\nHTTP/2 200\n\n{\n \"b\": 2\n}\n";
        assert_eq!(all(row), ["POST /oauth_token.do [a=1] 401 {\"a\":1}", "GET /x [] 200 {\n \"b\": 2\n}"]);
    }

    #[test]
    fn an_answer_alone_has_an_unseen_request() {
        let exchanges = read(b"\nHTTP/1.1 401 Unauthorized\nServer: snow_adc\n\n{\"error\":{}}");
        assert!(exchanges[0].request.unseen);
        assert_eq!(exchanges[0].response().unwrap().fields.text("server").unwrap(), "snow_adc");
    }

    #[test]
    fn a_request_alone_has_no_known_end() {
        let exchanges = read(b"GET /x HTTP/1.1\nHost: h\nAuthorization: Bearer abc");
        assert!(matches!(exchanges[0].outcome, Outcome::Abandoned(_)) && !exchanges[0].request.unseen);
    }

    #[test]
    fn a_broken_head_is_refused_at_its_byte() {
        let exchanges = read(b"GET / HTTP/1.1\nHost: h\nAuthorization Bearer abc\n");
        let Outcome::Refused(fault) = &exchanges[0].outcome else { panic!("refused") };
        assert_eq!(
            (fault.problem, fault.offset),
            (HeadProblem::NoColon, "GET / HTTP/1.1\r\nHost: h\r\nAuthorization".len())
        );
        let answered = read(b"GET / HTTP/1.1\nHost: h\nAuthorization Bearer abc\n\nHTTP/1.1 401 x\n\n");
        assert_eq!(answered[0].status(), Some(401));
    }

    #[test]
    fn the_raw_view_of_postman_shows_the_url_above() {
        let raw = "\u{25b6} POST http://h:8080/oauth_token.do\nPOST /oauth_token.do HTTP/1.1\nUser-Agent: PostmanRuntime/7.36.0\n \n\
                   a=1\n \nHTTP/1.1 401 Unauthorized\n \n{}\n\u{25b6} GET https://h/x\nGET /x HTTP/1.1\n\n\nHTTP/1.1 200 OK\n\n";
        let exchanges = read(raw.as_bytes());
        assert_eq!(all(raw.as_bytes()), ["POST /oauth_token.do [a=1] 401 {}", "GET /x [] 200 "]);
        assert_eq!(exchanges[0].request.origin(), "http://h:8080");
        assert_eq!((exchanges[1].request.scheme, exchanges[1].request.host.as_str()), (Scheme::Https, "h"));
    }

    #[test]
    fn chunked_bodies_are_joined() {
        assert_eq!(
            all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
            ["GET / [] 200 {}"]
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(parts in prop::collection::vec(prop::sample::select(vec![
            &b"GET / HTTP/1.1\n"[..], b"HTTP/1.1 401 x\r\n", b"\n", b"\r\n", b"Host: h\n", b" folded\n", b"###\n", b"\xff\xfe", b"https://h/\n",
            b"Content-Length: 5\n", b"Content-Length: 99999999999999999999\n", b"Transfer-Encoding: chunked\n", b"5\n", b"ffffffffffffffff\n", b":", b"0",
        ]), 0..40)) {
            let bytes = parts.concat();
            assert!(read(&bytes).len() <= bytes.len());
        }
    }
}

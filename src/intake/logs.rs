//! Logs of HTTP libraries, and messages that stand between prose: the plain messages that `raw` reads are put together from
//! them again.
//!
//! ```text
//! send: b'GET / HTTP/1.1\r\n…'  reply: '…'  header: …     Python's http.client
//! http-outgoing-0 >> "GET / HTTP/1.1[\r][\n]"             Apache HttpClient
//! --> GET https://h/   <-- 401 https://h/ (12ms)          OkHttp
//! 1 > GET https://h/   1 < 401                            Jersey
//! POST https://h/oauth_token.do … 401 Unauthorized …      somebody tells it
//! ```

mod prose;

pub(super) use prose::leave_open;

use crate::model::Exchange;

use super::{head, raw};

/// A form of log: gives plain messages, or nothing where the text is none of it.
type Form = fn(&str) -> Option<String>;

/// Whether the text is a log that is read here.
pub(super) fn is_log(text: &str) -> bool {
    found(text, &AS_SENT).or_else(|| found(text, &BEFORE_SENT)).is_some()
}

/// Whether the text shows a request and its answer between other words.
pub(super) fn is_prose(text: &str) -> bool {
    prose::messages(text).is_some()
}

/// The exchanges of a log; of prose, what is not shown of a request counts as unseen.
pub(super) fn read(text: &str) -> Vec<Exchange> {
    if let Some(messages) = found(text, &AS_SENT) {
        return raw::read(messages.as_bytes());
    }
    let Some(messages) = found(text, &BEFORE_SENT) else {
        return prose::messages(text).map(|messages| prose::read(&messages)).unwrap_or_default();
    };
    let mut exchanges = raw::read(messages.as_bytes());
    exchanges.iter_mut().for_each(|exchange| leave_open(&mut exchange.request));
    exchanges
}

/// Logs of the bytes themselves, and of requests to which the library may add fields after it has logged them.
const AS_SENT: [Form; 2] = [python, wire];
const BEFORE_SENT: [Form; 2] = [okhttp, jersey];

fn found(text: &str, forms: &[Form]) -> Option<String> {
    forms.iter().find_map(|form| form(text)).filter(|messages| raw::is_message(messages))
}

/// Puts lines together, so that each message begins on a line of its own.
#[derive(Default)]
struct Messages {
    text: String,
    in_head: bool,
}

impl Messages {
    fn begin(&mut self, line: &str) {
        self.end_head();
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        self.line(line);
        self.in_head = true;
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn end_head(&mut self) {
        if std::mem::take(&mut self.in_head) {
            self.text.push('\n');
        }
    }

    /// A line of a body, if a head has come before it.
    fn body(&mut self, line: &str) {
        self.end_head();
        if !self.text.is_empty() {
            self.line(line);
        }
    }

    fn some(self) -> Option<String> {
        Some(self.text).filter(|text| !text.is_empty())
    }
}

/// What `http.client` prints at debug level 1.
fn python(text: &str) -> Option<String> {
    let mut messages = Messages::default();
    for line in text.lines().map(str::trim) {
        if let Some(sent) = line.strip_prefix("send: b") {
            let sent = literal(sent);
            let begins = sent.lines().next().is_some_and(|line| head::request_line(line.as_bytes()).is_some());
            if begins && !messages.text.is_empty() {
                messages.end_head();
                messages.text.push('\n');
            }
            messages.text.push_str(&sent);
        } else if let Some(reply) = line.strip_prefix("reply: ") {
            messages.begin(literal(reply).trim_end());
        } else if let Some(field) = line.strip_prefix("header: ") {
            messages.line(field);
        } else if messages.in_head && line.starts_with(['{', '[', '<']) && !line.starts_with("<Response") {
            messages.body(line);
        }
    }
    messages.end_head();
    messages.some()
}

/// A string literal of Python without its prefix.
fn literal(text: &str) -> String {
    let inner = text.trim().trim_start_matches(['\'', '"']);
    let inner = inner.strip_suffix(['\'', '"']).unwrap_or(inner);
    let mut plain = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            plain.push(character);
            continue;
        }
        match characters.next() {
            Some('r') => plain.push('\r'),
            Some('n') => plain.push('\n'),
            Some('t') => plain.push('\t'),
            Some('x') => {
                let code: String = characters.by_ref().take(2).collect();
                plain.extend(u8::from_str_radix(&code, 16).map(char::from));
            }
            other => plain.extend(other),
        }
    }
    plain
}

/// Apache HttpClient's wire log, of versions 3 to 5.
fn wire(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut before = "";
    for line in text.lines() {
        let Some((direction, payload)) =
            [">> \"", "<< \""].iter().find_map(|arrow| Some((*arrow, line.split_once(arrow)?.1)))
        else {
            continue;
        };
        let payload = payload.trim_end().strip_suffix('"').unwrap_or(payload);
        if payload == "end of stream" {
            continue;
        }
        if direction != before && !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
        before = direction;
        let ended = payload.contains("[\\n]");
        out.push_str(&payload.replace("[\\r]", "").replace("[\\n]", ""));
        if ended {
            out.push('\n');
        }
    }
    Some(out).filter(|out| !out.is_empty())
}

/// OkHttp's logging interceptor at level HEADERS or BODY.
fn okhttp(text: &str) -> Option<String> {
    let arrow = text.lines().find_map(|line| line.find("--> ").or_else(|| line.find("<-- ")).map(|at| (line, at)));
    let (first, at) = arrow?;
    let prefix = first.get(..at)?;
    let mut messages = Messages::default();
    for line in text.lines() {
        let line = line.strip_prefix(prefix).unwrap_or(line);
        if let Some(sent) = line.strip_prefix("--> ") {
            let mut words = sent.split_whitespace();
            if let Some((method, url)) = words.next().zip(words.next()).filter(|(method, _)| *method != "END") {
                messages.begin(&format!("{method} {url} HTTP/1.1"));
            }
        } else if let Some(got) = line.strip_prefix("<-- ") {
            let status = got.split_whitespace().next().filter(|word| word.parse::<u16>().is_ok());
            if let Some(status) = status {
                messages.begin(&format!("HTTP/1.1 {status} "));
            }
        } else if line.is_empty() {
            messages.end_head();
        } else if !messages.in_head {
            messages.body(line);
        } else if messages.in_head {
            messages.line(line);
        }
    }
    messages.end_head();
    messages.some()
}

/// Jersey's logging filter: a number, an arrow, and the line.
fn jersey(text: &str) -> Option<String> {
    let mut messages = Messages::default();
    for line in text.lines() {
        let mut parts = line.trim_start().splitn(3, ' ');
        let (number, arrow, rest) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        let numbered = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        match (arrow, rest) {
            (Some(">"), Some(rest)) if numbered && begins(rest) => messages.begin(&format!("{rest} HTTP/1.1")),
            (Some("<"), Some(rest)) if numbered && rest.trim().parse::<u16>().is_ok() => {
                messages.begin(&format!("HTTP/1.1 {} ", rest.trim()));
            }
            (Some(">" | "<"), rest) if numbered && rest.is_none_or(str::is_empty) => messages.end_head(),
            (Some(">" | "<"), Some(rest)) if numbered && messages.in_head => messages.line(rest),
            _ if line.trim_start().starts_with(['{', '[', '<']) || form(line) => messages.body(line),
            _ => {}
        }
    }
    messages.end_head();
    messages.some()
}

/// A method and a URL.
fn begins(line: &str) -> bool {
    let (method, url) = line.split_once(' ').unwrap_or_default();
    method.len() >= 3 && method.bytes().all(|byte| byte.is_ascii_uppercase()) && super::url::split(url.trim()).is_some()
}

/// A line that is a form: pairs and no blanks.
fn form(line: &str) -> bool {
    let line = line.trim();
    line.contains('=') && !line.contains(char::is_whitespace) && !line.contains("://")
        || ["grant_type=", "client_id=", "client_secret="].iter().any(|name| line.starts_with(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Exchange {
        assert!(is_log(text), "{text}");
        let mut exchanges = read(text);
        assert_eq!(exchanges.len(), 1, "{text}");
        exchanges.remove(0)
    }

    fn told(exchange: &Exchange) -> String {
        let field = |name: &str| exchange.request.fields.text(name).map(|value| value.into_owned()).unwrap_or_default();
        let response = exchange.response().unwrap();
        let body = String::from_utf8_lossy(&response.body.bytes).into_owned();
        format!(
            "{} {}{} [{}] {} {} {body}",
            exchange.request.method,
            exchange.request.host,
            exchange.request.target,
            field("authorization"),
            response.status,
            response.fields.text("server").unwrap_or_default(),
        )
    }

    const WANT: &str = "GET h.example/x [Bearer null] 401 snow_adc {\"a\":1}";

    #[test]
    fn python_prints_what_it_sends_and_gets() {
        let log = "send: b'GET /x HTTP/1.1\\r\\nHost: h.example\\r\\nAuthorization: Bearer null\\r\\n\\r\\n'\nreply: 'HTTP/1.1 401 Unauthorized\\r\\n'\nheader: Server: snow_adc\nDEBUG:urllib3:x\n{\"a\":1}\n";
        assert_eq!(told(&one(log)), WANT);
        let posted = "send: b'POST /t HTTP/1.1\\r\\nHost: h\\r\\n\\r\\n'\nsend: b'a=\\x31'\nreply: \"HTTP/1.1 400 Bad\\r\\n\"\nheader: Server: s\n";
        assert_eq!(&one(posted).request.body.bytes[..], b"a=1");
    }

    #[test]
    fn apache_quotes_each_line() {
        let log = "12:00 DEBUG wire - http-outgoing-0 >> \"GET /x HTTP/1.1[\\r][\\n]\"\nx >> \"Host: h.example[\\r][\\n]\"\nx >> \"Authorization: Bearer null[\\r][\\n]\"\nx >> \"[\\r][\\n]\"\nx << \"HTTP/1.1 401 Unauthorized[\\r][\\n]\"\nx << \"Server: snow_adc[\\r][\\n]\"\nx << \"[\\r][\\n]\"\nx << \"{\"a\":1}\"\nx << \"end of stream\"\n";
        assert_eq!(told(&one(log)), WANT);
    }

    #[test]
    fn okhttp_draws_arrows() {
        let log = "D/OkHttp: --> GET https://h.example/x\nD/OkHttp: Authorization: Bearer null\nD/OkHttp: --> END GET\nD/OkHttp: <-- 401 Unauthorized https://h.example/x (12ms)\nD/OkHttp: Server: snow_adc\nD/OkHttp: \nD/OkHttp: {\"a\":1}\nD/OkHttp: <-- END HTTP (7-byte body)\n";
        assert_eq!(told(&one(log)), WANT);
    }

    #[test]
    fn jersey_numbers_its_messages() {
        let log = "INFO: 1 * Sending client request on thread main\n1 > GET https://h.example/x\n1 > Authorization: Bearer null\nINFO: 1 * Client response received\n1 < 401\n1 < Server: snow_adc\n1 < \n{\"a\":1}\n";
        assert_eq!(told(&one(log)), WANT);
    }

    #[test]
    fn other_texts_are_no_log() {
        for text in ["", "hello", "--> END", "1 > 2", "send: b''", "x >> \"\"", "GET the book"] {
            assert!(!is_log(text), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in "(send: b'|reply: |header: |--> GET https://h/|<-- 401|1 > |1 < 401|>> \"|\\[\\\\n\\]|GET /x HTTP/1.1|401 Unauthorized|\\{\"a\":1\\}|a=1|\n|\\\\x|é){0,40}") {
            assert!(read(&text).len() <= text.len());
        }
    }
}

//! A curl command and what it printed, pasted without `-v`: the request is what the command asks for, as far as the command
//! shows it. What a shell fills in, files that are not shown and sample text in the place of values count as hidden.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::intake::masked::HIDDEN;
use crate::intake::message::{self, Origin};
use crate::intake::{body, raw, url};
use crate::model::{Body, Exchange, Millis, Outcome, Request};
use crate::wire::template;

use super::command::{self, Command};

/// Whether the text shows a curl command.
pub fn is_asked(text: &str) -> bool {
    text.lines().any(|line| command::start(line).is_some())
}

/// The exchanges of all commands that are shown with their answer.
pub fn read(text: &str) -> Vec<Exchange> {
    let mut lines = text.lines();
    let mut asked: Vec<(Command, String)> = Vec::new();
    while let Some(line) = lines.next() {
        match (command::start(line), asked.last_mut()) {
            (Some(start), _) => asked.push((command::read(&command::whole(start, &mut lines)), String::new())),
            (None, Some((_, printed))) => {
                printed.push_str(super::without_meter(line).unwrap_or_default());
                printed.push('\n');
            }
            (None, None) => {}
        }
    }
    let mut before = Millis::UNKNOWN;
    let exchanges = asked.iter().filter_map(|(command, printed)| {
        let exchange = message::exchange(request(command)?, answer(printed.trim())?, before);
        before = exchange.at;
        Some(exchange)
    });
    exchanges.collect()
}

/// What was printed: with `-i` an answer with its head, else a body whose status it forces itself.
fn answer(printed: &str) -> Option<Outcome> {
    let head = printed.lines().position(|line| line.starts_with("HTTP/"));
    if let Some(skipped) = head {
        let text: String = printed.split_inclusive('\n').skip(skipped).collect();
        return raw::read(text.as_bytes()).pop().map(|exchange| exchange.outcome);
    }
    let mut exchange = body::read(printed)?;
    if let Outcome::Answered(answer) = &mut exchange.outcome {
        match answer.reason.is_empty() {
            true => {}
            false if is_success(printed) => (answer.status, answer.reason) = (200, String::from("OK")),
            false => return None,
        }
    }
    Some(exchange.outcome)
}

/// The members that ServiceNow's answers to what succeeded begin with.
fn is_success(body: &str) -> bool {
    let json: Option<serde_json::Value> = serde_json::from_str(body).ok();
    json.is_some_and(|json| json.get("result").is_some() || json.get("access_token").is_some())
}

fn request(command: &Command) -> Option<Request> {
    let content = content(command);
    let as_body = !command.as_query && (content.is_some() || command.by_file);
    let place = place(command, content.as_deref().filter(|_| command.as_query))?;
    let method = command.method.clone().unwrap_or_else(|| {
        String::from(if command.as_head {
            "HEAD"
        } else if as_body {
            "POST"
        } else {
            "GET"
        })
    });
    let fields = fields(command, &place, as_body);
    let lines = [format!("{method} {place} HTTP/1.1")].into_iter().chain(fields);
    let lines: Vec<Vec<u8>> = lines.map(String::into_bytes).collect();
    let mut request = message::request(&lines, Vec::new(), &Origin::default())?;
    // The head is put together here: it is no evidence of white space or order.
    request.head = None;
    if as_body {
        let shown = content.filter(|_| !command.by_file);
        // What a file gives has some length that nobody knows.
        request.body = shown.map_or(Body { length: 1, ..Body::default() }, |content| Body::whole(content.into_bytes()));
        request.unseen = message::hides_form(&request);
    }
    Some(request)
}

/// The URL as curl takes it: without a scheme it is http (curl(1), "URL"). A host that a shell fills in stays a host.
fn place(command: &Command, query: Option<&str>) -> Option<String> {
    let given = command.url.as_deref()?.replace(HIDDEN, "hidden");
    let mut place = if given.contains("://") { given } else { format!("http://{given}") };
    if let Some(query) = query {
        place.push(if place.contains('?') { '&' } else { '?' });
        place.push_str(query);
    }
    let readable = url::split(&place).is_some() && !place.contains(char::is_whitespace);
    readable.then_some(place)
}

/// What the command sends as its body, or with `-G` in the query.
fn content(command: &Command) -> Option<String> {
    if !command.parts.is_empty() {
        return Some(multipart(&command.parts));
    }
    if command.pieces.is_empty() {
        return None;
    }
    let data = command.pieces.join(command.between());
    if data.trim_start().starts_with(['{', '[', '<']) {
        return Some(data);
    }
    let pairs = data.split('&').map(|pair| match pair.split_once('=') {
        Some((name, value)) if is_hidden(value) => format!("{name}={HIDDEN}"),
        _ => pair.to_owned(),
    });
    Some(pairs.collect::<Vec<_>>().join("&"))
}

const BOUNDARY: &str = "------------------------why401";

fn multipart(parts: &[String]) -> String {
    let part = |part: &String| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{}\r\n", shown(value))
    };
    parts.iter().map(part).collect::<String>() + &format!("--{BOUNDARY}--\r\n")
}

/// The field lines that curl sends for the command.
fn fields(command: &Command, place: &str, as_body: bool) -> Vec<String> {
    let custom = |name: &str| command.fields.iter().any(|field| name_of(field).eq_ignore_ascii_case(name));
    let kind = match () {
        () if !command.parts.is_empty() => format!("multipart/form-data; boundary={BOUNDARY}"),
        () if command.as_json => String::from("application/json"),
        () => String::from("application/x-www-form-urlencoded"),
    };
    let host = url::split(place)
        .map(|url| if url.port == url.scheme.default_port() { url.host } else { format!("{}:{}", url.host, url.port) });
    let made = [
        ("Host", host),
        ("Authorization", authorization(command)),
        ("User-Agent", Some(command.agent.clone().unwrap_or_else(|| String::from("curl")))),
        ("Accept", Some(String::from(if command.as_json { "application/json" } else { "*/*" }))),
        ("Cookie", command.cookies.clone()),
        ("Referer", command.referer.clone()),
        ("Content-Type", Some(kind).filter(|_| as_body)),
    ];
    let made = made.into_iter().filter(|(name, _)| !custom(name));
    let made = made.filter_map(|(name, value)| Some(format!("{name}: {}", value?)));
    made.chain(command.fields.iter().filter_map(|field| given(field))).collect()
}

fn name_of(field: &str) -> &str {
    field.split([':', ';']).next().unwrap_or_default().trim()
}

/// A field of `-H`: `Name: value`, `Name;` for an empty one; `Name:` takes away one of curl's own (curl(1)).
fn given(field: &str) -> Option<String> {
    let Some((name, value)) = field.split_once(':') else {
        return field.strip_suffix(';').map(|name| format!("{name}:"));
    };
    if value.trim().is_empty() {
        return None;
    }
    let (scheme, rest) = value.trim().split_once(' ').unwrap_or(("", value.trim()));
    let scheme = if is_hidden(scheme) { "" } else { scheme };
    let value =
        if is_hidden(rest) { format!("{scheme} {HIDDEN}").trim_start().to_owned() } else { value.trim().to_owned() };
    Some(format!("{name}: {value}"))
}

/// What `-u` and its kin become.
fn authorization(command: &Command) -> Option<String> {
    if let Some(token) = &command.bearer {
        return Some(format!("Bearer {}", shown(token)));
    }
    match (&command.user, command.scheme) {
        (Some(_), Some(scheme)) => Some(format!("{scheme} {HIDDEN}")),
        // Without a colon curl asks for the password.
        (Some(user), None) if is_hidden(user) || !user.contains(':') => Some(format!("Basic {HIDDEN}")),
        (Some(user), None) => Some(format!("Basic {}", STANDARD.encode(user))),
        (None, _) => command.by_settings.then(|| String::from(HIDDEN)),
    }
}

fn shown(value: &str) -> &str {
    if is_hidden(value) { HIDDEN } else { value }
}

/// Filled in by the shell, or sample text that whoever pasted the command may have put there. `$TOKEN` stands in a word
/// only where single quotes kept the shell from it: then it is what was sent.
fn is_hidden(value: &str) -> bool {
    let sample = template::placeholder(value).and_then(|span| value.get(span));
    value.contains(HIDDEN) || sample.is_some_and(|sample| !sample.starts_with('$'))
}

#[cfg(test)]
#[path = "asked_tests.rs"]
mod tests;

//! What `curl -v`, `--trace-ascii` and `--trace` print, as people paste it: several requests, bodies in between, failures.

pub mod asked;
mod command;
mod connection;
mod session;
#[cfg(test)]
mod tests;
mod trace;
mod words;

use crate::model::Exchange;

use session::Session;

/// The exchanges of a transcript, in order; numbered by the caller. Total: what is not understood is passed over.
pub fn read(text: &str) -> Vec<Exchange> {
    let mut session = Session::default();
    if trace::is_trace(text) {
        trace::read(text, &mut session);
    } else {
        verbose(text, &mut session);
    }
    session.finish()
}

/// Whether the text is such a transcript.
pub fn is_transcript(text: &str) -> bool {
    if trace::is_trace(text) {
        return true;
    }
    let mut sent = false;
    text.lines().map(without_time).any(|line| {
        let line = line.trim_end();
        let out = line.strip_prefix("> ").is_some_and(|line| super::head::request_line(line.as_bytes()).is_some());
        let back = line.strip_prefix("< ").is_some_and(|line| super::head::status_line(line.as_bytes()).is_some());
        let talk = line.strip_prefix("* ").is_some_and(connection::is_talk);
        sent |= out;
        sent || back || talk || error(line).is_some()
    })
}

/// Reads the form of `-v`: `>` sent, `<` received, `*` curl's own words, `{` and `}` lengths, and bodies as they are.
fn verbose(text: &str, session: &mut Session) {
    let mut lines = text.lines().filter_map(without_meter).map(without_time);
    while let Some(line) = lines.next() {
        if let Some(start) = command::start(line) {
            session.command(&command::whole(start, &mut lines));
        } else {
            verbose_line(line, session);
        }
    }
}

fn verbose_line(line: &str, session: &mut Session) {
    let line = line.strip_suffix('\r').unwrap_or(line);
    let is_length = |line: &str| line.contains("bytes data]");
    match (line.get(..1), line.get(1..)) {
        (Some(">"), Some(rest)) if session.sends(rest) => {
            session.sent_line(rest.strip_prefix(' ').unwrap_or(rest).as_bytes())
        }
        (Some("<"), Some(rest)) if session.receives(rest) => {
            session.received_line(rest.strip_prefix(' ').unwrap_or(rest).as_bytes());
        }
        (Some("*"), Some(rest)) if rest.starts_with(' ') => session.says(rest.trim()),
        (Some("{" | "}"), Some(rest)) if is_length(rest) => {}
        _ => match error(line) {
            Some((code, text)) => session.failed(code, text),
            None => {
                // Without a line feed at its end a body runs into curl's next words.
                let (body, talk) = connection::split_talk(line);
                session.received_text(body.as_bytes(), talk.is_none());
                if let Some(talk) = talk {
                    session.says(talk);
                }
            }
        },
    }
}

/// `curl: (60) SSL certificate problem: …`
fn error(line: &str) -> Option<(u16, &str)> {
    let (code, text) = line.trim_start().strip_prefix("curl: (")?.split_once(')')?;
    Some((code.parse().ok()?, text.trim()))
}

/// The line without the time in front that `--trace-time` writes.
fn without_time(line: &str) -> &str {
    let is_time = |time: &str| {
        time.len() >= 8
            && time.split(':').count() == 3
            && time.bytes().all(|byte| byte.is_ascii_digit() || b":.".contains(&byte))
    };
    line.split_once(' ').filter(|(time, _)| is_time(time)).map_or(line, |(_, rest)| rest)
}

/// The line without the progress meter that shares it by carriage returns; curl's words may follow the meter directly.
/// `None` where the meter is all there is.
fn without_meter(line: &str) -> Option<&str> {
    let is_meter = |part: &str| part.contains("--:--:--") || part.contains("Dload") || part.contains("% Total");
    let line = line.strip_suffix('\r').unwrap_or(line);
    let part = line.rsplit('\r').find(|part| !part.is_empty()).unwrap_or_default();
    if is_meter(part) { part.find('*').and_then(|at| part.get(at..)) } else { Some(part) }
}

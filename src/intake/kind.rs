//! What a recording is, decided from its first bytes.

use std::borrow::Cow;

use crate::model::{Exchange, Millis};

use super::LOOK;
use super::{body, console, curl, dump, logs, raw};

/// The kinds of recordings that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Har,
    Curl,
    /// A curl command and what it printed.
    Asked,
    Raw,
    Console,
    /// The same, as it copies itself.
    Copied,
    /// A log of an HTTP library, or messages between prose.
    Log,
    /// An error of one of Node's HTTP clients.
    Dump,
    Body,
}

/// Decides. The error says what it is instead, or what was expected, and the next step.
pub(super) fn of(start: &[u8]) -> Result<Kind, String> {
    if let Some(what) = FOREIGN.iter().find(|(magic, _)| start.starts_with(magic)).map(|(_, what)| *what) {
        return Err(what.to_owned());
    }
    let text = text(start);
    let text = text.trim_start();
    if text.is_empty() {
        return Err(String::from("is empty"));
    }
    if is_har(text) {
        return Ok(Kind::Har);
    }
    let beginning = text.as_bytes().get(..4096).unwrap_or(text.as_bytes());
    let shows = |sign: &str| memchr::memmem::find(beginning, sign.as_bytes()).is_some();
    if let Some((_, what)) = LOOKALIKES.iter().find(|(sign, _)| shows(sign)) {
        return Err((*what).to_owned());
    }
    // What begins like JSON or markup is the body of an answer, whatever it quotes.
    let bare = text.starts_with(['{', '[', '<']);
    let short = text.len() < LOOK;
    match () {
        () if !bare && logs::is_log(text) => Ok(Kind::Log),
        () if !bare && curl::is_transcript(text) => Ok(Kind::Curl),
        () if !bare && short && unanswered(text) && logs::is_prose(text) => Ok(Kind::Log),
        () if !bare && raw::is_message(text) => Ok(Kind::Raw),
        () if !bare && console::is_console(text) => Ok(Kind::Console),
        () if !bare && short && console::copied::is_copied(text) => Ok(Kind::Copied),
        // Postman's raw view has a line above its messages.
        () if !bare && text.lines().skip(1).take(3).any(raw::is_message) => Ok(Kind::Raw),
        () if !bare && curl::asked::is_asked(text) => Ok(Kind::Asked),
        () if short && dump::read(text).is_some() => Ok(Kind::Dump),
        () if !bare && short && logs::is_prose(text) => Ok(Kind::Log),
        () if body::read(text).is_some() => Ok(Kind::Body),
        () => Err(String::from(EXPECTED)),
    }
}

/// Read as plain messages the text shows no answer: it may stand there in words.
fn unanswered(text: &str) -> bool {
    !console::is_console(text) && raw::read(text.as_bytes()).iter().all(|exchange| exchange.response().is_none())
}

/// Reads what is no HAR.
pub(super) fn exchanges(kind: Kind, bytes: &[u8]) -> Result<Vec<Exchange>, (Option<usize>, String)> {
    let mut exchanges = match kind {
        Kind::Har => Vec::new(),
        Kind::Curl => curl::read(&text(bytes)),
        Kind::Asked => curl::asked::read(&text(bytes)),
        Kind::Raw if is_wide(bytes) => raw::read(text(bytes).as_bytes()),
        Kind::Raw => raw::read(bytes.strip_prefix(BOM).unwrap_or(bytes)),
        Kind::Console => console::read(&text(bytes)),
        Kind::Copied => console::copied::read(&text(bytes)),
        Kind::Log => logs::read(&text(bytes)),
        Kind::Dump => dump::read(&text(bytes)).into_iter().collect(),
        Kind::Body => body::read(&text(bytes)).into_iter().collect(),
    };
    if exchanges.is_empty() {
        let what = if kind == Kind::Asked { UNANSWERED } else { EXPECTED };
        return Err((Some(1), String::from(what)));
    }
    date_the_first(&mut exchanges);
    exchanges.iter_mut().zip(1..).for_each(|(exchange, id)| exchange.id = id);
    Ok(exchanges)
}

/// Exchanges before the first that shows a time get that one's: an age since 1970 would be a lie.
fn date_the_first(exchanges: &mut [Exchange]) {
    let first = exchanges.iter().map(|exchange| exchange.at).find(|at| *at != Millis::UNKNOWN);
    let undated = exchanges.iter_mut().take_while(|exchange| exchange.at == Millis::UNKNOWN);
    undated.for_each(|exchange| exchange.at = first.unwrap_or_default());
}

const EXPECTED: &str = "is no recording that why401 knows: give it a HAR 1.2 file, what `curl -v` printed, a curl \
                        command with its answer, a raw HTTP request or answer, the log of an HTTP library, or the text of an error";

const UNANSWERED: &str = "shows a curl command and not the answer: run it again with `-v`, and give why401 the command and \
                          all that it prints";

const PACKETS: &str =
    "is a packet capture, in which TLS is encrypted: record a HAR in the client, or run why401 as the proxy";

/// Files of other tools that hold exchanges, in forms that are not read here.
const FOREIGN: &[(&[u8], &str)] = &[
    (b"PK\x03\x04", "is a zip archive (Fiddler's SAZ is one): export the session as HTTPArchive 1.2 (HAR) instead"),
    (b"\x1f\x8b", "is gzip-compressed: unpack it first (`gunzip -c FILE | why401 analyze -`)"),
    (b"\x0a\x0d\x0d\x0a", PACKETS),
    (b"\xd4\xc3\xb2\xa1", PACKETS),
    (b"\xa1\xb2\xc3\xd4", PACKETS),
];

/// Signs of texts that look like recordings and are none.
const LOOKALIKES: &[(&str, &str)] = &[
    ("\"schema\":\"why401.", "is what why401 said of a recording: give it the recording itself"),
    (
        "schema.getpostman.com",
        "is a Postman collection, which holds requests and not what passed: run it with `why401 exec -- newman run FILE`",
    ),
    ("<items burpVersion", "is Burp's XML: save the messages themselves (copy them as text), or a HAR"),
    ("4:type;4:http;", "is a flow file of mitmproxy: turn it into a HAR (`mitmdump -nr FILE --set hardump=out.har`)"),
];

/// The byte order mark of UTF-8.
const BOM: &[u8] = &[0xEF, 0xBB, 0xBF];

fn is_har(text: &str) -> bool {
    let Some(members) = text.strip_prefix('{') else { return false };
    let value = |name: &str| {
        let rest = members.get(members.find(name)? + name.len()..)?;
        rest.trim_start().strip_prefix(':').map(str::trim_start)
    };
    let log = value("\"log\"").is_some_and(|log| log.starts_with('{'));
    log && (members.trim_start().starts_with("\"log\"") || value("\"entries\"").is_some())
}

/// UTF-16, by its byte order mark: what PowerShell's `>` writes.
pub(super) fn is_wide(bytes: &[u8]) -> bool {
    matches!(bytes, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..])
}

/// The bytes as text: without a byte order mark, UTF-16 decoded, other bytes replaced.
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    let wide = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = rest.chunks_exact(2).filter_map(|pair| pair.try_into().ok()).map(unit).collect();
        Cow::Owned(String::from_utf16_lossy(&units))
    };
    match bytes {
        [0xFF, 0xFE, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => wide(rest, u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes.strip_prefix(BOM).unwrap_or(bytes)),
    }
}

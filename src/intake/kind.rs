//! What a recording is, decided from its first bytes.

use std::borrow::Cow;

use crate::model::Exchange;

use super::curl;

/// The kinds of recordings that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Har,
    Curl,
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
    if curl::is_transcript(text) {
        return Ok(Kind::Curl);
    }
    Err(String::from(EXPECTED))
}

/// Reads what is no HAR.
pub(super) fn exchanges(bytes: &[u8]) -> Result<Vec<Exchange>, (Option<usize>, String)> {
    let text = text(bytes);
    let mut exchanges = match of(bytes).map_err(|what| (None, what))? {
        Kind::Har => Vec::new(),
        Kind::Curl => curl::read(&text),
    };
    if exchanges.is_empty() {
        return Err((Some(1), String::from(EXPECTED)));
    }
    exchanges.iter_mut().zip(1..).for_each(|(exchange, id)| exchange.id = id);
    Ok(exchanges)
}

const EXPECTED: &str = "is no recording that why401 knows: give it a HAR 1.2 file, what `curl -v` printed, a raw HTTP \
                        request or answer, or the body of an error";

/// Files of other tools that hold exchanges, in forms that are not read here.
const FOREIGN: &[(&[u8], &str)] = &[
    (b"PK\x03\x04", "is a zip archive (Fiddler's SAZ is one): export the session as HTTPArchive 1.2 (HAR) instead"),
    (b"\x1f\x8b", "is gzip-compressed: unpack it first (`gunzip -c FILE | why401 analyze -`)"),
    (
        b"\x0a\x0d\x0d\x0a",
        "is a packet capture, in which TLS is encrypted: record a HAR in the client, or run why401 as the proxy",
    ),
    (
        b"\xd4\xc3\xb2\xa1",
        "is a packet capture, in which TLS is encrypted: record a HAR in the client, or run why401 as the proxy",
    ),
    (
        b"\xa1\xb2\xc3\xd4",
        "is a packet capture, in which TLS is encrypted: record a HAR in the client, or run why401 as the proxy",
    ),
];

fn is_har(text: &str) -> bool {
    let Some(members) = text.strip_prefix('{') else { return false };
    let key = |name: &str| members.find(name).is_some_and(|at| members.get(at + name.len()..).is_some_and(colon));
    members.trim_start().starts_with("\"log\"") || key("\"log\"") && key("\"entries\"")
}

fn colon(rest: &str) -> bool {
    rest.trim_start().starts_with(':')
}

/// The bytes as text: without a byte order mark, UTF-16 decoded (PowerShell's `>` writes it), other bytes replaced.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    let wide = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = rest.chunks_exact(2).filter_map(|pair| pair.try_into().ok()).map(unit).collect();
        Cow::Owned(String::from_utf16_lossy(&units))
    };
    match bytes {
        [0xFF, 0xFE, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest),
        _ => String::from_utf8_lossy(bytes),
    }
}

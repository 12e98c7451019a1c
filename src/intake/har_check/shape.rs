//! What the format says: which members there are, which must be there, and of what type (HAR 1.2; the rules that the
//! public schemas enforce).

use std::net::IpAddr;

use serde_json::Value;

use super::Flaws;
use crate::wire::date;

/// What a member must be.
#[derive(Clone, Copy)]
enum Type {
    Text,
    Truth,
    /// A number, not negative.
    Number,
    /// A number of milliseconds, or -1.
    Phase,
    /// A whole number, or -1.
    Size,
    /// A whole number, not negative.
    Whole,
    /// ISO 8601 with a zone.
    Time,
    /// As `Time`, or nothing.
    TimeOrNull,
    /// An absolute URI.
    Uri,
    /// An IPv4 or IPv6 address, bare.
    Address,
    Object(&'static [Member]),
    List(&'static [Member]),
    /// Something that is not looked into.
    Any,
}

/// A member of an object.
struct Member {
    name: &'static str,
    required: bool,
    is: Type,
}

const fn must(name: &'static str, is: Type) -> Member {
    Member { name, required: true, is }
}

const fn may(name: &'static str, is: Type) -> Member {
    Member { name, required: false, is }
}

const LOG: &[Member] = &[
    must("version", Type::Text),
    must("creator", Type::Object(PROGRAM)),
    may("browser", Type::Object(PROGRAM)),
    may("pages", Type::List(PAGE)),
    must("entries", Type::List(&[])),
    may("comment", Type::Text),
];

const PROGRAM: &[Member] = &[must("name", Type::Text), must("version", Type::Text), may("comment", Type::Text)];

const PAGE: &[Member] = &[
    must("startedDateTime", Type::Time),
    must("id", Type::Text),
    must("title", Type::Text),
    must("pageTimings", Type::Any),
    may("comment", Type::Text),
];

const ENTRY: &[Member] = &[
    may("pageref", Type::Text),
    must("startedDateTime", Type::Time),
    must("time", Type::Number),
    must("request", Type::Object(REQUEST)),
    must("response", Type::Object(RESPONSE)),
    must("cache", Type::Object(CACHE)),
    must("timings", Type::Object(TIMINGS)),
    may("serverIPAddress", Type::Address),
    may("connection", Type::Text),
    may("comment", Type::Text),
];

const REQUEST: &[Member] = &[
    must("method", Type::Text),
    must("url", Type::Uri),
    must("httpVersion", Type::Text),
    must("cookies", Type::List(COOKIE)),
    must("headers", Type::List(PAIR)),
    must("queryString", Type::List(PAIR)),
    may("postData", Type::Object(POST_DATA)),
    must("headersSize", Type::Size),
    must("bodySize", Type::Size),
    may("comment", Type::Text),
];

const RESPONSE: &[Member] = &[
    must("status", Type::Whole),
    must("statusText", Type::Text),
    must("httpVersion", Type::Text),
    must("cookies", Type::List(COOKIE)),
    must("headers", Type::List(PAIR)),
    must("content", Type::Object(CONTENT)),
    must("redirectURL", Type::Text),
    must("headersSize", Type::Size),
    must("bodySize", Type::Size),
    may("comment", Type::Text),
];

const PAIR: &[Member] = &[must("name", Type::Text), must("value", Type::Text), may("comment", Type::Text)];

const COOKIE: &[Member] = &[
    must("name", Type::Text),
    must("value", Type::Text),
    may("path", Type::Text),
    may("domain", Type::Text),
    may("expires", Type::TimeOrNull),
    may("httpOnly", Type::Truth),
    may("secure", Type::Truth),
    may("sameSite", Type::Text),
    may("comment", Type::Text),
];

const POST_DATA: &[Member] = &[
    must("mimeType", Type::Text),
    may("text", Type::Text),
    may("params", Type::List(PARAMETER)),
    may("comment", Type::Text),
];

const PARAMETER: &[Member] = &[
    must("name", Type::Text),
    may("value", Type::Text),
    may("fileName", Type::Text),
    may("contentType", Type::Text),
    may("comment", Type::Text),
];

const CONTENT: &[Member] = &[
    must("size", Type::Size),
    must("mimeType", Type::Text),
    may("compression", Type::Any),
    may("text", Type::Text),
    may("encoding", Type::Text),
    may("comment", Type::Text),
];

const CACHE: &[Member] = &[may("beforeRequest", Type::Any), may("afterRequest", Type::Any), may("comment", Type::Text)];

const TIMINGS: &[Member] = &[
    may("blocked", Type::Phase),
    may("dns", Type::Phase),
    may("connect", Type::Phase),
    must("send", Type::Phase),
    must("wait", Type::Phase),
    must("receive", Type::Phase),
    may("ssl", Type::Phase),
    may("comment", Type::Text),
];

/// A member of `log` other than the list of entries.
pub(super) fn log_member(name: &str, text: &[u8], flaws: &mut Flaws<'_>) {
    let place = format!("log.{}", shown(name));
    let value: Value = match serde_json::from_slice(text) {
        Ok(value) => value,
        Err(error) => return flaws.fault(place, format!("is not JSON: {error}")),
    };
    match LOG.iter().find(|member| member.name == name) {
        Some(member) => of_type(&value, member.is, &place, flaws),
        None => unknown(name, "log", flaws),
    }
    if name == "version" && !matches!(value.as_str(), Some("1.2") | None) {
        flaws.note(place, "expected \"1.2\"");
    }
}

/// An entry, whole.
pub(super) fn entry(entry: &Value, place: &str, flaws: &mut Flaws<'_>) {
    of_type(entry, Type::Object(ENTRY), place, flaws);
}

fn object(value: &Value, members: &[Member], place: &str, flaws: &mut Flaws<'_>) {
    let Some(object) = value.as_object() else { return wrong("an object", value, place, flaws) };
    for member in members {
        let place = format!("{place}.{}", member.name);
        match object.get(member.name) {
            Some(value) => of_type(value, member.is, &place, flaws),
            None if member.required => flaws.fault(place, "is missing"),
            None => {}
        }
    }
    // Names are told only where the members are known.
    for name in object.keys().filter(|_| !members.is_empty()) {
        if !members.iter().any(|member| member.name == name) {
            unknown(name, place, flaws);
        }
    }
}

fn unknown(name: &str, place: &str, flaws: &mut Flaws<'_>) {
    if !name.starts_with('_') {
        flaws.note(format!("{place}.{}", shown(name)), "is no member of HAR 1.2; own members start with `_`");
    }
}

/// A name from the file, fit to be shown.
fn shown(name: &str) -> String {
    name.chars().take(40).collect::<String>().escape_debug().to_string()
}

fn of_type(value: &Value, is: Type, place: &str, flaws: &mut Flaws<'_>) {
    let text = || value.as_str();
    let number = || value.as_f64();
    match is {
        Type::Any => {}
        Type::Object(members) => object(value, members, place, flaws),
        Type::List(members) => match value.as_array() {
            Some(items) => items.iter().enumerate().for_each(|(at, item)| {
                object(item, members, &format!("{place}[{at}]"), flaws);
            }),
            None => wrong("a list", value, place, flaws),
        },
        Type::Text if text().is_none() => wrong("a text", value, place, flaws),
        Type::Truth if !value.is_boolean() => wrong("true or false", value, place, flaws),
        Type::Number if number().is_none_or(|number| number < 0.0) => {
            wrong("a number that is not negative", value, place, flaws);
        }
        Type::Phase if number().is_none_or(|number| number < 0.0 && number != -1.0) => {
            wrong("milliseconds, or -1 where the phase did not happen", value, place, flaws);
        }
        Type::Size if value.as_i64().is_none_or(|number| number < -1) => {
            wrong("a whole number, or -1 where it is unknown", value, place, flaws);
        }
        Type::Whole if value.as_u64().is_none() => {
            wrong("a whole number (0 where there was no answer)", value, place, flaws);
        }
        Type::Time if text().and_then(date::parse_iso).is_none() => {
            wrong("a time of ISO 8601 with its zone, as 2026-11-22T10:00:00.000Z", value, place, flaws);
        }
        Type::TimeOrNull if !value.is_null() && text().is_some_and(|text| !text.is_empty()) => {
            of_type(value, Type::Time, place, flaws);
        }
        Type::Uri => uri(value, place, flaws),
        Type::Address if text().is_some_and(|text| text.parse::<IpAddr>().is_ok()) => {}
        Type::Address => wrong("an IPv4 or IPv6 address without brackets or name", value, place, flaws),
        _ => {}
    }
}

/// RFC 3986 §2: what may stand in a URI. Anything else is written percent-encoded.
fn uri(value: &Value, place: &str, flaws: &mut Flaws<'_>) {
    let Some(text) = value.as_str() else { return wrong("an absolute URI", value, place, flaws) };
    let scheme = text.split_once(':').map(|(scheme, _)| scheme).unwrap_or_default();
    let absolute = scheme.starts_with(|first: char| first.is_ascii_alphabetic());
    if !absolute {
        return wrong("an absolute URI", value, place, flaws);
    }
    let illegal = |byte: u8| !byte.is_ascii_graphic() || b"\"<>\\^`{|}".contains(&byte);
    if let Some(at) = text.bytes().position(illegal) {
        return flaws.fault(place, format!("holds a character at byte {at} that a URI must percent-encode"));
    }
    let bytes = text.as_bytes();
    let bad = |at: usize| !bytes.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit));
    if let Some(at) = memchr::memchr_iter(b'%', bytes).find(|at| bad(*at)) {
        flaws.fault(place, format!("has a `%` at byte {at} without two hexadecimal digits behind it"));
    }
}

fn wrong(expected: &str, found: &Value, place: &str, flaws: &mut Flaws<'_>) {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.as_f64().is_some_and(|number| number < 0.0) => "a negative number",
        Value::Number(number) if number.is_f64() => "a number with decimals",
        Value::Number(_) => "a number",
        Value::String(text) if text.is_empty() => "an empty text",
        Value::String(_) => "another text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    flaws.fault(place, format!("expected {expected}; found {found}"));
}

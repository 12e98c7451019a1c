//! What readers rely on although no schema says it: lengths, sums, and places that say the same thing twice.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::Flaws;
use crate::wire::{form, template};

/// What a sum of rounded times may be off by, in milliseconds.
const ROUNDING_MS: f64 = 2.0;

/// An entry, whole. Members of another type than the format wants are none here: `shape` names them.
pub(super) fn entry(entry: &Value, place: &str, flaws: &mut Flaws<'_>) {
    timings(entry, place, flaws);
    if let Some(request) = entry.get("request") {
        let place = format!("{place}.request");
        query(request, &place, flaws);
        post_data(request, &place, flaws);
        cookies(request, "cookie", &place, flaws);
    }
    if let Some(response) = entry.get("response") {
        let place = format!("{place}.response");
        content(response, &place, flaws);
        cookies(response, "set-cookie", &place, flaws);
        no_answer(entry, response, &place, flaws);
    }
}

/// How many header fields carry a credential.
pub(super) fn credentials(entry: &Value) -> usize {
    const FIELDS: [&str; 6] =
        ["authorization", "proxy-authorization", "cookie", "set-cookie", "x-sn-apikey", "x-usertoken"];
    let secret = |header: &&Value| {
        let name = text(header, "name").unwrap_or_default().to_ascii_lowercase();
        FIELDS.contains(&name.as_str()) && text(header, "value").is_some_and(|value| !template::redacted(value))
    };
    let messages = ["request", "response"].into_iter().filter_map(|name| entry.get(name));
    messages.map(|message| list(message, "headers").iter().filter(secret).count()).sum()
}

fn number(object: &Value, name: &str) -> Option<f64> {
    object.get(name)?.as_f64()
}

fn text<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get(name)?.as_str()
}

fn list<'a>(object: &'a Value, name: &str) -> &'a [Value] {
    object.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn timings(entry: &Value, place: &str, flaws: &mut Flaws<'_>) {
    let Some(timings) = entry.get("timings").filter(|timings| timings.is_object()) else { return };
    let phase = |name: &str| number(timings, name).filter(|length| *length >= 0.0);
    // TLS is a part of the connecting (HAR 1.2, timings).
    if let Some(tls) = phase("ssl")
        && tls > phase("connect").unwrap_or(0.0) + ROUNDING_MS
    {
        flaws.fault(format!("{place}.timings.ssl"), "is longer than `connect`, which includes it");
    }
    let Some(time) = number(entry, "time").filter(|time| *time >= 0.0) else { return };
    let sum: f64 = ["blocked", "dns", "connect", "send", "wait", "receive"].into_iter().filter_map(phase).sum();
    if (time - sum).abs() > ROUNDING_MS.max(time * 0.01) {
        flaws.note(format!("{place}.time"), format!("is {time} ms; the phases add up to {sum} ms (without `ssl`)"));
    }
}

/// `queryString` repeats the query of `url`.
fn query(request: &Value, place: &str, flaws: &mut Flaws<'_>) {
    let (Some(url), Some(_)) = (text(request, "url"), request.get("queryString")) else { return };
    let query = url.split('#').next().and_then(|url| url.split_once('?')).map(|(_, query)| query).unwrap_or_default();
    let in_url = form::parse(query.as_bytes()).pairs.len();
    let listed = list(request, "queryString").len();
    if in_url != listed {
        let what = format!("lists {listed} parameters; the query of `url` has {in_url}");
        flaws.note(format!("{place}.queryString"), what);
    }
}

fn post_data(request: &Value, place: &str, flaws: &mut Flaws<'_>) {
    let Some(data) = request.get("postData") else { return };
    if text(data, "text").is_some_and(|text| !text.is_empty()) && !list(data, "params").is_empty() {
        flaws.note(format!("{place}.postData"), "has both `text` and `params`; the format wants one of them");
    }
}

/// `cookies` repeats the header fields.
fn cookies(message: &Value, field: &str, place: &str, flaws: &mut Flaws<'_>) {
    let (Some(_), Some(_)) = (message.get("cookies"), message.get("headers")) else { return };
    let named = |header: &&Value| text(header, "name").is_some_and(|name| name.eq_ignore_ascii_case(field));
    let values = list(message, "headers").iter().filter(named).filter_map(|header| text(header, "value"));
    let separator = if field == "cookie" { ';' } else { '\n' };
    let in_headers = values.flat_map(|value| value.split(separator)).filter(|pair| !pair.trim().is_empty()).count();
    let listed = list(message, "cookies").len();
    if in_headers != listed {
        let what = format!("lists {listed} cookies; the {field} headers hold {in_headers}");
        flaws.note(format!("{place}.cookies"), what);
    }
}

/// `content.size` is the length of the decoded body.
fn content(response: &Value, place: &str, flaws: &mut Flaws<'_>) {
    let Some(content) = response.get("content") else { return };
    let (Some(size), Some(text_)) = (content.get("size").and_then(Value::as_u64), text(content, "text")) else {
        return;
    };
    let length = match text(content, "encoding") {
        Some("base64") => match STANDARD.decode(text_) {
            Ok(bytes) => bytes.len(),
            Err(_) => return flaws.fault(format!("{place}.content.text"), "is no base64, as `encoding` says it is"),
        },
        Some(_) => return,
        None => text_.len(),
    };
    if length as u64 != size {
        flaws.note(format!("{place}.content.size"), format!("is {size}; `text` holds {length} bytes"));
    }
}

/// Without an answer, something should say why.
fn no_answer(entry: &Value, response: &Value, place: &str, flaws: &mut Flaws<'_>) {
    let silent = response.get("status").and_then(Value::as_u64) == Some(0);
    let said = |object: &Value| {
        ["_error", "comment"].iter().any(|name| text(object, name).is_some_and(|text| !text.is_empty()))
    };
    if silent && !said(entry) && !said(response) {
        flaws
            .note(format!("{place}.status"), "is 0, and neither `_error` nor `comment` says what stopped the exchange");
    }
}

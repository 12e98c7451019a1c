//! Values of a token request that arrive otherwise than they were meant: not encoded, with white space, never filled.

use super::super::super::facts::{Answer, Facts};
use super::{PARAMETERS, refused};
use crate::model::{Finding, Grade, Place};
use crate::wire::endpoint::Endpoint;
use crate::wire::form::Pair;
use crate::wire::template;

/// The pair before a stray one is where the value was cut.
fn cut_value(pairs: &[Pair], at: usize) -> Option<&Pair> {
    pairs.get(..at)?.iter().rev().find(|pair| PARAMETERS.contains(&pair.name.as_str()))
}

pub(super) fn not_encoded(facts: &Facts<'_>) -> Option<Finding> {
    let form = facts.reading.form.as_ref().filter(|_| refused(facts))?;
    for (at, pair) in form.pairs.iter().enumerate() {
        // `name=value` with a name like a parameter's may be one of an extension (RFC 6749 §3.2).
        let named = |byte: &u8| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'-' | b'.');
        let extension = !pair.bare && pair.name.len() >= 3 && pair.name.as_bytes().iter().all(named);
        let known = PARAMETERS.contains(&pair.name.trim()) || extension;
        let Some(cut) = cut_value(&form.pairs, at).filter(|_| !known) else { continue };
        if !matches!(
            cut.name.as_str(),
            "client_secret" | "password" | "username" | "code" | "assertion" | "refresh_token"
        ) {
            continue;
        }
        let because = format!(
            "Behind {} comes a piece that is no parameter: an & inside the value was not encoded and cut it.",
            cut.name
        );
        return Some(
            Finding::new("form-value-not-encoded", Grade::Proven, because)
                .weighing(24)
                .at(Place::Form(cut.name.clone()), "cut at an &"),
        );
    }
    let bad = form.pairs.iter().find(|pair| pair.bad_percent && PARAMETERS.contains(&pair.name.as_str()))?;
    let because = format!("{} holds a % that begins no percent-encoding: the value was not encoded.", bad.name);
    Some(
        Finding::new("form-value-not-encoded", Grade::Proven, because)
            .weighing(24)
            .at(Place::Form(bad.name.clone()), "a % alone"),
    )
}

/// A raw `+` in a secret or password arrives as a blank.
pub(super) fn plus_in_secret(facts: &Facts<'_>) -> Option<Finding> {
    let form = facts.reading.form.as_ref().filter(|_| refused(facts) && not_encoded(facts).is_none())?;
    let pair = form.pairs.iter().find(|pair| {
        let raw = facts.reading.sent.get(pair.raw_value.clone()).unwrap_or_default();
        matches!(pair.name.as_str(), "client_secret" | "password")
            && (raw.contains(&b'+') || raw.contains(&b' '))
            && !pair.value.trim().is_empty()
    })?;
    let raw = facts.reading.sent.get(pair.raw_value.clone()).unwrap_or_default();
    let rest_raw = raw.iter().any(|byte| {
        matches!(
            byte,
            b'<' | b'>'
                | b'^'
                | b'`'
                | b'{'
                | b'}'
                | b'['
                | b']'
                | b'"'
                | b';'
                | b','
                | b'('
                | b')'
                | b'#'
                | b'@'
                | b'!'
                | b'$'
        )
    });
    let encoded = raw.contains(&b'%');
    let weight = if rest_raw && !encoded { 76 } else { 52 };
    let because = format!("{} holds a + that was not encoded; a form reads it as a blank.", pair.name);
    Some(
        Finding::new("form-value-not-encoded", Grade::Likely, because)
            .weighing(weight)
            .at(Place::Form(pair.name.clone()), "a raw +"),
    )
}

/// Characters that encoders would have changed stand there as they are, or what was decoded is encoded still.
pub(super) fn encoding_in_doubt(facts: &Facts<'_>) -> Option<Finding> {
    let form = facts.reading.form.as_ref().filter(|_| refused(facts) && facts.inbound())?;
    let mut found = form.pairs.iter().filter(|pair| matches!(pair.name.as_str(), "client_secret" | "password"));
    let (pair, because, says) = found.find_map(|pair| {
        let raw = facts.reading.sent.get(pair.raw_value.clone()).unwrap_or_default();
        let twice =
            raw.windows(5).any(|part| part.starts_with(b"%25") && part.iter().skip(3).all(u8::is_ascii_hexdigit));
        let bare = raw.iter().any(|byte| b"#[]<>^`{}|\\\"".contains(byte)) && !raw.contains(&b'%');
        let because = match (twice, bare) {
            (true, _) => format!("{} holds percent-encodings after it was decoded: it was encoded twice.", pair.name),
            (_, true) => format!(
                "{} holds characters that an encoder would have changed: this client does not encode.",
                pair.name
            ),
            _ => return None,
        };
        Some((pair, because, if twice { "encoded twice" } else { "not encoded" }))
    })?;
    Some(
        Finding::new("form-value-not-encoded", Grade::Possible, because)
            .weighing(47)
            .at(Place::Form(pair.name.clone()), says),
    )
}

pub(super) fn whitespace(facts: &Facts<'_>) -> Option<Finding> {
    let form = facts.reading.form.as_ref().filter(|_| refused(facts))?;
    let pair = form.pairs.iter().find(|pair| {
        let key = pair.name != pair.name.trim() && PARAMETERS.contains(&pair.name.trim());
        let value =
            !pair.value.is_empty() && pair.value != pair.value.trim() && PARAMETERS.contains(&pair.name.as_str());
        let raw = facts.reading.sent.get(pair.raw_value.clone()).unwrap_or_default();
        let ends_in_plus = raw.ends_with(b"+") || raw.starts_with(b"+");
        key || value && !(ends_in_plus && matches!(pair.name.as_str(), "client_secret" | "password"))
    })?;
    let (what, name) = if pair.name == pair.name.trim() {
        ("The value of", pair.name.clone())
    } else {
        ("The key", pair.name.trim().to_owned())
    };
    let because = format!("{what} {name} begins or ends with white space; it is taken as part of it.");
    // A blank may belong to a password; nothing else may begin or end with one, and no password holds a line break.
    let chosen =
        matches!(pair.name.as_str(), "password" | "client_secret") && pair.value.trim_matches(' ') == pair.value.trim();
    let (grade, weight) = if chosen { (Grade::Likely, 85) } else { (Grade::Proven, 23) };
    Some(
        Finding::new("form-value-whitespace", grade, because)
            .weighing(weight)
            .at(Place::Form(pair.name.clone()), "white space at an end"),
    )
}

pub(super) fn placeholder(facts: &Facts<'_>) -> Option<Finding> {
    if !matches!(facts.reading.endpoint, Endpoint::Token | Endpoint::ProviderToken | Endpoint::Authorize)
        || facts.answer == Answer::Fine
    {
        return None;
    }
    let host = facts.host();
    if template::placeholder(host).is_some()
        || host.contains("%7b")
        || host.starts_with("your-instance")
        || host.starts_with("yourinstance")
    {
        let because = format!("The host {host} is text of a template.");
        return Some(
            Finding::new("placeholder-in-token-request", Grade::Proven, because)
                .weighing(29)
                .at(Place::RequestUrl, "never filled"),
        );
    }
    let params = facts.reading.params();
    let pair = params.pairs.iter().find(|pair| {
        let whole = 0..pair.value.len();
        let template = match pair.name.as_str() {
            "scope" => None,
            "grant_type" | "username" => template::placeholder_for_name(&pair.value),
            "password" => template::placeholder_for_name(&pair.value).filter(|span| *span == whole),
            "client_secret" => template::placeholder(&pair.value).filter(|span| *span == whole),
            _ => template::placeholder(&pair.value),
        };
        let null = pair.name != "scope" && template::literal_null(pair.value.trim());
        PARAMETERS.contains(&pair.name.as_str()) && (null || template.is_some())
    })?;
    let because = format!(
        "{} was sent as {}: the variable was never filled.",
        pair.name,
        if pair.value.len() <= 40 { &pair.value } else { "a template" }
    );
    Some(
        Finding::new("placeholder-in-token-request", Grade::Proven, because)
            .weighing(29)
            .at(facts.param_place(&pair.name), "text of a template"),
    )
}

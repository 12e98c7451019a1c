//! Faults of a Bearer value that the bytes alone show (RFC 6750 §2.1; knowledge A4–A10, A16, A23).

use std::ops::Range;

use super::{Facts, Rule};
use crate::model::{Finding, Grade, Place};
use crate::wire::authorization::{Authorization, SchemeKind};
use crate::wire::bearer::{BearerFault, BearerFaultKind};
use crate::wire::template;

pub const RULES: &[Rule] = &[missing_space, credentials_fault, no_scheme_at_all, extra_space, lower_case];

fn place() -> Place {
    Place::request_field("authorization")
}

/// The value and its parts, where a refusal may be its fault.
pub fn refused_value<'a>(facts: &'a Facts<'_>) -> Option<(&'a [u8], &'a Authorization)> {
    let (value, parts) = facts.reading.authorization.as_ref()?;
    let refused = facts.not_authenticated() || facts.answer == super::super::facts::Answer::OtherRefusal;
    (refused && !facts.token_endpoint() && !facts.reading.redacted).then_some((*value, parts))
}

fn missing_space(facts: &Facts<'_>) -> Option<Finding> {
    let (value, parts) = refused_value(facts)?;
    if parts.kind != SchemeKind::BearerRunOn {
        return None;
    }
    let rest = String::from_utf8_lossy(value.get(6..)?).into_owned();
    if template::placeholder(&rest).is_some() {
        let because = "No blank after Bearer, and an unresolved variable behind it.";
        return Some(Finding::new("bearer-missing-space", Grade::Proven, because).at_span(
            place(),
            0..6,
            "Bearer, run on",
        ));
    }
    let because = "The token follows Bearer without a blank, so the value names a scheme that does not exist.";
    Some(Finding::new("bearer-missing-space", Grade::Proven, because).weighing(5).at_span(
        place(),
        5..7,
        "a blank is missing here",
    ))
}

fn credentials_fault(facts: &Facts<'_>) -> Option<Finding> {
    let (value, parts) = refused_value(facts)?;
    if parts.kind != SchemeKind::Bearer {
        return None;
    }
    let credentials = parts.credentials_of(value);
    let fault = facts.token_faults(credentials).into_iter().next()?;
    finding(&fault, credentials, parts.credentials.start)
}

/// What each fault is called and how it is said.
fn finding(fault: &BearerFault, credentials: &[u8], start: usize) -> Option<Finding> {
    let span = start + fault.span.start..start + fault.span.end;
    let text = String::from_utf8_lossy(credentials.get(fault.span.clone()).unwrap_or_default()).into_owned();
    let (cause, because, says) = match fault.kind {
        BearerFaultKind::Empty => {
            return Some(
                Finding::new(
                    "bearer-empty",
                    Grade::Proven,
                    "Nothing follows Bearer: the token was empty when the request was built.",
                )
                .at_span(place(), 0..start.max(6), "the value ends here"),
            );
        }
        BearerFaultKind::Doubled => (
            "bearer-doubled",
            format!(
                "After Bearer comes {text} once more: the tool adds the prefix itself, and the token was pasted with one."
            ),
            "a second scheme",
        ),
        BearerFaultKind::NameOrPunctuation => (
            "bearer-colon",
            format!("Between Bearer and the token stands {text:?}, which is no part of a token."),
            "this does not belong here",
        ),
        BearerFaultKind::Placeholder => (
            "token-placeholder",
            format!("{text} was sent as the token: the variable was never filled."),
            "text of a template, sent as it is",
        ),
        BearerFaultKind::LiteralNull => (
            "token-literal-null",
            format!("The word {text} was sent as the token: the program had no token when it built the request."),
            "a word for nothing",
        ),
        BearerFaultKind::Quoted => (
            "token-quoted",
            "Quotes or brackets surround the token; they were sent as part of it.".to_owned(),
            "a quote or bracket",
        ),
        BearerFaultKind::IllegalCharacter(byte) => (
            "token-illegal-character",
            format!("Inside the token stands {}, which no token can hold.", name_of(byte, &text)),
            "this byte",
        ),
        BearerFaultKind::PercentEncoded => (
            "token-percent-encoded",
            "The token was percent-encoded as if for a URL; a header wants it as it was issued.".to_owned(),
            "an encoded byte",
        ),
    };
    Some(Finding::new(cause, Grade::Proven, because).at_span(place(), span, says))
}

/// A byte in words.
fn name_of(byte: u8, text: &str) -> String {
    match byte {
        b' ' => "a blank".into(),
        b'\t' => "a tab".into(),
        b'\r' | b'\n' => "a line break".into(),
        0..=0x1f | 0x7f => format!("the control byte 0x{byte:02X}"),
        0x80.. => match text.chars().next() {
            Some('\u{a0}') => "a no-break space".into(),
            Some('\u{200b}'..='\u{200f}' | '\u{feff}' | '\u{2060}') => "an invisible character".into(),
            Some(c) if c != '\u{fffd}' => format!("the character U+{:04X}", u32::from(c)),
            _ => format!("the byte 0x{byte:02X}"),
        },
        _ => format!("the character {}", char::from(byte)),
    }
}

/// A template, or a word for nothing, in the place of the whole value.
fn no_scheme_at_all(facts: &Facts<'_>) -> Option<Finding> {
    let (value, parts) = refused_value(facts)?;
    if matches!(parts.kind, SchemeKind::Bearer | SchemeKind::BearerRunOn) {
        return None;
    }
    let text = String::from_utf8_lossy(value).into_owned();
    let credentials = String::from_utf8_lossy(parts.credentials_of(value)).into_owned();
    let scheme = parts.scheme_of(value);
    if scheme.trim_end_matches([':', '=', ',']).eq_ignore_ascii_case("bearer")
        || scheme.to_ascii_lowercase().starts_with("authorization")
    {
        let because =
            format!("The value begins with {scheme}: the header's own name, or punctuation, was sent as part of it.");
        return Some(Finding::new("bearer-colon", Grade::Proven, because).at_span(
            place(),
            parts.scheme.clone(),
            "not a scheme",
        ));
    }
    let template = |text: &str| template::placeholder(text);
    let span: Option<Range<usize>> = if parts.kind == SchemeKind::Basic {
        template(&credentials).map(|span| parts.credentials.start + span.start..parts.credentials.start + span.end)
    } else {
        template(&text)
    };
    if let Some(span) = span {
        let because = "An unresolved variable was sent in the place of the credentials.";
        return Some(Finding::new("token-placeholder", Grade::Proven, because).at_span(
            place(),
            span,
            "text of a template, sent as it is",
        ));
    }
    let null = template::literal_null(text.trim())
        || parts.kind == SchemeKind::Basic && template::literal_null(credentials.trim());
    null.then(|| {
        let because = "A word for nothing was sent in the place of the credentials.";
        Finding::new("token-literal-null", Grade::Proven, because).at_span(
            place(),
            0..value.len(),
            "a word for nothing",
        )
    })
}

/// Legal by RFC 6750 (`1*SP`), advised against for ServiceNow: never more than possible.
pub(super) fn extra_space(facts: &Facts<'_>) -> Option<Finding> {
    let (value, parts) = refused_value(facts)?;
    let gap = value.get(parts.gap.clone())?;
    let taken = facts.host_record().is_some_and(|host| host.took_extra_space);
    let tab = gap.contains(&b'\t');
    if parts.kind != SchemeKind::Bearer || gap.len() < 2 && !tab || parts.credentials.is_empty() || taken {
        return None;
    }
    if tab {
        // Outside the grammar; whether an instance minds is not known (wire notes §7.1).
        let because = "A tab stands between Bearer and the token; RFC 6750 allows blanks only.";
        return Some(Finding::new("token-illegal-character", Grade::Likely, because).weighing(80).at_span(
            place(),
            parts.gap.clone(),
            "a tab",
        ));
    }
    let because = format!(
        "{} blanks stand between Bearer and the token: legal by RFC 6750, advised against for ServiceNow.",
        gap.len()
    );
    Some(Finding::new("bearer-extra-space", Grade::Possible, because).weighing(66).at_span(
        place(),
        parts.gap.clone(),
        "more than one blank",
    ))
}

/// Legal by RFC 9110 §11.1: never more than possible.
pub(super) fn lower_case(facts: &Facts<'_>) -> Option<Finding> {
    let (value, parts) = refused_value(facts)?;
    let scheme = parts.scheme_of(value);
    let taken = facts.host_record().is_some_and(|host| host.took_lower_case);
    if parts.kind != SchemeKind::Bearer || scheme == "Bearer" || parts.credentials.is_empty() || taken {
        return None;
    }
    let because =
        format!("The scheme is spelt {scheme}: legal by RFC 9110, and no source says that ServiceNow refuses it.");
    Some(Finding::new("bearer-lowercase", Grade::Possible, because).weighing(40).at_span(
        place(),
        parts.scheme.clone(),
        "not spelt Bearer",
    ))
}

/// Whether the value is legal and spelt in a way that this host never took.
pub fn oddly_spelt(facts: &Facts<'_>) -> bool {
    extra_space(facts).is_some() || lower_case(facts).is_some()
}

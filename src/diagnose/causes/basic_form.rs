//! Faults of Basic credentials that decoding shows (RFC 7617; knowledge A9, A12–A14, A28, E13).

use super::bearer_form::refused_value;
use super::{Facts, Rule};
use crate::model::{Finding, Grade, Place};
use crate::wire::authorization::SchemeKind;
use crate::wire::basic::{Basic, BasicFault};
use crate::wire::{jwt, template};

pub const RULES: &[Rule] = &[
    carries_token,
    undecodable,
    url_alphabet,
    wrapped,
    trailing_newline,
    control_character,
    second_scheme,
    not_utf8,
    quoted,
    empty,
    placeholder,
    user_name,
];

fn place() -> Place {
    Place::request_field("authorization")
}

/// Basic credentials that were refused, with the offset at which they begin.
fn refused<'a>(facts: &'a Facts<'_>) -> Option<(&'a Basic, &'a [u8], usize)> {
    let (value, parts) = refused_value(facts)?;
    let basic = facts.reading.basic.as_ref().filter(|_| parts.kind == SchemeKind::Basic)?;
    Some((basic, parts.credentials_of(value), parts.credentials.start))
}

/// A token under Basic: one that was issued, a JWT, or text of a token's length that holds no user name.
fn token_under_basic(facts: &Facts<'_>) -> bool {
    let Some((basic, credentials, _)) = refused(facts) else { return false };
    let text = String::from_utf8_lossy(credentials);
    let known = facts.ledger.token(&text).is_some();
    let long = text.len() >= 60 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    known
        || jwt::looks_like(&text)
        || long && (!basic.is_readable() || basic.has(|fault| *fault == BasicFault::NotUtf8))
}

fn carries_token(facts: &Facts<'_>) -> Option<Finding> {
    let (_, credentials, start) = refused(facts).filter(|_| facts.inbound() && token_under_basic(facts))?;
    let because = "What stands under Basic is a token, not a user name and password in base64.";
    Some(Finding::new("basic-carries-token", Grade::Proven, because).at_span(
        place(),
        start..start + credentials.len(),
        "a token",
    ))
}

fn undecodable(facts: &Facts<'_>) -> Option<Finding> {
    // Some providers take a key in clear under Basic.
    let (basic, credentials, start) = refused(facts).filter(|_| facts.inbound() && !token_under_basic(facts))?;
    let text = String::from_utf8_lossy(credentials);
    if credentials.is_empty()
        || basic.is_readable()
        || template::placeholder(&text).is_some()
        || template::literal_null(&text)
    {
        return None;
    }
    let bad = basic.faults.iter().find_map(|fault| match fault {
        BasicFault::NotBase64 { at } => Some(*at),
        _ => None,
    });
    let (because, span) = match bad {
        Some(at) if text.contains(':') => {
            ("User name and password stand there in clear; Basic wants both, joined by a colon, in base64.", at..at + 1)
        }
        Some(at) => ("The value is not base64.", at..(at + 1).min(credentials.len()).max(at)),
        None => (
            "The value decodes to text without a colon: user name and password cannot be told apart.",
            0..credentials.len(),
        ),
    };
    Some(Finding::new("basic-malformed", Grade::Proven, because).at_span(
        place(),
        start + span.start..start + span.end,
        "this cannot be read",
    ))
}

fn url_alphabet(facts: &Facts<'_>) -> Option<Finding> {
    let (basic, _, start) = refused(facts).filter(|_| !token_under_basic(facts))?;
    let at = basic.faults.iter().find_map(|fault| match fault {
        BasicFault::UrlAlphabet { at } => Some(*at),
        _ => None,
    })?;
    let because = "The value was encoded with the URL-safe alphabet; Basic wants the standard one (+ and /).";
    basic.is_readable().then(|| {
        Finding::new("basic-base64url", Grade::Proven, because).at_span(
            place(),
            start + at..start + at + 1,
            "not of the standard alphabet",
        )
    })
}

fn wrapped(facts: &Facts<'_>) -> Option<Finding> {
    let (basic, _, start) = refused(facts)?;
    // Without the white space it has to be credentials that a server can read: else something else is wrong.
    let text = basic.is_readable() && !basic.has(|fault| *fault == BasicFault::NotUtf8);
    let at = basic.faults.iter().filter(|_| text && second_scheme(facts).is_none()).find_map(|fault| match fault {
        BasicFault::Wrapped { at } => Some(*at),
        _ => None,
    })?;
    let because = "White space stands inside the base64 text: the encoder wrapped its lines.";
    Some(Finding::new("basic-line-wrapped", Grade::Proven, because).weighing(2).at_span(
        place(),
        start + at..start + at + 1,
        "a break in the middle",
    ))
}

fn trailing_newline(facts: &Facts<'_>) -> Option<Finding> {
    let (basic, ..) = refused(facts)?;
    if !basic.has(|fault| *fault == BasicFault::TrailingNewline) || !basic.is_readable() {
        return None;
    }
    let end = basic.decoded.len();
    let because = "The password that was sent ends in a line break, which is not part of the real one.";
    Some(Finding::new("basic-trailing-newline", Grade::Proven, because).at_span(
        Place::BasicDecoded,
        end.saturating_sub(1)..end,
        "a line break",
    ))
}

/// RFC 7617 §2 allows no control character in a user name or password: a name read from a file with its line's end.
fn control_character(facts: &Facts<'_>) -> Option<Finding> {
    let (basic, ..) = refused(facts)?;
    let at = basic.faults.iter().find_map(|fault| match fault {
        BasicFault::Control { at } => Some(*at),
        _ => None,
    })?;
    let which = if at < basic.password.start { "user name" } else { "password" };
    let because = format!("A line break or another control character stands in the {which}, which can hold none.");
    Some(Finding::new("token-illegal-character", Grade::Proven, because).at_span(
        Place::BasicDecoded,
        at..at + 1,
        "a control character",
    ))
}

/// `Basic Bearer x`, `Basic Basic x`: a second scheme word where the base64 text should begin.
fn second_scheme(facts: &Facts<'_>) -> Option<Finding> {
    let (_, credentials, start) = refused(facts)?;
    let word = credentials.iter().position(|byte| matches!(byte, b' ' | b'\t'))?;
    let scheme = credentials.get(..word).filter(|word| {
        ["bearer", "basic", "token", "oauth"].iter().any(|scheme| word.eq_ignore_ascii_case(scheme.as_bytes()))
    })?;
    let because = format!("After Basic comes a second scheme, {}.", String::from_utf8_lossy(scheme));
    Some(Finding::new("basic-malformed", Grade::Proven, because).weighing(3).at_span(
        place(),
        start..start + word,
        "a second scheme",
    ))
}

fn not_utf8(facts: &Facts<'_>) -> Option<Finding> {
    let (basic, ..) = refused(facts).filter(|_| !token_under_basic(facts))?;
    if !basic.has(|fault| *fault == BasicFault::NotUtf8) || !basic.is_readable() {
        return None;
    }
    let at = std::str::from_utf8(&basic.decoded).err().map_or(0, |error| error.valid_up_to());
    let because = "User name or password hold a character that was not encoded as UTF-8.";
    Some(Finding::new("basic-not-utf8", Grade::Likely, because).weighing(60).at_span(
        Place::BasicDecoded,
        at..at + 1,
        "not UTF-8",
    ))
}

fn quoted(facts: &Facts<'_>) -> Option<Finding> {
    let (basic, ..) = refused(facts)?;
    let user = basic.decoded.get(basic.user.clone()).unwrap_or_default();
    let quote = |byte: Option<&u8>| byte.is_some_and(|byte| matches!(byte, b'"' | b'\''));
    let around = |text: &[u8]| text.len() >= 2 && quote(text.first()) && text.first() == text.last();
    let whole = around(&basic.decoded);
    if !(whole || around(user) || around(basic.password())) {
        return None;
    }
    let at = if around(basic.password()) && !around(user) { basic.password.start } else { 0 };
    let because = "Quotes were sent as part of the user name or password.";
    Some(Finding::new("basic-quoted", Grade::Proven, because).at_span(Place::BasicDecoded, at..at + 1, "a quote"))
}

fn empty(facts: &Facts<'_>) -> Option<Finding> {
    let (value, parts) = refused_value(facts)?;
    if parts.kind != SchemeKind::Basic {
        return None;
    }
    if parts.credentials_of(value).is_empty() {
        let because = "Nothing follows Basic: user name and password were empty when the request was built.";
        return Some(Finding::new("credential-empty", Grade::Proven, because).at_span(
            place(),
            0..value.len(),
            "the value ends here",
        ));
    }
    let basic = facts.reading.basic.as_ref().filter(|basic| basic.is_readable())?;
    let password = String::from_utf8_lossy(basic.password()).into_owned();
    let nothing = |text: &str| text.trim().is_empty() || template::literal_null(text.trim());
    let which = match (nothing(&basic.user()), nothing(&password)) {
        (true, true) => "User name and password are",
        // Providers take keys as the user name or the password, and nothing as the other.
        (true, false) if facts.inbound() => "The user name is",
        (false, true) if facts.inbound() => "The password is",
        _ => return None,
    };
    let because = format!("{which} empty, or a word for nothing: an environment value was not read.");
    Some(
        Finding::new("credential-empty", Grade::Proven, because)
            .at(Place::BasicDecoded, "nothing where a value should be"),
    )
}

fn placeholder(facts: &Facts<'_>) -> Option<Finding> {
    let (basic, ..) = refused(facts).filter(|(basic, ..)| basic.is_readable())?;
    let password = String::from_utf8_lossy(basic.password()).into_owned();
    let user = basic.user();
    // A password may hold braces of its own: only one that is a template from end to end was never filled.
    let in_password = template::placeholder_for_name(&password).filter(|span| *span == (0..password.len()));
    let (which, span) = match (template::placeholder_for_name(&user), in_password) {
        (Some(span), _) => ("user name", span),
        (None, Some(span)) => ("password", basic.password.start + span.start..basic.password.start + span.end),
        _ => return None,
    };
    let because = format!("The {which} is an unresolved variable or sample text.");
    Some(Finding::new("token-placeholder", Grade::Proven, because).at_span(
        Place::BasicDecoded,
        span,
        "text of a template, sent as it is",
    ))
}

/// A user name in the form of a domain account, an address or a display name, which never worked here.
fn user_name(facts: &Facts<'_>) -> Option<Finding> {
    let (basic, ..) = refused(facts).filter(|(basic, ..)| basic.is_readable())?;
    let user = basic.user();
    let worked = facts.outbound()
        || facts.ledger.user(facts.host(), &user).is_some_and(|record| !record.passwords_ok.is_empty());
    if worked || template::placeholder_for_name(&user).is_some() {
        return None;
    }
    let at = |c: char| user.find(c).map(|at| at..at + 1);
    if let Some(span) = at('\\') {
        let because = format!(
            "The user name {user} carries a Windows domain or a backslash; ServiceNow looks for sys_user.user_name."
        );
        return Some(Finding::new("basic-domain-user", Grade::Likely, because).weighing(70).at_span(
            Place::BasicDecoded,
            span,
            "a backslash",
        ));
    }
    let (span, kind) =
        at('@').map(|span| (span, "an e-mail address")).or_else(|| at(' ').map(|span| (span, "a display name")))?;
    let because =
        format!("{user} looks like {kind}; ServiceNow looks for sys_user.user_name, which is often something else.");
    Some(Finding::new("username-not-user-name", Grade::Likely, because).weighing(50).at_span(
        Place::BasicDecoded,
        span,
        kind,
    ))
}

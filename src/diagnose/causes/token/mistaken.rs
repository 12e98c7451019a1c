//! Tokens that are something else: a refresh token, a code, a client id, an API key, or a part of a token.

use super::super::Facts;
use super::{place, refused_token};
use crate::ledger::records::TokenKind;
use crate::model::{Finding, Grade, Place};
use crate::wire::reading::Credential;
use crate::wire::{basic, jwt};

pub(super) fn refresh_as_access(facts: &Facts<'_>) -> Option<Finding> {
    let (_, tag) = refused_token(facts)?;
    let record = facts.token().filter(|record| record.kind == TokenKind::Refresh)?;
    let because = format!(
        "{tag} is the refresh token of exchange {}; the access token stands beside it in the same answer.",
        record.first.exchange
    );
    Some(
        Finding::new("refresh-token-as-access", Grade::Proven, because)
            .weighing(25)
            .at(place(), format!("refresh token {tag}"))
            .at(Place::Exchange(record.first.exchange), "issued as refresh_token"),
    )
}

pub(super) fn code_as_token(facts: &Facts<'_>) -> Option<Finding> {
    let (token, tag) = refused_token(facts)?;
    let record = facts.ledger.code(token)?;
    let because =
        format!("{tag} is the authorization code that a redirect carried; it has to be exchanged for a token first.");
    Some(
        Finding::new("auth-code-as-token", Grade::Proven, because)
            .weighing(25)
            .at(place(), format!("authorization code {tag}"))
            .at(Place::Exchange(record.seen.exchange), "delivered as code"),
    )
}

pub(super) fn id_as_access(facts: &Facts<'_>) -> Option<Finding> {
    let (token, tag) = refused_token(facts)?;
    if let Some(record) = facts.token().filter(|record| record.kind == TokenKind::Id) {
        let because = format!("{tag} is the id_token of exchange {}, not its access_token.", record.first.exchange);
        return Some(
            Finding::new("id-token-as-access", Grade::Likely, because)
                .weighing(95)
                .at(place(), format!("id_token {tag}")),
        );
    }
    let claims = jwt::decode(token)?;
    let issuer = claims.text("iss")?;
    let foreign = facts.inbound() && !issuer.contains(facts.host());
    let fresh = claims.date("exp").is_none_or(|ends| ends > facts.their_clock());
    if !foreign || !fresh || !facts.by_instance() {
        return None;
    }
    let identity = claims.claims.contains_key("nonce")
        || claims.claims.contains_key("at_hash")
        || claims.claims.contains_key("c_hash");
    let because = format!(
        "The token is a JWT of {issuer}{}, not a token of this instance.",
        if identity { ", an ID token" } else { "" }
    );
    let weight = if identity { 72 } else { 58 };
    Some(
        Finding::new("id-token-as-access", Grade::Likely, because)
            .weighing(weight)
            .at(place(), format!("JWT {tag}, iss {issuer}")),
    )
}

/// The same start or end as a token that was issued, and not the same token.
pub(super) fn truncated(facts: &Facts<'_>) -> Option<Finding> {
    let (token, tag) = refused_token(facts)?;
    if facts.token().is_some() || facts.ledger.code(token).is_some() {
        return None;
    }
    let whole = facts.ledger.relative_of(token).or_else(|| facts.ledger.begins_like(token))?;
    // Only an instance's tokens are random from their first character on; providers begin all of theirs alike.
    let record = facts.ledger.token_by_tag(whole).filter(|record| record.instance)?;
    let length = token.chars().count();
    let because = format!(
        "{tag} has {length} characters and begins or ends as token {whole} of exchange {}, which has {}.",
        record.first.exchange, record.length
    );
    Some(
        Finding::new("token-truncated", Grade::Proven, because)
            .weighing(24)
            .at(place(), format!("{length} characters"))
            .at(Place::Exchange(record.first.exchange), format!("token {whole}, {} characters", record.length)),
    )
}

/// A JWT with a part missing cannot be whole; an opaque token of an odd length is suspicious (wire notes §7).
pub(super) fn truncated_by_shape(facts: &Facts<'_>) -> Option<Finding> {
    let (token, _) = refused_token(facts)?;
    if truncated(facts).is_some() || facts.token().is_some() || facts.outbound() || facts.ledger.code(token).is_some() {
        return None;
    }
    if let Some(finding) = unfinished_jwt(token) {
        return Some(finding);
    }
    let alphabet = token.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let worked = facts.credential_record().is_some_and(|record| record.ok.is_some());
    let length = token.len();
    if !alphabet || worked || basic::hides_in(token.as_bytes()).is_some() {
        return None;
    }
    let because = match length {
        76..=85 | 87..=92 => format!("The token has {length} characters; those that instances issue have 86."),
        86 if !token.ends_with(['A', 'Q', 'g', 'w']) => {
            "86 characters of base64url stand for 64 bytes and end in A, Q, g or w; this token does not.".to_owned()
        }
        _ => return None,
    };
    Some(
        Finding::new("token-truncated", Grade::Likely, because)
            .weighing(55)
            .at(place(), format!("{length} characters")),
    )
}

fn unfinished_jwt(token: &str) -> Option<Finding> {
    let parts: Vec<&str> = token.split('.').collect();
    let whole = parts.len() > 3 || parts.len() == 3 && parts.iter().all(|part| !part.is_empty());
    if whole || !jwt::begins_like(token) {
        return None;
    }
    // Sanitizers take the signature alone, and an unsecured JWT has none (RFC 7515 §A.5).
    let unsigned = parts.len() == 3 && parts.iter().take(2).all(|part| !part.is_empty());
    if unsigned {
        let because = "The signature of this JWT is missing: it was cut off, or taken out of the recording.";
        return Some(Finding::new("token-truncated", Grade::Likely, because).weighing(55).at(place(), "no signature"));
    }
    let count = parts.iter().filter(|part| !part.is_empty()).count();
    let because = format!("A JWT has three parts; this one has {count}.");
    Some(Finding::new("token-truncated", Grade::Proven, because).weighing(18).at(place(), "an unfinished JWT"))
}

pub(super) fn client_id_as_token(facts: &Facts<'_>) -> Option<Finding> {
    let (token, _) = refused_token(facts)?;
    let hex = token.len() == 32 && token.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !hex || facts.outbound() {
        return None;
    }
    let known = facts.ledger.client(facts.host(), token).is_some();
    let because = if known {
        "The client id of an earlier token request was sent as the token."
    } else {
        "32 hexadecimal digits: the form of a client id or sys_id, not of a token."
    };
    Some(Finding::new("client-id-as-token", Grade::Likely, because).weighing(80).at(place(), "32 hexadecimal digits"))
}

/// A key that is no token: shorter than any token and not hexadecimal (knowledge A25; field notes part 2, 7).
pub(super) fn api_key_as_bearer(facts: &Facts<'_>) -> Option<Finding> {
    let (token, _) = refused_token(facts)?;
    let worked = facts.ledger.worked_at(token.as_bytes()).is_some() && facts.token().is_none();
    let record =
        facts.ledger.credential(facts.host(), token.as_bytes()).filter(|record| record.kind == Credential::ApiKey);
    if record.is_some() || worked && facts.credential_record().is_some_and(|record| record.kind == Credential::ApiKey) {
        let because = "The same value worked as an API key; here it was sent as a Bearer token.";
        return Some(Finding::new("api-key-as-bearer", Grade::Likely, because).weighing(90).at(place(), "an API key"));
    }
    let prefixed = ["now_", "sn_", "apikey", "key-", "key_"].iter().any(|prefix| token.starts_with(prefix));
    let length = (20..=75).contains(&token.len());
    let hex = token.bytes().all(|byte| byte.is_ascii_hexdigit());
    let known =
        facts.token().is_some() || facts.ledger.code(token).is_some() || jwt::looks_like(token) || token.contains('.');
    if facts.outbound()
        || known
        || !(length || prefixed)
        || hex
        || truncated(facts).is_some()
        || basic::hides_in(token.as_bytes()).is_some()
    {
        return None;
    }
    if facts.credential_record().is_some_and(|record| record.ok.is_some()) || !facts.by_instance() {
        return None;
    }
    let because =
        format!("{} characters: too short for a token of an instance, the length of a REST API key.", token.len());
    Some(
        Finding::new("api-key-as-bearer", Grade::Likely, because)
            .weighing(62)
            .at(place(), format!("{} characters", token.len())),
    )
}

//! Refused refreshes (knowledge D50–D53).

use super::super::facts::Kinship;
use super::{Facts, Rule};
use crate::ledger::records::TokenKind;
use crate::model::{Finding, Grade, Place};
use crate::wire::date;

pub const RULES: &[Rule] = &[expired, wrong, never_issued, concurrency];

/// Default of `oauth_entity.refresh_token_lifespan`, in seconds (100 days).
const LIFESPAN: i64 = 8_640_000;

fn refused<'a>(facts: &'a Facts<'_>) -> Option<&'a str> {
    let refresh =
        facts.token_refused() && !facts.reading.redacted && facts.inbound() && facts.grant() == "refresh_token";
    facts.param("refresh_token").filter(|value| refresh && !value.is_empty())
}

fn expired(facts: &Facts<'_>) -> Option<Finding> {
    let value = refused(facts)?;
    let record = facts.ledger.token(value)?;
    let tag = facts.tag(value);
    let place = facts.param_place("refresh_token");
    if let Some(seen) = record.revoked {
        let because =
            format!("Refresh token {tag} was revoked {} before.", date::span(facts.at().seconds_since(seen.at)));
        return Some(
            Finding::new("refresh-token-expired", Grade::Proven, because)
                .weighing(92)
                .at(place, format!("refresh token {tag}"))
                .at(Place::Exchange(seen.exchange), "revoked here"),
        );
    }
    let age = facts.at().seconds_since(record.first.at);
    if record.kind != TokenKind::Refresh || age <= LIFESPAN {
        return None;
    }
    let because = format!(
        "Refresh token {tag} was issued {} before; the default lifespan is 100 days, and a refresh does not prolong it.",
        date::span(age)
    );
    Some(
        Finding::new("refresh-token-expired", Grade::Proven, because)
            .weighing(90)
            .at(place, format!("refresh token {tag}"))
            .at(Place::Exchange(record.first.exchange), format!("issued {}", date::iso(record.first.at))),
    )
}

fn wrong(facts: &Facts<'_>) -> Option<Finding> {
    let value = refused(facts)?;
    let (tag, place) = (facts.tag(value), facts.param_place("refresh_token"));
    if facts.ledger.code(value).is_some() {
        let because = format!("{tag} is an authorization code, not a refresh token.");
        return Some(
            Finding::new("refresh-token-wrong", Grade::Proven, because).weighing(91).at(place, "an authorization code"),
        );
    }
    let Some(record) = facts.ledger.token(value) else {
        let whole = facts.ledger.relative_of(value).and_then(|whole| facts.ledger.token_by_tag(whole))?;
        let because = format!(
            "The refresh token has {} characters and begins or ends as one of {} that exchange {} issued.",
            value.len(),
            whole.length,
            whole.first.exchange
        );
        return Some(
            Finding::new("refresh-token-wrong", Grade::Proven, because).weighing(91).at(place, "cut or edited"),
        );
    };
    let issued = Place::Exchange(record.first.exchange);
    if record.kind != TokenKind::Refresh {
        let because =
            format!("{tag} was issued as an access token; the refresh token stands beside it in the same answer.");
        return Some(
            Finding::new("refresh-token-wrong", Grade::Proven, because)
                .weighing(91)
                .at(place, "an access token")
                .at(issued, "issued here"),
        );
    }
    let kinship = facts.kinship(&record.host);
    if kinship != Kinship::SameInstance {
        let grade = if kinship == Kinship::OtherInstance { Grade::Proven } else { Grade::Likely };
        let because = format!("Refresh token {tag} was issued by {}.", record.host);
        return Some(
            Finding::new("refresh-token-wrong", grade, because)
                .weighing(91)
                .at(place, "of another instance")
                .at(issued, "issued here"),
        );
    }
    let owner = record.client_id.as_deref()?;
    let sent = facts.reading.client.shown_id().filter(|sent| *sent != owner)?;
    let because = format!("Refresh token {tag} was issued to client {owner}; client {sent} uses it.");
    Some(
        Finding::new("refresh-token-wrong", Grade::Proven, because)
            .weighing(91)
            .at(facts.param_place("client_id"), "another client")
            .at(issued, "issued here"),
    )
}

/// The grant of the last token answer gives no refresh token, and that answer had none.
fn never_issued(facts: &Facts<'_>) -> Option<Finding> {
    let known = facts.ledger.token(refused(facts)?).is_some();
    let (seen, grant, _) = facts.client()?.last_answer.as_ref().filter(|(_, _, had)| !had && !known)?;
    let gives_none = grant == "client_credentials" || grant.starts_with("urn:");
    let grade = if gives_none { Grade::Proven } else { Grade::Likely };
    let because = format!(
        "The last token of this client came from the {grant} grant, without a refresh token; there is nothing to refresh with."
    );
    Some(
        Finding::new("refresh-token-never-issued", grade, because)
            .weighing(89)
            .at(Place::Exchange(seen.exchange), "no refresh_token in this answer")
            .at(facts.param_place("refresh_token"), "never issued"),
    )
}

/// Another refresh of the same client at the same moment.
fn concurrency(facts: &Facts<'_>) -> Option<Finding> {
    refused(facts)?;
    let client = facts.client().filter(|_| facts.dated())?;
    let near = client.refreshes.iter().rev().find(|(seen, ok)| *ok && facts.at().since(seen.at).abs() <= 3000)?;
    let because = format!(
        "Another refresh of the same client ran {} ms apart; parallel refreshes trip over each other.",
        facts.at().since(near.0.at).abs()
    );
    Some(
        Finding::new("refresh-concurrency", Grade::Likely, because)
            .weighing(86)
            .at(Place::Exchange(near.0.exchange), "the other refresh"),
    )
}

//! Calls of a third party's API, by ServiceNow or anybody: what the provider really said (knowledge J1, J9, J10, J17–J19).

use super::{Facts, Rule};
use crate::ledger::records::TokenKind;
use crate::model::{Answerer, Finding, Grade, Place};
use crate::wire::date;
use crate::wire::endpoint::Endpoint;
use crate::wire::reading::Credential;

pub const RULES: &[Rule] = &[
    token_missing,
    no_credentials,
    by_hand,
    expired_named,
    token_refused,
    user_refused,
    ip_blocked,
    credential_type,
    reset_on_connect,
];

pub fn to_provider(facts: &Facts<'_>) -> bool {
    facts.outbound() && facts.answerer == Answerer::Provider
}

pub fn at_token_endpoint(facts: &Facts<'_>) -> bool {
    facts.reading.endpoint == Endpoint::ProviderToken || facts.reading.endpoint == Endpoint::Token && facts.outbound()
}

/// Codes of OAuth and of Microsoft's APIs that name the token, whatever the status (RFC 6750 §3.1).
const NAMES_THE_TOKEN: [&str; 4] =
    ["invalid_token", "insufficient_scope", "invalidauthenticationtoken", "expiredauthenticationtoken"];

/// A refused call of the provider's API. 400 is about the call itself, unless it names the token.
fn api_refused(facts: &Facts<'_>) -> bool {
    to_provider(facts)
        && !at_token_endpoint(facts)
        && (matches!(facts.status(), 401 | 403) || facts.status() == 400 && names_the_token(facts))
        && !facts.request_unseen()
}

fn names_the_token(facts: &Facts<'_>) -> bool {
    let text = refusal_text(facts);
    NAMES_THE_TOKEN.iter().any(|code| text.contains(code)) || facts.fields().all("authorization").count() > 1
}

fn carries_a_key(facts: &Facts<'_>) -> bool {
    let named = |name: &str| {
        let lower = name.to_ascii_lowercase();
        lower.contains("key") || lower.contains("token") || lower.contains("auth") || lower.contains("signature")
    };
    facts.fields().0.iter().any(|field| named(&String::from_utf8_lossy(&field.name)))
        || facts.reading.query.pairs.iter().any(|pair| named(&pair.name) || pair.name == "sig")
}

/// The call left without the token that was fetched for it (knowledge J1, J9).
pub fn token_missing(facts: &Facts<'_>) -> Option<Finding> {
    if !api_refused(facts)
        || !facts.reading.outbound
        || facts.credential() != Credential::None
        || carries_a_key(facts)
        || facts.status() == 400
    {
        return None;
    }
    let fetched = facts.ledger.party(&facts.reading.party()).and_then(|party| party.token.as_ref());
    let head = Place::RequestHead;
    match fetched.filter(|(_, _, seen)| facts.at().seconds_since(seen.at) < 86_400) {
        Some((tag, host, seen)) => {
            let because = format!(
                "{host} gave out token {tag} {} before; the call to {} carries no Authorization.",
                date::span(facts.at().seconds_since(seen.at)),
                facts.host()
            );
            let meant =
                facts.ledger.token_by_tag(*tag).is_some_and(|t| t.meant_for.iter().any(|h| same_site(h, facts.host())));
            // An instance talks to many: a token of one provider says nothing of a call to another.
            let grade = if meant || same_site(host, facts.host()) { Grade::Proven } else { Grade::Likely };
            Some(
                Finding::new("outbound-token-missing", grade, because)
                    .weighing(if grade == Grade::Proven { 30 } else { 80 })
                    .at(head, "no Authorization")
                    .at(Place::Exchange(seen.exchange), format!("token {tag} issued here")),
            )
        }
        None => {
            let because = "ServiceNow's call carries no Authorization: no token was fetched for it, or the method does not use the profile.";
            Some(
                Finding::new("outbound-token-missing", Grade::Likely, because)
                    .weighing(96)
                    .at(head, "no Authorization"),
            )
        }
    }
}

/// The last two labels agree: one organisation's hosts, as far as names tell.
fn same_site(one: &str, other: &str) -> bool {
    let site = |host: &str| host.rsplit('.').take(2).map(str::to_ascii_lowercase).collect::<Vec<_>>();
    one == other
        || one.contains('.') && site(one) == site(other) && one.rsplit('.').nth(1).is_some_and(|name| name.len() > 3)
}

fn no_credentials(facts: &Facts<'_>) -> Option<Finding> {
    let bare = api_refused(facts)
        && !facts.reading.outbound
        && facts.credential() == Credential::None
        && facts.status() == 401;
    let because = "No Authorization came with the request.";
    (bare && !carries_a_key(facts) && facts.reading.request().method != "OPTIONS").then(|| {
        Finding::new("no-credentials", Grade::Proven, because).at(Place::RequestHead, "no credential in any field")
    })
}

/// An Authorization set by hand fights the profile's (knowledge J10).
fn by_hand(facts: &Facts<'_>) -> Option<Finding> {
    if !api_refused(facts) || !facts.reading.outbound {
        return None;
    }
    let place = Place::request_field("authorization");
    if facts.fields().all("authorization").count() > 1 {
        let because = "Two Authorization headers left: one of the profile, one set by hand.";
        return Some(
            Finding::new("outbound-authorization-by-hand", Grade::Proven, because).weighing(31).at(place, "one of two"),
        );
    }
    let (tag, host, seen) = facts.ledger.party(&facts.reading.party())?.token.as_ref()?;
    let other = match facts.credential() {
        Credential::Bearer => facts
            .reading
            .token
            .as_deref()
            .is_some_and(|token| facts.tag(token) != *tag && facts.ledger.token(token).is_none()),
        Credential::Basic | Credential::OtherScheme => true,
        _ => false,
    };
    let template = facts.reading.token.as_deref().is_some_and(|token| !facts.token_faults(token.as_bytes()).is_empty());
    let recent = (0..600).contains(&facts.at().seconds_since(seen.at));
    if !other || !recent {
        return None;
    }
    let grade = if template { Grade::Proven } else { Grade::Likely };
    let because = format!(
        "{host} gave out token {tag} {} before; the call carries another Authorization: one set by hand wins over the profile's.",
        date::span(facts.at().seconds_since(seen.at))
    );
    Some(
        Finding::new("outbound-authorization-by-hand", grade, because)
            .weighing(82)
            .at(place, "not the token that was fetched")
            .at(Place::Exchange(seen.exchange), format!("token {tag}")),
    )
}

/// Body and challenge of a refused API call, in lower case.
fn refusal_text(facts: &Facts<'_>) -> String {
    let mut text =
        String::from_utf8_lossy(facts.reading.answer.get(..facts.reading.answer.len().min(16_384)).unwrap_or_default())
            .to_ascii_lowercase();
    for challenge in &facts.reading.challenges {
        for (_, value) in &challenge.params {
            text.push('\n');
            text.push_str(&value.to_ascii_lowercase());
        }
    }
    text
}

/// The provider says that the token has expired.
fn expired_named(facts: &Facts<'_>) -> Option<Finding> {
    if !api_refused(facts) || facts.credential() == Credential::None {
        return None;
    }
    let text = refusal_text(facts);
    let either = text.contains("expired or invalid")
        || text.contains("invalid or expired")
        || text.contains("revoked or expired")
        || text.contains("expired or revoked");
    let named = [
        "token is expired",
        "token has expired",
        "token expired",
        "expiredauthenticationtoken",
        "jwt is expired",
        "jwt expired",
        "the access token expired",
        "lifetime validation failed",
    ]
    .iter()
    .any(|sign| text.contains(sign));
    if !(named || either) {
        return None;
    }
    let grade = if named && !either { Grade::Proven } else { Grade::Likely };
    let because = if grade == Grade::Proven {
        "The provider says that the token has expired."
    } else {
        "The provider says that the token is expired or invalid."
    };
    let place = if String::from_utf8_lossy(&facts.reading.answer).to_ascii_lowercase().contains("expired") {
        Place::ResponseBody
    } else {
        Place::response_field("www-authenticate")
    };
    Some(Finding::new("outbound-token-expired", grade, because).weighing(32).at(place, "the provider names it"))
}

/// The token is there and unexpired; the provider does not want it: audience, scope, tenant (knowledge J7, J18).
fn token_refused(facts: &Facts<'_>) -> Option<Finding> {
    let bearer = facts.credential() == Credential::Bearer && api_refused(facts) && expired_named(facts).is_none();
    if !bearer || facts.whole_token().is_none() {
        return None;
    }
    let record = facts.token().filter(|record| record.kind == TokenKind::Access);
    if record.and_then(|record| record.ends()).is_some_and(|ends| ends < facts.at()) {
        return None;
    }
    let text = refusal_text(facts);
    const SIGNS: [&str; 9] = [
        "audience",
        "insufficient_scope",
        "scope",
        "invalidauthenticationtoken",
        "issuer",
        "tenant",
        "signature",
        "invalid_token",
        "insufficient privileges",
    ];
    let sign = SIGNS.into_iter().find(|sign| text.contains(sign));
    let user = user_refused(facts).is_some();
    if user || ip_text(&text) || sign.is_none() && facts.status() != 401 && facts.status() != 403 {
        return None;
    }
    let (weight, because) = match sign {
        Some(sign) => (84, format!("The provider refuses the token itself; its answer speaks of {sign}.")),
        None if facts.status() == 401 => (
            60,
            "The provider refuses a token that is inside its life: another audience, scope or tenant than it wants."
                .to_owned(),
        ),
        None => (
            58,
            "The provider knows the token and does not allow the call: a scope or permission is missing.".to_owned(),
        ),
    };
    Some(
        Finding::new("outbound-token-refused", Grade::Likely, because)
            .weighing(weight)
            .at(Place::request_field("authorization"), "the token that was refused")
            .at(Place::ResponseStatus, facts.status().to_string()),
    )
}

/// The provider knows the token and not, or not enough, its user (knowledge J18).
fn user_refused(facts: &Facts<'_>) -> Option<Finding> {
    if !api_refused(facts) || facts.credential() == Credential::None {
        return None;
    }
    let text = refusal_text(facts);
    const NAMED: [&str; 9] = [
        "0x80072560",
        "not a member of the organization",
        "user is not a member",
        "user not found in",
        "user is disabled",
        "user does not have",
        "the user has not been",
        "0x80042f09",
        "user is not licensed",
    ];
    if let Some(sign) = NAMED.into_iter().find(|sign| text.contains(sign)) {
        let because = format!("The provider took the token and refuses its user: {sign}.");
        return Some(
            Finding::new("outbound-user-not-authorised", Grade::Proven, because)
                .weighing(33)
                .at(Place::ResponseBody, "the provider names it"),
        );
    }
    const HINTS: [&str; 8] = [
        "permission",
        "not authorized",
        "not allowed",
        "forbidden",
        "access denied",
        "authorization_requestdenied",
        "privilege",
        "accessdenied",
    ];
    let hint = HINTS.into_iter().find(|hint| text.contains(hint))?;
    if facts.status() != 403 && !text.contains("permission") || text.contains("scope") || ip_text(&text) {
        return None;
    }
    let because =
        format!("The provider took the credential and refuses the call ({hint}): its user lacks a right there.");
    Some(
        Finding::new("outbound-user-not-authorised", Grade::Likely, because)
            .weighing(70)
            .at(Place::ResponseBody, hint.to_owned()),
    )
}

fn ip_text(text: &str) -> bool {
    [
        "ip address",
        "ip not allowed",
        "ip allow list",
        "ip address allow",
        "not on the allow list",
        "ip_not_allowed",
        "allowlist",
        "whitelist",
        "source ip",
        "client ip",
        "ip restriction",
        "network policy",
    ]
    .iter()
    .any(|sign| text.contains(sign))
}

fn ip_blocked(facts: &Facts<'_>) -> Option<Finding> {
    let refused = to_provider(facts) && matches!(facts.status(), 401 | 403) && ip_text(&refusal_text(facts));
    let because = "The provider's answer speaks of the caller's address: it lets in listed addresses only, and the instance's (or this proxy's) is not among them.";
    refused.then(|| {
        Finding::new("outbound-ip-blocked", Grade::Likely, because)
            .weighing(86)
            .at(Place::ResponseBody, "speaks of addresses")
    })
}

/// A provider that drops ServiceNow's connections at once, where it had answered before.
fn reset_on_connect(facts: &Facts<'_>) -> Option<Finding> {
    use crate::model::{FailureKind, Outcome, Phase};
    let Outcome::Failed(failure) = &facts.reading.exchange.outcome else { return None };
    let dropped = matches!(failure.kind, FailureKind::Reset | FailureKind::TimedOut)
        && matches!(failure.phase, Phase::Connect | Phase::UpstreamTls);
    let because = "The provider drops the connection before TLS: a firewall that does not list the caller's address looks like this.";
    (dropped && facts.reading.outbound).then(|| {
        Finding::new("outbound-ip-blocked", Grade::Likely, because).weighing(70).at(Place::Connection, "dropped")
    })
}

/// The provider wants another kind of credential than the password that was sent.
fn credential_type(facts: &Facts<'_>) -> Option<Finding> {
    if !api_refused(facts) || facts.credential() != Credential::Basic {
        return None;
    }
    let text = refusal_text(facts);
    let named = text.contains("password")
        && ["not supported", "removed", "deprecated", "no longer", "not allowed"]
            .iter()
            .any(|sign| text.contains(sign));
    let token_wanted =
        ["personal access token", "api token", "api key", "requires authentication with a token", "bearer token"]
            .iter()
            .any(|sign| text.contains(sign));
    let bearer_only =
        !facts.reading.challenges.is_empty() && facts.reading.challenges.iter().all(|challenge| challenge.is("bearer"));
    if !(named || token_wanted || bearer_only) {
        let body = String::from_utf8_lossy(&facts.reading.answer).to_ascii_lowercase();
        return (facts.reading.outbound && facts.status() == 401 && !body.contains("password")).then(pair_refused);
    }
    let because = if bearer_only && !named && !token_wanted {
        "Basic was sent; the provider asks for Bearer only."
    } else {
        "The provider says that it wants a token or key in the place of the password."
    };
    Some(
        Finding::new("outbound-credential-type-wrong", Grade::Likely, because)
            .weighing(87)
            .at(Place::request_field("authorization"), "Basic, user name and password"),
    )
}

/// The provider says nothing but no: ServiceNow makes the same words of it, whatever the reason.
fn pair_refused() -> Finding {
    let because = "The provider refuses this user name and password and does not say why: the pair may be wrong, or a token or \
                   key is wanted in its place. ServiceNow prints `Invalid username/password combo` for either.";
    Finding::new("outbound-credential-type-wrong", Grade::Possible, because)
        .weighing(50)
        .at(Place::request_field("authorization"), "Basic, user name and password")
}

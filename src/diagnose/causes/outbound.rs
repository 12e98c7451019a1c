//! ServiceNow (or anybody) as client of a third party: what the provider really said (knowledge J1–J20).

use super::super::facts::Answer;
use super::{Facts, Rule};
use crate::ledger::records::TokenKind;
use crate::model::{Answerer, Finding, Grade, Place};
use crate::wire::endpoint::Endpoint;
use crate::wire::reading::Credential;
use crate::wire::{bearer, date};

pub const RULES: &[Rule] = &[
    token_missing,
    no_credentials,
    by_hand,
    no_access_token,
    token_error,
    placement,
    secret_shape,
    expired_named,
    token_refused,
    user_refused,
    ip_blocked,
    credential_type,
    header_case,
    reset_on_connect,
];

fn to_provider(facts: &Facts<'_>) -> bool {
    facts.outbound() && facts.answerer == Answerer::Provider
}

fn at_token_endpoint(facts: &Facts<'_>) -> bool {
    facts.reading.endpoint == Endpoint::ProviderToken || facts.reading.endpoint == Endpoint::Token && facts.outbound()
}

/// A refused call of the provider's API.
fn api_refused(facts: &Facts<'_>) -> bool {
    to_provider(facts)
        && !at_token_endpoint(facts)
        && matches!(facts.status(), 400 | 401 | 403)
        && !facts.request_unseen()
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
fn token_missing(facts: &Facts<'_>) -> Option<Finding> {
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
            Some(
                Finding::new("outbound-token-missing", Grade::Proven, because)
                    .weighing(30)
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
    let template = facts.reading.token.as_deref().is_some_and(|token| !bearer::faults(token.as_bytes()).is_empty());
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

/// 200 of a token endpoint without an access token (knowledge J3).
fn no_access_token(facts: &Facts<'_>) -> Option<Finding> {
    let ok =
        to_provider(facts) && at_token_endpoint(facts) && facts.status() == 200 && facts.reading.token_answer.is_none();
    let json = serde_json::from_slice::<serde_json::Value>(&facts.reading.answer).ok();
    if !ok || facts.reading.grant().is_none() {
        return None;
    }
    let has: Vec<String> = json
        .as_ref()
        .and_then(|value| value.as_object())
        .map(|map| map.keys().take(6).cloned().collect())
        .unwrap_or_default();
    let because = if json.is_some() {
        format!(
            "The token answer says 200 and has no access_token; it has {}.",
            if has.is_empty() { "nothing".into() } else { has.join(", ") }
        )
    } else {
        "The token answer says 200 and is no JSON.".to_owned()
    };
    Some(
        Finding::new("outbound-no-access-token", Grade::Proven, because)
            .weighing(40)
            .at(Place::ResponseBody, "no access_token"),
    )
}

/// What the codes of Entra that integrators meet most stand for (Microsoft's public list of AADSTS codes).
fn entra(code: u32) -> Option<(&'static str, Grade)> {
    Some(match code {
        7_000_215 | 7_000_222 | 7_000_218 | 700_027 => ("outbound-client-secret-wrong", Grade::Proven),
        700_016 | 90_002 | 700_011 | 7_000_229 => ("outbound-client-unknown", Grade::Proven),
        70_008 | 700_082 | 700_084 | 50_173 | 70_043 | 700_081 => ("outbound-refresh-expired", Grade::Proven),
        90_014 | 900_144 => ("outbound-parameter-missing", Grade::Proven),
        70_011 | 65_001 | 650_057 | 500_011 | 50_013 | 1_002_012 => ("outbound-token-refused", Grade::Likely),
        70_003 | 70_001 => ("outbound-grant-unsupported", Grade::Proven),
        50_105 | 50_020 | 50_034 | 50_057 | 65_004 => ("outbound-user-not-authorised", Grade::Proven),
        53_003 | 53_000 | 50_053 => ("outbound-ip-blocked", Grade::Likely),
        50_076 | 50_079 | 50_126 | 7_000_112 => ("outbound-credential-type-wrong", Grade::Likely),
        _ => return None,
    })
}

/// The parameter that a provider says is missing.
fn named_parameter(text: &str) -> Option<String> {
    const LEADS: [&str; 6] = [
        "must contain the following parameter: '",
        "the required field '",
        "missing required parameter: ",
        "missing parameter: ",
        "parameter is missing: ",
        "required parameter is missing: ",
    ];
    let rest = LEADS.iter().find_map(|lead| text.get(text.find(lead)? + lead.len()..))?;
    let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).collect();
    (!name.is_empty()).then_some(name)
}

/// Errors of a provider's token endpoint (RFC 6749 §5.2).
fn token_error(facts: &Facts<'_>) -> Option<Finding> {
    if !to_provider(facts) || !at_token_endpoint(facts) || facts.status() < 400 {
        return None;
    }
    let error = facts.reading.oauth_error.as_ref()?;
    let text = error.lower();
    let quoted = if error.description.is_empty() {
        error.error.clone()
    } else {
        format!("{}: {}", error.error, first_sentence(&error.description))
    };
    let because = format!("The provider answers {quoted}");
    let finding = |cause, grade, weight| {
        Some(
            Finding::new(cause, grade, because.clone())
                .weighing(weight)
                .at(Place::ResponseBody, "the provider names it"),
        )
    };
    if let Some(name) = named_parameter(&text) {
        let absent = facts.param(&name).is_none_or(str::is_empty);
        let cause = if name == "scope" { "outbound-scope-missing" } else { "outbound-parameter-missing" };
        let grade = if absent { Grade::Proven } else { Grade::Likely };
        return Some(
            Finding::new(cause, grade, because)
                .weighing(40)
                .at(Place::ResponseBody, format!("names {name}"))
                .at(facts.param_place(&name), "not in the request"),
        );
    }
    if let Some((cause, grade)) = error.aadsts.and_then(entra) {
        return finding(cause, grade, 40);
    }
    let no_scope = facts.param("scope").is_none_or(str::is_empty);
    match error.error.as_str() {
        "unsupported_grant_type" => finding("outbound-grant-unsupported", Grade::Proven, 40),
        "invalid_grant" if facts.grant() == "refresh_token" => finding("outbound-refresh-expired", Grade::Proven, 40),
        "invalid_grant" if text.contains("audience") || text.contains("assertion") => {
            finding("outbound-token-refused", Grade::Likely, 80)
        }
        "invalid_grant" if text.contains("user") || text.contains("approved") => {
            finding("outbound-user-not-authorised", Grade::Likely, 80)
        }
        "invalid_scope" if no_scope => finding("outbound-scope-missing", Grade::Proven, 40),
        "invalid_request" if no_scope && text.contains("scope") => finding("outbound-scope-missing", Grade::Proven, 40),
        "invalid_scope" => finding("outbound-token-refused", Grade::Likely, 80),
        "invalid_client"
            if text.contains("secret")
                && (text.contains("invalid")
                    || text.contains("incorrect")
                    || text.contains("wrong")
                    || text.contains("mismatch"))
                && !text.contains("id and")
                && !text.contains("id or") =>
        {
            finding("outbound-client-secret-wrong", Grade::Proven, 41)
        }
        "invalid_client" | "invalid_client_id" | "unauthorized_client"
            if [
                "not found",
                "unknown client",
                "was not found",
                "does not exist",
                "client identifier invalid",
                "invalid client id",
            ]
            .iter()
            .any(|sign| text.contains(sign)) =>
        {
            finding("outbound-client-unknown", Grade::Proven, 41)
        }
        "unauthorized_client" if text.contains("grant") => finding("outbound-grant-unsupported", Grade::Proven, 40),
        _ => None,
    }
}

fn first_sentence(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let end = line.find(" Trace ID").or_else(|| line.find(". ").map(|at| at + 1)).unwrap_or(line.len());
    line.get(..end).unwrap_or(line).chars().take(160).collect()
}

/// The credentials of the client may stand in the wrong place (knowledge J7).
fn placement(facts: &Facts<'_>) -> Option<Finding> {
    let error = facts.reading.oauth_error.as_ref().map(|error| error.error.clone()).unwrap_or_default();
    let refused = facts.outbound()
        && at_token_endpoint(facts)
        && matches!(facts.status(), 400 | 401)
        && matches!(facts.answerer, Answerer::Provider | Answerer::Instance);
    let named_other = token_error(facts).is_some();
    if named_other
        || !refused
        || !(matches!(error.as_str(), "invalid_client" | "unauthorized_client" | "") || facts.status() == 401)
        || facts.request_unseen()
    {
        return None;
    }
    let body = facts.reading.client.body_secret.is_some();
    let basic = facts.reading.client.basic.is_some();
    let challenge = facts.reading.challenges.iter().any(|challenge| challenge.is("basic"));
    let text = facts.answer_text();
    let named =
        text.contains("client authentication") || text.contains("authorization header") || text.contains("basic auth");
    let (sent, other) = match (body, basic) {
        (true, false) => ("in the form", "in an Authorization: Basic header"),
        (false, true) => ("in an Authorization: Basic header", "in the form"),
        (false, false) if !facts.fields().has("authorization") && facts.param("client_assertion").is_none() => {
            return Some(nowhere());
        }
        _ => return None,
    };
    let strong = body && challenge || named;
    let because = format!(
        "The client's credentials went {sent}; a provider that wants them {other} answers like this{}.",
        if body && challenge { ", and this one asks for Basic" } else { "" }
    );
    let place = if body { Place::Form("client_secret".into()) } else { Place::request_field("authorization") };
    Some(
        Finding::new("outbound-client-auth-placement", Grade::Likely, because)
            .weighing(if strong { 88 } else { 64 })
            .at(place, "where they were sent"),
    )
}

/// The token request shows no client at all: a hand-made method that relies on a profile that is not attached to it.
fn nowhere() -> Finding {
    let because = "The token request names no client secret, neither in the form nor in an Authorization header.";
    Finding::new("outbound-client-auth-placement", Grade::Likely, because)
        .weighing(87)
        .at(Place::Form("client_secret".into()), "not there")
        .at(Place::RequestHead, "no Authorization")
}

/// A GUID where a secret should be: the secret's id was pasted (knowledge J20).
fn secret_shape(facts: &Facts<'_>) -> Option<Finding> {
    let secret = facts.reading.client.secret()?;
    let groups: Vec<usize> = secret.split('-').map(str::len).collect();
    let guid = groups == [8, 4, 4, 4, 12] && secret.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let error = facts.reading.oauth_error.as_ref()?;
    if !guid
        || !to_provider(facts)
        || !at_token_endpoint(facts)
        || error.error != "invalid_client"
        || token_error(facts).is_some()
    {
        return None;
    }
    let because = "The client secret has the form of a GUID: the id of a secret was pasted, not its value.";
    Some(
        Finding::new("outbound-client-secret-wrong", Grade::Likely, because)
            .weighing(86)
            .at(Place::Form("client_secret".into()), "a GUID"),
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
    if !bearer || facts.reading.token.as_deref().is_none_or(|token| !bearer::faults(token.as_bytes()).is_empty()) {
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
        return None;
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

/// A lower-case content-type breaks ServiceNow's own token client; the sign is that it asks again and again (knowledge J4).
fn header_case(facts: &Facts<'_>) -> Option<Finding> {
    let response = facts.reading.response()?;
    let old = response.version.starts_with("HTTP/1");
    let lower = response.fields.0.iter().any(|field| &field.name[..] == b"content-type");
    let other_case = response.fields.0.iter().any(|field| field.name.iter().any(u8::is_ascii_uppercase));
    if let Some(found) = header_case_before(facts) {
        return Some(found);
    }
    let mine = facts.reading.outbound
        && at_token_endpoint(facts)
        && facts.answer == Answer::Fine
        && facts.reading.token_answer.is_some();
    let again = facts.client().and_then(|client| client.grant(facts.grant())).and_then(|grant| grant.ok);
    let unused =
        facts.ledger.party(&facts.reading.party()).and_then(|party| party.token.as_ref()).is_some_and(|(tag, ..)| {
            facts.ledger.token_by_tag(*tag).is_some_and(|record| record.ends().is_none_or(|ends| ends > facts.at()))
        });
    if !mine || !old || !lower || !(again.is_some() && unused || other_case) {
        return None;
    }
    let because = "The provider spells content-type in lower case; ServiceNow's own token client can fail to read such an answer.";
    Some(
        Finding::new("outbound-header-case", Grade::Likely, because)
            .weighing(60)
            .at(Place::response_field("content-type"), "in lower case"),
    )
}

/// The token of the last answer was not used, and that answer spelt content-type in lower case.
fn header_case_before(facts: &Facts<'_>) -> Option<Finding> {
    token_missing(facts)?;
    let party = facts.ledger.party(&facts.reading.party())?;
    let (tag, _, seen) = party.token.as_ref()?;
    let lower = facts.ledger.token_by_tag(*tag).is_some_and(|record| record.lower_case);
    let because = "The token answer before this call spells content-type in lower case; ServiceNow's own token client can fail to read such an answer, and then calls without a token.";
    lower.then(|| {
        Finding::new("outbound-header-case", Grade::Likely, because)
            .weighing(75)
            .at(Place::Exchange(seen.exchange), "content-type in lower case")
    })
}

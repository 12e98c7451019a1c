//! Grants that do not exist, and parameters without which a grant means nothing.

use super::super::super::facts::Facts;
use super::{is_json, not_form, refused, refused_as_sent};
use crate::model::{Finding, Grade};
use crate::wire::template;

/// Grants that RFCs define and instances know (wire notes §4.1).
const GRANTS: [&str; 7] = [
    "authorization_code",
    "password",
    "client_credentials",
    "refresh_token",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "urn:ietf:params:oauth:grant-type:saml2-bearer",
    "urn:ietf:params:oauth:grant-type:token-exchange",
];

pub(super) fn grant_unknown(facts: &Facts<'_>) -> Option<Finding> {
    let grant = facts.grant();
    let provider = facts.outbound();
    if !refused_as_sent(facts)
        || provider
        || grant.is_empty()
        || facts.shown("grant_type").is_none()
        || GRANTS.contains(&grant)
        || template::placeholder_for_name(grant).is_some()
    {
        return None;
    }
    let near = match grant.to_ascii_lowercase() {
        code if code.contains("code") => "authorization_code",
        client if client.contains("client") => "client_credentials",
        refresh if refresh.contains("refresh") => "refresh_token",
        jwt if jwt.contains("jwt") || jwt.contains("bearer") => "urn:ietf:params:oauth:grant-type:jwt-bearer",
        _ => "password, client_credentials, authorization_code or refresh_token",
    };
    // An extension grant (RFC 6749 §4.5) may exist: whether this instance knows it is another question.
    let extension = grant.contains(':');
    let because = if extension {
        format!("{grant} is an extension grant that instances are not known to take.")
    } else {
        format!("{grant} is no grant; meant is probably {near}.")
    };
    let (grade, weight) = if extension { (Grade::Likely, 85) } else { (Grade::Proven, 25) };
    Some(
        Finding::new("grant-type-unknown", grade, because)
            .weighing(weight)
            .at(facts.param_place("grant_type"), "not a grant"),
    )
}

/// Parameters without which a grant means nothing.
pub(super) fn parameter_missing(facts: &Facts<'_>) -> Option<Finding> {
    if !refused(facts)
        || not_form(facts).is_some() && (facts.reading.form.is_none() || is_multipart(facts))
        || facts.reading.form.is_none() && is_json(facts)
        || facts.fields().has("authentication")
    {
        return None;
    }
    let has = |name: &str| {
        facts.reading.params().pairs.iter().any(|pair| pair.name.trim() == name && !pair.value.is_empty())
            || facts.reading.query.has(name)
    };
    let needed: &[&str] = match facts.grant() {
        "" => &["grant_type"],
        "password" => &["username", "password"],
        "authorization_code" => &["code"],
        "refresh_token" => &["refresh_token"],
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => &["assertion"],
        _ => &[],
    };
    let mut missing: Vec<&str> = needed.iter().copied().filter(|name| !has(name)).collect();
    let jwt = facts.grant() == "urn:ietf:params:oauth:grant-type:jwt-bearer";
    if facts.reading.client.id().is_none() && !facts.fields().has("authorization") && !jwt {
        missing.push("client_id");
    }
    let first = missing.first().copied()?;
    let because = format!("The token request has no {}; this grant needs it.", missing.join(", no "));
    Some(
        Finding::new("token-parameter-missing", Grade::Proven, because)
            .weighing(22)
            .at(facts.param_place(first), "not there, or empty"),
    )
}

/// Its parts have names as a form's values have; only the token endpoint does not read them.
fn is_multipart(facts: &Facts<'_>) -> bool {
    facts.fields().text("content-type").is_some_and(|mime| mime.to_ascii_lowercase().starts_with("multipart/"))
}

/// A secret may be left out by a public client, a redirect URI where the authorization request had none.
pub(super) fn secret_or_redirect_missing(facts: &Facts<'_>) -> Option<Finding> {
    if !refused(facts) || parameter_missing(facts).is_some() || grant_unknown(facts).is_some() {
        return None;
    }
    let grant = facts.grant();
    // A client that got a token without a secret is a public one.
    let without = facts.client().is_some_and(|client| client.any_ok().is_some() && client.secret_ok.is_none());
    let public = without
        || facts.param("code_verifier").is_some()
        || facts.param("client_assertion").is_some()
        || grant.starts_with("urn:");
    if facts.reading.client.secret().is_none_or(str::is_empty)
        && !public
        && !facts.reading.query.has("client_secret")
        && GRANTS.contains(&grant)
        && facts.reading.client.id().is_some()
    {
        let because = "The token request has no client_secret, and nothing that would take its place.";
        return Some(
            Finding::new("token-parameter-missing", Grade::Proven, because)
                .weighing(21)
                .at(facts.param_place("client_secret"), "not there"),
        );
    }
    if grant != "authorization_code" || facts.param("redirect_uri").is_some() {
        return None;
    }
    let asked =
        facts.code().and_then(|code| code.authorize.as_ref()).is_some_and(|authorize| authorize.redirect_uri.is_some());
    let grade = if asked { Grade::Proven } else { Grade::Likely };
    let because = "The code is exchanged without redirect_uri; it must be the one of the authorization request.";
    Some(
        Finding::new("token-parameter-missing", grade, because)
            .weighing(60)
            .at(facts.param_place("redirect_uri"), "not there"),
    )
}

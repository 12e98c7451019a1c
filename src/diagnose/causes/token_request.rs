//! The form of a token request: endpoint, method, media type, keys, values (knowledge D1–D7, D12, J16).

use super::super::facts::{Answer, Kinship};
use super::{Facts, Rule};
use crate::model::{Finding, Grade, Place};
use crate::wire::endpoint::Endpoint;
use crate::wire::form::Pair;
use crate::wire::template;

pub const RULES: &[Rule] = &[
    wrong_endpoint,
    params_in_query,
    not_form,
    not_encoded,
    plus_in_secret,
    encoding_in_doubt,
    whitespace,
    grant_unknown,
    parameter_missing,
    secret_or_redirect_missing,
    placeholder,
    sent_twice,
    client_id_malformed,
    client_of_other_instance,
    secret_changed,
];

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

/// Parameters that token requests know; others beside a secret are pieces of a value that was cut by `&`.
const PARAMETERS: [&str; 26] = [
    "grant_type",
    "client_id",
    "client_secret",
    "username",
    "password",
    "scope",
    "code",
    "redirect_uri",
    "code_verifier",
    "refresh_token",
    "assertion",
    "client_assertion",
    "client_assertion_type",
    "state",
    "format",
    "resource",
    "audience",
    "response_type",
    "nonce",
    "tenant",
    "login_hint",
    "token",
    "requestor",
    "requestor_context",
    "oauth_requestor",
    "api_key",
];

fn refused(facts: &Facts<'_>) -> bool {
    facts.token_refused() && !facts.request_unseen() && !facts.reading.redacted
}

fn wrong_endpoint(facts: &Facts<'_>) -> Option<Finding> {
    let asks =
        facts.reading.grant().is_some() || facts.param("code").is_some() || facts.param("client_secret").is_some();
    let path = facts.reading.request().path();
    let wrong = match facts.reading.endpoint {
        Endpoint::TokenMisspelt => facts.status() >= 300,
        Endpoint::OAuthRedirect => facts.status() >= 300 || facts.answer_text().contains("oauth redirect failed"),
        Endpoint::Authorize => {
            facts.reading.request().method == "POST" && facts.reading.grant().is_some() && facts.status() >= 400
        }
        _ => false,
    };
    if wrong && (asks || facts.reading.endpoint != Endpoint::Authorize) && facts.inbound() {
        let because = format!("{path} is not the token endpoint; tokens are given out at /oauth_token.do.");
        return Some(
            Finding::new("token-endpoint-wrong", Grade::Proven, because)
                .weighing(30)
                .at(Place::RequestTarget, "not /oauth_token.do"),
        );
    }
    let method = &facts.reading.request().method;
    if refused(facts) && method != "POST" && method != "OPTIONS" {
        let because = format!("The token request was sent as {method}; the token endpoint wants POST.");
        return Some(
            Finding::new("token-endpoint-wrong", Grade::Proven, because)
                .weighing(28)
                .at(Place::RequestMethod, "not POST"),
        );
    }
    None
}

fn params_in_query(facts: &Facts<'_>) -> Option<Finding> {
    let names = ["grant_type", "client_secret", "password", "client_id", "refresh_token"];
    let in_query: Vec<&str> = names.into_iter().filter(|name| facts.reading.query.has(name)).collect();
    let secret = in_query.iter().any(|name| matches!(*name, "client_secret" | "password" | "refresh_token"));
    let form_whole = !secret && facts.reading.form.as_ref().is_some_and(|form| form.has("grant_type"));
    if !refused(facts) || in_query.is_empty() || form_whole {
        return None;
    }
    let because =
        format!("{} stand in the URL; the token endpoint reads them from the form body.", in_query.join(", "));
    let first = in_query.first().copied().unwrap_or_default();
    Some(
        Finding::new("token-params-in-query", Grade::Proven, because)
            .weighing(26)
            .at(Place::Query(first.into()), "in the URL"),
    )
}

fn not_form(facts: &Facts<'_>) -> Option<Finding> {
    if !refused(facts) || facts.reading.request().method != "POST" || facts.reading.sent.is_empty() {
        return None;
    }
    let mime = facts.fields().text("content-type").unwrap_or_default().to_ascii_lowercase();
    let json = facts.reading.sent.trim_ascii_start().starts_with(b"{");
    let form = mime.contains("x-www-form-urlencoded");
    if form && !json {
        return None;
    }
    let because = match (json, mime.is_empty()) {
        (true, _) => "The body is JSON; the token endpoint reads application/x-www-form-urlencoded only.".to_owned(),
        (false, true) => {
            "The request has no Content-Type; the token endpoint reads application/x-www-form-urlencoded only."
                .to_owned()
        }
        (false, false) => {
            format!("The Content-Type is {mime}; the token endpoint reads application/x-www-form-urlencoded only.")
        }
    };
    let place = if json { Place::RequestBody } else { Place::request_field("content-type") };
    Some(Finding::new("token-request-not-form", Grade::Proven, because).weighing(27).at(place, "not a form"))
}

/// The pair before a stray one is where the value was cut.
fn cut_value(pairs: &[Pair], at: usize) -> Option<&Pair> {
    pairs.get(..at)?.iter().rev().find(|pair| PARAMETERS.contains(&pair.name.as_str()))
}

fn not_encoded(facts: &Facts<'_>) -> Option<Finding> {
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
fn plus_in_secret(facts: &Facts<'_>) -> Option<Finding> {
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
fn encoding_in_doubt(facts: &Facts<'_>) -> Option<Finding> {
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

fn whitespace(facts: &Facts<'_>) -> Option<Finding> {
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

fn grant_unknown(facts: &Facts<'_>) -> Option<Finding> {
    let grant = facts.grant();
    let provider = facts.outbound();
    if !refused(facts)
        || provider
        || grant.is_empty()
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
fn parameter_missing(facts: &Facts<'_>) -> Option<Finding> {
    if !refused(facts)
        || not_form(facts).is_some() && facts.reading.form.is_none()
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

/// A secret may be left out by a public client, a redirect URI where the authorization request had none.
fn secret_or_redirect_missing(facts: &Facts<'_>) -> Option<Finding> {
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

fn placeholder(facts: &Facts<'_>) -> Option<Finding> {
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

/// Two ways of client authentication in one request (RFC 6749 §2.3: at most one).
fn sent_twice(facts: &Facts<'_>) -> Option<Finding> {
    let token = matches!(facts.reading.endpoint, Endpoint::Token | Endpoint::ProviderToken);
    let refused = token && facts.status() >= 400;
    let named = facts.answer_text().contains("multiple client credentials");
    let params = facts.reading.params();
    let repeated = params.pairs.iter().filter(|pair| pair.name == "client_id").count() > 1;
    let both = facts.reading.client.basic.is_some() && facts.reading.client.body_secret.is_some();
    if !refused || !(named || repeated || both) {
        return None;
    }
    let grade = if named { Grade::Proven } else { Grade::Likely };
    let because = if repeated {
        "client_id stands twice in the form: the client shows who it is in two ways."
    } else if both {
        "The client shows who it is twice: in Authorization and in the form."
    } else {
        "The answer says that several client credentials were given."
    };
    let finding = Finding::new("client-credentials-sent-twice", grade, because).weighing(62);
    Some(if both {
        finding
            .at(Place::request_field("authorization"), "once here")
            .at(Place::Form("client_secret".into()), "and once here")
    } else {
        finding.at(Place::Form("client_id".into()), "more than once")
    })
}

/// Ids that ServiceNow makes are 32 hexadecimal digits (field notes part 2, 6).
fn client_id_malformed(facts: &Facts<'_>) -> Option<Finding> {
    let id = facts.reading.client.id()?;
    let hex = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let worked = facts.client().is_some_and(|client| client.any_ok().is_some());
    if !refused(facts)
        || facts.outbound()
        || hex
        || worked
        || id.is_empty()
        || template::placeholder(id).is_some()
        || template::literal_null(id)
    {
        return None;
    }
    let near = id.len().abs_diff(32) <= 3 && id.bytes().filter(u8::is_ascii_hexdigit).count() + 2 >= id.len();
    let because = format!(
        "The client id has {} characters; those that instances make are 32 hexadecimal digits.",
        id.chars().count()
    );
    let weight = if near { 82 } else { 58 };
    Some(
        Finding::new("client-id-malformed", Grade::Likely, because)
            .weighing(weight)
            .at(facts.param_place("client_id"), "not 32 hexadecimal digits"),
    )
}

fn client_of_other_instance(facts: &Facts<'_>) -> Option<Finding> {
    let id = facts.reading.client.id()?.to_owned();
    if !refused(facts) || facts.outbound() {
        return None;
    }
    let text = facts.answer_text();
    if text.contains("not valid or not trusted") {
        let because =
            "The instance answers that it does not trust these client credentials: they are another instance's.";
        return Some(
            Finding::new("client-of-other-instance", Grade::Proven, because)
                .weighing(20)
                .at(Place::ResponseBody, "not valid or not trusted"),
        );
    }
    let here = facts.client().is_some_and(|client| client.any_ok().is_some());
    let others = || facts.ledger.hosts_of_client(&id).iter().filter(|_| !here);
    let (other, seen) = others().find(|(host, _)| facts.kinship(host) != Kinship::SameInstance)?;
    let because = format!("This client id got a token from {other} and never one from {}.", facts.host());
    Some(
        Finding::new("client-of-other-instance", Grade::Likely, because)
            .weighing(88)
            .at(facts.param_place("client_id"), format!("known at {other}"))
            .at(Place::Exchange(seen.exchange), "it got a token there"),
    )
}

/// Another secret than the one that worked.
fn secret_changed(facts: &Facts<'_>) -> Option<Finding> {
    let secret = facts.reading.client.secret()?;
    let worked = facts.client().filter(|_| refused(facts) && facts.inbound())?;
    let known = worked.secret_ok.filter(|known| *known != facts.tag(secret))?;
    let seen = worked.any_ok()?;
    let because = format!("Client secret {} is not the one that worked ({known}).", facts.tag(secret));
    Some(
        Finding::new("client-secret-wrong", Grade::Possible, because)
            .weighing(96)
            .at(facts.param_place("client_secret"), format!("secret {}", facts.tag(secret)))
            .at(Place::Exchange(seen.exchange), format!("secret {known} worked")),
    )
}

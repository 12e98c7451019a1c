//! Token requests to a third party: what its token endpoint really said (knowledge J2–J8, J20; RFC 6749 §5.2).

use super::super::facts::Answer;
use super::entra::entra;
use super::outbound::{at_token_endpoint, to_provider, token_missing};
use super::{Facts, Rule};
use crate::model::{Answerer, Finding, Grade, Place};
use crate::wire::oauth::OAuthError;

pub const RULES: &[Rule] = &[
    no_access_token,
    not_form,
    token_error,
    placement,
    secret_of_invalid_client,
    unknown_of_invalid_client,
    secret_shape,
    header_case,
];

/// 200 of a token endpoint without an access token (knowledge J3).
fn no_access_token(facts: &Facts<'_>) -> Option<Finding> {
    let ok =
        to_provider(facts) && at_token_endpoint(facts) && facts.status() == 200 && facts.reading.token_answer.is_none();
    let json = serde_json::from_slice::<serde_json::Value>(&facts.reading.answer).ok();
    let hidden =
        facts.reading.answer.is_empty() && facts.reading.response().is_some_and(|answer| answer.body.length > 0);
    if !ok || hidden || facts.reading.grant().is_none() {
        return None;
    }
    let has: Vec<String> = json
        .as_ref()
        .and_then(|value| value.as_object())
        .map(|map| map.keys().take(6).cloned().collect())
        .unwrap_or_default();
    // Some answer in form encoding, which not every client reads.
    let form = json.is_none() && facts.reading.answer.windows(13).any(|part| part == b"access_token=");
    let because = if json.is_some() {
        format!(
            "The token answer says 200 and has no access_token; it has {}.",
            if has.is_empty() { "nothing".into() } else { has.join(", ") }
        )
    } else {
        "The token answer says 200 and is no JSON.".to_owned()
    };
    let grade = if form { Grade::Likely } else { Grade::Proven };
    Some(
        Finding::new("outbound-no-access-token", grade, because)
            .weighing(40)
            .at(Place::ResponseBody, "no access_token"),
    )
}

/// The parameter that a provider says is missing.
pub(super) fn named_parameter(text: &str) -> Option<String> {
    if text.contains("no audience parameter") {
        return Some("audience".into());
    }
    const LEADS: [&str; 7] = [
        "missing form parameter: ",
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

/// A token request in JSON: RFC 6749 §4 wants a form. Some providers take JSON too; one that misses what stands in it
/// does not.
fn not_form(facts: &Facts<'_>) -> Option<Finding> {
    let refused = to_provider(facts) && at_token_endpoint(facts) && (400..500).contains(&facts.status());
    let sent = serde_json::from_slice::<serde_json::Value>(&facts.reading.sent).ok().filter(|_| refused)?;
    let sent = sent.as_object().filter(|members| members.contains_key("grant_type"))?;
    let text = facts.answer_text();
    let missed = named_parameter(&text).filter(|name| sent.contains_key(name));
    let other = matches!(
        facts.reading.oauth_error.as_ref().map(|error| error.error.as_str()),
        Some("invalid_request" | "unsupported_grant_type")
    );
    if missed.is_none() && !other && facts.status() != 415 {
        return None;
    }
    let (grade, weight, because) = match missed {
        Some(name) => {
            (Grade::Proven, 42, format!("The body is JSON and has {name}; the provider reads a form, and misses it."))
        }
        None => (
            Grade::Likely,
            89,
            "The body is JSON; token endpoints read a form (RFC 6749 §4), and this one refuses it.".to_owned(),
        ),
    };
    Some(
        Finding::new("token-request-not-form", grade, because)
            .weighing(weight)
            .at(Place::RequestBody, "JSON, not a form"),
    )
}

/// Errors of a provider's token endpoint (RFC 6749 §5.2).
fn token_error(facts: &Facts<'_>) -> Option<Finding> {
    if !to_provider(facts) || !at_token_endpoint(facts) || facts.status() < 400 || not_form(facts).is_some() {
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
        // The same code is given for an authorization code that is too old.
        let refresh = cause != "outbound-refresh-expired" || facts.grant() == "refresh_token";
        return finding(cause, if refresh { grade } else { grade.min(Grade::Likely) }, 40);
    }
    let (cause, grade, weight) = verdict_of(facts, error, &text)?;
    finding(cause, grade, weight)
}

/// A cause, its grade, its weight.
type Verdict = (&'static str, Grade, i32);

/// What an error code and its text stand for.
pub(super) fn verdict_of(facts: &Facts<'_>, error: &OAuthError, text: &str) -> Option<Verdict> {
    let no_scope = facts.param("scope").is_none_or(str::is_empty);
    match error.error.as_str() {
        "unsupported_grant_type" => Some(grant_unsupported(facts)),
        "invalid_grant" => grant_refused(facts, text),
        "invalid_scope" if no_scope => Some(("outbound-scope-missing", Grade::Proven, 40)),
        "invalid_request" if no_scope && text.contains("scope") => Some(("outbound-scope-missing", Grade::Proven, 40)),
        "invalid_scope" => Some(("outbound-token-refused", Grade::Likely, 80)),
        "invalid_client" | "invalid_client_id" | "unauthorized_client" => client_refused(error, text),
        // Beside RFC 6749: Google and others name it so.
        "redirect_uri_mismatch" => Some(("redirect-uri-mismatch", Grade::Likely, 80)),
        _ => None,
    }
}

fn grant_unsupported(facts: &Facts<'_>) -> Verdict {
    // One that finds no grant_type in the form says so as well.
    if facts.reading.form.as_ref().is_some_and(|form| form.has("grant_type")) {
        ("outbound-grant-unsupported", Grade::Proven, 40)
    } else if facts.reading.query.has("grant_type") {
        ("token-params-in-query", Grade::Likely, 80)
    } else {
        ("outbound-grant-unsupported", Grade::Likely, 80)
    }
}

/// RFC 6749 §5.2: invalid, expired, revoked, or issued to another client; only the text says which.
fn grant_refused(facts: &Facts<'_>, text: &str) -> Option<Verdict> {
    const OVER: [&str; 5] = ["expired", "revoked", "inactive", "inactivity", "no longer valid"];
    // The RFC's own sentence names reasons that are not the token's age.
    const OTHER: [&str; 6] =
        ["another client", "different client", "client mismatch", "not issued to", "does not match", "redirection"];
    if facts.grant() == "refresh_token" {
        let over = says_one_of(text, &OVER) && !says_one_of(text, &OTHER);
        let (grade, weight) = if over { (Grade::Proven, 40) } else { (Grade::Likely, 80) };
        return Some(("outbound-refresh-expired", grade, weight));
    }
    if says_one_of(text, &["audience", "assertion"]) {
        return Some(("outbound-token-refused", Grade::Likely, 80));
    }
    says_one_of(text, &["user", "approved"]).then_some(("outbound-user-not-authorised", Grade::Likely, 80))
}

fn client_refused(error: &OAuthError, text: &str) -> Option<Verdict> {
    const WRONG: [&str; 4] = ["invalid", "incorrect", "wrong", "mismatch"];
    const UNKNOWN: [&str; 8] = [
        "not found",
        "unknown client",
        "could not be found",
        "does not exist",
        "client identifier invalid",
        "invalid client id",
        "invalid client_id",
        "value for 'client_id'",
    ];
    const OTHER: [&str; 3] = ["credentials", "authentication", "secret"];
    let said = error.description.to_ascii_lowercase();
    // Several reasons in one sentence, as RFC 6749 has them: it may be any.
    let several = said.contains(" or ") || said.contains("and/or");
    let (grade, weight) = if several { (Grade::Likely, 80) } else { (Grade::Proven, 41) };
    let secret = said.contains("secret") && says_one_of(&said, &WRONG) && !said.contains("id and");
    if error.error == "invalid_client" && secret {
        return Some(("outbound-client-secret-wrong", grade, weight));
    }
    if says_one_of(&said, &UNKNOWN) && !says_one_of(&said, &OTHER) {
        return Some(("outbound-client-unknown", grade, weight));
    }
    let grant = error.error == "unauthorized_client" && text.contains("grant");
    grant.then_some(("outbound-grant-unsupported", Grade::Proven, 40))
}

fn says_one_of(text: &str, signs: &[&str]) -> bool {
    signs.iter().any(|sign| text.contains(sign))
}

pub(super) fn first_sentence(text: &str) -> String {
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

/// `invalid_client` without a word more stands for a wrong secret and for an unknown client as well (RFC 6749 §5.2).
fn invalid_client(facts: &Facts<'_>, cause: &'static str, weight: i32, because: &'static str) -> Option<Finding> {
    let error = facts.reading.oauth_error.as_ref().filter(|error| error.error == "invalid_client")?;
    let asked = facts.reading.client.id().is_some() && facts.reading.client.secret().is_some();
    let open = to_provider(facts) && at_token_endpoint(facts) && facts.status() >= 400 && token_error(facts).is_none();
    // Credentials that were not found are in the wrong place, whatever they are.
    let said = error.description.to_ascii_lowercase();
    let absent = ["not found", "missing", "required"].iter().any(|word| said.contains(word));
    (open && asked && !absent && error.aadsts.is_none() && not_form(facts).is_none()).then(|| {
        Finding::new(cause, Grade::Possible, because)
            .weighing(weight)
            .at(Place::ResponseBody, "invalid_client, no reason")
    })
}

fn secret_of_invalid_client(facts: &Facts<'_>) -> Option<Finding> {
    let because =
        "invalid_client is the answer to a wrong or expired secret, too; the provider does not say which it is.";
    invalid_client(facts, "outbound-client-secret-wrong", 60, because)
}

fn unknown_of_invalid_client(facts: &Facts<'_>) -> Option<Finding> {
    let because = "invalid_client is the answer to a client id that the provider does not know, too.";
    invalid_client(facts, "outbound-client-unknown", 55, because)
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

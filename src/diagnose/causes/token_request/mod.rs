//! The form of a token request: endpoint, method, media type, keys, values (knowledge D1–D7, D12, J16).

mod client;
mod parameters;
mod values;

use super::{Facts, Rule};
use crate::ledger::records::HostRecord;
use crate::model::{Finding, Grade, Place};
use crate::wire::endpoint::Endpoint;

pub const RULES: &[Rule] = &[
    wrong_endpoint,
    params_in_query,
    not_form,
    values::not_encoded,
    values::plus_in_secret,
    values::encoding_in_doubt,
    values::whitespace,
    parameters::grant_unknown,
    parameters::parameter_missing,
    parameters::secret_or_redirect_missing,
    values::placeholder,
    client::sent_twice,
    client::client_id_malformed,
    client::client_of_other_instance,
    client::secret_changed,
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
    refused_as_sent(facts) && !facts.reading.redacted
}

/// The same where secrets may be hidden: a sanitizer changes values, not the method, the place or the kind of a body.
fn refused_as_sent(facts: &Facts<'_>) -> bool {
    facts.token_refused() && !facts.request_unseen()
}

/// This instance gave a token to a request of that form: what is refused now is refused for something else.
fn taken_before(facts: &Facts<'_>, took: fn(&HostRecord) -> bool) -> bool {
    facts.host_record().is_some_and(took)
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
    let taken = method == "GET" && taken_before(facts, |host| host.took_get);
    if refused_as_sent(facts) && !taken && method != "POST" && method != "OPTIONS" {
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
    let taken = taken_before(facts, |host| host.took_parameters_in_url);
    if !refused_as_sent(facts) || in_query.is_empty() || form_whole || taken {
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

fn is_json(facts: &Facts<'_>) -> bool {
    facts.reading.sent.trim_ascii_start().starts_with(b"{")
}

fn not_form(facts: &Facts<'_>) -> Option<Finding> {
    let json = is_json(facts);
    let judged = refused(facts) || json && refused_as_sent(facts);
    if !judged
        || json && taken_before(facts, |host| host.took_json)
        || facts.reading.request().method != "POST"
        || facts.reading.sent.is_empty()
    {
        return None;
    }
    let mime = facts.fields().text("content-type").unwrap_or_default().to_ascii_lowercase();
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

//! The scheme itself: unknown, of another API, doubled, or carrying what belongs under another (knowledge A11, A15, A17).

use super::super::facts::Answer;
use super::bearer_form::refused_value;
use super::{Facts, Rule};
use crate::model::{Finding, Grade, Place, Way};
use crate::wire::authorization::SchemeKind;
use crate::wire::reading::Credential;
use crate::wire::{basic, jwt, template};

pub const RULES: &[Rule] =
    &[duplicated, bearer_carries_basic, unknown, devops_wants_its_token, devops_refused, agent_api_wants_oauth];

fn place() -> Place {
    Place::request_field("authorization")
}

fn duplicated(facts: &Facts<'_>) -> Option<Finding> {
    let refused = facts.not_authenticated() || facts.answer == Answer::OtherRefusal;
    let count = facts.fields().all("authorization").count();
    if !refused || count < 2 {
        return if refused { joined(facts) } else { None };
    }
    let because = format!(
        "The request has {count} Authorization headers; ServiceNow's edge refuses that, and no server may choose between them."
    );
    let second = Place::RequestField { name: "authorization".into(), nth: 1 };
    Some(Finding::new("authorization-duplicated", Grade::Proven, because).weighing(9).at(second, "the second one"))
}

/// Two credentials in one header, as a client or a hop joins two lines of a field that is no list (RFC 9110 §5.3).
fn joined(facts: &Facts<'_>) -> Option<Finding> {
    let (value, parts) = facts.reading.authorization.as_ref()?;
    let text = value.to_ascii_lowercase();
    let second = [&b", bearer "[..], b", basic ", b",bearer ", b",basic "];
    let at = second.iter().find_map(|scheme| text.windows(scheme.len()).position(|part| part == *scheme))?;
    if !matches!(parts.kind, SchemeKind::Basic | SchemeKind::Bearer) {
        return None;
    }
    let because =
        "Two credentials stand in one Authorization, joined by a comma: a client or a hop sent the header twice.";
    Some(Finding::new("authorization-duplicated", Grade::Proven, because).weighing(9).at_span(
        place(),
        at..at + 1,
        "the second one begins",
    ))
}

fn bearer_carries_basic(facts: &Facts<'_>) -> Option<Finding> {
    let (value, parts) = refused_value(facts)?;
    let credentials = parts.credentials_of(value);
    let hidden = basic::hides_in(credentials).filter(|_| parts.kind == SchemeKind::Bearer)?;
    let because = format!(
        "What stands under Bearer is base64 of a user name ({}) and a password: Basic credentials.",
        hidden.user()
    );
    // Some providers issue tokens that are just this.
    let grade = if facts.outbound() { Grade::Likely } else { Grade::Proven };
    Some(Finding::new("bearer-carries-basic", grade, because).at_span(place(), parts.scheme.clone(), "should be Basic"))
}

fn unknown(facts: &Facts<'_>) -> Option<Finding> {
    let (value, parts) = refused_value(facts)?;
    let scheme = parts.scheme_of(value);
    let other = matches!(parts.kind, SchemeKind::Other | SchemeKind::Negotiate | SchemeKind::Ntlm | SchemeKind::Digest);
    let colon = scheme.trim_end_matches([':', '=', ',']).eq_ignore_ascii_case("bearer")
        || scheme.to_ascii_lowercase().starts_with("authorization");
    let text = String::from_utf8_lossy(value).into_owned();
    if !other
        || colon
        || facts.outbound()
        || template::placeholder(&text).is_some()
        || template::literal_null(text.trim())
    {
        return None;
    }
    if value.is_empty() {
        let because = "Authorization is there and empty.";
        return Some(Finding::new("scheme-unknown", Grade::Proven, because).at(place(), "an empty value"));
    }
    if parts.credentials.is_empty() {
        let kind = if jwt::looks_like(&text) { "a JWT" } else { "a value" };
        let because = format!("Authorization holds {kind} without a scheme in front of it.");
        // A tool that takes secrets out of recordings may have put a hash there.
        let hash = text.len() >= 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let recorded = facts.reading.exchange.client.way == Way::Recorded;
        let grade = if hash && recorded { Grade::Likely } else { Grade::Proven };
        return Some(Finding::new("scheme-unknown", grade, because).at_span(place(), 0..0, "Bearer is missing here"));
    }
    let because = format!("The scheme is {scheme}; ServiceNow's REST API takes Basic and Bearer.");
    Some(Finding::new("scheme-unknown", Grade::Proven, because).at_span(
        place(),
        parts.scheme.clone(),
        "not a scheme that ServiceNow takes",
    ))
}

/// The DevOps API takes its own token scheme (field notes part 2, 7).
fn devops_wants_its_token(facts: &Facts<'_>) -> Option<Finding> {
    let (value, parts) = refused_value(facts)?;
    if !facts.reading.request().path().contains("/sn_devops/") || parts.kind == SchemeKind::DevOps {
        return None;
    }
    let newer = facts.reading.request().path().contains("/sn_devops/v2/");
    if parts.kind == SchemeKind::Basic && !newer {
        return None;
    }
    let scheme = parts.scheme_of(value);
    let because = format!("The DevOps API takes sn_devops.DevOpsToken <tool id>:<token>; {scheme} was sent.");
    let grade = if newer && facts.by_instance() { Grade::Proven } else { Grade::Likely };
    Some(Finding::new("scheme-for-other-api", grade, because).weighing(75).at_span(
        place(),
        parts.scheme.clone(),
        "another scheme is wanted",
    ))
}

fn devops_refused(facts: &Facts<'_>) -> Option<Finding> {
    let (value, parts) = refused_value(facts)?;
    let credentials = String::from_utf8_lossy(parts.credentials_of(value)).into_owned();
    if facts.credential() != Credential::DevOps || !facts.by_instance() {
        return None;
    }
    if !facts.reading.request().path().contains("/sn_devops/") {
        let because =
            "A DevOps token was sent to an API that is not the DevOps API; it takes Basic, Bearer or an API key.";
        return Some(Finding::new("scheme-for-other-api", Grade::Proven, because).at_span(
            place(),
            parts.scheme.clone(),
            "the DevOps API's own scheme",
        ));
    }
    if !credentials.contains(':') {
        let because = "A DevOps token is <tool id>:<token>; the tool id is missing.";
        return Some(Finding::new("devops-token-refused", Grade::Likely, because).weighing(70).at(place(), "no colon"));
    }
    let because =
        "The DevOps token has the right form and was refused: a wrong or regenerated token, or the id of another tool.";
    Some(Finding::new("devops-token-refused", Grade::Likely, because).weighing(70).at_span(
        place(),
        parts.credentials.clone(),
        "the form is right",
    ))
}

/// The agent-to-agent API takes OAuth only (field notes part 2).
fn agent_api_wants_oauth(facts: &Facts<'_>) -> Option<Finding> {
    let path = facts.reading.request().path();
    let agents = path.contains("/sn_aia/a2a/") || path.contains("/a2a/");
    if !agents || facts.credential() != Credential::Basic || facts.answer != Answer::NotAuthenticated {
        return None;
    }
    let because = "The agent-to-agent API takes OAuth tokens only; Basic was sent.";
    Some(Finding::new("scheme-for-other-api", Grade::Likely, because).weighing(80).at(place(), "Basic"))
}

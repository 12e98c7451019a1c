//! Policies that stand before users and roles: access policies, IP rules, keys, rates (knowledge G1–G13).

use super::super::facts::Answer;
use super::{Facts, Rule};
use crate::model::{Finding, Grade, Place, Way};
use crate::wire::reading::Credential;
use crate::wire::template;

pub const RULES: &[Rule] = &[rate_limited, ip_restricted, api_key_refused, key_placeholder, hmac, basic_not_advertised];

pub fn rate_limited(facts: &Facts<'_>) -> Option<Finding> {
    if facts.answer != Answer::RateLimited || facts.outbound() {
        return None;
    }
    let fields = &facts.reading.response()?.fields;
    let rule = fields.text("x-ratelimit-rule").map(|rule| format!(" (rule {rule})")).unwrap_or_default();
    let wait = fields.text("retry-after").map(|seconds| format!(" Retry-After: {seconds} s.")).unwrap_or_default();
    let named = fields.has("x-ratelimit-limit") || facts.answer_text().contains("rate limit");
    let because =
        format!("The instance counts requests and this one was over the limit{rule}: not authentication.{wait}");
    let grade = if named { Grade::Proven } else { Grade::Likely };
    Some(Finding::new("rate-limited", grade, because).weighing(60).at(Place::ResponseStatus, "429"))
}

/// 403 before the application: no envelope, no transaction (knowledge G8). The proxy's own address comes first.
fn ip_restricted(facts: &Facts<'_>) -> Option<Finding> {
    let print = &facts.reading.fingerprint;
    let plain =
        facts.answer == Answer::Forbidden && facts.reading.envelope.is_none() && facts.reading.oauth_error.is_none();
    if !plain || !facts.inbound() || print.transaction.is_some() || print.logged_in.is_some() || !facts.by_instance() {
        return None;
    }
    let through = if facts.reading.exchange.client.way == Way::Recorded {
        ""
    } else {
        " Through this proxy the instance sees this machine's address: check that first."
    };
    let because = format!(
        "A 403 without the REST layer's envelope and without a transaction: it was refused before the application, as IP address access control does.{through}"
    );
    Some(
        Finding::new("ip-restricted", Grade::Likely, because)
            .weighing(80)
            .at(Place::ResponseBody, "no ServiceNow envelope"),
    )
}

fn api_key_refused(facts: &Facts<'_>) -> Option<Finding> {
    let (place, _) = facts.reading.api_key.as_ref().filter(|_| key_placeholder(facts).is_none())?;
    if facts.credential() != Credential::ApiKey || facts.answer != Answer::NotAuthenticated || !facts.by_instance() {
        return None;
    }
    let because =
        "The API key was refused: unknown, inactive, expired, or no non-global access policy takes keys for this API.";
    Some(Finding::new("api-key-refused", Grade::Likely, because).weighing(84).at(place.clone(), "an API key"))
}

/// A key that is empty, the text of a template, or a word for nothing (knowledge A6, A7).
fn key_placeholder(facts: &Facts<'_>) -> Option<Finding> {
    let (place, key) = facts.reading.api_key.as_ref().filter(|_| !facts.reading.redacted)?;
    if facts.credential() != Credential::ApiKey || facts.answer != Answer::NotAuthenticated {
        return None;
    }
    if key.is_empty() {
        // Sanitizers empty values too.
        let recorded = facts.reading.exchange.client.way == Way::Recorded;
        let grade = if recorded { Grade::Likely } else { Grade::Proven };
        let because = "The API key is empty: the variable had no value when the request was built.";
        return Some(Finding::new("credential-empty", grade, because).weighing(90).at(place.clone(), "nothing in it"));
    }
    let (cause, because, says) = if template::placeholder(key).is_some() {
        let because = "An unresolved variable was sent in the place of the API key.";
        ("token-placeholder", because, "text of a template, sent as it is")
    } else if template::literal_null(key) {
        ("token-literal-null", "A word for nothing was sent in the place of the API key.", "a word for nothing")
    } else {
        return None;
    };
    Some(Finding::new(cause, Grade::Proven, because).at(place.clone(), says))
}

fn hmac(facts: &Facts<'_>) -> Option<Finding> {
    let sent =
        facts.credential() == Credential::Hmac && facts.answer == Answer::NotAuthenticated && facts.by_instance();
    let because = "The HMAC signature was refused: another secret or key id, or the signed text differs.";
    sent.then(|| {
        Finding::new("hmac-signature-invalid", Grade::Possible, because)
            .weighing(80)
            .at(Place::request_field("x-sn-hmac-signature-256"), "refused")
    })
}

/// Basic was sent, and the challenge names another scheme only (knowledge G1).
fn basic_not_advertised(facts: &Facts<'_>) -> Option<Finding> {
    let schemes = facts.advertised();
    let bearer_only = !schemes.is_empty() && schemes.iter().all(|scheme| scheme == "bearer");
    let basic =
        facts.credential() == Credential::Basic && facts.answer == Answer::NotAuthenticated && facts.by_instance();
    if !basic || !bearer_only || !facts.inbound() {
        return None;
    }
    let because = "Basic was sent and the 401 advertises BEARER only: a REST API access policy with an OAuth profile governs this API.";
    Some(
        Finding::new("api-access-policy", Grade::Likely, because)
            .weighing(85)
            .at(Place::response_field("www-authenticate"), "BEARER only"),
    )
}

//! Facts about a request that are worth a word even when it succeeded: clear text, and tokens in URLs.

use super::{Facts, Rule};
use crate::model::{Finding, Grade, Place, Scheme, Way};
use crate::wire::endpoint::Endpoint;
use crate::wire::reading::Credential;

pub const RULES: &[Rule] = &[plain_http, token_in_query];

fn plain_http(facts: &Facts<'_>) -> Option<Finding> {
    let request = facts.reading.request();
    if facts.request_unseen() || !carries_secrets(facts) {
        return None;
    }
    let away = facts.reading.exchange.client.address.is_some_and(|address| !address.ip().is_loopback());
    if facts.reading.exchange.client.way == Way::ClearHttps && away {
        let because = "The client sent the request for an https URL in clear text to this proxy, credentials included; \
                       this proxy encrypted it onwards.";
        return Some(
            Finding::new("plain-http", Grade::Proven, because)
                .at(Place::RequestUrl, "absolute-form https in clear text"),
        );
    }
    if request.scheme != Scheme::Http || is_loopback(&request.host) {
        return None;
    }
    let because =
        "The URL begins with http://: the credentials crossed the network in clear text, whatever was answered.";
    Some(Finding::new("plain-http", Grade::Proven, because).at(Place::RequestUrl, "scheme http, with credentials"))
}

fn carries_secrets(facts: &Facts<'_>) -> bool {
    facts.credential() != Credential::None
        || matches!(facts.reading.endpoint, Endpoint::Token | Endpoint::ProviderToken | Endpoint::Login)
            && facts.reading.form.is_some()
}

/// Names and addresses that never leave the machine.
pub fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// `access_token` (or `token` on an API) in the URL, where logs and histories keep it (wire notes §7).
fn token_in_query(facts: &Facts<'_>) -> Option<Finding> {
    if facts.request_unseen() || facts.reading.endpoint == Endpoint::Revoke {
        return None;
    }
    let name = ["access_token", "bearer_token", "id_token"].into_iter().find(|name| facts.reading.query.has(name))?;
    let because =
        format!("The token travels in the URL, as {name}: proxies, histories and the transaction log keep it.");
    Some(
        Finding::new("token-in-query", Grade::Proven, because)
            .at(Place::Query(name.into()), "a token in the query string"),
    )
}

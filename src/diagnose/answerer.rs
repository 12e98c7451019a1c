//! Who answered: the instance, a provider, something in between, or this proxy itself (knowledge: wire §1).

use crate::model::{Answerer, Outcome, lossy};
use crate::wire::endpoint::{self, Endpoint};
use crate::wire::reading::Reading;
use crate::wire::servicenow::{Envelope, Page};

/// Decides by positive signs; without any, by the host's name.
pub fn answerer(reading: &Reading<'_>) -> Answerer {
    let response = match &reading.exchange.outcome {
        Outcome::Answered(response) if !response.ours => response,
        _ => return Answerer::Why401,
    };
    if response.status == 407 || reading.exchange.request.method == "CONNECT" {
        return Answerer::Intermediary;
    }
    if reading.fingerprint.edge || reading.fingerprint.node || speaks_servicenow(reading) {
        return Answerer::Instance;
    }
    if !reading.instance {
        return if gateway(reading) { Answerer::Intermediary } else { Answerer::Provider };
    }
    let foreign = reading.fingerprint.server.is_some();
    let passed = response.fields.has("via") || response.fields.has("x-squid-error") || response.fields.has("cf-ray");
    let by_name = endpoint::is_instance_host(reading.host());
    let foreign = foreign || response.status >= 400 && Envelope::is_foreign(&reading.answer);
    // A host of the customer's own may be any box: a page in the place of data is no more the instance's than a refusal.
    let page = reading.page == Some(Page::Other) && reading.exchange.request.path().starts_with("/api/now/");
    let unlike = !by_name && (response.status >= 400 || page);
    if foreign || passed || unlike { Answerer::Intermediary } else { Answerer::Instance }
}

/// A gateway refuses a client that is no instance: it may stand before one, and what lies behind it has said nothing.
fn gateway(reading: &Reading<'_>) -> bool {
    let Some(response) = reading.response() else { return false };
    let call = !reading.outbound && !matches!(reading.endpoint, Endpoint::ProviderToken | Endpoint::Token);
    if !call || !matches!(response.status, 401 | 403) {
        return false;
    }
    let server = reading.fingerprint.server.as_deref().unwrap_or_default().to_ascii_lowercase();
    let named = ["kong/", "apigee", "awselb/", "tyk"].iter().any(|name| server.starts_with(name));
    let fields = ["x-amz-apigw-id", "x-amzn-errortype", "x-kong-request-id", "x-kong-response-latency"];
    named || fields.iter().any(|name| response.fields.has(name)) || Envelope::is_a_gateways(&reading.answer)
}

/// The body is one that only an instance writes.
fn speaks_servicenow(reading: &Reading<'_>) -> bool {
    let foreign = reading.fingerprint.server.is_some();
    let own = !Envelope::is_foreign(&reading.answer);
    let envelope = own && reading.envelope.is_some() && lossy(&reading.answer).contains("status");
    let page = matches!(reading.page, Some(Page::Hibernating | Page::Offline));
    let denied = reading.oauth_error.as_ref().is_some_and(|error| error.is_catch_all());
    page || !foreign && (envelope && !reading.outbound || denied && reading.instance)
}

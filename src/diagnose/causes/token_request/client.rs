//! How the client of a token request shows who it is.

use super::super::super::facts::{Facts, Kinship};
use super::refused;
use crate::model::{Finding, Grade, Place};
use crate::wire::endpoint::Endpoint;
use crate::wire::template;

/// Two ways of client authentication in one request (RFC 6749 §2.3: at most one).
pub(super) fn sent_twice(facts: &Facts<'_>) -> Option<Finding> {
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
pub(super) fn client_id_malformed(facts: &Facts<'_>) -> Option<Finding> {
    let id = facts.reading.client.shown_id()?;
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

pub(super) fn client_of_other_instance(facts: &Facts<'_>) -> Option<Finding> {
    let id = facts.reading.client.shown_id()?.to_owned();
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
pub(super) fn secret_changed(facts: &Facts<'_>) -> Option<Finding> {
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

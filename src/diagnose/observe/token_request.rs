//! What the client, the code and the assertion of a token request have done before.

use super::super::causes::another_client_passes;
use super::super::facts::Facts;
use super::{Note, Sign};
use crate::model::Place;
use crate::wire::jwt;

pub(super) fn client(facts: &Facts<'_>, note: &mut Note<'_>) {
    if !facts.token_endpoint() {
        return;
    }
    if facts.param("scope").is_some_and(|scope| !scope.is_empty()) {
        note(Sign::ScopeAsked, "a scope is asked for".into(), Some(facts.param_place("scope")));
    }
    code(facts, note);
    assertion(facts, note);
    let grant = facts.grant();
    if let Some(exchange) = another_client_passes(facts, grant) {
        let says = format!("another client gets tokens with {grant}");
        note(Sign::GrantPassesForOther, says, Some(Place::Exchange(exchange)));
    }
    let Some(client) = facts.client() else {
        note(Sign::ClientNew, "this client was not seen before".into(), None);
        return;
    };
    let secret = facts.reading.client.secret().map(|secret| facts.tag(secret));
    if client.any_ok().is_none() {
        note(Sign::ClientNew, "this client has got no token here yet".into(), None);
    } else if secret.is_some() && secret != client.secret_ok {
        return;
    }
    // One that is tried again and again without success is no concurrency.
    if facts.dated()
        && client.refreshes.iter().any(|(seen, ok)| *ok && facts.at().since(seen.at).abs() <= 10_000)
        && grant == "refresh_token"
    {
        note(Sign::ParallelRefresh, "another refresh of the same client ran close by".into(), None);
    }
    if let Some((other, seen)) = client.other_grant_ok(grant) {
        note(
            Sign::OtherGrantPasses,
            format!("the {other} grant of the same client works"),
            Some(Place::Exchange(seen.exchange)),
        );
    }
    if let Some(record) = client.grant(grant).filter(|record| record.ok.is_some()) {
        let seen = record.ok.map(|seen| Place::Exchange(seen.exchange));
        note(Sign::ClientPassed, format!("the same client got a token with {grant} before"), seen.clone());
        if grant == "password" && record.user_ok.as_deref().is_some_and(|user| Some(user) != facts.param("username")) {
            note(Sign::ClientPassesForOther, "the same client works for another user".into(), seen);
        }
    }
}

fn code(facts: &Facts<'_>, note: &mut Note<'_>) {
    if facts.grant() != "authorization_code" {
        return;
    }
    match facts.code() {
        Some(record)
            if facts.dated() && facts.at().seconds_since(record.seen.at) <= 60 && record.exchanged.is_empty() =>
        {
            let challenge = record.authorize.as_ref().and_then(|authorize| authorize.challenge.clone());
            // A challenge that a sanitizer hid is not there either: with a verifier, none can be told from another.
            let verifier = facts.param("code_verifier").map(crate::wire::oauth::s256);
            if challenge == verifier {
                note(Sign::VerifierFits, "the verifier fits the challenge, or none was asked for".into(), None);
            }
            let age = facts.at().seconds_since(record.seen.at);
            note(
                Sign::CodeGood,
                format!("the code was {age} s old and unused"),
                Some(Place::Exchange(record.seen.exchange)),
            );
        }
        Some(_) => {}
        None => note(Sign::CodeUnseen, "the redirect that carried the code was not seen".into(), None),
    }
}

/// What was accepted before of the parts of an assertion.
fn assertion(facts: &Facts<'_>, note: &mut Note<'_>) {
    let Some(jwt) = facts.param("assertion").and_then(jwt::decode) else { return };
    let place = facts.param_place("assertion");
    let audiences = jwt.audiences();
    let fits = facts.reading.client.shown_id().is_some_and(|id| audiences.contains(&id));
    if fits {
        note(Sign::AudienceFits, "the audience fits the request".into(), Some(place.clone()));
    } else if audiences.iter().any(|audience| audience.contains("oauth_token.do")) {
        let says = "the audience is the token endpoint; another page of the documentation wants the client id";
        note(Sign::AudienceIsEndpoint, says.into(), Some(place.clone()));
    }
    let accepted =
        |part: &str, value: Option<&str>| value.is_some_and(|value| facts.ledger.accepted(facts.host(), part, value));
    if accepted("kid", jwt.kid()) {
        note(Sign::KeyAccepted, "the signing key was accepted before".into(), Some(place.clone()));
    }
    if accepted("sub", jwt.text("sub")) {
        note(Sign::SubjectAccepted, "the subject was accepted before".into(), Some(place));
    }
}

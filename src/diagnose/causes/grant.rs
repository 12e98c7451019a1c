//! What the history of a client says of a refused grant (knowledge D14, D35, D40, D52).

use super::super::facts::Answer;
use super::{Facts, Rule};
use crate::ledger::records::PasswordUse;
use crate::model::{Finding, Grade, Place};
use crate::wire::template;

pub const RULES: &[Rule] = &[client_credentials_disabled, password_disabled, scope_not_allowed, guest_token];

fn denied(facts: &Facts<'_>) -> bool {
    facts.token_endpoint()
        && facts.inbound()
        && facts.answer == Answer::TokenDenied
        && !facts.request_unseen()
        && !facts.reading.redacted
}

/// Another client of this host that got a token with this grant: the grant is not switched off.
pub fn another_client_passes(facts: &Facts<'_>, grant: &str) -> Option<u64> {
    let own = facts.reading.client.shown_id()?.to_owned();
    let mut others = facts.ledger.clients_of_host(facts.host()).filter(|(id, _)| *id != own);
    others.find_map(|(_, client)| Some(client.grant(grant)?.ok?.exchange))
}

/// Another grant of the same client, with the same secret, was given a token (knowledge ambiguities §2.2).
pub(super) fn client_credentials_disabled(facts: &Facts<'_>) -> Option<Finding> {
    if !denied(facts) || facts.grant() != "client_credentials" {
        return None;
    }
    if facts.answer_text().contains("pkce") {
        return Some(named_pkce());
    }
    let client = facts.client()?;
    let secret = facts.reading.client.secret().map(|secret| facts.tag(secret));
    let before = client.grant("client_credentials").is_some_and(|grant| grant.ok.is_some())
        || another_client_passes(facts, "client_credentials").is_some();
    if before || secret != client.secret_ok {
        return None;
    }
    let (grant, seen) = client.other_grant_ok("client_credentials")?;
    let because = format!(
        "The same client id and secret were given a token by the {grant} grant; client_credentials alone is refused. The property that allows this grant is off unless it was set."
    );
    Some(
        Finding::new("client-credentials-disabled", Grade::Likely, because)
            .weighing(95)
            .at(facts.param_place("grant_type"), "client_credentials")
            .at(Place::Exchange(seen.exchange), format!("the {grant} grant worked")),
    )
}

/// One release answers with an error that names PKCE (wire notes §4.3).
fn named_pkce() -> Finding {
    let because =
        "The answer to client_credentials names PKCE: reported for instances on which the grant is not enabled.";
    Finding::new("client-credentials-disabled", Grade::Likely, because)
        .weighing(80)
        .at(Place::ResponseBody, "names PKCE")
}

/// The user's password works, the client works with another grant: what is left is the grant.
pub(super) fn password_disabled(facts: &Facts<'_>) -> Option<Finding> {
    if !denied(facts) || facts.grant() != "password" {
        return None;
    }
    let client = facts.client()?;
    let secret = facts.reading.client.secret().map(|secret| facts.tag(secret));
    let never = client.grant("password").is_none_or(|grant| grant.ok.is_none());
    let (grant, seen) = client.other_grant_ok("password").filter(|_| never && secret == client.secret_ok)?;
    let password = facts.tag(facts.param("password")?);
    let user = facts.ledger.user(facts.host(), facts.param("username")?);
    let works =
        user.is_some_and(|user| user.passwords_ok.iter().any(|ok| ok.tag == password && ok.how != PasswordUse::Grant));
    let others = client.refused_users.iter().any(|user| Some(user.as_str()) != facts.param("username"));
    if !works && !others || another_client_passes(facts, "password").is_some() {
        return None;
    }
    let because = format!(
        "The client was given a token by the {grant} grant and {}; the password grant itself is refused.",
        if works { "the user's password works elsewhere" } else { "several users are refused" }
    );
    Some(
        Finding::new("password-grant-disabled", Grade::Likely, because)
            .weighing(94)
            .at(Place::Exchange(seen.exchange), format!("the {grant} grant worked")),
    )
}

/// The same client got a token without this scope.
pub(super) fn scope_not_allowed(facts: &Facts<'_>) -> Option<Finding> {
    let scope = facts.param("scope").filter(|scope| facts.token_refused() && facts.inbound() && !scope.is_empty())?;
    if facts.answer_text().contains("invalid_scope") {
        let because = format!("The answer says invalid_scope; asked was {scope}.");
        return Some(
            Finding::new("oauth-scope-not-allowed", Grade::Likely, because)
                .weighing(95)
                .at(facts.param_place("scope"), "refused"),
        );
    }
    if template::placeholder(scope).is_some() {
        return None;
    }
    let client = facts.client();
    let without = client.and_then(|client| client.ok_without_scope);
    let granted = client.is_some_and(|client| client.scope_ok.as_deref() == Some(scope));
    let own = scope.split_whitespace().any(|word| word != "useraccount");
    let Some(seen) = without.filter(|_| !granted) else {
        // Asked for, and nothing more is known: useraccount is the one that every client has.
        let because = format!("The scope {scope} is asked for; a client that may not have it is refused like this.");
        let finding = Finding::new("oauth-scope-not-allowed", Grade::Possible, because).weighing(48);
        return (own && !granted).then(|| finding.at(facts.param_place("scope"), "asked for"));
    };
    let because =
        format!("The same client was given a token without asking for a scope; asking for {scope} is refused.");
    Some(
        Finding::new("oauth-scope-not-allowed", Grade::Likely, because)
            .weighing(93)
            .at(facts.param_place("scope"), "asked for here")
            .at(Place::Exchange(seen.exchange), "worked without"),
    )
}

/// A token of client_credentials that is good and acts as guest (knowledge D46).
fn guest_token(facts: &Facts<'_>) -> Option<Finding> {
    let record = facts.token().filter(|record| record.grant == "client_credentials" && record.host == facts.host())?;
    let refused = matches!(facts.answer, Answer::NotAuthenticated | Answer::Forbidden) && facts.by_instance();
    let within = record.ends().is_none_or(|ends| ends > facts.at()) && record.revoked.is_none();
    let guest = facts.answer_text().contains("guest");
    let passes = facts.credential_record().is_some_and(|record| record.ok.is_some());
    if !refused || !within || passes {
        return None;
    }
    let because = "The token came from client_credentials and is inside its life; before Washington DC, or without an application user, such a token acts as guest.";
    let weight = match (guest, facts.answer) {
        (true, _) => 92,
        (_, Answer::NotAuthenticated) => 63,
        _ => 45,
    };
    Some(
        Finding::new("client-credentials-guest-token", Grade::Likely, because)
            .weighing(weight)
            .at(Place::Exchange(record.issued.exchange), "issued by client_credentials"),
    )
}

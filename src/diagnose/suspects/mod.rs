//! Suspects: causes that give the same bytes. A base order for each kind of answer, moved by observations.
//!
//! The base order is how often each is met, as far as reports show (knowledge: ambiguities §7, field notes); it is no
//! measured rate. A suspect becomes `likely` only by an observation that speaks for it strongly (`STRONG`).

mod forbidden;
mod token_request;
mod unauthorized;

use super::causes::secured_in_body;
use super::facts::{Answer, Facts};
use super::observe::{self, Observation, Sign};
use crate::ledger::Ledger;
use crate::ledger::records::TokenRecord;
use crate::model::{Evidence, Finding, Grade, Place, Reason};
use crate::wire::endpoint::Endpoint;
use crate::wire::reading::Credential;

/// An observation that moves a suspect by this much makes it likely.
const STRONG: i32 = 30;
/// An observation that moves a suspect by this much clears it.
const CLEARED: i32 = -100;

struct Suspect {
    cause: &'static str,
    base: i32,
    moves: &'static [(Sign, i32)],
}

const fn suspect(cause: &'static str, base: i32, moves: &'static [(Sign, i32)]) -> Suspect {
    Suspect { cause, base, moves }
}

/// The suspects of this exchange, moved.
pub fn suspects(facts: &Facts<'_>, later: Option<&Ledger>) -> Vec<Finding> {
    let Some(table) = table(facts) else { return Vec::new() };
    let mut observations = observe::observe(facts);
    if let Some(later) = later {
        observe::hindsight::add(facts, later, &mut observations);
    }
    let left = table.iter().filter(|suspect| !ruled_out(facts, suspect.cause));
    left.filter_map(|suspect| weigh(facts, suspect, &observations)).collect()
}

fn table(facts: &Facts<'_>) -> Option<&'static [Suspect]> {
    if !facts.inbound() || !facts.by_instance() {
        return None;
    }
    match facts.answer {
        Answer::NotAuthenticated if facts.request_unseen() => Some(unauthorized::UNSEEN_401),
        Answer::TokenDenied if facts.request_unseen() => Some(token_request::UNSEEN_TOKEN),
        Answer::NotAuthenticated => not_authenticated(facts),
        Answer::LoginRefused => Some(unauthorized::FORM_LOGIN),
        Answer::TokenDenied => Some(of_grant(facts)),
        Answer::TokenError if facts.token_endpoint() && !facts.request_unseen() => token_error(facts),
        Answer::Forbidden => forbidden(facts),
        _ => None,
    }
}

fn of_grant(facts: &Facts<'_>) -> &'static [Suspect] {
    match facts.grant() {
        "client_credentials" => token_request::CLIENT_CREDENTIALS_GRANT,
        "authorization_code" => token_request::CODE_GRANT,
        "refresh_token" => token_request::REFRESH_GRANT,
        grant if grant.starts_with("urn:") => token_request::JWT_GRANT,
        _ => token_request::PASSWORD_GRANT,
    }
}

/// A code of RFC 6749 §5.2 narrows the suspects of the grant; it rarely leaves one.
fn token_error(facts: &Facts<'_>) -> Option<&'static [Suspect]> {
    match facts.reading.oauth_error.as_ref()?.error.as_str() {
        "invalid_client" => Some(token_request::INVALID_CLIENT),
        "unauthorized_client" => Some(token_request::UNAUTHORIZED_CLIENT),
        "unsupported_grant_type" => Some(token_request::UNSUPPORTED_GRANT),
        "invalid_grant" | "access_denied" | "server_error" => Some(of_grant(facts)),
        _ => None,
    }
}

/// `invalid_grant` speaks of what was exchanged, not of the client that exchanged it (RFC 6749 §5.2).
fn ruled_out(facts: &Facts<'_>, cause: &str) -> bool {
    const OF_THE_CLIENT: [&str; 9] = [
        "client-secret-wrong",
        "client-id-unknown",
        "oauth-client-inactive",
        "oauth-scope-wiring",
        "oauth-acl-hardened",
        "oauth-plugin-missing",
        "client-credentials-disabled",
        "password-grant-disabled",
        "inbound-grant-type-wrong",
    ];
    if facts.answer != Answer::TokenError {
        return false;
    }
    let other_grant = match cause {
        "client-credentials-disabled" | "oauth-application-user-missing" => facts.grant() != "client_credentials",
        "password-grant-disabled" => facts.grant() != "password",
        _ => false,
    };
    let grant = facts.reading.oauth_error.as_ref().is_some_and(|error| error.error == "invalid_grant");
    other_grant || grant && OF_THE_CLIENT.contains(&cause)
}

fn not_authenticated(facts: &Facts<'_>) -> Option<&'static [Suspect]> {
    match facts.credential() {
        Credential::Basic => Some(unauthorized::BASIC),
        Credential::Bearer | Credential::QueryToken => {
            (facts.reading.redacted || facts.whole_token().is_some() && !over(facts)).then_some(unauthorized::BEARER)
        }
        Credential::ApiKey => Some(unauthorized::API_KEY),
        Credential::Hmac => Some(unauthorized::HMAC),
        Credential::OtherScheme if facts.reading.redacted => Some(unauthorized::HIDDEN_401),
        Credential::Cookie if facts.reading.redacted => Some(unauthorized::HIDDEN_COOKIES),
        Credential::None if secured_in_body(facts) => Some(unauthorized::WS_SECURITY),
        Credential::None if facts.host_record().is_some_and(|host| host.mutual_tls) => Some(unauthorized::CERTIFICATE),
        _ => None,
    }
}

/// The memory says that the token was past its life or revoked: nothing else is to be weighed.
fn over(facts: &Facts<'_>) -> bool {
    let ended = |record: &TokenRecord| record.revoked.is_some() || facts.overdue(record).is_some_and(|late| late >= 1);
    facts.token().is_some_and(|record| record.host == facts.host() && ended(record))
}

fn forbidden(facts: &Facts<'_>) -> Option<&'static [Suspect]> {
    let envelope = facts.reading.envelope.as_ref();
    if envelope.is_none()
        && facts.reading.fingerprint.transaction.is_none()
        && facts.reading.fingerprint.logged_in.is_none()
    {
        return None;
    }
    let api = facts.reading.endpoint.is_api() || matches!(facts.reading.endpoint, Endpoint::Soap { .. });
    if !api && !facts.request_unseen() {
        return None;
    }
    let text = facts.answer_text();
    let other = [
        "aborted by business rule",
        "data policy",
        "error during insert",
        "access scope",
        "unscoped api",
        "rate limit",
    ];
    if other.iter().any(|sign| text.contains(sign)) {
        return None;
    }
    let named = [
        "api level acl",
        "unauthorized to access table",
        "no permission to read table",
        "constrained due to acl",
        "do not have permission to be read",
    ];
    Some(if named.iter().any(|sign| text.contains(sign)) { forbidden::BESIDE_ACL } else { forbidden::FORBIDDEN })
}

fn weigh(facts: &Facts<'_>, suspect: &Suspect, observations: &[Observation]) -> Option<Finding> {
    let mut weight = suspect.base;
    let mut account = vec![Reason { moved: suspect.base, says: "how often it is met, as far as reports show".into() }];
    let mut evidence = Vec::new();
    let mut strong = false;
    // An oddity of the request itself stands against any verdict by weighing.
    let odd = observations.iter().any(|observation| observation.sign == Sign::OddlySpelt);
    for observation in observations {
        let Some((_, moved)) = suspect.moves.iter().find(|(sign, _)| *sign == observation.sign) else { continue };
        if *moved == CLEARED {
            return None;
        }
        weight += moved;
        strong |= *moved >= STRONG && !odd;
        account.push(Reason { moved: *moved, says: observation.says.clone() });
        if *moved > 0 {
            let place = observation.place.clone().unwrap_or(Place::Connection);
            evidence.push(Evidence { place, span: None, says: observation.says.clone() });
        }
    }
    let best = super::causes::cause(suspect.cause)?.best;
    let grade = if strong { Grade::Likely.min(best) } else { Grade::Possible };
    let mut finding = Finding::new(suspect.cause, grade, because(facts, &evidence)).weighing(weight);
    finding.evidence = evidence;
    finding.account = account;
    (weight > 0).then_some(finding)
}

/// One sentence: what speaks for it, or that nothing tells it from its neighbours.
fn because(facts: &Facts<'_>, evidence: &[Evidence]) -> String {
    match evidence {
        [] if facts.request_unseen() => {
            "The answer names no cause, and the request that it belongs to was not shown: with it, most of these can be told apart.".into()
        }
        [] if facts.answer == Answer::TokenError => {
            let error = facts.reading.oauth_error.as_ref().map(|error| error.error.as_str()).unwrap_or_default();
            format!("The token endpoint says {error}, which leaves several causes; nothing on the wire tells them apart.")
        }
        [] if facts.answer == Answer::TokenDenied => {
            "The token endpoint gives this one answer for many causes; nothing on the wire tells them apart.".into()
        }
        [] if facts.answer == Answer::Forbidden => {
            "The 403 names no reason; nothing on the wire tells the suspects apart.".into()
        }
        [] if facts.answer == Answer::LoginRefused => {
            "The login gives this one answer for many causes; nothing on the wire tells them apart.".into()
        }
        [] => "The ordinary 401 names no cause; nothing on the wire tells the suspects apart.".into(),
        evidence => {
            let parts: Vec<&str> = evidence.iter().map(|evidence| evidence.says.as_str()).collect();
            let text = parts.join("; ");
            let mut letters = text.chars();
            letters.next().map(|first| format!("{}{}.", first.to_uppercase(), letters.as_str())).unwrap_or_default()
        }
    }
}

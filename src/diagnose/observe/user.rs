//! What the user's name suggests, and where the user's password has passed before.

use super::super::facts::Facts;
use super::{Note, Sign, seen_near};
use crate::ledger::records::PasswordUse;
use crate::model::Place;
use crate::wire::date;

/// How words of the names of service accounts begin.
pub const SERVICE: [&str; 13] =
    ["svc", "service", "api", "integration", "rest", "bot", "system", "agent", "robot", "batch", "sync", "etl", "mid"];

pub(super) fn user(facts: &Facts<'_>, note: &mut Note<'_>) {
    let Some(name) = facts.reading.user() else { return };
    names(&name, note);
    let Some(record) = facts.ledger.user(facts.host(), &name) else { return };
    let password = facts
        .reading
        .basic
        .as_ref()
        .map(|basic| basic.password().to_vec())
        .or_else(|| facts.param("password").map(|p| p.as_bytes().to_vec()));
    let tag = password.map(|password| facts.ledger.tag(&password));
    for known in record.passwords_ok.iter().filter(|known| Some(known.tag) == tag) {
        let seen = known.seen;
        let (sign, what) = match known.how {
            PasswordUse::Login => (Sign::LoginPassed, "at the login page"),
            PasswordUse::Grant => (Sign::GrantPassed, "with the password grant"),
            PasswordUse::Basic => (Sign::BasicPassed, "as Basic"),
        };
        note(
            sign,
            format!("the same user and password passed {what} at {}", date::clock(seen.at)),
            Some(Place::Exchange(seen.exchange)),
        );
    }
    if let Some(seen) = record.bearer_ok.filter(|seen| seen_near(facts, *seen)) {
        note(
            Sign::BearerPasses,
            format!("a token of the same user passes ({})", date::clock(seen.at)),
            Some(Place::Exchange(seen.exchange)),
        );
    }
    if record.refusals.len() >= 3 {
        note(Sign::RefusedBefore, format!("{} refusals of this user before", record.refusals.len()), None);
    }
}

/// What a user's name suggests; weak signs.
fn names(name: &str, note: &mut Note<'_>) {
    let lower = name.to_ascii_lowercase();
    if lower == "admin" || lower.ends_with(".admin") {
        note(Sign::AdminUser, "the user is an administrator by name".into(), Some(Place::BasicDecoded));
        return;
    }
    if lower.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| SERVICE.iter().any(|known| word.starts_with(known)))
    {
        note(Sign::ServiceName, "the name of a service account".into(), Some(Place::BasicDecoded));
        return;
    }
    let parts: Vec<&str> = lower.split('.').collect();
    let person = parts.len() == 2
        && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphabetic()));
    if person {
        note(Sign::PersonName, "the name of a person".into(), Some(Place::BasicDecoded));
    }
}

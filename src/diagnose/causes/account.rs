//! The user behind the credential, as far as history and headers tell (knowledge E1–E11, A26, D31, H2).

use super::super::facts::Answer;
use super::{Facts, Rule};
use crate::ledger::records::{PasswordOk, PasswordUse, UserRecord};
use crate::model::{Finding, Grade, Place, Tag};
use crate::wire::date;
use crate::wire::endpoint::Endpoint;
use crate::wire::servicenow::{self, FormLogin};

pub const RULES: &[Rule] =
    &[second_factor, second_factor_at_login, locked, mangled, stored_literally, other_password_worked];

/// The user and password of a refused attempt: Basic, or the password grant.
fn refused(facts: &Facts<'_>) -> Option<(String, Vec<u8>, PasswordUse)> {
    let user = facts.reading.user()?;
    if facts.request_unseen() || facts.reading.redacted || !facts.inbound() {
        return None;
    }
    if facts.answer == Answer::TokenDenied && facts.grant() == "password" {
        return Some((user, facts.param("password")?.as_bytes().to_vec(), PasswordUse::Grant));
    }
    let basic = facts.reading.basic.as_ref().filter(|_| facts.answer == Answer::NotAuthenticated)?;
    Some((user, basic.password().to_vec(), PasswordUse::Basic))
}

fn record<'a>(facts: &'a Facts<'_>) -> Option<(String, Tag, Vec<u8>, &'a UserRecord)> {
    let (user, password, _) = refused(facts)?;
    let record = facts.ledger.user(facts.host(), &user)?;
    Some((user, facts.ledger.tag(&password), password, record))
}

/// The instance asks for a code of the second factor (field notes: the field is written with `-` and `_`).
pub fn second_factor(facts: &Facts<'_>) -> Option<Finding> {
    let fields = &facts.reading.response().filter(|_| facts.answer == Answer::NotAuthenticated)?.fields;
    let name = ["x-mfa_token", "x-mfa-token"].into_iter().find(|name| fields.has(name))?;
    let because = "The instance answers with X-MFA_TOKEN: user name and password are right, and the code of the second factor is missing or wrong.";
    Some(Finding::new("mfa-required", Grade::Proven, because).weighing(40).at(Place::response_field(name), "asked for"))
}

/// The form login asks for the code that now-sdk cannot give.
pub fn second_factor_at_login(facts: &Facts<'_>) -> Option<Finding> {
    let asked = facts.reading.endpoint == Endpoint::Login
        && servicenow::form_login(&facts.reading.answer) == Some(FormLogin::SecondFactor);
    let because = "The login answers mfa_code_required: user name and password are right, and a code of the second factor is wanted.";
    asked
        .then(|| Finding::new("mfa-required", Grade::Likely, because).weighing(40).at(Place::ResponseBody, "asked for"))
}

/// Five refusals within a quarter of an hour lock a user by default (knowledge D31).
fn locked(facts: &Facts<'_>) -> Option<Finding> {
    let (user, tag, _, record) = record(facts)?;
    let recent: Vec<_> =
        record.refusals.iter().filter(|(seen, ..)| (0..=900).contains(&facts.at().seconds_since(seen.at))).collect();
    if recent.len() < 5 {
        return None;
    }
    let first = recent.first()?;
    let changed = recent.iter().all(|(_, other, _)| *other != tag);
    let known = record.passwords_ok.iter().any(|ok| ok.tag == tag);
    let because = format!(
        "{user} was refused {} times since {}; five refusals lock a user for 15 minutes by default{}.",
        recent.len(),
        date::clock(first.0.at),
        if changed || known { ", also for the right password" } else { "" }
    );
    Some(
        Finding::new("account-locked", Grade::Likely, because)
            .weighing(if changed || known { 93 } else { 86 })
            .at(Place::Exchange(first.0.exchange), "the first of the refusals"),
    )
}

/// The letters and digits of a password that worked, other characters around them.
pub(super) fn mangled(facts: &Facts<'_>) -> Option<Finding> {
    let (user, tag, password, record) = record(facts)?;
    let [core, _] = facts.ledger.password_cores(&password);
    let cut = facts.ledger.as_cut(&password);
    let left = |ok: &&PasswordOk| ok.tag != tag && (ok.cores.contains(&core) || ok.cut == Some(cut));
    let known = record.passwords_ok.iter().rev().find(left)?;
    let because = format!(
        "The password {tag} of {user} is what a shell or an encoder leaves of the one that worked ({}).",
        known.tag
    );
    Some(
        Finding::new("password-mangled", Grade::Likely, because)
            .weighing(94)
            .at(Place::Exchange(known.seen.exchange), format!("password {} worked", known.tag)),
    )
}

/// The password was written through the Table API, which does not hash it (field notes part 2, 13).
fn stored_literally(facts: &Facts<'_>) -> Option<Finding> {
    let (user, tag, _, record) = record(facts)?;
    let (_, seen) = record.written.filter(|(written, _)| *written == tag)?;
    let because = format!(
        "The password of {user} was written through the Table API {} before; a password that is written like this is not hashed and never matches.",
        date::span(facts.at().seconds_since(seen.at))
    );
    Some(
        Finding::new("password-stored-literally", Grade::Likely, because)
            .weighing(96)
            .at(Place::Exchange(seen.exchange), "user_password written here"),
    )
}

/// Another password of the same user worked (knowledge E1: history).
pub(super) fn other_password_worked(facts: &Facts<'_>) -> Option<Finding> {
    let (user, tag, _, record) = record(facts)?;
    let same = record.passwords_ok.iter().any(|ok| ok.tag == tag);
    let worked = record.passwords_ok.last().filter(|_| !same && mangled(facts).is_none())?;
    let (known, seen) = (worked.tag, worked.seen);
    let because =
        format!("Another password of {user} worked at {} ({known}); this one is {tag}.", date::clock(seen.at));
    Some(
        Finding::new("wrong-password", Grade::Possible, because)
            .weighing(97)
            .at(Place::Exchange(seen.exchange), format!("password {known} worked")),
    )
}

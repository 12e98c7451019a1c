//! What the whole host does: whether it slept, what it refuses since when, who else passes.

use super::super::facts::{Answer, Facts};
use super::{Note, Sign, seen_near};
use crate::ledger::records::Seen;
use crate::model::Place;
use crate::wire::date;
use crate::wire::reading::Credential;

pub(super) fn host(facts: &Facts<'_>, note: &mut Note<'_>) {
    let table = facts.reading.endpoint.table().unwrap_or_default();
    if matches!(
        table,
        "sys_security_acl" | "sys_security_acl_role" | "sys_user_role" | "sys_user_has_role" | "sys_script_include"
    ) {
        note(Sign::GuardTable, format!("{table} guards access"), Some(Place::RequestTarget));
    }
    let Some(host) = facts.host_record() else { return };
    if let Some(seen) = host.hibernating.or(host.offline) {
        note(
            Sign::SleptBefore,
            format!("the instance slept at {}", date::clock(seen.at)),
            Some(Place::Exchange(seen.exchange)),
        );
    }
    if facts.answer != Answer::NotAuthenticated {
        return;
    }
    let own = facts.credential_record().is_some_and(|record| record.ok.is_some());
    let passed: Vec<_> = host.kinds.iter().filter(|(kind, ok, _)| ok.is_some() && *kind != Credential::None).collect();
    let since =
        |ok: &Option<Seen>, fail: &Option<Seen>| matches!((ok, fail), (Some(ok), Some(fail)) if fail.at > ok.at);
    let others_refused = passed.iter().any(|(kind, ok, fail)| (*kind != facts.credential() || own) && since(ok, fail));
    let last_ok = passed.iter().filter_map(|(_, ok, _)| *ok).map(|seen| seen.at).max();
    let last_fail = host.kinds.iter().filter_map(|(_, _, fail)| *fail).map(|seen| seen.at).max();
    if own && others_refused && last_fail > last_ok {
        note(
            Sign::AllRefused,
            "credentials that passed on this host are refused since one moment, not this one alone".into(),
            None,
        );
    }
    let user = facts.reading.user();
    let other = facts.path_record().and_then(|path| {
        path.ok.iter().rev().find(|ok| {
            ok.kind == Credential::Basic && ok.user.is_some() && ok.user != user && seen_near(facts, ok.seen)
        })
    });
    if let Some(ok) = other.filter(|_| facts.credential() == Credential::Basic) {
        let says = format!("another user passes with Basic ({})", date::clock(ok.seen.at));
        note(Sign::OtherUserPasses, says, Some(Place::Exchange(ok.seen.exchange)));
    }
    let (bearer_ok, bearer_fail) = host.kind(Credential::Bearer);
    let (basic_ok, _) = host.kind(Credential::Basic);
    let basic_since = matches!((basic_ok, bearer_fail), (Some(ok), Some(fail)) if ok.at >= fail.at);
    let own = facts.token().and_then(|record| record.client_id.clone());
    let other = host.bearer_refused.iter().any(|client| Some(client) != own.as_ref());
    if facts.credential() == Credential::Bearer && basic_since && other {
        note(Sign::OnlyBearerStopped, "tokens of several clients are refused, while Basic passes".into(), None);
    }
    if facts.credential() == Credential::Bearer && bearer_ok.is_none() && basic_ok.is_some() {
        note(Sign::BearerNeverPassed, "Basic passes on this host, no bearer token ever did".into(), None);
    }
}

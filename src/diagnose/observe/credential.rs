//! What this credential, others on its path and the token itself have done before.

use super::super::causes;
use super::super::facts::Facts;
use super::{Note, Sign, seen_near};
use crate::ledger::records::PathSuccess;
use crate::model::Place;
use crate::wire::reading::Credential;
use crate::wire::{date, jwt};

pub(super) fn memory(facts: &Facts<'_>, note: &mut Note<'_>) {
    let Some(record) = facts.credential_record() else { return };
    let class = facts.reading.endpoint.class();
    if let Some((other, seen)) = record.ok_elsewhere(&class).filter(|(_, seen)| seen_near(facts, *seen)) {
        let says = format!("the same credential passes at {other} ({})", date::clock(seen.at));
        note(Sign::PassesElsewhere, says, Some(Place::Exchange(seen.exchange)));
    }
    if let Some(seen) = record.path(&class).and_then(|path| path.ok) {
        let says = format!("the same credential passed here at {}", date::clock(seen.at));
        note(Sign::PassedHere, says, Some(Place::Exchange(seen.exchange)));
    }
}

pub(super) fn path(facts: &Facts<'_>, note: &mut Note<'_>) {
    let Some(path) = facts.path_record() else { return };
    let own = facts.reading.credential_bytes().map(|bytes| facts.ledger.tag(&bytes));
    let kind = facts.credential();
    // A credential that was refused here since passes no more.
    let class = facts.reading.endpoint.class();
    let still = |ok: &&PathSuccess| {
        let use_ = ok.tag.and_then(|tag| facts.ledger.credential_by_tag(facts.host(), tag));
        use_.and_then(|record| record.path(&class)).and_then(|path| path.fail).is_none_or(|fail| fail.at < ok.seen.at)
    };
    let near = || path.ok.iter().rev().filter(|ok| seen_near(facts, ok.seen) && ok.tag != own).filter(still);
    if let Some(ok) = near().find(|ok| ok.kind == kind) {
        let says = format!("another credential of the same kind passes here ({})", date::clock(ok.seen.at));
        note(Sign::KindPassesHere, says, Some(Place::Exchange(ok.seen.exchange)));
    }
    if let Some(ok) = near().find(|ok| ok.kind != kind && ok.kind != Credential::None) {
        let says = format!("a credential of another kind passes here ({})", date::clock(ok.seen.at));
        note(Sign::OtherKindPassesHere, says, Some(Place::Exchange(ok.seen.exchange)));
    }
}

pub(super) fn token(facts: &Facts<'_>, note: &mut Note<'_>) {
    if causes::oddly_spelt(facts) {
        note(Sign::OddlySpelt, "the value is oddly spelt itself".into(), Some(Place::request_field("authorization")));
    }
    let Some(value) = facts.whole_token() else {
        return;
    };
    if let Some(claims) = jwt::decode(value)
        && claims.text("iss").is_some_and(|issuer| !issuer.contains(facts.host()))
    {
        note(
            Sign::ForeignJwt,
            "the token is a JWT of a third party".into(),
            Some(Place::request_field("authorization")),
        );
    }
    match facts.token() {
        Some(record) if record.host == facts.host() && record.revoked.is_none() => {
            let fresh = facts.dated() && facts.overdue(record).is_none_or(|late| late <= 0);
            if fresh && facts.at().seconds_since(record.issued.at) <= 120 {
                note(Sign::TokenBrandNew, "the token was issued moments ago".into(), None);
            }
            if fresh {
                let age = date::span(facts.at().seconds_since(record.issued.at));
                // What a policy refuses on a path, it refused there from the start.
                let class = facts.reading.endpoint.class();
                let own = facts.credential_record().and_then(|own| own.path(&class)).and_then(|path| path.ok);
                note(
                    if own.is_some() { Sign::StoppedInLife } else { Sign::TokenFresh },
                    format!("the token was issued here {age} before and is inside its life"),
                    Some(Place::Exchange(record.issued.exchange)),
                );
            }
        }
        Some(_) => {}
        None => {
            note(Sign::TokenUnseen, "the issue of the token was not seen".into(), None);
            let old = facts.credential_record().filter(|record| facts.at().seconds_since(record.first.at) >= 1800);
            if let Some(record) = old {
                let age = date::span(facts.at().seconds_since(record.first.at));
                note(
                    Sign::TokenOld,
                    format!("the token is in use for {age}"),
                    Some(Place::Exchange(record.first.exchange)),
                );
            }
        }
    }
}

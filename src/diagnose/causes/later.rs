//! Of a recording: what is known afterwards. Contrasts that need no order in time, and verdicts that a later success of the
//! same credential weakens (knowledge: ambiguities §1, second corollary).

use super::super::facts::{Answer, Facts, Kinship};
use super::super::observe::hindsight::after;
use super::{Rule, account, bearer_form, grant};
use crate::ledger::Ledger;
use crate::ledger::records::Seen;
use crate::model::{Finding, Grade, Place};
use crate::wire::reading::Credential;
use crate::wire::{date, form};

/// Rules that compare with what the same client or user did at another time, before or after.
const CONTRASTS: &[Rule] = &[
    grant::client_credentials_disabled,
    grant::password_disabled,
    grant::scope_not_allowed,
    account::mangled,
    account::other_password_worked,
];

/// What `later`, a memory of the whole recording, tells.
pub fn in_hindsight(facts: &Facts<'_>, later: &Ledger) -> Vec<Finding> {
    if facts.request_unseen() || facts.reading.redacted || facts.answer == Answer::Fine {
        return Vec::new();
    }
    let whole = Facts::gather(facts.reading, later);
    let mut found: Vec<Finding> = CONTRASTS.iter().filter_map(|rule| rule(&whole)).collect();
    found.extend(works_on_other_host(facts, later));
    found.extend(spelt_otherwise(&whole, facts, later));
    found.extend(without_cookies(facts, later));
    found
}

/// The same credential passes on this path within hours.
fn passes(facts: &Facts<'_>, later: &Ledger) -> Option<Seen> {
    let bytes = facts.reading.credential_bytes().filter(|_| !facts.token_endpoint())?;
    let seen = later.credential(facts.host(), &bytes)?.path(&facts.reading.endpoint.class())?.ok?;
    after(facts, seen).map(|_| seen)
}

fn span(facts: &Facts<'_>, seen: Seen) -> String {
    date::span(seen.at.seconds_since(facts.at()))
}

/// A token that is past its life or revoked does not pass afterwards: no proof stands against that.
pub fn weaken_in_hindsight(facts: &Facts<'_>, later: &Ledger, found: &mut Vec<Finding>) {
    if form_token_works(facts, later) {
        found.retain(|finding| finding.cause != "outbound-no-access-token");
    }
    let Some(seen) = passes(facts, later).filter(|_| !facts.reading.redacted) else { return };
    for finding in found.iter_mut().filter(|finding| matches!(finding.cause, "token-expired" | "token-revoked")) {
        finding.grade = finding.grade.min(Grade::Possible);
        finding.weight = 10;
        finding.because =
            format!("{} The same token passed here {} later all the same.", finding.because, span(facts, seen));
    }
}

/// A provider's token answer in form encoding: it was read, if its token passes afterwards.
fn form_token_works(facts: &Facts<'_>, later: &Ledger) -> bool {
    let answered = facts.outbound() && facts.reading.token_answer.is_none() && facts.reading.answer.len() < 16_384;
    let token = form::parse(&facts.reading.answer).get("access_token").map(str::to_owned).filter(|_| answered);
    token.and_then(|token| after(facts, later.worked_at(token.as_bytes())?.1)).is_some()
}

/// The very token passes at another instance (knowledge A21).
fn works_on_other_host(facts: &Facts<'_>, later: &Ledger) -> Option<Finding> {
    let token = facts.whole_token().filter(|_| facts.answer == Answer::NotAuthenticated && facts.inbound())?;
    let (host, seen) = later.worked_at(token.as_bytes())?;
    let instance = later.host(host).is_some_and(|host| host.instance);
    if !instance || facts.kinship(host) != Kinship::OtherInstance || after(facts, *seen).is_none() {
        return None;
    }
    let because = format!("The same token passes at {host}; it was sent to {}.", facts.host());
    Some(
        Finding::new("token-from-other-instance", Grade::Likely, because)
            .weighing(90)
            .at(Place::Exchange(seen.exchange), "passes there"),
    )
}

/// The same token passes once it is spelt as usual: legal by RFC all the same, so no more than possible.
fn spelt_otherwise(whole: &Facts<'_>, facts: &Facts<'_>, later: &Ledger) -> Option<Finding> {
    let odd = bearer_form::extra_space(whole).or_else(|| bearer_form::lower_case(whole))?;
    let seen = passes(facts, later)?;
    let because = format!("{} The same token, spelt otherwise, passes {} later.", odd.because, span(facts, seen));
    Some(Finding { because, weight: 95, ..odd }.at(Place::Exchange(seen.exchange), "spelt otherwise"))
}

/// The same credential passes without the session cookies that this request carried (knowledge C15).
fn without_cookies(facts: &Facts<'_>, later: &Ledger) -> Option<Finding> {
    let both = matches!(facts.credential(), Credential::Basic | Credential::Bearer)
        && facts.reading.session_cookie().is_some()
        && facts.answer == Answer::NotAuthenticated
        && facts.inbound();
    let seen = passes(facts, later).filter(|_| both)?;
    let path = later.path(facts.host(), &facts.reading.endpoint.class())?;
    if path.ok.iter().any(|ok| ok.seen == seen && ok.cookies) {
        return None;
    }
    let because = format!(
        "The same credential passes without cookies {} later; this request carries session cookies as well.",
        span(facts, seen)
    );
    Some(
        Finding::new("session-cookie-conflict", Grade::Likely, because)
            .weighing(74)
            .at(Place::request_field("cookie"), "session cookies")
            .at(Place::Exchange(seen.exchange), "passes without them"),
    )
}

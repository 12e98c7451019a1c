//! Observations by contrast: what memory and headers add to an answer that names nothing (knowledge: ambiguities §2).

use super::causes::{self, another_client_passes};
use super::facts::{Answer, Facts};
use crate::ledger::records::{PasswordUse, PathSuccess, Seen};
use crate::model::Place;
use crate::wire::reading::Credential;
use crate::wire::{date, jwt};

/// What was observed. Each moves suspects up or down (`suspects`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// The challenge names Bearer (with or without Basic): an access policy governs the API.
    BearerAdvertised,
    /// "User is not authenticated": the wording of releases since 2025.
    NewWording,
    /// "User Not Authenticated" from the older front end.
    OldFront,
    /// The same credential passes on another path of this host.
    PassesElsewhere,
    /// The same credential passed on this path before.
    PassedHere,
    /// Another credential of the same kind passes on this path.
    KindPassesHere,
    /// A credential of another kind passes on this path.
    OtherKindPassesHere,
    /// The user's password passed a login page.
    LoginPassed,
    /// The user's password passed the password grant.
    GrantPassed,
    /// The user's password passed as Basic.
    BasicPassed,
    /// A token of the same user passes.
    BearerPasses,
    /// Every credential of every kind that passed on this host is refused since one moment.
    AllRefused,
    /// Another user of this host passes with Basic.
    OtherUserPasses,
    /// The token was issued here and is inside its life.
    TokenFresh,
    /// The issue of the token was not seen.
    TokenUnseen,
    /// The token was in use for longer than a token lives by default.
    TokenOld,
    /// All tokens of this client, and only those, are refused.
    BearerNeverPassed,
    /// The token is a JWT of a third party.
    ForeignJwt,
    /// The user is named admin.
    AdminUser,
    /// A personal name, as single sign-on users have it.
    PersonName,
    /// The name of a service account.
    ServiceName,
    /// Another grant of the same client works with the same secret.
    OtherGrantPasses,
    /// This client has got a token here before, with this grant.
    ClientPassed,
    /// This client has never got a token here.
    ClientNew,
    /// The same client works for another user.
    ClientPassesForOther,
    /// A scope is asked for.
    ScopeAsked,
    /// The code was young, unused and sent with the right parameters.
    CodeGood,
    /// The redirect that carried the code was not seen.
    CodeUnseen,
    /// A request of a MID Server.
    Mid,
    /// The hibernation or offline page came from this host before.
    SleptBefore,
    /// Several refusals of this user in a row.
    RefusedBefore,
    /// The token was issued moments ago: its client and user were in order then.
    TokenBrandNew,
    /// Another client of this host gets tokens with this grant.
    GrantPassesForOther,
    /// Tokens of several clients are refused, and Basic passes: only bearer tokens stopped.
    OnlyBearerStopped,
    /// The verifier hashes to the challenge of the authorization request.
    VerifierFits,
    /// The audience is the client id, or the token endpoint.
    AudienceFits,
    /// The signing key was accepted before.
    KeyAccepted,
    /// The subject was accepted before.
    SubjectAccepted,
    /// Another refresh of the same client ran close by.
    ParallelRefresh,
    /// A table whose records guard access.
    GuardTable,
    /// The credential is legal and oddly spelt: two blanks, a scheme in lower case.
    OddlySpelt,
}

/// An observation, in words, and where it can be checked.
pub struct Observation {
    pub sign: Sign,
    pub says: String,
    pub place: Option<Place>,
}

/// Contrast counts only between exchanges that are near each other, in seconds.
const NEAR: i64 = 3 * 3600;

fn seen_near(facts: &Facts<'_>, seen: Seen) -> bool {
    (0..=NEAR).contains(&facts.at().seconds_since(seen.at))
}

/// All observations on this exchange.
pub fn observe(facts: &Facts<'_>) -> Vec<Observation> {
    let mut all = Vec::new();
    let mut note = |sign, says: String, place: Option<Place>| all.push(Observation { sign, says, place });
    answer(facts, &mut note);
    credential(facts, &mut note);
    path(facts, &mut note);
    user(facts, &mut note);
    token(facts, &mut note);
    client(facts, &mut note);
    host(facts, &mut note);
    all
}

type Note<'n> = dyn FnMut(Sign, String, Option<Place>) + 'n;

fn answer(facts: &Facts<'_>, note: &mut Note<'_>) {
    let schemes = facts.advertised();
    if schemes.iter().any(|scheme| scheme == "bearer") && facts.by_instance() {
        let says = "the 401 advertises BEARER: an access policy with an OAuth profile governs this API".to_owned();
        note(Sign::BearerAdvertised, says, Some(Place::response_field("www-authenticate")));
    }
    let message =
        facts.reading.envelope.as_ref().map(|envelope| envelope.message.to_ascii_lowercase()).unwrap_or_default();
    if message.contains("user is not authenticated") {
        note(Sign::NewWording, "the wording of releases since 2025".into(), Some(Place::ResponseBody));
    }
    if facts.reading.fingerprint.server.as_deref() == Some("ServiceNow") {
        note(Sign::OldFront, "the older front end answers".into(), Some(Place::response_field("server")));
    }
    if facts.reading.is_mid() {
        note(Sign::Mid, "a call that MID Servers make".into(), Some(Place::RequestTarget));
    }
}

fn credential(facts: &Facts<'_>, note: &mut Note<'_>) {
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

fn path(facts: &Facts<'_>, note: &mut Note<'_>) {
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

fn user(facts: &Facts<'_>, note: &mut Note<'_>) {
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
    let service = [
        "svc",
        "service",
        "api",
        "integration",
        "rest",
        "bot",
        "system",
        "agent",
        "robot",
        "batch",
        "sync",
        "etl",
        "mid",
    ];
    if lower.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| service.iter().any(|known| word.starts_with(known)))
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

fn token(facts: &Facts<'_>, note: &mut Note<'_>) {
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
            let fresh = record.ends().is_none_or(|ends| ends >= facts.at());
            if fresh && facts.at().seconds_since(record.issued.at) <= 120 {
                note(Sign::TokenBrandNew, "the token was issued moments ago".into(), None);
            }
            if fresh {
                let age = date::span(facts.at().seconds_since(record.issued.at));
                note(
                    Sign::TokenFresh,
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

fn client(facts: &Facts<'_>, note: &mut Note<'_>) {
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
    if client.refreshes.iter().any(|(seen, _)| facts.at().since(seen.at).abs() <= 10_000) && grant == "refresh_token" {
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
        Some(record) if facts.at().seconds_since(record.seen.at) <= 60 && record.exchanged.is_empty() => {
            let challenge = record.authorize.as_ref().and_then(|authorize| authorize.challenge.clone());
            let verifier = facts.param("code_verifier").map(crate::wire::oauth::s256);
            if challenge.is_none() || challenge == verifier {
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
    let fits = facts.reading.client.id().is_some_and(|id| audiences.contains(&id));
    if fits || audiences.iter().any(|audience| audience.contains("oauth_token.do")) {
        note(Sign::AudienceFits, "the audience fits the request".into(), Some(place.clone()));
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

fn host(facts: &Facts<'_>, note: &mut Note<'_>) {
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

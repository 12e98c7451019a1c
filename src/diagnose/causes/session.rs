//! Session cookies instead of, or beside, an Authorization (knowledge C12–C16, B3, F9; wire notes §8).

use super::super::facts::{Answer, Kinship};
use super::{Facts, Rule};
use crate::ledger::records::Seen;
use crate::model::{Finding, Grade, Place};
use crate::wire::endpoint;
use crate::wire::reading::Credential;
use crate::wire::{cookie, date};

pub const RULES: &[Rule] = &[
    missing_user_token,
    intercepted,
    expired,
    to_login,
    conflict,
    roles_lost,
    host_mismatch,
    bound_to_client,
    lifespan,
];

fn by_cookie(facts: &Facts<'_>) -> bool {
    facts.credential() == Credential::Cookie && !facts.reading.redacted && facts.inbound() && !facts.token_endpoint()
}

/// Where the session was opened, if it is one that nobody has logged in with: refusals open sessions too, and cookie jars
/// send them back.
pub fn anonymous(facts: &Facts<'_>) -> Option<Seen> {
    let session = facts.ledger.session(facts.host(), facts.reading.session_cookie()?)?;
    (session.anonymous && facts.reading.fingerprint.logged_in != Some(true)).then_some(session.first)
}

pub fn missing_user_token(facts: &Facts<'_>) -> Option<Finding> {
    // A browser's recording may leave the cookies out; the instance's own word for the session stays.
    let not_shown = facts.request_unseen() && facts.credential() == Credential::None && facts.inbound();
    let alive = not_shown && facts.reading.fingerprint.logged_in == Some(true);
    if !(by_cookie(facts) || alive) || anonymous(facts).is_some() || facts.answer != Answer::NotAuthenticated {
        return None;
    }
    let logged_in = facts.reading.fingerprint.logged_in;
    let sent = facts.fields().has("x-usertoken");
    let offered = facts.reading.response().is_some_and(|response| response.fields.has("x-usertoken-response"));
    let place = Place::response_field("x-is-logged-in");
    if logged_in == Some(true) || offered {
        let what = if sent { "X-UserToken was sent and is not this session's" } else { "X-UserToken was not sent" };
        let because = format!("The instance says that the session is logged in; {what}.");
        return Some(
            Finding::new("session-missing-user-token", Grade::Proven, because).weighing(10).at(place, "true on a 401"),
        );
    }
    if logged_in.is_none() {
        let fresh = facts.reading.session_cookie().and_then(|cookie| facts.ledger.session(facts.host(), cookie));
        let new = fresh.is_some_and(|session| session.user_token.is_none());
        let because = if sent {
            "Cookies and an X-UserToken came without an Authorization; a token of an older session is refused like this."
        } else {
            "Session cookies came without X-UserToken; the REST API wants both."
        };
        let weight = if new || !sent { 66 } else { 56 };
        return Some(
            Finding::new("session-missing-user-token", Grade::Likely, because)
                .weighing(weight)
                .at(Place::request_field("cookie"), "a session, no Authorization"),
        );
    }
    None
}

/// A page's form came with a token that is not this session's, and was sent to the interceptor (wire notes §8).
fn intercepted(facts: &Facts<'_>) -> Option<Finding> {
    let location = facts.reading.response()?.fields.text("location")?;
    let path = location.split('?').next().unwrap_or_default();
    let sent_there = (300..400).contains(&facts.status()) && path.ends_with("/security_interceptor.do");
    if !sent_there || !facts.inbound() || !facts.by_instance() {
        return None;
    }
    let because = "The instance sent the call to security_interceptor.do: its token against forged requests (X-UserToken or \
                   sysparm_ck) is missing, or is not this session's.";
    Some(
        Finding::new("session-missing-user-token", Grade::Likely, because)
            .weighing(90)
            .at(Place::response_field("location"), "security_interceptor.do"),
    )
}

fn expired(facts: &Facts<'_>) -> Option<Finding> {
    if !by_cookie(facts) || anonymous(facts).is_some() || facts.answer != Answer::NotAuthenticated {
        return None;
    }
    let session = facts.reading.session_cookie().and_then(|cookie| facts.ledger.session(facts.host(), cookie));
    let elsewhere =
        facts.reading.session_cookie().and_then(|cookie| facts.ledger.session_elsewhere(facts.host(), cookie));
    match facts.reading.fingerprint.logged_in {
        Some(false) if elsewhere.is_none() => {
            let because = match session.and_then(|session| session.ok) {
                Some(ok) => format!(
                    "The session worked at {} and the instance says that it is logged in no more.",
                    date::clock(ok.at)
                ),
                None => "Only cookies came, and the instance says that their session is not logged in.".to_owned(),
            };
            // It worked a moment ago for a client of another name: the session may live on, and be closed to this one.
            let stranger = session.is_some_and(|session| {
                session.agent != facts.reading.user_agent()
                    && session.ok.is_some_and(|ok| facts.at().seconds_since(ok.at) < 1800)
            });
            let (grade, weight) = if stranger { (Grade::Likely, 64) } else { (Grade::Proven, 5) };
            Some(
                Finding::new("session-expired", grade, because)
                    .weighing(weight)
                    .at(Place::response_field("x-is-logged-in"), "false: no live session"),
            )
        }
        None => {
            let because = "Only cookies came, and the instance does not know their session.";
            Some(
                Finding::new("session-expired", Grade::Likely, because)
                    .weighing(60)
                    .at(Place::request_field("cookie"), "a session cookie"),
            )
        }
        _ => None,
    }
}

/// A redirect to login, logout or time-out, of a call that carried a session or wanted data.
fn to_login(facts: &Facts<'_>) -> Option<Finding> {
    if facts.answer != Answer::ToLogin || !by_cookie(facts) || anonymous(facts).is_some() {
        return None;
    }
    let location = facts.reading.response()?.fields.text("location")?.into_owned();
    let because = format!(
        "The call carried a session cookie and was sent to {}: the session is over.",
        location.split('?').next().unwrap_or_default()
    );
    let place = Place::response_field("location");
    Some(Finding::new("session-expired", Grade::Proven, because).weighing(8).at(place, "a page to log in, not the API"))
}

/// Cookies of another session beside a good Authorization (knowledge C15).
fn conflict(facts: &Facts<'_>) -> Option<Finding> {
    let both = matches!(facts.credential(), Credential::Basic | Credential::Bearer)
        && facts.reading.session_cookie().is_some();
    if !both || facts.answer != Answer::NotAuthenticated || !facts.inbound() {
        return None;
    }
    let session = facts.reading.session_cookie().and_then(|cookie| facts.ledger.session(facts.host(), cookie));
    let dead = session.is_some_and(|session| session.dead.is_some());
    let worked =
        facts.credential_record().and_then(|record| record.ok).filter(|ok| facts.at().seconds_since(ok.at) < 3 * 3600);
    let bare = worked.and_then(|_| facts.path_record()).is_some_and(|path| path.ok.iter().any(|ok| !ok.cookies));
    let (grade, weight, because) = match (dead, bare) {
        (true, _) => {
            (Grade::Likely, 78, "The request carries an Authorization and the cookies of a session that is over.")
        }
        (_, true) => (
            Grade::Likely,
            74,
            "The same credential worked without cookies; this request carries session cookies as well.",
        ),
        _ => (Grade::Possible, 30, "The request carries an Authorization and session cookies; stale cookies can win."),
    };
    Some(
        Finding::new("session-cookie-conflict", grade, because)
            .weighing(weight)
            .at(Place::request_field("cookie"), "session cookies beside Authorization"),
    )
}

/// 403 at the API's own ACL for a credential that passed it before, with cookies (KB2466644).
fn roles_lost(facts: &Facts<'_>) -> Option<Finding> {
    let acl = facts.answer == Answer::Forbidden && facts.answer_text().contains("api level acl");
    if !acl || facts.reading.session_cookie().is_none() {
        return None;
    }
    let ok = facts.credential_record()?.path(&facts.reading.endpoint.class())?.ok?;
    let because = format!(
        "The same credential passed this API at {}; with session cookies it is refused now. A session restored on another node can lose its roles.",
        date::clock(ok.at)
    );
    Some(
        Finding::new("session-roles-lost", Grade::Likely, because)
            .weighing(90)
            .at(Place::Exchange(ok.exchange), "passed here")
            .at(Place::request_field("cookie"), "session cookies"),
    )
}

fn host_mismatch(facts: &Facts<'_>) -> Option<Finding> {
    let refused = facts.not_authenticated() && facts.inbound();
    let value = facts.reading.session_cookie().filter(|_| refused)?;
    let label = facts.host().split('.').next().unwrap_or_default().to_owned();
    let pool = facts.reading.cookies.iter().find_map(|(name, _)| cookie::pool_instance(name)).map(str::to_owned);
    if let Some(other) = facts
        .ledger
        .session_elsewhere(facts.host(), value)
        .filter(|other| facts.kinship(&other.host) != Kinship::SameInstance)
        .filter(|_| facts.ledger.session(facts.host(), value).is_none_or(|s| s.ok.is_none()))
    {
        let because = format!("The session cookie was given out by {}, and was sent to {}.", other.host, facts.host());
        return Some(
            Finding::new("session-host-mismatch", Grade::Likely, because)
                .weighing(88)
                .at(Place::request_field("cookie"), format!("of {}", other.host))
                .at(Place::Exchange(other.first.exchange), "set here"),
        );
    }
    let pool = pool.filter(|pool| *pool != label && endpoint::is_instance_host(facts.host()))?;
    let because = format!("The cookies name the instance {pool}; the call went to {}.", facts.host());
    Some(
        Finding::new("session-host-mismatch", Grade::Likely, because)
            .weighing(80)
            .at(Place::request_field("cookie"), format!("BIGipServerpool_{pool}")),
    )
}

fn bound_to_client(facts: &Facts<'_>) -> Option<Finding> {
    if !by_cookie(facts) || !facts.not_authenticated() {
        return None;
    }
    let session = facts.ledger.session(facts.host(), facts.reading.session_cookie()?)?;
    if session.ok.is_none() || session.agent == facts.reading.user_agent() {
        return None;
    }
    let because = format!(
        "The session was opened by {}; this request says {}.",
        short(&session.agent),
        short(&facts.reading.user_agent())
    );
    Some(
        Finding::new("session-bound-to-client", Grade::Possible, because)
            .weighing(45)
            .at(Place::request_field("user-agent"), "another client"),
    )
}

fn short(agent: &str) -> String {
    if agent.is_empty() { "no user agent".into() } else { agent.chars().take(40).collect() }
}

/// A session that worked and ended although it was in use (knowledge C16).
fn lifespan(facts: &Facts<'_>) -> Option<Finding> {
    let cookies = facts.reading.session_cookie().filter(|_| facts.not_authenticated() && facts.inbound())?;
    let session = facts.ledger.session(facts.host(), cookies)?;
    let (age, ok) = (facts.at().seconds_since(session.first.at), session.ok?);
    let idle = facts.at().seconds_since(ok.at);
    if age < 600 || idle > age / 2 {
        return None;
    }
    let because = format!(
        "The session was {} old and was used {} ago: a limit on the life of integration sessions ends it like this.",
        date::span(age),
        date::span(idle)
    );
    Some(
        Finding::new("session-lifespan-limit", Grade::Possible, because)
            .weighing(44)
            .at(Place::Exchange(session.first.exchange), "the session began here"),
    )
}

//! Cookie sessions: every authenticated call opens one; a login page opens one that may open pages (wire §8).

use crate::model::Millis;

use super::memory::{Session, TokenKind, keep};
use super::settings::{API_SESSION_NOT_FOR_UI, COOKIE_ENDS_WITH_TOKEN, SESSION_MINUTES};
use super::state::Instance;
use super::{Call, Moment};

pub(super) const COOKIE: &str = "JSESSIONID";

/// Opens a session and gives its id.
pub(super) fn open(
    instance: &mut Instance,
    moment: &mut Moment<'_>,
    user: &str,
    api: bool,
    token: Option<String>,
) -> String {
    let id = moment.hex(32).to_ascii_uppercase();
    let session = Session {
        id: id.clone(),
        user: user.to_owned(),
        user_token: moment.hex(72),
        api,
        token,
        last_used: moment.now,
    };
    keep(&mut instance.memory.sessions, session);
    id
}

/// The session of an API call: the one its cookie names, when that is alive and the same user's, else a new one.
pub(super) fn of_api_call(
    instance: &mut Instance,
    call: &Call<'_>,
    moment: &mut Moment<'_>,
    user: &str,
    token: Option<String>,
) -> String {
    match call.cookie(COOKIE).and_then(|id| alive(instance, &id, moment.now)) {
        Some(session) if session.user == user => {
            touch(instance, &session.id, moment.now);
            session.id
        }
        _ => open(instance, moment, user, true, token),
    }
}

/// A session by its cookie: not idle too long, its user still active, its token (if it hangs on one) alive.
pub(super) fn alive(instance: &Instance, id: &str, now: Millis) -> Option<Session> {
    let session = instance.memory.sessions.iter().rev().find(|session| session.id == id)?;
    let idle = now.seconds_since(session.last_used) > instance.number(SESSION_MINUTES).saturating_mul(60);
    let user = instance.user_by_id(&session.user)?;
    (!idle && user.active && !user.locked_out && token_allows(instance, session, now)).then(|| session.clone())
}

fn token_allows(instance: &Instance, session: &Session, now: Millis) -> bool {
    let Some(value) = &session.token else { return true };
    !instance.is(COOKIE_ENDS_WITH_TOKEN)
        || instance.memory.token(TokenKind::Access, value).is_some_and(|token| token.alive(now))
}

pub(super) fn touch(instance: &mut Instance, id: &str, now: Millis) {
    if let Some(session) = instance.memory.sessions.iter_mut().find(|session| session.id == id) {
        session.last_used = now;
    }
}

/// The session of a page: one that a login opened, or an API call's where the property allows it.
pub(super) fn of_page(instance: &mut Instance, call: &Call<'_>, now: Millis) -> Option<Session> {
    let session = alive(instance, &call.cookie(COOKIE)?, now)?;
    if session.api && instance.is(API_SESSION_NOT_FOR_UI) {
        return None;
    }
    touch(instance, &session.id, now);
    Some(session)
}

pub(super) fn close(instance: &mut Instance, id: &str) {
    instance.memory.sessions.retain(|session| session.id != id);
}

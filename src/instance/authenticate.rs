//! Who calls a REST or SOAP API: credential, account, policy, session; or why nobody does.

use crate::model::Millis;

use super::memory::TokenKind;
use super::reading::{self, Credential};
use super::settings::*;
use super::state::{AuthKind, Instance, User};
use super::{Call, Moment, jwt, policy, session};

/// An authenticated caller.
pub(super) struct Caller {
    /// `sys_id`.
    pub user: String,
    pub kind: AuthKind,
    /// Client id and scope of the access token that was used.
    pub token: Option<(String, String)>,
    pub session: String,
}

/// Why a call has no caller. The answer's bytes differ for the named ones only.
pub(super) enum Refusal {
    Ordinary,
    /// The session is good, the `X-UserToken` is missing or stale; the right one goes back.
    UserToken {
        session: String,
        user_token: String,
    },
    DeadSession,
    SecondFactor,
}

/// What a credential proved, before the policy is asked.
struct Proved {
    user: String,
    kind: AuthKind,
    /// The access token's value, client id and scope.
    token: Option<(String, String, String)>,
}

pub(super) fn caller(instance: &mut Instance, call: &Call<'_>, moment: &mut Moment<'_>) -> Result<Caller, Refusal> {
    let proved = match reading::credential(instance, call) {
        Credential::Basic { user, password } => basic(instance, &user, &password, moment.now)?,
        Credential::Bearer(value) => bearer(instance, call, &value, moment.now)?,
        Credential::ApiKey { value, in_query } => api_key(instance, call, &value, in_query, moment.now)?,
        Credential::Cookie(id) => return cookie(instance, call, &id, moment.now),
        Credential::Malformed | Credential::None => return Err(Refusal::Ordinary),
    };
    if !policy::admits(instance, call, &proved.user, proved.kind) {
        return Err(Refusal::Ordinary);
    }
    let value = proved.token.as_ref().map(|(value, ..)| value.clone());
    let session = session::of_api_call(instance, call, moment, &proved.user, value);
    let token = proved.token.map(|(_, client, scope)| (client, scope));
    Ok(Caller { user: proved.user, kind: proved.kind, token, session })
}

/// Basic: the password, then what may refuse it although it is right.
fn basic(instance: &mut Instance, name: &str, password: &str, now: Millis) -> Result<Proved, Refusal> {
    let second_factor = instance.is(MFA_FOR_INTEGRATIONS);
    let user = password_user(instance, name, password, second_factor, now)?;
    let must_reset = user.password_needs_reset && instance.is(RESET_MANDATORY);
    if must_reset || !gate_opens(instance, &user) {
        return Err(Refusal::Ordinary);
    }
    Ok(Proved { user: user.sys_id, kind: AuthKind::Basic, token: None })
}

/// Basic Auth Restriction of 2026: byte for byte the answer of a wrong password (causes E6).
fn gate_opens(instance: &Instance, user: &User) -> bool {
    let closed = instance.is(GATE_ACTIVE) && instance.is(GATE_ENFORCE);
    !closed
        || (user.web_service_access_only && instance.is(GATE_ALLOW_WSAO))
        || user.roles.iter().any(|role| instance.lists(GATE_ROLES, role))
        || instance.lists(GATE_USERS, &user.user_name)
}

/// A user by name and local password, with the count that locks and the time that unlocks (causes D31, E4).
pub(super) fn password_user(
    instance: &mut Instance,
    name: &str,
    password: &str,
    second_factor: bool,
    now: Millis,
) -> Result<User, Refusal> {
    unlock_by_time(instance, name, now);
    let user = instance.user(name).filter(|user| user.active && !user.locked_out).cloned().ok_or(Refusal::Ordinary)?;
    let code = user.mfa_code.clone().filter(|_| second_factor);
    let right = user.password.as_deref().is_some_and(|held| !held.is_empty() && held == password);
    let right_with_code = user.password.iter().zip(&code).any(|(held, code)| password == format!("{held}{code}"));
    if right_with_code || (right && code.is_none()) {
        instance.memory.failures.remove(&user.sys_id);
        return Ok(user);
    }
    if right {
        return Err(Refusal::SecondFactor);
    }
    count_failure(instance, &user, now);
    Err(Refusal::Ordinary)
}

fn unlock_by_time(instance: &mut Instance, name: &str, now: Millis) {
    let minutes = instance.number(UNLOCK_MINUTES);
    let Some(id) = instance.user(name).map(|user| user.sys_id.clone()) else { return };
    let locked_at = instance.memory.failures.get(&id).and_then(|failures| failures.locked_at);
    if locked_at.is_some_and(|at| now.seconds_since(at) >= minutes.saturating_mul(60)) {
        instance.memory.failures.remove(&id);
        if let Some(user) = instance.user_mut(name) {
            user.locked_out = false;
        }
    }
}

fn count_failure(instance: &mut Instance, user: &User, now: Millis) {
    let limit = instance.number(MAX_ATTEMPTS);
    let failures = instance.memory.failures.entry(user.sys_id.clone()).or_default();
    failures.count = failures.count.saturating_add(1);
    if i64::from(failures.count) >= limit {
        failures.locked_at = Some(now);
        if let Some(user) = instance.user_mut(&user.user_name) {
            user.locked_out = true;
        }
    }
}

/// A token of this instance, else of a configured third party; an ended one may live on in its cookie session.
fn bearer(instance: &mut Instance, call: &Call<'_>, value: &str, now: Millis) -> Result<Proved, Refusal> {
    own_token(instance, call, value, now)
        .or_else(|| id_token(instance, value, now))
        .or_else(|| outlived_by_its_session(instance, call, value, now))
        .ok_or(Refusal::Ordinary)
}

fn own_token(instance: &Instance, call: &Call<'_>, value: &str, now: Millis) -> Option<Proved> {
    if !instance.is(OAUTH_ACTIVE) {
        return None;
    }
    let token = instance.memory.token(TokenKind::Access, value).filter(|token| token.alive(now))?;
    let client = instance.client(&token.client_id).filter(|client| client.active)?;
    if client.enforce_token_restrictions && !policy::names_oauth(instance, call) {
        return None;
    }
    let user = instance.user_by_id(&token.user).filter(|user| user.active && !user.locked_out)?;
    let token = Some((token.value.clone(), token.client_id.clone(), token.scope.clone()));
    Some(Proved { user: user.sys_id.clone(), kind: AuthKind::OAuth, token })
}

fn id_token(instance: &mut Instance, value: &str, now: Millis) -> Option<Proved> {
    let jwt = jwt::parse(value)?;
    let issuer = jwt.claim("iss")?;
    let trust = instance.oidc_providers.iter().find(|provider| provider.trust.issuer == issuer)?.trust.clone();
    let user = jwt::accept(instance, &jwt, &trust, now)?;
    Some(Proved { user, kind: AuthKind::IdToken, token: None })
}

fn outlived_by_its_session(instance: &Instance, call: &Call<'_>, value: &str, now: Millis) -> Option<Proved> {
    let session = session::alive(instance, &call.cookie(session::COOKIE)?, now)?;
    let opened_by_it = session.token.as_deref() == Some(value) && !instance.is(COOKIE_ENDS_WITH_TOKEN);
    opened_by_it.then_some(Proved { user: session.user, kind: AuthKind::Session, token: None })
}

/// An API key works only under a policy of its own, never under a global one (wire §11).
fn api_key(instance: &Instance, call: &Call<'_>, value: &str, in_query: bool, now: Millis) -> Result<Proved, Refusal> {
    let kind = if in_query { AuthKind::ApiKeyQuery } else { AuthKind::ApiKeyHeader };
    let alive = |expires: Option<i64>| expires.is_none_or(|at| now.0 < at);
    let key = instance.api_keys.iter().find(|key| key.value == value && key.active && alive(key.expires));
    let user = key.and_then(|key| instance.user_by_id(&key.user)).filter(|user| user.active && !user.locked_out);
    match user {
        Some(user) if policy::takes_keys(instance, call) => Ok(Proved { user: user.sys_id.clone(), kind, token: None }),
        _ => Err(Refusal::Ordinary),
    }
}

/// A cookie needs the session's own `X-UserToken` beside it (wire §8).
fn cookie(instance: &mut Instance, call: &Call<'_>, id: &str, now: Millis) -> Result<Caller, Refusal> {
    let session = session::alive(instance, id, now).ok_or(Refusal::DeadSession)?;
    session::touch(instance, id, now);
    if call.field("x-usertoken").as_deref() != Some(&session.user_token) {
        return Err(Refusal::UserToken { session: session.id, user_token: session.user_token });
    }
    Ok(Caller { user: session.user, kind: AuthKind::Session, token: None, session: session.id })
}

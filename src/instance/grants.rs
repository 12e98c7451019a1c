//! The grants of the token endpoint. Each gives a token or [`Denied`]; what it looks at is what its `if`s say.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::model::Millis;
use crate::wire::form::Form;

use super::authenticate;
use super::memory::{Code, Token, TokenKind, keep};
use super::settings::{CLIENT_CREDENTIALS, PASSWORD_GRANT_DISABLED};
use super::state::{Grant, Instance, OAuthClient, TokenFormat};
use super::token::{Denied, granted};
use super::{Moment, Reply, jwt};

pub(super) fn password(
    instance: &mut Instance,
    moment: &mut Moment<'_>,
    client: &OAuthClient,
    form: &Form,
) -> Result<Reply, Denied> {
    let (Some(name), Some(password)) = (form.get("username"), form.get("password")) else {
        return Err(Denied::Ordinary);
    };
    if instance.is(PASSWORD_GRANT_DISABLED) || !client.grants.contains(&Grant::Password) {
        return Err(Denied::Ordinary);
    }
    let scope = scope(client, form)?;
    let user =
        authenticate::password_user(instance, name, password, false, moment.now).map_err(|_| Denied::Ordinary)?;
    let not_interactive = user.web_service_access_only && instance.unwritten.web_service_only_blocks_password_grant;
    if user.password_needs_reset || not_interactive {
        return Err(Denied::Ordinary);
    }
    Ok(issue(instance, moment, client, Issue { user: user.sys_id, grant: Grant::Password, scope, refresh: true }))
}

pub(super) fn client_credentials(
    instance: &mut Instance,
    moment: &mut Moment<'_>,
    client: &OAuthClient,
    form: &Form,
) -> Result<Reply, Denied> {
    if !instance.is(CLIENT_CREDENTIALS) || client.public || !client.grants.contains(&Grant::ClientCredentials) {
        return Err(Denied::Ordinary);
    }
    let user = client.application_user.as_deref().and_then(|id| instance.user_by_id(id));
    let Some(user) = user else { return Err(Denied::NoApplicationUser { registry: client.sys_id.clone() }) };
    if !user.active || user.locked_out || user.password_needs_reset {
        return Err(Denied::Ordinary);
    }
    let (user, scope) = (user.sys_id.clone(), scope(client, form)?);
    Ok(issue(instance, moment, client, Issue { user, grant: Grant::ClientCredentials, scope, refresh: false }))
}

pub(super) fn authorization_code(
    instance: &mut Instance,
    moment: &mut Moment<'_>,
    client: &OAuthClient,
    form: &Form,
) -> Result<Reply, Denied> {
    let sent = form.get("code").unwrap_or_default();
    let now = moment.now;
    let code = instance.memory.codes.iter_mut().find(|code| code.value == sent).ok_or(Denied::Ordinary)?;
    if !code_fits(code, client, form, now) || !client.grants.contains(&Grant::AuthorizationCode) {
        return Err(Denied::Ordinary);
    }
    code.used = true;
    let issue_for = Issue {
        user: code.user.clone(),
        grant: Grant::AuthorizationCode,
        scope: code.scope.clone(),
        refresh: !client.public,
    };
    Ok(issue(instance, moment, client, issue_for))
}

/// Unused, young enough, this client's, with the same redirect_uri, and with the verifier of its challenge.
fn code_fits(code: &Code, client: &OAuthClient, form: &Form, now: Millis) -> bool {
    let young = now.since(code.issued) <= client.code_lifespan.saturating_mul(1000);
    let verified = code
        .challenge
        .as_deref()
        .is_none_or(|challenge| form.get("code_verifier").is_some_and(|verifier| s256(verifier) == challenge));
    let same_redirect = form.get("redirect_uri") == Some(code.redirect_uri.as_str());
    !code.used && young && code.client_id == client.client_id && same_redirect && verified
}

/// PKCE's S256 (RFC 7636 §4.2).
pub(super) fn s256(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

pub(super) fn refresh(
    instance: &mut Instance,
    moment: &mut Moment<'_>,
    client: &OAuthClient,
    form: &Form,
) -> Result<Reply, Denied> {
    let sent = form.get("refresh_token").unwrap_or_default();
    let token = instance.memory.token(TokenKind::Refresh, sent).filter(|token| {
        token.alive(moment.now) && token.client_id == client.client_id && client.grants.contains(&Grant::RefreshToken)
    });
    let token = token.cloned().ok_or(Denied::Ordinary)?;
    instance.user_by_id(&token.user).filter(|user| user.active && !user.locked_out).ok_or(Denied::Ordinary)?;
    let for_user = Issue { user: token.user, grant: Grant::RefreshToken, scope: token.scope, refresh: true };
    Ok(issue(instance, moment, client, for_user))
}

/// What is asked for must be linked to the registry record; nothing linked at all is broken wiring (causes D13, D14).
pub(super) fn scope(client: &OAuthClient, form: &Form) -> Result<String, Denied> {
    if client.scopes.is_empty() {
        return Err(Denied::Ordinary);
    }
    let known: Vec<&str> = client.scopes.iter().chain(&client.auth_scopes).map(String::as_str).collect();
    match form.get("scope").filter(|asked| !asked.is_empty()) {
        Some(asked) if asked.split(' ').all(|one| known.contains(&one)) => Ok(asked.to_owned()),
        Some(_) => Err(Denied::Ordinary),
        None => Ok(known.join(" ")),
    }
}

/// For whom a token is made.
pub(super) struct Issue {
    pub user: String,
    pub grant: Grant,
    pub scope: String,
    /// Whether the grant comes with a refresh token.
    pub refresh: bool,
}

/// The answer that carries the token, and the refresh token where the grant has one.
pub(super) fn issue(instance: &mut Instance, moment: &mut Moment<'_>, client: &OAuthClient, to: Issue) -> Reply {
    let (access, expires_in) = access(instance, moment, client, &to);
    let refresh = to.refresh.then(|| {
        living(instance, client, &to, TokenKind::Refresh, moment.now)
            .unwrap_or_else(|| make(instance, moment, client, &to, TokenKind::Refresh))
    });
    granted(instance, &access, refresh.as_ref().map(|token| token.value.as_str()), &to.scope, expires_in)
}

/// The current access token while it lives, with its remaining life (wire §4.2); else a new one. A refresh and an
/// assertion always give a new one (assumed).
pub(super) fn access(
    instance: &mut Instance,
    moment: &mut Moment<'_>,
    client: &OAuthClient,
    to: &Issue,
) -> (String, i64) {
    let reuse = !matches!(to.grant, Grant::RefreshToken | Grant::JwtBearer);
    let current = if reuse { living(instance, client, to, TokenKind::Access, moment.now) } else { None };
    let token = current.unwrap_or_else(|| make(instance, moment, client, to, TokenKind::Access));
    // A fresh token of 1800 s is announced with 1799: the whole seconds that remain.
    let expires_in = (token.expires.since(moment.now) - 1).div_euclid(1000);
    (token.value, expires_in)
}

fn living(instance: &Instance, client: &OAuthClient, to: &Issue, kind: TokenKind, now: Millis) -> Option<Token> {
    let same = |token: &&Token| {
        token.kind == kind
            && token.client_id == client.client_id
            && token.user == to.user
            && token.scope == to.scope
            && now.since(token.expires) < -1000
            && token.alive(now)
    };
    instance.memory.tokens.iter().rev().find(same).cloned()
}

fn make(instance: &mut Instance, moment: &mut Moment<'_>, client: &OAuthClient, to: &Issue, kind: TokenKind) -> Token {
    let lifespan = if kind == TokenKind::Access { client.access_lifespan } else { client.refresh_lifespan };
    let expires = moment.now.plus_seconds(lifespan);
    let value = match (kind, client.token_format) {
        (TokenKind::Access, TokenFormat::Jwt) => {
            let claims = json!({
                "iss": format!("https://{}", instance.host), "sub": to.user, "aud": client.client_id,
                "iat": moment.now.0 / 1000, "exp": expires.0 / 1000, "jti": moment.hex(32),
            });
            jwt::minted(&claims, client.sys_id.as_bytes())
        }
        _ => moment.token(),
    };
    let token = Token {
        kind,
        value,
        client_id: client.client_id.clone(),
        user: to.user.clone(),
        grant: to.grant,
        scope: to.scope.clone(),
        issued: moment.now,
        expires,
        revoked: false,
    };
    keep(&mut instance.memory.tokens, token.clone());
    token
}

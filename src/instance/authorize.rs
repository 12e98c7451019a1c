//! `/oauth_auth.do`: login, consent, and the redirect that carries the code (wire §5). The form of its error pages is
//! not recorded: here 400 and HTML around the recorded texts (assumed).

use crate::wire::form::{self, Form};

use super::memory::{Code, Session, keep};
use super::settings::{IMPLICIT_CLIENTS, STATE_REQUIRED};
use super::state::{Grant, Instance, OAuthClient, Release};
use super::{Call, Media, Moment, Reply, access, grants, login, session};

pub(super) fn reply(instance: &mut Instance, call: &Call<'_>, moment: &mut Moment<'_>) -> Reply {
    let query = call.query();
    let (client, redirect) = match asked(instance, &query) {
        Ok(asked) => asked,
        Err(text) => return error(text),
    };
    let Some(session) = session::of_page(instance, call, moment.now) else { return login::first(instance, call) };
    let consented = instance.memory.consents.contains(&(session.user.clone(), client.client_id.clone()));
    let decision = decision(call);
    if decision.is_some() && !login::sent_user_token(call, &session) {
        return Reply::redirect("/security_interceptor.do").in_session(Some(session.id));
    }
    let reply = match decision.as_deref() {
        Some("authorize") => {
            if !consented {
                instance.memory.consents.push((session.user.clone(), client.client_id.clone()));
            }
            granted(instance, moment, &client, &redirect, &query, &session)
        }
        // Not recorded; RFC 6749 §4.1.2.1.
        Some(_) => back(&redirect, '?', &[("error", "access_denied")], &query),
        None if consented => granted(instance, moment, &client, &redirect, &query, &session),
        None => consent_page(call, &client, &session),
    };
    reply.in_session(Some(session.id))
}

/// Allow or Deny of the consent page.
fn decision(call: &Call<'_>) -> Option<String> {
    let body = form::parse(&call.request.body.bytes);
    (call.method() == "POST").then(|| body.get("oauth_auth_check_action").unwrap_or_default().to_owned())
}

/// The client and the redirect URI of a sound request, or the text of its fault.
fn asked(instance: &Instance, query: &Form) -> Result<(OAuthClient, String), &'static str> {
    let client = query.get("client_id").and_then(|id| instance.client(id)).filter(|client| client.active);
    // Assumed wording.
    let client = client.ok_or("Invalid client_id")?;
    let redirect = redirect_url(instance, client, query).ok_or("Missing redirect URL in application registration")?;
    let state = query.get("state").unwrap_or_default();
    if state.is_empty() && instance.is(STATE_REQUIRED) {
        return Err("Missing State parameter in request");
    }
    if client.pkce_required && query.get("code_challenge").is_none_or(str::is_empty) {
        return Err("Missing code_challenge parameter");
    }
    match query.get("response_type") {
        Some("code") if client.grants.contains(&Grant::AuthorizationCode) => Ok((client.clone(), redirect)),
        Some("token") if instance.lists(IMPLICIT_CLIENTS, &client.client_id) => Ok((client.clone(), redirect)),
        // Assumed wording, after RFC 6749 §4.1.2.1.
        _ => Err("unsupported_response_type"),
    }
}

/// The registered URL that is the same character by character; older releases fall back to the first one (wire §5).
fn redirect_url(instance: &Instance, client: &OAuthClient, query: &Form) -> Option<String> {
    let asked = query.get("redirect_uri");
    let exact = client.redirect_urls.iter().find(|url| Some(url.as_str()) == asked);
    let first = client.redirect_urls.first().filter(|_| instance.release == Release::Classic);
    exact.or(first).cloned()
}

fn granted(
    instance: &mut Instance,
    moment: &mut Moment<'_>,
    client: &OAuthClient,
    redirect: &str,
    query: &Form,
    session: &Session,
) -> Reply {
    if query.get("response_type") == Some("token") {
        return implicit(instance, moment, client, redirect, query, session);
    }
    let value = moment.token();
    let code = Code {
        value: value.clone(),
        client_id: client.client_id.clone(),
        user: session.user.clone(),
        redirect_uri: query.get("redirect_uri").unwrap_or(redirect).to_owned(),
        challenge: query.get("code_challenge").filter(|challenge| !challenge.is_empty()).map(str::to_owned),
        scope: grants::scope(client, query).unwrap_or_default(),
        issued: moment.now,
        used: false,
    };
    keep(&mut instance.memory.codes, code);
    back(redirect, '?', &[("code", &value)], query)
}

fn implicit(
    instance: &mut Instance,
    moment: &mut Moment<'_>,
    client: &OAuthClient,
    redirect: &str,
    query: &Form,
    session: &Session,
) -> Reply {
    let scope = grants::scope(client, query).unwrap_or_default();
    let to = grants::Issue { user: session.user.clone(), grant: Grant::AuthorizationCode, scope, refresh: false };
    let (token, seconds) = grants::access(instance, moment, client, &to);
    let pairs = [("access_token", token.as_str()), ("token_type", "Bearer"), ("expires_in", &seconds.to_string())];
    back(redirect, '#', &pairs, query)
}

/// The redirect to the client, with the state that it sent.
fn back(redirect: &str, separator: char, pairs: &[(&str, &str)], query: &Form) -> Reply {
    let separator = if separator == '?' && redirect.contains('?') { '&' } else { separator };
    let state = query.get("state").map(|state| ("state", state));
    let encoded: Vec<String> =
        pairs.iter().copied().chain(state).map(|(name, value)| format!("{name}={}", form::encode(value))).collect();
    Reply::redirect(format!("{redirect}{separator}{}", encoded.join("&")))
}

fn consent_page(call: &Call<'_>, client: &OAuthClient, session: &Session) -> Reply {
    let (action, name) = (access::escape(&call.request.target), access::escape(&client.name));
    let body = format!(
        "<form method=\"post\" action=\"{action}\"><p>{name} would like to connect to your account</p>\
         <input type=\"hidden\" name=\"sysparm_ck\" value=\"{}\">\
         <button name=\"oauth_auth_check_action\" value=\"authorize\">Allow</button>\
         <button name=\"oauth_auth_check_action\" value=\"deny\">Deny</button></form>",
        session.user_token
    );
    Reply::new(200, Media::Html, login::page("ServiceNow", &body))
}

fn error(text: &str) -> Reply {
    Reply::new(400, Media::Html, login::page("ServiceNow", &format!("<p>{}</p>", access::escape(text))))
}

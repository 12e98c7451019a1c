//! Pages for people: login, logout, and everything else that wants a session of a login.

use crate::wire::form;

use super::memory::Session;
use super::settings::UI_BINDING;
use super::state::Instance;
use super::{Call, Media, Moment, Reply, access, authenticate, session};

pub(super) fn reply(instance: &mut Instance, call: &Call<'_>, moment: &mut Moment<'_>) -> Reply {
    match call.path() {
        "/login.do" if call.method() == "POST" => log_in(instance, call, moment),
        "/login.do" => login_page(call, ""),
        "/angular.do" if call.method() == "POST" => by_script(instance, call, moment),
        "/logout.do" => log_out(instance, call),
        "/logout_success.do" => Reply::new(200, Media::Html, page("ServiceNow", "<p>You have been logged out</p>")),
        "/session_timeout.do" => Reply::new(200, Media::Html, page("ServiceNow", "<p>Your session has ended</p>")),
        "/auth_redirect.do" => to_identity_provider(instance),
        "/oauth_redirect.do" => Reply::new(200, Media::Html, page("ServiceNow", OAUTH_REDIRECT)),
        _ => any_page(instance, call, moment),
    }
}

/// What stands there when somebody calls the callback of outbound flows by hand (wire §5).
const OAUTH_REDIRECT: &str = "<p>Your OAuth redirect failed. Please check if the redirect URL setup in your OAuth \
configuration matches your ServiceNow instance URL.</p>";

pub(super) fn page(title: &str, body: &str) -> String {
    format!("<!DOCTYPE html><html><head><title>{title}</title></head><body>{body}</body></html>")
}

/// Sends somebody without a session to log in first: at the identity provider, where there is one, else here.
pub(super) fn first(instance: &Instance, call: &Call<'_>) -> Reply {
    let target = form::encode(&call.request.target);
    match &instance.identity_provider {
        Some(provider) => Reply::redirect(format!("/auth_redirect.do?sysparm_url={}", form::encode(provider))),
        None => Reply::redirect(format!("/login.do?sysparm_goto_url={target}")),
    }
}

fn to_identity_provider(instance: &Instance) -> Reply {
    Reply::redirect(instance.identity_provider.clone().unwrap_or_else(|| String::from("/login.do")))
}

fn login_page(call: &Call<'_>, message: &str) -> Reply {
    let goto = call.query().get("sysparm_goto_url").map(access::escape).unwrap_or_default();
    let body = format!(
        "<form method=\"post\" action=\"/login.do\"><p>{message}</p><input name=\"user_name\">\
         <input name=\"user_password\" type=\"password\"><input type=\"hidden\" name=\"sysparm_goto_url\" value=\"{goto}\">\
         <button name=\"sys_action\" value=\"sysverb_login\">Log in</button><a href=\"#\">Forgot password?</a></form>"
    );
    Reply::new(200, Media::Html, page("Log in | ServiceNow", &body))
}

/// The form login. Counts failures as every login does (causes E10).
fn log_in(instance: &mut Instance, call: &Call<'_>, moment: &mut Moment<'_>) -> Reply {
    let Some(user) = user_of_form(instance, call, moment) else {
        return login_page(call, "User name or password invalid");
    };
    let session = session::open(instance, moment, &user, false, None);
    let form = form::parse(&call.request.body.bytes);
    // Only a path of this instance, lest the login sends people elsewhere.
    let goto = form.get("sysparm_goto_url").filter(|url| url.starts_with('/') && !url.starts_with("//"));
    Reply::redirect(goto.unwrap_or("/now/nav/ui/home")).in_session(Some(session))
}

/// The login as now-sdk does it (form of the answers: what its `UISession.js` reads), and its call for the user token.
fn by_script(instance: &mut Instance, call: &Call<'_>, moment: &mut Moment<'_>) -> Reply {
    let query = call.query();
    match query.get("sysparm_type") {
        Some("view_form.login") => match user_of_form(instance, call, moment) {
            None => Reply::new(200, Media::Json, r#"{"status":"error","message":"User name or password invalid"}"#),
            Some(user) => {
                let session = session::open(instance, moment, &user, false, None);
                Reply::new(200, Media::Json, r#"{"status":"success"}"#).in_session(Some(session))
            }
        },
        Some("get_user") => match session::of_page(instance, call, moment.now) {
            Some(session) if !sent_user_token(call, &session) => Reply::new(401, Media::Json, "{}")
                .with("X-UserToken-Response", session.user_token)
                .in_session(Some(session.id)),
            _ => any_page(instance, call, moment),
        },
        _ => any_page(instance, call, moment),
    }
}

/// The `sys_id` of whom the form names, with the right password. A user with "Web service access only" has no login.
fn user_of_form(instance: &mut Instance, call: &Call<'_>, moment: &Moment<'_>) -> Option<String> {
    let form = form::parse(&call.request.body.bytes);
    let (name, password) = (form.get("user_name").unwrap_or_default(), form.get("user_password").unwrap_or_default());
    let user = authenticate::password_user(instance, name, password, false, moment.now).ok();
    user.filter(|user| !user.web_service_access_only).map(|user| user.sys_id.clone())
}

fn log_out(instance: &mut Instance, call: &Call<'_>) -> Reply {
    if let Some(id) = call.cookie(session::COOKIE) {
        session::close(instance, &id);
    }
    Reply::redirect("/logout_success.do")
}

/// Whether a form carries the session's own token (`sysparm_ck`, or the header).
pub(super) fn sent_user_token(call: &Call<'_>, session: &Session) -> bool {
    let body = form::parse(&call.request.body.bytes);
    let sent = body.get("sysparm_ck").map(str::to_owned).or_else(|| call.field("x-usertoken"));
    sent.as_deref() == Some(session.user_token.as_str())
}

/// A page of the platform: with a session, with a Bearer token where the property allows it, else the login.
fn any_page(instance: &mut Instance, call: &Call<'_>, moment: &mut Moment<'_>) -> Reply {
    let bearer = call.request.fields.has("authorization") && !instance.is(UI_BINDING);
    if bearer && let Ok(caller) = authenticate::caller(instance, call, moment) {
        return Reply::new(200, Media::Html, page("ServiceNow", "")).in_session(Some(caller.session));
    }
    let Some(session) = session::of_page(instance, call, moment.now) else { return first(instance, call) };
    if call.method() == "POST" && !sent_user_token(call, &session) {
        return Reply::redirect("/security_interceptor.do").in_session(Some(session.id));
    }
    let body = format!("<script>var g_ck = '{}';</script>", session.user_token);
    Reply::new(200, Media::Html, page("ServiceNow", &body)).in_session(Some(session.id))
}

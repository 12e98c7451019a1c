//! What a known caller may not do: the 403s with the texts that name their reason, and the envelope of all REST errors.

use serde_json::Value;

use super::authenticate::{Caller, Refusal};
use super::settings::SCOPE_CHECK;
use super::state::{Acl, AclTarget, AuthKind, Instance, Operation, Release, User, WriteRule};
use super::{Call, Media, Reply, policy};

/// The error envelope of the REST layer, in JSON or XML, in the release's key order (wire §2.1). An empty detail is null.
pub(super) fn error(instance: &Instance, call: &Call<'_>, status: u16, message: &str, detail: &str) -> Reply {
    if call.field("accept").is_some_and(|accept| accept.contains("xml") && !accept.contains("json")) {
        let (message, detail) = (escape(message), escape(detail));
        let inner = format!("<error><message>{message}</message><detail>{detail}</detail></error>");
        return Reply::new(status, Media::Xml, format!("<response>{inner}<status>failure</status></response>"));
    }
    let detail = if detail.is_empty() { Value::Null } else { Value::from(detail) };
    let message = Value::from(message);
    let inner = match instance.release {
        Release::Classic => format!("{{\"detail\":{detail},\"message\":{message}}}"),
        Release::Current => format!("{{\"message\":{message},\"detail\":{detail}}}"),
    };
    Reply::new(status, Media::Json, format!("{{\"error\":{inner},\"status\":\"failure\"}}"))
}

/// Text for XML and HTML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The 401 of the REST layer. Its body is the same for every reason (wire §2.2).
pub(super) fn unauthenticated(instance: &Instance, call: &Call<'_>, refusal: Refusal) -> Reply {
    if matches!(refusal, Refusal::DeadSession) && instance.unwritten.dead_session_redirects {
        return Reply::redirect("/logout_success.do");
    }
    let message = match instance.release {
        Release::Classic => "User Not Authenticated",
        Release::Current => "User is not authenticated",
    };
    let mut reply = error(instance, call, 401, message, "Required to provide Auth information");
    for challenge in policy::challenges(instance, call) {
        reply = reply.with("WWW-Authenticate", challenge);
    }
    match refusal {
        Refusal::UserToken { session, user_token } => {
            reply.with("X-UserToken-Response", user_token).in_session(Some(session))
        }
        Refusal::SecondFactor => reply.with("X-MFA_TOKEN", "invalid"),
        Refusal::Ordinary | Refusal::DeadSession => reply,
    }
}

/// `User Not Authorized` with its reason (wire §3).
pub(super) fn forbidden(instance: &Instance, call: &Call<'_>, detail: &str) -> Reply {
    error(instance, call, 403, "User Not Authorized", detail)
}

fn user<'a>(instance: &'a Instance, caller: Option<&Caller>) -> Option<&'a User> {
    instance.user_by_id(&caller?.user)
}

/// Whether every ACL that `about` picks lets the caller pass. A guest passes only where no role is asked for.
fn passes(instance: &Instance, caller: Option<&Caller>, about: impl Fn(&AclTarget) -> bool) -> bool {
    let asked = instance.acls.iter().filter(|acl| about(&acl.on));
    let roles_pass = |acl: &Acl| match user(instance, caller) {
        Some(user) => user.passes(&acl.roles),
        None => acl.roles.is_empty(),
    };
    asked.into_iter().all(roles_pass)
}

/// The API's own doors: REST_Endpoint ACL, then auth scope.
pub(super) fn api(instance: &Instance, call: &Call<'_>, caller: Option<&Caller>) -> Result<(), Reply> {
    let endpoint =
        |on: &AclTarget| matches!(on, AclTarget::RestEndpoint(api) if api.matches(call.method(), call.path()));
    if !passes(instance, caller, endpoint) {
        return Err(forbidden(instance, call, "Failed API level ACL Validation"));
    }
    auth_scope(instance, call, caller)
}

/// Auth scopes bind OAuth tokens only, never Basic, cookies or keys (wire §9).
fn auth_scope(instance: &Instance, call: &Call<'_>, caller: Option<&Caller>) -> Result<(), Reply> {
    let token = caller.filter(|caller| caller.kind == AuthKind::OAuth).and_then(|caller| caller.token.as_ref());
    let Some((client, granted)) = token.filter(|_| instance.is(SCOPE_CHECK)) else { return Ok(()) };
    let wanted = instance.api_scopes.iter().filter(|scope| scope.applies_to.matches(call.method(), call.path()));
    let mut scoped = false;
    for scope in wanted {
        scoped = true;
        if !granted.split(' ').any(|held| held == scope.scope) {
            let detail = format!("Missing required api access scope: {}", scope.scope);
            return Err(forbidden(instance, call, &detail));
        }
    }
    let only_scoped = instance.client(client).is_some_and(|client| client.securely_scoped);
    if only_scoped && !scoped {
        return Err(forbidden(instance, call, "Access to unscoped api is not allowed"));
    }
    Ok(())
}

/// Reading or writing a table at all.
pub(super) fn table(
    instance: &Instance,
    call: &Call<'_>,
    caller: Option<&Caller>,
    name: &str,
    operation: Operation,
) -> Result<(), Reply> {
    let closed = instance.tables.get(name).is_some_and(|table| table.web_service_closed);
    let about =
        |on: &AclTarget| matches!(on, AclTarget::Table { table, operation: op } if table == name && *op == operation);
    if !closed && passes(instance, caller, about) {
        return Ok(());
    }
    let texts = match operation {
        Operation::Read => {
            return Err(forbidden(instance, call, &format!("User is unauthorized to access table: {name}")));
        }
        Operation::Create => "ACL Exception Insert Failed due to security constraints",
        Operation::Write => "ACL Exception Update Failed due to security constraints",
        // Assumed after the other two.
        Operation::Delete => "ACL Exception Delete Failed due to security constraints",
    };
    Err(error(instance, call, 403, "Operation Failed", texts))
}

/// Whether a row may be read.
pub(super) fn row(
    instance: &Instance,
    caller: Option<&Caller>,
    table: &str,
    row: &std::collections::BTreeMap<String, String>,
) -> bool {
    passes(instance, caller, |on| match on {
        AclTarget::Row { table: of, field, value } => of == table && row.get(field) == Some(value),
        _ => false,
    })
}

/// Whether a field may be read.
pub(super) fn field(instance: &Instance, caller: Option<&Caller>, table: &str, name: &str) -> bool {
    passes(instance, caller, |on| matches!(on, AclTarget::Field { table: of, field } if of == table && field == name))
}

/// Business rules and data policies: 403 that is no matter of authentication (wire §3).
pub(super) fn write_rules(
    instance: &Instance,
    call: &Call<'_>,
    name: &str,
    row: &std::collections::BTreeMap<String, String>,
) -> Result<(), Reply> {
    let empty = |field: &str| row.get(field).is_none_or(String::is_empty);
    let broken = instance.write_rules.iter().find_map(|rule| match rule {
        WriteRule::BusinessRule { table, name: rule, wants } if table == name && empty(wants) => {
            let id = super::state::sys_id("sys_script", rule);
            Some(format!("Operation against file '{table}' was aborted by Business Rule '{rule}^{id}'"))
        }
        WriteRule::DataPolicy { table, field, label } if table == name && empty(field) => {
            Some(format!("Data Policy Exception: {label} is mandatory"))
        }
        _ => None,
    });
    match broken {
        Some(detail) => Err(error(instance, call, 403, "Operation Failed", &detail)),
        None => Ok(()),
    }
}

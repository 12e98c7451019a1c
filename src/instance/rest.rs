//! The REST layer: which API a path names, and the doors in their order: caller, rate limit, ACL and scope, resource.

use serde_json::json;

use crate::model::Millis;

use super::authenticate::{self, Caller};
use super::memory::Hour;
use super::state::{Instance, ScriptedApi};
use super::{Call, Media, Moment, Reply, access, cors, table};

/// What a path under `/api/` names.
pub(super) enum Api {
    Table { table: String, sys_id: Option<String> },
    Stats { table: String },
    Keys,
    Scripted(ScriptedApi),
}

pub(super) fn reply(instance: &mut Instance, call: &Call<'_>, moment: &mut Moment<'_>) -> Reply {
    let Some(api) = named(instance, call.path()) else {
        // Found before anybody is asked who they are (field notes, part 2, 16); 400 in some releases.
        return access::error(instance, call, 404, "Requested URI does not represent any resource", "");
    };
    if let Some(reply) = cors::preflight(instance, call) {
        return reply;
    }
    let reply = served(instance, call, moment, &api).unwrap_or_else(|refused| refused);
    cors::allowed(instance, call, reply)
}

fn named(instance: &Instance, path: &str) -> Option<Api> {
    let scripted = instance.scripted.iter().find(|api| {
        path.strip_prefix(api.base_path.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    if let Some(api) = scripted {
        return Some(Api::Scripted(api.clone()));
    }
    let mut parts: Vec<&str> = path.strip_prefix("/api/now/")?.split('/').filter(|part| !part.is_empty()).collect();
    if parts.first().is_some_and(|part| matches!(*part, "v1" | "v2")) {
        parts.remove(0);
    }
    match parts.as_slice() {
        ["table", table] => Some(Api::Table { table: (*table).to_owned(), sys_id: None }),
        ["table", table, id] => Some(Api::Table { table: (*table).to_owned(), sys_id: Some((*id).to_owned()) }),
        ["stats", table] => Some(Api::Stats { table: (*table).to_owned() }),
        ["oauth", "jwks"] => Some(Api::Keys),
        _ => None,
    }
}

fn served(instance: &mut Instance, call: &Call<'_>, moment: &mut Moment<'_>, api: &Api) -> Result<Reply, Reply> {
    if matches!(api, Api::Keys) {
        return Ok(Reply::new(200, Media::Json, "{\"keys\":[]}"));
    }
    let caller = match authenticate::caller(instance, call, moment) {
        Ok(caller) => Some(caller),
        Err(_) if open_to_guests(api) => None,
        Err(refusal) => return Err(access::unauthenticated(instance, call, refusal)),
    };
    let session = caller.as_ref().map(|caller| caller.session.clone());
    let limits = match count(instance, call, caller.as_ref(), moment.now) {
        Ok(limits) => limits,
        Err(reply) => return Err(reply.in_session(session)),
    };
    let reply = access::api(instance, call, caller.as_ref())
        .and_then(|()| resource(instance, call, moment, caller.as_ref(), api))
        .unwrap_or_else(|refused| refused);
    let reply = limits.into_iter().fold(reply, |reply, (name, value)| reply.with(name, value));
    Ok(reply.in_session(session))
}

fn open_to_guests(api: &Api) -> bool {
    matches!(api, Api::Scripted(scripted) if !scripted.requires_authentication)
}

fn resource(
    instance: &mut Instance,
    call: &Call<'_>,
    moment: &mut Moment<'_>,
    caller: Option<&Caller>,
    api: &Api,
) -> Result<Reply, Reply> {
    match api {
        Api::Table { table, sys_id } => table::reply(instance, call, moment, caller, table, sys_id.as_deref()),
        Api::Stats { table } => table::count(instance, call, caller, table),
        Api::Scripted(scripted) => Ok(Reply::new(200, Media::Json, json!({ "result": scripted.result }).to_string())),
        Api::Keys => Ok(Reply::new(200, Media::Json, "{\"keys\":[]}")),
    }
}

type Limits = Vec<(&'static str, String)>;

/// Counts the request against its rule; the headers also come with answers that are let through (wire §10).
fn count(instance: &mut Instance, call: &Call<'_>, caller: Option<&Caller>, now: Millis) -> Result<Limits, Reply> {
    let rule = instance.rate_limits.iter().find(|rule| rule.applies_to.matches(call.method(), call.path())).cloned();
    let Some(rule) = rule else { return Ok(Vec::new()) };
    let user = caller.map_or_else(String::new, |caller| caller.user.clone());
    let fresh = Hour { began: now, requests: 0 };
    let hour = instance.memory.counted.entry((rule.sys_id.clone(), user)).or_insert(fresh);
    if now.seconds_since(hour.began) >= 3600 {
        *hour = fresh;
    }
    hour.requests = hour.requests.saturating_add(1);
    let (over, ends) = (hour.requests > rule.per_hour, hour.began.plus_seconds(3600));
    let limits = vec![
        ("X-RateLimit-Limit", rule.per_hour.to_string()),
        ("X-RateLimit-Reset", (ends.0 / 1000).to_string()),
        ("X-RateLimit-Rule", rule.sys_id.clone()),
    ];
    if !over {
        return Ok(limits);
    }
    let detail = format!("Rate limit of {} requests per hour for {} exceeded", rule.per_hour, rule.api);
    let reply = access::error(instance, call, 429, "Rate limit exceeded", &detail);
    let reply = limits.into_iter().fold(reply, |reply, (name, value)| reply.with(name, value));
    Err(reply.with("Retry-After", ends.seconds_since(now).max(1).to_string()))
}

//! Cross-origin rules (`sys_cors_rule`): what a browser is told (wire §13).

use super::settings::CORS_ENABLED;
use super::state::{CorsRule, Instance};
use super::{Call, Media, Reply};

fn rule<'a>(instance: &'a Instance, call: &Call<'_>, method: &str) -> Option<&'a CorsRule> {
    let origin = call.field("origin")?;
    instance.cors.iter().filter(|_| instance.is(CORS_ENABLED)).find(|rule| {
        rule.applies_to.matches(method, call.path())
            && (rule.origin == "*" || rule.origin == origin)
            && rule.methods.iter().any(|allowed| allowed.eq_ignore_ascii_case(method))
    })
}

/// The answer to a preflight that a rule covers. One that none covers goes on like any call, without credentials.
pub(super) fn preflight(instance: &Instance, call: &Call<'_>) -> Option<Reply> {
    let method = call.field("access-control-request-method").filter(|_| call.method() == "OPTIONS")?;
    let rule = rule(instance, call, &method)?;
    let reply = Reply::new(200, Media::Plain, "")
        .with("Access-Control-Allow-Origin", call.field("origin").unwrap_or_default())
        .with("Access-Control-Allow-Methods", rule.methods.join(","))
        .with("Access-Control-Allow-Headers", rule.headers.join(","));
    Some(reply)
}

/// Lets the page at a covered origin read the answer.
pub(super) fn allowed(instance: &Instance, call: &Call<'_>, reply: Reply) -> Reply {
    match rule(instance, call, call.method()) {
        Some(_) => reply
            .with("Access-Control-Allow-Origin", call.field("origin").unwrap_or_default())
            .with("Access-Control-Allow-Credentials", "true"),
        None => reply,
    }
}

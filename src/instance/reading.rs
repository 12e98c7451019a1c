//! Which credential a request carries, as the instance reads it: strictly by the grammar, save where `Unwritten` says.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::state::Instance;
use super::{Call, session};

pub(super) enum Credential {
    Basic {
        user: String,
        password: String,
    },
    Bearer(String),
    ApiKey {
        value: String,
        in_query: bool,
    },
    /// `JSESSIONID` without any Authorization.
    Cookie(String),
    /// An Authorization that is none.
    Malformed,
    None,
}

/// Authorization counts before everything else, a cookie last (wire §8).
pub(super) fn credential(instance: &Instance, call: &Call<'_>) -> Credential {
    if let Some(value) = call.request.fields.get("authorization") {
        return authorization(instance, value).unwrap_or(Credential::Malformed);
    }
    let query = call.query();
    if let Some(token) = query.get("access_token") {
        return Credential::Bearer(token.to_owned());
    }
    if let Some(value) = call.field("x-sn-apikey") {
        return Credential::ApiKey { value, in_query: false };
    }
    if let Some(value) = query.get("x-sn-apikey") {
        return Credential::ApiKey { value: value.to_owned(), in_query: true };
    }
    call.cookie(session::COOKIE).map_or(Credential::None, Credential::Cookie)
}

fn authorization(instance: &Instance, value: &[u8]) -> Option<Credential> {
    let text = std::str::from_utf8(value).ok()?;
    let (scheme, rest) = text.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("basic") {
        let (user, password) = basic(rest)?;
        return Some(Credential::Basic { user, password });
    }
    bearer(instance, scheme, rest)
}

/// User and password of a Basic value (RFC 7617): base64 of text with a colon.
pub(super) fn basic(encoded: &str) -> Option<(String, String)> {
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim_start_matches(' ')).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

fn bearer(instance: &Instance, scheme: &str, rest: &str) -> Option<Credential> {
    let other_case = scheme.eq_ignore_ascii_case("bearer") && instance.unwritten.takes_lowercase_bearer;
    if scheme != "Bearer" && !other_case {
        return None;
    }
    let token = rest.trim_start_matches(' ');
    if token.len() != rest.len() && !instance.unwritten.takes_extra_space {
        return None;
    }
    is_b64token(token).then(|| Credential::Bearer(token.to_owned()))
}

/// RFC 6750 §2.1.
fn is_b64token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}

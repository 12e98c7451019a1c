//! REST API access policies: which credentials an API takes, and what a 401 advertises (wire §2.3, §9).

use super::Call;
use super::settings::FIRST_SCHEME_ONLY;
use super::state::{AccessPolicy, AuthKind, AuthProfile, Instance, Release};

/// The policy that governs a request: the most specific active one.
fn governing<'a>(instance: &'a Instance, call: &Call<'_>) -> Option<&'a AccessPolicy> {
    let matching = instance
        .policies
        .iter()
        .filter(|policy| policy.active && policy.applies_to.matches(call.method(), call.path()));
    matching.max_by_key(|policy| policy.applies_to.specificity())
}

/// Whether the governing policy, if there is one, lets this kind of credential of this user in. Cookie sessions are
/// not asked (assumed: profiles name no sessions).
pub(super) fn admits(instance: &Instance, call: &Call<'_>, user: &str, kind: AuthKind) -> bool {
    match governing(instance, call) {
        Some(policy) => {
            kind == AuthKind::Session
                || policy.profiles.iter().any(|profile| lets_in(instance, call, profile, user, kind))
        }
        None => true,
    }
}

fn lets_in(instance: &Instance, call: &Call<'_>, profile: &AuthProfile, user: &str, kind: AuthKind) -> bool {
    let address_fits = profile.addresses.is_empty() || profile.addresses.iter().any(|range| range.contains(call.from));
    let role_fits =
        profile.role.as_deref().is_none_or(|role| instance.user_by_id(user).is_some_and(|user| user.has_role(role)));
    profile.kind == kind && address_fits && role_fits
}

/// Whether an API key is looked at here: the governing policy must not be the global one (wire §11).
pub(super) fn takes_keys(instance: &Instance, call: &Call<'_>) -> bool {
    governing(instance, call).is_some_and(|policy| policy.applies_to.prefix.is_some())
}

/// Whether the governing policy has an OAuth profile: what Enforce Token Restrictions asks for.
pub(super) fn names_oauth(instance: &Instance, call: &Call<'_>) -> bool {
    governing(instance, call)
        .is_some_and(|policy| policy.profiles.iter().any(|profile| profile.kind == AuthKind::OAuth))
}

/// The challenges of a 401, one per header line: the newest profile's only, unless all are to be advertised.
/// Assumed: a policy whose profiles have no scheme (API keys) gives the ordinary challenge.
pub(super) fn challenges(instance: &Instance, call: &Call<'_>) -> Vec<&'static str> {
    let ordinary = scheme(instance, AuthKind::Basic).unwrap_or_default();
    let Some(policy) = governing(instance, call) else { return vec![ordinary] };
    let all = policy.advertise_all_schemes || !instance.is(FIRST_SCHEME_ONLY);
    let newest_first = policy.profiles.iter().rev().filter_map(|profile| scheme(instance, profile.kind));
    let mut found: Vec<&'static str> = Vec::new();
    for challenge in newest_first.take(if all { usize::MAX } else { 1 }) {
        if !found.contains(&challenge) {
            found.push(challenge);
        }
    }
    if found.is_empty() { vec![ordinary] } else { found }
}

fn scheme(instance: &Instance, kind: AuthKind) -> Option<&'static str> {
    match (kind, instance.release) {
        (AuthKind::Basic, Release::Classic) => Some("BASIC realm=\"Service-now\""),
        (AuthKind::Basic, Release::Current) => Some("Basic realm=\"Service-now\""),
        (AuthKind::OAuth | AuthKind::IdToken, _) => Some("BEARER realm=\"Service-now\""),
        (AuthKind::ApiKeyHeader | AuthKind::ApiKeyQuery | AuthKind::Session, _) => None,
    }
}

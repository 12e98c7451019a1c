//! The closed list of causes, and the rules that find them.
//!
//! One file a family: its causes share one reading of the evidence. A cause whose answer names it stands in
//! `diagnose::signature`; one that only weighing can bring up stands in `diagnose::suspects`.

mod absent;
mod access;
mod account;
mod authorize;
mod basic_form;
mod bearer_form;
mod code;
mod entra;
mod exposure;
mod grant;
mod identity;
mod instance;
mod jwt;
mod later;
mod mid;
mod outbound;
mod outbound_token;
mod places;
mod policy;
mod refresh;
mod scheme;
mod session;
mod token;
mod token_request;
mod transport;
mod trust;
mod words;

use super::facts::Facts;
use crate::model::{Finding, Grade};
pub use absent::{refused_by_itself, secured_in_body};
pub use bearer_form::oddly_spelt;
pub use grant::another_client_passes;
pub use later::{in_hindsight, weaken_in_hindsight};

/// One cause of the closed list. A name is never renamed or reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cause {
    pub name: &'static str,
    pub group: &'static str,
    /// The best grade that it can reach.
    pub best: Grade,
}

/// The cause of that name.
pub fn cause(name: &str) -> Option<&'static Cause> {
    CAUSES.iter().find(|cause| cause.name == name)
}

/// Facts that are true of a request whatever became of it: told on success too.
pub fn exposures(facts: &Facts<'_>) -> Vec<Finding> {
    exposure::RULES.iter().filter_map(|rule| rule(facts)).collect()
}

/// A rule: looks at the facts and says one thing or nothing.
type Rule = fn(&Facts<'_>) -> Option<Finding>;

/// Every family's rules, in no order that matters: `rank` orders what they find.
pub fn rules(facts: &Facts<'_>) -> Vec<Finding> {
    if facts.request_unseen() {
        // An answer pasted alone has no host; a recording without secrets has all but them.
        let answered = facts.reading.response().is_some();
        let shown = if facts.host().is_empty() && answered { &[][..] } else { NO_SECRETS };
        let rules = ANSWER_ALONE.iter().chain(shown.iter().copied().flatten());
        return rules.filter_map(|rule| rule(facts)).chain(words::told(facts)).collect();
    }
    const FAMILIES: &[&[Rule]] = &[
        absent::RULES,
        access::RULES,
        account::RULES,
        authorize::RULES,
        basic_form::RULES,
        bearer_form::RULES,
        code::RULES,
        grant::RULES,
        identity::RULES,
        instance::RULES,
        jwt::RULES,
        mid::RULES,
        outbound::RULES,
        outbound_token::RULES,
        policy::RULES,
        refresh::RULES,
        scheme::RULES,
        session::RULES,
        token::RULES,
        token_request::RULES,
        transport::RULES,
    ];
    FAMILIES.iter().flat_map(|family| family.iter()).filter_map(|rule| rule(facts)).collect()
}

/// Rules that look at nothing but the answer: all that may speak when the request was not shown.
const ANSWER_ALONE: &[Rule] = &[
    session::missing_user_token,
    account::second_factor,
    account::second_factor_at_login,
    identity::ws_security,
    instance::hibernating,
    instance::offline,
    entra::pasted,
    policy::rate_limited,
    transport::intermediary,
];

/// Rules that look at addresses, redirects, connections and answers, and never at what a credential is or lacks.
const NO_SECRETS: &[&[Rule]] =
    &[authorize::RULES, transport::WITHOUT_SECRETS, access::OF_BROWSERS, absent::OF_BROWSERS];

const fn of(name: &'static str, group: &'static str, best: Grade) -> Cause {
    Cause { name, group, best }
}

/// All of them, grouped.
pub const CAUSES: &[Cause] = &[
    of("no-credentials", "credential", Grade::Proven),
    of("client-waits-for-basic-challenge", "credential", Grade::Proven),
    of("bearer-missing-space", "credential", Grade::Proven),
    of("bearer-empty", "credential", Grade::Proven),
    of("bearer-doubled", "credential", Grade::Proven),
    of("bearer-colon", "credential", Grade::Proven),
    of("bearer-extra-space", "credential", Grade::Possible),
    of("bearer-lowercase", "credential", Grade::Possible),
    of("token-placeholder", "credential", Grade::Proven),
    of("token-literal-null", "credential", Grade::Proven),
    of("token-quoted", "credential", Grade::Proven),
    of("token-illegal-character", "credential", Grade::Proven),
    of("token-percent-encoded", "credential", Grade::Proven),
    of("token-truncated", "credential", Grade::Proven),
    of("bearer-carries-basic", "credential", Grade::Proven),
    of("basic-carries-token", "credential", Grade::Proven),
    of("basic-malformed", "credential", Grade::Proven),
    of("basic-trailing-newline", "credential", Grade::Proven),
    of("basic-line-wrapped", "credential", Grade::Proven),
    of("basic-domain-user", "credential", Grade::Likely),
    of("basic-not-utf8", "credential", Grade::Likely),
    of("username-not-user-name", "credential", Grade::Likely),
    of("password-mangled", "credential", Grade::Likely),
    of("scheme-unknown", "credential", Grade::Proven),
    of("header-misnamed", "credential", Grade::Proven),
    of("authorization-duplicated", "credential", Grade::Proven),
    of("refresh-token-as-access", "credential", Grade::Proven),
    of("auth-code-as-token", "credential", Grade::Proven),
    of("id-token-as-access", "credential", Grade::Likely),
    of("client-id-as-token", "credential", Grade::Likely),
    of("token-from-other-instance", "credential", Grade::Proven),
    of("token-in-query", "credential", Grade::Proven),
    of("api-key-misplaced", "credential", Grade::Likely),
    of("credential-empty", "credential", Grade::Proven),
    of("basic-quoted", "credential", Grade::Proven),
    of("basic-base64url", "credential", Grade::Proven),
    of("netrc-replaced-bearer", "credential", Grade::Likely),
    of("api-key-as-bearer", "credential", Grade::Likely),
    of("scheme-for-other-api", "credential", Grade::Proven),
    of("plain-http", "transport", Grade::Proven),
    of("redirect-dropped-authorization", "transport", Grade::Proven),
    of("host-not-issuing", "transport", Grade::Possible),
    of("ui-path-not-api", "transport", Grade::Proven),
    of("redirected-to-login", "transport", Grade::Proven),
    of("answered-by-intermediary", "transport", Grade::Likely),
    of("user-agent-gated", "transport", Grade::Possible),
    of("client-distrusts-ca", "transport", Grade::Proven),
    of("tls-version-refused", "transport", Grade::Proven),
    of("upstream-certificate-invalid", "transport", Grade::Proven),
    of("upstream-unreachable", "transport", Grade::Proven),
    of("clock-skew", "transport", Grade::Proven),
    of("proxy-authentication-required", "transport", Grade::Proven),
    of("cors-blocked", "transport", Grade::Proven),
    of("cors-preflight-refused", "transport", Grade::Proven),
    of("endpoint-not-found", "transport", Grade::Proven),
    of("token-expired", "token", Grade::Proven),
    of("token-revoked", "token", Grade::Proven),
    of("token-near-expiry-reused", "token", Grade::Proven),
    of("token-hardcoded", "token", Grade::Likely),
    of("oauth-client-inactive", "token", Grade::Possible),
    of("oauth-disabled", "token", Grade::Likely),
    of("token-restricted", "token", Grade::Likely),
    of("bearer-on-ui-page", "token", Grade::Likely),
    of("auth-scope-missing", "token", Grade::Proven),
    of("session-missing-user-token", "session", Grade::Proven),
    of("session-expired", "session", Grade::Proven),
    of("session-cookie-conflict", "session", Grade::Likely),
    of("session-lifespan-limit", "session", Grade::Possible),
    of("session-roles-lost", "session", Grade::Likely),
    of("session-host-mismatch", "session", Grade::Likely),
    of("session-bound-to-client", "session", Grade::Possible),
    of("token-endpoint-wrong", "token-request", Grade::Proven),
    of("token-params-in-query", "token-request", Grade::Proven),
    of("token-request-not-form", "token-request", Grade::Proven),
    of("form-value-not-encoded", "token-request", Grade::Proven),
    of("form-value-whitespace", "token-request", Grade::Proven),
    of("grant-type-unknown", "token-request", Grade::Proven),
    of("token-parameter-missing", "token-request", Grade::Proven),
    of("placeholder-in-token-request", "token-request", Grade::Proven),
    of("client-credentials-sent-twice", "token-request", Grade::Proven),
    of("client-id-unknown", "token-request", Grade::Possible),
    of("client-secret-wrong", "token-request", Grade::Possible),
    of("client-of-other-instance", "token-request", Grade::Proven),
    of("oauth-scope-wiring", "token-request", Grade::Possible),
    of("oauth-scope-not-allowed", "token-request", Grade::Likely),
    of("oauth-acl-hardened", "token-request", Grade::Possible),
    of("auth-code-expired", "token-request", Grade::Proven),
    of("auth-code-reused", "token-request", Grade::Proven),
    of("auth-code-altered", "token-request", Grade::Proven),
    of("auth-code-wrong-client", "token-request", Grade::Proven),
    of("redirect-uri-mismatch", "token-request", Grade::Proven),
    of("pkce-verifier-mismatch", "token-request", Grade::Proven),
    of("password-grant-disabled", "token-request", Grade::Likely),
    of("client-credentials-disabled", "token-request", Grade::Likely),
    of("oauth-application-user-missing", "token-request", Grade::Proven),
    of("oauth-application-user-unusable", "token-request", Grade::Possible),
    of("inbound-grant-type-wrong", "token-request", Grade::Possible),
    of("oauth-plugin-missing", "token-request", Grade::Possible),
    of("refresh-token-expired", "token-request", Grade::Proven),
    of("refresh-token-wrong", "token-request", Grade::Proven),
    of("refresh-token-never-issued", "token-request", Grade::Proven),
    of("refresh-concurrency", "token-request", Grade::Likely),
    of("jwt-subject-is-admin", "token-request", Grade::Proven),
    of("jwt-claims-mismatch", "token-request", Grade::Likely),
    of("jwt-expired", "token-request", Grade::Proven),
    of("jwt-replayed", "token-request", Grade::Proven),
    of("jwt-key-unknown", "token-request", Grade::Likely),
    of("jwt-algorithm-unsupported", "token-request", Grade::Proven),
    of("jwt-user-not-found", "token-request", Grade::Possible),
    of("client-id-malformed", "token-request", Grade::Likely),
    of("client-credentials-guest-token", "token-request", Grade::Likely),
    of("jwt-malformed", "token-request", Grade::Proven),
    of("redirect-uri-not-registered", "authorize", Grade::Proven),
    of("redirect-uri-substituted", "authorize", Grade::Proven),
    of("state-missing", "authorize", Grade::Proven),
    of("state-mismatch", "authorize", Grade::Proven),
    of("pkce-challenge-missing", "authorize", Grade::Proven),
    of("implicit-grant-refused", "authorize", Grade::Likely),
    of("authorize-client-unknown", "authorize", Grade::Likely),
    of("consent-denied", "authorize", Grade::Proven),
    of("authorize-loop", "authorize", Grade::Proven),
    of("authorize-stopped-at-login", "authorize", Grade::Likely),
    of("wrong-password", "account", Grade::Possible),
    of("unknown-user", "account", Grade::Possible),
    of("account-inactive", "account", Grade::Possible),
    of("account-locked", "account", Grade::Likely),
    of("password-needs-reset", "account", Grade::Possible),
    of("basic-auth-restricted", "account", Grade::Likely),
    of("sso-user-no-local-password", "account", Grade::Possible),
    of("web-service-access-only", "account", Grade::Possible),
    of("mfa-required", "account", Grade::Proven),
    of("ldap-unavailable", "account", Grade::Possible),
    of("internal-integration-user-required", "account", Grade::Likely),
    of("password-stored-literally", "account", Grade::Likely),
    of("elevated-role-required", "account", Grade::Possible),
    of("rest-endpoint-acl", "access", Grade::Proven),
    of("table-acl", "access", Grade::Proven),
    of("table-web-services-off", "access", Grade::Possible),
    of("row-acl", "access", Grade::Proven),
    of("field-acl", "access", Grade::Proven),
    of("record-hidden-or-absent", "access", Grade::Possible),
    of("business-rule-abort", "access", Grade::Proven),
    of("scripted-rest-guest", "access", Grade::Likely),
    of("role-missing", "access", Grade::Possible),
    of("machine-identity-denied", "access", Grade::Possible),
    of("soap-role-missing", "access", Grade::Likely),
    of("unknown-field-reported-as-acl", "access", Grade::Likely),
    of("write-refused", "access", Grade::Likely),
    of("legacy-web-service-inactive", "access", Grade::Likely),
    of("api-access-policy", "policy", Grade::Likely),
    of("ip-restricted", "policy", Grade::Likely),
    of("adaptive-auth-blocked", "policy", Grade::Possible),
    of("api-key-refused", "policy", Grade::Likely),
    of("hmac-signature-invalid", "policy", Grade::Possible),
    of("rate-limited", "policy", Grade::Proven),
    of("devops-token-refused", "policy", Grade::Likely),
    of("third-party-token-not-configured", "identity", Grade::Likely),
    of("third-party-token-opaque", "identity", Grade::Proven),
    of("client-certificate-missing", "identity", Grade::Proven),
    of("client-certificate-unmapped", "identity", Grade::Possible),
    of("ws-security-failed", "identity", Grade::Proven),
    of("mutual-tls-not-enabled", "identity", Grade::Likely),
    of("instance-hibernating", "instance", Grade::Proven),
    of("instance-offline", "instance", Grade::Likely),
    of("instance-gone", "instance", Grade::Likely),
    of("instance-reset-or-cloned", "instance", Grade::Possible),
    of("outbound-token-missing", "outbound", Grade::Proven),
    of("outbound-authorization-by-hand", "outbound", Grade::Proven),
    of("outbound-refresh-expired", "outbound", Grade::Proven),
    of("outbound-no-access-token", "outbound", Grade::Proven),
    of("outbound-header-case", "outbound", Grade::Likely),
    of("outbound-scope-missing", "outbound", Grade::Proven),
    of("outbound-parameter-missing", "outbound", Grade::Proven),
    of("outbound-client-auth-placement", "outbound", Grade::Likely),
    of("outbound-client-secret-wrong", "outbound", Grade::Proven),
    of("outbound-grant-unsupported", "outbound", Grade::Proven),
    of("outbound-token-expired", "outbound", Grade::Proven),
    of("outbound-token-refused", "outbound", Grade::Likely),
    of("outbound-user-not-authorised", "outbound", Grade::Proven),
    of("outbound-ip-blocked", "outbound", Grade::Likely),
    of("outbound-client-unknown", "outbound", Grade::Proven),
    of("outbound-credential-type-wrong", "outbound", Grade::Likely),
    of("mid-credentials-wrong", "mid", Grade::Likely),
    of("mid-role-missing", "mid", Grade::Likely),
    of("mid-distrusts-proxy", "mid", Grade::Proven),
];

//! Suspects: causes that give the same bytes. A base order for each kind of answer, moved by observations.
//!
//! The base order is how often each is met, as far as reports show (knowledge: ambiguities §7, field notes); it is no
//! measured rate. A suspect becomes `likely` only by an observation that speaks for it strongly (`STRONG`).

use super::facts::{Answer, Facts};
use super::observe::{self, Observation, Sign};
use crate::ledger::records::TokenRecord;
use crate::model::{Evidence, Finding, Grade, Place, Reason};
use crate::wire::endpoint::Endpoint;
use crate::wire::reading::Credential;

/// An observation that moves a suspect by this much makes it likely.
const STRONG: i32 = 30;
/// An observation that moves a suspect by this much clears it.
const CLEARED: i32 = -100;

struct Suspect {
    cause: &'static str,
    base: i32,
    moves: &'static [(Sign, i32)],
}

const fn suspect(cause: &'static str, base: i32, moves: &'static [(Sign, i32)]) -> Suspect {
    Suspect { cause, base, moves }
}

use Sign::*;

/// Basic, refused with the ordinary 401.
const BASIC: &[Suspect] = &[
    suspect(
        "basic-auth-restricted",
        58,
        &[
            (NewWording, 6),
            (OldFront, -14),
            (AdminUser, 6),
            (LoginPassed, 40),
            (GrantPassed, 38),
            (BearerPasses, 36),
            (ServiceName, -4),
            (PassesElsewhere, CLEARED),
            (PassedHere, -3),
            (OtherUserPasses, -3),
            (BearerAdvertised, -5),
            (Mid, -30),
        ],
    ),
    suspect(
        "wrong-password",
        56,
        &[
            (LoginPassed, CLEARED),
            (GrantPassed, CLEARED),
            (BasicPassed, -30),
            (PassesElsewhere, CLEARED),
            (PassedHere, -20),
            (AllRefused, -25),
            (BearerAdvertised, -10),
            (BearerPasses, -6),
        ],
    ),
    suspect(
        "account-locked",
        44,
        &[
            (RefusedBefore, 14),
            (LoginPassed, CLEARED),
            (GrantPassed, -20),
            (PassesElsewhere, CLEARED),
            (PassedHere, 4),
            (AllRefused, -25),
            (BearerPasses, -25),
        ],
    ),
    suspect(
        "sso-user-no-local-password",
        42,
        &[
            (PersonName, 8),
            (OtherUserPasses, 6),
            (AdminUser, -20),
            (ServiceName, -8),
            (LoginPassed, -30),
            (GrantPassed, CLEARED),
            (BasicPassed, CLEARED),
            (PassesElsewhere, CLEARED),
            (PassedHere, CLEARED),
            (BearerPasses, 4),
        ],
    ),
    suspect(
        "password-needs-reset",
        40,
        &[(LoginPassed, -10), (PassesElsewhere, CLEARED), (GrantPassed, -15), (AllRefused, -25), (ServiceName, 3)],
    ),
    suspect(
        "api-access-policy",
        39,
        &[
            (BearerAdvertised, 34),
            (PassesElsewhere, 45),
            (AllRefused, 44),
            (OtherKindPassesHere, 12),
            (KindPassesHere, -25),
            (OtherUserPasses, -25),
            (LoginPassed, 4),
            (PassedHere, 3),
        ],
    ),
    suspect(
        "account-inactive",
        34,
        &[
            (PassesElsewhere, CLEARED),
            (LoginPassed, CLEARED),
            (GrantPassed, CLEARED),
            (BearerPasses, CLEARED),
            (AllRefused, -20),
            (AdminUser, -10),
        ],
    ),
    suspect(
        "unknown-user",
        33,
        &[
            (OtherUserPasses, 6),
            (PassesElsewhere, CLEARED),
            (PassedHere, CLEARED),
            (LoginPassed, CLEARED),
            (GrantPassed, CLEARED),
            (BasicPassed, CLEARED),
            (BearerPasses, CLEARED),
            (AdminUser, -20),
        ],
    ),
    suspect(
        "instance-reset-or-cloned",
        24,
        &[
            (OtherUserPasses, CLEARED),
            (KindPassesHere, CLEARED),
            (SleptBefore, 16),
            (AllRefused, 22),
            (PassedHere, 6),
            (PassesElsewhere, CLEARED),
        ],
    ),
    suspect("adaptive-auth-blocked", 20, &[(AllRefused, 24), (PassedHere, 4), (PassesElsewhere, -5)]),
    suspect("ldap-unavailable", 18, &[(PassedHere, 26), (AllRefused, -10), (PassesElsewhere, CLEARED)]),
    suspect("mfa-required", 16, &[(LoginPassed, 8), (PassesElsewhere, CLEARED)]),
    suspect("web-service-access-only", 15, &[(LoginPassed, 6), (PassesElsewhere, CLEARED)]),
    suspect("role-missing", 12, &[(PassesElsewhere, 18)]),
];

/// A well-formed bearer token, refused with the ordinary 401.
const BEARER: &[Suspect] = &[
    suspect(
        "token-expired",
        58,
        &[
            (TokenFresh, CLEARED),
            (TokenUnseen, 4),
            (TokenOld, 32),
            (PassedHere, 8),
            (PassesElsewhere, -40),
            (ForeignJwt, CLEARED),
            (KindPassesHere, 2),
        ],
    ),
    suspect(
        "api-access-policy",
        50,
        &[
            (OddlySpelt, -30),
            (TokenFresh, 34),
            (PassesElsewhere, 36),
            (BearerAdvertised, 6),
            (AllRefused, 30),
            (KindPassesHere, -30),
            (OtherKindPassesHere, 8),
            (BearerNeverPassed, 6),
            (PassedHere, -4),
            (ForeignJwt, -20),
        ],
    ),
    suspect("token-revoked", 42, &[(PassedHere, 8), (PassesElsewhere, -40), (TokenFresh, -4), (ForeignJwt, CLEARED)]),
    suspect(
        "token-from-other-instance",
        40,
        &[(TokenFresh, CLEARED), (PassedHere, CLEARED), (PassesElsewhere, CLEARED), (ForeignJwt, CLEARED)],
    ),
    suspect(
        "token-restricted",
        38,
        &[(TokenFresh, 10), (PassesElsewhere, 34), (KindPassesHere, -20), (BearerNeverPassed, 4), (ForeignJwt, -20)],
    ),
    suspect(
        "oauth-client-inactive",
        30,
        &[
            (TokenBrandNew, CLEARED),
            (TokenFresh, 2),
            (PassesElsewhere, CLEARED),
            (KindPassesHere, 4),
            (AllRefused, -10),
            (ForeignJwt, -20),
        ],
    ),
    suspect(
        "account-inactive",
        26,
        &[(TokenBrandNew, CLEARED), (PassesElsewhere, CLEARED), (TokenFresh, 4), (ForeignJwt, -10)],
    ),
    suspect(
        "oauth-disabled",
        24,
        &[
            (TokenBrandNew, CLEARED),
            (OnlyBearerStopped, 40),
            (PassesElsewhere, CLEARED),
            (KindPassesHere, CLEARED),
            (BearerNeverPassed, 12),
            (AllRefused, 4),
            (TokenFresh, -2),
            (ForeignJwt, -10),
        ],
    ),
    suspect("role-missing", 22, &[(TokenFresh, 14), (PassesElsewhere, 6), (ForeignJwt, -20)]),
    suspect(
        "instance-reset-or-cloned",
        20,
        &[
            (TokenBrandNew, CLEARED),
            (KindPassesHere, CLEARED),
            (SleptBefore, 16),
            (AllRefused, 18),
            (PassedHere, 4),
            (ForeignJwt, -20),
        ],
    ),
    suspect("jwt-user-not-found", -50, &[(ForeignJwt, 105)]),
    suspect("jwt-key-unknown", -60, &[(ForeignJwt, 105)]),
    suspect("adaptive-auth-blocked", 14, &[(AllRefused, 26), (PassesElsewhere, -5)]),
    suspect("session-lifespan-limit", 8, &[(PassedHere, 4)]),
];

/// `/oauth_token.do`, the catch-all, by grant.
const PASSWORD_GRANT: &[Suspect] = &[
    suspect(
        "wrong-password",
        56,
        &[(BasicPassed, CLEARED), (LoginPassed, CLEARED), (GrantPassed, -30), (ClientPassesForOther, 14)],
    ),
    suspect("client-secret-wrong", 50, &[(OtherGrantPasses, CLEARED), (ClientPassed, CLEARED)]),
    suspect(
        "account-locked",
        46,
        &[(RefusedBefore, 14), (BasicPassed, -25), (ClientPassesForOther, 10), (GrantPassed, 8)],
    ),
    suspect(
        "oauth-scope-wiring",
        43,
        &[(ScopeAsked, 8), (OtherGrantPasses, -6), (ClientPassed, -20), (BasicPassed, 6)],
    ),
    suspect(
        "web-service-access-only",
        42,
        &[(BasicPassed, 10), (LoginPassed, -20), (GrantPassed, -20), (ServiceName, 3)],
    ),
    suspect("password-needs-reset", 41, &[(BasicPassed, -10), (ClientPassesForOther, 8)]),
    suspect("client-id-unknown", 40, &[(OtherGrantPasses, CLEARED), (ClientPassed, CLEARED)]),
    suspect(
        "password-grant-disabled",
        36,
        &[
            (GrantPassesForOther, CLEARED),
            (OtherGrantPasses, 14),
            (BasicPassed, 14),
            (ClientPassed, CLEARED),
            (ClientPassesForOther, CLEARED),
        ],
    ),
    suspect("account-inactive", 34, &[(BasicPassed, CLEARED), (ClientPassesForOther, 6)]),
    suspect("sso-user-no-local-password", 33, &[(BasicPassed, CLEARED), (PersonName, 6), (ServiceName, -6)]),
    suspect("oauth-client-inactive", 30, &[(OtherGrantPasses, CLEARED), (ClientPassed, -10)]),
    suspect("unknown-user", 29, &[(BasicPassed, CLEARED), (LoginPassed, CLEARED), (GrantPassed, CLEARED)]),
    suspect("role-missing", 20, &[]),
    suspect("oauth-acl-hardened", 18, &[]),
    suspect("inbound-grant-type-wrong", 16, &[(OtherGrantPasses, 4)]),
    suspect("instance-reset-or-cloned", 14, &[(SleptBefore, 16), (ClientPassed, 8)]),
];

const CLIENT_CREDENTIALS_GRANT: &[Suspect] = &[
    suspect("client-credentials-disabled", 60, &[(GrantPassesForOther, CLEARED), (ClientPassed, CLEARED)]),
    suspect("client-secret-wrong", 52, &[(OtherGrantPasses, CLEARED), (ClientPassed, -20)]),
    suspect("oauth-application-user-missing", 46, &[(ClientPassed, -10)]),
    suspect("oauth-scope-wiring", 44, &[(ScopeAsked, 6), (ClientPassed, -10)]),
    suspect("oauth-application-user-unusable", 42, &[(ClientPassed, 12)]),
    suspect("client-id-unknown", 40, &[(OtherGrantPasses, CLEARED), (ClientPassed, CLEARED)]),
    suspect("inbound-grant-type-wrong", 38, &[(OtherGrantPasses, 6), (ClientPassed, -20)]),
    suspect(
        "oauth-plugin-missing",
        32,
        &[(GrantPassesForOther, CLEARED), (OtherGrantPasses, 2), (ClientPassed, CLEARED)],
    ),
    suspect("oauth-client-inactive", 30, &[(GrantPassesForOther, 12), (OtherGrantPasses, CLEARED), (ClientPassed, 6)]),
    suspect("instance-reset-or-cloned", 20, &[(SleptBefore, 16), (ClientPassed, 10)]),
    suspect("oauth-acl-hardened", 18, &[]),
];

const CODE_GRANT: &[Suspect] = &[
    suspect("auth-code-expired", 56, &[(CodeGood, CLEARED), (CodeUnseen, 4)]),
    suspect("client-secret-wrong", 50, &[(ClientPassed, CLEARED), (OtherGrantPasses, CLEARED)]),
    suspect("redirect-uri-mismatch", 46, &[(CodeGood, CLEARED), (CodeUnseen, 2)]),
    suspect("auth-code-reused", 42, &[(CodeGood, CLEARED), (CodeUnseen, 2)]),
    suspect("oauth-scope-wiring", 38, &[(CodeGood, 8), (ScopeAsked, 4), (ClientPassed, -10)]),
    suspect("pkce-verifier-mismatch", 34, &[(VerifierFits, CLEARED), (CodeGood, -20)]),
    suspect("oauth-acl-hardened", 32, &[(CodeGood, 8)]),
    suspect("client-id-unknown", 28, &[(CodeGood, -20), (ClientPassed, CLEARED)]),
    suspect("oauth-client-inactive", 24, &[(CodeGood, -4), (ClientPassed, -10)]),
    suspect("inbound-grant-type-wrong", 22, &[(ClientPassed, CLEARED)]),
    suspect("role-missing", 14, &[]),
];

const REFRESH_GRANT: &[Suspect] = &[
    suspect("refresh-token-expired", 58, &[]),
    suspect("client-secret-wrong", 50, &[(ClientPassed, CLEARED), (OtherGrantPasses, -30)]),
    suspect("refresh-concurrency", -50, &[(ParallelRefresh, 100), (ClientPassed, 14)]),
    suspect("oauth-scope-wiring", 36, &[(ClientPassed, -10)]),
    suspect("account-inactive", 34, &[]),
    suspect("oauth-client-inactive", 32, &[]),
    suspect("client-id-unknown", 30, &[(ClientPassed, CLEARED), (OtherGrantPasses, CLEARED)]),
    suspect("instance-reset-or-cloned", 22, &[(SleptBefore, 16), (ClientPassed, 6)]),
];

const JWT_GRANT: &[Suspect] = &[
    suspect("jwt-key-unknown", 52, &[(KeyAccepted, CLEARED)]),
    suspect("jwt-claims-mismatch", 50, &[(AudienceFits, CLEARED)]),
    suspect("jwt-user-not-found", 48, &[(SubjectAccepted, CLEARED)]),
    suspect("client-secret-wrong", 42, &[(ClientPassed, CLEARED), (OtherGrantPasses, CLEARED)]),
    suspect("oauth-scope-wiring", 36, &[(ScopeAsked, 6)]),
    suspect("client-id-unknown", 34, &[(ClientPassed, CLEARED), (OtherGrantPasses, CLEARED)]),
    suspect("inbound-grant-type-wrong", 24, &[]),
];

/// An API key, refused.
const API_KEY: &[Suspect] = &[
    suspect("api-access-policy", 50, &[(PassesElsewhere, 40), (OtherKindPassesHere, 8), (KindPassesHere, -25)]),
    suspect("account-inactive", 26, &[(PassesElsewhere, CLEARED)]),
    suspect("instance-reset-or-cloned", 18, &[(PassedHere, 6)]),
];

/// A signed request, refused.
const HMAC: &[Suspect] =
    &[suspect("api-access-policy", 40, &[(PassesElsewhere, 40)]), suspect("api-key-refused", 30, &[])];

/// A client certificate that nobody named: no credential in HTTP, and the host does mutual TLS.
const CERTIFICATE: &[Suspect] =
    &[suspect("client-certificate-unmapped", 40, &[]), suspect("mutual-tls-not-enabled", 34, &[])];

/// The ordinary 401 pasted alone: the request was not shown.
const UNSEEN_401: &[Suspect] = &[
    suspect("token-expired", 58, &[]),
    suspect("basic-auth-restricted", 54, &[(NewWording, 6), (OldFront, -14)]),
    suspect("wrong-password", 52, &[]),
    suspect("api-access-policy", 50, &[(BearerAdvertised, 10)]),
    suspect("no-credentials", 48, &[]),
    suspect("account-locked", 40, &[]),
    suspect("token-from-other-instance", 38, &[]),
    suspect("token-placeholder", 36, &[]),
];

/// The catch-all of the token endpoint pasted alone.
const UNSEEN_TOKEN: &[Suspect] = &[
    suspect("client-secret-wrong", 56, &[]),
    suspect("client-credentials-disabled", 54, &[]),
    suspect("wrong-password", 50, &[]),
    suspect("auth-code-expired", 48, &[]),
    suspect("form-value-not-encoded", 46, &[]),
    suspect("refresh-token-expired", 44, &[]),
    suspect("token-request-not-form", 40, &[]),
    suspect("oauth-scope-wiring", 38, &[]),
    suspect("redirect-uri-mismatch", 34, &[]),
    suspect("account-locked", 32, &[]),
];

/// 403 of the REST layer whose detail names nothing.
const FORBIDDEN: &[Suspect] = &[
    suspect("rest-endpoint-acl", 50, &[(PassesElsewhere, 6)]),
    suspect("table-acl", 48, &[]),
    suspect("role-missing", 44, &[(KindPassesHere, 16), (OtherUserPasses, 8)]),
    suspect("field-acl", 36, &[]),
    suspect("machine-identity-denied", 30, &[]),
    suspect("elevated-role-required", 24, &[(GuardTable, 30), (AdminUser, 4)]),
    suspect("row-acl", 22, &[]),
];

/// What may stand beside a 403 that names its layer: the layer is known, the reason behind it is not.
const BESIDE_ACL: &[Suspect] = &[
    suspect("role-missing", 44, &[(KindPassesHere, 16), (OtherUserPasses, 8)]),
    suspect("machine-identity-denied", 24, &[]),
    suspect(
        "table-web-services-off",
        22,
        &[(OtherKindPassesHere, CLEARED), (KindPassesHere, CLEARED), (AdminUser, 20)],
    ),
    suspect("elevated-role-required", 12, &[(GuardTable, 20)]),
];

/// The suspects of this exchange, moved.
pub fn suspects(facts: &Facts<'_>) -> Vec<Finding> {
    let Some(table) = table(facts) else { return Vec::new() };
    let observations = observe::observe(facts);
    table.iter().filter_map(|suspect| weigh(facts, suspect, &observations)).collect()
}

fn table(facts: &Facts<'_>) -> Option<&'static [Suspect]> {
    if !facts.inbound() || !facts.by_instance() {
        return None;
    }
    match facts.answer {
        Answer::NotAuthenticated if facts.request_unseen() => Some(UNSEEN_401),
        Answer::TokenDenied if facts.request_unseen() => Some(UNSEEN_TOKEN),
        Answer::NotAuthenticated => not_authenticated(facts),
        Answer::TokenDenied => Some(match facts.grant() {
            "client_credentials" => CLIENT_CREDENTIALS_GRANT,
            "authorization_code" => CODE_GRANT,
            "refresh_token" => REFRESH_GRANT,
            grant if grant.starts_with("urn:") => JWT_GRANT,
            _ => PASSWORD_GRANT,
        }),
        Answer::Forbidden => forbidden(facts),
        _ => None,
    }
}

fn not_authenticated(facts: &Facts<'_>) -> Option<&'static [Suspect]> {
    match facts.credential() {
        Credential::Basic => Some(BASIC),
        Credential::Bearer | Credential::QueryToken => {
            (facts.reading.redacted || facts.whole_token().is_some() && !over(facts)).then_some(BEARER)
        }
        Credential::ApiKey => Some(API_KEY),
        Credential::Hmac => Some(HMAC),
        Credential::None if facts.host_record().is_some_and(|host| host.mutual_tls) => Some(CERTIFICATE),
        _ => None,
    }
}

/// The memory says that the token was past its life or revoked: nothing else is to be weighed.
fn over(facts: &Facts<'_>) -> bool {
    let ended = |record: &TokenRecord| {
        record.revoked.is_some() || record.ends().is_some_and(|ends| facts.at().seconds_since(ends) >= 1)
    };
    facts.token().is_some_and(|record| record.host == facts.host() && ended(record))
}

fn forbidden(facts: &Facts<'_>) -> Option<&'static [Suspect]> {
    let envelope = facts.reading.envelope.as_ref();
    if envelope.is_none()
        && facts.reading.fingerprint.transaction.is_none()
        && facts.reading.fingerprint.logged_in.is_none()
    {
        return None;
    }
    let api = facts.reading.endpoint.is_api() || matches!(facts.reading.endpoint, Endpoint::Soap { .. });
    if !api && !facts.request_unseen() {
        return None;
    }
    let text = facts.answer_text();
    let other = [
        "aborted by business rule",
        "data policy",
        "error during insert",
        "access scope",
        "unscoped api",
        "rate limit",
    ];
    if other.iter().any(|sign| text.contains(sign)) {
        return None;
    }
    let named = [
        "api level acl",
        "unauthorized to access table",
        "no permission to read table",
        "constrained due to acl",
        "do not have permission to be read",
    ];
    Some(if named.iter().any(|sign| text.contains(sign)) { BESIDE_ACL } else { FORBIDDEN })
}

fn weigh(facts: &Facts<'_>, suspect: &Suspect, observations: &[Observation]) -> Option<Finding> {
    let mut weight = suspect.base;
    let mut account = vec![Reason { moved: suspect.base, says: "how often it is met, as far as reports show".into() }];
    let mut evidence = Vec::new();
    let mut strong = false;
    // An oddity of the request itself stands against any verdict by weighing.
    let odd = observations.iter().any(|observation| observation.sign == Sign::OddlySpelt);
    for observation in observations {
        let Some((_, moved)) = suspect.moves.iter().find(|(sign, _)| *sign == observation.sign) else { continue };
        if *moved == CLEARED {
            return None;
        }
        weight += moved;
        strong |= *moved >= STRONG && !odd;
        account.push(Reason { moved: *moved, says: observation.says.clone() });
        if *moved > 0 {
            let place = observation.place.clone().unwrap_or(Place::Connection);
            evidence.push(Evidence { place, span: None, says: observation.says.clone() });
        }
    }
    let best = super::causes::cause(suspect.cause)?.best;
    let grade = if strong { Grade::Likely.min(best) } else { Grade::Possible };
    let mut finding = Finding::new(suspect.cause, grade, because(facts, &evidence)).weighing(weight);
    finding.evidence = evidence;
    finding.account = account;
    (weight > 0).then_some(finding)
}

/// One sentence: what speaks for it, or that nothing tells it from its neighbours.
fn because(facts: &Facts<'_>, evidence: &[Evidence]) -> String {
    match evidence {
        [] if facts.request_unseen() => {
            "The answer names no cause, and the request that it belongs to was not shown: with it, most of these can be told apart.".into()
        }
        [] if facts.answer == Answer::TokenDenied => {
            "The token endpoint gives this one answer for many causes; nothing on the wire tells them apart.".into()
        }
        [] if facts.answer == Answer::Forbidden => {
            "The 403 names no reason; nothing on the wire tells the suspects apart.".into()
        }
        [] => "The ordinary 401 names no cause; nothing on the wire tells the suspects apart.".into(),
        evidence => {
            let parts: Vec<&str> = evidence.iter().map(|evidence| evidence.says.as_str()).collect();
            let text = parts.join("; ");
            let mut letters = text.chars();
            letters.next().map(|first| format!("{}{}.", first.to_uppercase(), letters.as_str())).unwrap_or_default()
        }
    }
}

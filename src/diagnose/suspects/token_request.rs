//! Tables: who may stand behind the catch-all of `/oauth_token.do`, by grant.

use super::super::observe::Sign::*;
use super::{CLEARED, Suspect, suspect};

pub(super) const PASSWORD_GRANT: &[Suspect] = &[
    suspect(
        "wrong-password",
        56,
        &[(BasicPassed, CLEARED), (LoginPassed, CLEARED), (GrantPassed, -30), (ClientPassesForOther, 14)],
    ),
    suspect(
        "client-secret-wrong",
        50,
        &[(OtherSecretPasses, 46), (OtherGrantPasses, CLEARED), (ClientPassed, CLEARED)],
    ),
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

pub(super) const CLIENT_CREDENTIALS_GRANT: &[Suspect] = &[
    suspect("client-credentials-disabled", 60, &[(GrantPassesForOther, CLEARED), (ClientPassed, CLEARED)]),
    suspect("client-secret-wrong", 52, &[(OtherSecretPasses, 46), (OtherGrantPasses, CLEARED), (ClientPassed, -20)]),
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

pub(super) const CODE_GRANT: &[Suspect] = &[
    suspect("auth-code-expired", 56, &[(CodeGood, CLEARED), (CodeUnseen, 4)]),
    suspect(
        "client-secret-wrong",
        50,
        &[(OtherSecretPasses, 46), (ClientPassed, CLEARED), (OtherGrantPasses, CLEARED)],
    ),
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

pub(super) const REFRESH_GRANT: &[Suspect] = &[
    suspect("refresh-token-expired", 58, &[]),
    suspect("client-secret-wrong", 50, &[(OtherSecretPasses, 46), (ClientPassed, CLEARED), (OtherGrantPasses, -30)]),
    suspect("refresh-concurrency", -50, &[(ParallelRefresh, 100), (ClientPassed, 14)]),
    suspect("oauth-scope-wiring", 36, &[(ClientPassed, -10)]),
    suspect("account-inactive", 34, &[]),
    suspect("oauth-client-inactive", 32, &[]),
    suspect("client-id-unknown", 30, &[(ClientPassed, CLEARED), (OtherGrantPasses, CLEARED)]),
    suspect("instance-reset-or-cloned", 22, &[(SleptBefore, 16), (ClientPassed, 6)]),
];

pub(super) const JWT_GRANT: &[Suspect] = &[
    suspect("jwt-key-unknown", 52, &[(KeyAccepted, CLEARED)]),
    suspect("jwt-claims-mismatch", 50, &[(AudienceFits, CLEARED), (AudienceIsEndpoint, 6)]),
    suspect("jwt-user-not-found", 48, &[(SubjectAccepted, CLEARED)]),
    suspect(
        "client-secret-wrong",
        42,
        &[(OtherSecretPasses, 46), (ClientPassed, CLEARED), (OtherGrantPasses, CLEARED)],
    ),
    suspect("oauth-scope-wiring", 36, &[(ScopeAsked, 6)]),
    suspect("client-id-unknown", 34, &[(ClientPassed, CLEARED), (OtherGrantPasses, CLEARED)]),
    suspect("inbound-grant-type-wrong", 24, &[]),
];

/// `invalid_client` (RFC 6749 §5.2): the client did not authenticate, whatever the grant.
pub(super) const INVALID_CLIENT: &[Suspect] = &[
    suspect(
        "client-secret-wrong",
        56,
        &[(OtherSecretPasses, 46), (OtherGrantPasses, CLEARED), (ClientPassed, -30), (SleptBefore, 4)],
    ),
    suspect("client-id-unknown", 50, &[(OtherGrantPasses, CLEARED), (ClientPassed, CLEARED)]),
    suspect("oauth-client-inactive", 34, &[(OtherGrantPasses, CLEARED), (ClientPassed, 10)]),
    suspect("instance-reset-or-cloned", 20, &[(SleptBefore, 16), (ClientPassed, 10)]),
];

/// `unauthorized_client`: the client is known, and may not use this grant.
pub(super) const UNAUTHORIZED_CLIENT: &[Suspect] = &[
    suspect("inbound-grant-type-wrong", 54, &[(OtherGrantPasses, 6), (ClientPassed, -20)]),
    suspect("client-credentials-disabled", 46, &[(GrantPassesForOther, CLEARED), (ClientPassed, CLEARED)]),
    suspect("oauth-application-user-missing", 42, &[(ClientPassed, -10)]),
    suspect("client-id-unknown", 34, &[(OtherGrantPasses, CLEARED), (ClientPassed, CLEARED)]),
    suspect("client-secret-wrong", 32, &[(OtherSecretPasses, 46), (OtherGrantPasses, CLEARED), (ClientPassed, -30)]),
];

/// `unsupported_grant_type`: the instance gives no tokens by this grant.
pub(super) const UNSUPPORTED_GRANT: &[Suspect] = &[
    suspect("client-credentials-disabled", 56, &[(GrantPassesForOther, CLEARED), (ClientPassed, CLEARED)]),
    suspect("password-grant-disabled", 56, &[(GrantPassesForOther, CLEARED), (ClientPassed, CLEARED)]),
    suspect("oauth-plugin-missing", 50, &[(GrantPassesForOther, CLEARED), (ClientPassed, CLEARED)]),
    suspect("inbound-grant-type-wrong", 48, &[(GrantPassesForOther, 10), (ClientPassed, -20)]),
];

/// The catch-all of the token endpoint pasted alone.
pub(super) const UNSEEN_TOKEN: &[Suspect] = &[
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

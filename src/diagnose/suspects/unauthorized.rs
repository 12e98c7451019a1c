//! Tables: who may stand behind the ordinary 401, by what the request carried.

use super::super::observe::Sign::*;
use super::{CLEARED, Suspect, suspect};

/// Basic, refused with the ordinary 401.
pub(super) const BASIC: &[Suspect] = &[
    suspect(
        "basic-auth-restricted",
        58,
        &[
            (PassesSoon, -45),
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
            (PassesSoon, -45),
            (PassesAfterLockout, -20),
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
            (PassesAfterLockout, 12),
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
            (PassesSoon, CLEARED),
            (PassesAfterLockout, CLEARED),
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
        &[
            (PassesSoon, -35),
            (LoginPassed, -10),
            (PassesElsewhere, CLEARED),
            (GrantPassed, -15),
            (AllRefused, -25),
            (ServiceName, 3),
        ],
    ),
    suspect(
        "api-access-policy",
        39,
        &[
            (PassesSoon, -30),
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
            (PassesSoon, -30),
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
            (PassesSoon, CLEARED),
            (PassesAfterLockout, -20),
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
            (PassesSoon, CLEARED),
            (OtherUserPasses, CLEARED),
            (KindPassesHere, CLEARED),
            (SleptBefore, 16),
            (AllRefused, 22),
            (PassedHere, 6),
            (PassesElsewhere, CLEARED),
        ],
    ),
    suspect("adaptive-auth-blocked", 20, &[(AllRefused, 24), (PassedHere, 4), (PassesElsewhere, -5)]),
    suspect(
        "ldap-unavailable",
        18,
        &[(PassesSoon, 28), (PassesAfterLockout, 10), (PassedHere, 26), (AllRefused, -10), (PassesElsewhere, CLEARED)],
    ),
    suspect("mfa-required", 16, &[(LoginPassed, 8), (PassesElsewhere, CLEARED)]),
    suspect("web-service-access-only", 15, &[(LoginPassed, 6), (PassesElsewhere, CLEARED)]),
    suspect("role-missing", 12, &[(PassesElsewhere, 18)]),
];

/// User name and password in the form of the login page, as now-sdk sends them.
pub(super) const FORM_LOGIN: &[Suspect] = &[
    suspect("wrong-password", 56, &[(LoginPassed, CLEARED), (GrantPassed, CLEARED), (BasicPassed, CLEARED)]),
    suspect("sso-user-no-local-password", 42, &[(PersonName, 8), (AdminUser, -20), (BasicPassed, CLEARED)]),
    suspect("account-locked", 40, &[(RefusedBefore, 14), (LoginPassed, CLEARED), (BearerPasses, -25)]),
    suspect("unknown-user", 33, &[(LoginPassed, CLEARED), (GrantPassed, CLEARED), (BasicPassed, CLEARED)]),
    suspect("account-inactive", 28, &[(LoginPassed, CLEARED), (GrantPassed, CLEARED), (BasicPassed, CLEARED)]),
    suspect("web-service-access-only", 24, &[(BasicPassed, 34), (GrantPassed, 32), (ServiceName, 6)]),
];

/// A well-formed bearer token, refused with the ordinary 401.
pub(super) const BEARER: &[Suspect] = &[
    suspect(
        "token-expired",
        58,
        &[
            (PassesSoon, CLEARED),
            (PassesAfterLockout, CLEARED),
            (TokenFresh, CLEARED),
            (StoppedInLife, CLEARED),
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
            (PassesSoon, -30),
            (PassesAfterLockout, 10),
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
    suspect(
        "token-revoked",
        42,
        &[
            (PassesSoon, CLEARED),
            (PassesAfterLockout, CLEARED),
            (PassedHere, 8),
            (StoppedInLife, 16),
            (PassesElsewhere, -40),
            (TokenFresh, -4),
            (ForeignJwt, CLEARED),
        ],
    ),
    suspect(
        "token-from-other-instance",
        40,
        &[
            (PassesSoon, CLEARED),
            (PassesAfterLockout, CLEARED),
            (TokenFresh, CLEARED),
            (PassedHere, CLEARED),
            (PassesElsewhere, CLEARED),
            (ForeignJwt, CLEARED),
        ],
    ),
    suspect(
        "token-restricted",
        38,
        &[
            (PassesSoon, -20),
            (PassesAfterLockout, 8),
            (TokenFresh, 10),
            (PassesElsewhere, 34),
            (KindPassesHere, -20),
            (BearerNeverPassed, 4),
            (ForeignJwt, -20),
        ],
    ),
    suspect(
        "oauth-client-inactive",
        30,
        &[
            (PassesSoon, -20),
            (TokenBrandNew, CLEARED),
            (TokenFresh, 2),
            (StoppedInLife, 28),
            (PassesElsewhere, CLEARED),
            (KindPassesHere, 4),
            (AllRefused, -10),
            (ForeignJwt, -20),
        ],
    ),
    suspect(
        "account-inactive",
        26,
        &[
            (PassesSoon, -16),
            (TokenBrandNew, CLEARED),
            (PassesElsewhere, CLEARED),
            (TokenFresh, 4),
            (StoppedInLife, 28),
            (ForeignJwt, -10),
        ],
    ),
    suspect(
        "oauth-disabled",
        24,
        &[
            (PassesSoon, -16),
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

/// An API key, refused.
pub(super) const API_KEY: &[Suspect] = &[
    suspect("api-access-policy", 50, &[(PassesElsewhere, 40), (OtherKindPassesHere, 8), (KindPassesHere, -25)]),
    suspect("account-inactive", 26, &[(PassesElsewhere, CLEARED)]),
    suspect("instance-reset-or-cloned", 18, &[(PassedHere, 6)]),
];

/// A signed request, refused.
pub(super) const HMAC: &[Suspect] =
    &[suspect("api-access-policy", 40, &[(PassesElsewhere, 40)]), suspect("api-key-refused", 30, &[])];

/// A client certificate that nobody named: no credential in HTTP, and the host does mutual TLS.
pub(super) const CERTIFICATE: &[Suspect] =
    &[suspect("client-certificate-unmapped", 40, &[]), suspect("mutual-tls-not-enabled", 34, &[])];

/// User and password in the WS-Security header of a SOAP message (wire notes §14).
pub(super) const WS_SECURITY: &[Suspect] = &[
    suspect("ws-security-failed", 50, &[]),
    suspect("wrong-password", 46, &[]),
    suspect("account-locked", 30, &[]),
    suspect("unknown-user", 24, &[]),
];

/// A recording hides the whole of Authorization, its scheme included.
pub(super) const HIDDEN_401: &[Suspect] = &[
    suspect("token-expired", 58, &[]),
    suspect("basic-auth-restricted", 54, &[(NewWording, 6), (OldFront, -14)]),
    suspect("wrong-password", 52, &[]),
    suspect("api-access-policy", 50, &[(BearerAdvertised, 10)]),
    suspect("account-locked", 40, &[]),
    suspect("token-from-other-instance", 38, &[]),
];

/// A recording hides the cookies, and no Authorization stands beside them.
pub(super) const HIDDEN_COOKIES: &[Suspect] =
    &[suspect("session-expired", 56, &[]), suspect("session-missing-user-token", 50, &[])];

/// The ordinary 401 pasted alone: the request was not shown.
pub(super) const UNSEEN_401: &[Suspect] = &[
    suspect("token-expired", 58, &[]),
    suspect("basic-auth-restricted", 54, &[(NewWording, 6), (OldFront, -14)]),
    suspect("wrong-password", 52, &[]),
    suspect("api-access-policy", 50, &[(BearerAdvertised, 10)]),
    suspect("no-credentials", 48, &[]),
    suspect("account-locked", 40, &[]),
    suspect("token-from-other-instance", 38, &[]),
    suspect("token-placeholder", 36, &[]),
];

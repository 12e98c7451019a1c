//! Tables: who may stand behind a 403 of the REST layer.

use super::super::observe::Sign::*;
use super::{CLEARED, Suspect, suspect};

/// 403 of the REST layer whose detail names nothing.
pub(super) const FORBIDDEN: &[Suspect] = &[
    suspect("rest-endpoint-acl", 50, &[(PassesElsewhere, 6)]),
    suspect("table-acl", 48, &[]),
    suspect("role-missing", 44, &[(KindPassesHere, 16), (OtherUserPasses, 8)]),
    suspect("field-acl", 36, &[]),
    suspect("machine-identity-denied", 30, &[]),
    suspect("elevated-role-required", 24, &[(GuardTable, 30), (AdminUser, 4)]),
    suspect("row-acl", 22, &[]),
];

/// What may stand beside a 403 that names its layer: the layer is known, the reason behind it is not.
pub(super) const BESIDE_ACL: &[Suspect] = &[
    suspect("role-missing", 44, &[(KindPassesHere, 16), (OtherUserPasses, 8)]),
    suspect("machine-identity-denied", 24, &[]),
    suspect(
        "table-web-services-off",
        22,
        &[(OtherKindPassesHere, CLEARED), (KindPassesHere, CLEARED), (AdminUser, 20)],
    ),
    suspect("elevated-role-required", 12, &[(GuardTable, 20)]),
];

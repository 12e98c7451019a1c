//! Answers that name their cause: a pattern of status and text is enough (knowledge: wire §3, §4.3, §10).

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::facts::{Answer, Facts};
use crate::model::{Finding, Grade, Place};

/// A text of an instance's answer, in lower case, and what it stands for.
struct Signature {
    /// Any of these statuses; empty for any refusal.
    statuses: &'static [u16],
    /// All of these must stand in the text.
    texts: &'static [&'static str],
    cause: &'static str,
    grade: Grade,
    weight: i32,
    because: &'static str,
}

const fn sign(
    statuses: &'static [u16],
    texts: &'static [&'static str],
    cause: &'static str,
    grade: Grade,
    weight: i32,
    because: &'static str,
) -> Signature {
    Signature { statuses, texts, cause, grade, weight, because }
}

const SIGNATURES: &[Signature] = &[
    sign(
        &[403],
        &["failed api level acl validation"],
        "rest-endpoint-acl",
        Grade::Proven,
        20,
        "The instance says that the ACL of the API itself refused the user: authentication passed.",
    ),
    sign(
        &[403],
        &["user is unauthorized to access table"],
        "table-acl",
        Grade::Proven,
        20,
        "The instance names the table that its ACLs refuse to this user: authentication passed.",
    ),
    sign(
        &[403],
        &["no permission to read table"],
        "table-acl",
        Grade::Proven,
        20,
        "The instance names the table that this user may not read: authentication passed.",
    ),
    sign(
        &[403, 200],
        &["records constrained due to acl"],
        "row-acl",
        Grade::Proven,
        20,
        "The instance says that row ACLs removed every record.",
    ),
    sign(
        &[403],
        &["missing required api access scope"],
        "auth-scope-missing",
        Grade::Proven,
        20,
        "The instance says which auth scope the token's client lacks.",
    ),
    sign(
        &[403],
        &["access to unscoped api is not allowed"],
        "auth-scope-missing",
        Grade::Proven,
        20,
        "The token's client is restricted to scoped APIs, and this one has no scope.",
    ),
    sign(
        &[403],
        &["field(s) present in the query do not have permission"],
        "field-acl",
        Grade::Likely,
        62,
        "The instance says that a field of the query may not be read.",
    ),
    sign(
        &[403],
        &["acl exception update failed"],
        "table-acl",
        Grade::Likely,
        66,
        "The instance says that ACLs refused the update.",
    ),
    sign(
        &[403],
        &["acl exception insert failed"],
        "table-acl",
        Grade::Likely,
        66,
        "The instance says that ACLs refused the insert.",
    ),
    sign(
        &[403],
        &["acl exception update failed"],
        "write-refused",
        Grade::Likely,
        64,
        "The record can be seen and not written.",
    ),
    sign(
        &[403],
        &["acl exception insert failed"],
        "write-refused",
        Grade::Likely,
        64,
        "The table can be seen and not written.",
    ),
    sign(
        &[403],
        &["acl exception delete failed"],
        "write-refused",
        Grade::Likely,
        64,
        "The record can be seen and not deleted.",
    ),
    sign(
        &[400, 403, 500],
        &["aborted by business rule"],
        "business-rule-abort",
        Grade::Proven,
        30,
        "The instance names the business rule that stopped the operation: not authentication.",
    ),
    sign(
        &[400, 403, 500],
        &["data policy exception"],
        "business-rule-abort",
        Grade::Proven,
        30,
        "A data policy stopped the operation: not authentication.",
    ),
    sign(
        &[403],
        &["operation failed", "error during insert"],
        "business-rule-abort",
        Grade::Proven,
        30,
        "The insert itself failed after authentication: a rule or policy stopped it.",
    ),
    sign(
        &[400, 401, 403],
        &["integration user is not configured"],
        "oauth-application-user-missing",
        Grade::Proven,
        40,
        "The instance says that the registry record has no OAuth Application User, or one that no longer exists.",
    ),
    sign(
        &[400, 401, 403],
        &["grant access token to admin is not allowed"],
        "jwt-subject-is-admin",
        Grade::Proven,
        40,
        "The instance says that it gives no token to an administrator by JWT.",
    ),
    sign(&[400, 401], &["invalid_scope"], "oauth-scope-wiring", Grade::Possible, 60, "The answer says invalid_scope."),
    sign(
        &[400, 401, 403, 404],
        &["web services are not allowed", "table"],
        "table-web-services-off",
        Grade::Possible,
        60,
        "The table is closed to web services.",
    ),
    sign(
        &[400, 401, 403, 404, 500],
        &["processor", "inactive"],
        "legacy-web-service-inactive",
        Grade::Likely,
        80,
        "The answer says that the processor is inactive.",
    ),
    sign(
        &[400, 401, 403, 404, 500],
        &["web service", "not active"],
        "legacy-web-service-inactive",
        Grade::Likely,
        80,
        "The answer says that the web service is not active.",
    ),
    sign(
        &[400, 401, 403, 404, 500],
        &["web service", "disabled"],
        "legacy-web-service-inactive",
        Grade::Likely,
        80,
        "The answer says that the web service is disabled.",
    ),
    sign(
        &[403],
        &["elevated"],
        "elevated-role-required",
        Grade::Possible,
        60,
        "The answer speaks of an elevated role.",
    ),
    sign(
        &[403],
        &["security_admin"],
        "elevated-role-required",
        Grade::Possible,
        60,
        "The answer speaks of security_admin, a role that has to be elevated to.",
    ),
    sign(
        &[403],
        &["machine identity"],
        "machine-identity-denied",
        Grade::Possible,
        75,
        "The answer speaks of machine identity access control.",
    ),
    sign(
        &[401, 403],
        &["multi-factor"],
        "mfa-required",
        Grade::Likely,
        70,
        "The answer speaks of multi-factor authentication.",
    ),
    sign(
        &[404],
        &["record doesn't exist or acl restricts"],
        "record-hidden-or-absent",
        Grade::Possible,
        80,
        "The instance says itself that it does not tell a missing record from a hidden one.",
    ),
];

/// The texts of each signature, ready to be looked for.
static TEXTS: LazyLock<Vec<Vec<Finder<'static>>>> =
    LazyLock::new(|| SIGNATURES.iter().map(|sign| sign.texts.iter().map(Finder::new).collect()).collect());

/// Every signature that the answer bears.
pub fn read(facts: &Facts<'_>) -> Vec<Finding> {
    if !facts.inbound()
        || !facts.by_instance()
        || matches!(facts.answer, Answer::None | Answer::Hibernating | Answer::Offline)
    {
        return Vec::new();
    }
    let text = facts.answer_text();
    let status = facts.status();
    SIGNATURES
        .iter()
        .zip(TEXTS.iter())
        .filter(|(sign, _)| sign.statuses.is_empty() || sign.statuses.contains(&status))
        .filter(|(_, parts)| parts.iter().all(|part| part.find(text.as_bytes()).is_some()))
        .map(|(sign, _)| {
            Finding::new(sign.cause, grade(facts, sign), sign.because)
                .weighing(sign.weight)
                .at(Place::ResponseBody, "the instance's own words")
        })
        .collect()
}

/// The API's own ACL is named, and a session that lost its roles is answered in the same words (KB2466644): with session
/// cookies, or after the same credential had passed here, it is no proof.
fn grade(facts: &Facts<'_>, sign: &Signature) -> Grade {
    let passed =
        || facts.credential_record().and_then(|record| record.path(&facts.reading.endpoint.class())?.ok).is_some();
    // A recording that hides the request may hide the session, too.
    let session = facts.fields().has("cookie") || facts.request_unseen();
    let doubtful = sign.cause == "rest-endpoint-acl" && (session || passed());
    if doubtful { sign.grade.min(Grade::Likely) } else { sign.grade }
}

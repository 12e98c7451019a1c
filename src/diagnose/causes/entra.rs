//! Errors of providers that were pasted alone, and the codes of Entra, which name the cause whatever the request was.

use super::Facts;
use super::outbound_token::{first_sentence, named_parameter, verdict_of};
use crate::model::{Finding, Grade, Place};
use crate::wire::oauth::{self, OAuthError};

/// What the codes of Entra that integrators meet most stand for (Microsoft's public list of AADSTS codes).
pub(super) fn entra(code: u32) -> Option<(&'static str, Grade)> {
    Some(match code {
        7_000_215 | 7_000_222 => ("outbound-client-secret-wrong", Grade::Proven),
        700_027 => ("outbound-client-secret-wrong", Grade::Likely),
        700_016 | 90_002 | 700_011 | 7_000_229 => ("outbound-client-unknown", Grade::Proven),
        7_000_112 => ("outbound-client-unknown", Grade::Likely),
        70_008 | 700_082 | 700_084 | 50_173 | 70_043 | 700_081 => ("outbound-refresh-expired", Grade::Proven),
        90_014 | 900_144 | 7_000_218 => ("outbound-parameter-missing", Grade::Proven),
        70_011 | 65_001 | 650_057 | 500_011 | 50_013 | 1_002_012 => ("outbound-token-refused", Grade::Likely),
        70_003 | 70_001 => ("outbound-grant-unsupported", Grade::Proven),
        50_105 | 50_020 | 50_034 | 50_057 => ("outbound-user-not-authorised", Grade::Proven),
        65_004 => ("consent-denied", Grade::Proven),
        53_003 | 53_000 | 50_053 => ("outbound-ip-blocked", Grade::Likely),
        50_076 | 50_079 => ("outbound-credential-type-wrong", Grade::Likely),
        50_126 => ("outbound-credential-type-wrong", Grade::Possible),
        _ => return None,
    })
}

/// An error that was pasted alone: a code of Entra names it, whatever the request was and whoever repeats it; words about
/// the client may.
pub fn pasted(facts: &Facts<'_>) -> Option<Finding> {
    let alone = facts.request_unseen() && !facts.inbound();
    let error = facts.reading.oauth_error.clone().filter(|_| alone).or_else(|| repeated(facts).filter(|_| alone))?;
    let about_client = || {
        let (cause, _, _) = verdict_of(facts, &error, &error.lower()).filter(|_| error.error == "invalid_client")?;
        Some((cause, Grade::Likely))
    };
    let code = || match named_parameter(&error.lower()).filter(|_| error.aadsts.is_some()).as_deref() {
        Some("scope") => Some(("outbound-scope-missing", Grade::Proven)),
        Some(_) => Some(("outbound-parameter-missing", Grade::Proven)),
        None => error.aadsts.and_then(entra),
    };
    let (cause, grade) = code().or_else(about_client)?;
    // The same code is given for an authorization code that is too old.
    let grade = if cause == "outbound-refresh-expired" { grade.min(Grade::Likely) } else { grade };
    let because = format!("The provider answers {}: {}", error.error, first_sentence(&error.description));
    Some(Finding::new(cause, grade, because).weighing(40).at(Place::ResponseBody, "the provider names it"))
}

/// The provider's error in a text that is not its answer: ServiceNow's own words for a failed flow, a line of a log.
fn repeated(facts: &Facts<'_>) -> Option<OAuthError> {
    let text = String::from_utf8_lossy(&facts.reading.answer);
    let (before, description) = text.split_at(text.find("AADSTS")?);
    let error = before.split(|c: char| !(c.is_ascii_lowercase() || c == '_')).rev().find(|word| word.contains('_'));
    let error = error.unwrap_or("an error").to_owned();
    Some(OAuthError { error, aadsts: oauth::aadsts(description), description: description.to_owned() })
}

//! One list per exchange: best first, at most six; a proof silences what it explains away.

use super::causes;
use super::facts::Facts;
use crate::model::{Answerer, Finding, Grade};

/// Findings of one exchange end here.
const MOST: usize = 6;

/// Causes that are facts beside the cause: they neither silence nor are silenced, and of what is as sure they come last.
const SIDE_FACTS: [&str; 3] = ["plain-http", "token-in-query", "clock-skew"];

/// Orders, merges and cuts. The second list names what was cut.
pub fn rank(facts: &Facts<'_>, found: Vec<Finding>) -> (Vec<Finding>, Vec<&'static str>) {
    let found = found.into_iter().map(|finding| cap(facts, finding)).collect();
    let mut merged = merge(found);
    silence(&mut merged);
    let beside = |finding: &Finding| (SIDE_FACTS.contains(&finding.cause), finding.cause);
    merged.sort_by(|a, b| order(b).cmp(&order(a)).then_with(|| beside(a).cmp(&beside(b))));
    let folded = merged.iter().skip(MOST).map(|finding| finding.cause).collect();
    merged.truncate(MOST);
    (merged, folded)
}

fn order(finding: &Finding) -> (Grade, i32) {
    (finding.grade, finding.weight)
}

/// No finding above the best grade of its cause; no proof about an instance that did not answer.
fn cap(facts: &Facts<'_>, mut finding: Finding) -> Finding {
    if let Some(cause) = causes::cause(finding.cause) {
        finding.grade = finding.grade.min(cause.best);
        let own =
            matches!(cause.group, "transport" | "outbound" | "identity" | "mid") || SIDE_FACTS.contains(&finding.cause);
        let doubtful =
            cause.group == "credential" && !NO_CREDENTIAL.contains(&finding.cause) && form_is_doubtful(facts);
        if facts.answerer == Answerer::Intermediary && !own || doubtful {
            finding.grade = finding.grade.min(Grade::Likely);
        }
    }
    finding
}

/// Text that stands for a credential, and what no credential at all leaves: nobody reads a credential there.
const NO_CREDENTIAL: [&str; 8] = [
    "no-credentials",
    "token-placeholder",
    "token-literal-null",
    "bearer-empty",
    "authorization-duplicated",
    "client-waits-for-basic-challenge",
    "redirect-dropped-authorization",
    "token-in-query",
];

/// What is odd about a credential's form is no proof where the very same bytes passed on this host (ambiguities §2.1), or
/// where a resource of the customer's own refuses in words of its own: it reads what it likes.
fn form_is_doubtful(facts: &Facts<'_>) -> bool {
    let sent = facts.reading.authorization.as_ref().map(|(value, _)| facts.ledger.tag(value));
    let passed = facts.credential_record().is_some_and(|record| sent.is_some() && record.spelt_ok == sent);
    passed || causes::refused_by_itself(facts)
}

/// One finding a cause: the better one stays, the other's evidence and account are added.
fn merge(found: Vec<Finding>) -> Vec<Finding> {
    let mut merged: Vec<Finding> = Vec::new();
    for finding in found {
        match merged.iter_mut().find(|known| known.cause == finding.cause) {
            None => merged.push(finding),
            Some(known) => {
                let (mut better, other) =
                    if order(&finding) > order(known) { (finding, known.clone()) } else { (known.clone(), finding) };
                for evidence in other.evidence {
                    if !better.evidence.contains(&evidence) {
                        better.evidence.push(evidence);
                    }
                }
                better.account.extend(other.account);
                *known = better;
            }
        }
    }
    merged
}

/// A proven cause explains the answer: suspects that were only possible go, but for the reason behind a proven layer.
fn silence(found: &mut Vec<Finding>) {
    let groups: Vec<&str> = found
        .iter()
        .filter(|finding| finding.grade == Grade::Proven && !SIDE_FACTS.contains(&finding.cause))
        .filter_map(|finding| Some(causes::cause(finding.cause)?.group))
        .collect();
    if !groups.is_empty() {
        found.retain(|finding| finding.grade > Grade::Possible || stays_beside(finding.cause, &groups));
    }
}

/// Possible causes that a proof of their own layer does not explain away: it says what refused, they say why.
fn stays_beside(cause: &str, proven: &[&str]) -> bool {
    let layer = match cause {
        "role-missing" | "machine-identity-denied" | "table-web-services-off" | "elevated-role-required" => "access",
        "session-bound-to-client" | "session-lifespan-limit" | "user-agent-gated" => "session",
        _ => return false,
    };
    proven.contains(&layer)
}

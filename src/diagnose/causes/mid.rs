//! MID Servers (knowledge K1–K5; wire notes §14).

use super::super::facts::Answer;
use super::{Facts, Rule};
use crate::model::{FailureKind, Finding, Grade, Outcome, Place};
use crate::wire::reading::Credential;

pub const RULES: &[Rule] = &[credentials, roles, distrusts];

fn credentials(facts: &Facts<'_>) -> Option<Finding> {
    let refused =
        facts.answer == Answer::NotAuthenticated && facts.credential() == Credential::Basic && facts.by_instance();
    if !refused || !facts.reading.is_mid() {
        return None;
    }
    let because = "A MID Server's call was refused with the ordinary 401: the user or password of its config.xml is wrong, or the user is locked.";
    Some(
        Finding::new("mid-credentials-wrong", Grade::Likely, because)
            .weighing(88)
            .at(Place::RequestTarget, "a call that MID Servers make"),
    )
}

fn roles(facts: &Facts<'_>) -> Option<Finding> {
    let text = facts.answer_text();
    let named = text.contains("missing the proper roles");
    let refused = facts.answer == Answer::Forbidden && facts.by_instance() || named;
    if !refused || !facts.reading.is_mid() {
        return None;
    }
    let because = "The MID Server's user is known to the instance and is refused: it lacks mid_server or a role that mid_server contains.";
    Some(
        Finding::new("mid-role-missing", Grade::Likely, because)
            .weighing(86)
            .at(Place::ResponseStatus, "refused after authentication"),
    )
}

/// Only Java-based agents of MID Servers say so in their CONNECT; a Java client of that kind refused our certificate.
fn distrusts(facts: &Facts<'_>) -> Option<Finding> {
    let Outcome::Failed(failure) = &facts.reading.exchange.outcome else { return None };
    let refused = matches!(failure.kind, FailureKind::ClientAlert(_) | FailureKind::ClientClosed);
    let agent = facts.reading.exchange.client.connect_agent.clone().unwrap_or_else(|| facts.reading.user_agent());
    let lower = agent.to_ascii_lowercase();
    let mid = lower.contains("mid server") || lower.contains("midserver") || lower.contains("commons-httpclient");
    if !refused || !mid {
        return None;
    }
    let because = format!(
        "{agent} refused this proxy's certificate: the MID Server does not trust its authority, or wants a revocation answer that it does not give."
    );
    Some(
        Finding::new("mid-distrusts-proxy", Grade::Proven, because)
            .weighing(42)
            .at(Place::Connection, "refused in the TLS handshake"),
    )
}

//! The instance itself: asleep, waking, gone (knowledge I1–I4; wire notes §12).

use super::super::facts::Answer;
use super::{Facts, Rule};
use crate::model::{FailureKind, Finding, Grade, Outcome, Phase, Place};
use crate::wire::endpoint;

pub const RULES: &[Rule] = &[hibernating, offline, gone];

pub fn hibernating(facts: &Facts<'_>) -> Option<Finding> {
    if facts.answer != Answer::Hibernating || facts.reading.fingerprint.transaction.is_some() || facts.outbound() {
        return None;
    }
    let because = format!(
        "The answer is the page of a sleeping developer instance, with status {}: nothing reached the application.",
        facts.status()
    );
    Some(
        Finding::new("instance-hibernating", Grade::Proven, because)
            .weighing(50)
            .at(Place::ResponseBody, "the hibernation page")
            .at(Place::ResponseStatus, facts.status().to_string()),
    )
}

pub fn offline(facts: &Facts<'_>) -> Option<Finding> {
    if facts.answer == Answer::Offline && facts.inbound() {
        let because = "The page says that the instance is offline: it wakes up, or is being patched.";
        return Some(
            Finding::new("instance-offline", Grade::Likely, because)
                .weighing(90)
                .at(Place::ResponseBody, "the offline page"),
        );
    }
    let edge = facts.reading.fingerprint.edge
        && facts.reading.fingerprint.logged_in.is_none()
        && facts.reading.fingerprint.transaction.is_none();
    if !matches!(facts.status(), 502..=504) || !edge || !facts.inbound() {
        return None;
    }
    let because = format!(
        "ServiceNow's edge answers {} by itself: the node behind it is down, waking or being upgraded.",
        facts.status()
    );
    Some(
        Finding::new("instance-offline", Grade::Likely, because)
            .weighing(85)
            .at(Place::response_field("server"), "the edge, without a node"),
    )
}

fn gone(facts: &Facts<'_>) -> Option<Finding> {
    let by_name = endpoint::is_instance_host(facts.host());
    let no_name = match &facts.reading.exchange.outcome {
        Outcome::Failed(failure) => failure.phase == Phase::Resolve && failure.kind == FailureKind::NameNotFound,
        _ => false,
    };
    let page = facts.inbound() && facts.status() >= 400 && facts.answer_text().contains("instance not found");
    if !(by_name && no_name || page) {
        return None;
    }
    let because = format!(
        "The name {} does not exist: the instance was renamed, reclaimed or never was, or the name is misspelt.",
        facts.host()
    );
    Some(Finding::new("instance-gone", Grade::Likely, because).weighing(90).at(Place::RequestUrl, "no such name"))
}

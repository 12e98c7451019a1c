//! Another place was called, or answered, than the API that was meant (knowledge B5, B6).

use super::super::facts::Answer;
use super::Facts;
use crate::model::{Finding, Grade, Place};
use crate::wire::endpoint::Endpoint;
use crate::wire::reading::Credential;

/// A page of the user interface was called in the place of the API (knowledge B5).
pub(super) fn ui_path(facts: &Facts<'_>) -> Option<Finding> {
    let page = facts.reading.endpoint == Endpoint::Page && facts.inbound();
    let api_client = matches!(facts.credential(), Credential::Basic | Credential::ApiKey | Credential::Bearer)
        || !facts.browser() && facts.credential() == Credential::None;
    let sent_away = matches!(facts.answer, Answer::ToLogin | Answer::LoginPage | Answer::NotAuthenticated)
        || facts.reading.page == Some(crate::wire::servicenow::Page::Login);
    if !page || !api_client || !sent_away {
        return None;
    }
    let path = facts.reading.request().path();
    let because = format!("{path} is a page of the user interface, not an API: it answers with a login.");
    // Pages take Basic too, and a 401 is not their login: the credential may be wrong as well.
    let refused = facts.answer == Answer::NotAuthenticated;
    let machine = ["sys_attachment.do", "xmlstats.do", "stats.do", "export_update_set.do", "xmlhttp.do"];
    if refused && machine.iter().any(|name| path.ends_with(name)) {
        return None;
    }
    let (grade, weight) = if refused { (Grade::Possible, 50) } else { (Grade::Proven, 14) };
    Some(
        Finding::new("ui-path-not-api", grade, because).weighing(weight).at(Place::RequestTarget, "a page, not /api/…"),
    )
}

pub(super) fn bearer_on_page(facts: &Facts<'_>) -> Option<Finding> {
    let legacy = matches!(&facts.reading.endpoint, Endpoint::Api { name } if name.starts_with("legacy/"));
    let page = facts.reading.endpoint == Endpoint::Page || legacy;
    let sent = page && facts.inbound() && facts.credential() == Credential::Bearer;
    let refused =
        matches!(facts.answer, Answer::ToLogin | Answer::LoginPage | Answer::NotAuthenticated | Answer::Forbidden);
    if !(sent && refused) {
        return None;
    }
    let because = "A Bearer token was sent to a page of the user interface; instances can refuse tokens there.";
    let weight = if legacy { 60 } else { 80 };
    Some(Finding::new("bearer-on-ui-page", Grade::Likely, because).weighing(weight).at(Place::RequestTarget, "a page"))
}

/// A redirect to, or the page of, a login in the place of data (knowledge B6).
pub(super) fn to_login(facts: &Facts<'_>) -> Option<Finding> {
    if !matches!(facts.answer, Answer::ToLogin | Answer::LoginPage) || facts.outbound() {
        return None;
    }
    let (what, place) = if facts.answer == Answer::ToLogin {
        ("a redirect to a login", Place::response_field("location"))
    } else {
        ("the page of a login, with status 200", Place::ResponseBody)
    };
    let because = format!("The answer is {what}: the call was taken for a visit to the user interface.");
    Some(Finding::new("redirected-to-login", Grade::Proven, because).weighing(4).at(place, "a login"))
}

/// The path names no API of this instance; a record that is missing is another matter.
pub(super) fn not_found(facts: &Facts<'_>) -> Option<Finding> {
    let text = facts.answer_text();
    let named = text.contains("does not represent any resource")
        || text.contains("no matching resource")
        || text.contains("requested uri does not");
    let says_so = named && matches!(facts.status(), 400 | 404);
    if !facts.inbound() || !facts.by_instance() || !says_so {
        return None;
    }
    let because = format!(
        "The instance has no API at {}: a wrong path, version or namespace. Not authentication.",
        facts.reading.request().path()
    );
    Some(
        Finding::new("endpoint-not-found", Grade::Proven, because)
            .weighing(40)
            .at(Place::RequestTarget, "no such API")
            .at(Place::ResponseBody, "the instance says so"),
    )
}

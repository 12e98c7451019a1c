//! Authenticated, not allowed: what contrast adds to the texts of 403 (knowledge F1–F13; texts are in `signature`).

use super::super::facts::Answer;
use super::{Facts, Rule};
use crate::model::{Finding, Grade, Place};
use crate::wire::date;
use crate::wire::endpoint::Endpoint;
use crate::wire::reading::Credential;
use crate::wire::servicenow::Page;

pub const RULES: &[Rule] = &[
    unknown_field,
    field_refused_by_contrast,
    write_refused,
    role_missing_by_contrast,
    documented_role,
    scripted_guest,
    anonymous_guest,
    guest_answer,
    legacy_inactive,
    rows_hidden,
    cors_blocked,
    preflight_unanswered,
];

/// What a browser hides or does not send, whoever calls.
pub const OF_BROWSERS: &[Rule] = &[cors_blocked, preflight_unanswered];

fn forbidden(facts: &Facts<'_>) -> bool {
    facts.answer == Answer::Forbidden && facts.by_instance() && facts.inbound() && facts.reading.envelope.is_some()
}

/// The field error is given for fields that do not exist, too (field notes part 2, 3).
fn unknown_field(facts: &Facts<'_>) -> Option<Finding> {
    if !forbidden(facts) || !facts.answer_text().contains("field(s) present in the query do not have permission") {
        return None;
    }
    let query = facts.reading.query.get("sysparm_query").unwrap_or_default();
    let path = facts.path_record();
    let tag = facts.reading.credential_bytes().map(|bytes| facts.ledger.tag(&bytes));
    let own_query = facts.ledger.tag(query.as_bytes());
    if path.is_some_and(|path| path.ok.iter().any(|ok| ok.query == Some(own_query))) {
        return None;
    }
    let without = path.and_then(|path| path.ok.iter().rev().find(|ok| ok.tag == tag && ok.query.is_none()));
    let broad = facts.reading.user().is_some_and(|user| user.eq_ignore_ascii_case("admin"));
    let (grade, weight, because) = match (without, broad) {
        (Some(ok), _) => (
            Grade::Likely,
            90,
            format!(
                "The same credential read this table without a query at {}; a field that does not exist is answered like this.",
                date::clock(ok.seen.at)
            ),
        ),
        (_, true) => (
            Grade::Likely,
            85,
            "Even admin is refused: a field that does not exist is answered like one that may not be read.".to_owned(),
        ),
        _ => (Grade::Likely, 60, "A field that does not exist is answered like one that may not be read.".to_owned()),
    };
    Some(Finding::new("unknown-field-reported-as-acl", grade, because).weighing(weight).at(
        Place::Query("sysparm_query".into()),
        query.split(['=', '^', '<', '>', '!']).next().unwrap_or_default().to_owned(),
    ))
}

/// Another user ran the very same query: its fields exist, and this user may not read one of them.
fn field_refused_by_contrast(facts: &Facts<'_>) -> Option<Finding> {
    if !forbidden(facts) || !facts.answer_text().contains("field(s) present in the query do not have permission") {
        return None;
    }
    let query = facts.ledger.tag(facts.reading.query.get("sysparm_query")?.as_bytes());
    let other = facts.path_record()?.ok.iter().rev().find(|ok| ok.query == Some(query))?;
    let because = format!(
        "Another user ran the same query at {}, so its fields exist; the instance says that this user may not read one of them.",
        date::clock(other.seen.at)
    );
    Some(
        Finding::new("field-acl", Grade::Proven, because)
            .weighing(25)
            .at(Place::ResponseBody, "the instance's own words")
            .at(Place::Exchange(other.seen.exchange), "the same query passes for another user"),
    )
}

/// APIs whose documentation says that the ordinary 401 means a missing role (field notes part 1, 7: the agent API).
fn documented_role(facts: &Facts<'_>) -> Option<Finding> {
    let agents = facts.reading.request().path().contains("/api/now/awa/");
    if !agents || facts.answer != Answer::NotAuthenticated || facts.credential() == Credential::None {
        return None;
    }
    let because = "This API answers 401 User Not Authenticated to users without its role (awa_integration_user), as its documentation says.";
    Some(
        Finding::new("role-missing", cap("role-missing"), because)
            .weighing(75)
            .at(Place::RequestTarget, "an API of agents"),
    )
}

/// Nobody was asked for credentials, and the call was refused inside: it ran as guest.
fn anonymous_guest(facts: &Facts<'_>) -> Option<Finding> {
    let anonymous = facts.credential() == Credential::None && facts.reading.fingerprint.logged_in == Some(false);
    if !anonymous || !forbidden(facts) || facts.request_unseen() {
        return None;
    }
    let because = "The request carried no credentials and was not asked for any; it was refused inside, as guest.";
    Some(
        Finding::new("scripted-rest-guest", Grade::Likely, because)
            .weighing(79)
            .at(Place::response_field("x-is-logged-in"), "false")
            .at(Place::RequestHead, "no credential in any field"),
    )
}

/// The user passes on REST and is refused at a legacy address without a reason of its own.
fn legacy_inactive(facts: &Facts<'_>) -> Option<Finding> {
    let legacy = matches!(&facts.reading.endpoint, Endpoint::Api { name } if name.starts_with("legacy/"));
    let refused = matches!(facts.status(), 403 | 404) && facts.by_instance();
    let (other, seen) =
        facts.credential_record()?.ok_elsewhere(&facts.reading.endpoint.class()).filter(|_| legacy && refused)?;
    let because = format!(
        "The same user passes at {other}; this legacy address refuses everybody when its processor is switched off."
    );
    Some(
        Finding::new("legacy-web-service-inactive", Grade::Likely, because)
            .weighing(72)
            .at(Place::RequestTarget, "a legacy processor")
            .at(Place::Exchange(seen.exchange), "the user passes here"),
    )
}

/// Reads pass, writes do not.
fn write_refused(facts: &Facts<'_>) -> Option<Finding> {
    let method = facts.reading.request().method.as_str();
    let text = facts.answer_text();
    let aborted = text.contains("aborted by business rule")
        || text.contains("data policy")
        || text.contains("error during insert")
        || text.contains("access scope");
    if !forbidden(facts) || !matches!(method, "POST" | "PUT" | "PATCH" | "DELETE") || aborted {
        return None;
    }
    let use_ = facts.credential_record()?.path(&facts.reading.endpoint.class())?;
    let ok = use_.ok.filter(|_| use_.methods_ok.iter().any(|known| known == "GET"))?;
    let because = format!(
        "The same credential reads here (at {}); {method} is refused: no right to write this record or one of its fields.",
        date::clock(ok.at)
    );
    Some(
        Finding::new("write-refused", Grade::Likely, because)
            .weighing(55)
            .at(Place::RequestMethod, method.to_owned())
            .at(Place::Exchange(ok.exchange), "a read that passed"),
    )
}

/// Another user passes where this one is refused.
fn role_missing_by_contrast(facts: &Facts<'_>) -> Option<Finding> {
    let text = facts.answer_text();
    let refused = forbidden(facts)
        && (text.contains("not authorized") || text.contains("insufficient rights") || text.contains("acl"));
    let scope = text.contains("access scope") || text.contains("unscoped");
    if !refused || scope {
        return None;
    }
    let tag = facts.reading.credential_bytes().map(|bytes| facts.ledger.tag(&bytes));
    let other = facts.path_record()?.ok.iter().rev().find(|ok| ok.tag != tag && ok.kind != Credential::None)?;
    let because = format!(
        "Another user passed the same call at {}; this one is known to the instance and lacks a role or right.",
        date::clock(other.seen.at)
    );
    let grade = cap("role-missing");
    Some(
        Finding::new("role-missing", grade, because)
            .weighing(80)
            .at(Place::Exchange(other.seen.exchange), "another user passes"),
    )
}

/// `role-missing` can be no more than possible (closed list).
fn cap(cause: &str) -> Grade {
    super::cause(cause).map_or(Grade::Possible, |cause| cause.best)
}

/// A Scripted REST resource that does not ask for authentication runs as guest (knowledge F10, G12).
fn scripted_guest(facts: &Facts<'_>) -> Option<Finding> {
    let text = facts.answer_text();
    let guest = text.contains("\"guest\"")
        || text.contains("user guest")
        || text.contains("as guest")
        || text.contains("sys_user.guest");
    let api = facts.reading.endpoint.is_api() && facts.inbound() && facts.by_instance();
    // A success may hold the word as data; only one that says that nobody is logged in speaks of the caller.
    let of_the_caller = facts.status() >= 400 || facts.reading.fingerprint.logged_in != Some(true);
    if !api || !guest || !of_the_caller || facts.credential() == Credential::None && facts.answer == Answer::Fine {
        return None;
    }
    let because = "The answer speaks of guest: the call ran without the user of its credential.";
    Some(Finding::new("scripted-rest-guest", Grade::Likely, because).weighing(78).at(Place::ResponseBody, "guest"))
}

/// A 2xx that says that nobody is logged in, to a request that carried a credential.
fn guest_answer(facts: &Facts<'_>) -> Option<Finding> {
    let ran =
        facts.answer == Answer::Fine && facts.reading.succeeded() && facts.reading.endpoint.is_api() && facts.inbound();
    let carried = !matches!(facts.credential(), Credential::None | Credential::Cookie);
    if !ran || !carried || facts.reading.fingerprint.logged_in != Some(false) {
        return None;
    }
    let because = "The call succeeded, and the instance says X-Is-Logged-In: false: the credential was not taken and the call ran as guest.";
    Some(
        Finding::new("scripted-rest-guest", Grade::Likely, because)
            .weighing(70)
            .at(Place::response_field("x-is-logged-in"), "false on a success"),
    )
}

/// An empty list where another user got rows: ACLs remove rows silently.
fn rows_hidden(facts: &Facts<'_>) -> Option<Finding> {
    let table = matches!(facts.reading.endpoint, Endpoint::Table { record: None, .. });
    let empty = serde_json::from_slice::<serde_json::Value>(&facts.reading.answer)
        .ok()
        .and_then(|value| value.get("result").and_then(|result| result.as_array().map(Vec::is_empty)))
        .unwrap_or(false);
    let total =
        facts.reading.response()?.fields.text("x-total-count").and_then(|count| count.trim().parse::<u64>().ok());
    let number = |name: &str| facts.reading.query.get(name).and_then(|value| value.trim().parse::<u64>().ok());
    // Past the last page, or asked for no rows at all: nothing is hidden.
    let past = number("sysparm_offset").is_some_and(|offset| offset >= total.unwrap_or(0));
    let none_asked = number("sysparm_limit") == Some(0);
    if facts.answer != Answer::Fine || !table || !empty || total.unwrap_or(0) == 0 || past || none_asked {
        return None;
    }
    let because = format!(
        "The list is empty and X-Total-Count says {}: ACLs removed every row after the query.",
        total.unwrap_or(0)
    );
    Some(
        Finding::new("row-acl", Grade::Likely, because)
            .weighing(70)
            .at(Place::response_field("x-total-count"), "rows that are not shown"),
    )
}

/// A preflight that was answered, and does not allow what the browser asked for: the call itself is never sent.
fn preflight_unanswered(facts: &Facts<'_>) -> Option<Finding> {
    let request = facts.reading.request();
    let origin = request.fields.text("origin").filter(|_| request.method == "OPTIONS")?.into_owned();
    let wanted = request.fields.text("access-control-request-headers").unwrap_or_default().to_ascii_lowercase();
    let asks = request.fields.has("access-control-request-method") && origin != request.origin();
    let response = facts.reading.response()?;
    if !asks || !facts.reading.succeeded() || !facts.inbound() {
        return None;
    }
    let allowed = response.fields.text("access-control-allow-headers").unwrap_or_default().to_ascii_lowercase();
    // The star never stands for Authorization (Fetch standard).
    let authorization = |list: &str| list.split(',').any(|name| name.trim() == "authorization");
    let (because, place) = if !response.fields.has("access-control-allow-origin") {
        (format!("The preflight of {origin} was answered without Access-Control-Allow-Origin"), Place::ResponseStatus)
    } else if authorization(&wanted) && !authorization(&allowed) {
        let field = Place::response_field("access-control-allow-headers");
        ("The preflight asks for Authorization, and the answer does not allow that header".to_owned(), field)
    } else {
        return None;
    };
    let because = format!("{because}: the browser does not send the call.");
    Some(
        Finding::new("cors-blocked", Grade::Proven, because)
            .weighing(60)
            .at(Place::RequestMethod, "a preflight")
            .at(place, "not allowed"),
    )
}

/// The server answered; the browser hides the answer (knowledge B14).
fn cors_blocked(facts: &Facts<'_>) -> Option<Finding> {
    let request = facts.reading.request();
    let origin = request.fields.text("origin")?.into_owned();
    let cross = origin.starts_with("http") && origin != request.origin();
    let mode = request.fields.text("sec-fetch-mode").unwrap_or_default().into_owned();
    let response = facts.reading.response()?;
    let allowed = response.fields.has("access-control-allow-origin");
    let script = facts.browser() && (mode.is_empty() || mode == "cors") && request.method != "OPTIONS";
    if !cross
        || allowed
        || !script
        || !facts.reading.endpoint.is_api()
        || facts.reading.page == Some(Page::Hibernating)
        || facts.status() >= 400
    {
        return None;
    }
    let because = format!(
        "The instance answered {}, without Access-Control-Allow-Origin: the browser hides it from the script of {origin}.",
        facts.status()
    );
    Some(
        Finding::new("cors-blocked", Grade::Proven, because)
            .weighing(60)
            .at(Place::request_field("origin"), origin)
            .at(Place::ResponseStatus, "no Access-Control-Allow-Origin"),
    )
}

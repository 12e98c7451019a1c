//! The authorization endpoint and the way back (knowledge D70–D78, H3; wire notes §5).

use super::super::facts::Answer;
use super::{Facts, Rule};
use crate::model::{Finding, Grade, Place};
use crate::wire::endpoint::Endpoint;
use crate::wire::servicenow::Page;
use crate::wire::{oauth, template};

pub const RULES: &[Rule] = &[
    named_by_answer,
    substituted,
    state_mismatch,
    denied,
    implicit_refused,
    client_unknown,
    going_in_circles,
    stopped_at_login,
];

fn asks(facts: &Facts<'_>) -> bool {
    facts.reading.endpoint == Endpoint::Authorize && facts.inbound()
}

/// Texts of the endpoint that name their cause.
fn named_by_answer(facts: &Facts<'_>) -> Option<Finding> {
    let body = String::from_utf8_lossy(facts.reading.answer.get(..facts.reading.answer.len().min(65_536))?)
        .to_ascii_lowercase();
    let error = facts
        .reading
        .callback
        .as_ref()
        .and_then(|back| back.description.as_deref())
        .unwrap_or_default()
        .to_ascii_lowercase();
    let says = |text: &str| body.contains(text) || error.contains(text);
    let (cause, because, place) = if !asks(facts) {
        return None;
    } else if says("missing state parameter") {
        ("state-missing", "The instance answers that the state parameter is missing.", Place::Query("state".into()))
    } else if says("missing code_challenge") {
        (
            "pkce-challenge-missing",
            "The instance answers that code_challenge is missing: this client must use PKCE.",
            Place::Query("code_challenge".into()),
        )
    } else if says("missing redirect url") || says("invalid redirect_url") || says("invalid redirect_uri") {
        (
            "redirect-uri-not-registered",
            "The instance answers that this redirect URL is not registered.",
            Place::Query("redirect_uri".into()),
        )
    } else {
        return None;
    };
    Some(
        Finding::new(cause, Grade::Proven, because)
            .weighing(60)
            .at(Place::ResponseBody, "the instance names it")
            .at(place, "of the request"),
    )
}

/// The code went to another URL than the one asked for (knowledge D71).
fn substituted(facts: &Facts<'_>) -> Option<Finding> {
    let back = facts.reading.callback.as_ref().filter(|_| asks(facts) && (300..400).contains(&facts.status()))?;
    let asked = facts.reading.query.get("redirect_uri").and_then(template::shown)?;
    if oauth::same_address(&back.to, asked) || template::redacted(&back.to) || back.code.is_none() {
        return None;
    }
    let because = format!(
        "Asked was redirect_uri {asked}; the code was sent to {}. Without a match the instance takes the first registered URL.",
        back.to
    );
    Some(
        Finding::new("redirect-uri-substituted", Grade::Proven, because)
            .weighing(60)
            .at(Place::Query("redirect_uri".into()), "asked for")
            .at(Place::response_field("location"), "sent to"),
    )
}

/// The state that comes back is not the one that was sent (RFC 6749 §10.12).
fn state_mismatch(facts: &Facts<'_>) -> Option<Finding> {
    let own =
        facts.reading.callback.as_ref().filter(|_| asks(facts)).and_then(|back| {
            Some((back.state.clone()?, template::shown(facts.reading.query.get("state")?)?.to_owned()))
        });
    if let Some((came, sent)) = own.filter(|(came, sent)| came != sent) {
        let because = format!("Sent was state {}, what came back is {}.", facts.tag(&sent), facts.tag(&came));
        return Some(
            Finding::new("state-mismatch", Grade::Proven, because)
                .weighing(61)
                .at(Place::response_field("location"), "another state"),
        );
    }
    let url = format!("{}{}", facts.reading.request().origin(), facts.reading.request().target);
    let called = oauth::callback(&url).filter(|back| back.code.is_some() && facts.reading.request().method == "GET")?;
    let came = called.state?;
    let record = facts.ledger.code(called.code.as_deref()?)?;
    let sent = record.authorize.as_ref()?.state.filter(|sent| *sent != facts.tag(&came))?;
    let because = format!("Sent was state {sent}; the callback carries {}. A client refuses that.", facts.tag(&came));
    Some(
        Finding::new("state-mismatch", Grade::Proven, because)
            .weighing(61)
            .at(Place::Query("state".into()), "another state")
            .at(Place::Exchange(record.seen.exchange), "the redirect"),
    )
}

fn denied(facts: &Facts<'_>) -> Option<Finding> {
    let url = format!("{}{}", facts.reading.request().origin(), facts.reading.request().target);
    let back = facts.reading.callback.clone().filter(|_| asks(facts)).or_else(|| {
        oauth::callback(&url).filter(|_| facts.reading.request().method == "GET" && comes_back(facts, &url))
    })?;
    if back.error.as_deref() != Some("access_denied") || back.code.is_some() {
        return None;
    }
    let place =
        if facts.reading.callback.is_some() { Place::response_field("location") } else { Place::Query("error".into()) };
    // RFC 6749 §4.1.2.1: the server may be who denied. What it says beside that tells.
    let said = back.description.unwrap_or_default().replace('+', " ");
    let lower = said.to_ascii_lowercase();
    let by_user = said.is_empty() || ["denied", "deny", "declined", "cancel"].iter().any(|word| lower.contains(word));
    let (grade, because) = if by_user {
        (
            Grade::Proven,
            "The way back carries error=access_denied and no code: the user pressed Deny, or may not consent."
                .to_owned(),
        )
    } else {
        let said: String = said.chars().take(120).collect();
        (Grade::Likely, format!("The way back carries error=access_denied and no code. The provider says why: {said}"))
    };
    Some(Finding::new("consent-denied", grade, because).weighing(60).at(place, "error=access_denied"))
}

/// The call is a way back from an authorization endpoint: it has a state, or the party asked for a code a moment ago.
fn comes_back(facts: &Facts<'_>, url: &str) -> bool {
    url.contains("state=") || facts.reading.endpoint == Endpoint::OAuthRedirect || comes_from_authorize(facts)
}

fn implicit_refused(facts: &Facts<'_>) -> Option<Finding> {
    let implicit =
        facts.reading.query.get("response_type").is_some_and(|kind| kind.split(' ').any(|word| word == "token"));
    let given = facts.reading.callback.as_ref().is_some_and(|back| back.access_token.is_some());
    let refused = facts.status() >= 400
        || facts.reading.callback.as_ref().is_some_and(|back| back.error.is_some())
        || facts.reading.page == Some(Page::Other);
    if !asks(facts) || !implicit || given || !refused {
        return None;
    }
    let because = "response_type=token asks for the implicit grant, which instances refuse unless the client id is on their list.";
    Some(
        Finding::new("implicit-grant-refused", Grade::Likely, because)
            .weighing(80)
            .at(Place::Query("response_type".into()), "token"),
    )
}

/// An error of the endpoint that names no other cause, for a client id that never worked here.
fn client_unknown(facts: &Facts<'_>) -> Option<Finding> {
    let refused = asks(facts) && facts.status() >= 400 && facts.answer != Answer::ServerError;
    let id = facts.reading.query.get("client_id").filter(|_| refused && facts.by_instance())?;
    let worked = facts.ledger.client(facts.host(), id).is_some_and(|client| client.any_ok().is_some());
    if worked || named_by_answer(facts).is_some() || implicit_refused(facts).is_some() {
        return None;
    }
    let because =
        format!("The authorization endpoint refuses client {id}, which never got a token here: unknown, or inactive.");
    Some(
        Finding::new("authorize-client-unknown", Grade::Likely, because)
            .weighing(70)
            .at(Place::Query("client_id".into()), "not known to work"),
    )
}

/// The same hops again and again without a code (knowledge D77).
fn going_in_circles(facts: &Facts<'_>) -> Option<Finding> {
    let location = facts.reading.response()?.fields.text("location")?.into_owned();
    let to = location.split('?').next().unwrap_or_default();
    let redirected = (300..400).contains(&facts.status()) && facts.reading.callback.is_none() && facts.inbound();
    let party = facts.ledger.party(&facts.reading.party()).filter(|_| redirected)?;
    let recent = |at: crate::model::Millis| (0..=120).contains(&facts.at().seconds_since(at));
    let same = party.login_hops.iter().filter(|(hop, seen)| hop == to && recent(seen.at)).count();
    let others = party.login_hops.iter().any(|(hop, seen)| hop != to && recent(seen.at));
    let asked = party.authorizes.last().is_some_and(|record| recent(record.seen.at));
    if same < 2 || !others || !asked {
        return None;
    }
    let because = format!(
        "The browser is sent to {to} for the {} time within two minutes, and no code comes: login and consent go in a circle.",
        ordinal(same + 1)
    );
    Some(
        Finding::new("authorize-loop", Grade::Proven, because)
            .weighing(60)
            .at(Place::response_field("location"), "the same hop again"),
    )
}

fn ordinal(n: usize) -> String {
    match n {
        3 => "third".into(),
        4 => "fourth".into(),
        5 => "fifth".into(),
        n => format!("{n}th"),
    }
}

/// A client that is no browser is sent to a login or an identity provider (knowledge H3).
fn stopped_at_login(facts: &Facts<'_>) -> Option<Finding> {
    let location =
        facts.reading.response().and_then(|response| response.fields.text("location")).unwrap_or_default().into_owned();
    let sent = (300..400).contains(&facts.status())
        && facts.reading.callback.is_none()
        && crate::wire::servicenow::leads_to_login(&location);
    let page = facts.reading.page == Some(Page::Login);
    let followed = page && facts.reading.endpoint == Endpoint::Login && comes_from_authorize(facts);
    if !(asks(facts) || followed) || facts.browser() || !(sent || page) {
        return None;
    }
    let because = "The authorization request ends at a login, and the client that follows it is no browser: nobody can log in or pass a second factor there.";
    let place = if sent { Place::response_field("location") } else { Place::ResponseBody };
    Some(Finding::new("authorize-stopped-at-login", Grade::Likely, because).weighing(70).at(place, "a page for people"))
}

/// The party asked for a code on this host a moment ago.
fn comes_from_authorize(facts: &Facts<'_>) -> bool {
    let party = facts.ledger.party(&facts.reading.party());
    party
        .and_then(|party| party.authorizes.last())
        .is_some_and(|record| (0..=60).contains(&facts.at().seconds_since(record.seen.at)))
}

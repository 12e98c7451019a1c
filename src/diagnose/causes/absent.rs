//! Requests that carry no credential, and why (knowledge A1, A2, A16, A25, B2, B15, A11).

use super::super::facts::Answer;
use super::{Facts, Rule, session};
use crate::ledger::records::Seen;
use crate::model::{Finding, Grade, Place, Way};
use crate::wire::endpoint::Endpoint;
use crate::wire::reading::{API_KEY_FIELD, Credential};
use crate::wire::{date, template};

pub const RULES: &[Rule] =
    &[no_credentials, waits_for_basic, misnamed, api_key_misnamed, redirect_dropped, preflight_refused, netrc_replaced];

/// Preflights never carry credentials.
pub const OF_BROWSERS: &[Rule] = &[preflight_refused];

/// A refused call of an instance's API without any credential.
fn bare(facts: &Facts<'_>) -> bool {
    let endpoint = !matches!(
        facts.reading.endpoint,
        Endpoint::Token
            | Endpoint::TokenMisspelt
            | Endpoint::Authorize
            | Endpoint::Login
            | Endpoint::Page
            | Endpoint::OAuthRedirect
    );
    let nothing = facts.credential() == Credential::None || session_of_nobody(facts).is_some();
    nothing
        && facts.not_authenticated()
        && facts.inbound()
        && endpoint
        && !facts.request_unseen()
        && !facts.reading.request().fields.has("access-control-request-method")
        && !secured_in_body(facts)
}

/// Session cookies are the only credential, of a session that nobody has logged in with.
fn session_of_nobody(facts: &Facts<'_>) -> Option<Seen> {
    session::anonymous(facts).filter(|_| facts.credential() == Credential::Cookie)
}

/// WS-Security in the SOAP header is a credential of its own.
pub fn secured_in_body(facts: &Facts<'_>) -> bool {
    facts.reading.sent.windows(5).any(|window| window == b"wsse:")
}

fn no_credentials(facts: &Facts<'_>) -> Option<Finding> {
    if !bare(facts) || misnamed(facts).is_some() || api_key_misnamed(facts).is_some() {
        return None;
    }
    if let Some(opened) = session_of_nobody(facts) {
        return Some(only_cookies_of_nobody(opened));
    }
    let postman = facts.reading.user_agent().starts_with("PostmanRuntime");
    let because = if postman {
        "No Authorization, session cookie or API key came with the request. Postman sends no header at all when the token \
         variable is empty."
    } else {
        "No Authorization, session cookie or API key came with the request."
    };
    // A client certificate would not be seen here; where the front end takes them, one may have been given.
    let unshown = facts.host_record().is_some_and(|host| host.mutual_tls)
        || passes_without(facts)
        || refused_by_itself(facts)
        || stripped(facts);
    let grade = if unshown { Grade::Likely } else { Grade::Proven };
    Some(
        Finding::new("no-credentials", grade, because)
            .weighing(90)
            .at(Place::RequestHead, "no credential in any field"),
    )
}

/// In a recording, calls of this path pass without a credential as well: its tool may have left them out.
fn passes_without(facts: &Facts<'_>) -> bool {
    let recorded = facts.reading.exchange.client.way == Way::Recorded;
    let passed = facts.path_record().is_some_and(|path| path.ok.iter().any(|ok| ok.kind == Credential::None));
    recorded && passed
}

/// A resource of the customer's own answers in JSON of its own: what it wants may stand anywhere in the request.
pub fn refused_by_itself(facts: &Facts<'_>) -> bool {
    let object = facts.reading.answer.trim_ascii_start().starts_with(b"{");
    let challenged = facts.reading.response().is_some_and(|answer| answer.fields.has("www-authenticate"));
    object && facts.reading.envelope.is_none() && !challenged
}

/// A recording that shows neither a field nor a byte of the answer has left out fields of the request as well.
fn stripped(facts: &Facts<'_>) -> bool {
    let recorded = facts.reading.exchange.client.way == Way::Recorded;
    recorded
        && facts.reading.answer.is_empty()
        && facts.reading.response().is_some_and(|answer| answer.fields.0.is_empty())
}

fn only_cookies_of_nobody(opened: Seen) -> Finding {
    let because = "No Authorization and no API key came, only the cookies of a session that an earlier refusal had opened: \
                   nobody has logged in with it.";
    Finding::new("no-credentials", Grade::Likely, because)
        .weighing(90)
        .at(Place::request_field("cookie"), "a session without a user")
        .at(Place::Exchange(opened.exchange), "set here, with a refusal")
}

/// The challenge has no Basic, and the client sends Basic only after one (knowledge A2).
fn waits_for_basic(facts: &Facts<'_>) -> Option<Finding> {
    let schemes = facts.advertised();
    let no_basic = !schemes.is_empty() && !schemes.iter().any(|scheme| scheme == "basic");
    if !bare(facts) || !no_basic || !facts.by_instance() {
        return None;
    }
    let agent = facts.reading.user_agent().to_ascii_lowercase();
    let waits = ["powershell", "apache-httpclient", "java/", "jakarta", ".net", "cyberark", "netcool"]
        .iter()
        .any(|name| agent.contains(name));
    let before = facts.ledger.party(&facts.reading.party()).is_some_and(|party| party.bearer_only.is_some());
    let grade = if waits || before { Grade::Proven } else { Grade::Likely };
    let because = format!(
        "The 401 advertises {} only, and this client came without credentials: one that waits for a Basic challenge never sends them.",
        schemes.join(", ").to_ascii_uppercase()
    );
    Some(
        Finding::new("client-waits-for-basic-challenge", grade, because)
            .weighing(95)
            .at(Place::response_field("www-authenticate"), "no Basic challenge")
            .at(Place::RequestHead, "no Authorization"),
    )
}

/// Names that stand for Authorization by mistake.
fn is_misspelt(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    const KNOWN: [&str; 12] = [
        "authentication",
        "authorisation",
        "auth",
        "x-authorization",
        "authorization-token",
        "bearer",
        "x-auth-token",
        "x-access-token",
        "access-token",
        "access_token",
        "authorization_header",
        "http-authorization",
    ];
    KNOWN.contains(&name.as_str()) || name != "authorization" && distance(&name, "authorization") <= 2
}

/// Edit distance, for names as short as a field's.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut last = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let above = row.get(j + 1).copied().unwrap_or(usize::MAX);
            let best = (diagonal + usize::from(x != y)).min(above + 1).min(last + 1);
            diagonal = above;
            if let Some(slot) = row.get_mut(j) {
                *slot = last;
            }
            last = best;
        }
        if let Some(slot) = row.get_mut(b.len()) {
            *slot = last;
        }
    }
    row.last().copied().unwrap_or(0)
}

fn misnamed(facts: &Facts<'_>) -> Option<Finding> {
    let refused = facts.not_authenticated() && !facts.request_unseen();
    if !refused || facts.fields().has("authorization") || facts.token_endpoint() {
        return None;
    }
    let field = facts
        .fields()
        .0
        .iter()
        .find(|field| is_misspelt(&String::from_utf8_lossy(&field.name)) && !field.value.is_empty())?;
    let name = String::from_utf8_lossy(&field.name).into_owned();
    let value = String::from_utf8_lossy(&field.value).to_ascii_lowercase();
    let sure = value.starts_with("bearer ")
        || value.starts_with("basic ")
        || distance(&name.to_ascii_lowercase(), "authorization") <= 2;
    let sure = (sure || name.eq_ignore_ascii_case("authentication")) && facts.credential() == Credential::None;
    let grade = if sure { Grade::Proven } else { Grade::Likely };
    let because = format!("The credential travels in a header named {name}; servers read Authorization.");
    Some(
        Finding::new("header-misnamed", grade, because)
            .weighing(3)
            .at(Place::request_field(&name), "not a field that is read"),
    )
}

/// An API key in a field that ServiceNow does not read (knowledge A25; field notes part 2, 7).
fn api_key_misnamed(facts: &Facts<'_>) -> Option<Finding> {
    let refused = facts.answer == Answer::NotAuthenticated && facts.inbound() && facts.reading.api_key.is_none();
    let field = facts.fields().0.iter().filter(|_| refused).find(|field| {
        let name = String::from_utf8_lossy(&field.name).to_ascii_lowercase();
        name != API_KEY_FIELD && (name.contains("api-key") || name.contains("apikey") || name.contains("api_key"))
    });
    if let Some(field) = field {
        let name = String::from_utf8_lossy(&field.name).into_owned();
        let because = format!(
            "An API key came in a header named {name}; ServiceNow reads the one that the profile's Auth Parameter names, {API_KEY_FIELD} by default."
        );
        return Some(
            Finding::new("api-key-misplaced", Grade::Likely, because)
                .weighing(90)
                .at(Place::request_field(&name), "not the name of the profile"),
        );
    }
    if let Some(found) = key_moved(facts) {
        return Some(found);
    }
    let query = facts.reading.query.pairs.iter().filter(|_| refused).find(|pair| {
        let name = pair.name.to_ascii_lowercase();
        matches!(name.as_str(), "api_key" | "apikey" | "api-key" | "sn-apikey")
    })?;
    let because = format!("An API key came as the query parameter {}; ServiceNow reads {API_KEY_FIELD}.", query.name);
    Some(
        Finding::new("api-key-misplaced", Grade::Likely, because)
            .weighing(90)
            .at(Place::Query(query.name.clone()), "not the name of the profile"),
    )
}

/// The key came in the URL, on a host that took keys in the header only, or the other way round.
fn key_moved(facts: &Facts<'_>) -> Option<Finding> {
    let (place, _) = facts.reading.api_key.as_ref().filter(|_| facts.answer == Answer::NotAuthenticated)?;
    let host = facts.host_record()?;
    let (here, there) = match (place, host.took_key_in_header, host.took_key_in_url) {
        (Place::Query(_), true, false) => ("in the URL", "in the header"),
        (Place::RequestField { .. }, false, true) => ("in the header", "in the URL"),
        _ => return None,
    };
    let because = format!(
        "The API key came {here}; this instance took keys {there}, and the profile's Auth Parameter names one place."
    );
    Some(
        Finding::new("api-key-misplaced", Grade::Likely, because)
            .weighing(92)
            .at(place.clone(), "not the place of the profile"),
    )
}

/// The redirect went to another host, and the credential stayed behind (knowledge B2).
fn redirect_dropped(facts: &Facts<'_>) -> Option<Finding> {
    if facts.credential() != Credential::None || !facts.not_authenticated() {
        return None;
    }
    let party = facts.ledger.party(&facts.reading.party())?;
    let (seen, from, location, authorized) = party.redirect.as_ref()?;
    let origin = facts.reading.request().origin();
    let followed = location.starts_with(&origin)
        && location.get(origin.len()..).is_some_and(|rest| {
            rest.split('?').next().unwrap_or_default().trim_end_matches('/')
                == facts.reading.request().path().trim_end_matches('/')
        });
    let soon = (0..=30).contains(&facts.at().seconds_since(seen.at));
    if !authorized || *from == origin || !followed || !soon {
        return None;
    }
    let because = format!(
        "{from} redirected the client here; the first request carried Authorization, the one that followed does not."
    );
    Some(
        Finding::new("redirect-dropped-authorization", Grade::Proven, because)
            .weighing(96)
            .at(Place::Exchange(seen.exchange), "the redirect to another host")
            .at(Place::RequestHead, "no Authorization any more"),
    )
}

/// A preflight never carries credentials (Fetch standard): its refusal says nothing about them.
fn preflight_refused(facts: &Facts<'_>) -> Option<Finding> {
    let request = facts.reading.request();
    let preflight = request.method == "OPTIONS" && request.fields.has("access-control-request-method");
    if !preflight || facts.status() < 400 {
        return None;
    }
    let because = "This is a browser's preflight; it never carries credentials, and it was refused. The real request was not sent.";
    Some(
        Finding::new("cors-preflight-refused", Grade::Proven, because)
            .weighing(10)
            .at(Place::RequestMethod, "OPTIONS, a preflight")
            .at(Place::ResponseStatus, "refused"),
    )
}

/// requests, curl and others put the .netrc entry of the host in the place of a header that was set by hand.
fn netrc_replaced(facts: &Facts<'_>) -> Option<Finding> {
    if facts.credential() != Credential::Basic || facts.answer != Answer::NotAuthenticated {
        return None;
    }
    let agent = facts.reading.user_agent();
    let reads_netrc =
        ["python-requests/", "python-httpx/", "curl/", "HTTPie/"].iter().any(|name| agent.starts_with(name));
    let party = facts.ledger.party(&facts.reading.party())?;
    let (_, host, seen) = party.token.as_ref().filter(|_| reads_netrc)?;
    let age = facts.at().seconds_since(seen.at);
    let user = facts.reading.user().unwrap_or_default();
    if host != facts.host() || !(0..=3600).contains(&age) || template::placeholder_for_name(&user).is_some() {
        return None;
    }
    let because = format!(
        "{} before, this client was given a bearer token by {host}; now it sends Basic as {user}. {} replaces a bearer \
         header by the .netrc entry of the host.",
        date::span(age),
        agent.split('/').next().unwrap_or("The client")
    );
    Some(
        Finding::new("netrc-replaced-bearer", Grade::Likely, because)
            .weighing(85)
            .at(Place::Exchange(seen.exchange), "the token was issued here")
            .at(Place::request_field("authorization"), "Basic instead"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_names_are_close_to_the_real_one() {
        for name in ["Authorisation", "authentication", "Autorization", "Authorizations", "Auth", "X-Authorization"] {
            assert!(is_misspelt(name), "{name}");
        }
        for name in ["Authorization", "Accept", "X-UserToken", "Proxy-Authorization", "Host"] {
            assert!(!is_misspelt(name), "{name}");
        }
    }
}

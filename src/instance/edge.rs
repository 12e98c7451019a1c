//! The load balancer in front of the node: what it answers by itself carries none of the node's headers.

use crate::model::{Fields, Millis, Scheme};
use crate::wire::date;

use super::state::{Power, Release};
use super::{Answer, Call, Instance};

/// The answer of the edge, or `None` when the request goes on to the node.
pub(super) fn answer(instance: &Instance, call: &Call<'_>, now: Millis) -> Option<Answer> {
    if call.request.scheme == Scheme::Http && instance.unwritten.redirects_plain_http {
        return Some(to_https(instance, call, now));
    }
    if call.request.fields.all("authorization").count() > 1 {
        // Reported of `snow_adc`; the body is assumed.
        return Some(page(instance, now, 400, "Bad Request", "<h1>400 Bad Request</h1>"));
    }
    match instance.power {
        Power::Hibernating => return Some(page(instance, now, 200, "Instance Hibernating page", HIBERNATING)),
        Power::Offline => return Some(page(instance, now, 503, "ServiceNow", OFFLINE)),
        Power::Down => return Some(page(instance, now, 502, "502 Bad Gateway", "<h1>502 Bad Gateway</h1>")),
        Power::Awake => {}
    }
    // Address control uses up no transaction (wire §9); the body is assumed.
    if !address_allowed(instance, call) {
        return Some(page(instance, now, 403, "Forbidden", "<h1>Forbidden</h1><p>Access restricted</p>"));
    }
    // Browsers ask for it beside every page. Assumed: a file of the edge, without a part in anybody's session.
    (call.path() == "/favicon.ico").then(|| page(instance, now, 404, "Not Found", "<h1>404 Not Found</h1>"))
}

const HIBERNATING: &str = "<div class=\"instance-hibernating-page\"><h1>Your instance is hibernating</h1>\
<p>Sign in to the site to wake your instance</p></div>";
const OFFLINE: &str = "<h1>Your instance is currently offline</h1>";

/// Assumed: nobody recorded what plain http gives (wire §16); the HSTS header makes a redirect the plainest guess.
fn to_https(instance: &Instance, call: &Call<'_>, now: Millis) -> Answer {
    let mut answer = page(instance, now, 301, "Moved Permanently", "<h1>301 Moved Permanently</h1>");
    answer.fields.push("Location", format!("https://{}{}", instance.host, call.request.target));
    answer
}

fn page(instance: &Instance, now: Millis, status: u16, title: &str, body: &str) -> Answer {
    let fields: Fields = [
        ("Content-Type", String::from("text/html;charset=UTF-8")),
        ("Date", date::http(now)),
        ("Server", server(instance).to_owned()),
        ("Strict-Transport-Security", String::from(HSTS)),
    ]
    .into_iter()
    .collect();
    let body = format!("<!DOCTYPE html><html><head><title>{title}</title></head><body>{body}</body></html>");
    Answer { status, fields, body: body.into() }
}

/// Wire §1.1, §1.2.
pub(super) const HSTS: &str = "max-age=63072000; includeSubDomains";

pub(super) fn server(instance: &Instance) -> &'static str {
    match instance.release {
        Release::Classic => "ServiceNow",
        Release::Current => "snow_adc",
    }
}

/// A deny rule holds unless an allow rule covers the address too. Every address of a forwarding chain counts.
fn address_allowed(instance: &Instance, call: &Call<'_>) -> bool {
    let chain = call.field("x-forwarded-for").unwrap_or_default();
    let forwarded = chain.split(',').filter_map(|part| part.trim().parse().ok());
    std::iter::once(call.from).chain(forwarded).all(|address| {
        let covered = |allow| instance.ip_rules.iter().any(|rule| rule.allow == allow && rule.range.contains(address));
        !covered(false) || covered(true)
    })
}

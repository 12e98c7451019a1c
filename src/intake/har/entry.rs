//! One HAR entry as an exchange.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::intake::{foreign, head, masked, message, stopped, url, way, when};
use crate::model::{
    Client, Exchange, Failure, Fields, HeadFault, Millis, Outcome, Phase, Request, Response, Scheme, Timing,
    Unverified, Upstream, Way,
};
use crate::wire::date;
use crate::wire::reading::API_KEY_FIELD;

use super::loose::Plain;
use super::shape::{self, Entry, Timings};
use super::{body, fields, repair};

/// Reads one entry. `Ok(None)`: it was no HTTP exchange (`data:`, `blob:`, `chrome-extension:` …). `before` is the time of
/// the entry before, for one that has none. The number of the exchange is given later.
pub(super) fn exchange(text: &[u8], index: usize, before: Millis) -> Result<Option<Exchange>, String> {
    // Checked for UTF-8 as a whole, not string by string.
    let sound = str::from_utf8(text).ok().and_then(|text| serde_json::from_str::<Entry<'_>>(text).ok());
    match sound {
        Some(entry) => build(&entry, index, before),
        None => {
            let mended = repair::mend(text);
            let entry =
                serde_json::from_slice::<Entry<'_>>(&mended).map_err(|error| format!("is not read: {error}"))?;
            build(&entry, index, before)
        }
    }
}

fn build(entry: &Entry<'_>, index: usize, before: Millis) -> Result<Option<Exchange>, String> {
    let from = &entry.request.as_ref().ok_or("has no `request`")?.0;
    let Some(mut request) = request(from)? else { return Ok(None) };
    let mut outcome = outcome(entry)?;
    if let Outcome::Refused(_) = outcome
        && request.head.is_none()
    {
        return Err(String::from("is a refused request without its `_rawHead`"));
    }
    if let Outcome::Answered(response) = &mut outcome {
        response.version = version(&response.version, &request.version);
    }
    request.version = version(&request.version, "HTTP/1.1");
    request.unseen = !entry.unseen.is_empty() || hides_form(from, &request) || leaves_fields_out(from, &request);
    let timing = timing(entry);
    let unverified = [Unverified::Anything, Unverified::Pinned];
    let unverified = unverified.into_iter().find(|known| known.as_str() == entry.unverified.text());
    let upstream = Upstream { address: upstream_address(entry, request.port), unverified, ..Upstream::default() };
    let at = when::parse(&entry.started_date_time.text()).or_else(|| answered(&outcome)).unwrap_or(before);
    Ok(Some(Exchange { id: 0, entry: Some(index), at, client: client(entry), request, outcome, timing, upstream }))
}

fn request(from: &shape::Request<'_>) -> Result<Option<Request>, String> {
    let ours = !from.raw_url.is_empty();
    let written = if ours { from.raw_url.text() } else { from.url.text() };
    let method = from.method.text().trim().to_ascii_uppercase();
    let method = if method.is_empty() { String::from("GET") } else { method };
    let method = if from.raw_method.is_empty() { method } else { from.raw_method.text().into_owned() };
    let fields = fields::of_request(from);
    let written = at_host(written, &fields);
    let Some(place) = place(&method, &written, ours)? else { return Ok(None) };
    let Place { scheme, host, port, mut target } = place;
    let query = body::joined(&from.query_string.0);
    if method != "CONNECT" && !target.contains('?') && !query.is_empty() {
        target = format!("{target}?{query}");
    }
    let version = from.http_version.text().into_owned();
    let raw_head = fields::latin1(&from.raw_head.text()).filter(|bytes| !bytes.is_empty()).map(Into::into);
    let head = raw_head.or_else(|| fields::padded_head(from, &format!("{method} {target} HTTP/1.1")));
    let body = body::of_request(from, &fields);
    Ok(Some(Request { method, scheme, host, port, target, version, fields, body, head, unseen: false }))
}

/// A form was sent, and the file does not show it or shows its beginning. With no Content-Length beside it there may have
/// been anything: clients announce even an empty form (RFC 9110 §8.6), and files that leave bodies out write sizes of 0 as
/// well as of -1. A text whose secrets were exchanged is not as long as it was.
fn hides_form(from: &shape::Request<'_>, request: &Request) -> bool {
    let (bytes, length) = (&request.body.bytes, request.body.length);
    let counted = from.body_size.count().is_some_and(|size| size > 0) || request.fields.has("content-length");
    let uncounted = !counted && length == 0 && !request.target.contains("grant_type=");
    let shown = bytes.len() as u64;
    let cut = shown < length && !masked::in_form(bytes) && (shown * 2 < length || ends_in_a_name(bytes));
    message::is_form(request) && if bytes.is_empty() { length > 0 || uncounted } else { cut }
}

/// The last pair of a form has no value.
fn ends_in_a_name(form: &[u8]) -> bool {
    form.rsplit(|byte| *byte == b'&').next().is_some_and(|pair| !pair.contains(&b'='))
}

/// The size of the head tells that fields were taken out of it, and the credentials are among those that are missing. The
/// size counts bytes of HTTP/1 (HAR 1.2); what other versions count is not agreed on.
fn leaves_fields_out(from: &shape::Request<'_>, request: &Request) -> bool {
    let shows = ["authorization", "cookie", API_KEY_FIELD].iter().any(|name| request.fields.has(name));
    let Some(size) = from.headers_size.count().filter(|_| !shows && request.version.starts_with("HTTP/1")) else {
        return false;
    };
    let fields: usize =
        request.fields.0.iter().map(|field| field.name.len() + field.value.len() + ": \r\n".len()).sum();
    let line = request.method.len() + request.origin().len() + request.target.len() + "  HTTP/1.1\r\n\r\n".len();
    // `Authorization: ` alone has 15 bytes, and a value behind it some more.
    size > (line + fields + 20) as u64
}

struct Place {
    scheme: Scheme,
    host: String,
    port: u16,
    target: String,
}

/// Some tools write the target alone; the host stands in its field then, and instances speak https.
fn at_host<'a>(written: Cow<'a, str>, fields: &Fields) -> Cow<'a, str> {
    match fields.text("host").filter(|host| !host.is_empty() && written.starts_with('/')) {
        Some(host) => Cow::Owned(format!("https://{host}{written}")),
        None => written,
    }
}

/// `ours`: it was written by us, as it was sent, and may name no host.
fn place(method: &str, written: &str, ours: bool) -> Result<Option<Place>, String> {
    let parts = url::split(written).or_else(|| url::without_host(written).filter(|_| ours));
    if method == "CONNECT" && !parts.as_ref().is_some_and(|parts| parts.host.is_empty()) {
        let authority = written.split_once("://").map_or(written, |(_, rest)| rest);
        let authority = authority.split('/').next().unwrap_or_default();
        let (host, port) =
            url::authority_parts(authority).ok_or("is a CONNECT without `host:port` in `request.url`")?;
        let port = port.unwrap_or(443);
        return Ok(Some(Place { scheme: Scheme::Https, target: format!("{host}:{port}"), host, port }));
    }
    if let Some(url::Url { scheme, host, port, target }) = parts {
        return Ok(Some(Place { scheme, host, port, target: url::origin_form(target) }));
    }
    let foreign = written.split_once(':').is_some_and(|(scheme, _)| FOREIGN_SCHEMES.contains(&scheme));
    if foreign {
        return Ok(None);
    }
    Err(match written {
        "" => String::from("has no `request.url`"),
        _ => String::from("has a `request.url` that is no absolute http or https URL"),
    })
}

/// Schemes of URLs that browsers list beside HTTP ones.
const FOREIGN_SCHEMES: [&str; 9] =
    ["data", "blob", "about", "file", "chrome", "chrome-extension", "moz-extension", "devtools", "javascript"];

fn outcome(entry: &Entry<'_>) -> Result<Outcome, String> {
    let from = &entry.response.0;
    let status = from.status.count().and_then(|status| u16::try_from(status).ok()).filter(|status| *status >= 100);
    let said = if entry.error.is_empty() { from.error.text() } else { entry.error.text() };
    let own = stopped::parse(&said).ok();
    let cut = match (own, status) {
        // The answer began and was cut: what came of it is the answer.
        (Some(Outcome::Failed(failure)), Some(_)) if failure.phase == Phase::ReadBody => Some(failure),
        (Some(Outcome::Failed(failure)), status) => return Ok(Outcome::Failed(Failure { status, ..failure })),
        (Some(Outcome::Refused(fault)), status) => {
            return Ok(Outcome::Refused(HeadFault { status: status.unwrap_or(fault.status), ..fault }));
        }
        (Some(other), _) => return Ok(other),
        (None, Some(_)) => None,
        (None, None) => return Ok(unanswered(&said)),
    };
    let fields = fields::of_response(from);
    let body = body::of_response(from, &fields);
    Ok(Outcome::Answered(Response {
        status: status.unwrap_or_default(),
        reason: from.status_text.text().into_owned(),
        version: from.http_version.text().into_owned(),
        ours: head::is_ours(&fields),
        fields,
        body,
        cut,
    }))
}

/// No status: what the tool says of it, as far as it says anything.
fn unanswered(said: &str) -> Outcome {
    let lower = said.to_ascii_lowercase();
    let by_client = lower.contains("aborted") || lower.contains("blocked_by_client") || lower.contains("cancel");
    if said.is_empty() || by_client {
        return Outcome::Abandoned(Phase::AwaitAnswer);
    }
    Outcome::Failed(foreign::failure(said))
}

/// The time that the answer names.
fn answered(outcome: &Outcome) -> Option<Millis> {
    match outcome {
        Outcome::Answered(response) => date::parse_http(&response.fields.text("date")?),
        _ => None,
    }
}

fn version(written: &str, otherwise: &str) -> String {
    let known = written.starts_with(['H', 'h']) && written.bytes().any(|byte| byte.is_ascii_digit());
    head::tidy(if known { written } else { otherwise })
}

fn client(entry: &Entry<'_>) -> Client {
    Client {
        address: entry.client.text().parse().ok(),
        connection: entry.connection.text().parse().unwrap_or_default(),
        way: way::parse(&entry.way.text()).unwrap_or(Way::Recorded),
        connect_agent: Some(entry.connect_agent.text().into_owned()).filter(|agent| !agent.is_empty()),
        ..Client::default()
    }
}

fn upstream_address(entry: &Entry<'_>, port: u16) -> Option<SocketAddr> {
    let text = entry.server_address.text();
    let address: IpAddr = text.trim().trim_matches(['[', ']']).parse().ok()?;
    Some(SocketAddr::new(address, port))
}

/// HAR's lengths as the model has them: there `ssl` is a part of `connect`, and phases that did not happen are negative.
fn timing(entry: &Entry<'_>) -> Timing {
    let Timings { blocked, dns, connect, ssl, send, wait, receive } = &entry.timings.0;
    let all = [blocked, dns, connect, send, wait];
    let sum = |values: &[&Plain<'_>]| values.iter().filter_map(|value| length(value)).sum::<Duration>();
    let (tls, connected) = (length(ssl), length(connect));
    let waited = length(wait);
    let whole = length(&entry.time).or_else(|| length(receive).map(|receive| sum(&all) + receive));
    Timing {
        resolve: length(dns),
        connect: connected.map(|whole| whole.saturating_sub(tls.unwrap_or_default())),
        tls,
        sent: waited.map(|_| sum(&[blocked, dns, connect, send])),
        first_byte: waited.map(|_| sum(&all)),
        end: whole,
    }
}

/// Milliseconds as a duration; none for what is negative, absurd or no number.
fn length(value: &Plain<'_>) -> Option<Duration> {
    value.number().and_then(|ms| Duration::try_from_secs_f64(ms / 1000.0).ok()).filter(|length| *length < MONTH)
}

/// No phase takes longer; what says so is a time stamp in the wrong place.
const MONTH: Duration = Duration::from_secs(31 * 86_400);

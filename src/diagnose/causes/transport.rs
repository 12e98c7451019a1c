//! Connections, certificates, clocks, and boxes in between (knowledge B1–B15).

use super::super::facts::Answer;
use super::{Facts, Rule, places, trust};
use crate::model::{Answerer, Failure, FailureKind, Finding, Grade, HeadFault, HeadProblem, Outcome, Phase, Place};
use crate::wire::reading::Credential;
use crate::wire::{cookie, date, endpoint};

pub const RULES: &[Rule] = &[
    unreachable,
    trust::certificate,
    tls_version,
    trust::client_distrusts,
    trust::authority_unknown_to_client,
    intermediary,
    proxy_credentials,
    places::ui_path,
    places::bearer_on_page,
    places::to_login,
    places::not_found,
    clock_skew,
    vanity_host,
    agent_gated,
    broken_head,
];

/// Those that need no secret to be seen.
pub const WITHOUT_SECRETS: &[Rule] = &[
    unreachable,
    trust::certificate,
    tls_version,
    trust::client_distrusts,
    trust::authority_unknown_to_client,
    intermediary,
    proxy_credentials,
    places::to_login,
    places::not_found,
];

pub(super) fn failure<'a>(facts: &'a Facts<'_>) -> Option<&'a Failure> {
    match &facts.reading.exchange.outcome {
        Outcome::Failed(failure) => Some(failure),
        Outcome::Answered(response) => response.cut.as_ref(),
        _ => None,
    }
}

fn unreachable(facts: &Facts<'_>) -> Option<Finding> {
    let failure = failure(facts)?;
    // A client's words, pasted alone, often name no host.
    let unnamed = facts.host().is_empty();
    let (host, who) = if unnamed { ("the server", "The server") } else { (facts.host(), facts.host()) };
    let because = match (failure.phase, &failure.kind) {
        (Phase::ClientTls, _) | (_, FailureKind::Certificate(_)) => return None,
        (_, FailureKind::ParentProxyRefused(reply @ ..100)) => {
            format!("The SOCKS5 proxy on the way did not lead to {host} (reply {reply}).")
        }
        (Phase::ParentProxy, kind) if !matches!(kind, FailureKind::ParentProxyRefused(_)) => {
            format!(
                "The parent proxy on the way to {host} was not reached, or did not speak as one: {}.",
                failure.detail
            )
        }
        (_, FailureKind::NameNotFound) => format!("The name {}could not be resolved.", of(facts.host())),
        (_, FailureKind::ConnectionRefused) if unnamed && names_this_machine(&failure.detail) => {
            "The address is one of the machine itself, and nothing listens there: a proxy that the client was told to use \
             (why401, too) is not running."
                .to_owned()
        }
        (_, FailureKind::ConnectionRefused) if unnamed => "The connection was refused: nothing listens there.".to_owned(),
        (_, FailureKind::ConnectionRefused) => {
            format!("{host} refused the connection: nothing listens on port {}.", facts.reading.request().port)
        }
        (_, FailureKind::Unreachable) => format!("There is no route to {host}."),
        (Phase::AwaitAnswer, FailureKind::TimedOut) => format!("{who} took the request and did not answer in time."),
        (Phase::Connect, FailureKind::Other) => format!("No connection to {host} came about."),
        (_, FailureKind::TimedOut) => format!("No connection to {host} came about in time."),
        (Phase::ReadBody, _) => format!("{who} broke off in the middle of its answer."),
        (_, FailureKind::Reset | FailureKind::Closed) => format!("{who} closed the connection before it answered."),
        (_, FailureKind::ParentProxyRefused(status)) if *status != 407 => {
            format!("The parent proxy answered {status} to the CONNECT to {host}.")
        }
        (_, FailureKind::Malformed) => format!("What {host} answered is not HTTP."),
        (_, FailureKind::NotTls) => format!("What answers at {host} does not speak TLS."),
        (_, FailureKind::ClientCertificateRefused(alert)) => {
            format!("{who} refused the client certificate that why401 gave it (TLS alert {alert}).")
        }
        (_, FailureKind::TlsAlert(112)) => {
            format!("What answers at this address does not know the name {host} (TLS alert unrecognized_name).")
        }
        (_, FailureKind::TlsAlert(alert)) if !matches!(alert, 40 | 70 | 71) => {
            format!("{who} ended the TLS handshake with the alert {alert}.")
        }
        _ => return None,
    };
    Some(
        Finding::new("upstream-unreachable", Grade::Proven, because)
            .weighing(20)
            .at(Place::Connection, phase(failure.phase)),
    )
}

fn of(host: &str) -> String {
    if host.is_empty() { String::new() } else { format!("{host} ") }
}

fn names_this_machine(detail: &str) -> bool {
    ["127.0.0.1", "localhost", "::1"].iter().any(|name| detail.contains(name))
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::ClientTls => "the client's TLS handshake",
        Phase::Resolve => "while resolving the name",
        Phase::Connect => "while connecting",
        Phase::ParentProxy => "at the parent proxy",
        Phase::UpstreamTls => "in the TLS handshake with the server",
        Phase::SendRequest => "while sending the request",
        Phase::AwaitAnswer => "while waiting for the answer",
        Phase::ReadBody => "while reading the answer",
    }
}

fn tls_version(facts: &Facts<'_>) -> Option<Finding> {
    let kind = &failure(facts)?.kind;
    let because = match kind {
        FailureKind::TlsVersion => {
            format!("{} offers no TLS version or cipher that is safe enough (TLS 1.2 at least).", facts.host())
        }
        FailureKind::ClientTlsVersion => {
            "The client offers no TLS version or cipher that is safe enough (TLS 1.2 at least).".to_owned()
        }
        FailureKind::TlsAlert(70) => format!("{} refused the TLS version (alert protocol_version).", facts.host()),
        FailureKind::TlsAlert(71) => format!("{} finds the ciphers on offer too weak (alert 71).", facts.host()),
        FailureKind::TlsAlert(40) => format!(
            "{} ended the handshake with handshake_failure: mostly no TLS version or cipher in common, sometimes a client certificate that it misses.",
            facts.host()
        ),
        _ => return None,
    };
    let told = matches!(kind, FailureKind::TlsAlert(40));
    Some(
        Finding::new("tls-version-refused", if told { Grade::Likely } else { Grade::Proven }, because)
            .weighing(22)
            .at(Place::Connection, "no version in common"),
    )
}

/// What the platform's own APIs never give: a page, or a way to another host.
fn in_the_place_of_data(facts: &Facts<'_>) -> bool {
    let Some(response) = facts.reading.response() else { return false };
    let location = response.fields.text("location").unwrap_or_default();
    let away = (300..400).contains(&response.status)
        && url_host(&location).is_some_and(|host| {
            host != facts.host()
                && !endpoint::is_instance_host(&host)
                && facts.ledger.host(&host).is_none_or(|host| !host.instance)
        });
    let html = response.fields.text("content-type").is_some_and(|mime| mime.trim_start().starts_with("text/html"));
    let page = response.status == 200 && html && facts.reading.request().method != "HEAD";
    facts.inbound() && facts.reading.request().path().starts_with("/api/now/") && (away || page)
}

/// The host of an absolute URL, in lower case and without its port.
fn url_host(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split(['/', '?', '#', ':']).next().filter(|_| scheme.starts_with("http"))?;
    Some(host.to_ascii_lowercase())
}

pub(super) fn intermediary(facts: &Facts<'_>) -> Option<Finding> {
    let instead = facts.status() >= 400 || in_the_place_of_data(facts);
    if facts.answerer != Answerer::Intermediary || !instead || facts.answer == Answer::ProxyWantsCredentials {
        return None;
    }
    let server = facts.reading.fingerprint.server.clone();
    let who = server
        .as_ref()
        .map_or_else(|| "a box without a Server name".to_owned(), |server| format!("a server named {server}"));
    let because = format!(
        "{} came from {who}, with none of ServiceNow's signs: a gateway, WAF or proxy answered in its place.",
        facts.status()
    );
    let place = if server.is_some() { Place::response_field("server") } else { Place::ResponseStatus };
    Some(Finding::new("answered-by-intermediary", Grade::Likely, because).weighing(99).at(place, "not ServiceNow"))
}

fn proxy_credentials(facts: &Facts<'_>) -> Option<Finding> {
    let parent = matches!(failure(facts).map(|failure| &failure.kind), Some(FailureKind::ParentProxyRefused(407)));
    if facts.answer != Answer::ProxyWantsCredentials && !parent {
        return None;
    }
    let schemes = facts
        .reading
        .response()
        .and_then(|r| r.fields.text("proxy-authenticate"))
        .map(|value| value.split([' ', ',']).next().unwrap_or_default().to_owned());
    // The parent's own challenge is in the words of the failure.
    let said = failure(facts).map(|failure| failure.detail.clone()).filter(|said| parent && !said.is_empty());
    let asks = schemes.map(|scheme| format!(" It asks for {scheme}."));
    let wants = said.map(|said| format!(" {said}.")).or(asks).unwrap_or_default();
    let because = format!("A proxy on the way wants credentials of its own (407): this is not ServiceNow.{wants}");
    let finding = Finding::new("proxy-authentication-required", Grade::Proven, because).weighing(40);
    Some(if parent {
        finding.at(Place::Connection, "407 from the parent proxy")
    } else {
        finding.at(Place::response_field("proxy-authenticate"), "asked for")
    })
}

/// The client's own dates (in a JWT it made) against the instance's clock (knowledge B12).
fn clock_skew(facts: &Facts<'_>) -> Option<Finding> {
    let assertion = facts.param("assertion").filter(|_| facts.token_refused())?;
    let issued = crate::wire::jwt::decode(assertion)?.date("iat")?;
    let theirs = date::parse_http(&facts.reading.response()?.fields.text("date")?)?;
    let skew = issued.seconds_since(theirs);
    if skew.abs() <= 60 || skew < 0 && skew > -3600 {
        return None;
    }
    let because = format!(
        "The client made its assertion at {} by its own clock; the instance's says {}: {} apart.",
        date::clock(issued),
        date::clock(theirs),
        date::span(skew)
    );
    let grade = if skew > 60 { Grade::Proven } else { Grade::Likely };
    Some(
        Finding::new("clock-skew", grade, because)
            .weighing(30)
            .at(Place::response_field("date"), "the instance's clock")
            .at(facts.param_place("assertion"), "iat"),
    )
}

/// The load balancer's cookie names another instance than the host (knowledge B3).
fn vanity_host(facts: &Facts<'_>) -> Option<Finding> {
    let now = facts.reading.response().and_then(|answer| cookie::pools(&answer.fields).next());
    let pool = now.or_else(|| facts.host_record().and_then(|host| host.pool.clone()))?;
    let label = facts.host().split('.').next().unwrap_or_default();
    let refused = facts.not_authenticated() && facts.inbound() && facts.by_instance();
    if !refused || label == pool || facts.credential() == Credential::None {
        return None;
    }
    let because = format!(
        "{} stands before the instance {pool}; tokens and sessions of {pool}'s own name may not be taken here.",
        facts.host()
    );
    let weight = if endpoint::is_instance_host(facts.host()) { 35 } else { 62 };
    Some(
        Finding::new("host-not-issuing", Grade::Possible, because)
            .weighing(weight)
            .at(Place::RequestUrl, facts.host().to_owned()),
    )
}

/// The same session or credential passes with another User-Agent (knowledge B9).
fn agent_gated(facts: &Facts<'_>) -> Option<Finding> {
    let refused =
        (facts.not_authenticated() || facts.answer == Answer::Forbidden) && facts.inbound() && !facts.browser();
    let session = facts
        .reading
        .session_cookie()
        .filter(|_| refused)
        .and_then(|cookie| facts.ledger.session(facts.host(), cookie))?;
    let browser = session.agent.starts_with("Mozilla/") && session.ok.is_some();
    let because = "The same session works from a browser; this client calls itself something else.";
    browser.then(|| {
        Finding::new("user-agent-gated", Grade::Possible, because)
            .weighing(46)
            .at(Place::request_field("user-agent"), "not a browser's")
    })
}

/// A head that HTTP cannot parse, with the fault inside Authorization or beside it.
fn broken_head(facts: &Facts<'_>) -> Option<Finding> {
    let Outcome::Refused(HeadFault { offset, problem, .. }) = &facts.reading.exchange.outcome else { return None };
    let head = facts.reading.request().head.clone()?;
    let line_start = head.iter().take(*offset).rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let before =
        String::from_utf8_lossy(head.get(..(*offset).min(head.len())).unwrap_or_default()).to_ascii_lowercase();
    let last_field = before
        .rsplit('\n')
        .find(|line| line.contains(':') || line.trim_start().starts_with("authorization"))
        .unwrap_or_default()
        .to_owned();
    let line = String::from_utf8_lossy(head.get(line_start..).unwrap_or_default()).to_ascii_lowercase();
    let in_authorization = line.starts_with("authorization") || last_field.starts_with("authorization");
    if !in_authorization {
        return None;
    }
    let span = *offset..(*offset + 1).min(head.len()).max(*offset);
    let (cause, because) = match problem {
        HeadProblem::NoColon | HeadProblem::SpaceBeforeColon => (
            "header-misnamed",
            "The Authorization line cannot be read: its name must end in a colon, without a blank before it.",
        ),
        HeadProblem::Folded | HeadProblem::BareLineBreak if last_field.contains("basic") => {
            ("basic-line-wrapped", "A line break stands inside the Basic value: the encoder wrapped its lines.")
        }
        HeadProblem::Folded | HeadProblem::BareLineBreak => (
            "token-illegal-character",
            "A line break stands inside Authorization: the token was read with the end of its line.",
        ),
        _ => ("token-illegal-character", "A control byte stands inside Authorization; no server takes such a head."),
    };
    Some(Finding::new(cause, Grade::Proven, because).weighing(45).at_span(
        Place::RequestHead,
        span,
        "here the head stops being HTTP",
    ))
}

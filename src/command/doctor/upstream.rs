//! The side that we call: one request without credentials through a proxy of our own, and what it shows.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::Line;
use crate::command::Failure;
use crate::config::Config;
use crate::model::{CertificateFault, Exchange, Failure as Stopped, FailureKind, Outcome, Phase, Response, Scheme};
use crate::output::redact::brief;
use crate::proxy::{Pattern, Reverse, Scope, ca::Authority};
use crate::run::service;
use crate::wire::date;
use crate::wire::inspection;

const ROUTE: &str = "route";
const UPSTREAM: &str = "upstream";
const AWAKE: &str = "awake";
const CLOCK: &str = "clock";

/// An instance that is awake refuses this without credentials, 401 with a challenge; it counts against no user.
const PROBE: &str = "/api/now/table/incident?sysparm_limit=1";
/// Over all phases; each has its own limit in the proxy.
const PATIENCE: Duration = Duration::from_secs(90);
/// More of the answer than any probe needs.
const ANSWER_BYTES: u64 = 256 * 1024;
/// From this many seconds on, tokens of a minute's life and signed requests fail by the clock alone.
const OFF_SECONDS: i64 = 30;

/// Reaches the host as the proxy would.
pub async fn look(config: &Config, host: &str) -> Result<Vec<Line>, Failure> {
    let name = host.trim_start_matches("https://").trim_end_matches('/');
    let pattern: Pattern = name.parse().map_err(|error| Failure::Usage(format!("error: {error}")))?;
    let mut lines = vec![scope(config, &pattern), route(config)];
    match probe(config, name).await? {
        Some(exchange) => lines.extend(seen(&exchange)),
        None => lines.push(Line::fault(
            UPSTREAM,
            "the probe did not end in time",
            "look at the operations: WHY401_LOG=debug",
        )),
    }
    Ok(lines)
}

fn scope(config: &Config, host: &Pattern) -> Line {
    match Scope(config.scope()).covers(host.base()) {
        true => Line::ok("scope", format!("{host} is intercepted")),
        false => Line::fault(
            "scope",
            format!("{host} is not intercepted: it passes unseen"),
            format!("--intercept {host}, after `why401 ca rotate --intercept {host}`"),
        ),
    }
}

fn route(config: &Config) -> Line {
    match config.upstream.way_out_words() {
        Some(way) => Line::ok(ROUTE, format!("through {way}")),
        None => Line::ok(ROUTE, "direct"),
    }
}

/// The probe's own exchange: a proxy with a reverse listener for the host, and one plain request to it.
async fn probe(config: &Config, host: &str) -> Result<Option<Arc<Exchange>>, Failure> {
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let upstream = format!("https://{host}").parse().map_err(|error| Failure::Usage(format!("error: {error}")))?;
    let mut config = config.clone();
    config.listen = Vec::new();
    config.reverse = vec![Reverse { scheme: Scheme::Http, listen: Some(loopback), upstream }];
    let authority = Authority::ephemeral(&config.scope()).map_err(|error| error.to_string())?;
    let (sender, mut exchanges) = mpsc::channel(1);
    let proxy = service::proxy(&config, Arc::new(authority), sender).await?;
    let address = proxy.reverse_addresses().first().copied().ok_or("the proxy listens nowhere")?;
    let asked = async {
        // What the client sees of a failure is what the exchange says of it.
        ask(address, host).await.unwrap_or_default();
        exchanges.recv().await
    };
    let exchange = tokio::time::timeout(PATIENCE, asked).await.ok().flatten();
    proxy.drain(Duration::from_secs(1)).await;
    Ok(exchange)
}

async fn ask(address: SocketAddr, host: &str) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let agent = concat!("why401/", env!("CARGO_PKG_VERSION"));
    let head = format!(
        "GET {PROBE} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\nAccept: application/json\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.take(ANSWER_BYTES).read_to_end(&mut Vec::new()).await?;
    Ok(())
}

fn seen(exchange: &Exchange) -> Vec<Line> {
    match &exchange.outcome {
        Outcome::Answered(answer) => vec![reached(exchange), awake(answer), clock(exchange, answer)],
        Outcome::Failed(stopped) => vec![failed(stopped)],
        _ => vec![Line::fault(UPSTREAM, "the probe was not answered", "try again")],
    }
}

fn reached(exchange: &Exchange) -> Line {
    let tls = exchange.upstream.tls.as_ref().and_then(|tls| tls.version.clone()).unwrap_or_else(|| "TLS".into());
    let address = exchange.upstream.address.map(|address| format!(" at {address}")).unwrap_or_default();
    Line::ok(UPSTREAM, format!("{}{address}, {tls}, certificate verified", exchange.request.host))
}

/// A sleeping instance answers every path with 200 and one page, without a challenge.
fn awake(answer: &Response) -> Line {
    let text = String::from_utf8_lossy(&answer.body.bytes);
    let challenge = answer.fields.has("www-authenticate");
    match answer.status {
        401 if challenge => Line::ok(AWAKE, "401 with a challenge, as an instance answers that is awake"),
        _ if text.to_ascii_lowercase().contains("hibernating") => Line::fault(
            AWAKE,
            "the instance is hibernating: it answers every path with one page",
            "sign in to developer.servicenow.com and wake it",
        ),
        502..=504 => Line::warning(
            AWAKE,
            format!("{}: the edge is up, the instance is not", answer.status),
            "wait for it to come up, then try again",
        ),
        status => Line::warning(
            AWAKE,
            format!(
                "{status} to a request without credentials; an instance that is awake answers 401 with a challenge"
            ),
            "is this the address of a ServiceNow instance, and is nothing between you and it?",
        ),
    }
}

fn clock(exchange: &Exchange, answer: &Response) -> Line {
    let Some(theirs) = answer.fields.text("date").and_then(|text| date::parse_http(&text)) else {
        return Line::warning(CLOCK, "the answer has no Date to compare with", "");
    };
    let elapsed = exchange.timing.first_byte.unwrap_or_default().as_secs();
    let ours = exchange.at.plus_seconds(i64::try_from(elapsed).unwrap_or_default());
    offset(ours.seconds_since(theirs))
}

/// Positive: ours is ahead.
fn offset(seconds: i64) -> Line {
    let size = seconds.unsigned_abs();
    let way = if seconds > 0 { "ahead of" } else { "behind" };
    match seconds.abs() <= OFF_SECONDS {
        true => Line::ok(CLOCK, format!("within {} s of the instance's", size.max(1))),
        false => Line::fault(
            CLOCK,
            format!("this machine's clock is {size} s {way} the instance's"),
            "set it (timedatectl set-ntp true): signed JWTs and token ages are judged by it",
        ),
    }
}

/// `parent`: names and connections are those of a parent proxy.
fn failed(stopped: &Stopped) -> Line {
    let detail = brief(&stopped.detail, 200);
    let (says, next) = match (&stopped.phase, &stopped.kind) {
        (Phase::ParentProxy, FailureKind::ParentProxyRefused(407)) => (
            format!("the parent proxy wants credentials: {detail}"),
            "--upstream-proxy http://USER:PASSWORD@HOST:PORT; for NTLM or Kerberos put a helper between: px-proxy, Cntlm, Alpaca",
        ),
        (Phase::ParentProxy, FailureKind::ParentProxyRefused(status)) => {
            (format!("the parent proxy refused with {status}"), "ask its administrator to allow the instance")
        }
        (Phase::ParentProxy, _) => {
            (format!("the parent proxy was not reached: {detail}"), "check --upstream-proxy and HTTPS_PROXY")
        }
        (_, FailureKind::NameNotFound) => {
            ("the name is not known".to_owned(), "check the spelling; behind a corporate proxy: --upstream-proxy")
        }
        (_, FailureKind::Certificate(CertificateFault::UnknownIssuer(issuer))) => (
            format!(
                "its certificate is issued by {issuer}, which this machine does not trust: {} inspects TLS on the way, or a root is missing",
                inspection::product(issuer).unwrap_or("somebody")
            ),
            "--upstream-ca with that issuer's root, from your administrator",
        ),
        (_, FailureKind::Certificate(fault)) => (
            format!("its certificate does not verify: {}", certificate(fault)),
            "tell whoever runs that host; verification is never switched off",
        ),
        (_, FailureKind::ConnectionRefused) => {
            ("the connection was refused".into(), "is the port right, and is a firewall on the way?")
        }
        (_, FailureKind::TimedOut) => {
            ("no answer in time".into(), "a firewall on the way? Behind a corporate proxy: --upstream-proxy")
        }
        (_, FailureKind::ClientCertificateRequired) => (
            "it wants a client certificate".into(),
            "name one in `upstream.client_certificates`, or let its calls pass without interception",
        ),
        (_, FailureKind::ClientCertificateRefused(alert)) => {
            (format!("it refused our client certificate (TLS alert {alert})"), "is it the one for this host?")
        }
        (_, FailureKind::Forbidden) => (format!("the proxy's own rules refuse it: {detail}"), "name another host"),
        _ => (format!("it was not reached: {detail}"), "try again; WHY401_LOG=debug says more"),
    };
    Line::fault(UPSTREAM, says, next)
}

fn certificate(fault: &CertificateFault) -> String {
    match fault {
        CertificateFault::Expired => "it has expired".into(),
        CertificateFault::NotYetValid => "it is not valid yet; is this machine's clock right?".into(),
        CertificateFault::WrongName(names) => format!("it is for {}", names.join(", ")),
        CertificateFault::UnknownIssuer(issuer) => format!("unknown issuer {issuer}"),
        CertificateFault::SelfSigned => "it is signed by itself".into(),
        CertificateFault::ChainIncomplete(issuer) => format!("it came without that of its issuer {issuer}"),
        CertificateFault::Weak => "its key or its signature is too weak".into(),
        CertificateFault::NotPinned => "it is not the one that --upstream-insecure names".into(),
        CertificateFault::Revoked => "it was revoked".into(),
        CertificateFault::BadSignature => "its signature is wrong".into(),
        CertificateFault::NotAllowed => "it is not meant for this".into(),
        CertificateFault::Other => "it is not sound".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;
    use crate::model::{Body, Fields};

    fn answer(status: u16, challenge: bool, body: &'static str) -> Response {
        let fields: Fields =
            challenge.then_some(("WWW-Authenticate", "Basic realm=\"Service-now\"")).into_iter().collect();
        Response {
            status,
            reason: String::new(),
            version: "HTTP/1.1".into(),
            fields,
            body: Body::whole(body.as_bytes()),
            ours: false,
            cut: None,
        }
    }

    #[test]
    fn sleeping_waking_and_foreign_hosts_are_told_apart() {
        assert_eq!(awake(&answer(401, true, "")).level, Level::Ok);
        assert_eq!(awake(&answer(200, false, "<title>Instance Hibernating page</title>")).level, Level::Fault);
        assert_eq!(awake(&answer(502, false, "")).level, Level::Warning);
        assert!(awake(&answer(200, false, "hello")).says.starts_with("200 to a request"));
    }

    #[test]
    fn a_clock_is_off_in_either_direction() {
        assert_eq!(offset(OFF_SECONDS).level, Level::Ok);
        assert!(offset(-600).says.contains("600 s behind"));
        assert!(offset(31).says.contains("31 s ahead of"));
    }

    #[test]
    fn whoever_inspects_is_named() {
        let stopped = |phase, kind| Stopped { phase, kind, detail: String::new(), status: Some(502) };
        let inspected = FailureKind::Certificate(CertificateFault::UnknownIssuer("CN=Corp Inspection".into()));
        assert!(failed(&stopped(Phase::UpstreamTls, inspected)).says.contains("Corp Inspection"));
        assert!(
            failed(&stopped(Phase::ParentProxy, FailureKind::ParentProxyRefused(407))).says.contains("credentials")
        );
        assert!(failed(&stopped(Phase::Resolve, FailureKind::NameNotFound)).next.contains("spelling"));
    }
}

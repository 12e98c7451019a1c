//! What is said when the proxy has started: five lines for people, or the first JSON object of the contract.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Serialize;

use super::service::Service;
use crate::config::{Config, Format};
use crate::proxy::Running;
use crate::proxy::ca::{Authority, Reach};
use crate::telling;

/// Days before the authority's end from which on every start says so.
const WARN_DAYS: i64 = 30;

/// Says where it listens, what it intercepts, which authority, what to set in Postman, where the session goes.
pub fn started(config: &Config, service: &Service, authority: &Authority) {
    match config.log.format {
        Format::Human => telling::explain(&lines(config, service, authority)),
        Format::Json => telling::explain(&object(config, service, authority)),
    }
    if let Err(ended) = authority.ended() {
        tracing::error!("{ended}; until then the TLS of intercepted hosts is refused");
        return;
    }
    let days = (authority.not_after() - time::OffsetDateTime::now_utc()).whole_days();
    if days < WARN_DAYS {
        tracing::warn!(days, "the certificate authority ends soon: {}", authority.renewal());
    }
}

/// What is running, for the page in the browser.
pub fn facts(config: &Config, proxy: &Running) -> Vec<(&'static str, String)> {
    vec![
        ("version", env!("CARGO_PKG_VERSION").into()),
        ("listens", listens(config, proxy)),
        ("intercepts", intercepts(config)),
        ("session", session(config)),
    ]
}

fn listens(config: &Config, proxy: &Running) -> String {
    let own = proxy.addresses().iter().map(SocketAddr::to_string);
    own.chain(reverse(config, proxy)).collect::<Vec<_>>().join(", ")
}

fn intercepts(config: &Config) -> String {
    config.scope().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn session(config: &Config) -> String {
    config.session.dir.as_ref().map_or_else(|| "not recorded".into(), |dir| dir.display().to_string())
}

fn lines(config: &Config, service: &Service, authority: &Authority) -> String {
    let proxy = &service.proxy;
    let addresses = proxy.addresses();
    let certificate = certificate(authority);
    let set = addresses
        .first()
        .map(|address| format!("server {}, port {}", address.ip(), address.port()))
        .unwrap_or_default();
    let name = concat!("why401 ", env!("CARGO_PKG_VERSION"));
    let mut lines = vec![
        format!("listens     {} ({name})", listens(config, proxy)),
        format!("intercepts  {}; TLS to any other host passes unseen", intercepts(config)),
        format!("trust       {certificate}{} (for each client: why401 ca trust CLIENT)", kind(authority)),
        format!("in Postman  Settings > Proxy: {set}; Settings > Certificates: the file above as CA"),
        format!("session     {}", session(config)),
    ];
    lines.extend(
        service
            .page
            .iter()
            .map(|page| format!("page        {} (for this machine, and whoever has the token)", page.url())),
    );
    lines.extend(config.upstream.way_out_words().map(|way| format!("way out     {way}")));
    lines.extend(config.upstream.insecure.iter().map(|host| format!("UNVERIFIED  {}", host.words())));
    lines.push(String::new());
    lines.join("\n")
}

/// The reverse entries: those with a listener of their own, in order, and the one without.
fn reverse(config: &Config, proxy: &Running) -> Vec<String> {
    let (own, without): (Vec<_>, Vec<_>) = config.reverse.iter().partition(|entry| entry.listen.is_some());
    let own = own
        .iter()
        .zip(proxy.reverse_addresses())
        .map(|(entry, at)| format!("{}://{at} for {}", entry.scheme.as_str(), entry.upstream));
    own.chain(without.iter().map(|entry| format!("there also for {}", entry.upstream))).collect()
}

/// What is out of the ordinary about an authority.
fn kind(authority: &Authority) -> &'static str {
    match authority.reach() {
        Reach::Names(_) => "",
        Reach::Everything => ", without name constraints",
        Reach::Given => ", an authority of your own",
    }
}

fn certificate(authority: &Authority) -> String {
    match authority.certificate_path() {
        Some(path) => std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string(),
        None => "an authority of this run only".into(),
    }
}

#[derive(Serialize)]
struct Start {
    schema: &'static str,
    listen: Vec<String>,
    ca: String,
    session: Option<PathBuf>,
    /// The page in the browser, with its token.
    #[serde(skip_serializing_if = "Option::is_none")]
    ui: Option<String>,
}

fn object(config: &Config, service: &Service, authority: &Authority) -> String {
    let proxy = &service.proxy;
    let start = Start {
        schema: "why401.start/1",
        listen: proxy.addresses().iter().chain(proxy.reverse_addresses()).map(SocketAddr::to_string).collect(),
        ca: certificate(authority),
        session: config.session.dir.clone(),
        ui: service.page.as_ref().map(|page| page.url().to_owned()),
    };
    // Plain data with text keys: this cannot fail.
    serde_json::to_string(&start).unwrap_or_default()
}

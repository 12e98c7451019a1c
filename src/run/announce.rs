//! What is said when the proxy has started: five lines for people, or the first JSON object of the contract.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Serialize;

use crate::config::{Config, Format};
use crate::proxy::Running;
use crate::proxy::ca::{Authority, Reach};
use crate::telling;

/// Days before the authority's end from which on every start says so.
const WARN_DAYS: i64 = 30;

/// Says where it listens, what it intercepts, which authority, what to set in Postman, where the session goes.
pub fn started(config: &Config, proxy: &Running, authority: &Authority) {
    match config.log.format {
        Format::Human => telling::explain(&lines(config, proxy, authority)),
        Format::Json => telling::explain(&object(config, proxy, authority)),
    }
    let days = (authority.not_after() - time::OffsetDateTime::now_utc()).whole_days();
    if days < WARN_DAYS {
        tracing::warn!(days, "the certificate authority ends soon: {}", authority.renewal());
    }
}

fn lines(config: &Config, proxy: &Running, authority: &Authority) -> String {
    let addresses = proxy.addresses();
    let listen: Vec<String> = addresses.iter().map(SocketAddr::to_string).chain(reverse(config, proxy)).collect();
    let scope: Vec<String> = config.scope().iter().map(ToString::to_string).collect();
    let certificate = certificate(authority);
    let set = addresses
        .first()
        .map(|address| format!("server {}, port {}", address.ip(), address.port()))
        .unwrap_or_default();
    let session = match &config.session.dir {
        Some(dir) => dir.display().to_string(),
        None => "not recorded".into(),
    };
    let name = concat!("why401 ", env!("CARGO_PKG_VERSION"));
    [
        format!("listens     {} ({name})", listen.join(", ")),
        format!("intercepts  {}; TLS to any other host passes unseen", scope.join(", ")),
        format!("trust       {certificate}{} (for each client: why401 ca trust CLIENT)", kind(authority)),
        format!("in Postman  Settings > Proxy: {set}; Settings > Certificates: the file above as CA"),
        format!("session     {session}"),
        String::new(),
    ]
    .join("\n")
}

/// The reverse entries: those with a listener of their own, in order, and the one without.
fn reverse(config: &Config, proxy: &Running) -> Vec<String> {
    let (own, without): (Vec<_>, Vec<_>) = config.reverse.iter().partition(|entry| entry.listen.is_some());
    let own =
        own.iter().zip(proxy.reverse_addresses()).map(|(entry, at)| format!("http://{at} for {}", entry.upstream));
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
}

fn object(config: &Config, proxy: &Running, authority: &Authority) -> String {
    let start = Start {
        schema: "why401.start/1",
        listen: proxy.addresses().iter().chain(proxy.reverse_addresses()).map(SocketAddr::to_string).collect(),
        ca: certificate(authority),
        session: config.session.dir.clone(),
    };
    // Plain data with text keys: this cannot fail.
    serde_json::to_string(&start).unwrap_or_default()
}

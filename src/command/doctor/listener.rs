//! The side that clients reach: is the address ours to take, who has it, and does a client come through.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::Line;
use crate::command::{Failure, say};
use crate::config::Config;
use crate::model::{Exchange, FailureKind, Outcome, Phase};
use crate::output::redact::brief;
use crate::run::service;

const LISTENER: &str = "listener";
const CLIENT: &str = "client";

/// How long whoever has the port may take to say what it is.
const PATIENCE: Duration = Duration::from_secs(2);
/// More than any page of ours.
const PAGE_BYTES: u64 = 64 * 1024;

/// One line for each address that the proxy listens on.
pub async fn look(config: &Config) -> Vec<Line> {
    let mut lines = Vec::new();
    for address in &config.listen {
        let line = match TcpListener::bind(address).await {
            Ok(_) => Line::ok(LISTENER, format!("{address} is free; `why401` takes it")),
            Err(error) if error.kind() == ErrorKind::AddrInUse => taken(config, *address).await,
            Err(error) => {
                Line::fault(LISTENER, format!("{address}: {error}"), "choose another: --listen 127.0.0.1:8080")
            }
        };
        lines.push(line);
        if !address.ip().is_loopback() {
            let says = format!("{address} can be reached from other machines; credentials pass here");
            lines.push(Line::warning(LISTENER, says, "listen on 127.0.0.1 unless others must come through"));
        }
    }
    lines
}

async fn taken(config: &Config, address: SocketAddr) -> Line {
    let page = tokio::time::timeout(PATIENCE, own_page(address)).await.ok().and_then(Result::ok).unwrap_or_default();
    if !page.contains("<title>why401</title>") {
        let says = format!("{address} is taken by another program");
        return Line::fault(LISTENER, says, format!("end it, or choose another: --listen {}:0", address.ip()));
    }
    let opened = config.authority().ok().filter(|source| source.certificate_path().exists());
    match opened.and_then(|source| Some((source.open(&config.scope()).ok()?, source))) {
        Some((authority, source)) if !page.contains(&authority.fingerprint()) => Line::fault(
            LISTENER,
            format!("why401 runs on {address}, with another authority than the one in {}", source.place().display()),
            "restart it, or name its folder with --ca-dir",
        ),
        _ => Line::ok(LISTENER, format!("why401 runs on {address}")),
    }
}

async fn own_page(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes()).await?;
    let mut page = Vec::new();
    stream.take(PAGE_BYTES).read_to_end(&mut page).await?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

/// Runs the proxy until one client has come, and says how that went.
pub async fn wait_for_client(config: &Config, limit: Duration) -> Result<Line, Failure> {
    let authority = config.authority()?.open(&config.scope()).map_err(|error| error.to_string())?;
    let (sender, mut exchanges) = mpsc::channel(config.memory.queue);
    let proxy = service::proxy(config, Arc::new(authority), sender).await?;
    let addresses: Vec<String> = proxy.addresses().iter().map(ToString::to_string).collect();
    say(&format!("         {CLIENT:11} send one request from your client now, through {} …", addresses.join(", ")));
    let seen = tokio::time::timeout(limit, exchanges.recv()).await;
    proxy.drain(Duration::from_secs(1)).await;
    Ok(match seen {
        Ok(Some(exchange)) => came(&exchange),
        _ => Line::fault(
            CLIENT,
            format!("nothing came to an intercepted host within {} s", limit.as_secs()),
            "the client does not use the proxy: `why401 ca trust CLIENT` says where it is set; look for a bypass list",
        ),
    })
}

fn came(exchange: &Exchange) -> Line {
    let agent = exchange.request.fields.text("user-agent").map(|agent| agent.into_owned());
    let agent =
        agent.or_else(|| exchange.client.connect_agent.clone()).unwrap_or_else(|| "a client without a name".into());
    let agent = brief(&agent, 80);
    match &exchange.outcome {
        Outcome::Failed(failure)
            if failure.phase == Phase::ClientTls && failure.kind == FailureKind::ClientTlsVersion =>
        {
            Line::fault(CLIENT, format!("{agent} offers no TLS version of today"), "let it speak TLS 1.2 or 1.3")
        }
        Outcome::Failed(failure) if failure.phase == Phase::ClientTls => Line::fault(
            CLIENT,
            format!("{agent} came and refused our certificate: it does not trust the authority"),
            "`why401 ca trust CLIENT` prints how it comes to",
        ),
        _ => Line::ok(
            CLIENT,
            format!("{agent} came through and trusts us: {} {}", exchange.request.method, exchange.request.origin()),
        ),
    }
}

//! The page in the browser, served: a listener of its own on loopback, read-only, for whoever has the address with its token.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::output::Told;
use crate::output::live::{self, Board};
use crate::pipeline::Teller;

/// How long a request's head may take, and one write of an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes and fields of a head.
const HEAD: usize = 16 * 1024;
const FIELDS: usize = 64;
/// Connections at once; further ones wait. A browser uses six, one of them for news.
const CONNECTIONS: usize = 32;
/// Without news, a line that means nothing is sent this often, so that an abandoned connection is noticed.
const SIGN_OF_LIFE: Duration = Duration::from_secs(30);
/// News is told at most this often.
const BREATH: Duration = Duration::from_millis(250);

/// The page's data, shared by the pipeline and the connections.
#[derive(Clone)]
pub struct Feed {
    board: Arc<Mutex<Board>>,
    news: watch::Sender<u64>,
}

impl Feed {
    fn board(&self) -> std::sync::MutexGuard<'_, Board> {
        // A board cannot be left half-written in a way that matters.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Teller for Feed {
    fn tell(&mut self, told: &Told<'_>) {
        self.board().take(told);
        self.news.send_modify(|count| *count += 1);
    }
}

/// A page whose address is taken, not yet served.
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    token: String,
    feed: Feed,
}

/// A served page; dropping it ends the serving.
pub struct Page {
    url: String,
    task: JoinHandle<()>,
}

impl Page {
    /// Its address with the token: who has it can read the page.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Bound {
    /// Takes the address, which must be one of loopback: the page shows hosts, users and what went wrong.
    pub async fn new(address: SocketAddr) -> Result<Bound, String> {
        if !address.ip().is_loopback() {
            return Err(format!(
                "--ui {address}: the page is for this machine only; use 127.0.0.1:{}, and a tunnel (ssh -L) from elsewhere",
                address.port()
            ));
        }
        let listener = TcpListener::bind(address).await.map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => format!("--ui {address} is in use by another program; choose another port"),
            _ => format!("--ui: cannot listen on {address}: {error}"),
        })?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let feed = Feed { board: Arc::default(), news: watch::channel(0).0 };
        Ok(Bound { listener, address, token: token()?, feed })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the pipeline tells.
    pub fn feed(&self) -> Feed {
        self.feed.clone()
    }

    /// Serves it from now on; `facts` are name and value of what is running.
    pub fn serve(self, facts: Vec<(&'static str, String)>) -> Page {
        let url = format!("http://{}/?token={}", self.address, self.token);
        let desk = Arc::new(Desk { address: self.address, token: self.token, feed: self.feed, facts });
        let listener = self.listener;
        Page { url, task: tokio::spawn(accept(listener, desk)) }
    }
}

/// 128 bits of chance, in hex.
fn token() -> Result<String, String> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| format!("no random numbers: {error}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

async fn accept(listener: TcpListener, desk: Arc<Desk>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // Never closed: it lives as long as this loop.
        let Ok(permit) = room.clone().acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, as a rule: an immediate retry would only burn the processor.
            tokio::time::sleep(BREATH).await;
            continue;
        };
        let desk = desk.clone();
        tokio::spawn(async move {
            // What is wrong with a connection of a browser is told to nobody: it asks again.
            serve(stream, &desk).await.ok();
            drop(permit);
        });
    }
}

/// What every connection is served from.
struct Desk {
    address: SocketAddr,
    token: String,
    feed: Feed,
    facts: Vec<(&'static str, String)>,
}

/// What a request asks for, as far as it matters here.
struct Asked {
    method: String,
    path: String,
    token: String,
    host: Option<String>,
}

enum Reply {
    Whole { status: u16, media: &'static str, body: String },
    News,
}

impl Desk {
    fn reply(&self, asked: &Asked) -> Reply {
        let plain = |status, text: &str| Reply::Whole { status, media: "text/plain; charset=utf-8", body: text.into() };
        if !asked.host.as_deref().is_some_and(|host| self.is_here(host)) {
            return plain(421, "This page is reached by the address that why401 printed, and by no other name.\n");
        }
        if !matches!(asked.method.as_str(), "GET" | "HEAD") {
            return plain(405, "This page can only be read.\n");
        }
        if !self.knows(&asked.token) {
            return plain(403, "The address lacks its token: use the one that why401 printed when it started.\n");
        }
        let html = |body| Reply::Whole { status: 200, media: "text/html; charset=utf-8", body };
        match asked.path.as_str() {
            "/" => html(self.feed.board().page(&self.token, &self.facts)),
            "/list" => html(self.feed.board().list()),
            "/live.css" => Reply::Whole { status: 200, media: "text/css; charset=utf-8", body: live::STYLE.into() },
            "/live.js" => {
                Reply::Whole { status: 200, media: "text/javascript; charset=utf-8", body: live::SCRIPT.into() }
            }
            "/events" => Reply::News,
            _ => plain(404, "There is no such page.\n"),
        }
    }

    /// Whether a Host is ours. Any other could be a name that was made to point here (DNS rebinding).
    fn is_here(&self, host: &str) -> bool {
        let (name, port) = host.rsplit_once(':').unwrap_or((host, "80"));
        let address = name.trim_matches(['[', ']']).parse::<IpAddr>();
        let named = name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|ip| ip == self.address.ip());
        named && port.parse() == Ok(self.address.port())
    }

    /// Compares digests, so that the time it takes says nothing of the token.
    fn knows(&self, token: &str) -> bool {
        Sha256::digest(token) == Sha256::digest(&self.token)
    }
}

async fn serve(mut stream: TcpStream, desk: &Desk) -> io::Result<()> {
    let head = timeout(PATIENCE, read_head(&mut stream)).await??;
    let Some(asked) = asked(&head) else {
        return send(&mut stream, &head_of(400, "text/plain; charset=utf-8", Some(0))).await;
    };
    match desk.reply(&asked) {
        Reply::Whole { status, media, body } => {
            let mut bytes = head_of(status, media, Some(body.len()));
            if asked.method != "HEAD" {
                bytes.push_str(&body);
            }
            send(&mut stream, &bytes).await?;
            stream.shutdown().await
        }
        Reply::News => news(stream, desk.feed.news.subscribe()).await,
    }
}

async fn read_head(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while head.len() < HEAD && stream.read_buf(&mut head).await? > 0 {
        // What follows a head does not matter here.
        if head.windows(4).any(|four| four == b"\r\n\r\n") {
            break;
        }
    }
    Ok(head)
}

fn asked(head: &[u8]) -> Option<Asked> {
    let mut space = [httparse::EMPTY_HEADER; FIELDS];
    let mut parsed = httparse::Request::new(&mut space);
    parsed.parse(head).ok().filter(httparse::Status::is_complete)?;
    let target = parsed.path.filter(|target| target.starts_with('/'))?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut hosts = parsed.headers.iter().filter(|field| field.name.eq_ignore_ascii_case("host"));
    let host = hosts.next().and_then(|field| std::str::from_utf8(field.value).ok()).map(str::to_owned);
    Some(Asked {
        method: parsed.method?.to_owned(),
        path: path.to_owned(),
        token: query.split('&').find_map(|part| part.strip_prefix("token=")).unwrap_or_default().to_owned(),
        // Two of them are none.
        host: host.filter(|_| hosts.next().is_none()),
    })
}

/// A head whose body ends with the connection; `length` where it is known.
fn head_of(status: u16, media: &str, length: Option<usize>) -> String {
    let reason = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let length = length.map(|length| format!("Content-Length: {length}\r\n")).unwrap_or_default();
    let allow = if status == 405 { "Allow: GET, HEAD\r\n" } else { "" };
    format!(
        "HTTP/1.1 {status} {}\r\nContent-Type: {media}\r\n{length}{allow}Cache-Control: no-store\r\n\
         Content-Security-Policy: {}\r\nX-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\n\
         Referrer-Policy: no-referrer\r\nCross-Origin-Resource-Policy: same-origin\r\n\
         Cross-Origin-Opener-Policy: same-origin\r\nConnection: close\r\n\r\n",
        reason.unwrap_or_default(),
        live::POLICY
    )
}

async fn send(stream: &mut TcpStream, text: &str) -> io::Result<()> {
    timeout(PATIENCE, stream.write_all(text.as_bytes())).await?
}

/// Server-sent events (HTML Standard §9.2): one each time that there is news, until the browser leaves.
async fn news(mut stream: TcpStream, mut news: watch::Receiver<u64>) -> io::Result<()> {
    send(&mut stream, &head_of(200, "text/event-stream", None)).await?;
    send(&mut stream, "retry: 2000\n\n").await?;
    loop {
        match timeout(SIGN_OF_LIFE, news.changed()).await {
            Ok(Ok(())) => {
                let count = *news.borrow_and_update();
                send(&mut stream, &format!("data: {count}\n\n")).await?;
                tokio::time::sleep(BREATH).await;
            }
            // The proxy ends.
            Ok(Err(_)) => return stream.shutdown().await,
            Err(_) => send(&mut stream, ": still here\n\n").await?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desk() -> Desk {
        let feed = Feed { board: Arc::default(), news: watch::channel(0).0 };
        Desk { address: "127.0.0.1:8081".parse().unwrap(), token: "0f".repeat(16), feed, facts: Vec::new() }
    }

    fn status(request: &str) -> u16 {
        let head = format!("{request}\r\n\r\n");
        match asked(head.as_bytes()).map(|asked| desk().reply(&asked)) {
            None => 400,
            Some(Reply::Whole { status, .. }) => status,
            Some(Reply::News) => 200,
        }
    }

    #[test]
    fn only_with_the_token_and_only_by_its_own_name() {
        let token = "0f".repeat(16);
        let at = |host: &str| status(&format!("GET /?token={token} HTTP/1.1\r\nHost: {host}"));
        assert_eq!([at("127.0.0.1:8081"), at("localhost:8081"), at("LOCALHOST:8081")], [200; 3]);
        for host in ["127.0.0.1", "127.0.0.1:80", "evil.example:8081", "127.0.0.1.evil.example:8081", "127.0.0.2:8081"]
        {
            assert_eq!(at(host), 421, "{host}");
        }
        assert_eq!(at("127.0.0.1:8081\r\nHost: 127.0.0.1:8081"), 421);
        let with = |query: &str| status(&format!("GET /{query} HTTP/1.1\r\nHost: 127.0.0.1:8081"));
        for query in ["", "?token=", "?token=0f", &format!("?token={token}0"), &format!("?Token={token}"), "live.js"] {
            assert_eq!(with(query), 403, "{query}");
        }
        assert_eq!(with(&format!("nope?token={token}")), 404);
        assert_eq!(status(&format!("POST /?token={token} HTTP/1.1\r\nHost: 127.0.0.1:8081")), 405);
        assert_eq!(status("GET http://127.0.0.1:8081/ HTTP/1.1\r\nHost: 127.0.0.1:8081"), 400);
    }

    #[test]
    fn two_pages_have_two_tokens() {
        assert_ne!(token().unwrap(), token().unwrap());
        assert_eq!(token().unwrap().len(), 32);
    }

    #[tokio::test]
    async fn it_is_for_this_machine_alone() {
        let error = Bound::new("0.0.0.0:0".parse().unwrap()).await.err().unwrap();
        assert!(error.contains("for this machine only"), "{error}");
    }
}

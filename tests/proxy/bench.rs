//! What the tests stand on: a proxy with its exchanges, an origin that does as it is told, a client on a raw socket.

use std::collections::HashMap;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use why401::model::{Exchange, Outcome};
use why401::proxy::ca::Authority;
use why401::proxy::{Override, Running, Scope, Settings, Watch, start};

/// No test takes longer than this; it is not waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// The instance's name in most tests.
pub const HOST: &str = "dev1.service-now.com";

pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("nothing happened for too long")
}

pub trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// One end of a connection.
pub struct Conn {
    io: Box<dyn Io>,
    ahead: Vec<u8>,
}

impl Conn {
    pub fn new(io: impl Io + 'static) -> Conn {
        Conn { io: Box::new(io), ahead: Vec::new() }
    }

    pub async fn to(address: SocketAddr) -> Conn {
        let tcp = TcpStream::connect(address).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        Conn::new(tcp)
    }

    /// A sending and a receiving half, for two tasks.
    pub fn split(self) -> (Conn, Conn) {
        let (reader, writer) = tokio::io::split(self.io);
        let sender = Conn::new(tokio::io::join(tokio::io::empty(), writer));
        let receiver = Conn { io: Box::new(tokio::io::join(reader, tokio::io::sink())), ahead: self.ahead };
        (sender, receiver)
    }

    /// Moves bytes between two connections until both have ended.
    pub async fn join(mut self, mut other: Conn) {
        tokio::io::copy_bidirectional(&mut self.io, &mut other.io).await.ok();
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).await.expect("the peer takes no more");
    }

    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.io.write_all(bytes.as_ref()).await?;
        self.io.flush().await
    }

    /// Ends the sending side.
    pub async fn finish(&mut self) {
        self.io.shutdown().await.ok();
    }

    async fn more(&mut self) -> usize {
        let mut chunk = vec![0; 64 * 1024];
        let read = soon(self.io.read(&mut chunk)).await.unwrap_or(0);
        self.ahead.extend_from_slice(&chunk[..read]);
        read
    }

    /// Up to and with the first empty line; empty where the peer closed.
    pub async fn head(&mut self) -> String {
        String::from_utf8_lossy(&self.head_bytes().await).into_owned()
    }

    pub async fn head_bytes(&mut self) -> Vec<u8> {
        loop {
            if let Some(at) = self.ahead.windows(4).position(|window| window == b"\r\n\r\n") {
                return self.take(at + 4);
            }
            if self.more().await == 0 {
                return Vec::new();
            }
        }
    }

    pub async fn exactly(&mut self, length: usize) -> Vec<u8> {
        while self.ahead.len() < length {
            assert_ne!(self.more().await, 0, "the peer closed after {} of {length} bytes", self.ahead.len());
        }
        self.take(length)
    }

    /// That many bytes, unless the peer closes first.
    pub async fn some(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.ahead.len() < length {
            if self.more().await == 0 {
                return None;
            }
        }
        Some(self.take(length))
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        self.ahead.drain(..length).collect()
    }

    /// Everything up to the peer's end.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.more().await > 0 {}
        std::mem::take(&mut self.ahead)
    }

    /// A head and the body that its Content-Length announces.
    pub async fn message(&mut self) -> (String, String) {
        let head = self.head().await;
        let lower = head.to_lowercase();
        let length = lower.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length = length.map_or(0, |text| text.trim().parse().unwrap());
        let body = self.exactly(length).await;
        (head, String::from_utf8_lossy(&body).into_owned())
    }

    /// The connection itself; nothing has been read ahead.
    pub fn into_io(self) -> Box<dyn Io> {
        assert!(self.ahead.is_empty());
        self.io
    }

    /// TLS as a client that trusts `root` only.
    pub async fn tls(self, name: &str, root: &CertificateDer<'static>) -> std::io::Result<Conn> {
        self.tls_offering(name, root, &[]).await.map(|(conn, _)| conn)
    }

    /// The same, with an offer of protocols (ALPN); tells which was chosen.
    pub async fn tls_offering(
        self,
        name: &str,
        root: &CertificateDer<'static>,
        protocols: &[&str],
    ) -> std::io::Result<(Conn, Option<String>)> {
        assert!(self.ahead.is_empty());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(root.clone()).unwrap();
        let mut config = rustls::ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let connecting = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, self.io);
        let stream = soon(connecting).await?;
        let chosen = stream.get_ref().1.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
        Ok((Conn::new(stream), chosen))
    }
}

pub fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// A script at work.
pub type Done = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What an origin does with each connection.
type Script = Arc<dyn Fn(Conn) -> Done + Send + Sync>;

/// An address on which nothing listens.
/// As long as the field that an answer without Date gets.
pub const DATED: usize = "Date: Sun, 22 Nov 2026 10:00:00 GMT\r\n".len();

/// An answer without the Date that the proxy has given it; it has to have given one.
pub fn undated(answer: impl AsRef<[u8]>) -> Vec<u8> {
    let mut answer = answer.as_ref().to_vec();
    let at = answer.windows(8).position(|window| window == b"\r\nDate: ");
    let at = at.unwrap_or_else(|| panic!("no Date in {}", String::from_utf8_lossy(&answer))) + 2;
    assert!(answer[..at + DATED].ends_with(b" GMT\r\n"));
    answer.drain(at..at + DATED);
    answer
}

pub async fn unused_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap()
}

/// A listener whose queue is full: the kernel leaves every further connection without an answer.
#[cfg(target_os = "linux")]
pub struct Unanswered {
    pub address: SocketAddr,
    _listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

#[cfg(target_os = "linux")]
impl Unanswered {
    pub async fn new() -> Unanswered {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let listener = socket.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        while let Ok(tcp) = tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(address)).await {
            waiting.push(tcp.unwrap());
        }
        Unanswered { address, _listener: listener, _waiting: waiting }
    }
}

pub fn script<F, R>(run: F) -> Script
where
    F: Fn(Conn) -> R + Send + Sync + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    Arc::new(move |conn| Box::pin(run(conn)))
}

/// Answers every request with `answer`, telling each head that it sees (and its body, by Content-Length).
pub fn answering(answer: &'static str, seen: mpsc::UnboundedSender<String>) -> Script {
    script(move |mut conn| {
        let seen = seen.clone();
        async move {
            loop {
                let (head, body) = conn.message().await;
                if head.is_empty() {
                    return;
                }
                seen.send(head + &body).ok();
                if conn.try_send(answer).await.is_err() {
                    return;
                }
            }
        }
    })
}

/// A server on loopback.
pub struct Origin {
    pub address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Origin {
    pub async fn plain(script: Script) -> Origin {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                tcp.set_nodelay(true).unwrap();
                tokio::spawn(script(Conn::new(tcp)));
            }
        });
        Origin { address, task }
    }

    pub async fn tls(config: rustls::ServerConfig, script: Script) -> Origin {
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let wrapped = self::script(move |conn: Conn| {
            let (acceptor, script) = (acceptor.clone(), script.clone());
            async move {
                if let Ok(stream) = acceptor.accept(conn.io).await {
                    script(Conn::new(stream)).await;
                }
            }
        });
        Origin::plain(wrapped).await
    }

    /// `host:443` (or `:80`) leads here.
    pub fn stands_for(&self, host: &str) -> Override {
        format!("{host}={}", self.address).parse().unwrap()
    }
}

/// The world's certificate authority.
pub struct World {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl World {
    pub fn new() -> World {
        World::called("rcgen self signed cert")
    }

    /// With a root of this name: two of one name would be taken for each other until a signature is looked at.
    pub fn called(name: &str) -> World {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        World { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    pub fn issuer(&self) -> &CertifiedIssuer<'static, KeyPair> {
        &self.issuer
    }

    pub fn root(&self) -> CertificateDer<'static> {
        self.issuer.der().clone()
    }

    pub fn server(&self, params: CertificateParams) -> rustls::ServerConfig {
        let (chain, key) = self.certificate(params);
        let builder = rustls::ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        builder.unwrap().with_no_client_auth().with_single_cert(chain, key).unwrap()
    }

    pub fn certificate(&self, params: CertificateParams) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
    }

    pub fn server_for(&self, host: &str) -> rustls::ServerConfig {
        self.server(CertificateParams::new(vec![host.to_owned()]).unwrap())
    }
}

/// A proxy and what it tells.
pub struct Proxy {
    pub running: Running,
    pub exchanges: mpsc::Receiver<Arc<Exchange>>,
    pub root: CertificateDer<'static>,
    watched: Arc<Watched>,
}

/// Sees to it that of every exchange whose answer has a status this was said, before it ended.
#[derive(Default)]
struct Watched {
    begun: Mutex<HashMap<u64, u16>>,
    unsaid: Mutex<Vec<String>>,
}

impl Watch for Watched {
    fn begins(&self, exchange: &Exchange, status: u16) {
        self.begun.lock().unwrap().insert(exchange.id, status);
    }

    fn ended(&self, exchange: &Arc<Exchange>) {
        let status = match &exchange.outcome {
            Outcome::Answered(answer) => Some(answer.status),
            Outcome::Failed(failure) => failure.status,
            Outcome::Refused(fault) => Some(fault.status),
            Outcome::Abandoned(_) => return,
        };
        let said = self.begun.lock().unwrap().remove(&exchange.id);
        if said != status {
            self.unsaid.lock().unwrap().push(format!("{said:?} was said of: {}", outcome(exchange)));
        }
    }
}

impl Proxy {
    /// With ServiceNow's and the tests' own names in scope and `change` made to the settings.
    pub async fn start(change: impl FnOnce(&mut Settings)) -> Proxy {
        let names = ["*.service-now.com", "localhost", "a.example", "nowhere.invalid", "127.0.0.1"];
        let scope = Scope(names.map(|name| name.parse().unwrap()).into());
        let authority = Arc::new(Authority::ephemeral(&scope.0).unwrap());
        let root = authority.certificate_der().clone();
        let mut settings = Settings::new(authority);
        settings.scope = scope;
        let watched = Arc::new(Watched::default());
        settings.seen = Some(watched.clone());
        change(&mut settings);
        let (sender, exchanges) = mpsc::channel(100);
        Proxy { running: start(settings, sender).await.unwrap(), exchanges, root, watched }
    }

    /// In front of a TLS origin that stands for `HOST`.
    pub async fn before(world: &World, origin: &Origin) -> Proxy {
        let (root, entry) = (world.root(), origin.stands_for(HOST));
        Proxy::start(|settings| {
            settings.upstream_roots.push(root);
            settings.resolve.push(entry);
        })
        .await
    }

    pub fn address(&self) -> SocketAddr {
        self.running.addresses()[0]
    }

    pub async fn connect(&self) -> Conn {
        Conn::to(self.address()).await
    }

    /// CONNECT as most clients send it.
    pub async fn tunnel(&self, authority: &str) -> Conn {
        let mut conn = self.connect().await;
        conn.send(format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: raw/1\r\n\r\n")).await;
        let head = conn.head().await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        conn
    }

    /// A tunnel to `HOST` and TLS in it.
    pub async fn inside(&self) -> Conn {
        self.tunnel(&format!("{HOST}:443")).await.tls(HOST, &self.root).await.unwrap()
    }

    pub async fn exchange(&mut self) -> Exchange {
        let exchange = soon(self.exchanges.recv()).await.expect("the proxy has ended");
        assert_eq!(*self.watched.unsaid.lock().unwrap(), [""; 0], "before its answer began");
        Arc::unwrap_or_clone(exchange)
    }

    /// All that is still told up to the proxy's end.
    pub async fn last_exchanges(mut self) -> Vec<Exchange> {
        assert!(self.running.drain(PATIENCE).await.0, "the proxy did not drain");
        let mut last = Vec::new();
        while let Ok(exchange) = self.exchanges.try_recv() {
            last.push(Arc::unwrap_or_clone(exchange));
        }
        last
    }
}

/// How an exchange ended, in words for assertions.
pub fn outcome(exchange: &Exchange) -> String {
    match &exchange.outcome {
        Outcome::Answered(response) => match &response.cut {
            Some(cut) => format!("{} cut: {:?} {:?}", response.status, cut.phase, cut.kind),
            None => format!("{}", response.status),
        },
        Outcome::Failed(failure) => format!("failed: {:?} {:?} {:?}", failure.phase, failure.kind, failure.status),
        Outcome::Abandoned(phase) => format!("abandoned: {phase:?}"),
        Outcome::Refused(fault) => format!("refused: {:?} at {} with {}", fault.problem, fault.offset, fault.status),
    }
}

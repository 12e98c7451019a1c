//! Serves simulated hosts on loopback: TLS and plain http on one port, told apart by the first byte.
//!
//! ```text
//! Stage::start(listen, sites, clock)
//!   accept ── first byte 0x16? ── TLS ──┐
//!                └─ plain ──────────────┴─ http::serve ── Site::answer (behind a mutex, never held over an await)
//! ```

mod certificate;
mod clock;
mod http;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::CertificateDer;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::instance::provider::Provider;
use crate::instance::{Answer, Call, Instance};
use crate::model::Scheme;

pub use certificate::CertificateError;
pub use clock::Clock;

/// One simulated host.
pub enum Site {
    Instance(Box<Instance>),
    Provider(Box<Provider>),
}

impl Site {
    pub fn host(&self) -> &str {
        match self {
            Site::Instance(instance) => &instance.host,
            Site::Provider(provider) => &provider.host,
        }
    }
}

impl From<Instance> for Site {
    fn from(instance: Instance) -> Site {
        Site::Instance(Box::new(instance))
    }
}

impl From<Provider> for Site {
    fn from(provider: Provider) -> Site {
        Site::Provider(Box::new(provider))
    }
}

/// Running simulated hosts. Ends when it is dropped.
pub struct Stage {
    shared: Arc<Shared>,
    address: SocketAddr,
    authority: CertificateDer<'static>,
    accepting: JoinHandle<()>,
}

/// What every connection is handed.
struct Shared {
    /// The first one answers for names that none has, such as `localhost`.
    sites: Mutex<Vec<Site>>,
    clock: Clock,
}

/// Why a stage did not start.
#[derive(Debug)]
pub enum StageError {
    Listen(SocketAddr, io::Error),
    Certificate(CertificateError),
}

impl std::fmt::Display for StageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StageError::Listen(address, error) => {
                write!(f, "cannot listen on {address}: {error}; choose another with --listen, port 0 takes a free one")
            }
            StageError::Certificate(error) => write!(f, "cannot make a certificate for the simulated hosts: {error}"),
        }
    }
}

impl std::error::Error for StageError {}

impl Stage {
    /// Listens and serves from now on. Port 0 takes a free one. A new authority signs for the sites' hosts, for
    /// `localhost` and the loopback addresses, and for nothing else; its key is forgotten at once.
    pub async fn start(listen: SocketAddr, sites: Vec<Site>, clock: Clock) -> Result<Stage, StageError> {
        let hosts: Vec<String> = sites.iter().map(|site| site.host().to_owned()).collect();
        let made = certificate::make(&hosts).map_err(StageError::Certificate)?;
        let failed = |error| StageError::Listen(listen, error);
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Arc::new(Shared { sites: Mutex::new(sites), clock });
        let acceptor = TlsAcceptor::from(made.config);
        let accepting = tokio::spawn(accept(listener, acceptor, Arc::clone(&shared)));
        Ok(Stage { shared, address, authority: made.authority, accepting })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The root that signs for the simulated hosts: what the proxy, or a client without one, must trust.
    pub fn authority(&self) -> &CertificateDer<'static> {
        &self.authority
    }

    pub fn authority_pem(&self) -> String {
        certificate::pem(&self.authority)
    }

    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// Looks at or changes the instance of that host; `None` where there is none.
    pub fn instance<R>(&self, host: &str, with: impl FnOnce(&mut Instance) -> R) -> Option<R> {
        let mut sites = self.shared.sites();
        sites
            .iter_mut()
            .find_map(|site| match site {
                Site::Instance(instance) if instance.host == host => Some(&mut **instance),
                _ => None,
            })
            .map(with)
    }

    /// Looks at or changes the provider of that host; `None` where there is none.
    pub fn provider<R>(&self, host: &str, with: impl FnOnce(&mut Provider) -> R) -> Option<R> {
        let mut sites = self.shared.sites();
        sites
            .iter_mut()
            .find_map(|site| match site {
                Site::Provider(provider) if provider.host == host => Some(&mut **provider),
                _ => None,
            })
            .map(with)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    /// The sites; a panic elsewhere leaves them as they were, which is good enough here.
    fn sites(&self) -> std::sync::MutexGuard<'_, Vec<Site>> {
        self.sites.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, call: &Call<'_>) -> Option<Answer> {
        let now = self.clock.now();
        let mut entropy = |buffer: &mut [u8]| getrandom::fill(buffer).unwrap_or_default();
        let mut sites = self.sites();
        let known = sites.iter().position(|site| site.host() == call.request.host).unwrap_or(0);
        Some(match sites.get_mut(known)? {
            Site::Instance(instance) => instance.handle(call, now, &mut entropy),
            Site::Provider(provider) => provider.handle(call, now, &mut entropy),
        })
    }
}

/// Accepts until it is aborted. An error to accept is one connection's; the pause keeps a lasting one from spinning.
async fn accept(listener: TcpListener, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, from)) => {
                    connections.spawn(connection(stream, from, acceptor.clone(), Arc::clone(&shared)));
                }
                Err(_) => tokio::time::sleep(http::PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Serves one connection. What goes wrong on it is its client's matter: it is closed, and nothing more is said.
async fn connection(stream: TcpStream, from: SocketAddr, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    let mut first = [0u8; 1];
    let peeked = tokio::time::timeout(http::PATIENCE, stream.peek(&mut first)).await;
    if !matches!(peeked, Ok(Ok(1))) || stream.set_nodelay(true).is_err() {
        return;
    }
    // RFC 8446 §5.1: a TLS connection begins with a handshake record.
    if first == [0x16] {
        if let Ok(Ok(stream)) = tokio::time::timeout(http::PATIENCE, acceptor.accept(stream)).await {
            http::serve(stream, from.ip(), Scheme::Https, &shared).await.unwrap_or_default();
        }
    } else {
        http::serve(stream, from.ip(), Scheme::Http, &shared).await.unwrap_or_default();
    }
}

#[cfg(test)]
mod tests;

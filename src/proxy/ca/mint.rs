//! A leaf for each host, over one key of this process, kept ready in a bounded cache.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SigningKey};

use super::{Authority, CaError};

/// A leaf is used for this long, then made anew: a process may run for longer than a leaf lasts.
const FRESH: Duration = Duration::from_secs(24 * 3600);

pub(in crate::proxy) struct Mint {
    authority: Arc<Authority>,
    key: KeyPair,
    signer: Arc<dyn SigningKey>,
    /// What all hosts share: versions, ALPN, session tickets.
    template: ServerConfig,
    ready: Mutex<Ready>,
    most: usize,
}

/// Keyed by the full host name: shorter keys have made proxies swap certificates.
#[derive(Default)]
struct Ready {
    by_host: HashMap<Arc<str>, (Arc<ServerConfig>, SystemTime)>,
    /// In the order in which they were made; the oldest goes first.
    order: VecDeque<Arc<str>>,
}

impl Mint {
    /// `protocols`: what clients are offered, best first (ALPN); `most`: leaves kept.
    pub fn new(
        authority: Arc<Authority>,
        provider: Arc<CryptoProvider>,
        protocols: &[&[u8]],
        most: usize,
    ) -> Result<Mint, CaError> {
        let crypto = |error: rustls::Error| CaError::Crypto(error.to_string());
        // Not the authority's key: who gets hold of a leaf's key signs nothing with it.
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let der = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let signer = provider.key_provider.load_private_key(der).map_err(crypto)?;
        let mut template = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(crypto)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Nothing));
        // Of the cipher suites that both have, the one that costs least.
        template.ignore_client_order = true;
        template.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        // Tickets instead of a table: sessions of clients cost no memory here.
        template.ticketer = rustls::crypto::ring::Ticketer::new().map_err(crypto)?;
        template.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Mint { authority, key, signer, template, ready: Mutex::new(Ready::default()), most: most.max(1) })
    }

    /// The TLS configuration with which we are `host` (lower case).
    pub fn config(&self, host: &str) -> Result<Arc<ServerConfig>, CaError> {
        if let Some((config, made)) = self.ready().by_host.get(host)
            && fresh(*made, SystemTime::now())
        {
            return Ok(config.clone());
        }
        // Signed outside of the lock; two connections may make the same leaf, which does no harm.
        let chain = self.authority.sign(host, &self.key)?;
        let mut config = self.template.clone();
        config.cert_resolver = Arc::new(One(Arc::new(CertifiedKey::new(chain, self.signer.clone()))));
        let config = Arc::new(config);
        self.ready().put(host, config.clone(), self.most);
        Ok(config)
    }

    fn ready(&self) -> std::sync::MutexGuard<'_, Ready> {
        // Nothing panics while it is held, and a cache cannot be left half-written in a way that matters.
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// By the wall clock, as the client judges: it may jump, and a machine may sleep for longer than a leaf lasts.
fn fresh(made: SystemTime, now: SystemTime) -> bool {
    now.duration_since(made).is_ok_and(|age| age < FRESH)
}

impl Ready {
    fn put(&mut self, host: &str, config: Arc<ServerConfig>, most: usize) {
        let host: Arc<str> = host.into();
        if self.by_host.insert(host.clone(), (config, SystemTime::now())).is_none() {
            self.order.push_back(host);
        }
        while self.order.len() > most {
            if let Some(oldest) = self.order.pop_front() {
                self.by_host.remove(&oldest);
            }
        }
    }
}

/// Gives the same leaf to every client.
struct One(Arc<CertifiedKey>);

impl fmt::Debug for One {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("One")
    }
}

impl ResolvesServerCert for One {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

/// Stands in the template.
#[derive(Debug)]
struct Nothing;

impl ResolvesServerCert for Nothing {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mint(most: usize) -> Mint {
        let authority = Authority::ephemeral(&["*.service-now.com".parse().unwrap()]).unwrap();
        Mint::new(Arc::new(authority), Arc::new(rustls::crypto::ring::default_provider()), &[], most).unwrap()
    }

    #[test]
    fn the_same_host_gets_the_same_leaf() {
        let mint = mint(10);
        let first = mint.config("dev1.service-now.com").unwrap();
        assert!(Arc::ptr_eq(&first, &mint.config("dev1.service-now.com").unwrap()));
        assert!(!Arc::ptr_eq(&first, &mint.config("dev2.service-now.com").unwrap()));
    }

    #[test]
    fn a_leaf_is_made_anew_after_a_day_and_after_a_jump_of_the_clock() {
        let (made, hour) = (SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000), Duration::from_secs(3600));
        assert!(fresh(made, made) && fresh(made, made + 23 * hour));
        assert!(!fresh(made, made + 24 * hour) && !fresh(made, made + 9600 * hour) && !fresh(made, made - hour));
    }

    #[test]
    fn the_cache_is_bounded() {
        let mint = mint(3);
        for number in 0..20 {
            mint.config(&format!("dev{number}.service-now.com")).unwrap();
        }
        let ready = mint.ready();
        assert_eq!((ready.by_host.len(), ready.order.len()), (3, 3));
        assert!(ready.by_host.contains_key("dev19.service-now.com"));
    }

    /// What the process has in memory, in bytes.
    fn resident() -> usize {
        let status = std::fs::read_to_string("/proc/self/statm").unwrap();
        status.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
    }

    #[test]
    #[ignore = "takes a minute: cargo test --release --lib a_hundred_thousand -- --ignored --nocapture"]
    fn a_hundred_thousand_names_take_less_than_20_mb() {
        let mint = mint(1000);
        mint.config("dev.service-now.com").unwrap();
        let before = resident();
        for number in 0..100_000 {
            mint.config(&format!("dev{number}.service-now.com")).unwrap();
        }
        let more = resident().saturating_sub(before) / 1024;
        println!("{more} KiB more after 100,000 names");
        assert!(more < 20 * 1024 && mint.ready().by_host.len() == 1000, "{more} KiB");
    }
}

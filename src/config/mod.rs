//! The settings of `run`: one struct, one table of keys, and loading in layers: defaults < file < environment < flags.

mod environment;
mod fault;
mod keys;
mod load;
mod setting;
mod sources;
mod upstream;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use fault::{Fault, Place};
pub use keys::{KEYS, Key, example};
pub use load::{Layers, Loaded, check, load};
pub use setting::{Size, duration, size};
pub use sources::{default_ca_dir, read};
pub use upstream::{Certificate, Choice, Password, Upstream};

use crate::proxy;

/// Hosts that are always intercepted: ServiceNow's own clouds.
pub const SERVICENOW_HOSTS: [&str; 2] = ["*.service-now.com", "*.servicenowservices.com"];

/// Everything that `why401 run` can be told. Each field stands in `KEYS` with what it is for.
#[derive(Clone, Debug)]
pub struct Config {
    pub listen: Vec<SocketAddr>,
    pub reverse: Vec<proxy::Reverse>,
    pub intercept: Vec<proxy::Pattern>,
    /// HTTP/1.1 alone, on both sides.
    pub http1: bool,
    pub access: proxy::Access,
    pub marks: proxy::Marks,
    pub upstream: Upstream,
    pub ca: Ca,
    pub log: Log,
    pub session: Session,
    pub ui: Ui,
    pub limits: proxy::Limits,
    pub memory: Memory,
    pub drain: Duration,
}

/// The certificate authority.
#[derive(Clone, Debug)]
pub struct Ca {
    /// `None`: `why401/ca` in the user's data folder.
    pub dir: Option<PathBuf>,
    /// For one that is made in `dir`.
    pub name_constraints: bool,
    /// One of the user's own instead; the two go together.
    pub certificates: Option<PathBuf>,
    pub key: Option<PathBuf>,
}

/// Where explanations go, and in which form.
#[derive(Clone, Debug)]
pub struct Log {
    pub format: Format,
    /// Exchanges with nothing to explain too.
    pub all: bool,
    /// The account of every suspect too.
    pub why: bool,
    pub file: Option<PathBuf>,
    pub filter: String,
}

/// The form of explanations and operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    #[default]
    Human,
    Json,
}

/// The recording on disk.
#[derive(Clone, Debug)]
pub struct Session {
    pub record: bool,
    pub dir: Option<PathBuf>,
    pub bodies: Bodies,
    pub total: Size,
    /// Exchanges of a recording; the oldest go first.
    pub exchanges: usize,
}

/// Which bodies are recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bodies {
    /// Those that may tell something of a failure.
    #[default]
    Telling,
    All,
}

/// The page in the browser.
#[derive(Clone, Debug)]
pub struct Ui {
    pub listen: Option<SocketAddr>,
}

/// What is remembered between exchanges.
#[derive(Clone, Debug)]
pub struct Memory {
    pub records: usize,
    pub queue: usize,
}

impl Config {
    /// The folder of the certificate authority.
    pub fn ca_dir(&self) -> Result<PathBuf, String> {
        self.ca.dir.clone().map_or_else(default_ca_dir, Ok)
    }

    /// Where the authority comes from.
    pub fn authority(&self) -> Result<proxy::ca::Source, String> {
        match (&self.ca.certificates, &self.ca.key) {
            (None, None) => {
                let constrained = self.ca.name_constraints;
                self.ca_dir().map(|folder| proxy::ca::Source::Folder { folder, constrained })
            }
            (Some(certificates), Some(key)) => {
                Ok(proxy::ca::Source::Given { certificates: certificates.clone(), key: key.clone() })
            }
            (Some(_), None) => Err("an authority of your own needs its key as well: --ca-key FILE, or `ca.key`".into()),
            (None, Some(_)) => {
                Err("an authority of your own needs its certificates as well: --ca-cert FILE, or `ca.certificates`"
                    .into())
            }
        }
    }

    /// All hosts whose TLS is opened.
    pub fn scope(&self) -> Vec<proxy::Pattern> {
        let own = SERVICENOW_HOSTS.iter().filter_map(|host| host.parse().ok());
        own.chain(self.intercept.iter().cloned()).collect()
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 8080))],
            reverse: Vec::new(),
            intercept: Vec::new(),
            http1: false,
            access: proxy::Access::default(),
            marks: proxy::Marks::default(),
            upstream: Upstream::default(),
            ca: Ca { dir: None, name_constraints: true, certificates: None, key: None },
            log: Log { format: Format::Human, all: false, why: false, file: None, filter: "info".into() },
            session: Session {
                record: true,
                dir: None,
                bodies: Bodies::Telling,
                total: Size::mebibytes(256),
                exchanges: 200_000,
            },
            ui: Ui { listen: None },
            limits: proxy::Limits::default(),
            memory: Memory { records: 20_000, queue: 1024 },
            drain: Duration::from_secs(30),
        }
    }
}

#[cfg(test)]
mod tests;

//! The settings of `run`: one struct, one table of keys, and loading in layers: defaults < file < environment < flags.

mod fault;
mod keys;
mod load;
mod setting;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

pub use fault::{Fault, Place};
pub use keys::{KEYS, Key, example};
pub use load::{Layers, Loaded, check, load};
pub use setting::{Size, duration, size};

/// Hosts that are always intercepted: ServiceNow's own clouds.
pub const SERVICENOW_HOSTS: [&str; 2] = ["*.service-now.com", "*.servicenowservices.com"];

/// Everything that `why401 run` can be told. Each field stands in `KEYS` with what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub listen: Vec<SocketAddr>,
    pub reverse: Vec<Reverse>,
    pub intercept: Vec<String>,
    pub drain: Duration,
    pub upstream: Upstream,
    pub client: Client,
    pub ca: Ca,
    pub log: Log,
    pub session: Session,
    pub ui: Ui,
    pub memory: Memory,
}

/// The side that we call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    pub proxy: Option<ParentProxy>,
    pub ca_files: Vec<PathBuf>,
    pub resolve: Vec<Resolve>,
    pub connect: Duration,
    pub tls: Duration,
    pub first_byte: Duration,
    pub idle: Duration,
}

/// The side that calls us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    pub head: Duration,
    pub tls: Duration,
    pub idle: Duration,
    pub connections: usize,
}

/// The certificate authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ca {
    /// `None`: `why401/ca` in the user's data folder.
    pub dir: Option<PathBuf>,
    pub leaves: usize,
}

/// Where explanations go, and in which form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    pub format: Format,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub dir: Option<PathBuf>,
    pub total: Size,
}

/// The page in the browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ui {
    pub listen: Option<SocketAddr>,
}

/// What is kept in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    pub head: Size,
    pub body: Size,
    pub records: usize,
    pub queue: usize,
}

/// A listener of its own for one upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reverse {
    /// `None`: a default port on loopback, see `run`.
    pub listen: Option<SocketAddr>,
    /// `https://host` or `https://host:port`, without a path.
    pub origin: String,
}

/// One name (and port) that is looked up by hand, as `curl --resolve` does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolve {
    pub host: String,
    /// `None`: every port.
    pub port: Option<u16>,
    pub address: IpAddr,
    /// `None`: the port that was asked for.
    pub to_port: Option<u16>,
}

/// The proxy between us and the upstream. Its password never shows: no `Debug` of the credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct ParentProxy {
    pub host: String,
    pub port: u16,
    /// `user:password`, percent-decoded.
    pub credentials: Option<String>,
}

impl std::fmt::Debug for ParentProxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "http://{}{}:{}", if self.credentials.is_some() { "***@" } else { "" }, self.host, self.port)
    }
}

impl Default for Config {
    fn default() -> Config {
        let seconds = Duration::from_secs;
        Config {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 8080))],
            reverse: Vec::new(),
            intercept: Vec::new(),
            drain: seconds(30),
            upstream: Upstream {
                proxy: None,
                ca_files: Vec::new(),
                resolve: Vec::new(),
                connect: seconds(10),
                tls: seconds(10),
                first_byte: seconds(60),
                idle: seconds(60),
            },
            client: Client { head: seconds(10), tls: seconds(10), idle: seconds(60), connections: 4096 },
            ca: Ca { dir: None, leaves: 1024 },
            log: Log { format: Format::Human, file: None, filter: "info".into() },
            session: Session { dir: None, total: Size::mebibytes(256) },
            ui: Ui { listen: None },
            memory: Memory { head: Size::kibibytes(64), body: Size::kibibytes(256), records: 20_000, queue: 1024 },
        }
    }
}

#[cfg(test)]
mod tests;

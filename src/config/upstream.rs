//! The side that we call: which way out, what is trusted there, what is shown of ourselves.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::environment::Environment;
use super::setting::{Given, Setting, quote};
use crate::model::Secret;
use crate::nearest::nearest;
use crate::proxy::{self, Parent, Pattern, WayOut};

#[derive(Clone, Debug, Default)]
pub struct Upstream {
    pub proxy: Choice,
    pub proxy_for: Vec<proxy::Rule>,
    /// Empty: as the environment says.
    pub no_proxy: Vec<proxy::Exception>,
    pub ca_files: Vec<PathBuf>,
    pub insecure: Vec<proxy::Insecure>,
    pub client_certificates: Vec<Certificate>,
    pub resolve: Vec<proxy::Override>,
    /// What the usual variables say; no key of ours.
    pub environment: Environment,
}

/// The parent proxy for all that has none of its own.
#[derive(Clone, Debug, Default)]
pub enum Choice {
    /// As the environment says.
    #[default]
    Environment,
    Straight,
    Through(Arc<Parent>),
}

impl Upstream {
    /// The way out, of all that was said.
    pub fn way_out(&self) -> WayOut {
        let (https, http) = match &self.proxy {
            Choice::Environment => (self.environment.https.clone(), self.environment.http.clone()),
            Choice::Straight => (None, None),
            Choice::Through(parent) => (Some(parent.clone()), Some(parent.clone())),
        };
        let except = if self.no_proxy.is_empty() { &self.environment.no_proxy } else { &self.no_proxy };
        WayOut { rules: self.proxy_for.clone(), https, http, except: except.clone() }
    }

    /// The same in words, where it is not straight for everything.
    pub fn way_out_words(&self) -> Option<String> {
        let way = self.way_out();
        let from = |name: &Option<String>| name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
        let chosen = matches!(self.proxy, Choice::Environment);
        let (https_from, http_from) = match chosen {
            true => (from(&self.environment.https_from), from(&self.environment.http_from)),
            false => (String::new(), String::new()),
        };
        let mut parts: Vec<String> = match (&way.https, &way.http) {
            (Some(https), Some(http)) if https.to_string() == http.to_string() => vec![format!("{https}{https_from}")],
            (https, http) => {
                let https = https.as_ref().map(|parent| format!("{parent}{https_from} for https"));
                let http = http.as_ref().map(|parent| format!("{parent}{http_from} for http"));
                https.into_iter().chain(http).collect()
            }
        };
        if !parts.is_empty() && !way.except.is_empty() {
            let places: Vec<String> = way.except.iter().map(ToString::to_string).collect();
            let from = if self.no_proxy.is_empty() { " (NO_PROXY)" } else { "" };
            parts.push(format!("not for {}{from}", places.join(", ")));
        }
        parts.extend(way.rules.iter().map(ToString::to_string));
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// Whether a parent is one of these listeners: requests would go round for ever. Names are told when they are looked
    /// up; here only what needs no lookup.
    pub(super) fn leads_to(parent: &Parent, listen: &[SocketAddr]) -> bool {
        let host = if parent.host == "localhost" { "127.0.0.1" } else { &parent.host };
        let Ok(address) = host.parse::<std::net::IpAddr>() else { return false };
        listen.iter().any(|own| {
            let here = own.ip() == address || (own.ip().is_unspecified() && address.is_loopback());
            own.port() == parent.port && (here || address.is_unspecified())
        })
    }
}

impl Setting for Choice {
    fn read(given: &Given, _: &Path) -> Result<Choice, String> {
        match given.text("a proxy's URL, or `none`")? {
            "" => Ok(Choice::Environment),
            "none" => Ok(Choice::Straight),
            url => url
                .parse()
                .map(|parent| Choice::Through(Arc::new(parent)))
                .map_err(|error: proxy::SettingError| error.to_string()),
        }
    }

    /// The password is left out: what is shown may be logged.
    fn show(&self) -> String {
        match self {
            Choice::Environment => quote(""),
            Choice::Straight => quote("none"),
            Choice::Through(parent) => {
                let shown = parent.to_string();
                let user = if parent.credentials.is_some() { "://***@" } else { "://" };
                quote(&shown.replacen("://", user, 1))
            }
        }
    }
}

/// A certificate of ours for some upstreams, and where its parts lie.
#[derive(Clone, Debug, Default)]
pub struct Certificate {
    pub hosts: Vec<Pattern>,
    /// PEM (certificates, and the key unless it lies elsewhere) or PKCS#12.
    pub file: PathBuf,
    pub key: Option<PathBuf>,
    pub password: Password,
}

/// Where the password of a key is kept. Never on the command line, where every process of the machine can read it.
#[derive(Clone, Debug, Default)]
pub enum Password {
    #[default]
    None,
    /// The first line of a file.
    File(PathBuf),
    /// A variable of the environment, with its value once the environment was read.
    Variable(String, Option<Secret<String>>),
}

const CERTIFICATE: &str = "a table with `hosts` and `file`, or `HOST=FILE`";

impl Setting for Certificate {
    fn read(given: &Given, base: &Path) -> Result<Certificate, String> {
        let entries = match given {
            Given::Table(entries) => entries,
            other => return short(other.text(CERTIFICATE)?, base),
        };
        let mut read = Certificate::default();
        for (name, value) in entries {
            match name.as_str() {
                "hosts" => read.hosts = Setting::read(value, base)?,
                "file" => read.file = Setting::read(value, base)?,
                "key" => read.key = Setting::read(value, base)?,
                "password_file" => read.password = Password::File(Setting::read(value, base)?),
                "password_env" => read.password = Password::Variable(Setting::read(value, base)?, None),
                "password" => {
                    return Err("a password does not belong into this file: name a file with `password_file`, or a variable with `password_env`".into());
                }
                other => return Err(unknown(other)),
            }
        }
        if read.hosts.is_empty() || read.file.as_os_str().is_empty() {
            return Err("expected `hosts` and `file`".into());
        }
        Ok(read)
    }

    fn show(&self) -> String {
        let mut parts = BTreeMap::from([("hosts", self.hosts.show()), ("file", self.file.show())]);
        parts.extend(self.key.as_ref().map(|key| ("key", key.show())));
        match &self.password {
            Password::None => {}
            Password::File(path) => drop(parts.insert("password_file", path.show())),
            Password::Variable(name, _) => drop(parts.insert("password_env", quote(name))),
        }
        let parts: Vec<String> = parts.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        format!("{{ {} }}", parts.join(", "))
    }
}

/// `HOST=FILE`, for flags and variables: a PEM file that holds the key too, or one without a password.
fn short(text: &str, base: &Path) -> Result<Certificate, String> {
    let (host, file) = text.split_once('=').ok_or_else(|| format!("expected {CERTIFICATE}, saw `{text}`"))?;
    let hosts = vec![host.parse().map_err(|error: proxy::PatternError| error.to_string())?];
    let file = PathBuf::read(&Given::Text(file.to_owned()), base)?;
    Ok(Certificate { hosts, file, ..Certificate::default() })
}

fn unknown(name: &str) -> String {
    let known = ["hosts", "file", "key", "password_file", "password_env"];
    match nearest(name, known) {
        Some(meant) => format!("unknown key `{name}`; did you mean `{meant}`?"),
        None => format!("unknown key `{name}`; expected {}", known.join(", ")),
    }
}

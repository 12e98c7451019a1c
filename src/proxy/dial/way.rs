//! Which way an upstream is reached: straight, or through which parent proxy. Values and choice only; nothing is dialled.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;

use crate::model::{Scheme, Secret};
use crate::proxy::scope::{Pattern, host_name};
use crate::proxy::settings::{Origin, SettingError, split_authority, wrong};

/// Which way each upstream is reached.
#[derive(Clone, Debug, Default)]
pub struct WayOut {
    /// Hosts with a way of their own. The first that covers a host counts, and `except` is not asked for it.
    pub rules: Vec<Rule>,
    /// For https and for tunnels.
    pub https: Option<Arc<Parent>>,
    /// For plain http.
    pub http: Option<Arc<Parent>>,
    /// Places that are reached straight all the same.
    pub except: Vec<Exception>,
}

impl WayOut {
    /// Everything through one parent.
    pub fn through(parent: Parent) -> WayOut {
        let parent = Some(Arc::new(parent));
        WayOut { https: parent.clone(), http: parent, ..WayOut::default() }
    }

    /// The parent on the way to `origin`; `address` is where its name was said to lead by hand.
    pub fn parent(&self, origin: &Origin, address: Option<IpAddr>) -> Option<&Arc<Parent>> {
        if let Some(rule) = self.rules.iter().find(|rule| rule.hosts.covers(&origin.host)) {
            return rule.parent.as_ref();
        }
        if self.except.iter().any(|exception| exception.covers(&origin.host, origin.port, address)) {
            return None;
        }
        match origin.scheme {
            Scheme::Https => self.https.as_ref(),
            Scheme::Http => self.http.as_ref(),
        }
    }

    /// Every parent that can be on the way, each once.
    pub fn parents(&self) -> Vec<&Arc<Parent>> {
        let all = self.rules.iter().filter_map(|rule| rule.parent.as_ref());
        let mut parents: Vec<&Arc<Parent>> = Vec::new();
        for parent in all.chain(&self.https).chain(&self.http) {
            if !parents.iter().any(|known| known.to_string() == parent.to_string()) {
                parents.push(parent);
            }
        }
        parents
    }
}

/// A proxy on the way out.
#[derive(Clone, Debug)]
pub struct Parent {
    pub kind: ParentKind,
    pub host: String,
    pub port: u16,
    /// User name and password, percent-decoded: Basic (RFC 7617), or those of RFC 1929 for SOCKS5.
    pub credentials: Option<Secret<(String, String)>>,
}

/// How a parent is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParentKind {
    /// CONNECT for https and tunnels, absolute-form requests for http.
    Http,
    /// The same within TLS.
    Https,
    /// SOCKS5 (RFC 1928) with addresses: names are looked up here.
    Socks5,
    /// SOCKS5 with names: they are looked up there.
    Socks5h,
}

impl ParentKind {
    fn scheme(self) -> &'static str {
        match self {
            ParentKind::Http => "http",
            ParentKind::Https => "https",
            ParentKind::Socks5 => "socks5",
            ParentKind::Socks5h => "socks5h",
        }
    }

    /// The port where none is written: squid's for http, as before; the registered ones for the others.
    fn port(self) -> u16 {
        match self {
            ParentKind::Http => 3128,
            ParentKind::Https => 443,
            ParentKind::Socks5 | ParentKind::Socks5h => 1080,
        }
    }

    /// Whether plain http goes to it as requests in absolute form.
    pub fn takes_requests(self) -> bool {
        matches!(self, ParentKind::Http | ParentKind::Https)
    }
}

impl Parent {
    /// The value of Proxy-Authorization, where there are credentials.
    pub(in crate::proxy) fn basic(&self) -> Option<String> {
        let (name, password) = self.credentials.as_ref()?.expose();
        Some(format!("Basic {}", STANDARD.encode(format!("{name}:{password}"))))
    }

    /// `host:port`, an IPv6 address in brackets.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// Without the password: `http://proxy.corp.example:3128`.
impl fmt::Display for Parent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.kind.scheme(), self.authority())
    }
}

const PARENT: &str = "http://, https://, socks5:// or socks5h://[USER:PASSWORD@]HOST[:PORT]";

impl FromStr for Parent {
    type Err = SettingError;

    /// `http://[USER:PASSWORD@]HOST[:PORT]`, also https, socks5 and socks5h; without a scheme, http.
    fn from_str(text: &str) -> Result<Parent, SettingError> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let (user, place) = match rest.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, rest),
        };
        if is_script(scheme, place) {
            return Err(wrong(
                "the proxy's own address: PAC files are not run here. Open it, find the `PROXY HOST:PORT` that it gives for the instance, and name that",
                text,
            ));
        }
        let kind = match scheme.to_ascii_lowercase().as_str() {
            "http" => ParentKind::Http,
            "https" => ParentKind::Https,
            "socks5" | "socks" => ParentKind::Socks5,
            "socks5h" => ParentKind::Socks5h,
            _ => return Err(wrong(PARENT, text)),
        };
        let (host, port) =
            split_authority(place.strip_suffix('/').unwrap_or(place)).ok_or_else(|| wrong(PARENT, text))?;
        let credentials = user.filter(|user| !user.is_empty()).map(|user| {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            Secret::new((percent_decoded(name), percent_decoded(password)))
        });
        Ok(Parent { kind, host, port: port.unwrap_or(kind.port()), credentials })
    }
}

/// A script that chooses proxies (PAC) in the place of a proxy.
fn is_script(scheme: &str, place: &str) -> bool {
    let path = place.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    let named = [".pac", ".dat", ".js"].iter().any(|end| path.ends_with(end));
    scheme.to_ascii_lowercase().starts_with("pac+") || (named && (path.contains('/') || scheme == "file"))
}

fn percent_decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The way to hosts that have one of their own.
#[derive(Clone, Debug)]
pub struct Rule {
    pub hosts: Pattern,
    /// `None`: straight.
    pub parent: Option<Arc<Parent>>,
}

impl FromStr for Rule {
    type Err = SettingError;

    /// `HOST=URL`, `*.NAME=URL`, or `none` in the place of the URL.
    fn from_str(text: &str) -> Result<Rule, SettingError> {
        let error = || wrong("HOST=URL or HOST=none, as `*.corp.example=none`", text);
        let (hosts, parent) = text.split_once('=').ok_or_else(error)?;
        let hosts = hosts.trim().parse().map_err(|_| error())?;
        let parent = match parent.trim() {
            "none" => None,
            url => Some(Arc::new(url.parse()?)),
        };
        Ok(Rule { hosts, parent })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.parent {
            Some(parent) => write!(f, "{}={parent}", self.hosts),
            None => write!(f, "{}=none", self.hosts),
        }
    }
}

/// A place that no parent is asked for, as an entry of `NO_PROXY`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    place: Excepted,
    /// `None`: any port.
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Excepted {
    Everything,
    /// Addresses that are written as such; names are not looked up for this.
    Addresses(IpNet),
    /// The name itself and all names under it.
    Name(String),
}

impl Exception {
    /// `host` as the proxy keeps it (lower case, no brackets).
    pub fn covers(&self, host: &str, port: u16, address: Option<IpAddr>) -> bool {
        self.port.is_none_or(|own| own == port)
            && match &self.place {
                Excepted::Everything => true,
                Excepted::Name(name) => {
                    host == name || host.strip_suffix(name.as_str()).is_some_and(|rest| rest.ends_with('.'))
                }
                Excepted::Addresses(net) => {
                    let written = host.parse::<IpAddr>().ok().or(address);
                    written.is_some_and(|address| net.contains(&address.to_canonical()))
                }
            }
    }
}

impl FromStr for Exception {
    type Err = SettingError;

    /// `*`, an address, a network (`10.0.0.0/8`), or a name (`corp`, `.corp`, `*.corp`: it and what is under it); each
    /// with a port behind it where it is for that port only.
    fn from_str(text: &str) -> Result<Exception, SettingError> {
        let text = text.trim();
        let error = || {
            wrong("a host, a name such as `.corp.example`, an address, a network such as `10.0.0.0/8`, or `*`", text)
        };
        if text == "*" {
            return Ok(Exception { place: Excepted::Everything, port: None });
        }
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        let net = bare.parse::<IpNet>().ok().or_else(|| bare.parse::<IpAddr>().ok().map(IpNet::from));
        if let Some(net) = net {
            return Ok(Exception { place: Excepted::Addresses(net), port: None });
        }
        let text = text.strip_prefix('*').unwrap_or(text);
        let (host, port) = split_authority(text.strip_prefix('.').unwrap_or(text)).ok_or_else(error)?;
        let place = match host.parse::<IpAddr>() {
            Ok(address) => Excepted::Addresses(address.into()),
            Err(_) => Excepted::Name(host_name(&host).ok_or_else(error)?),
        };
        Ok(Exception { place, port })
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        match &self.place {
            Excepted::Everything => f.write_str("*"),
            Excepted::Name(name) => write!(f, "{name}{port}"),
            Excepted::Addresses(net) if net.prefix_len() < net.max_prefix_len() => write!(f, "{net}"),
            Excepted::Addresses(net) if net.addr().is_ipv6() && !port.is_empty() => write!(f, "[{}]{port}", net.addr()),
            Excepted::Addresses(net) => write!(f, "{}{port}", net.addr()),
        }
    }
}

#[cfg(test)]
#[path = "way_tests.rs"]
mod tests;

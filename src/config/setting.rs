//! The kinds of values that a key can hold: how each is read from what was written, and how it is shown in TOML.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use percent_encoding::percent_decode_str;

use super::{Format, ParentProxy, Resolve, Reverse};

/// A value as it was written, wherever it was written.
#[derive(Clone, Debug, PartialEq)]
pub enum Given {
    Text(String),
    /// A text that is a list where a list is wanted: values between commas.
    Commas(String),
    Integer(i64),
    List(Vec<Given>),
    /// Anything else that TOML knows, by the name of its type.
    Other(&'static str),
}

/// What a kind of value can do. `base` is the folder that relative paths count from.
pub trait Setting: Sized {
    fn read(given: &Given, base: &Path) -> Result<Self, String>;

    /// As TOML.
    fn show(&self) -> String;

    /// A further value by flag: replaces a single value, adds to a list.
    fn add(&mut self, given: &Given, base: &Path) -> Result<(), String> {
        *self = Self::read(given, base)?;
        Ok(())
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl Size {
    pub const fn kibibytes(count: u64) -> Size {
        Size(count * 1024)
    }

    pub const fn mebibytes(count: u64) -> Size {
        Size(count * 1024 * 1024)
    }

    /// For sizes of things in memory.
    pub fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// Reads `10s`, `500ms`, `2m`, `1h`, or a bare number of seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a length of time: write `10s`, `500ms`, `2m` or `1h`");
    let (number, unit) = split_unit(text).ok_or_else(wrong)?;
    let millis_each = match unit {
        "ms" => 1,
        "" | "s" => 1000,
        "m" | "min" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        _ => return Err(wrong()),
    };
    number.checked_mul(millis_each).map(Duration::from_millis).ok_or_else(wrong)
}

/// Reads `256KiB`, `1MiB`, `10kB`, or a bare number of bytes.
pub fn size(text: &str) -> Result<Size, String> {
    let wrong = || format!("`{text}` is not a size: write `256KiB`, `1MiB` or a number of bytes");
    let (number, unit) = split_unit(text).ok_or_else(wrong)?;
    let bytes_each = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        _ => return Err(wrong()),
    };
    number.checked_mul(bytes_each).map(Size).ok_or_else(wrong)
}

fn split_unit(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit.trim()))
}

impl Given {
    fn kind(&self) -> &'static str {
        match self {
            Given::Text(_) | Given::Commas(_) => "a text",
            Given::Integer(_) => "a number",
            Given::List(_) => "a list",
            Given::Other(kind) => kind,
        }
    }

    fn text(&self, expected: &str) -> Result<&str, String> {
        match self {
            Given::Text(text) | Given::Commas(text) => Ok(text),
            other => Err(format!("expected {expected}, found {}", other.kind())),
        }
    }
}

fn quote(text: &str) -> String {
    toml::Value::String(text.into()).to_string()
}

impl Setting for SocketAddr {
    fn read(given: &Given, _: &Path) -> Result<SocketAddr, String> {
        let text = given.text("an address like `127.0.0.1:8080`")?;
        let local = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
        local.as_deref().unwrap_or(text).parse().map_err(|_| match text.rsplit_once(':') {
            _ if text.parse::<u16>().is_ok() => format!("`{text}` lacks the host: write `127.0.0.1:{text}`"),
            Some(("", port)) => {
                format!("`{text}` lacks the host: write `127.0.0.1:{port}`, or `0.0.0.0:{port}` for all")
            }
            _ => format!("`{text}` is not an address: write it as `127.0.0.1:8080` (an IP address and a port)"),
        })
    }

    fn show(&self) -> String {
        quote(&self.to_string())
    }
}

impl Setting for Duration {
    fn read(given: &Given, _: &Path) -> Result<Duration, String> {
        let read = match given {
            Given::Integer(seconds) => {
                u64::try_from(*seconds).map(Duration::from_secs).map_err(|_| "below zero".into())
            }
            other => duration(other.text("a length of time like `10s`")?),
        }?;
        if read.is_zero() {
            Err("must be more than zero: a wait without an end is not allowed".into())
        } else {
            Ok(read)
        }
    }

    fn show(&self) -> String {
        if self.subsec_millis() == 0 { self.as_secs().to_string() } else { quote(&format!("{}ms", self.as_millis())) }
    }
}

impl Setting for Size {
    fn read(given: &Given, _: &Path) -> Result<Size, String> {
        match given {
            Given::Integer(bytes) => u64::try_from(*bytes).map(Size).map_err(|_| "below zero".into()),
            other => size(other.text("a size like `256KiB`")?),
        }
    }

    fn show(&self) -> String {
        match self.0 {
            0 => "0".into(),
            bytes if bytes % (1 << 20) == 0 => quote(&format!("{}MiB", bytes >> 20)),
            bytes if bytes % (1 << 10) == 0 => quote(&format!("{}KiB", bytes >> 10)),
            bytes => bytes.to_string(),
        }
    }
}

/// A count; at least 1, for nothing here works with none.
impl Setting for usize {
    fn read(given: &Given, _: &Path) -> Result<usize, String> {
        let number = match given {
            Given::Integer(number) => usize::try_from(*number).ok(),
            other => other.text("a number")?.parse().ok(),
        };
        number.filter(|&number| number > 0).ok_or_else(|| "expected a whole number above zero".into())
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for String {
    fn read(given: &Given, _: &Path) -> Result<String, String> {
        given.text("a text").map(str::to_owned)
    }

    fn show(&self) -> String {
        quote(self)
    }
}

/// A path; `~/` is the home folder, relative ones count from the file they are written in.
impl Setting for PathBuf {
    fn read(given: &Given, base: &Path) -> Result<PathBuf, String> {
        let text = given.text("a path")?;
        match text.strip_prefix("~/") {
            Some(rest) => {
                etcetera::home_dir().map(|home| home.join(rest)).map_err(|_| "there is no home folder here".into())
            }
            None => Ok(base.join(text)),
        }
    }

    fn show(&self) -> String {
        quote(&self.to_string_lossy())
    }
}

impl Setting for Format {
    fn read(given: &Given, _: &Path) -> Result<Format, String> {
        match given.text("`human` or `json`")? {
            "human" => Ok(Format::Human),
            "json" => Ok(Format::Json),
            other => Err(format!("`{other}` is not a format: write `human` or `json`")),
        }
    }

    fn show(&self) -> String {
        quote(match self {
            Format::Human => "human",
            Format::Json => "json",
        })
    }
}

/// `[LISTEN=]https://HOST[:PORT]`
impl Setting for Reverse {
    fn read(given: &Given, base: &Path) -> Result<Reverse, String> {
        let text = given.text("`https://HOST` or `LISTEN=https://HOST`")?;
        let (listen, origin) = match text.split_once('=') {
            Some((listen, origin)) => (Some(SocketAddr::read(&Given::Text(listen.into()), base)?), origin),
            None => (None, text),
        };
        let authority = origin.strip_prefix("https://").unwrap_or_default().trim_end_matches('/');
        let parsed: Option<http::uri::Authority> = authority.parse().ok();
        match parsed {
            Some(authority) if !authority.host().is_empty() && !authority.as_str().contains('@') => {
                Ok(Reverse { listen, origin: format!("https://{}", authority.as_str().to_ascii_lowercase()) })
            }
            _ => {
                Err(format!("`{origin}` is not an https origin: write `https://dev1.service-now.com`, without a path"))
            }
        }
    }

    fn show(&self) -> String {
        quote(&match self.listen {
            Some(listen) => format!("{listen}={}", self.origin),
            None => self.origin.clone(),
        })
    }
}

/// `HOST[:PORT]=ADDR[:PORT]`
impl Setting for Resolve {
    fn read(given: &Given, _: &Path) -> Result<Resolve, String> {
        let text = given.text("`HOST[:PORT]=ADDRESS[:PORT]`")?;
        let wrong =
            || format!("`{text}` is not `HOST[:PORT]=ADDRESS[:PORT]`, as in `dev1.service-now.com=127.0.0.1:8443`");
        let (from, to) = text.split_once('=').ok_or_else(wrong)?;
        let (host, port) = match from.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().map_err(|_| wrong())?)),
            None => (from, None),
        };
        let bare: Option<IpAddr> = to.trim_start_matches('[').trim_end_matches(']').parse().ok();
        let (address, to_port) = match (bare, to.parse::<SocketAddr>()) {
            (_, Ok(full)) => (full.ip(), Some(full.port())),
            (Some(address), _) => (address, None),
            (None, Err(_)) => return Err(wrong()),
        };
        if host.is_empty() {
            return Err(wrong());
        }
        Ok(Resolve { host: host.to_ascii_lowercase(), port, address, to_port })
    }

    fn show(&self) -> String {
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        let to = match self.to_port {
            Some(to_port) => SocketAddr::new(self.address, to_port).to_string(),
            None => self.address.to_string(),
        };
        quote(&format!("{}{port}={to}", self.host))
    }
}

/// `http://[USER:PASSWORD@]HOST:PORT`. No fault repeats the text: it may hold a password.
impl Setting for ParentProxy {
    fn read(given: &Given, _: &Path) -> Result<ParentProxy, String> {
        let wrong = || "expected `http://HOST:PORT` or `http://USER:PASSWORD@HOST:PORT`".to_owned();
        let text = given.text("a proxy's URL")?;
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        if scheme != "http" {
            return Err(format!("a parent proxy is spoken to over http, not `{scheme}`: write `http://HOST:PORT`"));
        }
        let (userinfo, address) = match rest.trim_end_matches('/').rsplit_once('@') {
            Some((userinfo, address)) => (Some(userinfo), address),
            None => (None, rest.trim_end_matches('/')),
        };
        let authority: http::uri::Authority = address.parse().map_err(|_| wrong())?;
        let credentials = userinfo.map(|userinfo| percent_decode_str(userinfo).decode_utf8_lossy().into_owned());
        if authority.host().is_empty() {
            return Err(wrong());
        }
        Ok(ParentProxy { host: authority.host().to_owned(), port: authority.port_u16().unwrap_or(80), credentials })
    }

    fn show(&self) -> String {
        quote(&format!("{self:?}"))
    }
}

/// Not given, or the empty text: none.
impl<T: Setting> Setting for Option<T> {
    fn read(given: &Given, base: &Path) -> Result<Option<T>, String> {
        match given {
            Given::Text(text) | Given::Commas(text) if text.is_empty() => Ok(None),
            given => T::read(given, base).map(Some),
        }
    }

    fn show(&self) -> String {
        self.as_ref().map_or_else(|| quote(""), Setting::show)
    }
}

/// A list, or one value alone.
impl<T: Setting> Setting for Vec<T> {
    fn read(given: &Given, base: &Path) -> Result<Vec<T>, String> {
        match given {
            Given::List(items) => items.iter().map(|item| T::read(item, base)).collect(),
            Given::Commas(text) => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                items.map(|item| T::read(&Given::Text(item.to_owned()), base)).collect()
            }
            one => Ok(vec![T::read(one, base)?]),
        }
    }

    fn show(&self) -> String {
        format!("[{}]", self.iter().map(Setting::show).collect::<Vec<_>>().join(", "))
    }

    fn add(&mut self, given: &Given, base: &Path) -> Result<(), String> {
        self.extend(Self::read(given, base)?);
        Ok(())
    }
}

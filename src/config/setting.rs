//! The kinds of values that a key can hold: how each is read from what was written, and how it is shown in TOML.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use super::{Bodies, Format};
use crate::proxy;

/// A value as it was written, wherever it was written.
#[derive(Clone, Debug, PartialEq)]
pub enum Given {
    Text(String),
    /// A text that is a list where a list is wanted: values between commas.
    Commas(String),
    Integer(i64),
    Bool(bool),
    List(Vec<Given>),
    /// Names and values, in the order of the file.
    Table(Vec<(String, Given)>),
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
            Given::Bool(_) => "true or false",
            Given::List(_) => "a list",
            Given::Table(_) => "a table",
            Given::Other(kind) => kind,
        }
    }

    pub(super) fn text(&self, expected: &str) -> Result<&str, String> {
        match self {
            Given::Text(text) | Given::Commas(text) => Ok(text),
            other => Err(format!("expected {expected}, found {}", other.kind())),
        }
    }
}

pub(super) fn quote(text: &str) -> String {
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

/// A TCP port.
impl Setting for u16 {
    fn read(given: &Given, _: &Path) -> Result<u16, String> {
        let number = match given {
            Given::Integer(number) => u16::try_from(*number).ok(),
            other => other.text("a port")?.parse().ok(),
        };
        number.filter(|&number| number > 0).ok_or_else(|| "expected a port, 1 to 65535".into())
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for bool {
    fn read(given: &Given, _: &Path) -> Result<bool, String> {
        match given {
            Given::Bool(value) => Ok(*value),
            other => match other.text("true or false")? {
                "true" => Ok(true),
                "false" => Ok(false),
                text => Err(format!("expected true or false, saw `{text}`")),
            },
        }
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

impl Setting for Bodies {
    fn read(given: &Given, _: &Path) -> Result<Bodies, String> {
        match given.text("`telling` or `all`")? {
            "telling" => Ok(Bodies::Telling),
            "all" => Ok(Bodies::All),
            other => Err(format!("`{other}` names no bodies: write `telling` or `all`")),
        }
    }

    fn show(&self) -> String {
        quote(match self {
            Bodies::Telling => "telling",
            Bodies::All => "all",
        })
    }
}

/// Values that the proxy itself reads from text; its words say what was expected.
macro_rules! read_by_the_proxy {
    ($($kind:ty, $what:literal, $shown:expr;)*) => {$(
        impl Setting for $kind {
            fn read(given: &Given, _: &Path) -> Result<$kind, String> {
                given.text($what)?.parse().map_err(|error: <$kind as FromStr>::Err| error.to_string())
            }

            fn show(&self) -> String {
                let shown: fn(&$kind) -> String = $shown;
                quote(&shown(self))
            }
        }
    )*};
}

read_by_the_proxy! {
    proxy::Pattern, "a host", |pattern| pattern.to_string();
    proxy::Network, "an address or a range", |network| network.to_string();
    proxy::Credentials, "`USER:PASSWORD`", |credentials| credentials.to_string();
    proxy::Reverse, "`[[https://]ADDR:PORT=]https://HOST`", |reverse| reverse.to_string();
    proxy::Override, "`HOST[:PORT]=ADDR[:PORT]`", |entry| {
        let port = entry.port.map(|port| format!(":{port}")).unwrap_or_default();
        match entry.to_port {
            Some(to_port) => format!("{}{port}={}", entry.host, SocketAddr::new(entry.address, to_port)),
            None => format!("{}{port}={}", entry.host, entry.address),
        }
    };
    proxy::Rule, "`HOST=URL`", |rule| rule.to_string();
    proxy::Exception, "a host or a network", |exception| exception.to_string();
    proxy::Insecure, "`HOST` or `HOST=SHA256`", |host| host.to_string();
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

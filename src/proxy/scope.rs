//! Which hosts are decrypted and explained: host names exactly, and `*.name` for everything under a name.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// One entry of the scope.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// This host and no other; lower case, an IP address without brackets.
    Exact(String),
    /// Every host under this name (`*.service-now.com`), not the name itself; lower case, without `*.`.
    Under(String),
}

impl Pattern {
    pub fn covers(&self, host: &str) -> bool {
        match self {
            Pattern::Exact(name) => name == host,
            Pattern::Under(name) => {
                host.strip_suffix(name.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
        }
    }

    /// The name without `*.`: a name constraint over it covers all that the pattern covers.
    pub fn base(&self) -> &str {
        match self {
            Pattern::Exact(name) | Pattern::Under(name) => name,
        }
    }

    /// The address, where the pattern is an IP address.
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Pattern::Exact(name) => name.parse().ok(),
            Pattern::Under(_) => None,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pattern::Exact(name) => f.write_str(name),
            Pattern::Under(name) => write!(f, "*.{name}"),
        }
    }
}

/// Why a text is not a host pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError {
    seen: String,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected a host such as `dev1.service-now.com` or `*.service-now.com`, saw `{}`", self.seen)
    }
}

impl std::error::Error for PatternError {}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Pattern, PatternError> {
        let wrong = || PatternError { seen: text.chars().filter(|c| !c.is_control()).take(80).collect() };
        let host = host_name(text.strip_prefix("*.").unwrap_or(text)).ok_or_else(wrong)?;
        match text.starts_with("*.") {
            true if host.parse::<IpAddr>().is_ok() => Err(wrong()),
            true => Ok(Pattern::Under(host)),
            false => Ok(Pattern::Exact(host)),
        }
    }
}

/// A host as the proxy keeps it: lower case, no trailing dot, no brackets. `None` where it is no host name or address.
pub(crate) fn host_name(text: &str) -> Option<String> {
    if let Some(inner) = text.strip_prefix('[') {
        return inner.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(|address| address.to_string());
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_string());
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    // RFC 1035 §2.3.4: 253 letters in all, 63 each label. Underscores are no host names, but are in use.
    let label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    // A name that ends in a number would be read as an address (`127.1`), so only real addresses may (URL standard).
    let numeric = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    (name.len() <= 253 && !numeric && name.split('.').all(label)).then(|| name.to_ascii_lowercase())
}

/// The hosts that are decrypted and explained.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope(pub Vec<Pattern>);

impl Scope {
    /// Whether `host` (lower case, no brackets) is in scope.
    pub fn covers(&self, host: &str) -> bool {
        self.0.iter().any(|pattern| pattern.covers(host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        text.parse().unwrap()
    }

    #[test]
    fn a_star_covers_what_is_under_a_name_and_not_the_name() {
        let under = pattern("*.Service-Now.com");
        assert!(under.covers("dev1.service-now.com"));
        assert!(under.covers("a.b.service-now.com"));
        assert!(!under.covers("service-now.com"));
        assert!(!under.covers("evilservice-now.com"));
        assert!(!under.covers(".service-now.com"));
        assert!(!under.covers("dev1.service-now.com.evil.example"));
    }

    #[test]
    fn a_name_covers_itself_only() {
        assert!(pattern("api.vendor.example.").covers("api.vendor.example"));
        assert!(!pattern("api.vendor.example").covers("x.api.vendor.example"));
        assert!(pattern("[::1]").covers("::1"));
    }

    #[test]
    fn what_is_no_host_is_no_pattern() {
        for text in
            ["", "*", "*.", "https://x.example", "x.example:443", "a b", "*.10.0.0.1", "x..y", "127.1", "a\nb", "*.*.x"]
        {
            assert!(text.parse::<Pattern>().is_err(), "{text:?}");
        }
        assert!("a".repeat(64).parse::<Pattern>().is_err());
    }

    #[test]
    fn patterns_read_back_as_written() {
        for text in ["*.service-now.com", "dev1.service-now.com", "127.0.0.1", "::1"] {
            assert_eq!(pattern(text).to_string(), text);
        }
    }
}

//! What is trusted of upstreams beyond the system's roots, and what we show of ourselves to them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};

use crate::proxy::scope::{Pattern, host_name};
use crate::proxy::settings::{SettingError, wrong};

/// A test host whose certificate is not verified as others are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Insecure {
    /// Lower case, no brackets; never a pattern.
    pub host: String,
    /// The only certificate that is taken. `None`: any is.
    pub pinned: Option<Fingerprint>,
}

impl Insecure {
    pub(in crate::proxy) fn accepts(&self, seen: &Fingerprint) -> bool {
        self.pinned.as_ref().is_none_or(|pinned| pinned == seen)
    }
}

impl Insecure {
    /// What is given up, for everybody who starts the proxy to see.
    pub fn words(&self) -> String {
        match &self.pinned {
            Some(pinned) => format!("{}: its certificate is not verified, only compared with {pinned}", self.host),
            None => {
                format!("{}: its certificate is not verified; anybody on the way can read what goes there", self.host)
            }
        }
    }
}

impl FromStr for Insecure {
    type Err = SettingError;

    /// `HOST` or `HOST=SHA256`, the fingerprint in hexadecimal with or without colons, as `openssl x509 -fingerprint` has it.
    fn from_str(text: &str) -> Result<Insecure, SettingError> {
        let error = || wrong("one HOST, or HOST=SHA256-FINGERPRINT; no pattern", text);
        let (host, pinned) = match text.split_once('=') {
            Some((host, pinned)) => (host, Some(pinned.parse().map_err(|_| error())?)),
            None => (text, None),
        };
        Ok(Insecure { host: host_name(host.trim()).ok_or_else(error)?, pinned })
    }
}

impl fmt::Display for Insecure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pinned {
            Some(pinned) => write!(f, "{}={pinned}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

/// SHA-256 over a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

pub(in crate::proxy) fn fingerprint(certificate: &CertificateDer<'_>) -> Fingerprint {
    Fingerprint(Sha256::digest(certificate).into())
}

impl FromStr for Fingerprint {
    type Err = ();

    fn from_str(text: &str) -> Result<Fingerprint, ()> {
        let text = text.trim();
        let digits: Vec<u8> =
            text.strip_prefix("sha256:").unwrap_or(text).bytes().filter(|byte| *byte != b':').collect();
        let mut bytes = [0; 32];
        if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(());
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| ())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| ())?;
        }
        Ok(Fingerprint(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A certificate of ours for some upstreams: interception swallows the client's own.
#[derive(Clone, Debug)]
pub struct ClientCertificate {
    pub hosts: Vec<Pattern>,
    pub(in crate::proxy) key: Arc<CertifiedKey>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_named_alone_or_with_its_fingerprint() {
        let any: Insecure = "Test.Example".parse().unwrap();
        assert_eq!((any.host.as_str(), any.pinned.is_none()), ("test.example", true));
        let hex = "00:1F:".to_owned() + &"ab".repeat(30);
        let pinned: Insecure = format!("127.0.0.1={hex}").parse().unwrap();
        assert_eq!(pinned.to_string(), format!("127.0.0.1=001f{}", "ab".repeat(30)));
        assert_eq!(format!("127.0.0.1=sha256:{}", pinned.pinned.clone().unwrap()).parse(), Ok(pinned.clone()));
        assert!(!pinned.accepts(&fingerprint(&CertificateDer::from(vec![1]))));
        for text in ["", "*", "*.example", "x=", "x=abcd", "x=+f".to_owned().as_str(), "a b"] {
            assert!(text.parse::<Insecure>().is_err(), "{text}");
        }
    }
}

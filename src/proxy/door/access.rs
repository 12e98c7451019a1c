//! Who may come in: by default nobody from another machine; where others may, by address or by credentials of their own.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::model::Secret;
use crate::proxy::http1::head::RequestHead;
use crate::proxy::settings::{SettingError, wrong};

/// Who may come in, and how far the proxy goes for them.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Listeners may be reachable from other machines. Then one of the next two is needed.
    pub remote: bool,
    /// The clients that may connect, besides this machine; empty: any.
    pub clients: Vec<Network>,
    /// What a client of the forward proxy must show in Proxy-Authorization, one of them; empty: nothing.
    pub credentials: Vec<Credentials>,
    /// Listeners, as they are named in the settings, that stand behind a load balancer and take the client's address from
    /// the PROXY protocol.
    pub balanced: Vec<SocketAddr>,
    /// Ports that requests may go to besides 80, 443 and those of hosts that are configured.
    pub ports: Vec<u16>,
    /// Loopback and private addresses are targets although other machines can reach the proxy.
    pub private: bool,
}

/// Why a listener that others can reach does not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// Nobody said that others may come.
    Remote,
    /// They may, but anybody could.
    Anybody,
    /// Credentials guard the forward proxy only: a reverse listener passes `Authorization` on and has no way to ask.
    AnybodyReverse,
}

impl Access {
    /// Whether a listener at `address` may start.
    pub fn permits(&self, address: SocketAddr, reverse: bool) -> Result<(), Open> {
        match () {
            () if address.ip().to_canonical().is_loopback() => Ok(()),
            () if !self.remote => Err(Open::Remote),
            () if !self.clients.is_empty() => Ok(()),
            () if reverse => Err(Open::AnybodyReverse),
            () if self.credentials.is_empty() => Err(Open::Anybody),
            () => Ok(()),
        }
    }

    /// Whether a peer may connect. This machine always may.
    pub(in crate::proxy) fn admits(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.clients.is_empty() || peer.is_loopback() || self.clients.iter().any(|network| network.0.contains(&peer))
    }

    /// Whether a request to the forward proxy shows what it must.
    pub(in crate::proxy) fn knows(&self, request: &RequestHead) -> bool {
        if self.credentials.is_empty() {
            return true;
        }
        let shown = request.head.get("proxy-authorization").and_then(basic).unwrap_or_default();
        let shown = Sha256::digest(shown);
        // All are compared, each in a time that does not depend on where it differs.
        let known = self.credentials.iter().fold(Choice::from(0), |known, credentials| known | credentials.is(&shown));
        known.into()
    }
}

/// What stands in `Basic BASE64`, decoded.
fn basic(value: &[u8]) -> Option<Vec<u8>> {
    let (scheme, rest) = value.split_at_checked("basic ".len())?;
    scheme.eq_ignore_ascii_case(b"basic ").then(|| STANDARD.decode(rest.trim_ascii()).ok())?
}

/// A user name and a password for Basic proxy authentication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials(Secret<String>);

impl Credentials {
    /// In constant time; digests have one length, whatever the password's is.
    fn is(&self, shown: &[u8]) -> Choice {
        Sha256::digest(self.0.expose()).as_slice().ct_eq(shown)
    }
}

impl FromStr for Credentials {
    type Err = SettingError;

    /// `USER:PASSWORD`, neither empty.
    fn from_str(text: &str) -> Result<Credentials, SettingError> {
        match text.split_once(':') {
            Some((user, password)) if !user.is_empty() && !password.is_empty() => {
                Ok(Credentials(Secret::new(text.to_owned())))
            }
            // What was seen is most of a password.
            _ => Err(wrong("USER:PASSWORD", "something else")),
        }
    }
}

/// Shows no more than that there are some.
impl fmt::Display for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***:***")
    }
}

/// An address, or a range of them as `192.0.2.0/24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

impl FromStr for Network {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Network, SettingError> {
        let one = text.parse::<IpAddr>().map(IpNet::from);
        one.or_else(|_| text.parse()).map(Network).map_err(|_| wrong("an address or a range like 192.0.2.0/24", text))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_listener_that_others_can_reach_needs_the_flag_and_a_guard() {
        let mut access = Access::default();
        assert_eq!(access.permits(at("127.0.0.1:1"), false), Ok(()));
        assert_eq!(access.permits(at("[::1]:1"), true), Ok(()));
        for wide in ["0.0.0.0:1", "[::]:1", "192.0.2.1:1", "[::ffff:192.0.2.1]:1"] {
            assert_eq!(access.permits(at(wide), false), Err(Open::Remote), "{wide}");
        }
        access.remote = true;
        assert_eq!(access.permits(at("0.0.0.0:1"), false), Err(Open::Anybody));
        access.credentials.push("u:p".parse().unwrap());
        assert_eq!(access.permits(at("0.0.0.0:1"), false), Ok(()));
        assert_eq!(access.permits(at("0.0.0.0:1"), true), Err(Open::AnybodyReverse));
        access.clients.push("192.0.2.0/24".parse().unwrap());
        assert_eq!(access.permits(at("0.0.0.0:1"), true), Ok(()));
    }

    #[test]
    fn clients_come_in_by_address() {
        let access = Access {
            clients: ["192.0.2.0/24", "2001:db8::7"].map(|text| text.parse().unwrap()).into(),
            ..Access::default()
        };
        for (peer, may) in [
            ("192.0.2.9", true),
            ("::ffff:192.0.2.9", true),
            ("192.0.3.9", false),
            ("2001:db8::7", true),
            ("2001:db8::8", false),
            ("127.0.0.1", true),
            ("::1", true),
        ] {
            assert_eq!(access.admits(peer.parse().unwrap()), may, "{peer}");
        }
        assert!("192.0.2.0/33".parse::<Network>().is_err() && "host".parse::<Network>().is_err());
    }

    #[test]
    fn credentials_are_known_and_never_shown() {
        let access =
            Access { credentials: ["ann:p1", "bob:p:2"].map(|text| text.parse().unwrap()).into(), ..Access::default() };
        let knows = |field: &str| {
            let text = format!("CONNECT a:443 HTTP/1.1\r\n{field}\r\n");
            let head = RequestHead::parse(Bytes::from(text.clone().into_bytes()), 100).map_err(|_| text).unwrap();
            access.knows(&head)
        };
        let field = |text: &str| format!("Proxy-Authorization: basic {}\r\n", STANDARD.encode(text));
        assert!(knows(&field("ann:p1")) && knows(&field("bob:p:2")));
        for wrong in ["ann:p2", "ann:p", "ann:p11", "bob:p1", "", ":"] {
            assert!(!knows(&field(wrong)), "{wrong}");
        }
        assert!(
            !knows("") && !knows("Proxy-Authorization: Bearer x\r\n") && !knows("Proxy-Authorization: Basic *\r\n")
        );
        assert!(!format!("{access:?}").contains("p1"));
        let error = "nocolonsecret".parse::<Credentials>().unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

//! The PROXY protocol (versions 1 and 2) on listeners behind a load balancer: which client it is that the balancer speaks
//! for. A listener that expects it takes no connection without it, or anybody could come under any address.

use std::net::{IpAddr, SocketAddr};

use bytes::Buf;
use ppp::{HeaderResult, PartialResult, v1, v2};
use tokio::time::timeout;

use crate::proxy::link::Link;
use crate::proxy::settings::Limits;

/// The first bytes of version 1 and version 2.
const SIGNATURES: [&[u8]; 2] = [b"PROXY ", b"\r\n\r\n\0\r\nQUIT\n"];
const LONGEST_TEXT: usize = 107;
/// Version 2 may carry notes of the balancer.
const MOST: usize = 4096;

/// What a balancer said.
#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    /// More of it is on the way.
    More,
    /// The client's address, and the length of the header. `None`: a connection of the balancer's own.
    Client(Option<SocketAddr>, usize),
    /// Something else.
    Else,
}

/// Takes the header off a new connection: the client's address, or `from` where the balancer speaks for itself. `None`:
/// there was none, or not in time.
pub(in crate::proxy) async fn client(link: &mut Link, from: SocketAddr, limits: &Limits) -> Option<SocketAddr> {
    timeout(limits.silent, read(link)).await.ok()?.map(|told| told.unwrap_or(from))
}

async fn read(link: &mut Link) -> Option<Option<SocketAddr>> {
    loop {
        match said(&link.buffer) {
            Said::Client(address, length) => {
                link.buffer.advance(length);
                return Some(address);
            }
            Said::More if link.buffer.len() < MOST => {}
            Said::More | Said::Else => return None,
        }
        link.fill(MOST).await.ok().filter(|read| *read > 0)?;
    }
}

/// What the first bytes of a connection are.
pub fn said(bytes: &[u8]) -> Said {
    let begins = |signature: &[u8]| bytes.iter().zip(signature).all(|(byte, wanted)| byte == wanted);
    if !SIGNATURES.into_iter().any(begins) {
        return Said::Else;
    }
    // The library takes a line of version 1 that is cut within its last number for a broken one, and one without CR for
    // whole.
    let is_text = bytes.starts_with(b"PROXY");
    if is_text {
        match bytes.iter().take(LONGEST_TEXT).position(|byte| *byte == b'\n') {
            None if bytes.len() <= LONGEST_TEXT => return Said::More,
            Some(end) if bytes.get(..end).is_some_and(|line| line.ends_with(b"\r")) => {}
            _ => return Said::Else,
        }
    }
    let header = HeaderResult::parse(bytes);
    if header.is_incomplete() && !is_text {
        return Said::More;
    }
    match header {
        HeaderResult::V1(Ok(header)) => Said::Client(from_text(&header.addresses), header.header.len()),
        HeaderResult::V2(Ok(header)) => {
            let own = header.command == v2::Command::Local;
            Said::Client(if own { None } else { from_binary(&header.addresses) }, header.len())
        }
        _ => Said::Else,
    }
}

fn from_text(addresses: &v1::Addresses) -> Option<SocketAddr> {
    match addresses {
        v1::Addresses::Tcp4(tcp) => Some(SocketAddr::new(IpAddr::V4(tcp.source_address), tcp.source_port)),
        v1::Addresses::Tcp6(tcp) => Some(SocketAddr::new(IpAddr::V6(tcp.source_address), tcp.source_port)),
        v1::Addresses::Unknown => None,
    }
}

fn from_binary(addresses: &v2::Addresses) -> Option<SocketAddr> {
    match addresses {
        v2::Addresses::IPv4(tcp) => Some(SocketAddr::new(IpAddr::V4(tcp.source_address), tcp.source_port)),
        v2::Addresses::IPv6(tcp) => Some(SocketAddr::new(IpAddr::V6(tcp.source_address), tcp.source_port)),
        v2::Addresses::Unspecified | v2::Addresses::Unix(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x07\x7f\x00\x00\x01\x30\x39\x00\x50";

    #[test]
    fn both_versions_tell_the_client() {
        let one = b"PROXY TCP4 192.0.2.7 127.0.0.1 12345 80\r\n";
        let six = b"PROXY TCP6 2001:db8::7 ::1 12345 80\r\n";
        assert_eq!(said(one), Said::Client("192.0.2.7:12345".parse().ok(), one.len()));
        assert_eq!(said(six), Said::Client("[2001:db8::7]:12345".parse().ok(), six.len()));
        assert_eq!(said(V2), Said::Client("192.0.2.7:12345".parse().ok(), V2.len()));
        let more = [V2, b"GET / HTTP/1.1\r\n"].concat();
        assert_eq!(said(&more), Said::Client("192.0.2.7:12345".parse().ok(), V2.len()));
    }

    #[test]
    fn a_balancer_may_speak_for_itself() {
        assert_eq!(said(b"PROXY UNKNOWN\r\n"), Said::Client(None, 15));
        let local = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00";
        assert_eq!(said(local), Said::Client(None, local.len()));
    }

    #[test]
    fn every_beginning_is_waited_for_and_anything_else_is_not() {
        for whole in [&b"PROXY TCP4 192.0.2.7 127.0.0.1 12345 80\r\n"[..], V2] {
            for length in 0..whole.len() {
                assert_eq!(said(&whole[..length]), Said::More, "{length} bytes");
            }
        }
        for other in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"\x16\x03\x01",
            b"PROXY TCP4 nonsense\r\n",
            b"PROXY TCP6 db9::7 :: 2 80 \n",
            b"proxy UNKNOWN\r\n",
            b"\r\n\r\nGET",
        ] {
            assert_eq!(said(other), Said::Else, "{other:?}");
        }
    }
}

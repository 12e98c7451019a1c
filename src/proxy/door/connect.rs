//! CONNECT: answered, then the first bytes show what the client speaks: TLS, plain HTTP, or something else.

use std::io;

use tokio::time::timeout;

use super::answer::Notice;
use super::front::{Door, Entry, Opened};
use super::route::OWN_HOST;
use crate::model::{Client, Failure, FailureKind, Phase, Scheme, Timing, Way};
use crate::proxy::Shared;
use crate::proxy::dial::Purpose;
use crate::proxy::fault;
use crate::proxy::forward::Arrived;
use crate::proxy::link::Link;
use crate::proxy::observe::{self, Sheet};
use crate::proxy::relay::relay;
use crate::proxy::settings::Origin;
use crate::proxy::stream::{Rewound, Stream};
use crate::proxy::tls;

const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

/// The first byte of a TLS handshake record (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// What a client speaks, told from its first byte.
#[derive(Debug, PartialEq, Eq)]
enum Speech {
    Tls,
    /// Text: a method, or what was to be one and is refused as such.
    Http,
    Unknown,
}

fn speech(first: u8) -> Speech {
    match first {
        TLS_HANDSHAKE => Speech::Tls,
        b'\t' | b' '..=b'~' => Speech::Http,
        _ => Speech::Unknown,
    }
}

/// The byte that shows what a client speaks. Before a request there may be empty lines (RFC 9112 §2.2), which a server
/// leaves out: a request behind them is one all the same.
fn telling(start: &[u8]) -> Option<&u8> {
    start.iter().take(BLANK).find(|byte| !matches!(byte, b'\r' | b'\n')).or(start.get(BLANK))
}

/// So many bytes of empty lines are more than any client sends.
const BLANK: usize = 64;

/// Reads until it shows what the client speaks.
async fn first_words(link: &mut Link) -> io::Result<()> {
    while telling(&link.buffer).is_none() {
        if link.fill(4096).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

/// Answers a CONNECT and serves what is not looked into to its end; what is, goes on through the door.
pub(in crate::proxy) async fn open(
    shared: &Shared,
    link: Link,
    door: Door,
    arrived: Arrived,
    origin: Origin,
) -> Option<(Link, Door)> {
    if origin.host == OWN_HOST && shared.has_own_tls() {
        return look_inside(shared, link, door, arrived, origin).await;
    }
    if let Err(failure) = shared.targets.admits(&origin) {
        shut(shared, link, door.client, arrived, &origin, failure).await;
        return None;
    }
    if !shared.scope.covers(&origin.host) {
        tunnel(shared, link, &arrived, &origin).await;
        return None;
    }
    if origin.scheme == Scheme::Https
        && let Err(ended) = shared.authority.ended()
    {
        let failure = fault::failure(Phase::ClientTls, FailureKind::Other, ended.to_string());
        shut(shared, link, door.client, arrived, &origin, failure).await;
        return None;
    }
    look_inside(shared, link, door, arrived, origin).await
}

/// A target that is none here: said in the answer to CONNECT, and told whatever the scope is.
async fn shut(
    shared: &Shared,
    mut link: Link,
    client: Client,
    arrived: Arrived,
    origin: &Origin,
    mut failure: Failure,
) {
    let notice = Notice::of_failure(&failure, origin);
    failure.status = Some(notice.status);
    tracing::info!(target = %origin.authority(), why = %failure.detail, "CONNECT refused");
    let bytes = notice.render(arrived.head.head.get("accept"), false, true);
    let request = observe::connect_request(Some(&arrived.head), origin);
    let sheet = Sheet::open(shared, client, request, arrived.first).await;
    sheet.draft.begins(notice.status);
    let sent = link.send(&bytes, shared.limits.idle).await;
    sheet.failed(failure);
    if sent.is_ok() {
        link.close().await;
    }
}

/// Out of scope: a connection first, so that the client learns of a failure in the answer to its CONNECT.
async fn tunnel(shared: &Shared, mut link: Link, arrived: &Arrived, origin: &Origin) {
    match shared.dialer.dial(origin, Purpose::Tunnel, &mut Timing::default()).await {
        Ok((upstream, _)) => {
            if link.send(ESTABLISHED, shared.limits.idle).await.is_ok() {
                relay(link, upstream, shared.limits.tunnel_idle).await;
            }
        }
        Err(failure) => {
            let bytes = Notice::of_failure(&failure, origin).render(arrived.head.head.get("accept"), false, true);
            if link.send(&bytes, shared.limits.idle).await.is_ok() {
                link.close().await;
            }
        }
    }
}

/// In scope: the answer first, because only after it the client shows what it speaks.
async fn look_inside(
    shared: &Shared,
    mut link: Link,
    door: Door,
    arrived: Arrived,
    origin: Origin,
) -> Option<(Link, Door)> {
    link.send(ESTABLISHED, shared.limits.idle).await.ok()?;
    if !matches!(timeout(shared.limits.silent, first_words(&mut link)).await, Ok(Ok(()))) {
        // Opened ahead of need and not used: nothing happened that could be explained.
        return None;
    }
    let agent = arrived.head.head.get("user-agent").map(|agent| String::from_utf8_lossy(agent).into_owned());
    let client = Client { connect_agent: agent, ..door.client };
    let opened = Opened { head: Some(arrived.head), at: arrived.first, resumed: false };
    match telling(&link.buffer).map(|first| speech(*first)) {
        Some(Speech::Tls) => decrypt(shared, link, client, opened, Origin { scheme: Scheme::Https, ..origin }).await,
        Some(Speech::Http) => {
            let client = Client { way: Way::PlainTunnel, ..client };
            let entry = Entry::Tunnel(Origin { scheme: Scheme::Http, ..origin });
            Some((link, Door { entry, client, opened: Some(opened) }))
        }
        _ => {
            opaque(shared, link, client, &opened, &origin).await;
            None
        }
    }
}

async fn decrypt(shared: &Shared, link: Link, client: Client, opened: Opened, origin: Origin) -> Option<(Link, Door)> {
    let (tcp, ahead) = link.into_tcp()?;
    match tls::accept(shared, Rewound::new(ahead, tcp), &origin).await {
        Ok(accepted) => {
            let link = Link::new(Stream::Server(Box::new(accepted.stream)));
            let client = Client { way: Way::Tunnel, tls: Some(accepted.facts), ..client };
            let opened = Opened { resumed: accepted.resumed, ..opened };
            Some((link, Door { entry: Entry::Tunnel(origin), client, opened: Some(opened) }))
        }
        Err(failure) => {
            failed(shared, client, &opened, &origin, failure).await;
            None
        }
    }
}

/// A tunnel that led to no request, as an exchange of its CONNECT: the client ended the handshake, sent nothing after it,
/// or what it wanted could not be reached.
pub(in crate::proxy) async fn failed(
    shared: &Shared,
    client: Client,
    opened: &Opened,
    origin: &Origin,
    failure: Failure,
) {
    let request = observe::connect_request(opened.head.as_ref(), origin);
    let sheet = Sheet::open(shared, client, request, opened.at).await;
    sheet.failed(failure);
}

/// Neither TLS nor HTTP: passed on as it is.
async fn opaque(shared: &Shared, link: Link, client: Client, opened: &Opened, origin: &Origin) {
    match shared.dialer.dial(origin, Purpose::Tunnel, &mut Timing::default()).await {
        Ok((upstream, _)) => relay(link, upstream, shared.limits.tunnel_idle).await,
        // There is no way to tell the client more than by closing: it speaks nothing that we know.
        Err(failure) => failed(shared, client, opened, origin, failure).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_tells_what_a_client_speaks() {
        assert_eq!(speech(0x16), Speech::Tls);
        for first in [b'G', b'g', b' ', b'0', b'{'] {
            assert_eq!(speech(first), Speech::Http, "{first}");
        }
        for first in [0x80, b'\r', 0, 0x15, 0x7f] {
            assert_eq!(speech(first), Speech::Unknown, "{first}");
        }
    }

    #[test]
    fn empty_lines_tell_nothing_unless_they_are_all_there_is() {
        assert_eq!(telling(b"\r\n\r\nGET"), Some(&b'G'));
        assert_eq!(telling(b"\r\n"), None);
        assert_eq!(telling(&[b'\n'; BLANK + 1]), Some(&b'\n'));
    }
}

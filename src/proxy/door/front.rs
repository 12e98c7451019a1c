//! The one door: reads requests of a connection, plain or decrypted, and sends each where it belongs.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::watch;

use super::answer::Notice;
use super::connect;
use super::page;
use super::route::{Entrance, Route, route};
use crate::model::{Client, FailureKind, HeadFault, HeadProblem, Phase};
use crate::proxy::fault::{self, failure, of_tls};
use crate::proxy::forward::{After, Arrived, forward, keeps};
use crate::proxy::http1::head::{RequestHead, hopeless};
use crate::proxy::http2;
use crate::proxy::link::{HeadRead, Link};
use crate::proxy::observe::{self, Sheet};
use crate::proxy::relay;
use crate::proxy::settings::Origin;
use crate::proxy::tls::HTTP2;
use crate::proxy::{Life, Shared};

/// How a connection came to us.
pub(in crate::proxy) struct Door {
    pub entry: Entry,
    pub client: Client,
    /// The CONNECT before it, inside of a tunnel.
    pub opened: Option<Opened>,
}

pub(in crate::proxy) enum Entry {
    /// A listener of the forward proxy, by its address.
    Proxy(SocketAddr),
    /// A reverse listener, by the origin that it is, and the one that it stands for.
    Reverse {
        here: Origin,
        upstream: Origin,
    },
    Tunnel(Origin),
}

/// A CONNECT that was answered.
pub(in crate::proxy) struct Opened {
    /// None where a reverse listener stands for the tunnel.
    pub head: Option<RequestHead>,
    pub at: Instant,
    /// TLS took up an earlier session.
    pub resumed: bool,
}

impl Door {
    pub fn entrance<'a>(&'a self, shared: &'a Shared) -> Entrance<'a> {
        match &self.entry {
            Entry::Proxy(local) => Entrance::Proxy { local: *local, fallback: shared.fallback.as_ref() },
            Entry::Reverse { here, upstream } => Entrance::Reverse { here, upstream },
            Entry::Tunnel(origin) => Entrance::Tunnel(origin),
        }
    }

    /// Where all its requests go, if that is known before they are read.
    pub fn origin(&self) -> Option<&Origin> {
        match &self.entry {
            Entry::Proxy(_) => None,
            Entry::Reverse { upstream: origin, .. } | Entry::Tunnel(origin) => Some(origin),
        }
    }
}

/// Serves a connection to its end. A tunnel comes back to this door, in the place of the connection that it was opened on.
pub(in crate::proxy) async fn serve(shared: Arc<Shared>, link: Link, door: Door) {
    let mut next = Some((link, door));
    while let Some((link, door)) = next.take() {
        if door.client.tls.as_ref().and_then(|tls| tls.alpn.as_deref()).is_some_and(|alpn| alpn.as_bytes() == HTTP2) {
            return Box::pin(http2::serve::serve(shared, link, door)).await;
        }
        next = run(&shared, link, door).await;
    }
}

/// What is done last on a connection, and the tunnel that it becomes then.
type Last<'a> = Pin<Box<dyn Future<Output = Option<(Link, Door)>> + Send + 'a>>;

fn last<'a>(work: impl Future<Output = ()> + Send + 'a) -> Last<'a> {
    Box::pin(async {
        work.await;
        None
    })
}

/// All that is not waiting for the next request is boxed, so that a connection that waits is small.
async fn run(shared: &Arc<Shared>, mut link: Link, door: Door) -> Option<(Link, Door)> {
    let (mut served, mut own) = (0_u64, None);
    let opened = Instant::now();
    let mut drained = std::pin::pin!(drained(shared.life.clone()));
    let last: Last<'_> = loop {
        let (raw, first) = match next_head(shared, &mut link, served, drained.as_mut()).await {
            HeadRead::Head(raw, first) => (raw, first),
            other => {
                let unused = served == 0 && opened.elapsed() < AT_ONCE;
                break last(ended(shared, link, &door, other, unused));
            }
        };
        served += 1;
        let head = match RequestHead::parse(raw.clone(), shared.limits.fields) {
            Ok(head) if head.target().len() <= shared.limits.target_bytes => head,
            Ok(head) => break last(refuse(shared, link, &door, raw, too_long(head.target_offset()), first)),
            Err(fault) => break last(refuse(shared, link, &door, raw, fault, first)),
        };
        if matches!(door.entry, Entry::Proxy(_)) && !shared.access.knows(&head) {
            match Box::pin(ask_for_credentials(shared, &mut link, &head)).await {
                After::Next => continue,
                _ => break last(link.close()),
            }
        }
        let arrived = Arrived { head, first };
        let after = match route(&arrived.head, door.entrance(shared)) {
            Route::Connect(origin) => break Box::pin(connect::open(shared, link, door, arrived, origin)),
            Route::Own(path) => Box::pin(own_page(shared, &mut link, &door.entry, &arrived.head, &path)).await,
            Route::Misdirected => break last(misdirected(shared, link, arrived.head)),
            Route::Refuse(fault) => break last(refuse(shared, link, &door, raw, fault, first)),
            Route::Forward(destination) => {
                Box::pin(forward(shared, &mut link, &mut own, &door.client, arrived, destination)).await
            }
        };
        match after {
            After::Next => {}
            After::Close => break last(link.close()),
            After::Cut => return None,
            After::Upgraded(upstream) => break last(relay::changed(link, *upstream, shared.limits.tunnel_idle)),
        }
    };
    last.await
}

/// Ends when draining begins. One for each connection: to begin to wait anew for each request would cost.
pub(in crate::proxy) async fn drained(mut life: watch::Receiver<Life>) {
    // Without a sender there is no proxy: nothing that this could tell.
    if life.wait_for(|life| *life >= Life::Draining).await.is_err() {
        std::future::pending().await
    }
}

/// The next request's head; an idle connection ends when the proxy does.
async fn next_head(shared: &Shared, link: &mut Link, served: u64, drained: Pin<&mut impl Future>) -> HeadRead {
    let limits = &shared.limits;
    let wait = if served == 0 { limits.silent } else { limits.idle };
    if !shared.draining() {
        tokio::select! {
            biased;
            read = link.read_request(wait, limits.header, limits.head_bytes) => return read,
            _ = drained => {}
        }
    }
    if link.buffer.is_empty() {
        return HeadRead::Closed;
    }
    link.read_request(wait, limits.header, limits.head_bytes).await
}

/// What is wrong with a head that has no end: without the end of its first line it is the method or the target.
fn too_large(raw: &Bytes, most_fields: usize) -> HeadFault {
    match RequestHead::parse(raw.clone(), most_fields) {
        Err(fault) if hopeless(raw) => fault,
        _ if !raw.contains(&b'\n') => too_long(raw.len()),
        _ => HeadFault { offset: raw.len(), problem: HeadProblem::TooLarge, status: 431 },
    }
}

/// RFC 9110 §15.5.15.
fn too_long(offset: usize) -> HeadFault {
    HeadFault { offset, problem: HeadProblem::TooLarge, status: 414 }
}

/// A client that distrusts our certificate leaves at once. Browsers open connections ahead of need, and leave late.
const AT_ONCE: Duration = Duration::from_secs(2);

/// No further request came. `unused`: nor any before, and the connection has just been opened.
async fn ended(shared: &Shared, mut link: Link, door: &Door, read: HeadRead, unused: bool) {
    match read {
        HeadRead::TooLarge(raw) => {
            let fault = too_large(&raw, shared.limits.fields);
            return refuse(shared, link, door, raw, fault, Instant::now()).await;
        }
        HeadRead::Slow => {
            let says = "The request's head did not end in time.";
            let notice = Notice::plain(408, "http_request_error", says).render(None, false, true);
            if link.send(&notice, shared.limits.idle).await.is_err() {
                return;
            }
        }
        HeadRead::Closed if unused => {
            silent(shared, door, FailureKind::ClientClosed, "closed after the handshake").await
        }
        HeadRead::Failed(error) if unused => distrusted(shared, door, &error).await,
        _ => {}
    }
    link.close().await;
}

/// The connection broke before the first request; an alert of TLS says why.
pub(in crate::proxy) async fn distrusted(shared: &Shared, door: &Door, error: &io::Error) {
    let seen = fault::client_tls(error);
    let kind = if of_tls(error).is_some() { seen.kind } else { FailureKind::ClientClosed };
    silent(shared, door, kind, &seen.detail).await;
}

/// The client has finished the handshake and then sent nothing: this is how some say that they do not trust us. Not where
/// it took up an earlier session, nor where we are the ones that end.
pub(in crate::proxy) async fn silent(shared: &Shared, door: &Door, kind: FailureKind, detail: &str) {
    let (Some(opened), Some(origin)) = (&door.opened, door.origin()) else { return };
    let unused = kind == FailureKind::ClientClosed && is_browser(&door.client);
    if opened.resumed || door.client.tls.is_none() || shared.draining() || unused {
        return;
    }
    let failure = failure(Phase::ClientTls, kind, detail);
    connect::failed(shared, door.client.clone(), opened, origin, failure).await;
}

/// Browsers open a second connection ahead of need and may drop it at once; their distrust they say with an alert.
/// PowerShell calls itself one and is none.
fn is_browser(client: &Client) -> bool {
    client.connect_agent.as_deref().is_some_and(|agent| agent.starts_with("Mozilla/") && !agent.contains("PowerShell"))
}

/// Answers a head that HTTP cannot parse, or that is for elsewhere, and keeps it as evidence.
async fn refuse(shared: &Shared, mut link: Link, door: &Door, raw: Bytes, fault: HeadFault, first: Instant) {
    let request = observe::broken_request(raw.clone(), door.origin());
    let accept = request.fields.get("accept").map(<[u8]>::to_vec);
    let sheet = Sheet::open(shared, door.client.clone(), request, first).await;
    let bytes = Notice::of_fault(&fault, &raw).render(accept.as_deref(), false, true);
    sheet.draft.begins(fault.status);
    // The client may be gone already; the exchange is told all the same.
    link.send(&bytes, shared.limits.idle).await.ok();
    sheet.refused(fault);
    link.close().await;
}

/// Many clients show credentials only when they were asked, on the same connection.
async fn ask_for_credentials(shared: &Shared, link: &mut Link, head: &RequestHead) -> After {
    let keep = bare(head) && keeps(head) && !shared.draining();
    let notice = Notice::wants_credentials().render(head.head.get("accept"), head.method() == "HEAD", !keep);
    let sent = link.send(&notice, shared.limits.idle).await;
    if keep && sent.is_ok() { After::Next } else { After::Close }
}

/// Without a body, which would be in the way of the next request.
fn bare(head: &RequestHead) -> bool {
    head.head.get("content-length").is_none() && head.head.get("transfer-encoding").is_none()
}

async fn own_page(shared: &Shared, link: &mut Link, entry: &Entry, head: &RequestHead, path: &str) -> After {
    let keep = bare(head) && keeps(head) && !shared.draining();
    let sent = link.send(&page::page(shared, entry, head, path, !keep), shared.limits.idle).await;
    if keep && sent.is_ok() { After::Next } else { After::Close }
}

async fn misdirected(shared: &Shared, mut link: Link, head: RequestHead) {
    let says = "This is a proxy; the request names a host that it is not. Set it as the proxy of your client instead of calling it.";
    let bytes =
        Notice::plain(421, "http_request_error", says).render(head.head.get("accept"), head.method() == "HEAD", true);
    if link.send(&bytes, shared.limits.idle).await.is_ok() {
        link.close().await;
    }
}

//! What the tests of HTTP/2 stand on: an h2 client through a tunnel, an h2 origin, and frames written by hand.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use h2::client::SendRequest;
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request, Response};

use crate::bench::*;

pub const H2: &str = "h2";

/// An HTTP/2 client inside of a tunnel to `HOST`.
pub async fn client(proxy: &Proxy) -> SendRequest<Bytes> {
    client_with(proxy, &h2::client::Builder::new()).await
}

pub async fn client_with(proxy: &Proxy, builder: &h2::client::Builder) -> SendRequest<Bytes> {
    let io = inside(proxy).await.into_io();
    let (requests, connection) = soon(builder.handshake(io)).await.unwrap();
    tokio::spawn(async move { connection.await.ok() });
    soon(requests.ready()).await.unwrap()
}

/// A tunnel to `HOST` in which HTTP/2 was chosen.
pub async fn inside(proxy: &Proxy) -> Conn {
    let tunnel = proxy.tunnel(&format!("{HOST}:443")).await;
    let (conn, chosen) = tunnel.tls_offering(HOST, &proxy.root, &[H2, "http/1.1"]).await.unwrap();
    assert_eq!(chosen.as_deref(), Some(H2));
    conn
}

/// An origin that speaks the protocols that are named, and HTTP/2 to `handle`.
pub struct H2Origin {
    pub origin: Origin,
    /// Connections that were made to it.
    pub connections: Arc<AtomicUsize>,
}

impl H2Origin {
    pub async fn new<F, R>(world: &World, handle: F) -> H2Origin
    where
        F: Fn(Request<RecvStream>, SendResponse<Bytes>) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        H2Origin::with(world, &h2::server::Builder::new(), handle).await
    }

    pub async fn with<F, R>(world: &World, builder: &h2::server::Builder, handle: F) -> H2Origin
    where
        F: Fn(Request<RecvStream>, SendResponse<Bytes>) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let connections = Arc::new(AtomicUsize::new(0));
        let (counted, builder) = (connections.clone(), builder.clone());
        let mut config = world.server_for(HOST);
        config.alpn_protocols = vec![H2.into()];
        let script = script(move |conn: Conn| {
            counted.fetch_add(1, Ordering::SeqCst);
            let (handle, builder) = (handle.clone(), builder.clone());
            async move {
                let Ok(mut connection) = builder.handshake(conn.into_io()).await else { return };
                while let Some(Ok((request, respond))) = connection.accept().await {
                    tokio::spawn(handle(request, respond));
                }
            }
        });
        H2Origin { origin: Origin::tls(config, script).await, connections }
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

pub fn get(path: &str) -> Request<()> {
    Request::get(format!("https://{HOST}{path}")).body(()).unwrap()
}

pub fn post(path: &str) -> Request<()> {
    Request::post(format!("https://{HOST}{path}")).body(()).unwrap()
}

/// Sends all of a body as the windows let it.
pub async fn send_all(to: &mut SendStream<Bytes>, mut body: Bytes, end: bool) {
    while !body.is_empty() {
        to.reserve_capacity(body.len());
        if to.capacity() == 0 {
            soon(std::future::poll_fn(|cx| to.poll_capacity(cx))).await.expect("reset").unwrap();
        }
        let part = body.split_to(to.capacity().min(body.len()));
        to.send_data(part, end && body.is_empty()).unwrap();
    }
}

/// A whole body and its trailers.
pub async fn read_all(body: &mut RecvStream) -> Result<(Vec<u8>, Option<HeaderMap>), h2::Error> {
    let mut whole = Vec::new();
    while let Some(data) = soon(body.data()).await {
        let data = data?;
        body.flow_control().release_capacity(data.len()).unwrap();
        whole.extend_from_slice(&data);
    }
    Ok((whole, soon(body.trailers()).await?))
}

/// One request without a body and its whole answer.
pub async fn fetch(requests: &SendRequest<Bytes>, request: Request<()>) -> Result<Response<Vec<u8>>, h2::Error> {
    let (response, _) = soon(requests.clone().ready()).await?.send_request(request, true)?;
    let (parts, mut body) = soon(response).await?.into_parts();
    let (whole, _) = read_all(&mut body).await?;
    Ok(Response::from_parts(parts, whole))
}

/// A frame (RFC 9113 §4.1).
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut out = length[1..].to_vec();
    out.extend([kind, flags]);
    out.extend(stream.to_be_bytes());
    out.extend(payload);
    out
}

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// Literal fields without indexing (RFC 7541 §6.2.2), of under 127 bytes each.
pub fn raw_fields(list: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in list {
        assert!(name.len() < 127 && value.len() < 127);
        out.extend([0, name.len() as u8]);
        out.extend(*name);
        out.push(value.len() as u8);
        out.extend(*value);
    }
    out
}

/// A connection on which frames are written by hand; its own settings are sent.
pub struct Frames(pub Conn);

impl Frames {
    pub async fn open(proxy: &Proxy) -> Frames {
        let mut conn = inside(proxy).await;
        conn.send([PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await;
        Frames(conn)
    }

    /// The next frame: its kind, flags, stream and payload. `None`: the connection has ended.
    pub async fn next(&mut self) -> Option<(u8, u8, u32, Vec<u8>)> {
        let head = self.0.some(9).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        Some((head[3], head[4], stream, self.0.some(length).await?))
    }

    /// The error code with which a stream is reset or the connection is ended; `None` where it ends without one.
    pub async fn refusal(&mut self) -> Option<(u8, u32)> {
        while let Some((kind, _, _, payload)) = self.next().await {
            let code = |from: usize| u32::from_be_bytes(payload[from..from + 4].try_into().unwrap());
            match kind {
                RST_STREAM => return Some((kind, code(0))),
                GOAWAY => return Some((kind, code(4))),
                _ => {}
            }
        }
        None
    }
}

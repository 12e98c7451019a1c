//! CONNECT in the forms that real clients send, what they speak after it, and how their distrust looks.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use why401::model::{Scheme, Way};
use why401::proxy::ca::Authority;

use crate::bench::*;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test]
async fn a_host_out_of_scope_is_tunnelled_unseen() {
    let echo = script(|mut conn| async move {
        let bytes = conn.exactly(5).await;
        conn.send([b"echo ", &bytes[..]].concat()).await;
    });
    let origin = Origin::plain(echo).await;
    let proxy = Proxy::start(|settings| settings.resolve.push(origin.stands_for("api.vendor.example"))).await;
    let mut client = proxy.tunnel("api.vendor.example:443").await;
    client.send(b"\x16\x03hi\0").await;
    assert_eq!(client.rest().await, b"echo \x16\x03hi\0");
    drop(client);
    assert_eq!(proxy.last_exchanges().await.len(), 0);
}

#[tokio::test]
async fn a_tunnel_in_which_nothing_moves_ends() {
    let origin = Origin::plain(script(|mut conn| async move {
        conn.rest().await;
    }))
    .await;
    let proxy = Proxy::start(|settings| {
        settings.resolve.push(origin.stands_for("api.vendor.example"));
        settings.limits.tunnel_idle = Duration::from_millis(100);
    })
    .await;
    assert_eq!(proxy.tunnel("api.vendor.example:443").await.rest().await, b"");
}

#[tokio::test]
async fn a_tunnel_that_leads_nowhere_is_told_in_the_answer_to_connect() {
    let shut = unused_address().await;
    let proxy =
        Proxy::start(|settings| settings.resolve.push(format!("api.vendor.example={shut}").parse().unwrap())).await;
    let mut client = proxy.connect().await;
    client.send("CONNECT api.vendor.example:443 HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let (head, body) = client.message().await;
    assert!(head.starts_with("HTTP/1.1 502 Bad Gateway\r\nProxy-Status: why401; error=connection_refused"), "{head}");
    assert!(body.contains("api.vendor.example"), "{body}");
}

#[tokio::test]
async fn connect_in_every_form_that_clients_send_opens_a_tunnel() {
    let (seen, mut heads) = mpsc::unbounded_channel();
    let world = World::new();
    let origin = Origin::tls(world.server_for(HOST), answering(OK, seen)).await;
    let mut proxy = Proxy::before(&world, &origin).await;
    let forms = [
        format!("CONNECT {HOST}:443 HTTP/1.0\r\n\r\n"),
        format!("CONNECT {HOST}:443 HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n\r\n"),
        format!("CONNECT {HOST}:443 HTTP/1.1\r\nTE: deflate,gzip;q=0.3\r\nConnection: TE, close\r\n\r\n"),
        format!(
            "CONNECT DEV1.Service-Now.COM:443 HTTP/1.1\r\nAccept: */*\r\nProxy-Connection: Keep-Alive\r\nhost: {HOST}:443\r\n\r\n"
        ),
    ];
    for form in forms {
        let mut client = proxy.connect().await;
        client.send(&form).await;
        assert_eq!(client.head().await, "HTTP/1.1 200 Connection established\r\n\r\n", "{form}");
        let mut client = client.tls(HOST, &proxy.root).await.unwrap();
        for _ in 0..2 {
            client.send(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
            assert_eq!(client.message().await.1, "ok");
            assert!(soon(heads.recv()).await.unwrap().starts_with("GET / HTTP/1.1\r\nHost: dev1"));
            assert_eq!(outcome(&proxy.exchange().await), "200");
        }
    }
}

#[tokio::test]
async fn plain_http_in_a_tunnel_is_seen_as_such() {
    let (seen, mut heads) = mpsc::unbounded_channel();
    let origin = Origin::plain(answering(OK, seen)).await;
    let mut proxy = Proxy::start(|settings| settings.resolve.push(origin.stands_for(HOST))).await;
    let mut client = proxy.tunnel(&format!("{HOST}:80")).await;
    client.send(format!("GET /a HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
    assert_eq!(client.message().await.1, "ok");
    assert_eq!(soon(heads.recv()).await.unwrap(), format!("GET /a HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
    let exchange = proxy.exchange().await;
    assert_eq!(
        (exchange.client.way, exchange.request.scheme, exchange.request.port),
        (Way::PlainTunnel, Scheme::Http, 80)
    );
}

#[tokio::test]
async fn odd_methods_in_a_plain_tunnel_are_seen_too() {
    let (seen, mut heads) = mpsc::unbounded_channel();
    let origin = Origin::plain(answering(OK, seen)).await;
    let mut proxy = Proxy::start(|settings| settings.resolve.push(origin.stands_for(HOST))).await;
    for (method, expected) in [("get", "200"), ("!x", "200"), (" GET", "refused"), ("G(T", "refused"), ("{", "refused")]
    {
        let mut client = proxy.tunnel(&format!("{HOST}:80")).await;
        client.send(format!("{method} /a HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
        client.finish().await;
        client.rest().await;
        let told = outcome(&proxy.exchange().await);
        assert!(told.starts_with(expected), "{method}: {told}");
        assert_eq!(heads.try_recv().is_ok(), expected == "200", "{method}");
    }
}

#[tokio::test]
async fn empty_lines_before_the_first_request_of_a_tunnel_hide_nothing() {
    let (seen, mut heads) = mpsc::unbounded_channel();
    let origin = Origin::plain(answering(OK, seen)).await;
    let mut proxy = Proxy::start(|settings| settings.resolve.push(origin.stands_for(HOST))).await;
    for blank in ["\r\n", "\r\n\r\n\r\n"] {
        let mut client = proxy.tunnel(&format!("{HOST}:80")).await;
        client.send(blank).await;
        client.send(format!("GET /a HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
        assert_eq!(client.message().await.1, "ok");
        assert!(soon(heads.recv()).await.unwrap().starts_with("GET /a HTTP/1.1\r\n"));
        assert_eq!(outcome(&proxy.exchange().await), "200");
    }
    // A lone line feed is no empty line: refused, and not passed on unseen.
    let mut client = proxy.tunnel(&format!("{HOST}:80")).await;
    client.send(format!("\nGET /a HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
    assert!(client.message().await.0.starts_with("HTTP/1.1 400 "));
    assert!(outcome(&proxy.exchange().await).starts_with("refused"));
}

#[tokio::test]
async fn what_is_neither_tls_nor_http_passes_as_it_is() {
    let echo = script(|mut conn| async move {
        let bytes = conn.exactly(4).await;
        conn.send(&bytes).await;
    });
    let origin = Origin::plain(echo).await;
    let proxy = Proxy::start(|settings| settings.resolve.push(origin.stands_for(HOST))).await;
    let mut client = proxy.tunnel(&format!("{HOST}:8443")).await;
    client.send(b"\x01\x02\x03\x04").await;
    assert_eq!(client.rest().await, b"\x01\x02\x03\x04");
    drop(client);
    assert_eq!(proxy.last_exchanges().await.len(), 0);
}

#[tokio::test]
async fn what_is_neither_and_leads_nowhere_is_told() {
    let shut = unused_address().await;
    let mut proxy = Proxy::start(|settings| settings.resolve.push(format!("{HOST}={shut}").parse().unwrap())).await;
    let mut client = proxy.tunnel(&format!("{HOST}:8443")).await;
    client.send(b"\x01\x02\x03\x04").await;
    assert_eq!(client.rest().await, b"");
    let exchange = proxy.exchange().await;
    assert_eq!(outcome(&exchange), "failed: Connect ConnectionRefused None");
    assert_eq!(exchange.request.target, "dev1.service-now.com:8443");
}

#[tokio::test]
async fn a_client_hello_may_come_in_pieces_and_with_the_connect() {
    let (seen, _heads) = mpsc::unbounded_channel();
    let world = World::new();
    let origin = Origin::tls(world.server_for(HOST), answering(OK, seen)).await;
    let proxy = Proxy::before(&world, &origin).await;
    // A relay that sends each byte of the client alone, so that the proxy sees the smallest pieces there are.
    let (near, far) = tokio::io::duplex(64 * 1024);
    let address: SocketAddr = proxy.address();
    tokio::spawn(async move {
        let proxy = TcpStream::connect(address).await.unwrap();
        proxy.set_nodelay(true).unwrap();
        let (mut from, mut to) = proxy.into_split();
        let (mut reader, mut writer) = tokio::io::split(far);
        let down = tokio::io::copy(&mut from, &mut writer);
        let up = async {
            let mut byte = [0];
            while tokio::io::AsyncReadExt::read(&mut reader, &mut byte).await.unwrap_or(0) > 0 {
                to.write_all(&byte).await.unwrap();
            }
        };
        tokio::join!(up, async { down.await.ok() });
    });
    let mut client = Conn::new(near);
    client.send(format!("CONNECT {HOST}:443 HTTP/1.1\r\n\r\n")).await;
    client.head().await;
    let mut client = client.tls(HOST, &proxy.root).await.unwrap();
    client.send(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
    assert_eq!(client.message().await.1, "ok");
}

#[tokio::test]
async fn absolute_https_in_clear_text_goes_out_over_tls() {
    let (seen, mut heads) = mpsc::unbounded_channel();
    let world = World::new();
    let origin = Origin::tls(world.server_for(HOST), answering(OK, seen)).await;
    let mut proxy = Proxy::before(&world, &origin).await;
    let mut client = proxy.connect().await;
    client
        .send(format!(
            "GET https://{HOST}/api HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer x\r\nConnection: close\r\n\r\n"
        ))
        .await;
    let (head, _) = client.message().await;
    assert!(head.contains("\r\nConnection: close\r\n"), "{head}");
    assert_eq!(
        soon(heads.recv()).await.unwrap(),
        format!("GET /api HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer x\r\n\r\n")
    );
    let exchange = proxy.exchange().await;
    assert_eq!((exchange.client.way, exchange.request.scheme), (Way::ClearHttps, Scheme::Https));
}

#[tokio::test]
async fn a_client_that_does_not_trust_us_says_so_by_an_alert() {
    let mut proxy = Proxy::start(|_| {}).await;
    let other = Authority::ephemeral(&["*.service-now.com".parse().unwrap()]).unwrap();
    let client = proxy.tunnel(&format!("{HOST}:443")).await;
    assert!(client.tls(HOST, other.certificate_der()).await.is_err());
    let exchange = proxy.exchange().await;
    assert_eq!(outcome(&exchange), "failed: ClientTls ClientAlert(48) None");
    let request = &exchange.request;
    assert_eq!((request.method.as_str(), request.target.as_str()), ("CONNECT", "dev1.service-now.com:443"));
    assert_eq!(exchange.client.connect_agent.as_deref(), Some("raw/1"));
}

#[tokio::test]
async fn a_client_that_leaves_within_the_handshake_is_told() {
    let mut proxy = Proxy::start(|_| {}).await;
    let client = proxy.tunnel(&format!("{HOST}:443")).await;
    // A client hello alone, taken from a real one, then nothing.
    let mut session = client_session(&proxy);
    let mut hello = Vec::new();
    session.write_tls(&mut hello).unwrap();
    let mut client = client;
    client.send(&hello).await;
    assert_eq!(client.exactly(1).await, [0x16], "the server's part has begun");
    drop(client);
    assert_eq!(outcome(&proxy.exchange().await), "failed: ClientTls ClientClosed None");
}

fn client_session(proxy: &Proxy) -> rustls::ClientConnection {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(proxy.root.clone()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    rustls::ClientConnection::new(config.into(), HOST.try_into().unwrap()).unwrap()
}

#[tokio::test]
async fn a_client_that_sends_nothing_after_the_handshake_is_told() {
    let mut proxy = Proxy::start(|_| {}).await;
    let client = proxy.inside().await;
    drop(client);
    assert_eq!(outcome(&proxy.exchange().await), "failed: ClientTls ClientClosed None");
}

#[tokio::test]
async fn a_browser_that_sends_nothing_after_the_handshake_has_opened_it_ahead_of_need() {
    let mut proxy = Proxy::start(|_| {}).await;
    let mut client = proxy.connect().await;
    let agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36";
    client.send(format!("CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\nUser-Agent: {agent}\r\n\r\n")).await;
    client.head().await;
    drop(client.tls(HOST, &proxy.root).await.unwrap());
    drop(proxy.inside().await);
    assert_eq!(proxy.exchange().await.client.connect_agent.as_deref(), Some("raw/1"), "the first that is told");
}

#[tokio::test]
async fn a_client_that_speaks_no_tls_after_its_first_byte_is_told() {
    let mut proxy = Proxy::start(|_| {}).await;
    let mut client = proxy.tunnel(&format!("{HOST}:443")).await;
    client.send(b"\x16garbage garbage garbage garbage").await;
    assert_eq!(outcome(&proxy.exchange().await), "failed: ClientTls ClientTlsBroken None");
}

#[tokio::test]
async fn a_tunnel_that_is_opened_and_not_used_is_nothing_to_tell() {
    let proxy = Proxy::start(|_| {}).await;
    let client = proxy.tunnel(&format!("{HOST}:443")).await;
    drop(client);
    assert_eq!(proxy.last_exchanges().await.len(), 0);
}

#[tokio::test]
async fn an_address_in_scope_gets_a_leaf_for_the_address() {
    let (seen, _heads) = mpsc::unbounded_channel();
    let world = World::new();
    let origin = Origin::tls(world.server_for("127.0.0.1"), answering(OK, seen)).await;
    let (root, scope) = (world.root(), why401::proxy::Scope(vec!["127.0.0.1".parse().unwrap()]));
    let proxy = Proxy::start(|settings| {
        settings.upstream_roots.push(root);
        settings.scope = scope;
    })
    .await;
    let client = proxy.tunnel(&origin.address.to_string()).await;
    let mut client = client.tls("127.0.0.1", &proxy.root).await.unwrap();
    client.send(format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", origin.address)).await;
    assert_eq!(client.message().await.1, "ok");
}

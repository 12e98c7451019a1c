//! Not an open door: who may come in, and where nobody is led to.

use std::net::SocketAddr;

use tokio::sync::mpsc;
use why401::proxy::{Access, Open, Settings, StartError, start};

use crate::bench::*;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Basic credentials `ann:secret`.
const ANN: &str = "Proxy-Authorization: Basic YW5uOnNlY3JldA==\r\n";

async fn with_credentials(origin: &Origin) -> Proxy {
    let entry = origin.stands_for("a.example");
    Proxy::start(|settings| {
        settings.resolve.push(entry);
        settings.access.credentials.push("ann:secret".parse().unwrap());
    })
    .await
}

#[tokio::test]
async fn credentials_of_the_proxy_are_asked_for_and_end_here() {
    let (seen, mut heads) = mpsc::unbounded_channel();
    let origin = Origin::plain(answering(OK, seen)).await;
    let mut proxy = with_credentials(&origin).await;
    let mut client = proxy.connect().await;
    let get = |more: &str| format!("GET http://a.example/x HTTP/1.1\r\nHost: a.example\r\n{more}A: 1\r\n\r\n");
    for wrong in ["", "Proxy-Authorization: Basic YW5uOndyb25n\r\n", "Authorization: Basic YW5uOnNlY3JldA==\r\n"] {
        client.send(get(wrong)).await;
        let (head, body) = client.message().await;
        assert!(head.starts_with("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Status: why401; "), "{head}");
        assert!(head.contains("\r\nProxy-Authenticate: Basic realm=\"why401\""), "{head}");
        assert!(body.contains("not those of ServiceNow"), "{body}");
    }
    // The same connection: clients that wait to be asked go on there.
    client.send(get(ANN)).await;
    assert_eq!(client.message().await.1, "ok");
    assert_eq!(soon(heads.recv()).await.unwrap(), "GET /x HTTP/1.1\r\nHost: a.example\r\nA: 1\r\n\r\n");
    assert!(heads.try_recv().is_err(), "what was not let in did not arrive");
    assert_eq!(outcome(&proxy.exchange().await), "200");
}

#[tokio::test]
async fn without_credentials_no_tunnel_opens_and_no_page_is_shown() {
    let (seen, _heads) = mpsc::unbounded_channel();
    let origin = Origin::plain(answering(OK, seen)).await;
    let proxy = with_credentials(&origin).await;
    for request in ["CONNECT a.example:443", "CONNECT b.example:443", "GET /ca.pem"] {
        let mut client = proxy.connect().await;
        client.send(format!("{request} HTTP/1.1\r\nHost: {}\r\n\r\n", proxy.address())).await;
        let (head, _) = client.message().await;
        assert!(head.starts_with("HTTP/1.1 407 "), "{request}: {head}");
    }
    let mut client = proxy.connect().await;
    client.send("POST http://a.example/ HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\n\r\nGET ").await;
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 407 ") && head.contains("\r\nConnection: close\r\n"), "{head}");
    let mut client = proxy.connect().await;
    client.send(format!("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n{ANN}\r\n")).await;
    assert!(client.head().await.starts_with("HTTP/1.1 200 "));
}

/// The answer to a CONNECT, and how its exchange ended.
async fn connect(proxy: &mut Proxy, authority: &str) -> (String, String, String) {
    let mut client = proxy.connect().await;
    client.send(format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n")).await;
    let (head, body) = client.message().await;
    (head, body, outcome(&proxy.exchange().await))
}

#[tokio::test]
async fn ports_that_nobody_asked_for_are_403_which_says_how_to_open_them() {
    let mut proxy = Proxy::start(|_| {}).await;
    for authority in ["b.example:22", "b.example:8443", &format!("{HOST}:25"), "localhost:22", "127.0.0.1:25"] {
        let (head, body, ended) = connect(&mut proxy, authority).await;
        assert!(
            head.starts_with("HTTP/1.1 403 Forbidden\r\nProxy-Status: why401; error=http_request_denied"),
            "{head}"
        );
        let port = authority.rsplit(':').next().unwrap();
        assert!(body.contains("access.ports") && body.contains(&format!("--allow-port {port}")), "{body}");
        assert_eq!(ended, "failed: Resolve Forbidden Some(403)", "{authority}");
    }
    let mut client = proxy.connect().await;
    client.send("GET http://b.example:25/ HTTP/1.1\r\nHost: b.example:25\r\n\r\n").await;
    assert!(client.message().await.0.starts_with("HTTP/1.1 403 "));
}

#[tokio::test]
async fn a_port_that_was_opened_is_open() {
    let (seen, _heads) = mpsc::unbounded_channel();
    let origin = Origin::plain(answering(OK, seen)).await;
    let entry = format!("b.example:8443={}", origin.address).parse().unwrap();
    let proxy = Proxy::start(|settings| settings.resolve.push(entry)).await;
    let mut client = proxy.tunnel("b.example:8443").await;
    client.send("GET / HTTP/1.1\r\nHost: b.example\r\n\r\n").await;
    assert_eq!(client.message().await.1, "ok");
}

#[tokio::test]
async fn we_and_the_metadata_of_clouds_are_no_targets_in_the_answer_to_connect_already() {
    let mut proxy = Proxy::start(|_| {}).await;
    let port = proxy.address().port();
    let own = [format!("127.0.0.1:{port}"), format!("localhost:{port}"), format!("[::ffff:127.0.0.1]:{port}")];
    let metadata = ["169.254.169.254:80", "metadata.google.internal:80", "[fd00:ec2::254]:80", "100.100.100.200:80"];
    for authority in own.iter().map(String::as_str).chain(metadata) {
        let (head, _, ended) = connect(&mut proxy, authority).await;
        assert!(head.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{authority}: {head}");
        assert!(ended.contains("Forbidden Some(403)"), "{authority}: {ended}");
    }
}

#[tokio::test]
async fn a_name_that_leads_to_metadata_is_stopped_at_its_address() {
    let mut proxy = Proxy::start(|settings| settings.resolve.push("a.example=169.254.169.254".parse().unwrap())).await;
    let mut client = proxy.connect().await;
    client.send("GET http://a.example/latest HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
    let (head, body) = client.message().await;
    assert!(head.starts_with("HTTP/1.1 403 ") && head.contains("destination_ip_prohibited"), "{head}");
    assert!(body.contains("169.254.169.254"), "{body}");
    assert_eq!(outcome(&proxy.exchange().await), "failed: Connect Forbidden Some(403)");
}

#[tokio::test]
async fn a_listener_that_others_reach_does_not_start_unguarded() {
    let wide: SocketAddr = "0.0.0.0:0".parse().unwrap();
    let refused = async |access: Access, reverse: bool| {
        let authority = why401::proxy::ca::Authority::ephemeral(&[HOST.parse().unwrap()]).unwrap();
        let mut settings = Settings::new(std::sync::Arc::new(authority));
        settings.access = access;
        match reverse {
            true => settings.reverse.push(format!("{wide}=https://{HOST}").parse().unwrap()),
            false => settings.listen = vec![wide],
        }
        match start(settings, mpsc::channel(1).0).await.err() {
            Some(StartError::Open(address, why)) => Some((address, why)),
            _ => None,
        }
    };
    assert_eq!(refused(Access::default(), false).await, Some((wide, Open::Remote)));
    let remote = Access { remote: true, ..Access::default() };
    assert_eq!(refused(remote.clone(), false).await, Some((wide, Open::Anybody)));
    let credentials = Access { credentials: vec!["a:b".parse().unwrap()], ..remote };
    assert_eq!(refused(credentials, true).await, Some((wide, Open::AnybodyReverse)));
}

//! Upstreams that cannot be reached, cannot be believed, or answer what is no answer.

use std::time::Duration;

use rcgen::CertificateParams;
use why401::proxy::Settings;

use crate::bench::*;

/// Asks through a proxy whose `HOST` is `change`d into trouble; gives the answer and how it is told.
async fn asked(change: impl FnOnce(&mut Settings)) -> (String, String) {
    let mut proxy = Proxy::start(change).await;
    let mut client = proxy.inside().await;
    client.send(format!("GET /api HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
    let (head, body) = client.message().await;
    assert!(body.starts_with("why401: ") && body.contains(HOST), "{body}");
    (head.lines().take(2).collect::<Vec<_>>().join(" | ") + " | " + &body, outcome(&proxy.exchange().await))
}

#[tokio::test]
async fn a_refused_connection_is_502() {
    let shut = unused_address().await;
    let (answer, told) = asked(|settings| settings.resolve.push(format!("{HOST}={shut}").parse().unwrap())).await;
    assert!(
        answer.starts_with("HTTP/1.1 502 Bad Gateway | Proxy-Status: why401; error=connection_refused; details="),
        "{answer}"
    );
    assert_eq!(told, "failed: Connect ConnectionRefused Some(502)");
}

#[tokio::test]
async fn a_name_without_address_is_502() {
    // RFC 6761 §6.4: no resolver knows `.invalid`. Asked in clear text, so that no certificate is needed for it.
    let mut proxy = Proxy::start(|_| {}).await;
    let mut client = proxy.connect().await;
    client.send("GET http://nowhere.invalid/ HTTP/1.1\r\nHost: nowhere.invalid\r\n\r\n").await;
    let (head, _) = client.message().await;
    assert!(head.contains("error=dns_error"), "{head}");
    assert_eq!(outcome(&proxy.exchange().await), "failed: Resolve NameNotFound Some(502)");
}

/// The same through a TLS origin with the certificate that `params` say, trusted or not.
async fn with_certificate(params: CertificateParams, trusted: bool) -> (String, String) {
    let world = World::new();
    let origin = Origin::tls(world.server(params), script(|_| async {})).await;
    let (root, entry) = (world.root(), origin.stands_for(HOST));
    asked(|settings| {
        settings.resolve.push(entry);
        if trusted {
            settings.upstream_roots.push(root);
        }
    })
    .await
}

fn named(host: &str) -> CertificateParams {
    CertificateParams::new(vec![host.to_owned()]).unwrap()
}

#[tokio::test]
async fn an_upstream_certificate_that_does_not_verify_is_502_with_the_reason() {
    let (answer, told) = with_certificate(named(HOST), false).await;
    assert!(answer.contains("502 Bad Gateway | Proxy-Status: why401; error=tls_certificate_error"), "{answer}");
    assert!(answer.contains("not trusted"), "{answer}");
    assert!(told.starts_with("failed: UpstreamTls Certificate("), "{told}");

    let (answer, told) = with_certificate(named("other.example"), true).await;
    assert!(answer.contains("for other.example"), "{answer}");
    assert_eq!(told, "failed: UpstreamTls Certificate(WrongName([\"other.example\"])) Some(502)");

    let mut old = named(HOST);
    (old.not_before, old.not_after) = (rcgen::date_time_ymd(2020, 1, 1), rcgen::date_time_ymd(2021, 1, 1));
    assert_eq!(with_certificate(old, true).await.1, "failed: UpstreamTls Certificate(Expired) Some(502)");

    let mut early = named(HOST);
    (early.not_before, early.not_after) = (rcgen::date_time_ymd(2090, 1, 1), rcgen::date_time_ymd(2091, 1, 1));
    assert_eq!(with_certificate(early, true).await.1, "failed: UpstreamTls Certificate(NotYetValid) Some(502)");

    let mut client_only = named(HOST);
    client_only.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    assert_eq!(with_certificate(client_only, true).await.1, "failed: UpstreamTls Certificate(NotAllowed) Some(502)");
}

#[tokio::test]
async fn an_upstream_that_wants_a_client_certificate_is_told_so() {
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let world = World::new();
        let (chain, key) = world.certificate(named(HOST));
        let mut roots = rustls::RootCertStore::empty();
        roots.add(world.root()).unwrap();
        let verifier =
            rustls::server::WebPkiClientVerifier::builder_with_provider(roots.into(), provider()).build().unwrap();
        let config = rustls::ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .unwrap();
        let origin = Origin::tls(config, script(|_| async {})).await;
        let (root, entry) = (world.root(), origin.stands_for(HOST));
        let (answer, told) = asked(|settings| {
            settings.resolve.push(entry);
            settings.upstream_roots.push(root);
        })
        .await;
        assert_eq!(told, "failed: UpstreamTls ClientCertificateRequired Some(502)", "{version:?}");
        assert!(answer.contains("client certificate"), "{answer}");
    }
}

/// Through a plain origin on the TLS port that does `what` with whoever calls.
async fn with_script(what: std::sync::Arc<dyn Fn(Conn) -> Done + Send + Sync>, patience: Duration) -> String {
    let origin = Origin::plain(what).await;
    let entry = origin.stands_for(HOST);
    asked(|settings| {
        settings.resolve.push(entry);
        settings.limits.connect = patience;
    })
    .await
    .1
}

/// Longer than a busy machine needs.
const LONG: Duration = Duration::from_secs(10);

#[tokio::test]
async fn what_is_not_tls_is_told_so() {
    let http = script(|mut conn| async move {
        conn.try_send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await.ok();
        conn.rest().await;
    });
    assert_eq!(with_script(http, LONG).await, "failed: UpstreamTls NotTls Some(502)");
    let closes = script(|mut conn| async move {
        conn.exactly(1).await;
    });
    let told = with_script(closes, LONG).await;
    assert!(
        ["failed: UpstreamTls Closed Some(502)", "failed: UpstreamTls Reset Some(502)"].contains(&told.as_str()),
        "{told}"
    );
    let hangs = script(|mut conn| async move {
        conn.rest().await;
    });
    assert_eq!(with_script(hangs, Duration::from_millis(100)).await, "failed: UpstreamTls TimedOut Some(504)");
    let alert = script(|mut conn| async move {
        conn.exactly(1).await;
        conn.try_send(b"\x15\x03\x03\x00\x02\x02\x46").await.ok();
        conn.rest().await;
    });
    assert_eq!(with_script(alert, LONG).await, "failed: UpstreamTls TlsVersion Some(502)");
    let alert = script(|mut conn| async move {
        conn.exactly(1).await;
        conn.try_send(b"\x15\x03\x03\x00\x02\x02\x28").await.ok();
        conn.rest().await;
    });
    assert_eq!(with_script(alert, LONG).await, "failed: UpstreamTls TlsAlert(40) Some(502)");
}

/// What is told when a trusted origin answers a request with `answer` and closes.
async fn answered(answer: &'static [u8]) -> (String, String) {
    let origin = Origin::plain(script(move |mut conn| async move {
        conn.head().await;
        conn.try_send(answer).await.ok();
    }))
    .await;
    let mut proxy = Proxy::start(|settings| settings.limits.first_byte = Duration::from_millis(500)).await;
    let mut client = proxy.connect().await;
    client
        .send(format!(
            "GET http://{}/ HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            origin.address, origin.address
        ))
        .await;
    let seen = String::from_utf8_lossy(&client.rest().await).into_owned();
    (seen, outcome(&proxy.exchange().await))
}

#[tokio::test]
async fn answers_that_are_none_are_502() {
    let cases: [(&[u8], &str); 10] = [
        (b"", "Closed"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "Closed"),
        (b"hello\r\n\r\n", "Malformed"),
        (b"HTTP/1.1 60 Low\r\n\r\n", "Malformed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "Malformed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "Malformed"),
        (b"HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n", "Malformed"),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n", "Malformed"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "Malformed"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "Malformed"),
    ];
    for (answer, kind) in cases {
        let (seen, told) = answered(answer).await;
        let words = String::from_utf8_lossy(answer);
        assert!(seen.starts_with("HTTP/1.1 502 Bad Gateway\r\nProxy-Status: why401; "), "{words:?}: {seen}");
        assert!(told.contains(kind) && told.starts_with("failed: "), "{words:?}: {told}");
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_looks_cut_to_the_client() {
    let (seen, told) = answered(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc").await;
    assert!(seen.contains("Content-Length: 10") && seen.ends_with("\r\n\r\nabc"), "{seen}");
    assert_eq!(told, "200 cut: ReadBody Closed");
    let (seen, told) = answered(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n").await;
    assert!(seen.ends_with("3\r\nabc\r\n"), "{seen}");
    assert_eq!(told, "200 cut: ReadBody Closed");
}

#[tokio::test]
async fn an_upstream_that_does_not_answer_is_504() {
    let origin = Origin::plain(script(|mut conn| async move {
        conn.rest().await;
    }))
    .await;
    let mut proxy = Proxy::start(|settings| settings.limits.first_byte = Duration::from_millis(200)).await;
    let mut client = proxy.connect().await;
    client
        .send(format!(
            "POST http://{}/ HTTP/1.1\r\nHost: {}\r\nContent-Length: 2\r\n\r\nhi",
            origin.address, origin.address
        ))
        .await;
    let (head, _) = client.message().await;
    assert!(
        head.starts_with("HTTP/1.1 504 Gateway Timeout\r\nProxy-Status: why401; error=http_response_timeout"),
        "{head}"
    );
    let exchange = proxy.exchange().await;
    assert_eq!(outcome(&exchange), "failed: AwaitAnswer TimedOut Some(504)");
    assert_eq!(&exchange.request.body.bytes[..], b"hi");
}

#[tokio::test]
async fn the_body_of_a_request_that_went_nowhere_is_kept_and_the_connection_too() {
    let shut = unused_address().await;
    let mut proxy = Proxy::start(|settings| settings.resolve.push(format!("{HOST}={shut}").parse().unwrap())).await;
    let mut client = proxy.inside().await;
    for _ in 0..2 {
        client.send(format!("POST /oauth_token.do HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 5\r\n\r\n")).await;
        client.send("a=b&c").await;
        assert!(client.message().await.0.starts_with("HTTP/1.1 502 "));
        assert_eq!(&proxy.exchange().await.request.body.bytes[..], b"a=b&c");
    }
}

#[tokio::test]
async fn the_proxy_does_not_call_itself_nor_link_local_addresses() {
    let mut proxy = Proxy::start(|_| {}).await;
    let own = proxy.address();
    for (target, told) in [
        (own.to_string(), true),
        (format!("localhost:{}", own.port()), true),
        (format!("[::ffff:127.0.0.1]:{}", own.port()), false),
        ("169.254.169.254".to_owned(), false),
    ] {
        let mut client = proxy.connect().await;
        client.send(format!("GET http://{target}/ HTTP/1.1\r\nHost: {target}\r\n\r\n")).await;
        let (head, _) = client.message().await;
        assert!(
            head.starts_with("HTTP/1.1 403 Forbidden\r\nProxy-Status: why401; error=destination_ip_prohibited"),
            "{target}: {head}"
        );
        // The last two are out of scope: refused all the same, and not told.
        if told {
            assert_eq!(outcome(&proxy.exchange().await), "failed: Connect Forbidden Some(403)");
        }
    }
    assert_eq!(proxy.last_exchanges().await.len(), 0);
}

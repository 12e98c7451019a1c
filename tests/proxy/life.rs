//! Connections, the pool, the queue, own pages, and the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use why401::model::Way;
use why401::proxy::ca::Authority;
use why401::proxy::{Guide, Scope, Settings, StartError, WayOut, start};

use crate::bench::*;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
}

#[tokio::test]
async fn upstream_connections_outlive_those_of_clients() {
    let world = World::new();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    let origin = Origin::tls(
        world.server_for(HOST),
        script(move |mut conn| {
            counted.fetch_add(1, Ordering::Relaxed);
            async move {
                while !conn.head().await.is_empty() {
                    conn.send(OK).await;
                }
            }
        }),
    )
    .await;
    let mut proxy = Proxy::before(&world, &origin).await;
    for number in 0..4 {
        let mut client = proxy.inside().await;
        client.send(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n")).await;
        let answer = undated(client.rest().await);
        assert_eq!(answer, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
        let exchange = proxy.exchange().await;
        assert_eq!((exchange.upstream.reused, exchange.client.connection), (number > 0, number + 1));
        assert_eq!(exchange.timing.tls.is_some(), number == 0, "a reused connection took no time to make");
    }
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_connection_that_died_in_the_pool_costs_no_request() {
    // Each connection serves one request and then closes without a word; the next one finds it dead.
    let origin = Origin::plain(script(|mut conn| async move {
        conn.head().await;
        conn.send(OK).await;
    }))
    .await;
    let mut proxy = Proxy::start(|settings| settings.resolve.push(origin.stands_for("a.example"))).await;
    let mut client = proxy.connect().await;
    for _ in 0..20 {
        for method in ["GET", "POST"] {
            client.send(format!("{method} http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n")).await;
            let (head, body) = client.message().await;
            assert!(
                head.starts_with("HTTP/1.1 200 ") || (method == "POST" && head.contains("http_response_incomplete")),
                "{head}{body}"
            );
            proxy.exchange().await;
        }
    }
}

#[tokio::test]
async fn bytes_behind_an_answer_poison_nobody() {
    let origin = Origin::plain(script(|mut conn| async move {
        while !conn.head().await.is_empty() {
            conn.try_send(format!("{OK}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON")).await.ok();
        }
    }))
    .await;
    let proxy = Proxy::start(|settings| settings.resolve.push(origin.stands_for("a.example"))).await;
    for _ in 0..5 {
        let mut client = proxy.connect().await;
        client.send("GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
        assert_eq!(client.message().await.1, "ok");
    }
}

#[tokio::test]
async fn a_reverse_listener_changes_the_host_and_nothing_else() {
    let (seen, mut heads) = mpsc::unbounded_channel();
    let world = World::new();
    let origin = Origin::tls(world.server_for(HOST), answering(OK, seen)).await;
    let (root, entry) = (world.root(), origin.stands_for(HOST));
    let mut proxy = Proxy::start(|settings| {
        settings.upstream_roots.push(root);
        settings.resolve.push(entry);
        settings.reverse.push(format!("127.0.0.1:0=https://{HOST}").parse().unwrap());
        settings.reverse.push(format!("https://{HOST}").parse().unwrap());
    })
    .await;
    assert_eq!(proxy.running.reverse_addresses()[1], proxy.address());
    for address in proxy.running.reverse_addresses().to_vec() {
        let mut client = Conn::to(address).await;
        client.send(format!("GET /api HTTP/1.1\r\nA: 1\r\nhost: {address}\r\nB: 2\r\n\r\n")).await;
        assert_eq!(client.message().await.1, "ok");
        assert_eq!(
            soon(heads.recv()).await.unwrap(),
            format!("GET /api HTTP/1.1\r\nA: 1\r\nhost: {HOST}\r\nB: 2\r\n\r\n")
        );
        let exchange = proxy.exchange().await;
        assert_eq!((exchange.client.way, exchange.request.host.as_str()), (Way::Reverse, HOST));
    }
}

#[tokio::test]
async fn a_parent_proxy_is_asked_and_its_refusal_told() {
    let world = World::new();
    let (seen, mut heads) = mpsc::unbounded_channel();
    let origin = Origin::tls(world.server_for(HOST), answering(OK, mpsc::unbounded_channel().0)).await;
    let target = origin.address;
    let parent = Origin::plain(script(move |mut conn| {
        let seen = seen.clone();
        async move {
            let head = conn.head().await;
            seen.send(head.clone()).unwrap();
            if !head.contains("Basic dTpw") {
                return conn.send("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n").await;
            }
            if head.starts_with("GET ") {
                return conn.send(OK).await;
            }
            conn.send("HTTP/1.1 200 OK\r\n\r\n").await;
            conn.join(Conn::to(target).await).await;
        }
    }))
    .await;
    let with = |credentials: &str| {
        let parent = format!("http://{credentials}{}", parent.address).parse().unwrap();
        let root = world.root();
        Proxy::start(move |settings: &mut Settings| {
            settings.way_out = WayOut::through(parent);
            settings.upstream_roots.push(root);
        })
    };
    let mut proxy = with("u:p@").await;
    let mut client = proxy.inside().await;
    client.send(get("/")).await;
    assert_eq!(client.message().await.1, "ok");
    assert_eq!(
        soon(heads.recv()).await.unwrap(),
        format!("CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\nProxy-Authorization: Basic dTpw\r\n\r\n")
    );
    assert_eq!(proxy.exchange().await.upstream.parent, Some(format!("http://{}", parent.address)));
    let mut client = proxy.connect().await;
    client.send("GET http://a.example/x HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
    assert_eq!(client.message().await.1, "ok");
    assert!(soon(heads.recv()).await.unwrap().starts_with("GET http://a.example/x HTTP/1.1\r\n"));

    let mut proxy = with("").await;
    let mut client = proxy.inside().await;
    client.send(get("/")).await;
    assert!(client.message().await.1.contains("refused CONNECT with 407"));
    assert_eq!(outcome(&proxy.exchange().await), "failed: ParentProxy ParentProxyRefused(407) Some(502)");
}

#[tokio::test]
async fn own_pages_are_served_to_our_own_names_only() {
    let proxy = Proxy::start(|_| {}).await;
    let own = proxy.address();
    let mut client = proxy.connect().await;
    client.send(format!("GET / HTTP/1.1\r\nHost: {own}\r\n\r\n")).await;
    let (head, body) = client.message().await;
    assert!(head.contains("Cache-Control: no-store") && !head.to_lowercase().contains("access-control"), "{head}");
    assert!(body.contains(env!("CARGO_PKG_VERSION")) && body.contains("/ca.pem"), "{body}");
    client.send("GET http://why401.proxy/ca.cer HTTP/1.1\r\nHost: why401.proxy\r\nConnection: close\r\n\r\n").await;
    let answer = client.rest().await;
    assert!(answer.ends_with(&proxy.root));
    let mut client = proxy.connect().await;
    client.send(format!("GET /ca.pem HTTP/1.1\r\nHost: {own}\r\n\r\n")).await;
    assert!(client.message().await.1.starts_with("-----BEGIN CERTIFICATE-----\n"));
    let mut client = proxy.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n").await;
    assert!(client.message().await.0.starts_with("HTTP/1.1 421 Misdirected Request\r\n"));
    assert_eq!(proxy.last_exchanges().await.len(), 0);
}

#[tokio::test]
async fn a_client_is_told_whether_it_comes_through_us_and_trusts_us() {
    let mut proxy = Proxy::start(|settings| {
        let lines = vec!["Use {proxy}, at {host} and <{port}>:".into(), "  tool --proxy {proxy}".into()];
        settings.guides = vec![Guide { title: "A <tool>".into(), lines }];
    })
    .await;
    let own = proxy.address();
    let mut client = proxy.connect().await;
    client.send(format!("GET / HTTP/1.1\r\nHost: {own}\r\n\r\n")).await;
    let straight = client.message().await.1;
    assert!(straight.contains("called the proxy as a server") && straight.contains("A &lt;tool&gt;"), "{straight}");
    assert!(straight.contains(&format!("<pre>tool --proxy http://{own}</pre>")), "{straight}");
    client.send("GET http://why401.proxy/ HTTP/1.1\r\nHost: why401.proxy\r\n\r\n").await;
    let through = client.message().await.1;
    assert!(through.contains("This client uses the proxy.") && through.contains("trusted.svg"), "{through}");
    client.send("GET http://why401.proxy/trusted.svg HTTP/1.1\r\nHost: why401.proxy\r\n\r\n").await;
    assert!(client.message().await.0.starts_with("HTTP/1.1 403 "), "not in clear: it would prove nothing");
    let mut trusting = proxy.tunnel("why401.proxy:443").await.tls("why401.proxy", &proxy.root).await.unwrap();
    let picture =
        |referer: &str| format!("GET /trusted.svg HTTP/1.1\r\nHost: why401.proxy\r\nReferer: {referer}\r\n\r\n");
    trusting.send(picture("https://evil.example/")).await;
    assert!(trusting.message().await.0.starts_with("HTTP/1.1 403 "));
    trusting.send(picture("http://why401.proxy/")).await;
    let (head, body) = trusting.message().await;
    assert!(head.contains("Cross-Origin-Resource-Policy: cross-origin") && body.starts_with("<svg"), "{head}");
    trusting.send("GET /trusted HTTP/1.1\r\nHost: why401.proxy\r\n\r\n").await;
    let (head, body) = trusting.message().await;
    assert!(head.contains("Cross-Origin-Resource-Policy: same-origin"), "{head}");
    assert_eq!(body, "This client uses why401 as its proxy and trusts its certificate.\n");
    // One that does not trust us: the same finding as at an instance.
    let other = Authority::ephemeral(&["*.service-now.com".parse().unwrap()]).unwrap();
    let distrusting = proxy.tunnel("why401.proxy:443").await;
    assert!(distrusting.tls("why401.proxy", other.certificate_der()).await.is_err());
    assert_eq!(outcome(&proxy.exchange().await), "failed: ClientTls ClientAlert(48) None");
    assert_eq!(proxy.last_exchanges().await.len(), 0, "our own pages are no exchanges");
}

#[tokio::test]
async fn draining_lets_requests_end_and_closes_what_is_idle() {
    let (arrived, mut arrivals) = mpsc::unbounded_channel();
    let release = Arc::new(tokio::sync::Notify::new());
    let released = release.clone();
    let origin = Origin::plain(script(move |mut conn| {
        let (arrived, released) = (arrived.clone(), released.clone());
        async move {
            while !conn.head().await.is_empty() {
                arrived.send(()).unwrap();
                released.notified().await;
                conn.send(OK).await;
            }
        }
    }))
    .await;
    let proxy = Proxy::start(|settings| settings.resolve.push(origin.stands_for("a.example"))).await;
    let (mut busy, mut idle) = (proxy.connect().await, proxy.connect().await);
    let address = proxy.address();
    busy.send("GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
    soon(arrivals.recv()).await.unwrap();
    let draining = tokio::spawn(proxy.last_exchanges());
    assert_eq!(idle.rest().await, b"", "an idle connection ends at once");
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "nothing is accepted any more");
    release.notify_one();
    assert!(String::from_utf8(busy.rest().await).unwrap().ends_with("ok"));
    let last = soon(draining).await.unwrap();
    assert_eq!(last.iter().map(outcome).collect::<Vec<_>>(), ["200"]);
}

#[tokio::test]
async fn what_does_not_end_in_time_is_cut_and_told() {
    let (arrived, mut arrivals) = mpsc::unbounded_channel();
    let origin = Origin::plain(script(move |mut conn| {
        let arrived = arrived.clone();
        async move {
            conn.head().await;
            arrived.send(()).unwrap();
            conn.rest().await;
        }
    }))
    .await;
    let mut proxy = Proxy::start(|settings| settings.resolve.push(origin.stands_for("a.example"))).await;
    let mut client = proxy.connect().await;
    client.send("GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
    soon(arrivals.recv()).await.unwrap();
    assert!(!proxy.running.drain(Duration::from_millis(50)).await.0);
    assert_eq!(outcome(&proxy.exchanges.recv().await.unwrap()), "abandoned: AwaitAnswer");
}

#[tokio::test]
async fn a_client_that_goes_away_is_told_as_such() {
    let (arrived, mut arrivals) = mpsc::unbounded_channel();
    let origin = Origin::plain(script(move |mut conn| {
        let arrived = arrived.clone();
        async move {
            conn.head().await;
            arrived.send(()).unwrap();
            // The upstream is let go when nobody waits for it any more.
            conn.rest().await;
            arrived.send(()).unwrap();
        }
    }))
    .await;
    let mut proxy = Proxy::start(|settings| {
        settings.resolve.push(origin.stands_for("a.example"));
        settings.limits.half_closed = Duration::from_millis(50);
    })
    .await;
    let mut client = proxy.connect().await;
    client.send("GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
    soon(arrivals.recv()).await.unwrap();
    drop(client);
    assert_eq!(outcome(&proxy.exchange().await), "abandoned: AwaitAnswer");
    soon(arrivals.recv()).await.unwrap();
}

#[tokio::test]
async fn a_full_queue_holds_requests_back_for_a_moment_and_then_lets_them_by_uncounted() {
    let (seen, _heads) = mpsc::unbounded_channel();
    let origin = Origin::plain(answering(OK, seen)).await;
    let scope = Scope(vec!["a.example".parse().unwrap()]);
    let mut settings = Settings::new(Arc::new(Authority::ephemeral(&scope.0).unwrap()));
    settings.scope = scope;
    settings.resolve.push(origin.stands_for("a.example"));
    settings.limits.admission = Duration::from_millis(30);
    let (sender, mut exchanges) = mpsc::channel(2);
    let running = start(settings, sender).await.unwrap();
    let mut client = Conn::to(running.addresses()[0]).await;
    for _ in 0..5 {
        client.send("GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
        assert_eq!(client.message().await.1, "ok");
    }
    assert_eq!(running.unobserved(), 3);
    assert_eq!(exchanges.recv().await.unwrap().id, 1);
    assert_eq!(exchanges.recv().await.unwrap().id, 2);
    client.send("GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
    assert_eq!(client.message().await.1, "ok");
    assert_eq!(exchanges.recv().await.unwrap().id, 6);
}

#[tokio::test]
async fn silent_and_slow_clients_do_not_stay() {
    let proxy = Proxy::start(|settings| {
        settings.limits.silent = Duration::from_millis(50);
        settings.limits.header = Duration::from_millis(50);
    })
    .await;
    assert_eq!(proxy.connect().await.rest().await, b"");
    let mut slow = proxy.connect().await;
    slow.send("GET / HT").await;
    assert!(slow.message().await.0.starts_with("HTTP/1.1 408 Request Timeout\r\n"));
}

#[tokio::test]
async fn a_request_body_that_does_not_go_on_is_408() {
    let (seen, _heads) = mpsc::unbounded_channel();
    let origin = Origin::plain(answering(OK, seen)).await;
    let mut proxy = Proxy::start(|settings| {
        settings.resolve.push(origin.stands_for("a.example"));
        settings.limits.idle = Duration::from_millis(100);
    })
    .await;
    let mut client = proxy.connect().await;
    client.send("POST http://a.example/ HTTP/1.1\r\nHost: a.example\r\nContent-Length: 9\r\n\r\nhalf").await;
    assert!(client.message().await.0.starts_with("HTTP/1.1 408 Request Timeout\r\nProxy-Status: why401"));
    assert_eq!(outcome(&proxy.exchange().await), "abandoned: SendRequest");
}

#[tokio::test]
async fn connections_that_are_authenticated_as_a_whole_are_not_shared() {
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    let origin = Origin::plain(script(move |mut conn| {
        let number = counted.fetch_add(1, Ordering::Relaxed) + 1;
        async move {
            while !conn.head().await.is_empty() {
                conn.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{number}")).await;
            }
        }
    }))
    .await;
    let proxy = Proxy::start(|settings| settings.resolve.push(origin.stands_for("a.example"))).await;
    let get = |fields: &str| format!("GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n");
    let (mut one, mut two) = (proxy.connect().await, proxy.connect().await);
    one.send(get("Authorization: NTLM TlRMTVNTUAAB\r\n")).await;
    assert_eq!(one.message().await.1, "1");
    two.send(get("")).await;
    assert_eq!(two.message().await.1, "2", "another client gets another connection");
    one.send(get("")).await;
    assert_eq!(one.message().await.1, "1", "the client that authenticated it keeps it");
}

#[tokio::test]
async fn other_listeners_of_the_process_are_no_targets() {
    let (seen, _heads) = mpsc::unbounded_channel();
    let page = Origin::plain(answering(OK, seen)).await;
    let proxy = Proxy::start(|settings| settings.shut.push(page.address)).await;
    let mut client = proxy.connect().await;
    client.send(format!("GET http://{}/ HTTP/1.1\r\nHost: {}\r\n\r\n", page.address, page.address)).await;
    assert!(client.message().await.0.starts_with("HTTP/1.1 403 Forbidden\r\n"));
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    let authority = Arc::new(Authority::ephemeral(&["*.service-now.com".parse().unwrap()]).unwrap());
    let mut settings = Settings::new(authority.clone());
    settings.scope = Scope(vec!["api.vendor.example".parse().unwrap()]);
    let error = start(settings, mpsc::channel(1).0).await.err().unwrap();
    assert!(matches!(error, StartError::Scope(_)) && error.to_string().contains("rotate"), "{error}");
    let taken = Proxy::start(|_| {}).await;
    let mut settings = Settings::new(authority);
    settings.listen = vec![taken.address()];
    let error = start(settings, mpsc::channel(1).0).await.err().unwrap();
    assert!(error.to_string().contains("is in use"), "{error}");
}

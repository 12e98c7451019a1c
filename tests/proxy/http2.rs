//! HTTP/2 with clients and upstreams, each to each: what arrives on the other side, and which exchange is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use h2::Reason;
use http::{HeaderMap, Request, Response, StatusCode, Version};
use tokio::sync::{Notify, mpsc};
use why401::model::{Exchange, Way};

use crate::bench::*;
use crate::http2_bench::*;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// What an origin of HTTP/2 was asked.
struct Asked {
    head: Request<()>,
    body: Vec<u8>,
    trailers: Option<HeaderMap>,
}

/// Tells what it was asked and answers 200 `ok`.
async fn telling(world: &World) -> (H2Origin, mpsc::UnboundedReceiver<Asked>) {
    let (tell, asked) = mpsc::unbounded_channel();
    let origin = H2Origin::new(world, move |request, mut respond| {
        let tell = tell.clone();
        async move {
            let (parts, mut body) = request.into_parts();
            let Ok((body, trailers)) = read_all(&mut body).await else { return };
            tell.send(Asked { head: Request::from_parts(parts, ()), body, trailers }).ok();
            let response = Response::builder().header("x-from", "origin").body(()).unwrap();
            respond.send_response(response, false).unwrap().send_data("ok".into(), true).unwrap();
        }
    })
    .await;
    (origin, asked)
}

async fn before(world: &World, origin: &H2Origin) -> Proxy {
    Proxy::before(world, &origin.origin).await
}

fn version(exchange: &Exchange) -> (&str, &str) {
    (&exchange.request.version, &exchange.response().unwrap().version)
}

fn names(headers: &HeaderMap) -> Vec<&str> {
    headers.keys().map(http::HeaderName::as_str).collect()
}

#[tokio::test]
async fn a_request_of_http2_arrives_as_it_was_sent_and_is_told() {
    let world = World::new();
    let (origin, mut asked) = telling(&world).await;
    let mut proxy = before(&world, &origin).await;
    let requests = client(&proxy).await;
    let request = Request::post(format!("https://{HOST}/api/now?q=a|b"))
        .header("authorization", "Bearer abc")
        .header("x-dup", "1")
        .header("te", "trailers")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .header("x-dup", "2")
        .body(())
        .unwrap();
    let (response, mut to) = requests.clone().send_request(request, false).unwrap();
    send_all(&mut to, "body".into(), false).await;
    to.send_trailers(HeaderMap::from_iter([("x-sum".parse().unwrap(), "1".parse().unwrap())])).unwrap();
    let (parts, mut body) = soon(response).await.unwrap().into_parts();
    assert_eq!((parts.status, parts.headers["x-from"].as_bytes()), (StatusCode::OK, &b"origin"[..]));
    assert_eq!(read_all(&mut body).await.unwrap().0, b"ok");

    let asked = soon(asked.recv()).await.unwrap();
    assert_eq!(
        (asked.head.method().as_str(), asked.head.uri().to_string()),
        ("POST", format!("https://{HOST}/api/now?q=a|b"))
    );
    assert_eq!(names(asked.head.headers()), ["authorization", "x-dup", "te", "cookie"]);
    assert_eq!(asked.head.headers().get_all("x-dup").iter().collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(asked.head.headers().get_all("cookie").iter().collect::<Vec<_>>(), ["a=1", "b=2"]);
    assert_eq!((asked.body, asked.trailers.unwrap()["x-sum"].as_bytes()), (b"body".to_vec(), &b"1"[..]));

    let exchange = proxy.exchange().await;
    assert_eq!((outcome(&exchange).as_str(), version(&exchange)), ("200", ("HTTP/2", "HTTP/2")));
    let request = &exchange.request;
    assert_eq!(
        (request.method.as_str(), request.origin(), request.target.as_str()),
        ("POST", format!("https://{HOST}"), "/api/now?q=a|b")
    );
    let fields: Vec<_> = request.fields.0.iter().map(|field| (&field.name[..], &field.value[..])).collect();
    let expected: [(&[u8], &[u8]); 6] = [
        (b"host", HOST.as_bytes()),
        (b"authorization", b"Bearer abc"),
        (b"x-dup", b"1"),
        (b"x-dup", b"2"),
        (b"te", b"trailers"),
        (b"cookie", b"a=1; b=2"),
    ];
    assert_eq!(fields, expected);
    assert_eq!((&request.body.bytes[..], request.body.length), (&b"body"[..], 4));
    assert_eq!(&exchange.response().unwrap().body.bytes[..], b"ok");
    assert_eq!((exchange.client.way, exchange.client.tls.as_ref().unwrap().alpn.as_deref()), (Way::Tunnel, Some("h2")));
    assert_eq!(exchange.upstream.tls.as_ref().unwrap().alpn.as_deref(), Some("h2"));
    assert!(exchange.timing.tls.is_some() && exchange.timing.sent.is_some() && exchange.timing.first_byte.is_some());
}

#[tokio::test]
async fn an_http1_upstream_gets_http1_in_its_usual_form() {
    let (seen, mut heads) = mpsc::unbounded_channel();
    let world = World::new();
    let answer = "HTTP/1.1 401 Unauthorized\r\nSet-Cookie: a=1\r\nWWW-Authenticate: Basic realm=\"Service-now\"\r\nset-cookie: b=2\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nContent-Length: 3\r\n\r\nno\n";
    let origin = Origin::tls(world.server_for(HOST), answering(answer, seen)).await;
    let mut proxy = Proxy::before(&world, &origin).await;
    let requests = client(&proxy).await;
    let request = Request::post(format!("https://{HOST}/api?a=%zz|"))
        .header("content-type", "application/json")
        .header("content-length", "4")
        .header("x-usertoken", "t")
        .header("cookie", "a=1")
        .header("te", "trailers")
        .header("cookie", "b=2")
        .body(())
        .unwrap();
    let (response, mut to) = requests.clone().send_request(request, false).unwrap();
    send_all(&mut to, "body".into(), true).await;
    let (parts, mut body) = soon(response).await.unwrap().into_parts();
    assert_eq!(parts.status, StatusCode::UNAUTHORIZED);
    assert_eq!(names(&parts.headers), ["set-cookie", "www-authenticate", "content-length", "date"]);
    assert_eq!(parts.headers.get_all("set-cookie").iter().collect::<Vec<_>>(), ["a=1", "b=2"]);
    assert_eq!(read_all(&mut body).await.unwrap().0, b"no\n");
    assert_eq!(
        soon(heads.recv()).await.unwrap(),
        format!(
            "POST /api?a=%zz| HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nContent-Length: 4\r\nX-UserToken: t\r\nCookie: a=1; b=2\r\n\r\nbody"
        )
    );
    let exchange = proxy.exchange().await;
    assert_eq!((outcome(&exchange).as_str(), version(&exchange)), ("401", ("HTTP/2", "HTTP/1.1")));
    assert_eq!(exchange.response().unwrap().fields.all("set-cookie").count(), 2);
    assert_eq!(&exchange.request.body.bytes[..], b"body");
}

#[tokio::test]
async fn a_body_of_unknown_length_is_chunked_with_its_trailers_and_back() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let world = World::new();
    let origin = Origin::tls(
        world.server_for(HOST),
        script(move |mut conn| {
            let tell = tell.clone();
            async move {
                let head = conn.head().await;
                let body = conn.exactly("4\r\nbody\r\n0\r\nX-Sum: 1\r\n\r\n".len()).await;
                tell.send((head, String::from_utf8(body).unwrap())).unwrap();
                conn.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-End\r\n\r\n2\r\nan\r\n").await;
                conn.send("4;ext=1\r\nswer\r\n0\r\nX-End: 2\r\nContent-Length: 9\r\n\r\n").await;
                conn.rest().await;
            }
        }),
    )
    .await;
    let proxy = Proxy::before(&world, &origin).await;
    let requests = client(&proxy).await;
    let (response, mut to) = requests.clone().send_request(post("/"), false).unwrap();
    send_all(&mut to, "body".into(), false).await;
    let trailers = [("x-sum", "1"), ("authorization", "Bearer late")];
    to.send_trailers(trailers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect())
        .unwrap();
    let (parts, mut body) = soon(response).await.unwrap().into_parts();
    assert_eq!(names(&parts.headers), ["trailer", "date"]);
    let (body, trailers) = read_all(&mut body).await.unwrap();
    let trailers = trailers.unwrap();
    assert_eq!((&body[..], names(&trailers), trailers["x-end"].as_bytes()), (&b"answer"[..], vec!["x-end"], &b"2"[..]));
    let (head, body) = soon(told.recv()).await.unwrap();
    assert_eq!(head, format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n"));
    assert_eq!(body, "4\r\nbody\r\n0\r\nX-Sum: 1\r\n\r\n");
}

#[tokio::test]
async fn a_request_without_a_body_says_so_where_readers_ask() {
    let (seen, mut heads) = mpsc::unbounded_channel();
    let world = World::new();
    let origin = Origin::tls(world.server_for(HOST), answering(OK, seen)).await;
    let proxy = Proxy::before(&world, &origin).await;
    let requests = client(&proxy).await;
    for (request, more) in [(post("/"), "Content-Length: 0\r\n"), (get("/"), "")] {
        let method = request.method().clone();
        assert_eq!(fetch(&requests, request).await.unwrap().body(), b"ok");
        let expected = format!("{method} / HTTP/1.1\r\nHost: {HOST}\r\n{more}\r\n");
        assert_eq!(soon(heads.recv()).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn an_http1_client_reaches_an_upstream_that_speaks_http2_only() {
    let world = World::new();
    let (origin, mut asked) = telling(&world).await;
    let mut proxy = before(&world, &origin).await;
    let mut client = proxy.inside().await;
    for length in ["Content-Length: 4\r\n\r\nbody", "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"] {
        client
            .send(format!("POST /a?b HTTP/1.1\r\nHost: {HOST}\r\nX-A: 1\r\nConnection: X-Hop\r\nX-Hop: 1\r\n{length}"))
            .await;
        let head = undated(client.head().await);
        assert_eq!(head, b"HTTP/1.1 200 OK\r\nX-From: origin\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert_eq!(client.exactly("2\r\nok\r\n0\r\n\r\n".len()).await, b"2\r\nok\r\n0\r\n\r\n");
        let asked = soon(asked.recv()).await.unwrap();
        assert_eq!((asked.head.uri().to_string(), &asked.body[..]), (format!("https://{HOST}/a?b"), &b"body"[..]));
        assert!(names(asked.head.headers()).iter().all(|name| ["x-a", "content-length"].contains(name)));
        let exchange = proxy.exchange().await;
        assert_eq!((outcome(&exchange).as_str(), version(&exchange)), ("200", ("HTTP/1.1", "HTTP/2")));
        assert_eq!((&exchange.request.body.bytes[..], exchange.request.body.length), (&b"body"[..], 4));
    }
    assert_eq!(origin.connections(), 1, "refused once, shared since: the refused handshake reaches no script");
}

#[tokio::test]
async fn an_http1_client_stays_with_http1_where_the_upstream_speaks_both() {
    let (seen, mut heads) = mpsc::unbounded_channel();
    let world = World::new();
    let mut config = world.server_for(HOST);
    config.alpn_protocols = vec!["h2".into(), "http/1.1".into()];
    let origin = Origin::tls(config, answering(OK, seen)).await;
    let proxy = Proxy::before(&world, &origin).await;
    let mut client = proxy.inside().await;
    let sent = format!("GET / HTTP/1.1\r\nhOsT: {HOST}\r\nx-A: 1\r\n\r\n");
    client.send(&sent).await;
    assert_eq!(client.message().await.1, "ok");
    assert_eq!(soon(heads.recv()).await.unwrap(), sent);
}

#[tokio::test]
async fn http1_alone_is_offered_where_that_is_asked_for() {
    let (seen, _heads) = mpsc::unbounded_channel();
    let world = World::new();
    let origin = Origin::tls(world.server_for(HOST), answering(OK, seen)).await;
    let (root, entry) = (world.root(), origin.stands_for(HOST));
    let proxy = Proxy::start(|settings| {
        settings.upstream_roots.push(root);
        settings.resolve.push(entry);
        settings.http1 = true;
    })
    .await;
    let tunnel = proxy.tunnel(&format!("{HOST}:443")).await;
    let (_, chosen) = tunnel.tls_offering(HOST, &proxy.root, &["h2", "http/1.1"]).await.unwrap();
    assert_eq!(chosen.as_deref(), Some("http/1.1"));
}

/// A thousand requests over 32 streams.
async fn thousand(proxy: &Proxy) {
    let requests = client(proxy).await;
    let next = Arc::new(AtomicUsize::new(0));
    let mut streams = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let (requests, next) = (requests.clone(), next.clone());
        streams.spawn(async move {
            while next.fetch_add(1, Ordering::SeqCst) < 1000 {
                assert_eq!(fetch(&requests, get("/")).await.unwrap().body(), b"ok");
            }
        });
    }
    while let Some(ended) = soon(streams.join_next()).await {
        ended.unwrap();
    }
}

#[tokio::test]
async fn streams_go_side_by_side_over_one_shared_connection() {
    let world = World::new();
    let (origin, _asked) = telling(&world).await;
    let proxy = before(&world, &origin).await;
    tokio::join!(thousand(&proxy), thousand(&proxy));
    assert_eq!(origin.connections(), 1, "two clients, one connection");
}

#[tokio::test]
async fn streams_go_side_by_side_to_http1() {
    let (seen, _heads) = mpsc::unbounded_channel();
    let world = World::new();
    let origin = Origin::tls(world.server_for(HOST), answering(OK, seen)).await;
    let proxy = Proxy::before(&world, &origin).await;
    thousand(&proxy).await;
}

#[tokio::test]
async fn informational_heads_come_through_each_to_each() {
    let world = World::new();
    let origin = H2Origin::new(&world, |_, mut respond| async move {
        let early = Response::builder().status(103).header("link", "</a>").body(()).unwrap();
        respond.send_informational(early).unwrap();
        respond.send_response(Response::new(()), true).unwrap();
    })
    .await;
    let first = Origin::tls(
        world.server_for(HOST),
        script(|mut conn| async move {
            conn.head().await;
            conn.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                .await;
            conn.rest().await;
        }),
    )
    .await;
    for proxy in [before(&world, &origin).await, Proxy::before(&world, &first).await] {
        let requests = client(&proxy).await;
        let (mut response, _) = requests.clone().send_request(get("/"), true).unwrap();
        let early = soon(std::future::poll_fn(|cx| response.poll_informational(cx))).await.unwrap().unwrap();
        assert_eq!((early.status(), early.headers()["link"].as_bytes()), (StatusCode::EARLY_HINTS, &b"</a>"[..]));
        assert_eq!(soon(response).await.unwrap().status(), StatusCode::OK);
    }
    let proxy = before(&world, &origin).await;
    let mut client = proxy.inside().await;
    client.send(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
    assert_eq!(client.head().await, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
    assert_eq!(undated(client.head().await), b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

#[tokio::test]
async fn answers_without_a_body_have_none() {
    let world = World::new();
    let origin = H2Origin::new(&world, |request, mut respond| async move {
        let status: u16 = request.uri().path().trim_start_matches('/').parse().unwrap();
        let response = Response::builder().status(status).header("x-a", "1");
        let response = if request.method() == "HEAD" { response.header("content-length", "9") } else { response };
        respond.send_response(response.body(()).unwrap(), true).unwrap();
    })
    .await;
    let first = Origin::tls(
        world.server_for(HOST),
        script(|mut conn| async move {
            loop {
                let head = conn.head().await;
                let Some(status) = head.split(['/', ' ']).nth(2) else { return };
                let length = if head.starts_with("HEAD") { "Content-Length: 9\r\n" } else { "" };
                if conn.try_send(format!("HTTP/1.1 {status} X\r\nX-A: 1\r\n{length}\r\n")).await.is_err() {
                    return;
                }
            }
        }),
    )
    .await;
    for proxy in [before(&world, &origin).await, Proxy::before(&world, &first).await] {
        let requests = client(&proxy).await;
        for (method, status) in [("GET", 204), ("GET", 304), ("HEAD", 200)] {
            let request = Request::builder().method(method).uri(format!("https://{HOST}/{status}")).body(()).unwrap();
            let answer = fetch(&requests, request).await.unwrap();
            assert_eq!((answer.status().as_u16(), answer.body().len()), (status, 0), "{method}");
            assert_eq!(answer.headers().contains_key("content-length"), method == "HEAD");
        }
    }
    let proxy = before(&world, &origin).await;
    let mut client = proxy.inside().await;
    for (method, status, length) in
        [("GET", 204, ""), ("HEAD", 200, "Content-Length: 9\r\n"), ("GET", 200, "Content-Length: 0\r\n")]
    {
        client.send(format!("{method} /{status} HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
        let head = String::from_utf8(undated(client.head().await)).unwrap();
        assert!(
            head.starts_with(&format!("HTTP/1.1 {status} ")) && head.ends_with(&format!("X-A: 1\r\n{length}\r\n")),
            "{head}"
        );
    }
}

/// Answers with a body that has no end, and tells how much of it was let go.
async fn endless(world: &World) -> (H2Origin, Arc<AtomicUsize>) {
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = sent.clone();
    let origin = H2Origin::new(world, move |request, mut respond| {
        let counted = counted.clone();
        async move {
            if request.uri().path() == "/small" {
                respond.send_response(Response::new(()), false).unwrap().send_data("ok".into(), true).unwrap();
                return;
            }
            let mut to = respond.send_response(Response::new(()), false).unwrap();
            loop {
                to.reserve_capacity(16 * 1024);
                let Some(Ok(room)) = std::future::poll_fn(|cx| to.poll_capacity(cx)).await else { return };
                let part = Bytes::from(vec![b'x'; room.min(16 * 1024)]);
                counted.fetch_add(part.len(), Ordering::SeqCst);
                if to.send_data(part, false).is_err() {
                    return;
                }
            }
        }
    })
    .await;
    (origin, sent)
}

#[tokio::test]
async fn a_reader_that_stops_stops_the_sender_and_nobody_else() {
    let world = World::new();
    let (origin, sent) = endless(&world).await;
    let proxy = before(&world, &origin).await;
    let requests = client_with(&proxy, h2::client::Builder::new().initial_window_size(1000)).await;
    let mut stalled = Vec::new();
    for _ in 0..40 {
        let (response, to) = soon(requests.clone().ready()).await.unwrap().send_request(get("/"), true).unwrap();
        stalled.push((soon(response).await.unwrap(), to));
    }
    // Others of the same client, and another client on the same upstream connection, are served.
    assert_eq!(fetch(&requests, get("/small")).await.unwrap().body(), b"ok");
    let other = client(&proxy).await;
    assert_eq!(fetch(&other, get("/small")).await.unwrap().body(), b"ok");
    assert_eq!(origin.connections(), 1);
    let most = stalled.len() * (64 * 1024 + 1000);
    let held = sent.load(Ordering::SeqCst);
    assert!(held <= most, "{held} bytes for {} streams", stalled.len());
    // What is taken is made up for.
    let (response, _) = &mut stalled[0];
    let mut taken = 0;
    while taken < 200_000 {
        let data = soon(response.body_mut().data()).await.unwrap().unwrap();
        taken += data.len();
        response.body_mut().flow_control().release_capacity(data.len()).unwrap();
    }
}

#[tokio::test]
async fn an_upstream_that_stops_reading_stops_the_client() {
    let world = World::new();
    let go = Arc::new(Notify::new());
    let wait = go.clone();
    let origin = H2Origin::new(&world, move |request, mut respond| {
        let wait = wait.clone();
        async move {
            wait.notified().await;
            let (body, _) = read_all(&mut request.into_body()).await.unwrap();
            let length = body.len().to_string();
            respond.send_response(Response::new(()), false).unwrap().send_data(length.into(), true).unwrap();
        }
    })
    .await;
    let proxy = before(&world, &origin).await;
    let requests = client(&proxy).await;
    let (response, mut to) = requests.clone().send_request(post("/"), false).unwrap();
    let mut sent = 0;
    // The proxy holds a stream's window, the upstream another; then no more is granted.
    loop {
        to.reserve_capacity(16 * 1024);
        let granted = tokio::time::timeout(
            std::time::Duration::from_millis(300),
            std::future::poll_fn(|cx| to.poll_capacity(cx)),
        );
        let Ok(Some(Ok(room))) = granted.await else { break };
        to.send_data(vec![b'x'; room].into(), false).unwrap();
        sent += room;
        assert!(sent < 1 << 20, "nothing stops the client");
    }
    go.notify_one();
    send_all(&mut to, vec![b'x'; 500_000].into(), true).await;
    let (_, mut body) = soon(response).await.unwrap().into_parts();
    assert_eq!(read_all(&mut body).await.unwrap().0, (sent + 500_000).to_string().as_bytes());
}

#[tokio::test]
async fn a_stream_that_the_client_takes_back_ends_upstream_too() {
    let world = World::new();
    let (tell, mut told) = mpsc::unbounded_channel();
    let origin = H2Origin::new(&world, move |_request, mut respond| {
        let tell = tell.clone();
        async move {
            tell.send(None).unwrap();
            let reason = std::future::poll_fn(|cx| respond.poll_reset(cx)).await.unwrap();
            tell.send(Some(reason)).unwrap();
        }
    })
    .await;
    let mut proxy = before(&world, &origin).await;
    let requests = client(&proxy).await;
    let (response, mut to) = requests.clone().send_request(get("/"), true).unwrap();
    assert_eq!(soon(told.recv()).await.unwrap(), None);
    to.send_reset(Reason::CANCEL);
    drop(response);
    assert_eq!(soon(told.recv()).await.unwrap(), Some(Reason::CANCEL));
    assert_eq!(outcome(&proxy.exchange().await), "abandoned: AwaitAnswer");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_seen_to() {
    let world = World::new();
    let origin = H2Origin::new(&world, |_, mut respond| async move {
        let mut to = respond.send_response(Response::new(()), false).unwrap();
        send_all(&mut to, "half".into(), false).await;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        to.send_reset(Reason::INTERNAL_ERROR);
    })
    .await;
    let mut proxy = before(&world, &origin).await;
    let requests = client(&proxy).await;
    let (response, _) = requests.clone().send_request(get("/"), true).unwrap();
    let (_, mut body) = soon(response).await.unwrap().into_parts();
    assert_eq!(read_all(&mut body).await.unwrap_err().reason(), Some(Reason::INTERNAL_ERROR));
    let exchange = proxy.exchange().await;
    assert_eq!(outcome(&exchange), "200 cut: ReadBody Reset");

    let mut client = proxy.inside().await;
    client.send(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
    let answer = String::from_utf8(client.rest().await).unwrap();
    assert!(answer.ends_with("4\r\nhalf\r\n"), "no last chunk: {answer}");
    assert_eq!(outcome(&proxy.exchange().await), "200 cut: ReadBody Reset");
}

#[tokio::test]
async fn what_the_upstream_has_not_looked_at_is_sent_again() {
    let world = World::new();
    let seen = Arc::new(AtomicUsize::new(0));
    let counted = seen.clone();
    let origin = H2Origin::new(&world, move |_, mut respond| {
        let first = counted.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            if first {
                return respond.send_reset(Reason::REFUSED_STREAM);
            }
            respond.send_response(Response::new(()), false).unwrap().send_data("ok".into(), true).unwrap();
        }
    })
    .await;
    let mut proxy = before(&world, &origin).await;
    let requests = client(&proxy).await;
    assert_eq!(fetch(&requests, post("/")).await.unwrap().body(), b"ok");
    assert_eq!(seen.load(Ordering::SeqCst), 2);
    assert_eq!(outcome(&proxy.exchange().await), "200");

    // With a body it cannot be: the client is told what we were, and knows that it may.
    seen.store(0, Ordering::SeqCst);
    let (response, mut to) = requests.clone().send_request(post("/"), false).unwrap();
    send_all(&mut to, "body".into(), true).await;
    assert_eq!(soon(response).await.unwrap_err().reason(), Some(Reason::REFUSED_STREAM));
    assert_eq!(outcome(&proxy.exchange().await), "failed: AwaitAnswer Reset None");
}

#[tokio::test]
async fn an_upstream_that_asks_for_http1_gets_it() {
    let world = World::new();
    let (seen, mut heads) = mpsc::unbounded_channel();
    let both = Arc::new(AtomicUsize::new(0));
    let turn = both.clone();
    let mut config = world.server_for(HOST);
    config.alpn_protocols = vec!["h2".into(), "http/1.1".into()];
    let answers = answering(OK, seen);
    let origin = Origin::tls(
        config,
        script(move |conn: Conn| {
            let (turn, answers) = (turn.clone(), answers.clone());
            async move {
                if turn.fetch_add(1, Ordering::SeqCst) > 0 {
                    return answers(conn).await;
                }
                let mut connection = h2::server::handshake(conn.into_io()).await.unwrap();
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    respond.send_reset(Reason::HTTP_1_1_REQUIRED);
                }
            }
        }),
    )
    .await;
    let mut proxy = Proxy::before(&world, &origin).await;
    let requests = client(&proxy).await;
    assert_eq!(fetch(&requests, get("/")).await.unwrap().body(), b"ok");
    assert_eq!(soon(heads.recv()).await.unwrap(), format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
    assert_eq!(version(&proxy.exchange().await), ("HTTP/2", "HTTP/1.1"));
}

#[tokio::test]
async fn a_connection_that_ended_meanwhile_is_replaced() {
    let world = World::new();
    let (tell, mut ended) = mpsc::unbounded_channel();
    let mut config = world.server_for(HOST);
    config.alpn_protocols = vec!["h2".into()];
    let origin = Origin::tls(
        config,
        script(move |conn: Conn| {
            let tell = tell.clone();
            async move {
                let mut connection = h2::server::handshake(conn.into_io()).await.unwrap();
                let (_, mut respond) = connection.accept().await.unwrap().unwrap();
                respond.send_response(Response::new(()), true).unwrap();
                // One request each connection.
                connection.graceful_shutdown();
                while let Some(Ok(_)) = connection.accept().await {}
                tell.send(()).ok();
            }
        }),
    )
    .await;
    let proxy = Proxy::before(&world, &origin).await;
    let requests = client(&proxy).await;
    for _ in 0..3 {
        assert_eq!(fetch(&requests, post("/")).await.unwrap().status(), StatusCode::OK);
    }
    assert_eq!(soon(ended.recv()).await, Some(()));
}

#[tokio::test]
async fn a_drained_proxy_lets_streams_end() {
    let world = World::new();
    let go = Arc::new(Notify::new());
    let (wait, arrived) = (go.clone(), Arc::new(Notify::new()));
    let came = arrived.clone();
    let origin = H2Origin::new(&world, move |_, mut respond| {
        let (wait, came) = (wait.clone(), came.clone());
        async move {
            came.notify_one();
            wait.notified().await;
            respond.send_response(Response::new(()), false).unwrap().send_data("ok".into(), true).unwrap();
        }
    })
    .await;
    let proxy = before(&world, &origin).await;
    let requests = client(&proxy).await;
    let (response, _) = requests.clone().send_request(get("/"), true).unwrap();
    soon(arrived.notified()).await;
    let draining = tokio::spawn(proxy.last_exchanges());
    // The GOAWAY has come: no new stream is taken.
    while soon(requests.clone().ready()).await.is_ok() {
        tokio::task::yield_now().await;
    }
    go.notify_one();
    let (_, mut body) = soon(response).await.unwrap().into_parts();
    assert_eq!(read_all(&mut body).await.unwrap().0, b"ok");
    assert_eq!(soon(draining).await.unwrap().iter().map(outcome).collect::<Vec<_>>(), ["200"]);
}

#[tokio::test]
async fn credentials_that_authenticate_a_connection_are_not_shared() {
    let world = World::new();
    let (seen, mut heads) = mpsc::unbounded_channel();
    let opened = Arc::new(AtomicUsize::new(0));
    let (counted, answers) = (opened.clone(), answering(OK, seen));
    let mut config = world.server_for(HOST);
    config.alpn_protocols = vec!["h2".into(), "http/1.1".into()];
    let counting = script(move |conn: Conn| {
        counted.fetch_add(1, Ordering::SeqCst);
        answers(conn)
    });
    let origin = Origin::tls(config, counting).await;
    let proxy = Proxy::before(&world, &origin).await;
    let (first, second) = (client(&proxy).await, client(&proxy).await);
    let ntlm =
        || Request::get(format!("https://{HOST}/")).header("authorization", "NTLM TlRMTVNTUAAB").body(()).unwrap();
    for requests in [&first, &first, &second] {
        assert_eq!(fetch(requests, ntlm()).await.unwrap().body(), b"ok");
        assert!(soon(heads.recv()).await.unwrap().contains("Authorization: NTLM"));
    }
    assert_eq!(opened.load(Ordering::SeqCst), 2, "one for each client, kept for it");
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_said_in_http2() {
    let shut = unused_address().await;
    let mut proxy = Proxy::start(|settings| settings.resolve.push(format!("{HOST}={shut}").parse().unwrap())).await;
    let requests = client(&proxy).await;
    let answer = fetch(&requests, get("/")).await.unwrap();
    assert_eq!((answer.status(), answer.version()), (StatusCode::BAD_GATEWAY, Version::HTTP_2));
    let status = answer.headers()["proxy-status"].to_str().unwrap();
    assert!(status.starts_with("why401; error=connection_refused; details="), "{status}");
    assert!(String::from_utf8_lossy(answer.body()).contains("nothing listens there"));
    assert_eq!(outcome(&proxy.exchange().await), "failed: Connect ConnectionRefused Some(502)");
}

#[tokio::test]
async fn a_client_of_http2_that_leaves_after_the_handshake_is_told() {
    let mut proxy = Proxy::start(|_| {}).await;
    drop(inside(&proxy).await);
    assert_eq!(outcome(&proxy.exchange().await), "failed: ClientTls ClientClosed None");
}

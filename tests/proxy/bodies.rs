//! Bodies: streamed both ways, in every framing, kept up to the limit, and the answers that have none.

use tokio::sync::mpsc;

use crate::bench::*;

/// A proxy before a plain origin, and a client whose requests go there.
async fn plain(what: std::sync::Arc<dyn Fn(Conn) -> Done + Send + Sync>) -> (Proxy, Conn, Origin) {
    let origin = Origin::plain(what).await;
    let proxy = Proxy::start(|settings| settings.resolve.push(origin.stands_for("a.example"))).await;
    let client = proxy.connect().await;
    (proxy, client, origin)
}

fn get(fields: &str) -> String {
    format!("GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n")
}

#[tokio::test]
async fn large_bodies_stream_both_ways_at_once() {
    const SIZE: usize = 24 * 1024 * 1024;
    // An origin that sends each piece back as it comes: neither side has room for the whole.
    let echo = script(|mut conn| async move {
        conn.head().await;
        conn.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n")).await;
        let mut left = SIZE;
        while left > 0 {
            let piece = conn.exactly(left.min(64 * 1024)).await;
            left -= piece.len();
            conn.send(&piece).await;
        }
    });
    let world = World::new();
    let origin = Origin::tls(world.server_for(HOST), echo).await;
    let mut proxy = Proxy::before(&world, &origin).await;
    let client = proxy.inside().await;
    let (mut sender, mut receiver) = client.split();
    let sending = tokio::spawn(async move {
        sender.send(format!("PUT /big HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {SIZE}\r\n\r\n")).await;
        for number in 0..SIZE / 65536 {
            sender.send(vec![u8::try_from(number % 251).unwrap(); 65536]).await;
        }
        sender
    });
    assert!(receiver.head().await.starts_with("HTTP/1.1 200 OK"));
    for number in 0..SIZE / 65536 {
        let piece = receiver.exactly(65536).await;
        assert!(piece.iter().all(|byte| usize::from(*byte) == number % 251), "piece {number}");
    }
    soon(sending).await.unwrap();
    let exchange = proxy.exchange().await;
    assert_eq!((exchange.request.body.length, exchange.request.body.bytes.len()), (SIZE as u64, 256 * 1024));
    let response = exchange.response().unwrap();
    assert_eq!((response.body.length, response.body.bytes.len()), (SIZE as u64, 256 * 1024));
    assert!(response.body.truncated());
}

#[tokio::test]
async fn an_answer_is_passed_on_as_it_comes() {
    let (go, going) = mpsc::unbounded_channel::<()>();
    let going = std::sync::Arc::new(tokio::sync::Mutex::new(going));
    let drip = script(move |mut conn| {
        let going = going.clone();
        async move {
            conn.head().await;
            conn.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n").await;
            for number in 0..3 {
                going.lock().await.recv().await;
                conn.send(format!("8\r\ndata: {number}\n\r\n")).await;
            }
            conn.send("0\r\n\r\n").await;
            conn.rest().await;
        }
    });
    let (mut proxy, mut client, _origin) = plain(drip).await;
    client.send(get("")).await;
    assert!(client.head().await.contains("Transfer-Encoding: chunked"));
    for number in 0..3 {
        // The next piece is sent only once this one has arrived.
        go.send(()).unwrap();
        assert_eq!(client.exactly(13).await, format!("8\r\ndata: {number}\n\r\n").as_bytes());
    }
    assert_eq!(client.exactly(5).await, b"0\r\n\r\n");
    assert_eq!(&proxy.exchange().await.response().unwrap().body.bytes[..], b"data: 0\ndata: 1\ndata: 2\n");
}

#[tokio::test]
async fn chunks_pass_as_they_are_without_extensions_and_with_trailers() {
    let (seen, mut bodies) = mpsc::unbounded_channel();
    let origin = script(move |mut conn| {
        let seen = seen.clone();
        async move {
            let head = conn.head().await;
            let body = conn.exactly(b"3\r\nabc\r\n1\r\nd\r\n0\r\nX-Sum: 1\r\n\r\n".len()).await;
            seen.send(head + &String::from_utf8(body).unwrap()).unwrap();
            conn.send(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Y\r\n\r\n2;x=y\r\nhi\r\n0\r\nY: 1\r\n\r\n",
            )
            .await;
            conn.rest().await;
        }
    });
    let (mut proxy, mut client, _origin) = plain(origin).await;
    client.send("POST http://a.example/ HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    client.send("3;ext\r\nabc\r\n1\r\nd\r\n0\r\nX-Sum: 1\r\nAuthorization: no\r\n\r\n").await;
    let expected = "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\nX-Sum: 1\r\n\r\n";
    assert_eq!(soon(bodies.recv()).await.unwrap(), expected);
    let head = undated(client.head().await);
    assert_eq!(head, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Y\r\n\r\n");
    let body = b"2\r\nhi\r\n0\r\nY: 1\r\n\r\n";
    assert_eq!(client.exactly(body.len()).await, body);
    let exchange = proxy.exchange().await;
    assert_eq!((&exchange.request.body.bytes[..], exchange.request.body.length), (&b"abcd"[..], 4));
}

#[tokio::test]
async fn answers_without_a_body_leave_the_connection_usable() {
    let answers = script(|mut conn| async move {
        loop {
            let head = conn.head().await;
            let answer = match head.split(' ').nth(1) {
                Some("/head") => "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",
                Some("/204") => "HTTP/1.1 204 No Content\r\n\r\n",
                Some("/304") => "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
                Some("/") => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
                _ => return,
            };
            conn.send(answer).await;
        }
    });
    let (mut proxy, mut client, _origin) = plain(answers).await;
    for (method, path, status) in
        [("HEAD", "/head", "200"), ("GET", "/204", "204"), ("GET", "/304", "304"), ("GET", "/", "200")]
    {
        client.send(format!("{method} http://a.example{path} HTTP/1.1\r\nHost: a.example\r\n\r\n")).await;
        assert!(client.head().await.starts_with(&format!("HTTP/1.1 {status} ")), "{path}");
        assert_eq!(outcome(&proxy.exchange().await), status);
    }
    assert_eq!(client.exactly(2).await, b"ok");
}

#[tokio::test]
async fn a_continue_comes_from_the_upstream_and_not_from_us() {
    let (seen, mut heads) = mpsc::unbounded_channel();
    let careful = script(move |mut conn| {
        let seen = seen.clone();
        async move {
            let head = conn.head().await;
            seen.send(head).unwrap();
            conn.send("HTTP/1.1 100 Continue\r\n\r\n").await;
            let body = conn.exactly(4).await;
            conn.send("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n").await;
            conn.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n{}", String::from_utf8(body).unwrap()))
                .await;
            conn.rest().await;
        }
    });
    let (mut proxy, mut client, _origin) = plain(careful).await;
    client
        .send("POST http://a.example/ HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        .await;
    assert!(soon(heads.recv()).await.unwrap().contains("\r\nExpect: 100-continue\r\n"));
    assert_eq!(client.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("body").await;
    assert_eq!(client.head().await, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
    assert_eq!(client.message().await.1, "body");
    assert_eq!(outcome(&proxy.exchange().await), "200");
}

#[tokio::test]
async fn an_answer_before_the_end_of_the_request_comes_at_once_and_the_rest_still_goes() {
    let (seen, mut bodies) = mpsc::unbounded_channel();
    let hasty = script(move |mut conn| {
        let seen = seen.clone();
        async move {
            conn.head().await;
            conn.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno").await;
            seen.send(conn.exactly(8).await).unwrap();
            conn.head().await;
            conn.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
            conn.rest().await;
        }
    });
    let (mut proxy, mut client, _origin) = plain(hasty).await;
    client.send("POST http://a.example/ HTTP/1.1\r\nHost: a.example\r\nContent-Length: 8\r\n\r\nhalf").await;
    assert_eq!(client.message().await.1, "no");
    client.send("rest").await;
    assert_eq!(soon(bodies.recv()).await.unwrap(), b"halfrest");
    client.send(get("")).await;
    assert!(client.message().await.0.starts_with("HTTP/1.1 200 OK"));
    assert_eq!((outcome(&proxy.exchange().await).as_str(), outcome(&proxy.exchange().await).as_str()), ("401", "200"));
}

#[tokio::test]
async fn a_client_of_http_1_0_gets_no_chunks() {
    let chunked = script(|mut conn| async move {
        assert!(conn.head().await.starts_with("GET / HTTP/1.1\r\nHost: a.example\r\n"));
        conn.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").await;
        conn.rest().await;
    });
    let (_proxy, mut client, _origin) = plain(chunked).await;
    client.send("GET http://a.example/ HTTP/1.0\r\n\r\n").await;
    assert_eq!(undated(client.rest().await), b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabcde");
}

#[tokio::test]
async fn a_body_that_ends_with_its_connection_ends_ours() {
    let (mut proxy, mut client, _origin) = plain(script(|mut conn| async move {
        conn.head().await;
        conn.send("HTTP/1.0 200 OK\r\nX: 1\r\n\r\nall of it").await;
    }))
    .await;
    client.send(get("")).await;
    assert_eq!(undated(client.rest().await), b"HTTP/1.1 200 OK\r\nX: 1\r\nConnection: close\r\n\r\nall of it");
    let exchange = proxy.exchange().await;
    assert_eq!((outcome(&exchange).as_str(), exchange.response().unwrap().version.as_str()), ("200", "HTTP/1.0"));
}

#[tokio::test]
async fn a_changed_protocol_is_passed_through_after_the_upstreams_101_only() {
    let upgrade = script(|mut conn| async move {
        let head = conn.head().await;
        assert!(head.contains("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"), "{head}");
        conn.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n").await;
        let frame = conn.exactly(4).await;
        conn.send(&frame).await;
    });
    let (mut proxy, mut client, _origin) = plain(upgrade).await;
    client.send(get("Connection: Upgrade\r\nUpgrade: websocket\r\n")).await;
    assert_eq!(
        client.head().await,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    );
    client.send(b"\x81\x02hi").await;
    assert_eq!(client.rest().await, b"\x81\x02hi");
    // It is told when the upstream has closed, whether the client does or not.
    let exchange = proxy.exchange().await;
    assert_eq!(outcome(&exchange), "101");
    let switched = exchange.upstream.switched.unwrap();
    assert_eq!((switched.protocol.as_str(), switched.sent.bytes, switched.received.bytes), ("websocket", 4, 4));
    assert_eq!((switched.sent.frames.unwrap().text, switched.received.frames.unwrap().text), (1, 1));

    let refuses = script(|mut conn| async move {
        conn.head().await;
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno").await;
        // What the client sent ahead of the answer must not come as a frame: it is a broken request to the proxy.
        assert_eq!(conn.rest().await, b"");
    });
    let (_proxy, mut client, _origin) = plain(refuses).await;
    client.send(get("Connection: Upgrade\r\nUpgrade: websocket\r\n") + "\u{1}frame\r\n\r\n").await;
    assert_eq!(client.message().await.1, "no");
    assert!(client.message().await.0.starts_with("HTTP/1.1 400 "));
}

#[tokio::test]
async fn a_websocket_is_told_when_its_client_has_closed_and_another_protocol_may_be_closed_by_halves() {
    let waiting = |protocol: &'static str| {
        script(move |mut conn| async move {
            conn.head().await;
            conn.send(format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: {protocol}\r\nConnection: Upgrade\r\n\r\n"
            ))
            .await;
            assert_eq!(conn.rest().await, b"last");
            if protocol == "websocket" {
                std::future::pending::<()>().await;
            }
            conn.send("answer").await;
        })
    };
    for (protocol, comes) in [("websocket", ""), ("tcp", "answer")] {
        let (mut proxy, mut client, _origin) = plain(waiting(protocol)).await;
        client.send(get(&format!("Connection: Upgrade\r\nUpgrade: {protocol}\r\n"))).await;
        client.head().await;
        client.send("last").await;
        client.finish().await;
        assert_eq!(client.rest().await, comes.as_bytes());
        assert_eq!(proxy.exchange().await.upstream.switched.unwrap().sent.bytes, 4);
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let (seen, _heads) = mpsc::unbounded_channel();
    let origin = answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", seen);
    let (mut proxy, mut client, _origin) = plain(origin).await;
    client.send(get("N: 1\r\n") + &get("N: 2\r\n") + &get("N: 3\r\n")).await;
    for number in 1..=3 {
        assert_eq!(client.message().await.1, "ok");
        assert_eq!(proxy.exchange().await.request.fields.text("n").unwrap(), number.to_string());
    }
}

#[tokio::test]
async fn a_client_that_closes_its_sending_side_still_gets_its_answer() {
    let (seen, _heads) = mpsc::unbounded_channel();
    let (mut proxy, mut client, _origin) =
        plain(answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", seen)).await;
    client.send(get("")).await;
    client.finish().await;
    assert_eq!(undated(client.rest().await), b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_eq!(outcome(&proxy.exchange().await), "200");
}

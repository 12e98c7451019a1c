//! Heads that HTTP cannot parse or that two readers would read differently: 400, said why, told, and never forwarded.

use tokio::sync::mpsc;

use crate::bench::*;

/// Sends `request` inside of a tunnel; gives the answer and how the exchange is told. The origin must see nothing.
async fn refused(request: &str) -> (String, String, String) {
    let (seen, mut heads) = mpsc::unbounded_channel();
    let world = World::new();
    let origin =
        Origin::tls(world.server_for(HOST), answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", seen)).await;
    let mut proxy = Proxy::before(&world, &origin).await;
    let mut client = proxy.inside().await;
    client.send(request).await;
    let (head, body) = client.message().await;
    assert!(client.rest().await.is_empty(), "the connection ends");
    let exchange = proxy.exchange().await;
    assert!(heads.try_recv().is_err(), "{request:?} was forwarded");
    assert_eq!(exchange.request.host, HOST);
    assert!(
        head.contains("\r\nConnection: close\r\n")
            && head.contains("\r\nProxy-Status: why401; error=http_request_error"),
        "{head}"
    );
    (head, body, outcome(&exchange))
}

#[tokio::test]
async fn each_fault_is_answered_and_told_at_its_byte() {
    let head = format!("GET /api HTTP/1.1\r\nHost: {HOST}\r\n");
    let at = head.len();
    let cases = [
        ("Authorization : Bearer x\r\n", format!("SpaceBeforeColon at {}", at + 13), "400"),
        ("Authorization Bearer x\r\n", format!("NoColon at {}", at + 13), "400"),
        ("Authorization: Bearer\r\n good\r\n", format!("Folded at {}", at + 23), "400"),
        ("Authorization: Bearer \u{1}x\r\n", format!("ControlByte at {}", at + 22), "400"),
        ("Authorization: Bearer x\n\r\n", format!("BareLineBreak at {}", at + 23), "400"),
        ("Authorization: Bearer x\ry\r\n", format!("BareLineBreak at {}", at + 23), "400"),
        ("Content-Length: 1\r\nContent-Length: 2\r\n", format!("Framing at {}", at + 19), "400"),
        ("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", format!("Framing at {}", at + 38), "400"),
        ("Transfer-Encoding: gzip, chunked\r\n", format!("Framing at {}", at + 19), "501"),
        ("Host: dev2.service-now.com\r\n", format!("Host at {at}"), "400"),
    ];
    for (line, told, status) in cases {
        let (answer, body, seen) = refused(&format!("{head}{line}Accept: */*\r\n\r\n")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{line:?}: {answer}");
        assert_eq!(seen, format!("refused: {told} with {status}"), "{line:?}");
        let byte = told.rsplit(' ').next().unwrap();
        assert!(body.contains(&format!("byte {byte} ")) && body.starts_with("why401: "), "{body}");
    }
}

#[tokio::test]
async fn a_request_for_another_host_than_the_tunnels_is_misdirected() {
    let (head, body, told) = refused("GET / HTTP/1.1\r\nHost: dev2.service-now.com\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 421 Misdirected Request\r\n"), "{head}");
    assert!(body.contains("Host"), "{body}");
    assert_eq!(told, "refused: Host at 22 with 421");
}

#[tokio::test]
async fn a_blank_in_the_target_is_refused_and_programs_are_answered_in_json() {
    let (head, body, told) = refused(&format!(
        "GET /x?sysparm_query=nameLIKEfoo bar HTTP/1.1\r\nHost: {HOST}\r\nAccept: application/json\r\n\r\n"
    ))
    .await;
    assert_eq!(told, "refused: SpaceInTarget at 32 with 400");
    assert!(head.contains("\r\nContent-Type: application/json\r\n"));
    let json: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert!(json["error"]["message"].as_str().unwrap().contains("%20"), "{body}");
}

#[tokio::test]
async fn the_evidence_is_kept_whole() {
    let mut proxy = Proxy::start(|_| {}).await;
    let mut client = proxy.inside().await;
    let head = format!(
        "POST /api?x=1 HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer good\n\r\nUser-Agent: curl/8\r\nAccept: */*\r\n\r\n"
    );
    client.send(&head).await;
    client.message().await;
    let request = proxy.exchange().await.request;
    assert_eq!(request.head.as_deref().unwrap(), head.as_bytes());
    assert_eq!(
        (request.method.as_str(), request.target.as_str(), request.version.as_str()),
        ("POST", "/api?x=1", "HTTP/1.1")
    );
    assert_eq!(request.fields.get("authorization"), Some(&b"Bearer good"[..]));
    assert_eq!(request.fields.get("user-agent"), Some(&b"curl/8"[..]));
}

#[tokio::test]
async fn heads_beyond_the_limits_are_431() {
    let mut proxy = Proxy::start(|settings| settings.limits.head_bytes = 8192).await;
    let mut client = proxy.inside().await;
    client.send(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nA: {}\r\n\r\n", "x".repeat(9000))).await;
    assert!(client.message().await.0.starts_with("HTTP/1.1 431 "));
    assert_eq!(outcome(&proxy.exchange().await), "refused: TooLarge at 8192 with 431");
    let mut client = proxy.inside().await;
    client.send(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n{}\r\n", "A: b\r\n".repeat(100))).await;
    assert!(client.message().await.0.starts_with("HTTP/1.1 431 "));
    assert!(outcome(&proxy.exchange().await).starts_with("refused: TooManyFields"));
}

#[tokio::test]
async fn tls_to_the_plain_port_is_told_and_not_hung_on() {
    let mut proxy = Proxy::start(|_| {}).await;
    let mut client = proxy.connect().await;
    client.send(b"\x16\x03\x01\x00\x04\x01\x00\x00\x00\r\n\r\n").await;
    assert!(client.message().await.0.starts_with("HTTP/1.1 400 "));
    assert_eq!(outcome(&proxy.exchange().await), "refused: RequestLine at 0 with 400");
}

#[tokio::test]
async fn a_broken_chunk_is_refused_and_does_not_become_a_request() {
    let (seen, mut heads) = mpsc::unbounded_channel();
    let world = World::new();
    let origin =
        Origin::tls(world.server_for(HOST), answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", seen)).await;
    let mut proxy = Proxy::before(&world, &origin).await;
    let mut client = proxy.inside().await;
    client.send(format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloGET /evil HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
    assert!(client.message().await.0.starts_with("HTTP/1.1 400 "));
    assert!(client.rest().await.is_empty());
    assert!(outcome(&proxy.exchange().await).starts_with("refused: Framing"));
    assert!(heads.try_recv().is_err());
}

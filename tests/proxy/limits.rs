//! Limits and time-outs that no other test needs: each reached, and what happens then. `docs/guide/limits.md` names them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use why401::proxy::{Settings, WayOut};

use crate::bench::*;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const GET: &str = "GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n";
/// A limit to be reached.
const SHORT: Duration = Duration::from_millis(60);

async fn before(origin: &Origin, change: impl FnOnce(&mut Settings)) -> Proxy {
    let entry = origin.stands_for("a.example");
    Proxy::start(|settings| {
        settings.resolve.push(entry);
        change(settings);
    })
    .await
}

fn fine() -> Arc<dyn Fn(Conn) -> Done + Send + Sync> {
    answering(OK, mpsc::unbounded_channel().0)
}

#[tokio::test]
async fn a_handshake_that_does_not_end_is_given_up_and_told() {
    let mut proxy = Proxy::start(|settings| settings.limits.handshake = SHORT).await;
    let mut client = proxy.tunnel(&format!("{HOST}:443")).await;
    // The beginning of a ClientHello that announces more.
    client.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").await;
    client.rest().await;
    assert_eq!(outcome(&proxy.exchange().await), "failed: ClientTls ClientTlsBroken None");
}

#[tokio::test]
async fn a_tunnel_in_which_nothing_is_said_ends() {
    let proxy = Proxy::start(|settings| settings.limits.silent = SHORT).await;
    let mut client = proxy.tunnel(&format!("{HOST}:443")).await;
    assert_eq!(client.rest().await, b"");
}

#[tokio::test]
async fn a_connection_that_rests_between_requests_ends() {
    let origin = Origin::plain(fine()).await;
    let proxy = before(&origin, |settings| settings.limits.idle = SHORT).await;
    let mut client = proxy.connect().await;
    client.send(GET).await;
    assert_eq!(client.message().await.1, "ok");
    assert_eq!(client.rest().await, b"");
}

#[tokio::test]
async fn an_answer_that_does_not_go_on_is_cut_and_told() {
    let origin = Origin::plain(script(|mut conn| async move {
        conn.head().await;
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").await;
        conn.rest().await;
    }))
    .await;
    let mut proxy = before(&origin, |settings| settings.limits.idle = SHORT).await;
    let mut client = proxy.connect().await;
    client.send(GET).await;
    assert!(client.rest().await.ends_with(b"half"));
    assert_eq!(outcome(&proxy.exchange().await), "200 cut: ReadBody TimedOut");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_tcp_connection_that_is_not_answered_is_504_and_the_phase_is_named() {
    let dead = Unanswered::new().await;
    let mut proxy = Proxy::start(|settings| {
        settings.resolve.push(format!("a.example={}", dead.address).parse().unwrap());
        settings.limits.connect = SHORT;
    })
    .await;
    let mut client = proxy.connect().await;
    client.send(GET).await;
    let (head, body) = client.message().await;
    assert!(head.starts_with("HTTP/1.1 504 ") && head.contains("error=connection_timeout"), "{head}");
    assert!(body.contains("the TCP connection was not answered in time"), "{body}");
    assert_eq!(outcome(&proxy.exchange().await), "failed: Connect TimedOut Some(504)");
}

#[tokio::test]
async fn an_upstream_that_does_not_finish_tls_is_504_and_the_phase_is_named() {
    let origin = Origin::plain(script(|mut conn| async move {
        conn.rest().await;
    }))
    .await;
    let entry = origin.stands_for(HOST);
    let mut proxy = Proxy::start(|settings| {
        settings.resolve.push(entry);
        settings.limits.connect = SHORT;
    })
    .await;
    let mut client = proxy.inside().await;
    client.send(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
    let (head, body) = client.message().await;
    assert!(head.starts_with("HTTP/1.1 504 ") && head.contains("error=connection_timeout"), "{head}");
    assert!(body.contains("TLS handshake"), "{body}");
    assert_eq!(outcome(&proxy.exchange().await), "failed: UpstreamTls TimedOut Some(504)");
}

#[tokio::test]
async fn a_parent_proxy_that_does_not_answer_is_504_and_the_phase_is_named() {
    let parent = Origin::plain(script(|mut conn| async move {
        conn.rest().await;
    }))
    .await;
    let address = parent.address;
    let mut proxy = Proxy::start(|settings| {
        settings.way_out = WayOut::through(format!("http://{address}").parse().unwrap());
        settings.limits.connect = SHORT;
    })
    .await;
    let mut client = proxy.inside().await;
    client.send(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
    assert!(client.message().await.1.contains("the parent proxy did not answer CONNECT in time"));
    assert_eq!(outcome(&proxy.exchange().await), "failed: ParentProxy TimedOut Some(504)");
}

#[tokio::test]
async fn an_answer_whose_head_does_not_end_is_504() {
    let origin = Origin::plain(script(|mut conn| async move {
        conn.head().await;
        conn.send("HTTP/1.1 200 OK\r\nX: ").await;
        conn.rest().await;
    }))
    .await;
    let mut proxy = before(&origin, |settings| settings.limits.first_byte = SHORT).await;
    let mut client = proxy.connect().await;
    client.send(GET).await;
    assert!(client.message().await.0.starts_with("HTTP/1.1 504 "));
    assert_eq!(outcome(&proxy.exchange().await), "failed: AwaitAnswer TimedOut Some(504)");
}

#[tokio::test]
async fn informational_answers_without_an_end_are_502() {
    let origin = Origin::plain(script(|mut conn| async move {
        conn.head().await;
        conn.try_send("HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1000)).await.ok();
        conn.rest().await;
    }))
    .await;
    let mut proxy = before(&origin, |_| {}).await;
    let mut client = proxy.connect().await;
    client.send(GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")).await;
    assert!(String::from_utf8_lossy(&client.rest().await).contains("HTTP/1.1 502 "));
    assert_eq!(outcome(&proxy.exchange().await), "failed: AwaitAnswer Malformed Some(502)");
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_one_to_end() {
    let origin = Origin::plain(fine()).await;
    let proxy = before(&origin, |settings| settings.limits.connections = 1).await;
    let mut first = proxy.connect().await;
    first.send(GET).await;
    assert_eq!(first.message().await.1, "ok");
    let mut second = proxy.connect().await;
    second.send(GET).await;
    assert!(tokio::time::timeout(SHORT, second.head()).await.is_err(), "it waits");
    drop(first);
    assert_eq!(second.message().await.1, "ok");
}

/// How many connections two requests took.
async fn connections_of_two(change: impl FnOnce(&mut Settings)) -> usize {
    connections_of(&[GET, GET], change).await
}

/// How many connections these requests took, one after the other.
async fn connections_of(requests: &[&str], change: impl FnOnce(&mut Settings)) -> usize {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let origin = Origin::plain(script(move |mut conn| {
        counted.fetch_add(1, Ordering::Relaxed);
        async move {
            while !conn.head().await.is_empty() {
                conn.send(OK).await;
            }
        }
    }))
    .await;
    let entry = origin.stands_for("b.example");
    let proxy = before(&origin, |settings| {
        settings.resolve.push(entry);
        change(settings);
    })
    .await;
    let mut client = proxy.connect().await;
    for request in requests {
        client.send(*request).await;
        assert_eq!(client.message().await.1, "ok");
    }
    count.load(Ordering::Relaxed)
}

#[tokio::test]
async fn no_more_upstream_connections_are_kept_than_there_is_room_for_and_none_too_long() {
    assert_eq!(connections_of_two(|_| {}).await, 1);
    assert_eq!(connections_of_two(|settings| settings.limits.pooled = 0).await, 2);
    assert_eq!(connections_of_two(|settings| settings.limits.pooled_for = Duration::ZERO).await, 2);
}

/// A burst fills the pool; what is used after it must not pay for a new connection each time.
#[tokio::test]
async fn the_connection_that_was_idle_longest_makes_room() {
    let other = GET.replace("a.example", "b.example");
    let requests = [GET, &other, &other, &other];
    assert_ne!(other, GET);
    assert_eq!(connections_of(&requests, |settings| settings.limits.pooled = 1).await, 2);
}

#[tokio::test]
async fn of_a_body_its_beginning_is_kept_and_all_of_it_passes() {
    let (seen, mut bodies) = mpsc::unbounded_channel();
    let origin = Origin::plain(answering(OK, seen)).await;
    let mut proxy = before(&origin, |settings| {
        settings.limits.body_kept = 10;
        settings.limits.unpacking.ratio = 7;
    })
    .await;
    let mut client = proxy.connect().await;
    let body = "0123456789".repeat(10);
    client
        .send(format!("POST http://a.example/ HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100\r\n\r\n{body}"))
        .await;
    assert_eq!(client.message().await.1, "ok");
    assert!(soon(bodies.recv()).await.unwrap().ends_with(&body));
    let kept = proxy.exchange().await.request.body;
    assert_eq!((kept.length, &kept.bytes[..]), (100, &b"0123456789"[..]));
    assert!(kept.truncated());
    assert_eq!(kept.unpacking.ratio, 7);
}

//! Requests and answers through the proxy: what changes and what does not.

use tokio::sync::mpsc;
use why401::model::Way;

use crate::bench::*;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test]
async fn an_intercepted_request_arrives_as_it_was_sent_and_is_told() {
    let (seen, mut heads) = mpsc::unbounded_channel();
    let world = World::new();
    let answer = "HTTP/1.1 401 Un authorized\r\nSet-Cookie: a=1\r\nX-Is-Logged-In: false\r\nset-cookie: b=2\r\nWWW-Authenticate: Basic realm=\"Service-now\"\r\nContent-Length: 4\r\n\r\nno!\n";
    let origin = Origin::tls(world.server_for(HOST), answering(answer, seen)).await;
    let mut proxy = Proxy::before(&world, &origin).await;
    let mut client = proxy.inside().await;
    let sent = format!(
        "POST /api/now?q=|^ HTTP/1.1\r\nhOsT: {HOST}\r\nX-Dup: 1\r\nAuthorization:  Bearer good \r\nx-dup: 2\r\nCookie: a\r\nX-DUP: 3\r\nContent-Length: 4\r\n\r\nbody"
    );
    client.send(&sent).await;
    assert_eq!(soon(heads.recv()).await.unwrap(), sent);
    let (head, body) = client.message().await;
    assert_eq!(undated(head + &body), answer.as_bytes());

    let exchange = proxy.exchange().await;
    assert_eq!((exchange.id, outcome(&exchange).as_str()), (1, "401"));
    let request = &exchange.request;
    assert_eq!((request.method.as_str(), request.origin().as_str()), ("POST", "https://dev1.service-now.com"));
    assert_eq!((request.target.as_str(), request.version.as_str()), ("/api/now?q=|^", "HTTP/1.1"));
    assert_eq!(request.head.as_deref().unwrap(), sent.strip_suffix("body").unwrap().as_bytes());
    assert_eq!((&request.body.bytes[..], request.body.length), (&b"body"[..], 4));
    assert_eq!(exchange.client.way, Way::Tunnel);
    assert_eq!(exchange.client.connect_agent.as_deref(), Some("raw/1"));
    assert_eq!(exchange.client.tls.as_ref().unwrap().sni.as_deref(), Some(HOST));
    assert_eq!(exchange.upstream.address, Some(origin.address));
    assert_eq!(exchange.upstream.tls.as_ref().unwrap().version.as_deref(), Some("TLSv1.3"));
    assert!(exchange.timing.tls.is_some() && exchange.timing.sent.is_some() && exchange.timing.first_byte.is_some());
    let response = exchange.response().unwrap();
    assert_eq!((response.reason.as_str(), &response.body.bytes[..]), ("Un authorized", &b"no!\n"[..]));
    assert_eq!(response.fields.all("set-cookie").count(), 2);
}

#[tokio::test]
async fn a_redirect_is_passed_on_and_never_followed() {
    let (seen, mut heads) = mpsc::unbounded_channel();
    let world = World::new();
    let answer = "HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example/login\r\nContent-Length: 0\r\n\r\n";
    let origin = Origin::tls(world.server_for(HOST), answering(answer, seen)).await;
    let proxy = Proxy::before(&world, &origin).await;
    let mut client = proxy.inside().await;
    for path in ["/a", "/b"] {
        client.send(format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer x\r\n\r\n")).await;
        assert_eq!(undated(client.message().await.0), answer.as_bytes());
    }
    let told = proxy.last_exchanges().await;
    assert_eq!(told.iter().map(|one| one.request.target.as_str()).collect::<Vec<_>>(), ["/a", "/b"]);
    // What the origin saw is what the client asked for, and nothing more: where it is led is the client's choice.
    let mut asked = Vec::new();
    while let Ok(head) = heads.try_recv() {
        asked.push(head.lines().next().unwrap().to_owned());
    }
    assert_eq!(asked, ["GET /a HTTP/1.1", "GET /b HTTP/1.1"]);
}

#[tokio::test]
async fn a_host_out_of_scope_is_forwarded_in_absolute_form_and_not_told() {
    let (seen, mut heads) = mpsc::unbounded_channel();
    let origin = Origin::plain(answering(OK, seen)).await;
    let proxy = Proxy::start(|settings| settings.resolve.push(origin.stands_for("api.vendor.example"))).await;
    let mut client = proxy.connect().await;
    client.send("GET http://api.vendor.example/a HTTP/1.1\r\nHost: api.vendor.example\r\n\r\n").await;
    assert!(soon(heads.recv()).await.unwrap().starts_with("GET /a HTTP/1.1\r\n"));
    assert_eq!(client.message().await.1, "ok");
    drop(client);
    assert_eq!(proxy.last_exchanges().await.len(), 0);
}

#[tokio::test]
async fn plain_http_goes_through_in_absolute_form() {
    let (seen, mut heads) = mpsc::unbounded_channel();
    let origin = Origin::plain(answering(OK, seen)).await;
    let mut proxy = Proxy::start(|_| {}).await;
    let mut client = proxy.connect().await;
    let host = origin.address;
    client
        .send(format!("GET http://{host}/a?b HTTP/1.1\r\nHost: {host}\r\nProxy-Connection: Keep-Alive\r\nA: 1\r\n\r\n"))
        .await;
    assert_eq!(soon(heads.recv()).await.unwrap(), format!("GET /a?b HTTP/1.1\r\nHost: {host}\r\nA: 1\r\n\r\n"));
    assert_eq!(client.message().await.1, "ok");
    let exchange = proxy.exchange().await;
    assert_eq!((exchange.client.way, exchange.request.target.as_str()), (Way::Absolute, "/a?b"));
}

#[tokio::test]
async fn targets_keep_bytes_that_no_uri_may_have() {
    let (raw, mut heads) = mpsc::unbounded_channel();
    let origin = Origin::plain(script(move |mut conn| {
        let raw = raw.clone();
        async move {
            raw.send(conn.exactly(29).await).unwrap();
            conn.send(OK).await;
        }
    }))
    .await;
    let mut proxy = Proxy::start(|settings| settings.resolve.push(origin.stands_for("a.example"))).await;
    let mut client = proxy.connect().await;
    client.send("GET http://a.example/{a}?q=%zz|^`<>&r=// HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
    assert_eq!(client.message().await.1, "ok");
    assert_eq!(soon(heads.recv()).await.unwrap(), b"GET /{a}?q=%zz|^`<>&r=// HTTP");
    assert_eq!(proxy.exchange().await.request.target, "/{a}?q=%zz|^`<>&r=//");
}

//! Reverse listeners: clients that know no proxy call one as if it were the instance, and never have to leave it.

use tokio::sync::mpsc;
use why401::model::Way;
use why401::proxy::Settings;

use crate::bench::*;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A proxy with one reverse listener for `HOST`, in front of a TLS origin that gives `answer`.
async fn listener(
    at: &str,
    answer: &'static str,
    change: impl FnOnce(&mut Settings),
) -> (Proxy, Origin, mpsc::UnboundedReceiver<String>) {
    let (seen, heads) = mpsc::unbounded_channel();
    let world = World::new();
    let origin = Origin::tls(world.server_for(HOST), answering(answer, seen)).await;
    let (root, entry) = (world.root(), origin.stands_for(HOST));
    let proxy = Proxy::start(|settings| {
        settings.upstream_roots.push(root);
        settings.resolve.push(entry);
        settings.reverse.push(format!("{at}=https://{HOST}").parse().unwrap());
        change(settings);
    })
    .await;
    (proxy, origin, heads)
}

#[tokio::test]
async fn what_names_the_listener_or_the_instance_is_put_right_on_both_sides() {
    const ANSWER: &str = "HTTP/1.1 302 Found\r\nlocation: https://dev1.service-now.com/login.do?x=https%3A%2F%2Fdev1.service-now.com\r\nSet-Cookie: JSESSIONID=1; Path=/; Domain=dev1.service-now.com; Secure; HttpOnly\r\nSet-Cookie: a=b; path=/;HttpOnly\r\nX: https://dev1.service-now.com/\r\nContent-Length: 29\r\n\r\nhttps://dev1.service-now.com/";
    let (mut proxy, _origin, mut heads) = listener("127.0.0.1:0", ANSWER, |_| {}).await;
    let address = proxy.running.reverse_addresses()[0];
    for name in [format!("127.0.0.1:{}", address.port()), format!("localhost:{}", address.port())] {
        let mut client = Conn::to(address).await;
        client.send(format!("POST /oauth_auth.do HTTP/1.1\r\nHost: {name}\r\nORIGIN: http://{name}\r\nReferer: http://{name}/a?b\r\nX: http://{name}\r\nContent-Length: 0\r\n\r\n")).await;
        let (head, body) = client.message().await;
        let expected = ANSWER
            .replace("location: https://dev1.service-now.com/", &format!("location: http://{name}/"))
            .replace("; Domain=dev1.service-now.com; Secure", "");
        assert_eq!(undated(head + &body), expected.as_bytes());
        assert_eq!(
            soon(heads.recv()).await.unwrap(),
            format!(
                "POST /oauth_auth.do HTTP/1.1\r\nHost: {HOST}\r\nORIGIN: https://{HOST}\r\nReferer: https://{HOST}/a?b\r\nX: http://{name}\r\nContent-Length: 0\r\n\r\n"
            )
        );
        let exchange = proxy.exchange().await;
        assert_eq!((exchange.client.way, exchange.request.origin()), (Way::Reverse, format!("https://{HOST}")));
        assert_eq!(exchange.client.called, Some(format!("http://{name}")));
        // The evidence is what was on the wire: the client's own Host, the instance's own Location.
        assert_eq!(exchange.request.fields.text("host").as_deref(), Some(name.as_str()));
        let location = exchange.response().unwrap().fields.text("location").unwrap().into_owned();
        assert!(location.starts_with("https://dev1.service-now.com/login.do"), "{location}");
    }
}

#[tokio::test]
async fn an_https_listener_is_trusted_under_the_names_of_this_machine() {
    const ANSWER: &str = "HTTP/1.1 302 Found\r\nLocation: https://dev1.service-now.com/x\r\nSet-Cookie: a=b; Secure\r\nContent-Length: 0\r\n\r\n";
    for (at, name) in
        [("https://127.0.0.1:0", "127.0.0.1"), ("https://localhost:0", "localhost"), ("https://[::1]:0", "::1")]
    {
        let (mut proxy, _origin, mut heads) = listener(at, ANSWER, |_| {}).await;
        let address = proxy.running.reverse_addresses()[0];
        let mut client = Conn::to(address).await.tls(name, &proxy.root).await.unwrap();
        let host = if name.contains(':') {
            format!("[{name}]:{}", address.port())
        } else {
            format!("{name}:{}", address.port())
        };
        client.send(format!("GET /a HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        let (head, _) = client.message().await;
        assert!(head.contains(&format!("\r\nLocation: https://{host}/x\r\nSet-Cookie: a=b; Secure\r\n")), "{head}");
        assert_eq!(soon(heads.recv()).await.unwrap(), format!("GET /a HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
        let exchange = proxy.exchange().await;
        assert!(exchange.client.tls.is_some());
        assert_eq!(exchange.client.called, Some(format!("https://{host}")));
    }
}

#[tokio::test]
async fn a_client_that_does_not_trust_an_https_listener_is_told() {
    let (mut proxy, _origin, _heads) = listener("https://127.0.0.1:0", OK, |_| {}).await;
    let other = World::new();
    let client = Conn::to(proxy.running.reverse_addresses()[0]).await;
    assert!(client.tls("127.0.0.1", &other.root()).await.is_err());
    let exchange = proxy.exchange().await;
    assert_eq!(outcome(&exchange), "failed: ClientTls ClientAlert(48) None");
    assert_eq!((exchange.client.way, exchange.request.host.as_str()), (Way::Reverse, HOST));
}

#[tokio::test]
async fn several_listeners_stand_for_several_instances_over_both_families() {
    let (seen, mut heads) = mpsc::unbounded_channel();
    let world = World::new();
    let names = ["dev1.service-now.com", "dev2.service-now.com"];
    let certificate = rcgen::CertificateParams::new(names.map(str::to_owned).to_vec()).unwrap();
    let origin = Origin::tls(world.server(certificate), answering(OK, seen)).await;
    let mut proxy = Proxy::start(|settings| {
        settings.upstream_roots.push(world.root());
        settings.listen = vec!["127.0.0.1:0".parse().unwrap(), "[::1]:0".parse().unwrap()];
        for (at, name) in ["127.0.0.1:0", "[::1]:0"].into_iter().zip(names) {
            settings.resolve.push(origin.stands_for(name));
            settings.reverse.push(format!("{at}=https://{name}").parse().unwrap());
        }
    })
    .await;
    assert!(proxy.running.addresses()[1].is_ipv6());
    for (address, name) in proxy.running.reverse_addresses().to_vec().into_iter().zip(names) {
        let mut client = Conn::to(address).await;
        client.send(format!("GET / HTTP/1.1\r\nHost: {address}\r\n\r\n")).await;
        assert_eq!(client.message().await.1, "ok");
        assert_eq!(soon(heads.recv()).await.unwrap(), format!("GET / HTTP/1.1\r\nHost: {name}\r\n\r\n"));
        assert_eq!(proxy.exchange().await.request.host, name);
    }
    for address in proxy.running.addresses() {
        let mut client = Conn::to(*address).await;
        client.send("CONNECT dev1.service-now.com:443 HTTP/1.1\r\n\r\n").await;
        assert!(client.head().await.starts_with("HTTP/1.1 200 "), "{address}");
    }
}

#[tokio::test]
async fn an_upstream_may_have_an_ipv6_address() {
    let listener6 = tokio::net::TcpListener::bind("[::1]:0").await.unwrap();
    let six = listener6.local_addr().unwrap();
    let serve = tokio::spawn(async move {
        let mut conn = Conn::new(listener6.accept().await.unwrap().0);
        let head = conn.head().await;
        conn.send(OK).await;
        head
    });
    let mut proxy = Proxy::start(|_| {}).await;
    let mut client = proxy.connect().await;
    client.send(format!("GET http://{six}/x HTTP/1.1\r\nHost: {six}\r\n\r\n")).await;
    assert_eq!(client.message().await.1, "ok");
    assert_eq!(soon(serve).await.unwrap(), format!("GET /x HTTP/1.1\r\nHost: {six}\r\n\r\n"));
    drop(client);
    assert_eq!(proxy.exchanges.try_recv().err().map(|_| ()), Some(()), "an address that is not in scope is not told");
}

#[tokio::test]
async fn marks_are_made_on_request_only() {
    for asked in [false, true] {
        let (proxy, _origin, mut heads) = listener("127.0.0.1:0", OK, |settings| {
            (settings.marks.via, settings.marks.x_forwarded) = (asked, asked);
        })
        .await;
        let address = proxy.running.reverse_addresses()[0];
        let mut client = Conn::to(address).await;
        client.send(format!("GET / HTTP/1.1\r\nHost: {address}\r\nA: 1\r\n\r\n")).await;
        let (head, _) = client.message().await;
        let sent = soon(heads.recv()).await.unwrap();
        let marks = format!(
            "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: {address}\r\nX-Forwarded-Proto: http\r\nVia: 1.1 why401\r\n"
        );
        assert_eq!(sent, format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nA: 1\r\n{}\r\n", if asked { &marks } else { "" }));
        assert_eq!(head.contains("\r\nVia: 1.1 why401\r\n"), asked, "{head}");
    }
}

#[tokio::test]
async fn behind_a_balancer_the_client_is_the_one_that_it_tells() {
    const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x07\x7f\x00\x00\x01\x30\x39\x00\x50";
    let at = unused_address().await;
    let (mut proxy, _origin, mut heads) = listener(&at.to_string(), OK, |settings| {
        settings.access.balanced.push(at);
        settings.access.balanced.push(settings.listen[0]);
    })
    .await;
    let told: [(&[u8], &str); 3] = [
        (b"PROXY TCP4 192.0.2.7 127.0.0.1 12345 80\r\n", "192.0.2.7:12345"),
        (V2, "192.0.2.7:12345"),
        (b"PROXY TCP6 2001:db8::7 ::1 12345 80\r\n", "[2001:db8::7]:12345"),
    ];
    for (header, from) in told {
        let mut client = Conn::to(at).await;
        client.send([header, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"].concat()).await;
        assert_eq!(client.message().await.1, "ok");
        assert_eq!(soon(heads.recv()).await.unwrap(), format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
        assert_eq!(proxy.exchange().await.client.address, from.parse().ok());
    }
    for address in [at, proxy.address()] {
        let mut client = Conn::to(address).await;
        client.send("GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        assert_eq!(client.rest().await, b"", "a connection without the header is refused");
    }
    assert!(heads.try_recv().is_err());
}

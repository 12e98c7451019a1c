//! The page in the browser: who gets it, and that news arrives without a reload.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::bench::{FAILING, Proxy, World, ask};

/// Address and token of the page.
fn page(proxy: &Proxy) -> (String, String) {
    let url = proxy.start["ui"].as_str().unwrap();
    let (address, token) = url.strip_prefix("http://").unwrap().split_once("/?token=").unwrap();
    (address.to_owned(), token.to_owned())
}

fn get(address: &str, target: &str, host: &str) -> String {
    ask(address.parse().unwrap(), &format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
}

#[test]
fn the_page_is_for_this_machine_and_the_token_and_shows_what_was_explained() {
    let world = World::new();
    let mut proxy = Proxy::start(&world, &["--ui", "127.0.0.1:0"]);
    let (address, token) = page(&proxy);
    assert!(get(&address, "/", &address).starts_with("HTTP/1.1 403 "));
    assert!(get(&address, &format!("/?token={token}"), "evil.example").starts_with("HTTP/1.1 421 "));
    proxy.ask(FAILING);
    assert_eq!(proxy.line()["findings"][0]["cause"], "bearer-missing-space");
    let shown = get(&address, &format!("/?token={token}"), &address);
    let (head, body) = shown.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("Cache-Control: no-store"), "{head}");
    assert!(head.contains("frame-ancestors 'none'") && !head.to_lowercase().contains("access-control"), "{head}");
    assert!(body.contains("bearer-missing-space") && body.contains("1 exchange came through"), "{body}");
    assert!(!body.contains("BearerAAAA"), "no secret: {body}");
    for part in ["/live.css", "/live.js", "/list"] {
        assert!(get(&address, &format!("{part}?token={token}"), &address).starts_with("HTTP/1.1 200 "), "{part}");
    }
    // Not by way of the proxy either.
    let listener: std::net::SocketAddr = proxy.start["listen"][0].as_str().unwrap().parse().unwrap();
    let through =
        format!("GET http://{address}/?token={token} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    assert!(ask(listener, &through).starts_with("HTTP/1.1 403 "));
    let tunnel = format!("CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    assert!(ask(listener, &tunnel).starts_with("HTTP/1.1 403 "));
}

#[test]
fn news_is_told_to_whoever_listens() {
    let world = World::new();
    let proxy = Proxy::start(&world, &["--ui", "127.0.0.1:0"]);
    let (address, token) = page(&proxy);
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(format!("GET /events?token={token} HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    assert!(lines.any(|line| line == "Content-Type: text/event-stream"));
    assert!(lines.any(|line| line.starts_with("retry:")));
    proxy.ask(FAILING);
    assert!(lines.any(|line| line.starts_with("data: ")));
}

#[test]
fn it_listens_nowhere_but_on_loopback() {
    let world = World::new();
    let ended = world.output(&["run", "--listen", "127.0.0.1:0", "--ui", "0.0.0.0:0"]);
    assert_eq!(ended.status.code(), Some(1));
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(told.contains("for this machine only"), "{told}");
}

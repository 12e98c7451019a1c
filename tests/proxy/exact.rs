//! Show that nothing changes which a peer can see: raw bytes on both sides of the proxy, shape by shape. What a shape
//! expects elsewhere than it sent is one of the listed changes: fields that end at a proxy, the version, the target's form,
//! chunk extensions, trailers that may not be, framing for HTTP/1.0, a Date where there is none.

use tokio::sync::mpsc;

use crate::bench::*;

/// Both sides of one exchange. `""` for what arrives: the same as was sent.
struct Shape {
    name: &'static str,
    /// What the client sends.
    sent: &'static str,
    /// What arrives at the origin.
    arrives: &'static str,
    /// What the origin answers.
    answer: &'static str,
    /// What the client gets.
    got: &'static str,
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Shapes of requests; the answer is `OK`.
const REQUESTS: [(&str, &str, &str); 48] = [
    ("a plain request", "GET / HTTP/1.1\r\nHost: H\r\n\r\n", ""),
    ("order of fields", "GET / HTTP/1.1\r\nZ: 1\r\nHost: H\r\nA: 2\r\nM: 3\r\n\r\n", ""),
    ("case of names", "GET / HTTP/1.1\r\nhOsT: H\r\nCONTENT-TYPE: x/y\r\ncontent-Language: de\r\n\r\n", ""),
    ("all in lower case", "GET / HTTP/1.1\r\nhost: H\r\ncontent-type: application/json\r\n\r\n", ""),
    ("repeated fields apart", "GET / HTTP/1.1\r\nHost: H\r\nA: 1\r\nB: 2\r\nA: 3\r\nb: 4\r\n\r\n", ""),
    ("cookies in two lines", "GET / HTTP/1.1\r\nHost: H\r\nCookie: a=1\r\nX: y\r\nCookie: b=2; c=3\r\n\r\n", ""),
    ("blanks round values", "GET / HTTP/1.1\r\nHost: H\r\nA:   1  \r\nB:\t2\t\r\nC:3\r\n\r\n", ""),
    ("blanks within values", "GET / HTTP/1.1\r\nHost: H\r\nA: 1  2\t3\r\n\r\n", ""),
    ("empty values", "GET / HTTP/1.1\r\nHost: H\r\nA:\r\nB: \r\nC:\t\r\n\r\n", ""),
    ("8-bit values", "GET / HTTP/1.1\r\nHost: H\r\nA: gr\u{fc}n \u{ff}\r\n\r\n", ""),
    ("odd names", "GET / HTTP/1.1\r\nHost: H\r\n!#$%&'*+-.^_`|~9: 1\r\nX_under: 2\r\n\r\n", ""),
    (
        "two values for Authorization",
        "GET / HTTP/1.1\r\nHost: H\r\nAuthorization: Basic YQ==\r\nAuthorization: Bearer x\r\n\r\n",
        "",
    ),
    ("odd blanks in Authorization", "GET / HTTP/1.1\r\nHost: H\r\nAuthorization:  Bearer   x \r\n\r\n", ""),
    ("quotes and commas", "GET / HTTP/1.1\r\nHost: H\r\nA: \"a, b\", ,,c\r\n\r\n", ""),
    ("a long value", LONG_VALUE, ""),
    ("a long target", LONG_TARGET, ""),
    ("many fields", MANY_FIELDS, ""),
    ("an upper-case host", "GET / HTTP/1.1\r\nHost: A.Example\r\n\r\n", ""),
    ("a host with its port", "GET / HTTP/1.1\r\nHost: H:80\r\n\r\n", ""),
    ("escapes as they are", "GET /%7e%7E/%2F%2f/%zz/%?a=%20+%41 HTTP/1.1\r\nHost: H\r\n\r\n", ""),
    ("dots and slashes as they are", "GET //a/./b/../c//?d HTTP/1.1\r\nHost: H\r\n\r\n", ""),
    ("a query without a path", "GET /? HTTP/1.1\r\nHost: H\r\n\r\n", ""),
    ("signs in targets", "GET /a;b=c,d/e:f@g?h=[i]|{j}^\"`<>\\ HTTP/1.1\r\nHost: H\r\n\r\n", ""),
    ("the asterisk", "OPTIONS * HTTP/1.1\r\nHost: H\r\n\r\n", ""),
    ("an absolute target in a tunnel", "GET http://a.example/x HTTP/1.1\r\nHost: H\r\n\r\n", ""),
    ("a method of its own", "PURGE-it / HTTP/1.1\r\nHost: H\r\n\r\n", ""),
    ("a method in lower case", "get / HTTP/1.1\r\nHost: H\r\n\r\n", ""),
    ("PUT with a body", "PUT / HTTP/1.1\r\nHost: H\r\nContent-Length: 3\r\n\r\nabc", ""),
    ("GET with a body", "GET / HTTP/1.1\r\nHost: H\r\nContent-Length: 3\r\n\r\nabc", ""),
    ("a body of nothing", "POST / HTTP/1.1\r\nHost: H\r\nContent-Length: 0\r\n\r\n", ""),
    ("POST without a length", "POST / HTTP/1.1\r\nHost: H\r\n\r\n", ""),
    ("a body with control bytes", "POST / HTTP/1.1\r\nHost: H\r\nContent-Length: 6\r\n\r\n\0\r\n\r\n\u{1}", ""),
    (
        "chunks as they are",
        "POST / HTTP/1.1\r\nHost: H\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
        "",
    ),
    (
        "sizes of chunks as written",
        "POST / HTTP/1.1\r\nHost: H\r\nTransfer-Encoding: chunked\r\n\r\n00A\r\n0123456789\r\n000\r\n\r\n",
        "",
    ),
    (
        "trailers",
        "POST / HTTP/1.1\r\nHost: H\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum:  1\r\nx-sum: 2\r\n\r\n",
        "",
    ),
    (
        "trailers that may not be go",
        "POST / HTTP/1.1\r\nHost: H\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: 1\r\nAuthorization: Basic eA==\r\nHost: b\r\nContent-Length: 5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: H\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: 1\r\n\r\n",
    ),
    (
        "chunk extensions go",
        "POST / HTTP/1.1\r\nHost: H\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b\r\nx\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: H\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    ),
    (
        "the coding is written in one way",
        "POST / HTTP/1.1\r\nHost: H\r\ntransfer-encoding:  Chunked \r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: H\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "hop-by-hop fields go",
        "GET / HTTP/1.1\r\nA: 1\r\nConnection: keep-alive\r\nHost: H\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\nB: 2\r\n\r\n",
        "GET / HTTP/1.1\r\nA: 1\r\nHost: H\r\nB: 2\r\n\r\n",
    ),
    (
        "fields that Connection names go",
        "GET / HTTP/1.1\r\nHost: H\r\nConnection: x-hop, X-Other\r\nX-Hop: 1\r\nA: 2\r\nx-other: 3\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: H\r\nA: 2\r\n\r\n",
    ),
    (
        "Connection cannot name what makes the request",
        "POST / HTTP/1.1\r\nHost: H\r\nConnection: Host, Authorization, Content-Length, Cookie, Content-Type\r\nAuthorization: Basic eA==\r\nCookie: a\r\nContent-Type: x/y\r\nContent-Length: 1\r\n\r\nx",
        "POST / HTTP/1.1\r\nHost: H\r\nAuthorization: Basic eA==\r\nCookie: a\r\nContent-Type: x/y\r\nContent-Length: 1\r\n\r\nx",
    ),
    (
        "credentials for a proxy end here",
        "GET / HTTP/1.1\r\nHost: H\r\nProxy-Authorization: Basic eA==\r\nA: 1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: H\r\nA: 1\r\n\r\n",
    ),
    (
        "an upgrade to h2c ends here",
        "GET / HTTP/1.1\r\nHost: H\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: H\r\n\r\n",
    ),
    (
        "an upgrade that the server ignores",
        "GET / HTTP/1.1\r\nHost: H\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        "",
    ),
    ("HTTP/1.0", "GET / HTTP/1.0\r\nHost: H\r\nA: 1\r\n\r\n", "GET / HTTP/1.1\r\nHost: H\r\nA: 1\r\n\r\n"),
    ("HTTP/1.0 without Host", "GET / HTTP/1.0\r\nA: 1\r\n\r\n", "GET / HTTP/1.1\r\nHost: H\r\nA: 1\r\n\r\n"),
    (
        "Via and Forwarded of others",
        "GET / HTTP/1.1\r\nHost: H\r\nVia: 1.0 a\r\nForwarded: for=b\r\nX-Forwarded-For: c\r\n\r\n",
        "",
    ),
    ("Range and conditions", "GET / HTTP/1.1\r\nHost: H\r\nRange: bytes=0-1,5-\r\nIf-None-Match: W/\"x\"\r\n\r\n", ""),
];

const LONG_VALUE: &str = "GET / HTTP/1.1\r\nHost: H\r\nA: L30000\r\n\r\n";
const LONG_TARGET: &str = "GET /L12000?x HTTP/1.1\r\nHost: H\r\n\r\n";
const MANY_FIELDS: &str = "GET / HTTP/1.1\r\nHost: H\r\nMANY\r\n\r\n";

const GET: &str = "GET / HTTP/1.1\r\nHost: H\r\n\r\n";

/// Shapes of answers.
const ANSWERS: [Shape; 28] = [
    same(
        "reason, order, case and repeats",
        "HTTP/1.1 401 Not Today\r\nSet-Cookie: a=1\r\nWWW-AUTHENTICATE: Basic realm=\"x\"\r\nset-cookie: b=2\r\nA:  1 \r\nContent-Length: 0\r\n\r\n",
    ),
    same("no reason", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"),
    same("an 8-bit reason and value", "HTTP/1.1 200 gr\u{fc}n\r\nA: \u{ff}\r\nContent-Length: 0\r\n\r\n"),
    same("a status that nobody knows", "HTTP/1.1 599 What\r\nContent-Length: 1\r\n\r\nx"),
    same("empty values", "HTTP/1.1 200 OK\r\nA:\r\nB: \r\nContent-Length: 0\r\n\r\n"),
    same("chunks as they are", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n01\r\na\r\n2\r\nbc\r\n0\r\n\r\n"),
    same(
        "trailers",
        "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n",
    ),
    same("204", "HTTP/1.1 204 No Content\r\nA: 1\r\n\r\n"),
    same("204 with a length of nothing", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"),
    same(
        "304 with the length of what it stands for",
        "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 1234\r\n\r\n",
    ),
    same("a redirect to itself", "HTTP/1.1 302 Found\r\nLocation: http://a.example/x\r\nContent-Length: 0\r\n\r\n"),
    same("a body with control bytes", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n\0\r\n\r\n\u{1}"),
    same("a part", "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/9\r\nContent-Length: 2\r\n\r\nab"),
    same("a coding as it is", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\u{1f}\u{8b}x"),
    same(
        "an event stream",
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\nb\r\ndata: one\n\n\r\n0\r\n\r\n",
    ),
    same(
        "early hints",
        "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </b>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ),
    same("processing", "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    same("a 100 that nobody asked for", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    same(
        "Via of others, Server, Date",
        "HTTP/1.1 200 OK\r\nVia: 1.1 a\r\nServer: snow_adc\r\nDate: Mon, 02 Nov 2026 10:00:00 GMT\r\nContent-Length: 0\r\n\r\n",
    ),
    same(
        "what a protocol is asked for with",
        "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n",
    ),
    Shape {
        name: "HTTP/1.0 gets our version",
        answer: "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        got: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        ..same("", "")
    },
    Shape {
        name: "hop-by-hop fields go",
        answer: "HTTP/1.1 200 OK\r\nA: 1\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\nB: 2\r\nContent-Length: 0\r\n\r\n",
        got: "HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\nContent-Length: 0\r\n\r\n",
        ..same("", "")
    },
    Shape {
        name: "Connection cannot name what makes the answer",
        answer: "HTTP/1.1 401 No\r\nConnection: WWW-Authenticate, Set-Cookie, Location\r\nWWW-Authenticate: Basic\r\nSet-Cookie: a\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
        got: "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nSet-Cookie: a\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
        ..same("", "")
    },
    Shape {
        name: "chunk extensions go",
        answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;a=\"b\"\r\nx\r\n0\r\n\r\n",
        got: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        ..same("", "")
    },
    Shape {
        name: "the answer to HEAD",
        sent: "HEAD / HTTP/1.1\r\nHost: H\r\n\r\n",
        ..same("", "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nA: 1\r\n\r\n")
    },
    Shape {
        name: "the answer to HEAD in chunks",
        sent: "HEAD / HTTP/1.1\r\nHost: H\r\n\r\n",
        ..same("", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    },
    Shape {
        name: "chunks for HTTP/1.0",
        sent: "GET / HTTP/1.0\r\nHost: H\r\n\r\n",
        arrives: GET,
        answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\nX: 1\r\n\r\n",
        got: "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nab",
    },
    Shape {
        name: "informational answers are none for HTTP/1.0",
        sent: "GET / HTTP/1.0\r\nHost: H\r\n\r\n",
        arrives: GET,
        answer: "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        got: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
    },
];

const fn same(name: &'static str, answer: &'static str) -> Shape {
    Shape { name, sent: GET, arrives: "", answer, got: "" }
}

/// The bytes that a shape is written for: one for each character, `H` in Host the origin's name, long parts in full.
fn bytes(text: &str) -> Vec<u8> {
    let many: Vec<String> = (0..90).map(|number| format!("Name-{number}: value {number}")).collect();
    let text = text
        .replace("Host: H", "Host: a.example")
        .replace("hOsT: H", "hOsT: a.example")
        .replace("host: H", "host: a.example")
        .replace("L30000", &"v".repeat(30_000))
        .replace("L12000", &"p".repeat(12_000))
        .replace("MANY", &many.join("\r\n"));
    text.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap()).collect()
}

/// One exchange: what arrived at the origin, and what the client got.
async fn through(sent: Vec<u8>, arriving: usize, answer: Vec<u8>, getting: usize) -> (Vec<u8>, Vec<u8>) {
    let (seen, mut arrived) = mpsc::unbounded_channel();
    let origin = Origin::plain(script(move |mut conn| {
        let (seen, answer) = (seen.clone(), answer.clone());
        async move {
            seen.send(conn.exactly(arriving).await).ok();
            conn.send(&answer).await;
            // Whatever else comes is too much.
            seen.send(conn.rest().await).ok();
        }
    }))
    .await;
    let proxy = Proxy::start(|settings| settings.resolve.push(origin.stands_for("a.example"))).await;
    let mut client = proxy.tunnel("a.example:80").await;
    client.send(&sent).await;
    let mut got = client.exactly(getting).await;
    client.finish().await;
    got.extend(client.rest().await);
    drop(client);
    // Ends the connection to the origin, which is kept for others else.
    drop(proxy);
    let mut came = soon(arrived.recv()).await.unwrap();
    came.extend(soon(arrived.recv()).await.unwrap());
    (came, got)
}

fn or<'a>(text: &'a str, same: &'a str) -> &'a str {
    if text.is_empty() { same } else { text }
}

fn shown(bytes: &[u8]) -> String {
    bytes.iter().take(2000).map(|byte| std::ascii::escape_default(*byte).to_string()).collect()
}

async fn check(shape: &Shape) {
    let arrives = bytes(or(shape.arrives, shape.sent));
    let got = bytes(or(shape.got, shape.answer));
    let dated = shape.answer.contains("Date: ");
    let getting = got.len() + if dated { 0 } else { DATED };
    let (came, went) = through(bytes(shape.sent), arrives.len(), bytes(shape.answer), getting).await;
    let went = if dated { went } else { undated(went) };
    assert_eq!(shown(&came), shown(&arrives), "{}: at the origin", shape.name);
    assert_eq!(shown(&went), shown(&got), "{}: at the client", shape.name);
}

#[tokio::test]
async fn every_request_arrives_as_it_was_sent() {
    for (name, sent, arrives) in REQUESTS {
        // An answer to HTTP/1.0 ends the connection and says so.
        let closes = sent.contains("HTTP/1.0\r\n");
        let got = if closes { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok" } else { OK };
        check(&Shape { name, sent, arrives, answer: OK, got }).await;
    }
}

#[tokio::test]
async fn every_answer_comes_back_as_it_was_given() {
    for shape in &ANSWERS {
        check(shape).await;
    }
}

#[tokio::test]
async fn a_body_that_ends_with_the_connection_comes_whole() {
    let origin = Origin::plain(script(|mut conn| async move {
        conn.head().await;
        conn.send("HTTP/1.1 200 OK\r\nA: 1\r\n\r\nall of it").await;
    }))
    .await;
    let proxy = Proxy::start(|settings| settings.resolve.push(origin.stands_for("a.example"))).await;
    let mut client = proxy.tunnel("a.example:80").await;
    client.send("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
    let got = undated(client.rest().await);
    assert_eq!(shown(&got), shown(b"HTTP/1.1 200 OK\r\nA: 1\r\nConnection: close\r\n\r\nall of it"));
}

#[tokio::test]
async fn a_hundred_is_the_origins_and_the_body_waits_for_it() {
    let (seen, mut arrived) = mpsc::unbounded_channel();
    let origin = Origin::plain(script(move |mut conn| {
        let seen = seen.clone();
        async move {
            seen.send(conn.head().await).unwrap();
            conn.send("HTTP/1.1 100 Go on\r\nA: 1\r\n\r\n").await;
            seen.send(String::from_utf8(conn.exactly(3).await).unwrap()).unwrap();
            conn.send(OK).await;
        }
    }))
    .await;
    let proxy = Proxy::start(|settings| settings.resolve.push(origin.stands_for("a.example"))).await;
    let mut client = proxy.tunnel("a.example:80").await;
    let head = "POST / HTTP/1.1\r\nHost: a.example\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    client.send(head).await;
    assert_eq!(soon(arrived.recv()).await.unwrap(), head);
    assert_eq!(client.head().await, "HTTP/1.1 100 Go on\r\nA: 1\r\n\r\n");
    client.send("abc").await;
    assert_eq!(soon(arrived.recv()).await.unwrap(), "abc");
    assert_eq!(undated(client.exactly(OK.len() + DATED).await), OK.as_bytes());
}

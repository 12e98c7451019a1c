//! HTTP/2 as no good client sends it: refused, bounded, and nothing of it reaches the upstream.

use std::time::Duration;

use h2::Reason;
use http::StatusCode;
use tokio::sync::mpsc;

use crate::bench::*;
use crate::http2_bench::*;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A proxy before an HTTP/1.1 origin, and the heads that reach it.
async fn before() -> (Proxy, Origin, mpsc::UnboundedReceiver<String>) {
    let (seen, heads) = mpsc::unbounded_channel();
    let world = World::new();
    let origin = Origin::tls(world.server_for(HOST), answering(OK, seen)).await;
    (Proxy::before(&world, &origin).await, origin, heads)
}

/// The fields of one head, in order.
type Lines<'a> = Vec<(&'a [u8], &'a [u8])>;

fn pseudo<'a>(path: &'a str, authority: &'a str) -> Lines<'a> {
    vec![
        (b":method", b"GET"),
        (b":scheme", b"https"),
        (b":path", path.as_bytes()),
        (b":authority", authority.as_bytes()),
    ]
}

fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a [u8], &'a [u8])> {
    let mut all = pseudo("/", HOST);
    all.extend(more.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())));
    all
}

/// What comes of a request: the status of the answer (in a head of the proxy's own making it stands first), the code of a
/// reset, or the code of a GOAWAY.
#[derive(Debug, PartialEq, Eq)]
enum Came {
    Status(u16),
    Reset(u32),
    GoAway(u32),
    Nothing,
}

/// The status that the first field of an answer's head names, as the library writes it (RFC 7541 appendix A).
fn status(block: &[u8]) -> u16 {
    match block {
        [0x88, ..] => 200,
        [0x8c, ..] => 400,
        [0x8d, ..] => 404,
        // Literal with the name of entry 8, the value in Huffman code: digits have five or six bits each.
        [_, length, rest @ ..] if length & 0x80 != 0 => digits(&rest[..usize::from(length & 0x7f)]),
        [_, length, rest @ ..] => std::str::from_utf8(&rest[..usize::from(*length)]).unwrap().parse().unwrap(),
        _ => panic!("no status in {block:?}"),
    }
}

/// RFC 7541 appendix B: `0`, `1` and `2` are 00000 to 00010, `3` to `9` are 011001 to 011111.
fn digits(bytes: &[u8]) -> u16 {
    let bits: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
    let (mut at, mut number) = (0, 0);
    while bits.len() - at >= 5 && !bits[at..].chars().all(|bit| bit == '1') {
        let (digit, length) = match &bits[at..at + 5] {
            "00000" => (0, 5),
            "00001" => (1, 5),
            "00010" => (2, 5),
            _ => (u16::from_str_radix(&bits[at..at + 6], 2).unwrap() - 0b01_1001 + 3, 6),
        };
        number = number * 10 + digit;
        at += length;
    }
    number
}

async fn ask(proxy: &Proxy, frames: &[u8]) -> Came {
    let mut conn = Frames::open(proxy).await;
    conn.0.send(frames).await;
    while let Some((kind, _, stream, payload)) = conn.next().await {
        let code = |from: usize| u32::from_be_bytes(payload[from..from + 4].try_into().unwrap());
        match (kind, stream) {
            (HEADERS, 1) => return Came::Status(status(&payload)),
            (RST_STREAM, 1) => return Came::Reset(code(0)),
            (GOAWAY, _) => return Came::GoAway(code(4)),
            _ => {}
        }
    }
    Came::Nothing
}

fn head(list: &[(&[u8], &[u8])]) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, 1, &raw_fields(list))
}

#[tokio::test]
async fn a_foreign_authority_is_misdirected_and_told() {
    let (mut proxy, _origin, mut heads) = before().await;
    for authority in
        ["evil.example", "dev2.service-now.com", "dev1.service-now.com:8443", "x@dev1.service-now.com.evil.example"]
    {
        let came = ask(&proxy, &head(&pseudo("/", authority))).await;
        assert!(matches!(came, Came::Status(400 | 421)), "{authority}: {came:?}");
        let told = outcome(&proxy.exchange().await);
        assert!(told.starts_with("refused: Host at "), "{authority}: {told}");
    }
    for authority in ["DEV1.service-now.com", "dev1.service-now.com:443"] {
        assert_eq!(ask(&proxy, &head(&pseudo("/", authority))).await, Came::Status(200), "{authority}");
        assert_eq!(outcome(&proxy.exchange().await), "200");
        assert!(heads.recv().await.is_some());
    }
    assert!(heads.try_recv().is_err(), "no other reached the upstream");
}

#[tokio::test]
async fn what_no_request_may_hold_is_refused_and_reaches_nobody() {
    let (proxy, _origin, mut heads) = before().await;
    let replaced = |name: &'static [u8], value: &'static [u8]| {
        let mut all = pseudo("/", HOST);
        all.iter_mut().filter(|(known, _)| *known == name).for_each(|field| field.1 = value);
        all
    };
    let without = |name: &'static [u8]| {
        let mut all = pseudo("/", HOST);
        all.retain(|(known, _)| *known != name);
        all
    };
    let mut late = with(&[("x-a", "1")]);
    late.push((b":path", b"/other"));
    let wrong: Vec<(&str, Lines)> = vec![
        ("a line break in the path", replaced(b":path", b"/ HTTP/1.1\r\nX: y\r\n\r\nGET /evil")),
        ("a blank in the path", replaced(b":path", b"/a b")),
        ("8 bits in the path", replaced(b":path", b"/caf\xc3\xa9")),
        ("NUL in the path", replaced(b":path", b"/a\0b")),
        ("an empty path", replaced(b":path", b"")),
        ("an absolute path", replaced(b":path", b"http://evil.example/")),
        ("a path without a slash", replaced(b":path", b"evil")),
        ("an asterisk with GET", replaced(b":path", b"*")),
        ("a line break in the method", replaced(b":method", b"GET / HTTP/1.1\r\nX: y\r\n\r\nGET")),
        ("a blank in the method", replaced(b":method", b"GET /evil")),
        ("an empty method", replaced(b":method", b"")),
        ("CONNECT", vec![(b":method", b"CONNECT"), (b":authority", b"dev1.service-now.com:443")]),
        ("a line break in the authority", replaced(b":authority", b"dev1.service-now.com\r\nX: y")),
        ("a path in the authority", replaced(b":authority", b"dev1.service-now.com/evil")),
        ("user information", replaced(b":authority", b"u:p@dev1.service-now.com")),
        ("an empty authority", replaced(b":authority", b"")),
        ("a scheme of its own", replaced(b":scheme", b"http")),
        ("a line break in the scheme", replaced(b":scheme", b"https\r\nX: y")),
        ("no method", without(b":method")),
        ("no scheme", without(b":scheme")),
        ("no path", without(b":path")),
        ("no authority", without(b":authority")),
        ("a pseudo-field twice", with(&[(":path", "/"), ("x", "y")])),
        ("a pseudo-field behind a field", late),
        ("an unknown pseudo-field", with(&[(":evil", "1")])),
        ("a pseudo-field of answers", with(&[(":status", "200")])),
        ("an upper-case name", with(&[("X-Upper", "1")])),
        ("a blank in a name", with(&[("x a", "1")])),
        ("a colon in a name", with(&[("x:a", "1")])),
        ("a line break in a name", with(&[("x\r\ny: z\r\n", "1")])),
        ("an empty name", with(&[("", "1")])),
        ("a line break in a value", with(&[("x-a", "1\r\nTransfer-Encoding: chunked")])),
        ("a line feed in a value", with(&[("x-a", "1\nX: y")])),
        ("a carriage return in a value", with(&[("x-a", "1\rX: y")])),
        ("NUL in a value", with(&[("x-a", "1\0")])),
        ("connection", with(&[("connection", "close")])),
        ("keep-alive", with(&[("keep-alive", "5")])),
        ("proxy-connection", with(&[("proxy-connection", "close")])),
        ("transfer-encoding", with(&[("transfer-encoding", "chunked")])),
        ("upgrade", with(&[("upgrade", "h2c")])),
        ("te", with(&[("te", "gzip")])),
        ("two hosts that differ", with(&[("host", "evil.example")])),
        ("a length for no body", with(&[("content-length", "5")])),
        ("two lengths", with(&[("content-length", "0"), ("content-length", "1")])),
        ("a length that is none", with(&[("content-length", "+0")])),
        ("a host twice", with(&[("host", HOST), ("host", HOST)])),
        ("a length with a zero before it", with(&[("content-length", "00")])),
        ("a length as a gateway may name it", with(&[("content_length", "0")])),
        ("a coding as a gateway may name it", with(&[("transfer_encoding", "chunked")])),
        ("another length that is none", with(&[("content-length", "0, 0")])),
    ];
    for (what, list) in wrong {
        let came = ask(&proxy, &head(&list)).await;
        assert!(
            matches!(came, Came::Reset(1) | Came::GoAway(1 | 9) | Came::Status(400 | 405 | 421)),
            "{what}: {came:?}"
        );
    }
    assert!(heads.try_recv().is_err(), "{:?}", heads.try_recv());
}

#[tokio::test]
async fn a_body_of_another_length_than_said_is_no_request() {
    let (proxy, _origin, mut heads) = before().await;
    for (said, body) in [("5", "long body"), ("5", "sh")] {
        let mut list = with(&[("content-length", said)]);
        list[0].1 = b"POST";
        let request = frame(HEADERS, END_HEADERS, 1, &raw_fields(&list));
        let came = ask(&proxy, &[request, frame(DATA, END_STREAM, 1, body.as_bytes())].concat()).await;
        assert!(matches!(came, Came::Reset(1) | Came::GoAway(1)), "{came:?}");
    }
    assert!(heads.try_recv().is_err());
}

#[tokio::test]
async fn what_follows_a_body_of_nothing_keeps_its_request_back() {
    let (proxy, _origin, mut heads) = before().await;
    for (body, fine) in [("GET /evil HTTP/1.1\r\n\r\n", false), ("", true)] {
        let mut list = with(&[("content-length", "0")]);
        list[0].1 = b"POST";
        let mut conn = Frames::open(&proxy).await;
        conn.0
            .send([frame(HEADERS, END_HEADERS, 1, &raw_fields(&list)), frame(PING, 0, 0, b"are you?")].concat())
            .await;
        while conn.next().await.is_some_and(|(kind, flags, ..)| kind != PING || flags != 1) {}
        conn.0.send(frame(DATA, END_STREAM, 1, body.as_bytes())).await;
        let mut came = None;
        while let Some((kind, _, stream, _)) = conn.next().await {
            if stream == 1 {
                came = Some(kind);
                break;
            }
        }
        assert_eq!(came, Some(if fine { HEADERS } else { RST_STREAM }), "{body:?}");
        assert_eq!(heads.try_recv().is_ok(), fine, "{body:?}");
    }
}

#[tokio::test]
async fn extended_connect_is_not_offered() {
    let (proxy, _origin, _heads) = before().await;
    let list: [(&[u8], &[u8]); 5] = [
        (b":method", b"CONNECT"),
        (b":protocol", b"websocket"),
        (b":scheme", b"https"),
        (b":path", b"/"),
        (b":authority", HOST.as_bytes()),
    ];
    let came = ask(&proxy, &head(&list)).await;
    assert!(matches!(came, Came::Reset(1) | Came::Status(405) | Came::GoAway(1)), "{came:?}");
}

#[tokio::test]
async fn heads_over_the_limits_are_refused() {
    let (mut proxy, _origin, mut heads) = before().await;
    let requests = client(&proxy).await;
    let mut many = get("/");
    for number in 0..150 {
        many.headers_mut().append(http::HeaderName::try_from(format!("x-{number}")).unwrap(), "1".parse().unwrap());
    }
    assert_eq!(fetch(&requests, many).await.unwrap().status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    assert!(outcome(&proxy.exchange().await).starts_with("refused: TooManyFields at "));
    let mut large = get("/");
    large.headers_mut().append("x-large", "a".repeat(70_000).parse().unwrap());
    let refused = fetch(&requests, large).await;
    match refused {
        Ok(answer) => assert_eq!(answer.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
        Err(error) => assert!(error.is_reset() || error.is_go_away(), "{error:?}"),
    }
    assert!(heads.try_recv().is_err());
}

/// Sends `part` over and over until the proxy ends the connection, but not more than `most` bytes: how it ended.
async fn flood(proxy: &Proxy, before: &[u8], part: impl Fn(u32) -> Vec<u8>, most: usize) -> Option<(u8, u32)> {
    let mut conn = Frames::open(proxy).await;
    conn.0.send(before).await;
    let (mut sender, receiver) = conn.0.split();
    let mut frames = Frames(receiver);
    let refused = tokio::spawn(async move { frames.refusal().await });
    let mut sent = 0;
    for number in 0.. {
        let part = part(number);
        sent += part.len();
        if sent > most || refused.is_finished() || sender.try_send(&part).await.is_err() {
            break;
        }
    }
    tokio::time::timeout(Duration::from_secs(3), refused).await.ok()?.unwrap()
}

/// Another client is served while and after.
async fn still_serves(proxy: &Proxy) {
    assert_eq!(ask(proxy, &head(&pseudo("/", HOST))).await, Came::Status(200));
}

#[tokio::test]
async fn requests_that_are_taken_back_at_once_end_the_connection() {
    let (proxy, _origin, mut heads) = before().await;
    let block = raw_fields(&pseudo("/", HOST));
    let rapid = |number: u32| {
        let stream = 1 + 2 * number;
        let request = frame(HEADERS, END_HEADERS | END_STREAM, stream, &block);
        [request, frame(RST_STREAM, 0, stream, &8u32.to_be_bytes())].concat()
    };
    let ended = flood(&proxy, b"", rapid, 4 << 20).await;
    assert_eq!(ended, Some((GOAWAY, Reason::ENHANCE_YOUR_CALM.into())));
    still_serves(&proxy).await;
    let mut reached = 0;
    while heads.try_recv().is_ok() {
        reached += 1;
    }
    assert!(reached <= 200, "{reached} reached the upstream");
}

#[tokio::test]
async fn faults_that_make_us_reset_end_the_connection() {
    let (proxy, _origin, _heads) = before().await;
    let block = raw_fields(&pseudo("/", HOST));
    // MadeYouReset: a stream that is opened rightly and then made wrong by an increment of zero.
    let made = |number: u32| {
        let stream = 1 + 2 * number;
        let request = frame(HEADERS, END_HEADERS, stream, &block);
        [request, frame(WINDOW_UPDATE, 0, stream, &0u32.to_be_bytes())].concat()
    };
    let ended = flood(&proxy, b"", made, 4 << 20).await;
    assert!(matches!(ended, Some((GOAWAY, _))), "{ended:?}");
    still_serves(&proxy).await;
}

#[tokio::test]
async fn a_head_without_an_end_ends_the_connection() {
    let (proxy, _origin, _heads) = before().await;
    let begun = frame(HEADERS, END_STREAM, 1, &raw_fields(&pseudo("/", HOST)));
    let more = raw_fields(&[(b"x-a", &[b'a'; 100])]);
    let ended = flood(&proxy, &begun, |_| frame(CONTINUATION, 0, 1, &more), 64 << 20).await;
    assert!(matches!(ended, Some((GOAWAY, _))), "{ended:?}");
    let ended = flood(&proxy, &begun, |_| frame(CONTINUATION, 0, 1, b""), 4 << 20).await;
    assert!(matches!(ended, Some((GOAWAY, _))), "{ended:?}");
    still_serves(&proxy).await;
}

#[tokio::test]
async fn a_block_that_grows_when_it_is_read_is_bounded() {
    let (mut proxy, _origin, mut heads) = before().await;
    // One large field goes into the table, then is named again and again with a byte each.
    let mut block = raw_fields(&pseudo("/", HOST));
    block.extend([0x40, 3]);
    block.extend(b"x-a");
    block.extend([0x7f, 0x81, 0x1e]);
    block.extend(vec![b'a'; 0x7f + 0xf01]);
    block.extend(vec![0xbe; 10_000]);
    let came = ask(&proxy, &frame(HEADERS, END_HEADERS | END_STREAM, 1, &block)).await;
    assert!(matches!(came, Came::Reset(_) | Came::GoAway(_) | Came::Status(431)), "{came:?}");
    assert!(heads.try_recv().is_err());
    still_serves(&proxy).await;
    assert_eq!(outcome(&proxy.exchange().await), "200");
}

#[tokio::test]
async fn floods_of_small_frames_hurt_nobody_else() {
    let (proxy, _origin, _heads) = before().await;
    let mut list = pseudo("/", HOST);
    list[0].1 = b"POST";
    let open = frame(HEADERS, END_HEADERS, 1, &raw_fields(&list));
    let floods: [(&str, &[u8], Vec<u8>); 4] = [
        ("PING", b"", frame(PING, 0, 0, b"12345678")),
        ("SETTINGS", b"", frame(SETTINGS, 0, 0, &[])),
        ("empty DATA", &open, frame(DATA, 0, 1, b"")),
        ("WINDOW_UPDATE of nothing", b"", frame(WINDOW_UPDATE, 0, 0, &1u32.to_be_bytes())),
    ];
    for (what, before, part) in floods {
        let burst: Vec<u8> = part.repeat(100);
        // Ended or swallowed, as the frame deserves: what matters is that others are served.
        let ended = flood(&proxy, before, |_| burst.clone(), 1 << 20).await;
        assert!(!matches!(ended, Some((RST_STREAM, _))), "{what}: {ended:?}");
        still_serves(&proxy).await;
    }
}

#[tokio::test]
async fn more_streams_than_are_offered_are_refused() {
    let (seen, _heads) = mpsc::unbounded_channel();
    let world = World::new();
    let origin = Origin::tls(
        world.server_for(HOST),
        script(move |mut conn| {
            let seen = seen.clone();
            async move {
                seen.send(conn.head().await).ok();
                conn.rest().await;
            }
        }),
    )
    .await;
    let (root, entry) = (world.root(), origin.stands_for(HOST));
    let proxy = Proxy::start(|settings| {
        settings.upstream_roots.push(root);
        settings.resolve.push(entry);
        settings.limits.streams = 3;
    })
    .await;
    let mut conn = Frames::open(&proxy).await;
    let block = raw_fields(&pseudo("/", HOST));
    for number in 0..4 {
        conn.0.send(frame(HEADERS, END_HEADERS | END_STREAM, 1 + 2 * number, &block)).await;
    }
    assert_eq!(conn.refusal().await, Some((RST_STREAM, Reason::REFUSED_STREAM.into())));
}

#[tokio::test]
async fn a_connection_that_rests_is_ended() {
    let world = World::new();
    let (seen, _heads) = mpsc::unbounded_channel();
    let origin = Origin::tls(world.server_for(HOST), answering(OK, seen)).await;
    let (root, entry) = (world.root(), origin.stands_for(HOST));
    let proxy = Proxy::start(|settings| {
        settings.upstream_roots.push(root);
        settings.resolve.push(entry);
        settings.limits.idle = Duration::from_millis(200);
        settings.limits.silent = Duration::from_millis(200);
    })
    .await;
    // Never a request.
    let mut conn = Frames::open(&proxy).await;
    assert_eq!(conn.refusal().await, Some((GOAWAY, 0)));
    // Never the preface.
    assert_eq!(inside(&proxy).await.rest().await.len(), 9 + 6 * 3, "our settings, and the end");
    // One request, then nothing.
    let mut conn = Frames::open(&proxy).await;
    conn.0.send(head(&pseudo("/", HOST))).await;
    assert_eq!(conn.refusal().await, Some((GOAWAY, 0)));
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_given_up() {
    let world = World::new();
    let body = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n".to_owned() + &"x".repeat(1_000_000);
    let origin = Origin::tls(
        world.server_for(HOST),
        script(move |mut conn| {
            let body = body.clone();
            async move {
                conn.head().await;
                conn.try_send(&body).await.ok();
            }
        }),
    )
    .await;
    let (root, entry) = (world.root(), origin.stands_for(HOST));
    let mut proxy = Proxy::start(|settings| {
        settings.upstream_roots.push(root);
        settings.resolve.push(entry);
        settings.limits.idle = Duration::from_millis(300);
    })
    .await;
    let mut conn = inside(&proxy).await;
    // SETTINGS_INITIAL_WINDOW_SIZE of 0.
    conn.send([PREFACE, &frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0])].concat()).await;
    conn.send(head(&pseudo("/", HOST))).await;
    let told = outcome(&proxy.exchange().await);
    assert!(told.starts_with("abandoned: ReadBody"), "{told}");
    assert!(matches!(Frames(conn).refusal().await, Some((RST_STREAM | GOAWAY, _))));
}

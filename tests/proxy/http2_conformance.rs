//! The rules of RFC 9113 and RFC 7541 that a server holds its client to, one after the other: what is broken, and with which
//! error that ends. After each, nothing is left of it: another connection is served.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::bench::*;
use crate::http2_bench::*;

const NO_ERROR: u32 = 0;
const PROTOCOL_ERROR: u32 = 1;
const FLOW_CONTROL_ERROR: u32 = 3;
const STREAM_CLOSED: u32 = 5;
const FRAME_SIZE_ERROR: u32 = 6;
const REFUSED_STREAM: u32 = 7;
const COMPRESSION_ERROR: u32 = 9;

const PRIORITY: u8 = 2;
const PUSH_PROMISE: u8 = 5;
const PADDED: u8 = 8;
const PRIORITISED: u8 = 0x20;

const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// What has to come. A GOAWAY may also say PROTOCOL_ERROR where a rule has a code of its own: the library does so for some,
/// and the connection is as ended.
enum Due {
    /// GOAWAY with one of these codes, or the connection's end.
    Connection(&'static [u32]),
    /// RST_STREAM or GOAWAY with one of these codes, or the connection's end.
    Stream(&'static [u32]),
    /// An answer to stream 1.
    Answer,
    /// The PING that is sent behind, answered: the connection goes on.
    GoesOn,
}

use Due::{Answer, Connection, GoesOn, Stream};

fn block(method: &str) -> Vec<u8> {
    let list: [(&[u8], &[u8]); 4] =
        [(b":method", method.as_bytes()), (b":scheme", b"https"), (b":path", b"/"), (b":authority", HOST.as_bytes())];
    raw_fields(&list)
}

fn with(method: &str, more: &[(&[u8], &[u8])]) -> Vec<u8> {
    [block(method), raw_fields(more)].concat()
}

/// A whole request on a stream.
fn get_on(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &block("GET"))
}

/// The head of a request whose body follows.
fn post_on(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &block("POST"))
}

fn setting(id: u16, value: u32) -> Vec<u8> {
    frame(SETTINGS, 0, 0, &[&id.to_be_bytes()[..], &value.to_be_bytes()].concat())
}

fn window(stream: u32, by: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &by.to_be_bytes())
}

fn reset(stream: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &8u32.to_be_bytes())
}

fn ping() -> Vec<u8> {
    frame(PING, 0, 0, b"are you?")
}

fn padded(kind: u8, flags: u8, content: &[u8], padding: u8, said: u8) -> Vec<u8> {
    let payload = [&[said][..], content, &vec![0; usize::from(padding)]].concat();
    frame(kind, flags | PADDED, 1, &payload)
}

fn join(parts: &[Vec<u8>]) -> Vec<u8> {
    parts.concat()
}

/// Frames that are right.
fn right() -> Vec<(&'static str, Vec<u8>, Due)> {
    let (first, rest) = (block("GET")[..10].to_vec(), block("GET")[10..].to_vec());
    let large = frame(DATA, END_STREAM, 1, &[b'x'; 16384]);
    vec![
        ("4/1 GET", get_on(1), Answer),
        ("4/2 HEAD", frame(HEADERS, END_HEADERS | END_STREAM, 1, &block("HEAD")), Answer),
        ("4/3 POST", join(&[post_on(1), frame(DATA, END_STREAM, 1, b"test")]), Answer),
        (
            "4/4 POST with trailers",
            join(&[
                post_on(1),
                frame(DATA, 0, 1, b"test"),
                frame(HEADERS, END_HEADERS | END_STREAM, 1, &raw_fields(&[(b"x-a", b"1")])),
            ]),
            Answer,
        ),
        ("2/1 PRIORITY on an idle stream", join(&[frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 15]), get_on(1)]), Answer),
        ("2/2 WINDOW_UPDATE on a half-closed stream", join(&[get_on(1), window(1, 100)]), Answer),
        ("2/3 PRIORITY on a half-closed stream", join(&[get_on(1), frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 15])]), Answer),
        ("2/4 RST_STREAM on a half-closed stream", join(&[get_on(1), reset(1), ping()]), GoesOn),
        ("3.1 several DATA", join(&[post_on(1), frame(DATA, 0, 1, b"te"), frame(DATA, END_STREAM, 1, b"st")]), Answer),
        ("3.1 padded DATA", join(&[post_on(1), padded(DATA, END_STREAM, b"test", 6, 6)]), Answer),
        ("3.2 padded HEADERS", padded(HEADERS, END_HEADERS | END_STREAM, &block("GET"), 6, 6), Answer),
        (
            "3.2 HEADERS with a priority",
            frame(HEADERS, END_HEADERS | END_STREAM | PRIORITISED, 1, &[&[0, 0, 0, 0, 15][..], &block("GET")].concat()),
            Answer,
        ),
        ("3.7 PING", ping(), GoesOn),
        ("3.9 WINDOW_UPDATE", join(&[window(0, 1), get_on(1), window(1, 1)]), Answer),
        (
            "3.10 CONTINUATION",
            join(&[frame(HEADERS, END_STREAM, 1, &first), frame(CONTINUATION, END_HEADERS, 1, &rest)]),
            Answer,
        ),
        (
            "3.10 several CONTINUATION",
            join(&[
                frame(HEADERS, END_STREAM, 1, &first),
                frame(CONTINUATION, 0, 1, &rest[..5]),
                frame(CONTINUATION, END_HEADERS, 1, &rest[5..]),
            ]),
            Answer,
        ),
        ("4.1/1 a frame of no known kind", join(&[frame(0x16, 0, 0, &[0; 8]), get_on(1)]), Answer),
        ("4.1/2 a flag of no known meaning", join(&[frame(PING, 0x16, 0, b"are you?")]), GoesOn),
        ("4.1/3 the reserved bit", join(&[frame(PING, 0, 1 << 31, b"are you?")]), GoesOn),
        ("4.2/1 DATA of the largest size", join(&[post_on(1), large]), Answer),
        (
            "5.1/13 PRIORITY on a closed stream",
            join(&[get_on(1), reset(1), frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 15]), ping()]),
            GoesOn,
        ),
        ("5.5/1 an extension's frame", join(&[frame(0xff, 0, 0, b"unknown"), ping()]), GoesOn),
        ("6.5.2/5 an unknown setting", join(&[setting(0xff, 1), ping()]), GoesOn),
        ("7/1 GOAWAY of no known code", join(&[frame(GOAWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 0xff]), ping()]), GoesOn),
        (
            "7/2 RST_STREAM of no known code",
            join(&[get_on(1), frame(RST_STREAM, 0, 1, &0xffu32.to_be_bytes()), ping()]),
            GoesOn,
        ),
        ("hpack 5 a field that is only indexed", frame(HEADERS, END_HEADERS | END_STREAM, 1, &indexed()), Answer),
        (
            "hpack 4.2 a smaller table",
            frame(HEADERS, END_HEADERS | END_STREAM, 1, &[vec![0x20], block("GET")].concat()),
            Answer,
        ),
    ]
}

/// `:method: GET` and `:scheme: https`, `:path: /` by their numbers, and the authority by its name's.
fn indexed() -> Vec<u8> {
    [&[0x82, 0x87, 0x84, 0x41, HOST.len() as u8][..], HOST.as_bytes()].concat()
}

/// Broken frames.
fn frames() -> Vec<(&'static str, Vec<u8>, Due)> {
    let unended = frame(HEADERS, END_STREAM, 1, &block("GET"));
    let oversize = vec![0; 16385];
    vec![
        (
            "4.2/2 DATA that is too large",
            join(&[post_on(1), frame(DATA, END_STREAM, 1, &oversize)]),
            Stream(&[FRAME_SIZE_ERROR]),
        ),
        (
            "4.2/3 HEADERS that are too large",
            frame(HEADERS, END_HEADERS | END_STREAM, 1, &oversize),
            Connection(&[FRAME_SIZE_ERROR]),
        ),
        (
            "4.3/1 a broken block",
            frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0x40]),
            Connection(&[COMPRESSION_ERROR]),
        ),
        (
            "4.3/2 PRIORITY within a block",
            join(&[unended.clone(), frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 255])]),
            Connection(&[PROTOCOL_ERROR]),
        ),
        ("4.3/3 HEADERS within a block", join(&[unended.clone(), get_on(3)]), Connection(&[PROTOCOL_ERROR])),
        ("5.1/1 DATA on an idle stream", frame(DATA, END_STREAM, 1, b"test"), Connection(&[PROTOCOL_ERROR])),
        ("5.1/2 RST_STREAM on an idle stream", reset(1), Connection(&[PROTOCOL_ERROR])),
        ("5.1/3 WINDOW_UPDATE on an idle stream", window(1, 100), Connection(&[PROTOCOL_ERROR])),
        (
            "5.1/4 CONTINUATION on an idle stream",
            frame(CONTINUATION, END_HEADERS, 1, &block("GET")),
            Connection(&[PROTOCOL_ERROR]),
        ),
        (
            "5.1/5 DATA on a half-closed stream",
            join(&[get_on(1), frame(DATA, END_STREAM, 1, b"test")]),
            Stream(&[STREAM_CLOSED]),
        ),
        ("5.1/6 HEADERS on a half-closed stream", join(&[get_on(1), get_on(1)]), Stream(&[STREAM_CLOSED])),
        (
            "5.1/7 CONTINUATION on a half-closed stream",
            join(&[get_on(1), frame(CONTINUATION, END_HEADERS, 1, &block("GET"))]),
            Connection(&[STREAM_CLOSED, PROTOCOL_ERROR]),
        ),
        (
            "5.1/8 DATA on a stream that was reset",
            join(&[post_on(1), reset(1), frame(DATA, END_STREAM, 1, b"test")]),
            Stream(&[STREAM_CLOSED]),
        ),
        (
            "5.1/9 HEADERS on a stream that was reset",
            join(&[post_on(1), reset(1), get_on(1)]),
            Stream(&[STREAM_CLOSED]),
        ),
        (
            "5.1/10 CONTINUATION on a stream that was reset",
            join(&[post_on(1), reset(1), frame(CONTINUATION, END_HEADERS, 1, &block("GET"))]),
            Connection(&[STREAM_CLOSED, PROTOCOL_ERROR]),
        ),
        ("5.1.1/1 an even stream", get_on(2), Connection(&[PROTOCOL_ERROR])),
        ("5.1.1/2 a smaller stream than before", join(&[get_on(5), get_on(3)]), Connection(&[PROTOCOL_ERROR])),
        (
            "5.3.1/1 HEADERS that depend on themselves",
            frame(
                HEADERS,
                END_HEADERS | END_STREAM | PRIORITISED,
                1,
                &[&[0, 0, 0, 1, 255][..], &block("GET")].concat(),
            ),
            Stream(&[PROTOCOL_ERROR]),
        ),
        (
            "5.3.1/2 PRIORITY that depends on itself",
            frame(PRIORITY, 0, 2, &[0, 0, 0, 2, 255]),
            Stream(&[PROTOCOL_ERROR]),
        ),
        (
            "5.5/2 an extension's frame within a block",
            join(&[unended.clone(), frame(0xff, 0, 0, &[0; 8])]),
            Connection(&[PROTOCOL_ERROR]),
        ),
        ("6.1/1 DATA on stream 0", frame(DATA, END_STREAM, 0, b"test"), Connection(&[PROTOCOL_ERROR])),
        (
            "6.1/3 DATA padded beyond its size",
            join(&[post_on(1), padded(DATA, END_STREAM, b"test", 0, 6)]),
            Connection(&[PROTOCOL_ERROR]),
        ),
        (
            "6.2/3 HEADERS on stream 0",
            frame(HEADERS, END_HEADERS | END_STREAM, 0, &block("GET")),
            Connection(&[PROTOCOL_ERROR]),
        ),
        (
            "6.2/4 HEADERS padded beyond their size",
            padded(HEADERS, END_HEADERS | END_STREAM, b"", 0, 6),
            Connection(&[PROTOCOL_ERROR]),
        ),
        ("6.3/1 PRIORITY on stream 0", frame(PRIORITY, 0, 0, &[0, 0, 0, 0, 255]), Connection(&[PROTOCOL_ERROR])),
        ("6.3/2 PRIORITY of another size", frame(PRIORITY, 0, 1, &[0, 0, 0, 0]), Stream(&[FRAME_SIZE_ERROR])),
        ("6.4/1 RST_STREAM on stream 0", reset(0), Connection(&[PROTOCOL_ERROR])),
        (
            "6.4/3 RST_STREAM of another size",
            join(&[get_on(1), frame(RST_STREAM, 0, 1, &[0, 0, 0])]),
            Connection(&[FRAME_SIZE_ERROR]),
        ),
        (
            "6.5/1 SETTINGS that acknowledge and say more",
            frame(SETTINGS, 1, 0, &[0; 6]),
            Connection(&[FRAME_SIZE_ERROR]),
        ),
        ("6.5/2 SETTINGS on a stream", frame(SETTINGS, 0, 1, &[0, 3, 0, 0, 0, 10]), Connection(&[PROTOCOL_ERROR])),
        ("6.5/3 SETTINGS of another size", frame(SETTINGS, 0, 0, &[0, 3, 0]), Connection(&[FRAME_SIZE_ERROR])),
        ("6.5.2/1 ENABLE_PUSH that is neither", setting(2, 2), Connection(&[PROTOCOL_ERROR])),
        ("6.5.2/2 INITIAL_WINDOW_SIZE over the most", setting(4, 1 << 31), Connection(&[FLOW_CONTROL_ERROR])),
        ("6.5.2/3 MAX_FRAME_SIZE under the least", setting(5, 16383), Connection(&[PROTOCOL_ERROR])),
        ("6.5.2/4 MAX_FRAME_SIZE over the most", setting(5, 1 << 24), Connection(&[PROTOCOL_ERROR])),
        ("6.7/3 PING on a stream", frame(PING, 0, 1, &[0; 8]), Connection(&[PROTOCOL_ERROR])),
        ("6.7/4 PING of another size", frame(PING, 0, 0, &[0; 6]), Connection(&[FRAME_SIZE_ERROR])),
        ("6.8/1 GOAWAY on a stream", frame(GOAWAY, 0, 1, &[0; 8]), Connection(&[PROTOCOL_ERROR])),
        ("6.9/1 WINDOW_UPDATE by nothing", window(0, 0), Connection(&[PROTOCOL_ERROR])),
        ("6.9/2 WINDOW_UPDATE of a stream by nothing", join(&[post_on(1), window(1, 0)]), Stream(&[PROTOCOL_ERROR])),
        (
            "6.9/3 WINDOW_UPDATE of another size",
            frame(WINDOW_UPDATE, 0, 0, &[0, 0, 1]),
            Connection(&[FRAME_SIZE_ERROR]),
        ),
        (
            "6.9.1/2 a window over the most",
            join(&[window(0, i32::MAX as u32), window(0, i32::MAX as u32)]),
            Connection(&[FLOW_CONTROL_ERROR]),
        ),
        (
            "6.9.1/3 a stream's window over the most",
            join(&[post_on(1), window(1, i32::MAX as u32), window(1, i32::MAX as u32)]),
            Stream(&[FLOW_CONTROL_ERROR]),
        ),
        (
            "6.9.2/3 a setting that makes a window too large",
            join(&[post_on(1), window(1, i32::MAX as u32 - 65535), setting(4, i32::MAX as u32)]),
            Connection(&[FLOW_CONTROL_ERROR]),
        ),
        (
            "6.10/2 CONTINUATION behind an end",
            join(&[post_on(1), frame(CONTINUATION, END_HEADERS, 1, &raw_fields(&[(b"x-a", b"1")]))]),
            Connection(&[PROTOCOL_ERROR]),
        ),
        (
            "6.10/3 CONTINUATION on stream 0",
            join(&[unended.clone(), frame(CONTINUATION, END_HEADERS, 0, &[])]),
            Connection(&[PROTOCOL_ERROR]),
        ),
        (
            "6.10/4 CONTINUATION behind DATA",
            join(&[post_on(1), frame(DATA, 0, 1, b"test"), frame(CONTINUATION, END_HEADERS, 1, &block("GET"))]),
            Connection(&[PROTOCOL_ERROR]),
        ),
        (
            "8.2/1 PUSH_PROMISE",
            frame(PUSH_PROMISE, END_HEADERS, 1, &[&[0, 0, 0, 3][..], &block("GET")].concat()),
            Connection(&[PROTOCOL_ERROR]),
        ),
    ]
}

/// Requests that are none, and blocks that cannot be read.
fn messages() -> Vec<(&'static str, Vec<u8>, Due)> {
    let ask = |block: Vec<u8>| frame(HEADERS, END_HEADERS | END_STREAM, 1, &block);
    let trailers = |list: &[(&[u8], &[u8])]| {
        let trailers = frame(HEADERS, END_HEADERS | END_STREAM, 1, &raw_fields(list));
        join(&[post_on(1), frame(DATA, 0, 1, b"test"), trailers])
    };
    let indexed_trailer = frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0x83]);
    vec![
        (
            "8.1/1 a second head without an end",
            join(&[post_on(1), frame(HEADERS, END_HEADERS, 1, &raw_fields(&[(b"x-a", b"1")]))]),
            Stream(&[PROTOCOL_ERROR]),
        ),
        ("8.1.2/1 an upper-case name", ask(with("GET", &[(b"X-A", b"1")])), Stream(&[PROTOCOL_ERROR])),
        ("8.1.2.1/1 an unknown pseudo-field", ask(with("GET", &[(b":test", b"1")])), Stream(&[PROTOCOL_ERROR])),
        ("8.1.2.1/2 an answer's pseudo-field", ask(with("GET", &[(b":status", b"200")])), Stream(&[PROTOCOL_ERROR])),
        ("8.1.2.1/3 a pseudo-field in trailers", trailers(&[(b":method", b"POST")]), Stream(&[PROTOCOL_ERROR])),
        (
            "8.1.2.1/3 by its number",
            join(&[post_on(1), frame(DATA, 0, 1, b"test"), indexed_trailer]),
            Stream(&[PROTOCOL_ERROR]),
        ),
        (
            "8.1.2.1/4 a pseudo-field behind a field",
            ask([raw_fields(&[(b"x-a", b"1")]), block("GET")].concat()),
            Stream(&[PROTOCOL_ERROR]),
        ),
        (
            "8.1.2.2/1 a connection's field",
            ask(with("GET", &[(b"connection", b"keep-alive")])),
            Stream(&[PROTOCOL_ERROR]),
        ),
        (
            "8.1.2.2/2 TE but trailers",
            ask(with("GET", &[(b"trailers", b"test"), (b"te", b"trailers, deflate")])),
            Stream(&[PROTOCOL_ERROR]),
        ),
        (
            "8.1.2.6/1 less than said",
            join(&[
                frame(HEADERS, END_HEADERS, 1, &with("POST", &[(b"content-length", b"1")])),
                frame(DATA, END_STREAM, 1, b"test"),
            ]),
            Stream(&[PROTOCOL_ERROR]),
        ),
        (
            "8.1.2.6/2 less than said, in parts",
            join(&[
                frame(HEADERS, END_HEADERS, 1, &with("POST", &[(b"content-length", b"1")])),
                frame(DATA, 0, 1, b"test"),
                frame(DATA, END_STREAM, 1, b"test"),
            ]),
            Stream(&[PROTOCOL_ERROR]),
        ),
        ("hpack 2.3.3/1 a number that names nothing", ask(vec![0xc6]), Connection(&[COMPRESSION_ERROR])),
        (
            "hpack 2.3.3/2 a name's number that names nothing",
            ask(vec![0x7f, 0x07, 0x01, b'1']),
            Connection(&[COMPRESSION_ERROR]),
        ),
        (
            "hpack 4.2/1 a table's size behind a field",
            ask([block("GET"), vec![0x20]].concat()),
            Connection(&[COMPRESSION_ERROR]),
        ),
        (
            "hpack 5.2/1 padding of more than seven bits",
            ask([block("GET"), b"\x00\x85\xf2\xb2\x4a\x84\xff\x84\x49\x50\x9f\xff".to_vec()].concat()),
            Connection(&[COMPRESSION_ERROR]),
        ),
        (
            "hpack 5.2/2 padding of zeros",
            ask([block("GET"), b"\x00\x85\xf2\xb2\x4a\x84\xff\x83\x49\x50\x90".to_vec()].concat()),
            Connection(&[COMPRESSION_ERROR]),
        ),
        (
            "hpack 5.2/3 the end of a string within it",
            ask([block("GET"), b"\x00\x85\xf2\xb2\x4a\x84\xff\x87\x49\x51\xff\xff\xff\xfa\x7f".to_vec()].concat()),
            Connection(&[COMPRESSION_ERROR]),
        ),
        ("hpack 6.1/1 number 0", ask(vec![0x80]), Connection(&[COMPRESSION_ERROR])),
        (
            "hpack 6.3/1 a table over the most",
            ask([vec![0x3f, 0xff, 0xff, 0x03], block("GET")].concat()),
            Connection(&[COMPRESSION_ERROR]),
        ),
    ]
}

/// Reads until what is due has come, or something else for certain.
async fn came(conn: &mut Frames, due: &Due) -> Result<(), String> {
    loop {
        // An answer would come at once; a fault that is none to the proxy has no answer.
        let Ok(next) = timeout(Duration::from_secs(3), conn.next()).await else { return Err("nothing came".into()) };
        let Some((kind, flags, stream, payload)) = next else {
            return match due {
                Connection(_) | Stream(_) => Ok(()),
                Answer | GoesOn => Err("the connection ended".into()),
            };
        };
        let code = |from: usize| payload.get(from..from + 4).map(|code| u32::from_be_bytes(code.try_into().unwrap()));
        match (kind, due) {
            (PING, GoesOn) if flags & 1 == 1 => return Ok(()),
            (HEADERS, Answer) if stream == 1 => return Ok(()),
            (RST_STREAM, Stream(codes)) if codes.contains(&code(0).unwrap()) => return Ok(()),
            (GOAWAY, Connection(codes) | Stream(codes))
                if code(4).is_some_and(|code| code == PROTOCOL_ERROR || codes.contains(&code)) =>
            {
                return Ok(());
            }
            (RST_STREAM, Connection(_)) => {}
            (RST_STREAM, _) => return Err(format!("stream {stream} was reset with {:?}", code(0))),
            (GOAWAY, _) if code(4) != Some(NO_ERROR) => return Err(format!("GOAWAY with {:?}", code(4))),
            _ => {}
        }
    }
}

async fn before() -> (Proxy, Origin) {
    let (seen, _heads) = mpsc::unbounded_channel();
    let world = World::new();
    let origin = Origin::tls(world.server_for(HOST), answering(ANSWER, seen)).await;
    (Proxy::before(&world, &origin).await, origin)
}

async fn hold(rules: Vec<(&'static str, Vec<u8>, Due)>) {
    let (mut proxy, _origin) = before().await;
    let mut wrong = Vec::new();
    for (rule, sent, due) in rules {
        let mut conn = Frames::open(&proxy).await;
        conn.0.try_send(&sent).await.ok();
        if let Err(what) = came(&mut conn, &due).await {
            wrong.push(format!("{rule}: {what}"));
        }
        while proxy.exchanges.try_recv().is_ok() {}
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn what_is_right_is_answered() {
    hold(right()).await;
}

#[tokio::test]
async fn broken_frames_end_with_their_error() {
    hold(frames()).await;
}

#[tokio::test]
async fn broken_messages_end_with_their_error() {
    hold(messages()).await;
}

#[tokio::test]
async fn windows_are_kept_to_the_byte() {
    let (proxy, _origin) = before().await;
    // 6.9.1/1: a window of one byte brings one byte.
    let mut conn = inside(&proxy).await;
    conn.send([PREFACE, &setting(4, 1), &get_on(1)].concat()).await;
    let mut conn = Frames(conn);
    assert_eq!(next_data(&mut conn).await, b"h");
    // 6.9.2/2: the setting takes back more than is left, and then a byte more than that is given.
    conn.0.send(join(&[setting(4, 0), window(1, 1), ping()])).await;
    while conn.next().await.unwrap().0 != PING {}
    conn.0.send(window(1, 2)).await;
    assert_eq!(next_data(&mut conn).await, b"el");
    // 6.9.2/1: a larger setting lets go of the rest.
    conn.0.send(setting(4, 100)).await;
    assert_eq!(next_data(&mut conn).await, b"lo");
}

async fn next_data(conn: &mut Frames) -> Vec<u8> {
    loop {
        let (kind, _, _, payload) = conn.next().await.expect("the connection ended");
        if kind == DATA && !payload.is_empty() {
            return payload;
        }
    }
}

#[tokio::test]
async fn settings_are_acknowledged_and_a_wrong_preface_is_not_http2() {
    let (proxy, _origin) = before().await;
    let mut conn = Frames::open(&proxy).await;
    conn.0.send(join(&[setting(4, 100), setting(4, 1)])).await;
    let mut acknowledged = 0;
    while acknowledged < 3 {
        let (kind, flags, ..) = conn.next().await.expect("the connection ended");
        acknowledged += usize::from(kind == SETTINGS && flags & 1 == 1);
    }
    let mut conn = inside(&proxy).await;
    conn.send("INVALID CONNECTION PREFACE\r\n\r\n").await;
    conn.rest().await;
}

#[tokio::test]
async fn a_stream_too_many_is_refused() {
    let (seen, _heads) = mpsc::unbounded_channel::<()>();
    let world = World::new();
    let silent = script(move |mut conn| {
        let seen = seen.clone();
        async move {
            conn.rest().await;
            drop(seen);
        }
    });
    let origin = Origin::tls(world.server_for(HOST), silent).await;
    let proxy = Proxy::before(&world, &origin).await;
    let mut conn = Frames::open(&proxy).await;
    for number in 0..101 {
        conn.0.send(get_on(1 + 2 * number)).await;
    }
    assert_eq!(came(&mut conn, &Stream(&[REFUSED_STREAM, PROTOCOL_ERROR])).await, Ok(()));
}

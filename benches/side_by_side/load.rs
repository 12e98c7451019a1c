//! The client of the bench: connections that send one request after the other and measure each.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::origin::HOST;

/// What is sent.
#[derive(Clone, Copy)]
pub struct Load {
    pub connections: usize,
    pub target: &'static str,
    /// Empty: a GET.
    pub body: &'static str,
    /// One request follows the other on a connection; else each has its own.
    pub keep: bool,
    /// Each request has a path and a token of its own.
    pub varied: bool,
    /// Requests at most.
    pub most: u64,
}

impl Load {
    pub const SMALL: Load = Load {
        connections: 16,
        target: "/api/now/table/incident",
        body: "",
        keep: true,
        varied: false,
        most: u64::MAX,
    };

    fn request(&self, number: u64) -> String {
        let (method, target) = if self.body.is_empty() { ("GET", self.target) } else { ("POST", self.target) };
        let (target, token) = match self.varied {
            true => (format!("/api/now/table/t{}", number % 50_000), format!("8Vn3oTq0rYk2mWc5uXz7{number:024}")),
            false => (target.to_owned(), "8Vn3oTq0rYk2mWc5uXz7bLd9eFh1gJi4aSsPp6NnQqRr".to_owned()),
        };
        let authorization =
            if self.body.is_empty() { format!("Authorization: Bearer {token}\r\n") } else { String::new() };
        let framing = match self.body {
            "" => String::new(),
            body => format!("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n", body.len()),
        };
        format!(
            "{method} {target} HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: bench/1\r\nAccept: application/json\r\nAccept-Encoding: identity\r\n{authorization}{framing}\r\n{}",
            self.body
        )
    }
}

/// What came of it.
#[derive(Default)]
pub struct Seen {
    pub requests: u64,
    pub per_second: f64,
    /// Microseconds.
    pub p50: f64,
    pub p99: f64,
    /// Processor time of the proxy for each request, in microseconds.
    pub cpu_micros: f64,
    pub resident_mib: f64,
}

/// Where to send it.
#[derive(Clone)]
pub struct Way {
    /// None: to the origin itself.
    pub proxy: Option<u16>,
    pub origin: u16,
    pub tls: TlsConnector,
}

impl Way {
    async fn connect(&self) -> TlsStream<TcpStream> {
        let mut tcp = TcpStream::connect(("127.0.0.1", self.proxy.unwrap_or(self.origin))).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        if self.proxy.is_some() {
            let line = format!("CONNECT {HOST}:{0} HTTP/1.1\r\nHost: {HOST}:{0}\r\n\r\n", self.origin);
            tcp.write_all(line.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            while !answer.ends_with(b"\r\n\r\n") {
                assert!(tcp.read_buf(&mut answer).await.unwrap() > 0, "the proxy closed after CONNECT");
            }
            assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
        }
        self.tls.connect(HOST.try_into().unwrap(), tcp).await.expect("a TLS session that is trusted")
    }
}

/// Sends until the time is over or everything is sent; gives how long each request took.
pub async fn run(load: &Load, way: &Way, how_long: Duration) -> (Vec<u32>, Duration) {
    let (load, next) = (*load, Arc::new(AtomicU64::new(0)));
    // A lone connection that nobody else's waits for.
    let open = futures(load.connections, || {
        let way = way.clone();
        async move { if load.keep { Some(way.connect().await) } else { None } }
    });
    let open = open.await;
    let begun = Instant::now();
    let tasks: Vec<_> = open
        .into_iter()
        .map(|stream| {
            let (way, next) = (way.clone(), next.clone());
            tokio::spawn(async move { one(load, way, stream, &next, begun + how_long).await })
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.unwrap());
    }
    (times, begun.elapsed())
}

async fn futures<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    count: usize,
    make: impl Fn() -> F,
) -> Vec<T> {
    let tasks: Vec<_> = (0..count).map(|_| tokio::spawn(make())).collect();
    let mut all = Vec::new();
    for task in tasks {
        all.push(task.await.unwrap());
    }
    all
}

async fn one(
    load: Load,
    way: Way,
    mut stream: Option<TlsStream<TcpStream>>,
    next: &AtomicU64,
    until: Instant,
) -> Vec<u32> {
    let mut times = Vec::new();
    let mut buffer = Vec::with_capacity(128 * 1024);
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if Instant::now() >= until || number >= load.most {
            return times;
        }
        let begun = Instant::now();
        let mut connection = match stream.take() {
            Some(stream) => stream,
            None => way.connect().await,
        };
        connection.write_all(load.request(number).as_bytes()).await.unwrap();
        connection.flush().await.unwrap();
        answer(&mut connection, &mut buffer).await;
        times.push(u32::try_from(begun.elapsed().as_micros()).unwrap_or(u32::MAX));
        stream = load.keep.then_some(connection);
    }
}

async fn answer(stream: &mut TlsStream<TcpStream>, buffer: &mut Vec<u8>) {
    buffer.clear();
    let mut whole = usize::MAX;
    while buffer.len() < whole {
        assert!(stream.read_buf(buffer).await.unwrap() > 0, "closed within an answer");
        if whole == usize::MAX
            && let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n")
        {
            let head = String::from_utf8_lossy(&buffer[..at]).to_ascii_lowercase();
            let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
            whole = at + 4 + length.expect("a length").parse::<usize>().unwrap();
        }
    }
}

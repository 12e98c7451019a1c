//! HTTP/1.1 as the simulated hosts speak it. Written by hand because names must go out in ServiceNow's own case
//! (`X-Transaction-ID`), which hyper's server does not do.

use std::io::{self, Write};
use std::net::IpAddr;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::Shared;
use crate::instance::{Answer, Call};
use crate::model::{Body, Fields, Request, Scheme};

/// How long a silent client is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// After a failed accept.
pub(super) const PAUSE: Duration = Duration::from_millis(50);
/// Bytes of a head and of a body at most.
const HEAD_LIMIT: usize = 64 * 1024;
const BODY_LIMIT: usize = 1024 * 1024;
const FIELD_LIMIT: usize = 128;

/// Serves requests until the client or an answer ends the connection. An error is one of the connection.
pub(super) async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    from: IpAddr,
    scheme: Scheme,
    shared: &Shared,
) -> io::Result<()> {
    let mut buffer = BytesMut::new();
    loop {
        let Some(head_length) = read_head(&mut stream, &mut buffer).await? else { return Ok(()) };
        let head = buffer.split_to(head_length).freeze();
        let Some(mut request) = parse(&head, scheme) else { return malformed(&mut stream).await };
        if request.fields.text("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        let Some(body) = read_body(&mut stream, &mut buffer, &request.fields).await? else {
            return malformed(&mut stream).await;
        };
        request.body = Body::whole(body);
        let Some(answer) = shared.answer(&Call { request: &request, from }) else { return Ok(()) };
        let last = is_last(&request, &answer);
        stream.write_all(&written(&request, answer, last)).await?;
        stream.flush().await?;
        if last {
            return stream.shutdown().await;
        }
    }
}

/// Reads on; `false` at the end of the stream.
async fn more(stream: &mut (impl AsyncRead + Unpin), buffer: &mut BytesMut) -> io::Result<bool> {
    let read = tokio::time::timeout(PATIENCE, stream.read_buf(buffer)).await;
    read.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?.map(|count| count > 0)
}

/// The length of the next head in `buffer`, blank line included; `None` when the client has gone.
async fn read_head(stream: &mut (impl AsyncRead + Unpin), buffer: &mut BytesMut) -> io::Result<Option<usize>> {
    loop {
        if let Some(at) = find(buffer, b"\r\n\r\n") {
            return Ok(Some(at + 4));
        }
        if buffer.len() > HEAD_LIMIT || !more(stream, buffer).await? {
            return Ok(None);
        }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// A head in origin-form. Anything else is answered 400 by the caller.
fn parse(head: &Bytes, scheme: Scheme) -> Option<Request> {
    let mut space = [httparse::EMPTY_HEADER; FIELD_LIMIT];
    let mut parsed = httparse::Request::new(&mut space);
    parsed.parse(head).ok().filter(httparse::Status::is_complete)?;
    let target = parsed.path.filter(|path| path.starts_with('/') || *path == "*")?;
    let fields: Fields =
        parsed.headers.iter().map(|field| (field.name.as_bytes().to_vec(), field.value.to_vec())).collect();
    let (host, port) = host(&fields, scheme)?;
    Some(Request {
        method: parsed.method?.to_owned(),
        scheme,
        host,
        port,
        target: target.to_owned(),
        version: String::from(if parsed.version == Some(0) { "HTTP/1.0" } else { "HTTP/1.1" }),
        fields,
        body: Body::default(),
        head: Some(head.clone()),
        unseen: false,
    })
}

/// Name and port of the Host field; more than one of it is malformed (RFC 9112 §3.2).
fn host(fields: &Fields, scheme: Scheme) -> Option<(String, u16)> {
    if fields.all("host").count() != 1 {
        return None;
    }
    let text = fields.text("host")?.to_ascii_lowercase();
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, port.parse().ok()?),
        _ => (text.as_str(), scheme.default_port()),
    };
    Some((name.trim_matches(['[', ']']).to_owned(), port))
}

/// The body by its framing (RFC 9112 §6); `None` when the framing is broken or the body too long.
async fn read_body(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
    fields: &Fields,
) -> io::Result<Option<Bytes>> {
    if fields.has("transfer-encoding") {
        return read_chunks(stream, buffer).await;
    }
    let length = match fields.text("content-length").map(|text| text.parse::<usize>()) {
        None => 0,
        Some(Ok(length)) if length <= BODY_LIMIT => length,
        Some(_) => return Ok(None),
    };
    Ok(if fill(stream, buffer, length).await? { Some(buffer.split_to(length).freeze()) } else { None })
}

/// Reads until `length` bytes are there; `false` when they never come.
async fn fill(stream: &mut (impl AsyncRead + Unpin), buffer: &mut BytesMut, length: usize) -> io::Result<bool> {
    while buffer.len() < length {
        if !more(stream, buffer).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn read_chunks(stream: &mut (impl AsyncRead + Unpin), buffer: &mut BytesMut) -> io::Result<Option<Bytes>> {
    let mut body = BytesMut::new();
    loop {
        let Some(line) = read_line(stream, buffer).await? else { return Ok(None) };
        let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
        let size = std::str::from_utf8(digits).ok().and_then(|text| usize::from_str_radix(text.trim(), 16).ok());
        let Some(size) = size.filter(|size| body.len().saturating_add(*size) <= BODY_LIMIT) else { return Ok(None) };
        if size == 0 {
            // Trailers end with an empty line.
            while read_line(stream, buffer).await?.is_some_and(|line| !line.is_empty()) {}
            return Ok(Some(body.freeze()));
        }
        if !fill(stream, buffer, size + 2).await? {
            return Ok(None);
        }
        body.extend_from_slice(&buffer.split_to(size));
        buffer.advance(2);
    }
}

/// One line without its end; `None` when none comes.
async fn read_line(stream: &mut (impl AsyncRead + Unpin), buffer: &mut BytesMut) -> io::Result<Option<Bytes>> {
    loop {
        if let Some(at) = find(buffer, b"\r\n") {
            let line = buffer.split_to(at).freeze();
            buffer.advance(2);
            return Ok(Some(line));
        }
        if buffer.len() > HEAD_LIMIT || !more(stream, buffer).await? {
            return Ok(None);
        }
    }
}

fn closes(fields: &Fields) -> bool {
    fields.text("connection").is_some_and(|value| value.to_ascii_lowercase().contains("close"))
}

fn is_last(request: &Request, answer: &Answer) -> bool {
    request.version == "HTTP/1.0" || closes(&request.fields) || closes(&answer.fields)
}

/// The answer's bytes: chunked as recorded, gzip where the client takes it.
fn written(request: &Request, answer: Answer, last: bool) -> Vec<u8> {
    let bodiless = request.method == "HEAD" || matches!(answer.status, 100..=199 | 204 | 304);
    let zipped = !bodiless && takes_gzip(request) && !answer.body.is_empty();
    let body = if zipped { gzip(&answer.body) } else { answer.body.to_vec() };
    let mut out = format!("HTTP/1.1 {} {}\r\n", answer.status, reason(answer.status)).into_bytes();
    let mut line = |name: &[u8], value: &[u8]| out.extend_from_slice(&[name, b": ", value, b"\r\n"].concat());
    for field in &answer.fields.0 {
        line(&field.name, &field.value);
    }
    if zipped {
        line(b"Content-Encoding", b"gzip");
    }
    let chunked = request.version == "HTTP/1.1" && !body.is_empty();
    if chunked && !bodiless {
        line(b"Transfer-Encoding", b"chunked");
    } else if !matches!(answer.status, 100..=199 | 204 | 304) {
        line(b"Content-Length", body.len().to_string().as_bytes());
    }
    if last && !closes(&answer.fields) {
        line(b"Connection", b"close");
    }
    out.extend_from_slice(b"\r\n");
    match (bodiless, chunked) {
        (true, _) => {}
        (false, true) => {
            let size = format!("{:x}\r\n", body.len());
            out.extend_from_slice(&[size.as_bytes(), &body, b"\r\n0\r\n\r\n"].concat());
        }
        (false, false) => out.extend_from_slice(&body),
    }
    out
}

fn takes_gzip(request: &Request) -> bool {
    request
        .fields
        .text("accept-encoding")
        .is_some_and(|value| value.split(',').any(|coding| coding.trim().eq_ignore_ascii_case("gzip")))
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    // Writing to memory does not fail; if it did, the empty rest would be seen at once.
    encoder.write_all(plain).and_then(|()| encoder.finish()).unwrap_or_default()
}

fn reason(status: u16) -> &'static str {
    http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default()
}

/// What the front end says to bytes that are no request (assumed).
async fn malformed(stream: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    let answer = b"HTTP/1.1 400 Bad Request\r\nServer: snow_adc\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    stream.write_all(answer).await?;
    stream.shutdown().await
}

//! Bodies over HTTP/2's streams: each side takes no more than the other can pass on.

use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use h2::{RecvStream, SendStream};
use http::HeaderMap;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::names::titled;
use super::translate;
use crate::proxy::http1::converse::send;
use crate::proxy::http1::framing::Decoder;
use crate::proxy::http1::trailers::trailer_lines;
use crate::proxy::http1::transfer::{Body, Progress, Stop};
use crate::proxy::link::fill;
use crate::proxy::observe::Capture;
use crate::proxy::settings::Limits;

/// What is written to an HTTP/1.1 connection at once, and read from it.
const TOGETHER: usize = 16 * 1024;
/// Once a read has filled its buffer, the next ones may take as much as this.
const BULK_READ: usize = 64 * 1024;

fn late() -> Stop {
    Stop::Read(io::ErrorKind::TimedOut.into())
}

/// The sender's side failed. The library's own error is kept: it says whether the peer reset the stream.
pub(super) fn lost(error: h2::Error) -> Stop {
    Stop::Read(io::Error::other(error))
}

/// Sends `data` as the receiver's windows let it, and waits at most `idle` for each part of them.
pub(super) async fn put(to: &mut SendStream<Bytes>, mut data: Bytes, end: bool, idle: Duration) -> Result<(), Stop> {
    while !data.is_empty() {
        to.reserve_capacity(data.len());
        if to.capacity() == 0 {
            let granted = timeout(idle, poll_fn(|cx| to.poll_capacity(cx))).await;
            if !matches!(granted, Ok(Some(Ok(_)))) {
                return Err(Stop::Write);
            }
        }
        let part = data.split_to(to.capacity().min(data.len()));
        to.send_data(part, end && data.is_empty()).map_err(|_| Stop::Write)?;
    }
    Ok(())
}

/// Ends a body, with trailers where there are any.
pub(super) fn finish(to: &mut SendStream<Bytes>, trailers: Option<HeaderMap>) -> Result<(), Stop> {
    match trailers {
        Some(trailers) => to.send_trailers(trailers),
        None => to.send_data(Bytes::new(), true),
    }
    .map_err(|_| Stop::Write)
}

/// The next part of a body; turned away where `to` is reset by its receiver while none comes.
async fn next(from: &mut RecvStream, to: &mut SendStream<Bytes>, idle: Duration) -> Result<Option<Bytes>, Stop> {
    let next = poll_fn(|cx| match to.poll_reset(cx) {
        Poll::Ready(_) => Poll::Ready(Err(Stop::Write)),
        Poll::Pending => from.poll_data(cx).map(|data| data.transpose().map_err(lost)),
    });
    timeout(idle, next).await.unwrap_or_else(|_| Err(late()))
}

/// Moves a body from one stream to another. What has been sent on is what the sender may send anew.
pub(super) async fn pass(
    from: &mut RecvStream,
    to: &mut SendStream<Bytes>,
    kept: &mut Capture,
    idle: Duration,
    progress: Option<&Progress>,
) -> Result<(), Stop> {
    while let Some(data) = next(from, to, idle).await? {
        let (length, end) = (data.len(), from.is_end_stream());
        kept.push(&data);
        if length > 0 {
            put(to, data, end, idle).await?;
            // An error means that the stream has ended meanwhile, which the next look tells.
            from.flow_control().release_capacity(length).ok();
        }
        if let Some(progress) = progress {
            progress.moved();
        }
        if end {
            return if length > 0 { Ok(()) } else { finish(to, None) };
        }
    }
    let trailers = timeout(idle, from.trailers()).await.map_err(|_| late())?.map_err(lost)?;
    finish(to, trailers.map(translate::sifted).filter(|trailers| !trailers.is_empty()))
}

/// Moves a body of HTTP/1.1 to a stream.
pub(super) async fn from_link<R: AsyncRead + Unpin>(
    reader: &mut R,
    buffer: &mut BytesMut,
    decoder: &mut Decoder,
    kept: &mut Capture,
    to: &mut SendStream<Bytes>,
    limits: &Limits,
    progress: Option<&Progress>,
) -> Result<(), Stop> {
    let mut room = TOGETHER;
    loop {
        let mut out = BytesMut::new();
        Body { decoder, kept, framed: false, idle: limits.idle }.take(buffer, &mut out)?;
        let plain_end = decoder.done() && decoder.trailers.is_empty();
        if !out.is_empty() {
            put(to, out.freeze(), plain_end, limits.idle).await?;
        } else if plain_end {
            finish(to, None)?;
        }
        if let Some(progress) = progress {
            progress.moved();
        }
        if decoder.done() {
            let trailers = translate::trailers(&decoder.trailers);
            return if plain_end { Ok(()) } else { finish(to, trailers) };
        }
        let read = tokio::select! {
            biased;
            _ = poll_fn(|cx| to.poll_reset(cx)) => return Err(Stop::Write),
            read = timeout(limits.idle, fill(reader, buffer, room)) => read,
        };
        match read {
            Ok(Ok(0)) if decoder.may_end() => return finish(to, None),
            Ok(Ok(0)) => return Err(Stop::Read(io::ErrorKind::UnexpectedEof.into())),
            Ok(Ok(length)) => room = if length >= room { BULK_READ } else { room },
            Ok(Err(error)) => return Err(Stop::Read(error)),
            Err(_) => return Err(late()),
        }
    }
}

/// How a body is written to an HTTP/1.1 connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// Its length has been said, or its end is the connection's.
    Plain,
    Chunked,
}

/// Moves a body to an HTTP/1.1 connection, behind what is in `out`: a head, as a rule. What is there at once leaves
/// together.
pub(super) async fn to_link<W: AsyncWrite + Unpin>(
    from: &mut RecvStream,
    kept: &mut Capture,
    writer: &mut W,
    out: &mut BytesMut,
    written: Written,
    limits: &Limits,
    progress: Option<&Progress>,
) -> Result<(), Stop> {
    let mut taken = 0;
    loop {
        let ready = poll_fn(|cx| Poll::Ready(from.poll_data(cx))).await;
        let data = match ready {
            Poll::Ready(data) if out.len() < TOGETHER => data,
            other => {
                send(writer, out, limits).await?;
                out.clear();
                from.flow_control().release_capacity(std::mem::take(&mut taken)).ok();
                if let Some(progress) = progress {
                    progress.moved();
                }
                match other {
                    Poll::Ready(data) => data,
                    Poll::Pending => timeout(limits.idle, from.data()).await.map_err(|_| late())?,
                }
            }
        };
        let Some(data) = data else { break };
        let data = data.map_err(lost)?;
        kept.push(&data);
        taken += data.len();
        append(out, &data, written);
    }
    if written == Written::Chunked {
        let trailers = timeout(limits.idle, from.trailers()).await.map_err(|_| late())?.map_err(lost)?;
        last_chunk(out, trailers.as_ref(), limits.fields);
    }
    send(writer, out, limits).await?;
    out.clear();
    Ok(())
}

fn append(out: &mut BytesMut, data: &[u8], written: Written) {
    match written {
        Written::Plain => out.put_slice(data),
        // An empty chunk would be the last one.
        Written::Chunked if data.is_empty() => {}
        Written::Chunked => {
            out.put_slice(format!("{:x}\r\n", data.len()).as_bytes());
            out.put_slice(data);
            out.put_slice(b"\r\n");
        }
    }
}

fn last_chunk(out: &mut BytesMut, trailers: Option<&HeaderMap>, most: usize) {
    out.put_slice(b"0\r\n");
    let mut lines = BytesMut::new();
    for (name, value) in trailers.into_iter().flatten() {
        titled(name.as_str().as_bytes(), &mut lines);
        lines.put_slice(b": ");
        lines.put_slice(value.as_bytes());
        lines.put_slice(b"\r\n");
    }
    lines.put_slice(b"\r\n");
    // What is no field line here is left out with all others: the body is whole without them.
    for line in trailer_lines(&lines, most).unwrap_or_default() {
        out.put_slice(line);
    }
    out.put_slice(b"\r\n");
}

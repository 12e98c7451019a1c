//! A connection that became a WebSocket, or something else: how long, and what passed each way.

use serde::Serialize;

use super::redact::brief;
use crate::model::{Exchange, Frames, Passed};

/// As JSON.
#[derive(Serialize)]
pub(super) struct View {
    protocol: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
    sent: Way,
    received: Way,
}

#[derive(Serialize)]
struct Way {
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    frames: Option<Counts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    close: Option<u16>,
}

#[derive(Serialize)]
struct Counts {
    text: u64,
    binary: u64,
    continuation: u64,
    ping: u64,
    pong: u64,
    close: u64,
    other: u64,
}

/// What is known, where the exchange changed its protocol.
pub(super) fn view(exchange: &Exchange) -> Option<View> {
    let switched = exchange.upstream.switched.as_ref()?;
    let protocol = brief(&switched.protocol, 40);
    Some(View { protocol, seconds: seconds(exchange), sent: way(&switched.sent), received: way(&switched.received) })
}

fn seconds(exchange: &Exchange) -> Option<f64> {
    let lasted = exchange.timing.end?.saturating_sub(exchange.timing.first_byte?);
    Some(lasted.as_millis() as f64 / 1000.0)
}

fn way(passed: &Passed) -> Way {
    let counts = |frames: &Frames| Counts {
        text: frames.text,
        binary: frames.binary,
        continuation: frames.continuation,
        ping: frames.ping,
        pong: frames.pong,
        close: frames.close,
        other: frames.other,
    };
    let frames = passed.frames.as_ref();
    Way { bytes: passed.bytes, frames: frames.map(counts), close: frames.and_then(|frames| frames.code) }
}

/// In words: `websocket: 12 frames (3400 bytes) sent, 4 (120 bytes) received, closed with 1000`.
pub(super) fn words(exchange: &Exchange) -> Option<String> {
    let switched = exchange.upstream.switched.as_ref()?;
    let way = |passed: &Passed| match &passed.frames {
        Some(frames) => format!("{} frames ({} bytes)", frames.count(), passed.bytes),
        None => format!("{} bytes", passed.bytes),
    };
    let code = |passed: &Passed| passed.frames.as_ref().and_then(|frames| frames.code);
    let closed = code(&switched.sent).or_else(|| code(&switched.received));
    let closed = closed.map(|code| format!(", closed with {code}")).unwrap_or_default();
    let protocol = brief(&switched.protocol, 40);
    Some(format!("{protocol}: {} sent, {} received{closed}", way(&switched.sent), way(&switched.received)))
}

//! HTTP/2 with clients and upstreams, each to each; frames, HPACK and windows are the h2 library's.
//!
//! ```text
//! front::serve ── the client chose h2 ── serve::serve            one task for a connection and all its streams
//!    compose::request ── a head in the form that all others have: evidence, routing, rewriting
//!    route::route ── refused? answer::refused: 400, 421, 431, and an exchange
//!    errand::Errand::run
//!       Errand::way ── Sessions::ready, or Dialer::dial(Offer::Either)      the upstream chooses its version
//!         HTTP/2 ── to_http2::converse     the streams' bodies move straight from one to the other
//!         HTTP/1.1 ── to_http1::converse   head and body written as HTTP/1.1
//! forward::forward ── the upstream refuses HTTP/1.1 ── from_http1::forward  an HTTP/1.1 client, an HTTP/2 upstream
//! ```
//!
//! Windows. A stream may bring `Limits::stream_bytes` before its receiver has taken anything: that, and not more, is what a
//! slow receiver makes us hold. A client's connection may bring a mebibyte over all its streams: who stalls them stalls only
//! itself. An upstream's connection is shared, so its window is that of all its streams together: a client that reads
//! nothing can never use up what the others need.

mod answer;
mod awaited;
mod compose;
mod errand;
mod flow;
pub(super) mod from_http1;
mod lingering;

pub(super) mod names;
pub(super) mod serve;
pub(super) mod sessions;
mod to_http1;
mod to_http2;
mod trailers;
mod translate;

use super::settings::Limits;

/// What a client's connection may bring over all its streams.
const CLIENT_WINDOW: u32 = 1 << 20;
/// Streams that we reset for the client's own faults, and that it resets before we have looked at them, before the connection
/// is ended: asking for what is thrown away costs the asker nothing (CVE-2023-44487, CVE-2025-8671).
const MOST_RESETS: usize = 100;

fn bounded(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX).min(i32::MAX as u32)
}

fn server_builder(limits: &Limits) -> h2::server::Builder {
    let mut builder = h2::server::Builder::new();
    builder
        .initial_window_size(bounded(limits.stream_bytes))
        .initial_connection_window_size(CLIENT_WINDOW.max(bounded(limits.stream_bytes)))
        .max_concurrent_streams(bounded(limits.streams))
        .max_header_list_size(bounded(limits.head_bytes))
        .max_send_buffer_size(limits.stream_bytes)
        .max_pending_accept_reset_streams(MOST_RESETS / 5)
        .max_local_error_reset_streams(Some(MOST_RESETS));
    builder
}

fn client_builder(limits: &Limits) -> h2::client::Builder {
    let mut builder = h2::client::Builder::new();
    builder
        .initial_window_size(bounded(limits.stream_bytes))
        .initial_connection_window_size(bounded(limits.stream_bytes.saturating_mul(limits.streams)))
        .initial_max_send_streams(limits.streams)
        .max_header_list_size(bounded(limits.head_bytes))
        .max_send_buffer_size(limits.stream_bytes)
        .enable_push(false);
    builder
}

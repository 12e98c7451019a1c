//! The proxy on loopback, between raw sockets: what comes out on either side, byte for byte, and which exchange is told.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests may"
)]

mod bench;
mod bodies;
mod broken;
mod connect;
mod doors;
mod exact;
mod failures;
mod forward;
mod http2;
mod http2_bench;
mod http2_conformance;
mod http2_rules;
mod life;
mod limits;
mod reverse;
mod strict;
mod upstreams;

//! why401: an intercepting proxy that says why ServiceNow answered 401.
//!
//! ```text
//! client ── proxy ──────────────────────────────── instance
//!             │ Exchange, over a bounded channel
//!             ▼
//!         pipeline:  diagnose(&exchange, &ledger)  →  ledger.record(&exchange)  →  outputs.tell(…)
//! HAR ── intake ──┘  (the same three lines over a recording)
//! ```
//!
//! Two halves. The wire half (`proxy`, `stage`) is async and the only place that knows sockets, TLS and HTTP libraries.
//! The pure half (`model`, `wire`, `ledger`, `diagnose`, `catalog`, `intake`, `instance`, `output`) reads no clock, no
//! socket, no file and no environment, and cannot fail: the same bytes give the same words.

// The pure half: clippy.toml lists what it may never call.
#[deny(clippy::disallowed_methods, clippy::disallowed_types)]
pub mod catalog;
#[deny(clippy::disallowed_methods, clippy::disallowed_types)]
pub mod diagnose;
#[deny(clippy::disallowed_methods, clippy::disallowed_types)]
pub mod instance;
#[deny(clippy::disallowed_methods, clippy::disallowed_types)]
pub mod intake;
#[deny(clippy::disallowed_methods, clippy::disallowed_types)]
pub mod ledger;
#[deny(clippy::disallowed_methods, clippy::disallowed_types)]
pub mod model;
#[deny(clippy::disallowed_methods, clippy::disallowed_types)]
pub mod nearest;
#[deny(clippy::disallowed_methods, clippy::disallowed_types)]
pub mod output;
#[deny(clippy::disallowed_methods, clippy::disallowed_types)]
pub mod wire;

// The rooms with a door to the outside: sockets and clocks, a thread, standard output.
pub mod pipeline;
pub mod proxy;
pub mod session;
pub mod stage;
pub mod telling;
pub mod terminal;

// What the user asked for.
pub mod cli;
pub mod command;
pub mod config;
pub mod run;

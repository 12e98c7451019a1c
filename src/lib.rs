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

pub mod catalog;
pub mod cli;
pub mod command;
pub mod config;
pub mod diagnose;
pub mod instance;
pub mod intake;
pub mod ledger;
pub mod model;
pub mod nearest;
pub mod output;
pub mod pipeline;
pub mod proxy;
pub mod run;
pub mod stage;
pub mod telling;
pub mod wire;

//! The program as its users start it: `run`, `exec` and `doctor` as processes, against the simulated instance on loopback.

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
#![cfg(unix)]

mod bench;
mod doctor;
mod exec;
mod reload;
mod run;
mod ui;

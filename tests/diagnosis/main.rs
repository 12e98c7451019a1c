//! What is said of stories: causes, grades, and the bytes that they point at.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "tests may"
)]

mod authorization;
mod bounds;
mod calls;
mod connections;
mod contradicted;
mod edges;
mod hindsight;
mod memory;
mod narrowed;
mod refusals;
mod sequels;
mod story;
mod third_parties;
mod token_requests;
mod wording;

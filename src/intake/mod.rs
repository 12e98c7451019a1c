//! Recordings to exchanges: HAR, `curl -v`, raw HTTP, a pasted error body, and the transcripts of cause pages. Pure.

mod foreign;
pub mod har;
mod head;
pub mod stopped;
pub mod transcript;
mod url;
pub mod way;
mod when;

//! Recordings to exchanges: HAR, `curl -v`, raw HTTP, a pasted error body, and the transcripts of cause pages. Pure.

pub mod curl;
mod foreign;
pub mod har;
mod head;
mod message;
pub mod stopped;
pub mod transcript;
mod url;
pub mod way;
mod when;

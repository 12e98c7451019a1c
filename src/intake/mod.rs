//! Recordings to exchanges: HAR, `curl -v`, raw HTTP, a pasted error body, and the transcripts of cause pages. Pure.

mod head;
pub mod stopped;
pub mod transcript;
mod url;

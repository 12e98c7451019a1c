//! Recordings to exchanges: HAR, curl commands and `curl -v`, raw HTTP, logs of HTTP libraries, a pasted error, and the
//! transcripts of cause pages. Pure.
//!
//! ```text
//! open(reader, name) ─ kind::of(first bytes) ─┬─ har::Reader   entry by entry, whatever the length ─┐
//!                                             └─ curl, raw, console, logs, dump, body: short texts, read whole ─┴→ Recording
//! story(recordings) → exchanges in the order of their times, numbered from 1
//! ```

pub mod body;
pub mod console;
pub mod curl;
mod dump;
mod foreign;
pub mod har;
pub mod har_check;
mod head;
mod kind;
mod literal;
mod logs;
mod masked;
mod message;
pub mod raw;
pub mod stopped;
mod story;
pub mod transcript;
mod url;
pub mod way;
mod when;

use std::fmt;
use std::io::{self, Cursor, Read};

use crate::model::Exchange;

pub use har::Fault;
pub use story::story;

use kind::Kind;

/// So much of a recording is looked at to see what it is, in bytes.
const LOOK: usize = 64 * 1024;
/// Recordings that are not HARs are read whole, up to here, in bytes.
const TEXT_LIMIT: usize = 64 * 1024 * 1024;

/// Why a recording cannot be read at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntakeError {
    /// Name of the recording.
    pub name: String,
    /// Line, from 1, where there is one to point at.
    pub line: Option<usize>,
    /// What is wrong, and the next step.
    pub what: String,
}

impl fmt::Display for IntakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.name, self.what),
            None => write!(f, "{}: {}", self.name, self.what),
        }
    }
}

impl std::error::Error for IntakeError {}

/// The start of a recording that was looked at, and what follows it.
type Source<R> = io::Chain<Cursor<Vec<u8>>, R>;

/// One recording: gives its exchanges in the order of their times, and its faults as they are met.
pub struct Recording<R> {
    name: String,
    of: Of<R>,
    /// Differs from exchange to exchange, and from recording to recording.
    number: u64,
}

enum Of<R> {
    Har(Box<har::Reader<Source<R>>>),
    Short(std::vec::IntoIter<Exchange>),
}

impl<R> Recording<R> {
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl<R: Read> Iterator for Recording<R> {
    type Item = Result<Exchange, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut item = match &mut self.of {
            Of::Har(reader) => reader.next(),
            Of::Short(exchanges) => exchanges.next().map(Ok),
        };
        if let Some(Ok(exchange)) = &mut item {
            self.number = self.number.wrapping_add(1);
            masked::unmask(exchange, self.number);
        }
        item
    }
}

/// Looks at a recording and begins to read it. What it is, is decided from its content, never from its name.
pub fn open<R: Read>(mut from: R, name: &str) -> Result<Recording<R>, IntakeError> {
    let fail = |(line, what): (Option<usize>, String)| IntakeError { name: name.to_owned(), line, what };
    let broken = |error: io::Error| fail((None, format!("cannot be read: {error}")));
    let mut start = Vec::with_capacity(LOOK);
    from.by_ref().take(LOOK as u64).read_to_end(&mut start).map_err(broken)?;
    let kind = kind::of(&start).map_err(|what| fail((None, what)))?;
    // FNV-1a over the name: numbers of two recordings shall not meet.
    let number = name
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325_u64, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3));
    let name = name.to_owned();
    if kind == Kind::Har && !kind::is_wide(&start) {
        let reader = har::Reader::new(Cursor::new(start).chain(from));
        return Ok(Recording { name, of: Of::Har(Box::new(reader)), number });
    }
    from.by_ref().take(TEXT_LIMIT as u64).read_to_end(&mut start).map_err(broken)?;
    if start.len() > TEXT_LIMIT {
        let what = format!("longer than {} MB, and no HAR in UTF-8: only those can be", TEXT_LIMIT / 1_000_000);
        return Err(fail((None, what)));
    }
    if kind == Kind::Har {
        let text = kind::text(&start).into_owned().into_bytes();
        let reader = har::Reader::new(Cursor::new(text).chain(from));
        return Ok(Recording { name, of: Of::Har(Box::new(reader)), number });
    }
    let exchanges = kind::exchanges(kind, &start).map_err(fail)?;
    Ok(Recording { name, of: Of::Short(exchanges.into_iter()), number })
}

/// Reads a recording that is in memory. Faults of single entries are left out; a file that holds only faults is one.
pub fn read(bytes: &[u8], name: &str) -> Result<Vec<Exchange>, IntakeError> {
    let mut exchanges = Vec::new();
    let mut first = None;
    for item in open(bytes, name)? {
        match item {
            Ok(exchange) => exchanges.push(exchange),
            Err(fault) => first = first.or(Some(fault)),
        }
    }
    match first {
        Some(fault) if exchanges.is_empty() => {
            Err(IntakeError { name: name.to_owned(), line: None, what: fault.to_string() })
        }
        _ => Ok(exchanges),
    }
}

#[cfg(test)]
mod tests;

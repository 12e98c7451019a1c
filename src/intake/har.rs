//! HAR 1.2 as tools write it: entries read one after the other, told in the order of their times.
//!
//! Memory is bounded whatever the file's length: one entry's text, and the exchanges that wait to be sorted. Tools write
//! entries in the order in which they began, or ended, so that a window is enough: up to `WINDOW_BYTES` of exchanges wait,
//! and the earliest leaves first. A file whose exchanges fit the window is sorted whole, whatever its order.

mod body;
mod entry;
mod fields;
mod loose;
mod repair;
mod shape;
pub(super) mod split;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::io::Read;

use crate::model::{Exchange, Millis, Outcome, Request};

use split::{Piece, Splitter};

/// Exchanges that wait to be sorted hold about as many bytes, at most.
const WINDOW_BYTES: usize = 64 * 1024 * 1024;

/// Members that why401 adds to the format. Whoever writes HARs here uses these names.
pub mod custom {
    /// Of an entry: what stopped the exchange, in the words of `intake::stopped`. With an answer: what cut it short.
    pub const ERROR: &str = "_error";
    /// Of an entry: the address of the client.
    pub const CLIENT: &str = "_client";
    /// Of an entry: the way by which the request came, by its name in `intake::way`.
    pub const WAY: &str = "_way";
    /// Of an entry: `User-Agent` of the CONNECT that opened the tunnel.
    pub const CONNECT_AGENT: &str = "_connectAgent";
    /// Of an entry: the recording shows only an answer, or leaves credentials out; what the request lacks says nothing.
    pub const UNSEEN: &str = "_unseen";
    /// Of an entry: what passed after a change of protocol, in numbers; not read.
    pub const SWITCHED: &str = "_switched";
    /// Of an entry: the origin that the client called, where a reverse listener stood for the one in the URL; not read.
    pub const CALLED: &str = "_called";
    /// Of an entry: the server's certificate was not verified: `anything`, or `pinned` where its fingerprint was compared.
    pub const UNVERIFIED: &str = "_unverified";
    /// Of an entry: what was found; not read.
    pub const FINDINGS: &str = "_findings";
    /// Of a request: the method as it was sent, where it is none that validators of HAR know.
    pub const RAW_METHOD: &str = "_rawMethod";
    /// Of a request: the URL as it was sent, where it is no valid URI.
    pub const RAW_URL: &str = "_rawUrl";
    /// Of a request: the head as it was sent, one character for each byte (ISO 8859-1), where HTTP cannot parse it or the
    /// field lines do not show all of it.
    pub const RAW_HEAD: &str = "_rawHead";
    /// Of a header: the bytes of a value that is no UTF-8, one character for each.
    pub const RAW_VALUE: &str = "_raw";
    /// The `comment` of a request, or of the content of an answer, whose text was left out by why401's own recording. The
    /// lengths are those of the text.
    pub const LEFT_OUT: &str = "the text is left out by session.bodies = \"telling\"";
    /// Of the log: version and manifest of redactions; not read.
    pub const WHY401: &str = "_why401";
}

/// What is wrong with one entry, or with the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Index of the entry, from 0; none where the file itself is at fault.
    pub entry: Option<usize>,
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.entry {
            Some(entry) => write!(f, "entry {entry} {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

/// Reads a HAR: gives its exchanges in the order of their times, numbered from 1, and its faults as they are met. After
/// a fault of the file itself, what was read before it still comes.
pub struct Reader<R> {
    pieces: Splitter<R>,
    window: Window,
    /// Index of the next entry.
    next: usize,
    before: Millis,
    /// The tool leaves credentials out, and none was seen so far.
    bare: bool,
    id: u64,
    ended: bool,
}

impl<R: Read> Reader<R> {
    pub fn new(from: R) -> Reader<R> {
        let window = Window { limit: WINDOW_BYTES, ..Window::default() };
        let (pieces, before) = (Splitter::new(from), Millis::default());
        Reader { pieces, window, next: 0, before, bare: false, id: 0, ended: false }
    }

    /// Bytes of the file that were read so far.
    pub fn offset(&self) -> u64 {
        self.pieces.offset()
    }

    /// Takes in the next part of the file.
    fn step(&mut self) -> Result<(), Fault> {
        let index = self.next;
        let fault = |what| Fault { entry: Some(index), what };
        match self.pieces.next() {
            Ok(Some(Piece::Entry(text))) => {
                self.next = index + 1;
                let text = text.ok_or_else(|| fault(format!("is longer than {} bytes", split::PIECE_LIMIT)))?;
                if let Some(exchange) = entry::exchange(text, index, self.before).map_err(fault)? {
                    self.before = exchange.at;
                    self.bare &= !shows_credentials(&exchange);
                    self.window.push(exchange);
                }
                Ok(())
            }
            Ok(Some(Piece::Member("creator", text))) => {
                self.bare = may_leave_out_credentials(text);
                Ok(())
            }
            Ok(Some(Piece::Member(..))) => Ok(()),
            Ok(None) => {
                self.ended = true;
                let what = String::from("no `log.entries`: this is JSON, but no HAR; export the session as HAR 1.2");
                if self.pieces.has_entries { Ok(()) } else { Err(Fault { entry: None, what }) }
            }
            Err(broken) => {
                self.ended = true;
                let what = format!("at byte {}, after {index} whole entries: {}", broken.offset, broken.what);
                Err(Fault { entry: None, what })
            }
        }
    }

    /// Numbers an exchange that leaves the window.
    fn release(&mut self, mut exchange: Exchange) -> Exchange {
        self.id += 1;
        exchange.id = self.id;
        exchange.request.unseen |= self.bare && !tells_who_asks(&exchange.request);
        exchange
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Exchange, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended && !self.window.is_full() {
            if let Err(fault) = self.step() {
                return Some(Err(fault));
            }
        }
        let exchange = self.window.pop()?;
        Some(Ok(self.release(exchange)))
    }
}

/// Reads one entry alone. `Ok(None)`: it is no HTTP exchange.
pub fn one(text: &[u8], index: usize) -> Result<Option<Exchange>, String> {
    entry::exchange(text, index, Millis::default())
}

/// Whether the tool is a browser of the Chromium family: its "sanitized" export, the default, has neither Authorization
/// nor cookies, so that their absence says nothing.
fn may_leave_out_credentials(creator: &[u8]) -> bool {
    let creator = String::from_utf8_lossy(creator);
    creator.contains("WebInspector")
}

/// A token request that names its client with what proves it, in the body or in the URL: fields that the tool left out
/// would add nothing.
fn tells_who_asks(request: &Request) -> bool {
    const PROOFS: [&[u8]; 3] = [b"client_secret", b"code_verifier", b"assertion"];
    let holds = |text: &[u8], name: &[u8]| memchr::memmem::find(text, name).is_some();
    [&request.body.bytes[..], request.target.as_bytes()]
        .iter()
        .any(|text| holds(text, b"grant_type") && PROOFS.iter().any(|proof| holds(text, proof)))
}

fn shows_credentials(exchange: &Exchange) -> bool {
    let request = &exchange.request.fields;
    let answer = exchange.response().map(|response| &response.fields);
    request.has("authorization") || request.has("cookie") || answer.is_some_and(|fields| fields.has("set-cookie"))
}

/// Exchanges in the order of their times; those of one time in the order of the file.
#[derive(Default)]
struct Window {
    heap: BinaryHeap<Reverse<Waiting>>,
    bytes: usize,
    limit: usize,
}

impl Window {
    fn push(&mut self, exchange: Exchange) {
        self.bytes += weight(&exchange);
        self.heap.push(Reverse(Waiting(Box::new(exchange))));
    }

    fn pop(&mut self) -> Option<Exchange> {
        let Reverse(Waiting(exchange)) = self.heap.pop()?;
        self.bytes -= weight(&exchange);
        Some(*exchange)
    }

    fn is_full(&self) -> bool {
        self.bytes > self.limit
    }
}

/// Boxed: a heap moves what it holds.
struct Waiting(Box<Exchange>);

impl Waiting {
    fn key(&self) -> (Millis, Option<usize>) {
        (self.0.at, self.0.entry)
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Waiting) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Waiting) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Waiting) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Waiting {}

/// About how many bytes an exchange holds.
fn weight(exchange: &Exchange) -> usize {
    let fields = |fields: &crate::model::Fields| -> usize {
        fields.0.iter().map(|field| field.name.len() + field.value.len() + size_of_val(field)).sum()
    };
    let answer = match &exchange.outcome {
        Outcome::Answered(response) => response.body.bytes.len() + fields(&response.fields),
        _ => 0,
    };
    let request = &exchange.request;
    size_of::<Exchange>() + request.target.len() + request.body.bytes.len() + fields(&request.fields) + answer
}

#[cfg(test)]
mod tests;

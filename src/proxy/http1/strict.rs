//! The strict reader of heads and bodies as functions of bytes, for fuzzers and the replay of what they found: the same
//! code that decides what is forwarded, without a socket. No promise to anyone else.

use bytes::Bytes;

use super::framing::{self, Decoder, Framing, Step};
use super::head::{self, AnswerHead, Head, RequestHead};
use crate::model::{Fields, HeadFault};
pub use crate::proxy::door::balancer::{Said, said};
use crate::proxy::tls::Notes;

/// Field lines in a head, as the default limit has it.
const MOST_FIELDS: usize = 100;

/// What a head that was accepted says.
pub struct Read {
    /// Bytes of the head.
    pub length: usize,
    /// Method, or status in digits.
    pub first: String,
    /// Target, or reason.
    pub second: Vec<u8>,
    pub fields: Fields,
    pub body: Body,
}

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Body(Framing);

impl Body {
    pub const CHUNKED: Body = Body(Framing::Chunked);
}

/// The request at the start of `buffer`; nothing where its head has no end yet.
pub fn request(buffer: &[u8]) -> Option<Result<Read, HeadFault>> {
    let rest = buffer.get(head::leading_blank_lines(buffer)..)?;
    let raw = Bytes::copy_from_slice(rest.get(..head::end(rest, 0)?)?);
    let read = || {
        let request = RequestHead::parse(raw, MOST_FIELDS)?;
        let body = framing::of_request(&request)?;
        Ok(read(&request.head, request.method().to_owned(), request.target(), body))
    };
    Some(read())
}

/// The answer to `method` at the start of `buffer`; nothing where its head has no end yet.
pub fn answer(buffer: &[u8], method: &str) -> Option<Result<Read, String>> {
    let raw = Bytes::copy_from_slice(buffer.get(..head::end(buffer, 0)?)?);
    let read = || {
        let answer = AnswerHead::parse(raw, MOST_FIELDS).map_err(|fault| format!("{:?}", fault.problem))?;
        let body = framing::of_answer(&answer, method)?;
        Ok(read(&answer.head, answer.status.to_string(), answer.reason(), body))
    };
    Some(read())
}

fn read(head: &Head, first: String, second: &[u8], framing: Framing) -> Read {
    Read { length: head.raw.len(), first, second: second.to_vec(), fields: head.to_model(), body: Body(framing) }
}

/// What became of a body's bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Passed {
    /// What is sent on.
    pub forwarded: Vec<u8>,
    /// The content alone.
    pub content: Vec<u8>,
    /// The body has ended.
    pub done: bool,
    /// The body may end where the bytes do.
    pub may_end: bool,
}

/// Follows a body that comes in pieces.
pub fn body<'a>(body: Body, pieces: impl Iterator<Item = &'a [u8]>) -> Result<Passed, &'static str> {
    let mut decoder = Decoder::new(body.0);
    let (mut waiting, mut forwarded, mut content) = (Vec::new(), Vec::new(), Vec::new());
    for piece in pieces {
        waiting.extend_from_slice(piece);
        loop {
            let used = match decoder.step(&waiting).map_err(|broken| broken.0)? {
                Step::More | Step::Done => break,
                Step::Content(length) => {
                    content.extend_from_slice(waiting.get(..length).unwrap_or_default());
                    forwarded.extend_from_slice(waiting.get(..length).unwrap_or_default());
                    length
                }
                Step::Frame(length) => {
                    forwarded.extend_from_slice(waiting.get(..length).unwrap_or_default());
                    length
                }
                Step::Replace(length, with) => {
                    forwarded.extend_from_slice(&with);
                    length
                }
            };
            waiting.drain(..used.min(waiting.len()));
        }
    }
    Ok(Passed { forwarded, content, done: decoder.done(), may_end: decoder.may_end() })
}

/// What is said of a certificate that an upstream showed and that was refused: its names, its issuer.
pub fn refused_certificate(der: &[u8]) -> (Vec<String>, String) {
    let notes = Notes { refused: vec![der.to_vec().into()], ..Notes::default() };
    (notes.names(), notes.issuer())
}

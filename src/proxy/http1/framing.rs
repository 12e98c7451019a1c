//! Where a message's body ends (RFC 9112 §6, §7), found over the bytes as they pass. Pure: bytes in, spans out.

use super::head::{AnswerHead, RequestHead, Version, control, lone_return, token_byte, tokens};
use super::trailers::trailer_lines;
use crate::model::{HeadFault, HeadProblem};

/// How a body's end is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proxy) enum Framing {
    Empty,
    Length(u64),
    Chunked,
    /// The end of the connection is the end of the body; answers only.
    UntilClose,
}

/// The framing of a request. What two parsers could read differently is refused, though RFC 9112 §6.1 would allow some.
pub(in crate::proxy) fn of_request(request: &RequestHead) -> Result<Framing, HeadFault> {
    let head = &request.head;
    let at = |offset: usize, status: u16| HeadFault { offset, problem: HeadProblem::Framing, status };
    if let Some(offset) = head.alias("transfer-encoding").or(head.alias("content-length")) {
        return Err(at(offset, 400));
    }
    let codings: Vec<&[u8]> = head.all("transfer-encoding").collect();
    let lengths: Vec<&[u8]> = head.all("content-length").collect();
    match (codings.as_slice(), lengths.as_slice()) {
        ([], []) => Ok(Framing::Empty),
        ([], [text]) => length(text).map(Framing::Length).ok_or(at(head.offset("content-length"), 400)),
        ([coding], []) if coding.eq_ignore_ascii_case(b"chunked") && request.version == Version::Http11 => {
            Ok(Framing::Chunked)
        }
        ([coding], []) if request.version == Version::Http11 && compressed(coding) => {
            // Codings that exist and that we do not take off (RFC 9112 §6.1).
            Err(at(head.offset("transfer-encoding"), 501))
        }
        ([], _) => Err(at(head.second_offset("content-length"), 400)),
        _ => Err(at(head.offset("transfer-encoding"), 400)),
    }
}

/// Registered codings (RFC 9112 §7), the last one chunked: without it the end could not be found, which is 400 (§6.3).
fn compressed(codings: &[u8]) -> bool {
    let named = |token: &[u8], names: &[&str]| names.iter().any(|name| token.eq_ignore_ascii_case(name.as_bytes()));
    let mut all: Vec<&[u8]> = tokens(codings).collect();
    let last = all.pop().is_some_and(|last| named(last, &["chunked"]));
    last && !all.is_empty()
        && all.iter().all(|token| named(token, &["gzip", "x-gzip", "deflate", "compress", "x-compress"]))
}

/// The framing of an answer to a request with `method`; the error says what is wrong with it.
pub(in crate::proxy) fn of_answer(answer: &AnswerHead, method: &str) -> Result<Framing, &'static str> {
    let head = &answer.head;
    let codings: Vec<&[u8]> = head.all("transfer-encoding").collect();
    let lengths: Vec<&[u8]> = head.all("content-length").collect();
    let framing = match (codings.as_slice(), lengths.as_slice()) {
        ([], []) => Framing::UntilClose,
        ([], [length]) => Framing::Length(digits(length).ok_or("Content-Length is not a number")?),
        ([coding], []) if coding.eq_ignore_ascii_case(b"chunked") => Framing::Chunked,
        ([], _) => return Err("more than one Content-Length"),
        (_, []) => return Err("a Transfer-Encoding other than chunked"),
        _ => return Err("both Content-Length and Transfer-Encoding"),
    };
    let bodiless = method == "HEAD" || answer.status < 200 || matches!(answer.status, 204 | 304);
    Ok(if bodiless { Framing::Empty } else { framing })
}

/// A request's length. Not with leading zeros, which some readers take for the sign of octal.
pub(in crate::proxy) fn length(text: &[u8]) -> Option<u64> {
    digits(text).filter(|_| text.len() == 1 || !text.starts_with(b"0"))
}

/// Digits and nothing else: no sign, no blank, no list.
fn digits(text: &[u8]) -> Option<u64> {
    let fine = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    fine.then(|| std::str::from_utf8(text).ok()?.parse().ok()).flatten().filter(|length| *length <= LONGEST)
}

/// Lengths above this are negative to readers that count with a sign.
const LONGEST: u64 = i64::MAX.unsigned_abs();

/// What to do with the next bytes of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::proxy) enum Step {
    /// That many bytes of content.
    Content(usize),
    /// That many bytes of framing, to be passed on as they are.
    Frame(usize),
    /// That many bytes are to be left out; in their place these go (allowed trailer lines).
    Replace(usize, Vec<u8>),
    /// More bytes are needed.
    More,
    /// The body has ended; what follows is not its own.
    Done,
}

/// The body's bytes break its framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proxy) struct Broken(pub &'static str);

/// A chunk size line, extensions included, may be this long. Real ones have under 20 bytes.
const SIZE_LINE: usize = 4096;
/// A trailer section may be this long.
const TRAILERS: usize = 16 * 1024;
const TRAILER_FIELDS: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Content up to a length, then the end.
    Length(u64),
    UntilClose,
    ChunkSize,
    /// An extension of that many bytes, to be left out, before a line end and a chunk of that size.
    Extension(usize, u64),
    SizeEnd(u64),
    Chunk(u64),
    ChunkEnd,
    Trailers,
    Done,
}

/// Follows one body.
#[derive(Clone, Debug)]
pub(in crate::proxy) struct Decoder {
    state: State,
    /// Field lines behind the last chunk that may be passed on, with the empty line behind them.
    pub trailers: Vec<u8>,
}

impl Decoder {
    pub fn new(framing: Framing) -> Decoder {
        let state = match framing {
            Framing::Empty | Framing::Length(0) => State::Done,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::ChunkSize,
            Framing::UntilClose => State::UntilClose,
        };
        Decoder { state, trailers: Vec::new() }
    }

    pub fn done(&self) -> bool {
        self.state == State::Done
    }

    /// Whether the body may end where its connection does.
    pub fn may_end(&self) -> bool {
        matches!(self.state, State::Done | State::UntilClose)
    }

    /// Looks at the bytes that follow; the caller drops what a step covers before it asks again.
    pub fn step(&mut self, input: &[u8]) -> Result<Step, Broken> {
        if self.state == State::Done {
            return Ok(Step::Done);
        }
        if input.is_empty() {
            return Ok(Step::More);
        }
        match self.state {
            State::Length(left) => Ok(self.content(input, left, State::Done, State::Length)),
            State::Chunk(left) => Ok(self.content(input, left, State::ChunkEnd, State::Chunk)),
            State::UntilClose => Ok(Step::Content(input.len())),
            State::ChunkSize => self.chunk_size(input),
            State::Extension(length, size) => {
                self.state = State::SizeEnd(size);
                Ok(Step::Replace(length, Vec::new()))
            }
            State::SizeEnd(0) => self.line_end(input, State::Trailers),
            State::SizeEnd(size) => self.line_end(input, State::Chunk(size)),
            State::ChunkEnd => self.line_end(input, State::ChunkSize),
            State::Trailers => self.trailers(input),
            State::Done => Ok(Step::Done),
        }
    }

    fn content(&mut self, input: &[u8], left: u64, after: State, still: fn(u64) -> State) -> Step {
        let take = u64::try_from(input.len()).unwrap_or(u64::MAX).min(left);
        self.state = if take == left { after } else { still(left - take) };
        Step::Content(usize::try_from(take).unwrap_or(input.len()))
    }

    fn line_end(&mut self, input: &[u8], after: State) -> Result<Step, Broken> {
        match input {
            [b'\r', b'\n', ..] => {
                self.state = after;
                Ok(Step::Frame(2))
            }
            [b'\r'] => Ok(Step::More),
            _ => Err(Broken("a chunk is not followed by CR LF")),
        }
    }

    /// `1*HEXDIG *( ";" ext ) CRLF`, looked at whole. Extensions are left out: nobody uses them but to confuse.
    fn chunk_size(&mut self, input: &[u8]) -> Result<Step, Broken> {
        let Some(end) = input.iter().take(SIZE_LINE).position(|byte| *byte == b'\n') else {
            return match lone_return(input) {
                Some(_) => Err(Broken("a chunk size line with a lone carriage return")),
                None if input.len() < SIZE_LINE => Ok(Step::More),
                None => Err(Broken("a chunk size line without an end")),
            };
        };
        let line = input
            .get(..end)
            .and_then(|line| line.strip_suffix(b"\r"))
            .ok_or(Broken("a chunk size line ends in a lone line feed"))?;
        let digits = line.iter().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(line.len());
        if digits == 0 || digits > 16 {
            return Err(Broken("a chunk size that is not a hexadecimal number"));
        }
        let text = std::str::from_utf8(line.get(..digits).unwrap_or_default()).unwrap_or_default();
        let size =
            u64::from_str_radix(text, 16).map_err(|_| Broken("a chunk size that is not a hexadecimal number"))?;
        if size > LONGEST {
            return Err(Broken("a chunk size beyond every chunk"));
        }
        let extension = line.get(digits..).unwrap_or_default();
        if !extension.is_empty() {
            return self.extension(extension, digits, size);
        }
        self.state = if size == 0 { State::Trailers } else { State::Chunk(size) };
        Ok(Step::Frame(end + 1))
    }

    fn extension(&mut self, extension: &[u8], digits: usize, size: u64) -> Result<Step, Broken> {
        if !extensions(extension) {
            return Err(Broken("a chunk size followed by something that is no extension"));
        }
        self.state = State::Extension(extension.len(), size);
        Ok(Step::Frame(digits))
    }

    fn trailers(&mut self, input: &[u8]) -> Result<Step, Broken> {
        if input.starts_with(b"\r\n") {
            self.state = State::Done;
            return Ok(Step::Frame(2));
        }
        let end = input.windows(4).take(TRAILERS).position(|window| window == b"\r\n\r\n").map(|at| at + 4);
        let Some(end) = end else {
            if lone_line_feed(input) || lone_return(input).is_some() {
                return Err(Broken("a trailer that ends in a lone line feed or carriage return"));
            }
            return if input.len() < TRAILERS { Ok(Step::More) } else { Err(Broken("trailers without an end")) };
        };
        let section = input.get(..end).unwrap_or_default();
        let lines = trailer_lines(section, TRAILER_FIELDS).map_err(|_| Broken("a trailer that is no field line"))?;
        let mut kept = lines.concat();
        kept.extend_from_slice(b"\r\n");
        self.state = State::Done;
        self.trailers.clone_from(&kept);
        Ok(Step::Replace(end, kept))
    }
}

fn lone_line_feed(text: &[u8]) -> bool {
    text.starts_with(b"\n") || text.windows(2).any(|pair| matches!(pair, [before, b'\n'] if *before != b'\r'))
}

/// `*( ";" name [ "=" value ] )` of RFC 9112 §7.1.1, without the white space that it calls bad.
fn extensions(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some(after) = extension(rest) {
        rest = after;
    }
    rest.is_empty()
}

/// What follows the extension at the start of `text`.
fn extension(text: &[u8]) -> Option<&[u8]> {
    let token = |text: &[u8]| text.iter().position(|byte| !token_byte(*byte)).unwrap_or(text.len());
    let named = text.strip_prefix(b";")?;
    let after = Some(token(named)).filter(|length| *length > 0).and_then(|length| named.get(length..))?;
    let Some(value) = after.strip_prefix(b"=") else { return Some(after) };
    let length = if value.starts_with(b"\"") { quoted(value) } else { token(value) };
    Some(length).filter(|length| *length > 0).and_then(|length| value.get(length..))
}

/// The length of the quoted string at the start of `text` (RFC 9110 §5.6.4); 0 where there is none.
fn quoted(text: &[u8]) -> usize {
    let mut bytes = text.iter().enumerate().skip(1);
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return at + 1,
            b'\\' => drop(bytes.next()),
            byte if control(*byte) => return 0,
            _ => {}
        }
    }
    0
}

#[cfg(test)]
#[path = "framing_tests.rs"]
mod tests;

//! Cuts a HAR into its entries while it is read: memory holds one entry, whatever the file's length.
//!
//! Only the outermost structure is understood here (`{"log":{…,"entries":[…]}}`); what an entry holds is not, so that a
//! fault inside one does not stop the next. Long strings (bodies) are cut on the way.

mod scan;

use std::io::{self, Read};

use scan::{drop_torn_end, run, whole};

/// Strings are cut here, in bytes of JSON text: past it lies nothing that a diagnosis reads.
pub(in crate::intake) const STRING_LIMIT: usize = 1024 * 1024;
/// An entry longer than this after the cuts is not kept, in bytes.
pub(in crate::intake) const PIECE_LIMIT: usize = 16 * 1024 * 1024;
/// Bytes that are asked for at once.
const CHUNK: usize = 256 * 1024;
// What the buffer holds whole has no string that must be cut.
const _: () = assert!(CHUNK < STRING_LIMIT && CHUNK < PIECE_LIMIT);

/// A part of the file.
pub(in crate::intake) enum Piece<'a> {
    /// An element of `log.entries`; `None` where it was longer than `PIECE_LIMIT`.
    Entry(Option<&'a [u8]>),
    /// Another member of `log`, with its name.
    Member(&'a str, &'a [u8]),
}

/// Why no more can be read.
#[derive(Debug)]
pub(in crate::intake) struct Broken {
    /// Offset in the file, in bytes from 0.
    pub offset: u64,
    pub what: String,
}

pub(in crate::intake) struct Splitter<R> {
    from: R,
    buffer: Vec<u8>,
    /// The next byte in `buffer`, and how many bytes of it are filled.
    at: usize,
    filled: usize,
    /// Bytes of the file before `buffer`.
    passed: u64,
    place: Place,
    /// The list of entries was met.
    pub has_entries: bool,
    name: String,
    piece: Vec<u8>,
}

/// Where in the outermost structure the next byte lies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Start,
    /// Among the members of the outermost object.
    Top,
    Log,
    Entries,
    End,
}

impl<R: Read> Splitter<R> {
    pub fn new(from: R) -> Splitter<R> {
        let buffer = vec![0; CHUNK];
        let (place, name, piece) = (Place::Start, String::new(), Vec::new());
        Splitter { from, buffer, at: 0, filled: 0, passed: 0, place, has_entries: false, name, piece }
    }

    /// Bytes read so far.
    pub fn offset(&self) -> u64 {
        self.passed + self.at as u64
    }

    /// The next part; `None` at the end of the file.
    pub fn next(&mut self) -> Result<Option<Piece<'_>>, Broken> {
        loop {
            match self.place {
                Place::Start => self.start()?,
                Place::Top => self.top()?,
                Place::Log => {
                    if self.log()? {
                        return Ok(Some(Piece::Member(&self.name, &self.piece)));
                    }
                }
                Place::Entries => {
                    if let Some(kept) = self.element()? {
                        return Ok(Some(Piece::Entry(kept.then_some(self.piece.as_slice()))));
                    }
                }
                Place::End => return Ok(None),
            }
        }
    }

    fn start(&mut self) -> Result<(), Broken> {
        if self.peek()? == Some(0xEF) {
            for byte in [0xEF, 0xBB, 0xBF] {
                self.expect(byte, "a byte order mark")?;
            }
        }
        self.blanks()?;
        self.expect(b'{', "`{` at the start of the HAR")?;
        self.place = Place::Top;
        Ok(())
    }

    /// A member of the outermost object: `log` is entered, any other is passed over.
    fn top(&mut self) -> Result<(), Broken> {
        if !self.key()? {
            self.place = Place::End;
            return Ok(());
        }
        if self.name == "log" && self.peek()? == Some(b'{') {
            self.bump();
            self.place = Place::Log;
            return Ok(());
        }
        self.value().map(|_| ())
    }

    /// A member of `log`: true where it was read into `piece`.
    fn log(&mut self) -> Result<bool, Broken> {
        if !self.key()? {
            self.place = Place::Top;
            return Ok(false);
        }
        if self.name == "entries" && self.peek()? == Some(b'[') {
            self.bump();
            (self.place, self.has_entries) = (Place::Entries, true);
            return Ok(false);
        }
        self.value()
    }

    /// An element of `entries`, read into `piece`: whether it was short enough to be kept. `None` at the end.
    fn element(&mut self) -> Result<Option<bool>, Broken> {
        self.separators()?;
        if self.peek()? == Some(b']') {
            self.bump();
            self.place = Place::Log;
            return Ok(None);
        }
        self.value().map(Some)
    }

    /// Reads `"name":` into `name`; false at the `}` that ends the object.
    fn key(&mut self) -> Result<bool, Broken> {
        self.separators()?;
        if self.peek()? == Some(b'}') {
            self.bump();
            return Ok(false);
        }
        if self.peek()? != Some(b'"') {
            return Err(self.unexpected("a member's name"));
        }
        self.value()?;
        self.name.clear();
        let inner = self.piece.get(1..self.piece.len().saturating_sub(1)).unwrap_or_default();
        self.name.push_str(&String::from_utf8_lossy(inner));
        self.blanks()?;
        self.expect(b':', "`:` after a member's name")?;
        self.blanks()?;
        Ok(true)
    }

    /// Copies one whole value into `piece`. False where it was too long: then it was passed over.
    fn value(&mut self) -> Result<bool, Broken> {
        self.piece.clear();
        match self.peek()? {
            Some(b'"') => self.string()?,
            Some(b'{' | b'[') => match whole(self.ready()) {
                Some(length) => self.copy(length),
                None => self.container()?,
            },
            _ => self.scalar()?,
        }
        Ok(self.piece.len() < PIECE_LIMIT)
    }

    /// Copies an object or array to its closing bracket.
    fn container(&mut self) -> Result<(), Broken> {
        let mut depth = 0usize;
        while let Some(byte) = self.peek()? {
            match byte {
                b'"' => self.string()?,
                b'{' | b'[' => {
                    depth += 1;
                    self.take(byte);
                }
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    self.take(byte);
                    if depth == 0 {
                        return Ok(());
                    }
                }
                _ => self.copy_until(|byte| matches!(byte, b'"' | b'{' | b'[' | b'}' | b']')),
            }
        }
        Err(self.unexpected("the closing bracket of a value"))
    }

    /// Copies a number or a word.
    fn scalar(&mut self) -> Result<(), Broken> {
        let ends =
            |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b',' | b']' | b'}' | b'"' | b'{' | b'[' | b':');
        while self.peek()?.is_some_and(|byte| !ends(byte)) {
            self.copy_until(ends);
        }
        if self.piece.is_empty() { Err(self.unexpected("a value")) } else { Ok(()) }
    }

    /// Copies what the buffer holds before a byte that ends the run.
    fn copy_until(&mut self, ends: impl Fn(u8) -> bool) {
        let ready = self.ready();
        let length = ready.iter().position(|byte| ends(*byte)).unwrap_or(ready.len());
        self.copy(length);
    }

    /// Copies a string with its quotes, up to `STRING_LIMIT`; the rest of it is passed over.
    fn string(&mut self) -> Result<(), Broken> {
        self.take(b'"');
        let start = self.piece.len();
        let mut room = STRING_LIMIT;
        // The next byte belongs to a backslash at the end of the buffer before.
        let mut escaped = false;
        while self.peek()?.is_some() {
            let ready = self.ready();
            let run = run(ready, usize::from(escaped));
            escaped = run.escaped;
            let kept = run.length.min(room);
            self.copy(kept);
            self.at += run.length - kept;
            room -= kept;
            if run.closed {
                if room == 0 {
                    drop_torn_end(&mut self.piece, start);
                }
                self.take(b'"');
                return Ok(());
            }
        }
        Err(self.unexpected("the end of a string"))
    }

    /// Bytes that are in the buffer.
    fn ready(&self) -> &[u8] {
        self.buffer.get(self.at..self.filled).unwrap_or_default()
    }

    /// The next byte, read from the file where the buffer is used up.
    fn peek(&mut self) -> Result<Option<u8>, Broken> {
        if self.at == self.filled {
            self.passed += self.filled as u64;
            self.at = 0;
            self.filled = loop {
                match self.from.read(&mut self.buffer) {
                    Ok(read) => break read,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => {
                        self.filled = 0;
                        return Err(Broken { offset: self.passed, what: format!("cannot be read: {error}") });
                    }
                }
            };
        }
        Ok(self.buffer.get(self.at..self.filled).and_then(|ready| ready.first()).copied())
    }

    fn bump(&mut self) {
        self.at += 1;
    }

    fn take(&mut self, byte: u8) {
        self.at += 1;
        if self.piece.len() < PIECE_LIMIT {
            self.piece.push(byte);
        }
    }

    /// Copies the next `length` bytes of the buffer.
    fn copy(&mut self, length: usize) {
        let bytes = self.buffer.get(self.at..self.at + length).unwrap_or_default();
        let room = PIECE_LIMIT.saturating_sub(self.piece.len());
        self.piece.extend_from_slice(bytes.get(..room.min(length)).unwrap_or_default());
        self.at += length;
    }

    fn blanks(&mut self) -> Result<(), Broken> {
        self.skip(|byte| byte.is_ascii_whitespace())
    }

    fn separators(&mut self) -> Result<(), Broken> {
        self.skip(|byte| byte.is_ascii_whitespace() || byte == b',')
    }

    fn skip(&mut self, unwanted: impl Fn(u8) -> bool) -> Result<(), Broken> {
        while self.peek()?.is_some_and(&unwanted) {
            self.bump();
        }
        Ok(())
    }

    fn expect(&mut self, byte: u8, what: &str) -> Result<(), Broken> {
        if self.peek()? == Some(byte) {
            self.bump();
            return Ok(());
        }
        Err(self.unexpected(what))
    }

    fn unexpected(&mut self, wanted: &str) -> Broken {
        let found = match self.peek() {
            Ok(Some(byte)) => format!("`{}`", char::from(byte).escape_default()),
            Ok(None) => String::from("the end of the file"),
            Err(broken) => return broken,
        };
        Broken { offset: self.offset(), what: format!("expected {wanted}, found {found}") }
    }
}

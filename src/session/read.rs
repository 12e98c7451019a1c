//! A recorded session, read line by line: what was kept first, then the journals in their order.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::folder;
use super::last::Left;
use crate::intake;
use crate::model::Exchange;
use crate::output::journal::{self, Gone, Line};

/// Longer lines are not ours, in bytes.
const LINE_LIMIT: usize = 64 * 1024 * 1024;

/// An exchange that is written again is no further from its first line, in exchanges.
const NEAR: usize = 2048;
/// And in bytes of lines.
const NEAR_BYTES: u64 = 4 * 1024 * 1024;

/// An exchange of a session.
pub struct Entry {
    /// Numbered from 1 in the order of reading where several runs wrote into one folder.
    pub exchange: Exchange,
    /// What was removed from it.
    pub removed: Vec<Gone>,
}

/// A line that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub file: PathBuf,
    /// From 1.
    pub line: u64,
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.what)
    }
}

/// The exchanges of a session's folder, in the order in which they were written.
pub struct Session {
    files: VecDeque<PathBuf>,
    current: Option<(PathBuf, BufReader<File>, u64)>,
    /// Numbers of what was kept: it may still stand in a journal after a crash.
    kept: HashSet<u64>,
    in_kept: bool,
    /// Numbers begin anew with each run: what is added to those of each.
    runs: HashMap<String, u64>,
    offset: u64,
    highest: u64,
    /// The run whose lines are read.
    run: String,
    /// Exchanges that began to be answered and have no line.
    left: Left,
    /// What was read and not given out yet: an exchange may be written again a little later.
    waiting: VecDeque<(Result<Entry, Fault>, u64)>,
    waiting_bytes: u64,
    bytes: u64,
}

impl Session {
    /// The error names what is missing.
    pub fn open(path: &Path) -> io::Result<Session> {
        let files = VecDeque::from(folder::files(path));
        if files.is_empty() {
            return Err(io::Error::other("there is no journal of why401 in this folder"));
        }
        Ok(Session {
            files,
            current: None,
            kept: HashSet::new(),
            in_kept: false,
            runs: HashMap::new(),
            offset: 0,
            highest: 0,
            run: String::new(),
            left: Left::read(path),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            bytes: 0,
        })
    }

    /// Bytes read so far.
    pub fn bytes_read(&self) -> u64 {
        self.bytes
    }

    /// The next line and where it is.
    fn line(&mut self) -> Option<Result<(String, PathBuf, u64), Fault>> {
        loop {
            if self.current.is_none() {
                let path = self.files.pop_front()?;
                self.in_kept = folder::is_kept(&path);
                match File::open(&path) {
                    Ok(file) => self.current = Some((path, BufReader::new(file), 0)),
                    Err(error) => return Some(Err(Fault { file: path, line: 0, what: error.to_string() })),
                }
            }
            let (path, lines, number) = self.current.as_mut()?;
            let mut bytes = Vec::new();
            let limit = u64::try_from(LINE_LIMIT).unwrap_or(u64::MAX);
            match io::Read::take(&mut *lines, limit).read_until(b'\n', &mut bytes) {
                Ok(0) => self.current = None,
                Ok(length) => {
                    *number += 1;
                    self.bytes += length as u64;
                    let whole = bytes.pop() == Some(b'\n');
                    match String::from_utf8(bytes) {
                        Ok(text) if whole => return Some(Ok((text, path.clone(), *number))),
                        // The last line of a run that was killed.
                        _ => {}
                    }
                }
                Err(error) => {
                    let fault = Fault { file: path.clone(), line: *number, what: error.to_string() };
                    self.current = None;
                    return Some(Err(fault));
                }
            }
        }
    }

    fn entry(&mut self, read: journal::Read<'_>) -> Result<Option<Entry>, String> {
        self.left.met(&self.run, read.exchange);
        let number = read.exchange.saturating_add(self.offset);
        if self.in_kept {
            self.kept.insert(number);
        } else if self.kept.contains(&number) {
            return Ok(None);
        }
        self.highest = self.highest.max(number);
        let exchange = intake::har::one(read.entry.get().as_bytes(), 0)?;
        let entry =
            |exchange| Entry { exchange: Exchange { id: number, entry: None, ..exchange }, removed: read.removed };
        Ok(exchange.map(entry))
    }
}

impl Session {
    /// Reads one line further. Whether there was one.
    fn read_on(&mut self) -> bool {
        let before = self.bytes;
        let (text, file, line) = match self.line() {
            None => return self.read_left(),
            Some(Err(fault)) => {
                self.wait(Err(fault), 0);
                return true;
            }
            Some(Ok(line)) => line,
        };
        let length = self.bytes - before;
        let what = match journal::read(&text) {
            Line::Exchange(read) => {
                let again = read.again;
                match self.entry(read) {
                    Ok(Some(entry)) if again => {
                        self.take_the_place(entry);
                        return true;
                    }
                    Ok(Some(entry)) => {
                        self.wait(Ok(entry), length);
                        return true;
                    }
                    Ok(None) => return true,
                    Err(what) => what,
                }
            }
            Line::Head(run) => {
                self.offset = *self.runs.entry(run.to_owned()).or_insert(self.highest);
                run.clone_into(&mut self.run);
                return true;
            }
            Line::Told(_) => return true,
            Line::Unknown if text.trim().is_empty() => return true,
            Line::Unknown => "this is no line of a journal".to_owned(),
        };
        self.wait(Err(Fault { file, line, what }), 0);
        true
    }

    /// At the end those exchanges of which nothing is known but that their answers began.
    fn read_left(&mut self) -> bool {
        let runs = std::mem::take(&mut self.runs);
        for (run, offset) in &runs {
            for exchange in self.left.of(run) {
                let exchange = Exchange { id: exchange.id.saturating_add(*offset), ..exchange };
                self.wait(Ok(Entry { exchange, removed: Vec::new() }), 0);
            }
        }
        !runs.is_empty()
    }

    fn wait(&mut self, item: Result<Entry, Fault>, length: u64) {
        self.waiting.push_back((item, length));
        self.waiting_bytes += length;
    }

    /// An exchange that was written again takes the place of its first line, and the order stays.
    fn take_the_place(&mut self, entry: Entry) {
        let same = |(item, _): &&mut (Result<Entry, Fault>, u64)| {
            item.as_ref().is_ok_and(|first| first.exchange.id == entry.exchange.id)
        };
        if let Some((first, _)) = self.waiting.iter_mut().rev().find(same) {
            *first = Ok(entry);
        }
    }
}

impl Iterator for Session {
    type Item = Result<Entry, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.waiting.len() < NEAR && self.waiting_bytes < NEAR_BYTES && self.read_on() {}
        let (item, length) = self.waiting.pop_front()?;
        self.waiting_bytes -= length;
        Some(item)
    }
}

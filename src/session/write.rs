//! The journal on disk: appended line by line, in files that follow each other; the oldest goes when the session is full.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Limits;
use super::folder::{self, private};
use super::kept::Kept;
use super::last::Last;
use crate::model::Millis;
use crate::output::journal;

/// A session consists of about this many files, so that a part of it can go.
const FILES: u64 = 8;
/// A file is not smaller than this, in bytes.
const LEAST: u64 = 64 * 1024;
/// Lines are gathered up to about so many bytes: a write for each would cost as much as making it.
const GATHERED: usize = 32 * 1024;

/// Where a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Number of the journal.
    pub file: u64,
    /// Of its first byte.
    pub offset: u64,
    /// In bytes, without the line end.
    pub length: usize,
}

/// The open journal of one run.
pub(super) struct Journal {
    folder: PathBuf,
    limits: Limits,
    began: Millis,
    /// None where the disk had no room for its beginning; the next line tries again.
    file: Option<File>,
    number: u64,
    bytes: u64,
    exchanges: u64,
    /// Whole lines that are to be written next.
    gathered: Vec<u8>,
    /// Lines that could not be written since it was last asked, and why the last of them was not.
    lost: usize,
    fault: Option<io::Error>,
    /// The last line was not written whole: the next one begins on a new line.
    torn: bool,
    /// Something was written that may not be on the disk itself, since then.
    unsynced: Option<Instant>,
    pub kept: Kept,
    /// None where the disk had no room for it at the beginning.
    pub last: Option<Arc<Last>>,
    /// Held until the end of the run.
    _lock: File,
}

impl Journal {
    /// The error says why the folder cannot be written to. A full disk is none: it may have room later.
    pub fn begin(folder: &Path, limits: Limits, began: Millis) -> io::Result<Journal> {
        let lock = folder::open(folder)?;
        let number = folder::journals(folder).last().map_or(0, |(number, _)| *number);
        let mut journal = Journal {
            folder: folder.to_owned(),
            limits,
            began,
            file: None,
            number,
            bytes: 0,
            exchanges: 0,
            gathered: Vec::with_capacity(2 * GATHERED),
            lost: 0,
            fault: None,
            torn: false,
            unsynced: None,
            kept: Kept::default(),
            last: None,
            _lock: lock,
        };
        match Last::begin(folder, began) {
            Ok(last) => journal.last = Some(Arc::new(last)),
            Err(error) if is_full(&error) => {}
            Err(error) => return Err(error),
        }
        match journal.open_next() {
            Err(error) if !is_full(&error) => Err(error),
            _ => Ok(journal),
        }
    }

    /// Takes the line of an exchange, and says where it will stand.
    pub fn exchange(&mut self, line: &str) -> io::Result<Place> {
        let offset = self.line(line)?;
        self.exchanges += 1;
        Ok(Place { file: self.number, offset, length: line.len() })
    }

    /// Writes a line anew that was written before, as long as it was; one that cannot be is taken out. A line that has
    /// gone needs nothing.
    pub fn mend(&mut self, place: Place, with: impl Fn(&[u8]) -> Option<Vec<u8>>) -> io::Result<()> {
        self.flush();
        let path = folder::journal(&self.folder, place.file);
        let mut file = match OpenOptions::new().read(true).write(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        let mut line = vec![0; place.length];
        file.seek(SeekFrom::Start(place.offset))?;
        file.read_exact(&mut line)?;
        let Some(mended) = with(&line) else { return Ok(()) };
        let fits = mended.len() == line.len();
        file.seek(SeekFrom::Start(place.offset))?;
        file.write_all(&if fits { mended } else { vec![b' '; line.len()] })?;
        if fits { Ok(()) } else { Err(io::Error::other("a line held a secret and was taken out")) }
    }

    /// What was said; `story` are the exchanges that are kept for it.
    pub fn told(&mut self, line: &str, story: &[u64]) -> io::Result<()> {
        self.kept.mark(story);
        self.line(line).map(drop)
    }

    /// Takes a line; where it will begin in the file.
    fn line(&mut self, line: &str) -> io::Result<u64> {
        let full = self.bytes + line.len() as u64 > self.bytes_each() || self.exchanges >= self.exchanges_each();
        if self.file.is_none() || full && self.exchanges > 0 {
            self.flush();
            self.open_next()?;
            self.make_room()?;
        }
        if std::mem::take(&mut self.torn) {
            self.gathered.push(b'\n');
            self.bytes += 1;
        }
        let at = self.bytes;
        self.gathered.extend_from_slice(line.as_bytes());
        self.gathered.push(b'\n');
        self.bytes += line.len() as u64 + 1;
        if self.gathered.len() >= GATHERED {
            self.flush();
        }
        Ok(at)
    }

    /// Writes what was gathered. What has no room is lost, and counted: from the first line on that was not written whole.
    pub fn flush(&mut self) {
        let Some(file) = self.file.as_mut().filter(|_| !self.gathered.is_empty()) else { return };
        self.unsynced.get_or_insert_with(Instant::now);
        if let Err(error) = file.write_all(&self.gathered) {
            let before = self.bytes.saturating_sub(self.gathered.len() as u64);
            // What was written counts: places of lines are counted from the start of the file.
            self.bytes = file.metadata().map_or(before, |metadata| metadata.len());
            let written = usize::try_from(self.bytes.saturating_sub(before)).unwrap_or(0);
            let (whole, rest) = self.gathered.split_at(written.min(self.gathered.len()));
            // A line end comes first where the line before was torn, which it still is where nothing was written.
            let torn_before = self.gathered.first() == Some(&b'\n');
            self.torn = whole.last().map_or(torn_before, |byte| *byte != b'\n');
            self.lost += rest.trim_ascii_start().split_inclusive(|byte| *byte == b'\n').count();
            self.fault = Some(error);
        }
        self.gathered.clear();
        self.gathered.shrink_to(2 * GATHERED);
    }

    /// How many lines could not be written since this was last asked, and why.
    pub fn losses(&mut self) -> (usize, Option<io::Error>) {
        (std::mem::take(&mut self.lost), self.fault.take())
    }

    fn bytes_each(&self) -> u64 {
        // A half is for what is kept longer.
        (self.limits.bytes / 2 / FILES).max(LEAST)
    }

    fn exchanges_each(&self) -> u64 {
        (self.limits.exchanges / FILES).max(1)
    }

    /// Begins the next file. Where that fails the one before stays open.
    fn open_next(&mut self) -> io::Result<()> {
        let (file, bytes) = create(&self.folder, self.number + 1, self.began)?;
        if let Some(before) = self.file.replace(file) {
            // A disk that cannot do it says so at the next line.
            before.sync_data().unwrap_or_default();
        }
        (self.number, self.bytes, self.exchanges, self.torn) = (self.number + 1, bytes, 0, false);
        self.unsynced.get_or_insert_with(Instant::now);
        Ok(())
    }

    /// The oldest journals go, but for the lines worth keeping.
    fn make_room(&mut self) -> io::Result<()> {
        let all = folder::journals(&self.folder);
        let most = usize::try_from(FILES).unwrap_or(1);
        for (_, old) in all.iter().take(all.len().saturating_sub(most)) {
            let gone = self.kept.rescue(&self.folder, old, self.bytes_each())?;
            self.last.iter().try_for_each(|last| last.went(&gone))?;
            fs::remove_file(old)?;
        }
        Kept::make_room(&self.folder, self.limits.bytes / 2)
    }

    /// Brings what was written to the disk itself where it has waited long enough.
    pub fn sync_if_older_than(&mut self, age: Duration) {
        if self.unsynced.is_some_and(|since| since.elapsed() >= age) {
            // A disk that cannot do it says so at the next line.
            self.sync().unwrap_or_default();
        }
    }

    /// Nothing more comes, and everything was written.
    pub fn end(&mut self) {
        self.flush();
        self.sync_if_older_than(Duration::ZERO);
        // What stays there says that exchanges began, which their own lines say too.
        self.last.iter().for_each(|last| last.end().unwrap_or_default());
    }

    fn sync(&mut self) -> io::Result<()> {
        self.unsynced = None;
        self.file.as_ref().map_or(Ok(()), File::sync_data)
    }
}

/// A new file with its first line; nothing is left of one that has no room for it.
fn create(folder: &Path, number: u64, began: Millis) -> io::Result<(File, u64)> {
    let path = folder::journal(folder, number);
    let mut file = private(OpenOptions::new().create_new(true).append(true)).open(&path)?;
    let head = format!("{}\n", journal::head(began));
    if let Err(error) = file.write_all(head.as_bytes()) {
        fs::remove_file(path)?;
        return Err(error);
    }
    Ok((file, head.len() as u64))
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

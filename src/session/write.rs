//! The journal on disk: appended line by line, in files that follow each other; the oldest goes when the session is full.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Limits;
use super::folder::{self, private};
use super::kept::Kept;
use crate::model::Millis;
use crate::output::journal;

/// A session consists of about this many files, so that a part of it can go.
const FILES: u64 = 8;
/// A file is not smaller than this, in bytes.
const LEAST: u64 = 64 * 1024;

/// The open journal of one run.
pub(super) struct Journal {
    folder: PathBuf,
    limits: Limits,
    began: Millis,
    file: File,
    number: u64,
    bytes: u64,
    exchanges: u64,
    /// The last line was not written whole: the next one begins on a new line.
    torn: bool,
    /// Something was written that may not be on the disk itself, since then.
    unsynced: Option<Instant>,
    kept: Kept,
    /// Held until the end of the run.
    _lock: File,
}

impl Journal {
    pub fn begin(folder: &Path, limits: Limits, began: Millis) -> io::Result<Journal> {
        let lock = folder::open(folder)?;
        let number = folder::journals(folder).last().map_or(0, |(number, _)| *number) + 1;
        let (file, bytes) = create(folder, number, began)?;
        let (folder, kept) = (folder.to_owned(), Kept::default());
        let (exchanges, torn, unsynced) = (0, false, Some(Instant::now()));
        Ok(Journal { folder, limits, began, file, number, bytes, exchanges, torn, unsynced, kept, _lock: lock })
    }

    pub fn exchange(&mut self, line: &str) -> io::Result<()> {
        self.line(line)?;
        self.exchanges += 1;
        Ok(())
    }

    /// What was said; `story` are the exchanges that are kept for it.
    pub fn told(&mut self, line: &str, story: &[u64]) -> io::Result<()> {
        self.kept.mark(story);
        self.line(line)
    }

    /// One line in one write: a process that is killed has written it or not.
    fn line(&mut self, line: &str) -> io::Result<()> {
        let full = self.bytes + line.len() as u64 > self.bytes_each() || self.exchanges >= self.exchanges_each();
        if full && self.exchanges > 0 {
            self.next_file()?;
        }
        let mut bytes = Vec::with_capacity(line.len() + 2);
        if self.torn {
            bytes.push(b'\n');
        }
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
        self.torn = true;
        self.file.write_all(&bytes)?;
        self.torn = false;
        self.bytes += bytes.len() as u64;
        self.unsynced.get_or_insert_with(Instant::now);
        Ok(())
    }

    fn bytes_each(&self) -> u64 {
        // A half is for what is kept longer.
        (self.limits.bytes / 2 / FILES).max(LEAST)
    }

    fn exchanges_each(&self) -> u64 {
        (self.limits.exchanges / FILES).max(1)
    }

    fn next_file(&mut self) -> io::Result<()> {
        self.sync()?;
        let (file, bytes) = create(&self.folder, self.number + 1, self.began)?;
        (self.file, self.bytes, self.number) = (file, bytes, self.number + 1);
        (self.exchanges, self.torn) = (0, false);
        let all = folder::journals(&self.folder);
        let most = usize::try_from(FILES).unwrap_or(1);
        for (_, old) in all.iter().take(all.len().saturating_sub(most)) {
            self.kept.rescue(&self.folder, old, self.limits.bytes / 2)?;
            fs::remove_file(old)?;
        }
        Ok(())
    }

    /// Brings what was written to the disk itself where it has waited long enough.
    pub fn sync_if_older_than(&mut self, age: Duration) {
        if self.unsynced.is_some_and(|since| since.elapsed() >= age) {
            // A disk that cannot do it says so at the next line.
            self.sync().unwrap_or_default();
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        self.unsynced = None;
        self.file.sync_data()
    }
}

fn create(folder: &Path, number: u64, began: Millis) -> io::Result<(File, u64)> {
    let mut file = private(OpenOptions::new().create_new(true).append(true)).open(folder::journal(folder, number))?;
    let head = format!("{}\n", journal::head(began));
    file.write_all(head.as_bytes())?;
    Ok((file, head.len() as u64))
}

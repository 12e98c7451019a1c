//! Failures and what led up to them: when an old journal goes, these lines of it stay, in files of their own.

use std::collections::{HashSet, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use super::folder::{self, private};
use crate::output::journal;

/// Exchanges are remembered as worth keeping up to this many; the oldest are forgotten first.
const MARKED: usize = 100_000;
/// Of exchanges that gave a token or a code, and that no failure names yet, the last so many are kept.
const SOURCES: usize = 100;
/// Longer lines are no answer with a token, in bytes.
const SOURCE: usize = 8 * 1024;

/// Which exchanges are worth keeping.
#[derive(Default)]
pub(super) struct Kept {
    marked: Ids,
    sources: Ids,
}

impl Kept {
    /// A failure and the exchanges that it names.
    pub fn mark(&mut self, story: &[u64]) {
        story.iter().for_each(|id| self.marked.add(*id, MARKED));
    }

    /// An exchange that later failures may name: it gave what they used in vain.
    pub fn mark_source(&mut self, id: u64, line: &str) {
        if line.len() <= SOURCE {
            self.sources.add(id, SOURCES);
        }
    }

    /// Whether a line is kept. Exchanges that are not are added to `gone`.
    fn wants(&self, line: &journal::Line<'_>, gone: &mut Vec<u64>) -> bool {
        let has = |id: &u64| self.marked.ids.contains(id) || self.sources.ids.contains(id);
        match line {
            journal::Line::Exchange(read) => {
                let wanted = has(&read.exchange);
                gone.extend(Some(read.exchange).filter(|_| !wanted));
                wanted
            }
            journal::Line::Told(told) => told.story.iter().any(has),
            journal::Line::Head(_) | journal::Line::Unknown => false,
        }
    }

    /// Adds the lines worth keeping of a journal that is about to go to the newest file of kept lines, or to a new one
    /// where that has more than `each` bytes. A crash in between leaves lines in both; readers pass over the second. Gives
    /// the numbers of the exchanges that go.
    pub fn rescue(&self, folder: &Path, old: &Path, each: u64) -> io::Result<Vec<u64>> {
        let (mut text, mut gone) = (Vec::new(), Vec::new());
        // The line that says which run it was comes before the first line that is kept of it.
        let mut head = None;
        for_each_line(old, |line| {
            let read = journal::read(line);
            if let journal::Line::Head(_) = read {
                head = Some(line.to_owned());
            } else if self.wants(&read, &mut gone) {
                for line in head.take().iter().map(String::as_str).chain([line]) {
                    text.extend_from_slice(line.as_bytes());
                    text.push(b'\n');
                }
            }
        })?;
        if text.is_empty() {
            return Ok(gone);
        }
        let mut file = private(OpenOptions::new().create(true).append(true)).open(place(folder, each))?;
        let before = file.metadata()?.len();
        let written = file.write_all(&text).and_then(|()| file.sync_data());
        if written.is_err() {
            // A disk that is full gets back what was written in vain.
            file.set_len(before)?;
        }
        written.map(|()| gone)
    }

    /// Removes the oldest kept lines until no more than `limit` bytes are left.
    pub fn make_room(folder: &Path, limit: u64) -> io::Result<()> {
        let files = folder::kept(folder);
        let size = |path: &PathBuf| fs::metadata(path).map_or(0, |metadata| metadata.len());
        let mut left: u64 = files.iter().map(|(_, path)| size(path)).sum();
        for (_, path) in files {
            if left <= limit {
                return Ok(());
            }
            left = left.saturating_sub(size(&path));
            fs::remove_file(path)?;
        }
        Ok(())
    }
}

/// The newest file of kept lines, or the next one where that is full.
fn place(folder: &Path, each: u64) -> PathBuf {
    let Some((number, newest)) = folder::kept(folder).pop() else { return folder::kept_file(folder, 1) };
    let full = fs::metadata(&newest).is_ok_and(|metadata| metadata.len() >= each);
    if full { folder::kept_file(folder, number + 1) } else { newest }
}

/// Numbers of exchanges, so many at most; the oldest go first.
#[derive(Default)]
struct Ids {
    ids: HashSet<u64>,
    order: VecDeque<u64>,
}

impl Ids {
    fn add(&mut self, id: u64, most: usize) {
        if self.ids.insert(id) {
            self.order.push_back(id);
        }
        while self.order.len() > most {
            let Some(oldest) = self.order.pop_front() else { return };
            self.ids.remove(&oldest);
        }
    }
}

/// Whole lines of UTF-8; a file that is not there has none.
fn for_each_line(path: &Path, mut take: impl FnMut(&str)) -> io::Result<()> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut lines = BufReader::new(file);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        if let Some(text) = line.strip_suffix(b"\n").and_then(|line| std::str::from_utf8(line).ok()) {
            take(text);
        }
        line.clear();
    }
    Ok(())
}

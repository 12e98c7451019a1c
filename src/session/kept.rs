//! Failures and what led up to them: when an old journal goes, these lines of it stay, in files of their own.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use super::folder::{self, private};
use crate::output::journal;

/// Of the last so many exchanges it is remembered whether they are worth keeping, in a bit each.
const MARKED: u64 = 1 << 20;
/// Bits that stand together.
const WORD: u64 = 64;
/// Of exchanges that gave a token or a code, and that no failure names yet, the last so many are kept.
const SOURCES: usize = 100;
/// Longer lines are no answer with a token, in bytes.
const SOURCE: usize = 8 * 1024;

/// Which exchanges are worth keeping.
#[derive(Default)]
pub(super) struct Kept {
    marked: Marks,
    sources: VecDeque<u64>,
}

impl Kept {
    /// A failure and the exchanges that it names.
    pub fn mark(&mut self, story: &[u64]) {
        story.iter().for_each(|id| self.marked.add(*id));
    }

    /// An exchange that later failures may name: it gave what they used in vain.
    pub fn mark_source(&mut self, id: u64, line: &str) {
        if line.len() > SOURCE || self.sources.contains(&id) {
            return;
        }
        if self.sources.len() == SOURCES {
            self.sources.pop_front();
        }
        self.sources.push_back(id);
    }

    /// Whether a line is kept. Exchanges that are not are added to `gone`.
    fn wants(&self, line: &str, gone: &mut Vec<u64>) -> bool {
        let has = |id: &u64| self.marked.has(*id) || self.sources.contains(id);
        let exchange = |id: u64, gone: &mut Vec<u64>| {
            gone.extend(Some(id).filter(|id| !has(id)));
            has(&id)
        };
        // Most lines are an exchange's that goes: there is no need to read all of it.
        if let Some(id) = journal::number(line) {
            return exchange(id, gone);
        }
        match journal::read(line) {
            journal::Line::Exchange(read) => exchange(read.exchange, gone),
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
            if line.starts_with(journal::HEAD_BEGINS) {
                head = Some(line.to_owned());
            } else if self.wants(line, &mut gone) {
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

/// A bit for each of the last exchanges, by its number.
#[derive(Default)]
struct Marks {
    bits: Vec<u64>,
    /// The highest number that was added.
    newest: u64,
}

impl Marks {
    fn add(&mut self, id: u64) {
        self.bits.resize(Self::place(MARKED), 0);
        // What comes round takes the places of the oldest.
        let (before, now) = (self.newest / WORD, id / WORD);
        for word in (before + 1..=now).take(self.bits.len()) {
            self.set(word * WORD, |_| 0);
        }
        self.newest = self.newest.max(id);
        if self.is_near(id) {
            self.set(id, |word| word | 1 << (id % WORD));
        }
    }

    fn has(&self, id: u64) -> bool {
        let word = self.bits.get(Self::place(id % MARKED)).copied().unwrap_or_default();
        self.is_near(id) && word >> (id % WORD) & 1 == 1
    }

    /// Places are given by whole words, so the last word's worth is none of the oldest's any more.
    fn is_near(&self, id: u64) -> bool {
        id <= self.newest && self.newest / WORD - id / WORD < MARKED / WORD
    }

    fn set(&mut self, id: u64, to: impl Fn(u64) -> u64) {
        if let Some(word) = self.bits.get_mut(Self::place(id % MARKED)) {
            *word = to(*word);
        }
    }

    fn place(id: u64) -> usize {
        usize::try_from(id / WORD).unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_numbers_are_remembered_and_no_others() {
        let mut marks = Marks::default();
        assert!(!marks.has(0) && !marks.has(7));
        for id in [7, 3, 64, 70_000] {
            marks.add(id);
        }
        let marked = (0..80_000).filter(|id| marks.has(*id)).collect::<Vec<_>>();
        assert_eq!(marked, [3, 7, 64, 70_000]);
        // A round later their places are others'.
        marks.add(MARKED + 5);
        assert!(marks.has(MARKED + 5) && marks.has(64) && marks.has(70_000));
        assert!(!marks.has(3) && !marks.has(7) && !marks.has(MARKED + 7), "overwritten");
        marks.add(7);
        assert!(!marks.has(7) && !marks.has(MARKED + 7), "too old");
        // Many rounds later.
        marks.add(50 * MARKED);
        assert!(marks.has(50 * MARKED) && !marks.has(70_000) && !marks.has(49 * MARKED + 70_000));
        assert_eq!(marks.bits.len() as u64 * WORD, MARKED);
    }

    #[test]
    fn the_last_exchanges_that_gave_a_token_are_kept() {
        let mut kept = Kept::default();
        let most = SOURCES as u64;
        (0..=most).chain([most]).for_each(|id| kept.mark_source(id, "short"));
        kept.mark_source(most + 1, &"long".repeat(SOURCE));
        assert_eq!(kept.sources, (1..=most).collect::<VecDeque<_>>());
    }
}

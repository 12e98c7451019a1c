//! Failures and what led up to them: when an old journal goes, these lines of it stay.

use std::collections::{HashSet, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use super::folder::private;
use crate::output::journal;

pub(super) const FILE: &str = "kept.jsonl";
const NEXT: &str = "kept.jsonl.next";
/// Exchanges are remembered as worth keeping up to this many; the oldest are forgotten first.
const MARKED: usize = 100_000;

/// Which exchanges are worth keeping.
#[derive(Default)]
pub(super) struct Kept {
    ids: HashSet<u64>,
    order: VecDeque<u64>,
}

impl Kept {
    pub fn mark(&mut self, story: &[u64]) {
        for id in story {
            if self.ids.insert(*id) {
                self.order.push_back(*id);
            }
        }
        while self.order.len() > MARKED {
            let Some(oldest) = self.order.pop_front() else { return };
            self.ids.remove(&oldest);
        }
    }

    fn wants(&self, line: &str) -> bool {
        match journal::read(line) {
            journal::Line::Exchange(read) => self.ids.contains(&read.exchange),
            journal::Line::Told(told) => told.story().iter().any(|id| self.ids.contains(id)),
            journal::Line::Head(_) | journal::Line::Unknown => false,
        }
    }

    /// Adds the lines worth keeping of a journal that is about to go; what was kept before makes room from its start.
    /// The file is exchanged as a whole, so that a crash leaves the old one or the new one.
    pub fn rescue(&self, folder: &Path, old: &Path, limit: u64) -> io::Result<()> {
        let (kept, next) = (folder.join(FILE), folder.join(NEXT));
        let new = self.count(old)?;
        let before = fs::metadata(&kept).map_or(0, |metadata| metadata.len());
        let mut passed_over = (before + new).saturating_sub(limit);
        let mut out = BufWriter::new(private(OpenOptions::new().create(true).write(true).truncate(true)).open(&next)?);
        for (path, all) in [(kept.as_path(), true), (old, false)] {
            // The line that says which run it was comes before the first line that is kept of it.
            let mut head = None;
            for_each_line(path, |line| {
                if let journal::Line::Head(_) = journal::read(line) {
                    head = Some(line.to_owned());
                    return Ok(());
                }
                let length = line.len() as u64 + 1;
                if !all && !self.wants(line) {
                    return Ok(());
                }
                if passed_over > 0 {
                    passed_over = passed_over.saturating_sub(length);
                    return Ok(());
                }
                for line in head.take().iter().map(String::as_str).chain([line]) {
                    out.write_all(line.as_bytes())?;
                    out.write_all(b"\n")?;
                }
                Ok(())
            })?;
        }
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_data()?;
        fs::rename(next, kept)
    }

    /// Bytes of the lines worth keeping.
    fn count(&self, path: &Path) -> io::Result<u64> {
        let mut bytes = 0;
        for_each_line(path, |line| {
            bytes += if self.wants(line) { line.len() as u64 + 1 } else { 0 };
            Ok(())
        })?;
        Ok(bytes)
    }
}

/// Whole lines of UTF-8; a file that is not there has none.
fn for_each_line(path: &Path, mut take: impl FnMut(&str) -> io::Result<()>) -> io::Result<()> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut lines = BufReader::new(file);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        if let Some(text) = line.strip_suffix(b"\n").and_then(|line| std::str::from_utf8(line).ok()) {
            take(text)?;
        }
        line.clear();
    }
    Ok(())
}

//! How far the reading of large files has come, on standard error, for people only.

use std::cell::RefCell;
use std::io::{self, IsTerminal, Read, Write};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Below this many bytes the reading is done before a bar is read.
const WORTH_IT: u64 = 20_000_000;
/// Between two drawings.
const PAUSE: Duration = Duration::from_millis(100);

/// A bar over several files; does nothing where nobody would look at it.
#[derive(Clone)]
pub struct Progress(Option<Rc<RefCell<State>>>);

struct State {
    whole: u64,
    read: u64,
    drawn: Instant,
}

impl Progress {
    /// Over these files, if they are large and standard error is a terminal.
    pub fn over(files: &[PathBuf]) -> Progress {
        let size = |path: &PathBuf| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        let whole = files.iter().map(size).sum();
        let wanted = whole >= WORTH_IT && io::stderr().is_terminal();
        Progress(wanted.then(|| Rc::new(RefCell::new(State { whole, read: 0, drawn: Instant::now() }))))
    }

    /// The same bytes, counted.
    pub fn watch<R: Read>(&self, from: R) -> Watched<R> {
        Watched { from, progress: self.clone() }
    }

    /// Counts bytes that were read.
    pub fn advance(&self, bytes: usize) {
        let Some(state) = &self.0 else { return };
        let mut state = state.borrow_mut();
        state.read += bytes as u64;
        if state.drawn.elapsed() >= PAUSE {
            state.drawn = Instant::now();
            draw(&bar(state.read, state.whole));
        }
    }

    /// Takes the bar away, until it is drawn again.
    pub fn clear(&self) {
        if self.is_shown() {
            draw("\r\x1b[K");
        }
    }

    pub fn is_shown(&self) -> bool {
        self.0.is_some()
    }
}

/// A reader that tells how far it is.
pub struct Watched<R> {
    from: R,
    progress: Progress,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(into)?;
        self.progress.advance(read);
        Ok(read)
    }
}

fn draw(text: &str) {
    let mut out = io::stderr().lock();
    write!(out, "{text}").and_then(|()| out.flush()).unwrap_or_default();
}

/// `\r[######              ]  30 %  150 of 500 MB`
fn bar(read: u64, whole: u64) -> String {
    const WIDTH: u64 = 20;
    let read = read.min(whole);
    let part = |of: u64| read.saturating_mul(of) / whole.max(1);
    let full = "#".repeat(usize::try_from(part(WIDTH)).unwrap_or_default());
    format!("\r[{full:<20}] {:>3} %  {} of {} MB", part(100), read / 1_000_000, whole / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_shows_how_far_it_is() {
        assert_eq!(bar(150_000_000, 500_000_000), "\r[######              ]  30 %  150 of 500 MB");
        assert!(bar(7, 0).contains("  0 %") && bar(9, 3).contains("100 %"));
    }

    #[test]
    fn small_files_have_no_bar() {
        assert!(Progress::over(&[]).0.is_none());
        let mut read = Vec::new();
        Progress(None).watch(&b"abc"[..]).read_to_end(&mut read).unwrap();
        assert_eq!(read, b"abc");
    }
}

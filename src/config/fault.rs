//! A fault of the configuration, at the place where it was written.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// One thing that is wrong, with what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub place: Place,
    pub says: String,
}

/// Where a setting was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A flag, by its name: `--listen`.
    Flag(String),
    /// A variable of the environment.
    Variable(String),
    /// Bytes of a file.
    File { path: PathBuf, text: Arc<str>, span: Range<usize> },
    /// A file as a whole: it cannot be read.
    WholeFile(PathBuf),
}

impl Place {
    /// Line and column of a place in a file, both from 1, the column in characters.
    pub fn line_and_column(&self) -> Option<(usize, usize)> {
        let Place::File { text, span, .. } = self else { return None };
        let before = text.get(..span.start).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Some((line, column))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Flag(name) => write!(f, "error: {name}: {}", self.says),
            Place::Variable(name) => write!(f, "error: {name}: {}", self.says),
            Place::WholeFile(path) => write!(f, "error: {}: {}", path.display(), self.says),
            Place::File { path, text, span } => {
                let (line, column) = self.place.line_and_column().unwrap_or((1, 1));
                writeln!(f, "error: {}", self.says)?;
                let source = without_password(&text.lines().nth(line - 1).unwrap_or_default().replace('\t', " "));
                let gutter = " ".repeat(line.to_string().len());
                let marked =
                    without_password(text.get(span.clone()).unwrap_or_default().lines().next().unwrap_or_default());
                let carets = "^".repeat(marked.chars().count().max(1));
                writeln!(f, "{gutter}--> {}:{line}:{column}", path.display())?;
                writeln!(f, "{gutter} |")?;
                writeln!(f, "{line} | {source}")?;
                write!(f, "{gutter} | {}{carets}", " ".repeat(column - 1))
            }
        }
    }
}

/// A line as it may be shown: what stands before the `@` of a URL is left out.
fn without_password(line: &str) -> String {
    match (line.split_once("://"), line.rsplit_once('@')) {
        (Some((scheme, _)), Some((before, host))) if before.len() > scheme.len() => format!("{scheme}://***@{host}"),
        _ => line.to_owned(),
    }
}

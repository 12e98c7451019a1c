//! The transcripts of cause pages: exchanges as lines, with what must be found in each (docs/causes).
//!
//! ```text
//! @ 10:35:00 +1 day https://dev1.service-now.com client=b via=reverse took=1.5s
//! > GET /api/now/table/incident HTTP/1.1
//! > Host: dev1.service-now.com
//! < HTTP/1.1 401 Unauthorized          or:  * failed PHASE KIND [detail] | * abandoned | * refused PROBLEM OFFSET
//! <
//! < {"error":{}}
//! = token-expired proven               in that grade, and first        ~ cause [grade]   in the list
//! ! token-revoked                      must not be found               ! *               nothing is found
//! ```
//! An empty `>` or `<` line ends a head; body lines are joined by line feeds. `\xHH` is a byte, `\\x` a backslash and x.
//! Blank lines and lines that start with `#` are skipped.

mod draft;
mod opening;

use std::fmt;

use crate::model::{Exchange, Grade};

use draft::Draft;
use opening::Clients;

/// The exchanges of one block, in order.
#[derive(Clone, Default)]
pub struct Transcript {
    pub steps: Vec<Step>,
}

/// One exchange and what is expected of its diagnosis.
#[derive(Clone)]
pub struct Step {
    pub exchange: Exchange,
    pub expectations: Vec<Expectation>,
    /// Line of the `@`, from 1.
    pub line: usize,
}

/// What must be found, or must not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// `= cause grade`: in that grade, and first in the list.
    First { cause: String, grade: Grade },
    /// `~ cause [grade]`: anywhere in the list, in that grade where one is named.
    Listed { cause: String, grade: Option<Grade> },
    /// `! cause`: not in the list.
    Absent { cause: String },
    /// `! *`: no finding at all.
    Nothing,
}

/// What is wrong with a transcript, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TranscriptError {
    /// Line of the block, from 1.
    pub line: usize,
    pub what: String,
}

impl fmt::Display for TranscriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for TranscriptError {}

/// Reads one block. Exchanges are numbered from 1; the first fault ends the reading.
pub fn parse(text: &str) -> Result<Transcript, TranscriptError> {
    let mut reader = Reader::default();
    for (at, line) in text.lines().enumerate() {
        // The lines of the exchange before are put together when the next one opens: its faults have its own line.
        if line.starts_with('@') {
            reader.close()?;
        }
        reader.take(at + 1, line).map_err(|what| TranscriptError { line: at + 1, what })?;
    }
    reader.close()?;
    if reader.transcript.steps.is_empty() {
        return Err(TranscriptError {
            line: 1,
            what: String::from("no exchange: expected a line `@ HH:MM:SS ORIGIN`"),
        });
    }
    Ok(reader.transcript)
}

#[derive(Default)]
struct Reader {
    transcript: Transcript,
    clients: Clients,
    draft: Option<Draft>,
}

impl Reader {
    fn take(&mut self, number: usize, line: &str) -> Result<(), String> {
        let Some(mark) = line.chars().next().filter(|mark| *mark != '#' && !line.trim().is_empty()) else {
            return Ok(());
        };
        let rest = line.get(mark.len_utf8()..).unwrap_or_default();
        match mark {
            '@' => self.open(number, rest),
            '>' | '<' | '*' => self.draft(mark)?.take(mark, rest),
            '=' | '~' | '!' => {
                let expectation = expectation(mark, rest)?;
                self.draft(mark)?.expectations.push(expectation);
                Ok(())
            }
            _ => Err(format!("expected a line that starts with one of @ > < * = ~ !, found `{mark}`")),
        }
    }

    fn draft(&mut self, mark: char) -> Result<&mut Draft, String> {
        self.draft.as_mut().ok_or_else(|| format!("a `{mark}` line before the first `@ HH:MM:SS ORIGIN`"))
    }

    fn open(&mut self, number: usize, rest: &str) -> Result<(), String> {
        let before = self.transcript.steps.last().map(|step| step.exchange.at);
        let opening = opening::read(rest, before, &mut self.clients)?;
        self.draft = Some(Draft::new(number, opening));
        Ok(())
    }

    /// The exchange under way becomes a step.
    fn close(&mut self) -> Result<(), TranscriptError> {
        let Some(draft) = self.draft.take() else { return Ok(()) };
        let id = self.transcript.steps.len() as u64 + 1;
        self.transcript.steps.push(draft.finish(id)?);
        Ok(())
    }
}

fn expectation(mark: char, rest: &str) -> Result<Expectation, String> {
    let mut words = rest.split_whitespace();
    let cause = words.next().ok_or_else(|| format!("expected a cause after `{mark}`"))?.to_owned();
    let grade = words.next().map(grade).transpose()?;
    if let Some(more) = words.next() {
        return Err(format!("`{more}` is too much: expected a cause and a grade"));
    }
    match (mark, grade) {
        ('=', Some(grade)) => Ok(Expectation::First { cause, grade }),
        ('=', None) => Err(format!("expected a grade after `= {cause}`: proven, likely or possible")),
        ('~', grade) => Ok(Expectation::Listed { cause, grade }),
        (_, Some(_)) => Err(format!("`! {cause}` takes no grade")),
        (_, None) if cause == "*" => Ok(Expectation::Nothing),
        (_, None) => Ok(Expectation::Absent { cause }),
    }
}

fn grade(word: &str) -> Result<Grade, String> {
    [Grade::Possible, Grade::Likely, Grade::Proven]
        .into_iter()
        .find(|grade| grade.as_str() == word)
        .ok_or_else(|| format!("`{word}` is no grade: expected proven, likely or possible"))
}

#[cfg(test)]
mod tests;

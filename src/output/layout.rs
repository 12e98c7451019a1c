//! Lines for a terminal: painted words, wrapped at blanks and aligned by columns. The last guard: whatever is put in,
//! no character comes out that a terminal obeys, but the colours and line ends made here.

use std::borrow::Cow;

use anstyle::{AnsiColor, Style as Ansi};
use unicode_width::UnicodeWidthStr;

use super::redact::clean;
use crate::model::Grade;

/// What a terminal can show, and how much is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Columns.
    pub width: usize,
    pub colour: bool,
    pub unicode: bool,
    /// Print the account of every suspect too.
    pub why: bool,
}

impl Style {
    /// For files and pipes: no colours.
    pub fn plain(width: usize) -> Style {
        Style { width, colour: false, unicode: true, why: false }
    }
}

/// Lines longer than this are hard to read, however wide the terminal is.
const WIDEST: usize = 120;
/// Narrower than this, lines run over.
const NARROWEST: usize = 40;

/// The part that a run of text plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    Plain,
    /// Beside the point: labels, names of causes, rules.
    Dim,
    Strong,
    /// A name to be typed or looked for.
    Code,
    /// An address: never broken.
    Link,
    Proven,
    Likely,
    Possible,
    Good,
}

impl Paint {
    /// The colour of a grade.
    pub fn of(grade: Grade) -> Paint {
        match grade {
            Grade::Proven => Paint::Proven,
            Grade::Likely => Paint::Likely,
            Grade::Possible => Paint::Possible,
        }
    }

    fn ansi(self) -> Ansi {
        let colour = |colour: AnsiColor| Ansi::new().fg_color(Some(colour.into()));
        match self {
            Paint::Plain => Ansi::new(),
            Paint::Dim => Ansi::new().dimmed(),
            Paint::Strong => Ansi::new().bold(),
            Paint::Code => colour(AnsiColor::Cyan),
            Paint::Link => Ansi::new().underline(),
            Paint::Proven => colour(AnsiColor::Red).bold(),
            Paint::Likely => colour(AnsiColor::Yellow).bold(),
            Paint::Possible => colour(AnsiColor::Blue).bold(),
            Paint::Good => colour(AnsiColor::Green).bold(),
        }
    }
}

/// Text in painted runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Runs(Vec<(Paint, String)>);

impl Runs {
    pub fn of(paint: Paint, text: impl Into<String>) -> Runs {
        Runs(vec![(paint, text.into())])
    }

    pub fn plain(text: impl Into<String>) -> Runs {
        Runs::of(Paint::Plain, text)
    }

    /// With more text; nothing is added for none.
    #[must_use]
    pub fn and(mut self, paint: Paint, text: impl Into<String>) -> Runs {
        let text = text.into();
        if !text.is_empty() {
            self.0.push((paint, text));
        }
        self
    }

    pub fn pieces(&self) -> &[(Paint, String)] {
        &self.0
    }

    #[must_use]
    pub fn join(mut self, other: Runs) -> Runs {
        self.0.extend(other.0);
        self
    }

    /// The same beside the point; names and addresses keep their paint.
    #[must_use]
    pub fn dimmed(mut self) -> Runs {
        self.0.iter_mut().filter(|(paint, _)| *paint == Paint::Plain).for_each(|(paint, _)| *paint = Paint::Dim);
        self
    }

    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|(_, text)| text.is_empty())
    }
}

/// Collects lines.
pub struct Sheet<'s> {
    style: &'s Style,
    out: String,
}

impl<'s> Sheet<'s> {
    pub fn new(style: &'s Style) -> Sheet<'s> {
        Sheet { style, out: String::new() }
    }

    /// The lines, each with its end.
    pub fn finish(self) -> String {
        self.out
    }

    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Without colours, back-ticks are what shows a name to be typed.
    pub fn keeps_ticks(&self) -> bool {
        !self.style.colour
    }

    pub fn width(&self) -> usize {
        self.style.width.clamp(NARROWEST, WIDEST)
    }

    /// One line, however long.
    pub fn line(&mut self, runs: &Runs) {
        let mut line: Vec<(Paint, String)> = Vec::new();
        for (paint, text) in self.shown(runs) {
            match line.last_mut() {
                Some((last, before)) if *last == paint => before.push_str(&text),
                _ => line.push((paint, text)),
            }
        }
        let last = line.iter().rposition(|(_, text)| !text.trim_end().is_empty()).map_or(0, |at| at + 1);
        for (at, (paint, text)) in line.iter().enumerate().take(last) {
            let text = if at + 1 == last { text.trim_end() } else { text };
            self.painted(*paint, text);
        }
        self.out.push('\n');
    }

    pub fn blank(&mut self) {
        self.out.push('\n');
    }

    /// Text behind a label: the first line starts with the label, all text stands from column `hang` on.
    pub fn wrapped(&mut self, label: &Runs, hang: usize, text: &Runs) {
        let room = self.width().saturating_sub(hang).max(20);
        let mut column = self.measure(label);
        let mut line: Vec<(Paint, String)> = self.shown(label);
        let joined = label_ends_with_a_blank(&line);
        if column > 0 && (column > hang || column == hang && !joined) {
            line.push((Paint::Plain, " ".into()));
            column += 1;
        }
        line.push((Paint::Plain, " ".repeat(hang.saturating_sub(column))));
        let rows = rows(self.shown(text), room);
        if rows.is_empty() && !label.is_empty() {
            self.line(label);
        }
        for (at, row) in rows.into_iter().enumerate() {
            if at > 0 {
                line = vec![(Paint::Plain, " ".repeat(hang))];
            }
            line.extend(row);
            self.line(&Runs(std::mem::take(&mut line)));
        }
    }

    /// The runs as they will be printed: odd characters escaped, and in plain ASCII where that is all there is.
    fn shown(&self, runs: &Runs) -> Vec<(Paint, String)> {
        let fit =
            |text: &str| if self.style.unicode { clean(text).into_owned() } else { ascii(&clean(text)).into_owned() };
        runs.pieces().iter().filter(|(_, text)| !text.is_empty()).map(|(paint, text)| (*paint, fit(text))).collect()
    }

    fn painted(&mut self, paint: Paint, text: &str) {
        if self.style.colour && paint != Paint::Plain {
            let ansi = paint.ansi();
            self.out.push_str(&format!("{}{text}{}", ansi.render(), ansi.render_reset()));
        } else {
            self.out.push_str(text);
        }
    }

    /// How wide runs will be in one line.
    pub fn measure(&self, runs: &Runs) -> usize {
        self.shown(runs).iter().map(|(_, text)| text.width()).sum()
    }

    /// How wide a text will be.
    pub fn columns(&self, text: &str) -> usize {
        if self.style.unicode { clean(text).width() } else { ascii(&clean(text)).width() }
    }
}

fn label_ends_with_a_blank(label: &[(Paint, String)]) -> bool {
    label.last().is_some_and(|(_, text)| text.ends_with(' '))
}

/// A word: runs without a blank in them.
type Word = Vec<(Paint, String)>;

/// Fills rows of at most `room` columns. Words that are longer stand alone; only addresses are not cut.
fn rows(runs: Vec<(Paint, String)>, room: usize) -> Vec<Vec<(Paint, String)>> {
    let mut rows: Vec<Vec<(Paint, String)>> = Vec::new();
    let mut row: Vec<(Paint, String)> = Vec::new();
    let mut column = 0;
    for word in words(runs).into_iter().flat_map(|word| cut(word, room)) {
        let width: usize = word.iter().map(|(_, text)| text.width()).sum();
        if column > 0 && column + 1 + width > room {
            rows.push(std::mem::take(&mut row));
            column = 0;
        }
        if column > 0 {
            // A blank between two words of one paint has that paint too: colours need fewer switches.
            let (left, right) = (row.last().map(|(paint, _)| *paint), word.first().map(|(paint, _)| *paint));
            row.push((left.filter(|_| left == right).unwrap_or(Paint::Plain), " ".into()));
            column += 1;
        }
        column += width;
        row.extend(word);
    }
    if !row.is_empty() {
        rows.push(row);
    }
    rows
}

/// Splits at blanks; several blanks count as one. A number stays with its unit.
fn words(runs: Vec<(Paint, String)>) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut open = false;
    for (paint, text) in runs {
        for (at, part) in text.split(' ').enumerate() {
            open &= at == 0;
            if part.is_empty() {
                continue;
            }
            let glued = !open && words.last().is_some_and(|word| belongs(word, part));
            match words.last_mut().filter(|_| open || glued) {
                Some(word) if glued => word.push((paint, format!(" {part}"))),
                Some(word) => word.push((paint, part.to_owned())),
                None => words.push(vec![(paint, part.to_owned())]),
            }
            open = true;
        }
    }
    words
}

/// `1799` and `s`, `exchange` and `11`: a line break between the two would be hard to read.
fn belongs(before: &Word, part: &str) -> bool {
    let Some((_, last)) = before.last() else { return false };
    let part = part.trim_end_matches(|c: char| c.is_ascii_punctuation());
    let unit = matches!(part, "s" | "ms" | "min" | "h") && last.ends_with(|c: char| c.is_ascii_digit());
    let number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    unit || number && last.trim_start_matches('(') == "exchange"
}

/// Cuts a word that is wider than the room into pieces, if it is one run that is no address.
fn cut(word: Word, room: usize) -> Vec<Word> {
    let [(paint, text)] = word.as_slice() else { return vec![word] };
    if *paint == Paint::Link || text.width() <= room || text.contains(' ') {
        return vec![word];
    }
    let mut pieces = vec![String::new()];
    for c in text.chars() {
        let full = pieces.last().is_none_or(|piece| piece.width() + 2 > room);
        if full {
            pieces.push(String::new());
        }
        if let Some(piece) = pieces.last_mut() {
            piece.push(c);
        }
    }
    pieces.into_iter().filter(|piece| !piece.is_empty()).map(|piece| vec![(*paint, piece)]).collect()
}

/// The same in ASCII: our own signs by their likes, other characters as escapes.
pub fn ascii(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_ascii() => out.push(c),
            '‹' => out.push('<'),
            '›' => out.push('>'),
            '…' => out.push_str("..."),
            '·' | '–' | '—' | '−' => out.push('-'),
            '→' => out.push_str("->"),
            '’' | '‘' => out.push('\''),
            '“' | '”' => out.push('"'),
            c => out.push_str(&format!("\\u{{{:x}}}", c as u32)),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
#[path = "layout_tests.rs"]
mod tests;

//! Evidence: the value as it was on the wire, a caret under the very bytes, and what they say.

use std::ops::Range;

use unicode_width::UnicodeWidthChar;

use super::layout::{Paint, Runs, Sheet};
use super::log::GUTTER;
use super::redact::{Found, Side};
use super::view::View;
use crate::model::{Evidence, Place};

/// Words of several lines stand beside a caret only in this much room, in columns.
const WIDE: usize = 48;
/// Words below a caret start under it where this much room is left.
const NARROW: usize = 32;
/// Evidence beyond this many pieces is not read.
const PIECES: usize = 6;

/// All evidence of a finding; pieces at one place share its line. What was `told` just above in the same words is not
/// told again; its line is shown.
pub(super) fn write(sheet: &mut Sheet<'_>, view: &View<'_>, evidence: &[Evidence], told: &str) {
    let mut before: Option<(&Place, usize)> = None;
    let mut window = Window::default();
    let told = told.to_lowercase();
    let told =
        |piece: &Evidence| !matches!(piece.place, Place::Exchange(_)) && told.contains(&piece.says.to_lowercase());
    for piece in evidence.iter().take(PIECES) {
        let at = piece.span.as_ref().map_or(0, |span| span.start);
        let Some(found) = view.door.found(view.told.exchange, &piece.place, at) else {
            if told(piece) {
                continue;
            }
            sheet.wrapped(&Runs::of(Paint::Dim, format!("{:>9} ", "·")), GUTTER, &says(view, piece));
            before = None;
            continue;
        };
        let columns = piece.span.as_ref().map(|span| columns(&found, span));
        if before != Some((&piece.place, found.offset)) || columns.as_ref().is_some_and(|c| !window.shows(c)) {
            window =
                Window::around(&found.shown.text(), columns.clone().unwrap_or(0..1), room(sheet), |c| width(sheet, c));
            let sign = if found.side == Side::Request { ">" } else { "<" };
            sheet.line(&Runs::of(Paint::Dim, format!("{sign:>9} ")).and(Paint::Strong, window.text.clone()));
        }
        match columns {
            Some(columns) => caret(sheet, &window, columns, &says(view, piece)),
            None if told(piece) => {}
            None => sheet.wrapped(&Runs::default(), GUTTER + 2, &says(view, piece)),
        }
        before = Some((&piece.place, found.offset));
    }
}

fn says(view: &View<'_>, piece: &Evidence) -> Runs {
    let says = view.door.words(&piece.says);
    match piece.place {
        Place::Exchange(id) if !says.contains(&format!("exchange {id}")) => {
            Runs::plain(format!("exchange {id}: {says}"))
        }
        _ => Runs::plain(says),
    }
}

fn room(sheet: &Sheet<'_>) -> usize {
    sheet.width().saturating_sub(GUTTER)
}

/// Columns of the span in the shown text.
fn columns(found: &Found, span: &Range<usize>) -> Range<usize> {
    found.shown.columns(&(span.start.saturating_sub(found.offset)..span.end.saturating_sub(found.offset)))
}

fn width(sheet: &Sheet<'_>, c: char) -> usize {
    if c.is_ascii() { 1 } else { sheet.columns(c.encode_utf8(&mut [0; 4])).max(c.width().unwrap_or(0)) }
}

/// The carets, and the words: beside them where they fit there in one line or the place is wide, else below.
fn caret(sheet: &mut Sheet<'_>, window: &Window, columns: Range<usize>, says: &Runs) {
    let (start, end) = window.place(&columns);
    let carets = Runs::plain(" ".repeat(GUTTER + start)).and(Paint::Likely, "^".repeat((end - start).max(1)));
    let beside = GUTTER + end.max(start + 1) + 1;
    let room = sheet.width().saturating_sub(beside);
    if room >= sheet.measure(says) || room >= WIDE {
        return sheet.wrapped(&carets.and(Paint::Plain, " "), beside, says);
    }
    sheet.line(&carets);
    let below = if sheet.width() >= GUTTER + start + NARROW { GUTTER + start } else { GUTTER + 2 };
    sheet.wrapped(&Runs::default(), below, says);
}

/// The part of a long value that is shown.
#[derive(Default)]
struct Window {
    text: String,
    /// Columns of the whole value that are in it.
    columns: Range<usize>,
    /// Columns that the cut at the start takes.
    lead: usize,
    /// Columns that there are.
    room: usize,
}

impl Window {
    /// As much of the text around the columns as the room allows, cuts marked with `…`.
    fn around(text: &str, columns: Range<usize>, room: usize, width: impl Fn(char) -> usize) -> Window {
        let total: usize = text.chars().map(&width).sum();
        if total <= room {
            return Window { text: text.to_owned(), columns: 0..total.max(columns.end), lead: 0, room };
        }
        // A third of the room goes to what stands before the caret.
        let start = if columns.end <= room.saturating_sub(1) { 0 } else { columns.start.saturating_sub(room / 3) };
        let lead = usize::from(start > 0);
        let mut shown = String::from(if start > 0 { "…" } else { "" });
        let mut at = 0;
        let mut end = start;
        for c in text.chars() {
            let next = at + width(c);
            if at >= start && next - start + lead < room {
                shown.push(c);
                end = next;
            }
            at = next;
        }
        if end < total {
            shown.push('…');
        }
        Window { text: shown, columns: start..end, lead, room }
    }

    fn shows(&self, columns: &Range<usize>) -> bool {
        columns.start >= self.columns.start && columns.start < self.columns.end
    }

    /// Columns of the caret in the window.
    fn place(&self, columns: &Range<usize>) -> (usize, usize) {
        let shift = |column: usize| column.saturating_sub(self.columns.start) + self.lead;
        let start = shift(columns.start).min(self.room.saturating_sub(1));
        (start, shift(columns.end.min(self.columns.end.max(columns.start + 1))).max(start + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(text: &str, columns: Range<usize>, room: usize) -> (String, (usize, usize)) {
        let window = Window::around(text, columns.clone(), room, |_| 1);
        let place = window.place(&columns);
        (window.text, place)
    }

    #[test]
    fn a_short_value_is_shown_whole() {
        assert_eq!(around("abcdef", 2..4, 10), ("abcdef".into(), (2, 4)));
        assert_eq!(around("abcdef", 6..7, 10), ("abcdef".into(), (6, 7)));
    }

    #[test]
    fn a_long_value_is_cut_around_the_caret() {
        let text: String = ('a'..='z').collect();
        assert_eq!(around(&text, 2..4, 10), ("abcdefghi…".into(), (2, 4)));
        let (shown, (start, end)) = around(&text, 20..22, 10);
        assert_eq!(shown, "…rstuvwxy…");
        assert_eq!(shown.chars().skip(start).take(end - start).collect::<String>(), "uv");
        let (shown, (start, _)) = around(&text, 25..26, 10);
        assert_eq!((shown.as_str(), shown.chars().nth(start)), ("…wxyz", Some('z')));
    }

    #[test]
    fn a_span_longer_than_the_room_ends_with_it() {
        let text: String = ('a'..='z').collect();
        assert_eq!(around(&text, 3..26, 10), ("abcdefghi…".into(), (3, 9)));
        assert_eq!(around(&text, 5..26, 10), ("…cdefghij…".into(), (4, 9)));
    }
}

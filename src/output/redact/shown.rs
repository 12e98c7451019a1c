//! A value as it may be shown, and where each of its bytes went: a caret can stand under the very bytes.

use std::ops::Range;

use unicode_width::UnicodeWidthStr;

use super::clean::{escape, escape_byte, is_odd};
use super::secret::Writing;

/// Bytes of a value that are replaced by `text`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub range: Range<usize>,
    pub text: String,
    /// The secret itself, decoded: to find it again elsewhere. Several where it may be read in several ways, none where it
    /// is too short or too plain for that.
    pub secrets: Vec<Vec<u8>>,
    /// How the marked bytes are written.
    pub writing: Writing,
    /// The marked bytes have marks of their own: this one is for what is known of them as a whole.
    pub aside: bool,
}

impl Mark {
    /// What was known from elsewhere.
    pub fn known(range: Range<usize>, text: String) -> Mark {
        Mark { range, text, secrets: Vec::new(), writing: Writing::Plain, aside: false }
    }

    /// The same mark, for a value that starts `by` bytes further on.
    pub fn moved(self, by: usize) -> Mark {
        Mark { range: self.range.start + by..self.range.end + by, ..self }
    }
}

/// A value, safe to print.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Shown {
    pieces: Vec<Piece>,
}

/// Bytes of the value and the text that stands for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    pub source: Range<usize>,
    pub text: String,
    pub kind: PieceKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PieceKind {
    /// The bytes themselves.
    Plain,
    /// An escape of an odd byte or character.
    Escape,
    /// The shape of a secret.
    Shape,
}

impl Shown {
    /// The value with the marked ranges replaced and everything else cleaned. Where marks overlap, every marked byte is
    /// replaced; what lies outside of the value is nothing.
    pub(super) fn new(value: &[u8], mut marks: Vec<Mark>) -> Shown {
        marks.retain(|mark| !mark.aside);
        marks.sort_by_key(|mark| (mark.range.start, std::cmp::Reverse(mark.range.end)));
        let mut shown = Shown::default();
        let mut at = 0;
        for mark in marks {
            let source = mark.range.start.max(at)..mark.range.end.min(value.len());
            if source.is_empty() {
                continue;
            }
            shown.plain(value.get(at..source.start).unwrap_or_default(), at);
            at = source.end;
            shown.pieces.push(Piece { source, text: mark.text, kind: PieceKind::Shape });
        }
        shown.plain(value.get(at..).unwrap_or_default(), at);
        shown
    }

    /// Puts a name before the value; offsets still count from the value's first byte.
    pub fn after(mut self, name: &str) -> Shown {
        let text = super::clean(name).into_owned();
        self.pieces.insert(0, Piece { source: 0..0, text, kind: PieceKind::Plain });
        self
    }

    pub fn text(&self) -> String {
        self.pieces.iter().map(|piece| piece.text.as_str()).collect()
    }

    /// Columns (terminal cells from 0) of the text that stands for the bytes of `span`; an empty span, or one at the
    /// end of the value, has one column.
    pub fn columns(&self, span: &Range<usize>) -> Range<usize> {
        let (mut start, mut end, mut column) = (None, 0, 0);
        for piece in &self.pieces {
            let width = piece.text.width();
            let inside = piece.source.start.max(span.start)..piece.source.end.min(span.end.max(span.start + 1));
            if inside.start < inside.end {
                let (from, to) = piece.columns(&inside);
                start.get_or_insert(column + from);
                end = column + to;
            }
            column += width;
        }
        let start = start.unwrap_or(column);
        start..end.max(start + 1)
    }

    fn plain(&mut self, bytes: &[u8], start: usize) {
        let mut at = start;
        for chunk in bytes.utf8_chunks() {
            let mut rest = chunk.valid();
            while let Some(c) = rest.chars().next() {
                let length = rest.char_indices().find(|(_, c)| is_odd(*c)).map_or(rest.len(), |(odd, _)| odd);
                let (run, after) = rest.split_at(if length > 0 { length } else { c.len_utf8() });
                let source = at..at + run.len();
                at = source.end;
                rest = after;
                if length > 0 { self.plain_run(source, run) } else { self.escaped(source, |out| escape(c, out)) }
            }
            for byte in chunk.invalid() {
                self.escaped(at..at + 1, |out| escape_byte(*byte, out));
                at += 1;
            }
        }
    }

    /// Two runs never meet: a shape or an escape stands between them.
    fn plain_run(&mut self, source: Range<usize>, run: &str) {
        self.pieces.push(Piece { source, text: run.into(), kind: PieceKind::Plain });
    }

    fn escaped(&mut self, source: Range<usize>, write: impl FnOnce(&mut String)) {
        let mut text = String::new();
        write(&mut text);
        self.pieces.push(Piece { source, text, kind: PieceKind::Escape });
    }
}

impl Piece {
    /// Columns within the piece for bytes within its source: exact in plain text. Of a replaced piece the whole, but
    /// its first or last column alone where the bytes are only at that end: a caret can point at where something is
    /// missing.
    fn columns(&self, inside: &Range<usize>) -> (usize, usize) {
        let all = self.text.width();
        let width = |offset: usize| self.text.get(..offset - self.source.start).map(UnicodeWidthStr::width);
        match (self.kind, width(inside.start), width(inside.end)) {
            (PieceKind::Plain, Some(from), Some(to)) if to > from => (from, to),
            _ if inside.len() * 4 > self.source.len() => (0, all),
            _ if inside.start == self.source.start => (0, 1),
            _ if inside.end == self.source.end => (all.saturating_sub(1), all),
            _ => (0, all),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(range: Range<usize>, text: &str) -> Mark {
        Mark::known(range, text.into())
    }

    #[test]
    fn columns_follow_replacements_and_escapes() {
        let shown = Shown::new(b"Bearer abcdef\t!", vec![mark(7..13, "<6 chars>")]);
        assert_eq!(shown.text(), "Bearer <6 chars>\\t!");
        assert_eq!(shown.columns(&(7..13)), 7..16);
        assert_eq!(shown.columns(&(9..10)), 7..16);
        assert_eq!(shown.columns(&(7..8)), 7..8);
        assert_eq!(shown.columns(&(12..13)), 15..16);
        assert_eq!(shown.columns(&(13..14)), 16..18);
        assert_eq!(shown.columns(&(0..6)), 0..6);
        assert_eq!(shown.columns(&(14..15)), 18..19);
        assert_eq!(shown.columns(&(6..7)), 6..7);
        assert_eq!(Shown::new(b"ab1234", vec![mark(2..6, "<4 chars>")]).columns(&(2..3)), 2..3, "a quarter is an end");
    }

    #[test]
    fn columns_at_the_end_and_of_nothing_are_one_wide() {
        let shown = Shown::new(b"ab", Vec::new());
        assert_eq!(shown.columns(&(2..2)), 2..3);
        assert_eq!(shown.columns(&(1..1)), 1..2);
        assert_eq!(shown.columns(&(90..95)), 2..3);
        assert_eq!(Shown::default().columns(&(0..0)), 0..1);
    }

    #[test]
    fn wide_and_broken_characters_keep_their_columns() {
        let shown = Shown::new("日本x".as_bytes(), Vec::new());
        assert_eq!(shown.columns(&(3..6)), 2..4);
        assert_eq!(shown.columns(&(6..7)), 4..5);
        let shown = Shown::new(b"a\xffb", Vec::new());
        assert_eq!((shown.text().as_str(), shown.columns(&(1..2))), ("a\\xffb", 1..5));
    }

    #[test]
    fn every_marked_byte_is_replaced_even_where_marks_overlap() {
        let shown = Shown::new(b"abcdefgh", vec![mark(1..4, "#"), mark(2..3, "!"), mark(3..5, "+"), mark(6..9, "?")]);
        assert_eq!(shown.text(), "a#+f?");
        assert_eq!(Shown::new(b"ab", vec![mark(5..9, "?")]).text(), "ab");
    }

    #[test]
    fn a_name_does_not_move_the_bytes() {
        let shown = Shown::new(b"abc", Vec::new()).after("code=");
        assert_eq!((shown.text().as_str(), shown.columns(&(0..1))), ("code=abc", 5..6));
    }
}

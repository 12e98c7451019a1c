//! One text: its marks exchanged for stand-ins, then whatever is known from elsewhere.

use std::ops::Range;

use super::{Rule, Work};
use super::{pkce, stand_in};
use crate::model::lossy;
use crate::output::redact::secret::{self, Writing};
use crate::output::redact::shown::Mark;
use crate::output::redact::written::Written;
use crate::output::redact::{body, form, text};

/// Texts inside of texts inside of texts: deeper than this nothing is looked for by structure.
const DEPTH: usize = 5;

/// What happens to a piece of a text.
enum Piece {
    Marked(Writing),
    Pkce(String),
}

impl Work<'_> {
    /// The text with its marks exchanged, and everything that is known.
    pub(super) fn marked(&mut self, value: &[u8], mut marks: Vec<Mark>, depth: usize) -> Vec<u8> {
        for mark in marks.iter().filter(|mark| mark.aside) {
            for secret in &mark.secrets {
                let other = self.maker.of(secret);
                self.known.learn(secret, &other);
            }
        }
        let mut pairs = pkce::pairs(&self.maker.salt, value);
        let meet =
            |pair: &pkce::Pair, mark: &Mark| pair.range.start < mark.range.end && mark.range.start < pair.range.end;
        marks.retain(|mark| !mark.aside);
        // What is more than a verifier is none.
        let more = |pair: &pkce::Pair, mark: &Mark| {
            meet(pair, mark) && (mark.range.start < pair.range.start || pair.range.end < mark.range.end)
        };
        pairs.retain(|pair| !marks.iter().any(|mark| more(pair, mark)));
        marks.retain(|mark| !pairs.iter().any(|pair| meet(pair, mark)));
        let pieces = marks.into_iter().map(|mark| (mark.range, Piece::Marked(mark.writing)));
        let pieces = pieces.chain(pairs.into_iter().map(|pair| (pair.range, Piece::Pkce(pair.stand_in))));
        let mut pieces: Vec<(Range<usize>, Piece)> = pieces.collect();
        pieces.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
        let mut out = Vec::with_capacity(value.len());
        let mut at = 0;
        for (range, piece) in pieces {
            let range = range.start.max(at)..range.end.min(value.len());
            let Some(raw) = value.get(range.clone()).filter(|raw| !raw.is_empty()) else { continue };
            out.extend_from_slice(value.get(at..range.start).unwrap_or_default());
            match piece {
                Piece::Marked(writing) => out.extend(self.exchanged(raw, writing, depth)),
                Piece::Pkce(stand_in) => {
                    self.known.learn(raw, stand_in.as_bytes());
                    self.note(Rule::Pkce, raw, stand_in.as_bytes());
                    out.extend_from_slice(stand_in.as_bytes());
                }
            }
            at = range.end;
        }
        out.extend_from_slice(value.get(at..).unwrap_or_default());
        match self.known.exchanged(&out) {
            Some(other) => {
                self.note(Rule::KnownElsewhere, &out, b"");
                other
            }
            None => out,
        }
    }

    /// A marked piece in its own writing.
    fn exchanged(&mut self, raw: &[u8], writing: Writing, depth: usize) -> Vec<u8> {
        if writing == Writing::Basic {
            return self.basic(raw);
        }
        let written = Written::new(raw, writing);
        let decoded = match writing {
            Writing::EncodedText | Writing::JsonText => self.text_of_any_kind(&written.decoded, depth + 1),
            _ => self.secret(&written.decoded, writing),
        };
        let out = written.respelt(raw, &decoded, writing);
        if writing == Writing::Encoded {
            self.learn_readings(raw, &out);
        }
        out
    }

    /// What was perhaps not meant to be encoded, or to have quotes around it.
    fn learn_readings(&mut self, raw: &[u8], other: &[u8]) {
        let decoded = |text: &[u8]| percent_encoding::percent_decode(text).collect::<Vec<u8>>();
        for (secret, other) in [(raw.to_vec(), other.to_vec()), (decoded(raw), decoded(other))] {
            let bare = secret::trimmed(&secret);
            self.known.learn(secret.get(bare.clone()).unwrap_or_default(), other.get(bare).unwrap_or_default());
            self.known.learn(&secret, &other);
        }
    }

    fn secret(&mut self, secret: &[u8], writing: Writing) -> Vec<u8> {
        if self.public.has(secret) {
            return secret.to_vec();
        }
        let other = self.maker.of(secret);
        match stand_in::signature(secret) {
            Some(signature) => {
                let start = other.len() - signature.len().min(other.len());
                self.known.learn(signature, other.get(start..).unwrap_or_default());
                self.note(Rule::JwtSignature, secret, &other);
            }
            None if other != secret => {
                self.learn_parts(secret, &other, writing);
                self.note(Rule::Name, secret, &other);
            }
            None => {}
        }
        other
    }

    /// What is left of a secret without quotes around it, a variable in it, percent-encoding that was not meant.
    fn learn_parts(&mut self, secret: &[u8], other: &[u8], writing: Writing) {
        self.learn_readings(secret, other);
        for part in secret::hidden(secret, if writing == Writing::Token { writing } else { Writing::Plain }) {
            if let (Some(secret), Some(other)) = (secret.get(part.clone()), other.get(part)) {
                self.known.learn(secret, other);
            }
        }
    }

    fn basic(&mut self, raw: &[u8]) -> Vec<u8> {
        let other = self.maker.basic_text(raw);
        let (old, new) = (crate::wire::basic::decode(raw), crate::wire::basic::decode(&other));
        self.known.learn(old.password(), new.password());
        self.learn_parts(old.password(), new.password(), Writing::Plain);
        self.known.learn(raw, &other);
        if raw != other {
            self.note(Rule::Basic, old.password(), new.password());
        }
        other
    }

    /// A text by what it looks like: JSON, markup, a form, a URL, or words.
    pub(super) fn text_of_any_kind(&mut self, value: &[u8], depth: usize) -> Vec<u8> {
        if depth > DEPTH {
            return self.marked(value, Vec::new(), depth);
        }
        self.marked(value, self.marks_of_any_kind(value), depth)
    }

    pub(super) fn marks_of_any_kind(&self, value: &[u8]) -> Vec<Mark> {
        if begins_as_url(value) { form::url(self.shaper, 0, value) } else { body::marks(self.shaper, value) }
    }

    /// Text of no structure.
    pub(super) fn plain_text(&mut self, value: &str) -> String {
        let marks = text::marks(self.shaper, 0, value.as_bytes());
        lossy(&self.marked(value.as_bytes(), marks, 0)).into_owned()
    }
}

/// Whether it begins with a scheme (RFC 3986 §3.1): a page or an object that begins with a link is none.
fn begins_as_url(value: &[u8]) -> bool {
    let value = value.trim_ascii_start();
    let scheme = value.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte)).count();
    scheme > 0 && value.get(scheme..).is_some_and(|rest| rest.starts_with(b"://"))
}

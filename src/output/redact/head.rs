//! Marks in a raw request head that HTTP could not parse: line by line, whatever the lines are.

use std::ops::Range;

use super::names::{FieldKind, field_kind};
use super::secret::{Shaper, Writing};
use super::shown::Mark;
use super::{form, text};

/// The lines of a head, without their ends.
pub(super) fn lines(head: &[u8]) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = head.get(at..).filter(|rest| !rest.is_empty())?;
        let length = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let start = at;
        at += length + 1;
        let end = start + length;
        Some(start..end - usize::from(head.get(start..end).is_some_and(|line| line.ends_with(b"\r"))))
    })
}

/// Marks in the whole head.
pub(super) fn marks(shaper: Shaper<'_>, head: &[u8]) -> Vec<Mark> {
    let mut marks = Vec::new();
    let mut after_secret = false;
    for (number, line) in lines(head).enumerate() {
        let bytes = head.get(line.clone()).unwrap_or_default();
        if number == 0 {
            marks.extend(form::url(shaper, line.start, bytes));
            marks.extend(form::in_first_line(shaper, line.start, bytes));
            continue;
        }
        let (name, from) = name(bytes);
        let value = bytes.get(from..).unwrap_or_default();
        let kind = field_kind(&name);
        if name.is_empty() {
            // A line that goes on, or one that a line break cut off its value.
            let found = if after_secret {
                shaper.marks(line.start, bytes, Writing::Token)
            } else {
                text::marks(shaper, line.start, bytes)
            };
            marks.extend(found);
            continue;
        }
        marks.extend(super::field_marks(shaper, kind, value).into_iter().map(|mark| mark.moved(line.start + from)));
        after_secret = matches!(kind, FieldKind::Authorization | FieldKind::Cookie | FieldKind::Secret);
    }
    marks
}

/// The field's name and where its value starts. Without a colon, a known name at the start of the line still counts; a
/// line that begins with a blank, or with no name, has none.
fn name(line: &[u8]) -> (String, usize) {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.!#$%&'*+^`|~".contains(byte) || *byte >= 0x80;
    let length = line.iter().take_while(|byte| is_part(byte)).count();
    let blanks = line.iter().skip(length).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let name = String::from_utf8_lossy(line.get(..length).unwrap_or_default()).into_owned();
    let colon = line.get(length + blanks) == Some(&b':');
    let rest = length + blanks + usize::from(colon);
    let gap = line.iter().skip(rest).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let known = !matches!(field_kind(&name), FieldKind::Other);
    if colon || known { (name, rest + gap) } else { (String::new(), 0) }
}

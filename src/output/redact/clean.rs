//! Untrusted text made visible: nothing that moves a cursor, hides or turns other text, or breaks a line gets through.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Controls, invisible and direction-turning characters as visible escapes (`\n`, `\x1b`, `\u{202e}`): one value stays
/// one line, and what is hidden in it can be seen.
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) || !text.chars().any(is_odd) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_odd(c) { escape(c, &mut out) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// `clean`, cut after `limit` characters with the count of what was left out.
pub fn brief(text: &str, limit: usize) -> String {
    let text = clean(text);
    match text.char_indices().nth(limit) {
        None => text.into_owned(),
        Some((end, _)) => {
            let more = text.chars().count() - limit;
            format!("{}… ({more} more characters)", text.get(..end).unwrap_or_default())
        }
    }
}

/// Whether a character is shown as an escape.
pub(super) fn is_odd(c: char) -> bool {
    // Nearly all that is ever asked.
    !matches!(c, ' '..='~') && (c.is_control() || is_blank(c) || is_invisible(c))
}

/// Blanks that look like U+0020 and are not, and line and paragraph separators.
fn is_blank(c: char) -> bool {
    c != ' ' && c.is_whitespace()
}

/// Format characters: zero-width, direction-turning, joiners, fillers, variation selectors, tags.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Appends the escape of a character.
pub(super) fn escape(c: char, out: &mut String) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        // A String takes any amount: writing to it cannot fail.
        c if c.is_ascii() => write!(out, "\\x{:02x}", c as u32).unwrap_or_default(),
        c => write!(out, "\\u{{{:x}}}", c as u32).unwrap_or_default(),
    }
}

/// Appends the escape of a byte that belongs to no character.
pub(super) fn escape_byte(byte: u8, out: &mut String) {
    write!(out, "\\x{byte:02x}").unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(clean("a\x1b[31mb\r\nc\td\0"), "a\\x1b[31mb\\r\\nc\\td\\x00");
        assert_eq!(
            clean("\u{202e}evil\u{200b}\u{a0}\u{feff}\u{85}\u{2028}"),
            "\\u{202e}evil\\u{200b}\\u{a0}\\u{feff}\\u{85}\\u{2028}"
        );
        assert_eq!(clean("\u{e0041}\u{2066}"), "\\u{e0041}\\u{2066}");
    }

    #[test]
    fn plain_text_is_not_copied() {
        assert!(matches!(clean("DOMAIN\\jürgen 日本 ñ"), Cow::Borrowed(_)));
    }

    #[test]
    fn long_text_is_cut_with_a_count() {
        assert_eq!(brief("abcdef", 4), "abcd… (2 more characters)");
        assert_eq!(brief("äöü", 3), "äöü");
    }
}

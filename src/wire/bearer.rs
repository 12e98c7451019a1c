//! Bearer credentials (RFC 6750 §2.1): what is wrong with the text after the scheme, with the place of each fault.

use std::ops::Range;

use super::template;

/// A fault of the credentials, as a range of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BearerFault {
    pub kind: BearerFaultKind,
    pub span: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BearerFaultKind {
    Empty,
    /// A second scheme word inside the credentials.
    Doubled,
    /// The header's own name, or punctuation, in front of the token.
    NameOrPunctuation,
    Placeholder,
    LiteralNull,
    /// Quotes or angle brackets around the token.
    Quoted,
    /// A byte that b64token does not have.
    IllegalCharacter(u8),
    /// `%2B`, `%2F`, `%3D`, `%20` …
    PercentEncoded,
}

/// The faults of credentials, the most telling first. Credentials without a fault match `b64token`.
pub fn faults(credentials: &[u8]) -> Vec<BearerFault> {
    faults_by(credentials, is_b64token)
}

/// The same for providers' tokens: some issue tokens with `!`, `|` or `:` in them, whatever RFC 6750 says.
pub fn provider_faults(credentials: &[u8]) -> Vec<BearerFault> {
    faults_by(credentials, |byte| byte.is_ascii_graphic())
}

fn faults_by(credentials: &[u8], legal: fn(u8) -> bool) -> Vec<BearerFault> {
    use BearerFaultKind::*;
    let text = byte_for_byte(credentials);
    let trimmed = text.trim();
    let whole = 0..credentials.len();
    let one = |kind, span| vec![BearerFault { kind, span }];
    let before = text.len() - text.trim_start().len();
    let moved = |span: Range<usize>| span.start + before..span.end + before;
    if trimmed.is_empty() {
        return one(Empty, whole);
    }
    if let Some(span) = doubled(trimmed) {
        return one(Doubled, moved(span));
    }
    // `={{ $json.access_token }}`: the mark belongs to the expression that was never filled in.
    let expression = trimmed.starts_with("={{");
    if let Some(span) = name_or_punctuation(trimmed).filter(|_| !expression) {
        return one(NameOrPunctuation, moved(span));
    }
    let placeholder = template::placeholder(unquoted(trimmed)).and(template::placeholder(&text));
    if let Some(span) = placeholder.or_else(|| template::placeholder(trimmed).map(moved)) {
        return one(Placeholder, span);
    }
    if template::literal_null(unquoted(trimmed)) || matches!(unquoted(trimmed), "true" | "false") {
        return one(LiteralNull, whole);
    }
    if let Some(span) = quoted(credentials) {
        return one(Quoted, span);
    }
    if let Some(at) = credentials.iter().position(|&byte| !legal(byte) && byte != b'%') {
        let byte = credentials.get(at).copied().unwrap_or_default();
        return one(IllegalCharacter(byte), at..at + run_of_illegal(credentials, at));
    }
    match percent_encoded(credentials) {
        Some(span) => one(PercentEncoded, span),
        None => match credentials.iter().position(|&byte| byte == b'%' && !legal(byte)) {
            Some(at) => one(IllegalCharacter(b'%'), at..at + 1),
            None => Vec::new(),
        },
    }
}

/// Text in which every offset is one of the bytes: what is no UTF-8 becomes a control character, byte for byte.
fn byte_for_byte(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '\u{1a}'));
    }
    text
}

/// `ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/"` and the `=` at the end.
fn is_b64token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
}

/// How many bytes belong to the illegal character at `at` (one character may be several bytes).
fn run_of_illegal(credentials: &[u8], at: usize) -> usize {
    credentials.iter().skip(at).take_while(|&&byte| !is_b64token(byte) && byte != b'%').count().max(1)
}

/// `Bearer Bearer x`, `Bearer Basic x`: a scheme word, then a blank, inside the credentials.
fn doubled(text: &str) -> Option<Range<usize>> {
    let word = text.split(char::is_whitespace).next()?;
    let known = ["bearer", "basic", "token", "oauth"].iter().any(|scheme| word.eq_ignore_ascii_case(scheme));
    (known && text.len() > word.len()).then_some(0..word.len())
}

/// `: x`, `= x`, `Authorization: Bearer x` inside the credentials.
fn name_or_punctuation(text: &str) -> Option<Range<usize>> {
    let punctuation = text.bytes().take_while(|byte| matches!(byte, b':' | b'=' | b',' | b';')).count();
    if punctuation > 0 && text.len() > punctuation {
        return Some(0..punctuation);
    }
    let lower = text.to_ascii_lowercase();
    ["authorization:", "authorization=", "access_token=", "token=", "token:", "access_token:"]
        .iter()
        .find(|name| lower.starts_with(**name))
        .map(|name| 0..name.len())
}

fn unquoted(text: &str) -> &str {
    text.trim_matches(|c| matches!(c, '"' | '\'' | '`' | '\u{201c}' | '\u{201d}' | '\u{2018}' | '\u{2019}'))
}

/// A quote or angle bracket at the start or the end; the span is the first one.
fn quoted(credentials: &[u8]) -> Option<Range<usize>> {
    let text = byte_for_byte(credentials);
    let quote =
        |c: &char| matches!(c, '"' | '\'' | '`' | '<' | '>' | '\u{201c}' | '\u{201d}' | '\u{2018}' | '\u{2019}');
    if let Some(first) = text.chars().next().filter(quote) {
        return Some(0..first.len_utf8().min(credentials.len()));
    }
    let last = text.chars().next_back().filter(quote)?;
    Some(credentials.len().saturating_sub(last.len_utf8())..credentials.len())
}

/// The first percent-encoded byte of those that URL-encoding a token gives.
fn percent_encoded(credentials: &[u8]) -> Option<Range<usize>> {
    credentials
        .windows(3)
        .position(|three| match three {
            [b'%', high, low] => high.is_ascii_hexdigit() && low.is_ascii_hexdigit(),
            _ => false,
        })
        .map(|at| at..at + 3)
}

#[cfg(test)]
mod tests {
    use super::BearerFaultKind::*;
    use super::*;

    fn kind(credentials: &[u8]) -> Option<BearerFaultKind> {
        faults(credentials).first().map(|fault| fault.kind)
    }

    #[test]
    fn good_tokens_have_no_faults() {
        for good in ["B1wSEk09CHPEwLCMMfkbL8Xre008lPKQ-_", "eyJh.eyJi.c-_", "abc~+/==", "0123"] {
            assert_eq!(kind(good.as_bytes()), None, "{good}");
        }
    }

    #[test]
    fn each_fault_has_its_name() {
        let table: [(&[u8], BearerFaultKind); 17] = [
            (b"", Empty),
            (b"Bearer abc", Doubled),
            (b": abc", NameOrPunctuation),
            (b"Authorization: Bearer abc", NameOrPunctuation),
            (b"{{access_token}}", Placeholder),
            (b"\"{{access_token}}\"", Placeholder),
            (b"<your token>", Placeholder),
            (b"undefined", LiteralNull),
            (b"[object Object]", LiteralNull),
            (b"\"null\"", LiteralNull),
            (b"false", LiteralNull),
            (b"\"abc\"", Quoted),
            (b"\xe2\x80\x9cabc\xe2\x80\x9d", Quoted),
            (b"abc def", IllegalCharacter(b' ')),
            (b"ab\xc2\xa0c", IllegalCharacter(0xc2)),
            (b"abc%2Bdef%3D", PercentEncoded),
            (b"abc%", IllegalCharacter(b'%')),
        ];
        for (credentials, expected) in table {
            assert_eq!(kind(credentials), Some(expected), "{}", String::from_utf8_lossy(credentials));
        }
    }

    #[test]
    fn providers_issue_tokens_with_other_characters() {
        assert_eq!(provider_faults(b"00D5e000000abcd!AQ4AQ|12:x"), []);
        assert_eq!(provider_faults(b"abc def").len(), 1);
        assert_eq!(provider_faults(b"\"abc\"").first().map(|fault| fault.kind), Some(Quoted));
    }

    #[test]
    fn spans_point_at_the_bytes() {
        assert_eq!(faults(b"ab\xc2\xa0c")[0].span, 2..4);
        assert_eq!(faults(b"abc\"")[0].span, 3..4);
        assert_eq!(faults(b"a%2Bb")[0].span, 1..4);
    }
}

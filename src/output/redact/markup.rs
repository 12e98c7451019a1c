//! Marks in XML, SOAP and HTML: elements and attributes with a secret's name, hidden form fields, `g_ck` in a script.

use std::ops::Range;

use super::names::{Secrecy, secrecy};
use super::secret::{Shaper, Writing};
use super::shown::Mark;
use super::text::{self, find};

/// Marks in markup, well-formed or not.
pub(super) fn marks(shaper: Shaper<'_>, input: &[u8]) -> Vec<Mark> {
    let mut marks = text::marks(shaper, 0, input);
    let mut at = 0;
    while let Some(open) = find(input, b"<", at) {
        let end = find(input, b">", open).unwrap_or(input.len());
        let tag = input.get(open + 1..end).unwrap_or_default();
        let name = local_name(tag);
        marks.extend(attributes(shaper, open + 1, tag));
        if is_secret_element(&name) {
            let content = content(input, end + 1, &name);
            let texts = if shaper.whole { texts(input, content) } else { vec![content] };
            for text in texts {
                marks.extend(shaper.marks(text.start, input.get(text).unwrap_or_default(), Writing::Markup));
            }
        }
        at = end;
    }
    marks.extend(script_values(shaper, input));
    marks
}

/// The element's name in lower case, without its prefix; empty for closing tags.
fn local_name(tag: &[u8]) -> String {
    let name = tag.split(|byte| byte.is_ascii_whitespace() || *byte == b'/').next().unwrap_or_default();
    String::from_utf8_lossy(name.rsplit(|byte| *byte == b':').next().unwrap_or_default()).to_ascii_lowercase()
}

/// `UsernameToken` and `SecurityTokenReference` hold a secret deeper down and are none themselves.
fn is_secret_element(name: &str) -> bool {
    let holder = matches!(name, "usernametoken" | "securitytokenreference" | "requestsecuritytoken");
    !holder && secrecy(name) == Secrecy::Secret
}

/// What stands in the element: up to the next tag, a CDATA section whole, of an assertion everything to its end.
fn content(input: &[u8], start: usize, name: &str) -> Range<usize> {
    let end = if name == "assertion" {
        let closed = find(input, b"Assertion>", start)
            .map(|at| at - input.iter().take(at).rev().take_while(|b| **b != b'<').count());
        closed.map(|at| at.saturating_sub(1))
    } else if input.get(start..).is_some_and(|rest| rest.trim_ascii_start().starts_with(b"<![CDATA[")) {
        find(input, b"]]>", start).map(|at| at + 3)
    } else {
        find(input, b"<", start)
    };
    let start = start.min(input.len());
    start..end.unwrap_or(input.len()).max(start)
}

/// The texts in a range of markup: what stands between tags, the inside of a CDATA section.
fn texts(input: &[u8], range: Range<usize>) -> Vec<Range<usize>> {
    const OPEN: &[u8] = b"<![CDATA[";
    let mut found = Vec::new();
    let mut at = range.start;
    while at < range.end {
        let rest = input.get(at..range.end).unwrap_or_default();
        let (inner, next) = if rest.starts_with(OPEN) {
            let end = find(rest, b"]]>", 0).unwrap_or(rest.len());
            (OPEN.len()..end, end + 3)
        } else if rest.first() == Some(&b'<') {
            let end = find(rest, b">", 0).map_or(rest.len(), |end| end + 1);
            (0..0, end)
        } else {
            let end = find(rest, b"<", 0).unwrap_or(rest.len());
            (0..end, end)
        };
        let text = rest.get(inner.clone()).unwrap_or_default();
        if !text.trim_ascii().is_empty() {
            found.push(at + inner.start..at + inner.end);
        }
        at += next.max(1);
    }
    found
}

/// Attributes whose own name, or whose element's `name` or `id`, is a secret's.
fn attributes(shaper: Shaper<'_>, base: usize, tag: &[u8]) -> Vec<Mark> {
    let pairs = pairs(tag);
    let said = |range: &Range<usize>| String::from_utf8_lossy(tag.get(range.clone()).unwrap_or_default()).into_owned();
    let is = |name: &str, wanted: &[&str]| wanted.iter().any(|other| name.eq_ignore_ascii_case(other));
    let labelled = pairs
        .iter()
        .any(|(name, value)| is(&said(name), &["name", "id", "property"]) && secrecy(&said(value)) == Secrecy::Secret);
    let mut marks = Vec::new();
    for (name, value) in &pairs {
        let name = said(name);
        let local = name.rsplit(':').next().unwrap_or_default();
        if secrecy(local) == Secrecy::Secret && !is(local, &["name", "id"])
            || labelled && is(&name, &["value", "content"])
        {
            marks.extend(shaper.marks(base + value.start, tag.get(value.clone()).unwrap_or_default(), Writing::Markup));
        }
    }
    marks
}

/// Names and quoted values of a tag's attributes.
fn pairs(tag: &[u8]) -> Vec<(Range<usize>, Range<usize>)> {
    let mut pairs = Vec::new();
    let mut at = 0;
    while let Some(equals) = find(tag, b"=", at) {
        let name_start =
            tag.iter().take(equals).rposition(|byte| byte.is_ascii_whitespace()).map_or(0, |blank| blank + 1);
        let quote = tag.get(equals + 1).copied().filter(|byte| matches!(byte, b'"' | b'\''));
        let value_start = equals + 1 + usize::from(quote.is_some());
        let is_end = |byte: &u8| quote.map_or(byte.is_ascii_whitespace(), |quote| *byte == quote);
        let value_end = tag.iter().skip(value_start).position(is_end).map_or(tag.len(), |length| value_start + length);
        pairs.push((name_start..equals, value_start..value_end));
        at = value_end;
    }
    pairs
}

/// A quoted value of a script is looked for up to here, in bytes.
const QUOTED: usize = 256;

/// `g_ck = 'x'`, `"g_ck":"x"`: the session's token in a page of ServiceNow.
fn script_values(shaper: Shaper<'_>, input: &[u8]) -> Vec<Mark> {
    let mut marks = Vec::new();
    for name in [&b"g_ck"[..], b"sysparm_ck"] {
        let mut at = 0;
        while let Some(found) = find(input, name, at).map(|found| found + name.len()) {
            let rest = input.get(found..).unwrap_or_default();
            let joint = rest.iter().take_while(|byte| b" \t'\":=\\".contains(byte)).count();
            let value = rest.get(joint..).unwrap_or_default();
            let quote = joint.checked_sub(1).and_then(|last| rest.get(last)).filter(|last| b"'\"".contains(last));
            let quoted = quote.and_then(|quote| value.iter().take(QUOTED).position(|byte| byte == quote));
            let bare = value.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"-_.+/=".contains(byte));
            let length = quoted.unwrap_or_else(|| bare.count());
            if joint > 0 && length >= 16 {
                marks.extend(shaper.marks(found + joint, value.get(..length).unwrap_or_default(), Writing::Markup));
            }
            at = found;
        }
    }
    marks
}

//! Marks in bodies, by what a body is and not by what its Content-Type says: secrets also travel under a wrong label.

use super::json;
use super::markup;
use super::names::{Secrecy, secrecy};
use super::secret::{Shaper, Writing};
use super::shown::Mark;
use super::text::find;
use super::{form, text};

/// Marks in a decoded body.
pub(super) fn marks(shaper: Shaper<'_>, body: &[u8]) -> Vec<Mark> {
    let start = body.trim_ascii_start();
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    match start.first() {
        Some(b'{' | b'[' | b'"') => json::marks(shaper, body),
        Some(b'<') => markup::marks(shaper, body),
        _ if start.starts_with(b"--") && find(start, b"name=", 0).is_some() => multipart(shaper, body),
        _ if is_form(start) => form::pairs(shaper, 0, body),
        _ => text::marks(shaper, 0, body),
    }
}

/// It begins with a name and an equals sign; blanks around the name are a known mistake.
fn is_form(body: &[u8]) -> bool {
    let name = body.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"_-.%+[] ".contains(byte)).count();
    name > 0 && body.get(name) == Some(&b'=')
}

/// Each part's value by the part's name.
fn multipart(shaper: Shaper<'_>, body: &[u8]) -> Vec<Mark> {
    let mut marks = text::marks(shaper, 0, body);
    let mut at = 0;
    while let Some(name_start) = find(body, b" name=", at).map(|found| found + b" name=".len()) {
        let line_end = find(body, b"\n", name_start).unwrap_or(body.len());
        let name = String::from_utf8_lossy(body.get(name_start..line_end).unwrap_or_default());
        let name = name.trim_start_matches('"').split(['"', ';', '\r']).next().unwrap_or_default().to_owned();
        let blank =
            [&b"\r\n\r\n"[..], b"\n\n"].into_iter().find_map(|gap| Some(find(body, gap, name_start)? + gap.len()));
        let start = blank.unwrap_or(body.len());
        let end = [&b"\r\n--"[..], b"\n--"].into_iter().find_map(|gap| find(body, gap, start)).unwrap_or(body.len());
        if matches!(secrecy(&name), Secrecy::Secret | Secrecy::Maybe) {
            marks.extend(shaper.marks(start, body.get(start..end).unwrap_or_default(), Writing::Plain));
        }
        at = end.max(line_end);
    }
    marks
}

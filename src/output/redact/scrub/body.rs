//! Which bodies are left out: those that no diagnosis reads and nobody can look through for secrets.

use crate::model::{Body, Fields};
use crate::wire::content;

/// Bytes of a body that are looked at.
const LOOK: usize = 4096;
/// Bytes of a body that is left out in which secrets are looked for all the same.
pub(super) const LEARNT: usize = 64 * 1024;

/// Still coded (in a way that is not known here), or not text.
pub(super) fn is_unreadable(fields: &Fields, body: &Body, decoded: &[u8]) -> bool {
    if decoded.is_empty() {
        // Coded bytes of which nothing could be read.
        return !body.bytes.is_empty();
    }
    body.coded && still_coded(fields, body, decoded) || is_binary(decoded)
}

/// The decoder gave up at a coding that it does not know.
fn still_coded(fields: &Fields, body: &Body, decoded: &[u8]) -> bool {
    let coding = fields.text("content-encoding").unwrap_or_default().to_ascii_lowercase();
    let known = |name: &str| matches!(name.trim(), "gzip" | "x-gzip" | "deflate" | "br" | "identity" | "");
    if coding.split(',').all(known) {
        return false;
    }
    let once = Body { bytes: decoded.to_vec().into(), coded: true, ..Body::default() };
    content::decoded(fields, &once) == decoded && decoded.len() <= body.bytes.len()
}

fn is_binary(bytes: &[u8]) -> bool {
    let look = bytes.get(..bytes.len().min(LOOK)).unwrap_or_default();
    let utf_16 = look.starts_with(&[0xFF, 0xFE]) || look.starts_with(&[0xFE, 0xFF]);
    let controls = look.iter().filter(|byte| **byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x1B)).count();
    // Nearly all texts are whole, and that is quickly seen.
    let broken = if std::str::from_utf8(look).is_ok() { 0 } else { invalid(look) };
    utf_16 || look.contains(&0) || controls * 20 > look.len() || broken * 4 > look.len()
}

/// How many bytes belong to no character.
fn invalid(bytes: &[u8]) -> usize {
    bytes.utf8_chunks().map(|chunk| chunk.invalid().len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unreadable(coding: &str, bytes: &[u8], decoded: &[u8]) -> bool {
        let fields: Fields = [("Content-Encoding".to_owned(), coding.to_owned())].into_iter().collect();
        let body = Body { bytes: bytes.to_vec().into(), coded: !coding.is_empty(), ..Body::default() };
        is_unreadable(&fields, &body, decoded)
    }

    #[test]
    fn a_body_is_left_out_where_it_is_no_text() {
        let with = |odd: &[u8], of: usize| [&b"a".repeat(of - odd.len())[..], odd].concat();
        for (bytes, left_out) in [
            (b"plain \t\r\n text \x1b[1m".to_vec(), false),
            (b"\xff\xfea\x01".to_vec(), true),
            (b"\xfe\xffab".to_vec(), true),
            (with(b"\0", 400), true),
            (with(b"\x01\x02", 40), false),
            (with(b"\x01\x02\x03", 40), true),
            (with(b"\xe4\xf6", 8), false),
            (with(b"\xe4\xf6\xfc", 8), true),
            ("jürgen 日本".as_bytes().to_vec(), false),
            ([&b"a".repeat(LOOK)[..], b"\0"].concat(), false),
        ] {
            assert_eq!(unreadable("", &bytes, &bytes), left_out, "{:?}", String::from_utf8_lossy(&bytes));
        }
        assert!(!unreadable("", b"", b"") && unreadable("gzip", b"abc", b""));
    }

    #[test]
    fn a_body_is_left_out_where_it_is_still_coded() {
        for (coding, bytes, decoded, left_out) in [
            ("zstd", &b"text as it is"[..], &b"text as it is"[..], true),
            ("identity", b"text as it is", b"text as it is", false),
            ("br", b"text", b"text as it is", false),
            ("zstd", b"text", b"text as it is", false),
        ] {
            assert_eq!(unreadable(coding, bytes, decoded), left_out, "{coding}");
        }
    }
}

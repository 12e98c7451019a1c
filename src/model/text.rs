//! Bytes from outside as text.

use std::borrow::Cow;

/// What is not UTF-8 becomes U+FFFD, as `String::from_utf8_lossy` has it; nearly all that is ever asked is UTF-8, and that is
/// seen many bytes at a time.
pub fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_utf_8_is_replaced_and_the_rest_is_not_copied() {
        assert!(matches!(lossy("jürgen".as_bytes()), Cow::Borrowed("jürgen")));
        assert_eq!(lossy(b"a\xffb"), "a\u{fffd}b");
    }
}

//! Basic credentials (RFC 7617): decoded as leniently as possible, with every fault named.

use std::ops::Range;

use crate::model::lossy;
use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

/// What stands under the Basic scheme.
#[derive(Clone, Default)]
pub struct Basic {
    /// The decoded bytes, as far as they decode.
    pub decoded: Vec<u8>,
    /// User name and password in `decoded`; without a colon all of it is the user.
    pub user: Range<usize>,
    pub password: Range<usize>,
    pub faults: Vec<BasicFault>,
}

/// A fault of Basic credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BasicFault {
    /// A byte of the encoded text that no base64 alphabet has, at this offset of the credentials.
    NotBase64 {
        at: usize,
    },
    /// The URL-safe alphabet (`-`, `_`), at this offset.
    UrlAlphabet {
        at: usize,
    },
    /// White space inside the encoded text, at this offset.
    Wrapped {
        at: usize,
    },
    NoColon,
    /// The decoded text ends in a line break.
    TrailingNewline,
    /// A control character before that end (RFC 7617 §2 allows none), at this offset of the decoded text.
    Control {
        at: usize,
    },
    NotUtf8,
}

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);

/// Decodes credentials. Any bytes give a value.
pub fn decode(credentials: &[u8]) -> Basic {
    let mut faults = Vec::new();
    let mut plain = Vec::with_capacity(credentials.len());
    for (at, &byte) in credentials.iter().enumerate() {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => note(&mut faults, BasicFault::Wrapped { at }),
            b'-' | b'_' => {
                note(&mut faults, BasicFault::UrlAlphabet { at });
                plain.push(if byte == b'-' { b'+' } else { b'/' });
            }
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' | b'=' => plain.push(byte),
            _ => note(&mut faults, BasicFault::NotBase64 { at }),
        }
    }
    let decoded = STANDARD.decode(&plain).unwrap_or_else(|_| {
        note(&mut faults, BasicFault::NotBase64 { at: credentials.len() });
        Vec::new()
    });
    split(decoded, faults)
}

/// One fault of a kind is enough; the first place counts.
fn note(faults: &mut Vec<BasicFault>, fault: BasicFault) {
    let known = faults.iter().any(|other| std::mem::discriminant(other) == std::mem::discriminant(&fault));
    if !known {
        faults.push(fault);
    }
}

fn split(decoded: Vec<u8>, mut faults: Vec<BasicFault>) -> Basic {
    let colon = decoded.iter().position(|&byte| byte == b':');
    let end = decoded.len();
    let (user, password) = match colon {
        Some(at) => (0..at, at + 1..end),
        None => (0..end, end..end),
    };
    if colon.is_none() && !faults.iter().any(|fault| matches!(fault, BasicFault::NotBase64 { .. })) {
        faults.push(BasicFault::NoColon);
    }
    if decoded.ends_with(b"\n") || decoded.ends_with(b"\r") {
        faults.push(BasicFault::TrailingNewline);
    }
    let readable = std::str::from_utf8(&decoded).is_ok();
    if !readable {
        faults.push(BasicFault::NotUtf8);
    }
    let inner = decoded.trim_ascii_end().iter().position(u8::is_ascii_control);
    if let Some(at) = inner.filter(|_| readable && colon.is_some()) {
        faults.push(BasicFault::Control { at });
    }
    Basic { decoded, user, password, faults }
}

impl Basic {
    pub fn user(&self) -> String {
        lossy(self.decoded.get(self.user.clone()).unwrap_or_default()).into_owned()
    }

    pub fn password(&self) -> &[u8] {
        self.decoded.get(self.password.clone()).unwrap_or_default()
    }

    pub fn has(&self, test: impl Fn(&BasicFault) -> bool) -> bool {
        self.faults.iter().any(test)
    }

    /// Whether it decodes to text with a colon: credentials that a server can read.
    pub fn is_readable(&self) -> bool {
        !self.has(|fault| matches!(fault, BasicFault::NotBase64 { .. } | BasicFault::NoColon))
    }
}

/// Whether text under another scheme is really `user:password` in base64: readable, printable, with a name before the
/// colon.
pub fn hides_in(credentials: &[u8]) -> Option<Basic> {
    let basic = decode(credentials);
    let printable = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok_and(|text| !text.chars().any(char::is_control));
    let name_like = !basic.user.is_empty() && !basic.password().is_empty();
    let user = basic.user();
    let name_like = name_like && names_a_user(&user) && !basic.password().starts_with(b"//");
    (basic.faults.is_empty() && name_like && printable(&basic.decoded)).then_some(basic)
}

/// No piece of JSON, of a list, of a path or of a time, which hold colons too.
fn names_a_user(user: &str) -> bool {
    let other = |c: char| c.is_whitespace() || "{}[]()<>\"'/,;=".contains(c);
    let date = user.bytes().zip("0000-00-00".bytes()).filter(|(byte, form)| match form {
        b'0' => byte.is_ascii_digit(),
        _ => byte == form,
    });
    !user.contains(other) && date.count() < 10 && user != "urn"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &[u8]) -> Vec<u8> {
        base64::engine::general_purpose::STANDARD.encode(text).into_bytes()
    }

    #[test]
    fn good_credentials_have_no_faults() {
        let basic = decode(&encoded(b"admin:pa:ss"));
        assert_eq!((basic.user().as_str(), basic.password(), basic.faults.len()), ("admin", &b"pa:ss"[..], 0));
    }

    #[test]
    fn every_fault_is_named() {
        assert_eq!(decode(&encoded(b"admin")).faults, [BasicFault::NoColon]);
        assert_eq!(decode(&encoded(b"admin:pw\n")).faults, [BasicFault::TrailingNewline]);
        assert_eq!(decode(&encoded(b"admin\n:pw")).faults, [BasicFault::Control { at: 5 }]);
        assert_eq!(decode(&encoded(b"\xf6rg:pw")).faults, [BasicFault::NotUtf8]);
        assert_eq!(decode(b"YWRtaW46 cHc=").faults, [BasicFault::Wrapped { at: 8 }]);
        assert_eq!(decode(b"YWRt!W46cHc=").faults.first(), Some(&BasicFault::NotBase64 { at: 4 }));
        assert_eq!(decode(b"admin:password").faults.first(), Some(&BasicFault::NotBase64 { at: 5 }));
        let url = base64::engine::general_purpose::URL_SAFE.encode("a:>>>???");
        assert!(matches!(decode(url.as_bytes()).faults[..], [BasicFault::UrlAlphabet { .. }]));
    }

    #[test]
    fn credentials_are_found_under_another_scheme() {
        assert!(hides_in(&encoded(b"admin:secret")).is_some());
        for text in ["corp\\svc.sync:p:w", "a@b.example:{x}", "j\u{f6}rg:pw"] {
            assert!(hides_in(&encoded(text.as_bytes())).is_some(), "{text}");
        }
        for text in [r#"{"id":12}"#, "https://issuer/abc", "2026-11-19T12:00:00Z|abc", "a b:c", "urn:x:y", "x=1;t:2"] {
            assert!(hides_in(&encoded(text.as_bytes())).is_none(), "{text}");
        }
        assert!(
            hides_in(b"B1wSEk09CHPEwLCMMfkbL8Xre008lPKQV3XbCgGGfVUIQ6qxThf8BwkVgTzeel0jJdlSBai3TXcfWB7nUQmxA")
                .is_none()
        );
    }
}

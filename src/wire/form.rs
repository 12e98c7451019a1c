//! `application/x-www-form-urlencoded` (and query strings): pairs, decoded and raw, with the position of every part.

use std::ops::Range;

/// A parsed form body or query. Total: any bytes give pairs.
#[derive(Clone, Default)]
pub struct Form {
    pub pairs: Vec<Pair>,
}

/// One `name=value`.
#[derive(Clone)]
pub struct Pair {
    /// Decoded: `+` is a blank, `%XX` a byte; what is not UTF-8 becomes U+FFFD.
    pub name: String,
    pub value: String,
    /// The raw parts, as bytes of the input.
    pub raw_name: Range<usize>,
    pub raw_value: Range<usize>,
    /// There was no `=`: the name is all there is.
    pub bare: bool,
    /// A `%` stands without two hexadecimal digits behind it.
    pub bad_percent: bool,
}

/// Splits and decodes. Empty parts (`a=1&&b=2`) are left out.
pub fn parse(input: &[u8]) -> Form {
    let mut pairs = Vec::new();
    let mut start = 0;
    for part in input.split(|&byte| byte == b'&') {
        if !part.is_empty() {
            pairs.push(pair(part, start));
        }
        start += part.len() + 1;
    }
    Form { pairs }
}

fn pair(part: &[u8], start: usize) -> Pair {
    let equals = part.iter().position(|&byte| byte == b'=');
    let split = equals.unwrap_or(part.len());
    let (name, rest) = part.split_at(split);
    let value = rest.get(1..).unwrap_or_default();
    let value_start = start + split + usize::from(equals.is_some());
    Pair {
        name: decode(name),
        value: decode(value),
        raw_name: start..start + name.len(),
        raw_value: value_start..value_start + value.len(),
        bare: equals.is_none(),
        bad_percent: bad_percent(part),
    }
}

/// Decodes one name or value of a form.
pub fn decode(raw: &[u8]) -> String {
    let blanks: Vec<u8> = raw.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
    percent_encoding::percent_decode(&blanks).decode_utf8_lossy().into_owned()
}

fn bad_percent(raw: &[u8]) -> bool {
    raw.iter().enumerate().any(|(at, &byte)| {
        byte == b'%' && !raw.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
    })
}

/// What a browser's form encodes: all but letters, digits and `*-._` (WHATWG URL, form-urlencoded percent-encode set).
const ENCODED: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_');

/// Encodes one name or value, as a browser's form would (a blank as `%20`).
pub fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, ENCODED).to_string()
}

impl Form {
    /// The first value of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pair(name).map(|pair| pair.value.as_str())
    }

    /// The first pair of that name.
    pub fn pair(&self, name: &str) -> Option<&Pair> {
        self.pairs.iter().find(|pair| pair.name == name)
    }

    pub fn has(&self, name: &str) -> bool {
        self.pair(name).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_keep_their_raw_places() {
        let input = b"grant_type=password&&client_secret=a%26b+c&flag";
        let form = parse(input);
        assert_eq!(form.get("client_secret"), Some("a&b c"));
        let secret = form.pair("client_secret").unwrap();
        assert_eq!(&input[secret.raw_value.clone()], b"a%26b+c");
        assert_eq!(&input[secret.raw_name.clone()], b"client_secret");
        assert!(form.pair("flag").unwrap().bare);
    }

    #[test]
    fn a_percent_without_digits_is_seen() {
        let form = parse(b"a=100%&b=%41");
        assert!(form.pair("a").unwrap().bad_percent);
        assert_eq!(form.get("a"), Some("100%"));
        assert!(!form.pair("b").unwrap().bad_percent);
    }

    #[test]
    fn any_bytes_give_pairs() {
        assert!(parse(b"").pairs.is_empty());
        assert_eq!(parse(b"=\xff&%").pairs.len(), 2);
    }
}

//! Entries that are almost JSON: halves of surrogate pairs, raw control bytes and bytes that are no UTF-8 are mended.

/// The same text with what serde_json refuses inside strings replaced: a lone surrogate escape and an unknown escape by
/// U+FFFD, a raw control byte by its escape. Other faults stay.
pub(super) fn mend(entry: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(entry);
    let mut out = Vec::with_capacity(text.len() + 64);
    let mut rest = text.as_bytes();
    let mut inside = false;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match first {
            b'"' => {
                inside = !inside;
                out.push(b'"');
            }
            b'\\' if inside => rest = escape(tail, &mut out),
            byte @ 0..0x20 if inside => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            byte => out.push(*byte),
        }
    }
    out
}

/// Writes the escape whose backslash was read, mended; gives what follows it.
fn escape<'a>(tail: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    match tail {
        [b'u', a, b, c, d, rest @ ..] => match (unit([a, b, c, d]), pair(rest)) {
            (Some(0xD800..0xDC00), Some(low)) => {
                out.extend_from_slice(br"\u");
                out.extend_from_slice(&[*a, *b, *c, *d]);
                out.extend_from_slice(low);
                rest.get(low.len()..).unwrap_or_default()
            }
            (None | Some(0xD800..0xE000), _) => {
                out.extend_from_slice(br"\uFFFD");
                rest
            }
            (Some(_), _) => {
                out.extend_from_slice(&[b'\\', b'u', *a, *b, *c, *d]);
                rest
            }
        },
        [plain @ (b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't'), rest @ ..] => {
            out.extend_from_slice(&[b'\\', *plain]);
            rest
        }
        [_, rest @ ..] => {
            out.extend_from_slice(br"\uFFFD");
            rest
        }
        [] => tail,
    }
}

/// The escape of the second half of a surrogate pair, where one stands at the start.
fn pair(rest: &[u8]) -> Option<&[u8]> {
    let [b'\\', b'u', a, b, c, d, ..] = rest else { return None };
    unit([a, b, c, d]).filter(|unit| (0xDC00..0xE000).contains(unit)).and_then(|_| rest.get(..6))
}

fn unit(digits: [&u8; 4]) -> Option<u32> {
    digits.iter().try_fold(0, |unit, digit| Some(unit * 16 + char::from(**digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended(text: &[u8]) -> String {
        serde_json::from_slice::<Vec<String>>(&mend(text)).unwrap().concat()
    }

    #[test]
    fn what_serde_refuses_in_strings_is_replaced() {
        assert_eq!(mended(br#"["a\ud83db"]"#), "a\u{FFFD}b");
        assert_eq!(mended(br#"["a\ude00b\q"]"#), "a\u{FFFD}b\u{FFFD}");
        assert_eq!(mended(b"[\"a\nb\xffc\"]"), "a\nb\u{FFFD}c");
    }

    #[test]
    fn what_is_well_stays() {
        let well = r#"["\ud83d\ude00 \"q\\","\u00e4\/\n"]"#;
        assert_eq!(mend(well.as_bytes()), well.as_bytes());
    }
}

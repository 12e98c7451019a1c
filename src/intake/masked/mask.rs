//! What a mask looks like: words between brackets, rows of one sign, hashes and beginnings of what was there.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// Words that sanitizers write.
const WORDS: [&str; 13] = [
    "redacted",
    "sanitized",
    "sanitised",
    "masked",
    "scrubbed",
    "censored",
    "obfuscated",
    "removed",
    "filtered",
    "suppressed",
    "omitted",
    "truncated",
    "withheld",
];
/// Words that stand for a value only between brackets: a user or a client may be called so.
const IN_BRACKETS: [&str; 12] = [
    "hidden",
    "private",
    "sensitive",
    "snip",
    "secret value",
    "confidential",
    "entfernt",
    "masqu",
    "supprim",
    "oculto",
    "eliminado",
    "verwijderd",
];
/// No mask is longer.
const LONGEST_MASK: usize = 80;

/// A quick look: whatever holds a mask has one of these bytes, percent-encoded or not, or a word of `WORDS`, which nearly
/// all end alike. Most values have none.
pub fn may_be_mask(value: &[u8]) -> bool {
    let mut before = 0;
    value.iter().any(|byte| {
        let byte = byte.to_ascii_lowercase();
        // The end of a word (`withheld` too), a row of `x`, and the dots that stand for a rest.
        let pair = matches!((before, byte), (b'e' | b'l', b'd') | (b'x', b'x') | (b'.', b'.'));
        before = byte;
        pair || matches!(byte, b'*' | b'%' | b'_' | b'[' | b'<' | b'(' | b'#' | 0x80..)
    })
}

/// A quick look at a text of JSON: whether one of its strings may be a mask, `hashed` ones aside.
pub fn may_be_in_json(text: &[u8]) -> bool {
    static SIGNS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
        let rows = ["**", "####", "xxxx", "\u{2022}", "\u{2588}", "\\u", " char", " byte"];
        let signs = WORDS.iter().chain(&IN_BRACKETS).chain(&rows);
        AhoCorasick::builder().ascii_case_insensitive(true).build(signs).ok()
    });
    SIGNS.as_ref().is_none_or(|signs| signs.is_match(text))
}

/// Whether a kind in capitals and the beginning of a hash stand together somewhere: see `hashed`.
pub fn may_be_hashed(text: &[u8]) -> bool {
    let capital = |at: usize| at > 0 && text.get(at - 1).is_some_and(u8::is_ascii_uppercase);
    let hash = |at: usize| text.get(at + 1..at + 9).is_some_and(|hash| hash.iter().all(u8::is_ascii_hexdigit));
    memchr::memchr_iter(b'_', text).any(|at| capital(at) && hash(at))
}

/// Whether a value is a mask and nothing else.
pub fn is_masked(value: &str) -> bool {
    let value = value.trim().trim_matches('"');
    if value.is_empty() || value.len() > LONGEST_MASK {
        return false;
    }
    let run = |sign: char, least: usize| value.chars().count() >= least && value.chars().all(|found| found == sign);
    let lower = value.to_ascii_lowercase();
    // A sentence may speak of redaction; a mask is bracketed, or a word or two.
    let enclosed = value.starts_with(['[', '<', '(', '{', '*', '-', '_']) || !value.contains(' ');
    let worded = enclosed && WORDS.iter().any(|word| lower.contains(word)) && !value.contains(['=', ':', '{', '$']);
    worded
        || bracketed(&lower)
        || run('#', 4)
        || value.contains("***") && !value.contains(' ')
        || run('*', 2)
        || run('•', 2)
        || run('█', 1)
        || run('x', 4)
        || run('X', 4)
        || hashed(value)
}

/// `c3Zj...`: the beginning of a credential. Only where one is expected: sentences of answers end so too.
pub fn is_cut(value: &str) -> bool {
    let value = value.trim();
    !value.contains(' ') && (value.ends_with("...") || value.contains('\u{2026}'))
}

/// `<hidden>`, `(sensitive value)`, `<86 chars>`: what is between brackets says that something was there.
fn bracketed(lower: &str) -> bool {
    let inner = [('[', ']'), ('<', '>'), ('(', ')')]
        .iter()
        .find_map(|(open, close)| lower.strip_prefix(*open)?.strip_suffix(*close));
    let counted = |text: &str| {
        let (count, unit) = text.split_once(' ')?;
        count.bytes().all(|byte| byte.is_ascii_digit()).then_some(unit.starts_with("char") || unit.starts_with("byte"))
    };
    inner.is_some_and(|text| IN_BRACKETS.iter().any(|word| text.contains(word)) || counted(text).unwrap_or_default())
}

/// `TOKEN_a1b2c3d4`: a kind in capitals and a short hash.
fn hashed(value: &str) -> bool {
    let Some((kind, hash)) = value.split_once('_') else { return false };
    let short = (8..=16).contains(&hash.len()) && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    short && kind.len() >= 3 && kind.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Digits of base16, as many as one of the lengths.
pub fn is_hash(text: &str, lengths: &[usize]) -> bool {
    lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A value that stands alone and is a hash, by its length or by a name in front of it. 32 digits are no mask here: client
/// ids and API keys of ServiceNow look so, and are sent without a scheme by mistake.
pub fn is_digest(value: &str) -> bool {
    is_named_digest(value) || is_hash(value, &[40, 64, 96, 128])
}

/// `sha256:9f86…`
pub fn is_named_digest(value: &str) -> bool {
    let named = ["sha256", "sha-256", "sha1", "sha512", "md5", "hash", "hmac"].iter().find_map(|name| {
        let rest = value.get(..name.len()).filter(|start| start.eq_ignore_ascii_case(name)).map(|_| name.len())?;
        value.get(rest..)?.strip_prefix([':', '-', '=', '_'])
    });
    match named {
        Some(rest) => {
            rest.len() >= 8 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte))
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_of_sanitizers_are_known() {
        for mask in [
            "[Authorization redacted]",
            "[REDACTED]",
            "REDACTED",
            "<redacted>",
            "***",
            "********",
            "***TOKEN***",
            "TOKEN_a1b2c3d4",
            "[sanitized]",
            "xxxxxxxx",
            "\"[redacted]\"",
            "•••••",
            "-redacted-",
            "eyJ***",
            "[Filtered]",
            "<hidden>",
            "(sensitive value)",
            "<SNIP>",
            "<86 chars>",
            "########",
        ] {
            assert!(is_masked(mask), "{mask}");
            let json = serde_json::json!({ "list": [{ "id_token": mask }] }).to_string();
            assert!(may_be_in_json(json.as_bytes()) || may_be_hashed(json.as_bytes()), "{json}");
        }
    }

    #[test]
    fn real_values_and_placeholders_are_no_masks() {
        for value in [
            "",
            "Bearer abc",
            "{{access_token}}",
            "${redacted_token}",
            "YOUR_ACCESS_TOKEN",
            "<token>",
            "undefined",
            "null",
            "The body was redacted by policy",
            "svc_integration",
            "SVC_integration",
            "*",
            "xx",
            "a=redacted",
            "hidden",
            "private",
            "<86 token>",
            "Waiting for the instance...",
            "Loading...",
        ] {
            assert!(!is_masked(value), "{value}");
        }
        let rows =
            br#"{"result":[{"sys_id":"9d385017c611228701d22104cc95c371","u_LEVEL_3":"opened (late), <b>#1</b>"}]}"#;
        assert!(!may_be_in_json(rows) && !may_be_hashed(rows));
    }
}

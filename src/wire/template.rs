//! Text that stands where a value should be: unresolved variables, sample text, and the words for "nothing".

use std::ops::Range;

/// The first unresolved variable or sample text in `text`: `{{x}}`, `${x}`, `$X`, `%X%`, `<x>`, `YOUR_TOKEN` …
pub fn placeholder(text: &str) -> Option<Range<usize>> {
    if !text.bytes().any(|byte| matches!(byte, b'{' | b'[' | b'(' | b'<' | b'%' | b'$' | b'_')) {
        return sample_words(text);
    }
    enclosed(text, "{{", "}}")
        .or_else(|| enclosed(text, "${", "}"))
        .or_else(|| enclosed(text, "#{", "}"))
        .or_else(|| enclosed(text, "#[", "]"))
        .or_else(|| enclosed(text, "@{", "}"))
        .or_else(|| enclosed(text, "{!", "}"))
        .or_else(|| enclosed(text, "$(", ")"))
        .or_else(|| enclosed(text, "<%", "%>"))
        .or_else(|| angled(text))
        .or_else(|| percent_variable(text))
        .or_else(|| shell_variable(text))
        .or_else(|| named_alone(text))
        .or_else(|| sample_words(text))
}

/// A template in the place of a value that people choose, a user name or a password: `api_user` is a name that accounts
/// have, so sample text counts only where it says what to do with it.
pub fn placeholder_for_name(text: &str) -> Option<Range<usize>> {
    let span = placeholder(text)?;
    let written = !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b' '));
    let told = ["your", "here", "insert", "replace", "placeholder", "paste"];
    let told = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| told.iter().any(|mark| word.eq_ignore_ascii_case(mark)));
    (written || told).then_some(span)
}

fn enclosed(text: &str, open: &str, close: &str) -> Option<Range<usize>> {
    let start = text.find(open)?;
    let rest = text.get(start + open.len()..)?;
    let length = rest.find(close)?;
    Some(start..start + open.len() + length + close.len())
}

/// `<access_token>`: angle brackets around words, not around a value.
fn angled(text: &str) -> Option<Range<usize>> {
    let span = enclosed(text, "<", ">")?;
    let inner = text.get(span.start + 1..span.end.checked_sub(1)?)?;
    let words = (inner.len() >= 4 || span == (0..text.len()) && !inner.is_empty())
        && inner.len() <= 40
        && !inner.bytes().any(|byte| byte.is_ascii_digit());
    let plain = inner.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-' | b' ' | b'.'));
    (words && plain).then_some(span)
}

/// `%TOKEN%` of a Windows shell: a name between percent signs, the whole text, and no percent-encoding.
fn percent_variable(text: &str) -> Option<Range<usize>> {
    let inner = text.strip_prefix('%')?.strip_suffix('%')?;
    let named = inner.len() >= 2 && inner.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    named.then_some(0..text.len())
}

/// `$TOKEN` of a shell, the whole text; `$env:TOKEN` of PowerShell.
fn shell_variable(text: &str) -> Option<Range<usize>> {
    let name = text.strip_prefix('$')?;
    let name = name.strip_prefix("env:").unwrap_or(name);
    let first = name.bytes().next()?;
    let named = (first.is_ascii_alphabetic() || first == b'_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    // A dollar sign before a handful of mixed characters may be a password: a variable's name is in one case or has `_`.
    let one_case = name == name.to_ascii_uppercase() || name == name.to_ascii_lowercase() || name.contains('_');
    (named && one_case && name.len() >= 3 && !name.bytes().any(|byte| byte.is_ascii_digit())).then_some(0..text.len())
}

/// `{token}`, `{0}`, `[token]`, `__TOKEN__`: a name or a number between marks that formatters and pipelines replace, the
/// whole text; and what C's formats write for a string.
fn named_alone(text: &str) -> Option<Range<usize>> {
    let between = |open: &str, close: &str| text.strip_prefix(open)?.strip_suffix(close);
    let plain =
        |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    let number = |name: &str| name.len() <= 2 && name.bytes().all(|byte| byte.is_ascii_digit());
    let name = |name: &str| plain(name) && name.len() <= 40 && name.starts_with(|c: char| c.is_ascii_alphabetic());
    let braced = between("{", "}").is_some_and(|inner| !inner.is_empty() && (number(inner) || name(inner)));
    let bracketed = between("[", "]").is_some_and(|inner| name(inner) && inner.split(['_', '-']).any(is_sample_word));
    let lined = between("__", "__").is_some_and(|inner| name(inner) && inner == inner.to_ascii_uppercase());
    (braced || bracketed || lined || text == "%s").then_some(0..text.len())
}

/// Words that sample text names values by.
const NAMES: [&str; 14] = [
    "token", "access", "bearer", "jwt", "secret", "client", "id", "password", "passwd", "user", "username", "key",
    "api", "instance",
];

/// Words by which sample text says that it is some.
const MARKS: [&str; 10] =
    ["your", "here", "insert", "replace", "enter", "example", "sample", "placeholder", "paste", "todo"];

/// Whether a word is one of those that sample text is made of.
pub fn is_sample_word(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    NAMES.contains(&word.as_str()) || MARKS.contains(&word.as_str())
}

/// Sample text of a manual: `YOUR_ACCESS_TOKEN`, `my-token-here`, `access_token`, `xxxxxxxx`, `...`.
fn sample_words(text: &str) -> Option<Range<usize>> {
    let whole = Some(0..text.len());
    if !text.is_empty() && (text.bytes().all(|b| b == b'.') && text.len() >= 3 || text == "…") {
        return whole;
    }
    if text.len() >= 4 && text.bytes().all(|byte| matches!(byte, b'x' | b'X')) {
        return whole;
    }
    if text.len() > 64 || text.contains('.') {
        return None;
    }
    let one_of = |list: &[&str], word: &str| list.iter().any(|known| known.eq_ignore_ascii_case(word));
    let (mut names, mut marks, mut other) = (0, 0, 0);
    for word in text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        match word {
            word if one_of(&NAMES, word) => names += 1,
            word if one_of(&MARKS, word) => marks += 1,
            _ => other += 1,
        }
    }
    let sample = marks >= 1 && names >= 1 && other <= 1 || names >= 2 && other == 0 && marks == 0;
    sample.then_some(0..text.len())
}

/// Words that sanitizers leave.
pub const TAKEN_OUT: [&str; 8] =
    ["redacted", "sanitized", "sanitised", "removed", "filtered", "masked", "scrubbed", "hidden"];

/// Whether a sanitizer took the value out: `[redacted]`, `REDACTED`, `***`, `<removed>`, `[Authorization redacted]` …
pub fn redacted(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let bare = lower.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let bracketed = matches!(lower.as_bytes(), [b'[', .., b']'] | [b'<', .., b'>']);
    let worded = TAKEN_OUT.iter().any(|word| bare == *word || bracketed && bare.split(' ').any(|part| part == *word));
    let stars = text.chars().filter(|c| matches!(c, '*' | '\u{2022}' | '\u{25cf}' | '\u{2588}')).count();
    lower.contains("redacted") || worded || stars >= 3
}

/// The value, where a sanitizer left it: what is hidden compares with nothing.
pub fn shown(text: &str) -> Option<&str> {
    (!redacted(text)).then_some(text)
}

/// The words that a program prints for "no value".
pub fn literal_null(text: &str) -> bool {
    let object = text.strip_prefix("[object ").and_then(|rest| rest.strip_suffix(']'));
    object.is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_alphabetic()))
        // What .NET prints for an object that has no text of its own: `System.Security.SecureString`.
        || text.strip_prefix("System.").is_some_and(|name| {
            name.contains(|c: char| c.is_ascii_alphabetic())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".[]`".contains(&byte))
        })
        || matches!(
            text,
            "null" | "NULL" | "Null" | "undefined" | "None" | "nil" | "NaN" | "(null)" | "<nil>" | "<null>"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_seen() {
        for text in [
            "{{access_token}}",
            "${access_token}",
            "%TOKEN%",
            "<access_token>",
            "YOUR_ACCESS_TOKEN",
            "your-token-here",
            "$ACCESS_TOKEN",
            "$env:SN_TOKEN",
            "access_token",
            "xxxxxxxx",
            "<your token>",
            "{{vault:json-web-token}}",
            "#[vars.accessToken]",
            "@{variables('token')}",
            "$(accessToken)",
            "{!$Credential.OAuthToken}",
            "{token}",
            "{0}",
            "{sn-token}",
            "[access_token]",
            "__SN_TOKEN__",
            "%s",
        ] {
            assert!(placeholder(text).is_some(), "{text}");
        }
    }

    #[test]
    fn real_values_are_not_templates() {
        for text in [
            "",
            "p%40ss",
            "admin",
            "token.user",
            "$ecret9!",
            "S3cr3t%1",
            "B1wSEk09CHPEwLCMMfkbL8Xre008lPKQ",
            "svc_token",
            "a<b>c9",
            "client",
            "qhb<;R(y+eB7zeK~<P*b+&^,h57f`^dC",
            "my.user",
            "Pa$$word1",
            "{}",
            "{8Kq!}",
            "{2026}",
            "[8kq]",
            "[winter]",
            "__a1__",
            "____",
        ] {
            assert!(placeholder(text).is_none(), "{text} {:?}", placeholder(text));
        }
    }

    #[test]
    fn what_a_sanitizer_left_is_known() {
        for text in
            ["[redacted]", "REDACTED", "***", "<removed>", "[Authorization redacted]", "eyJh.eyJi.redacted", "••••••"]
        {
            assert!(redacted(text), "{text}");
        }
        for text in ["", "B1wSEk09CHPEwLCMMfkbL8Xre008lPKQ", "{{token}}", "hidden.harbour.svc", "a*b"] {
            assert!(!redacted(text), "{text}");
        }
    }

    #[test]
    fn names_that_accounts_have_are_not_templates() {
        for text in ["api_user", "user.api", "client-user", "access_user", "sample user", "api example"] {
            assert!(placeholder_for_name(text).is_none(), "{text}");
        }
        for text in ["your_username", "<username>", "$SN_USER", "{{user}}", "%USER%", "username here", "xxxx*{{x}}"] {
            assert!(placeholder_for_name(text).is_some(), "{text}");
        }
    }

    #[test]
    fn programs_print_objects_without_a_value() {
        assert!(literal_null("[object Promise]") && literal_null("undefined"));
        assert!(!literal_null("[object 1]") && !literal_null("nothing"));
    }

    #[test]
    fn the_span_is_the_template_only() {
        assert_eq!(placeholder("abc{{x}}def"), Some(3..8));
    }
}

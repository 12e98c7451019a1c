//! `WWW-Authenticate` and `Proxy-Authenticate` (RFC 9110 §11.6.1): schemes and parameters, several fields or one list.

use crate::model::lossy;

/// One challenge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenge {
    /// As it was spelt.
    pub scheme: String,
    /// Names in lower case, values without quotes.
    pub params: Vec<(String, String)>,
}

impl Challenge {
    pub fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// All challenges of all values of the field, in order. What cannot be read is left out.
pub fn parse<'a>(values: impl Iterator<Item = &'a [u8]>) -> Vec<Challenge> {
    let mut challenges: Vec<Challenge> = Vec::new();
    for value in values {
        let text = lossy(value);
        for part in split_list(&text) {
            add(&mut challenges, part.trim());
        }
    }
    challenges
}

/// Splits at commas outside of quotes.
fn split_list(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.push(text.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

/// A part is `scheme`, `scheme name=value` or `name=value` of the challenge before it.
fn add(challenges: &mut Vec<Challenge>, part: &str) {
    let (first, rest) = part.split_once(char::is_whitespace).unwrap_or((part, ""));
    if first.is_empty() {
        return;
    }
    if let Some((name, value)) = first.split_once('=').filter(|(name, value)| !name.is_empty() && !value.is_empty()) {
        let whole = part.split_once('=').map_or(value, |(_, whole)| whole);
        if let Some(last) = challenges.last_mut() {
            last.params.push((name.to_ascii_lowercase(), unquote(whole)));
        }
        return;
    }
    let mut challenge = Challenge { scheme: first.to_owned(), params: Vec::new() };
    if let Some((name, value)) = rest.trim().split_once('=') {
        challenge.params.push((name.trim().to_ascii_lowercase(), unquote(value)));
    }
    challenges.push(challenge);
}

fn unquote(value: &str) -> String {
    let value = value.trim();
    match value.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')) {
        Some(inner) => inner.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schemes(values: &[&str]) -> Vec<String> {
        parse(values.iter().map(|value| value.as_bytes())).into_iter().map(|challenge| challenge.scheme).collect()
    }

    #[test]
    fn several_fields_and_lists_give_the_same() {
        assert_eq!(schemes(&["BEARER realm=\"Service-now\"", "BASIC realm=\"Service-now\""]), ["BEARER", "BASIC"]);
        assert_eq!(
            schemes(&["Bearer realm=\"a, b\", error=\"invalid_token\", Basic realm=x, Negotiate"]),
            ["Bearer", "Basic", "Negotiate"]
        );
    }

    #[test]
    fn parameters_belong_to_their_challenge() {
        let all = parse(
            [&b"Bearer error=\"invalid_token\", error_description=\"The token, it \\\"expired\\\"\""[..]].into_iter(),
        );
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].param("error_description"), Some("The token, it \"expired\""));
    }

    #[test]
    fn any_bytes_are_read() {
        assert!(parse([&b",,=\"\xff"[..]].into_iter()).len() <= 1);
    }
}

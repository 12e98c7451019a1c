//! The words of a shell's command line as its program would get them: quotes resolved, and what the shell fills in hidden.

use std::borrow::Cow;
use std::iter::Peekable;
use std::str::Chars;

use crate::intake::masked::HIDDEN;

/// The words of the first command in a line. What only the shell knows (`$TOKEN`, `$(…)`, `%TOKEN%`) stands as a mask;
/// inside single quotes nothing is filled in, and `$TOKEN` is what is sent.
pub(super) fn words(text: &str) -> Vec<String> {
    let text = without_carets(text);
    let mut splitter = Splitter { rest: text.chars().peekable(), words: Vec::new(), word: None };
    while let Some(character) = splitter.rest.next() {
        match character {
            '\'' => splitter.single(),
            '"' => splitter.double(),
            '$' if splitter.rest.peek() == Some(&'\'') => splitter.escaped(),
            '\\' => {
                let next = splitter.rest.next();
                splitter.push(next.filter(|next| *next != '\n'));
            }
            // The rest is another program's, or the shell's own.
            '|' | ';' | '&' => break,
            blank if blank.is_whitespace() => splitter.end(),
            other => splitter.plain(other),
        }
    }
    splitter.end();
    splitter.words
}

/// Whether a quote is still open at the end of the text.
pub(super) fn is_open(text: &str) -> bool {
    let text = without_carets(text);
    let mut open = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (open, character) {
            (None | Some('"'), '\\') => drop(characters.next()),
            (Some(quote), close) if quote == close => open = None,
            (None, '\'' | '"') => open = Some(character),
            _ => {}
        }
    }
    open.is_some()
}

/// Browsers copy commands for Windows with `^` in front of what its shell would read.
fn without_carets(text: &str) -> Cow<'_, str> {
    if !text.contains("^\"") {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        plain.extend(if character == '^' { characters.next() } else { Some(character) });
    }
    Cow::Owned(plain)
}

struct Splitter<'a> {
    rest: Peekable<Chars<'a>>,
    words: Vec<String>,
    word: Option<String>,
}

impl Splitter<'_> {
    fn push(&mut self, part: impl IntoIterator<Item = char>) {
        self.word.get_or_insert_default().extend(part);
    }

    fn end(&mut self) {
        self.words.extend(self.word.take());
    }

    /// `'…'`: as it stands.
    fn single(&mut self) {
        self.push(None);
        while let Some(character) = self.rest.next().filter(|character| *character != '\'') {
            self.push([character]);
        }
    }

    /// `"…"`: variables are filled in, a backslash counts in front of few characters.
    fn double(&mut self) {
        self.push(None);
        while let Some(character) = self.rest.next().filter(|character| *character != '"') {
            match (character, self.rest.peek().copied()) {
                ('\\', Some(next @ ('"' | '\\' | '$' | '`'))) => {
                    self.rest.next();
                    self.push([next]);
                }
                _ => self.plain(character),
            }
        }
    }

    /// `$'…'`: with the escapes of C.
    fn escaped(&mut self) {
        self.rest.next();
        self.push(None);
        while let Some(character) = self.rest.next().filter(|character| *character != '\'') {
            let character = match character {
                '\\' => self.escape(),
                other => Some(other),
            };
            self.push(character);
        }
    }

    fn escape(&mut self) -> Option<char> {
        Some(match self.rest.next()? {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'x' => return self.code(2),
            'u' => return self.code(4),
            other => other,
        })
    }

    fn code(&mut self, digits: usize) -> Option<char> {
        let mut code = 0;
        for _ in 0..digits {
            let Some(digit) = self.rest.peek().and_then(|digit| digit.to_digit(16)) else { break };
            self.rest.next();
            code = code * 16 + digit;
        }
        char::from_u32(code)
    }

    /// A character outside of single quotes, or what is filled in for it.
    fn plain(&mut self, character: char) {
        let filled = match character {
            '$' => self.variable(),
            '`' => self.until('`'),
            '%' => self.windows_variable(),
            _ => false,
        };
        if filled {
            self.push(HIDDEN.chars());
        } else {
            self.push([character]);
        }
    }

    fn variable(&mut self) -> bool {
        match self.rest.peek().copied() {
            Some('{') => self.until('}'),
            Some('(') => self.until(')'),
            Some(first) if first.is_ascii_alphabetic() || first == '_' => {
                while self.rest.next_if(|next| next.is_ascii_alphanumeric() || matches!(next, '_' | ':')).is_some() {}
                true
            }
            _ => false,
        }
    }

    /// `%TOKEN%`, and not the percent-encoding of a byte.
    fn windows_variable(&mut self) -> bool {
        let ahead: String = self.rest.clone().take(40).take_while(|next| *next != '%').collect();
        let named = ahead.len() >= 3 && ahead.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        let closed = named && self.rest.clone().nth(ahead.len()) == Some('%');
        if closed {
            self.rest.by_ref().take(ahead.len() + 1).for_each(drop);
        }
        closed
    }

    fn until(&mut self, close: char) -> bool {
        self.rest.by_ref().take_while(|next| *next != close).for_each(drop);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_what_the_program_gets() {
        let cases: [(&str, &[&str]); 9] = [
            (r#"curl -H 'A: b c' "d \"e\" \n" f\ g ''"#, &["curl", "-H", "A: b c", r#"d "e" \n"#, "f g", ""]),
            ("curl 'Bearer $TOKEN'", &["curl", "Bearer $TOKEN"]),
            (
                "curl \"Bearer $TOKEN\" x${A}y $(cat f) `id`",
                &["curl", "Bearer [redacted]", "x[redacted]y", "[redacted]", "[redacted]"],
            ),
            ("curl \"Bearer %TOKEN%\" a%20b%2FC%", &["curl", "Bearer [redacted]", "a%20b%2FC%"]),
            ("curl \"a$env:TOKEN\" 5$ $1", &["curl", "a[redacted]", "5$", "$1"]),
            ("curl $'it\\'s\\u0021\\n'", &["curl", "it's!\n"]),
            ("curl https://h/?a=1&b=2", &["curl", "https://h/?a=1"]),
            ("curl 'https://h/?a=1&b=2' | jq .", &["curl", "https://h/?a=1&b=2"]),
            (
                "curl ^\"https://h/?a=1^&b=2^\" -H ^\"A: ^\\^\"q^\\^\"^\"",
                &["curl", "https://h/?a=1&b=2", "-H", "A: \"q\""],
            ),
        ];
        for (text, want) in cases {
            assert_eq!(words(text), want, "{text}");
        }
    }

    #[test]
    fn an_open_quote_goes_on_in_the_next_line() {
        assert!(is_open("curl -d 'a=1&") && is_open("curl \"it's"));
        assert!(!is_open("curl -d 'a' \"b\\\"\"") && !is_open(r"it\'s"));
    }
}

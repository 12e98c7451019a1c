//! The command line above a transcript: `-v` never shows the body that was sent, but the command does.

use crate::intake::url::{self, Url};

/// What a curl command says about its request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Command {
    pub method: Option<String>,
    pub url: Option<String>,
    /// The body, where the command holds all of it.
    pub data: Option<String>,
}

impl Command {
    pub fn place(&self) -> Option<Url<'_>> {
        self.url.as_deref().and_then(url::split)
    }
}

/// The command in a line, without the prompt in front of it.
pub(super) fn start(line: &str) -> Option<&str> {
    let at = line.find("curl")?;
    let (before, command) = line.split_at(at);
    let called = ["curl ", "curl.exe "].iter().any(|name| command.starts_with(name));
    let prompt = before.trim_end().is_empty() || before.ends_with(['$', '%', '#', '>', ' ']) && before.len() < 60;
    let shown = before.trim_end().chars().next_back().is_none_or(|last| matches!(last, '$' | '%' | '#' | '>'));
    (called && prompt && shown && !before.starts_with(['*', '<'])).then_some(command)
}

/// Reads a command line.
pub(super) fn read(text: &str) -> Command {
    let mut command = Command::default();
    let mut words = words(text).into_iter().skip(1);
    let (mut data, mut whole, mut as_query) = (Vec::new(), true, false);
    while let Some(word) = words.next() {
        let (option, given) = option(&word);
        let mut value = || given.clone().or_else(|| words.next()).unwrap_or_default();
        match option {
            "-X" | "--request" => command.method = Some(value()),
            "-d" | "--data" | "--data-ascii" | "--data-binary" | "--json" => {
                let value = value();
                whole &= !value.starts_with('@');
                data.push(value);
            }
            "--data-raw" => data.push(value()),
            "--data-urlencode" => {
                let value = value();
                whole &= !value.contains('@');
                data.push(encoded(&value));
            }
            "-F" | "--form" | "-T" | "--upload-file" => {
                value();
                whole = false;
            }
            "-G" | "--get" => as_query = true,
            "--url" => command.url = Some(value()),
            "-u" | "--user" | "-H" | "--header" | "-x" | "--proxy" | "-o" | "--output" | "-A" | "-b" | "-c" | "-e"
            | "-m" | "-w" | "-E" | "--cert" | "--key" | "--cacert" | "--resolve" | "--connect-timeout"
            | "--max-time" => {
                value();
            }
            "" => command.url = command.url.or(Some(word)),
            _ => {}
        }
    }
    command.data = (whole && !as_query && !data.is_empty()).then(|| data.join("&"));
    command
}

/// An option's name, and its value where both are one word; no name for a word that is no option.
fn option(word: &str) -> (&str, Option<String>) {
    if word.starts_with("--") {
        return word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value.to_owned())));
    }
    if !word.starts_with('-') || word.len() < 2 {
        return ("", None);
    }
    // `-sSvd data`: letters without values run together, the last one may take one.
    let quiet = word.get(1..).unwrap_or_default().trim_start_matches(|letter| "svSkLigfI".contains(letter));
    let letter = quiet.chars().next().map_or(0, char::len_utf8);
    let (letter, glued) = quiet.split_at(letter);
    let name = ["-X", "-d", "-F", "-T", "-G", "-u", "-H", "-x", "-o", "-A", "-b", "-c", "-e", "-m", "-w", "-E"]
        .into_iter()
        .find(|name| name.get(1..) == Some(letter))
        .unwrap_or("-");
    (name, (!glued.is_empty()).then(|| glued.to_owned()))
}

/// `name=value` with the value encoded, as `--data-urlencode` does.
fn encoded(value: &str) -> String {
    match value.split_once('=') {
        Some((name, value)) if !name.is_empty() => format!("{name}={}", curl_encoded(value)),
        Some((_, value)) => curl_encoded(value),
        None => curl_encoded(value),
    }
}

fn curl_encoded(value: &str) -> String {
    const KEEP: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    percent_encoding::utf8_percent_encode(value, KEEP).to_string()
}

/// The words of a command line, quotes resolved.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut begun) = (Vec::new(), String::new(), false);
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(open), close) if open == close => quote = None,
            (None, '\'' | '"') => (quote, begun) = (Some(character), true),
            (None | Some('"'), '\\') => word.extend(characters.next()),
            (None, blank) if blank.is_whitespace() => {
                if begun || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            (_, other) => word.push(other),
        }
    }
    if begun || !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_behind_prompts() {
        for line in [
            "curl -v https://h",
            "$ curl -v https://h",
            "me@box:~/x$ curl https://h",
            "PS C:\\> curl.exe https://h",
            "> curl https://h",
        ] {
            assert!(start(line).is_some(), "{line}");
        }
        for line in ["> User-Agent: curl/8.5.0", "curl: (6) no", "* User agent curl here", "we used curl once"] {
            assert_eq!(start(line), None, "{line}");
        }
    }

    #[test]
    fn data_is_what_curl_would_send() {
        let data = |text: &str| read(text).data;
        let want = Some(String::from("a=1&b=x%20y&c=d'e"));
        assert_eq!(data(r#"curl -sv -X POST https://h -d a=1 --data-urlencode 'b=x y' --data-raw "c=d'e""#), want);
        assert_eq!(data("curl https://h -d@file"), None);
        assert_eq!(data("curl -G https://h -d a=1"), None);
        assert_eq!(data("curl -u me:pw https://h"), None);
    }

    #[test]
    fn method_and_url_are_read() {
        let command = read("curl -v -XPATCH -H 'A: b' 'https://h/x?y=1'");
        assert_eq!((command.method.as_deref(), command.url.as_deref()), (Some("PATCH"), Some("https://h/x?y=1")));
        assert_eq!(command.place().unwrap().host, "h");
    }
}

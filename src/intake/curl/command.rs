//! The command line above a transcript: `-v` never shows the body that was sent, but the command does.

use crate::intake::masked::HIDDEN;
use crate::intake::url::{self, Url};

use super::words;

/// What a curl command says about its request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Command {
    pub method: Option<String>,
    pub url: Option<String>,
    /// The body, where the command holds all of it.
    pub data: Option<String>,
    /// What `-d` and its kin gave, encoded as they are sent.
    pub pieces: Vec<String>,
    /// `-F`: the parts of a form as multipart/form-data.
    pub parts: Vec<String>,
    /// `-H`, as they were given.
    pub fields: Vec<String>,
    pub user: Option<String>,
    pub bearer: Option<String>,
    pub agent: Option<String>,
    pub cookies: Option<String>,
    pub referer: Option<String>,
    /// `-G`: the data goes into the query.
    pub as_query: bool,
    /// `-I`
    pub as_head: bool,
    /// `--json`
    pub as_json: bool,
    /// A scheme other than Basic for `-u`: `--digest` and its kin.
    pub scheme: Option<&'static str>,
    /// A file that is not shown gives a part of the body.
    pub by_file: bool,
    /// A file that is not shown gives fields or credentials: `-K`, `-n`, `-H @file`.
    pub by_settings: bool,
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

/// The command that begins in a line, with the lines that it goes on in.
pub(super) fn whole<'a>(start: &str, lines: &mut impl Iterator<Item = &'a str>) -> String {
    let mut command = start.to_owned();
    loop {
        let (kept, between) = match continued(&command) {
            Some(kept) => (kept.to_owned(), " "),
            None if words::is_open(&command) => (command.clone(), "\n"),
            None => return command,
        };
        let Some(next) = lines.next() else { return command };
        let next = if between == " " { next.trim_start() } else { next };
        command = format!("{kept}{between}{next}");
    }
}

/// What stands before a sign of continuation at the end of a command's line.
fn continued(line: &str) -> Option<&str> {
    line.trim_end().strip_suffix(['\\', '^', '`'])
}

/// Reads a command line.
pub(super) fn read(text: &str) -> Command {
    let mut command = Command::default();
    let mut words = words::words(text).into_iter().skip(1);
    while let Some(word) = words.next() {
        command.take(&word, &mut words);
    }
    let shown = !command.by_file && !command.as_query && !command.pieces.is_empty();
    let data = shown.then(|| command.pieces.join(command.between())).filter(|data| !data.contains(HIDDEN));
    Command { data, ..command }
}

impl Command {
    /// Takes one word, and from the rest the value that belongs to it.
    fn take(&mut self, word: &str, rest: &mut impl Iterator<Item = String>) {
        if let Some(name) = word.strip_prefix("--") {
            let (name, given) =
                name.split_once('=').map_or((name, None), |(name, value)| (name, Some(value.to_owned())));
            match VALUED.contains(&name) {
                true => self.set(name, given.or_else(|| rest.next()).unwrap_or_default()),
                false => self.switch(name),
            }
        } else if let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) {
            self.letters(letters, rest);
        } else {
            self.url.get_or_insert_with(|| word.to_owned());
        }
    }

    /// `-sSvd data`: letters without values run together, the last one may take the rest or the next word.
    fn letters(&mut self, letters: &str, rest: &mut impl Iterator<Item = String>) {
        for (at, letter) in letters.char_indices() {
            let Some((_, name)) = LETTERS.iter().find(|(known, _)| *known == letter) else { continue };
            if VALUED.contains(name) {
                let glued = letters.get(at + letter.len_utf8()..).filter(|glued| !glued.is_empty());
                return self.set(name, glued.map(str::to_owned).or_else(|| rest.next()).unwrap_or_default());
            }
            self.switch(name);
        }
    }
}

impl Command {
    /// Between pieces of data: nothing in JSON (curl(1), `--json`).
    pub fn between(&self) -> &'static str {
        if self.as_json { "" } else { "&" }
    }

    fn set(&mut self, option: &str, value: String) {
        match option {
            "request" => self.method = Some(value),
            "data" | "data-ascii" | "data-binary" | "json" => {
                self.by_file |= value.starts_with('@');
                self.as_json |= option == "json";
                self.pieces.push(value);
            }
            "data-raw" => self.pieces.push(value),
            "data-urlencode" => {
                self.by_file |= !value.contains('=') && value.contains('@');
                self.pieces.push(encoded(&value));
            }
            "form" | "form-string" => {
                let content = value.split_once('=').map_or("", |(_, content)| content);
                self.by_file |= option != "form-string" && content.starts_with(['@', '<']);
                self.parts.push(value);
            }
            "upload-file" => {
                self.by_file = true;
                self.method.get_or_insert_with(|| String::from("PUT"));
            }
            "url" => self.url = Some(value),
            "header" if value.starts_with('@') => self.by_settings = true,
            "header" => self.fields.push(value),
            "user" => self.user = Some(value),
            "oauth2-bearer" => self.bearer = Some(value),
            "user-agent" => self.agent = Some(value),
            // Without `=` it is the name of a file.
            "cookie" if value.contains('=') => self.cookies = Some(value),
            "referer" => self.referer = Some(value),
            "cookie" | "config" | "cert" | "netrc-file" => self.by_settings = true,
            _ => {}
        }
    }

    fn switch(&mut self, option: &str) {
        match option {
            "get" => self.as_query = true,
            "head" => self.as_head = true,
            "netrc" | "netrc-optional" => self.by_settings = true,
            "digest" => self.scheme = Some("Digest"),
            "ntlm" => self.scheme = Some("NTLM"),
            "negotiate" => self.scheme = Some("Negotiate"),
            "anyauth" => self.by_settings = true,
            _ => {}
        }
    }
}

/// Options whose value is the next word (curl(1)). Those that are not known take none.
const VALUED: &[&str] = &[
    "abstract-unix-socket",
    "aws-sigv4",
    "cacert",
    "capath",
    "cert",
    "cert-type",
    "ciphers",
    "config",
    "connect-timeout",
    "connect-to",
    "continue-at",
    "cookie",
    "cookie-jar",
    "crlfile",
    "curves",
    "data",
    "data-ascii",
    "data-binary",
    "data-raw",
    "data-urlencode",
    "dns-servers",
    "doh-url",
    "dump-header",
    "engine",
    "expand-data",
    "expand-header",
    "expand-url",
    "form",
    "form-string",
    "header",
    "interface",
    "json",
    "keepalive-time",
    "key",
    "key-type",
    "limit-rate",
    "local-port",
    "max-filesize",
    "max-redirs",
    "max-time",
    "netrc-file",
    "noproxy",
    "oauth2-bearer",
    "output",
    "output-dir",
    "pass",
    "pinnedpubkey",
    "preproxy",
    "proto",
    "proto-default",
    "proto-redir",
    "proxy",
    "proxy-cacert",
    "proxy-cert",
    "proxy-header",
    "proxy-key",
    "proxy-user",
    "quote",
    "range",
    "rate",
    "referer",
    "request",
    "request-target",
    "resolve",
    "retry",
    "retry-delay",
    "retry-max-time",
    "service-name",
    "socks5",
    "socks5-hostname",
    "speed-limit",
    "speed-time",
    "stderr",
    "time-cond",
    "tls-max",
    "tls13-ciphers",
    "trace",
    "trace-ascii",
    "unix-socket",
    "upload-file",
    "url",
    "url-query",
    "user",
    "user-agent",
    "variable",
    "write-out",
];

/// The letters of those options that take a value or say something of the request.
const LETTERS: &[(char, &str)] = &[
    ('A', "user-agent"),
    ('C', "continue-at"),
    ('D', "dump-header"),
    ('E', "cert"),
    ('F', "form"),
    ('G', "get"),
    ('H', "header"),
    ('I', "head"),
    ('K', "config"),
    ('Q', "quote"),
    ('T', "upload-file"),
    ('U', "proxy-user"),
    ('X', "request"),
    ('Y', "speed-limit"),
    ('b', "cookie"),
    ('c', "cookie-jar"),
    ('d', "data"),
    ('e', "referer"),
    ('m', "max-time"),
    ('n', "netrc"),
    ('o', "output"),
    ('r', "range"),
    ('u', "user"),
    ('w', "write-out"),
    ('x', "proxy"),
    ('y', "speed-time"),
    ('z', "time-cond"),
];

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

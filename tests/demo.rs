//! The built program: `demo` explains the four reports, `demo --stay` and `instance` serve until they are told to end.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests may"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};

fn why401(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_why401"));
    command.args(arguments).env("NO_COLOR", "1").env("LC_ALL", "C.UTF-8");
    command
}

#[test]
fn the_demo_explains_the_four_reports() {
    let output = why401(&["demo"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    // The first line of each story's last block, in order: grade, then the cause at the line's end.
    let expected = [
        ("LIKELY", "auth-code-expired"),
        ("PROVEN", "auth-code-expired"),
        ("POSSIBLE", "auth-code-expired"),
        ("LIKELY", "client-credentials-disabled"),
        ("PROVEN", "oauth-application-user-missing"),
        ("LIKELY", "third-party-token-not-configured"),
        ("LIKELY", "outbound-client-auth-placement"),
        ("PROVEN", "outbound-token-missing"),
        ("PROVEN", "outbound-user-not-authorised"),
        ("PROVEN", "bearer-missing-space"),
        ("POSSIBLE", "bearer-extra-space"),
        ("PROVEN", "token-expired"),
        ("PROVEN", "plain-http"),
        ("PROVEN", "token-placeholder"),
        ("PROVEN", "token-from-other-instance"),
    ];
    let stories: Vec<&str> = text.split("\n== Report ").skip(1).collect();
    assert_eq!(stories.len(), expected.len(), "{text}");
    for (story, (grade, cause)) in stories.iter().zip(expected) {
        // A long title goes on in the next line, under itself.
        let joined = story.replace("\n          (", " (");
        let named = joined.lines().any(|line| line.starts_with(grade) && line.contains(&format!("({cause})")));
        assert!(named, "{grade} {cause} in {story}");
    }
    assert!(stories[0].contains("71 s old") && stories[1].contains("150 s old"), "{text}");
    assert!(!stories[2].contains("PROVEN") && !stories[10].contains("PROVEN"), "{text}");
}

#[test]
fn no_secret_of_the_demo_is_shown() {
    let text = String::from_utf8(why401(&["demo"]).output().unwrap().stdout).unwrap();
    let long = |word: &&str| {
        word.len() >= 86 && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let words: Vec<&str> = text.split(|letter: char| letter.is_whitespace() || "‹›=&\"'".contains(letter)).collect();
    assert_eq!(words.iter().find(|word| long(word)), None);
    for secret in ["dev1.service-now.com", "api.vendor.example"].map(why401::instance::training::client_secret) {
        assert!(!text.contains(&secret));
    }
}

/// A program that runs until it is told to end; killed if the test fails before.
struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Running {
    fn start(arguments: &[&str]) -> Running {
        let mut child = why401(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Running { child, out }
    }

    /// What is said up to a line that contains `end`.
    fn until(&mut self, end: &str) -> String {
        let mut text = String::new();
        while !text.lines().last().is_some_and(|line| line.contains(end)) {
            assert!(self.out.read_line(&mut text).unwrap() > 0, "no `{end}` in {text}");
        }
        text
    }

    /// SIGTERM, and the exit status.
    #[cfg(unix)]
    fn end(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn over_tcp(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The first word with that start, without what a sentence puts behind it.
fn word<'a>(text: &'a str, start: &str) -> &'a str {
    text.split_whitespace().find(|word| word.starts_with(start)).unwrap().trim_end_matches([',', '.'])
}

#[cfg(unix)]
#[test]
fn the_instance_serves_until_it_is_told_to_end() {
    let mut running = Running::start(&["instance", "--listen", "127.0.0.1:0", "--power", "hibernating"]);
    let text = running.until("Ctrl-C ends it.");
    let ca = std::path::Path::new(word(text.split_once("Certificate to trust").unwrap().1, "/")).to_owned();
    assert!(std::fs::read_to_string(&ca).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
    let answer = over_tcp(
        word(&text, "127.0.0.1:"),
        "GET / HTTP/1.1\r\nHost: dev1.service-now.com\r\nConnection: close\r\n\r\n",
    );
    assert!(answer.starts_with("HTTP/1.1 301 "), "{answer}");
    assert_eq!(running.end(), Some(0));
    assert!(!ca.exists(), "the certificate is gone with its authority");
}

#[cfg(unix)]
#[test]
fn the_demo_that_stays_explains_what_comes() {
    let mut running = Running::start(&["demo", "--stay"]);
    let text = running.until("Ctrl-C ends it.");
    let (_, after) = text.split_once("Still running").unwrap();
    let proxy = word(after.split_once("the proxy on").unwrap().1, "127.0.0.1:");
    let request = "GET http://dev1.service-now.com/api/now/table/incident HTTP/1.1\r\nHost: dev1.service-now.com\r\n\
                   Authorization: Bearer {{token}}\r\nConnection: close\r\n\r\n";
    assert!(over_tcp(proxy, request).starts_with("HTTP/1.1 301 "));
    assert!(running.until("why401 explain").contains("(plain-http)"));
    assert_eq!(running.end(), Some(0));
}

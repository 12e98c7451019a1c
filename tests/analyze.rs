//! `why401 analyze` as a program: each kind of recording, both forms of words, the exit statuses, and clear errors.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests may"
)]

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const REFUSAL: &str = r#"{"error":{"message":"User is not authenticated","detail":"Required to provide Auth information"},"status":"failure"}"#;

const CURL: &str = "* Connected to dev1.service-now.com (203.0.113.7) port 443\n\
> GET /api/now/table/incident HTTP/1.1\n> Host: dev1.service-now.com\n> Authorization: Bearerabcdefgh\n> User-Agent: curl/8.5.0\n>\n\
< HTTP/1.1 401 Unauthorized\n< Server: snow_adc\n< WWW-Authenticate: Basic realm=\"Service-now\"\n<\n";

const RAW: &str = "GET /api/now/table/incident HTTP/1.1\r\nHost: dev1.service-now.com\r\nAuthorization: Bearerabcdefgh\r\n\r\n\
HTTP/1.1 401 Unauthorized\r\nServer: snow_adc\r\nContent-Type: application/json\r\n\r\n";

fn har(authorization: &[&str]) -> String {
    let entry = |(at, value): (usize, &&str)| {
        serde_json::json!({
            "startedDateTime": format!("2026-11-22T10:00:0{at}.000Z"), "time": 10,
            "request": {"method": "GET", "url": "https://dev1.service-now.com/api/now/table/incident",
                "httpVersion": "HTTP/1.1", "cookies": [], "queryString": [], "headersSize": -1, "bodySize": 0,
                "headers": [{"name": "Host", "value": "dev1.service-now.com"}, {"name": "Authorization", "value": value}]},
            "response": {"status": 401, "statusText": "Unauthorized", "httpVersion": "HTTP/1.1", "cookies": [],
                "headers": [{"name": "Server", "value": "snow_adc"}], "redirectURL": "", "headersSize": -1, "bodySize": -1,
                "content": {"size": REFUSAL.len(), "mimeType": "application/json", "text": REFUSAL}},
            "cache": {}, "timings": {"send": 0, "wait": 10, "receive": 0}
        })
    };
    let entries: Vec<Value> = authorization.iter().enumerate().map(entry).collect();
    serde_json::json!({"log": {"version": "1.2", "creator": {"name": "tool", "version": "1"}, "entries": entries}})
        .to_string()
}

struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Bench {
        Bench { folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn analyze(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_why401"))
            .arg("analyze")
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It may end before it has read everything.
        child.stdin.take().unwrap().write_all(input).ok();
        child.wait_with_output().unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_kind_of_recording_is_known_from_its_content() {
    let bench = Bench::new();
    let kinds = [
        // The names say nothing.
        ("one.txt", har(&["Bearerabcdefgh"]).into_bytes()),
        ("two.har", format!("{CURL}{REFUSAL}\n").into_bytes()),
        ("three", format!("{RAW}{REFUSAL}").into_bytes()),
        ("four.log", [&[0xEF, 0xBB, 0xBF], RAW.as_bytes(), REFUSAL.as_bytes()].concat()),
    ];
    for (name, content) in kinds {
        bench.file(name, &content);
        for (arguments, input) in
            [(vec!["--format", "json", name], &b""[..]), (vec!["--format", "json", "-"], &content[..])]
        {
            let output = bench.analyze(&arguments, input);
            assert_eq!(output.status.code(), Some(0), "{name}: {}", text(&output.stderr));
            let told = lines(&output);
            assert_eq!(told.len(), 1, "{name} {arguments:?}");
            assert_eq!(told[0]["schema"], "why401.exchange/1");
            assert_eq!(told[0]["findings"][0]["cause"], "bearer-missing-space", "{name} {arguments:?}");
            assert_eq!(told[0]["findings"][0]["grade"], "proven");
            assert_eq!((&told[0]["status"], &told[0]["answered_by"]), (&401.into(), &"instance".into()));
        }
    }
}

#[test]
fn a_pasted_command_is_the_request_of_what_it_printed() {
    let bench = Bench::new();
    let first = |command: &str| {
        let output = bench.analyze(&["--format", "json", "-"], format!("$ {command}\n{REFUSAL}\n").as_bytes());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let finding = lines(&output)[0]["findings"][0].clone();
        (finding["cause"].as_str().unwrap().to_owned(), finding["grade"].as_str().unwrap().to_owned())
    };
    let proven = |cause: &str| (String::from(cause), String::from("proven"));
    let url = "https://dev1.service-now.com/api/now/table/incident";
    assert_eq!(first(&format!("curl -H 'Authorization: Bearerabcdefgh' {url}")), proven("bearer-missing-space"));
    // Single quotes keep the shell from it; between double quotes it fills in what nobody but it knows.
    assert_eq!(first(&format!("curl -H 'Authorization: Bearer $TOKEN' {url}")), proven("token-placeholder"));
    assert_ne!(first(&format!("curl -H \"Authorization: Bearer $TOKEN\" {url}")).1, "proven");
    assert_eq!(first(&format!("curl {url}")), proven("no-credentials"));
    assert_ne!(first(&format!("curl -K settings {url}")).1, "proven");

    let alone = bench.analyze(&["-"], format!("curl {url}\n").as_bytes());
    assert_eq!(alone.status.code(), Some(1));
    assert!(text(&alone.stderr).contains("shows a curl command and not the answer"));
}

#[test]
fn a_pasted_body_has_suspects_and_nothing_proven() {
    let output = Bench::new().analyze(&["--format", "json", "-"], REFUSAL.as_bytes());
    assert_eq!(output.status.code(), Some(0));
    let told = lines(&output);
    let findings = told[0]["findings"].as_array().unwrap();
    assert!(!findings.is_empty() && findings.iter().all(|finding| finding["grade"] != "proven"), "{findings:?}");
}

#[test]
fn words_are_for_people_and_the_count_goes_to_standard_error() {
    let bench = Bench::new();
    bench.file("a.har", har(&["Bearerabcdefgh"]));
    let output = bench.analyze(&["a.har"], b"");
    let (words, count) = (text(&output.stdout), text(&output.stderr));
    assert!(words.contains("PROVEN") && words.contains("(bearer-missing-space)") && words.contains("fix"), "{words}");
    assert!(!words.contains("abcdefgh") && !words.contains('\u{1b}'), "{words}");
    assert_eq!(count.trim(), "1 exchange read, 1 explained");
    let bare = text(&bench.analyze(&["-"], b"The remote server returned an error: (403) Forbidden.").stderr);
    assert!(bare.contains("0 explained") && bare.contains("give why401 the request with its answer"), "{bare}");
}

#[test]
fn the_same_failure_is_one_line_in_words_and_whole_in_json() {
    let bench = Bench::new();
    bench.file("a.har", har(&["Bearerabcdefgh"; 3]));
    let words = text(&bench.analyze(&["a.har"], b"").stdout);
    assert_eq!(words.matches("PROVEN").count(), 1, "{words}");
    assert!(words.contains("#2 again, once more since #1") && words.contains("#3 again, 2 times since #1"), "{words}");
    let told = lines(&bench.analyze(&["--format", "json", "a.har"], b""));
    assert_eq!(told.len(), 3);
    for (at, line) in told.iter().enumerate() {
        assert_eq!((&line["entry"], &line["findings"][0]["cause"]), (&at.into(), &"bearer-missing-space".into()));
    }
}

#[test]
fn the_exit_status_is_the_promised_one() {
    let bench = Bench::new();
    bench.file("bad.har", har(&["Bearerabcdefgh"]));
    bench.file("suspects.json", REFUSAL);
    bench.file("empty.har", r#"{"log":{"version":"1.2","creator":{"name":"t","version":"1"},"entries":[]}}"#);
    let status = |arguments: &[&str]| bench.analyze(arguments, b"").status.code().unwrap();
    assert_eq!(status(&["bad.har"]), 0);
    assert_eq!(status(&["--fail-on", "proven", "bad.har"]), 3);
    assert_eq!(status(&["--fail-on", "possible", "suspects.json"]), 3);
    assert_eq!(status(&["--fail-on", "proven", "suspects.json"]), 0);
    assert_eq!(status(&["empty.har"]), 1, "nothing was read");
    assert_eq!(status(&["not-there.har"]), 1);
    assert_eq!(status(&[]), 2);
    assert_eq!(status(&["--format", "xml", "bad.har"]), 2);
}

#[test]
fn bad_input_is_said_with_its_place() {
    let bench = Bench::new();
    let whole = har(&["Bearerabcdefgh", "Bearer x"]);
    bench.file("cut.har", &whole[..whole.len() - 40]);
    bench.file("odd.har", r#"{"log":{"entries":[{"startedDateTime":"x"},17]}}"#);
    bench.file("empty", "");
    bench.file("zip", b"PK\x03\x04\0\0");
    bench.file("prose", "The quick brown fox had nothing to say.\n");
    let error = |name: &str| {
        let output = bench.analyze(&["--format", "json", name], b"");
        (text(&output.stderr), output.status.code().unwrap(), lines(&output).len())
    };
    let (cut, status, told) = error("cut.har");
    assert!(cut.contains("cut.har: ") && cut.contains("at byte ") && cut.contains("after 1 whole entries"), "{cut}");
    assert_eq!((status, told), (0, 1), "what is whole is explained");
    let (odd, status, _) = error("odd.har");
    assert!(odd.contains("odd.har: ") && odd.contains("0") && status == 1, "{odd}");
    for name in ["empty", "zip", "prose", "not-there"] {
        let (words, status, told) = error(name);
        assert!(words.contains(name) && words.lines().count() <= 3, "{words}");
        assert_eq!((status, told), (1, 0), "{name}: {words}");
    }
}

#[test]
fn several_files_are_one_story_in_the_order_of_their_times() {
    let bench = Bench::new();
    bench.file("late.har", har(&["Bearerabcdefgh"]).replace("10:00:00", "11:00:00"));
    bench.file("early.har", har(&["Bearer\\\"quoted\\\""]).replace("10:00:00", "09:00:00"));
    let told = lines(&bench.analyze(&["--format", "json", "late.har", "early.har"], b""));
    let when: Vec<&str> = told.iter().map(|line| &line["at"].as_str().unwrap()[11..16]).collect();
    assert_eq!(when, ["09:00", "11:00"]);
    assert_eq!(told.iter().map(|line| line["exchange"].clone()).collect::<Vec<_>>(), ["1", "2"]);
}

#[test]
fn everything_is_told_where_everything_is_asked_for() {
    let bench = Bench::new();
    let healthy =
        har(&["Bearer abc"]).replace("401", "200").replace(&REFUSAL.replace('"', "\\\""), "{\\\"result\\\":[]}");
    bench.file("healthy.har", healthy);
    assert_eq!(lines(&bench.analyze(&["--format", "json", "healthy.har"], b"")).len(), 0);
    let told = lines(&bench.analyze(&["--format", "json", "--all", "healthy.har"], b""));
    assert_eq!((told.len(), &told[0]["findings"]), (1, &Value::Array(Vec::new())));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let bench = Bench::new();
    bench.file("long.har", har(&["Bearerabcdefgh"; 9]));
    let mut child = Command::new(env!("CARGO_BIN_EXE_why401"))
        .args(["analyze", "--format", "json", "long.har"])
        .current_dir(bench.folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(!text(&output.stderr).contains("panicked"), "{}", text(&output.stderr));
    assert!(output.status.code().is_some());
}

//! `why401 report`: no secret in any file of it, the tags of the log, nothing that a browser, a shell or a forum would obey.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests may"
)]

mod planted;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use why401::catalog;
use why401::intake::transcript;
use why401::ledger;
use why401::model::{Exchange, Salt};
use why401::output::{Told, har, json};
use why401::pipeline::{Pipeline, Teller};
use why401::session::{Bodies, Limits, Recorder};

fn why401(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_why401")).args(arguments).output().unwrap()
}

/// Writes exchanges as they are, secrets included, as another tool would.
fn har(path: &Path, exchanges: &[Exchange]) {
    let mut writer = har::Writer::new(Vec::new()).unwrap();
    exchanges.iter().for_each(|exchange| writer.entry(&har::entry(exchange, har::Beside::default())).unwrap());
    fs::write(path, writer.finish(&()).unwrap()).unwrap();
}

/// Makes the bundle of a recording; the files with their texts.
fn report(source: &Path, output: &Path) -> Vec<(String, String)> {
    let done = why401(&["report", source.to_str().unwrap(), "-o", output.to_str().unwrap()]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let mut files: Vec<(String, String)> = fs::read_dir(output)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path).unwrap()))
        .collect();
    files.sort();
    files
}

fn text_of<'a>(files: &'a [(String, String)], name: &str) -> &'a str {
    &files.iter().find(|(file, _)| file == name).unwrap().1
}

fn example(slug: &str) -> Vec<Exchange> {
    let page = catalog::page(slug).unwrap();
    transcript::parse(&page.examples[0].transcript).unwrap().steps.into_iter().map(|step| step.exchange).collect()
}

#[test]
fn no_planted_secret_is_in_any_file_or_in_the_short_text() {
    let folder = tempfile::tempdir().unwrap();
    let mut leaked = Vec::new();
    // All at once: what one exchange gives away is known in the others.
    let all: Vec<Exchange> = planted::planted().into_iter().map(|(_, exchange)| exchange).collect();
    let mut stories = vec![("all", all)];
    stories.extend(planted::planted().into_iter().step_by(7).map(|(name, exchange)| (name, vec![exchange])));
    for (number, (name, exchanges)) in stories.iter().enumerate() {
        let source = folder.path().join(format!("{number}.har"));
        har(&source, exchanges);
        let paste = why401(&["report", source.to_str().unwrap(), "--paste"]);
        let mut files = report(&source, &folder.path().join(format!("bundle-{number}")));
        files.push(("paste".into(), String::from_utf8(paste.stdout).unwrap()));
        files.push(("errors".into(), String::from_utf8(paste.stderr).unwrap()));
        for (file, text) in files {
            leaked.extend(
                planted::forms()
                    .into_iter()
                    .filter(|form| text.contains(form))
                    .map(|form| format!("{name}, {file}: {form}")),
            );
        }
    }
    assert!(leaked.is_empty(), "{} leaks:\n{}", leaked.len(), leaked.join("\n"));
}

#[test]
fn a_bundle_is_five_files_for_its_owner_only_with_their_sums() {
    let folder = tempfile::tempdir().unwrap();
    let (source, output) = (folder.path().join("a.har"), folder.path().join("bundle"));
    har(&source, &example("token-expired"));
    let files = report(&source, &output);
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["findings.jsonl", "manifest.json", "report.html", "report.md", "session.har"]);
    let manifest: serde_json::Value = serde_json::from_str(text_of(&files, "manifest.json")).unwrap();
    assert_eq!(manifest["files"].as_array().unwrap().len(), 4);
    assert!(
        manifest["removed"].as_array().unwrap().iter().any(|gone| gone["where"] == "request.headers.authorization")
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&output), mode(&output.join("session.har"))), (0o700, 0o600));
    }
    let again = why401(&["report", source.to_str().unwrap(), "-o", output.to_str().unwrap()]);
    assert_eq!(again.status.code(), Some(1), "an existing bundle is not overwritten");
    #[cfg(unix)]
    for name in ["link", "link.zip"] {
        let (link, nothing) = (folder.path().join(name), std::env::temp_dir().join("why401-leads-nowhere/x"));
        std::os::unix::fs::symlink(&nothing, &link).unwrap();
        let refused = why401(&["report", source.to_str().unwrap(), "-o", link.to_str().unwrap()]);
        assert_eq!((refused.status.code(), nothing.exists()), (Some(1), false), "a link is in the way as well");
        fs::remove_file(link).unwrap();
    }
    let left: Vec<PathBuf> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left.len(), 2, "nothing is left beside the bundle: {left:?}");
}

#[test]
fn one_zip_holds_the_same_files() {
    let folder = tempfile::tempdir().unwrap();
    let (source, zip) = (folder.path().join("a.har"), folder.path().join("bundle.zip"));
    har(&source, &example("token-expired"));
    let done = why401(&["report", source.to_str().unwrap(), "-o", zip.to_str().unwrap()]);
    let said = String::from_utf8(done.stdout).unwrap();
    assert!(said.len() > 64 && said.trim_end().ends_with("bundle.zip"), "{said}");
    let bytes = fs::read(&zip).unwrap();
    let count = |sign: &[u8]| bytes.windows(4).filter(|four| *four == sign).count();
    assert_eq!((count(b"PK\x03\x04"), count(b"PK\x01\x02"), count(b"PK\x05\x06")), (5, 5, 1));
}

/// The tags of a text.
fn tags(text: &str) -> BTreeSet<String> {
    let starts = text.match_indices('#').map(|(at, _)| at);
    starts.filter_map(|at| text.get(at..at + 8)).filter(|tag| tag.ends_with('…')).map(str::to_owned).collect()
}

#[test]
fn a_report_of_a_session_says_what_the_log_said_with_the_same_tags() {
    let folder = tempfile::tempdir().unwrap();
    let exchanges: Vec<Exchange> =
        example("token-expired").into_iter().zip(1..).map(|(exchange, id)| Exchange { id, ..exchange }).collect();
    let session = folder.path().join("session");
    let salt = Salt::new([5; 32]);
    let limits = Limits { bytes: 1 << 24, exchanges: 1000, bodies: Bodies::Telling };
    let (recorder, recording) = Recorder::start(&session, limits, salt.clone(), exchanges[0].at).unwrap();
    let mut live = String::new();
    let mut pipeline = Pipeline::new(salt, ledger::Limits::default());
    let mut teller = |told: &Told<'_>| {
        recorder.clone().tell(told);
        if !told.diagnosis.findings.is_empty() {
            live.push_str(&(json::line(told) + "\n"));
        }
    };
    for exchange in &exchanges {
        recorder.exchange(exchange.clone());
        pipeline.take(exchange.clone(), &mut teller);
    }
    pipeline.finish(&mut teller);
    recording.finish();
    let files = report(&session, &folder.path().join("bundle"));
    assert_eq!(text_of(&files, "findings.jsonl"), live);
    assert!(!tags(&live).is_empty() && tags(&live).is_subset(&tags(text_of(&files, "report.md"))));
}

/// An exchange whose names try to be something else.
fn hostile() -> Exchange {
    let mut exchange = example("token-expired").pop().unwrap();
    exchange.request.target =
        "/api/now/table/x'\"$(touch pwned)`touch pwned`<script>alert(1)</script>|```[a](http://b)".into();
    exchange.request.fields.push("X-Test", "'; touch pwned; echo '");
    exchange.request.fields.push("X-<img src=http://h.example/>", "\u{202e}<img src=x onerror=alert(1)>");
    exchange.request.fields.push("User-Agent", "=cmd|'/c calc'!A1 <b>\n# heading");
    exchange
}

#[test]
fn a_page_of_hostile_names_holds_no_element_of_theirs() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("<svg onload=alert(1)>.har");
    har(&source, &[hostile()]);
    let files = report(&source, &folder.path().join("bundle"));
    let page = text_of(&files, "report.html");
    const OURS: &str = "!DOCTYPE html head meta title style body h1 h2 h3 h4 p div span table tr th td br pre code ol ul li strong footer svg line path circle text";
    for tag in page.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()) {
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        assert!(OURS.split(' ').any(|ours| ours == name), "<{tag}>");
        assert!(![" src", " href", " on"].iter().any(|attribute| tag.contains(attribute)), "<{tag}>");
    }
    assert!(!page.contains("url(") && !page.contains('\u{202e}'));
    let markdown = text_of(&files, "report.md");
    let outside = without_code(markdown);
    for sign in ["\n# heading", "<script", "<img", "](http"] {
        assert!(!outside.contains(sign), "{sign} in {outside}");
    }
}

/// Markdown without its code blocks and code spans (CommonMark: a span ends at a row of as many backticks).
fn without_code(markdown: &str) -> String {
    let mut lines = String::new();
    let mut fence = 0;
    for line in markdown.lines() {
        let row = line.chars().take_while(|c| *c == '`').count();
        match fence {
            0 if row >= 3 => fence = row,
            0 => lines.push_str(&format!("\n{line}")),
            open if row >= open && line.trim_matches('`').is_empty() => fence = 0,
            _ => {}
        }
    }
    assert_eq!(fence, 0, "a block is not closed");
    let mut out = String::new();
    let mut rest = lines.as_str();
    while let Some(at) = rest.find('`') {
        out.push_str(&rest[..at]);
        let row = rest[at..].chars().take_while(|c| *c == '`').count();
        let after = &rest[at + row..];
        let closes = |from: &usize| {
            let run = after[*from..].chars().take_while(|c| *c == '`').count();
            run == row && !after[..*from].ends_with('`')
        };
        let end = after.match_indices('`').map(|(at, _)| at).find(closes);
        rest = end.map_or(after, |end| &after[end + row..]);
    }
    out + rest
}

#[cfg(unix)]
#[test]
fn a_shell_runs_the_curl_command_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("a.har");
    har(&source, &[hostile()]);
    let files = report(&source, &folder.path().join("bundle"));
    let markdown = text_of(&files, "report.md");
    let fence = markdown.rfind("sh\ncurl").unwrap();
    let command = markdown[fence + 3..].split("\n```").next().unwrap();
    // A curl that prints its arguments, one a line.
    let script = format!("curl() {{ for a in \"$@\"; do printf '%s\\n' \"$a\"; done; }}\n{command}\n");
    let done = Command::new("sh").arg("-c").arg(&script).current_dir(folder.path()).output().unwrap();
    assert!(done.status.success() && done.stderr.is_empty(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(!folder.path().join("pwned").exists(), "{command}");
    let words = String::from_utf8(done.stdout).unwrap();
    assert!(words.lines().any(|word| word == "X-Test: '; touch pwned; echo '"), "{words}");
}

#[test]
fn the_short_text_is_short() {
    let folder = tempfile::tempdir().unwrap();
    for slug in ["token-expired", "role-missing", "wrong-password"] {
        let source = folder.path().join(format!("{slug}.har"));
        har(&source, &example(slug));
        let text = String::from_utf8(why401(&["report", source.to_str().unwrap(), "--paste"]).stdout).unwrap();
        assert!(text.chars().count() < 3000 && text.contains(slug), "{text}");
    }
}

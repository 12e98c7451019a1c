//! The recorded session: written line by line, private, bounded, readable after any crash.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests may"
)]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use why401::catalog;
use why401::intake::transcript;
use why401::ledger;
use why401::model::{Exchange, Millis, Salt};
use why401::output::Told;
use why401::pipeline::Pipeline;
use why401::session::{Bodies, Limits, Recorder, Session};

const ROOMY: Limits = Limits { bytes: 64 * 1024 * 1024, exchanges: 10_000, bodies: Bodies::Telling };

/// The exchanges of a page's examples, numbered.
fn exchanges(slug: &str) -> Vec<Exchange> {
    let page = catalog::page(slug).unwrap();
    let read = page.examples.iter().flat_map(|example| transcript::parse(&example.transcript).unwrap().steps);
    read.zip(1..).map(|(step, id)| Exchange { id, ..step.exchange }).collect()
}

/// Records them as `run` does: each exchange at once, what is said of it when it is clear.
fn record(folder: &Path, limits: Limits, exchanges: &[Exchange]) {
    let salt = Salt::new([5; 32]);
    let (recorder, recording) = Recorder::start(folder, limits, salt.clone(), exchanges[0].at).unwrap();
    let mut pipeline = Pipeline::new(salt, ledger::Limits::default());
    let mut teller = recorder.clone();
    for exchange in exchanges {
        recorder.exchange(exchange.clone());
        pipeline.take(exchange.clone(), &mut teller);
        // The queue is bounded: a disk cannot be faster than a test.
        std::thread::yield_now();
    }
    pipeline.finish(&mut teller);
    recording.finish();
}

fn causes(exchanges: impl IntoIterator<Item = Exchange>) -> Vec<String> {
    let mut all = Vec::new();
    let mut teller = |told: &Told<'_>| {
        let findings =
            told.diagnosis.findings.iter().map(|f| format!("#{} {} {}", told.exchange.id, f.cause, f.grade.as_str()));
        all.extend(findings);
    };
    let mut pipeline = Pipeline::new(Salt::new([6; 32]), ledger::Limits::default());
    exchanges.into_iter().for_each(|exchange| pipeline.take(exchange, &mut teller));
    pipeline.finish(&mut teller);
    all
}

fn read(folder: &Path) -> Vec<Exchange> {
    Session::open(folder).unwrap().map(|entry| entry.unwrap().exchange).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn a_session_is_read_back_with_the_same_findings() {
    let folder = tempfile::tempdir().unwrap();
    let exchanges = exchanges("token-expired");
    record(folder.path(), ROOMY, &exchanges);
    let back = read(folder.path());
    assert_eq!(back.len(), exchanges.len());
    assert_eq!(causes(back), causes(exchanges));
}

/// A healthy call: what it brings is data.
fn healthy() -> Exchange {
    let text = format!(
        "@ 10:00:00 https://dev1.service-now.com\n> POST /api/now/table/incident HTTP/1.1\n> Host: dev1.service-now.com\n\
         > Content-Type: application/json\n>\n> {{\"short_description\":\"asked\"}}\n\
         < HTTP/1.1 201 Created\n< Content-Type: application/json\n< X-Is-Logged-In: true\n<\n\
         < {{\"result\":{{\"short_description\":\"answered{}\"}}}}\n",
        ".".repeat(80)
    );
    let exchange = transcript::parse(&text).unwrap().steps.remove(0).exchange;
    Exchange { id: 1, ..exchange }
}

#[test]
fn a_request_that_named_no_host_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let odd = |id, method: &str, target: &str| {
        let mut exchange = Exchange { id, ..healthy() };
        let request = &mut exchange.request;
        (request.host, request.method, request.target) = (String::new(), method.to_owned(), target.to_owned());
        request.port = request.scheme.default_port();
        exchange
    };
    let exchanges = [odd(1, "GET", "/x?y"), odd(2, "GET", "://x"), odd(3, "CONNECT", "/")];
    record(folder.path(), ROOMY, &exchanges);
    let told = |exchange: &Exchange| {
        let request = &exchange.request;
        (exchange.id, request.host.clone(), request.method.clone(), request.target.clone())
    };
    let back: Vec<_> = read(folder.path()).iter().map(told).collect();
    let want = [(1, "GET", "/x?y"), (2, "GET", "/://x"), (3, "CONNECT", "/")];
    assert_eq!(back, want.map(|(id, method, target)| (id, String::new(), method.to_owned(), target.to_owned())));
}

fn all_text(folder: &Path) -> String {
    files(folder).iter().map(|file| String::from_utf8_lossy(&fs::read(file).unwrap()).into_owned()).collect()
}

#[test]
fn of_a_healthy_call_the_bodies_are_recorded_only_where_all_are_wanted() {
    let lengths = |exchange: &Exchange| (exchange.request.body.length, exchange.response().unwrap().body.length);
    for (bodies, kept) in [(Bodies::Telling, false), (Bodies::All, true)] {
        let folder = tempfile::tempdir().unwrap();
        record(folder.path(), Limits { bodies, ..ROOMY }, &[healthy()]);
        let text = all_text(folder.path());
        assert_eq!([text.contains("asked"), text.contains("answered")], [kept; 2], "{bodies:?}");
        let back = read(folder.path()).remove(0);
        assert_eq!(lengths(&back), lengths(&healthy()));
        assert_eq!(back.request.body.left_out.is_none() && !back.request.body.bytes.is_empty(), kept);
        assert_eq!(back.request.fields.text("content-type").unwrap(), "application/json");
    }
}

#[test]
fn an_exchange_that_something_is_said_of_is_there_once_and_in_full() {
    let folder = tempfile::tempdir().unwrap();
    let mut refused = exchanges("token-expired").remove(1);
    let mut said = healthy();
    // A script of another origin, that may not see the answer.
    said.request.fields.push("Origin", "https://portal.example");
    said.request.fields.push("User-Agent", "Mozilla/5.0");
    (said.id, refused.id) = (2, 3);
    let all = [healthy(), said, refused];
    assert!(causes(all.clone()).iter().any(|cause| cause.starts_with("#2 cors-blocked")));
    record(folder.path(), ROOMY, &all);
    let back = read(folder.path());
    assert_eq!(back.iter().map(|exchange| exchange.id).collect::<Vec<u64>>(), [1, 2, 3]);
    let kept: Vec<bool> = back.iter().map(|e| !e.response().unwrap().body.bytes.is_empty()).collect();
    assert_eq!(kept, [false, true, true]);
    assert_eq!(causes(back), causes(all));
}

#[test]
fn an_answer_that_began_is_there_although_its_line_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let all = exchanges("token-expired");
    let (recorder, recording) = Recorder::start(folder.path(), ROOMY, Salt::new([5; 32]), Millis(0)).unwrap();
    for exchange in &all {
        recorder.begins(exchange, exchange.status().unwrap());
    }
    // The others have their lines; this one was under way.
    all.iter().skip(1).for_each(|exchange| recorder.exchange(exchange.clone()));
    let lines = |folder: &Path| all_text(folder).matches("why401.entry/1").count();
    while lines(folder.path()) < all.len() - 1 {
        std::thread::yield_now();
    }
    let back = read(folder.path());
    assert_eq!(back.len(), all.len());
    let (bare, first) = (back.last().unwrap(), &all[0]);
    assert_eq!((bare.id, bare.status(), &bare.request.method), (first.id, first.status(), &first.request.method));
    assert!(bare.request.unseen && bare.response().unwrap().reason.contains("not written"));
    assert_eq!((&bare.request.host, bare.request.target.as_str()), (&first.request.host, "/"));
    drop(recorder);
    recording.finish();
    assert_eq!(read(folder.path()).len(), all.len() - 1, "a run that ended has nothing to add");
}

#[test]
fn what_went_with_an_old_journal_is_not_added_again() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { exchanges: 16, ..ROOMY };
    let (recorder, recording) = Recorder::start(folder.path(), limits, Salt::new([5; 32]), Millis(0)).unwrap();
    for id in 1..=100 {
        let exchange = Exchange { id, ..healthy() };
        recorder.begins(&exchange, 201);
        recorder.exchange(exchange.clone());
    }
    // A file may go while it is looked for.
    let is_last = |file: &PathBuf| fs::read_to_string(file).is_ok_and(|text| text.contains("\"exchange\":100,"));
    while !files(folder.path()).iter().any(is_last) {
        std::thread::yield_now();
    }
    // As after a kill: nothing has been emptied.
    let ids: Vec<u64> = read(folder.path()).iter().map(|exchange| exchange.id).collect();
    assert!(ids.len() < 30 && ids.last() == Some(&100) && ids.is_sorted(), "{ids:?}");
    drop(recorder);
    recording.finish();
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let session = folder.path().join("a/b");
    record(&session, ROOMY, &exchanges("token-expired"));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&session), mode(session.parent().unwrap())), (0o700, 0o700));
    for file in files(&session) {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn a_journal_that_was_cut_anywhere_opens_with_all_whole_lines() {
    let folder = tempfile::tempdir().unwrap();
    record(folder.path(), ROOMY, &exchanges("token-expired"));
    let journal = files(folder.path()).into_iter().find(|file| file.extension().is_some_and(|e| e == "jsonl")).unwrap();
    let whole = fs::read(&journal).unwrap();
    for length in (0..whole.len()).step_by(whole.len() / 100 + 1) {
        fs::write(&journal, &whole[..length]).unwrap();
        let lines = whole[..length].iter().filter(|byte| **byte == b'\n').count();
        let entries = whole
            .split(|byte| *byte == b'\n')
            .take(lines)
            .filter(|line| line.starts_with(b"{\"schema\":\"why401.entry/1\""))
            // Written again, it is the same exchange.
            .filter(|line| memchr::memmem::find(line, b"\"again\":true").is_none())
            .count();
        assert_eq!(read(folder.path()).len(), entries, "cut after {length} bytes");
    }
}

#[test]
fn a_second_run_in_the_same_folder_goes_on_after_a_torn_line() {
    let folder = tempfile::tempdir().unwrap();
    let exchanges = exchanges("token-expired");
    record(folder.path(), ROOMY, &exchanges);
    let journal = files(folder.path()).into_iter().find(|file| file.extension().is_some_and(|e| e == "jsonl")).unwrap();
    fs::OpenOptions::new().append(true).open(journal).unwrap().write_all(b"{\"schema\":\"why401.ent").unwrap();
    let later: Vec<Exchange> = exchanges.iter().map(|e| Exchange { at: Millis(e.at.0 + 1), ..e.clone() }).collect();
    record(folder.path(), ROOMY, &later);
    let ids: Vec<u64> = read(folder.path()).iter().map(|exchange| exchange.id).collect();
    assert_eq!(ids, (1..=2 * exchanges.len() as u64).collect::<Vec<u64>>());
}

#[cfg(unix)]
#[test]
fn links_in_the_folder_lead_no_line_elsewhere() {
    let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (victim, nothing) = (outside.path().join("victim"), outside.path().join("nothing"));
    fs::write(&victim, "as it was").unwrap();
    for number in 1..=3 {
        std::os::unix::fs::symlink(&victim, folder.path().join(format!("journal-{number:06}.jsonl"))).unwrap();
    }
    for name in ["journal-000004.jsonl", "last"] {
        std::os::unix::fs::symlink(&nothing, folder.path().join(name)).unwrap();
    }
    record(folder.path(), ROOMY, &exchanges("token-expired"));
    assert_eq!(fs::read_to_string(&victim).unwrap(), "as it was");
    std::os::unix::fs::symlink(&nothing, folder.path().join("other-lock")).unwrap();
    fs::remove_file(folder.path().join("lock")).unwrap();
    fs::rename(folder.path().join("other-lock"), folder.path().join("lock")).unwrap();
    let refused = Recorder::start(folder.path(), ROOMY, Salt::new([1; 32]), Millis(0));
    assert!(refused.is_err_and(|error| error.contains("link")));
    assert!(!nothing.exists(), "a link that leads nowhere was followed");
}

#[test]
fn two_runs_do_not_write_into_one_folder_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let _first = Recorder::start(folder.path(), ROOMY, Salt::new([1; 32]), Millis(0)).unwrap();
    let second = Recorder::start(folder.path(), ROOMY, Salt::new([1; 32]), Millis(0));
    assert!(second.is_err_and(|error| error.contains("--session")));
}

#[test]
fn the_oldest_goes_first_but_failures_and_what_led_up_to_them_stay() {
    let folder = tempfile::tempdir().unwrap();
    let story: Vec<Exchange> = exchanges("token-expired").into_iter().take(2).collect();
    let expected = causes(story.clone());
    assert!(!expected.is_empty(), "the first example explains nothing");
    // Healthy requests, many and large, of another host.
    let healthy = |id: u64| {
        let mut exchange = story[0].clone();
        (exchange.id, exchange.at) = (id, Millis(story[1].at.0 + 1000 * i64::try_from(id).unwrap()));
        exchange.request.host = "other.service-now.com".into();
        exchange.request.method = "GET".into();
        exchange.request.target = format!("/api/now/table/incident?{}", "x".repeat(8000));
        exchange
    };
    let all: Vec<Exchange> = story.iter().cloned().chain((3..400).map(healthy)).collect();
    let limits = Limits { bytes: 1024 * 1024, exchanges: 10_000, bodies: Bodies::Telling };
    record(folder.path(), limits, &all);
    let bytes: u64 = files(folder.path()).iter().map(|file| fs::metadata(file).unwrap().len()).sum();
    assert!(bytes < 1_300_000, "{bytes} bytes for a limit of 1 MiB");
    let back = read(folder.path());
    assert!(back.len() < all.len() / 2, "nothing has gone");
    assert_eq!(causes(back.into_iter().take(2)), expected);
}

#[test]
fn what_a_failure_names_is_there_although_its_journal_went_long_before_the_failure() {
    let folder = tempfile::tempdir().unwrap();
    let story: Vec<Exchange> = exchanges("token-expired").into_iter().take(2).collect();
    let healthy = |id: u64| {
        let mut exchange = story[1].clone();
        (exchange.id, exchange.at) = (id, Millis(story[0].at.0 + i64::try_from(id).unwrap()));
        exchange.request.host = "other.service-now.com".into();
        exchange.request.fields = Default::default();
        exchange.request.target = format!("/api/now/table/incident?{}", "x".repeat(8000));
        let why401::model::Outcome::Answered(answer) = &mut exchange.outcome else { panic!("no answer") };
        answer.status = 200;
        exchange
    };
    let failure = Exchange { id: 400, ..story[1].clone() };
    let all: Vec<Exchange> = [story[0].clone()].into_iter().chain((2..400).map(healthy)).chain([failure]).collect();
    assert_eq!(causes(all.clone()), ["#400 token-expired proven"]);
    record(folder.path(), Limits { bytes: 1024 * 1024, exchanges: 10_000, bodies: Bodies::Telling }, &all);
    let back = read(folder.path());
    assert!(back.len() < all.len() / 2, "nothing has gone");
    assert_eq!(back.first().map(|exchange| exchange.id), Some(1));
    assert_eq!(causes(back), causes(all));
}

#[test]
fn a_secret_that_was_written_before_anything_said_so_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let secret = "Kx7vP2-mQ9wZ";
    let mut first = exchanges("token-expired").remove(1);
    first.request.fields = Default::default();
    first.request.target = format!("/api/now/table/incident?sysparm_query=short_description={secret}");
    let mut later = first.clone();
    later.id = first.id + 1;
    later.request.target = "/api/now/table/incident".into();
    later.request.fields.push("Authorization", format!("Bearer {secret}"));
    record(folder.path(), ROOMY, &[first.clone()]);
    let text = |folder: &Path| files(folder).iter().map(|file| fs::read_to_string(file).unwrap()).collect::<String>();
    assert!(text(folder.path()).contains(secret), "nothing could know it yet");
    let other = tempfile::tempdir().unwrap();
    record(other.path(), ROOMY, &[first, later]);
    assert!(!text(other.path()).contains(secret));
    let back = read(other.path());
    let token = back[1].request.fields.text("authorization").unwrap().replace("Bearer ", "");
    assert!(back[0].request.target.ends_with(&format!("={token}")), "the same stand-in in both places");
}

#[test]
fn a_secret_is_in_no_file_of_a_session() {
    let folder = tempfile::tempdir().unwrap();
    let exchanges: Vec<Exchange> = catalog::pages().iter().take(40).flat_map(|page| exchanges(&page.slug)).collect();
    record(folder.path(), ROOMY, &exchanges);
    let text: String = files(folder.path()).iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let mut searched = 0;
    for exchange in &exchanges {
        for value in exchange.request.fields.all("authorization") {
            let value = String::from_utf8_lossy(value);
            let secret = value.split(' ').next_back().unwrap();
            // Placeholders, words for nothing and the claims of a JWT stay.
            if secret.len() >= 60
                && !secret.contains(['{', '<', '$', '.', '_'])
                && secret.bytes().any(|b| b.is_ascii_digit())
            {
                searched += 1;
                assert!(!text.contains(secret), "{secret}");
            }
        }
    }
    assert!(searched > 10, "only {searched} secrets were looked for");
}

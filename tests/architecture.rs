//! The rooms of the house: which may know which, and what the pure ones may never touch. Reads the source.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests may"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Each room with the rooms that it may know. A room that stands nowhere here fails the test: give it its place.
const ROOMS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("nearest", &[]),
    ("wire", &["model"]),
    ("ledger", &["model", "wire"]),
    ("diagnose", &["model", "wire", "ledger"]),
    ("catalog", &["model", "wire", "ledger", "diagnose", "nearest"]),
    // The names of HAR's own members, and the words for failures, are the reader's.
    ("output", &["model", "wire", "ledger", "diagnose", "catalog", "intake"]),
    ("intake", &["model", "wire"]),
    ("instance", &["model", "wire"]),
    ("proxy", &["model", "wire"]),
    ("stage", &["model", "wire", "instance", "proxy"]),
    ("pipeline", &["model", "wire", "ledger", "diagnose", "catalog", "output"]),
    ("session", &["model", "wire", "intake", "output", "pipeline"]),
    ("telling", &[]),
    ("terminal", &["output"]),
    ("config", &["model", "proxy", "nearest"]),
    ("cli", &["command", "config"]),
    ("run", ANY),
    ("command", ANY),
    ("lib", ANY),
    ("main", ANY),
];

const ANY: &[&str] = &["*"];

/// The rooms where the same bytes give the same words.
const PURE: &[&str] = &["model", "nearest", "wire", "ledger", "diagnose", "catalog", "output", "intake", "instance"];

/// What a pure room never names. Clippy's disallowed methods hold the finer part.
const IMPURE: &[&str] = &[
    "SystemTime::now",
    "Instant::now",
    "now_utc",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::io::std",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "getrandom",
    "tokio",
    "hyper",
    "rustls",
    "rcgen",
    "tracing",
];

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.extension().is_some_and(|extension| extension == "rs") => found.push(path),
                false => {}
            }
        }
    }
    found.sort();
    found
}

/// `src/wire/jwt.rs` is in the room `wire`, `src/run.rs` in `run`.
fn room(path: &Path) -> String {
    let inside = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// The program's own text: without comments, and without what is built for tests only.
fn logic(path: &Path) -> String {
    let name = path.file_stem().unwrap().to_string_lossy();
    if name == "tests" || name.ends_with("_tests") || path.components().any(|part| part.as_os_str() == "tests") {
        return String::new();
    }
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]").next().unwrap();
    text.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

/// The rooms that a text names: `crate::wire::jwt`, and `crate::{model, wire}` with each of its names.
fn named(text: &str) -> BTreeSet<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut rooms = BTreeSet::new();
    for after in text.split("crate::").skip(1) {
        match after.strip_prefix('{') {
            None => drop(rooms.insert(word(after))),
            Some(list) => {
                let mut depth = 0;
                let mut start = true;
                for (index, c) in list.char_indices() {
                    match c {
                        '}' if depth == 0 => break,
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        ',' => start = true,
                        c if c.is_whitespace() => {}
                        _ if depth == 0 && start => {
                            rooms.insert(word(&list[index..]));
                            start = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    rooms.retain(|name| !name.is_empty() && name.chars().next().is_some_and(char::is_lowercase));
    rooms
}

#[test]
fn rooms_know_only_what_stands_before_them() {
    let mut wrong = Vec::new();
    for path in sources() {
        let room = room(&path);
        let (_, may_know) =
            ROOMS.iter().find(|(name, _)| *name == room).unwrap_or_else(|| panic!("no place for {room}"));
        for other in named(&logic(&path)) {
            if other != room && *may_know != ANY && !may_know.contains(&other.as_str()) {
                wrong.push(format!("{} knows {other}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn pure_rooms_name_no_clock_file_environment_socket_or_chance() {
    let mut wrong = Vec::new();
    for path in sources().into_iter().filter(|path| PURE.contains(&room(path).as_str())) {
        let text = logic(&path);
        let words = IMPURE.iter().filter(|word| text.contains(*word));
        wrong.extend(words.map(|word| format!("{} names {word}", path.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn clippy_holds_every_pure_room() {
    let lib = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    for room in PURE {
        let held = format!("#[deny(clippy::disallowed_methods, clippy::disallowed_types)]\npub mod {room};");
        assert!(lib.contains(&held), "lib.rs does not deny the disallowed methods on {room}");
    }
}

#[test]
fn files_begin_with_what_they_are_for_and_stay_short() {
    let mut wrong = Vec::new();
    for path in sources() {
        let text = std::fs::read_to_string(&path).unwrap();
        if !text.starts_with("//!") {
            wrong.push(format!("{} does not say what it is for", path.display()));
        }
        let lines = logic(&path).lines().count();
        if lines > 550 {
            wrong.push(format!("{} has {lines} lines of logic", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_reader_of_use_lines_reads_them() {
    let text = "use crate::wire::jwt;\nuse crate::{model::{Body, Fields}, ledger};\nlet x = crate::output::redact();";
    assert_eq!(Vec::from_iter(named(text)), ["ledger", "model", "output", "wire"]);
}

//! The pages that promise something name a test for it: each such test exists, each limit stands there with its default.

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

use why401::config::{Config, KEYS};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names of all tests of ours.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders = vec![root().join("src"), root().join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                names.extend(tests_in(&entry));
            }
        }
    }
    names
}

/// Functions that follow a `#[test]`, a `#[tokio::test]` or the head of a property.
fn tests_in(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let starts = ["#[test]", "#[tokio::test"];
    let blocks = starts.iter().flat_map(|start| text.split(start).skip(1));
    let name = |block: &str| Some(block.split_once("fn ")?.1.split('(').next()?.trim().to_owned());
    blocks.filter_map(name).collect()
}

/// The cells of every row of the tables of a page.
fn rows(page: &str) -> Vec<Vec<String>> {
    let lines = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---"));
    lines.map(|line| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// What stands between backticks.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_limit_stands_in_the_table_with_its_default_and_a_test() {
    let page = read("docs/guide/limits.md");
    let (rows, tests, defaults) = (rows(&page), tests(), Config::default());
    let limits =
        |path: &str| ["timeouts.", "limits.", "memory.", "session.total"].iter().any(|start| path.starts_with(start));
    for key in KEYS.iter().filter(|key| limits(key.path)) {
        let mine: Vec<_> =
            rows.iter().filter(|row| row.get(2).is_some_and(|cell| quoted(cell) == [key.path])).collect();
        assert_eq!(mine.len(), 1, "{} has one row", key.path);
        assert_eq!(mine[0][1], key.shown(&defaults).trim_matches('"'), "{}", key.path);
    }
    let mut named = 0;
    for row in rows.iter().filter(|row| row[0] != "what") {
        let last = quoted(row.last().unwrap());
        assert!(!last.is_empty(), "{row:?} names a test");
        for test in last {
            assert!(tests.contains(test), "{test} is no test ({})", row[0]);
            named += 1;
        }
    }
    assert!(named >= 30, "only {named} tests were found: the reader of the page is broken");
}

#[test]
fn every_line_of_the_threat_model_names_a_test_that_exists_or_says_what_else_covers_it() {
    let page = read("SECURITY.md");
    let (rows, tests) = (rows(&page), tests());
    let threats: Vec<_> = rows.iter().filter(|row| row[0].parse::<u32>().is_ok()).collect();
    let numbers: Vec<u32> = threats.iter().map(|row| row[0].parse().unwrap()).collect();
    assert_eq!(numbers, (1..=70).collect::<Vec<_>>());
    for row in threats {
        let last = row.last().unwrap();
        let names = quoted(last);
        assert!(!names.is_empty() || last.starts_with("driver:"), "{row:?}");
        for name in names {
            let file = root().join(name).is_file();
            assert!(file || tests.contains(name), "line {}: {name} is no test", row[0]);
        }
    }
    for row in rows.iter().filter(|row| row[0].starts_with("P")) {
        for name in quoted(row.last().unwrap()) {
            assert!(tests.contains(name), "{}: {name} is no test", row[0]);
        }
    }
}

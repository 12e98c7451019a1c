//! Texts that people write: configuration, cause pages, transcripts. Faults have their places in the text.

use std::path::Path;

use why401::catalog;
use why401::config;
use why401::intake::transcript as lines;

/// A configuration file.
pub fn config(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for fault in config::check(Path::new("why401.toml"), &text) {
        if let Some((line, column)) = fault.place.line_and_column() {
            let beyond = text.lines().count() + 1;
            assert!(line >= 1 && line <= beyond && column >= 1, "{line}:{column} of {beyond} lines");
        }
        assert!(!fault.to_string().is_empty());
    }
}

/// A cause's page, and its transcript alone.
pub fn page(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    transcript(&text);
    match catalog::parse("token-expired", &text) {
        Ok(page) => assert_eq!(page.slug, "token-expired"),
        Err(faults) => assert!(!faults.is_empty()),
    }
}

/// Its exchanges are in the order of their lines.
fn transcript(text: &str) {
    match lines::parse(text) {
        Ok(read) => assert!(read.steps.windows(2).all(|pair| pair[0].line < pair[1].line)),
        Err(error) => assert!(error.line >= 1 && error.line <= text.lines().count().max(1), "{error}"),
    }
}

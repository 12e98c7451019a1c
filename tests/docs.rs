//! What is written about the program agrees with the program: the example configuration, the README's commands, the help.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests may"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The program, with a home of its own and nothing of this machine's settings.
fn why401(arguments: &[&str], home: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_why401"));
    command.args(arguments).env_clear().env("HOME", home).env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// `WHY401_BLESS=1 cargo test --test docs` writes the file anew.
#[test]
fn the_example_configuration_is_every_key_with_its_default() {
    let example = why401::config::example();
    if std::env::var_os("WHY401_BLESS").is_some() {
        std::fs::write(root().join("config.example.toml"), &example).unwrap();
    }
    assert_eq!(read("config.example.toml"), example, "run: WHY401_BLESS=1 cargo test --test docs");
}

#[test]
fn check_config_accepts_the_example_and_places_every_fault() {
    let home = tempfile::tempdir().unwrap();
    let example = root().join("config.example.toml");
    let fine = why401(&["check", "config", example.to_str().unwrap()], home.path());
    assert_eq!(fine.status.code(), Some(0), "{}", text(&fine.stderr));
    let broken = home.path().join("broken.toml");
    std::fs::write(&broken, "lisen = []\n[timeouts]\nidle_seconds = -1\n").unwrap();
    let faults = why401(&["check", "config", broken.to_str().unwrap()], home.path());
    assert_eq!(faults.status.code(), Some(2));
    let told = text(&faults.stderr);
    assert!(told.contains("broken.toml:1:1") && told.contains("did you mean `listen`?"), "{told}");
    assert!(told.contains("broken.toml:3:16"), "{told}");
}

#[test]
fn every_command_has_help_completions_and_a_place_in_the_man_page() {
    let home = tempfile::tempdir().unwrap();
    let man = text(&why401(&["man"], home.path()).stdout);
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = why401(&["completions", shell], home.path());
        assert!(script.status.success() && text(&script.stdout).contains("why401"), "{shell}");
    }
    for command in why401::cli::command().get_subcommands().filter(|command| command.get_name() != "help") {
        let name = command.get_name();
        assert!(command.get_about().is_some(), "{name} says what it does");
        let help = why401(&[name, "--help"], home.path());
        assert!(help.status.success() && text(&help.stdout).contains("Usage:"), "{name}");
        assert!(man.contains(&format!("why401\\-{name}(1)")), "{name} stands in the man page");
    }
}

#[test]
fn wrong_usage_is_2_and_says_what_is_known() {
    let home = tempfile::tempdir().unwrap();
    for wrong in [
        &["frobnicate"][..],
        &["--listen"],
        &["--listen", "8080"],
        &["--log-format", "xml"],
        &["--config", "/nowhere.toml"],
    ] {
        let ended = why401(wrong, home.path());
        assert_eq!(ended.status.code(), Some(2), "{wrong:?}: {}", text(&ended.stderr));
        assert!(text(&ended.stdout).is_empty(), "{wrong:?}");
    }
}

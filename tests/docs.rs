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

/// The pages that speak of commands.
fn pages() -> Vec<(String, String)> {
    let mut pages: Vec<String> =
        ["README.md", "certs/README.md", "SECURITY.md", "CONTRIBUTING.md"].map(str::to_owned).into();
    let guides = std::fs::read_dir(root().join("docs/guide")).unwrap();
    pages.extend(guides.map(|guide| format!("docs/guide/{}", guide.unwrap().file_name().to_string_lossy())));
    pages.into_iter().map(|page| (page.clone(), read(&page))).collect()
}

/// The words of each call of the program in the `sh` blocks of a page, as a shell would split them (quotes are kept whole).
fn calls(page: &str) -> Vec<Vec<String>> {
    let blocks = page.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap());
    let lines = blocks.flat_map(|block| block.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>());
    let calls = lines.filter_map(|line| {
        let line = line.replace("cargo run --release --", "why401");
        let from = line.find("why401 ").or_else(|| line.ends_with("why401").then(|| line.len() - "why401".len()))?;
        // A path that holds the name, or a substitution inside another command, is no call.
        let before = &line[..from];
        let call = before.is_empty() || before.ends_with("| ") || before.ends_with("$(");
        call.then(|| words(line[from..].split(" #").next().unwrap().split(')').next().unwrap()))
    });
    calls.collect()
}

fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn every_call_in_the_pages_is_one_that_the_program_takes() {
    let mut seen = 0;
    for (name, page) in pages() {
        for call in calls(&page) {
            let taken = why401::cli::command().try_get_matches_from(&call);
            assert!(taken.is_ok(), "{name}: {}\n{}", call.join(" "), taken.unwrap_err());
            seen += 1;
        }
    }
    assert!(seen >= 15, "only {seen} calls were found: the reader of the pages is broken");
}

#[test]
fn every_flag_in_the_pages_is_known_to_some_command() {
    let command = why401::cli::command();
    let mut known: Vec<String> = vec!["--help".into(), "--version".into()];
    let mut commands: Vec<&clap::Command> = vec![&command];
    while let Some(command) = commands.pop() {
        known
            .extend(command.get_arguments().filter_map(|argument| argument.get_long()).map(|long| format!("--{long}")));
        commands.extend(command.get_subcommands());
    }
    // Flags of cargo, curl, newman and others, in pages that speak of them too.
    let others =
        ["--release", "--path", "--cacert", "--data-urlencode", "--ssl-extra-ca-certs", "--test", "--all-targets"];
    for (name, page) in pages() {
        for flag in page.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').filter(|word| word.starts_with("--")) {
            let named = flag.len() > 2 && flag[2..].starts_with(|c: char| c.is_ascii_alphabetic());
            assert!(!named || others.contains(&flag) || known.iter().any(|known| known == flag), "{name}: {flag}");
        }
    }
}

#[test]
fn links_between_the_pages_lead_somewhere() {
    for (name, page) in pages().into_iter().chain([("ARCHITECTURE.md".to_owned(), read("ARCHITECTURE.md"))]) {
        let folder = root().join(&name).parent().unwrap().to_owned();
        for target in page.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            let file = target.split('#').next().unwrap();
            assert!(file.starts_with("https://") || folder.join(file).exists(), "{name}: {target}");
        }
    }
}

#[test]
fn causes_that_the_pages_name_exist_and_are_as_many_as_they_say() {
    let readme = read("README.md");
    let causes = why401::catalog::pages().len();
    assert!(
        readme.contains(&format!("{causes} causes in {} groups", why401::catalog::GROUPS.len())),
        "{causes} causes"
    );
    assert!(read("CHANGELOG.md").contains(&format!("{causes} causes")));
    let outbound = read("docs/guide/outbound.md");
    for cause in ["outbound-client-auth-placement", "outbound-token-missing", "outbound-user-not-authorised"] {
        assert!(outbound.contains(cause) && why401::catalog::page(cause).is_some(), "{cause}");
    }
}

/// Digits and tags differ with every run; letters and layout must not.
fn without_chance(line: &str) -> String {
    let mut out = String::new();
    for (index, part) in line.split('#').enumerate() {
        // A tag: `#` and four hexadecimal digits before `…`.
        let rest = if index > 0 && part.chars().nth(4) == Some('…') { part.split_at(4).1 } else { part };
        out.push_str(if index > 0 { "#" } else { "" });
        out.extend(rest.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }));
    }
    // "0 ms" and "12 ms" are the same, and so are "#4" and "#12".
    while out.contains("00") {
        out = out.replace("00", "0");
    }
    out.replace("under 0 ms", "0 ms")
}

#[test]
fn the_session_in_the_readme_is_what_the_demo_prints() {
    let home = tempfile::tempdir().unwrap();
    let demo = why401(&["demo"], home.path());
    assert!(demo.status.success(), "{}", text(&demo.stderr));
    let printed: Vec<String> = text(&demo.stdout).lines().map(without_chance).collect();
    let readme = read("README.md");
    let session = readme.split("$ why401 demo\n…\n").nth(1).unwrap().split("```").next().unwrap();
    let session: Vec<String> = session.lines().map(without_chance).collect();
    assert!(session.len() > 5);
    assert!(
        printed.windows(session.len()).any(|window| window == session),
        "{}\n--\n{}",
        session.join("\n"),
        printed.join("\n")
    );
}

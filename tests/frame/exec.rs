//! `why401 exec`: the command's own status, the findings at the end, nothing left behind.

use std::net::SocketAddr;

use crate::bench::{World, ask, entries, text};

/// Not a test: the client that `exec` runs in the tests below. It does what a client does that reads the variables.
#[test]
#[ignore = "run by the tests of exec, as their client"]
fn client() {
    let variable = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
    let proxy: SocketAddr = variable("https_proxy").strip_prefix("http://").unwrap().parse().unwrap();
    let bundle = std::fs::read_to_string(variable("SSL_CERT_FILE")).unwrap();
    let own = std::fs::read_to_string(variable("NODE_EXTRA_CA_CERTS")).unwrap();
    assert!(bundle.ends_with(&own), "the bundle ends with the authority of this run");
    let java = variable("JAVA_TOOL_OPTIONS");
    let store = java.split_whitespace().find_map(|option| option.strip_prefix("-Djavax.net.ssl.trustStore=")).unwrap();
    assert_eq!(std::fs::read(store).unwrap()[..4], [0xFE, 0xED, 0xFE, 0xED]);
    // As an old axios does: the absolute URL in clear to the proxy.
    let answer = ask(
        proxy,
        "GET https://dev1.service-now.com/api/now/table/incident HTTP/1.1\r\nHost: dev1.service-now.com\r\n\
         Authorization: BearerAAAAAAAAAAAAAAAAAAAA\r\nConnection: close\r\n\r\n",
    );
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    std::process::exit(7);
}

fn through_exec(world: &World, flags: &[&str]) -> std::process::Output {
    let own = std::env::current_exe().unwrap();
    let client = ["--", own.to_str().unwrap(), "--exact", "exec::client", "--ignored", "--nocapture"];
    world.output(&[&["exec"], flags, &client].concat())
}

#[test]
fn the_call_is_explained_and_the_status_is_the_commands_own() {
    let world = World::new();
    let ended = through_exec(&world, &[]);
    let (out, errors) = (text(&ended.stdout), text(&ended.stderr));
    assert_eq!(ended.status.code(), Some(7), "{out}{errors}");
    assert!(out.contains("bearer-missing-space"), "{out}");
    assert!(entries(&world.temp()).is_empty(), "nothing is left behind");
}

#[test]
fn words_begin_on_a_line_of_their_own() {
    let world = World::new();
    let own = std::env::current_exe().unwrap();
    let client = r#""$0" --exact exec::client --ignored --nocapture; printf 'no line end'"#;
    let out = text(&world.output(&["exec", "--", "sh", "-c", client, own.to_str().unwrap()]).stdout);
    assert!(out.lines().any(|line| line == "no line end"), "{out}");
    assert!(out.contains("bearer-missing-space"), "{out}");
}

#[test]
fn fail_on_a_grade_that_was_reached_is_3() {
    let world = World::new();
    let ended = through_exec(&world, &["--fail-on", "proven", "--log-format", "json"]);
    assert_eq!(ended.status.code(), Some(3), "{}", text(&ended.stderr));
    let line: Vec<String> =
        text(&ended.stdout).lines().filter(|line| line.starts_with('{')).map(str::to_owned).collect();
    assert_eq!(line.len(), 1);
    assert!(line[0].contains("\"bearer-missing-space\""), "{}", line[0]);
}

#[test]
fn a_command_that_never_came_through_is_said() {
    let world = World::new();
    let ended = world.output(&["exec", "--fail-on", "possible", "--", "sh", "-c", "echo mine; exit 9"]);
    assert_eq!(ended.status.code(), Some(9));
    assert_eq!(text(&ended.stdout), "mine\n", "its output is its own");
    assert!(text(&ended.stderr).contains("no request of the command came through"), "{}", text(&ended.stderr));
}

#[test]
fn a_command_that_is_killed_leaves_nothing_behind() {
    let world = World::new();
    let ended = world.output(&["exec", "--", "sh", "-c", "kill -9 $$"]);
    assert_eq!(ended.status.code(), Some(137));
    assert!(entries(&world.temp()).is_empty());
}

#[test]
fn a_command_that_cannot_be_run_is_1() {
    let world = World::new();
    let ended = world.output(&["exec", "--", "/nowhere/at/all"]);
    assert_eq!(ended.status.code(), Some(1));
    assert!(text(&ended.stderr).contains("/nowhere/at/all"));
    assert!(entries(&world.temp()).is_empty());
}

//! `why401 doctor` on broken set-ups: each names its fault, and the sound one names none.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use why401::instance::state::Power;

use crate::bench::{FAILING, HOST, Proxy, World, ask, text};

/// A port of its own, so that tests do not meet on 8080.
const FREE: &str = "127.0.0.1:0";

struct Seen {
    status: i32,
    lines: String,
}

fn doctor(world: &World, flags: &[&str], variables: &[(&str, &str)]) -> Seen {
    let upstream = world.upstream();
    let mut arguments = vec!["doctor"];
    arguments.extend(flags);
    arguments.extend(upstream.iter().map(String::as_str));
    let ended = world.why401(&arguments).envs(variables.iter().copied()).output().unwrap();
    Seen { status: ended.status.code().unwrap(), lines: text(&ended.stdout) + &text(&ended.stderr) }
}

impl Seen {
    /// Exactly one fault, on this subject, with these words.
    fn names(&self, what: &str, words: &str) {
        let faults: Vec<&str> = self.lines.lines().filter(|line| line.starts_with("FAULT")).collect();
        assert_eq!(faults.len(), 1, "{}", self.lines);
        assert!(faults[0].contains(what) && faults[0].contains(words), "{}", self.lines);
        assert!(self.lines.contains("next: "), "{}", self.lines);
        assert_eq!(self.status, 1);
    }
}

#[test]
fn a_sound_set_up_has_no_fault() {
    let world = World::new();
    let seen = doctor(&world, &[HOST, "--listen", FREE], &[]);
    assert_eq!(seen.status, 0, "{}", seen.lines);
    assert!(seen.lines.lines().all(|line| line.starts_with("ok ")), "{}", seen.lines);
    for word in ["TLSv1.3", "401 with a challenge", "within 1 s", "direct"] {
        assert!(seen.lines.contains(word), "{word}: {}", seen.lines);
    }
}

#[test]
fn the_port_is_another_programs() {
    let world = World::new();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    doctor(&world, &["--listen", &address], &[]).names("listener", "another program");
}

#[test]
fn a_proxy_of_ours_on_the_port_is_no_fault_unless_its_authority_is_another() {
    let world = World::new();
    let proxy = Proxy::start(&world, &[]);
    let address = proxy.start["listen"][0].as_str().unwrap();
    let seen = doctor(&world, &["--listen", address], &[]);
    assert!(seen.lines.contains("why401 runs on"), "{}", seen.lines);
    assert_eq!(seen.status, 0, "{}", seen.lines);
    let rotated = world.why401(&["ca", "rotate"]).output().unwrap();
    assert!(rotated.status.success());
    doctor(&world, &["--listen", address], &[]).names("listener", "another authority");
}

#[test]
fn the_key_of_the_authority_is_open_to_others() {
    let world = World::new();
    let folder = world.home.path().join("ca");
    let path = text(&world.why401(&["ca", "path", "--ca-dir", folder.to_str().unwrap()]).output().unwrap().stdout);
    assert!(path.contains("why401-ca.pem"));
    let key = folder.join("why401-issuer-key.pem");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    doctor(&world, &["--ca-dir", folder.to_str().unwrap(), "--listen", FREE], &[]).names("authority", "0644");
}

#[test]
fn clients_of_this_shell_go_past_the_proxy() {
    let world = World::new();
    let variables = [("NO_PROXY", "localhost,.service-now.com")];
    doctor(&world, &["--listen", FREE], &variables).names("environment", "NO_PROXY");
}

#[test]
fn the_host_is_not_intercepted() {
    let world = World::new();
    let address = world.stage.address().to_string();
    let seen = doctor(&world, &[&format!("localhost:{}", address.rsplit(':').next().unwrap()), "--listen", FREE], &[]);
    assert_eq!(seen.status, 2, "a host is named without its port: {}", seen.lines);
    let resolve = format!("api.vendor.example={address}");
    let seen = doctor(&world, &["api.vendor.example", "--listen", FREE, "--resolve", &resolve], &[]);
    assert!(seen.lines.contains("FAULT    scope"), "{}", seen.lines);
}

#[test]
fn the_name_is_not_known() {
    let world = World::new();
    doctor(
        &world,
        &["nowhere.service-now.com.invalid", "--intercept", "nowhere.service-now.com.invalid", "--listen", FREE],
        &[],
    )
    .names("upstream", "the name is not known");
}

#[test]
fn nobody_listens_there() {
    let world = World::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let resolve = format!("acme.service-now.com={free}");
    doctor(&world, &["acme.service-now.com", "--listen", FREE, "--resolve", &resolve], &[])
        .names("upstream", "refused");
}

#[test]
fn somebody_inspects_the_way() {
    let world = World::new();
    let resolve = format!("{HOST}={}", world.stage.address());
    let arguments = ["doctor", HOST, "--listen", FREE, "--resolve", &resolve];
    let ended = world.why401(&arguments).output().unwrap();
    let seen = Seen { status: ended.status.code().unwrap(), lines: text(&ended.stdout) };
    seen.names("upstream", "does not trust");
}

#[test]
fn the_instance_sleeps() {
    let world = World::new();
    world.stage.instance(HOST, |instance| instance.power = Power::Hibernating);
    doctor(&world, &[HOST, "--listen", FREE], &[]).names("awake", "hibernating");
}

#[test]
fn the_instance_is_down() {
    let world = World::new();
    world.stage.instance(HOST, |instance| instance.power = Power::Down);
    let seen = doctor(&world, &[HOST, "--listen", FREE], &[]);
    assert!(seen.lines.contains("warning  awake       502"), "{}", seen.lines);
}

#[test]
fn the_clock_is_off() {
    let world = World::new();
    world.stage.clock().forward(std::time::Duration::from_secs(600));
    doctor(&world, &[HOST, "--listen", FREE], &[]).names("clock", "behind");
}

#[test]
fn the_parent_proxy_is_not_there() {
    let world = World::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let parent = format!("http://{free}");
    doctor(&world, &[HOST, "--listen", FREE, "--upstream-proxy", &parent], &[]).names("upstream", "parent proxy");
}

#[test]
fn a_client_that_is_waited_for_comes_or_does_not() {
    let world = World::new();
    let never = doctor(&world, &["--listen", FREE, "--wait", "--wait-for", "200ms"], &[]);
    never.names("client", "nothing came");
    let upstream = world.upstream();
    let mut arguments = vec!["doctor", "--listen", FREE, "--wait"];
    arguments.extend(upstream.iter().map(String::as_str));
    let mut child = world.why401(&arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let invitation = lines.find(|line| line.contains("send one request")).unwrap();
    let address = invitation.split_whitespace().find_map(|word| word.parse().ok()).unwrap();
    ask(
        address,
        &FAILING
            .replace("GET /", &format!("GET https://{HOST}/"))
            .replace("\r\nAuth", "\r\nUser-Agent: probe/1\r\nAuth"),
    );
    let came = lines.next().unwrap();
    assert!(came.starts_with("ok ") && came.contains("probe/1 came through"), "{came}");
    assert!(child.wait().unwrap().success());
}

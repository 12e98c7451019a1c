//! SIGHUP: what changes for new connections, what waits for the next start, and that nothing is lost on the way.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::bench::{FAILING, HOST, Proxy, World};

/// A proxy whose file says `text`, and the file.
fn with(world: &World, text: &str) -> (Proxy, std::path::PathBuf) {
    let file = world.home.path().join("reload.toml");
    std::fs::write(&file, text).unwrap();
    (Proxy::start(world, &["--config", file.to_str().unwrap()]), file)
}

/// A request that is fine and has nothing to explain.
const HEALTHY: &str = "GET /api/now/table/incident?sysparm_limit=1 HTTP/1.1\r\nHost: dev1.service-now.com\r\n\
                       Authorization: Basic aW50ZWdyYXRpb24udXNlcjp0cmFpbmluZw==\r\nConnection: close\r\n\r\n";

#[test]
fn a_reload_changes_what_new_connections_get_and_costs_none_that_is_there() {
    let world = World::new();
    let (mut proxy, file) = with(&world, "[limits]\nhead_fields = 100\n");
    // Under way: the head has come, of the body a half.
    let mut slow = TcpStream::connect(proxy.reverse).unwrap();
    let form = "grant_type=password&client_id=x";
    let head = format!(
        "POST /oauth_token.do HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n",
        form.len()
    );
    slow.write_all(format!("{head}{}", &form[..10]).as_bytes()).unwrap();
    // Another one proves that the first has arrived: they are taken in order.
    assert!(proxy.ask(HEALTHY).starts_with("HTTP/1.1 200 "));
    std::fs::write(&file, "[limits]\nhead_fields = 2\n[log]\nall = true\n").unwrap();
    proxy.signal("-HUP");
    let said = proxy.operation("configuration read again");
    assert!(said.contains("log.all") && said.contains("limits.head_fields"), "{said}");
    assert!(proxy.ask(HEALTHY).starts_with("HTTP/1.1 431 "), "the new limit holds");
    slow.write_all(&form.as_bytes()[10..]).unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 "), "the old one is answered: {answer}");
    let told: Vec<_> = (0..2).map(|_| proxy.line()["status"].clone()).collect();
    assert!(told.contains(&431.into()) && told.contains(&401.into()), "{told:?}");
    proxy.signal("-TERM");
    assert_eq!(proxy.ended().code(), Some(0));
    let last = proxy.errors();
    let last: serde_json::Value = serde_json::from_str(last.lines().last().unwrap()).unwrap();
    assert_eq!((&last["begun"], &last["answered"], &last["refused"]), (&3.into(), &2.into(), &1.into()), "{last}");
}

#[test]
fn a_broken_configuration_keeps_the_old_one_and_every_fault_is_said() {
    let world = World::new();
    let (mut proxy, file) = with(&world, "");
    std::fs::write(&file, "lisen = []\n[timeouts]\nidle_seconds = -1\n[log]\nall = true\n").unwrap();
    proxy.signal("-HUP");
    let said = proxy.operation("the configuration stays as it was");
    assert!(said.contains("did you mean `listen`?") && said.contains("reload.toml:3:16"), "{said}");
    // Nothing of it holds: a healthy exchange is not told.
    assert!(proxy.ask(HEALTHY).starts_with("HTTP/1.1 200 "));
    proxy.ask(FAILING);
    assert_eq!(proxy.line()["exchange"], "2");
    for broken in [
        "[access]\nremote = true\nclients = [\"10.0.0.300\"]\n",
        "[log]\nfilter = \"=nonsense=\"\n",
        "[upstream]\nca_files = [\"/nowhere.pem\"]\n",
        "intercept = [\"other.example\"]\n",
    ] {
        std::fs::write(&file, broken).unwrap();
        proxy.signal("-HUP");
        proxy.operation("the configuration stays as it was");
    }
    assert!(proxy.ask(HEALTHY).starts_with("HTTP/1.1 200 "));
}

#[test]
fn what_needs_a_start_is_said_and_the_listener_stays() {
    let world = World::new();
    let (mut proxy, file) = with(&world, "");
    std::fs::write(&file, "[memory]\nqueue_exchanges = 7\n[timeouts]\nhead_seconds = 9\n").unwrap();
    proxy.signal("-HUP");
    let waiting = proxy.operation("at the next start only");
    assert!(waiting.contains("memory.queue_exchanges") && !waiting.contains("head_seconds"), "{waiting}");
    assert!(proxy.operation("configuration read again").contains("timeouts.head_seconds"));
    assert!(proxy.ask(HEALTHY).starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_log_file_that_was_moved_away_is_begun_anew() {
    let world = World::new();
    let (log, old) = (world.home.path().join("why.jsonl"), world.home.path().join("why.jsonl.1"));
    let mut proxy = Proxy::start(&world, &["--log-file", log.to_str().unwrap()]);
    proxy.ask(FAILING);
    proxy.line();
    std::fs::rename(&log, &old).unwrap();
    proxy.signal("-HUP");
    proxy.operation("configuration read again");
    proxy.ask(FAILING);
    proxy.line();
    proxy.signal("-TERM");
    proxy.ended();
    let exchanges = |path| std::fs::read_to_string(path).unwrap().matches("why401.exchange/1").count();
    assert_eq!((exchanges(&old), exchanges(&log)), (1, 1));
}

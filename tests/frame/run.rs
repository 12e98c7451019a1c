//! `why401 run`: how it begins, tells and ends.

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::bench::{FAILING, HOST, KeptAlive, Proxy, World};

#[test]
fn the_first_line_is_the_promise_and_the_next_the_explanation() {
    let world = World::new();
    let mut proxy = Proxy::start(&world, &[]);
    assert_eq!(proxy.start["schema"], "why401.start/1");
    assert!(Path::new(proxy.start["ca"].as_str().unwrap()).is_file());
    assert_ne!(proxy.start["listen"][0], "127.0.0.1:0");
    let answer = proxy.ask(FAILING);
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    let told = proxy.line();
    assert_eq!(told["schema"], "why401.exchange/1");
    assert_eq!(told["findings"][0]["cause"], "bearer-missing-space");
    assert_eq!(told["url"], format!("https://{HOST}/api/now/table/incident?sysparm_limit=1"));
}

#[test]
fn sigterm_and_sigint_end_it_in_order() {
    let world = World::new();
    for signal in ["-TERM", "-INT"] {
        let mut proxy = Proxy::start(&world, &[]);
        proxy.signal(signal);
        assert_eq!(proxy.ended().code(), Some(0), "{signal}");
    }
}

#[test]
fn a_running_exchange_may_end_and_a_second_signal_does_not_wait_for_it() {
    let world = World::new();
    let mut proxy = Proxy::start(&world, &[]);
    // The head is there, the body is not: this exchange is under way.
    let mut slow = TcpStream::connect(proxy.reverse).unwrap();
    slow.write_all(format!("POST /oauth_token.do HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 9\r\n\r\n").as_bytes())
        .unwrap();
    // Another one proves that the first has arrived: they are taken in order.
    proxy.ask(FAILING);
    proxy.signal("-TERM");
    let begun = Instant::now();
    std::thread::sleep(Duration::from_millis(300));
    assert!(proxy.child.try_wait().unwrap().is_none(), "it waits for what is under way");
    proxy.signal("-TERM");
    assert_eq!(proxy.ended().code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(10), "it did not wait any longer");
}

#[test]
fn what_was_seen_before_the_end_is_told() {
    let world = World::new();
    let mut proxy = Proxy::start(&world, &[]);
    proxy.ask(FAILING);
    proxy.signal("-TERM");
    assert_eq!(proxy.ended().code(), Some(0));
    assert_eq!(proxy.line()["findings"][0]["cause"], "bearer-missing-space");
}

#[test]
fn traffic_goes_on_when_nobody_reads() {
    let world = World::new();
    let log = world.home.path().join("log.jsonl");
    let mut proxy = Proxy::start(&world, &["--log-file", log.to_str().unwrap()]);
    proxy.stop_reading();
    for _ in 0..3 {
        assert!(proxy.ask(FAILING).starts_with("HTTP/1.1 401 "));
    }
    proxy.signal("-TERM");
    assert_eq!(proxy.ended().code(), Some(0));
    let errors = proxy.errors();
    assert_eq!(errors.matches("takes no explanations").count(), 1, "{errors}");
    let log = std::fs::read_to_string(log).unwrap();
    assert_eq!(log.matches("why401.exchange/1").count(), 3, "the file has them all: {log}");
}

#[test]
fn a_full_disk_does_not_stop_traffic() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let world = World::new();
    let mut proxy = Proxy::start(&world, &["--log-file", "/dev/full"]);
    assert!(proxy.ask(FAILING).starts_with("HTTP/1.1 401 "));
    assert_eq!(proxy.line()["findings"][0]["cause"], "bearer-missing-space");
}

#[test]
fn no_secret_is_told_even_at_trace() {
    let world = World::new();
    let trace = world.home.path().join("why401.toml");
    std::fs::write(&trace, "[log]\nfilter = \"trace\"\n").unwrap();
    let mut proxy = Proxy::start(&world, &["--config", trace.to_str().unwrap()]);
    let secret = "CANARYsecret0123456789CANARYsecret0123456789";
    proxy.ask(&FAILING.replace("BearerAAAAAAAAAAAAAAAAAAAA", &format!("Bearer {secret}")));
    let form = format!("grant_type=password&client_id=x&client_secret={secret}&username=u&password={secret}");
    proxy.ask(&format!(
        "POST /oauth_token.do HTTP/1.1\r\nHost: {HOST}\r\nCookie: JSESSIONID={secret}\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    ));
    let told = [proxy.line().to_string(), proxy.line().to_string()].concat();
    proxy.signal("-TERM");
    proxy.ended();
    let all = told + &proxy.errors();
    assert!(!all.contains("CANARY"), "{all}");
}

#[test]
fn ten_thousand_healthy_requests_are_not_spoken_of_and_cost_no_memory() {
    let world = World::new();
    // Every answer brings a new session: with the default the memory would fill up for longer than this test runs.
    let bounds = world.home.path().join("bounds.toml");
    std::fs::write(&bounds, "[memory]\nledger_records = 500\n").unwrap();
    let mut proxy = Proxy::start(&world, &["--config", bounds.to_str().unwrap()]);
    let credentials = "aW50ZWdyYXRpb24udXNlcjp0cmFpbmluZw=="; // integration.user:training
    let healthy = format!(
        "GET /api/now/table/incident?sysparm_limit=1 HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Basic {credentials}\r\n\r\n"
    );
    let mut client = KeptAlive::open(proxy.reverse);
    let mut resident: Vec<u64> = Vec::new();
    // The first rounds fill the pools, the recording's memory of words and secrets and, where redaction is slow, what waits
    // for it; from then on it stands still, on a busy machine later than on others.
    let grown = |resident: &[u64]| {
        resident.last().zip(resident.iter().rev().nth(5)).map(|(now, then)| now.saturating_sub(*then))
    };
    while resident.len() < 10 || resident.len() < 25 && grown(&resident).is_some_and(|growth| growth >= 4 * 1024) {
        for _ in 0..1000 {
            assert_eq!(client.ask(&healthy), 200, "round {}", resident.len());
        }
        resident.push(proxy.resident_kib());
    }
    let growth = grown(&resident).unwrap();
    assert!(growth < 4 * 1024, "{growth} KiB more after 5,000 requests: {resident:?}");
    proxy.ask(FAILING);
    let next = (resident.len() * 1000 + 1).to_string();
    assert_eq!(proxy.line()["exchange"], next, "the first that is spoken of");
}

#[test]
fn there_are_no_core_dumps_and_nobody_looks_into_the_memory() {
    let world = World::new();
    let proxy = Proxy::start(&world, &[]);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", proxy.child.id())).unwrap_or_default();
    let core = limits.lines().find(|line| line.starts_with("Max core file size"));
    assert!(core.is_none_or(|core| core.split_whitespace().nth(4) == Some("0")), "{core:?}");
}

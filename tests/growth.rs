//! Memory over many requests. A program of its own, because it looks at the memory of the whole process.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests may"
)]

#[allow(dead_code, reason = "shared with the other tests of the proxy, which use all of it")]
#[path = "proxy/bench.rs"]
mod bench;

use tokio::sync::mpsc;

use bench::*;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Resident memory of this process in KiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_requests_do_not_grow_memory() {
    let (seen, mut heads) = mpsc::unbounded_channel();
    tokio::spawn(async move { while heads.recv().await.is_some() {} });
    let world = World::new();
    let origin = Origin::tls(world.server_for(HOST), answering(OK, seen)).await;
    let mut proxy = Proxy::before(&world, &origin).await;
    let mut client = proxy.inside().await;
    let mut first = 0;
    for number in 0..10_000 {
        client.send(format!("GET /api/now/table/incident HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
        assert_eq!(client.message().await.1, "ok");
        assert_eq!(proxy.exchange().await.id, number + 1);
        if number == 1_000 {
            first = resident();
        }
    }
    let grown = resident().saturating_sub(first);
    assert!(grown < 2 * 1024, "grew by {grown} KiB over 9,000 requests");
}

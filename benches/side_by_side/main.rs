//! What the proxy costs beside others, and whether its cost grows: processor time of the whole process for each request,
//! while diagnosis, memory, the session's journal and the JSON log are on.
//!
//! ```text
//! cargo bench --bench side_by_side                                     direct and why401, every scenario
//! cargo bench --bench side_by_side -- --rounds 5 --only keep-alive     some of them, five rounds
//! cargo bench --bench side_by_side -- --growth                         from 1 to 1,000 connections, from 10^2 to 10^6 requests
//! cargo bench --bench side_by_side -- --peer 'NAME=COMMAND'            and another proxy
//! ```
//!
//! In a peer's command `{port}` is where it has to listen on 127.0.0.1, `{ca}` and `{ca-key}` are the authority that it signs
//! with (ECDSA P-256, PEM), `{trusted}` the root of the origin, `{folder}` a folder of its own. It gets CONNECT requests.
//!
//! The load, the origin and each proxy are processes of their own. Contestants take turns within each round, and only
//! ratios within a round mean something: on a machine with other work the absolute figures do not.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "benches may"
)]

mod contestant;
mod load;
mod origin;

use std::collections::BTreeMap;
use std::time::Duration;

use contestant::{Contestant, Ground};
use load::{Load, Seen};

struct Options {
    rounds: usize,
    seconds: f64,
    only: Vec<String>,
    peers: Vec<(String, String)>,
    growth: bool,
}

fn options() -> Options {
    let mut options = Options { rounds: 3, seconds: 2.0, only: Vec::new(), peers: Vec::new(), growth: false };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap_or_else(|| panic!("{word} needs a value"));
        match word.as_str() {
            "--rounds" => options.rounds = value().parse().expect("a number of rounds"),
            "--seconds" => options.seconds = value().parse().expect("a number of seconds"),
            "--only" => options.only.push(value()),
            "--peer" => {
                let text = value();
                let (name, command) = text.split_once('=').expect("NAME=COMMAND");
                options.peers.push((name.to_owned(), command.to_owned()));
            }
            "--growth" => options.growth = true,
            // What cargo adds by itself.
            "--bench" => {}
            other => panic!("{other} is not known here"),
        }
    }
    options
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some(origin::WORD) {
        return origin::run();
    }
    let options = options();
    let ground = Ground::new();
    let mut contestants = vec![Contestant::direct(&ground), Contestant::why401(&ground)];
    contestants.extend(options.peers.iter().map(|(name, command)| Contestant::peer(&ground, name, command)));
    if options.growth { growth(&mut contestants[1]) } else { table(&options, &mut contestants) }
}

const SCENARIOS: [(&str, Load); 7] = [
    ("keep-alive, 1 connection", Load { connections: 1, ..Load::SMALL }),
    ("keep-alive, 16 connections", Load { connections: 16, ..Load::SMALL }),
    ("keep-alive, 64 connections", Load { connections: 64, ..Load::SMALL }),
    ("401, 16 connections", Load { target: "/api/now/table/denied", ..Load::SMALL }),
    ("token, 16 connections", Load { target: "/oauth_token.do", body: TOKEN, ..Load::SMALL }),
    ("a new connection each", Load { connections: 4, keep: false, ..Load::SMALL }),
    ("100 KiB, 16 connections", Load { target: "/api/now/table/big", ..Load::SMALL }),
];

const TOKEN: &str = "grant_type=refresh_token&client_id=5f3a1c2b7d8e9f001122334455667788&client_secret=s3cr3t-for-the-bench&refresh_token=RrTtYyUu8Vn3oTq0rYk2mWc5uXz7bLd9eFh1gJi4aSsPp6NnQqRr";

fn table(options: &Options, contestants: &mut [Contestant]) {
    for (name, load) in SCENARIOS {
        if !options.only.is_empty() && !options.only.iter().any(|only| name.contains(only.as_str())) {
            continue;
        }
        let mut seen: BTreeMap<usize, Vec<Seen>> = BTreeMap::new();
        for _ in 0..options.rounds {
            for (at, contestant) in contestants.iter_mut().enumerate() {
                contestant.drive(&load, Duration::from_secs_f64(options.seconds / 4.0));
                seen.entry(at).or_default().push(contestant.drive(&load, Duration::from_secs_f64(options.seconds)));
            }
        }
        println!(
            "\n{name}\n{:>20} {:>12} {:>10} {:>10} {:>10} {:>8}",
            "", "cpu µs/req", "req/s", "p50 µs", "p99 µs", "RSS MiB"
        );
        for (at, seen) in &seen {
            let of = |figure: fn(&Seen) -> f64| median(seen.iter().map(figure).collect());
            println!(
                "{:>20} {:>12.1} {:>10.0} {:>10.0} {:>10.0} {:>8.1}",
                contestants[*at].name,
                of(|seen| seen.cpu_micros),
                of(|seen| seen.per_second),
                of(|seen| seen.p50),
                of(|seen| seen.p99),
                of(|seen| seen.resident_mib)
            );
        }
    }
}

/// The cost of a request as connections and requests become more.
fn growth(proxy: &mut Contestant) {
    println!("{:>12} {:>12} {:>12} {:>10}", "connections", "requests", "cpu µs/req", "RSS MiB");
    let line = |connections: usize, requests: u64, seen: &Seen| {
        println!("{connections:>12} {requests:>12} {:>12.1} {:>10.1}", seen.cpu_micros, seen.resident_mib);
    };
    for connections in [1, 10, 100, 1_000] {
        let load = Load { connections, ..Load::SMALL };
        proxy.drive(&load, Duration::from_millis(500));
        let seen = proxy.drive(&load, Duration::from_secs(3));
        line(connections, seen.requests, &seen);
    }
    let mut before = 0;
    for requests in [100, 1_000, 10_000, 100_000, 1_000_000] {
        // Every request is of another path, another user and another token: the memory and the journal fill.
        let load = Load { varied: true, most: requests - before, ..Load::SMALL };
        let seen = proxy.drive(&load, Duration::from_secs(600));
        line(load.connections, requests, &seen);
        before = requests;
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

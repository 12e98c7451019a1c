//! One exchange through diagnosis and memory, with the ledger at its bound: time and allocations.
//!
//! `cargo bench --bench diagnosis`
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "benches may")]

use divan::{AllocProfiler, Bencher, black_box};
use why401::diagnose::{diagnose, diagnose_reading};
use why401::intake::transcript;
use why401::ledger::{Ledger, Limits};
use why401::model::{Exchange, Salt};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// Users, tokens and paths beyond the bound, so that every map is full.
fn full_ledger() -> Ledger {
    let mut ledger = Ledger::new(Salt::new([9; 32]), Limits::default());
    let template = story(HEALTHY).remove(0);
    for number in 0..25_000_u32 {
        let mut exchange = template.clone();
        exchange.id = u64::from(number);
        let value = format!("Bearer {number:06}{}", "k".repeat(80));
        for field in
            exchange.request.fields.0.iter_mut().filter(|field| field.name.eq_ignore_ascii_case(b"authorization"))
        {
            field.value = value.clone().into();
        }
        exchange.request.target = format!("/api/now/table/t{}", number % 500);
        ledger.record(&exchange);
    }
    ledger
}

fn story(text: &str) -> Vec<Exchange> {
    transcript::parse(text).expect("the bench's own transcript").steps.into_iter().map(|step| step.exchange).collect()
}

const HEALTHY: &str = r#"@ 10:00:00 https://dev1.service-now.com
> GET /api/now/table/incident?sysparm_limit=1 HTTP/1.1
> Host: dev1.service-now.com
> User-Agent: PostmanRuntime/7.43.0
> Accept: */*
> Authorization: Bearer kEOpGqkQ2xuCGf0mE4Gc3tLDmKDSgTY0cQ5zi1k3rRj8mTz3QzjLhBNbBLnQ3W2VtVXz8X1Zq0yT5hJm2cV7RQ
>
< HTTP/1.1 200 OK
< Server: snow_adc
< X-Is-Logged-In: true
< X-Transaction-ID: 09ee25ec974f
< Content-Type: application/json;charset=UTF-8
< Date: Mon, 02 Nov 2026 10:00:00 GMT
<
< {"result":[{"number":"INC0010001","short_description":"printer on fire","sys_id":"0ae9fdc03f392240ee59a3aa66c3c750"}]}
"#;

const REFUSED: &str = r#"@ 10:00:00 https://dev1.service-now.com
> GET /api/now/table/incident?sysparm_limit=1 HTTP/1.1
> Host: dev1.service-now.com
> User-Agent: PostmanRuntime/7.43.0
> Accept: */*
> Authorization: Basic c3ZjLnN5bmM6SGFyYm91ci00MS1sYW1w
>
< HTTP/1.1 401 Unauthorized
< Server: snow_adc
< X-Is-Logged-In: false
< WWW-Authenticate: Basic realm="Service-now"
< Content-Type: application/json;charset=UTF-8
<
< {"error":{"message":"User is not authenticated","detail":"Required to provide Auth information"},"status":"failure"}
"#;

#[divan::bench]
fn a_healthy_exchange_read(bencher: Bencher<'_, '_>) {
    let (ledger, exchange) = (full_ledger(), story(HEALTHY).remove(0));
    bencher.bench_local(|| black_box(ledger.read(black_box(&exchange)).succeeded()));
}

#[divan::bench]
fn a_healthy_exchange_diagnosed(bencher: Bencher<'_, '_>) {
    let (ledger, exchange) = (full_ledger(), story(HEALTHY).remove(0));
    let reading = ledger.read(&exchange);
    bencher.bench_local(|| black_box(diagnose_reading(black_box(&reading), &ledger)));
}

#[divan::bench]
fn a_healthy_exchange_recorded(bencher: Bencher<'_, '_>) {
    let (mut ledger, exchange) = (full_ledger(), story(HEALTHY).remove(0));
    bencher.bench_local(|| ledger.record(black_box(&exchange)));
}

#[divan::bench]
fn a_refused_exchange_diagnosed(bencher: Bencher<'_, '_>) {
    let (ledger, exchange) = (full_ledger(), story(REFUSED).remove(0));
    bencher.bench_local(|| black_box(diagnose(black_box(&exchange), &ledger)));
}

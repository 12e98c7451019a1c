//! What one exchange costs beside forwarding it: the whole pipeline, the removal of its secrets, its line in the session's
//! journal; a leaf; a HAR read and written, by the megabyte.
//!
//! `cargo bench --bench exchange`
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "benches may")]

use divan::counter::BytesCount;
use divan::{AllocProfiler, Bencher, black_box};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use why401::intake::{har, transcript};
use why401::ledger::Limits;
use why401::model::{Exchange, Outcome, Salt};
use why401::output::redact::scrub::Scrubber;
use why401::output::{Told, har as writer, journal, json};
use why401::pipeline::Pipeline;
use why401::proxy::ca::Authority;
use why401::wire::telling::Telling;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

fn exchange(text: &str) -> Exchange {
    transcript::parse(text).expect("the bench's own transcript").steps.remove(0).exchange
}

/// A call of the Table API as clients make it.
fn healthy() -> Exchange {
    exchange(concat!(
        "@ 10:00:00 https://dev1.service-now.com\n",
        "> GET /api/now/table/incident?sysparm_limit=1 HTTP/1.1\n> Host: dev1.service-now.com\n> User-Agent: PostmanRuntime/7.43.0\n",
        "> Accept: */*\n> Accept-Encoding: gzip, deflate, br\n",
        "> Authorization: Bearer kEOpGqkQ2xuCGf0mE4Gc3tLDmKDSgTY0cQ5zi1k3rRj8mTz3QzjLhBNbBLnQ3W2VtVXz8X1Zq0yT5hJm2cV7RQ\n>\n",
        "< HTTP/1.1 200 OK\n< Server: snow_adc\n< Date: Mon, 02 Nov 2026 10:00:00 GMT\n< Content-Type: application/json;charset=UTF-8\n",
        "< X-Is-Logged-In: true\n< X-Transaction-ID: 09ee25ec974f\n< Cache-Control: no-cache,no-store,must-revalidate,max-age=-1\n",
        "< Strict-Transport-Security: max-age=63072000; includeSubDomains\n<\n",
        r#"< {"result":[{"number":"INC0010001","short_description":"printer on fire","sys_id":"0ae9fdc03f392240ee59a3aa66c3c750","#,
        r#""opened_at":"2026-11-02 09:12:44","state":"2","urgency":"1","impact":"2","caller_id":{"link":"https://dev1.service-now.com/api/now/table/sys_user/6816f79cc0a8016401c5a33be04be441","value":"6816f79cc0a8016401c5a33be04be441"},"#,
        r#""description":"It burns since this morning.\r\nNobody has touched it.","assignment_group":{"link":"https://dev1.service-now.com/api/now/table/sys_user_group/287ebd7da9fe198100f92cc8d1d2154e","value":"287ebd7da9fe198100f92cc8d1d2154e"}}]}"#,
        "\n",
    ))
}

fn refused() -> Exchange {
    exchange(concat!(
        "@ 10:00:00 https://dev1.service-now.com\n",
        "> GET /api/now/table/incident?sysparm_limit=1 HTTP/1.1\n> Host: dev1.service-now.com\n> User-Agent: PostmanRuntime/7.43.0\n",
        "> Authorization: Basic c3ZjLnN5bmM6SGFyYm91ci00MS1sYW1w\n>\n",
        "< HTTP/1.1 401 Unauthorized\n< Server: snow_adc\n< X-Is-Logged-In: false\n< WWW-Authenticate: Basic realm=\"Service-now\"\n",
        "< Content-Type: application/json;charset=UTF-8\n<\n",
        r#"< {"error":{"message":"User is not authenticated","detail":"Required to provide Auth information"},"status":"failure"}"#,
        "\n",
    ))
}

fn through_the_pipeline(bencher: Bencher<'_, '_>, exchange: &Exchange) {
    let mut pipeline = Pipeline::new(Salt::new([9; 32]), Limits::default());
    let mut words = |told: &Told<'_>| {
        if !told.diagnosis.findings.is_empty() {
            black_box(json::line(told));
        }
    };
    bencher.with_inputs(|| exchange.clone()).bench_local_values(|exchange| pipeline.take(exchange, &mut words));
}

#[divan::bench]
fn a_healthy_exchange_through_the_pipeline(bencher: Bencher<'_, '_>) {
    through_the_pipeline(bencher, &healthy());
}

#[divan::bench]
fn a_refused_exchange_through_the_pipeline(bencher: Bencher<'_, '_>) {
    through_the_pipeline(bencher, &refused());
}

#[divan::bench]
fn an_exchange_without_its_secrets(bencher: Bencher<'_, '_>) {
    let (mut scrubber, exchange) = (Scrubber::new(Salt::new([9; 32])), healthy());
    bencher.bench_local(|| black_box(scrubber.scrub(&exchange)));
}

/// A scrubber that has met many secrets, and so has to look closer.
#[divan::bench]
fn an_exchange_without_its_secrets_after_many(bencher: Bencher<'_, '_>) {
    let (mut scrubber, exchange) = (Scrubber::new(Salt::new([9; 32])), healthy());
    for number in 0..5_000 {
        let mut other = exchange.clone();
        other.request.fields.push("X-Api-Key", format!("aB{number:05}cD{}", "x9".repeat(12)));
        scrubber.learn(&other);
    }
    bencher.bench_local(|| black_box(scrubber.scrub(&exchange)));
}

#[divan::bench]
fn a_line_of_the_journal(bencher: Bencher<'_, '_>) {
    line(bencher, Telling::BOTH, true);
}

/// What a session does for each call that works.
#[divan::bench]
fn a_line_of_the_journal_without_bodies_that_tell_nothing(bencher: Bencher<'_, '_>) {
    let keep = Telling::of(&healthy());
    assert!(!keep.answer, "the bench's own transcript is healthy");
    line(bencher, keep, true);
}

/// The same for one that was made before, with the same answer.
#[divan::bench]
fn a_line_of_the_journal_as_before(bencher: Bencher<'_, '_>) {
    line(bencher, Telling::of(&healthy()), false);
}

/// `new`: each answer has a field that no other has.
fn line(bencher: Bencher<'_, '_>, keep: Telling, new: bool) {
    let (mut lines, exchange) = (journal::Lines::new(Scrubber::new(Salt::new([9; 32])), 64), healthy());
    let mut count = 0_u64;
    bencher
        .with_inputs(|| {
            let mut exchange = exchange.clone();
            count += 1;
            if let Outcome::Answered(answer) = &mut exchange.outcome
                && new
            {
                answer.fields.push("X-Request-Number", count.to_string());
            }
            exchange
        })
        .bench_local_values(|exchange| black_box(lines.exchange(&exchange, keep, false).is_ok()));
}

#[divan::bench]
fn a_leaf(bencher: Bencher<'_, '_>) {
    let authority = Authority::ephemeral(&["*.service-now.com".parse().unwrap()]).unwrap();
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    bencher.bench_local(|| black_box(authority.sign("dev1.service-now.com", &key).unwrap()));
}

/// About a megabyte.
fn recording() -> Vec<u8> {
    let mut out = writer::Writer::new(Vec::new()).unwrap();
    let mut exchange = healthy();
    for number in 0..400 {
        exchange.id = number + 1;
        out.entry(&writer::entry(&exchange, writer::Beside::default())).unwrap();
    }
    out.finish(&()).unwrap()
}

#[divan::bench]
fn a_har_written(bencher: Bencher<'_, '_>) {
    bencher.counter(BytesCount::new(recording().len())).bench_local(|| black_box(recording()));
}

#[divan::bench]
fn a_har_read(bencher: Bencher<'_, '_>) {
    let bytes = recording();
    bencher.counter(BytesCount::new(bytes.len())).bench_local(|| har::Reader::new(black_box(&bytes[..])).count());
}

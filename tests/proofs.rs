//! `proven` is earned: each proof is taken apart, and without what it rests on it must not stand.
//!
//! For every cause that can be proven, its page names the rivals, and an example proves it. Then, on every example that
//! proves anything: without the earlier exchanges a proof by memory is gone; with a gateway's signs in the place of the
//! instance's, nothing about the inside of the instance is proven; with values taken out by a sanitizer, no more is
//! proven than before.
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

use std::collections::{BTreeMap, BTreeSet};

use why401::catalog::{self, Page};
use why401::diagnose::causes::{CAUSES, cause};
use why401::intake::transcript;
use why401::ledger::Limits;
use why401::model::{Body, Diagnosis, Exchange, Fields, Grade, Outcome, Place, Salt};
use why401::output::Told;
use why401::pipeline::Pipeline;

/// Every story of every page.
fn stories() -> Vec<(&'static Page, String, Vec<Exchange>)> {
    let mut all = Vec::new();
    for page in catalog::pages() {
        for example in &page.examples {
            let steps = transcript::parse(&example.transcript).expect("examples parse").steps;
            let name = format!("{}: {}", page.slug, example.name);
            all.push((page, name, steps.into_iter().map(|step| step.exchange).collect()));
        }
    }
    all
}

fn diagnose(exchanges: &[Exchange]) -> BTreeMap<u64, Diagnosis> {
    let mut told = BTreeMap::new();
    let mut teller = |one: &Told<'_>| drop(told.insert(one.exchange.id, one.diagnosis.clone()));
    let mut pipeline = Pipeline::new(Salt::new([5; 32]), Limits::default());
    for exchange in exchanges {
        pipeline.take(exchange.clone(), &mut teller);
    }
    pipeline.finish(&mut teller);
    told
}

fn proven(diagnosis: &Diagnosis) -> BTreeSet<&'static str> {
    diagnosis.findings.iter().filter(|finding| finding.grade == Grade::Proven).map(|finding| finding.cause).collect()
}

/// Exposures: facts about a request whatever became of it.
const EXPOSURES: [&str; 2] = ["plain-http", "token-in-query"];

#[test]
fn every_provable_cause_names_its_rivals_and_is_told_from_them_by_an_observation() {
    let mut faults = Vec::new();
    let stories: Vec<_> = stories().into_iter().map(|(page, name, story)| (page, name, diagnose(&story))).collect();
    for provable in CAUSES.iter().filter(|cause| cause.best == Grade::Proven) {
        let page = catalog::page(provable.name).expect("every cause has a page");
        let rivals: BTreeSet<&str> =
            page.tell_apart.iter().flat_map(|contrast| contrast.causes.iter()).map(String::as_str).collect();
        if rivals.is_empty() {
            faults.push(format!("{}: its page names no rival", provable.name));
        }
        let proofs: Vec<_> = stories
            .iter()
            .filter(|(own, ..)| own.slug == provable.name)
            .flat_map(|(_, name, told)| told.values().map(move |diagnosis| (name, diagnosis)))
            .filter(|(_, diagnosis)| proven(diagnosis).contains(provable.name))
            .collect();
        if proofs.is_empty() {
            faults.push(format!("{}: no example proves it", provable.name));
        }
        for (name, diagnosis) in proofs {
            let finding = diagnosis.findings.iter().find(|finding| finding.cause == provable.name).unwrap();
            if finding.evidence.is_empty() || finding.because.is_empty() {
                faults.push(format!("{name}: proven without an observation"));
            }
            let possible: Vec<_> = diagnosis.findings.iter().filter(|other| other.grade == Grade::Possible).collect();
            let rival = possible
                .iter()
                .find(|other| rivals.contains(other.cause) && cause(other.cause).unwrap().best > Grade::Possible);
            if let Some(rival) = rival.filter(|_| !EXPOSURES.contains(&provable.name)) {
                faults.push(format!("{name}: proven, and its rival {} is still a suspect", rival.cause));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_proof_by_memory_is_gone_without_the_memory() {
    let mut checked = 0;
    let mut faults = Vec::new();
    for (_, name, story) in stories() {
        for (id, diagnosis) in diagnose(&story) {
            let by_memory = |finding: &&why401::model::Finding| {
                finding.grade == Grade::Proven
                    && finding.evidence.iter().any(|evidence| matches!(evidence.place, Place::Exchange(_)))
            };
            for finding in diagnosis.findings.iter().filter(by_memory) {
                checked += 1;
                let exchange = story.iter().find(|exchange| exchange.id == id).unwrap().clone();
                let alone = diagnose(&[exchange]);
                // What the bytes of the last exchange prove by themselves needs no memory; its evidence then says so.
                let still = alone[&id]
                    .findings
                    .iter()
                    .find(|other| other.cause == finding.cause && other.grade == Grade::Proven);
                let cites =
                    still.is_some_and(|other| other.evidence.iter().any(|e| matches!(e.place, Place::Exchange(_))));
                if cites {
                    faults.push(format!("{name}: {} is proven by an exchange that was never seen", finding.cause));
                }
            }
        }
    }
    assert!(checked > 20, "only {checked} proofs by memory");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The answer as a gateway would have given it: its own name, none of ServiceNow's signs.
fn by_gateway(exchange: &Exchange) -> Option<Exchange> {
    let mut changed = exchange.clone();
    let Outcome::Answered(response) = &mut changed.outcome else { return None };
    let mut fields: Fields = [("Server", "nginx/1.24.0"), ("Content-Type", "text/html")].into_iter().collect();
    if let Some(date) = response.fields.get("date") {
        fields.push("Date", date.to_vec());
    }
    response.fields = fields;
    response.body = Body::whole(&b"<html><h1>Unauthorized</h1></html>"[..]);
    Some(changed)
}

#[test]
fn a_gateways_answer_proves_nothing_about_the_inside_of_the_instance() {
    let mut checked = 0;
    let mut faults = Vec::new();
    for (_, name, story) in stories() {
        let before = diagnose(&story);
        let Some((last, earlier)) = story.split_last() else { continue };
        let inside = proven(&before[&last.id]);
        let Some(changed) = by_gateway(last).filter(|_| !inside.is_empty()) else { continue };
        if !why401::wire::endpoint::is_instance_host(&last.request.host) {
            continue;
        }
        let mut all = earlier.to_vec();
        all.push(changed);
        let after = diagnose(&all);
        checked += 1;
        for cause in proven(&after[&last.id]) {
            let group = why401::diagnose::causes::cause(cause).unwrap().group;
            if !EXPOSURES.contains(&cause) && !matches!(group, "transport" | "mid" | "outbound") {
                faults.push(format!("{name}: {cause} is proven although a gateway answered"));
            }
        }
    }
    assert!(checked > 50, "only {checked} examples");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What public sanitizers do: values of these fields and keys are replaced as a whole.
fn sanitized(exchange: &Exchange) -> Exchange {
    const MARK: &[u8] = b"[REDACTED]";
    let mut changed = exchange.clone();
    let secret = |name: &[u8]| {
        let lower = String::from_utf8_lossy(name).to_ascii_lowercase();
        ["authorization", "cookie", "set-cookie", "x-usertoken", "x-sn-apikey"].contains(&lower.as_str())
    };
    for field in changed.request.fields.0.iter_mut().filter(|field| secret(&field.name)) {
        field.value = MARK.into();
    }
    changed.request.head = None;
    let keys = ["client_secret", "password", "code", "refresh_token", "assertion", "access_token", "code_verifier"];
    let text = String::from_utf8_lossy(&changed.request.body.bytes).into_owned();
    changed.request.body = Body::whole(mask(&text, &keys).into_bytes());
    let (path, query) =
        changed.request.target.split_once('?').map_or((changed.request.target.as_str(), ""), |parts| parts);
    changed.request.target = if query.is_empty() { path.to_owned() } else { format!("{path}?{}", mask(query, &keys)) };
    if let Outcome::Answered(response) = &mut changed.outcome {
        for field in response.fields.0.iter_mut().filter(|field| secret(&field.name)) {
            field.value = MARK.into();
        }
        let text = String::from_utf8_lossy(&response.body.bytes).into_owned();
        if let Ok(serde_json::Value::Object(mut map)) = serde_json::from_str(&text) {
            for (key, value) in &mut map {
                if keys.contains(&key.as_str()) {
                    *value = "[REDACTED]".into();
                }
            }
            response.body = Body::whole(serde_json::to_vec(&map).unwrap());
        }
    }
    changed
}

fn mask(pairs: &str, keys: &[&str]) -> String {
    let parts = pairs.split('&').map(|part| match part.split_once('=') {
        Some((key, _)) if keys.contains(&key) => format!("{key}=[REDACTED]"),
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("&")
}

#[test]
fn a_sanitized_recording_claims_no_more_than_the_whole_one() {
    let mut faults = Vec::new();
    for (_, name, story) in stories() {
        let before = diagnose(&story);
        let after = diagnose(&story.iter().map(sanitized).collect::<Vec<_>>());
        for (id, diagnosis) in &after {
            for cause in proven(diagnosis).difference(&proven(&before[id])) {
                faults.push(format!("{name}: exchange {id} proves {cause} once its secrets are taken out"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_success_needs_no_words() {
    let mut faults = Vec::new();
    for (_, name, story) in stories() {
        let Some((last, earlier)) = story.split_last() else { continue };
        let mut changed = last.clone();
        let Outcome::Answered(response) = &mut changed.outcome else { continue };
        let api = last.request.path().contains("/api/") && !last.request.fields.has("origin");
        if !api || last.request.method != "GET" {
            continue;
        }
        response.status = 200;
        response.fields = [
            ("Server", "snow_adc"),
            ("X-Is-Logged-In", "true"),
            ("X-Transaction-ID", "09ee25ec974f"),
            ("Content-Type", "application/json;charset=UTF-8"),
        ]
        .into_iter()
        .collect();
        response.body = Body::whole(
            &br#"{"result":[{"number":"INC0010001","short_description":"printer on fire","sys_id":"0ae9fdc03f39"}]}"#[..],
        );
        let mut all = earlier.to_vec();
        all.push(changed);
        let told = diagnose(&all);
        for finding in told[&last.id].findings.iter().filter(|finding| !EXPOSURES.contains(&finding.cause)) {
            faults.push(format!("{name}: {} is said of a success", finding.cause));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

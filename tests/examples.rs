//! The examples of all cause pages, run: each page's rule fires where it must, stays silent where it must, and the table
//! of every cause on every example shows a new rule's false alarms as a diff.
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

use std::collections::BTreeMap;
use std::fmt::Write as _;

use why401::catalog::{self, Example, Page};
use why401::intake::transcript::{self, Expectation, Step, Transcript};
use why401::ledger::Limits;
use why401::model::{Diagnosis, Salt};
use why401::output::Told;
use why401::pipeline::Pipeline;

/// One step of one example, diagnosed.
struct Outcome<'a> {
    page: &'a Page,
    example: &'a Example,
    step: Step,
    diagnosis: Diagnosis,
}

impl Outcome<'_> {
    /// Line of the page on which the step starts.
    fn line(&self) -> usize {
        self.example.line + self.step.line - 1
    }

    fn findings(&self) -> String {
        let names =
            self.diagnosis.findings.iter().map(|finding| format!("{} {}", finding.cause, finding.grade.as_str()));
        let names: Vec<String> = names.collect();
        if names.is_empty() { "nothing".into() } else { names.join(", ") }
    }
}

fn read(example: &Example) -> Result<Transcript, String> {
    transcript::parse(&example.transcript)
        .map_err(|error| format!("line {}: {}", example.line + error.line - 1, error.what))
}

/// Through the pipeline, as every exchange goes: challenge rounds are held, memory follows diagnosis.
fn run<'a>(page: &'a Page, example: &'a Example) -> Vec<Outcome<'a>> {
    let mut told: BTreeMap<u64, Diagnosis> = BTreeMap::new();
    let mut teller = |one: &Told<'_>| drop(told.insert(one.exchange.id, one.diagnosis.clone()));
    let mut pipeline = Pipeline::new(Salt::new([1; 32]), Limits::default());
    let steps = read(example).unwrap_or_default().steps;
    for step in &steps {
        pipeline.take(step.exchange.clone(), &mut teller);
    }
    pipeline.finish(&mut teller);
    let diagnosed = steps.into_iter().map(|step| {
        let diagnosis = told.remove(&step.exchange.id).expect("every exchange is told");
        Outcome { page, example, step, diagnosis }
    });
    diagnosed.collect()
}

fn all() -> Vec<Outcome<'static>> {
    catalog::pages().iter().flat_map(|page| page.examples.iter().flat_map(move |example| run(page, example))).collect()
}

/// What an expectation wanted, where it was not met.
fn unmet(expectation: &Expectation, diagnosis: &Diagnosis) -> Option<String> {
    let findings = &diagnosis.findings;
    let found = |cause: &str| findings.iter().find(|finding| finding.cause == cause);
    match expectation {
        Expectation::First { cause, grade } => {
            let first = findings.first().is_some_and(|finding| finding.cause == cause && finding.grade == *grade);
            (!first).then(|| format!("= {cause} {}", grade.as_str()))
        }
        Expectation::Listed { cause, grade } => {
            let listed = found(cause).is_some_and(|finding| grade.is_none_or(|grade| finding.grade == grade));
            (!listed).then(|| format!("~ {cause} {}", grade.map_or("", |grade| grade.as_str())))
        }
        Expectation::Absent { cause } => found(cause).map(|_| format!("! {cause}")),
        Expectation::Nothing => (!findings.is_empty()).then(|| "! *".to_owned()),
    }
}

#[test]
fn every_example_can_be_read() {
    let faults: Vec<String> = catalog::pages()
        .iter()
        .flat_map(|page| page.examples.iter().map(move |example| (page, example)))
        .filter_map(|(page, example)| read(example).err().map(|fault| format!("{}.md {fault}", page.slug)))
        .collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn every_example_gives_what_its_page_expects() {
    let mut report = String::new();
    let (mut wanted, mut missed) = (0, 0);
    let mut pages: BTreeMap<&str, usize> = BTreeMap::new();
    for outcome in all() {
        wanted += outcome.step.expectations.len();
        for unmet in outcome.step.expectations.iter().filter_map(|expectation| unmet(expectation, &outcome.diagnosis)) {
            missed += 1;
            *pages.entry(&outcome.page.slug).or_default() += 1;
            let (page, line, name) = (&outcome.page.slug, outcome.line(), &outcome.example.name);
            writeln!(
                report,
                "docs/causes/{page}.md:{line}  {name}\n    wanted {unmet}\n    got    {}",
                outcome.findings()
            )
            .unwrap();
        }
    }
    assert!(wanted > 0, "no expectation was found: the pages are not read");
    assert!(
        missed == 0,
        "{report}\n{missed} of {wanted} expectations unmet, on {} of {} pages",
        pages.len(),
        catalog::pages().len()
    );
}

#[test]
fn every_cause_on_every_example() {
    let mut table = String::new();
    let (mut page, mut example) = ("", "");
    for outcome in all().iter().filter(|outcome| !outcome.diagnosis.findings.is_empty()) {
        if page != outcome.page.slug {
            (page, example) = (&outcome.page.slug, "");
            writeln!(table, "{page}").unwrap();
        }
        if example != outcome.example.name {
            example = &outcome.example.name;
            writeln!(table, "  {example}").unwrap();
        }
        writeln!(table, "    #{} {}", outcome.step.exchange.id, outcome.findings()).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn diagnosis_says_the_same_again() {
    let again: Vec<Diagnosis> = all().into_iter().map(|outcome| outcome.diagnosis).collect();
    for (outcome, again) in all().iter().zip(again) {
        assert_eq!(outcome.diagnosis, again, "docs/causes/{}.md:{}", outcome.page.slug, outcome.line());
    }
}

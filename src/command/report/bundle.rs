//! The bundle while it is made: entries in the order of their times, findings line by line, then the report itself. Every
//! piece is searched for known secrets before it is written; one hit, and there is no bundle.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::rc::Rc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::files::Files;
use super::manifest::{ABOUT, FileFacts, InHar, Manifest, Removals};
use crate::model::Millis;
use crate::output::redact::scrub::Scrubber;
use crate::output::report::{self, Source, Story};
use crate::output::{Told, har, json};
use crate::pipeline::Teller;
use crate::wire::date;

const NAMES: [&str; 5] = ["report.md", "report.html", "session.har", "findings.jsonl", "manifest.json"];
/// Entries wait to be sorted up to this many bytes.
const WINDOW: usize = 16 * 1024 * 1024;

pub(super) struct Bundle {
    files: Files,
    from: Source,
    story: Story,
    scrubber: Rc<RefCell<Scrubber>>,
    har: Option<har::Writer<BufWriter<File>>>,
    findings: BufWriter<File>,
    waiting: BinaryHeap<Reverse<(Millis, u64, String)>>,
    bytes: usize,
    count: u64,
    fault: Option<String>,
}

impl Bundle {
    pub fn begin(output: &Path, from: Source, scrubber: Rc<RefCell<Scrubber>>) -> Result<Bundle, String> {
        let files = Files::begin(output)?;
        let failed = |error: io::Error| format!("{}: {error}", output.display());
        let har = har::Writer::new(files.create("session.har").map_err(failed)?).map_err(failed)?;
        let findings = files.create("findings.jsonl").map_err(failed)?;
        let (waiting, story) = (BinaryHeap::new(), Story::default());
        let bundle =
            Bundle { files, from, story, scrubber, har: Some(har), findings, waiting, bytes: 0, count: 0, fault: None };
        Ok(bundle)
    }

    /// The first thing that went wrong.
    pub fn check(&mut self) -> Result<(), String> {
        self.fault.take().map_or(Ok(()), Err)
    }

    /// Writes what is left and puts the bundle in its place.
    pub fn finish(mut self, removals: &Removals) -> Result<String, String> {
        let written = self.write_rest(removals);
        self.check()?;
        written.map_err(|error| format!("the bundle cannot be written: {error}"))?;
        let made = self.from.made;
        self.files.finish(&NAMES, made).map_err(|error| format!("the bundle cannot be put in its place: {error}"))
    }

    fn write_rest(&mut self, removals: &Removals) -> io::Result<()> {
        self.release(0)?;
        self.findings.flush()?;
        let (schema, version) = ("why401.har/1", env!("CARGO_PKG_VERSION"));
        if let Some(har) = self.har.take() {
            har.finish(&InHar { schema, version, redacted: true, removed: removals.list() })?;
        }
        self.whole("report.md", &report::markdown::page(&self.story, &self.from))?;
        self.whole("report.html", &report::html::page(&self.story, &self.from))?;
        let mut files = Vec::new();
        for name in NAMES.into_iter().filter(|name| *name != "manifest.json") {
            let (bytes, sha256) = self.files.facts(name)?;
            files.push(FileFacts { name, bytes, sha256 });
        }
        let manifest = Manifest {
            schema: "why401.report/1",
            why401: version,
            made: date::iso(self.from.made),
            from: self.from.name.clone(),
            exchanges: self.story.exchanges,
            explained: self.story.explained,
            files,
            removed: removals.list(),
            about: &ABOUT,
        };
        self.whole("manifest.json", &(serde_json::to_string_pretty(&manifest)? + "\n"))
    }

    fn whole(&mut self, name: &'static str, text: &str) -> io::Result<()> {
        if self.is_clean(name, text) {
            let mut file = self.files.create(name)?;
            file.write_all(text.as_bytes())?;
            file.flush()?;
        }
        Ok(())
    }

    /// Whether no known secret is left in the text. Otherwise nothing is written at all.
    fn is_clean(&mut self, what: &str, text: &str) -> bool {
        let found = self.scrubber.borrow().finds_secret_in(text.as_bytes());
        if found {
            let fault = format!(
                "a secret was left in {what} (rule known-elsewhere): nothing is written. Please report this, without the recording"
            );
            self.fault.get_or_insert(fault);
        }
        !found
    }

    fn add(&mut self, told: &Told<'_>) -> io::Result<()> {
        let told_something = !told.diagnosis.findings.is_empty() || !told.takes_back.is_empty();
        let line = if told_something { json::line(told) } else { String::new() };
        if !self.is_clean("findings.jsonl", &line) {
            return Ok(());
        }
        if told_something {
            writeln!(self.findings, "{line}")?;
        }
        let findings = serde_json::from_str::<Line<'_>>(&line).ok().map(|line| line.findings);
        let findings = findings.filter(|_| !told.diagnosis.findings.is_empty());
        let entry = har::entry(told.exchange, har::Beside { findings });
        if self.is_clean("session.har", &entry) {
            self.bytes += entry.len();
            self.count += 1;
            self.waiting.push(Reverse((told.exchange.at, self.count, entry)));
        }
        self.release(WINDOW)
    }

    /// Writes the earliest entries until no more than `left` bytes wait.
    fn release(&mut self, left: usize) -> io::Result<()> {
        while self.bytes > left || left == 0 && !self.waiting.is_empty() {
            let Some(Reverse((_, _, entry))) = self.waiting.pop() else { return Ok(()) };
            self.bytes -= entry.len();
            if let Some(har) = &mut self.har {
                har.entry(&entry)?;
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    findings: &'a RawValue,
}

impl Teller for Bundle {
    fn tell(&mut self, told: &Told<'_>) {
        report::gather(&mut self.story, told);
        if let Err(error) = self.add(told) {
            self.fault.get_or_insert(format!("the bundle cannot be written: {error}"));
        }
    }
}

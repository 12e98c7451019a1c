//! `manifest.json`: what the bundle holds, and what was removed from it, where and by which rule; never a value.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::output::redact::clean;

/// Places that are told apart; further ones are counted together.
const PLACES: usize = 2000;

/// How often something was removed, by place and rule.
#[derive(Default)]
pub(super) struct Removals {
    counts: BTreeMap<(String, String), u64>,
    others: u64,
}

#[derive(Clone, Serialize)]
pub(super) struct Removal {
    #[serde(rename = "where")]
    place: String,
    rule: String,
    count: u64,
}

impl Removals {
    pub fn count(&mut self, place: &str, rule: &str) {
        let key = (clean(place).into_owned(), clean(rule).into_owned());
        if self.counts.len() < PLACES || self.counts.contains_key(&key) {
            *self.counts.entry(key).or_default() += 1;
        } else {
            self.others += 1;
        }
    }

    pub fn list(&self) -> Vec<Removal> {
        let one = |((place, rule), count): (&(String, String), &u64)| Removal {
            place: place.clone(),
            rule: rule.clone(),
            count: *count,
        };
        let others =
            (self.others > 0).then(|| Removal { place: "elsewhere".into(), rule: "any".into(), count: self.others });
        self.counts.iter().map(one).chain(others).collect()
    }
}

/// What `session.har` says of itself in `_why401`.
#[derive(Serialize)]
pub(super) struct InHar {
    pub schema: &'static str,
    pub version: &'static str,
    pub redacted: bool,
    pub removed: Vec<Removal>,
}

#[derive(Serialize)]
pub(super) struct Manifest {
    pub schema: &'static str,
    pub why401: &'static str,
    pub made: String,
    pub from: String,
    pub exchanges: u64,
    pub explained: u64,
    pub files: Vec<FileFacts>,
    pub removed: Vec<Removal>,
    /// What redaction is and what it leaves.
    pub about: &'static [&'static str],
}

#[derive(Serialize)]
pub(super) struct FileFacts {
    pub name: &'static str,
    pub bytes: u64,
    pub sha256: String,
}

pub(super) const ABOUT: [&str; 6] = [
    "Values of secrets were exchanged for stand-ins of the same length and alphabet; no key to undo it exists any more.",
    "Of a password its length, its punctuation and which characters are letters and digits remain; of a token nothing does.",
    "JWTs lost their signature; their header and claims remain, with whatever names they hold.",
    "User names, client ids and host names remain where no rule `mask` exchanged them; addresses, paths and bodies remain. Read them before you send this.",
    "Of a success that nothing was said of, a session holds no bodies but those that a diagnosis looks into; they are counted as removed by `session.bodies`.",
    "Some companies block HAR files that another tool redacted; report.md and report.html hold the same findings.",
];

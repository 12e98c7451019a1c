//! Every target: a name, and a function that panics where a promise is broken.

mod certificates;
mod diagnosis;
mod heads;
mod recordings;
mod redaction;
mod texts;
mod wire;

/// One target. Its seeds are in `fuzz/corpus/NAME`.
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
}

const fn target(name: &'static str, run: fn(&[u8])) -> Target {
    Target { name, run }
}

pub const ALL: &[Target] = &[
    target("values", wire::values),
    target("answers", wire::answers),
    target("heads", heads::heads),
    target("chunks", heads::chunks),
    target("har", recordings::har),
    target("curl", recordings::curl),
    target("raw", recordings::raw),
    target("recording", recordings::any),
    target("journal", recordings::journal),
    target("config", texts::config),
    target("page", texts::page),
    target("diagnosis", diagnosis::diagnosis),
    target("redaction", redaction::redaction),
    target("certificates", certificates::certificates),
];

/// Runs the target of that name.
pub fn run(name: &str, bytes: &[u8]) {
    let target = ALL.iter().find(|target| target.name == name).expect("a target of the table");
    (target.run)(bytes);
}

/// A small source of choices at the start of an input; what is left is text.
pub(crate) struct Choices<'a>(pub &'a [u8]);

impl Choices<'_> {
    /// A number below `many`.
    pub fn pick(&mut self, many: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first) % many.max(1)
    }
}

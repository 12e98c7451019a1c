//! The recording of a session on disk: redacted before it is written, bounded, readable after any crash.
//!
//! ```text
//! exchange ── Recorder ── bounded queue ── thread: scrub → one line → journal-000001.jsonl …
//! ```
//!
//! Every exchange is written when it has ended, before its diagnosis; what is said of it follows as a line of its own. Bodies
//! that can tell nothing of a failure are left out, unless the configuration wants all; where something is said of such an
//! exchange after all, it is written again with its bodies. Lines that come together are written with one call and are the
//! system's from then on. What waits when the process is killed has left its number, time and status in the file of `last`;
//! the power's end also loses what was not synced within the last seconds. A full disk or a slow one costs lines, never
//! traffic: they are counted, the loss is said at once and then once a minute, and recording goes on by itself.

mod folder;
mod kept;
mod last;
mod queue;
mod read;
mod recent;
mod sightings;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::model::{Exchange, Millis, Salt};
use crate::output::redact::scrub::Scrubber;
use crate::output::{Told, journal};
use crate::pipeline::Teller;
use crate::wire::telling::Telling;

pub use folder::{default_folder, files, is_session};
use last::Last;
use queue::Queue;
pub use read::{Entry, Fault, Session};
use recent::Recent;
use sightings::Sightings;
use write::Journal;

/// Exchanges and explanations that may wait for the disk. While so many are written as many more may come, and the file of
/// `last` has room for both.
const WAITING: usize = 2_000;
/// Bytes of bodies that may wait for the disk.
const WAITING_BYTES: usize = 32 * 1024 * 1024;
/// What an exchange takes beside its bodies, about, in bytes.
const EACH: usize = 4 * 1024;
/// After what was there is written, more is let gather for so long: to be woken for each line would cost more than the line.
const REST: Duration = Duration::from_millis(10);
/// How often a loss is said.
const SAY_EVERY: Duration = Duration::from_secs(60);
/// After this long at most, what was written is on the disk itself.
const SYNC_EVERY: Duration = Duration::from_secs(5);
/// At the end a disk that takes no line for this long is given up.
const LAST_LINES: Duration = Duration::from_secs(5);

/// What a session may take of the disk, and what for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub bytes: u64,
    pub exchanges: u64,
    pub bodies: Bodies,
}

/// Which bodies are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bodies {
    /// Those that may tell something of a failure (`wire::telling`).
    Telling,
    All,
}

enum Item {
    Exchange(Arc<Exchange>, usize),
    /// A line, and the exchange that it is about where that may stand in the journal without its bodies.
    Told(String, Option<Arc<Exchange>>),
    End,
}

/// Where exchanges go to be recorded. Clones write to the same session.
#[derive(Clone)]
pub struct Recorder {
    items: Arc<Queue<Item>>,
    waiting: Arc<AtomicUsize>,
    lost: Arc<AtomicUsize>,
    bodies: Bodies,
    last: Option<Arc<Last>>,
}

/// The thread that writes; to wait for at the end.
pub struct Recording {
    items: Arc<Queue<Item>>,
    thread: JoinHandle<()>,
    /// Items that were worked on.
    done: Arc<AtomicUsize>,
    pub path: PathBuf,
}

impl Recorder {
    /// Begins to record into `folder`. The error names the folder and what is wrong with it.
    pub fn start(folder: &Path, limits: Limits, salt: Salt, now: Millis) -> Result<(Recorder, Recording), String> {
        let journal = Journal::begin(folder, limits, now).map_err(|error| format!("{}: {error}", folder.display()))?;
        let items = Arc::new(Queue::new(WAITING));
        let to_write = Arc::clone(&items);
        let last = journal.last.clone();
        let (waiting, lost) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let done = Arc::new(AtomicUsize::new(0));
        let writer = Writer {
            journal,
            lines: journal::Lines::new(Scrubber::new(salt), sightings::OFTEN),
            sightings: Sightings::default(),
            recent: Recent::default(),
            bodies: limits.bodies,
            waiting: Arc::clone(&waiting),
            lost: Arc::clone(&lost),
            done: Arc::clone(&done),
            said: None,
            last_error: String::new(),
        };
        let thread = std::thread::Builder::new().name("session".into()).spawn(move || writer.run(&to_write));
        let thread = thread.map_err(|error| format!("cannot start a thread: {error}"))?;
        let recording = Recording { items: items.clone(), thread, done, path: folder.to_owned() };
        Ok((Recorder { items, waiting, lost, bodies: limits.bodies, last }, recording))
    }

    /// The answer of an exchange is about to go to the client: that much of it is written at once (about a microsecond).
    pub fn begins(&self, exchange: &Exchange, status: u16) {
        if let Some(last) = &self.last {
            last.begins(exchange, status);
        }
    }

    /// Records an exchange; gives it up where too many wait.
    pub fn exchange(&self, exchange: impl Into<Arc<Exchange>>) {
        let exchange = exchange.into();
        let answer = exchange.response().map_or(0, |answer| answer.body.bytes.len());
        let bytes = exchange.request.body.bytes.len() + answer + EACH;
        if self.waiting.load(Ordering::Relaxed) + bytes > WAITING_BYTES {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.waiting.fetch_add(bytes, Ordering::Relaxed);
        self.send(Item::Exchange(exchange, bytes));
    }

    fn send(&self, item: Item) {
        if let Err(item) = self.items.put(item) {
            self.lost.fetch_add(1, Ordering::Relaxed);
            if let Item::Exchange(_, bytes) = item {
                self.waiting.fetch_sub(bytes, Ordering::Relaxed);
            }
        }
    }
}

impl Teller for Recorder {
    fn tell(&mut self, told: &Told<'_>) {
        if !told.diagnosis.findings.is_empty() || !told.takes_back.is_empty() {
            let exchange = Some(told.exchange).filter(|exchange| self.bodies.kept(exchange) != Telling::BOTH);
            self.send(Item::Told(journal::told(told), exchange.map(|exchange| Arc::new(exchange.clone()))));
        }
    }
}

impl Bodies {
    /// The bodies of this exchange that are recorded before anything is said of it.
    fn kept(self, exchange: &Exchange) -> Telling {
        match self {
            Bodies::Telling => Telling::of(exchange),
            Bodies::All => Telling::BOTH,
        }
    }
}

impl Recording {
    /// Waits until everything is written, but not for a disk that takes nothing.
    pub fn finish(self) {
        let mut moved = (0, Instant::now());
        let mut end = Some(Item::End);
        while !self.thread.is_finished() {
            end = end.and_then(|item| self.items.put(item).err());
            let done = self.done.load(Ordering::Relaxed);
            if done != moved.0 {
                moved = (done, Instant::now());
            } else if moved.1.elapsed() > LAST_LINES {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The thread's own.
struct Writer {
    journal: Journal,
    lines: journal::Lines,
    sightings: Sightings,
    recent: Recent,
    bodies: Bodies,
    waiting: Arc<AtomicUsize>,
    lost: Arc<AtomicUsize>,
    done: Arc<AtomicUsize>,
    said: Option<Instant>,
    last_error: String,
}

impl Writer {
    fn run(mut self, items: &Arc<Queue<Item>>) {
        // Nobody else has the queue: nothing can come any more.
        while Arc::strong_count(items) > 1 {
            let together = items.take(SYNC_EVERY);
            let some = !together.is_empty();
            let more = self.all(together);
            self.flush();
            if !more {
                break;
            }
            self.journal.sync_if_older_than(SYNC_EVERY);
            self.say_losses();
            if some {
                std::thread::sleep(REST);
            }
        }
        self.said = None;
        self.say_losses();
        self.journal.end();
    }

    /// Whether more may come.
    fn all(&mut self, items: Vec<Item>) -> bool {
        for item in items {
            match item {
                Item::Exchange(exchange, bytes) => {
                    self.exchange(exchange);
                    self.waiting.fetch_sub(bytes, Ordering::Relaxed);
                }
                Item::Told(line, exchange) => self.told(&line, exchange),
                Item::End => return false,
            }
            self.done.fetch_add(1, Ordering::Relaxed);
        }
        true
    }

    fn exchange(&mut self, exchange: Arc<Exchange>) {
        let keep = self.bodies.kept(&exchange);
        if self.write(&exchange, keep, false) && keep != Telling::BOTH {
            self.recent.add(exchange);
        }
    }

    /// Writes one line of an exchange; `again`: it stands in the journal without its bodies. Whether it was written.
    fn write(&mut self, exchange: &Exchange, keep: Telling, again: bool) -> bool {
        let learned = self.lines.scrubber().learned();
        let made = self.lines.exchange(exchange, keep, again);
        self.mend(learned);
        let made = made.or_else(|journal::Leak| {
            // Nothing of what was sent and received is written.
            tracing::error!(
                exchange = exchange.id,
                "a secret was left in a recorded exchange: its contents are left out"
            );
            self.lines.exchange(&bare(exchange.clone()), keep, again)
        });
        let Ok(line) = made else {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return false;
        };
        let written = self.journal.exchange(&line.text);
        if let Ok(place) = &written {
            self.sightings.note(&line.text, &line.fresh, *place);
            if line.gives {
                self.journal.kept.mark_source(exchange.id, &line.text);
            }
        }
        let is_written = written.is_ok();
        self.count(written.map(|_| ()));
        is_written
    }

    /// What was only now seen to be a secret may stand in earlier lines, where nothing said so.
    fn mend(&mut self, learned: u64) {
        for secret in self.lines.scrubber().learned_since(learned) {
            for place in self.sightings.of(&secret) {
                let mended = self.journal.mend(place, |line| self.lines.scrubber().mended(line));
                self.count(mended);
            }
        }
    }

    fn told(&mut self, line: &str, exchange: Option<Arc<Exchange>>) {
        let story = match journal::read(line) {
            journal::Line::Told(told) => told.story,
            _ => Vec::new(),
        };
        let named = story.iter().filter_map(|id| self.recent.take(*id)).collect::<Vec<_>>();
        let late = exchange.filter(|late| named.iter().all(|exchange| exchange.id != late.id));
        // With all of their bodies: a reader puts them in the place of their first lines.
        for exchange in late.into_iter().chain(named) {
            self.write(&exchange, Telling::BOTH, true);
        }
        let written = self.journal.told(line, &story);
        self.count(written);
    }

    fn flush(&mut self) {
        self.journal.flush();
        let (lost, fault) = self.journal.losses();
        self.lost.fetch_add(lost, Ordering::Relaxed);
        if let Some(fault) = fault {
            self.last_error = fault.to_string();
        }
    }

    fn count(&mut self, written: std::io::Result<()>) {
        if let Err(error) = written {
            self.lost.fetch_add(1, Ordering::Relaxed);
            self.last_error = error.to_string();
        }
    }

    fn say_losses(&mut self) {
        if self.lost.load(Ordering::Relaxed) == 0 || self.said.is_some_and(|said| said.elapsed() < SAY_EVERY) {
            return;
        }
        self.said = Some(Instant::now());
        let lost = self.lost.swap(0, Ordering::Relaxed);
        let why = if self.last_error.is_empty() { "the disk is too slow" } else { &self.last_error };
        tracing::warn!(lost, why, "exchanges and explanations are missing from the recorded session");
        self.last_error.clear();
    }
}

/// The exchange without anything that came from outside but host, method, status and times.
fn bare(mut exchange: Exchange) -> Exchange {
    use crate::model::{Body, Fields, Outcome, Phase};
    exchange.request.target = "/".into();
    exchange.request.fields = Fields::default();
    exchange.request.body = Body::default();
    exchange.request.head = None;
    exchange.request.unseen = true;
    exchange.client.connect_agent = None;
    match &mut exchange.outcome {
        Outcome::Answered(answer) => {
            answer.fields = Fields::default();
            answer.body = Body::default();
            answer.reason = String::new();
        }
        Outcome::Failed(failure) => failure.detail = String::new(),
        // Where the fault was is of no use without the head.
        Outcome::Refused(_) => exchange.outcome = Outcome::Abandoned(Phase::AwaitAnswer),
        Outcome::Abandoned(_) => {}
    }
    exchange
}

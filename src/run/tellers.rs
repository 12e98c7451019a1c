//! The tellers of a running proxy: words for the log, and a tally for `exec`.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use crate::command::Failure;
use crate::config::{Format, Log};
use crate::model::Grade;
use crate::output::{Repeats, Style, Told, json};
use crate::pipeline::Teller;
use crate::telling::{self, Telling};
use crate::terminal;

/// How to tell, with explanations going to `out` first.
pub fn telling(log: &Log, out: Box<dyn Write + Send>) -> Result<Telling, Failure> {
    let settings =
        telling::Settings { json: log.format == Format::Json, file: log.file.clone(), filter: log.filter.clone(), out };
    telling::start(settings).map_err(|text| Failure::Usage(format!("error: {text}")))
}

/// Several tellers, one after the other.
pub struct Tellers(pub Vec<Box<dyn Teller + Send>>);

impl Teller for Tellers {
    fn tell(&mut self, told: &Told<'_>) {
        for teller in &mut self.0 {
            let heard = catch_unwind(AssertUnwindSafe(|| teller.tell(told)));
            if heard.is_err() {
                tracing::error!(exchange = told.exchange.id, "one output failed at this exchange; the others go on");
            }
        }
    }
}

/// Writes every exchange with findings to the log, as a block or a line. Clones are told of changes alike.
#[derive(Clone)]
pub struct Words {
    json: bool,
    what: Arc<Mutex<What>>,
}

/// What can be changed while it tells.
struct What {
    all: bool,
    style: Style,
    repeats: Repeats,
}

impl What {
    fn of(log: &Log) -> What {
        What { all: log.all, style: terminal::style(log.why), repeats: Repeats::default() }
    }
}

impl Words {
    pub fn new(log: &Log) -> Words {
        Words { json: log.format == Format::Json, what: Arc::new(Mutex::new(What::of(log))) }
    }

    /// From now on as `log` says, but for the format.
    pub fn change(&self, log: &Log) {
        *self.what.lock().unwrap_or_else(PoisonError::into_inner) = What::of(log);
    }
}

impl Teller for Words {
    fn tell(&mut self, told: &Told<'_>) {
        let text = {
            let mut what = self.what.lock().unwrap_or_else(PoisonError::into_inner);
            if !what.all && told.diagnosis.findings.is_empty() && told.takes_back.is_empty() {
                return;
            }
            if self.json {
                json::line(told)
            } else {
                let style = what.style;
                what.repeats.block(told, &style)
            }
        };
        // Told outside of the lock: a terminal may take its time.
        telling::explain(&text);
    }
}

/// What went by, for the end of `exec`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub exchanges: u64,
    pub explained: u64,
    /// The surest finding of all.
    pub best: Option<Grade>,
}

/// Counts; shared with whoever asks for the count.
#[derive(Clone, Default)]
pub struct Counting(Arc<Mutex<Tally>>);

impl Counting {
    pub fn tally(&self) -> Tally {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Teller for Counting {
    fn tell(&mut self, told: &Told<'_>) {
        let mut tally = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let best = told.diagnosis.findings.iter().map(|finding| finding.grade).max();
        tally.exchanges += 1;
        tally.explained += u64::from(best.is_some());
        tally.best = tally.best.max(best);
    }
}

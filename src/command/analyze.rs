//! `why401 analyze`: explain recordings, without a proxy.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::progress::Progress;
use super::{AtLeast, Ended, Exit, complain};
use crate::intake;
use crate::ledger::Limits;
use crate::model::{Grade, Millis};
use crate::output::{Repeats, Style, Told, json};
use crate::pipeline::{Pipeline, Teller};
use crate::run::service;
use crate::terminal;

#[derive(Args, Debug)]
pub struct Options {
    /// HAR files, curl commands and transcripts, raw HTTP, logs of HTTP libraries or pasted errors; - is standard input. Several are one story
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Form of the explanations
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Tell every exchange, those with nothing to explain too
    #[arg(long)]
    all: bool,
    /// Show what spoke for and against each suspect
    #[arg(long)]
    why: bool,
    /// Exit with status 3 where a finding has this grade or a surer one
    #[arg(long, value_name = "GRADE")]
    fail_on: Option<AtLeast>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
}

pub fn run(options: &Options) -> Ended {
    let progress = Progress::over(&options.files);
    let recordings = options.files.iter().map(|path| open(path, &progress)).collect::<Result<Vec<_>, _>>()?;
    let mut teller = Words {
        format: options.format,
        style: terminal::style(options.why),
        all: options.all,
        out: io::BufWriter::new(io::stdout().lock()),
        progress: progress.clone(),
        repeats: Repeats::default(),
        explained: 0,
        refused: false,
        best: None,
        gone: false,
    };
    let salt = service::salt()?;
    let mut pipeline = Pipeline::new(salt.clone(), Limits::default()).recorded(Limits::default());
    let (mut read, mut undated) = (0u64, false);
    for item in intake::story(recordings) {
        match item {
            Ok(exchange) => {
                // Between what has no time and what has one nothing is known: no age may be counted across.
                let dated = exchange.at != Millis::UNKNOWN;
                if undated && dated {
                    pipeline.finish(&mut teller);
                    pipeline = Pipeline::new(salt.clone(), Limits::default()).recorded(Limits::default());
                }
                undated = !dated;
                pipeline.take(exchange, &mut teller);
                read += 1;
            }
            Err((name, fault)) => complain(&format!("{name}: {fault}")),
        }
        if teller.gone {
            break;
        }
    }
    pipeline.finish(&mut teller);
    teller.out.flush().unwrap_or_default();
    progress.clear();
    if pipeline.broken() > 0 {
        complain(&format!("{} of {read} exchanges could not be diagnosed: please report this", pipeline.broken()));
    }
    if options.format == Format::Human {
        let exchanges = if read == 1 { "exchange" } else { "exchanges" };
        complain(&format!("{read} {exchanges} read, {} explained", teller.explained));
        if teller.refused && teller.explained == 0 {
            complain(
                "a refusal that shows no cause: give why401 the request with its answer (a HAR, or what `curl -v` prints)",
            );
        }
    }
    let reached = options.fail_on.is_some_and(|grade| grade.reached(teller.best));
    Ok(match read {
        0 => Exit::Failed,
        _ if reached => Exit::FailOn,
        _ => Exit::Done,
    })
}

/// Writes each exchange that has something to tell to standard output.
struct Words<W: Write> {
    format: Format,
    style: Style,
    all: bool,
    out: W,
    progress: Progress,
    repeats: Repeats,
    explained: u64,
    /// A refusal was among what was read.
    refused: bool,
    /// The surest finding so far.
    best: Option<Grade>,
    /// The reader of standard output went away.
    gone: bool,
}

impl<W: Write> Teller for Words<W> {
    fn tell(&mut self, told: &Told<'_>) {
        let best = told.diagnosis.findings.iter().map(|finding| finding.grade).max();
        self.best = self.best.max(best);
        self.explained += u64::from(best.is_some());
        self.refused |= told.exchange.status().is_some_and(|status| status >= 400);
        if best.is_none() && told.takes_back.is_empty() && !self.all {
            return;
        }
        self.progress.clear();
        let written = match self.format {
            Format::Human => writeln!(self.out, "{}", self.repeats.block(told, &self.style)),
            Format::Json => writeln!(self.out, "{}", json::line(told)),
        };
        // Beside a bar, words are written at once, or the bar comes to stand between them.
        let written = written.and_then(|()| if self.progress.is_shown() { self.out.flush() } else { Ok(()) });
        self.gone |= written.is_err();
    }
}

type Source = Box<dyn Read>;

fn open(path: &Path, progress: &Progress) -> Result<intake::Recording<Source>, String> {
    if path.as_os_str() == "-" {
        let source: Source = Box::new(io::stdin().lock());
        return intake::open(source, "standard input").map_err(|error| error.to_string());
    }
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| format!("{name}: {error}"))?;
    let source: Source = Box::new(progress.watch(file));
    intake::open(source, &name).map_err(|error| error.to_string())
}

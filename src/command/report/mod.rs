//! `why401 report`: the bundle for a support ticket, without secrets, from a recorded session or a HAR of any tool.
//!
//! ```text
//! session ─┐                                    ┌─ report.md  report.html
//!          ├→ exchanges → scrub → pipeline → tell ├─ session.har  findings.jsonl
//! HAR ─────┘   (read twice, to learn first)     └─ manifest.json
//! ```

mod bundle;
mod files;
mod manifest;
mod source;
mod zip;

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

use clap::{Args, ValueEnum};

use super::{Ended, Exit, complain, say};
use crate::ledger::Limits;
use crate::model::{Exchange, Salt};
use crate::output::redact::scrub::{Masker, Masks, Scrubber};
use crate::output::report::{self, Story};
use crate::pipeline::Pipeline;
use crate::run::service;
use bundle::Bundle;
use manifest::Removals;

#[derive(Args, Debug)]
pub struct Options {
    /// The folder of a recorded session, or a HAR file of any tool
    #[arg(value_name = "SESSION|FILE.har")]
    source: PathBuf,
    /// Write the bundle into this new folder, or this new zip file [default: why401-report-TIME]
    #[arg(short, long, value_name = "DIR|FILE.zip")]
    output: Option<PathBuf>,
    /// Print a short text for a forum post instead
    #[arg(long)]
    paste: bool,
    /// Exchange names too, each for the same one everywhere
    #[arg(long, value_enum, value_delimiter = ',', value_name = "KIND,…")]
    mask: Vec<Kind>,
}

/// What may stay in the house besides secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Users,
    Clients,
    Hosts,
    /// Names and numbers of people in JWTs
    Claims,
}

impl Options {
    fn masks(&self) -> Masks {
        let has = |kind| self.mask.contains(&kind);
        Masks {
            users: has(Kind::Users),
            clients: has(Kind::Clients),
            hosts: has(Kind::Hosts),
            claims: has(Kind::Claims),
        }
    }
}

pub fn run(options: &Options) -> Ended {
    let made = service::now();
    let source = source::open(&options.source)?;
    let salt = source.salt()?;
    let scrubber = Rc::new(RefCell::new(Scrubber::new(salt.clone())));
    let mut masker = Masker::new(salt.clone(), options.masks());
    source.learn(&mut scrubber.borrow_mut(), options.masks().any().then_some(&mut masker))?;
    let from = report::Source { name: source.name(), made };
    let tellers = if options.paste {
        Telling::Paste(Story::default())
    } else {
        let output = options.output.clone().unwrap_or_else(|| files::default_output(made));
        Telling::Bundle(Box::new(Bundle::begin(&output, from.clone(), Rc::clone(&scrubber))?))
    };
    let (telling, read, removals) = tell(source, &salt, (&scrubber, &mut masker), tellers)?;
    if read == 0 {
        return Err("there is no exchange in it: nothing is written".into());
    }
    match telling {
        Telling::Paste(story) => paste(&story, &scrubber.borrow()),
        Telling::Bundle(bundle) => {
            say(&bundle.finish(&removals)?);
            Ok(Exit::Done)
        }
    }
}

enum Telling {
    Paste(Story),
    Bundle(Box<Bundle>),
}

/// Runs every exchange through the pipeline, without its secrets.
fn tell(
    mut source: source::Source,
    salt: &Salt,
    (scrubber, masker): (&Rc<RefCell<Scrubber>>, &mut Masker),
    mut telling: Telling,
) -> Result<(Telling, u64, Removals), String> {
    let mut pipeline = Pipeline::new(salt.clone(), Limits::default()).recorded(Limits::default());
    let mut removals = Removals::default();
    let mut read = 0u64;
    while let Some(item) = source.next() {
        let exchange: Exchange = match item {
            Ok(item) => item.harmless(salt, (&mut scrubber.borrow_mut(), masker), &mut removals),
            Err(fault) => {
                complain(&fault);
                continue;
            }
        };
        read += 1;
        match &mut telling {
            Telling::Paste(story) => {
                pipeline.take(exchange, &mut |told: &crate::output::Told<'_>| report::gather(story, told))
            }
            Telling::Bundle(bundle) => {
                pipeline.take(exchange, &mut **bundle);
                bundle.check()?;
            }
        }
    }
    match &mut telling {
        Telling::Paste(story) => pipeline.finish(&mut |told: &crate::output::Told<'_>| report::gather(story, told)),
        Telling::Bundle(bundle) => pipeline.finish(&mut **bundle),
    }
    if pipeline.broken() > 0 {
        complain(&format!("{} of {read} exchanges could not be diagnosed: please report this", pipeline.broken()));
    }
    Ok((telling, read, removals))
}

fn paste(story: &Story, scrubber: &Scrubber) -> Ended {
    let text = report::markdown::paste(story);
    if scrubber.finds_secret_in(text.as_bytes()) {
        return Err("a secret was left in the text: nothing is printed. Please report this".into());
    }
    say(text.trim_end());
    Ok(Exit::Done)
}

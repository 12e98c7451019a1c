//! `why401 check config FILE`: every fault of a file, at its place.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Ended, Exit, say};
use crate::config;

#[derive(Args, Debug)]
pub struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// A configuration file
    Config {
        /// The file
        file: PathBuf,
    },
}

pub fn run(options: &Options) -> Ended {
    match &options.what {
        What::Config { file } => configuration(file),
    }
}

/// Exit status 2 where the file has faults: it is what `run` would say of it.
fn configuration(file: &PathBuf) -> Ended {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let faults = config::check(file, &text);
    if faults.is_empty() {
        say(&format!("{}: no fault", file.display()));
        return Ok(Exit::Done);
    }
    Err(faults.into())
}

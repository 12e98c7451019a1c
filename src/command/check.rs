//! `why401 check har|config FILE`: every fault of a file, at its place.

use std::fs::File;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{Ended, Exit, say};
use crate::config;
use crate::intake::har_check;

#[derive(Args, Debug)]
pub struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// A HAR 1.2 file, of any tool
    Har {
        /// The file; - is standard input
        file: PathBuf,
    },
    /// A configuration file
    Config {
        /// The file
        file: PathBuf,
    },
}

pub fn run(options: &Options) -> Ended {
    match &options.what {
        What::Har { file } => har(file),
        What::Config { file } => configuration(file),
    }
}

/// Exit status 1 where the file has faults; notes alone are none.
fn har(file: &Path) -> Ended {
    let name = file.display();
    let mut tell = |flaw: &har_check::Flaw| say(&flaw.to_string());
    let summary = if file.as_os_str() == "-" {
        har_check::check(std::io::stdin().lock(), &mut tell)
    } else {
        har_check::check(File::open(file).map_err(|error| format!("{name}: {error}"))?, &mut tell)
    };
    let har_check::Summary { entries, faults, notes, credentials, redacted } = summary;
    say(&format!("{name}: {entries} entries, {faults} faults, {notes} notes"));
    if credentials > 0 && !redacted {
        say(&format!(
            "{name}: note: {credentials} header fields hold credentials; take them out before you share the file"
        ));
    }
    Ok(if faults > 0 { Exit::Failed } else { Exit::Done })
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

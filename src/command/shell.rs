//! `why401 completions SHELL` and `why401 man`: both from the same table as `--help`.

use clap::Args;
use clap_complete::Shell;

use super::{Ended, Exit, say};
use crate::cli;

#[derive(Args, Debug)]
pub struct CompletionsOptions {
    /// The shell to complete for
    shell: Shell,
}

/// Prints the completion script of one shell.
pub fn completions(options: &CompletionsOptions) -> Ended {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut cli::command(), "why401", &mut script);
    say(String::from_utf8_lossy(&script).trim_end());
    Ok(Exit::Done)
}

/// Prints the man page (roff).
pub fn man() -> Ended {
    let mut page = Vec::new();
    clap_mangen::Man::new(cli::command()).render(&mut page).map_err(|error| error.to_string())?;
    say(String::from_utf8_lossy(&page).trim_end());
    Ok(Exit::Done)
}

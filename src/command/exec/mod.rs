//! `why401 exec -- CMD`: one command through a proxy of its own, set up and trusted, nothing left behind.

mod bundle;
mod environment;
pub(super) mod folder;

use std::ffi::OsString;

use clap::Args;

use super::Ended;
use crate::cli::RunOptions;

#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    run: RunOptions,
    /// The command and its arguments, after `--`
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

pub fn run(_options: &Options) -> Ended {
    Err("not built yet".into())
}

//! `why401 run`: the wiring, from the configuration to the last explanation.

use crate::cli::RunOptions;
use crate::command::Ended;

pub fn run(_options: &RunOptions) -> Ended {
    Err("not built yet".into())
}

//! `why401 demo`: instance, proxy and played stories in one.

use clap::Args;

use super::Ended;

#[derive(Args, Debug)]
pub struct Options {}

pub fn run(_options: &Options) -> Ended {
    Err("not built yet".into())
}

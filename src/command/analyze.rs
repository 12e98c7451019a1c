//! `why401 analyze`: explain recordings, without a proxy.

use clap::Args;

use super::Ended;

#[derive(Args, Debug)]
pub struct Options {}

pub fn run(_options: &Options) -> Ended {
    Err("not built yet".into())
}

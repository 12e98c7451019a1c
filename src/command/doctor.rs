//! `why401 doctor`: what keeps a client from coming through.

use clap::Args;

use super::Ended;

#[derive(Args, Debug)]
pub struct Options {}

pub fn run(_options: &Options) -> Ended {
    Err("not built yet".into())
}

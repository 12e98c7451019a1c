//! `why401 ca`: the certificate authority and how clients trust it.

use clap::Args;

use super::Ended;

#[derive(Args, Debug)]
pub struct Options {}

pub fn run(_options: &Options) -> Ended {
    Err("not built yet".into())
}

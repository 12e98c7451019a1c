//! `why401 explain CAUSE` and `why401 causes`: the pages of the causes.

use clap::Args;

use super::Ended;

#[derive(Args, Debug)]
pub struct ExplainOptions {}

#[derive(Args, Debug)]
pub struct CausesOptions {}

pub fn explain(_options: &ExplainOptions) -> Ended {
    Err("not built yet".into())
}

pub fn causes(_options: &CausesOptions) -> Ended {
    Err("not built yet".into())
}

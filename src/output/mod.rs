//! The tellers: pure formatting of what was found.

mod evidence;
pub mod har;
mod inline;
pub mod journal;
pub mod json;
mod layout;
pub mod live;
pub mod log;
pub mod page;
mod prose;
pub mod redact;
mod repeats;
pub mod report;
mod switched;
mod view;
mod words;

pub use layout::Style;
pub use repeats::Repeats;

use crate::model::{Diagnosis, Exchange, Salt};
use crate::wire::reading::Reading;

/// All that a teller needs for one exchange.
pub struct Told<'a> {
    pub exchange: &'a Exchange,
    pub diagnosis: &'a Diagnosis,
    /// For tags of secrets.
    pub salt: &'a Salt,
    /// Earlier verdicts that this exchange takes back.
    pub takes_back: &'a [TakenBack],
    /// The exchange as it was read to be diagnosed, where that is still at hand.
    pub reading: Option<&'a Reading<'a>>,
}

/// An earlier verdict that a later success contradicts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenBack {
    /// Number of the exchange whose finding no longer stands.
    pub exchange: u64,
    /// Its HAR entry, where it has one.
    pub entry: Option<usize>,
    pub cause: &'static str,
    /// One sentence.
    pub because: String,
}

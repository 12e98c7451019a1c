//! What diagnosis says of an exchange.

use std::ops::Range;

use super::place::Place;

/// How sure a finding is (knowledge: three grades, each with its rule). Ordered: `Possible < Likely < Proven`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// Nothing on the wire tells it from its neighbours.
    Possible,
    /// A discriminating observation favours it.
    Likely,
    /// The bytes seen, or the memory of earlier exchanges, leave no other cause.
    Proven,
}

impl Grade {
    pub fn as_str(self) -> &'static str {
        match self {
            Grade::Possible => "possible",
            Grade::Likely => "likely",
            Grade::Proven => "proven",
        }
    }
}

/// Who answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answerer {
    Instance,
    /// A third party that ServiceNow (or the client) called.
    Provider,
    Intermediary,
    Why401,
}

impl Answerer {
    pub fn as_str(self) -> &'static str {
        match self {
            Answerer::Instance => "instance",
            Answerer::Provider => "provider",
            Answerer::Intermediary => "intermediary",
            Answerer::Why401 => "why401",
        }
    }
}

/// All that is said of one exchange, best explanation first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    pub answered_by: Answerer,
    /// At most six; the first is the best.
    pub findings: Vec<Finding>,
    /// Suspects that were left out of `findings`, by cause.
    pub folded: Vec<&'static str>,
}

/// One cause, how sure, and why. Its title, fix and places in ServiceNow stand on the cause's page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Name in the closed list of causes.
    pub cause: &'static str,
    pub grade: Grade,
    /// Orders findings of one grade; higher is better.
    pub weight: i32,
    /// One or two sentences on this very exchange. Holds no secret (tags instead), may hold untrusted names.
    pub because: String,
    pub evidence: Vec<Evidence>,
    /// The account: what spoke for and against (`--why`).
    pub account: Vec<Reason>,
}

impl Finding {
    pub fn new(cause: &'static str, grade: Grade, because: impl Into<String>) -> Finding {
        Finding { cause, grade, weight: 0, because: because.into(), evidence: Vec::new(), account: Vec::new() }
    }

    /// Adds evidence at a place as a whole.
    #[must_use]
    pub fn at(mut self, place: Place, says: impl Into<String>) -> Finding {
        self.evidence.push(Evidence { place, span: None, says: says.into() });
        self
    }

    /// Adds evidence at bytes of a place.
    #[must_use]
    pub fn at_span(mut self, place: Place, span: Range<usize>, says: impl Into<String>) -> Finding {
        self.evidence.push(Evidence { place, span: Some(span), says: says.into() });
        self
    }

    /// Adds to the weight that orders findings of one grade.
    #[must_use]
    pub fn weighing(mut self, weight: i32) -> Finding {
        self.weight += weight;
        self
    }
}

/// An observation and the place where it can be checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    pub place: Place,
    /// Bytes of the value at `place`, from 0, end exclusive.
    pub span: Option<Range<usize>>,
    /// No secret: tags instead. May hold untrusted names.
    pub says: String,
}

/// One line of the account of a suspect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Above 0 speaks for the suspect, below 0 against it.
    pub moved: i32,
    pub says: String,
}

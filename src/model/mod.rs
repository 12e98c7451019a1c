//! Plain data that every room shares: an exchange, how it ended, what was found, and secrets that cannot be printed.

mod exchange;
mod finding;
mod glance;
mod outcome;
mod place;
mod quick;
mod secret;
mod switched;
mod text;

pub use exchange::{
    Body, Client, Exchange, Field, Fields, Millis, Request, Response, Scheme, Timing, TlsFacts, Unpacking, Unverified,
    Upstream, Way,
};
pub use finding::{Answerer, Diagnosis, Evidence, Finding, Grade, Reason};
pub use glance::{Glance, Named};
pub use outcome::{CertificateFault, Failure, FailureKind, HeadFault, HeadProblem, Outcome, Phase};
pub use place::Place;
pub use quick::Quick;
pub use secret::{Salt, Secret, Tag};
pub use switched::{Frames, Passed, Switched};
pub use text::lossy;

//! The wire half: an intercepting HTTP(S) proxy that hands over what passed as `Exchange`s.

pub mod ca;
mod ca_files;
mod framing;
mod head;
mod link;
mod rewrite;
mod route;
mod scope;
mod settings;
mod stream;

pub use scope::{Pattern, PatternError, Scope};
pub use settings::{Limits, Origin, Override, Parent, Reverse, SettingError, Settings, certificates_from_pem};

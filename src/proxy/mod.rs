//! The wire half: an intercepting HTTP(S) proxy that hands over what passed as `Exchange`s.

pub mod ca;
mod ca_files;
mod scope;
mod settings;

pub use scope::{Pattern, PatternError, Scope};
pub use settings::{Limits, Origin, Override, Parent, Reverse, SettingError, Settings, certificates_from_pem};

//! Total parsers of what is on the wire: any bytes give a value, none panics, positions are kept.

pub mod content;
pub mod date;
pub mod form;

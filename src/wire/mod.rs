//! Total parsers of what is on the wire: any bytes give a value, none panics, positions are kept.

pub mod authorization;
pub mod basic;
pub mod bearer;
pub mod challenge;
pub mod content;
pub mod cookie;
pub mod date;
pub mod endpoint;
pub mod form;
pub mod inspection;
pub mod jwt;
pub mod oauth;
pub mod reading;
pub mod servicenow;
pub mod telling;
pub mod template;

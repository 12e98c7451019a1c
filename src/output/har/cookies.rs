//! The lists of cookies that HAR wants beside the header fields.

use serde::Serialize;

use crate::model::{Fields, lossy};
use crate::wire::{cookie, date};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Cookie {
    name: String,
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<String>,
    /// ISO 8601, not the date of the field.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_only: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secure: Option<bool>,
}

pub(super) fn sent(fields: &Fields) -> Vec<Cookie> {
    let plain = |(name, value): (String, Vec<u8>)| Cookie {
        name,
        value: lossy(&value).into_owned(),
        path: None,
        domain: None,
        expires: None,
        http_only: None,
        secure: None,
    };
    cookie::sent(fields).into_iter().map(plain).collect()
}

pub(super) fn set(fields: &Fields) -> Vec<Cookie> {
    fields.all("set-cookie").filter_map(|value| one(&lossy(value))).collect()
}

fn one(line: &str) -> Option<Cookie> {
    let mut parts = line.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let attributes: Vec<(&str, &str)> =
        parts.map(|part| part.split_once('=').unwrap_or((part, ""))).map(|(n, v)| (n.trim(), v.trim())).collect();
    let find = |wanted: &str| attributes.iter().find(|(n, _)| n.eq_ignore_ascii_case(wanted)).map(|(_, v)| *v);
    let text = |wanted: &str| find(wanted).filter(|value| !value.is_empty()).map(str::to_owned);
    Some(Cookie {
        name: name.trim().to_owned(),
        value: value.trim().to_owned(),
        path: text("path"),
        domain: text("domain"),
        expires: find("expires").and_then(date::parse_http).map(date::iso),
        http_only: Some(find("httponly").is_some()),
        secure: Some(find("secure").is_some()),
    })
}

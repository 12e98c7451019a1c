//! `Authorization` (RFC 9110 §11.6.2) taken apart without losing a byte: scheme, gap, credentials, each with its place.

use crate::model::lossy;
use std::ops::Range;

/// The parts of one value, as ranges of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    pub scheme: Range<usize>,
    /// The white space between scheme and credentials.
    pub gap: Range<usize>,
    pub credentials: Range<usize>,
    pub kind: SchemeKind,
}

/// Which scheme the value names, without regard to case (RFC 9110 §11.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemeKind {
    Bearer,
    Basic,
    /// `Bearer` run into what follows it.
    BearerRunOn,
    /// `sn_devops.DevOpsToken`: the DevOps integration token of ServiceNow.
    DevOps,
    Negotiate,
    Ntlm,
    Digest,
    /// A scheme that no ServiceNow REST API takes.
    Other,
}

/// Splits a value. Any bytes give parts; an empty value gives empty ones.
pub fn split(value: &[u8]) -> Authorization {
    let end = value.iter().position(|byte| is_blank(*byte)).unwrap_or(value.len());
    let scheme = value.get(..end).unwrap_or_default();
    let gap_end = value.iter().skip(end).position(|byte| !is_blank(*byte)).map_or(value.len(), |at| end + at);
    let run_on = gap_end < value.len() && scheme.len() < 20;
    Authorization { kind: kind(scheme, run_on), scheme: 0..end, gap: end..gap_end, credentials: gap_end..value.len() }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// `more` says that credentials follow behind a blank: then a word that begins with Bearer is a word of its own.
fn kind(scheme: &[u8], more: bool) -> SchemeKind {
    let lower = scheme.to_ascii_lowercase();
    match lower.as_slice() {
        b"bearer" => SchemeKind::Bearer,
        b"basic" => SchemeKind::Basic,
        b"sn_devops.devopstoken" => SchemeKind::DevOps,
        b"negotiate" => SchemeKind::Negotiate,
        b"ntlm" => SchemeKind::Ntlm,
        b"digest" => SchemeKind::Digest,
        run_on
            if !more
                && run_on.starts_with(b"bearer")
                && run_on.get(6).is_some_and(|byte| !matches!(byte, b':' | b',' | b'=')) =>
        {
            SchemeKind::BearerRunOn
        }
        _ => SchemeKind::Other,
    }
}

impl Authorization {
    /// The credentials' bytes in the value they were split from.
    pub fn credentials_of<'a>(&self, value: &'a [u8]) -> &'a [u8] {
        value.get(self.credentials.clone()).unwrap_or_default()
    }

    /// The scheme as it was spelt.
    pub fn scheme_of(&self, value: &[u8]) -> String {
        lossy(value.get(self.scheme.clone()).unwrap_or_default()).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_value_keep_their_places() {
        let parts = split(b"Bearer  abc");
        assert_eq!((parts.scheme, parts.gap, parts.credentials), (0..6, 6..8, 8..11));
        assert_eq!(parts.kind, SchemeKind::Bearer);
    }

    #[test]
    fn schemes_are_known_in_any_case() {
        let kinds =
            [&b"basic x"[..], b"BEARER x", b"Bearerabc", b"Bearer: x", b"Token x", b"sn_devops.DevOpsToken a:b", b""];
        use SchemeKind::*;
        assert_eq!(kinds.map(|value| split(value).kind), [Basic, Bearer, BearerRunOn, Other, Other, DevOps, Other]);
    }
}

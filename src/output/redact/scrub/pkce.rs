//! Verifiers and challenges of PKCE (RFC 7636) wherever a name announces one: their stand-ins must belong together.

use std::ops::Range;

use super::stand_in;
use crate::model::Salt;
use crate::output::redact::text::find;
use crate::wire::form;

/// The value of a verifier or challenge, and what stands in its place.
pub(super) struct Pair {
    pub range: Range<usize>,
    pub stand_in: String,
}

/// All that the text names, as a parameter or as a member of JSON.
pub(super) fn pairs(salt: &Salt, text: &[u8]) -> Vec<Pair> {
    if find(text, b"code_", 0).is_none() {
        return Vec::new();
    }
    let plain = named(text, b"code_challenge_method")
        .first()
        .is_some_and(|range| text.get(range.clone()).is_some_and(|method| method.eq_ignore_ascii_case(b"plain")));
    let value = |range: &Range<usize>| form::decode(text.get(range.clone()).unwrap_or_default());
    let verifiers = named(text, b"code_verifier").into_iter().map(|range| {
        let stand_in = stand_in::verifier(salt, &value(&range));
        Pair { range, stand_in }
    });
    let challenges = named(text, b"code_challenge").into_iter().map(|range| {
        let stand_in = stand_in::challenge(salt, &value(&range), plain);
        Pair { range, stand_in }
    });
    let mut all: Vec<Pair> = verifiers.chain(challenges).collect();
    all.sort_by_key(|pair| pair.range.start);
    all
}

/// Where the values of a name stand: `name=x` or `"name": "x"`.
fn named(text: &[u8], name: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(end) = find(text, name, at).map(|start| start + name.len()) {
        at = end;
        let rest = text.get(end..).unwrap_or_default();
        let joint = rest.iter().take_while(|byte| b"\"':= \t".contains(byte)).count();
        let says = rest.get(..joint).is_some_and(|joint| joint.contains(&b'=') || joint.contains(&b':'));
        let value = rest.get(joint..).unwrap_or_default();
        let length = value.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"-._~+/%=".contains(byte)).count();
        if says && length > 0 {
            found.push(end + joint..end + joint + length);
            at = end + joint + length;
        }
    }
    found
}

//! JSON Web Tokens (RFC 7519), decoded for explanation only: no signature is ever checked.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::model::{Millis, lossy};

/// Header and claims of a token in compact form.
#[derive(Clone, Debug)]
pub struct Jwt {
    pub header: Map<String, Value>,
    pub claims: Map<String, Value>,
}

/// Whether text has the look of a JWT: three parts, the first of which begins like an encoded JSON object.
pub fn looks_like(text: &str) -> bool {
    text.starts_with("eyJ") && text.split('.').count() == 3
}

/// Decodes; `None` where header or claims are no JSON objects.
pub fn decode(text: &str) -> Option<Jwt> {
    let mut parts = text.trim().split('.');
    let (header, claims) = (parts.next()?, parts.next()?);
    parts.next()?;
    if parts.next().is_some() {
        return None;
    }
    Some(Jwt { header: object(header)?, claims: object(claims)? })
}

/// Whether text begins as a JOSE header does (RFC 7515 §4): an object that names its algorithm, key or type, whole or
/// cut. Other JSON in base64 begins with `eyJ` too.
pub fn begins_like(text: &str) -> bool {
    let first = text.split('.').next().unwrap_or_default().trim_end_matches('=');
    let whole = first.get(..first.len() / 4 * 4).unwrap_or_default();
    let decoded = URL_SAFE_NO_PAD.decode(whole).unwrap_or_default();
    let named = ["\"alg\":", "\"typ\":", "\"enc\":", "\"kid\":"];
    let start = lossy(&decoded).replace([' ', '\n', '\r', '\t'], "");
    start.starts_with('{') && named.iter().any(|name| start.contains(name))
}

fn object(part: &str) -> Option<Map<String, Value>> {
    let bytes = URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?;
    match serde_json::from_slice(&bytes).ok()? {
        Value::Object(map) => Some(map),
        _ => None,
    }
}

impl Jwt {
    pub fn alg(&self) -> Option<&str> {
        self.header.get("alg")?.as_str()
    }

    pub fn kid(&self) -> Option<&str> {
        self.header.get("kid")?.as_str()
    }

    /// A claim that is text.
    pub fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim)?.as_str()
    }

    /// A NumericDate claim (RFC 7519 §2), seconds since the epoch; text that holds a number is no NumericDate.
    pub fn date(&self, claim: &str) -> Option<Millis> {
        let seconds = self.claims.get(claim)?.as_f64()?;
        (seconds.abs() < 1e12).then_some(Millis((seconds * 1000.0) as i64))
    }

    /// A date claim that is there and is no number.
    pub fn broken_date(&self) -> Option<&'static str> {
        ["exp", "nbf", "iat"].into_iter().find(|claim| self.claims.get(*claim).is_some_and(|value| !value.is_number()))
    }

    /// A date claim that counts milliseconds, as `Date.now()` gives them: as seconds it lies thousands of years ahead.
    pub fn date_in_milliseconds(&self) -> Option<&'static str> {
        let late = |claim: &&str| self.claims.get(*claim).and_then(Value::as_f64).is_some_and(|value| value > 1e11);
        ["exp", "nbf", "iat"].into_iter().find(late)
    }

    /// `aud`, one or several.
    pub fn audiences(&self) -> Vec<&str> {
        match self.claims.get("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str, claims: &str) -> String {
        format!("{}.{}.c2ln", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn header_and_claims_are_read() {
        let jwt =
            decode(&token(r#"{"alg":"RS256","kid":"k1"}"#, r#"{"exp":1700000000,"aud":["a","b"],"sub":"u"}"#)).unwrap();
        assert_eq!((jwt.alg(), jwt.kid(), jwt.text("sub")), (Some("RS256"), Some("k1"), Some("u")));
        assert_eq!(jwt.date("exp"), Some(Millis(1_700_000_000_000)));
        assert_eq!(jwt.audiences(), ["a", "b"]);
    }

    #[test]
    fn what_is_no_jwt_is_none() {
        for text in ["", "a.b", "eyJ.b.c", "x.y.z.w", "opaque"] {
            assert!(decode(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_jose_header_is_known_by_its_names() {
        let whole = token(r#"{"typ":"JWT","alg":"RS256"}"#, "{}");
        assert!(begins_like(&whole) && begins_like(whole.get(..20).unwrap()));
        assert!(
            !begins_like(&URL_SAFE_NO_PAD.encode(r#"{"id":12,"t":"abc"}"#)) && !begins_like("eyJ!") && !begins_like("")
        );
    }

    #[test]
    fn dates_that_are_text_are_seen() {
        let jwt = decode(&token(r#"{"alg":"RS256"}"#, r#"{"exp":"1700000000"}"#)).unwrap();
        assert_eq!((jwt.date("exp"), jwt.broken_date()), (None, Some("exp")));
        let jwt = decode(&token(r#"{"alg":"RS256"}"#, r#"{"exp":1800000000,"iat":1700000000000}"#)).unwrap();
        assert_eq!((jwt.broken_date(), jwt.date_in_milliseconds()), (None, Some("iat")));
    }
}

//! Signed tokens as the instance verifies them: keys, algorithm, signature, issuer, audience, dates, `jti`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::{hmac, signature};
use serde_json::{Map, Value};

use crate::model::Millis;

use super::memory::keep;
use super::state::{Instance, JwtTrust, KeyMaterial};

/// A token that was taken apart, not yet verified.
pub(super) struct Jwt {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    /// Header and claims as they were signed.
    signed: String,
    signature: Vec<u8>,
}

pub(super) fn parse(text: &str) -> Option<Jwt> {
    let (signed, signature) = text.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let object = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
    Some(Jwt {
        header: object(header)?,
        claims: object(claims)?,
        signed: signed.to_owned(),
        signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
    })
}

impl Jwt {
    pub(super) fn claim(&self, name: &str) -> Option<&str> {
        self.claims.get(name)?.as_str()
    }

    fn seconds(&self, name: &str) -> Option<i64> {
        self.claims.get(name)?.as_i64()
    }

    fn header(&self, name: &str) -> &str {
        self.header.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn is_for(&self, audience: &str) -> bool {
        match self.claims.get("aud") {
            Some(Value::String(one)) => one == audience,
            Some(Value::Array(many)) => many.iter().any(|one| one.as_str() == Some(audience)),
            _ => false,
        }
    }

    /// `exp` must lie ahead, `nbf` and `iat` behind, give or take the clock skew (wire §4.2).
    fn timely(&self, now: Millis, skew: i64) -> bool {
        let now = now.0.div_euclid(1000);
        let ahead = |name| self.seconds(name).is_some_and(|at| at.saturating_add(skew) > now);
        let behind = |name| self.seconds(name).is_none_or(|at| at.saturating_sub(skew) <= now);
        ahead("exp") && behind("nbf") && behind("iat")
    }

    /// The key is found by `kid`; the algorithm must be one that the key has.
    fn is_signed_by_one_of(&self, trust: &JwtTrust) -> bool {
        let key = trust.keys.iter().find(|key| key.kid == self.header("kid"));
        key.is_some_and(|key| self.is_signed_by(&key.material))
    }

    fn is_signed_by(&self, key: &KeyMaterial) -> bool {
        let public = |algorithm: &'static dyn signature::VerificationAlgorithm, key: &[u8]| {
            signature::UnparsedPublicKey::new(algorithm, key).verify(self.signed.as_bytes(), &self.signature).is_ok()
        };
        match (key, self.header("alg")) {
            (KeyMaterial::Rsa(key), "RS256") => public(&signature::RSA_PKCS1_2048_8192_SHA256, key),
            (KeyMaterial::Rsa(key), "RS384") => public(&signature::RSA_PKCS1_2048_8192_SHA384, key),
            (KeyMaterial::Rsa(key), "RS512") => public(&signature::RSA_PKCS1_2048_8192_SHA512, key),
            (KeyMaterial::P256(key), "ES256") => public(&signature::ECDSA_P256_SHA256_FIXED, key),
            (KeyMaterial::P384(key), "ES384") => public(&signature::ECDSA_P384_SHA384_FIXED, key),
            (KeyMaterial::Shared(key), "HS256") => {
                hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key), self.signed.as_bytes(), &self.signature).is_ok()
            }
            _ => false,
        }
    }
}

/// The user (`sys_id`) that a signed token stands for, when everything about it is in order. Uses up its `jti`.
pub(super) fn accept(instance: &mut Instance, jwt: &Jwt, trust: &JwtTrust, now: Millis) -> Option<String> {
    let claims_fit = jwt.claim("iss") == Some(&trust.issuer) && jwt.is_for(&trust.audience);
    if !claims_fit || !jwt.timely(now, trust.clock_skew) || !jwt.is_signed_by_one_of(trust) {
        return None;
    }
    let user =
        instance.user_by(trust.user_field, jwt.claim(&trust.user_claim)?).filter(|user| user.active)?.sys_id.clone();
    if trust.verify_jti {
        let jti = format!("{}\n{}", trust.issuer, jwt.claim("jti")?);
        if instance.memory.used_jti.contains(&jti) {
            return None;
        }
        keep(&mut instance.memory.used_jti, jti);
    }
    Some(user)
}

/// An access token in JWT format. Assumed: signed with a key of the simulator; the instance knows it by its value.
pub(super) fn minted(claims: &Value, key: &[u8]) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&serde_json::json!({"alg": "HS256", "typ": "JWT"})), part(claims));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

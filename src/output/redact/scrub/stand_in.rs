//! What stands in the place of a secret: of the same make, so that whoever reads it finds the same faults in it.

use std::collections::HashMap;

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};

use super::letters;
use crate::ledger::without_variables;
use crate::model::Salt;
use crate::output::redact::secret::is_random;
use crate::wire::basic::{self, BasicFault};
use crate::wire::{bearer, jwt, oauth, template};

/// Another try is made this often where a stand-in happens to look like something that its secret is not.
pub(super) const ATTEMPTS: u32 = 32;

/// Makes stand-ins for one session.
pub(super) struct Maker {
    pub salt: Salt,
    /// What a shell leaves of passwords that hold `$word`, and the letters and digits of their stand-ins: the password
    /// without its word must be known again.
    eaten: HashMap<Vec<u8>, Vec<u8>>,
    /// Stand-ins that were made before.
    made: HashMap<Vec<u8>, Vec<u8>>,
}

/// Stand-ins are kept up to this many; then all are made anew.
const MADE: usize = 256;

/// Passwords with `$word` are remembered up to this many.
const EATEN: usize = 1024;

impl Maker {
    pub fn new(salt: Salt) -> Maker {
        Maker { salt, eaten: HashMap::new(), made: HashMap::new() }
    }

    /// The stand-in for a secret, as long as the secret.
    pub fn of(&mut self, secret: &[u8]) -> Vec<u8> {
        if let Some(made) = self.made.get(secret) {
            return made.clone();
        }
        let made = self.from(secret, 0);
        if self.made.len() >= MADE {
            self.made.clear();
        }
        self.made.insert(secret.to_vec(), made.clone());
        made
    }

    /// Differs when something was remembered in between that changes stand-ins.
    pub fn changes(&self) -> usize {
        self.eaten.len()
    }

    /// The stand-in, tried from that attempt on.
    pub fn from(&mut self, secret: &[u8], first: u32) -> Vec<u8> {
        let text = String::from_utf8_lossy(secret);
        if text.trim_start().starts_with("eyJ") {
            return self.token_of_json(secret);
        }
        if let Some(basic) = basic::hides_in(secret) {
            return recoded(secret, &self.credentials(&basic, 0));
        }
        let mut given = self.eaten.get(&letters::core(secret));
        let mut out = Vec::new();
        for attempt in first..first + ATTEMPTS {
            out = letters::exchanged(&self.salt, secret, attempt, given.take());
            if looks_alike(secret, &out) {
                break;
            }
        }
        self.remember_eaten(secret, &out);
        out
    }

    fn remember_eaten(&mut self, secret: &[u8], stand_in: &[u8]) {
        let left = |text: &[u8]| {
            let decoded: Vec<u8> = percent_encoding::percent_decode(text).collect();
            letters::core(&without_variables(&decoded))
        };
        if secret.contains(&b'$') && left(secret) != letters::core(secret) && self.eaten.len() < EATEN {
            self.eaten.entry(left(secret)).or_insert_with(|| left(stand_in));
            self.made.clear();
        }
    }

    /// A JWT keeps its header and claims, which are evidence, and loses its signature. A part that is no JSON (encrypted,
    /// or not a JWT at all) is exchanged; one that was cut off is the beginning of claims.
    fn token_of_json(&self, secret: &[u8]) -> Vec<u8> {
        let parts: Vec<&[u8]> = secret.split(|byte| *byte == b'.').collect();
        let kept = if parts.len() <= 3 { 2 } else { 1 };
        let mut out = Vec::with_capacity(secret.len());
        for (number, part) in parts.iter().enumerate() {
            if number > 0 {
                out.push(b'.');
            }
            if number < kept && part.trim_ascii_start().starts_with(b"eyJ") {
                out.extend_from_slice(part);
            } else {
                out.extend(letters::exchanged(&self.salt, part, 0, None));
            }
        }
        out
    }

    /// The base64 text of Basic credentials with another password. Text that holds no user name and password is a secret
    /// as a whole.
    pub fn basic_text(&mut self, text: &[u8]) -> Vec<u8> {
        let basic = basic::decode(text);
        let broken = basic.has(|fault| matches!(fault, BasicFault::NotBase64 { .. }));
        if broken || !is_text(&basic.decoded) {
            return self.of(text);
        }
        // Bytes of no UTF-8 can give digits of the other alphabet, in another place than before.
        let mut other = Vec::new();
        for first in 0..ATTEMPTS {
            other = recoded(text, &self.credentials(&basic, first));
            if basic::decode(&other).faults == basic.faults {
                break;
            }
        }
        other
    }

    /// Decoded credentials with another password; the user name stays, unless it is a key itself.
    fn credentials(&mut self, basic: &basic::Basic, first: u32) -> Vec<u8> {
        if basic.has(|fault| *fault == BasicFault::NoColon) {
            return self.value(&basic.decoded, first);
        }
        let user = basic.decoded.get(basic.user.clone()).unwrap_or_default();
        let user = if is_random(user) { self.value(user, first) } else { user.to_vec() };
        [&user[..], b":", &self.value(basic.password(), first)].concat()
    }

    /// The stand-in, or the value itself where it is none: empty, or a word for nothing.
    fn value(&mut self, value: &[u8], first: u32) -> Vec<u8> {
        let text = String::from_utf8_lossy(value);
        let nothing = template::literal_null(text.trim()) || text.trim().is_empty();
        if nothing { value.to_vec() } else { self.from(value, first) }
    }
}

/// Whether a rule that looks at the value alone sees the same in both.
fn looks_alike(one: &[u8], other: &[u8]) -> bool {
    let texts = (String::from_utf8_lossy(one), String::from_utf8_lossy(other));
    let hex = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_hexdigit);
    let valid = |bytes: &[u8]| std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
    one != other
        && template::placeholder(&texts.0) == template::placeholder(&texts.1)
        && template::redacted(&texts.0) == template::redacted(&texts.1)
        && template::literal_null(&texts.0) == template::literal_null(&texts.1)
        && faults(one) == faults(other)
        && basic::hides_in(one).is_some() == basic::hides_in(other).is_some()
        && hex(one) == hex(other)
        && valid(one) == valid(other)
        && texts.0.starts_with("eyJ") == texts.1.starts_with("eyJ")
}

/// What is wrong with a value under Bearer, and where.
fn faults(value: &[u8]) -> Vec<(std::mem::Discriminant<bearer::BearerFaultKind>, std::ops::Range<usize>)> {
    bearer::faults(value).into_iter().map(|fault| (std::mem::discriminant(&fault.kind), fault.span)).collect()
}

/// The signature of a JWT: what of it is a secret.
pub(super) fn signature(secret: &[u8]) -> Option<&[u8]> {
    let text = std::str::from_utf8(secret).ok()?;
    jwt::decode(text)?;
    secret.rsplit(|byte| *byte == b'.').next().filter(|part| !part.is_empty())
}

/// Nothing in it but text, perhaps in an old encoding, perhaps with a line break at the end.
fn is_text(decoded: &[u8]) -> bool {
    let control = |byte: &u8| *byte < b' ' && !matches!(byte, b'\t' | b'\r' | b'\n') || *byte == 0x7F;
    let broken: usize = decoded.utf8_chunks().map(|chunk| chunk.invalid().len()).sum();
    !decoded.is_empty() && !decoded.iter().any(control) && broken * 4 <= decoded.len()
}

/// Base64 text with other bytes, as many: white space and foreign bytes stay where they are, the alphabet stays.
pub(super) fn recoded(text: &[u8], decoded: &[u8]) -> Vec<u8> {
    let url_safe = text.iter().any(|byte| matches!(byte, b'-' | b'_'));
    let alphabet = if url_safe { alphabet::URL_SAFE } else { alphabet::STANDARD };
    let digits = GeneralPurpose::new(&alphabet, GeneralPurposeConfig::new().with_encode_padding(false)).encode(decoded);
    let mut digits = digits.bytes();
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
    text.iter().map(|byte| if is_digit(*byte) { digits.next().unwrap_or(*byte) } else { *byte }).collect()
}

/// The stand-in for a PKCE verifier: the session's own secret for the challenge that belongs to it, so that verifiers and
/// challenges that belong together still do. Its length is always 43.
pub(super) fn verifier(salt: &Salt, verifier: &str) -> String {
    verifier_for(salt, &oauth::s256(verifier))
}

/// The stand-in for a challenge. The method `plain` means that it is the verifier itself.
pub(super) fn challenge(salt: &Salt, challenge: &str, plain: bool) -> String {
    if plain {
        return verifier(salt, challenge);
    }
    let bare = challenge.trim_end_matches('=');
    let padding = challenge.get(bare.len()..).unwrap_or_default();
    format!("{}{padding}", oauth::s256(&verifier_for(salt, bare)))
}

fn verifier_for(salt: &Salt, challenge: &str) -> String {
    URL_SAFE_NO_PAD.encode(salt.derive("verifier", challenge.as_bytes(), 0))
}

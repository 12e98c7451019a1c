//! An authority of the user's own: checked at the start for everything that would make clients refuse its leaves.

use std::path::Path;
use std::sync::Arc;

use rcgen::{Issuer, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use time::OffsetDateTime;
use x509_parser::certificate::X509Certificate;
use x509_parser::parse_x509_certificate;

use super::files::check_mode;
use super::{Authority, CaError, Reach};
use crate::proxy::scope::Pattern;

/// Reads and checks. In `certificates` the one that signs comes first, then each that is above the one before it.
pub(in crate::proxy) fn open(certificates: &Path, key: &Path, scope: &[Pattern]) -> Result<Authority, CaError> {
    let wrong = |path: &Path, why: String| CaError::Given { path: path.to_owned(), why };
    let pair = read_key(key)?;
    let chain = read_chain(certificates)?;
    let issuer = match checked(&chain, &pair) {
        Ok(issuer) => issuer,
        Err(Fault::Chain(why)) => return Err(wrong(certificates, why)),
        Err(Fault::Key(why)) => return Err(wrong(key, why)),
    };
    let Some(root) = chain.last().cloned() else { return Err(wrong(certificates, NO_CERTIFICATE.into())) };
    let signer = Issuer::from_ca_cert_der(&issuer.certificate, pair)?;
    let authority = Authority {
        issuer: signer,
        // A root is known to whoever trusts it, and is not sent.
        chain: chain.into_iter().filter(|der| !self_signed(der)).collect(),
        root,
        not_before: issuer.not_before,
        not_after: issuer.not_after,
        reach: Reach::Given,
        path: Some(certificates.to_owned()),
    };
    for pattern in scope {
        accepted(&authority, pattern).map_err(|why| wrong(certificates, not_for(pattern, &why)))?;
    }
    Ok(authority)
}

const NO_CERTIFICATE: &str = "holds no certificate in PEM; expected the one that signs first, then those above it";

fn not_for(pattern: &Pattern, why: &str) -> String {
    format!(
        "a certificate for {pattern} that this authority signs would be refused ({why}); take the host out of the scope, or give an authority that may sign for it"
    )
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, CaError> {
    let wrong = |why: String| CaError::Given { path: path.to_owned(), why };
    let text = std::fs::read(path).map_err(|error| CaError::File { path: path.to_owned(), error })?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err(wrong(NO_CERTIFICATE.into())),
        Ok(chain) => Ok(chain),
        Err(error) => Err(wrong(format!("not PEM: {error}"))),
    }
}

fn read_key(path: &Path) -> Result<KeyPair, CaError> {
    let wrong = |why: &str| CaError::Given { path: path.to_owned(), why: why.to_owned() };
    check_mode(path, 0o600, 0o177).map_err(|error| match error {
        CaError::Exposed { mode, .. } => {
            wrong(&format!("has mode {mode:04o}: others can read the key of your authority; `chmod 600` it"))
        }
        other => other,
    })?;
    let text = std::fs::read_to_string(path).map_err(|error| CaError::File { path: path.to_owned(), error })?;
    if text.contains("ENCRYPTED") {
        return Err(wrong("is encrypted; write it without a password: openssl pkcs8 -topk8 -nocrypt -in KEY -out NEW"));
    }
    // The block of the key alone: a file may hold certificates as well.
    let Ok(block) = PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes()) else {
        return Err(wrong(if text.contains(" PRIVATE KEY") {
            "is not in PKCS #8; convert it: openssl pkcs8 -topk8 -nocrypt -in KEY -out NEW"
        } else {
            "holds no private key in PEM"
        }));
    };
    KeyPair::try_from(&block)
        .map_err(|_| wrong("cannot be used: expected ECDSA P-256 or P-384, Ed25519, or RSA of 2048 bits or more"))
}

/// What of a chain is kept.
struct Checked {
    certificate: CertificateDer<'static>,
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
}

enum Fault {
    Chain(String),
    Key(String),
}

fn checked(chain: &[CertificateDer<'static>], key: &KeyPair) -> Result<Checked, Fault> {
    let unreadable = |_| Fault::Chain("holds a block that is no certificate".into());
    let parsed: Vec<X509Certificate<'_>> = chain
        .iter()
        .map(|der| parse_x509_certificate(der).map(|(_, certificate)| certificate))
        .collect::<Result<_, _>>()
        .map_err(unreadable)?;
    let (Some(first), Some(certificate)) = (parsed.first(), chain.first()) else {
        return Err(Fault::Chain(NO_CERTIFICATE.into()));
    };
    for (below, certificate) in parsed.iter().enumerate() {
        may_sign(certificate, below).map_err(Fault::Chain)?;
    }
    if first.public_key().subject_public_key.data.as_ref() != key.public_key_raw() {
        let why = format!("does not belong to the first certificate, {}", first.subject());
        return Err(Fault::Key(why));
    }
    for (lower, upper) in parsed.iter().zip(parsed.iter().skip(1)) {
        if lower.issuer() != upper.subject() {
            let (name, wants, found) = (lower.subject(), lower.issuer(), upper.subject());
            let why = format!("{name} was issued by {wants}, but {found} follows; order: the one that signs first");
            return Err(Fault::Chain(why));
        }
    }
    // Each has both ends; a chain lives as long as all of its parts do.
    let begins = parsed.iter().map(|one| one.validity().not_before.to_datetime()).max();
    let ends = parsed.iter().map(|one| one.validity().not_after.to_datetime()).min();
    let now = OffsetDateTime::now_utc();
    Ok(Checked { certificate: certificate.clone(), not_before: begins.unwrap_or(now), not_after: ends.unwrap_or(now) })
}

/// Whether a certificate with `below` others between itself and a leaf may stand where it does.
fn may_sign(certificate: &X509Certificate<'_>, below: usize) -> Result<(), String> {
    let name = certificate.subject();
    let basic = certificate.basic_constraints().ok().flatten().map(|extension| extension.value);
    if !basic.is_some_and(|basic| basic.ca) {
        return Err(format!("{name} is not a certificate authority (basicConstraints does not say CA:TRUE)"));
    }
    let length = basic.and_then(|basic| basic.path_len_constraint);
    if length.is_some_and(|length| usize::try_from(length).is_ok_and(|length| length < below)) {
        return Err(format!("{name} allows fewer authorities under it (pathlen) than the {below} that there are"));
    }
    let usage = certificate.key_usage().ok().flatten();
    if usage.is_some_and(|usage| !usage.value.key_cert_sign()) {
        return Err(format!("{name} may not sign certificates (keyUsage lacks keyCertSign)"));
    }
    let now = OffsetDateTime::now_utc();
    let validity = certificate.validity();
    let (from, until) = (validity.not_before.to_datetime(), validity.not_after.to_datetime());
    match () {
        () if until <= now => Err(format!("{name} ended on {}; renew it where it was made", until.date())),
        () if from > now => Err(format!("{name} is valid from {} only", from.date())),
        () => Ok(()),
    }
}

fn self_signed(der: &CertificateDer<'_>) -> bool {
    parse_x509_certificate(der).is_ok_and(|(_, certificate)| certificate.issuer() == certificate.subject())
}

/// Signs a certificate for a host of the pattern and verifies it as a client does that trusts the root. The error says why
/// such a client would refuse it.
pub(in crate::proxy) fn accepted(authority: &Authority, pattern: &Pattern) -> Result<(), String> {
    let words = |error: &dyn std::fmt::Display| error.to_string();
    let host = match pattern {
        Pattern::Exact(name) => name.clone(),
        Pattern::Under(name) => format!("any.{name}"),
    };
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|error| words(&error))?;
    let chain = authority.sign(&host, &key).map_err(|error| words(&error))?;
    let mut roots = RootCertStore::empty();
    roots.add(authority.root.clone()).map_err(|error| words(&error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiServerVerifier::builder_with_provider(roots.into(), provider).build().map_err(|error| words(&error))?;
    let name = ServerName::try_from(host).map_err(|error| words(&error))?;
    let (leaf, above) = chain.split_first().ok_or("nothing was signed")?;
    verifier.verify_server_cert(leaf, above, &name, &[], UnixTime::now()).map(|_| ()).map_err(|error| words(&error))
}

#[cfg(test)]
#[path = "given_tests.rs"]
mod tests;

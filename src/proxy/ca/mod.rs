//! The certificate authority: a root that clients trust, one intermediate that signs, both bound to the hosts in scope.
//!
//! The root's key signs the intermediate and is then forgotten, because Java does not hold a trust anchor to its own name
//! constraints but does hold an intermediate to them. What a thief of the key file can sign is worth little: names outside
//! of the constraint are refused by every TLS library tried.

mod error;
mod files;
mod given;
pub(super) mod mint;
mod source;
pub(super) mod truststore;

use std::io;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CidrSubnet, DistinguishedName, DnType, GeneralSubtree, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P256_SHA256, SerialNumber,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

use super::door::route::OWN_HOST;
use super::scope::Pattern;
pub use error::CaError;
use files::Files;
pub use source::Source;

/// From notBefore to notAfter of root and intermediate; Apple refuses more than 398 days.
const CA_DAYS: i64 = 398;
/// From notBefore to notAfter of a leaf: the CA/Browser Forum's limit from 2029 on.
const LEAF_DAYS: i64 = 47;
/// Certificates begin this long before they are made: clocks of clients are often behind.
const BACK_DATED: Duration = Duration::hours(48);

/// Signs leaves for the hosts that it is permitted to.
pub struct Authority {
    pub(super) issuer: Issuer<'static, KeyPair>,
    /// What clients trust.
    pub(super) root: CertificateDer<'static>,
    /// What is sent behind a leaf: the issuer, and what is between it and the root.
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) not_before: OffsetDateTime,
    pub(super) not_after: OffsetDateTime,
    pub(super) reach: Reach,
    pub(super) path: Option<PathBuf>,
}

/// For which hosts leaves of an authority are worth something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// DNS names and everything under them, and loopback addresses: a name constraint holds it to that.
    Names(Vec<String>),
    /// Every host there is: made without name constraints.
    Everything,
    /// The authority is the user's own; what it permits is tried, host by host.
    Given,
}

/// A new authority, before it is written anywhere.
struct Made {
    authority: Authority,
    key_pem: String,
}

impl Authority {
    /// The authority in `folder`, made there when no file of it exists yet. Nothing that exists is overwritten.
    pub fn open_or_create(folder: &Path, permitted: &[Pattern]) -> Result<Authority, CaError> {
        Self::open_or_make(folder, permitted, true)
    }

    /// `constrained` counts only where the authority has to be made: one that exists is as it was made.
    pub(super) fn open_or_make(folder: &Path, scope: &[Pattern], constrained: bool) -> Result<Authority, CaError> {
        let files = Files::of(folder);
        if !files.any_exists() {
            let made = make(scope, constrained)?;
            match files.create(&made.key_pem, &made.authority.intermediate_pem(), &made.authority.certificate_pem()) {
                // Another process was faster: its authority is the one.
                Err(CaError::File { error, .. }) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
                Ok(()) => return Ok(Authority { path: Some(files.root), ..made.authority }),
            }
        }
        let authority = read(&files)?;
        authority.check(folder, scope)?;
        Ok(authority)
    }

    /// An authority for this run only: no file, no key that outlives the process.
    pub fn ephemeral(permitted: &[Pattern]) -> Result<Authority, CaError> {
        Self::for_this_run(permitted, true)
    }

    /// The same, with name constraints or without.
    pub fn for_this_run(scope: &[Pattern], constrained: bool) -> Result<Authority, CaError> {
        Ok(make(scope, constrained)?.authority)
    }

    /// Replaces whatever authority is in `folder` by a new one. Without constraints only where that is asked for.
    pub fn rotate(folder: &Path, permitted: &[Pattern], constrained: bool) -> Result<Authority, CaError> {
        let made = make(permitted, constrained)?;
        let files = Files::of(folder);
        files.replace(&made.key_pem, &made.authority.intermediate_pem(), &made.authority.certificate_pem())?;
        Ok(Authority { path: Some(files.root), ..made.authority })
    }

    /// Removes the authority's files; those that were there. Clients that trust its root keep doing so until told.
    pub fn remove(folder: &Path) -> Result<Vec<PathBuf>, CaError> {
        Files::of(folder).remove()
    }

    /// Where `open_or_create` keeps the PEM file for clients.
    pub fn certificate_path_in(folder: &Path) -> PathBuf {
        Files::of(folder).root
    }

    /// The PEM file that clients trust; none for an ephemeral authority.
    pub fn certificate_path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The root, for clients to trust. The intermediate is not in it: it comes in each handshake.
    pub fn certificate_pem(&self) -> String {
        files::pem("CERTIFICATE", &self.root)
    }

    pub fn certificate_der(&self) -> &CertificateDer<'static> {
        &self.root
    }

    fn intermediate_pem(&self) -> String {
        self.chain.iter().map(|der| files::pem("CERTIFICATE", der)).collect()
    }

    /// SHA-256 of the root, in hex with colons, as certificate viewers show it.
    pub fn fingerprint(&self) -> String {
        Sha256::digest(&self.root).iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
    }

    /// When the first of its certificates ends.
    pub fn not_after(&self) -> OffsetDateTime {
        self.not_after
    }

    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    /// What to do before it ends, as a command or in words.
    pub fn renewal(&self) -> &'static str {
        match self.reach {
            Reach::Given => "renew it where it was made",
            _ => "run `why401 ca rotate` and let the clients trust the new one",
        }
    }

    /// The error to every signature after its end; the proxy itself goes on: not all that it does needs an authority.
    pub fn ended(&self) -> Result<(), CaError> {
        match self.not_after > OffsetDateTime::now_utc() {
            true => Ok(()),
            false => Err(CaError::Expired { since: self.not_after, renewal: self.renewal() }),
        }
    }

    fn check(&self, folder: &Path, wanted: &[Pattern]) -> Result<(), CaError> {
        if self.reach != Reach::Everything {
            check_addresses(wanted)?;
        }
        let hosts = self.refuses(wanted);
        if hosts.is_empty() { Ok(()) } else { Err(CaError::NotPermitted { folder: folder.to_owned(), hosts }) }
    }

    /// The patterns that the authority may not sign for.
    pub(crate) fn refuses(&self, wanted: &[Pattern]) -> Vec<String> {
        wanted.iter().filter(|pattern| !self.permits(pattern)).map(Pattern::to_string).collect()
    }

    fn permits(&self, pattern: &Pattern) -> bool {
        match (&self.reach, pattern.address()) {
            (Reach::Everything, _) => true,
            (Reach::Given, _) => given::accepted(self, pattern).is_ok(),
            (Reach::Names(_), Some(address)) => address.is_loopback(),
            (Reach::Names(names), None) => names.iter().any(|name| {
                pattern.base().strip_suffix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }),
        }
    }

    /// A leaf for `host` over the key of `leaf_key`, and the chain to send with it.
    pub fn sign(&self, host: &str, leaf_key: &KeyPair) -> Result<Vec<CertificateDer<'static>>, CaError> {
        self.ended()?;
        let mut params = CertificateParams::new(vec![host.to_owned()])?;
        validity(&mut params, LEAF_DAYS);
        // A leaf lives within its issuer's time.
        params.not_after = params.not_after.min(self.not_after);
        params.not_before = params.not_before.max(self.not_before);
        // No host-like common name: OpenSSL would read an address there as a DNS name and refuse it.
        params.distinguished_name = subject("why401 interception");
        params.serial_number = Some(serial()?);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let leaf = params.signed_by(leaf_key, &self.issuer)?;
        Ok(std::iter::once(leaf.der()).chain(&self.chain).cloned().collect())
    }
}

fn check_addresses(wanted: &[Pattern]) -> Result<(), CaError> {
    match wanted.iter().find(|pattern| pattern.address().is_some_and(|address| !address.is_loopback())) {
        Some(pattern) => Err(CaError::Address(pattern.to_string())),
        None => Ok(()),
    }
}

fn make(scope: &[Pattern], constrained: bool) -> Result<Made, CaError> {
    let reach = if constrained { Reach::Names(constraint(scope)?) } else { Reach::Everything };
    let suffix = random_hex()?;
    let root_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let root = CertifiedIssuer::self_signed(ca_params(&format!("why401 root {suffix}"), 1, &reach)?, root_key)?;
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let params = ca_params(&format!("why401 issuer {suffix}"), 0, &reach)?;
    let (not_before, not_after) = (params.not_before, params.not_after);
    let intermediate = params.signed_by(&key, &root)?;
    let key_pem = key.serialize_pem();
    let authority = Authority {
        issuer: Issuer::new(params, key),
        root: root.der().clone(),
        chain: vec![intermediate.der().clone()],
        not_before,
        not_after,
        reach,
        path: None,
    };
    // `root`, and with it the only copy of the root's key, ends here.
    Ok(Made { authority, key_pem })
}

/// The DNS names of a scope, for the constraint.
fn constraint(scope: &[Pattern]) -> Result<Vec<String>, CaError> {
    check_addresses(scope)?;
    let names = scope.iter().filter(|pattern| pattern.address().is_none()).map(|pattern| pattern.base().to_owned());
    let mut names: Vec<String> = names.collect();
    // For our own page over TLS; to a thief it is worth nothing. It also sees to it that there is a DNS name: without any
    // subtree of them every one would be permitted (RFC 5280 §4.2.1.10). `localhost` is in only when it is asked for: linters
    // take a name of one label for no domain.
    names.push(OWN_HOST.to_owned());
    names.sort();
    names.dedup();
    Ok(names)
}

fn ca_params(name: &str, path_length: u8, reach: &Reach) -> Result<CertificateParams, CaError> {
    let mut params = CertificateParams::default();
    validity(&mut params, CA_DAYS);
    params.distinguished_name = subject(name);
    params.serial_number = Some(serial()?);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(path_length));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    if let Reach::Names(names) = reach {
        let names = names.iter().cloned().map(GeneralSubtree::DnsName);
        // DNS names alone would leave addresses free to all, so the loopback ones are named.
        let loopback = [CidrSubnet::from_v4_prefix([127, 0, 0, 0], 8), CidrSubnet::from_v6_prefix(LOOPBACK_V6, 128)];
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: names.chain(loopback.into_iter().map(GeneralSubtree::IpAddress)).collect(),
            excluded_subtrees: Vec::new(),
        });
    }
    Ok(params)
}

const LOOPBACK_V6: [u8; 16] = std::net::Ipv6Addr::LOCALHOST.octets();

/// Whole seconds, because certificates know no others; `days` from notBefore to notAfter.
fn validity(params: &mut CertificateParams, days: i64) {
    let now = OffsetDateTime::now_utc().replace_nanosecond(0).unwrap_or_else(|_| OffsetDateTime::now_utc());
    params.not_before = now - BACK_DATED;
    // The last second counts as valid (RFC 5280 §4.1.2.5).
    params.not_after = params.not_before + Duration::days(days) - Duration::SECOND;
}

fn subject(name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::OrganizationName, name);
    if !name.ends_with("interception") {
        // Trust stores list authorities by common name.
        subject.push(DnType::CommonName, name);
    }
    subject
}

/// Random for each certificate: rcgen would derive it from the key, and all leaves share one.
fn serial() -> Result<SerialNumber, CaError> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| CaError::Crypto(error.to_string()))?;
    // Positive, and never with a leading zero byte.
    let [first, ..] = &mut bytes;
    *first = (*first & 0x7f) | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

fn random_hex() -> Result<String, CaError> {
    let mut bytes = [0u8; 4];
    getrandom::fill(&mut bytes).map_err(|error| CaError::Crypto(error.to_string()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn read(files: &Files) -> Result<Authority, CaError> {
    let (key_pem, intermediate_pem, root_pem) = files.read()?;
    let damaged = |path: &Path, why: &str| CaError::Damaged { path: path.to_owned(), why: why.to_owned() };
    let certificate = |path: &Path, pem: &str| {
        CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| damaged(path, "is not a certificate in PEM"))
    };
    let key = KeyPair::from_pem(&key_pem).map_err(|_| damaged(&files.key, "is not a private key in PEM"))?;
    let root = certificate(&files.root, &root_pem)?;
    let intermediate = certificate(&files.intermediate, &intermediate_pem)?;
    let (_, parsed) = x509_parser::parse_x509_certificate(&intermediate)
        .map_err(|_| damaged(&files.intermediate, "is not a certificate"))?;
    if parsed.public_key().subject_public_key.data.as_ref() != key.public_key_raw() {
        return Err(damaged(&files.key, "does not belong to the certificate beside it"));
    }
    let (_, above) =
        x509_parser::parse_x509_certificate(&root).map_err(|_| damaged(&files.root, "is not a certificate"))?;
    if parsed.issuer() != above.subject() {
        return Err(damaged(&files.root, "is not the root of the certificate beside it"));
    }
    let validity = parsed.validity();
    Ok(Authority {
        issuer: Issuer::from_ca_cert_der(&intermediate, key)?,
        root,
        not_before: validity.not_before.to_datetime(),
        not_after: validity.not_after.to_datetime(),
        reach: reach(&parsed),
        path: Some(files.root.clone()),
        chain: vec![intermediate.clone()],
    })
}

/// What one of our own issuers was made for.
fn reach(issuer: &x509_parser::certificate::X509Certificate<'_>) -> Reach {
    use x509_parser::extensions::GeneralName;
    let extension = match issuer.name_constraints() {
        Ok(None) => return Reach::Everything,
        // Unreadable or given twice: it permits nothing that we know of.
        Err(_) => return Reach::Names(Vec::new()),
        Ok(Some(extension)) => extension,
    };
    let subtrees = extension.value.permitted_subtrees.iter().flatten();
    let names = subtrees.filter_map(|subtree| match subtree.base {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    });
    Reach::Names(names.collect())
}

#[cfg(test)]
mod tests;

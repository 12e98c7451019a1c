//! The stage's own small authority: made for one run, bound to the simulated hosts, its key gone once it has signed.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CidrSubnet, DnType, ExtendedKeyUsagePurpose, GeneralSubtree,
    IsCa, KeyPair, KeyUsagePurpose, NameConstraints, SanType,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::{Duration, OffsetDateTime};

/// What was made: the server's side, and the root for its clients.
pub(super) struct Made {
    pub config: Arc<ServerConfig>,
    pub authority: CertificateDer<'static>,
}

#[derive(Debug)]
pub enum CertificateError {
    Make(rcgen::Error),
    Serve(rustls::Error),
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CertificateError::Make(error) => error.fmt(f),
            CertificateError::Serve(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CertificateError {}

impl From<rcgen::Error> for CertificateError {
    fn from(error: rcgen::Error) -> CertificateError {
        CertificateError::Make(error)
    }
}

impl From<rustls::Error> for CertificateError {
    fn from(error: rustls::Error) -> CertificateError {
        CertificateError::Serve(error)
    }
}

/// A root and one leaf for all hosts, `localhost` and the loopback addresses.
pub(super) fn make(hosts: &[String]) -> Result<Made, CertificateError> {
    let names: Vec<String> = hosts.iter().cloned().chain([String::from("localhost")]).collect();
    let root = CertifiedIssuer::self_signed(root_params(&names), KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let leaf = leaf_params(&names)?.signed_by(&key, &root)?;
    let authority = root.der().clone();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone(), authority.clone()], key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Made { config: Arc::new(config), authority })
}

fn root_params(names: &[String]) -> CertificateParams {
    let mut params = dated();
    params.distinguished_name.push(DnType::CommonName, "why401 simulated hosts");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let loopback =
        [CidrSubnet::from_v4_prefix([127, 0, 0, 0], 8), CidrSubnet::from_v6_prefix(Ipv6Addr::LOCALHOST.octets(), 128)];
    let names = names.iter().cloned().map(GeneralSubtree::DnsName);
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: names.chain(loopback.into_iter().map(GeneralSubtree::IpAddress)).collect(),
        excluded_subtrees: Vec::new(),
    });
    params
}

fn leaf_params(names: &[String]) -> Result<CertificateParams, rcgen::Error> {
    let mut params = dated();
    params.distinguished_name.push(DnType::OrganizationName, "why401 simulated hosts");
    for name in names {
        params.subject_alt_names.push(SanType::DnsName(name.as_str().try_into()?));
    }
    params.subject_alt_names.push(SanType::IpAddress(Ipv4Addr::LOCALHOST.into()));
    params.subject_alt_names.push(SanType::IpAddress(Ipv6Addr::LOCALHOST.into()));
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// Good for a long training day: from an hour ago for a month. rcgen's own dates are 1975 to 4096.
fn dated() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    let now = OffsetDateTime::now_utc();
    params.not_before = now - Duration::HOUR;
    params.not_after = now + Duration::days(30);
    params
}

/// A certificate in PEM.
pub(super) fn pem(certificate: &CertificateDer<'_>) -> String {
    use base64::Engine;
    let encoded = base64::engine::general_purpose::STANDARD.encode(certificate);
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    for (at, letter) in encoded.chars().enumerate() {
        // RFC 7468 §2: lines of 64.
        if at > 0 && at % 64 == 0 {
            text.push('\n');
        }
        text.push(letter);
    }
    text.push_str("\n-----END CERTIFICATE-----\n");
    text
}

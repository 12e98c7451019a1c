//! Tests of a user's own authority: what is accepted, and each fault by its name.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, DnType, GeneralSubtree, IsCa, KeyUsagePurpose, NameConstraints};
use time::Duration;

use super::*;

/// One authority of a chain: its certificate, and what signs with its key.
struct Made {
    der: CertificateDer<'static>,
    pem: String,
    key: String,
    signer: Issuer<'static, KeyPair>,
}

fn made(name: &str, above: Option<&Made>, change: impl FnOnce(&mut CertificateParams)) -> Made {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.not_before = OffsetDateTime::now_utc() - Duration::days(1);
    params.not_after = OffsetDateTime::now_utc() + Duration::days(90);
    change(&mut params);
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let certificate = match above {
        None => params.self_signed(&key).unwrap(),
        Some(above) => params.signed_by(&key, &above.signer).unwrap(),
    };
    let (der, pem, text) = (certificate.der().clone(), certificate.pem(), key.serialize_pem());
    Made { der, pem, key: text, signer: Issuer::new(params, key) }
}

struct Given {
    folder: tempfile::TempDir,
}

impl Given {
    fn new(chain: &[&Made], key: &str) -> Given {
        let given = Given { folder: tempfile::tempdir().unwrap() };
        fs::write(given.path("chain.pem"), chain.iter().map(|made| made.pem.as_str()).collect::<String>()).unwrap();
        fs::write(given.path("key.pem"), key).unwrap();
        fs::set_permissions(given.path("key.pem"), fs::Permissions::from_mode(0o600)).unwrap();
        given
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn open(&self, scope: &[&str]) -> Result<Authority, String> {
        let scope: Vec<Pattern> = scope.iter().map(|text| text.parse().unwrap()).collect();
        open(&self.path("chain.pem"), &self.path("key.pem"), &scope).map_err(|error| error.to_string())
    }
}

const SCOPE: [&str; 2] = ["*.service-now.com", "api.vendor.example"];

fn fault(chain: &[&Made], key: &str) -> String {
    Given::new(chain, key).open(&SCOPE).err().unwrap()
}

#[test]
fn leaves_of_a_chain_come_with_all_but_the_root() {
    let root = made("Acme Root", None, |_| {});
    let middle = made("Acme Policy", Some(&root), |_| {});
    let issuer = made("Acme Proxy", Some(&middle), |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.not_after = OffsetDateTime::now_utc() + Duration::days(20);
    });
    let authority = Given::new(&[&issuer, &middle, &root], &issuer.key).open(&SCOPE).unwrap();
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let sent = authority.sign("dev1.service-now.com", &key).unwrap();
    assert_eq!(sent[1..], [issuer.der.clone(), middle.der.clone()]);
    assert_eq!(authority.certificate_der(), &root.der);
    let (_, leaf) = parse_x509_certificate(&sent[0]).unwrap();
    assert!(leaf.validity().not_after.to_datetime() <= authority.not_after(), "no longer than its issuer");
    assert!((authority.not_after() - OffsetDateTime::now_utc()).whole_days() < 21, "the shortest of the chain counts");
    assert!(authority.renewal().contains("where it was made"));
}

#[test]
fn a_root_alone_signs_leaves_that_come_alone() {
    let root = made("Acme Root", None, |_| {});
    let authority = Given::new(&[&root], &root.key).open(&SCOPE).unwrap();
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    assert_eq!(authority.sign("dev1.service-now.com", &key).unwrap().len(), 1);
}

#[test]
fn what_clients_would_refuse_is_named_at_the_start() {
    let root = made("Acme Root", None, |_| {});
    let other = made("Other Root", None, |_| {});
    let issuer = made("Acme Proxy", Some(&root), |_| {});
    assert!(fault(&[&issuer, &root], &other.key).contains("does not belong to the first certificate, CN=Acme Proxy"));
    let order = fault(&[&issuer, &other], &issuer.key);
    assert!(order.contains("was issued by CN=Acme Root, but CN=Other Root follows"), "{order}");
    let leaf = made("Acme Server", Some(&root), |params| params.is_ca = IsCa::ExplicitNoCa);
    assert!(fault(&[&leaf, &root], &leaf.key).contains("CN=Acme Server is not a certificate authority"));
    let short = made("Short", None, |params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)));
    let under = made("Under", Some(&short), |_| {});
    assert!(fault(&[&under, &short], &under.key).contains("CN=Short allows fewer authorities under it (pathlen)"));
    let past = made("Past", None, |params| params.not_after = OffsetDateTime::now_utc() - Duration::hours(1));
    assert!(fault(&[&past], &past.key).contains("CN=Past ended on "));
    let future = made("Future", None, |params| params.not_before = OffsetDateTime::now_utc() + Duration::hours(1));
    assert!(fault(&[&future], &future.key).contains("CN=Future is valid from "));
    let crl = made("Lists", None, |params| params.key_usages = vec![KeyUsagePurpose::CrlSign]);
    assert!(fault(&[&crl], &crl.key).contains("keyUsage lacks keyCertSign"));
}

#[test]
fn its_own_constraints_must_cover_the_scope_wherever_in_the_chain_they_stand() {
    let constraints = |name: &str| NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName(name.to_owned())],
        excluded_subtrees: Vec::new(),
    };
    let root = made("Acme Root", None, |params| params.name_constraints = Some(constraints("service-now.com")));
    let issuer = made("Acme Proxy", Some(&root), |_| {});
    let given = Given::new(&[&issuer, &root], &issuer.key);
    given.open(&SCOPE[..1]).unwrap();
    let told = given.open(&SCOPE).err().unwrap();
    assert!(told.contains("for api.vendor.example") && told.contains("take the host out"), "{told}");
}

#[test]
fn keys_that_cannot_be_used_are_told_with_the_way_out() {
    let root = made("Acme Root", None, |_| {});
    let block = |label: &str| format!("-----BEGIN {label}-----\nMHc=\n-----END {label}-----\n");
    assert!(fault(&[&root], &block("EC PRIVATE KEY")).contains("openssl pkcs8 -topk8 -nocrypt"));
    assert!(fault(&[&root], &block("ENCRYPTED PRIVATE KEY")).contains("is encrypted"));
    assert!(fault(&[&root], "nothing").contains("holds no private key"));
    assert!(fault(&[], &root.key).contains("holds no certificate in PEM"));
    let given = Given::new(&[&root], &format!("{}{}", root.pem, root.key));
    given.open(&SCOPE).unwrap();
    fs::set_permissions(given.path("key.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(given.open(&SCOPE).err().unwrap().contains("chmod 600"));
}

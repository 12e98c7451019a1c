//! Tests of the authority: what its certificates say, and how it treats its files.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{ServerName, UnixTime};
use x509_parser::prelude::*;

use super::*;

fn patterns(list: &[&str]) -> Vec<Pattern> {
    list.iter().map(|text| text.parse().unwrap()).collect()
}

/// What a client that trusts only `root` says to a leaf for `host`.
fn verify(authority: &Authority, host: &str) -> Result<(), rustls::Error> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let chain = authority.sign(host, &key).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate_der().clone()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider).build().unwrap();
    let name = ServerName::try_from(host.to_owned()).unwrap();
    verifier.verify_server_cert(&chain[0], &chain[1..], &name, &[], UnixTime::now()).map(|_| ())
}

#[test]
fn leaves_verify_inside_of_the_constraint_and_only_there() {
    let authority = Authority::ephemeral(&patterns(&["*.service-now.com", "localhost"])).unwrap();
    for host in ["dev1.service-now.com", "localhost", "127.0.0.1", "::1", "a.b.service-now.com"] {
        verify(&authority, host).unwrap_or_else(|error| panic!("{host}: {error}"));
    }
    for host in ["api.vendor.example", "192.0.2.7", "evilservice-now.com"] {
        assert!(verify(&authority, host).is_err(), "{host}");
    }
}

#[test]
fn an_authority_for_addresses_alone_signs_no_foreign_names() {
    let authority = Authority::ephemeral(&patterns(&["127.0.0.1"])).unwrap();
    assert!(verify(&authority, "127.0.0.1").is_ok());
    assert!(verify(&authority, "www.example.com").is_err());
    assert!(matches!(Authority::ephemeral(&patterns(&["192.0.2.7"])), Err(CaError::Address(_))));
}

#[test]
fn certificates_say_what_strict_clients_ask_for() {
    let authority = Authority::ephemeral(&patterns(&["*.service-now.com"])).unwrap();
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let chain = authority.sign("dev1.service-now.com", &key).unwrap();
    let (_, root) = parse_x509_certificate(authority.certificate_der()).unwrap();
    let (_, intermediate) = parse_x509_certificate(&chain[1]).unwrap();
    let (_, leaf) = parse_x509_certificate(&chain[0]).unwrap();
    for (ca, path_length) in [(&root, 1), (&intermediate, 0)] {
        let basic = ca.basic_constraints().unwrap().unwrap();
        assert!(basic.critical && basic.value.ca);
        assert_eq!(basic.value.path_len_constraint, Some(path_length));
        assert!(ca.key_usage().unwrap().unwrap().value.key_cert_sign());
        assert!(ca.name_constraints().unwrap().unwrap().critical);
        assert!(days(ca) <= 398);
    }
    assert!(!leaf.basic_constraints().unwrap().unwrap().value.ca);
    assert!(leaf.extended_key_usage().unwrap().unwrap().value.server_auth);
    assert!(leaf.key_usage().unwrap().unwrap().value.digital_signature());
    assert!(days(&leaf) <= 47 && leaf.validity().not_after <= intermediate.validity().not_after);
    for certificate in [&intermediate, &leaf] {
        let ids = |oid| certificate.extensions().iter().any(|extension| extension.oid == oid);
        assert!(ids(oid_registry::OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER));
        assert!(ids(oid_registry::OID_X509_EXT_SUBJECT_KEY_IDENTIFIER));
    }
    assert_eq!(leaf.subject().iter_common_name().count(), 0);
    assert_ne!(leaf.public_key().raw, intermediate.public_key().raw);
    let again = authority.sign("dev1.service-now.com", &key).unwrap();
    assert_ne!(parse_x509_certificate(&again[0]).unwrap().1.raw_serial(), leaf.raw_serial());
}

fn days(certificate: &X509Certificate<'_>) -> i64 {
    let validity = certificate.validity();
    // Both ends count (RFC 5280 §4.1.2.5), hence the second; rounded up.
    (validity.not_after.timestamp() - validity.not_before.timestamp() + 1 + 86_399) / 86_400
}

#[test]
fn an_authority_is_made_once_and_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("new/certs");
    let wanted = patterns(&["*.service-now.com"]);
    let first = Authority::open_or_create(&home, &wanted).unwrap();
    let second = Authority::open_or_create(&home, &wanted).unwrap();
    assert_eq!(first.fingerprint(), second.fingerprint());
    assert_eq!(second.certificate_path().unwrap(), home.join("why401-ca.pem"));
    assert_eq!(fs::read_to_string(home.join("why401-ca.pem")).unwrap(), second.certificate_pem());
    assert_eq!(second.certificate_pem().matches("BEGIN CERTIFICATE").count(), 1);
    verify(&second, "dev1.service-now.com").unwrap();
    let mode = |name: &str| fs::metadata(home.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("why401-issuer-key.pem"), 0o400);
    assert_eq!(fs::metadata(&home).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_wider_scope_than_the_constraint_is_told() {
    let folder = tempfile::tempdir().unwrap();
    Authority::open_or_create(folder.path(), &patterns(&["*.service-now.com"])).unwrap();
    assert!(Authority::open_or_create(folder.path(), &patterns(&["dev1.service-now.com"])).is_ok());
    let error = Authority::open_or_create(folder.path(), &patterns(&["*.service-now.com", "api.vendor.example"]));
    let text = error.err().unwrap().to_string();
    assert!(text.contains("api.vendor.example") && text.contains("rotate"), "{text}");
    let rotated = Authority::rotate(folder.path(), &patterns(&["api.vendor.example"]), true).unwrap();
    verify(&rotated, "api.vendor.example").unwrap();
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let wanted = patterns(&["*.service-now.com"]);
    Authority::open_or_create(folder.path(), &wanted).unwrap();
    let key = folder.path().join("why401-issuer-key.pem");
    for (mode, fine) in [(0o400, true), (0o600, true), (0o640, false), (0o644, false), (0o700, false)] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let opened = Authority::open_or_create(folder.path(), &wanted);
        assert_eq!(opened.is_ok(), fine, "{mode:o}");
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(Authority::open_or_create(folder.path(), &wanted), Err(CaError::Exposed { .. })));
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o1777)).unwrap();
    assert!(Authority::open_or_create(folder.path(), &wanted).is_ok(), "as in /tmp, where nobody replaces our files");
}

#[test]
fn what_is_damaged_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let wanted = patterns(&["*.service-now.com"]);
    for name in ["why401-issuer-key.pem", "why401-issuer.pem", "why401-ca.pem"] {
        Authority::rotate(folder.path(), &wanted, true).unwrap();
        let path = folder.path().join(name);
        for damage in [&b"-----BEGIN NONSENSE-----\n"[..], b"", b"\xff\xfe\0"] {
            fs::write(&path, damage).unwrap();
            assert!(
                matches!(Authority::open_or_create(folder.path(), &wanted), Err(CaError::Damaged { .. })),
                "{name}"
            );
            assert_eq!(fs::read(&path).unwrap(), damage);
        }
        fs::remove_file(&path).unwrap();
        assert!(matches!(Authority::open_or_create(folder.path(), &wanted), Err(CaError::Incomplete { .. })), "{name}");
    }
}

#[test]
fn a_key_of_another_authority_is_told() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let wanted = patterns(&["*.service-now.com"]);
    Authority::open_or_create(one.path(), &wanted).unwrap();
    Authority::open_or_create(two.path(), &wanted).unwrap();
    for name in ["why401-issuer-key.pem", "why401-ca.pem"] {
        fs::copy(two.path().join(name), one.path().join(name)).unwrap();
        assert!(matches!(Authority::open_or_create(one.path(), &wanted), Err(CaError::Damaged { .. })), "{name}");
        Authority::rotate(one.path(), &wanted, true).unwrap();
    }
    Authority::remove(one.path()).unwrap();
    assert_eq!(fs::read_dir(one.path()).unwrap().count(), 0);
}

#[test]
fn without_name_constraints_only_where_asked_for_and_then_said() {
    let folder = tempfile::tempdir().unwrap();
    let wanted = patterns(&["*.service-now.com", "192.0.2.7"]);
    let source = |constrained| Source::Folder { folder: folder.path().to_owned(), constrained };
    assert!(matches!(source(true).open(&wanted), Err(CaError::Address(_))));
    let free = source(false).open(&wanted).unwrap();
    assert_eq!(free.reach(), &Reach::Everything);
    for host in ["dev1.service-now.com", "api.vendor.example", "192.0.2.7"] {
        verify(&free, host).unwrap_or_else(|error| panic!("{host}: {error}"));
    }
    assert!(source(false).caution(&free).unwrap().contains("as was asked for"));
    let again = source(true).open(&wanted).unwrap();
    assert_eq!(again.reach(), &Reach::Everything, "as it was made");
    assert!(source(true).caution(&again).unwrap().contains("ca rotate"));
    let rotated = Authority::rotate(folder.path(), &patterns(&["*.service-now.com"]), true).unwrap();
    assert!(source(true).caution(&rotated).is_none());
    assert!(source(false).caution(&rotated).unwrap().contains("ca rotate --no-name-constraints"));
    assert!(verify(&rotated, "api.vendor.example").is_err());
}

#[test]
fn an_authority_that_has_ended_signs_nothing_and_says_what_to_do() {
    let mut authority = Authority::for_this_run(&patterns(&["*.service-now.com"]), true).unwrap();
    let key = KeyPair::generate().unwrap();
    assert!(authority.ended().is_ok() && authority.sign("dev1.service-now.com", &key).is_ok());
    authority.not_after = OffsetDateTime::now_utc() - Duration::hours(1);
    let error = authority.sign("dev1.service-now.com", &key).unwrap_err().to_string();
    assert!(error.contains("ended on") && error.contains("ca rotate"), "{error}");
}

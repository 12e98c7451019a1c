//! Client certificates in each form in which tools write them, and what is wrong with others.

use super::*;

const CERT: &[u8] = include_bytes!("../../../tests/data/client-certificates/cert.pem");
const MODERN: &[u8] = include_bytes!("../../../tests/data/client-certificates/modern.p12");

/// A certificate of its own and its key, in PEM.
fn pem() -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

fn read(file: &[u8], key: Option<&[u8]>, password: Option<&str>) -> Result<ClientCertificate, String> {
    let now = OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
    ClientCertificate::read(Vec::new(), file, key, password, now).map_err(|error| error.to_string())
}

#[test]
fn pem_and_every_kind_of_pkcs12_are_read() {
    let own = CertificateDer::from_pem_slice(CERT).unwrap();
    let stores: [(&[u8], &str); 4] = [
        (MODERN, "sesame"),
        (include_bytes!("../../../tests/data/client-certificates/legacy-rc2-3des.p12"), "sesame"),
        (include_bytes!("../../../tests/data/client-certificates/3des.p12"), "sesame"),
        (include_bytes!("../../../tests/data/client-certificates/no-password.p12"), ""),
    ];
    for found in stores.map(|(store, password)| read(store, None, Some(password))) {
        assert_eq!(found.unwrap().key.end_entity_cert().unwrap(), &own);
    }
    let (certificate, key) = pem();
    let own = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    let together = format!("{certificate}{key}");
    for found in [read(certificate.as_bytes(), Some(key.as_bytes()), None), read(together.as_bytes(), None, None)] {
        assert_eq!(found.unwrap().key.end_entity_cert().unwrap(), &own);
    }
}

#[test]
fn what_is_wrong_is_said_before_anything_listens() {
    let label = "ENCRYPTED PRIVATE KEY";
    let encrypted = format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
    let foreign = rcgen::KeyPair::generate().unwrap().serialize_pem();
    for (file, key, password, says) in [
        (MODERN, None, Some("wrong"), "password is wrong"),
        (MODERN, None, None, "password is wrong"),
        (b"nonsense".as_slice(), None, None, "neither PEM nor a PKCS#12"),
        (CERT, None, None, "name its file with `key`"),
        (foreign.as_bytes(), None, None, "saw none"),
        (CERT, Some(encrypted.as_bytes()), None, "is encrypted"),
        (CERT, Some(foreign.as_bytes()), None, "do not belong together"),
    ] {
        let error = read(file, key, password).unwrap_err();
        assert!(error.contains(says), "{says}: {error}");
    }
}

#[test]
fn a_certificate_out_of_its_time_is_refused() {
    let at = |seconds| {
        let now = OffsetDateTime::from_unix_timestamp(seconds).unwrap();
        ClientCertificate::read(Vec::new(), MODERN, None, Some("sesame"), now).unwrap_err().to_string()
    };
    assert!(at(0).contains("integration client is not valid before"), "{}", at(0));
    assert!(at(9_000_000_000).contains("integration client expired on 21"), "{}", at(9_000_000_000));
}

//! Trust stores for one command: the system's roots and our certificate together, as PEM and as a Java key store.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use rustls::pki_types::CertificateDer;

/// What Java expects of a store that nobody named a password for.
const STORE_PASSWORD: &str = "changeit";

/// Certificates as PEM, one after the other.
pub fn pem(certificates: &[CertificateDer<'_>]) -> String {
    let mut text = String::new();
    for certificate in certificates {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        let encoded = STANDARD.encode(certificate);
        let mut rest = encoded.as_str();
        while let Some((line, after)) = rest.split_at_checked(64) {
            text.push_str(line);
            text.push('\n');
            rest = after;
        }
        if !rest.is_empty() {
            text.push_str(rest);
            text.push('\n');
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text
}

/// A Java key store (JKS, version 2) that holds only trusted certificates: magic, version and count; for each entry its
/// tag (2: trusted), alias, date, type and DER; SHA-1 over password, a fixed salt and all of that at the end. Java reads
/// it without being told a password.
pub fn java_store(certificates: &[CertificateDer<'_>], now_millis: u64) -> Vec<u8> {
    let count = u32::try_from(certificates.len()).unwrap_or(u32::MAX);
    let mut store = Vec::new();
    for number in [0xFEED_FEED, 2, count] {
        store.extend_from_slice(&u32::to_be_bytes(number));
    }
    for (index, certificate) in certificates.iter().enumerate() {
        store.extend_from_slice(&2u32.to_be_bytes());
        java_text(&mut store, &format!("root{index}"));
        store.extend_from_slice(&now_millis.to_be_bytes());
        java_text(&mut store, "X.509");
        store.extend_from_slice(&u32::try_from(certificate.len()).unwrap_or(u32::MAX).to_be_bytes());
        store.extend_from_slice(certificate);
    }
    let mut digest = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    STORE_PASSWORD.encode_utf16().for_each(|unit| digest.update(&unit.to_be_bytes()));
    digest.update(b"Mighty Aphrodite");
    digest.update(&store);
    store.extend_from_slice(digest.finish().as_ref());
    store
}

fn java_text(store: &mut Vec<u8>, text: &str) {
    store.extend_from_slice(&u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
    store.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pem_has_lines_of_64_and_reads_back() {
        use rustls::pki_types::pem::PemObject;
        let certificates: Vec<CertificateDer<'static>> = [47, 48, 96, 200].map(|n| vec![0x30; n].into()).into();
        let text = pem(&certificates);
        assert!(text.lines().all(|line| line.len() <= 64 && !line.is_empty()));
        let back: Vec<_> = CertificateDer::pem_slice_iter(text.as_bytes()).map(Result::unwrap).collect();
        assert_eq!(back, certificates);
    }

    #[test]
    fn the_java_store_is_laid_out_and_sealed() {
        let store = java_store(&[vec![1, 2, 3].into()], 0x0102);
        let entry = b"\0\0\0\x02\0\x05root0\0\0\0\0\0\0\x01\x02\0\x05X.509\0\0\0\x03\x01\x02\x03";
        let expected = [&b"\xFE\xED\xFE\xED\0\0\0\x02\0\0\0\x01"[..], entry].concat();
        let (data, seal) = store.split_at(store.len() - 20);
        assert_eq!(data, expected);
        let password: Vec<u8> = "changeit".bytes().flat_map(|b| [0, b]).collect();
        let sealed = [&password[..], b"Mighty Aphrodite", data].concat();
        assert_eq!(seal, ring::digest::digest(&SHA1_FOR_LEGACY_USE_ONLY, &sealed).as_ref());
    }
}

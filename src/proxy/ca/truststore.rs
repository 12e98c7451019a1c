//! The root as a PKCS #12 trust store (RFC 7292), as Java reads one: one certificate, no key, nothing encrypted.

use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use ring::hmac;
use yasna::models::ObjectIdentifier;
use yasna::{DERWriter, Tag, construct_der};

/// The password of the store: public, as Java's own default is. It seals the form and keeps nothing secret.
pub(in crate::proxy) const PASSWORD: &str = "changeit";
/// Rounds of the key derivation; as the password is public, more would only cost time.
const ROUNDS: u32 = 2048;

const DATA: &[u64] = &[1, 2, 840, 113_549, 1, 7, 1];
const CERT_BAG: &[u64] = &[1, 2, 840, 113_549, 1, 12, 10, 1, 3];
const X509: &[u64] = &[1, 2, 840, 113_549, 1, 9, 22, 1];
const FRIENDLY_NAME: &[u64] = &[1, 2, 840, 113_549, 1, 9, 20];
/// Java takes only certificates with this attribute as trusted (JDK, `PKCS12KeyStore`).
const TRUSTED_KEY_USAGE: &[u64] = &[2, 16, 840, 1, 113_894, 746_875, 1, 1];
const ANY_USAGE: &[u64] = &[2, 5, 29, 37, 0];
const SHA1: &[u64] = &[1, 3, 14, 3, 2, 26];

/// The store for one certificate. `salt` need not be secret.
pub(in crate::proxy) fn pkcs12(certificate: &[u8], name: &str, salt: &[u8]) -> Vec<u8> {
    let bags = construct_der(|writer| writer.write_sequence(|writer| bag(writer.next(), certificate, name)));
    let safe = construct_der(|writer| writer.write_sequence(|writer| data(writer.next(), &bags)));
    construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_u8(3);
            data(writer.next(), &safe);
            writer.next().write_sequence(|writer| {
                writer.next().write_sequence(|writer| {
                    writer.next().write_sequence(|writer| {
                        oid(writer.next(), SHA1);
                        writer.next().write_null();
                    });
                    writer.next().write_bytes(&seal(&safe, salt));
                });
                writer.next().write_bytes(salt);
                writer.next().write_u32(ROUNDS);
            });
        });
    })
}

fn oid(writer: DERWriter<'_>, numbers: &[u64]) {
    writer.write_oid(&ObjectIdentifier::from_slice(numbers));
}

/// A ContentInfo of the type "data" (RFC 5652 §4).
fn data(writer: DERWriter<'_>, content: &[u8]) {
    writer.write_sequence(|writer| {
        oid(writer.next(), DATA);
        writer.next().write_tagged(Tag::context(0), |writer| writer.write_bytes(content));
    });
}

/// A SafeBag with a certificate and its two attributes.
fn bag(writer: DERWriter<'_>, certificate: &[u8], name: &str) {
    writer.write_sequence(|writer| {
        oid(writer.next(), CERT_BAG);
        writer.next().write_tagged(Tag::context(0), |writer| {
            writer.write_sequence(|writer| {
                oid(writer.next(), X509);
                writer.next().write_tagged(Tag::context(0), |writer| writer.write_bytes(certificate));
            });
        });
        writer.next().write_set_of(|writer| {
            attribute(writer.next(), FRIENDLY_NAME, |writer| writer.write_bmp_string(name));
            attribute(writer.next(), TRUSTED_KEY_USAGE, |writer| oid(writer, ANY_USAGE));
        });
    });
}

fn attribute(writer: DERWriter<'_>, name: &[u64], value: impl FnOnce(DERWriter<'_>)) {
    writer.write_sequence(|writer| {
        oid(writer.next(), name);
        writer.next().write_set(|writer| value(writer.next()));
    });
}

/// HMAC with a key of the password (RFC 7292 appendix B.2, ID 3), by SHA-1: every Java reads that.
fn seal(safe: &[u8], salt: &[u8]) -> Vec<u8> {
    /// SHA-1's block, in bytes.
    const BLOCK: usize = 64;
    let password: Vec<u8> = PASSWORD.encode_utf16().chain([0]).flat_map(u16::to_be_bytes).collect();
    let filled =
        |text: &[u8]| text.iter().copied().cycle().take(text.len().div_ceil(BLOCK) * BLOCK).collect::<Vec<u8>>();
    let mut key = [&[3u8; BLOCK][..], &filled(salt), &filled(&password)].concat();
    for _ in 0..ROUNDS {
        let mut digest = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
        digest.update(&key);
        key = digest.finish().as_ref().to_vec();
    }
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key), safe).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where one of the two is not installed, the other speaks for both; a real Java is asked by the certificate matrix.
    #[test]
    fn openssl_reads_the_store_and_finds_its_seal_right() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.p12");
        let authority = crate::proxy::ca::Authority::ephemeral(&["*.service-now.com".parse().unwrap()]).unwrap();
        let store = pkcs12(authority.certificate_der(), "why401", b"a salt of some bytes");
        std::fs::write(&path, &store).unwrap();
        let mut command = std::process::Command::new("openssl");
        command.args(["pkcs12", "-nokeys", "-passin", "pass:changeit", "-in"]).arg(&path);
        let Ok(ran) = command.output() else { return };
        let told = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        assert!(told.contains("friendlyName: why401") && told.contains(&authority.certificate_pem()), "{told}");
        let mut changed = store.clone();
        let at = changed.len() / 2;
        changed[at] ^= 1;
        std::fs::write(&path, &changed).unwrap();
        assert!(!command.output().unwrap().status.success(), "a changed store is refused");
    }
}

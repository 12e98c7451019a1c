//! Certificates: those of files that users name, those of our own folder, and those that upstreams show.

use std::fs;

use why401::proxy::ca::Authority;
use why401::proxy::{Pattern, certificates_from_pem, strict};

pub fn certificates(bytes: &[u8]) {
    if let Ok(found) = certificates_from_pem(bytes) {
        assert!(!found.is_empty());
        found.iter().for_each(|der| drop(strict::refused_certificate(der)));
    }
    let (names, issuer) = strict::refused_certificate(bytes);
    assert!(names.len() <= 20 && issuer.len() <= bytes.len() * 8 + 64);
    own(bytes);
}

/// A folder of an authority with other bytes in one of its files: it opens as an authority or is refused; the bytes stay.
fn own(bytes: &[u8]) {
    // Reading files is slow: only inputs that look like PEM or DER are worth it.
    if !bytes.starts_with(b"-----BEGIN") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let permitted: Vec<Pattern> = vec!["service-now.com".parse().expect("a pattern")];
    Authority::open_or_create(folder.path(), &permitted).expect("an authority");
    let mut files: Vec<_> = fs::read_dir(folder.path()).expect("its files").filter_map(Result::ok).collect();
    files.sort_by_key(fs::DirEntry::file_name);
    let chosen = files.get(bytes.len() % files.len()).expect("one of them").path();
    let mode = fs::metadata(&chosen).expect("its mode").permissions();
    fs::remove_file(&chosen).expect("removed");
    fs::write(&chosen, bytes).expect("written");
    fs::set_permissions(&chosen, mode).expect("the mode it had");
    if let Ok(authority) = Authority::open_or_create(folder.path(), &permitted) {
        assert!(!authority.certificate_pem().is_empty());
    }
    assert_eq!(fs::read(&chosen).expect("still there"), bytes, "a damaged file was overwritten");
}

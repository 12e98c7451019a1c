//! Clients that read what they trust from a configuration of their own and from no variable: wget, PHP.

use std::path::Path;

/// wget built with GnuTLS reads no variable for its roots. Its `WGETRC` stands in the place of the user's own file, so what
/// that says comes first.
pub fn wgetrc(users: &[u8], bundle: &Path) -> Vec<u8> {
    let mut text = users.to_vec();
    if !text.is_empty() && !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    text.extend(format!("ca_certificate = {}\n", bundle.display()).into_bytes());
    text
}

/// What the user's wget is told by its own file; nothing where there is none.
pub fn users_wgetrc() -> Vec<u8> {
    let named = std::env::var_os("WGETRC").map(std::path::PathBuf::from);
    let path = named.or_else(|| std::env::home_dir().map(|home| home.join(".wgetrc")));
    path.and_then(|path| std::fs::read(path).ok()).unwrap_or_default()
}

/// PHP's curl and streams.
pub fn php_ini(bundle: &Path) -> String {
    let bundle = bundle.display();
    format!("curl.cainfo = \"{bundle}\"\nopenssl.cafile = \"{bundle}\"\n")
}

/// The folder is read after those that PHP would have read: an empty name stands for the one it was built with.
pub fn php_scan(before: Option<&str>, folder: &Path) -> String {
    let separator = if cfg!(windows) { ';' } else { ':' };
    format!("{}{separator}{}", before.unwrap_or_default(), folder.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_user_told_wget_stays() {
        let bundle = Path::new("/t/bundle.pem");
        assert_eq!(wgetrc(b"", bundle), b"ca_certificate = /t/bundle.pem\n");
        assert_eq!(wgetrc(b"tries = 2", bundle), b"tries = 2\nca_certificate = /t/bundle.pem\n");
    }

    #[cfg(unix)]
    #[test]
    fn phps_own_folders_are_read_too() {
        assert_eq!(php_scan(None, Path::new("/t/php")), ":/t/php");
        assert_eq!(php_scan(Some("/etc/p"), Path::new("/t/php")), "/etc/p:/t/php");
    }
}

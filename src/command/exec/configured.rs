//! Clients that read what they trust from a configuration of their own and from no variable: wget, PHP.

use std::path::Path;

/// wget built with GnuTLS reads no variable for its roots.
pub fn wgetrc(bundle: &Path) -> String {
    format!("ca_certificate = {}\n", bundle.display())
}

/// `WGETRC` stands in the place of the user's own file. Where there is one it stays: it can hold passwords, and a copy
/// could outlive this run.
pub fn users_wgetrc() -> bool {
    let at_home = || std::env::home_dir().is_some_and(|home| home.join(".wgetrc").exists());
    std::env::var_os("WGETRC").is_some() || at_home()
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

    #[cfg(unix)]
    #[test]
    fn phps_own_folders_are_read_too() {
        assert_eq!(php_scan(None, Path::new("/t/php")), ":/t/php");
        assert_eq!(php_scan(Some("/etc/p"), Path::new("/t/php")), "/etc/p:/t/php");
    }
}

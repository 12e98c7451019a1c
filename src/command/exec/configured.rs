//! Clients that read what they need from a configuration of their own and from no variable: wget, PHP, older Node.

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

/// Node before 22.21 reads no proxy variables; this does it for it, and nothing for those that do.
pub const FOR_NODE: &str = include_str!("through_proxy.cjs");

/// `NODE_OPTIONS` with the file above, after what the user's own says. In quotes a blank stays (Node's manual, cli).
pub fn node_options(before: Option<&str>, file: &Path) -> String {
    let file = file.display().to_string().replace('\\', r"\\").replace('"', "\\\"");
    let own = before.filter(|own| !own.trim().is_empty()).map(|own| format!("{own} ")).unwrap_or_default();
    format!("{own}--require \"{file}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_own_options_stay() {
        assert_eq!(node_options(None, Path::new("/t/a b.cjs")), "--require \"/t/a b.cjs\"");
        assert_eq!(node_options(Some("--no-warnings"), Path::new("/t/x.cjs")), "--no-warnings --require \"/t/x.cjs\"");
        assert_eq!(node_options(Some(" "), Path::new(r#"/t/"x\.cjs"#)), r#"--require "/t/\"x\\.cjs""#);
    }

    #[cfg(unix)]
    #[test]
    fn phps_own_folders_are_read_too() {
        assert_eq!(php_scan(None, Path::new("/t/php")), ":/t/php");
        assert_eq!(php_scan(Some("/etc/p"), Path::new("/t/php")), "/etc/p:/t/php");
    }
}

//! The variables that make a command and its children use and trust a proxy.

use std::net::SocketAddr;
use std::path::Path;

/// The files that the variables point to.
pub struct Files<'a> {
    /// Our certificate alone: for variables that add to what is trusted.
    pub certificate: &'a Path,
    /// The system's roots and ours: for variables that replace what is trusted.
    pub bundle: &'a Path,
    /// The same as a Java key store.
    pub java: &'a Path,
}

/// What names the proxy to clients, in both cases: curl reads only the lower-case `http_proxy`.
const PROXY: [&str; 6] = ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

/// What replaces the trusted roots of a client: curl, OpenSSL (Ruby, Go, httpx, aiohttp), requests, git, LWP, AWS,
/// cargo, Deno, gRPC, httplib2, pip, and what Nix built.
const BUNDLE: [&str; 12] = [
    "CURL_CA_BUNDLE",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "PERL_LWP_SSL_CA_FILE",
    "AWS_CA_BUNDLE",
    "CARGO_HTTP_CAINFO",
    "DENO_CERT",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "HTTPLIB2_CA_CERTS",
    "PIP_CERT",
    "NIX_SSL_CERT_FILE",
];

/// Every variable to set; an empty value empties what was inherited.
pub fn variables(proxy: SocketAddr, files: &Files<'_>, java_options: Option<&str>) -> Vec<(&'static str, String)> {
    let url = format!("http://{proxy}");
    let bundle = files.bundle.display().to_string();
    let mut variables: Vec<(&'static str, String)> = PROXY.map(|name| (name, url.clone())).into();
    variables.extend(BUNDLE.map(|name| (name, bundle.clone())));
    // Hosts that go past the proxy would go past the explanation.
    variables.extend(["no_proxy", "NO_PROXY"].map(|name| (name, String::new())));
    variables.push(("NODE_EXTRA_CA_CERTS", files.certificate.display().to_string()));
    variables.push(("NODE_USE_ENV_PROXY", "1".into()));
    // LWP reads the proxy variables where it is told to.
    variables.push(("PERL_LWP_ENV_PROXY", "1".into()));
    variables.push(("JAVA_TOOL_OPTIONS", java(proxy, files.java, java_options)));
    variables
}

/// Java's own names of proxy and trust store, after what the user's `JAVA_TOOL_OPTIONS` say.
fn java(proxy: SocketAddr, store: &Path, before: Option<&str>) -> String {
    let (host, port) = (proxy.ip(), proxy.port());
    let mut options: Vec<String> = before.map(str::to_owned).into_iter().collect();
    options.push(format!("-Djavax.net.ssl.trustStore={}", store.display()));
    options.push("-Djavax.net.ssl.trustStoreType=JKS".into());
    for scheme in ["http", "https"] {
        options.push(format!("-D{scheme}.proxyHost={host} -D{scheme}.proxyPort={port}"));
    }
    options.push("-Dhttp.nonProxyHosts=".into());
    options.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(java: Option<&str>) -> Vec<(&'static str, String)> {
        let (certificate, bundle, store) =
            (Path::new("/t/ca.pem"), Path::new("/t/bundle.pem"), Path::new("/t/roots.jks"));
        variables("127.0.0.1:4001".parse().unwrap(), &Files { certificate, bundle, java: store }, java)
    }

    #[test]
    fn what_replaces_gets_the_bundle_and_what_adds_gets_our_certificate() {
        let set = set(None);
        let value = |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_str());
        assert_eq!(value("https_proxy"), Some("http://127.0.0.1:4001"));
        assert_eq!(value("SSL_CERT_FILE"), Some("/t/bundle.pem"));
        assert_eq!(value("NODE_EXTRA_CA_CERTS"), Some("/t/ca.pem"));
        assert_eq!(value("NO_PROXY"), Some(""));
        let mut names: Vec<_> = set.iter().map(|(name, _)| name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), set.len(), "each once");
    }

    #[test]
    fn java_options_of_the_user_stay() {
        let set = set(Some("-Xmx1g"));
        let java = &set.iter().find(|(name, _)| *name == "JAVA_TOOL_OPTIONS").unwrap().1;
        assert!(java.starts_with("-Xmx1g -Djavax.net.ssl.trustStore=/t/roots.jks"), "{java}");
        assert!(java.contains("-Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=4001"), "{java}");
    }
}

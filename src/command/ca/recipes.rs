//! How each client comes to use the proxy and trust its certificate authority, and how to undo it. A table of texts:
//! `{ca}` stands for the certificate's path, `{proxy}` for the proxy's URL, `{host}` and `{port}` for its parts.

/// One client or one system.
pub struct Recipe {
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    pub title: &'static str,
    /// Commands are indented by two blanks, everything else is words.
    pub trust: &'static [&'static str],
    pub undo: &'static [&'static str],
    pub note: &'static str,
}

/// The recipe for a name or one of its aliases.
pub fn find(name: &str) -> Option<&'static Recipe> {
    let name = name.to_ascii_lowercase();
    RECIPES.iter().find(|recipe| recipe.name == name || recipe.aliases.contains(&name.as_str()))
}

/// All, by kind: clients of people, libraries, systems.
pub const RECIPES: &[Recipe] = &[
    Recipe {
        name: "postman",
        aliases: &[],
        title: "Postman (desktop app)",
        trust: &[
            "Settings > Certificates: switch on \"CA certificates\", select this PEM file:",
            "  {ca}",
            "Settings > Proxy: switch on \"Use custom proxy configuration\", HTTP and HTTPS, server {host}, port {port}.",
        ],
        undo: &["Settings > Certificates: remove the file and switch off; Settings > Proxy: switch off."],
        note: "The web app cannot use a proxy of its own; choose the Desktop Agent. A bypass list that names the instance \
               keeps its requests away from the proxy.",
    },
    Recipe {
        name: "newman",
        aliases: &[],
        title: "newman",
        trust: &["  HTTPS_PROXY={proxy} newman run collection.json --ssl-extra-ca-certs {ca}"],
        undo: &["Leave both out."],
        note: "NODE_EXTRA_CA_CERTS={ca} does the same as --ssl-extra-ca-certs.",
    },
    Recipe {
        name: "postman-cli",
        aliases: &[],
        title: "Postman CLI",
        trust: &["  HTTPS_PROXY={proxy} postman collection run collection.json --ssl-extra-ca-certs {ca}"],
        undo: &["Leave both out."],
        note: "It also calls Postman's own hosts; those pass unseen.",
    },
    Recipe {
        name: "insomnia",
        aliases: &[],
        title: "Insomnia",
        trust: &[
            "Preferences > Proxy: switch on, HTTPS proxy {proxy}",
            "Collection settings (or Preferences, by version) > Certificates > CA Certificate: add",
            "  {ca}",
        ],
        undo: &["Remove the certificate and switch the proxy off."],
        note: "Some versions ignore the CA certificate while a proxy is set. Then start Insomnia with NODE_EXTRA_CA_CERTS={ca}, \
               or call a reverse listener: why401 --reverse https://INSTANCE.",
    },
    Recipe {
        name: "bruno",
        aliases: &["bru"],
        title: "Bruno",
        trust: &[
            "App: Preferences > General > Use Custom CA Certificate, select {ca}; Preferences > Proxy: {proxy}",
            "Command line:",
            "  HTTPS_PROXY={proxy} bru run --cacert {ca}",
        ],
        undo: &["Switch both off, or leave both out."],
        note: "",
    },
    Recipe {
        name: "curl",
        aliases: &[],
        title: "curl",
        trust: &[
            "For one call:",
            "  curl -x {proxy} --cacert {ca} https://INSTANCE.service-now.com/api/now/table/incident?sysparm_limit=1",
            "For a whole shell:",
            "  export https_proxy={proxy} http_proxy={proxy} CURL_CA_BUNDLE={ca}",
        ],
        undo: &["  unset https_proxy http_proxy CURL_CA_BUNDLE"],
        note: "CURL_CA_BUNDLE replaces the system's roots: hosts that pass unseen then fail in that shell. `why401 exec -- curl …` \
               keeps them.",
    },
    Recipe {
        name: "wget",
        aliases: &[],
        title: "wget",
        trust: &["  https_proxy={proxy} wget --ca-certificate={ca} -qO- https://INSTANCE.service-now.com/"],
        undo: &["Leave both out."],
        note: "",
    },
    Recipe {
        name: "python",
        aliases: &["requests", "httpx", "aiohttp", "urllib", "httpie", "pysnc", "pysnow", "ansible"],
        title: "Python: requests, httpie, pysnc, pysnow; httpx; aiohttp; urllib and Ansible",
        trust: &[
            "  export HTTPS_PROXY={proxy}",
            "requests and what is built on it:",
            "  export REQUESTS_CA_BUNDLE={ca}",
            "httpx, urllib, Ansible, aiohttp:",
            "  export SSL_CERT_FILE={ca}",
            "In code: requests.get(url, proxies={\"https\": \"{proxy}\"}, verify=\"{ca}\")",
        ],
        undo: &["  unset HTTPS_PROXY REQUESTS_CA_BUNDLE SSL_CERT_FILE"],
        note: "aiohttp reads HTTPS_PROXY only with trust_env=True. Both variables replace the default roots. requests also \
               takes credentials from ~/.netrc, which displace a Bearer header.",
    },
    Recipe {
        name: "node",
        aliases: &["axios", "got", "undici", "fetch", "now-sdk", "nodejs"],
        title: "Node.js: fetch, https, axios, got, now-sdk",
        trust: &["  export HTTPS_PROXY={proxy} NODE_USE_ENV_PROXY=1 NODE_EXTRA_CA_CERTS={ca}"],
        undo: &["  unset HTTPS_PROXY NODE_USE_ENV_PROXY NODE_EXTRA_CA_CERTS"],
        note: "NODE_USE_ENV_PROXY works from Node 22.21 and 24.5; before, fetch and https go past every proxy unless the code \
               gives them an agent (undici ProxyAgent, https-proxy-agent); `why401 exec` does. axios and newman read HTTPS_PROXY themselves. \
               NODE_EXTRA_CA_CERTS is read once, when the process starts, and adds to the roots.",
    },
    Recipe {
        name: "java",
        aliases: &["okhttp", "httpclient", "jvm"],
        title: "Java",
        trust: &[
            "Into a store of its own (leaves the JRE alone):",
            "  keytool -importcert -noprompt -alias why401 -file {ca} -keystore why401.p12 -storetype PKCS12 -storepass changeit",
            "  java -Djavax.net.ssl.trustStore=why401.p12 -Djavax.net.ssl.trustStorePassword=changeit \
               -Dhttps.proxyHost={host} -Dhttps.proxyPort={port} …",
            "Or into the JRE itself:",
            "  keytool -importcert -noprompt -alias why401 -file {ca} -cacerts -storepass changeit",
        ],
        undo: &["  keytool -delete -alias why401 -cacerts -storepass changeit"],
        note: "A proxy that wants a password needs -Djdk.http.auth.tunneling.disabledSchemes= as well. localhost goes past the \
               proxy unless -Dhttp.nonProxyHosts= is emptied.",
    },
    Recipe {
        name: "mid-server",
        aliases: &["mid", "midserver"],
        title: "ServiceNow MID Server",
        trust: &[
            "Stop the MID Server, then in its folder:",
            "  agent/jre/bin/keytool -importcert -noprompt -alias why401 -file {ca} -keystore agent/jre/lib/security/cacerts \
               -storepass changeit",
            "In agent/config.xml set mid.proxy.use_proxy to true, mid.proxy.host to {host}, mid.proxy.port to {port}; start it.",
            "If it then reports OCSP or revocation: our certificates name no revocation service. In the table \
             mid_cert_check_policy switch the revocation check off for the time of the test.",
        ],
        undo: &[
            "  agent/jre/bin/keytool -delete -alias why401 -keystore agent/jre/lib/security/cacerts -storepass changeit",
            "Set mid.proxy.use_proxy to false, switch the revocation check on again, restart.",
        ],
        note: "An upgrade that brings a new JRE overwrites cacerts. Log words for a missing trust: `PKIX path building failed`, \
               `Peer not authenticated`, `certificate_unknown`.",
    },
    Recipe {
        name: "dotnet",
        aliases: &[".net", "csharp", "powershell", "pwsh"],
        title: ".NET and PowerShell",
        trust: &[
            "Windows, this user's store:",
            "  Import-Certificate -FilePath {ca} -CertStoreLocation Cert:\\CurrentUser\\Root",
            "Linux and macOS: the system's store, see `why401 ca trust system`; on Linux SSL_CERT_FILE={ca} works too.",
            "  $env:HTTPS_PROXY = \"{proxy}\"",
            "  Invoke-RestMethod -Proxy {proxy} https://INSTANCE.service-now.com/api/now/table/incident?sysparm_limit=1",
        ],
        undo: &["  Get-ChildItem Cert:\\CurrentUser\\Root | Where-Object Subject -like '*why401*' | Remove-Item"],
        note: "From documentation; not tried by us.",
    },
    Recipe {
        name: "git",
        aliases: &[],
        title: "git",
        trust: &["  git -c http.proxy={proxy} -c http.sslCAInfo={ca} fetch"],
        undo: &["Leave both out."],
        note: "",
    },
    Recipe {
        name: "go",
        aliases: &["golang", "terraform"],
        title: "Go programs",
        trust: &["  export HTTPS_PROXY={proxy} SSL_CERT_FILE={ca}"],
        undo: &["  unset HTTPS_PROXY SSL_CERT_FILE"],
        note: "SSL_CERT_FILE is read on Linux only and replaces the roots; on macOS and Windows use the system's store. \
               localhost always goes past the proxy.",
    },
    Recipe {
        name: "ruby",
        aliases: &[],
        title: "Ruby",
        trust: &["  export https_proxy={proxy} SSL_CERT_FILE={ca}"],
        undo: &["  unset https_proxy SSL_CERT_FILE"],
        note: "",
    },
    Recipe {
        name: "php",
        aliases: &[],
        title: "PHP",
        trust: &["  https_proxy={proxy} php -d curl.cainfo={ca} -d openssl.cafile={ca} script.php"],
        undo: &["Leave them out."],
        note: "PHP's curl ignores SSL_CERT_FILE.",
    },
    Recipe {
        name: "perl",
        aliases: &["lwp"],
        title: "Perl (LWP)",
        trust: &["  export https_proxy={proxy} PERL_LWP_ENV_PROXY=1 PERL_LWP_SSL_CA_FILE={ca}"],
        undo: &["  unset https_proxy PERL_LWP_ENV_PROXY PERL_LWP_SSL_CA_FILE"],
        note: "",
    },
    Recipe {
        name: "firefox",
        aliases: &[],
        title: "Firefox",
        trust: &[
            "Settings > Privacy & Security > Certificates > View Certificates > Authorities > Import, trust for websites:",
            "  {ca}",
            "Settings > Network Settings: manual proxy {host}, port {port}, also for HTTPS.",
        ],
        undo: &["The same place: select why401, Delete or Distrust."],
        note: "Firefox has a store of its own.",
    },
    Recipe {
        name: "chrome",
        aliases: &["chromium", "nss", "edge"],
        title: "Chrome, Chromium, Edge",
        trust: &[
            "Linux (package libnss3-tools):",
            "  certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n why401 -i {ca}",
            "macOS and Windows: the system's store, see `why401 ca trust system`.",
            "  chromium --proxy-server={proxy}",
        ],
        undo: &["  certutil -d sql:$HOME/.pki/nssdb -D -n why401"],
        note: "",
    },
    Recipe {
        name: "debian",
        aliases: &["ubuntu"],
        title: "Debian, Ubuntu: the system's store",
        trust: &["  sudo cp {ca} /usr/local/share/ca-certificates/why401.crt", "  sudo update-ca-certificates"],
        undo: &["  sudo rm -f /usr/local/share/ca-certificates/why401.crt", "  sudo update-ca-certificates --fresh"],
        note: "",
    },
    Recipe {
        name: "rhel",
        aliases: &["fedora", "centos", "rocky", "alma"],
        title: "RHEL, Fedora: the system's store",
        trust: &["  sudo cp {ca} /etc/pki/ca-trust/source/anchors/why401.pem", "  sudo update-ca-trust"],
        undo: &["  sudo rm -f /etc/pki/ca-trust/source/anchors/why401.pem", "  sudo update-ca-trust"],
        note: "",
    },
    Recipe {
        name: "arch",
        aliases: &[],
        title: "Arch Linux: the system's store",
        trust: &["  sudo trust anchor --store {ca}"],
        undo: &["  sudo trust anchor --remove {ca}"],
        note: "",
    },
    Recipe {
        name: "macos",
        aliases: &["mac"],
        title: "macOS: the system's keychain",
        trust: &["  sudo security add-trusted-cert -d -p ssl -p basic -k /Library/Keychains/System.keychain {ca}"],
        undo: &["  sudo security remove-trusted-cert -d {ca}"],
        note: "Whether every macOS honours the name constraints of a root was not tried by us.",
    },
    Recipe {
        name: "windows",
        aliases: &[],
        title: "Windows: this user's store",
        trust: &["  certutil -user -addstore Root {ca}"],
        undo: &["  certutil -user -delstore Root why401"],
        note: "For all users: an administrator's prompt, without -user.",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_aliases_are_each_used_once() {
        let mut names: Vec<&str> = RECIPES.iter().flat_map(|r| r.aliases.iter().copied().chain([r.name])).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(!names.contains(&"system"), "`system` means the one this runs on");
    }

    #[test]
    fn each_names_the_certificate_and_its_undo() {
        for recipe in RECIPES {
            assert!(recipe.trust.iter().any(|line| line.contains("{ca}")), "{}", recipe.name);
            assert!(!recipe.undo.is_empty(), "{}", recipe.name);
        }
    }

    #[test]
    fn aliases_find_their_recipe() {
        assert_eq!(find("Requests").unwrap().name, "python");
        assert_eq!(find("MID").unwrap().name, "mid-server");
        assert!(find("netscape").is_none());
    }
}

//! What can be seen without any network: the certificate authority and the environment.

use super::Line;
use crate::config::Config;
use crate::proxy::ca::Source;

const AUTHORITY: &str = "authority";
const ENVIRONMENT: &str = "environment";

/// Days before its end from which on the authority is a warning.
const SOON_DAYS: i64 = 30;

/// Whether there is an authority, whether its files are sound, and for how long.
pub fn authority(config: &Config) -> Vec<Line> {
    let source = match config.authority() {
        Ok(source) => source,
        Err(error) => return vec![Line::fault(AUTHORITY, error, "name both, or a folder with --ca-dir")],
    };
    match &source {
        Source::Folder { folder, .. } if !folder.exists() => {
            return vec![Line::ok(AUTHORITY, format!("none yet; the first start makes one in {}", folder.display()))];
        }
        _ => {}
    }
    let authority = match source.open(&config.scope()) {
        Err(error) => return vec![Line::fault(AUTHORITY, error.to_string(), error.next())],
        Ok(authority) => authority,
    };
    let days = (authority.not_after() - time::OffsetDateTime::now_utc()).whole_days();
    let mut lines = vec![age(days, &source.certificate_path().display().to_string(), authority.renewal())];
    let caution = source.caution(&authority);
    lines.extend(
        caution.map(|caution| Line::warning(AUTHORITY, caution, "docs/guide/certificates.md says when that is right")),
    );
    lines
}

fn age(days: i64, certificate: &str, renewal: &str) -> Line {
    let says = format!("{certificate}, {days} days left; its key is its owner's alone");
    match days < SOON_DAYS {
        true => Line::warning(AUTHORITY, says, renewal),
        false => Line::ok(AUTHORITY, says),
    }
}

/// This process's environment, which a client started from the same shell has too.
pub fn variables() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// What the variables mean for a client that is started here, and for our own way out.
pub fn environment(config: &Config, variables: &[(String, String)]) -> Vec<Line> {
    let mut lines = Vec::new();
    let set = |names: &[&str]| {
        let found = |name: &&str| variables.iter().find(|(n, value)| n == *name && !value.is_empty());
        names.iter().find_map(found).map(|(name, value)| (name.clone(), value.clone()))
    };
    if let Some((name, value)) = set(&["NO_PROXY", "no_proxy"])
        && value.split(',').any(|host| bypasses(host.trim(), config))
    {
        let says = format!("{name}={value}: clients started here go past every proxy for intercepted hosts");
        lines.push(Line::fault(ENVIRONMENT, says, format!("take the instance out of {name} for this client")));
    }
    if let Some((name, value)) = set(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]) {
        lines.push(proxy_variable(config, &name, &value));
    }
    if lines.is_empty() {
        let says = "no proxy variables here: clients must be told of the proxy, or run by `why401 exec`";
        lines.push(Line::ok(ENVIRONMENT, says));
    }
    lines
}

/// Whether an entry of NO_PROXY takes an intercepted host past the proxy: `*`, a name, or the end of a name.
fn bypasses(entry: &str, config: &Config) -> bool {
    let entry = entry.trim_start_matches('*').trim_start_matches('.').to_ascii_lowercase();
    let within = |name: &str, end: &str| name == end || name.strip_suffix(end).is_some_and(|rest| rest.ends_with('.'));
    let scope = config.scope();
    entry.is_empty() || scope.iter().any(|host| within(host.base(), &entry) || within(&entry, host.base()))
}

fn proxy_variable(config: &Config, name: &str, value: &str) -> Line {
    // A password may stand before the `@`.
    let address = value.rsplit(['@', '/']).find(|part| !part.is_empty()).unwrap_or_default();
    let ours = config
        .listen
        .iter()
        .any(|listen| address == listen.to_string() || address == format!("localhost:{}", listen.port()));
    if ours {
        return Line::ok(ENVIRONMENT, format!("{name} leads to this proxy ({address})"));
    }
    Line::warning(
        ENVIRONMENT,
        format!("{name} leads to {address}: clients started here go there and not to us"),
        format!("point the client to us; our own way out takes {name} by itself, or --upstream-proxy in its place"),
    )
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    fn seen(variables: &[(&str, &str)]) -> Vec<Line> {
        let variables: Vec<_> = variables.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        environment(&Config::default(), &variables)
    }

    #[test]
    fn a_bypass_of_the_instance_is_a_fault() {
        for value in
            ["service-now.com", ".service-now.com", "dev1.service-now.com", "localhost, *.service-now.com", "*", "com"]
        {
            assert_eq!(seen(&[("NO_PROXY", value)])[0].level, Level::Fault, "{value}");
        }
        for value in ["localhost,127.0.0.1", "now.com", "evilservice-now.com"] {
            assert_eq!(seen(&[("no_proxy", value)])[0].level, Level::Ok, "{value}");
        }
    }

    #[test]
    fn another_proxy_in_the_environment_is_named_without_its_password() {
        let lines = seen(&[("HTTPS_PROXY", "http://u:hunter2@proxy.corp.example:3128/")]);
        assert_eq!(lines[0].level, Level::Warning);
        assert!(lines[0].says.contains("leads to proxy.corp.example:3128"), "{}", lines[0].says);
        assert!(!format!("{lines:?}").contains("hunter2"));
        assert_eq!(seen(&[("https_proxy", "http://127.0.0.1:8080")])[0].level, Level::Ok);
    }

    #[test]
    fn an_authority_that_ends_soon_is_a_warning() {
        assert_eq!(age(29, "x", "renew").level, Level::Warning);
        assert_eq!(age(30, "x", "renew").level, Level::Ok);
    }
}

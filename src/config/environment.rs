//! The proxy variables that every client knows: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, weaker than all of ours.

use std::sync::Arc;

use super::fault::{Fault, Place};
use crate::proxy::{Exception, Parent};

/// What the variables say of the way out.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    pub https: Option<Arc<Parent>>,
    pub http: Option<Arc<Parent>>,
    pub no_proxy: Vec<Exception>,
    /// The variables that said so.
    pub https_from: Option<String>,
    pub http_from: Option<String>,
}

/// A variable that is set to something: name and value.
type Found<'a> = Option<(&'a str, &'a str)>;

/// Reads the proxies. The lower-case name first, as curl and Python do.
pub(super) fn proxies(variables: &[(String, String)], environment: &mut Environment, faults: &mut Vec<Fault>) {
    let find = |names: &[&str]| names.iter().find_map(|name| variable(variables, name));
    let (https, http) = (find(&["https_proxy", "HTTPS_PROXY"]), find(&["http_proxy"]).or(upper_http(variables)));
    let all = find(&["all_proxy", "ALL_PROXY"]);
    let mut read = |found: Found<'_>| -> Option<(Arc<Parent>, String)> {
        let (name, url) = found?;
        match url.parse::<Parent>() {
            Ok(parent) => Some((Arc::new(parent), name.to_owned())),
            Err(error) => {
                let place = Place::Variable(name.to_owned());
                let says = format!("{error}; `--upstream-proxy none` goes out without it");
                // One variable may stand for both schemes: its fault is told once.
                if !faults.iter().any(|fault| fault.place == place) {
                    faults.push(Fault { place, says });
                }
                None
            }
        }
    };
    (environment.https, environment.https_from) = read(https.or(all)).unzip();
    (environment.http, environment.http_from) = read(http.or(all)).unzip();
}

/// Where a web server runs us as a CGI program, HTTP_PROXY is the client's field `Proxy` (CVE-2016-5385 and its kin).
fn upper_http(variables: &[(String, String)]) -> Found<'_> {
    match variable(variables, "REQUEST_METHOD") {
        Some(_) => None,
        None => variable(variables, "HTTP_PROXY"),
    }
}

/// Reads NO_PROXY. Entries that nobody can read are warned of and left out.
pub(super) fn exceptions(variables: &[(String, String)], environment: &mut Environment, warnings: &mut Vec<String>) {
    let found = variable(variables, "no_proxy").or_else(|| variable(variables, "NO_PROXY"));
    let Some((name, value)) = found else { return };
    for entry in value.split([',', ' ', '\t']).filter(|entry| !entry.is_empty()) {
        match entry.parse() {
            Ok(exception) => environment.no_proxy.push(exception),
            Err(error) => warnings.push(format!("{name}: {error}; this entry is left out")),
        }
    }
}

fn variable<'a>(variables: &'a [(String, String)], name: &str) -> Found<'a> {
    let found = variables.iter().find(|(known, value)| known == name && !value.trim().is_empty());
    found.map(|(name, value)| (name.as_str(), value.trim()))
}

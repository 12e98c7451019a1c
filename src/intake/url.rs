//! Absolute URLs as recordings hold them: taken apart without changing a byte of path and query.

use crate::model::Scheme;

/// The parts of `scheme://[userinfo@]host[:port][target]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url<'a> {
    pub scheme: Scheme,
    /// In lower case, without brackets.
    pub host: String,
    pub port: u16,
    /// Path and query as they stand, without the fragment; empty where the URL ends at the authority.
    pub target: &'a str,
}

/// Takes an `http` or `https` URL apart (`ws`, `wss` count as these). Total: what is no such URL is `None`.
pub(super) fn split(text: &str) -> Option<Url<'_>> {
    let (scheme, rest) = scheme(text)?;
    let (authority, target) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (host, port) = authority_parts(authority)?;
    let target = target.split('#').next().unwrap_or_default();
    Some(Url { scheme, host, port: port.unwrap_or(scheme.default_port()), target })
}

/// A URL of a request that named no host: `http:///target`.
pub(super) fn without_host(text: &str) -> Option<Url<'_>> {
    let (scheme, rest) = scheme(text)?;
    let target = Some(rest).filter(|rest| rest.is_empty() || rest.starts_with('/'))?;
    Some(Url { scheme, host: String::new(), port: scheme.default_port(), target })
}

fn scheme(text: &str) -> Option<(Scheme, &str)> {
    let (scheme, rest) = text.trim_start().split_once("://")?;
    match scheme.to_ascii_lowercase().as_str() {
        "https" | "wss" => Some((Scheme::Https, rest)),
        "http" | "ws" => Some((Scheme::Http, rest)),
        _ => None,
    }
}

/// Host in lower case without brackets, and the port where one is named. A user name and password in front are dropped:
/// they are never on the wire in this form (RFC 9110 §4.2.4).
pub(super) fn authority_parts(authority: &str) -> Option<(String, Option<u16>)> {
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place).trim();
    let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    let port = match port {
        None | Some("") => None,
        Some(digits) => Some(digits.parse().ok()?),
    };
    (!host.is_empty() && !host.contains(char::is_whitespace)).then(|| (host.to_ascii_lowercase(), port))
}

/// The origin-form of a target: never empty, always with a leading slash (RFC 9112 §3.2.1).
pub(super) fn origin_form(target: &str) -> String {
    if target.starts_with('/') || target == "*" { target.to_owned() } else { format!("/{target}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_keep_their_target_byte_for_byte() {
        let url = split("HTTPS://user:p%40ss@Dev1.Service-Now.com/api/now?q=a|b {c}#part").unwrap();
        assert_eq!((url.scheme, url.host.as_str(), url.port), (Scheme::Https, "dev1.service-now.com", 443));
        assert_eq!(url.target, "/api/now?q=a|b {c}");
    }

    #[test]
    fn ports_brackets_and_bare_authorities() {
        let url = split("http://[2001:DB8::1]:8443?x=1").unwrap();
        assert_eq!((url.host.as_str(), url.port, origin_form(url.target).as_str()), ("2001:db8::1", 8443, "/?x=1"));
        assert_eq!(split("https://h:").unwrap().port, 443);
        assert_eq!(split("http://h").unwrap().target, "");
    }

    #[test]
    fn a_request_may_have_named_no_host() {
        let url = without_host("http:///x?y").unwrap();
        assert_eq!((url.host.as_str(), url.port, url.target), ("", 80, "/x?y"));
        assert_eq!((without_host("http://h/x"), without_host("/x")), (None, None));
    }

    #[test]
    fn what_is_no_url_is_none() {
        for text in ["", "/path", "about:blank", "data:text/plain,x", "https://", "https://h:port/", "http://a b/"] {
            assert_eq!(split(text), None, "{text}");
        }
    }
}

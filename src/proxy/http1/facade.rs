//! A reverse listener stands for an instance under another name: what of a head has to change so that clients stay with
//! the name they call, and the instance hears its own. Pure.
//!
//! Changed are `Host`, `Origin` and `Referer` on the way up, and `Location`, `Content-Location`, `Set-Cookie`,
//! `Access-Control-Allow-Origin` and `Strict-Transport-Security` on the way down. Bodies are not: what a page or a document links to in full leads past
//! the proxy, and so do other hosts, a client's own `redirect_uri` among them.

use super::head::FieldLine;
use crate::model::Scheme;
use crate::proxy::settings::Origin;

/// One instance under two origins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::proxy) struct Facade {
    /// As the client has it: the listener's scheme, and what its Host says.
    pub called: Origin,
    pub upstream: Origin,
}

impl Facade {
    /// The value that a request's field gets instead of its own.
    pub fn of_request(&self, field: &FieldLine<'_>) -> Option<Vec<u8>> {
        let value = match () {
            () if field.is("origin") => field.value,
            () if field.is("referer") => field.value,
            () => return None,
        };
        moved(value, &self.called, &self.upstream)
    }

    /// The value that an answer's field gets instead of its own.
    pub fn of_answer(&self, field: &FieldLine<'_>) -> Option<Vec<u8>> {
        const LINKS: [&str; 3] = ["location", "content-location", "access-control-allow-origin"];
        if field.is("set-cookie") {
            return self.cookie(field.value);
        }
        if field.is("strict-transport-security") {
            // A browser would keep it for `localhost`, whatever else is reached under that name (RFC 6797 §6.1.1).
            return Some(b"max-age=0".to_vec());
        }
        LINKS.iter().any(|name| field.is(name)).then(|| moved(field.value, &self.upstream, &self.called))?
    }

    /// Without a Domain that is the instance's: a client would refuse the cookie from anywhere else. Over plain http also
    /// without Secure, which would keep the client from ever sending it back, and without the SameSite that needs it.
    fn cookie(&self, value: &[u8]) -> Option<Vec<u8>> {
        let mut parts = value.split(|byte| *byte == b';');
        let pair = parts.next()?;
        let prefixed = |prefix: &[u8]| pair.trim_ascii_start().get(..prefix.len()).is_some_and(|start| start == prefix);
        // Such names promise Secure; without it no client takes them.
        let plain = self.called.scheme == Scheme::Http && !prefixed(b"__Secure-") && !prefixed(b"__Host-");
        let kept: Vec<&[u8]> = parts.filter(|part| !self.takes_away(part, plain)).collect();
        let kept = std::iter::once(pair).chain(kept).collect::<Vec<_>>().join(&b';');
        (kept != value).then_some(kept)
    }

    fn takes_away(&self, attribute: &[u8], plain: bool) -> bool {
        let (name, value) = match attribute.iter().position(|byte| *byte == b'=') {
            Some(at) => attribute.split_at_checked(at).unwrap_or_default(),
            None => (attribute, &b""[..]),
        };
        let value = value.strip_prefix(b"=").unwrap_or_default().trim_ascii();
        match name.trim_ascii().to_ascii_lowercase().as_slice() {
            b"domain" => self.is_of_upstream(value),
            b"secure" => plain,
            b"samesite" => plain && value.eq_ignore_ascii_case(b"none"),
            _ => false,
        }
    }

    /// The instance's own host, or a domain above it (RFC 6265 §5.1.3).
    fn is_of_upstream(&self, domain: &[u8]) -> bool {
        let domain = String::from_utf8_lossy(domain.strip_prefix(b".").unwrap_or(domain)).to_ascii_lowercase();
        let above = self.upstream.host.strip_suffix(domain.as_str());
        !domain.is_empty() && above.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }
}

/// A reference into `from`, as one into `to`.
fn moved(value: &[u8], from: &Origin, to: &Origin) -> Option<Vec<u8>> {
    let (scheme, rest) = match value.iter().position(|byte| *byte == b':') {
        // Relative to the scheme (RFC 3986 §4.2).
        _ if value.starts_with(b"//") => (from.scheme.as_str().as_bytes(), value),
        Some(at) => value.split_at_checked(at).map(|(scheme, rest)| (scheme, rest.get(1..).unwrap_or_default()))?,
        None => return None,
    };
    let rest = rest.strip_prefix(b"//")?;
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    let (host, port) = crate::proxy::settings::split_authority(std::str::from_utf8(authority).ok()?)?;
    let same = scheme.eq_ignore_ascii_case(from.scheme.as_str().as_bytes())
        && host == from.host
        && port.unwrap_or(from.scheme.default_port()) == from.port;
    same.then(|| [to.to_string().as_bytes(), path].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facade(called: &str) -> Facade {
        Facade { called: called.parse().unwrap(), upstream: "https://dev1.service-now.com".parse().unwrap() }
    }

    fn told(facade: &Facade, name: &str, value: &str) -> Option<String> {
        let field = FieldLine { name: name.as_bytes(), value: value.as_bytes(), whole: b"" };
        facade.of_answer(&field).map(|value| String::from_utf8(value).unwrap())
    }

    fn asked(facade: &Facade, name: &str, value: &str) -> Option<String> {
        let field = FieldLine { name: name.as_bytes(), value: value.as_bytes(), whole: b"" };
        facade.of_request(&field).map(|value| String::from_utf8(value).unwrap())
    }

    #[test]
    fn references_to_the_instance_come_back_to_the_listener() {
        let facade = facade("http://localhost:8401");
        for (value, moved) in [
            ("https://dev1.service-now.com/login.do?a=b#c", "http://localhost:8401/login.do?a=b#c"),
            ("HTTPS://Dev1.Service-Now.com:443", "http://localhost:8401"),
            ("//dev1.service-now.com/x", "http://localhost:8401/x"),
            ("https://dev1.service-now.com?x", "http://localhost:8401?x"),
        ] {
            assert_eq!(told(&facade, "LOCATION", value).as_deref(), Some(moved), "{value}");
        }
        for kept in [
            "/login.do",
            "login.do?u=https://dev1.service-now.com/",
            "http://dev1.service-now.com/",
            "https://dev1.service-now.com:8443/",
            "https://dev1.service-now.com.evil.example/",
            "https://dev1.service-now.com@evil.example/",
            "https://idp.example/?r=https%3A%2F%2Fdev1.service-now.com",
            "http://127.0.0.1:9000/callback?code=x",
            "",
        ] {
            assert_eq!(told(&facade, "location", kept), None, "{kept}");
        }
        assert_eq!(told(&facade, "Strict-Transport-Security", "max-age=63072000").as_deref(), Some("max-age=0"));
        assert_eq!(told(&facade, "x-location", "https://dev1.service-now.com/"), None);
    }

    #[test]
    fn the_instance_hears_its_own_name() {
        let facade = facade("https://127.0.0.1:8443");
        assert_eq!(asked(&facade, "Origin", "https://127.0.0.1:8443").as_deref(), Some("https://dev1.service-now.com"));
        let referer = asked(&facade, "referer", "https://127.0.0.1:8443/login.do?x");
        assert_eq!(referer.as_deref(), Some("https://dev1.service-now.com/login.do?x"));
        for (name, value) in
            [("origin", "null"), ("origin", "http://127.0.0.1:8443"), ("x-origin", "https://127.0.0.1:8443")]
        {
            assert_eq!(asked(&facade, name, value), None, "{name}: {value}");
        }
        assert_eq!(
            told(&facade, "access-control-allow-origin", "https://dev1.service-now.com").as_deref(),
            Some("https://127.0.0.1:8443")
        );
    }

    #[test]
    fn cookies_become_the_listeners() {
        let (plain, tls) = (facade("http://localhost:8401"), facade("https://localhost:8443"));
        let cookie = "JSESSIONID=a=b; Path=/; Domain=.service-now.com; Secure; HttpOnly; SameSite=None";
        assert_eq!(told(&plain, "Set-Cookie", cookie).as_deref(), Some("JSESSIONID=a=b; Path=/; HttpOnly"));
        assert_eq!(
            told(&tls, "Set-Cookie", cookie).as_deref(),
            Some("JSESSIONID=a=b; Path=/; Secure; HttpOnly; SameSite=None")
        );
        for kept in
            ["a=b", "a=domain; Path=/", "__Host-a=b; Secure; Path=/", "a=b; Domain=other.example", "a=b; SameSite=Lax"]
        {
            assert_eq!(told(&plain, "Set-Cookie", kept), None, "{kept}");
        }
    }
}

//! How heads are written besides what HTTP asks of a proxy: for a client that calls the upstream by another name, and
//! with marks that say that we are there, where they are asked for. Pure.

use std::net::IpAddr;

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::facade::Facade;
use super::head::{FieldLine, Version};
use crate::proxy::settings::Marks;

/// For one request and its answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::proxy) struct Manner {
    pub facade: Option<Facade>,
    via: bool,
    /// X-Forwarded-For, -Host and -Proto.
    forwarded: Vec<(&'static str, String)>,
}

/// A field that is added: name and value.
type Added = (&'static str, String);

impl Manner {
    /// For a client that calls the upstream by another name, where it does.
    pub fn of(facade: Option<Facade>) -> Manner {
        Manner { facade, ..Manner::default() }
    }

    /// The origin that the client calls instead of the upstream's.
    pub fn called(&self) -> Option<String> {
        self.facade.as_ref().map(|facade| facade.called.to_string())
    }

    /// Adds the marks that are asked for.
    pub fn mark(&mut self, marks: Marks, client: Option<IpAddr>) {
        self.via = marks.via;
        if let (true, Some(facade), Some(client)) = (marks.x_forwarded, &self.facade, client) {
            self.forwarded = vec![
                ("X-Forwarded-For", client.to_string()),
                ("X-Forwarded-Host", facade.called.host_field()),
                ("X-Forwarded-Proto", facade.called.scheme.as_str().to_owned()),
            ];
        }
    }

    /// The value that a request's field gets instead of its own.
    pub fn of_request(&self, field: &FieldLine<'_>) -> Option<Vec<u8>> {
        self.facade.as_ref()?.of_request(field)
    }

    /// The value that an answer's field gets instead of its own.
    pub fn of_answer(&self, field: &FieldLine<'_>) -> Option<Vec<u8>> {
        self.facade.as_ref()?.of_answer(field)
    }

    /// What is added to a request that came in this version.
    pub fn adds_to_request(&self, version: Version) -> impl Iterator<Item = Added> {
        self.forwarded.iter().cloned().chain(self.adds_to_answer(version))
    }

    /// What is added to an answer that came in this version (RFC 9110 §7.6.3).
    pub fn adds_to_answer(&self, version: Version) -> Option<Added> {
        let received = match version {
            Version::Http10 => "1.0",
            Version::Http11 => "1.1",
            Version::Http2 => "2",
        };
        self.via.then(|| ("Via", format!("{received} why401")))
    }

    /// A request's fields for an HTTP/2 upstream.
    pub fn dress_request(&self, headers: &mut HeaderMap, version: Version) {
        change(headers, |field| self.of_request(field));
        add(headers, self.adds_to_request(version));
    }

    /// An answer's fields for an HTTP/2 client.
    pub fn dress_answer(&self, headers: &mut HeaderMap, version: Version) {
        change(headers, |field| self.of_answer(field));
        add(headers, self.adds_to_answer(version));
    }
}

fn change(headers: &mut HeaderMap, instead: impl Fn(&FieldLine<'_>) -> Option<Vec<u8>>) {
    for (name, value) in headers.iter_mut() {
        let field = FieldLine { name: name.as_str().as_bytes(), value: value.as_bytes(), whole: b"" };
        // Made of parts that were values before: it is one.
        if let Some(Ok(other)) = instead(&field).map(HeaderValue::try_from) {
            *value = other;
        }
    }
}

fn add(headers: &mut HeaderMap, fields: impl IntoIterator<Item = Added>) {
    for (name, value) in fields {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            // Full at 32,768 names, which no head is that came this far.
            headers.try_append(name, value).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_2_gets_the_same_changes() {
        let upstream = "https://dev1.service-now.com".parse().unwrap();
        let called = "https://localhost:8443".parse().unwrap();
        let mut manner = Manner::of(Some(Facade { called, upstream }));
        manner.mark(Marks { via: true, x_forwarded: true }, "192.0.2.7".parse().ok());
        let mut headers = HeaderMap::new();
        headers.append("origin", HeaderValue::from_static("https://localhost:8443"));
        manner.dress_request(&mut headers, Version::Http2);
        assert_eq!(headers["origin"], "https://dev1.service-now.com");
        assert_eq!(
            (&headers["via"], &headers["x-forwarded-for"]),
            (&"2 why401".parse().unwrap(), &"192.0.2.7".parse().unwrap())
        );
        let mut headers = HeaderMap::new();
        for cookie in ["a=1; Domain=dev1.service-now.com", "b=2"] {
            headers.append("set-cookie", HeaderValue::from_static(cookie));
        }
        headers.append("location", HeaderValue::from_static("https://dev1.service-now.com/x"));
        manner.dress_answer(&mut headers, Version::Http11);
        assert_eq!(headers.get_all("set-cookie").iter().collect::<Vec<_>>(), ["a=1", "b=2"]);
        assert_eq!(
            (&headers["location"], &headers["via"]),
            (&"https://localhost:8443/x".parse().unwrap(), &"1.1 why401".parse().unwrap())
        );
    }
}

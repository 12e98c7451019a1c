//! Names of fields as HTTP/1.1 writes them: HTTP/2 knows them in lower case only.

use bytes::{BufMut, BytesMut};

/// Names whose usual form is not a capital for each word.
const USUAL: [&str; 24] = [
    "Accept-CH",
    "Content-MD5",
    "DNT",
    "ETag",
    "Expect-CT",
    "Last-Event-ID",
    "MIME-Version",
    "NEL",
    "P3P",
    "Sec-CH-UA",
    "Sec-CH-UA-Mobile",
    "Sec-CH-UA-Platform",
    "Sec-GPC",
    "SOAPAction",
    "SourceMap",
    "TE",
    "WWW-Authenticate",
    "X-Correlation-ID",
    "X-CSRF-Token",
    "X-HTTP-Method-Override",
    "X-Request-ID",
    "X-Transaction-ID",
    "X-UserToken",
    "X-XSS-Protection",
];

/// Writes `name` in its usual form.
pub(in super::super) fn titled(name: &[u8], out: &mut BytesMut) {
    if let Some(usual) = USUAL.iter().find(|usual| name.eq_ignore_ascii_case(usual.as_bytes())) {
        return out.put_slice(usual.as_bytes());
    }
    let mut first = true;
    for byte in name {
        out.put_u8(if first { byte.to_ascii_uppercase() } else { *byte });
        first = *byte == b'-';
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_get_their_usual_form() {
        let names = [
            ("content-type", "Content-Type"),
            ("www-authenticate", "WWW-Authenticate"),
            ("etag", "ETag"),
            ("x-usertoken", "X-UserToken"),
            ("x-is-logged-in", "X-Is-Logged-In"),
            ("soapaction", "SOAPAction"),
            ("a", "A"),
            ("-x--y", "-X--Y"),
            ("x_y.1z", "X_y.1z"),
        ];
        for (name, usual) in names {
            let mut out = BytesMut::new();
            titled(name.as_bytes(), &mut out);
            assert_eq!(out, usual.as_bytes(), "{name}");
        }
    }
}

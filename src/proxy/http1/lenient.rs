//! What can be read of a head that HTTP cannot parse: for showing and diagnosing, never for forwarding.

use bytes::Bytes;

use crate::model::Fields;

/// The parts of a broken head.
pub(in crate::proxy) struct Reading {
    pub method: String,
    pub target: String,
    pub version: String,
    pub fields: Fields,
}

/// Reads leniently: any line end, names up to the colon or the first blank.
pub(in crate::proxy) fn lenient(raw: &Bytes) -> Reading {
    let mut lines = raw.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let first = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let (method, rest) = first.split_once(' ').unwrap_or((&first, ""));
    let (target, version) = match rest.rsplit_once(' ') {
        Some((target, version)) if version.starts_with("HTTP/") => (target, version),
        _ => (rest, ""),
    };
    let mut fields = Fields::default();
    for line in lines.filter(|line| !line.is_empty()).take(200) {
        let stop = line.iter().position(|byte| *byte == b':');
        let stop = stop.or_else(|| line.iter().position(|byte| matches!(byte, b' ' | b'\t'))).unwrap_or(line.len());
        let name = line.get(..stop).unwrap_or_default().trim_ascii();
        let value = line.get(stop + 1..).unwrap_or_default().trim_ascii();
        fields.push(raw.slice_ref(name), raw.slice_ref(value));
    }
    Reading { method: method.to_owned(), target: target.to_owned(), version: version.to_owned(), fields }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_cannot_be_parsed_is_read_as_far_as_it_goes() {
        let reading = lenient(&Bytes::from_static(b"GET /a b HTTP/1.1\r\nAuthorization Bearer x\r\nHost : h\r\n\r\n"));
        assert_eq!((reading.method.as_str(), reading.target.as_str()), ("GET", "/a b"));
        assert_eq!(reading.version, "HTTP/1.1");
        assert_eq!(reading.fields.get("authorization"), Some(&b"Bearer x"[..]));
        assert_eq!(reading.fields.get("host"), Some(&b"h"[..]));
    }

    #[test]
    fn fields_behind_a_lone_line_feed_are_seen() {
        let reading = lenient(&Bytes::from_static(b"GET / HTTP/1.1\r\nAuthorization: Bearer x\n\r\nHost: h\r\n\r\n"));
        assert_eq!(reading.fields.get("host"), Some(&b"h"[..]));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(raw in proptest::collection::vec(any::<u8>(), 0..300)) {
            lenient(&Bytes::from(raw));
        }
    }
}

//! What a recording is taken for, and what is said of one that is none.

use proptest::prelude::*;

use super::*;
use crate::model::Outcome;

fn count(bytes: &[u8]) -> usize {
    read(bytes, "recording").unwrap_or_else(|error| panic!("{error}")).len()
}

fn error(bytes: &[u8]) -> String {
    read(bytes, "recording").err().unwrap().to_string()
}

const HAR: &str = r#"{"log":{"entries":[{"request":{"url":"https://h/"},"response":{"status":401}}]}}"#;

#[test]
fn the_kind_is_decided_from_the_content() {
    assert_eq!(count(HAR.as_bytes()), 1);
    assert_eq!(count(format!("\u{FEFF}\n {HAR}").as_bytes()), 1);
    assert_eq!(count(b"> GET / HTTP/1.1\n> Host: h\n>\n< HTTP/1.1 401 x\n<\n"), 1);
    assert_eq!(count(b"GET / HTTP/1.1\nHost: h\n\nHTTP/1.1 401 x\n\n"), 1);
    assert_eq!(count("\u{25b6} GET https://h/\nGET / HTTP/1.1\nHost: h\n\nHTTP/1.1 401 x\n\n".as_bytes()), 1);
    assert_eq!(count(b"GET https://h/\n401\nRequest Headers\nA: \"b\"\nResponse Headers\n"), 1);
    assert_eq!(count(br#"{"error":"invalid_client"}"#), 1);
    assert_eq!(count(br#"{"log":"an error body may have this member too","error":"x"}"#), 1);
}

#[test]
fn powershell_writes_utf16() {
    for text in ["> GET / HTTP/1.1\n> Host: h\n>\n< HTTP/1.1 401 x\n<\n", HAR, "GET / HTTP/1.1\nHost: h\n\n"] {
        let little: Vec<u8> = [0xFEFF].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = [0xFEFF].into_iter().chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect();
        assert_eq!((count(&little), count(&big)), (1, 1), "{text}");
    }
}

#[test]
fn errors_say_what_to_do_next() {
    for (bytes, next) in [
        (&b" \n"[..], "is empty"),
        (b"PK\x03\x04rest", "export the session as HTTPArchive"),
        (b"\x1f\x8b\x08", "gunzip"),
        (b"\xd4\xc3\xb2\xa1\x02\x00", "packet capture"),
        (br#"{"schema":"why401.exchange/1","exchange":"1"}"#, "the recording itself"),
        (br#"{"info":{"schema":"https://schema.getpostman.com/json/collection/v2.1.0/collection.json"}}"#, "newman"),
        (b"<?xml version=\"1.0\"?><items burpVersion=\"2024\">", "Burp"),
        (b"1234:4:type;4:http;7:version;", "hardump"),
        (b"a letter to a friend", "give it a HAR"),
        (br#"{"log":{"version":"1.2"}}"#, "no HAR"),
        (br#"{"log":{"entries":[7]}}"#, "entry 0"),
    ] {
        let error = error(bytes);
        assert!(error.starts_with("recording") && error.contains(next), "{error}");
    }
}

#[test]
fn what_has_no_time_gets_the_first_one_that_is_shown() {
    let text = b"GET /a HTTP/1.1\nHost: h\n\nHTTP/1.1 401 x\n\nGET /b HTTP/1.1\nHost: h\n\nHTTP/1.1 200 x\nDate: Sun, 22 Nov 2026 10:00:00 GMT\n\n";
    let exchanges = read(text, "recording").unwrap();
    assert_eq!(exchanges[0].at, exchanges[1].at);
    assert_eq!(crate::wire::date::iso(exchanges[0].at), "2026-11-22T10:00:00.000Z");
}

#[test]
fn long_texts_that_are_no_har_are_refused() {
    let start = b"GET / HTTP/1.1\nHost: h\n\n";
    let endless = start.chain(std::io::repeat(b'x'));
    assert!(open(endless, "pipe").err().unwrap().to_string().contains("longer than"));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), start in prop::sample::select(vec![
        "", "{", "<", "[", "> GET / HTTP/1.1\n", "GET / HTTP/1.1\n", "HTTP/1.1 401 x\n\n", "{\"log\":{\"entries\":[", "GET https://h/\nRequest Headers\n", "\u{FEFF}",
        "=> Send header\n=> Send data\n0000: ",
    ])) {
        let bytes = [start.as_bytes(), &bytes].concat();
        for exchange in read(&bytes, "recording").unwrap_or_default() {
            prop_assert!(!exchange.request.target.is_empty());
            prop_assert!(matches!(exchange.outcome, Outcome::Answered(_) | Outcome::Failed(_) | Outcome::Abandoned(_) | Outcome::Refused(_)));
        }
    }
}

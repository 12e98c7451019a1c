//! Tests of the head parser: each fault at its byte, ends found whatever the reads, and no input that panics.

use proptest::prelude::*;

use super::*;
use crate::proxy::http1::trailers::trailer_lines;

fn parse(text: &str) -> Result<RequestHead, HeadFault> {
    RequestHead::parse(Bytes::copy_from_slice(text.as_bytes()), 100)
}

/// The fault of a request with this line among its fields: problem, and the text from the fault on.
fn fault_of(line: &str) -> (HeadProblem, String) {
    let text = format!("GET /api HTTP/1.1\r\nHost: dev1.service-now.com\r\n{line}\r\nAccept: */*\r\n\r\n");
    let fault = parse(&text).err().unwrap_or_else(|| panic!("{line:?} was accepted"));
    assert_eq!(fault.status, 400);
    (fault.problem, text.get(fault.offset..).unwrap_or_default().lines().next().unwrap_or_default().to_owned())
}

#[test]
fn a_proper_head_is_read_and_kept() {
    let text = "GET /a?b=c HTTP/1.1\r\nhOsT: x\r\nAuthorization:  Bearer good \r\nX:\r\nCookie: a\r\nx: 2\r\n\r\n";
    let head = parse(text).unwrap();
    assert_eq!((head.method(), head.target(), head.version), ("GET", &b"/a?b=c"[..], Version::Http11));
    let seen: Vec<_> = head.head.fields().map(|field| (field.name, field.value)).collect();
    assert_eq!(seen[0], (&b"hOsT"[..], &b"x"[..]));
    assert_eq!(seen[1], (&b"Authorization"[..], &b"Bearer good"[..]));
    assert_eq!(seen[2], (&b"X"[..], &b""[..]));
    assert_eq!(head.head.fields().nth(1).unwrap().whole, b"Authorization:  Bearer good \r\n");
    assert_eq!(head.head.all("X").collect::<Vec<_>>(), [&b""[..], b"2"]);
    assert_eq!(&head.head.raw[..], text.as_bytes());
}

#[test]
fn broken_field_lines_are_named_at_their_byte() {
    use HeadProblem::*;
    let cases = [
        ("Authorization : Bearer x", SpaceBeforeColon, " : Bearer x"),
        ("Authorization\t: Bearer x", SpaceBeforeColon, "\t: Bearer x"),
        ("Authorization Bearer x", NoColon, " Bearer x"),
        ("Authorization", NoColon, ""),
        (": x", FieldName, ": x"),
        ("\u{feff}Authorization: x", FieldName, "\u{feff}Authorization: x"),
        ("X Y: z", FieldName, " Y: z"),
        ("A: b\r\n folded", Folded, " folded"),
        ("A: b\u{1}c", ControlByte, "\u{1}c"),
        ("A: b\u{7f}c", ControlByte, "\u{7f}c"),
        ("A: b\0c", ControlByte, "\0c"),
        ("A: b\nC: d", BareLineBreak, ""),
        ("A: b\rC: d", BareLineBreak, "\rC: d"),
    ];
    for (line, problem, rest) in cases {
        assert_eq!(fault_of(line), (problem, rest.to_owned()), "{line:?}");
    }
}

#[test]
fn broken_request_lines_are_named_at_their_byte() {
    let cases = [
        ("GET /a b HTTP/1.1", HeadProblem::SpaceInTarget, 6, 400),
        ("GET /a", HeadProblem::RequestLine, 6, 400),
        ("GET  HTTP/1.1", HeadProblem::RequestLine, 4, 400),
        ("GET / HTTP/2.0", HeadProblem::RequestLine, 6, 505),
        ("GET / http/1.1", HeadProblem::RequestLine, 6, 400),
        ("\u{16}\u{3}\u{1}", HeadProblem::RequestLine, 0, 400),
        ("G@T / HTTP/1.1", HeadProblem::RequestLine, 1, 400),
        ("GET /\u{1} HTTP/1.1", HeadProblem::ControlByte, 5, 400),
        ("GET /caf\u{e9} HTTP/1.1", HeadProblem::RequestLine, 8, 400),
        ("GET / HTTP/1.1\rA: b", HeadProblem::BareLineBreak, 14, 400),
        ("", HeadProblem::RequestLine, 0, 400),
    ];
    for (line, problem, offset, status) in cases {
        let fault = parse(&format!("{line}\r\nHost: x\r\n\r\n")).err().unwrap();
        assert_eq!((fault.problem, fault.offset, fault.status), (problem, offset, status), "{line:?}");
    }
}

#[test]
fn a_head_that_cannot_become_one_is_not_waited_for() {
    for start in ["GET / HTTP/1.1\rHost: x\r\r", "GET / HTTP/1.1\r\nHost: x\rA", "\u{1}", "GET /"] {
        assert_eq!(hopeless(start.as_bytes()), start != "GET /", "{start:?}");
    }
    for start in ["\r", "GET / HTTP/1.1\r", "GET / HTTP/1.1\r\nHost: x\r"] {
        assert!(!hopeless(start.as_bytes()), "{start:?}");
    }
    let fault = RequestHead::parse(Bytes::from_static(b"GET / HTTP/1.1\rHost: x\r\r"), 100).err().unwrap();
    assert_eq!((fault.problem, fault.offset), (HeadProblem::BareLineBreak, 14));
}

#[test]
fn too_many_fields_are_431() {
    let fields = "A: b\r\n".repeat(101);
    let fault = parse(&format!("GET / HTTP/1.1\r\n{fields}\r\n")).err().unwrap();
    assert_eq!((fault.problem, fault.status, fault.offset), (HeadProblem::TooManyFields, 431, 16 + 600));
}

#[test]
fn raw_bytes_that_http_allows_pass() {
    let head = b"GET /%C3?q=|^{} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xa0tok\x80\r\n\r\n";
    let head = RequestHead::parse(Bytes::from_static(head), 100).ok().unwrap();
    assert_eq!(head.head.get("authorization").unwrap(), b"Bearer \xa0tok\x80");
}

#[test]
fn answers_are_read_with_and_without_a_reason() {
    let answer = |text: &'static str| AnswerHead::parse(Bytes::from_static(text.as_bytes()), 100);
    let plain = answer("HTTP/1.1 401 Un authorized\r\nA: b\r\n\r\n").ok().unwrap();
    assert_eq!(
        (plain.status, plain.reason(), plain.status_line()),
        (401, &b"Un authorized"[..], &b"401 Un authorized"[..])
    );
    assert_eq!(answer("HTTP/1.0 200\r\n\r\n").ok().unwrap().reason(), b"");
    assert_eq!(answer("HTTP/1.1 999 Odd\r\n\r\n").ok().unwrap().status, 999);
    for text in [
        "HTTP/1.1 60 Low\r\n\r\n",
        "HTTP/1.1 2000 X\r\n\r\n",
        "HTTP/2 200\r\n\r\n",
        "hello\r\n\r\n",
        "HTTP/1.1 099 X\r\n\r\n",
    ] {
        assert!(answer(text).is_err(), "{text:?}");
    }
}

#[test]
fn an_end_is_found_only_when_it_is_there() {
    let text = b"GET / HTTP/1.1\r\nA: b\r\n\r\nrest";
    let length = text.len() - 4;
    for cut in 0..length {
        assert_eq!(end(&text[..cut], 0), None, "{cut}");
    }
    assert_eq!(end(text, 0), Some(length));
    assert_eq!(end(b"GET / HTTP/1.1\nA: b\n\nrest", 0), Some(21));
}

#[test]
fn a_line_feed_in_a_value_does_not_hide_the_fields_behind_it() {
    let text = b"GET / HTTP/1.1\r\nAuthorization: Bearer x\n\r\nHost: h\r\n\r\n";
    assert_eq!(end(text, 0), Some(text.len()));
    assert_eq!(end(&text[..text.len() - 2], 0), Some(42));
}

#[test]
fn trailers_keep_what_may_be_there() {
    let raw = b"X-Checksum: 1\r\nAuthorization: no\r\ncontent-length: 3\r\nY: 2\r\n\r\n";
    assert_eq!(trailer_lines(raw, 100).unwrap(), [&b"X-Checksum: 1\r\n"[..], b"Y: 2\r\n"]);
}

proptest! {
    #[test]
    fn no_bytes_panic(raw in proptest::collection::vec(any::<u8>(), 0..300)) {
        let bytes = Bytes::from(raw);
        if let Err(fault) = RequestHead::parse(bytes.clone(), 20) {
            prop_assert!(fault.offset <= bytes.len());
        }
        AnswerHead::parse(bytes.clone(), 20).ok();
        end(&bytes, 0);
    }

    #[test]
    fn fields_survive_as_sent(names in proptest::collection::vec("[A-Za-z-]{1,12}", 0..20), value in "[ -~]{0,40}") {
        let lines: String = names.iter().map(|name| format!("{name}: {value}\r\n")).collect();
        let text = format!("GET / HTTP/1.1\r\n{lines}\r\n");
        let head = parse(&text).map_err(|fault| TestCaseError::fail(format!("{fault:?}")))?;
        let back: Vec<u8> = head.head.fields().flat_map(|field| field.whole.to_vec()).collect();
        prop_assert_eq!(back, lines.into_bytes());
        prop_assert!(head.head.fields().all(|field| field.value == value.trim_matches(' ').as_bytes()));
    }
}

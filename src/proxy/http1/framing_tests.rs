//! Tests of the framing: the same content and the same passed bytes however the input is split.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

/// Runs a whole body through, offered in pieces of `piece` bytes: content, passed bytes, what was left over.
#[expect(clippy::type_complexity, reason = "three byte strings, named above")]
fn run(framing: Framing, input: &[u8], piece: usize) -> Result<(Vec<u8>, Vec<u8>, Vec<u8>), Broken> {
    let mut decoder = Decoder::new(framing);
    let (mut content, mut passed, mut held, mut offered) = (Vec::new(), Vec::new(), Vec::new(), 0);
    loop {
        match decoder.step(&held)? {
            Step::Done => break,
            Step::More if offered == input.len() => break,
            Step::More => {
                let next = (offered + piece).min(input.len());
                held.extend_from_slice(&input[offered..next]);
                offered = next;
            }
            Step::Content(length) => {
                content.extend_from_slice(&held[..length]);
                passed.extend(held.drain(..length));
            }
            Step::Frame(length) => passed.extend(held.drain(..length)),
            Step::Replace(length, instead) => {
                held.drain(..length);
                passed.extend(instead);
            }
        }
    }
    held.extend_from_slice(&input[offered..]);
    Ok((content, passed, held))
}

fn request(fields: &str) -> Result<Framing, HeadFault> {
    versioned("HTTP/1.1", fields)
}

fn versioned(version: &str, fields: &str) -> Result<Framing, HeadFault> {
    let text = format!("POST / {version}\r\nHost: x\r\n{fields}\r\n");
    of_request(&RequestHead::parse(Bytes::from(text), 100).unwrap_or_else(|fault| panic!("{fields:?}: {fault:?}")))
}

fn answer(status: u16, fields: &str, method: &str) -> Result<Framing, &'static str> {
    let text = format!("HTTP/1.1 {status} X\r\n{fields}\r\n");
    of_answer(&AnswerHead::parse(Bytes::from(text), 100).unwrap_or_else(|fault| panic!("{fault:?}")), method)
}

#[test]
fn requests_end_where_they_say() {
    assert_eq!(request(""), Ok(Framing::Empty));
    assert_eq!(request("Content-Length: 12\r\n"), Ok(Framing::Length(12)));
    assert_eq!(request("Transfer-Encoding: Chunked\r\n"), Ok(Framing::Chunked));
}

#[test]
fn requests_that_could_be_read_in_two_ways_are_refused() {
    let cases = [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length:\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: identity, chunked\r\n",
        "Transfer-Encoding: \"chunked\"\r\n",
        "Transfer-Encoding: chunked;q=1\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding:\r\n",
    ];
    for fields in cases {
        let fault = request(fields).expect_err(fields);
        assert_eq!(fault.problem, HeadProblem::Framing, "{fields:?}");
        assert!(fault.offset > 20, "{fields:?}");
    }
    assert!(versioned("HTTP/1.0", "Transfer-Encoding: chunked\r\n").is_err());
}

#[test]
fn answers_end_where_they_say() {
    assert_eq!(answer(200, "", "GET"), Ok(Framing::UntilClose));
    assert_eq!(answer(200, "Content-Length: 3\r\n", "GET"), Ok(Framing::Length(3)));
    assert_eq!(answer(200, "Content-Length: 3\r\n", "HEAD"), Ok(Framing::Empty));
    assert_eq!(answer(304, "Content-Length: 3\r\n", "GET"), Ok(Framing::Empty));
    assert_eq!(answer(204, "", "GET"), Ok(Framing::Empty));
    assert_eq!(answer(200, "Transfer-Encoding: chunked\r\n", "GET"), Ok(Framing::Chunked));
    for fields in [
        "Content-Length: -1\r\n",
        "Content-Length: 3\r\nContent-Length: 4\r\n",
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip\r\n",
    ] {
        assert!(answer(200, fields, "GET").is_err(), "{fields:?}");
    }
}

#[test]
fn content_and_what_follows_are_told_apart_in_any_pieces() {
    let chunked = b"5\r\nhello\r\n01;a=\"b\"\r\n!\r\n0\r\nX: 1\r\nHost: evil\r\n\r\nGET /next";
    let passed = b"5\r\nhello\r\n01\r\n!\r\n0\r\nX: 1\r\n\r\n";
    for piece in 1..chunked.len() {
        let (content, through, left) = run(Framing::Chunked, chunked, piece).unwrap();
        assert_eq!(
            (&content[..], &through[..], &left[..]),
            (&b"hello!"[..], &passed[..], &b"GET /next"[..]),
            "{piece}"
        );
        let (content, through, left) = run(Framing::Length(5), b"helloGET", piece).unwrap();
        assert_eq!((&content[..], &through[..], &left[..]), (&b"hello"[..], &b"hello"[..], &b"GET"[..]));
    }
}

#[test]
fn chunks_that_two_parsers_read_differently_are_refused() {
    let cases: [&[u8]; 14] = [
        b"+5\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b" 5\r\nhello\r\n0\r\n\r\n",
        b"5 \r\nhello\r\n0\r\n\r\n",
        b"5\nhello\r\n0\r\n\r\n",
        b"5\r\nhello0\r\n\r\n",
        b"5\r\nhello\n0\r\n\r\n",
        b"\r\n",
        b"g\r\n",
        b"5;a\0b\r\nhello\r\n0\r\n\r\n",
        b"5;\r\nhello\r\n0\r\n\r\n",
        b"5;a\rb\r\nhello\r\n0\r\n\r\n",
        b"10000000000000005\r\n",
        b"0\r\nbad trailer\r\n\r\n",
    ];
    for input in cases {
        assert!(run(Framing::Chunked, input, 1000).is_err(), "{:?}", String::from_utf8_lossy(input));
        assert!(run(Framing::Chunked, input, 1).is_err(), "{:?}", String::from_utf8_lossy(input));
    }
    let endless = [b'1'; SIZE_LINE + 1];
    assert!(run(Framing::Chunked, &endless, 100).is_err());
}

#[test]
fn an_early_end_is_seen() {
    let mut decoder = Decoder::new(Framing::Length(5));
    assert_eq!(decoder.step(b"hel"), Ok(Step::Content(3)));
    assert!(!decoder.may_end());
    assert!(Decoder::new(Framing::UntilClose).may_end());
    assert!(!Decoder::new(Framing::Chunked).may_end());
}

proptest! {
    #[test]
    fn no_bytes_panic(input in proptest::collection::vec(any::<u8>(), 0..200), piece in 1usize..50) {
        run(Framing::Chunked, &input, piece).ok();
    }

    #[test]
    fn chunks_give_back_their_content(chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..60), 0..8), piece in 1usize..40) {
        let mut input = Vec::new();
        for chunk in &chunks {
            input.extend(format!("{:X}\r\n", chunk.len()).into_bytes());
            input.extend(chunk);
            input.extend(b"\r\n");
        }
        input.extend(b"0\r\n\r\n");
        let (content, passed, left) = run(Framing::Chunked, &input, piece).map_err(|broken| TestCaseError::fail(broken.0))?;
        prop_assert_eq!(content, chunks.concat());
        prop_assert_eq!(passed, input);
        prop_assert!(left.is_empty());
    }
}

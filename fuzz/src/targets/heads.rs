//! The strict reader of heads and bodies: nothing goes through that another reader takes for something else.

use why401::model::Fields;
use why401::proxy::strict;

use super::Choices;

type Named = Vec<(String, Vec<u8>)>;

fn named(fields: &Fields) -> Named {
    fields.0.iter().map(|field| (String::from_utf8_lossy(&field.name).into_owned(), field.value.to_vec())).collect()
}

fn by_httparse(headers: &[httparse::Header<'_>]) -> Named {
    headers.iter().map(|header| (header.name.to_owned(), header.value.to_vec())).collect()
}

/// Names without regard to case: how often each stands there.
fn count(fields: &Fields, name: &str) -> usize {
    fields.all(name).count()
}

/// A head of a request, and of an answer: no bytes are both.
pub fn heads(bytes: &[u8]) {
    request(bytes);
    answer(bytes);
}

/// A request: a second parser reads the same in what was accepted, and its framing is beyond doubt.
fn request(bytes: &[u8]) {
    let Some(Ok(read)) = strict::request(bytes) else { return };
    let skipped = bytes.len() - bytes.strip_prefix_lines().len();
    let head = &bytes[skipped..skipped + read.length];
    // Bytes of no UTF-8 in a target: the other parser takes none, and the instance is the one to say so.
    if std::str::from_utf8(&read.second).is_err() {
        return;
    }
    let mut headers = [httparse::EMPTY_HEADER; 128];
    let mut second = httparse::Request::new(&mut headers);
    let status = second.parse(head);
    assert_eq!(status, Ok(httparse::Status::Complete(read.length)), "{:?}", String::from_utf8_lossy(head));
    assert_eq!(second.method, Some(read.first.as_str()));
    assert_eq!(second.path.map(str::as_bytes), Some(&read.second[..]));
    assert_eq!(by_httparse(second.headers), named(&read.fields));
    let (lengths, codings) = (count(&read.fields, "content-length"), count(&read.fields, "transfer-encoding"));
    assert!(lengths + codings <= 1, "two ways to tell the end");
    // The same bytes give the same again, and one byte less is no head.
    assert!(strict::request(head).is_some());
    assert!(strict::request(&head[..head.len() - 1]).is_none_or(|read| read.is_err()));
}

/// An answer, by the same measure.
fn answer(bytes: &[u8]) {
    for method in ["GET", "HEAD"] {
        let Some(Ok(read)) = strict::answer(bytes, method) else { continue };
        let head = &bytes[..read.length];
        let mut headers = [httparse::EMPTY_HEADER; 128];
        let mut second = httparse::Response::new(&mut headers);
        let status = second.parse(head);
        assert_eq!(status, Ok(httparse::Status::Complete(read.length)), "{:?}", String::from_utf8_lossy(head));
        assert_eq!(second.code.map(|code| code.to_string()), Some(read.first));
        assert_eq!(by_httparse(second.headers), named(&read.fields));
        assert!(count(&read.fields, "content-length") + count(&read.fields, "transfer-encoding") <= 1);
    }
}

/// A chunked body: how it was cut into pieces changes nothing, and what is sent on is read as the same body.
pub fn chunks(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let size = 1 + choices.pick(17);
    let wire = choices.0;
    let whole = strict::body(strict::Body::CHUNKED, std::iter::once(wire));
    let pieces = strict::body(strict::Body::CHUNKED, wire.chunks(size));
    match (&whole, &pieces) {
        (Ok(one), Ok(other)) => assert_eq!(one, other),
        (Err(_), Err(_)) => return,
        _ => panic!("whole {whole:?}, in pieces of {size} {pieces:?}"),
    }
    let Ok(read) = whole else { return };
    assert!(read.forwarded.len() <= wire.len() + 2 && read.content.len() <= read.forwarded.len());
    let again =
        strict::body(strict::Body::CHUNKED, std::iter::once(&read.forwarded[..])).expect("what is sent on is valid");
    assert_eq!(again.content, read.content);
    if read.done {
        assert!(again.done && again.forwarded == read.forwarded);
    }
}

trait Lines {
    fn strip_prefix_lines(&self) -> &[u8];
}

impl Lines for [u8] {
    /// Without the empty lines that may come before a request line.
    fn strip_prefix_lines(&self) -> &[u8] {
        let mut rest = self;
        while let Some(after) = rest.strip_prefix(b"\r\n") {
            rest = after;
        }
        rest
    }
}

//! What HTTP/2 brings, composed; and what is refused of it, with its byte.

use http::{Request, Response};

use super::*;

fn parts(change: impl FnOnce(http::request::Builder) -> http::request::Builder) -> request::Parts {
    let plain = Request::builder().method("GET").uri("https://dev1.service-now.com/a?b=1");
    change(plain).body(()).unwrap().into_parts().0
}

fn text(head: &RequestHead) -> &str {
    std::str::from_utf8(&head.head.raw).unwrap()
}

fn fault(parts: &request::Parts) -> (HeadProblem, u16) {
    let (raw, fault) = request(parts, 100).err().unwrap();
    assert!(fault.offset <= raw.len());
    (fault.problem, fault.status)
}

#[test]
fn a_request_is_a_head_like_any_other() {
    let parts = parts(|request| {
        request.header("x-a", "1").header("cookie", "a=1").header("authorization", "Bearer x").header("cookie", "b=2")
    });
    let head = request(&parts, 100).ok().unwrap();
    let expected = "GET /a?b=1 HTTP/2\r\nhost: dev1.service-now.com\r\nx-a: 1\r\ncookie: a=1; b=2\r\nauthorization: Bearer x\r\n\r\n";
    assert_eq!(text(&head), expected);
    assert_eq!((head.method(), head.target(), head.version.as_str()), ("GET", &b"/a?b=1"[..], "HTTP/2"));
    assert_eq!(head.head.get("cookie"), Some(&b"a=1; b=2"[..]));
    assert_eq!(head.head.get("host"), Some(&b"dev1.service-now.com"[..]));
}

#[test]
fn a_host_that_says_what_the_authority_says_is_not_said_twice() {
    let parts = parts(|request| request.header("host", "DEV1.service-now.com"));
    assert_eq!(request(&parts, 100).ok().unwrap().head.all("host").count(), 1);
}

#[test]
fn what_two_readers_could_read_differently_is_refused() {
    use HeadProblem::{Framing, Host, RequestLine, TooManyFields};
    assert_eq!(fault(&parts(|request| request.header("host", "evil.example"))), (Host, 400));
    let two = |request: http::request::Builder| request.header("content-length", "1").header("content-length", "1");
    assert_eq!(fault(&parts(two)), (Framing, 400));
    for length in ["+1", "", "1, 1", "0x1", "99999999999999999999"] {
        assert_eq!(fault(&parts(|request| request.header("content-length", length))), (Framing, 400), "{length}");
    }
    assert_eq!(fault(&parts(|request| request.uri("http://dev1.service-now.com/"))), (RequestLine, 421));
    let many = parts(|request| (0..100).fold(request, |request, n| request.header(format!("x-{n}"), "1")));
    assert_eq!(fault(&many), (TooManyFields, 431));
}

#[test]
fn an_answer_is_a_head_like_any_other() {
    let (parts, ()) =
        Response::builder().status(401).header("www-authenticate", "Basic").body(()).unwrap().into_parts();
    let head = answer(&parts, true);
    let expected = "HTTP/2 401\r\nwww-authenticate: Basic\r\ntransfer-encoding: chunked\r\n\r\n";
    assert_eq!((&head.head.raw[..], head.status, head.status_line()), (expected.as_bytes(), 401, &b"401"[..]));
    assert_eq!((head.version.as_str(), head.reason()), ("HTTP/2", &b""[..]));
}

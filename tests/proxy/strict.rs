//! Each rule of RFC 9112 and 9110 that two readers could apply differently, as raw bytes: refused with 4xx, said at its
//! byte and never forwarded, or forwarded as exactly one request.

use tokio::sync::mpsc;
use why401::model::Outcome;

use crate::bench::*;

/// What becomes of the bytes.
#[derive(Clone, Copy)]
enum Fate {
    /// Answered by the proxy with this status; the origin sees nothing.
    Refused(u16),
    /// The origin sees exactly one request, with this text in it and without that one.
    Once(&'static str, &'static str),
    /// So many requests, one after the other.
    Times(usize),
}

use Fate::{Once, Refused, Times};

/// A name, the bytes (`{H}` is the host), and what becomes of them.
type Probe = (&'static str, &'static str, Fate);

const REQUEST_LINE: &[Probe] = &[
    ("garbage", "\u{1}\u{2}\u{3}garbage\r\n\r\n", Refused(400)),
    ("garbage without any line end", "\u{80}\u{0}\u{ff}\u{1}", Refused(400)),
    ("an empty method", " / HTTP/1.1\r\nHost: {H}\r\n\r\n", Refused(400)),
    ("HTTP/0.9", "GET /\r\n\r\n", Refused(400)),
    ("HTTP/0.9 without a second line", "GET /\r\n", Refused(400)),
    ("HTTP/2.0 as text", "GET / HTTP/2.0\r\nHost: {H}\r\n\r\n", Refused(505)),
    ("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Refused(505)),
    ("HTTP/1.2", "GET / HTTP/1.2\r\nHost: {H}\r\n\r\n", Refused(505)),
    ("HTTP/3.0", "GET / HTTP/3.0\r\nHost: {H}\r\n\r\n", Refused(505)),
    ("a version without its minor number", "GET / HTTP/1\r\nHost: {H}\r\n\r\n", Refused(400)),
    ("a version with leading zeros", "GET / HTTP/01.01\r\nHost: {H}\r\n\r\n", Refused(400)),
    ("a version with a blank", "GET / HTTP/ 1.1\r\nHost: {H}\r\n\r\n", Refused(400)),
    ("a version in lower case", "GET / http/1.1\r\nHost: {H}\r\n\r\n", Refused(400)),
    ("a version of another protocol", "GET / ICAP/1.0\r\nHost: {H}\r\n\r\n", Refused(400)),
    ("a version with letters", "GET / HTTP/1.1x\r\nHost: {H}\r\n\r\n", Refused(400)),
    ("a blank after the version", "GET / HTTP/1.1 \r\nHost: {H}\r\n\r\n", Refused(400)),
    ("two blanks after the method", "GET  / HTTP/1.1\r\nHost: {H}\r\n\r\n", Refused(400)),
    ("two blanks before the version", "GET /  HTTP/1.1\r\nHost: {H}\r\n\r\n", Refused(400)),
    ("a tab after the method", "GET\t/ HTTP/1.1\r\nHost: {H}\r\n\r\n", Refused(400)),
    ("a tab in the target", "GET /a\tb HTTP/1.1\r\nHost: {H}\r\n\r\n", Refused(400)),
    ("a blank in the target", "GET /a b HTTP/1.1\r\nHost: {H}\r\n\r\n", Refused(400)),
    ("no target", "GET HTTP/1.1\r\nHost: {H}\r\n\r\n", Refused(400)),
    ("a NUL in the target", "GET /a\u{0}b HTTP/1.1\r\nHost: {H}\r\n\r\n", Refused(400)),
    ("a control byte in the target", "GET /a\u{7f}b HTTP/1.1\r\nHost: {H}\r\n\r\n", Refused(400)),
    ("a carriage return in the target", "GET /a\rb HTTP/1.1\r\nHost: {H}\r\n\r\n", Refused(400)),
    ("8 bits in the target", "GET /caf\u{c3}\u{a9} HTTP/1.1\r\nHost: {H}\r\n\r\n", Refused(400)),
    ("8 bits in the query", "GET /?a=\u{ff} HTTP/1.1\r\nHost: {H}\r\n\r\n", Refused(400)),
    ("lone carriage returns only", "GET / HTTP/1.1\rHost: {H}\r\r", Refused(400)),
    ("a fragment in the target", "GET /a#b HTTP/1.1\r\nHost: {H}\r\n\r\n", Refused(400)),
    ("a fragment in an absolute target", "GET https://{H}/a?b#c HTTP/1.1\r\nHost: {H}\r\n\r\n", Refused(400)),
    ("a target without its slash", "GET api HTTP/1.1\r\nHost: {H}\r\n\r\n", Refused(400)),
    ("an authority as target", "GET {H}:443 HTTP/1.1\r\nHost: {H}\r\n\r\n", Refused(400)),
    ("an asterisk with GET", "GET * HTTP/1.1\r\nHost: {H}\r\n\r\n", Refused(400)),
    ("an asterisk with OPTIONS", "OPTIONS * HTTP/1.1\r\nHost: {H}\r\n\r\n", Once("OPTIONS * HTTP/1.1\r\n", "")),
    ("another scheme", "GET ftp://{H}/ HTTP/1.1\r\nHost: {H}\r\n\r\n", Refused(400)),
    ("user information in the target", "GET https://u:p@{H}/ HTTP/1.1\r\nHost: {H}\r\n\r\n", Refused(400)),
    ("a parenthesis in the method", "GE(T / HTTP/1.1\r\nHost: {H}\r\n\r\n", Refused(400)),
    ("8 bits in the method", "G\u{e9}T / HTTP/1.1\r\nHost: {H}\r\n\r\n", Refused(400)),
    ("CONNECT within a tunnel", "CONNECT {H}:443 HTTP/1.1\r\nHost: {H}:443\r\n\r\n", Refused(405)),
    ("an unknown method", "BREW / HTTP/1.1\r\nHost: {H}\r\n\r\n", Once("BREW / HTTP/1.1\r\n", "")),
    ("a method in lower case", "get / HTTP/1.1\r\nHost: {H}\r\n\r\n", Once("get / HTTP/1.1\r\n", "")),
    ("an empty line before the request", "\r\n\r\nGET / HTTP/1.1\r\nHost: {H}\r\n\r\n", Once("GET / HTTP/1.1\r\n", "")),
    ("a lone line feed before the request", "\nGET / HTTP/1.1\r\nHost: {H}\r\n\r\n", Refused(400)),
    ("a blank line of blanks", "  \r\nGET / HTTP/1.1\r\nHost: {H}\r\n\r\n", Refused(400)),
    (
        "percent-encoded line ends",
        "GET /a%0d%0aX:%20y%00 HTTP/1.1\r\nHost: {H}\r\n\r\n",
        Once("GET /a%0d%0aX:%20y%00 ", ""),
    ),
    ("two slashes first", "GET //evil.example/x HTTP/1.1\r\nHost: {H}\r\n\r\n", Once("GET //evil.example/x ", "")),
    ("dots in the path", "GET /a/../b?c=/../d HTTP/1.1\r\nHost: {H}\r\n\r\n", Once("GET /a/../b?c=/../d ", "")),
];

const FIELDS: &[Probe] = &[
    ("obs-fold", "GET / HTTP/1.1\r\nHost: {H}\r\nA: b\r\n c\r\n\r\n", Refused(400)),
    ("obs-fold with a tab", "GET / HTTP/1.1\r\nHost: {H}\r\nA: b\r\n\tc\r\n\r\n", Refused(400)),
    ("a blank line before the fields", "GET / HTTP/1.1\r\n Host: {H}\r\n\r\n", Refused(400)),
    ("a line of blanks", "GET / HTTP/1.1\r\nHost: {H}\r\n   \r\nA: b\r\n\r\n", Refused(400)),
    ("a blank before the colon", "GET / HTTP/1.1\r\nHost: {H}\r\nA : b\r\n\r\n", Refused(400)),
    ("a tab before the colon", "GET / HTTP/1.1\r\nHost: {H}\r\nA\t: b\r\n\r\n", Refused(400)),
    ("no colon", "GET / HTTP/1.1\r\nHost: {H}\r\nAb\r\n\r\n", Refused(400)),
    ("an empty name", "GET / HTTP/1.1\r\nHost: {H}\r\n: b\r\n\r\n", Refused(400)),
    ("a blank in a name", "GET / HTTP/1.1\r\nHost: {H}\r\nA b: c\r\n\r\n", Refused(400)),
    ("8 bits in a name", "GET / HTTP/1.1\r\nHost: {H}\r\nX-T\u{eb}st: c\r\n\r\n", Refused(400)),
    ("a parenthesis in a name", "GET / HTTP/1.1\r\nHost: {H}\r\nA(b): c\r\n\r\n", Refused(400)),
    ("a NUL in a name", "GET / HTTP/1.1\r\nHost: {H}\r\nA\u{0}b: c\r\n\r\n", Refused(400)),
    ("a NUL in a value", "GET / HTTP/1.1\r\nHost: {H}\r\nA: b\u{0}c\r\n\r\n", Refused(400)),
    ("a bell in a value", "GET / HTTP/1.1\r\nHost: {H}\r\nA: b\u{7}c\r\n\r\n", Refused(400)),
    ("a delete in a value", "GET / HTTP/1.1\r\nHost: {H}\r\nA: b\u{7f}c\r\n\r\n", Refused(400)),
    ("a vertical tab in a value", "GET / HTTP/1.1\r\nHost: {H}\r\nA: b\u{b}c\r\n\r\n", Refused(400)),
    ("an escape in a value", "GET / HTTP/1.1\r\nHost: {H}\r\nA: \u{1b}[2J\r\n\r\n", Refused(400)),
    ("a lone line feed ends a field", "GET / HTTP/1.1\r\nHost: {H}\nA: b\r\n\r\n", Refused(400)),
    ("a lone line feed ends the request line", "GET / HTTP/1.1\nHost: {H}\r\n\r\n", Refused(400)),
    ("lone line feeds everywhere", "GET / HTTP/1.1\nHost: {H}\n\n", Refused(400)),
    ("a lone line feed ends the head", "GET / HTTP/1.1\r\nHost: {H}\r\n\n", Refused(400)),
    ("a lone carriage return in a value", "GET / HTTP/1.1\r\nHost: {H}\r\nA: b\rC: d\r\n\r\n", Refused(400)),
    ("two carriage returns", "GET / HTTP/1.1\r\r\nHost: {H}\r\n\r\n", Refused(400)),
    ("8 bits in a value", "GET / HTTP/1.1\r\nHost: {H}\r\nA: \u{e9}\r\n\r\n", Once("A: \u{e9}\r\n", "")),
    ("a tab in a value", "GET / HTTP/1.1\r\nHost: {H}\r\nA: b\tc\r\n\r\n", Once("A: b\tc\r\n", "")),
    ("an empty value", "GET / HTTP/1.1\r\nHost: {H}\r\nA:\r\n\r\n", Once("A:\r\n", "")),
    ("a name in odd case", "GET / HTTP/1.1\r\nhOsT: {H}\r\n\r\n", Once("hOsT: ", "")),
];

const HOST_FIELD: &[Probe] = &[
    ("no Host", "GET / HTTP/1.1\r\n\r\n", Refused(400)),
    ("an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", Refused(400)),
    ("two Hosts", "GET / HTTP/1.1\r\nHost: {H}\r\nHost: evil.example\r\n\r\n", Refused(400)),
    ("two equal Hosts", "GET / HTTP/1.1\r\nHost: {H}\r\nHost: {H}\r\n\r\n", Refused(400)),
    ("two Hosts in one", "GET / HTTP/1.1\r\nHost: {H}, evil.example\r\n\r\n", Refused(400)),
    ("two Hosts with a blank", "GET / HTTP/1.1\r\nHost: {H} evil.example\r\n\r\n", Refused(400)),
    ("user information in Host", "GET / HTTP/1.1\r\nHost: u@{H}\r\n\r\n", Refused(400)),
    ("a path in Host", "GET / HTTP/1.1\r\nHost: {H}/x\r\n\r\n", Refused(400)),
    ("a query in Host", "GET / HTTP/1.1\r\nHost: {H}?x\r\n\r\n", Refused(400)),
    ("a fragment in Host", "GET / HTTP/1.1\r\nHost: {H}#x\r\n\r\n", Refused(400)),
    ("a scheme in Host", "GET / HTTP/1.1\r\nHost: https://{H}\r\n\r\n", Refused(400)),
    ("letters as port", "GET / HTTP/1.1\r\nHost: {H}:x\r\n\r\n", Refused(400)),
    ("no port behind the colon", "GET / HTTP/1.1\r\nHost: {H}:\r\n\r\n", Refused(400)),
    ("a port beyond all", "GET / HTTP/1.1\r\nHost: {H}:99999\r\n\r\n", Refused(400)),
    ("port 0", "GET / HTTP/1.1\r\nHost: {H}:0\r\n\r\n", Refused(400)),
    ("an address in brackets that is none", "GET / HTTP/1.1\r\nHost: [::g]\r\n\r\n", Refused(400)),
    ("a percent in Host", "GET / HTTP/1.1\r\nHost: {H}%00\r\n\r\n", Refused(400)),
    ("a Host behind a blank before its colon", "GET / HTTP/1.1\r\nHost : {H}\r\n\r\n", Refused(400)),
    ("HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", Once("GET / HTTP/1.1\r\nHost: dev1.service-now.com\r\n", "")),
];

/// Where the tunnel says which host is meant; a reverse listener writes its own.
const FOREIGN: &[Probe] = &[
    ("a foreign Host", "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", Refused(421)),
    ("a neighbour's Host", "GET / HTTP/1.1\r\nHost: dev2.service-now.com\r\n\r\n", Refused(421)),
    ("the host with another port", "GET / HTTP/1.1\r\nHost: {H}:8443\r\n\r\n", Refused(421)),
    ("a foreign absolute target", "GET https://evil.example/ HTTP/1.1\r\nHost: {H}\r\n\r\n", Refused(421)),
    ("an absolute target with a foreign Host", "GET https://{H}/ HTTP/1.1\r\nHost: evil.example\r\n\r\n", Refused(421)),
    ("an absolute target in clear", "GET http://{H}/ HTTP/1.1\r\nHost: {H}\r\n\r\n", Refused(421)),
    (
        "a Host with the default port",
        "GET / HTTP/1.1\r\nHost: {H}:443\r\n\r\n",
        Once("Host: dev1.service-now.com:443\r\n", ""),
    ),
];

const LENGTHS: &[Probe] = &[
    (
        "two different lengths",
        "POST / HTTP/1.1\r\nHost: {H}\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        Refused(400),
    ),
    (
        "two equal lengths",
        "POST / HTTP/1.1\r\nHost: {H}\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        Refused(400),
    ),
    ("a list of equal lengths", "POST / HTTP/1.1\r\nHost: {H}\r\nContent-Length: 5, 5\r\n\r\nhello", Refused(400)),
    ("a list of lengths", "POST / HTTP/1.1\r\nHost: {H}\r\nContent-Length: 5,6\r\n\r\nhello", Refused(400)),
    ("a length with plus", "POST / HTTP/1.1\r\nHost: {H}\r\nContent-Length: +5\r\n\r\nhello", Refused(400)),
    ("a negative length", "POST / HTTP/1.1\r\nHost: {H}\r\nContent-Length: -1\r\n\r\nhello", Refused(400)),
    ("a negative zero", "POST / HTTP/1.1\r\nHost: {H}\r\nContent-Length: -0\r\n\r\n", Refused(400)),
    ("a length in hexadecimal", "POST / HTTP/1.1\r\nHost: {H}\r\nContent-Length: 0x5\r\n\r\nhello", Refused(400)),
    ("a length with leading zeros", "POST / HTTP/1.1\r\nHost: {H}\r\nContent-Length: 005\r\n\r\nhello", Refused(400)),
    ("two zeros", "POST / HTTP/1.1\r\nHost: {H}\r\nContent-Length: 00\r\n\r\n", Refused(400)),
    ("a length with a blank", "POST / HTTP/1.1\r\nHost: {H}\r\nContent-Length: 1 0\r\n\r\nhello12345", Refused(400)),
    (
        "a length with an underscore",
        "POST / HTTP/1.1\r\nHost: {H}\r\nContent-Length: 1_0\r\n\r\nhello12345",
        Refused(400),
    ),
    ("a fraction", "POST / HTTP/1.1\r\nHost: {H}\r\nContent-Length: 5.0\r\n\r\nhello", Refused(400)),
    ("an exponent", "POST / HTTP/1.1\r\nHost: {H}\r\nContent-Length: 1e1\r\n\r\nhello", Refused(400)),
    ("a length that is a word", "POST / HTTP/1.1\r\nHost: {H}\r\nContent-Length: five\r\n\r\nhello", Refused(400)),
    ("an empty length", "POST / HTTP/1.1\r\nHost: {H}\r\nContent-Length:\r\n\r\nhello", Refused(400)),
    ("digits of another script", "POST / HTTP/1.1\r\nHost: {H}\r\nContent-Length: \u{665}\r\n\r\nhello", Refused(400)),
    (
        "a length over 64 bits",
        "POST / HTTP/1.1\r\nHost: {H}\r\nContent-Length: 99999999999999999999\r\n\r\n",
        Refused(400),
    ),
    (
        "a length over 63 bits",
        "POST / HTTP/1.1\r\nHost: {H}\r\nContent-Length: 9223372036854775808\r\n\r\n",
        Refused(400),
    ),
    ("a name with an underscore", "POST / HTTP/1.1\r\nHost: {H}\r\nContent_Length: 5\r\n\r\n", Refused(400)),
    (
        "a length behind a blank before its colon",
        "POST / HTTP/1.1\r\nHost: {H}\r\nContent-Length : 5\r\n\r\nhello",
        Refused(400),
    ),
    ("a folded length", "POST / HTTP/1.1\r\nHost: {H}\r\nContent-Length:\r\n 5\r\n\r\nhello", Refused(400)),
    (
        "a length with blanks round it",
        "POST / HTTP/1.1\r\nHost: {H}\r\nContent-Length:  5 \r\n\r\nhello",
        Once("\r\n\r\nhello", ""),
    ),
    ("a GET with a body", "GET / HTTP/1.1\r\nHost: {H}\r\nContent-Length: 5\r\n\r\nhello", Once("\r\n\r\nhello", "")),
    ("a POST without a length", "POST / HTTP/1.1\r\nHost: {H}\r\n\r\n", Once("POST / ", "")),
    (
        "a body that is a request",
        "POST / HTTP/1.1\r\nHost: {H}\r\nContent-Length: 29\r\n\r\nGET /x HTTP/1.1\r\nHost: {H}\r\n\r\n",
        Once("GET /x", ""),
    ),
    ("two requests in one write", "GET /1 HTTP/1.1\r\nHost: {H}\r\n\r\nGET /2 HTTP/1.1\r\nHost: {H}\r\n\r\n", Times(2)),
    (
        "a request behind Connection: close",
        "GET /1 HTTP/1.1\r\nHost: {H}\r\nConnection: close\r\n\r\nGET /2 HTTP/1.1\r\nHost: {H}\r\n\r\n",
        Times(1),
    ),
];

const CODINGS: &[Probe] = &[
    (
        "a length with a coding",
        "POST / HTTP/1.1\r\nHost: {H}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        Refused(400),
    ),
    (
        "a coding with a length",
        "POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        Refused(400),
    ),
    (
        "two codings",
        "POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        Refused(400),
    ),
    (
        "a coding and identity",
        "POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        Refused(400),
    ),
    (
        "chunked twice",
        "POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        Refused(400),
    ),
    ("identity", "POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", Refused(400)),
    (
        "identity, chunked",
        "POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
        Refused(400),
    ),
    (
        "chunked, identity",
        "POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        Refused(400),
    ),
    (
        "chunked that is not the last",
        "POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        Refused(400),
    ),
    ("a coding without chunked", "POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding: gzip\r\n\r\n", Refused(400)),
    (
        "a coding that is not taken off here",
        "POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        Refused(501),
    ),
    ("xchunked", "POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", Refused(400)),
    ("chunkedx", "POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding: chunkedx\r\n\r\n0\r\n\r\n", Refused(400)),
    ("quoted", "POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", Refused(400)),
    ("a parameter", "POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", Refused(400)),
    ("a comma first", "POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding: , chunked\r\n\r\n0\r\n\r\n", Refused(400)),
    ("a comma last", "POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding: chunked,\r\n\r\n0\r\n\r\n", Refused(400)),
    ("a semicolon", "POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding: chunked;\r\n\r\n0\r\n\r\n", Refused(400)),
    ("an empty coding", "POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding:\r\n\r\n", Refused(400)),
    (
        "a vertical tab before it",
        "POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding: \u{b}chunked\r\n\r\n0\r\n\r\n",
        Refused(400),
    ),
    (
        "a form feed before it",
        "POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding: \u{c}chunked\r\n\r\n0\r\n\r\n",
        Refused(400),
    ),
    (
        "a NUL behind it",
        "POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding: chunked\u{0}\r\n\r\n0\r\n\r\n",
        Refused(400),
    ),
    (
        "a blank that is none",
        "POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding: \u{a0}chunked\r\n\r\n0\r\n\r\n",
        Refused(400),
    ),
    ("folded", "POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", Refused(400)),
    (
        "a blank before its colon",
        "POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        Refused(400),
    ),
    (
        "an underscore in its name",
        "POST / HTTP/1.1\r\nHost: {H}\r\nTransfer_Encoding: chunked\r\n\r\n0\r\n\r\n",
        Refused(400),
    ),
    (
        "hidden behind a lone line feed",
        "POST / HTTP/1.1\r\nHost: {H}\r\nX: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        Refused(400),
    ),
    (
        "hidden behind a lone carriage return",
        "POST / HTTP/1.1\r\nHost: {H}\r\nX: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        Refused(400),
    ),
    ("HTTP/1.0", "POST / HTTP/1.0\r\nHost: {H}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Refused(400)),
    (
        "in capitals",
        "POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding: CHUNKED\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        Once("Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", ""),
    ),
    (
        "with blanks round it",
        "POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding:\tchunked \r\n\r\n2\r\nok\r\n0\r\n\r\n",
        Once("Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", ""),
    ),
];

/// Each behind the head of a chunked request.
const CHUNKS: &[Probe] = &[
    ("a size with plus", "+5\r\nhello\r\n0\r\n\r\n", Refused(400)),
    ("a negative size", "-5\r\nhello\r\n0\r\n\r\n", Refused(400)),
    ("a size with 0x", "0x5\r\nhello\r\n0\r\n\r\n", Refused(400)),
    ("a size with an underscore", "1_0\r\nhello\r\n0\r\n\r\n", Refused(400)),
    ("a size with a comma", "5,5\r\nhello\r\n0\r\n\r\n", Refused(400)),
    ("a blank before the size", " 5\r\nhello\r\n0\r\n\r\n", Refused(400)),
    ("a blank behind the size", "5 \r\nhello\r\n0\r\n\r\n", Refused(400)),
    ("a tab behind the size", "5\t\r\nhello\r\n0\r\n\r\n", Refused(400)),
    ("no size", "\r\nhello\r\n0\r\n\r\n", Refused(400)),
    ("a size that is a word", "five\r\nhello\r\n0\r\n\r\n", Refused(400)),
    ("a size over 64 bits", "10000000000000005\r\nhello\r\n0\r\n\r\n", Refused(400)),
    ("a size over 63 bits", "FFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n", Refused(400)),
    ("a size with leading zeros over 64 bits", "00000000000000005\r\nhello\r\n0\r\n\r\n", Refused(400)),
    ("a line feed alone behind the size", "5\nhello\r\n0\r\n\r\n", Refused(400)),
    ("a carriage return alone behind the size", "5\rhello\r\n0\r\n\r\n", Refused(400)),
    ("more than the size", "5\r\nhello!!\r\n0\r\n\r\n", Refused(400)),
    ("no line end behind the chunk", "5\r\nhello0\r\n\r\n", Refused(400)),
    ("a line feed alone behind the chunk", "5\r\nhello\n0\r\n\r\n", Refused(400)),
    ("two other bytes behind the chunk", "5\r\nhelloXX0\r\n\r\n", Refused(400)),
    ("an extension without a name", "5;\r\nhello\r\n0\r\n\r\n", Refused(400)),
    ("an extension with a NUL", "5;a\u{0}b\r\nhello\r\n0\r\n\r\n", Refused(400)),
    ("an extension with a carriage return", "5;a\rb\r\nhello\r\n0\r\n\r\n", Refused(400)),
    ("an extension with a line feed", "5;a\nhello\r\n0\r\n\r\n", Refused(400)),
    ("an extension with an odd name", "5;a[b=c\r\nhello\r\n0\r\n\r\n", Refused(400)),
    ("an extension without its value", "5;a=\r\nhello\r\n0\r\n\r\n", Refused(400)),
    ("an extension with half a quote", "5;a=\"b\r\nhello\r\n0\r\n\r\n", Refused(400)),
    ("a blank before the extension", "5 ;a=b\r\nhello\r\n0\r\n\r\n", Refused(400)),
    ("a line feed alone behind the last size", "5\r\nhello\r\n0\n\r\n", Refused(400)),
    ("a line feed alone at the end", "5\r\nhello\r\n0\r\n\n", Refused(400)),
    ("a carriage return alone at the end", "5\r\nhello\r\n0\r\r", Refused(400)),
    ("a carriage return alone behind a trailer", "5\r\nhello\r\n0\r\nX: a\r\r", Refused(400)),
    ("a trailer without a colon", "5\r\nhello\r\n0\r\nbad trailer\r\n\r\n", Refused(400)),
    ("a folded trailer", "5\r\nhello\r\n0\r\nX: a\r\n b\r\n\r\n", Refused(400)),
    ("a trailer with a NUL", "5\r\nhello\r\n0\r\nX: a\u{0}\r\n\r\n", Refused(400)),
    ("a trailer that ends in a line feed", "5\r\nhello\r\n0\r\nX: a\n\r\n", Refused(400)),
    ("a size in capitals", "A\r\nhelloworld\r\n0\r\n\r\n", Once("\r\nA\r\nhelloworld\r\n0\r\n\r\n", "")),
    ("several chunks", "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", Once("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "")),
    ("no content", "0\r\n\r\n", Once("\r\n\r\n0\r\n\r\n", "")),
    ("several zeros", "000\r\n\r\n", Once("\r\n\r\n000\r\n\r\n", "")),
    ("an extension", "5;a=b;c=\"d;\\\"e\";f\r\nhello\r\n0\r\n\r\n", Once("\r\n5\r\nhello\r\n0\r\n\r\n", ";a")),
    ("an extension of the last chunk", "5\r\nhello\r\n0;a=b\r\n\r\n", Once("\r\n5\r\nhello\r\n0\r\n\r\n", ";a")),
    ("a trailer", "5\r\nhello\r\n0\r\nX-Sum: abc\r\n\r\n", Once("\r\n0\r\nX-Sum: abc\r\n\r\n", "")),
    (
        "Content-Length in the trailer",
        "5\r\nhello\r\n0\r\nContent-Length: 5\r\nX: y\r\n\r\n",
        Once("X: y", "Content-Length"),
    ),
    (
        "Transfer-Encoding in the trailer",
        "5\r\nhello\r\n0\r\ntransfer-encoding: x\r\n\r\n",
        Once("hello", "transfer-encoding"),
    ),
    ("Host in the trailer", "5\r\nhello\r\n0\r\nHost: evil.example\r\n\r\n", Once("hello", "evil")),
    ("Authorization in the trailer", "5\r\nhello\r\n0\r\nAuthorization: x\r\n\r\n", Once("hello", "Authorization")),
    ("Cookie in the trailer", "5\r\nhello\r\n0\r\nCookie: a=b\r\n\r\n", Once("hello", "Cookie")),
    ("a request behind the last chunk", "0\r\n\r\nGET /2 HTTP/1.1\r\nHost: {H}\r\n\r\n", Times(2)),
];

const HOP_BY_HOP: &[Probe] = &[
    (
        "Connection names Authorization",
        "GET / HTTP/1.1\r\nHost: {H}\r\nConnection: Authorization\r\nAuthorization: Bearer t\r\n\r\n",
        Once("Authorization: Bearer t\r\n", "Connection"),
    ),
    (
        "Connection names Host",
        "GET / HTTP/1.1\r\nHost: {H}\r\nConnection: close, Host\r\n\r\n",
        Once("Host: dev1", "Connection"),
    ),
    (
        "Connection names Cookie",
        "GET / HTTP/1.1\r\nHost: {H}\r\nConnection: cookie\r\nCookie: a=b\r\n\r\n",
        Once("Cookie: a=b", "Connection"),
    ),
    (
        "Connection names Content-Length",
        "POST / HTTP/1.1\r\nHost: {H}\r\nConnection: Content-Length\r\nContent-Length: 5\r\n\r\nhello",
        Once("Content-Length: 5\r\n\r\nhello", "Connection"),
    ),
    (
        "Connection names Transfer-Encoding",
        "POST / HTTP/1.1\r\nHost: {H}\r\nConnection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        Once("Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "Connection"),
    ),
    (
        "Connection names a field",
        "GET / HTTP/1.1\r\nHost: {H}\r\nConnection: X-Hop\r\nX-Hop: 1\r\nX-End: 2\r\n\r\n",
        Once("X-End: 2\r\n", "X-Hop"),
    ),
    (
        "TE and Keep-Alive",
        "GET / HTTP/1.1\r\nHost: {H}\r\nTE: trailers\r\nKeep-Alive: 5\r\n\r\n",
        Once("Host", "\r\nTE"),
    ),
    (
        "credentials for the proxy",
        "GET / HTTP/1.1\r\nHost: {H}\r\nProxy-Authorization: Basic eDp5\r\nProxy-Connection: keep-alive\r\n\r\n",
        Once("Host", "Proxy-"),
    ),
    (
        "an upgrade to h2c",
        "GET / HTTP/1.1\r\nHost: {H}\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
        Once("Host", "h2c"),
    ),
    (
        "an upgrade to h2c among others",
        "GET / HTTP/1.1\r\nHost: {H}\r\nConnection: Upgrade\r\nUpgrade: websocket, h2c\r\n\r\n",
        Once("Host", "pgrade"),
    ),
    (
        "an upgrade that Connection does not name",
        "GET / HTTP/1.1\r\nHost: {H}\r\nUpgrade: websocket\r\n\r\n",
        Once("Host", "Upgrade"),
    ),
    (
        "a WebSocket with POST",
        "POST / HTTP/1.1\r\nHost: {H}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n",
        Once("Host", "pgrade"),
    ),
    (
        "an upgrade by HTTP/1.0",
        "GET / HTTP/1.0\r\nHost: {H}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        Once("Host", "Upgrade"),
    ),
    (
        "an expectation that nobody knows",
        "GET / HTTP/1.1\r\nHost: {H}\r\nExpect: 200-ok\r\n\r\n",
        Once("Expect: 200-ok\r\n", ""),
    ),
];

/// The bytes of a probe: letters below U+0100 stand for their byte.
fn bytes(text: &str) -> Vec<u8> {
    let text = text.replace("{H}", HOST);
    text.chars()
        .flat_map(|letter| u8::try_from(letter).map_or(letter.to_string().into_bytes(), |byte| vec![byte]))
        .collect()
}

/// Answers each request and tells it, with everything that belongs to it; tells leftovers as well.
fn recording(seen: mpsc::UnboundedSender<String>) -> std::sync::Arc<dyn Fn(Conn) -> Done + Send + Sync> {
    script(move |mut conn| {
        let seen = seen.clone();
        async move {
            loop {
                let head = conn.head_bytes().await;
                let lower = String::from_utf8_lossy(&head).to_lowercase();
                if head.is_empty() {
                    let rest = conn.rest().await;
                    if !rest.is_empty() {
                        seen.send(format!("left over: {}", String::from_utf8_lossy(&rest))).ok();
                    }
                    return;
                }
                let mut whole = head;
                if lower.contains("transfer-encoding: chunked") {
                    let last =
                        |bytes: &[u8]| bytes.windows(5).any(|w| w == b"\r\n0\r\n") && bytes.ends_with(b"\r\n\r\n");
                    while !whole.ends_with(b"0\r\n\r\n") && !last(&whole) {
                        whole.extend(conn.exactly(1).await);
                    }
                } else if let Some(length) = lower.lines().find_map(|line| line.strip_prefix("content-length:")) {
                    whole.extend(conn.exactly(length.trim().parse().unwrap()).await);
                }
                seen.send(whole.iter().map(|byte| char::from(*byte)).collect()).ok();
                if conn.try_send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.is_err() {
                    return;
                }
            }
        }
    })
}

/// The way by which a probe comes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Tunnel,
    Reverse,
}

struct Bench {
    proxy: Proxy,
    seen: mpsc::UnboundedReceiver<String>,
    _origin: Origin,
}

impl Bench {
    async fn new() -> Bench {
        let (sender, seen) = mpsc::unbounded_channel();
        let world = World::new();
        let origin = Origin::tls(world.server_for(HOST), recording(sender)).await;
        let (root, entry) = (world.root(), origin.stands_for(HOST));
        let proxy = Proxy::start(|settings| {
            settings.upstream_roots.push(root);
            settings.resolve.push(entry);
            settings.reverse.push(format!("127.0.0.1:0=https://{HOST}").parse().unwrap());
        })
        .await;
        Bench { proxy, seen, _origin: origin }
    }

    async fn run(&mut self, way: Way, sent: &[u8], name: &str, fate: Fate) {
        let mut client = match way {
            Way::Tunnel => self.proxy.inside().await,
            Way::Reverse => Conn::to(self.proxy.running.reverse_addresses()[0]).await,
        };
        client.send(sent).await;
        if !matches!(fate, Refused(_)) {
            client.finish().await;
        }
        let answers = String::from_utf8_lossy(&client.rest().await).into_owned();
        let what = format!("{name} ({way:?}): {answers:?}");
        match fate {
            Refused(status) => {
                assert!(answers.starts_with(&format!("HTTP/1.1 {status} ")), "{what}");
                assert!(answers.contains("\r\nProxy-Status: why401; error=http_request_error"), "{what}");
                assert!(
                    answers.contains("\r\nConnection: close\r\n") && answers.matches("HTTP/1.1 ").count() <= 2,
                    "{what}"
                );
                let Outcome::Refused(fault) = self.proxy.exchange().await.outcome else {
                    panic!("{what}: is not told")
                };
                assert!(fault.status == status && answers.contains(&format!("byte {} ", fault.offset)), "{what}");
                assert_eq!(self.seen.try_recv().ok(), None, "{what}: was forwarded");
            }
            Once(text, never) => {
                assert!(answers.starts_with("HTTP/1.1 200 OK\r\n"), "{what}");
                let seen = self.seen.try_recv().unwrap_or_else(|_| panic!("{what}: was not forwarded"));
                assert!(seen.contains(text) && (never.is_empty() || !seen.contains(never)), "{what}: {seen:?}");
                assert_eq!(self.seen.try_recv().ok(), None, "{what}: was forwarded as more than one");
                self.proxy.exchange().await;
            }
            Times(count) => {
                for _ in 0..count {
                    assert!(self.seen.try_recv().is_ok(), "{what}: fewer than {count}");
                    self.proxy.exchange().await;
                }
                assert_eq!(self.seen.try_recv().ok(), None, "{what}: more than {count}");
            }
        }
    }

    async fn all(&mut self, ways: &[Way], probes: &[Probe], before: &str) {
        for (name, text, fate) in probes {
            for way in ways {
                self.run(*way, &[bytes(before), bytes(text)].concat(), name, *fate).await;
            }
        }
    }
}

const BOTH: &[Way] = &[Way::Tunnel, Way::Reverse];

#[tokio::test]
async fn request_lines_keep_to_their_form() {
    Bench::new().await.all(BOTH, REQUEST_LINE, "").await;
}

#[tokio::test]
async fn field_lines_keep_to_their_form() {
    Bench::new().await.all(BOTH, FIELDS, "").await;
}

#[tokio::test]
async fn there_is_one_host_and_it_is_the_tunnels() {
    let mut bench = Bench::new().await;
    bench.all(BOTH, HOST_FIELD, "").await;
    bench.all(&[Way::Tunnel], FOREIGN, "").await;
}

#[tokio::test]
async fn lengths_are_read_in_one_way_only() {
    Bench::new().await.all(BOTH, LENGTHS, "").await;
}

#[tokio::test]
async fn codings_are_read_in_one_way_only() {
    Bench::new().await.all(BOTH, CODINGS, "").await;
}

#[tokio::test]
async fn chunks_are_read_in_one_way_only() {
    let before = "POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding: chunked\r\n\r\n";
    Bench::new().await.all(BOTH, CHUNKS, before).await;
}

#[tokio::test]
async fn fields_of_one_hop_stay_on_it() {
    Bench::new().await.all(BOTH, HOP_BY_HOP, "").await;
}

#[tokio::test]
async fn what_is_too_long_is_refused_as_what_it_is() {
    let mut bench = Bench::new().await;
    let long = |count: usize| "a".repeat(count);
    let cases = [
        ("a method without end", long(100_000), 400),
        ("a method of 65 bytes", format!("{} / HTTP/1.1\r\nHost: {HOST}\r\n\r\n", long(65)), 400),
        ("a target of 100 KB", format!("GET /{} HTTP/1.1\r\nHost: {HOST}\r\n\r\n", long(100_000)), 414),
        ("a target over its limit", format!("GET /{} HTTP/1.1\r\nHost: {HOST}\r\n\r\n", long(32 * 1024)), 414),
        ("a value of 100 KB", format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nA: {}\r\n\r\n", long(100_000)), 431),
        ("a name of 100 KB", format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n{}: b\r\n\r\n", long(100_000)), 431),
        ("10,000 fields", format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n{}\r\n", "A: b\r\n".repeat(10_000)), 431),
        ("101 fields", format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n{}\r\n", "A: b\r\n".repeat(100)), 431),
    ];
    for (name, text, status) in cases {
        for way in BOTH {
            bench.run(*way, text.as_bytes(), name, Refused(status)).await;
        }
    }
    let most = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n{}\r\n", "A: b\r\n".repeat(99));
    bench.run(Way::Tunnel, most.as_bytes(), "100 fields", Once("A: b", "")).await;
}

#[test]
fn there_are_enough_of_them() {
    let all = [REQUEST_LINE, FIELDS, HOST_FIELD, FOREIGN, LENGTHS, CODINGS, CHUNKS, HOP_BY_HOP];
    let mut names: Vec<_> =
        all.iter().enumerate().flat_map(|(table, probes)| probes.iter().map(move |probe| (table, probe.0))).collect();
    assert!(names.len() >= 200, "{}", names.len());
    names.dedup();
    assert_eq!(names.len(), all.iter().map(|probes| probes.len()).sum::<usize>(), "each has its own name");
}

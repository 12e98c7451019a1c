//! Transcripts as curl 7 and 8 print them, on a screen, into a file, and pasted in part.

use proptest::prelude::*;

use crate::model::{CertificateFault, FailureKind, Outcome, Phase, Scheme};

use super::*;

const ERROR: &str = r#"{"error":{"message":"User Not Authenticated","detail":"Required to provide Auth information"},"status":"failure"}"#;

fn one(text: &str) -> Exchange {
    assert!(is_transcript(text), "{text}");
    let mut exchanges = read(text);
    assert_eq!(exchanges.len(), 1, "{text}");
    exchanges.remove(0)
}

fn body(exchange: &Exchange) -> &str {
    std::str::from_utf8(&exchange.response().unwrap().body.bytes).unwrap()
}

fn failure(text: &str) -> (Phase, FailureKind, String) {
    let exchange = one(text);
    match exchange.outcome {
        Outcome::Failed(failure) => (failure.phase, failure.kind, exchange.request.origin()),
        _ => panic!("answered: {text}"),
    }
}

/// `2>&1` into a file: meter, lengths, and the body after curl's last words.
#[test]
fn output_into_a_file() {
    let text = format!(
        "  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current\n\
         \x20                                Dload  Upload   Total   Spent    Left  Speed\n\
         \r  0     0    0     0    0     0      0      0 --:--:-- --:--:-- --:--:--     0*   Trying 203.0.113.7:443...\n\
         * Connected to dev1.service-now.com (203.0.113.7) port 443 (#0)\n* ALPN: offers h2,http/1.1\n}} [5 bytes data]\n\
         * TLSv1.3 (OUT), TLS handshake, Client hello (1):\n* SSL connection using TLSv1.3 / TLS_AES_256_GCM_SHA384\n\
         * ALPN: server accepted http/1.1\n> GET /api/now/table/incident?sysparm_limit=1 HTTP/1.1\r\n> Host: dev1.service-now.com\r\n\
         > Authorization: Bearer abc \r\n> \r\n< HTTP/1.1 401 Unauthorized\r\n< Server: snow_adc\r\n\
         < Date: Sun, 22 Nov 2026 10:00:00 GMT\r\n< \r\n{{ [113 bytes data]\n\
         \r100   113  100   113    0     0   8462   2246 --:--:-- --:--:-- --:--:-- 11000\n\
         * Connection #0 to host dev1.service-now.com left intact\n{ERROR}"
    );
    let exchange = one(&text);
    assert_eq!(exchange.request.origin(), "https://dev1.service-now.com");
    assert_eq!(exchange.request.query(), Some("sysparm_limit=1"));
    assert!(exchange.request.head.as_ref().unwrap().ends_with(b"Authorization: Bearer abc \r\n\r\n"));
    assert_eq!((exchange.status(), body(&exchange)), (Some(401), ERROR));
    assert_eq!(crate::wire::date::iso(exchange.at), "2026-11-22T10:00:00.000Z");
    assert_eq!(exchange.upstream.address.unwrap().to_string(), "203.0.113.7:443");
    let tls = exchange.upstream.tls.unwrap();
    assert_eq!((tls.version.as_deref(), tls.alpn.as_deref()), (Some("TLSv1.3"), Some("http/1.1")));
}

/// On a screen the body stands before curl's last words, on one line with them; curl 8 writes HTTP/2 twice.
#[test]
fn output_on_a_screen_with_http2() {
    let text = format!(
        "$ curl -v https://dev1.service-now.com/oauth_token.do -d 'grant_type=password&username=svc'\n\
         * Host dev1.service-now.com:443 was resolved.\n* IPv4: 203.0.113.7\n*   Trying 203.0.113.7:443...\n\
         * ALPN: server accepted h2\n* Established connection to dev1.service-now.com (203.0.113.7 port 443) from 192.0.2.1 port 5\n\
         * using HTTP/2\n* [HTTP/2] [1] OPENED stream for https://dev1.service-now.com/oauth_token.do\n\
         * [HTTP/2] [1] [:path: /oauth_token.do]\n> POST /oauth_token.do HTTP/2\n> Host: dev1.service-now.com\n\
         > Content-Length: 32\n>\n* upload completely sent off: 32 bytes\n< HTTP/2 401\n< server: snow_adc\n<\n\
         {ERROR}* Connection #0 to host dev1.service-now.com left intact"
    );
    let exchange = one(&text);
    assert_eq!(&exchange.request.body.bytes[..], b"grant_type=password&username=svc");
    assert_eq!((exchange.request.version.as_str(), body(&exchange)), ("HTTP/2", ERROR));
}

#[test]
fn a_command_whose_data_has_another_length_is_not_believed() {
    let text =
        "curl -v https://h/ -d a=1\n> POST / HTTP/1.1\n> Host: h\n> Content-Length: 12\n>\n< HTTP/1.1 200 OK\n<\n";
    let body = one(text).request.body;
    assert_eq!((body.bytes.len(), body.length), (0, 12));
}

#[test]
fn redirects_and_interim_answers() {
    let text = "* Connected to h (192.0.2.1) port 80 (#0)\n> PUT /a HTTP/1.1\n> Host: h\n> Expect: 100-continue\n>\n\
                < HTTP/1.1 100 Continue\n<\n} [3 bytes data]\n< HTTP/1.1 302 Found\n< Location: /b\n<\n\
                * Issue another request to this URL: 'http://h/b'\n* Re-using existing connection #0 with host h\n\
                > GET /b HTTP/1.1\n> Host: h\n>\n< HTTP/1.1 200 OK\n< Content-Type: text/html\n<\n<html>\n< not a field\n* item\n</html>\n";
    let exchanges = read(text);
    let seen: Vec<_> = exchanges.iter().map(|exchange| (exchange.request.path(), exchange.status().unwrap())).collect();
    assert_eq!(seen, [("/a", 302), ("/b", 200)]);
    assert_eq!(exchanges[1].request.scheme, Scheme::Http);
    assert!(exchanges[1].upstream.reused);
    assert!(body(&exchanges[1]).starts_with("<html>\n< not a field"));
}

#[test]
fn heads_repeated_by_dash_i_are_no_body() {
    let text = "> GET /a HTTP/1.1\n> Host: h\n>\n< HTTP/1.1 302 Found\n<\n> GET /b HTTP/1.1\n> Host: h\n>\n< HTTP/1.1 401 Unauthorized\n<\n\
                HTTP/1.1 302 Found\r\n\r\nHTTP/1.1 401 Unauthorized\r\nServer: x\r\n\r\n{\"error\":1}\n";
    assert_eq!(body(&read(text)[1]), "{\"error\":1}");
}

#[test]
fn failures_name_phase_kind_and_host() {
    let resolve = "* Could not resolve host: dev1.service-now.com\n* Closing connection 0\ncurl: (6) Could not resolve host: dev1.service-now.com";
    assert_eq!(
        failure(resolve),
        (Phase::Resolve, FailureKind::NameNotFound, String::from("https://dev1.service-now.com"))
    );
    assert_eq!(
        failure("curl: (6) Could not resolve host: h"),
        (Phase::Resolve, FailureKind::NameNotFound, String::from("https://h"))
    );
    let refused = "*   Trying 127.0.0.1:1...\n* connect to 127.0.0.1 port 1 failed: Connection refused\n\
                   * Failed to connect to h port 1 after 0 ms: Couldn't connect to server\n* Closing connection 0\n\
                   curl: (7) Failed to connect to h port 1 after 0 ms: Couldn't connect to server\n";
    assert_eq!(failure(refused), (Phase::Connect, FailureKind::ConnectionRefused, String::from("https://h:1")));
    let certificate = "* Connected to h (192.0.2.1) port 443 (#0)\n* ALPN: offers h2\n* TLSv1.3 (OUT), TLS alert, unknown CA (560):\n\
                       * SSL certificate problem: unable to get local issuer certificate\n* Closing connection 0\n\
                       curl: (60) SSL certificate problem: unable to get local issuer certificate\nMore details here: https://curl.se/docs/sslcerts.html\n";
    let unknown = FailureKind::Certificate(CertificateFault::UnknownIssuer(String::new()));
    assert_eq!(failure(certificate), (Phase::UpstreamTls, unknown, String::from("https://h")));
    let silent = "* Connected to h (192.0.2.1) port 443 (#0)\n> GET / HTTP/1.1\n> Host: h\n>\n* Empty reply from server\ncurl: (52) Empty reply from server";
    assert_eq!(failure(silent), (Phase::AwaitAnswer, FailureKind::Closed, String::from("https://h")));
}

#[test]
fn a_client_that_refuses_our_own_certificate_distrusts_us() {
    let text = "* Connected to 127.0.0.1 (127.0.0.1) port 8080\n* Establish HTTP proxy tunnel to dev1.service-now.com:443\n\
                > CONNECT dev1.service-now.com:443 HTTP/1.1\n> Host: dev1.service-now.com:443\n>\n< HTTP/1.1 200 Connection established\n<\n\
                * Server certificate:\n*  subject: CN=dev1.service-now.com\n*  issuer: CN=why401 intermediate\n\
                * SSL certificate problem: unable to get local issuer certificate\n\
                curl: (60) SSL certificate problem: unable to get local issuer certificate\n";
    let exchange = one(text);
    let Outcome::Failed(failure) = &exchange.outcome else { panic!("failed") };
    assert_eq!((failure.phase, &failure.kind), (Phase::ClientTls, &FailureKind::ClientAlert(48)));
    assert_eq!(exchange.request.target, "dev1.service-now.com:443");
    assert!(!exchange.request.unseen);
}

#[test]
fn a_proxy_that_refuses_the_tunnel_answers_itself() {
    let text = "* Connected to proxy.partner.example (192.0.2.1) port 3128\n* Establish HTTP proxy tunnel to h:443\n> CONNECT h:443 HTTP/1.1\n> Host: h:443\n>\n\
                < HTTP/1.1 407 Proxy Authentication Required\n< Proxy-Authenticate: NTLM\n<\n* CONNECT tunnel failed, response 407\n\
                curl: (56) CONNECT tunnel failed, response 407";
    let exchange = one(text);
    let response = exchange.response().unwrap();
    assert_eq!((exchange.request.method.as_str(), response.status, response.cut.is_some()), ("CONNECT", 407, false));
    assert_eq!(exchange.upstream.parent.as_deref(), Some("proxy.partner.example:3128"));
}

#[test]
fn a_cut_body_is_marked() {
    let text = "> GET / HTTP/1.1\n> Host: h\n>\n< HTTP/1.1 200 OK\n< Content-Length: 100\n<\nabc\ncurl: (18) transfer closed with 97 bytes remaining to read";
    let exchange = one(text);
    let response = exchange.response().unwrap();
    assert_eq!((response.cut.as_ref().unwrap().phase, response.body.length), (Phase::ReadBody, 100));
    let fail = "> GET / HTTP/1.1\n> Host: h\n>\n< HTTP/1.1 401 Unauthorized\n<\ncurl: (22) The requested URL returned error: 401";
    assert!(one(fail).response().unwrap().cut.is_none());
}

const TRACE: &str = "10:00:00.497339 == Info:   Trying 127.0.0.1:34463...
10:00:00.497464 == Info: Connected to 127.0.0.1 (127.0.0.1) port 34463 (#0)
10:00:00.497497 => Send header, 163 bytes (0xa3)
0000: POST /oauth_token.do HTTP/1.1
001f: Host: 127.0.0.1:34463
0036: Content-Type: application/x-www-form-urlencoded
0067: Content-Length: 92
007b:
10:00:00.497534 => Send data, 92 bytes (0x5c)
0000: grant_type=password&username=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
0040: aaaaaaaaaaaaaaaaaaaaaaaaaaaa
10:00:00.508085 <= Recv header, 27 bytes (0x1b)
0000: HTTP/1.1 401 Unauthorized
10:00:00.508085 <= Recv header, 17 bytes (0x1b)
0000: Server: snow_adc
10:00:00.508158 <= Recv header, 2 bytes (0x2)
0000:
10:00:00.508162 <= Recv data, 15 bytes (0x71)
0000: {
0003:  \"error\":1
000f: }
10:00:00.508177 == Info: Connection #0 to host 127.0.0.1 left intact
";

#[test]
fn traces_show_both_bodies() {
    let exchange = one(TRACE);
    assert_eq!(exchange.request.origin(), "http://127.0.0.1:34463");
    assert_eq!(exchange.request.fields.0.len(), 3);
    assert!(
        exchange
            .request
            .body
            .bytes
            .ends_with(b"username=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
    );
    assert_eq!(exchange.request.body.bytes.len(), 92);
    assert_eq!(body(&exchange), "{\r\n \"error\":1\r\n}");
}

#[test]
fn traces_in_hexadecimal() {
    let text = "=> Send header, 39 bytes (0x27)
0000: 47 45 54 20 2f 61 70 69 20 48 54 54 50 2f 31 2e GET /api HTTP/1.
0010: 31 0d 0a 48 6f 73 74 3a 20 68 0d 0a 0d 0a       1..Host: h....
<= Recv header, 12 bytes (0x1b)
0000: 48 54 54 50 2f 31 2e 31 20 34 30 31 0d 0a       HTTP/1.1 401..
<= Recv header, 2 bytes (0x2)
0000: 0d 0a                                           ..
<= Recv data, 2 bytes (0x71)
0000: 7b 7d                                           {}
";
    let exchange = one(text);
    assert_eq!((exchange.request.host.as_str(), exchange.status(), body(&exchange)), ("h", Some(401), "{}"));
}

#[test]
fn other_texts_are_no_transcripts() {
    for text in [
        "",
        "GET / HTTP/1.1\nHost: h\n",
        "* a list\n* of things\n",
        "{\"log\":{}}",
        "> quoted mail\n> more",
        "<html></html>",
    ] {
        assert!(!is_transcript(text), "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read(parts in prop::collection::vec(prop::sample::select(vec![
        "> GET / HTTP/1.1", "> ", ">", "< HTTP/1.1 401 x", "< HTTP/1.1 100 C", "<", "* Connected to h (1.2.3.4) port 443", "* Trying x", "\n", "\r",
        "curl: (6) x", "curl: (18) y", "curl -d '", "\\", "=> Send header, 1", "<= Recv header, 1", "<= Recv data, 1", "0000: 47", "0040: é", "== Info: x", "{}", "é", "* Connection #",
        "Host: h", "{ [5 bytes data]", "10:00:00.1 ",
    ]), 0..60)) {
        let text = parts.concat();
        let exchanges = read(&text);
        assert!(exchanges.len() <= parts.len());
        assert!(exchanges.iter().all(|exchange| !exchange.request.target.is_empty()));
    }

    #[test]
    fn any_bytes_are_read(text in "\\PC{0,300}") {
        assert!(read(&text).len() <= text.len());
    }
}

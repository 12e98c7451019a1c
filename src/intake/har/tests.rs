//! HARs as tools write them, whole, odd and broken.

use proptest::prelude::*;

use crate::model::{CertificateFault, FailureKind, HeadProblem, Phase, Scheme, Way};

use super::*;
use crate::intake::message::BODY_LIMIT;

/// A HAR of these entries, by a tool of that name.
fn har(creator: &str, entries: &[&str]) -> String {
    format!(
        r#"{{"log":{{"version":"1.2","creator":{{"name":"{creator}","version":"1"}},"entries":[{}],"comment":"end"}}}}"#,
        entries.join(",\n")
    )
}

fn read(text: &str) -> (Vec<Exchange>, Vec<Fault>) {
    let (mut exchanges, mut faults) = (Vec::new(), Vec::new());
    for item in Reader::new(text.as_bytes()) {
        match item {
            Ok(exchange) => exchanges.push(exchange),
            Err(fault) => faults.push(fault),
        }
    }
    (exchanges, faults)
}

/// The exchange of one entry.
fn one(entry: &str) -> Exchange {
    let (mut exchanges, faults) = read(&har("capture", &[entry]));
    assert_eq!(faults, []);
    exchanges.pop().unwrap()
}

fn body(exchange: &Exchange) -> String {
    String::from_utf8(exchange.response().unwrap().body.bytes.to_vec()).unwrap()
}

const FULL: &str = r#"{
  "startedDateTime": "2026-11-22T10:00:00.123Z", "time": 150.5, "connection": "52", "serverIPAddress": "[2001:db8::7]",
  "request": {"method": "POST", "url": "https://dev1.service-now.com/oauth_token.do?a=1#part", "httpVersion": "http/2.0",
    "headers": [{"name": ":authority", "value": "dev1.service-now.com"}, {"name": "content-type", "value": "application/x-www-form-urlencoded"},
      {"name": "authorization", "value": "Bearer  abc "}],
    "cookies": [{"name": "JSESSIONID", "value": "0A"}, {"name": "glide_user_route", "value": "glide.1"}],
    "queryString": [{"name": "a", "value": "1"}], "headersSize": -1, "bodySize": 20,
    "postData": {"mimeType": "application/x-www-form-urlencoded", "text": "grant_type=password", "params": [{"name":"x","value":"y"}]}},
  "response": {"status": 401, "statusText": "Unauthorized", "httpVersion": "h2",
    "headers": [{"name": "set-cookie", "value": "a=1; Path=/\nb=2"}], "cookies": [],
    "content": {"size": 13, "mimeType": "application/json", "text": "eyJlcnJvciI6MX0=", "encoding": "base64"},
    "redirectURL": "", "headersSize": -1, "bodySize": -1},
  "cache": {}, "timings": {"blocked": 1, "dns": 9, "connect": 40, "ssl": 30, "send": 0.5, "wait": 90, "receive": 10}
}"#;

#[test]
fn an_entry_becomes_an_exchange() {
    let exchange = one(FULL);
    assert_eq!((exchange.id, exchange.entry, exchange.client.way), (1, Some(0), Way::Recorded));
    assert_eq!(crate::wire::date::iso(exchange.at), "2026-11-22T10:00:00.123Z");
    let request = &exchange.request;
    assert_eq!((request.scheme, request.host.as_str(), request.port), (Scheme::Https, "dev1.service-now.com", 443));
    assert_eq!((request.target.as_str(), request.version.as_str()), ("/oauth_token.do?a=1", "HTTP/2"));
    assert_eq!(&request.body.bytes[..], b"grant_type=password");
    assert_eq!(request.fields.get("host"), Some(&b"dev1.service-now.com"[..]));
    assert_eq!(request.fields.get("cookie"), Some(&b"JSESSIONID=0A; glide_user_route=glide.1"[..]));
    assert_eq!(request.fields.get("authorization"), Some(&b"Bearer  abc"[..]));
    let response = exchange.response().unwrap();
    assert_eq!((response.status, body(&exchange).as_str(), response.body.coded), (401, "{\"error\":1}", false));
    assert_eq!(response.fields.all("set-cookie").collect::<Vec<_>>(), [&b"a=1; Path=/"[..], b"b=2"]);
    assert_eq!(exchange.upstream.address.unwrap().to_string(), "[2001:db8::7]:443");
    let ms = |length: Option<std::time::Duration>| length.unwrap().as_secs_f64() * 1000.0;
    let timing = exchange.timing;
    assert_eq!([timing.resolve, timing.connect, timing.tls].map(ms), [9.0, 10.0, 30.0]);
    assert_eq!([timing.sent, timing.first_byte, timing.end].map(ms), [50.5, 140.5, 150.5]);
}

#[test]
fn white_space_around_a_value_stays_in_the_head() {
    let head = one(FULL).request.head.unwrap();
    assert!(head.ends_with(b"authorization: Bearer  abc \r\n\r\n"), "{}", head.escape_ascii());
}

#[test]
fn an_entry_may_hold_next_to_nothing() {
    let exchange = one(
        r#"{"request":{"url":"http://h"},"response":{"status":"401","content":null,"headers":null},"timings":null}"#,
    );
    assert_eq!((exchange.request.method.as_str(), exchange.request.target.as_str()), ("GET", "/"));
    assert_eq!((exchange.status(), exchange.timing), (Some(401), crate::model::Timing::default()));
}

#[test]
fn what_stands_only_beside_the_headers_comes_in() {
    let exchange = one(
        r#"{"request":{"method":"post","url":"https://h/oauth_token.do","queryString":[{"name":"q","value":"a b"}],
        "headers":{"Accept":"*/*"},"postData":{"mimeType":"application/x-www-form-urlencoded","params":[{"name":"grant_type","value":"password"},{"name":"username","value":"a&b"}]}},
        "response":{"status":302,"redirectURL":"/login.do","cookies":[{"name":"glide_user","value":"x","path":"/"}],"content":{"mimeType":"text/html"}}}"#,
    );
    let request = &exchange.request;
    assert_eq!((request.method.as_str(), request.query()), ("POST", Some("q=a%20b")));
    assert_eq!(&request.body.bytes[..], b"grant_type=password&username=a%26b");
    assert_eq!(request.fields.text("accept").unwrap(), "*/*");
    assert_eq!(request.fields.text("content-type").unwrap(), "application/x-www-form-urlencoded");
    let fields = &exchange.response().unwrap().fields;
    assert_eq!(fields.text("location").unwrap(), "/login.do");
    assert_eq!(fields.text("set-cookie").unwrap(), "glide_user=x; Path=/");
    assert_eq!(fields.text("content-type").unwrap(), "text/html");
}

#[test]
fn a_target_alone_is_at_the_host_of_its_field() {
    let request = one(r#"{"request":{"url":"/api/now?x","headers":[{"name":"Host","value":"dev1.service-now.com"}]},"response":{"status":401}}"#).request;
    assert_eq!((request.origin().as_str(), request.target.as_str()), ("https://dev1.service-now.com", "/api/now?x"));
}

#[test]
fn connects_and_foreign_schemes() {
    let exchange =
        one(r#"{"request":{"method":"CONNECT","url":"dev1.service-now.com:443"},"response":{"status":407}}"#);
    assert_eq!(
        (exchange.request.host.as_str(), exchange.request.target.as_str()),
        ("dev1.service-now.com", "dev1.service-now.com:443")
    );
    let data = r#"{"request":{"url":"data:text/plain,x"},"response":{"status":200}}"#;
    let (exchanges, faults) = read(&har("capture", &[data, FULL]));
    assert_eq!((exchanges.len(), exchanges[0].entry, faults.len()), (1, Some(1), 0));
}

#[test]
fn what_stopped_an_exchange_is_told_apart() {
    let failure = |entry: &str| match one(entry).outcome {
        Outcome::Failed(failure) => failure,
        _ => panic!("not failed: {entry}"),
    };
    let chrome = failure(
        r#"{"request":{"url":"https://h/"},"response":{"status":0,"_error":"net::ERR_CERT_AUTHORITY_INVALID"}}"#,
    );
    assert_eq!(chrome.kind, FailureKind::Certificate(CertificateFault::UnknownIssuer(String::new())));
    let own = failure(
        r#"{"request":{"url":"https://h/"},"response":{"status":502},"_error":"failed upstream-tls certificate-expired"}"#,
    );
    assert_eq!(
        (own.phase, own.kind, own.status),
        (Phase::UpstreamTls, FailureKind::Certificate(CertificateFault::Expired), Some(502))
    );
    let silent = r#"{"request":{"url":"https://h/"},"response":{"status":0,"content":{}},"_error":null}"#;
    let blocked = r#"{"request":{"url":"https://h/"},"response":{"status":0,"_error":"net::ERR_BLOCKED_BY_CLIENT"},"_resourceType":"xhr"}"#;
    for unknown in [silent, blocked] {
        assert!(matches!(one(unknown).outcome, Outcome::Abandoned(Phase::AwaitAnswer)));
    }
}

#[test]
fn a_form_that_is_not_in_the_file_is_unseen() {
    let entry = |body: &str| {
        one(&format!(
            r#"{{"request":{{"method":"POST","url":"https://h/oauth_token.do","headers":[{{"name":"Content-Type","value":"application/x-www-form-urlencoded"}},{{"name":"Content-Length","value":"3"}}]{body}}},"response":{{"status":401}}}}"#
        ))
    };
    assert!(entry("").request.unseen && entry(r#","bodySize":3"#).request.unseen);
    // What was announced was sent, whatever the tool has counted of it.
    assert!(entry(r#","bodySize":0"#).request.unseen && entry(r#","postData":{"text":"ab"}"#).request.unseen);
    assert!(!entry(r#","postData":{"text":"a=1"}"#).request.unseen);
}

#[test]
fn our_own_members_are_read_back() {
    let text = format!(
        r#"{{"request":{{"method":"GET","url":"https://h/%7Bx%7D","{}":"https://h/{{x}}","{}":"GET /{{x}} HTTP/1.1\r\nA : \u00e9\r\n\r\n",
        "headers":[{{"name":"A","value":"\ufffd","{}":"\u00e9"}}]}},"response":{{"status":400}},"{}":"refused space-before-colon 20","{}":"reverse","{}":"127.0.0.1:50001","{}":[{{"cause":"x"}}]}}"#,
        custom::RAW_URL,
        custom::RAW_HEAD,
        custom::RAW_VALUE,
        custom::ERROR,
        custom::WAY,
        custom::CLIENT,
        custom::FINDINGS,
    );
    let exchange = one(&text);
    assert_eq!((exchange.request.target.as_str(), exchange.client.way), ("/{x}", Way::Reverse));
    assert_eq!(exchange.request.head.as_deref(), Some(&b"GET /{x} HTTP/1.1\r\nA : \xe9\r\n\r\n"[..]));
    assert_eq!(exchange.request.fields.get("a"), Some(&b"\xe9"[..]));
    assert_eq!(exchange.client.address.unwrap().to_string(), "127.0.0.1:50001");
    let Outcome::Refused(fault) = exchange.outcome else { panic!("refused") };
    assert_eq!((fault.problem, fault.offset, fault.status), (HeadProblem::SpaceBeforeColon, 20, 400));
}

#[test]
fn a_cut_answer_is_an_answer() {
    let text = r#"{"request":{"url":"https://h/"},"response":{"status":200,"content":{"text":"{\"a"}},"_error":"failed read-body reset"}"#;
    let exchange = one(text);
    assert_eq!(exchange.response().unwrap().cut.as_ref().unwrap().kind, FailureKind::Reset);
}

#[test]
fn entries_are_told_in_the_order_of_their_times() {
    let at = |time: &str, path: &str| {
        format!(
            r#"{{"startedDateTime":"2026-11-22T{time}Z","request":{{"url":"https://h/{path}"}},"response":{{"status":200}}}}"#
        )
    };
    let timeless = r#"{"request":{"url":"https://h/timeless"},"response":{"status":200}}"#;
    let entries = [at("10:00:05", "c"), at("10:00:01", "a"), String::from(timeless), at("10:00:03", "b")];
    let (exchanges, _) = read(&har("capture", &entries.each_ref().map(String::as_str)));
    let order: Vec<_> =
        exchanges.iter().map(|exchange| (exchange.id, exchange.entry.unwrap(), exchange.request.path())).collect();
    assert_eq!(order, [(1, 1, "/a"), (2, 2, "/timeless"), (3, 3, "/b"), (4, 0, "/c")]);
}

#[test]
fn a_full_window_lets_the_earliest_go() {
    let entry = |second: usize| {
        format!(
            r#"{{"startedDateTime":"2026-11-22T10:00:{second:02}Z","request":{{"url":"https://h/{second}"}},"response":{{"status":200}}}}"#
        )
    };
    let entries = [1, 0, 3, 2, 5, 4].map(entry);
    let text = har("capture", &entries.each_ref().map(String::as_str));
    let mut reader = Reader::new(text.as_bytes());
    // Room for two: neighbours are put in order, and never do more than three wait.
    reader.window.limit = 2 * size_of::<Exchange>() + 64;
    let mut order = Vec::new();
    while let Some(item) = reader.next() {
        order.push(item.unwrap().request.target);
        assert!(reader.window.heap.len() <= 2);
    }
    assert_eq!(order, ["/0", "/1", "/2", "/3", "/4", "/5"]);
}

#[test]
fn a_fault_in_one_entry_does_not_stop_the_others() {
    let entries = [
        "7",
        r#"{"response":{}}"#,
        r#"{"request":{"url":"/relative"}}"#,
        r#"{"request":{"url":"https://h/"},,}"#,
        FULL,
    ];
    let (exchanges, faults) = read(&har("capture", &entries));
    assert_eq!(exchanges.iter().map(|exchange| exchange.entry).collect::<Vec<_>>(), [Some(4)]);
    assert_eq!(faults.iter().map(|fault| fault.entry).collect::<Vec<_>>(), [Some(0), Some(1), Some(2), Some(3)]);
    assert!(faults[1].to_string().contains("no `request`") && faults[2].what.contains("absolute"), "{faults:?}");
}

#[test]
fn almost_json_is_mended() {
    let exchange = one(
        "{\"request\":{\"url\":\"https://h/\"},\"response\":{\"status\":401,\"content\":{\"text\":\"a\nb\\ud83d\"}}}",
    );
    assert_eq!(body(&exchange), "a\nb\u{FFFD}");
}

#[test]
fn a_cut_file_gives_what_it_has() {
    let text = format!("\u{FEFF}{}", har("capture", &[FULL, FULL]));
    let (exchanges, faults) = read(text.get(..text.len() - 100).unwrap());
    assert_eq!((exchanges.len(), faults.len()), (1, 1));
    assert!(faults[0].entry.is_none() && faults[0].what.contains("after 1 whole entries"), "{}", faults[0]);
    assert_eq!(read(&text).0.len(), 2);
}

#[test]
fn json_that_is_no_har_says_so() {
    for text in ["{}", r#"{"log":{}}"#, r#"{"entries":[]}"#, r#"{"log":[]}"#] {
        let (exchanges, faults) = read(text);
        assert!(exchanges.is_empty() && faults[0].what.contains("no HAR"), "{text}: {faults:?}");
    }
    assert_eq!(read(r#"{"log":{"entries":[]}}"#).1, []);
    assert!(read("[]").1[0].what.contains("expected `{`"));
}

#[test]
fn a_sanitized_export_shows_no_missing_credentials() {
    let bare = r#"{"request":{"url":"https://h/"},"response":{"status":401}}"#;
    assert!(read(&har("WebInspector", &[bare])).0[0].request.unseen);
    assert!(!read(&har("WebInspector", &[bare, FULL])).0[0].request.unseen);
    assert!(!read(&har("Firefox", &[bare])).0[0].request.unseen);
}

#[test]
fn a_sanitized_export_shows_the_client_that_a_form_names() {
    let post = |form: &str| {
        let entry = format!(
            r#"{{"request":{{"method":"POST","url":"https://h/oauth_token.do","postData":{{"mimeType":"application/x-www-form-urlencoded","text":"{form}"}}}},"response":{{"status":401}}}}"#
        );
        read(&har("WebInspector", &[&entry])).0[0].request.unseen
    };
    assert!(!post("grant_type=client_credentials&client_id=a&client_secret=b"));
    assert!(!post("grant_type=authorization_code&code=c&client_id=a&code_verifier=v"));
    // What proves the client may have stood in Authorization, which the export leaves out.
    assert!(post("grant_type=client_credentials&client_id=a"));
    assert!(post("client_secret=b"));
}

#[test]
fn long_strings_are_cut_and_the_next_entry_is_whole() {
    let long = "x\\u00e9".repeat(400_000);
    let entry = format!(
        r#"{{"request":{{"url":"https://h/"}},"response":{{"status":200,"content":{{"size":9,"text":"{long}"}}}}}}"#
    );
    let (exchanges, faults) = read(&har("capture", &[&entry, FULL]));
    assert_eq!((exchanges.len(), faults.len()), (2, 0));
    let captured = &exchanges[0].response().unwrap().body.bytes;
    assert!(captured.len() <= BODY_LIMIT && captured.len() > BODY_LIMIT - 4);
    assert!("x\u{e9}".repeat(400_000).as_bytes().starts_with(captured));
}

#[test]
fn bodies_of_pictures_keep_only_their_length() {
    let exchange = one(
        r#"{"request":{"url":"https://h/a.png"},"response":{"status":200,"content":{"size":3,"mimeType":"image/png","encoding":"base64","text":"AAAA"}}}"#,
    );
    let body = &exchange.response().unwrap().body;
    assert_eq!((body.bytes.len(), body.length), (0, 3));
}

/// Gives a few bytes at a time, as a pipe may.
struct Dribble<'a>(&'a [u8], usize);

impl Read for Dribble<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let length = self.1.min(self.0.len()).min(into.len());
        let (now, later) = self.0.split_at(length);
        into[..length].copy_from_slice(now);
        self.0 = later;
        Ok(length)
    }
}

#[test]
fn the_size_of_the_reads_does_not_matter() {
    let text = har("capture", &[FULL, r#"{"request":{"url":"https://h/\u00e9\\"}}"#, "12", FULL]);
    let all = |size| {
        Reader::new(Dribble(text.as_bytes(), size)).map(|item| item.map(|e| e.request.target)).collect::<Vec<_>>()
    };
    let whole = all(usize::MAX);
    assert_eq!(whole.len(), 4);
    for size in [1, 2, 3, 7] {
        assert_eq!(all(size), whole);
    }
}

proptest! {
    #[test]
    fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        assert!(Reader::new(&bytes[..]).count() <= bytes.len() + 1);
    }

    #[test]
    fn any_json_in_an_entry_is_read_or_named(
        tokens in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"request\"", "\"url\"", "\"https://h/\"", "\"headers\"", "\"name\"", "\"value\"",
            "null", "1", "-1e999", "\"\\ud800\"", "\"response\"", "\"status\"", "true", "\"content\"", "\"text\"", "\\", "\"",
        ]), 0..60),
    ) {
        let text = har("capture", &[&tokens.concat(), FULL]);
        assert!(Reader::new(text.as_bytes()).count() <= text.len());
    }

    #[test]
    fn a_cut_anywhere_is_no_panic(cut in 0usize..1800) {
        let text = har("capture", &[FULL]);
        let (exchanges, faults) = read(text.get(..cut).unwrap_or(&text));
        assert!(exchanges.len() + faults.len() <= 2);
    }
}

//! No secret leaves: marks planted in every place where secrets travel, and any bytes anywhere, through every teller.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests may"
)]

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use why401::catalog;
use why401::intake::transcript;
use why401::model::{
    Answerer, Body, Client, Diagnosis, Evidence, Exchange, Fields, Finding, Grade, Millis, Outcome, Place, Reason,
    Request, Response, Salt, Scheme, Timing, Upstream,
};
use why401::output::{Style, TakenBack, Told, json, log};
use why401::wire::form;

/// A value that no text has by chance.
const MARK: &str = "Zq7xV9kP2mT4wR8s";

fn request(target: &str, fields: &[(&str, &str)], body: &str) -> Request {
    Request {
        method: "POST".into(),
        scheme: Scheme::Https,
        host: "dev1.service-now.com".into(),
        port: 443,
        target: target.into(),
        version: "HTTP/1.1".into(),
        fields: fields.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        body: Body::whole(body.to_owned()),
        head: None,
        unseen: false,
    }
}

fn response(fields: &[(&str, &str)], body: &str) -> Response {
    Response {
        status: 401,
        reason: "Unauthorized".into(),
        version: "HTTP/1.1".into(),
        fields: fields.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        body: Body::whole(body.to_owned()),
        ours: false,
        cut: None,
    }
}

fn exchange(request: Request, response: Response) -> Exchange {
    Exchange {
        id: 1,
        entry: None,
        at: Millis(1_793_613_600_000),
        client: Client::default(),
        request,
        outcome: Outcome::Answered(response),
        timing: Timing::default(),
        upstream: Upstream::default(),
    }
}

fn sent(target: &str, fields: &[(&str, &str)], body: &str) -> Exchange {
    exchange(request(target, fields, body), response(&[], ""))
}

fn answered(fields: &[(&str, &str)], body: &str) -> Exchange {
    exchange(request("/api/now/table/incident", &[], ""), response(fields, body))
}

/// Every place of the exchange that evidence can point at.
fn places(exchange: &Exchange) -> Vec<Place> {
    let mut places = vec![
        Place::RequestHead,
        Place::RequestMethod,
        Place::RequestUrl,
        Place::RequestTarget,
        Place::BasicDecoded,
        Place::RequestBody,
        Place::ResponseStatus,
        Place::ResponseBody,
        Place::Connection,
        Place::Clock,
        Place::Exchange(3),
    ];
    let names = |fields: &Fields| -> Vec<String> {
        fields.0.iter().map(|field| String::from_utf8_lossy(&field.name).to_ascii_lowercase()).collect()
    };
    places.extend(names(&exchange.request.fields).iter().map(|name| Place::request_field(name)));
    places.extend(
        exchange.response().iter().flat_map(|answer| names(&answer.fields)).map(|name| Place::response_field(&name)),
    );
    let pairs = |text: &[u8]| -> Vec<String> { form::parse(text).pairs.into_iter().map(|pair| pair.name).collect() };
    places.extend(pairs(exchange.request.query().unwrap_or_default().as_bytes()).into_iter().map(Place::Query));
    places.extend(pairs(&exchange.request.body.bytes).into_iter().map(Place::Form));
    places
}

/// Every teller's words on the exchange, with evidence at every place in these spans, and with `loose` in every text that
/// a rule writes.
fn told(exchange: &Exchange, loose: &str, spans: &[Option<Range<usize>>]) -> [String; 3] {
    let says = format!("it says {loose}");
    let piece = |place: &Place, span: &Option<Range<usize>>| Evidence {
        place: place.clone(),
        span: span.clone(),
        says: says.clone(),
    };
    let places = places(exchange);
    let evidence: Vec<Evidence> =
        places.iter().flat_map(|place| spans.iter().map(move |span| piece(place, span))).collect();
    let takes_back =
        [TakenBack { exchange: 1, entry: None, cause: "wrong-password", because: format!("it was {loose}") }];
    let salt = Salt::new([3; 32]);
    let mut texts = [String::new(), String::new(), String::new()];
    // The block shows the first pieces of evidence only.
    for evidence in evidence.chunks(6) {
        let finding = Finding {
            cause: "token-expired",
            grade: Grade::Likely,
            weight: 1,
            because: format!("because of {loose}."),
            evidence: evidence.to_vec(),
            account: vec![Reason { moved: 1, says: loose.to_owned() }],
        };
        let diagnosis = Diagnosis {
            answered_by: Answerer::Instance,
            findings: vec![finding, Finding::new("plain-http", Grade::Proven, loose)],
            folded: vec!["token-revoked"],
        };
        let told = Told { exchange, diagnosis: &diagnosis, salt: &salt, takes_back: &takes_back, reading: None };
        texts[0].push_str(&log::block(&told, &Style { why: true, ..Style::plain(400) }));
        texts[2].push_str(&json::line(&told));
        texts[2].push('\n');
        if spans.len() > 1 {
            texts[1].push_str(&log::block(&told, &Style { why: true, unicode: false, ..Style::plain(60) }));
        }
    }
    texts
}

const SPANS: [Option<Range<usize>>; 5] = [None, Some(0..1), Some(0..40), Some(7..9), Some(20..200)];

/// The mark in the forms in which it could still be read.
fn forms(mark: &str) -> Vec<String> {
    vec![mark.to_owned(), STANDARD.encode(mark), URL_SAFE_NO_PAD.encode(mark), mark.chars().rev().collect()]
}

fn leaks(exchange: &Exchange, mark: &str, loose: &str) -> Option<String> {
    let texts = told(exchange, loose, &SPANS);
    // Wrapped lines could hide a mark from the search: blanks and line ends are taken out.
    let joined: Vec<String> = texts.iter().map(|text| text.split_whitespace().collect()).collect();
    let found = |form: &str| joined.iter().find_map(|text| Some(text.split_once(form)?.0.to_owned()));
    let before = forms(mark).iter().find_map(|form| found(form))?;
    Some(before.chars().skip(before.chars().count().saturating_sub(80)).collect())
}

/// Every place of the notes on redaction, with the mark in it.
fn planted() -> Vec<(&'static str, Exchange)> {
    let m = MARK;
    let basic = STANDARD.encode(format!("svc:{m}"));
    let jwt =
        format!("{}.{}.{m}", URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256"}"#), URL_SAFE_NO_PAD.encode(r#"{"sub":"x"}"#));
    let one = |name: &'static str, value: String| sent("/x", &[(name, &value)], "");
    let form = |body: String| sent("/oauth_token.do", &[("Content-Type", "application/x-www-form-urlencoded")], &body);
    let json = |body: String| answered(&[("Content-Type", "application/json")], &body);
    vec![
        ("bearer", one("Authorization", format!("Bearer {m}"))),
        ("bearer without a space", one("Authorization", format!("Bearer{m}"))),
        ("bearer in quotes", one("Authorization", format!("Bearer \"{m}\""))),
        ("bearer twice", one("Authorization", format!("Bearer Bearer {m}"))),
        ("bearer with a name", one("Authorization", format!("Authorization: Bearer {m}"))),
        ("the token alone", one("Authorization", m.into())),
        ("another scheme", one("Authorization", format!("Token {m}"))),
        ("a scheme with a colon", one("Authorization", format!("Bearer: {m}"))),
        ("basic", one("Authorization", format!("Basic {basic}"))),
        ("basic in clear", one("Authorization", format!("Basic svc:{m}"))),
        ("basic of a token", one("Authorization", format!("Basic {}", STANDARD.encode(m)))),
        ("digest", one("Authorization", format!("Digest username=\"x\", nonce=\"{m}\", response=\"{m}\", uri=\"/\""))),
        ("proxy", one("Proxy-Authorization", format!("Basic {basic}"))),
        ("misspelt", one("Authorisation", format!("Bearer {m}"))),
        ("x-usertoken", one("X-UserToken", m.into())),
        ("api key", one("x-sn-apikey", m.into())),
        ("another api key", one("X-Vendor-Api-Key", m.into())),
        ("mfa", one("X-MFA_TOKEN", m.into())),
        ("a header of any name", one("X-Custom", format!("Bearer {m}"))),
        ("cookie", one("Cookie", format!("a=1; JSESSIONID={m}; b=2"))),
        ("cookie without a name", one("Cookie", m.into())),
        ("referer", one("Referer", format!("https://app.partner.example/cb?code={m}&state=1"))),
        ("query", sent(&format!("/x?a=1&access_token={m}&b=2"), &[], "")),
        ("query code", sent(&format!("/cb?code={m}"), &[], "")),
        ("query state", sent(&format!("/cb?state={m}"), &[], "")),
        ("query api key", sent(&format!("/x?apikey={m}"), &[], "")),
        ("query saml", sent(&format!("/x?SAMLResponse={m}&RelayState={m}"), &[], "")),
        ("query ck", sent(&format!("/x?sysparm_ck={m}"), &[], "")),
        ("url in a query", sent(&format!("/x?next=https%3A%2F%2Fu%3A{m}%40h.example%2F"), &[], "")),
        ("user information", sent(&format!("https://user:{m}@dev1.service-now.com/x"), &[], "")),
        ("fragment", sent(&format!("/x#access_token={m}&token_type=Bearer"), &[], "")),
        ("path session", sent(&format!("/x;jsessionid={m}?a=1"), &[], "")),
        ("form password", form(format!("grant_type=password&username=svc&password={m}"))),
        ("form secret", form(format!("client_id=0123456789abcdef0123456789abcdef&client_secret={m}"))),
        ("form broken secret", form(format!("client_secret=ab&{m}&x=1"))),
        ("form code", form(format!("grant_type=authorization_code&code={m}&code_verifier={m}"))),
        ("form refresh", form(format!("grant_type=refresh_token&refresh_token={m}"))),
        ("form assertion", form(format!("assertion={jwt}&client_assertion={m}"))),
        ("form with blanks", form(format!(" client_secret ={m} &password= {m}"))),
        ("json request", sent("/oauth_token.do", &[], &format!("{{\"client_secret\":\"{m}\",\"password\":\"{m}\"}}"))),
        ("json answer", json(format!("{{\"access_token\":\"{m}\",\"refresh_token\":\"{m}\",\"id_token\":\"{jwt}\"}}"))),
        ("reason", {
            let mut exchange = answered(&[], "");
            let Outcome::Answered(answer) = &mut exchange.outcome else { panic!("it was answered") };
            answer.reason = format!("Refused Bearer {m}");
            exchange
        }),
        ("method", {
            let mut exchange = answered(&[], "");
            exchange.request.method = format!("GET access_token={m}");
            exchange
        }),
        ("json deep", json(format!("{{\"a\":[{{\"credentials\":{{\"x\":[\"{m}\"]}}}}]}}"))),
        ("json cut", json(format!("{{\"a\":1,\"access_token\":\"{m}"))),
        ("json labelled as text", answered(&[("Content-Type", "text/plain")], &format!("{{\"password\":\"{m}\"}}"))),
        ("json with single quotes", json(format!("{{'password': '{m}'}}"))),
        ("json escaped", json(format!("{{\"p\\u0061ssword\":\"a\\\"{m}\"}}"))),
        (
            "soap password",
            answered(&[], &format!("<s:Envelope><wsse:Password Type=\"x\">{m}</wsse:Password></s:Envelope>")),
        ),
        ("soap token", answered(&[], &format!("<a><wsse:BinarySecurityToken>{m}</wsse:BinarySecurityToken></a>"))),
        ("saml", answered(&[], &format!("<saml:Assertion><x>{m}</x></saml:Assertion>"))),
        ("cdata", answered(&[], &format!("<password><![CDATA[{m}]]></password>"))),
        ("html g_ck", answered(&[], &format!("<html><script>window.g_ck = '{m}';</script>"))),
        ("html hidden field", answered(&[], &format!("<input type=\"hidden\" value=\"{m}\" name=\"sysparm_ck\">"))),
        (
            "multipart",
            sent("/x", &[], &format!("--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n{m}\r\n--b--")),
        ),
        ("set-cookie", answered(&[("Set-Cookie", &format!("glide_session_store={m}; Path=/; HttpOnly"))], "")),
        ("location", answered(&[("Location", &format!("https://app.partner.example/cb?code={m}&state={m}"))], "")),
        (
            "location fragment",
            answered(&[("Location", &format!("https://app.partner.example/cb#access_token={m}"))], ""),
        ),
        ("user token answer", answered(&[("X-UserToken-Response", m)], "")),
        ("challenge", answered(&[("WWW-Authenticate", &format!("Digest realm=\"x\", nonce=\"{m}\""))], "")),
        (
            "echo",
            exchange(
                request("/x", &[("Authorization", &format!("Bearer {m}"))], ""),
                response(&[("X-Debug", &format!("got {m}"))], &format!("the token {m} is unknown")),
            ),
        ),
        (
            "percent-encoded echo",
            exchange(
                request("/x", &[], &format!("password={m}%2B%2F")),
                response(&[], &format!("bad: {m}%2B%2F and {}", STANDARD.encode(format!("{m}+/")))),
            ),
        ),
    ]
}

#[test]
fn planted_secrets_never_appear() {
    let leaked: Vec<String> = planted()
        .iter()
        .filter_map(|(name, exchange)| Some(format!("{name}: {}", leaks(exchange, MARK, "nothing")?)))
        .collect();
    assert!(leaked.is_empty(), "{} leaks:\n{}", leaked.len(), leaked.join("\n"));
}

#[test]
fn a_secret_that_a_rule_repeats_is_replaced() {
    let basic = STANDARD.encode(format!("svc:{MARK}"));
    for exchange in [
        sent("/x", &[("Authorization", &format!("Bearer {MARK}"))], ""),
        sent("/x", &[("Authorization", &format!("Basic {basic}"))], ""),
        sent("/x", &[("Authorization", &format!("Basic {}", STANDARD.encode(MARK)))], ""),
        sent("/x", &[("Cookie", &format!("JSESSIONID={MARK}"))], ""),
        sent(&format!("/x?code={MARK}"), &[], ""),
        sent("/x", &[], &format!("grant_type=password&password={MARK}")),
        answered(&[], &format!("{{\"access_token\":\"{MARK}\"}}")),
        answered(&[], &format!("<wsse:Password>{MARK}</wsse:Password>")),
        answered(&[("Location", &format!("https://app.partner.example/cb#access_token={MARK}"))], ""),
    ] {
        assert_eq!(leaks(&exchange, MARK, MARK), None);
        assert_eq!(leaks(&exchange, MARK, &STANDARD.encode(MARK)), None);
    }
}

#[test]
fn a_secret_in_a_raw_head_never_appears() {
    for line in [
        format!("Authorization : Bearer {MARK}"),
        format!("Authorization Bearer {MARK}"),
        format!("Authorization: Bearer abc\r\n {MARK}"),
        format!("Authorization: Bearer abc\n{MARK}"),
        format!("Cookie : JSESSIONID={MARK}"),
        format!("\u{feff}Authorization: Bearer {MARK}"),
        format!("X-Api-Key\t: {MARK}"),
    ] {
        let mut exchange = sent("/x", &[], "");
        let head = format!("GET /x?password={MARK} HTTP/1.1\r\nHost: h\r\n{line}\r\nAccept: */*\r\n\r\n");
        for at in 0..head.len() {
            exchange.request.head = Some(head.clone().into());
            let finding = Finding::new("token-illegal-character", Grade::Proven, "x").at_span(
                Place::RequestHead,
                at..at + 1,
                "here",
            );
            let diagnosis = Diagnosis { answered_by: Answerer::Why401, findings: vec![finding], folded: Vec::new() };
            let salt = Salt::new([3; 32]);
            let block = log::block(
                &Told { exchange: &exchange, diagnosis: &diagnosis, salt: &salt, takes_back: &[], reading: None },
                &Style::plain(200),
            );
            assert!(!block.contains(MARK), "byte {at} of {line:?}:\n{block}");
        }
    }
}

/// What a person would call a secret of an exchange, found without the program's own redaction.
fn secrets(exchange: &Exchange) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut found = Vec::new();
    for value in exchange.request.fields.all("authorization") {
        found.extend(text(value).split_whitespace().skip(1).map(str::to_owned));
    }
    for value in exchange.request.fields.all("cookie") {
        found.extend(text(value).split(';').filter_map(|pair| Some(pair.split_once('=')?.1.to_owned())));
    }
    for parameters in [text(&exchange.request.body.bytes), exchange.request.query().unwrap_or_default().to_owned()] {
        for pair in parameters.split('&').filter_map(|pair| pair.split_once('=')) {
            if ["password", "client_secret", "code", "refresh_token", "access_token", "code_verifier", "assertion"]
                .contains(&pair.0)
            {
                found.push(pair.1.to_owned());
            }
        }
    }
    let answer = exchange.response().map(|answer| text(&answer.body.bytes)).unwrap_or_default();
    if let Ok(value) = serde_json::from_str::<serde_json::Value>(&answer) {
        let tokens = ["access_token", "refresh_token", "id_token"].iter().filter_map(|name| value.get(*name)?.as_str());
        found.extend(tokens.map(str::to_owned));
    }
    // Placeholders and words for nothing are evidence; what is short is in any text.
    let random = |secret: &String| secret.len() >= 12 && secret.bytes().filter(u8::is_ascii_digit).count() >= 2;
    found
        .into_iter()
        .filter(random)
        .filter(|secret| !secret.contains(['{', '<', '$']) && !secret.contains("%7B") && !secret.contains("%3C"))
        .collect()
}

#[test]
fn no_example_of_any_page_leaks() {
    let (mut searched, mut leaked) = (0, Vec::new());
    for page in catalog::pages() {
        for example in &page.examples {
            for step in transcript::parse(&example.transcript).unwrap().steps {
                let texts =
                    told(&step.exchange, "nothing", &[None]).map(|text| text.split_whitespace().collect::<String>());
                for secret in secrets(&step.exchange) {
                    searched += 1;
                    if texts.iter().any(|text| text.contains(&secret)) {
                        leaked.push(format!("docs/causes/{}.md, {}: {secret}", page.slug, example.name));
                    }
                }
            }
        }
    }
    assert!(leaked.is_empty(), "{} leaks:\n{}", leaked.len(), leaked.join("\n"));
    assert!(searched > 500, "only {searched} secrets were looked for");
}

/// Text of the kinds that break things.
fn odd_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,40}",
        ".{0,60}",
        "[\\x00-\\x20\\x7f\"'\\\\<>&=;:{}\\[\\]%#?/@,.a-z\u{202e}\u{200b}\u{feff}\u{2028}\u{85}]{0,80}",
        "(Bearer|Basic|Digest|Token)[ \t]{0,3}[A-Za-z0-9+/=._-]{0,90}",
        "(client_secret|password|code|x)=[^ ]{0,30}&[a-z=&%]{0,30}",
    ]
}

fn odd_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![proptest::collection::vec(any::<u8>(), 0..120), odd_text().prop_map(String::into_bytes)]
}

/// Odd texts for six places, and odd bytes for five.
type Parts = ([String; 6], [Vec<u8>; 5]);

fn parts() -> impl Strategy<Value = Parts> {
    (std::array::from_fn(|_| odd_text()), std::array::from_fn(|_| odd_bytes()))
}

fn exchange_of((texts, bytes): &Parts) -> Exchange {
    let [method, host, target, reason, sent_name, name] = texts.clone();
    let [sent_value, authorization, body, value, answer] = bytes.clone();
    let mut request = request("/", &[], "");
    (request.method, request.host, request.target) = (method, host, target);
    request.head = Some(body.clone().into());
    request.fields.push(sent_name, sent_value);
    request.fields.push("Authorization", authorization);
    request.body = Body::whole(body);
    let mut response = response(&[("X-Transaction-ID", &reason)], "");
    response.reason = reason;
    response.fields.push(name, value);
    response.body = Body::whole(answer);
    exchange(request, response)
}

/// Characters that a terminal obeys or that hide and turn other text.
fn is_unwanted(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{2028}' | '\u{2029}')
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_told_without_a_control_character(parts in parts(), loose in odd_text()) {
        let exchange = exchange_of(&parts);
        let [wide, narrow, lines] = told(&exchange, &loose, &SPANS);
        for text in [&wide, &narrow] {
            prop_assert_eq!(text.chars().find(|c| is_unwanted(*c) && *c != '\n'), None);
        }
        prop_assert!(narrow.is_ascii());
        for line in lines.lines() {
            prop_assert_eq!(line.chars().find(|c| is_unwanted(*c)), None);
            prop_assert!(serde_json::from_str::<serde_json::Value>(line).is_ok());
        }
    }

    #[test]
    fn a_secret_with_any_text_around_it_never_appears(before in "[ -~]{0,12}", after in "[ -~]{0,12}") {
        let text = |value: &str| format!("{before}{value}{after}");
        for exchange in [
            sent("/x", &[("Authorization", &format!("Bearer {}", text(MARK)))], ""),
            sent("/x", &[("X-UserToken", &text(MARK))], ""),
            sent("/x", &[], &format!("password={MARK}{}", after.replace(['&', '='], ""))),
            answered(&[], &format!("{{\"client_secret\":{}}}", serde_json::to_string(&text(MARK)).unwrap())),
        ] {
            prop_assert_eq!(leaks(&exchange, MARK, "nothing"), None);
        }
    }
}

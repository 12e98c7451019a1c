//! Exchanges with a mark in every place in which secrets travel, and the forms in which the mark could be read again.
#![allow(dead_code, reason = "each test uses its own part")]

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use why401::model::{Body, Client, Exchange, Millis, Outcome, Request, Response, Scheme, Timing, Upstream};
use why401::wire::form;

/// A value that no text has by chance; its plus and slash make percent-encoding and base64 show.
pub const MARK: &str = "Zq7x+V9kP2/mT4wR8s";

pub fn exchange(sent: (&str, &[(&str, &str)], Vec<u8>), answered: (&[(&str, &str)], Vec<u8>)) -> Exchange {
    let fields =
        |list: &[(&str, &str)]| list.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let coded = |list: &[(&str, &str)]| list.iter().any(|(name, _)| *name == "Content-Encoding");
    let body = |list, bytes: Vec<u8>| Body {
        length: bytes.len() as u64,
        bytes: bytes.into(),
        coded: coded(list),
        ..Body::default()
    };
    Exchange {
        id: 1,
        entry: None,
        at: Millis(1_793_613_600_000),
        client: Client::default(),
        request: Request {
            method: "POST".into(),
            scheme: Scheme::Https,
            host: "dev1.service-now.com".into(),
            port: 443,
            target: sent.0.into(),
            version: "HTTP/1.1".into(),
            fields: fields(sent.1),
            body: body(sent.1, sent.2),
            head: None,
            unseen: false,
        },
        outcome: Outcome::Answered(Response {
            status: 401,
            reason: "Unauthorized".into(),
            version: "HTTP/1.1".into(),
            fields: fields(answered.0),
            body: body(answered.0, answered.1),
            ours: false,
            cut: None,
        }),
        timing: Timing::default(),
        upstream: Upstream::default(),
    }
}

pub fn sent(target: &str, fields: &[(&str, &str)], body: &str) -> Exchange {
    exchange((target, fields, body.into()), (&[], Vec::new()))
}

pub fn answered(fields: &[(&str, &str)], body: &str) -> Exchange {
    exchange(("/api/now/table/incident", &[], Vec::new()), (fields, body.into()))
}

fn gzip(text: &str) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// The mark in every place in which secrets travel, in the writing of that place.
pub fn planted() -> Vec<(&'static str, Exchange)> {
    let m = MARK;
    let p = form::encode(m);
    let basic = STANDARD.encode(format!("svc:{m}"));
    let jwt = format!(
        "{}.{}.{}",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256"}"#),
        URL_SAFE_NO_PAD.encode(r#"{"sub":"x"}"#),
        URL_SAFE_NO_PAD.encode(m)
    );
    let header = |name: &'static str, value: String| sent("/x", &[(name, &value)], "");
    let form = |body: String| sent("/oauth_token.do", &[("Content-Type", "application/x-www-form-urlencoded")], &body);
    let json = |body: String| answered(&[("Content-Type", "application/json")], &body);
    let zipped = [("Content-Encoding", "gzip")];
    let mut head = sent("/x", &[], "");
    head.request.head = Some(format!("GET /x?password={p} HTTP/1.1\r\nHost: h\r\nAuthorization : Bearer {m}\r\n\tand {m}\r\nCookie Bearer={m}\r\n\r\n").into());
    vec![
        ("bearer", header("Authorization", format!("Bearer {m}"))),
        ("bearer run on", header("Authorization", format!("Bearer{m}"))),
        ("bearer in quotes", header("Authorization", format!("Bearer \"{m}\""))),
        ("bearer percent-encoded", header("Authorization", format!("Bearer {p}"))),
        ("bearer doubled", header("Authorization", format!("Bearer Bearer {m}"))),
        ("bearer with a colon", header("Authorization", format!("Bearer: {m}"))),
        ("token alone", header("Authorization", m.into())),
        ("jwt", header("Authorization", format!("Bearer {jwt}"))),
        ("basic", header("Authorization", format!("Basic {basic}"))),
        ("basic under bearer", header("Authorization", format!("Bearer {basic}"))),
        ("basic in clear", header("Authorization", format!("Basic svc:{m}"))),
        ("basic without a colon", header("Authorization", format!("Basic {}", STANDARD.encode(m)))),
        ("digest", header("Authorization", format!("Digest username=\"x\", nonce=\"{m}\", response=\"{m}\""))),
        ("proxy", header("Proxy-Authorization", format!("Basic {basic}"))),
        ("misspelt", header("Authorisation", format!("Bearer {m}"))),
        ("user token", header("X-UserToken", m.into())),
        ("api key", header("x-sn-apikey", m.into())),
        ("cookie", header("Cookie", format!("a=1; JSESSIONID={m}; b=2"))),
        ("referer", header("Referer", format!("https://app.partner.example/cb?code={p}&state=1#access_token={p}"))),
        ("any header", header("X-Custom", format!("Bearer {m}"))),
        ("query", sent(&format!("/x?a=1&access_token={p}&b=2"), &[], "")),
        ("query code and state", sent(&format!("/cb?code={p}&state={p}"), &[], "")),
        ("query saml", sent(&format!("/x?SAMLResponse={p}&RelayState={p}&sysparm_ck={p}"), &[], "")),
        ("url in a query", sent(&format!("/x?next=https%3A%2F%2Fu%3A{}%40h.example%2F", form::encode(&p)), &[], "")),
        ("json in a query", sent(&format!("/x?data={}", form::encode(&format!("{{\"password\":\"{m}\"}}"))), &[], "")),
        ("path session", sent(&format!("/x;jsessionid={p}?a=1"), &[], "")),
        ("form password", form(format!("grant_type=password&username=svc&password={p}"))),
        ("form secret", form(format!("client_id=0123456789abcdef0123456789abcdef&client_secret={m}"))),
        ("form secret cut", form(format!("client_secret=ab&{p}&x=1"))),
        ("form code", form(format!("grant_type=authorization_code&code={p}&code_verifier={p}&redirect_uri=x"))),
        ("form refresh", form(format!("grant_type=refresh_token&refresh_token={p}"))),
        ("form assertion", form(format!("assertion={jwt}&client_assertion={p}"))),
        ("json request", sent("/oauth_token.do", &[], &format!("{{\"client_secret\":\"{m}\",\"password\":\"{m}\"}}"))),
        ("json answer", json(format!("{{\"access_token\":\"{m}\",\"refresh_token\":\"{m}\",\"id_token\":\"{jwt}\"}}"))),
        ("json deep", json(format!("{{\"a\":[{{\"credentials\":{{\"x\":[\"{m}\"]}}}}]}}"))),
        ("json cut", json(format!("{{\"a\":1,\"access_token\":\"{m}"))),
        ("json escaped", json(format!("{{\"p\\u0061ssword\":\"a\\\"{}\"}}", m.replace('/', "\\/")))),
        ("json in json", json(format!("{{\"log\":\"{{\\\"access_token\\\":\\\"{m}\\\"}}\"}}"))),
        ("url in json", json(format!("{{\"next\":\"https://h.example/cb?code={p}\"}}"))),
        ("json as text", answered(&[("Content-Type", "text/plain")], &format!("{{\"password\":\"{m}\"}}"))),
        ("soap", answered(&[], &format!("<s:Envelope><wsse:Password Type=\"x\">{m}</wsse:Password></s:Envelope>"))),
        ("soap token", answered(&[], &format!("<a><wsse:BinarySecurityToken>{m}</wsse:BinarySecurityToken></a>"))),
        ("saml", answered(&[], &format!("<saml:Assertion ID=\"a\"><x>{m}</x><y>a&amp;{m}</y></saml:Assertion>"))),
        ("cdata", answered(&[], &format!("<password><![CDATA[{m}]]></password>"))),
        ("g_ck", answered(&[], &format!("<html><script>window.g_ck = '{m}';</script>"))),
        ("hidden field", answered(&[], &format!("<input type=\"hidden\" value=\"{m}\" name=\"sysparm_ck\">"))),
        (
            "multipart",
            sent("/x", &[], &format!("--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n{m}\r\n--b--")),
        ),
        ("set-cookie", answered(&[("Set-Cookie", &format!("glide_session_store={m}; Path=/; HttpOnly"))], "")),
        ("location", answered(&[("Location", &format!("https://app.partner.example/cb?code={p}&state={p}"))], "")),
        ("fragment", answered(&[("Location", &format!("https://app.partner.example/cb#access_token={p}"))], "")),
        ("user token answer", answered(&[("X-UserToken-Response", m)], "")),
        ("challenge", answered(&[("WWW-Authenticate", &format!("Digest realm=\"x\", nonce=\"{m}\""))], "")),
        (
            "gzip",
            exchange(
                ("/x", &zipped, gzip(&format!("{{\"password\":\"{m}\"}}"))),
                (&zipped, gzip(&format!("{{\"access_token\":\"{m}\"}}"))),
            ),
        ),
        (
            "unknown coding",
            exchange(("/x", &[], Vec::new()), (&[("Content-Encoding", "zstd")], format!("(\u{b5}/{m}").into())),
        ),
        ("archive", exchange(("/x", &[], format!("PK\u{3}\u{4}\0\0\0{m}").into()), (&[], Vec::new()))),
        ("raw head", head),
        (
            "echoes in every form",
            exchange(
                ("/x", &[("Authorization", &format!("Bearer {m}"))], Vec::new()),
                (
                    &[("X-Debug", &format!("got {m}"))],
                    format!(
                        "{m} {p} {} {} {} {}",
                        p.to_lowercase().replace(&m.to_lowercase()[..4], &m[..4]),
                        STANDARD.encode(m),
                        STANDARD.encode(format!("x{m}y")),
                        URL_SAFE_NO_PAD.encode(format!("{{\"t\":\"{m}\"}}")),
                    )
                    .into(),
                ),
            ),
        ),
    ]
}

/// The mark in every form in which it could be read out of a text.
pub fn forms() -> Vec<String> {
    let hex: String = MARK.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![MARK.to_owned(), form::encode(MARK), MARK.replace('/', "\\/"), hex.to_uppercase(), hex];
    for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
        // What base64 makes of the inside of it at each of the three offsets.
        for offset in 0..3 {
            let text = engine.encode(format!("{}{MARK}", &"xy"[..offset]));
            forms.push(text[if offset == 0 { 0 } else { 4 }..text.len() - 3].to_owned());
        }
    }
    forms.extend([URL_SAFE_NO_PAD.encode(MARK), form::encode(&form::encode(MARK))]);
    forms
}

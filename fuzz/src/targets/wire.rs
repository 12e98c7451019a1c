//! Parsers of `wire`: any bytes give a value, every place lies inside of what was read, and what was written reads back.

use why401::model::{Body, Fields, Response};
use why401::proxy::strict::{self, Said};
use why401::wire::{
    authorization, basic, bearer, challenge, cookie, date, form, jwt as token, oauth, servicenow, template,
};

/// The small readers, each of the same bytes: alone, any of them is tried out within seconds.
pub fn values(bytes: &[u8]) {
    authorization(bytes);
    challenges(bytes);
    cookies(bytes);
    forms(bytes);
    jwt(bytes);
    dates(bytes);
    balancer(bytes);
}

/// The value of an Authorization field.
fn authorization(bytes: &[u8]) {
    let split = authorization::split(bytes);
    assert!(split.scheme.end <= split.gap.start && split.gap.end <= split.credentials.start);
    assert!(split.credentials.end <= bytes.len());
    split.scheme_of(bytes);
    let credentials = split.credentials_of(bytes);
    for fault in bearer::faults(credentials).iter().chain(&bearer::provider_faults(credentials)) {
        assert!(fault.span.start <= fault.span.end && fault.span.end <= credentials.len(), "{fault:?}");
    }
    let read = basic::decode(credentials);
    assert!(read.user.end <= read.decoded.len() && read.password.end <= read.decoded.len());
    assert!(read.password().len() <= read.decoded.len());
    read.user();
    basic::hides_in(credentials);
    // A password that was encoded by the book is read by the book.
    use base64::Engine;
    let written = base64::engine::general_purpose::STANDARD.encode([b"user:", bytes].concat());
    let again = basic::decode(written.as_bytes());
    // A line end behind the password is taken for one of the tool's that encoded it.
    if !bytes.ends_with(b"\n") && !bytes.ends_with(b"\r") {
        assert_eq!(again.password(), bytes);
    }
    assert_eq!(again.user(), "user");
}

/// The values of WWW-Authenticate, a line each.
fn challenges(bytes: &[u8]) {
    let read = challenge::parse(bytes.split(|byte| *byte == b'\n'));
    for challenge in &read {
        assert!(challenge.is(&challenge.scheme.to_ascii_uppercase()));
        assert!(challenge.params.len() <= bytes.len());
        challenge.param("realm");
    }
}

/// Cookie and Set-Cookie.
fn cookies(bytes: &[u8]) {
    let mut fields = Fields::default();
    for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        fields.push(if at % 2 == 0 { "Cookie" } else { "Set-Cookie" }, line.to_vec());
    }
    let set = cookie::set(&fields, |_| true).map(|(name, value)| (name.into_owned(), value.to_vec()));
    for (name, value) in cookie::sent(&fields).into_iter().chain(set) {
        assert!(name.len() + value.len() <= bytes.len() * 3);
        cookie::is_session(&name);
        cookie::pool_instance(&name);
    }
}

/// Forms and queries.
fn forms(bytes: &[u8]) {
    let read = form::parse(bytes);
    let mut last = 0;
    for pair in &read.pairs {
        assert!(pair.raw_name.start >= last && pair.raw_value.end <= bytes.len());
        last = pair.raw_value.end;
        assert_eq!(form::decode(&bytes[pair.raw_value.clone()]), pair.value);
        template::placeholder(&pair.value);
        template::placeholder_for_name(&pair.value);
        template::redacted(&pair.value);
    }
    let text = String::from_utf8_lossy(bytes);
    assert_eq!(form::decode(form::encode(&text).as_bytes()), text);
    if let Some(callback) = oauth::callback(&text) {
        assert!(callback.code.is_none_or(|code| code.len() <= text.len()));
    }
}

/// JWTs.
fn jwt(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    token::looks_like(&text);
    let Some(read) = token::decode(&text) else { return };
    std::hint::black_box((read.alg(), read.kid(), read.audiences(), read.broken_date(), read.date_in_milliseconds()));
    for claim in ["exp", "iat", "nbf", "sub", "iss", "jti"] {
        read.text(claim);
        if let Some(at) = read.date(claim) {
            date::iso(at);
            date::span(at.seconds_since(why401::model::Millis(1)));
        }
    }
}

/// Bodies and fields of answers: envelopes, OAuth's objects, pages.
pub fn answers(bytes: &[u8]) {
    oauth::token_answer(bytes);
    if let Some(error) = oauth::error(bytes) {
        error.is_catch_all();
        error.lower();
    }
    if let Some(envelope) = servicenow::envelope(bytes) {
        envelope.is_not_authenticated();
        envelope.lower();
    }
    servicenow::Envelope::is_foreign(bytes);
    let text = String::from_utf8_lossy(bytes);
    oauth::aadsts(&text);
    servicenow::leads_to_login(&text);
    for name in ["faultstring", "title", "a:b"] {
        assert!(servicenow::element(&text, name).is_none_or(|inside| text.contains(inside)));
    }
    let mut fields = Fields::default();
    for line in bytes.split(|byte| *byte == b'\n').take(20) {
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        fields.push(line[..colon].to_vec(), line.get(colon + 1..).unwrap_or_default().to_vec());
    }
    let print = servicenow::fingerprint(&fields);
    let response = Response {
        status: 200,
        reason: String::new(),
        version: "HTTP/1.1".into(),
        fields,
        body: Body::whole(bytes.to_vec()),
        ours: false,
        cut: None,
    };
    servicenow::page(&response, bytes, print.logged_in);
    let coded = Body { bytes: bytes.to_vec().into(), length: bytes.len() as u64, coded: true, ..Body::default() };
    for coding in ["gzip", "deflate", "br", "gzip, br"] {
        let fields = Fields::from_iter([("Content-Encoding", coding)]);
        // A decompression bomb ends at the documented hundredfold or a megabyte; some slack for a last block.
        assert!(why401::wire::content::decoded(&fields, &coded).len() <= 64 << 20);
    }
}

/// Dates of HTTP and of ISO 8601: what was read is written and read as the same.
fn dates(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some(at) = date::parse_http(&text) {
        assert_eq!(date::parse_http(&date::http(at)), Some(at), "{text}");
    }
    if let Some(at) = date::parse_iso(&text) {
        assert_eq!(date::parse_iso(&date::iso(at)), Some(at), "{text}");
        date::clock(at);
    }
}

/// The header of a load balancer: it has one length, each beginning of it is waited for, and what follows changes nothing.
fn balancer(bytes: &[u8]) {
    let Said::Client(address, length) = strict::said(bytes) else { return };
    let header = &bytes[..length];
    assert_eq!(strict::said(header), Said::Client(address, length));
    for cut in 1..length {
        assert_eq!(strict::said(&header[..cut]), Said::More, "{cut} of {length} bytes");
    }
    // As the specification has it, read anew.
    if header.starts_with(b"PROXY ") {
        assert!(length <= 107 && header.ends_with(b"\r\n"));
        let text = std::str::from_utf8(header).expect("version 1 is ASCII");
        let words: Vec<&str> = text.trim_end().split(' ').collect();
        let told = (words.get(1) != Some(&"UNKNOWN")).then(|| {
            let (host, port) = (words[2].parse().expect("an address"), words[4].parse().expect("a port"));
            std::net::SocketAddr::new(host, port)
        });
        assert_eq!(address, told);
    } else {
        assert_eq!(length, 16 + usize::from(u16::from_be_bytes([header[14], header[15]])));
        assert!(header[12] == 0x21 || address.is_none());
    }
}

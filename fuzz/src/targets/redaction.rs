//! No known secret survives in any form: one is put where secrets travel, in the writing of that place, repeated elsewhere
//! in another writing, and looked for in everything that leaves the process.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use why401::diagnose;
use why401::ledger::{Ledger, Limits};
use why401::model::{Body, Exchange, Outcome, Salt};
use why401::output::redact::scrub::Scrubber;
use why401::output::{Style, Told, har, journal, json, log};
use why401::wire::form;
use why401::wire::telling::Telling;

use super::{Choices, diagnosis};

const SALT: [u8; 32] = [5; 32];

/// Of the text around the secret, in bytes: places and writings are what is tried here, and a short text is tried often.
const AROUND: usize = 512;

/// What is looked through: one of them for each input, or each execution would make every telling of the exchange.
type View = fn(&Exchange) -> Vec<(&'static str, String)>;

const VIEWS: [View; 3] = [scrubbed, logged, as_json];

pub fn redaction(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let view = choices.pick(VIEWS.len());
    let (slot, echo, writing) = (choices.pick(SLOTS.len()), choices.pick(ECHOES), choices.pick(WRITINGS));
    let secret = secret(&mut choices);
    let text = &choices.0[..choices.0.len().min(AROUND)];
    let (around, forms) = (String::from_utf8_lossy(text).into_owned(), forms(&secret));
    // A fuzzer that watches comparisons learns the secret and writes it wherever it likes, glued to anything.
    if forms.iter().any(|form| around.contains(form)) || !is_for(slot, &secret) {
        return;
    }
    let mut exchange = exchange(text);
    SLOTS[slot](&mut exchange, &secret, &around);
    repeat(&mut exchange, echo, &written(&secret, writing));
    for (place, text) in VIEWS[view](&exchange) {
        for form in &forms {
            assert!(!text.contains(form), "{form} is in {place}:\n{text}");
        }
    }
}

/// A session's token is long, or it is taken for none; and what follows an `&` in a form is another parameter.
fn is_for(slot: usize, secret: &str) -> bool {
    !(slot == 13 && secret.len() < 16 || slot == 21 && secret.contains('&'))
}

/// 9 to 22 characters that no text has by chance; the alphabet is one of tokens, of base64 or of passwords.
fn secret(choices: &mut Choices<'_>) -> String {
    const ALPHABETS: [&[u8]; 4] = [
        b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789-_",
        b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789+/",
        b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789!$*",
        b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789!$*%&+=~()@^/",
    ];
    let alphabet = ALPHABETS[choices.pick(4)];
    let length = 22 - choices.pick(14);
    let mut state = (0..4).fold(0x9E37_79B9_u32, |sum, _| (sum ^ choices.pick(256) as u32).wrapping_mul(0x0100_0193));
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        alphabet[state as usize % alphabet.len()] as char
    };
    format!("q7Z{}", (3..length).map(|_| next()).collect::<String>())
}

/// What the input describes, with an answer.
fn exchange(bytes: &[u8]) -> Exchange {
    let plain = || diagnosis::exchanges(PLAIN.as_bytes());
    let read = diagnosis::exchanges(bytes).into_iter().find(|exchange| exchange.response().is_some());
    read.or_else(|| plain().pop()).expect("the plain exchange can be read")
}

const PLAIN: &str = "@ 10:00:00 https://dev1.service-now.com\n> POST /api/now/table/incident HTTP/1.1\n> Host: dev1.service-now.com\n\
< HTTP/1.1 401 Unauthorized\n< Content-Type: application/json\n<\n< {}\n";

type Slot = fn(&mut Exchange, &str, &str);

const SLOTS: [Slot; 23] = [
    |exchange, secret, _| exchange.request.fields.push("Authorization", format!("Bearer {secret}")),
    |exchange, secret, _| {
        exchange.request.fields.push("Authorization", format!("Basic {}", STANDARD.encode(format!("svc:{secret}"))));
    },
    |exchange, secret, _| exchange.request.fields.push("Proxy-Authorization", format!("Bearer {secret}")),
    |exchange, secret, _| exchange.request.fields.push("Cookie", format!("a=1; JSESSIONID={secret}; b=2")),
    |exchange, secret, _| exchange.request.fields.push("X-UserToken", secret.to_owned()),
    |exchange, secret, _| exchange.request.fields.push("x-sn-apikey", secret.to_owned()),
    |exchange, secret, _| {
        let sign = if exchange.request.target.contains('?') { '&' } else { '?' };
        let target = exchange.request.target.split('#').next().unwrap_or_default();
        exchange.request.target = format!("{target}{sign}access_token={}", form::encode(secret));
    },
    |exchange, secret, around| send_form(exchange, "password", secret, &form::encode(around)),
    |exchange, secret, around| send_form(exchange, "client_secret", secret, &form::encode(around)),
    |exchange, secret, _| send_form(exchange, "refresh_token", secret, "1"),
    |exchange, secret, _| send_form(exchange, "code", secret, "1"),
    |exchange, secret, around| {
        let around = around.replace('\\', "\\\\").replace('"', "\\\"").replace(|c: char| c.is_control(), " ");
        answer(exchange, "application/json", format!("{{\"x\":\"{around}\",\"access_token\":\"{secret}\"}}"));
    },
    |exchange, secret, around| {
        let (around, secret) = (around.replace(['<', '&'], " "), secret.replace('&', "&amp;"));
        answer(
            exchange,
            "text/xml",
            format!("<e><x>{around}</x><wsse:Password Type=\"t\">{secret}</wsse:Password></e>"),
        );
    },
    |exchange, secret, around| {
        let around = around.replace('<', " ");
        answer(
            exchange,
            "text/html",
            format!("<html><p>{around}</p><script>window.g_ck = '{secret}';</script></html>"),
        );
    },
    |exchange, secret, _| answer_field(exchange, "Set-Cookie", format!("glide_session_store={secret}; Path=/")),
    |exchange, secret, _| {
        answer_field(exchange, "Location", format!("https://app.partner.example/cb?code={}", form::encode(secret)));
    },
    |exchange, secret, _| {
        let head = format!("GET /x HTTP/1.1\r\nHost: h\r\nAuthorization : Bearer {secret}\r\n\r\n");
        exchange.request.head = Some(head.into());
    },
    |exchange, secret, _| exchange.request.fields.push("Authorization", format!("Bearer \"{secret}\"")),
    |exchange, secret, _| exchange.request.fields.push("Authorization", format!("Bearer {secret}\u{200b}")),
    |exchange, secret, _| {
        // Not padded, and wrapped as some tools wrap it.
        let coded = STANDARD.encode(format!("svc:{secret}"));
        let (head, tail) = coded.split_at(coded.len() / 2);
        exchange.request.fields.push("Authorization", format!("Basic {head} {}", tail.trim_end_matches('=')));
    },
    |exchange, secret, _| {
        // Percent-encoded where it should not be.
        exchange.request.fields.push("Authorization", format!("Bearer {}", percent(secret, b"!'()*-._~")));
    },
    |exchange, secret, _| {
        // A form that was not encoded; what is left of an `&` or `+` in it is not the secret.
        exchange.request.fields.push("Content-Type", "application/x-www-form-urlencoded");
        exchange.request.body = Body::whole(format!("grant_type=password&username=a&password={secret}"));
    },
    |exchange, secret, _| {
        exchange.request.fields.push("Content-Type", "multipart/form-data; boundary=b");
        let part = "--b\r\nContent-Disposition: form-data; name=\"client_secret\"\r\n\r\n";
        exchange.request.body = Body::whole(format!("{part}{secret}\r\n--b--\r\n"));
    },
];

fn send_form(exchange: &mut Exchange, name: &str, secret: &str, around: &str) {
    exchange.request.fields.push("Content-Type", "application/x-www-form-urlencoded");
    let body = format!("grant_type=password&x={around}&{name}={}", form::encode(secret));
    exchange.request.body = Body::whole(body);
}

fn answer(exchange: &mut Exchange, mime: &'static str, body: String) {
    let Outcome::Answered(response) = &mut exchange.outcome else { return };
    response.fields.0.retain(|field| !field.name.eq_ignore_ascii_case(b"content-type"));
    response.fields.push("Content-Type", mime);
    response.body = Body::whole(body);
}

fn answer_field(exchange: &mut Exchange, name: &'static str, value: String) {
    let Outcome::Answered(response) = &mut exchange.outcome else { return };
    response.fields.push(name, value);
}

/// How many ways there are to write it.
const WRITINGS: usize = 20;

/// The secret in another writing, as programs repeat it in messages.
fn written(secret: &str, writing: usize) -> String {
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let each = |odd: fn(char) -> bool, write: fn(u32) -> String| -> String {
        secret.chars().map(|c| if odd(c) { write(c.into()) } else { c.into() }).collect()
    };
    let is_odd = |c: char| !c.is_ascii_alphanumeric();
    match writing {
        0 => secret.to_owned(),
        1 => form::encode(secret),
        2 => STANDARD.encode(secret),
        3 => URL_SAFE_NO_PAD.encode(format!("x{secret}y")),
        4 => secret.replace('/', "\\/"),
        5 => hex(secret),
        // JavaScript, Java, Python; small letters; twice; without need.
        6 => percent(secret, b"!'()*-._~"),
        7 => percent(secret, b"*-._"),
        8 => percent(secret, b"/-._~"),
        9 => percent(secret, b"+$/-._~"),
        10 => each(is_odd, |c| format!("%{c:02x}")),
        11 => form::encode(&form::encode(secret)),
        12 => each(|c| c == 'Z' || !c.is_ascii_alphanumeric(), |c| format!("%{c:02X}")),
        // .NET, PHP, a string in a string; markup.
        13 => each(is_odd, |c| format!("\\u{c:04X}")),
        14 => each(is_odd, |c| format!("\\\\u{c:04x}")),
        15 => each(is_odd, |c| format!("&#{c};")),
        16 => each(is_odd, |c| format!("&#x{c:x};")),
        // Base64 behind other digits, base64 of what is percent-encoded, and the other way round.
        17 => format!("id-{}", STANDARD.encode(format!("ab{secret}"))),
        18 => STANDARD.encode(form::encode(secret)),
        _ => form::encode(&STANDARD.encode(format!("a{secret}>>>???"))),
    }
}

fn percent(text: &str, kept: &[u8]) -> String {
    let kept = |byte: &u8| byte.is_ascii_alphanumeric() || kept.contains(byte);
    text.bytes().map(|byte| if kept(&byte) { char::from(byte).into() } else { format!("%{byte:02X}") }).collect()
}

/// How many places there are to repeat it.
const ECHOES: usize = 9;

fn repeat(exchange: &mut Exchange, place: usize, text: &str) {
    let in_json = || text.replace('\\', "\\\\");
    let Outcome::Answered(response) = &mut exchange.outcome else { return };
    match place {
        0 => {}
        1 => response.fields.push("X-Debug", format!("got {text}")),
        2 if !response.body.coded => {
            let body = [&response.body.bytes[..], b"\nnot known: ", text.as_bytes()].concat();
            response.body = Body::whole(body);
        }
        3 => exchange.request.fields.push("X-Trace", format!("sent {text} on")),
        5 => exchange.request.target = format!("{}#was={text}", exchange.request.target.replace('#', "")),
        // In the place of an answer that gives no secret.
        6 | 7 if response.body.bytes.len() > 2 => response.reason = format!("Refused {text}"),
        6 => answer(exchange, "application/json", format!("{{\"error\":{{\"message\":\"no {}\"}}}}", in_json())),
        7 => answer(exchange, "text/html", format!("<html><title>401</title><p>sorry, {text}, no</p></html>")),
        8 => response.fields.push("WWW-Authenticate", format!("Bearer error_description=\"no {text} here\"")),
        _ => response.reason = format!("Refused {text}"),
    }
}

/// Every byte of an exchange that could be written anywhere.
fn everything(exchange: &Exchange) -> String {
    let request = &exchange.request;
    let mut text = format!("{} {} {}\n", request.method, request.host, request.target);
    let mut add = |bytes: &[u8]| text.push_str(&format!("{}\n", String::from_utf8_lossy(bytes)));
    request.head.iter().for_each(|head| add(head));
    request.fields.0.iter().for_each(|field| [&field.name, &field.value].into_iter().for_each(|part| add(part)));
    add(&request.body.bytes);
    if let Some(response) = exchange.response() {
        add(response.reason.as_bytes());
        response.fields.0.iter().for_each(|field| [&field.name, &field.value].into_iter().for_each(|part| add(part)));
        add(&response.body.bytes);
    }
    text
}

fn scrubbed(exchange: &Exchange) -> Vec<(&'static str, String)> {
    let (scrubbed, _) = Scrubber::new(Salt::new(SALT)).scrub(exchange);
    // From memory the second time.
    let mut lines = journal::Lines::new(Scrubber::new(Salt::new(SALT)), 0);
    let mut line = || lines.exchange(exchange, Telling::BOTH, false).map(|made| made.text).unwrap_or_default();
    let journal = line() + &line();
    let har = har::entry(&scrubbed, har::Beside::default());
    vec![("the exchange without its secrets", everything(&scrubbed)), ("the journal", journal), ("the HAR", har)]
}

fn logged(exchange: &Exchange) -> Vec<(&'static str, String)> {
    let block = |told: &Told<'_>| log::block(told, &Style { why: true, ..Style::plain(10_000) });
    vec![("the log", told(exchange, block))]
}

fn as_json(exchange: &Exchange) -> Vec<(&'static str, String)> {
    vec![("the JSON line", told(exchange, json::line))]
}

fn told(exchange: &Exchange, teller: impl Fn(&Told<'_>) -> String) -> String {
    let salt = Salt::new(SALT);
    let diagnosis = diagnose::diagnose(exchange, &Ledger::new(salt.clone(), Limits { records: 8 }));
    teller(&Told { exchange, diagnosis: &diagnosis, salt: &salt, takes_back: &[], reading: None })
}

/// The secret in every writing in which it could be read again.
fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned(), secret.replace('/', "\\/"), secret.replace('&', "&amp;")];
    forms.extend([&b"*-._"[..], b"!'()*-._~", b"/-._~", b"+$/-._~", b""].map(|kept| percent(secret, kept)));
    forms.extend([form::encode(&form::encode(secret)), written(secret, 12), written(secret, 13), written(secret, 15)]);
    for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
        // What base64 makes of the inside of it at each of the three offsets.
        for offset in 0..3 {
            let coded = engine.encode(format!("{}{secret}", &"xy"[..offset]));
            forms.push(coded[if offset == 0 { 0 } else { 4 }..coded.len() - 3].to_owned());
        }
    }
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    forms.extend([hex.to_uppercase(), hex]);
    forms
}

//! Header lists of a HAR as field lines: pseudo headers go, and what stands only beside the list comes in.

use std::borrow::Cow;

use bytes::Bytes;

use crate::intake::head::trim_blanks;
use crate::model::{Field, Fields};

use super::loose::Plain;
use super::shape::{Cookie, Pair, Request, Response};

/// The fields of a request.
pub(super) fn of_request(request: &Request<'_>) -> Fields {
    let headers = &request.headers.0;
    let mut fields = together(headers);
    // HTTP/2 has `:authority` in the place of Host (RFC 9113 §8.3.1).
    let authority = headers.iter().find(|pair| pair.name.text().eq_ignore_ascii_case(":authority"));
    if let Some(authority) = authority.filter(|_| !fields.has("host")) {
        fields.0.insert(0, Field { name: Bytes::from_static(b"Host"), value: field(authority).value });
    }
    if !fields.has("cookie") && !request.cookies.0.is_empty() {
        let pair = |cookie: &Cookie<'_>| format!("{}={}", cookie.name.text(), cookie.value.text());
        fields.push("Cookie", request.cookies.0.iter().map(pair).collect::<Vec<_>>().join("; "));
    }
    add_content_type(&mut fields, &request.post_data.0.mime_type);
    fields
}

/// The fields of an answer. Some tools join the values of a repeated field by line feeds: each line is a field here.
pub(super) fn of_response(response: &Response<'_>) -> Fields {
    let mut fields = Fields::default();
    for Field { name, value } in together(&response.headers.0).0 {
        if memchr::memchr(b'\n', &value).is_none() {
            fields.0.push(Field { name, value });
            continue;
        }
        value.split(|byte| *byte == b'\n').for_each(|line| {
            fields.push(name.clone(), value.slice_ref(trim_blanks(line)));
        });
    }
    if !fields.has("set-cookie") {
        response.cookies.0.iter().for_each(|cookie| fields.push("Set-Cookie", set_cookie(cookie)));
    }
    let location = response.redirect_url.text();
    if !fields.has("location") && !location.is_empty() {
        fields.push("Location", location.into_owned());
    }
    add_content_type(&mut fields, &response.content.0.mime_type);
    fields
}

/// The head as the list shows it, where a value has white space around it: the field lines lose that, but it is evidence.
pub(super) fn padded_head(request: &Request<'_>, first_line: &str) -> Option<Bytes> {
    let pairs = || request.headers.0.iter().filter(|pair| is_real(pair));
    pairs().any(|pair| trim_blanks(&value(pair)).len() < value(pair).len()).then(|| {
        let mut head = format!("{first_line}\r\n").into_bytes();
        for pair in pairs() {
            head.extend_from_slice(pair.name.text().as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(&value(pair));
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        Bytes::from(head)
    })
}

/// Text in which each character stands for one byte (ISO 8859-1); `None` where one cannot.
pub(super) fn latin1(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect()
}

fn is_real(pair: &Pair<'_>) -> bool {
    let name = pair.name.text();
    !name.is_empty() && !name.starts_with(':')
}

/// All real fields, in one piece of memory.
fn together(pairs: &[Pair<'_>]) -> Fields {
    let mut memory = Vec::with_capacity(pairs.iter().map(|pair| pair.name.text().len() + value(pair).len()).sum());
    let mut ends = Vec::with_capacity(pairs.len());
    for pair in pairs.iter().filter(|pair| is_real(pair)) {
        memory.extend_from_slice(pair.name.text().trim().as_bytes());
        let name = memory.len();
        memory.extend_from_slice(trim_blanks(&value(pair)));
        ends.push((name, memory.len()));
    }
    let mut rest = Bytes::from(memory);
    let mut at = 0;
    let field = |(name_end, value_end): (usize, usize)| {
        let name = rest.split_to(name_end - at);
        let value = rest.split_to(value_end - name_end);
        at = value_end;
        Field { name, value }
    };
    Fields(ends.into_iter().map(field).collect())
}

fn field(pair: &Pair<'_>) -> Field {
    let name = Bytes::copy_from_slice(pair.name.text().trim().as_bytes());
    Field { name, value: Bytes::copy_from_slice(trim_blanks(&value(pair))) }
}

/// The bytes of a value: those of `_raw` where there are some, else the text's.
fn value<'a>(pair: &'a Pair<'_>) -> Cow<'a, [u8]> {
    if let Some(bytes) = latin1(&pair.raw.text()).filter(|bytes| !bytes.is_empty()) {
        return Cow::Owned(bytes);
    }
    match pair.value.text() {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

fn set_cookie(cookie: &Cookie<'_>) -> String {
    let mut line = format!("{}={}", cookie.name.text(), cookie.value.text());
    for (attribute, value) in [("Path", &cookie.path), ("Domain", &cookie.domain)] {
        if !value.is_empty() {
            line.push_str(&format!("; {attribute}={}", value.text()));
        }
    }
    line
}

/// A media type that stands only beside the list; what tools write where they know none is left out.
fn add_content_type(fields: &mut Fields, mime_type: &Plain<'_>) {
    let mime_type = mime_type.text();
    let telling = mime_type.contains('/') && !matches!(&*mime_type, "application/octet-stream" | "x-unknown/x-unknown");
    if telling && !fields.has("content-type") {
        fields.push("Content-Type", mime_type.into_owned());
    }
}

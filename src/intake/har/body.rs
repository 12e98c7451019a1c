//! Bodies of a HAR: text, base64, or form parameters; captured up to a limit.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

use crate::intake::message::BODY_LIMIT;
use crate::model::{Body, Fields};
use crate::wire::form;

use super::custom;
use super::loose::Plain;
use super::shape::{Content, Pair, PostData, Request, Response};

/// The body of a request.
pub(super) fn of_request(request: &Request<'_>, fields: &Fields) -> Body {
    let PostData { text, encoding, params, mime_type } = &request.post_data.0;
    let form = || mime_type.is_empty() || mime_type.text().starts_with("application/x-www-form-urlencoded");
    let bytes = if text.is_empty() && !params.0.is_empty() && form() {
        Bytes::from(joined(&params.0))
    } else {
        captured(text, encoding)
    };
    let announced = || fields.text("content-length").and_then(|length| length.trim().parse().ok()).unwrap_or_default();
    let length = request.body_size.count().unwrap_or_default().max(announced());
    let length = length.max(full_length(text, encoding)).max(bytes.len() as u64);
    let left_out = (bytes.is_empty() && request.comment.text() == custom::LEFT_OUT).then_some(length);
    Body { bytes, length, left_out, ..Body::default() }
}

/// The body of an answer; bodies that no diagnosis reads (images, fonts, scripts) keep only their length.
pub(super) fn of_response(response: &Response<'_>, fields: &Fields) -> Body {
    let Content { size, mime_type, text, encoding, comment } = &response.content.0;
    if text.is_empty() && comment.text() == custom::LEFT_OUT {
        let length = response.body_size.count().unwrap_or_default();
        return Body { length, left_out: size.count(), ..Body::default() };
    }
    let length = response.body_size.count().unwrap_or_default().max(size.count().unwrap_or_default());
    let length = length.max(full_length(text, encoding));
    // What was announced came, unless nothing may follow the head.
    let announced = fields.text("content-length").and_then(|length| length.trim().parse().ok());
    let length = if length == 0 { announced.unwrap_or_default() } else { length };
    if is_decoration(&mime_type.text()) {
        return Body { length, ..Body::default() };
    }
    let bytes = captured(text, encoding);
    // HAR means the decoded text. A tool that kept the coded bytes shows it by gzip's magic number.
    let coded = bytes.starts_with(&[0x1F, 0x8B]) && fields.text("content-encoding").is_some_and(|c| c.contains("gzip"));
    Body { length: length.max(bytes.len() as u64), bytes, coded, ..Body::default() }
}

/// Parameters as a form body or a query. Values that are encoded already stay as they are.
pub(super) fn joined(params: &[Pair<'_>]) -> String {
    let part = |pair: &Pair<'_>| format!("{}={}", encoded(&pair.name.text()), encoded(&pair.value.text()));
    params.iter().filter(|pair| !pair.name.is_empty()).map(part).collect::<Vec<_>>().join("&")
}

/// Tools differ on whether parameters are given decoded. What holds nothing that a form must encode, and holds a valid
/// escape or a plus, can only be encoded already.
fn encoded(text: &str) -> String {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~*+%".contains(&byte);
    let pair = form::parse(text.as_bytes()).pairs.into_iter().next();
    let sound = pair.is_none_or(|pair| !pair.bad_percent);
    if text.bytes().all(legal) && sound && (text.contains('%') || !text.contains('+')) {
        return text.to_owned();
    }
    percent_encoding::utf8_percent_encode(text, FORM).to_string()
}

/// What a form encodes: all but letters, digits and these.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'*');

/// The text's bytes, decoded where they are base64, cut at the limit.
fn captured(text: &Plain<'_>, encoding: &Plain<'_>) -> Bytes {
    let text = text.text();
    if encoding.text().eq_ignore_ascii_case("base64")
        && let Some(bytes) = base64(text.as_bytes())
    {
        return Bytes::from(bytes);
    }
    let mut end = text.len().min(BODY_LIMIT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Bytes::copy_from_slice(text.as_bytes().get(..end).unwrap_or_default())
}

/// The first `BODY_LIMIT` bytes of base64 in either alphabet, with or without padding and line breaks. `None` where it is
/// no base64.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let meant = text.iter().filter(|byte| !byte.is_ascii_whitespace() && **byte != b'=');
    let standard = |byte: &u8| match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => *other,
    };
    let mut digits: Vec<u8> = meant.take(BODY_LIMIT / 3 * 4).map(standard).collect();
    if digits.len() % 4 == 1 {
        digits.pop();
    }
    GeneralPurpose::new(&alphabet::STANDARD, config).decode(digits).ok()
}

/// What the text stands for, in bytes, whether captured or not.
fn full_length(text: &Plain<'_>, encoding: &Plain<'_>) -> u64 {
    let length = text.text().len() as u64;
    if encoding.text().eq_ignore_ascii_case("base64") { length / 4 * 3 } else { length }
}

/// Media types whose bodies say nothing of an authentication.
fn is_decoration(mime_type: &str) -> bool {
    let mime_type = mime_type.to_ascii_lowercase();
    ["image/", "font/", "audio/", "video/", "text/css"].iter().any(|start| mime_type.starts_with(start))
        || ["javascript", "ecmascript", "font-woff", "wasm"].iter().any(|part| mime_type.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_in_all_its_forms() {
        for text in ["eyJhIjoiPz8_In0=", "eyJhIjoiPz8/In0", "eyJh\r\nIjoiPz8/In0="] {
            assert_eq!(base64(text.as_bytes()).unwrap(), br#"{"a":"???"}"#, "{text}");
        }
        assert_eq!(base64(b"{\"error\":1}"), None);
        assert_eq!(base64(&vec![b'A'; 10 * BODY_LIMIT]).unwrap().len(), BODY_LIMIT / 3 * 3);
    }

    #[test]
    fn parameters_are_encoded_once() {
        for (given, want) in
            [("a b&c", "a%20b%26c"), ("a%20b", "a%20b"), ("100%", "100%25"), ("x+y", "x%2By"), ("plain", "plain")]
        {
            assert_eq!(encoded(given), want);
        }
    }
}

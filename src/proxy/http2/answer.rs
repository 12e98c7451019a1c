//! Answers of our own to a client of HTTP/2.

use bytes::Bytes;
use h2::Reason;
use h2::server::SendResponse;
use http::header::{CONTENT_LENGTH, HeaderValue};
use http::{HeaderName, Response, StatusCode};

use crate::model::HeadFault;
use crate::proxy::door::answer::Notice;
use crate::proxy::observe::Sheet;

/// Says `notice`; the client may be gone already, which is no matter.
pub(super) fn say(respond: &mut SendResponse<Bytes>, notice: &Notice, accept: Option<&[u8]>, bodiless: bool) {
    let (status, fields, body) = notice.parts(accept);
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    for (name, value) in fields {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response.headers_mut().insert(CONTENT_LENGTH, body.len().into());
    let sent = respond.send_response(response, bodiless);
    let sent = sent.and_then(|mut stream| if bodiless { Ok(()) } else { stream.send_data(body.into(), true) });
    if sent.is_err() {
        respond.send_reset(Reason::INTERNAL_ERROR);
    }
}

/// Answers a request that is not forwarded for a fault of its own, and keeps it as evidence.
pub(super) fn refused(
    respond: &mut SendResponse<Bytes>,
    sheet: Sheet,
    fault: HeadFault,
    raw: &[u8],
    accept: Option<&[u8]>,
) {
    sheet.draft.begins(fault.status);
    say(respond, &Notice::of_fault(&fault, raw), accept, raw.starts_with(b"HEAD "));
    sheet.refused(fault);
}

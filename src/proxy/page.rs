//! Our own pages: what this is, and the root certificate to download. Nothing that could be of use to a foreign page.

use super::Shared;
use super::answer::reason;
use super::head::RequestHead;

/// The response to a request for one of our own pages.
pub(super) fn page(shared: &Shared, request: &RequestHead, path: &str, close: bool) -> Vec<u8> {
    let method = request.method();
    if !matches!(method, "GET" | "HEAD") {
        return respond(
            405,
            "text/plain; charset=utf-8",
            b"GET or HEAD only.\n",
            "Allow: GET, HEAD\r\n",
            method,
            close,
        );
    }
    match path {
        "/" => respond(200, "text/html; charset=utf-8", front(shared).as_bytes(), "", method, close),
        "/ca.pem" => {
            let pem = shared.authority.certificate_pem();
            respond(200, "application/x-pem-file", pem.as_bytes(), &download("why401-ca.pem"), method, close)
        }
        "/ca.cer" => {
            let der = shared.authority.certificate_der();
            respond(200, "application/pkix-cert", der, &download("why401-ca.cer"), method, close)
        }
        _ => respond(404, "text/plain; charset=utf-8", b"There is no such page.\n", "", method, close),
    }
}

fn download(name: &str) -> String {
    format!("Content-Disposition: attachment; filename=\"{name}\"\r\n")
}

fn front(shared: &Shared) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>why401</title>\
         <h1>why401 {version}</h1>\
         <p>This proxy says why ServiceNow answered 401. It is running, and this request came through it.</p>\
         <p>Clients have to trust its root certificate: <a href=\"/ca.pem\">PEM</a> or <a href=\"/ca.cer\">DER</a>, \
         SHA-256 {fingerprint}, until {until}.</p></html>\n",
        version = env!("CARGO_PKG_VERSION"),
        fingerprint = shared.authority.fingerprint(),
        until = shared.authority.not_after().date(),
    )
}

fn respond(status: u16, media: &str, body: &[u8], more: &str, method: &str, close: bool) -> Vec<u8> {
    let close = if close { "Connection: close\r\n" } else { "" };
    let head = format!(
        "HTTP/1.1 {status} {}\r\nContent-Type: {media}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
         X-Content-Type-Options: nosniff\r\nContent-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n\
         Cross-Origin-Resource-Policy: same-origin\r\nReferrer-Policy: no-referrer\r\n{more}{close}\r\n",
        reason(status),
        body.len()
    );
    let mut out = head.into_bytes();
    if method != "HEAD" {
        out.extend_from_slice(body);
    }
    out
}

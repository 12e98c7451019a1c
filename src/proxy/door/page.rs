//! Our own pages: the root certificate to download, how each client comes to trust it, and whether the one that asks does.
//! Nothing that could be of use to a foreign page.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use sha2::{Digest, Sha256};

use super::answer::reason;
use super::front::Entry;
use super::route::OWN_HOST;
use crate::model::Scheme;
use crate::proxy::Shared;
use crate::proxy::ca::truststore;
use crate::proxy::http1::head::RequestHead;
use crate::proxy::settings::Guide;

/// How the request for a page came.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Came {
    /// Through TLS that ends here: the client trusts the authority.
    Trusting,
    /// As a proxy's request, in clear.
    ThroughUs,
    /// To the listener, as to any server.
    Straight,
}

/// A page before its head is written.
struct Page {
    status: u16,
    media: &'static str,
    body: Vec<u8>,
    /// Further fields, each with its line end.
    more: String,
    /// Which pages of others may embed it.
    for_others: &'static str,
}

impl Page {
    fn new(status: u16, media: &'static str, body: impl Into<Vec<u8>>) -> Page {
        Page { status, media, body: body.into(), more: String::new(), for_others: "same-origin" }
    }

    fn words(status: u16, text: &str) -> Page {
        Page::new(status, "text/plain; charset=utf-8", text)
    }

    fn download(media: &'static str, name: &str, body: impl Into<Vec<u8>>) -> Page {
        let more = format!("Content-Disposition: attachment; filename=\"{name}\"\r\n");
        Page { more, ..Page::new(200, media, body) }
    }
}

/// The response to a request for one of our own pages.
pub(in crate::proxy) fn page(
    shared: &Shared,
    entry: &Entry,
    request: &RequestHead,
    path: &str,
    close: bool,
) -> Vec<u8> {
    let method = request.method();
    let page = match method {
        "GET" | "HEAD" => found(shared, came(entry, request), request, path),
        _ => Page { more: "Allow: GET, HEAD\r\n".into(), ..Page::words(405, "GET or HEAD only.\n") },
    };
    respond(page, method, close)
}

fn came(entry: &Entry, request: &RequestHead) -> Came {
    match entry {
        Entry::Tunnel(origin) if origin.scheme == Scheme::Https => Came::Trusting,
        Entry::Proxy(_) if request.target().starts_with(b"/") => Came::Straight,
        _ => Came::ThroughUs,
    }
}

fn found(shared: &Shared, came: Came, request: &RequestHead, path: &str) -> Page {
    let authority = &shared.authority;
    match path {
        "/" => Page::new(200, "text/html; charset=utf-8", front(shared, came)),
        "/page.css" => Page::new(200, "text/css; charset=utf-8", include_str!("page.css")),
        "/ca.pem" => Page::download("application/x-pem-file", "why401-ca.pem", authority.certificate_pem()),
        "/ca.cer" => Page::download("application/pkix-cert", "why401-ca.cer", authority.certificate_der().to_vec()),
        "/ca.p12" => Page::download("application/x-pkcs12", "why401-ca.p12", store(shared)),
        "/trusted" => trusted(shared, came),
        "/trusted.svg" if came == Came::Trusting && asked_by_us(shared, request) => {
            Page { for_others: "cross-origin", ..Page::new(200, "image/svg+xml", PICTURE) }
        }
        "/trusted.svg" => Page::words(403, "This picture is for the page of why401 alone.\n"),
        _ => Page::words(404, "There is no such page.\n"),
    }
}

fn store(shared: &Shared) -> Vec<u8> {
    let root = shared.authority.certificate_der();
    truststore::pkcs12(root, "why401", Sha256::digest(root).as_slice())
}

/// In one sentence, for clients that show no pages.
fn trusted(shared: &Shared, came: Came) -> Page {
    match came {
        Came::Trusting => Page::words(200, "This client uses why401 as its proxy and trusts its certificate.\n"),
        Came::ThroughUs if shared.has_own_tls() => Page::words(
            200,
            "This client uses why401 as its proxy. Call https://why401.proxy/trusted with it: an answer means that it trusts the certificate.\n",
        ),
        Came::ThroughUs => Page::words(
            200,
            "This client uses why401 as its proxy. Whether it trusts the certificate, a call to your instance shows.\n",
        ),
        Came::Straight => Page::words(200, "This client called why401 as a server: it does not use it as its proxy.\n"),
    }
}

/// Loaded over TLS by the front page: it shows only in a browser that trusts us.
const PICTURE: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"20\" height=\"20\" viewBox=\"0 0 20 20\"><circle cx=\"10\" cy=\"10\" r=\"9\" fill=\"#1f7a43\"/><path d=\"M5.5 10.5l3 3 6-7\" fill=\"none\" stroke=\"#fff\" stroke-width=\"2\"/></svg>";

/// Whether a page of ours embeds what is asked for. Foreign pages cannot write this field, and so learn nothing.
fn asked_by_us(shared: &Shared, request: &RequestHead) -> bool {
    let Some(referer) = request.head.get("referer").and_then(|value| std::str::from_utf8(value).ok()) else {
        return false;
    };
    let origins =
        [format!("http://{OWN_HOST}/"), format!("https://{OWN_HOST}/"), format!("http://{}/", address(shared))];
    origins.iter().any(|origin| referer == origin)
}

/// Where clients reach the proxy, as far as one address can say it.
fn address(shared: &Shared) -> SocketAddr {
    let bound = shared.targets.own.get().and_then(|own| own.first()).copied();
    let mut address = bound.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    if address.ip().is_unspecified() {
        address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    address
}

fn front(shared: &Shared, came: Came) -> String {
    let authority = &shared.authority;
    let guides: String = shared.guides.iter().map(|guide| section(guide, address(shared))).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>why401</title>\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><link rel=\"icon\" href=\"data:,\">\n\
         <link rel=\"stylesheet\" href=\"/page.css\"></head><body>\n\
         <h1>why401</h1><p class=\"less\">Version {version}, a proxy that says why ServiceNow answered 401. It is running.</p>\n\
         <div class=\"is\">{state}</div>\n\
         <h2>Its root certificate</h2>\n<p>Download it as <a href=\"/ca.pem\">PEM</a> (most clients), <a href=\"/ca.cer\">DER</a> \
         (Windows, macOS), or <a href=\"/ca.p12\">PKCS #12</a> (Java; password <code>{password}</code>, a certificate and no key).</p>\n\
         <p class=\"less\">SHA-256 <code>{fingerprint}</code>, until {until}. <code>why401 ca show</code> prints the same; compare \
         before you trust it.</p>\n\
         <h2>How each client comes to use it and trust it</h2>\n{guides}</body></html>\n",
        version = env!("CARGO_PKG_VERSION"),
        state = state(shared, came),
        password = truststore::PASSWORD,
        fingerprint = authority.fingerprint(),
        until = authority.not_after().date(),
    )
}

/// Whether the client that asks comes through here and trusts us.
fn state(shared: &Shared, came: Came) -> String {
    let link = "<a href=\"https://why401.proxy/\">https://why401.proxy/</a>";
    match came {
        Came::Trusting => {
            "<p><strong>This client uses the proxy and trusts its certificate.</strong> This page came over TLS that ends here.</p>"
                .into()
        }
        Came::ThroughUs if shared.has_own_tls() => format!(
            "<p><strong>This client uses the proxy.</strong></p><p>Does it trust the certificate? \
             <img src=\"https://why401.proxy/trusted.svg\" referrerpolicy=\"origin\" width=\"20\" height=\"20\" alt=\"No, not yet.\"> \
             (a green sign: yes). Or open {link}: it opens without a warning where the client trusts it.</p>"
        ),
        Came::ThroughUs => "<p><strong>This client uses the proxy.</strong></p><p>Whether it trusts the certificate, a call to \
             your instance shows: this authority may not sign for the page's own name.</p>"
            .into(),
        Came::Straight => format!(
            "<p><strong>This client called the proxy as a server</strong>, not as its proxy. Set {} as its proxy, then open \
             <a href=\"http://why401.proxy/\">http://why401.proxy/</a> with it to see whether it trusts the certificate.</p>",
            address(shared)
        ),
    }
}

fn section(guide: &Guide, address: SocketAddr) -> String {
    let mut out = format!("<details><summary>{}</summary>", escaped(&guide.title));
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    for line in &guide.lines {
        let line =
            line.replace("{proxy}", &format!("http://{address}")).replace("{host}", &host).replace("{port}", &port);
        match line.strip_prefix("  ") {
            Some(command) => out.push_str(&format!("<pre>{}</pre>", escaped(command))),
            None => out.push_str(&format!("<p>{}</p>", escaped(&line))),
        }
    }
    out.push_str("</details>\n");
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn respond(page: Page, method: &str, close: bool) -> Vec<u8> {
    let close = if close { "Connection: close\r\n" } else { "" };
    let head = format!(
        "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
         X-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\nContent-Security-Policy: default-src 'none'; \
         script-src 'none'; style-src 'self'; img-src https://{OWN_HOST} data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'\r\nCross-Origin-Resource-Policy: {}\r\nReferrer-Policy: no-referrer\r\n{}{close}\r\n",
        page.status,
        reason(page.status),
        page.media,
        page.body.len(),
        page.for_others,
        page.more
    );
    let mut out = head.into_bytes();
    if method != "HEAD" {
        out.extend_from_slice(&page.body);
    }
    out
}

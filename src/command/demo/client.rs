//! The demo's client: raw requests through the proxy or past it, one connection each, bytes as they are given.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::model::Scheme;
use crate::wire::form;

/// Everything here is on loopback: an answer that takes longer will not come.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// A request to be sent.
#[derive(Clone)]
pub(super) struct Ask {
    scheme: Scheme,
    host: String,
    method: &'static str,
    pub target: String,
    fields: Vec<(String, String)>,
    body: String,
}

/// What came back.
pub(super) struct Heard {
    pub status: u16,
    fields: Vec<(String, String)>,
    pub body: String,
}

pub(super) struct Client {
    proxy: SocketAddr,
    stage: SocketAddr,
    tls: TlsConnector,
}

impl Ask {
    pub fn get(host: &str, target: &str) -> Ask {
        Ask {
            scheme: Scheme::Https,
            host: host.to_owned(),
            method: "GET",
            target: target.to_owned(),
            fields: vec![(String::from("Accept"), String::from("application/json"))],
            body: String::new(),
        }
    }

    /// A form in a POST, every value encoded.
    pub fn form(host: &str, target: &str, pairs: &[(&str, &str)]) -> Ask {
        let pair = |(name, value): &(&str, &str)| format!("{}={}", form::encode(name), form::encode(value));
        let body = pairs.iter().map(pair).collect::<Vec<_>>().join("&");
        let ask = Ask { method: "POST", body, ..Ask::get(host, target) };
        ask.with("Content-Type", "application/x-www-form-urlencoded")
    }

    pub fn with(mut self, name: &str, value: &str) -> Ask {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same over plain http.
    pub fn in_clear(mut self) -> Ask {
        self.scheme = Scheme::Http;
        self
    }

    /// The bytes, with the target in the given form. Each connection carries one request.
    fn bytes(&self, target: &str) -> Vec<u8> {
        let mut head = format!("{} {target} HTTP/1.1\r\nHost: {}\r\n", self.method, self.host);
        for (name, value) in &self.fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !self.body.is_empty() {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        head.push_str("Connection: close\r\n\r\n");
        head.push_str(&self.body);
        head.into_bytes()
    }
}

impl Heard {
    pub fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(held, _)| held.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }

    /// A member of a JSON answer, as text.
    pub fn member(&self, name: &str) -> String {
        let json: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        json.get(name).and_then(|value| value.as_str()).unwrap_or_default().to_owned()
    }
}

impl Client {
    /// A client that trusts the proxy's root and the stage's.
    pub fn new(proxy: SocketAddr, stage: SocketAddr, trusted: &[CertificateDer<'static>]) -> Result<Client, String> {
        let mut roots = RootCertStore::empty();
        for certificate in trusted {
            roots.add(certificate.clone()).map_err(|error| format!("a root of the demo is not usable: {error}"))?;
        }
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Client { proxy, stage, tls: TlsConnector::from(Arc::new(config)) })
    }

    /// Sends it through the proxy: CONNECT and TLS for https, the absolute form for http.
    pub async fn through_proxy(&self, ask: &Ask) -> Result<Heard, String> {
        let mut stream = connect(self.proxy).await?;
        if ask.scheme == Scheme::Http {
            let bytes = ask.bytes(&format!("http://{}{}", ask.host, ask.target));
            return exchange(stream, &bytes).await;
        }
        let authority = format!("{}:443", ask.host);
        let head = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.map_err(said)?;
        let answer = read_head(&mut stream).await?;
        if !answer.starts_with("HTTP/1.1 200") {
            return Err(format!("the proxy refused the tunnel: {}", answer.lines().next().unwrap_or_default()));
        }
        self.over_tls(stream, ask).await
    }

    /// Sends it straight to the stage: the proxy does not see it.
    pub async fn past_proxy(&self, ask: &Ask) -> Result<Heard, String> {
        let stream = connect(self.stage).await?;
        self.over_tls(stream, ask).await
    }

    async fn over_tls(&self, stream: TcpStream, ask: &Ask) -> Result<Heard, String> {
        let name = ServerName::try_from(ask.host.clone()).map_err(|error| error.to_string())?;
        let stream = self.tls.connect(name, stream).await.map_err(said)?;
        exchange(stream, &ask.bytes(&ask.target)).await
    }
}

fn said(error: std::io::Error) -> String {
    format!("the demo's own connection failed: {error}")
}

async fn connect(address: SocketAddr) -> Result<TcpStream, String> {
    let stream = TcpStream::connect(address).await.map_err(said)?;
    stream.set_nodelay(true).map_err(said)?;
    Ok(stream)
}

/// Reads a head byte by byte, so that nothing of what follows is taken.
async fn read_head(stream: &mut TcpStream) -> Result<String, String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < 64 * 1024 {
        head.push(stream.read_u8().await.map_err(said)?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, bytes: &[u8]) -> Result<Heard, String> {
    stream.write_all(bytes).await.map_err(said)?;
    let mut answer = Vec::new();
    match tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await {
        Err(_) => return Err(String::from("no answer came")),
        // An end without close_notify after a whole answer is common, and no loss.
        Ok(Err(error)) if answer.is_empty() => return Err(said(error)),
        Ok(_) => {}
    }
    parse(&answer).ok_or_else(|| String::from("the answer is no HTTP"))
}

fn parse(answer: &[u8]) -> Option<Heard> {
    let mut space = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Response::new(&mut space);
    let length = match parsed.parse(answer).ok()? {
        httparse::Status::Complete(length) => length,
        httparse::Status::Partial => return None,
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let fields: Vec<(String, String)> =
        parsed.headers.iter().map(|field| (field.name.to_owned(), text(field.value))).collect();
    let chunked =
        fields.iter().any(|(name, value)| name.eq_ignore_ascii_case("transfer-encoding") && value == "chunked");
    let rest = answer.get(length..)?;
    let body = if chunked { unchunked(rest) } else { rest.to_vec() };
    Some(Heard { status: parsed.code?, fields, body: text(&body) })
}

/// The content of a chunked body (RFC 9112 §7.1); what is cut ends there.
fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(at) = rest.windows(2).position(|pair| pair == b"\r\n") {
        let (line, after) = rest.split_at(at);
        let size = std::str::from_utf8(line).ok().and_then(|text| usize::from_str_radix(text.trim(), 16).ok());
        let Some(size) = size.filter(|size| *size > 0) else { break };
        body.extend_from_slice(after.get(2..size + 2).unwrap_or_default());
        rest = after.get(size + 4..).unwrap_or_default();
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_in_both_framings() {
        let chunked = parse(b"HTTP/1.1 401 Unauthorized\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n3\r\n{\"a\r\n6\r\n\":\"b\"}\r\n0\r\n\r\n");
        let chunked = chunked.unwrap();
        assert_eq!((chunked.status, chunked.member("a").as_str(), chunked.field("x-a")), (401, "b", "b"));
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").unwrap().body, "hi");
        assert!(parse(b"HTTP/1.1 200 OK\r\nCont").is_none());
    }

    #[test]
    fn a_request_is_written_as_given() {
        let ask = Ask::form("dev1.service-now.com", "/x", &[("a", "b c")]).with("Authorization", "Bearer  two");
        let bytes = String::from_utf8(ask.bytes("/x")).unwrap();
        assert!(bytes.starts_with("POST /x HTTP/1.1\r\nHost: dev1.service-now.com\r\n"), "{bytes}");
        assert!(bytes.contains("\r\nAuthorization: Bearer  two\r\n") && bytes.ends_with("\r\n\r\na=b%20c"), "{bytes}");
    }
}

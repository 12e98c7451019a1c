//! The upstream of the bench: a few answers over TLS, in a process of its own.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// The first argument that makes this program the origin; the second is the folder of the authority.
pub const WORD: &str = "--as-origin";
pub const HOST: &str = "localhost";

/// Two authorities: the origin's, and the one that peers sign with.
pub fn authorities(folder: &Path) {
    for name in ["origin", "peer"] {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, format!("bench {name}"));
        let key = KeyPair::generate().unwrap();
        fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
        fs::write(folder.join(format!("{name}.pem")), params.self_signed(&key).unwrap().pem()).unwrap();
    }
}

/// Serves until its standard input ends; the first line of its standard output is the port.
pub fn run() {
    let folder = std::env::args().nth(2).expect("the folder of the authority");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let acceptor = acceptor(Path::new(&folder));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap().port());
        std::io::stdout().flush().unwrap();
        std::thread::spawn(|| {
            let mut rest = Vec::new();
            std::io::Read::read_to_end(&mut std::io::stdin(), &mut rest).ok();
            std::process::exit(0);
        });
        while let Ok((tcp, _)) = listener.accept().await {
            tcp.set_nodelay(true).unwrap();
            tokio::spawn(serve(acceptor.clone(), tcp));
        }
    });
}

fn acceptor(folder: &Path) -> TlsAcceptor {
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, "bench origin");
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::from_pem(&read("origin.key")).unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec![HOST.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(acceptor: TlsAcceptor, tcp: TcpStream) {
    let Ok(mut stream) = acceptor.accept(tcp).await else { return };
    let mut buffer = Vec::with_capacity(16 * 1024);
    loop {
        let head = loop {
            if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if !matches!(stream.read_buf(&mut buffer).await, Ok(1..)) {
                return;
            }
        };
        let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
        let length = text.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse().ok());
        let end = head + length.unwrap_or(0);
        while buffer.len() < end {
            if !matches!(stream.read_buf(&mut buffer).await, Ok(1..)) {
                return;
            }
        }
        let answer = answer(text.split(' ').nth(1).unwrap_or_default());
        buffer.drain(..end);
        if stream.write_all(&answer).await.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
}

fn answer(target: &str) -> Vec<u8> {
    let denied = r#"{"error":{"message":"User is not authenticated","detail":"Required to provide Auth information"},"status":"failure"}"#;
    let (status, more, body) = match target {
        "/api/now/table/denied" => {
            ("401 Unauthorized", "WWW-Authenticate: BASIC realm=\"Service-now\"\r\n", denied.to_owned())
        }
        "/api/now/table/big" => ("200 OK", "", format!("{{\"result\":[{}]}}", vec![ROW; 190].join(","))),
        "/oauth_token.do" => ("200 OK", "", TOKEN.to_owned()),
        _ => ("200 OK", "", format!("{{\"result\":[{ROW}]}}")),
    };
    let logged_in = status.starts_with("200");
    format!(
        "HTTP/1.1 {status}\r\nServer: snow_adc\r\nDate: Sun, 22 Nov 2026 10:00:00 GMT\r\nContent-Type: application/json;charset=UTF-8\r\nContent-Length: {}\r\nX-Is-Logged-In: {logged_in}\r\nX-Transaction-ID: 09ee25ec974f\r\nX-Content-Type-Options: nosniff\r\nPragma: no-store,no-cache\r\nCache-Control: no-cache,no-store,must-revalidate,max-age=-1\r\nExpires: 0\r\nStrict-Transport-Security: max-age=63072000; includeSubDomains\r\n{more}\r\n{body}",
        body.len()
    )
    .into_bytes()
}

const TOKEN: &str = r#"{"access_token":"8Vn3oTq0rYk2mWc5uXz7bLd9eFh1gJi4aSsPp6NnQqRr","refresh_token":"RrTtYyUu8Vn3oTq0rYk2mWc5uXz7bLd9eFh1gJi4aSsPp6NnQqRr","scope":"useraccount","token_type":"Bearer","expires_in":1799}"#;
const ROW: &str = r#"{"sys_id":"9d385017c611228701d22104cc95c371","number":"INC0000002","state":"1","priority":"1","short_description":"Unable to get to network file shares","description":"Cannot get to the shared drive. It asks for a password again and again, and then says that it is not known here.","opened_by":{"link":"https://localhost/api/now/table/sys_user/6816f79cc0a8016401c5a33be04be441","value":"6816f79cc0a8016401c5a33be04be441"},"assignment_group":{"link":"https://localhost/api/now/table/sys_user_group/8a4dde73c6112278017a6a4baf547aa7","value":"8a4dde73c6112278017a6a4baf547aa7"}}"#;

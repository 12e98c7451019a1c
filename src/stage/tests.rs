//! The stage over real sockets: TLS and plain on one port, names in their own case, framing, time, chance.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;

use super::*;
use crate::instance::training;

const HOST: &str = "dev1.service-now.com";
const VENDOR: &str = "api.vendor.example";

async fn stage() -> Stage {
    let sites = vec![training::instance(HOST).into(), training::provider(VENDOR).into()];
    Stage::start(SocketAddr::from(([127, 0, 0, 1], 0)), sites, Clock::default()).await.unwrap()
}

/// Sends bytes over TLS to that name and reads to the end.
async fn over_tls(stage: &Stage, name: &str, bytes: &str) -> String {
    let mut roots = RootCertStore::empty();
    roots.add(stage.authority().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = TcpStream::connect(stage.address()).await.unwrap();
    let mut stream =
        TlsConnector::from(Arc::new(config)).connect(name.to_owned().try_into().unwrap(), tcp).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    read_all(stream).await
}

async fn over_tcp(stage: &Stage, bytes: &str) -> String {
    let mut stream = TcpStream::connect(stage.address()).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    read_all(stream).await
}

async fn read_all(mut stream: impl AsyncRead + Unpin) -> String {
    let mut out = Vec::new();
    // A peer that closes without close_notify has still said what it had to say.
    stream.read_to_end(&mut out).await.unwrap_or_default();
    String::from_utf8_lossy(&out).into_owned()
}

use tokio::io::AsyncRead;

fn get(host: &str, target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
}

#[tokio::test]
async fn each_host_answers_for_itself_over_tls_and_in_its_own_case() {
    let stage = stage().await;
    let instance = over_tls(&stage, HOST, &get(HOST, "/api/now/table/incident")).await;
    assert!(instance.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{instance}");
    for line in
        ["\r\nX-Transaction-ID: ", "\r\nWWW-Authenticate: Basic ", "\r\nX-Is-Logged-In: false", "\r\nServer: snow_adc"]
    {
        assert!(instance.contains(line), "{line} in {instance}");
    }
    let provider = over_tls(&stage, VENDOR, &get(VENDOR, "/api/data/accounts")).await;
    assert!(provider.contains("\r\nWWW-Authenticate: Bearer\r\n"), "{provider}");
    let local = over_tls(&stage, "localhost", &get("localhost:8443", "/login.do")).await;
    assert!(local.contains("Log in | ServiceNow"), "{local}");
}

#[tokio::test]
async fn plain_http_on_the_same_port_is_known_as_such() {
    let stage = stage().await;
    let answer = over_tcp(&stage, &get(HOST, "/api/now/table/incident")).await;
    assert!(answer.starts_with("HTTP/1.1 301 "), "{answer}");
    stage.instance(HOST, |instance| instance.unwritten.redirects_plain_http = false).unwrap();
    assert!(over_tcp(&stage, &get(HOST, "/api/now/table/incident")).await.starts_with("HTTP/1.1 401 "));
}

#[tokio::test]
async fn requests_follow_each_other_on_one_connection_whatever_their_framing() {
    let stage = stage().await;
    let chunked = format!(
        "POST /oauth_revoke_token.do HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\ntoken\r\n2\r\n=a\r\n0\r\nT: x\r\n\r\n"
    );
    let counted = format!(
        "POST /oauth_token.do HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\na=b"
    );
    let head = format!("HEAD /api/now/table/incident HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    let old = format!("GET /login.do HTTP/1.0\r\nHost: {HOST}\r\n\r\n");
    let answers = over_tls(&stage, HOST, &[chunked, counted, head, old].concat()).await;
    let statuses: Vec<&str> = answers.split("HTTP/1.1 ").skip(1).map(|answer| answer.get(..3).unwrap()).collect();
    assert_eq!(statuses, ["200", "100", "401", "401", "200"], "{answers}");
    assert!(answers.ends_with("</html>"), "HTTP/1.0 knows no chunks: {answers}");
}

#[tokio::test]
async fn a_client_that_takes_gzip_gets_it() {
    let stage = stage().await;
    let request = format!(
        "GET /api/now/table/incident HTTP/1.1\r\nHost: {HOST}\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"
    );
    let answer = over_tls(&stage, HOST, &request).await;
    assert!(answer.contains("\r\nContent-Encoding: gzip\r\n") && !answer.contains("Required to provide"), "{answer}");
}

#[tokio::test]
async fn what_is_no_request_is_refused() {
    let stage = stage().await;
    for bytes in ["nonsense\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n"] {
        assert!(over_tcp(&stage, bytes).await.starts_with("HTTP/1.1 400 "), "{bytes}");
    }
}

#[tokio::test]
async fn the_clock_moves_for_everybody_at_once() {
    let clock = Clock::default();
    let stage =
        Stage::start(SocketAddr::from(([127, 0, 0, 1], 0)), vec![training::instance(HOST).into()], clock.clone())
            .await
            .unwrap();
    let before = stage.clock().now();
    clock.forward(std::time::Duration::from_secs(86_400));
    assert!(stage.clock().now().seconds_since(before) >= 86_400);
    let answer = over_tls(&stage, HOST, &get(HOST, "/api/now/table/incident")).await;
    let date = answer.split("\r\nDate: ").nth(1).unwrap().split("\r\n").next().unwrap();
    let seen = crate::wire::date::parse_http(date).unwrap();
    assert!((86_399..86_460).contains(&seen.seconds_since(before)), "{date}");
}

#[test]
fn a_standing_clock_moves_only_by_hand_until_it_is_reset() {
    let clock = Clock::standing();
    let began = clock.now();
    let later = crate::model::Millis(began.0 + 60_000);
    assert_eq!(clock.shift(later), began);
    clock.forward(std::time::Duration::from_millis(71_500));
    assert_eq!(clock.now().since(began), 71_500);
    clock.reset();
    assert_eq!(clock.shift(later), later);
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let stage = stage().await;
    let error = Stage::start(stage.address(), Vec::new(), Clock::default()).await.err().unwrap();
    assert!(error.to_string().starts_with(&format!("cannot listen on {}", stage.address())), "{error}");
}

#[tokio::test]
async fn the_authority_signs_for_nobody_else() {
    let stage = stage().await;
    let (_, root) = x509_parser::parse_x509_certificate(stage.authority()).unwrap();
    let constraints = root.name_constraints().unwrap().unwrap();
    assert!(constraints.critical);
    let names =
        constraints.value.permitted_subtrees.as_ref().unwrap().iter().filter_map(|subtree| match subtree.base {
            x509_parser::extensions::GeneralName::DNSName(name) => Some(name),
            _ => None,
        });
    assert_eq!(names.collect::<Vec<_>>(), [HOST, VENDOR, "localhost"]);
    let pem = stage.authority_pem();
    assert!(pem.lines().all(|line| line.len() <= 64) && pem.ends_with("-----END CERTIFICATE-----\n"));
}

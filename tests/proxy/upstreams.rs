//! What upstreams and parent proxies show of themselves: certificates that are refused and why, ours that are shown, hosts
//! that are taken out of verification, ways through parents.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, GeneralSubtree, IsCa, KeyPair, NameConstraints,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::CertifiedKey;
use time::OffsetDateTime;
use why401::diagnose::diagnose;
use why401::ledger::{Ledger, Limits};
use why401::model::{Exchange, Salt, Unverified};
use why401::proxy::{ClientCertificate, Settings, WayOut};

use crate::bench::*;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A certificate for the instance, with a name of its own.
fn leaf() -> CertificateParams {
    let mut params = CertificateParams::new(vec![HOST.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "the instance");
    params
}

/// An authority under the world's root.
fn authority(world: &World, change: impl FnOnce(&mut CertificateParams)) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "the intermediate");
    change(&mut params);
    CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), world.issuer()).unwrap()
}

/// A chain under `issuer`, and the key of its first.
fn under(issuer: &CertifiedIssuer<'static, KeyPair>, with_issuer: bool) -> Shown {
    let key = KeyPair::generate().unwrap();
    let own = leaf().signed_by(&key, issuer).unwrap().der().clone();
    let chain = [own].into_iter().chain(with_issuer.then(|| issuer.der().clone())).collect();
    (chain, PrivateKeyDer::Pkcs8(key.serialize_der().into()))
}

/// What an origin shows: its chain and a key.
type Shown = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl rustls::server::ResolvesServerCert for Always {
    fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

/// A server that shows this, whether it fits together or not.
fn showing((chain, key): Shown) -> rustls::ServerConfig {
    let signer = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
    rustls::ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Always(Arc::new(CertifiedKey::new(chain, signer)))))
}

/// The client's answer and the exchange, for a request through a proxy with these settings.
async fn asked(change: impl FnOnce(&mut Settings)) -> (String, Exchange) {
    let mut proxy = Proxy::start(change).await;
    let mut client = proxy.inside().await;
    client.send(format!("GET /api HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer x\r\n\r\n")).await;
    let (head, body) = client.message().await;
    (head + &body, proxy.exchange().await)
}

fn findings(exchange: &Exchange) -> Vec<(&'static str, String)> {
    let ledger = Ledger::new(Salt::new([7; 32]), Limits::default());
    let found = diagnose(exchange, &ledger).findings;
    found.into_iter().map(|finding| (finding.cause, finding.because)).collect()
}

#[tokio::test]
async fn bad_certificates_are_refused_each_for_its_own_reason() {
    let world = World::new();
    let dated = |from, to| {
        let mut params = leaf();
        (params.not_before, params.not_after) = (rcgen::date_time_ymd(from, 1, 1), rcgen::date_time_ymd(to, 1, 1));
        world.certificate(params)
    };
    let named = |name: &str| world.certificate(CertificateParams::new(vec![name.to_owned()]).unwrap());
    let own_key = KeyPair::generate().unwrap();
    let self_signed = leaf().self_signed(&own_key).unwrap().der().clone();
    let inspector = authority(&World::called("Zscaler Root CA"), |_| {});
    let limited = authority(&world, |params| {
        let permitted_subtrees = vec![GeneralSubtree::DnsName("example.com".into())];
        params.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
    });
    let ended = authority(&world, |params| params.not_after = rcgen::date_time_ymd(2021, 1, 1));
    let no_authority = authority(&world, |params| params.is_ca = IsCa::ExplicitNoCa);
    let cases: [(&str, Shown, &str, &str); 10] = [
        ("expired", dated(2020, 2021), "Expired", "has expired (since 2021-01-01)"),
        ("not yet valid", dated(2090, 2091), "NotYetValid", "not valid yet (it is from 2090-01-01 on)"),
        ("wrong host", named("other.example"), "WrongName([\"other.example\"])", "for other.example"),
        (
            "self-signed",
            (vec![self_signed], PrivateKeyDer::Pkcs8(own_key.serialize_der().into())),
            "SelfSigned",
            "signed by itself",
        ),
        ("unknown root", under(&inspector, true), "UnknownIssuer", "Zscaler"),
        (
            "incomplete chain",
            under(&authority(&world, |_| {}), false),
            "ChainIncomplete(\"CN=the intermediate\")",
            "alone",
        ),
        ("name constraints", under(&limited, true), "NotAllowed", "name constraints"),
        ("expired intermediate", under(&ended, true), "Expired", "that of its issuer CN=the intermediate"),
        ("signed by no authority", under(&no_authority, true), "NotAllowed", "no authority's certificate"),
        (
            "not its key",
            (world.certificate(leaf()).0, world.certificate(leaf()).1),
            "BadSignature",
            "does not have the key",
        ),
    ];
    for (name, shown, kind, words) in cases {
        let origin = Origin::tls(showing(shown), answering(OK, tokio::sync::mpsc::unbounded_channel().0)).await;
        let (root, entry) = (world.root(), origin.stands_for(HOST));
        let (answer, exchange) = asked(|settings| {
            settings.resolve.push(entry);
            settings.upstream_roots.push(root);
        })
        .await;
        assert!(
            answer.starts_with("HTTP/1.1 502 Bad Gateway\r\nProxy-Status: why401; error=tls_certificate_error"),
            "{name}: {answer}"
        );
        assert!(answer.contains(words), "{name}: {answer}");
        assert!(
            outcome(&exchange).contains(&format!("UpstreamTls Certificate({kind}")),
            "{name}: {}",
            outcome(&exchange)
        );
        let found = findings(&exchange);
        assert_eq!(
            found.iter().map(|(cause, _)| *cause).collect::<Vec<_>>(),
            ["upstream-certificate-invalid"],
            "{name}: {found:?}"
        );
    }
}

/// An origin that takes only clients with a certificate of the world.
fn demanding(world: &World, version: &'static rustls::SupportedProtocolVersion) -> rustls::ServerConfig {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(world.root()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider()).build().unwrap();
    let (chain, key) = world.certificate(leaf());
    let builder = rustls::ServerConfig::builder_with_provider(provider()).with_protocol_versions(&[version]).unwrap();
    builder.with_client_cert_verifier(verifier).with_single_cert(chain, key).unwrap()
}

/// A client certificate for `hosts`, as a user gives it.
fn client_certificate(world: &World, hosts: &str) -> ClientCertificate {
    let mut params = CertificateParams::default();
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let (chain, key) = world.certificate(params);
    let pem = |label: &str, der: &[u8]| {
        let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der);
        format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
    };
    let file = pem("CERTIFICATE", &chain[0]) + &pem("PRIVATE KEY", key.secret_der());
    ClientCertificate::read(vec![hosts.parse().unwrap()], file.as_bytes(), None, None, OffsetDateTime::now_utc())
        .unwrap()
}

#[tokio::test]
async fn our_certificate_is_shown_to_its_hosts_and_to_no_other() {
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let (world, stranger) = (World::new(), World::called("a stranger"));
        let origin =
            Origin::tls(demanding(&world, version), answering(OK, tokio::sync::mpsc::unbounded_channel().0)).await;
        let with = async |certificate: ClientCertificate| {
            let (root, entry) = (world.root(), origin.stands_for(HOST));
            asked(|settings| {
                settings.resolve.push(entry);
                settings.upstream_roots.push(root);
                settings.client_certificates.push(certificate);
            })
            .await
        };
        let (answer, _) = with(client_certificate(&world, "*.service-now.com")).await;
        assert!(answer.ends_with("ok"), "{answer}");
        let (answer, exchange) = with(client_certificate(&world, "other.service-now.com")).await;
        assert!(
            answer.contains("it asks for a client certificate") && answer.contains("without interception"),
            "{answer}"
        );
        assert_eq!(findings(&exchange)[0].0, "client-certificate-missing");
        let (answer, exchange) = with(client_certificate(&stranger, HOST)).await;
        assert!(answer.contains("refused the proxy's client certificate with TLS alert"), "{answer}");
        assert_eq!(findings(&exchange)[0].0, "upstream-unreachable", "{version:?}");
    }
}

#[tokio::test]
async fn a_named_test_host_is_not_verified_and_every_exchange_says_so() {
    let stranger = World::new();
    let shown = stranger.certificate(leaf());
    let digest = <sha2::Sha256 as sha2::Digest>::digest(&shown.0[0]);
    let pinned: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let origin = Origin::tls(showing(shown), answering(OK, tokio::sync::mpsc::unbounded_channel().0)).await;
    let with = async |insecure: String| {
        let entry = origin.stands_for(HOST);
        asked(|settings| {
            settings.resolve.push(entry);
            settings.insecure.push(insecure.parse().unwrap());
        })
        .await
    };
    for (insecure, told) in [(HOST.to_owned(), Unverified::Anything), (format!("{HOST}={pinned}"), Unverified::Pinned)]
    {
        let (answer, exchange) = with(insecure).await;
        assert!(answer.ends_with("ok"), "{answer}");
        assert_eq!(exchange.upstream.unverified, Some(told));
        let words = why401::output::json::line(&told_of(&exchange));
        assert!(words.contains(&format!("\"unverified\":\"{}\"", told.as_str())), "{words}");
    }
    let (answer, exchange) = with(format!("{HOST}={}", "00".repeat(32))).await;
    assert!(answer.contains("502 ") && answer.contains(&format!("it is {pinned}")), "{answer}");
    assert_eq!(findings(&exchange)[0].0, "upstream-certificate-invalid");
    // Another host is verified as ever.
    let (answer, _) = with("dev2.service-now.com".to_owned()).await;
    assert!(answer.contains("502 ") && answer.contains("not trusted"), "{answer}");
}

fn told_of(exchange: &Exchange) -> why401::output::Told<'_> {
    let salt: &'static Salt = Box::leak(Box::new(Salt::new([7; 32])));
    let ledger = Ledger::new(salt.clone(), Limits::default());
    let diagnosis = Box::leak(Box::new(diagnose(exchange, &ledger)));
    why401::output::Told { exchange, diagnosis, takes_back: &[], salt, reading: None }
}

/// SOCKS5 with a password (RFC 1928, RFC 1929): leads to `target`, and tells what it was asked for.
async fn socks_server(target: std::net::SocketAddr, seen: tokio::sync::mpsc::UnboundedSender<String>) -> Origin {
    Origin::plain(script(move |mut conn| {
        let seen = seen.clone();
        async move {
            let methods = conn.exactly(2).await[1];
            let offered = conn.exactly(methods.into()).await;
            if !offered.contains(&2) {
                return conn.send([5, 0xff]).await;
            }
            conn.send([5, 2]).await;
            let name = conn.exactly(2).await[1];
            let name = String::from_utf8(conn.exactly(name.into()).await).unwrap();
            let length = conn.exactly(1).await[0];
            let password = String::from_utf8(conn.exactly(length.into()).await).unwrap();
            if password != "p@ss" {
                return conn.send([1, 1]).await;
            }
            conn.send([1, 0]).await;
            let place = match conn.exactly(4).await[3] {
                1 => format!("{:?}", conn.exactly(4).await),
                _ => {
                    let length = conn.exactly(1).await[0];
                    String::from_utf8(conn.exactly(length.into()).await).unwrap()
                }
            };
            conn.exactly(2).await;
            if place == "shut.example" {
                return conn.send([5, 2, 0, 1, 0, 0, 0, 0, 0, 0]).await;
            }
            seen.send(format!("{name} to {place}")).unwrap();
            conn.send([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await;
            conn.join(Conn::to(target).await).await;
        }
    }))
    .await
}

#[tokio::test]
async fn socks_leads_by_name_or_by_address_and_says_why_it_does_not() {
    let world = World::new();
    let origin = Origin::tls(world.server_for(HOST), answering(OK, tokio::sync::mpsc::unbounded_channel().0)).await;
    let (sender, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let socks = socks_server(origin.address, sender).await;
    let with = async |scheme: &str, credentials: &str, by_hand: bool| {
        let parent = format!("{scheme}://{credentials}{}", socks.address).parse().unwrap();
        let root = world.root();
        asked(|settings| {
            settings.way_out = WayOut::through(parent);
            settings.upstream_roots.push(root);
            if by_hand {
                settings.resolve.push(format!("{HOST}=127.0.0.9").parse().unwrap());
            }
        })
        .await
    };
    let (answer, exchange) = with("socks5h", "svc:p%40ss@", false).await;
    assert!(answer.ends_with("ok"), "{answer}");
    assert_eq!(exchange.upstream.parent, Some(format!("socks5h://{}", socks.address)));
    assert_eq!(soon(seen.recv()).await.unwrap(), format!("svc to {HOST}"));
    assert!(with("socks5", "svc:p%40ss@", true).await.0.ends_with("ok"));
    assert_eq!(soon(seen.recv()).await.unwrap(), "svc to [127, 0, 0, 9]");
    for (credentials, says) in [("svc:wrong@", "were refused"), ("", "no credentials were given")] {
        let (answer, exchange) = with("socks5h", credentials, false).await;
        assert!(answer.contains("502 ") && answer.contains(says), "{answer}");
        assert_eq!(findings(&exchange)[0].0, "proxy-authentication-required");
    }
    // What is not intercepted is told in the answer to CONNECT.
    let parent = format!("socks5h://svc:p%40ss@{}", socks.address).parse().unwrap();
    let proxy = Proxy::start(|settings| settings.way_out = WayOut::through(parent)).await;
    let mut client = proxy.connect().await;
    client.send("CONNECT shut.example:443 HTTP/1.1\r\nHost: shut.example:443\r\n\r\n").await;
    let (head, body) = client.message().await;
    assert!(head.starts_with("HTTP/1.1 502 ") && body.contains("not allowed by ruleset"), "{head}{body}");
}

#[tokio::test]
async fn a_parent_may_be_spoken_to_within_tls() {
    let world = World::new();
    let origin = Origin::tls(world.server_for(HOST), answering(OK, tokio::sync::mpsc::unbounded_channel().0)).await;
    let target = origin.address;
    let connects = script(move |mut conn| async move {
        let head = conn.head().await;
        assert!(head.starts_with(&format!("CONNECT {HOST}:443 ")) && head.contains("Basic dTpw"), "{head}");
        conn.send("HTTP/1.1 200 OK\r\n\r\n").await;
        conn.join(Conn::to(target).await).await;
    });
    let parent = Origin::tls(world.server_for("localhost"), connects).await;
    let url = format!("https://u:p@localhost:{}", parent.address.port());
    let through = |trusted: bool| {
        let (root, way) = (world.root(), WayOut::through(url.parse().unwrap()));
        asked(move |settings| {
            settings.way_out = way;
            if trusted {
                settings.upstream_roots.push(root);
            }
        })
    };
    let (answer, exchange) = through(true).await;
    assert!(answer.ends_with("ok"), "{answer}");
    assert_eq!(exchange.upstream.parent, Some(format!("https://localhost:{}", parent.address.port())));
    let (answer, exchange) = through(false).await;
    assert!(answer.contains("502 ") && answer.contains("at the parent proxy on the way, its certificate"), "{answer}");
    let found = findings(&exchange);
    assert!(found[0].1.contains("the parent proxy"), "{found:?}");
}

#[tokio::test]
async fn what_a_parent_asks_for_is_told() {
    let parent = Origin::plain(script(|mut conn| async move {
        conn.head().await;
        conn.send(
            "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n",
        )
        .await;
    }))
    .await;
    let way = WayOut::through(format!("http://{}", parent.address).parse().unwrap());
    let (answer, exchange) = asked(|settings| settings.way_out = way).await;
    assert!(
        answer.contains("received-status=407") && answer.contains("it offers Negotiate, NTLM; no credentials"),
        "{answer}"
    );
    assert!(["px-proxy", "Cntlm", "Alpaca"].iter().all(|helper| answer.contains(helper)), "{answer}");
    let (cause, because) = findings(&exchange).remove(0);
    assert_eq!(cause, "proxy-authentication-required");
    assert!(because.contains("Negotiate, NTLM"), "{because}");
}

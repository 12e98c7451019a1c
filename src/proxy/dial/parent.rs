//! Through a parent proxy: CONNECT in clear text or within TLS, or SOCKS5.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_socks::TargetAddr;
use tokio_socks::tcp::Socks5Stream;

use super::way::{Parent, ParentKind};
use crate::model::{Failure, FailureKind, Phase};
use crate::proxy::fault::{self, failure};
use crate::proxy::http1::head::{self, AnswerHead};
use crate::proxy::link::{HeadRead, read_head};
use crate::proxy::patience::Patience;
use crate::proxy::settings::{Limits, Origin};
use crate::proxy::stream::Road;
use crate::proxy::tls::{Notes, UpstreamTls};

/// Where a parent is asked to lead.
pub(super) enum Goal<'a> {
    /// To itself: it takes requests in absolute form.
    Itself,
    /// To a name, or an address in its place.
    Name(&'a Origin),
    Address(SocketAddr),
}

impl Goal<'_> {
    /// `host:port` for CONNECT.
    fn authority(&self) -> Option<String> {
        match self {
            Goal::Itself => None,
            Goal::Name(origin) => Some(origin.authority()),
            Goal::Address(address) => Some(address.to_string()),
        }
    }
}

/// The way on from an open connection to the parent, and what came along it ahead of need.
pub(super) async fn lead(
    tcp: TcpStream,
    parent: &Parent,
    goal: Goal<'_>,
    tls: &UpstreamTls,
    limits: &Limits,
    within: Duration,
) -> Result<(Road, BytesMut), Failure> {
    match parent.kind {
        ParentKind::Socks5 | ParentKind::Socks5h => Ok((Road::Tcp(socks(tcp, parent, goal).await?), BytesMut::new())),
        ParentKind::Http => through(Road::Tcp(tcp), parent, goal, limits).await,
        ParentKind::Https => {
            let connected = tls.connect_to_parent(tcp, &parent.host, within).await?;
            through(Road::Parent(Box::new(connected.stream)), parent, goal, limits).await
        }
    }
}

async fn through(
    mut road: Road,
    parent: &Parent,
    goal: Goal<'_>,
    limits: &Limits,
) -> Result<(Road, BytesMut), Failure> {
    let mut ahead = BytesMut::new();
    if let Some(authority) = goal.authority() {
        connect(&mut road, &mut ahead, &authority, parent, limits).await?;
    }
    Ok((road, ahead))
}

/// Asks the parent to CONNECT (RFC 9110 §9.3.6).
async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    ahead: &mut BytesMut,
    authority: &str,
    parent: &Parent,
    limits: &Limits,
) -> Result<(), Failure> {
    let credentials = parent.basic().map(|value| format!("Proxy-Authorization: {value}\r\n")).unwrap_or_default();
    let request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{credentials}\r\n");
    let broken = |error: io::Error| Failure {
        phase: Phase::ParentProxy,
        ..fault::upstream(Phase::ParentProxy, &error, &Notes::default())
    };
    stream.write_all(request.as_bytes()).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;
    let failed = |kind, why: &str| Err(failure(Phase::ParentProxy, kind, why));
    let waits = (limits.connect, limits.connect);
    let mut patience = Patience::default();
    match read_head(stream, ahead, &mut patience, waits, limits.head_bytes, head::no_answer).await {
        HeadRead::Head(raw, _) => answered(raw, parent, limits.fields),
        HeadRead::Closed | HeadRead::Cut => {
            failed(FailureKind::Closed, "the parent proxy closed without an answer to CONNECT")
        }
        HeadRead::Silent | HeadRead::Slow => failed(FailureKind::TimedOut, "no answer to CONNECT"),
        HeadRead::TooLarge(_) => failed(FailureKind::Malformed, "the parent proxy's answer to CONNECT has no end"),
        HeadRead::Failed(error) => Err(broken(error)),
    }
}

fn answered(raw: Bytes, parent: &Parent, most_fields: usize) -> Result<(), Failure> {
    let failed = |kind, why: String| Err(failure(Phase::ParentProxy, kind, why));
    match AnswerHead::parse(raw, most_fields) {
        Ok(answer) if (200..300).contains(&answer.status) => Ok(()),
        Ok(answer) => {
            let words = match answer.status {
                407 => challenge(&answer, parent.credentials.is_some()),
                _ => String::from_utf8_lossy(answer.status_line()).into_owned(),
            };
            failed(FailureKind::ParentProxyRefused(answer.status), words)
        }
        Err(_) => failed(FailureKind::Malformed, "the parent proxy's answer to CONNECT is not HTTP".to_owned()),
    }
}

/// What a parent asks for, and whether it was given something (RFC 9110 §11.7.1).
fn challenge(answer: &AnswerHead, given: bool) -> String {
    let mut schemes: Vec<String> = Vec::new();
    for value in answer.head.all("proxy-authenticate") {
        let token = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
        let scheme: Vec<u8> = value.iter().copied().take_while(token).take(20).collect();
        let scheme = String::from_utf8_lossy(&scheme).into_owned();
        if !scheme.is_empty() && !schemes.contains(&scheme) && schemes.len() < 5 {
            schemes.push(scheme);
        }
    }
    let offers =
        if schemes.is_empty() { "it names no scheme".to_owned() } else { format!("it offers {}", schemes.join(", ")) };
    let tried = if given { "the credentials that it was given were refused" } else { "no credentials were given" };
    format!("{offers}; {tried}")
}

async fn socks(tcp: TcpStream, parent: &Parent, goal: Goal<'_>) -> Result<TcpStream, Failure> {
    let target = match goal {
        Goal::Address(address) => TargetAddr::Ip(address),
        Goal::Name(origin) => match origin.host.parse() {
            Ok(address) => TargetAddr::Ip(SocketAddr::new(address, origin.port)),
            Err(_) => TargetAddr::Domain(origin.host.clone().into(), origin.port),
        },
        // Never asked for: plain http goes through SOCKS5 to its origin.
        Goal::Itself => return Ok(tcp),
    };
    let led = match &parent.credentials {
        None => Socks5Stream::connect_with_socket(tcp, target).await,
        Some(credentials) => {
            let (name, password) = credentials.expose();
            Socks5Stream::connect_with_password_and_socket(tcp, target, name, password).await
        }
    };
    led.map(Socks5Stream::into_inner).map_err(|error| socks_failure(&error, parent.credentials.is_some()))
}

fn socks_failure(error: &tokio_socks::Error, given: bool) -> Failure {
    use tokio_socks::Error;
    let kind = match error {
        Error::Io(error) => return fault::upstream(Phase::ParentProxy, error, &Notes::default()),
        Error::NoAcceptableAuthMethods | Error::PasswordAuthFailure(_) | Error::AuthorizationRequired => {
            let tried =
                if given { "the credentials that it was given were refused" } else { "no credentials were given" };
            let words = format!("it offers SOCKS5 user and password; {tried}");
            return failure(Phase::ParentProxy, FailureKind::ParentProxyRefused(407), words);
        }
        // The replies of RFC 1928 §6.
        Error::GeneralSocksServerFailure => FailureKind::ParentProxyRefused(1),
        Error::ConnectionNotAllowedByRuleset => FailureKind::ParentProxyRefused(2),
        Error::NetworkUnreachable => FailureKind::ParentProxyRefused(3),
        Error::HostUnreachable => FailureKind::ParentProxyRefused(4),
        Error::ConnectionRefused => FailureKind::ParentProxyRefused(5),
        Error::TtlExpired => FailureKind::ParentProxyRefused(6),
        Error::CommandNotSupported => FailureKind::ParentProxyRefused(7),
        Error::AddressTypeNotSupported => FailureKind::ParentProxyRefused(8),
        _ => FailureKind::Malformed,
    };
    failure(Phase::ParentProxy, kind, format!("SOCKS5: {error}"))
}

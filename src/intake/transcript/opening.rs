//! The `@` line: when, where to, from whom, by which way.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::intake::{url, way};
use crate::model::{Client, Millis, Scheme, TlsFacts, Way};

/// 2026-11-02T00:00:00Z: day one of every transcript.
const DAY_ONE: Millis = Millis(1_793_577_600_000);
const DAY_MS: i64 = 86_400_000;

/// What the `@` line says.
pub(super) struct Opening {
    pub at: Millis,
    pub scheme: Scheme,
    pub host: String,
    pub port: u16,
    pub client: Client,
    pub took: Option<Duration>,
}

/// Names of clients, each with its number from 1, which gives its address and connection.
#[derive(Default)]
pub(super) struct Clients(BTreeMap<String, u8>);

impl Clients {
    fn number(&mut self, name: &str) -> Result<u8, String> {
        if let Some(number) = self.0.get(name) {
            return Ok(*number);
        }
        let number = u8::try_from(self.0.len() + 1).map_err(|_| String::from("more than 255 clients"))?;
        self.0.insert(name.to_owned(), number);
        Ok(number)
    }
}

/// Reads ` HH:MM:SS[.mmm] [+N days] ORIGIN [client=NAME] [via=WAY] [took=SECONDSs]`. `before` is the time of the exchange
/// before: without `+N days` its day goes on, and no time may lie before it.
pub(super) fn read(text: &str, before: Option<Millis>, clients: &mut Clients) -> Result<Opening, String> {
    let mut words = text.split_whitespace().peekable();
    let time = time_of_day(words.next().unwrap_or_default())?;
    let mut day = before.map_or(0, |before| before.since(DAY_ONE) / DAY_MS);
    if let Some(days) = words.next_if(|word| word.starts_with('+')) {
        day = days.parse().map_err(|_| format!("expected `+N days`, found `{days}`"))?;
        words.next_if(|word| matches!(*word, "day" | "days")).ok_or(format!("expected `days` after `{days}`"))?;
    }
    let at = Millis(DAY_ONE.0.saturating_add(day.saturating_mul(DAY_MS)).saturating_add(time));
    if before.is_some_and(|before| at < before) {
        return Err(String::from("this time lies before that of the exchange above; a later day is written `+1 day`"));
    }
    let origin = words.next().ok_or("expected an origin after the time, such as https://dev1.service-now.com")?;
    let place = url::split(origin).filter(|url| matches!(url.target, "" | "/"));
    let place =
        place.ok_or_else(|| format!("expected an origin such as https://dev1.service-now.com, found `{origin}`"))?;
    let (mut name, mut took) = ("a", None);
    let mut way = if place.scheme == Scheme::Https { Way::Tunnel } else { Way::Absolute };
    for word in words {
        match word.split_once('=') {
            Some(("client", value)) if !value.is_empty() => name = value,
            Some(("via", value)) => way = way::parse(value).ok_or_else(|| unknown_way(value))?,
            Some(("took", value)) => took = Some(seconds(value)?),
            _ => return Err(format!("expected client=NAME, via=WAY or took=SECONDSs, found `{word}`")),
        }
    }
    let client = client(clients.number(name)?, way, &place.host);
    Ok(Opening { at, scheme: place.scheme, host: place.host, port: place.port, client, took })
}

/// Milliseconds since midnight.
fn time_of_day(word: &str) -> Result<i64, String> {
    let wrong = || format!("expected a time HH:MM:SS or HH:MM:SS.mmm, found `{word}`");
    let (clock, thousandths) = word.split_once('.').unwrap_or((word, "000"));
    let parts: Vec<i64> = clock.split(':').map_while(two_digits).collect();
    let &[hour @ 0..24, minute @ 0..60, second @ 0..60] = parts.as_slice() else { return Err(wrong()) };
    if thousandths.len() != 3 {
        return Err(wrong());
    }
    let thousandths: u16 = thousandths.parse().map_err(|_| wrong())?;
    Ok(((hour * 60 + minute) * 60 + second) * 1000 + i64::from(thousandths))
}

fn two_digits(text: &str) -> Option<i64> {
    (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

fn seconds(value: &str) -> Result<Duration, String> {
    let number = value.strip_suffix('s').and_then(|digits| digits.parse::<f64>().ok());
    number
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| format!("expected took=SECONDSs such as took=1.5s, found `took={value}`"))
}

fn unknown_way(word: &str) -> String {
    format!("`via={word}`: expected tunnel, plain-tunnel, absolute, clear-https, reverse or recorded")
}

/// The client of that number: an address of a documentation range (RFC 5737) and a connection of its own.
fn client(number: u8, way: Way, host: &str) -> Client {
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, number)), 50_000 + u16::from(number));
    let tls = (way == Way::Tunnel).then(|| TlsFacts {
        version: Some(String::from("TLSv1.3")),
        alpn: Some(String::from("http/1.1")),
        sni: Some(host.to_owned()),
    });
    Client { address: Some(address), connection: u64::from(number), tls, way, called: None, connect_agent: None }
}

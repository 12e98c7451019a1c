//! HAR 1.2 as every reader wants it: also exchanges that failed, were refused or broke off are entries, with what stopped
//! them in `_error`. Reading a file back gives exchanges with the same findings.
//!
//! Entries are written one by one; memory holds one of them. Nothing is taken out here: give it what `redact::scrub` left.

mod cookies;
mod entry;
mod timings;
mod uri;

use std::borrow::Cow;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::value::RawValue;

use crate::intake::har::custom;
use crate::model::{Exchange, Outcome, Request};

/// What is written beside an exchange's own data.
#[derive(Clone, Copy, Debug, Default)]
pub struct Beside<'a> {
    /// Findings as a JSON array: the `findings` of the line that `output::json` writes.
    pub findings: Option<&'a RawValue>,
}

/// What became of the two sides of an exchange.
pub struct Sides<'a> {
    /// What `request` wrote.
    pub request: &'a RawValue,
    /// What `answer` wrote.
    pub answer: &'a RawValue,
    /// `User-Agent` of the CONNECT before the request.
    pub agent: Option<&'a str>,
    /// What stopped the exchange, in the words of `stopped`.
    pub stopped: Option<&'a str>,
}

/// The `request` of an entry; `refused`: where the fault is says nothing without the head.
pub fn request(request: &Request, refused: bool) -> Box<RawValue> {
    raw(&entry::Request::new(request, refused))
}

/// The `response` of an entry.
pub fn answer(outcome: &Outcome) -> Box<RawValue> {
    raw(&entry::Response::new(outcome))
}

/// What stopped an exchange, or cut its answer short.
pub fn stopped(outcome: &Outcome) -> Option<String> {
    entry::error(outcome)
}

/// One entry whose sides are written already, to be a part of something else.
pub fn around<'a>(exchange: &'a Exchange, sides: Sides<'a>) -> impl Serialize + 'a {
    let stopped = sides.stopped.map(Cow::Borrowed);
    entry::Entry::around(exchange, sides.request, sides.answer, sides.agent, stopped)
}

fn raw(value: &impl Serialize) -> Box<RawValue> {
    // Plain data with text keys: this cannot fail.
    serde_json::value::to_raw_value(value).unwrap_or_default()
}

/// One entry as a JSON object on one line.
pub fn entry(exchange: &Exchange, beside: Beside<'_>) -> String {
    // Plain data with text keys: this cannot fail.
    serde_json::to_string(&entry::Entry::new(exchange, beside)).unwrap_or_default()
}

#[derive(Serialize)]
struct Creator {
    name: &'static str,
    version: &'static str,
}

/// Writes a file, entry by entry.
pub struct Writer<W: Write> {
    out: W,
    entries: u64,
}

impl<W: Write> Writer<W> {
    pub fn new(mut out: W) -> io::Result<Writer<W>> {
        let creator = serde_json::to_string(&Creator { name: "why401", version: env!("CARGO_PKG_VERSION") })?;
        write!(out, "{{\"log\":{{\"version\":\"1.2\",\"creator\":{creator},\"entries\":[")?;
        Ok(Writer { out, entries: 0 })
    }

    /// Adds an entry that `entry` made. HAR wants them in the order of their times.
    pub fn entry(&mut self, entry: &str) -> io::Result<()> {
        let before = if self.entries == 0 { "\n" } else { ",\n" };
        self.entries += 1;
        self.out.write_all(before.as_bytes())?;
        self.out.write_all(entry.as_bytes())
    }

    /// Ends the file and gives back what it was written to. `manifest` is the value of `_why401`.
    pub fn finish(mut self, manifest: &impl Serialize) -> io::Result<W> {
        let manifest = serde_json::to_string(manifest)?;
        write!(self.out, "\n],\"{}\":{manifest}}}}}\n", custom::WHY401)?;
        self.out.flush()?;
        Ok(self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake;
    use crate::model::{Body, Client, Failure, FailureKind, Fields, Millis, Outcome, Phase, Request, Scheme, Timing};
    use crate::model::{Upstream, Way};

    /// An exchange that needs every member of our own.
    fn odd() -> Exchange {
        Exchange {
            id: 1,
            entry: None,
            at: Millis(1_793_613_600_123),
            client: Client {
                address: "192.0.2.7:50001".parse().ok(),
                connection: 3,
                way: Way::ClearHttps,
                called: Some("http://127.0.0.1:1".into()),
                connect_agent: Some("tunneller/1".into()),
                ..Client::default()
            },
            request: Request {
                method: "propfind".into(),
                scheme: Scheme::Https,
                host: "dev1.service-now.com".into(),
                port: 443,
                target: "/a b?q={x}".into(),
                version: "HTTP/1.1".into(),
                fields: [(&b"X-Odd"[..], &b"\xff\xfe"[..])].into_iter().collect::<Fields>(),
                body: Body::whole(&b"\xff\x00"[..]),
                head: Some((&b"GET /a b?q={x} HTTP/1.1\r\nX-Odd : \xff\xfe\r\n\r\n"[..]).into()),
                unseen: true,
            },
            outcome: Outcome::Failed(Failure {
                phase: Phase::Connect,
                kind: FailureKind::ConnectionRefused,
                detail: "no".into(),
                status: Some(502),
            }),
            timing: Timing::default(),
            upstream: Upstream {
                address: "198.51.100.1:443".parse().ok(),
                switched: Some(Box::default()),
                unverified: Some(crate::model::Unverified::Pinned),
                ..Upstream::default()
            },
        }
    }

    #[test]
    fn members_of_our_own_have_the_readers_names() {
        let findings = serde_json::value::RawValue::from_string("[]".into()).unwrap();
        let entry = entry(&odd(), Beside { findings: Some(&findings) });
        for name in [
            custom::ERROR,
            custom::CLIENT,
            custom::WAY,
            custom::CONNECT_AGENT,
            custom::UNSEEN,
            custom::CALLED,
            custom::SWITCHED,
            custom::UNVERIFIED,
            custom::FINDINGS,
            custom::RAW_METHOD,
            custom::RAW_URL,
            custom::RAW_HEAD,
            custom::RAW_VALUE,
        ] {
            assert!(entry.contains(&format!("\"{name}\":")), "{name} in {entry}");
        }
    }

    #[test]
    fn a_refused_request_brings_its_head_also_where_nothing_in_it_is_odd() {
        use crate::model::{HeadFault, HeadProblem};
        let mut exchange = odd();
        exchange.request.target = "http://svc:x@dev1.service-now.com/x".into();
        exchange.request.fields = [(&b"Host"[..], &b"dev1.service-now.com"[..])].into_iter().collect::<Fields>();
        let head = b"propfind http://svc:x@dev1.service-now.com/x HTTP/1.1\r\nHost: dev1.service-now.com\r\n\r\n";
        exchange.request.head = Some(head[..].into());
        exchange.outcome = Outcome::Refused(HeadFault { offset: 9, problem: HeadProblem::RequestLine, status: 400 });
        let back = intake::har::one(entry(&exchange, Beside::default()).as_bytes(), 0).unwrap().unwrap();
        assert_eq!(back.request.head, exchange.request.head);
    }

    #[test]
    fn what_is_odd_about_an_exchange_is_read_back() {
        let exchange = odd();
        let mut writer = Writer::new(Vec::new()).unwrap();
        writer.entry(&entry(&exchange, Beside::default())).unwrap();
        let file = writer.finish(&()).unwrap();
        let back = intake::har::Reader::new(&file[..]).next().unwrap().unwrap_or_else(|fault| panic!("{fault}"));
        assert_eq!(back.client.address, exchange.client.address);
        assert_eq!(
            (back.client.way, &back.client.connect_agent),
            (exchange.client.way, &exchange.client.connect_agent)
        );
        assert_eq!(back.request.method, "propfind");
        assert_eq!((back.at, back.request.unseen), (exchange.at, true));
        assert_eq!((&back.request.target, &back.request.head), (&exchange.request.target, &exchange.request.head));
        assert_eq!(back.request.fields.get("x-odd"), Some(&b"\xff\xfe"[..]));
        assert_eq!(back.request.body.bytes, exchange.request.body.bytes);
        let Outcome::Failed(failure) = &back.outcome else { panic!("no failure") };
        assert_eq!((failure.phase, failure.status, failure.detail.as_str()), (Phase::Connect, Some(502), "no"));
    }
}

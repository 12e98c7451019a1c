//! Makes the lines of exchanges, without their secrets.

use std::ops::Range;

use super::parts::{self, Part, Parts};
use super::{ENTRY, Written, line};
use crate::model::Exchange;
use crate::output::har::{self, Sides};
use crate::output::redact::scrub::Scrubber;
use crate::wire::telling::Telling;

/// A part of a line is looked for by so many bytes of its beginning.
const BEGINS: usize = 16;

/// A line of an exchange, without its line end.
pub struct Made {
    pub text: String,
    /// What did not stand in many lines before.
    pub fresh: Vec<Range<usize>>,
    /// Its answer brought a token or a code, which later exchanges may use in vain.
    pub gives: bool,
}

/// A secret came through all the same.
pub struct Leak;

/// What lines are made with.
pub struct Lines {
    scrubber: Scrubber,
    requests: Parts,
    answers: Parts,
    /// What stands in more lines than this is not fresh.
    often: u32,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Lines {
    pub fn new(scrubber: Scrubber, often: u32) -> Lines {
        let (requests, answers) = (Parts::default(), Parts::default());
        Lines { scrubber, requests, answers, often, request: Vec::new(), answer: Vec::new() }
    }

    pub fn scrubber(&self) -> &Scrubber {
        &self.scrubber
    }

    /// The line of an exchange; `again`: it stands in the journal already, without its bodies.
    pub fn exchange(&mut self, exchange: &Exchange, keep: Telling, again: bool) -> Result<Made, Leak> {
        let scrubber = &mut self.scrubber;
        scrubber.meet(exchange);
        parts::of_request(exchange, keep, &mut self.request);
        parts::of_answer(exchange, keep, |text| scrubber.knows_as_dull(text), &mut self.answer);
        let request = self.requests.take(&self.request);
        let answer = self.answers.take(&self.answer);
        let mut request = request.unwrap_or_else(|| Part::request(scrubber, exchange, keep));
        let mut answer = answer.unwrap_or_else(|| Part::answer(scrubber, exchange, keep));
        // What one side says is a secret may stand in the other one, and what is known by now in what was made before.
        if !request.still(scrubber) {
            request = Part::request(scrubber, exchange, keep);
        }
        if !answer.still(scrubber) {
            answer = Part::answer(scrubber, exchange, keep);
        }
        let line = self.of(exchange, again, [&request, &answer])?;
        for (part, parts, from) in
            [(request, &mut self.requests, &self.request), (answer, &mut self.answers, &self.answer)]
        {
            parts.put(from, part);
        }
        Ok(line)
    }

    fn of(&self, exchange: &Exchange, again: bool, [request, answer]: [&Part; 2]) -> Result<Made, Leak> {
        let sides = Sides {
            request: &request.json,
            answer: &answer.json,
            agent: request.beside.as_deref(),
            stopped: answer.beside.as_deref(),
        };
        let removed = request.removed.iter().chain(&answer.removed).collect();
        let entry = har::around(exchange, sides);
        let text = line(&Written { schema: ENTRY, exchange: exchange.id, again, removed, entry });
        let known = [request, answer].into_iter().filter(|part| part.lines > self.often);
        let fresh = without(&text, known.map(|part| part.json.get()));
        let leaks = |part: &Range<usize>| {
            text.get(part.clone()).is_none_or(|part| self.scrubber.finds_secret_in(part.as_bytes()))
        };
        if fresh.iter().any(leaks) {
            return Err(Leak);
        }
        Ok(Made { text, fresh, gives: answer.gives })
    }
}

/// What is left of a text without these parts of it, which stand in this order.
fn without<'a>(text: &str, parts: impl Iterator<Item = &'a str>) -> Vec<Range<usize>> {
    let mut left = Vec::with_capacity(3);
    let mut at = 0;
    for part in parts {
        let rest = text.get(at..).unwrap_or_default();
        // To look for all of a long text at once would take longer than to make it.
        let begins = part.get(..BEGINS).unwrap_or(part);
        let found =
            rest.match_indices(begins).find(|(at, _)| rest.get(*at..).is_some_and(|rest| rest.starts_with(part)));
        let Some(start) = found.map(|(found, _)| at + found) else { continue };
        left.push(at..start);
        at = start + part.len();
    }
    left.push(at..text.len());
    left
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Body, Client, Failure, FailureKind, Fields, Millis, Outcome, Phase, Request, Response, Salt};
    use crate::model::{Scheme, Timing, Upstream};

    const TOKEN: &str = "Zk4Wq9TnB2xLr7Vd0Ys5Hc8Jm";
    const OFTEN: u32 = 2;

    fn lines() -> Lines {
        Lines::new(Scrubber::new(Salt::new([7; 32])), OFTEN)
    }

    /// One of a few requests and answers, which say of each other what is a secret.
    fn exchange(id: u64, request: usize, answer: usize) -> Exchange {
        let fields = |list: &[(&str, &str)]| {
            list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Fields>()
        };
        let authorization = format!("Bearer {TOKEN}");
        let (target, sent, body) = [
            ("/api/now/table/incident", fields(&[("Accept", "*/*"), ("Authorization", &authorization)]), ""),
            ("/api/now/table/incident", fields(&[("Accept", "*/*"), ("X-Note", TOKEN)]), ""),
            ("/oauth_token.do", fields(&[]), "grant_type=password&client_id=0123456789abcdef0123456789abcdef"),
            (
                "/api?state=0123456789abcdef0123456789abcdef",
                fields(&[("X-Id", "0123456789abcdef0123456789abcdef")]),
                "",
            ),
        ][request]
            .clone();
        let (status, got, text) = [
            (200, fields(&[("Content-Type", "application/json")]), r#"{"result":[]}"#.to_owned()),
            (200, fields(&[("Content-Type", "application/json")]), format!(r#"{{"access_token":"{TOKEN}"}}"#)),
            (302, fields(&[("Location", "https://app.example/?code=B1wSEk09CHPEwLCM")]), String::new()),
            (401, fields(&[("Set-Cookie", "JSESSIONID=4F9A1C77D2E0B6A85C3; Secure")]), format!("no {TOKEN}")),
            (200, fields(&[("Content-Type", "application/json")]), long("a", 5000)),
            (200, fields(&[("Content-Type", "application/json")]), long("b", 5000)),
            (200, fields(&[("Content-Type", "application/json")]), long(TOKEN, 5000)),
        ][answer]
            .clone();
        let response = Response {
            status,
            reason: String::new(),
            version: "HTTP/1.1".into(),
            fields: got,
            body: Body::whole(text),
            ours: false,
            cut: None,
        };
        let request = Request {
            method: "GET".into(),
            scheme: Scheme::Https,
            host: "dev1.service-now.com".into(),
            port: 443,
            target: target.into(),
            version: "HTTP/1.1".into(),
            fields: sent,
            body: Body::whole(body),
            head: None,
            unseen: false,
        };
        Exchange {
            id,
            entry: None,
            at: Millis(1_793_613_600_123 + i64::try_from(id).unwrap()),
            client: Client { connect_agent: Some(format!("tool/{request}", request = id % 2)), ..Client::default() },
            request,
            outcome: Outcome::Answered(response),
            timing: Timing::default(),
            upstream: Upstream::default(),
        }
    }

    fn long(word: &str, length: usize) -> String {
        let mut text = format!(r#"{{"result":["{}"]}}"#, format!("{word} ").repeat(length / word.len()));
        text.truncate(length);
        text
    }

    /// What stands in a line of an exchange that was scrubbed as a whole.
    fn plainly(scrubber: &mut Scrubber, exchange: &Exchange, keep: Telling) -> (String, serde_json::Value) {
        let (scrubbed, removed) = scrubber.scrub_keeping(exchange, keep);
        let removed: Vec<super::super::Taken> = removed.iter().map(super::super::Taken::of).collect();
        (har::entry(&scrubbed, har::Beside::default()), serde_json::to_value(removed).unwrap())
    }

    proptest! {
        #[test]
        fn a_line_is_the_same_as_without_a_memory(
            calls in proptest::collection::vec((0..4_usize, 0..7_usize, any::<bool>()), 1..25)
        ) {
            let (mut lines, mut told) = (lines(), false);
            let mut scrubber = Scrubber::new(Salt::new([7; 32]));
            for (id, (request, answer, keep)) in (1..).zip(calls) {
                let exchange = exchange(id, request, answer);
                let keep = Telling { request: keep, answer: keep };
                let Ok(made) = lines.exchange(&exchange, keep, false) else { panic!("a leak") };
                let super::super::Line::Exchange(read) = super::super::read(&made.text) else { panic!("no line") };
                let (entry, removed) = plainly(&mut scrubber, &exchange, keep);
                prop_assert!(read.entry.get() == entry, "{}\n{}", read.entry, entry);
                let line: serde_json::Value = serde_json::from_str(&made.text).unwrap();
                prop_assert!(line["removed"] == removed, "{}\n{}", line, removed);
                told |= request == 0 || answer == 1;
                prop_assert!(!(told && made.text.contains(TOKEN)));
            }
        }
    }

    #[test]
    fn an_answer_whose_long_text_is_left_out_and_dull_is_remembered() {
        let mut lines = lines();
        let mut kept = |id, answer, keep| {
            let keep = Telling { request: true, answer: keep };
            assert!(lines.exchange(&exchange(id, 0, answer), keep, false).is_ok());
            (lines.answer.len() > 5000, lines.answers.take(&lines.answer).is_some())
        };
        assert_eq!(kept(2, 4, true), (true, true));
        assert_eq!(kept(4, 4, false), (true, true), "nobody has looked through it");
        assert_eq!(kept(6, 4, false), (false, true));
        assert_eq!(kept(8, 5, false), (true, true), "as long, but another one");
    }

    #[test]
    fn what_stood_in_many_lines_is_not_fresh() {
        let mut lines = lines();
        for id in 1..=OFTEN + 1 {
            let Ok(made) = lines.exchange(&exchange(u64::from(2 * id), 0, 0), Telling::BOTH, false) else {
                panic!("a leak")
            };
            assert_eq!((made.fresh.len(), &made.fresh[0]), (1, &(0..made.text.len())), "{id}");
        }
        let mut fresh = |id, request| {
            let Ok(made) = lines.exchange(&exchange(id, request, 0), Telling::BOTH, false) else { panic!("a leak") };
            made.fresh.into_iter().filter_map(|part| made.text.get(part)).collect::<Vec<_>>().join(" … ")
        };
        let left = fresh(20, 0);
        assert!(!left.contains("Accept") && !left.contains("application/json"), "{left}");
        assert!(
            left.contains(r#""exchange":20"#) && left.contains("_connectAgent") && left.contains("removed"),
            "{left}"
        );
        let left = fresh(22, 3);
        assert!(left.contains("X-Id") && !left.contains("application/json"), "{left}");
    }

    #[test]
    fn a_part_is_made_anew_where_something_in_it_turned_out_to_be_a_secret() {
        let mut lines = lines();
        let mut text = |id, request, answer| {
            let Ok(made) = lines.exchange(&exchange(id, request, answer), Telling::BOTH, false) else {
                panic!("a leak")
            };
            made.text
        };
        assert!(text(2, 1, 0).contains(TOKEN), "nothing says that it is a secret");
        assert!(!text(4, 2, 1).contains(TOKEN));
        assert!(!text(6, 1, 0).contains(TOKEN));
    }

    #[test]
    fn a_line_with_a_known_secret_is_none() {
        let mut lines = lines();
        let called = |url: String| {
            let plain = exchange(2, 0, 0);
            Exchange { client: Client { called: Some(url), ..plain.client }, ..plain }
        };
        assert!(lines.exchange(&called("http://127.0.0.1:8080".into()), Telling::BOTH, false).is_ok());
        let leak = called(format!("http://{TOKEN}.example"));
        assert!(lines.exchange(&leak, Telling::BOTH, false).is_err());
    }

    #[test]
    fn an_answer_gives_what_it_brings_unless_it_says_no() {
        let gives = |answer, status| {
            let mut exchange = exchange(2, 0, answer);
            let Outcome::Answered(response) = &mut exchange.outcome else { panic!("it was answered") };
            response.status = status;
            let Ok(made) = lines().exchange(&exchange, Telling::BOTH, false) else { panic!("a leak") };
            made.gives
        };
        let of = |answer| [200, 302, 399, 400, 401].map(|status| gives(answer, status));
        assert_eq!(
            [0, 1, 2, 3].map(of),
            [[false; 5], [true, true, true, false, false], [true, true, true, false, false], [false; 5]]
        );
    }

    #[test]
    fn an_exchange_that_was_stopped_says_by_what_each_time() {
        let mut lines = lines();
        for (id, detail) in [(2, "refused"), (4, "reset")] {
            let failure = Failure {
                phase: Phase::Connect,
                kind: FailureKind::ConnectionRefused,
                detail: detail.into(),
                status: Some(502),
            };
            let exchange = Exchange { outcome: Outcome::Failed(failure), ..exchange(id, 0, 0) };
            let Ok(made) = lines.exchange(&exchange, Telling::BOTH, false) else { panic!("a leak") };
            assert!(made.text.contains(detail), "{}", made.text);
        }
    }
}

//! The same failure again: told whole the first time, then in one line each, with how often it was.

use std::collections::HashMap;

use super::layout::Style;
use super::{Told, log};
use crate::model::{Millis, Tag};

/// Failures that are remembered; when there are more, all are told whole again.
const MOST: usize = 1000;
/// After this long a failure is told whole again, in seconds: who looks now may not have seen the first time.
const WHOLE_AGAIN: i64 = 3600;

/// What was told whole, and when.
#[derive(Clone, Copy)]
struct First {
    exchange: u64,
    at: Millis,
    /// How often it came after that.
    times: u64,
}

/// The memory of one log.
#[derive(Default)]
pub struct Repeats {
    seen: HashMap<Tag, First>,
}

impl Repeats {
    /// The block of the exchange, or one line where the same was told before: the same call with the same credential, the
    /// same status and the same findings.
    pub fn block(&mut self, told: &Told<'_>, style: &Style) -> String {
        let plain = !told.diagnosis.findings.is_empty() && told.takes_back.is_empty() && !style.why;
        if !plain {
            return log::block(told, style);
        }
        let at = told.exchange.at;
        let likeness = likeness(told);
        if let Some(first) = self.seen.get_mut(&likeness).filter(|first| at.seconds_since(first.at) < WHOLE_AGAIN) {
            first.times += 1;
            return log::again(told, style, first.exchange, first.times);
        }
        if self.seen.len() >= MOST {
            self.seen.clear();
        }
        self.seen.insert(likeness, First { exchange: told.exchange.id, at, times: 0 });
        log::block(told, style)
    }
}

/// What two exchanges have in common whose explanation is the same; no secret can be read from it.
fn likeness(told: &Told<'_>) -> Tag {
    let request = &told.exchange.request;
    let mut text = format!(
        "{} {} {} {:?} {:?}\n",
        request.method,
        request.origin(),
        request.path(),
        told.exchange.status(),
        told.diagnosis.answered_by
    );
    for finding in &told.diagnosis.findings {
        text.push_str(&format!("{} {}\n", finding.cause, finding.grade.as_str()));
    }
    let mut bytes = text.into_bytes();
    for name in ["authorization", "cookie", "x-sn-apikey"] {
        request.fields.all(name).for_each(|value| bytes.extend_from_slice(value));
    }
    if request.body.length < 16 * 1024 {
        bytes.extend_from_slice(&request.body.bytes);
    }
    told.salt.tag(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::transcript;
    use crate::ledger::Limits;
    use crate::model::Salt;
    use crate::pipeline::Pipeline;

    fn call(at: &str, token: &str) -> String {
        format!(
            "@ {at} https://dev1.service-now.com\n> GET /api/now/table/incident HTTP/1.1\n> Host: dev1.service-now.com\n\
             > Authorization: Bearer{token}\n>\n< HTTP/1.1 401 Unauthorized\n< Server: snow_adc\n\
             < WWW-Authenticate: Basic realm=\"Service-now\"\n<\n{{}}\n"
        )
        .replace("\n{}", "\n< {}")
    }

    fn told(story: &str) -> Vec<String> {
        let (mut repeats, mut blocks) = (Repeats::default(), Vec::new());
        let mut teller = |told: &Told<'_>| blocks.push(repeats.block(told, &Style::plain(120)));
        let mut pipeline = Pipeline::new(Salt::new([3; 32]), Limits::default());
        for step in transcript::parse(story).unwrap().steps {
            pipeline.take(step.exchange, &mut teller);
        }
        pipeline.finish(&mut teller);
        blocks
    }

    #[test]
    fn the_same_failure_is_one_line_from_then_on() {
        let times = ["10:00:00", "10:00:05", "10:00:09"];
        let blocks = told(&times.map(|at| call(at, "abcdefgh12345678")).concat());
        assert!(blocks[0].lines().count() > 5, "{}", blocks[0]);
        assert_eq!(blocks[1].lines().count(), 1, "{}", blocks[1]);
        assert!(blocks[2].contains("#3 again, 2 times since #1") && blocks[2].contains("bearer-missing-space"));
    }

    #[test]
    fn another_credential_and_a_later_hour_are_told_whole() {
        let blocks = told(&[call("10:00:00", "abcdefgh12345678"), call("10:00:05", "otherone12345678")].concat());
        assert!(blocks.iter().all(|block| block.lines().count() > 5));
        let blocks = told(&[call("10:00:00", "abcdefgh12345678"), call("11:30:00", "abcdefgh12345678")].concat());
        assert!(blocks.iter().all(|block| block.lines().count() > 5));
    }
}

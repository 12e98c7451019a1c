//! Lengths as HAR counts them: milliseconds, -1 for what did not happen, `ssl` inside of `connect`.

use std::time::Duration;

use serde::Serialize;

use crate::model::Timing;

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Timings {
    blocked: f64,
    dns: f64,
    connect: f64,
    ssl: f64,
    send: f64,
    wait: f64,
    receive: f64,
}

impl Timings {
    pub fn new(timing: &Timing) -> Timings {
        let setup = [timing.resolve, timing.connect, timing.tls].into_iter().flatten().sum::<Duration>();
        let first_byte = timing.first_byte.or(timing.end);
        let sent = timing.sent.unwrap_or(setup).min(first_byte.unwrap_or(Duration::MAX)).max(setup);
        let first_byte = first_byte.unwrap_or(sent).max(sent);
        let end = timing.end.unwrap_or(first_byte).max(first_byte);
        let connect = timing.connect.map(|connect| connect + timing.tls.unwrap_or_default());
        Timings {
            blocked: -1.0,
            dns: timing.resolve.map_or(-1.0, millis),
            connect: connect.or(timing.tls).map_or(-1.0, millis),
            ssl: timing.tls.map_or(-1.0, millis),
            send: millis(sent.saturating_sub(setup)),
            wait: millis(first_byte.saturating_sub(sent)),
            receive: millis(end.saturating_sub(first_byte)),
        }
    }

    /// The sum of what happened; `ssl` is a part of `connect`.
    pub fn sum(&self) -> f64 {
        let all = [self.blocked, self.dns, self.connect, self.send, self.wait, self.receive];
        // A sum of nothing is -0 in Rust.
        round(all.into_iter().filter(|part| *part > 0.0).fold(0.0, |sum, part| sum + part))
    }
}

fn millis(length: Duration) -> f64 {
    round(length.as_secs_f64() * 1000.0)
}

/// To a thousandth: sums stay readable.
fn round(millis: f64) -> f64 {
    (millis * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_follow_each_other_and_add_up() {
        let ms = |count| Some(Duration::from_millis(count));
        let timing =
            Timing { resolve: ms(5), connect: ms(10), tls: ms(20), sent: ms(36), first_byte: ms(100), end: ms(110) };
        let timings = Timings::new(&timing);
        let want = Timings { blocked: -1.0, dns: 5.0, connect: 30.0, ssl: 20.0, send: 1.0, wait: 64.0, receive: 10.0 };
        assert_eq!((timings, timings.sum()), (want, 110.0));
    }

    #[test]
    fn what_is_not_known_is_no_null_and_nothing_is_negative() {
        let failed = Timing {
            resolve: Some(Duration::from_millis(5)),
            end: Some(Duration::from_millis(3)),
            ..Timing::default()
        };
        let timings = Timings::new(&failed);
        assert_eq!((timings.send, timings.wait, timings.receive, timings.sum()), (0.0, 0.0, 0.0, 5.0));
        let nothing = Timings::new(&Timing::default()).sum();
        assert!(nothing == 0.0 && nothing.is_sign_positive(), "{nothing}");
    }
}

//! Times as text: HTTP dates (RFC 9110 §5.6.7), ISO 8601 as HAR wants it, and the clock of a log line.

use time::format_description::well_known::{Rfc2822, Rfc3339};
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};

use crate::model::Millis;

/// Midnight of 1 January 1900, UTC: no year before it is one of RFC 5322 (§3.3).
const FIRST_OF_HTTP: Millis = Millis(-2_208_988_800_000);

/// `Sun, 22 Nov 2026 10:00:00 GMT`, in the three forms that a recipient must accept (and Tomcat's, with dashes).
pub fn parse_http(text: &str) -> Option<Millis> {
    read_http(text).filter(|at| *at >= FIRST_OF_HTTP)
}

fn read_http(text: &str) -> Option<Millis> {
    let text = text.trim();
    if let Some(at) = fixed(text) {
        return Some(at);
    }
    let tidy = text.replace('-', " ").replace(" GMT", " +0000").replace(" UTC", " +0000");
    if let Ok(date) = OffsetDateTime::parse(&tidy, &Rfc2822) {
        return from_time(date);
    }
    let asctime = time::macros::format_description!(
        "[weekday repr:short] [month repr:short] [day padding:space] [hour]:[minute]:[second] [year]"
    );
    let date = PrimitiveDateTime::parse(text, asctime).ok()?;
    from_time(date.assume_offset(UtcOffset::UTC))
}

/// The form that all servers of today send, read in place: `Sun, 06 Nov 1994 08:49:37 GMT`.
fn fixed(text: &str) -> Option<Millis> {
    const DAYS: [&[u8]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];
    const MONTHS: [&[u8]; 12] =
        [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
    let bytes = text.as_bytes();
    let part = |from: usize, length: usize| bytes.get(from..from + length).unwrap_or_default();
    let joints = [(3, &b", "[..]), (7, b" "), (11, b" "), (16, b" "), (19, b":"), (22, b":"), (25, b" GMT")];
    if bytes.len() != 29 || joints.iter().any(|(at, joint)| part(*at, joint.len()) != *joint) {
        return None;
    }
    let number = |from, length| {
        let digit = |sum: u16, byte: &u8| byte.is_ascii_digit().then(|| sum * 10 + u16::from(byte - b'0'));
        part(from, length).iter().try_fold(0, digit)
    };
    let small = |from| number(from, 2).and_then(|number| u8::try_from(number).ok());
    let month = MONTHS.iter().position(|name| *name == part(8, 3))?;
    let month = time::Month::try_from(u8::try_from(month + 1).ok()?).ok()?;
    let date = time::Date::from_calendar_date(i32::from(number(12, 4)?), month, small(5)?).ok()?;
    let time = time::Time::from_hms(small(17)?, small(20)?, small(23)?).ok()?;
    DAYS.contains(&part(0, 3)).then(|| PrimitiveDateTime::new(date, time).assume_utc()).and_then(from_time)
}

/// ISO 8601 with a zone, as `startedDateTime` of HAR.
pub fn parse_iso(text: &str) -> Option<Millis> {
    from_time(OffsetDateTime::parse(text.trim(), &Rfc3339).ok()?)
}

/// `2026-11-22T10:00:00.123Z`.
pub fn iso(at: Millis) -> String {
    let Some(date) = to_time(at) else { return String::from("0000-00-00T00:00:00.000Z") };
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        date.hour(),
        date.minute(),
        date.second(),
        date.millisecond()
    )
}

/// `10:00:00`, UTC.
pub fn clock(at: Millis) -> String {
    let Some(date) = to_time(at) else { return String::from("--:--:--") };
    format!("{:02}:{:02}:{:02}", date.hour(), date.minute(), date.second())
}

/// A length in words that a tired person reads at once: `71 s`, `12 min`, `3 h 20 min`, `4 days`.
pub fn span(seconds: i64) -> String {
    match seconds.unsigned_abs() {
        s @ 0..=599 => format!("{s} s"),
        s @ 600..=7_199 => format!("{} min", s / 60),
        s @ 7_200..=172_799 => format!("{} h {} min", s / 3600, s % 3600 / 60),
        s => format!("{} days", s / 86_400),
    }
}

/// The HTTP date of `at`, as a server sends it in `Date`.
pub fn http(at: Millis) -> String {
    let Some(date) = to_time(at) else { return String::new() };
    let format = time::macros::format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    date.format(format).unwrap_or_default()
}

/// Years of other than four digits are no dates of HTTP or ISO 8601: they could not be written again.
fn from_time(date: OffsetDateTime) -> Option<Millis> {
    let date = date.checked_to_offset(UtcOffset::UTC).filter(|date| (0..=9999).contains(&date.year()))?;
    i64::try_from(date.unix_timestamp_nanos() / 1_000_000).ok().map(Millis)
}

fn to_time(at: Millis) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_dates_are_read_in_all_their_forms() {
        let noon = Some(Millis(1_614_339_633_000));
        assert_eq!(parse_http("Fri, 26 Feb 2021 11:40:33 GMT"), noon);
        assert_eq!(parse_http("Fri, 26-Feb-2021 11:40:33 GMT"), noon);
        assert_eq!(parse_http("Fri Feb 26 11:40:33 2021"), noon);
        assert_eq!(parse_http("yesterday"), None);
        assert_eq!(parse_http("Sun Nov 22 10:00:00 1013"), None);
        for odd in ["Xyz, 26 Feb 2021 11:40:33 GMT", "Fri, 31 Feb 2021 11:40:33 GMT", "Fri, 26 Feb 2021 24:40:33 GMT"] {
            assert_eq!(parse_http(odd), None, "{odd}");
        }
        assert_eq!(fixed("Fri, 26 Feb 2021 11:40:33 GMT"), noon);
    }

    #[test]
    fn iso_is_written_as_it_is_read() {
        let at = parse_iso("2026-11-22T11:00:00.123+01:00").unwrap();
        assert_eq!(iso(at), "2026-11-22T10:00:00.123Z");
        assert_eq!(clock(at), "10:00:00");
        assert_eq!(parse_http(&http(at)), Some(Millis(at.0 / 1000 * 1000)));
    }

    #[test]
    fn impossible_times_are_no_reason_to_stop() {
        assert_eq!(iso(Millis(i64::MAX)), "0000-00-00T00:00:00.000Z");
        assert_eq!(clock(Millis(i64::MIN)), "--:--:--");
    }

    #[test]
    fn spans_use_the_unit_that_reads_best() {
        assert_eq!([71, 720, 12_000, 400_000].map(span), ["71 s", "12 min", "3 h 20 min", "4 days"]);
    }
}

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

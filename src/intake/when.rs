//! Times as recordings write them: ISO 8601 with and without zone, blanks for the `T`, any number of decimals.

use crate::model::Millis;
use crate::wire::date;

/// Reads a time; one without a zone counts as UTC, since nothing in the file says otherwise.
pub(super) fn parse(text: &str) -> Option<Millis> {
    let text = text.trim();
    if let Some(at) = date::parse_iso(text) {
        return Some(at);
    }
    if !text.is_ascii() || text.len() > 64 {
        return None;
    }
    if let Ok(number) = text.parse::<f64>() {
        return epoch(number);
    }
    let (day, rest) = text.split_once(['T', 't', ' '])?;
    let zone_at = rest.find(['Z', 'z', '+', '-', ' ']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(zone_at);
    let clock = clock.replace(',', ".");
    let (whole, decimals) = clock.split_once('.').unwrap_or((&clock, "0"));
    let seconds = if whole.matches(':').count() == 1 { ":00" } else { "" };
    // The library reads at most nine decimals.
    let decimals = decimals.get(..9).unwrap_or(decimals);
    date::parse_iso(&format!("{day}T{whole}{seconds}.{decimals}{}", zone_form(zone.trim())?))
}

/// `+0100`, `+01` and no zone at all as RFC 3339 writes them.
fn zone_form(zone: &str) -> Option<String> {
    let digits: String = zone.chars().filter(char::is_ascii_digit).collect();
    match (zone.chars().next(), digits.len()) {
        (None | Some('Z' | 'z'), _) => Some(String::from("Z")),
        (Some(sign @ ('+' | '-')), 2) => Some(format!("{sign}{digits}:00")),
        (Some(sign @ ('+' | '-')), 4) => Some(format!("{sign}{}:{}", digits.get(..2)?, digits.get(2..)?)),
        _ if matches!(zone, "GMT" | "UTC") => Some(String::from("Z")),
        _ => None,
    }
}

/// Seconds or milliseconds since the epoch: what lies past the year 5138 in seconds is milliseconds.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked before")]
fn epoch(number: f64) -> Option<Millis> {
    let plausible = (1.0e8..1.0e14).contains(&number);
    plausible.then_some(Millis(if number < 1.0e11 { (number * 1000.0) as i64 } else { number as i64 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_tools_write() {
        let noon = parse("2026-11-22T10:00:00.123Z");
        assert!(noon.is_some());
        for text in [
            "2026-11-22T11:00:00.123+01:00",
            "2026-11-22T11:00:00.123+0100",
            "2026-11-22T08:00:00.123-02",
            "2026-11-22T10:00:00.1234567Z",
            "2026-11-22T10:00:00.1230000000",
            "2026-11-22 10:00:00,123",
            "2026-11-22T10:00:00.123",
            "2026-11-22 10:00:00.123 UTC",
            "1795341600123",
            "1795341600.123",
        ] {
            assert_eq!(parse(text), noon, "{text}");
        }
        assert_eq!(parse("2026-11-22T10:00"), parse("2026-11-22T10:00:00Z"));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in ["", "yesterday", "2026-11-22", "10:00:00", "2026-13-40T10:00:00Z", "12", "2026-11-22Tä", "NaN"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}

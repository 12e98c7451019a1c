//! Several recordings as one story: merged by time.

use std::io::Read;
use std::iter::Peekable;

use crate::model::{Exchange, Millis};

use super::{Fault, Recording};

/// The exchanges of all recordings in the order of their times, numbered from 1. Faults come with the name of their
/// recording. Those of one time, and those without any (`Millis(0)`), keep the order of the recordings.
pub fn story<R: Read>(recordings: Vec<Recording<R>>) -> impl Iterator<Item = Result<Exchange, (String, Fault)>> {
    let parts = recordings.into_iter().map(|recording| (recording.name().to_owned(), recording.peekable())).collect();
    Story { parts, id: 0 }
}

struct Story<R: Read> {
    parts: Vec<(String, Peekable<Recording<R>>)>,
    id: u64,
}

impl<R: Read> Iterator for Story<R> {
    type Item = Result<Exchange, (String, Fault)>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut first: Option<(Millis, usize)> = None;
        for (at, (_, part)) in self.parts.iter_mut().enumerate() {
            let time = match part.peek() {
                // A fault holds nothing up.
                Some(Err(_)) => Millis(i64::MIN),
                Some(Ok(exchange)) => exchange.at,
                None => continue,
            };
            if first.is_none_or(|(earliest, _)| time < earliest) {
                first = Some((time, at));
            }
        }
        let (name, part) = self.parts.get_mut(first?.1)?;
        Some(match part.next()? {
            Ok(mut exchange) => {
                self.id += 1;
                exchange.id = self.id;
                Ok(exchange)
            }
            Err(fault) => Err((name.clone(), fault)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::open;

    fn har(entries: &[(&str, &str)]) -> String {
        let entry = |(time, path): &(&str, &str)| {
            format!(
                r#"{{"startedDateTime":"2026-11-22T{time}Z","request":{{"url":"https://h/{path}"}},"response":{{"status":200}}}}"#
            )
        };
        format!(r#"{{"log":{{"entries":[{}]}}}}"#, entries.iter().map(entry).collect::<Vec<_>>().join(","))
    }

    #[test]
    fn recordings_are_merged_by_time() {
        let one = har(&[("10:00:00", "a"), ("10:00:02", "c")]);
        let two = har(&[("10:00:01", "b"), ("10:00:02", "d")]).replace("\"https://h/d\"", "7");
        let timeless = "> GET /first HTTP/1.1\n> Host: h\n>\n< HTTP/1.1 200 OK\n<\n";
        let texts = [("one", one.as_str()), ("two", &two), ("three", timeless)];
        let recordings = texts.map(|(name, text)| open(text.as_bytes(), name).unwrap()).into_iter().collect();
        let told: Vec<_> = story(recordings)
            .map(|item| match item {
                Ok(exchange) => format!("{} {}", exchange.id, exchange.request.target),
                Err((name, fault)) => format!("{name}: entry {}", fault.entry.unwrap()),
            })
            .collect();
        assert_eq!(told, ["two: entry 1", "1 /first", "2 /a", "3 /b", "4 /c"]);
    }
}

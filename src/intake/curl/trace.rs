//! `--trace-ascii` and `--trace`: sections of bytes with offsets in front, in both directions, bodies included.

use super::session::Session;
use super::without_time;

/// Whether the text is one of these.
pub(super) fn is_trace(text: &str) -> bool {
    let sections = text.lines().map(without_time).filter(|line| Section::of(line).is_some());
    sections.take(2).count() == 2
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    SentHead,
    SentData,
    ReceivedHead,
    ReceivedData,
    /// TLS records.
    Other,
}

impl Section {
    fn of(line: &str) -> Option<Section> {
        let rest = line.strip_prefix("=> Send ").or_else(|| line.strip_prefix("<= Recv "))?;
        let sent = line.starts_with("=>");
        let what = rest.split(',').next().unwrap_or_default();
        Some(match (sent, what) {
            (true, "header") => Section::SentHead,
            (true, "data") => Section::SentData,
            (false, "header") => Section::ReceivedHead,
            (false, "data") => Section::ReceivedData,
            _ => Section::Other,
        })
    }
}

/// Reads all sections.
pub(super) fn read(text: &str, session: &mut Session) {
    let hex = is_hex(text);
    let mut section = None;
    let mut bytes = Bytes::default();
    for line in text.lines().map(without_time) {
        if let Some(next) = Section::of(line) {
            hand_over(section.replace(next), &std::mem::take(&mut bytes).data, session);
        } else if let Some(words) = line.strip_prefix("== Info:") {
            hand_over(section.take(), &std::mem::take(&mut bytes).data, session);
            session.says(words.trim());
        } else if let Some((code, text)) = super::error(line) {
            hand_over(section.take(), &std::mem::take(&mut bytes).data, session);
            session.failed(code, text);
        } else if section.is_some() {
            bytes.line(line, hex);
        }
    }
    hand_over(section, &bytes.data, session);
}

fn hand_over(section: Option<Section>, data: &[u8], session: &mut Session) {
    let lines = || {
        let whole = data.strip_suffix(b"\n").unwrap_or(data);
        whole.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
    };
    match section {
        Some(Section::SentHead) => {
            lines().filter(|line| !line.is_empty()).for_each(|line| session.sent_line(line));
            session.sent_all();
        }
        Some(Section::ReceivedHead) => lines().for_each(|line| session.received_line(line)),
        Some(Section::SentData) => session.sent_data(data),
        Some(Section::ReceivedData) => session.received_data(data),
        Some(Section::Other) | None => {}
    }
}

/// Whether bytes are given as hexadecimal pairs: no method has two letters that are such a pair.
fn is_hex(text: &str) -> bool {
    let mut lines =
        text.lines().map(without_time).skip_while(|line| Section::of(line) != Some(Section::SentHead)).skip(1);
    let first = lines.next().and_then(|line| line.split_whitespace().nth(1)).unwrap_or_default();
    first.len() == 2 && u8::from_str_radix(first, 16).is_ok()
}

/// The bytes of a section.
#[derive(Default)]
struct Bytes {
    data: Vec<u8>,
    /// Where the next line begins unless a line break lies between.
    next: usize,
}

impl Bytes {
    /// Takes one line `0040: …`.
    fn line(&mut self, line: &str, hex: bool) {
        let Some((offset, rest)) = line.split_once(':') else { return };
        let Ok(offset) = usize::from_str_radix(offset, 16) else { return };
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        if hex {
            let pairs = rest.get(..48).unwrap_or(rest).split_whitespace();
            self.data.extend(pairs.map_while(|pair| u8::from_str_radix(pair, 16).ok()));
            return;
        }
        // The text form breaks lines at CR LF, and at 64 bytes without one.
        if offset == self.next + 2 {
            self.data.extend_from_slice(b"\r\n");
        }
        self.data.extend_from_slice(rest.as_bytes());
        self.next = offset + rest.len();
    }
}

//! Looks at JSON text in the buffer: where values and strings end, and what a cut leaves of them.

/// How long the object or array at the start of `ready` is, where all of it is there.
pub(super) fn whole(ready: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0, 0_usize);
    loop {
        let byte = *ready.get(at)?;
        at += 1;
        match byte {
            b'"' => {
                let run = run(ready.get(at..)?, 0);
                at += run.length + 1;
                run.closed.then_some(())?;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth > 1 => depth -= 1,
            b'}' | b']' => return Some(at),
            _ => {}
        }
    }
}

/// A stretch of a string's text.
pub(super) struct Run {
    pub length: usize,
    /// The closing quote stands behind it.
    pub closed: bool,
    /// It ends with a backslash whose escaped byte is not there yet.
    pub escaped: bool,
}

/// The stretch at the start of `ready` up to the closing quote or the end, the first `skip` bytes unlooked at.
pub(super) fn run(ready: &[u8], skip: usize) -> Run {
    let mut at = skip;
    while let Some(found) = ready.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found;
        if ready.get(at) == Some(&b'"') {
            return Run { length: at, closed: true, escaped: false };
        }
        at += 2;
    }
    Run { length: ready.len(), closed: false, escaped: at > ready.len() }
}

/// Takes back what a cut tore apart at the end of a string that begins at `start`: an escape or a UTF-8 character.
pub(super) fn drop_torn_end(piece: &mut Vec<u8>, start: usize) {
    let text = piece.get(start..).unwrap_or_default();
    let tail = text.len() - text.len().min(5);
    let backslash = text.iter().skip(tail).rposition(|byte| *byte == b'\\').map(|at| tail + at);
    let mut end = text.len();
    if let Some(at) = backslash {
        // An odd number of backslashes in a row: the last one opens an escape.
        let row = text.iter().take(at + 1).rev().take_while(|byte| **byte == b'\\').count();
        let whole = if text.get(at + 1) == Some(&b'u') { 6 } else { 2 };
        if row % 2 == 1 && text.len() < at + whole {
            end = at;
        }
    }
    let last = text.iter().enumerate().take(end).rev().take(4).find(|(_, byte)| **byte & 0xC0 != 0x80);
    if let Some((at, lead)) = last {
        let width = match lead {
            0xC0..0xE0 => 2,
            0xE0..0xF0 => 3,
            0xF0.. => 4,
            _ => 1,
        };
        end = if at + width > end { at } else { end };
    }
    piece.truncate(start + end);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_tears_nothing_apart() {
        let cut = |text: &str| {
            let mut piece = [b"12", text.as_bytes()].concat();
            drop_torn_end(&mut piece, 2);
            String::from_utf8(piece[2..].to_vec()).unwrap()
        };
        for (text, want) in [
            ("abc", "abc"),
            (r"abc\", "abc"),
            (r"abc\\", r"abc\\"),
            (r"abc\\\", r"abc\\"),
            (r"abc\u00", "abc"),
            (r"abc\u00e9", r"abc\u00e9"),
            (r"abc\\u00", r"abc\\u00"),
            (r"ab\n12", r"ab\n12"),
            ("", ""),
        ] {
            assert_eq!(cut(text), want, "{text}");
        }
    }

    #[test]
    fn no_character_is_halved() {
        let whole = "aé€😀".as_bytes();
        for length in 0..=whole.len() {
            let mut piece = whole[..length].to_vec();
            drop_torn_end(&mut piece, 0);
            assert!(std::str::from_utf8(&piece).is_ok() && length - piece.len() < 4, "{length}");
        }
    }
}

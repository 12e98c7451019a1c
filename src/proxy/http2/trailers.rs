//! Pseudo-fields in trailers (RFC 9113 §8.1): the library leaves them out without a word, where the stream has to be
//! refused. Pure: bytes in, bytes out; only frames are followed, nothing is decoded.

/// The connection preface, before the first frame.
const PREFACE: usize = 24;
const FRAME_HEAD: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const END_STREAM: u8 = 1;
const PADDED: u8 = 8;
const PRIORITY: u8 = 0x20;
/// Frames above this size are refused as they are (RFC 9113 §4.2).
const LARGEST: usize = 16 * 1024;

/// Follows the frames of a client.
pub(super) struct Watch {
    /// Bytes that belong to what has been looked at already.
    skip: usize,
    /// Streams whose body has not ended.
    bodies: Vec<u32>,
}

/// Bodies that are followed at once; further ones push out the oldest. We allow fewer streams.
const MOST_BODIES: usize = 1000;

impl Watch {
    pub fn new() -> Watch {
        Watch { skip: PREFACE, bodies: Vec::new() }
    }

    /// How many of `bytes` may go on; the rest has to come again with more behind it. Trailers with a pseudo-field lose
    /// the mark of their end: a second head that is none is what the library refuses, with the error that is due.
    pub fn look(&mut self, bytes: &mut [u8]) -> usize {
        let mut at = 0;
        loop {
            let step = self.skip.min(bytes.len() - at);
            (at, self.skip) = (at + step, self.skip - step);
            let Some(rest) = bytes.get_mut(at..).filter(|rest| rest.len() >= FRAME_HEAD) else { return at };
            let (length, kind, flags, stream) = frame_head(rest);
            if kind == HEADERS && length <= LARGEST && self.bodies.contains(&stream) {
                let Some(block) = rest.get(FRAME_HEAD..FRAME_HEAD + length) else { return at };
                if has_pseudo(content(block, flags))
                    && let Some(flags) = rest.get_mut(4)
                {
                    *flags &= !END_STREAM;
                }
            }
            self.follow(kind, flags, stream);
            self.skip = FRAME_HEAD + length;
        }
    }

    fn follow(&mut self, kind: u8, flags: u8, stream: u32) {
        let ends = kind == RST_STREAM || (matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0);
        if ends {
            self.bodies.retain(|body| *body != stream);
        } else if kind == HEADERS && !self.bodies.contains(&stream) {
            if self.bodies.len() >= MOST_BODIES {
                self.bodies.remove(0);
            }
            self.bodies.push(stream);
        }
    }
}

/// Length, kind, flags and stream (RFC 9113 §4.1).
fn frame_head(bytes: &[u8]) -> (usize, u8, u8, u32) {
    let [a, b, c, kind, flags, s, t, u, v, ..] = *bytes else { return (0, 0, 0, 0) };
    let length = u32::from_be_bytes([0, a, b, c]) as usize;
    (length, kind, flags, u32::from_be_bytes([s & 0x7f, t, u, v]))
}

/// The fields in a HEADERS frame, without padding and priority; its padding's own faults are the library's matter.
fn content(payload: &[u8], flags: u8) -> &[u8] {
    let (padding, rest) = match payload.split_first() {
        Some((padding, rest)) if flags & PADDED != 0 => (usize::from(*padding), rest),
        _ => (0, payload),
    };
    let from = if flags & PRIORITY != 0 { 5 } else { 0 };
    rest.get(from..rest.len().saturating_sub(padding)).unwrap_or_default()
}

/// Whether a block names a pseudo-field: by a number of the static table, or in letters. One that the client has put into
/// the dynamic table is not seen; it is left out as before.
fn has_pseudo(mut block: &[u8]) -> bool {
    while let Some(first) = block.first().copied() {
        let prefix = match first {
            0x80.. => 7,
            0x40.. => 6,
            0x20.. => 5,
            _ => 4,
        };
        let Some((number, rest)) = integer(block, prefix) else { return false };
        block = rest;
        // RFC 7541 appendix A: the first fourteen entries.
        if prefix != 5 && (1..=14).contains(&number) {
            return true;
        }
        if prefix == 7 || prefix == 5 {
            continue;
        }
        if number == 0 {
            let Some((name, huffman, rest)) = string(block) else { return false };
            if begins_with_colon(name, huffman) {
                return true;
            }
            block = rest;
        }
        let Some((_, _, rest)) = string(block) else { return false };
        block = rest;
    }
    false
}

/// Its code is 1011100 (RFC 7541 appendix B).
fn begins_with_colon(name: &[u8], huffman: bool) -> bool {
    name.first().is_some_and(|first| if huffman { first >> 1 == 0b101_1100 } else { *first == b':' })
}

/// RFC 7541 §5.1.
fn integer(bytes: &[u8], prefix: u32) -> Option<(usize, &[u8])> {
    let (first, mut rest) = bytes.split_first()?;
    let most = (1_usize << prefix) - 1;
    let mut number = usize::from(*first) & most;
    if number < most {
        return Some((number, rest));
    }
    for shift in [0, 7, 14, 21] {
        let (byte, after) = rest.split_first()?;
        rest = after;
        number += usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((number, rest));
        }
    }
    None
}

/// RFC 7541 §5.2: the bytes, and whether they are in Huffman's code.
fn string(bytes: &[u8]) -> Option<(&[u8], bool, &[u8])> {
    let huffman = bytes.first()? & 0x80 != 0;
    let (length, rest) = integer(bytes, 7)?;
    let (text, rest) = rest.split_at_checked(length)?;
    Some((text, huffman, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
        [&[0, 0, payload.len() as u8, kind, flags, 0, 0, 0, stream][..], payload].concat()
    }

    /// What goes on where the bytes come in pieces of `size`, the last held back ones included.
    fn through(bytes: &[u8], size: usize) -> Vec<u8> {
        let (mut watch, mut held, mut out) = (Watch { skip: 0, bodies: Vec::new() }, Vec::new(), Vec::new());
        for piece in bytes.chunks(size) {
            held.extend_from_slice(piece);
            let passed = watch.look(&mut held);
            out.extend(held.drain(..passed));
        }
        out.extend(held);
        out
    }

    #[test]
    fn only_trailers_with_a_pseudo_field_lose_their_end() {
        let head = frame(HEADERS, 4, 1, &[0x82, 0x84]);
        let data = frame(0, 0, 1, b"body");
        let named = [&[0x40, 1, b'x', 1, b'1'][..], &[0x00, 5, b':', b'p', b'a', b't', b'h', 1, b'/']].concat();
        for pseudo in [
            &[0x83][..],
            &[0x44, 1, b'/'],
            &[0x04, 1, b'/'],
            &[0x14, 1, b'/'],
            &named,
            &[0x00, 0x84, 0xb9, 0x58, 0xd3, 0x3f, 0],
        ] {
            let right = [head.clone(), data.clone(), frame(HEADERS, 5, 1, &[0xc0 - 1])].concat();
            let wrong = [head.clone(), data.clone(), frame(HEADERS, 5, 1, pseudo)].concat();
            let refused = [head.clone(), data.clone(), frame(HEADERS, 4, 1, pseudo)].concat();
            for size in [1, 5, 9, 1000] {
                assert_eq!(through(&right, size), right, "{size}");
                assert_eq!(through(&wrong, size), refused, "{pseudo:x?} in pieces of {size}");
            }
        }
        let padded = [head.clone(), frame(HEADERS, 5 | PADDED | PRIORITY, 1, &[2, 0, 0, 0, 0, 9, 0x83, 0, 0])].concat();
        assert_ne!(through(&padded, 3), padded);
    }

    proptest! {
        #[test]
        fn other_bytes_pass_as_they_are_and_none_panics(bytes in proptest::collection::vec(any::<u8>(), 0..600), size in 1_usize..50) {
            let out = through(&bytes, size);
            prop_assert_eq!(out.len(), bytes.len());
        }
    }
}

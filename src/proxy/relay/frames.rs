//! Counts what passes after a change of protocol: bytes, and of a WebSocket the frames by their headers (RFC 6455 §5.2).
//! Looks at bytes that are on their way and holds none of them back. Pure.

use crate::model::{Frames, Passed};

/// Two bytes, a length of eight, a mask of four, and the two bytes of a close code.
const MOST: usize = 16;
const CLOSE: u8 = 8;
/// No code was given.
const NO_CODE: u16 = 1005;

/// One way of a connection that has changed its protocol.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Tap {
    passed: Passed,
    /// The header of the frame that is being read.
    header: [u8; MOST],
    have: usize,
    /// What is left of the frame's payload.
    left: u64,
}

/// A whole header.
struct Header {
    opcode: u8,
    payload: u64,
    /// Bytes of the header, without a close code.
    length: usize,
    mask: usize,
}

impl Tap {
    pub fn of_websocket() -> Tap {
        Tap { passed: Passed { bytes: 0, frames: Some(Frames::default()) }, ..Tap::default() }
    }

    /// What has passed so far.
    pub fn passed(&self) -> Passed {
        self.passed.clone()
    }

    pub fn see(&mut self, bytes: &[u8]) {
        self.passed.bytes = self.passed.bytes.saturating_add(bytes.len() as u64);
        let Some(mut frames) = self.passed.frames.take() else { return };
        let mut rest = bytes;
        while !rest.is_empty() && !frames.broken {
            let payload = usize::try_from(self.left).unwrap_or(usize::MAX).min(rest.len());
            let (skipped, more) = rest.split_at_checked(payload).unwrap_or((rest, &[]));
            self.left -= skipped.len() as u64;
            rest = more;
            if let Some((byte, more)) = rest.split_first() {
                rest = more;
                self.byte(*byte, &mut frames);
            }
        }
        self.passed.frames = Some(frames);
    }

    /// The next byte of a header.
    fn byte(&mut self, byte: u8, frames: &mut Frames) {
        if let Some(place) = self.header.get_mut(self.have) {
            *place = byte;
            self.have += 1;
        }
        let Some(header) = self.whole() else { return };
        // The code is read with the header: it is what the close is about.
        let code = if header.opcode == CLOSE { header.payload.min(2) } else { 0 };
        let wanted = header.length + usize::try_from(code).unwrap_or_default();
        if self.have < wanted {
            return;
        }
        frames.broken |= header.payload >> 63 == 1;
        count(frames, header.opcode);
        if header.opcode == CLOSE && frames.code.is_none() {
            frames.code = Some(if code == 2 { self.code(&header) } else { NO_CODE });
        }
        (self.have, self.left) = (0, header.payload - code);
    }

    fn at(&self, index: usize) -> u8 {
        self.header.get(index).copied().unwrap_or_default()
    }

    /// The header, once all of it is there.
    fn whole(&self) -> Option<Header> {
        if self.have < 2 {
            return None;
        }
        let (mask, short) = (usize::from(self.at(1) >> 7) * 4, self.at(1) & 0x7f);
        let extended = match short {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let length = 2 + extended + mask;
        let number = self.header.get(2..2 + extended).unwrap_or_default();
        let number = number.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        let payload = if extended == 0 { u64::from(short) } else { number };
        (self.have >= length).then(|| Header { opcode: self.at(0) & 0x0f, payload, length, mask })
    }

    /// Clients mask what they send, the code too.
    fn code(&self, header: &Header) -> u16 {
        let masked = |index: usize| {
            let mask = if header.mask == 0 { 0 } else { self.at(header.length - header.mask + index) };
            self.at(header.length + index) ^ mask
        };
        u16::from_be_bytes([masked(0), masked(1)])
    }
}

fn count(frames: &mut Frames, opcode: u8) {
    let of = match opcode {
        0 => &mut frames.continuation,
        1 => &mut frames.text,
        2 => &mut frames.binary,
        CLOSE => &mut frames.close,
        9 => &mut frames.ping,
        10 => &mut frames.pong,
        _ => &mut frames.other,
    };
    *of += 1;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A frame as a client (masked) or a server sends it.
    fn frame(opcode: u8, payload: &[u8], masked: bool) -> Vec<u8> {
        let mut out = vec![0x80 | opcode];
        let bit = u8::from(masked) << 7;
        match payload.len() {
            short @ 0..126 => out.push(bit | u8::try_from(short).unwrap()),
            middle @ 126..65536 => {
                out.push(bit | 126);
                out.extend(u16::try_from(middle).unwrap().to_be_bytes());
            }
            long => {
                out.push(bit | 127);
                out.extend((long as u64).to_be_bytes());
            }
        }
        let mask = if masked { [1, 2, 3, 4] } else { [0; 4] };
        out.extend(if masked { &mask[..] } else { &[] });
        out.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]));
        out
    }

    fn seen(bytes: &[u8], piece: usize) -> Passed {
        let mut tap = Tap::of_websocket();
        bytes.chunks(piece.max(1)).for_each(|piece| tap.see(piece));
        tap.passed()
    }

    #[test]
    fn frames_are_counted_whatever_pieces_they_come_in() {
        for masked in [false, true] {
            let stream = [
                frame(1, b"hello", masked),
                frame(2, &[0x88; 70_000], masked),
                frame(0, &[1; 300], masked),
                frame(9, b"", masked),
                frame(10, b"x", masked),
                frame(8, &[0x03, 0xe8, b'b', b'y', b'e'], masked),
            ]
            .concat();
            let expected = Frames {
                text: 1,
                binary: 1,
                continuation: 1,
                ping: 1,
                pong: 1,
                close: 1,
                code: Some(1000),
                ..Frames::default()
            };
            for piece in [1, 2, 3, 7, 4096, stream.len()] {
                let passed = seen(&stream, piece);
                assert_eq!(passed, Passed { bytes: stream.len() as u64, frames: Some(expected.clone()) }, "{piece}");
            }
        }
        assert_eq!(seen(&frame(8, b"", true), 1).frames.unwrap().code, Some(1005));
    }

    proptest! {
        #[test]
        fn any_bytes_are_counted_and_the_pieces_do_not_matter(bytes: Vec<u8>, piece in 1_usize..9) {
            let passed = seen(&bytes, piece);
            prop_assert_eq!(passed.bytes, bytes.len() as u64);
            prop_assert_eq!(passed, seen(&bytes, bytes.len()));
        }
    }
}

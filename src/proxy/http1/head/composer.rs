//! A head that did not come as text, in the form that all others have.

use bytes::{BufMut, BytesMut};

use super::{AnswerHead, Head, Line, RequestHead, Span, Version};

/// Puts a head together that did not come as text, in the form that all others have.
pub(in crate::proxy) struct Composer {
    raw: BytesMut,
    lines: Vec<Line>,
}

impl Composer {
    /// `room`: what the fields will need, about.
    pub fn new(room: usize, fields: usize) -> Composer {
        Composer { raw: BytesMut::with_capacity(room), lines: Vec::with_capacity(fields) }
    }

    /// Where the next byte will stand.
    pub fn at(&self) -> usize {
        self.raw.len()
    }

    /// The first line, without its end.
    pub fn put(&mut self, text: &[u8]) {
        self.raw.put_slice(text);
    }

    /// A field; `parts` of its value stand with `between` them.
    pub fn field<'v>(&mut self, name: &[u8], parts: impl Iterator<Item = &'v [u8]>, between: &[u8]) {
        let start = self.raw.len();
        self.raw.put_slice(name);
        self.raw.put_slice(b": ");
        let value = self.raw.len();
        for (index, part) in parts.enumerate() {
            self.raw.put_slice(if index > 0 { between } else { b"" });
            self.raw.put_slice(part);
        }
        let end = self.raw.len();
        self.raw.put_slice(b"\r\n");
        let whole = Span::new(start, self.raw.len());
        self.lines.push(Line { name: Span::new(start, start + name.len()), value: Span::new(value, end), whole });
    }

    fn head(mut self) -> Head {
        self.raw.put_slice(b"\r\n");
        Head { raw: self.raw.freeze(), lines: self.lines }
    }

    /// The whole, where it was to be a request; its method stands at 0.
    pub fn request(self, method: usize, target: (usize, usize)) -> RequestHead {
        let (method, target) = (Span::new(0, method), Span::new(target.0, target.1));
        RequestHead { head: self.head(), version: Version::Http2, method, target }
    }

    /// The whole, where it was to be an answer; its status stands from `from` to `to`.
    pub fn answer(self, status: u16, from: usize, to: usize) -> AnswerHead {
        AnswerHead { head: self.head(), version: Version::Http2, status, rest: Span::new(from, to) }
    }
}

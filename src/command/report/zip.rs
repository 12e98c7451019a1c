//! A zip file (APPNOTE 6.3): a handful of files, deflated, streamed. Small enough to need no library of its own.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use flate2::{Compression, Crc, write::DeflateEncoder};

use crate::model::Millis;
use crate::wire::date;

/// Sizes follow the data; names are UTF-8.
const FLAGS: u16 = 1 << 3 | 1 << 11;
const DEFLATED: u16 = 8;
const VERSION: u16 = 20;
/// Made on UNIX: the upper half of the attributes is the mode.
const MADE_BY: u16 = 3 << 8 | VERSION;
const MODE: u32 = 0o100_600 << 16;

struct Packed {
    name: &'static str,
    at: u32,
    crc: u32,
    packed: u32,
    size: u32,
}

/// Packs files of a folder.
pub(super) fn pack(out: impl Write, folder: &Path, names: &[&'static str], made: Millis) -> io::Result<()> {
    let mut out = Counted { out, count: 0 };
    let moment = dos_time(made);
    let mut all = Vec::new();
    for name in names {
        all.push(file(&mut out, folder, name, moment)?);
    }
    let start = out.position()?;
    for packed in &all {
        header(&mut out, packed, moment, true)?;
    }
    let length = out.position()? - start;
    let count = u16::try_from(all.len()).map_err(io::Error::other)?.to_le_bytes();
    out.write_all(b"PK\x05\x06\0\0\0\0")?;
    out.write_all(&[count, count].concat())?;
    out.write_all(&[length.to_le_bytes(), start.to_le_bytes()].concat())?;
    out.write_all(&[0, 0])?;
    out.flush()
}

fn file<W: Write>(out: &mut Counted<W>, folder: &Path, name: &'static str, moment: [u8; 4]) -> io::Result<Packed> {
    let mut packed = Packed { name, at: out.position()?, crc: 0, packed: 0, size: 0 };
    header(out, &packed, moment, false)?;
    let start = out.count;
    let mut from = File::open(folder.join(name))?;
    let (mut crc, mut chunk, mut size) = (Crc::new(), [0u8; 16 * 1024], 0u64);
    let mut deflate = DeflateEncoder::new(&mut *out, Compression::default());
    loop {
        let read = from.read(&mut chunk)?;
        let part = chunk.get(..read).unwrap_or_default();
        if part.is_empty() {
            break;
        }
        crc.update(part);
        size += read as u64;
        deflate.write_all(part)?;
    }
    deflate.finish()?;
    packed.crc = crc.sum();
    packed.packed = short(out.count - start)?;
    packed.size = short(size)?;
    out.write_all(b"PK\x07\x08")?;
    out.write_all(&[packed.crc.to_le_bytes(), packed.packed.to_le_bytes(), packed.size.to_le_bytes()].concat())?;
    Ok(packed)
}

/// The header before a file, or the one in the directory at the end.
fn header<W: Write>(out: &mut Counted<W>, packed: &Packed, moment: [u8; 4], central: bool) -> io::Result<()> {
    let name = packed.name.as_bytes();
    let length = u16::try_from(name.len()).map_err(io::Error::other)?;
    out.write_all(if central { b"PK\x01\x02" } else { b"PK\x03\x04" })?;
    if central {
        out.write_all(&MADE_BY.to_le_bytes())?;
    }
    for short in [VERSION, FLAGS, DEFLATED] {
        out.write_all(&short.to_le_bytes())?;
    }
    out.write_all(&moment)?;
    for long in [packed.crc, packed.packed, packed.size] {
        out.write_all(&long.to_le_bytes())?;
    }
    out.write_all(&[length.to_le_bytes(), [0, 0]].concat())?;
    if central {
        // Comment, disk, internal attributes; then the mode and where the file begins.
        out.write_all(&[0; 6])?;
        out.write_all(&[MODE.to_le_bytes(), packed.at.to_le_bytes()].concat())?;
    }
    out.write_all(name)
}

/// Time and date of MS-DOS, in UTC: two seconds are the finest that it knows.
fn dos_time(at: Millis) -> [u8; 4] {
    let iso = date::iso(at);
    let part = |from: usize, to: usize| iso.get(from..to).and_then(|digits| digits.parse::<u16>().ok()).unwrap_or(0);
    let time = part(11, 13) << 11 | part(14, 16) << 5 | part(17, 19) / 2;
    let day = part(0, 4).saturating_sub(1980) << 9 | part(5, 7) << 5 | part(8, 10);
    let ([a, b], [c, d]) = (time.to_le_bytes(), day.to_le_bytes());
    [a, b, c, d]
}

fn short(length: u64) -> io::Result<u32> {
    u32::try_from(length).map_err(|_| io::Error::other("too long for a zip file: name a folder with -o"))
}

struct Counted<W> {
    out: W,
    count: u64,
}

impl<W> Counted<W> {
    fn position(&self) -> io::Result<u32> {
        short(self.count)
    }
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.count += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

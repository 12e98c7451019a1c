//! The bundle as one zip file.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::model::Millis;
use crate::wire::date;

/// Packs files of a folder, readable by their owner alone.
pub(super) fn pack(out: impl Write + Seek, folder: &Path, names: &[&'static str], made: Millis) -> io::Result<()> {
    let mut packed = ZipWriter::new(out);
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .unix_permissions(0o600)
        .large_file(true)
        .last_modified_time(moment(made));
    for name in names {
        packed.start_file(*name, options)?;
        io::copy(&mut File::open(folder.join(name))?, &mut packed)?;
    }
    packed.finish()?.flush()
}

/// The time of a zip entry; the format knows none before 1980.
fn moment(at: Millis) -> DateTime {
    let iso = date::iso(at);
    let part = |from: usize, to: usize| iso.get(from..to).and_then(|digits| digits.parse::<u16>().ok()).unwrap_or(0);
    let small = |from: usize, to: usize| u8::try_from(part(from, to)).unwrap_or(0);
    DateTime::from_date_and_time(part(0, 4), small(5, 7), small(8, 10), small(11, 13), small(14, 16), small(17, 19))
        .unwrap_or_default()
}

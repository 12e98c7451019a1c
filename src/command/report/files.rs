//! The files of a bundle: written beside their place and put there as a whole, so that a bundle is complete or is not.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::zip;
use crate::model::Millis;
use crate::wire::date;

/// `why401-report-20261122T100000`.
pub(super) fn default_output(made: Millis) -> PathBuf {
    let stamp: String = date::iso(made).chars().filter(char::is_ascii_alphanumeric).take(15).collect();
    PathBuf::from(format!("why401-report-{stamp}"))
}

/// A folder that becomes the bundle; it is removed where it does not.
pub(super) struct Files {
    output: PathBuf,
    part: PathBuf,
    done: bool,
}

impl Files {
    /// The error says what is in the way.
    pub fn begin(output: &Path) -> Result<Files, String> {
        // A link that leads nowhere is in the way too: what is put there would go where it points.
        if output.symlink_metadata().is_ok() {
            return Err(format!("{} is there already: name another one with -o", output.display()));
        }
        let name = output.file_name().ok_or_else(|| format!("{} is no name for a bundle", output.display()))?;
        let mut part = std::ffi::OsString::from(".");
        part.push(name);
        part.push(format!(".part-{}", std::process::id()));
        let part = output.with_file_name(part);
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&part).map_err(|error| format!("{}: {error}", part.display()))?;
        Ok(Files { output: output.to_owned(), part, done: false })
    }

    pub fn create(&self, name: &str) -> io::Result<BufWriter<File>> {
        let mut options = OpenOptions::new();
        options.create_new(true).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(self.part.join(name)).map(BufWriter::new)
    }

    /// Length and SHA-256 of a file.
    pub fn facts(&self, name: &str) -> io::Result<(u64, String)> {
        facts(&self.part.join(name))
    }

    /// Puts the bundle in its place; the lines name each file with its SHA-256, or the zip with its own.
    pub fn finish(mut self, names: &[&'static str], made: Millis) -> io::Result<String> {
        let zipped = self.output.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zip"));
        if zipped {
            let packed = self.part.join("bundle.zip");
            zip::pack(self.create("bundle.zip")?, &self.part, names, made)?;
            let (_, sum) = facts(&packed)?;
            fs::rename(packed, &self.output)?;
            self.done = true;
            fs::remove_dir_all(&self.part)?;
            return Ok(format!("{sum}  {}", self.output.display()));
        }
        let line = |name: &&'static str| {
            Ok(format!("{}  {}", facts(&self.part.join(name))?.1, self.output.join(name).display()))
        };
        let lines = names.iter().map(line).collect::<io::Result<Vec<String>>>()?;
        fs::rename(&self.part, &self.output)?;
        self.done = true;
        Ok(lines.join("\n"))
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        if !self.done {
            // Nothing else can be done about what cannot be removed.
            fs::remove_dir_all(&self.part).unwrap_or_default();
        }
    }
}

fn facts(path: &Path) -> io::Result<(u64, String)> {
    let mut from = BufReader::new(File::open(path)?);
    let mut hash = Sha256::new();
    let (mut length, mut chunk) = (0, [0u8; 16 * 1024]);
    loop {
        let read = from.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        hash.update(chunk.get(..read).unwrap_or_default());
        length += read as u64;
    }
    Ok((length, hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
}

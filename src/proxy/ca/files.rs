//! The authority's three files: made with their modes, refused when others can reach the key, never overwritten.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::error::CaError;

/// Where the parts are.
pub(in crate::proxy) struct Files {
    folder: PathBuf,
    /// The intermediate's private key: the one secret.
    pub key: PathBuf,
    pub intermediate: PathBuf,
    /// What clients trust. Written last, so that its being there means that all is there.
    pub root: PathBuf,
}

impl Files {
    pub fn of(folder: &Path) -> Files {
        Files {
            folder: folder.to_owned(),
            key: folder.join("why401-issuer-key.pem"),
            intermediate: folder.join("why401-issuer.pem"),
            root: folder.join("why401-ca.pem"),
        }
    }

    fn all(&self) -> [&PathBuf; 3] {
        [&self.key, &self.intermediate, &self.root]
    }

    pub fn any_exists(&self) -> bool {
        // A dangling link counts as there: nothing may be written through it.
        self.all().into_iter().any(|path| path.symlink_metadata().is_ok())
    }

    /// Writes the three where none was.
    pub fn create(&self, key: &str, intermediate: &str, root: &str) -> Result<(), CaError> {
        make_folder(&self.folder)?;
        check_mode(&self.folder, 0o755, 0o022)?;
        // Nobody writes to it again: even its owner may only read.
        write_new(&self.key, key, 0o400)?;
        let rest = write_new(&self.intermediate, intermediate, 0o644).and_then(|()| write_new(&self.root, root, 0o644));
        if rest.is_err() {
            // All or nothing: a key alone would stop the next start. The first error is the one to tell.
            self.remove().ok();
        }
        rest
    }

    /// Writes the three over what was.
    pub fn replace(&self, key: &str, intermediate: &str, root: &str) -> Result<(), CaError> {
        make_folder(&self.folder)?;
        check_mode(&self.folder, 0o755, 0o022)?;
        self.remove()?;
        self.create(key, intermediate, root)
    }

    pub fn remove(&self) -> Result<Vec<PathBuf>, CaError> {
        let mut removed = Vec::new();
        for path in self.all() {
            match fs::remove_file(path) {
                Ok(()) => removed.push(path.clone()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(file_error(path, error)),
            }
        }
        Ok(removed)
    }

    /// Key, intermediate and root, as text.
    pub fn read(&self) -> Result<(String, String, String), CaError> {
        if let Some(missing) = self.all().into_iter().find(|path| !path.exists()) {
            return Err(CaError::Incomplete { missing: missing.clone() });
        }
        check_mode(&self.folder, 0o755, 0o022)?;
        check_mode(&self.key, 0o600, 0o177)?;
        let text = |path: &PathBuf| match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Err(CaError::Damaged { path: path.clone(), why: "is not text, so not PEM".to_owned() })
            }
            read => read.map_err(|error| file_error(path, error)),
        };
        Ok((text(&self.key)?, text(&self.intermediate)?, text(&self.root)?))
    }
}

fn file_error(path: &Path, error: io::Error) -> CaError {
    CaError::File { path: path.to_owned(), error }
}

fn make_folder(folder: &Path) -> Result<(), CaError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| file_error(folder, error))
}

/// Fails where the file is there, be it a link. The mode is given at creation: there is no moment at which it is wider.
fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), CaError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let written = options.open(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| file_error(path, error))
}

/// Refuses a path whose mode has a bit of `forbidden`. A sticky folder passes: in it nobody replaces files of others.
#[cfg(unix)]
pub(in crate::proxy) fn check_mode(path: &Path, at_most: u32, forbidden: u32) -> Result<(), CaError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path).map_err(|error| file_error(path, error))?.permissions().mode() & 0o7777;
    const STICKY: u32 = 0o1000;
    if mode & forbidden == 0 || mode & STICKY != 0 {
        Ok(())
    } else {
        Err(CaError::Exposed { path: path.to_owned(), mode, at_most })
    }
}

#[cfg(not(unix))]
pub(in crate::proxy) fn check_mode(_: &Path, _: u32, _: u32) -> Result<(), CaError> {
    Ok(())
}

/// RFC 7468: base64 in lines of 64 letters between the two boundaries.
pub(in crate::proxy) fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    for (index, letter) in text.chars().enumerate() {
        if index > 0 && index % 64 == 0 {
            out.push('\n');
        }
        out.push(letter);
    }
    out.push_str(&format!("\n-----END {label}-----\n"));
    out
}

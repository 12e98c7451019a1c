//! A folder for one run, only for its owner, gone when the run is over.

use std::io;
use std::path::{Path, PathBuf};

/// Removed with all that is in it when dropped.
pub struct Folder(PathBuf);

impl Folder {
    /// Makes a folder with a name that nobody can guess beforehand.
    pub fn new() -> io::Result<Folder> {
        let mut name = [0u8; 8];
        getrandom::fill(&mut name).map_err(io::Error::other)?;
        let path = std::env::temp_dir().join(format!("why401-{:016x}", u64::from_be_bytes(name)));
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path)?;
        Ok(Folder(path))
    }

    /// Writes one file in it.
    pub fn file(&self, name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
        let path = self.0.join(name);
        std::fs::write(&path, bytes)?;
        Ok(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_there_for_its_owner_and_then_gone() {
        let folder = Folder::new().unwrap();
        let file = folder.file("a.pem", b"x").unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777, 0o700);
        }
        assert!(file.exists());
        let path = folder.path().to_owned();
        drop(folder);
        assert!(!path.exists());
    }
}

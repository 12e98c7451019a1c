//! Where the authority comes from: a folder of ours, or files of the user's own.

use std::path::{Path, PathBuf};

use super::given;
use super::{Authority, CaError, Reach};
use crate::proxy::scope::Pattern;

/// Where the authority comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Made by us where there is none. `constrained`: with a name constraint over the scope.
    Folder { folder: PathBuf, constrained: bool },
    /// The user's own: the issuing certificate and those above it as PEM, and the issuing key.
    Given { certificates: PathBuf, key: PathBuf },
}

impl Source {
    /// Opens it, or makes it where that is ours to do; fails where it may not sign for all of `scope`.
    pub fn open(&self, scope: &[Pattern]) -> Result<Authority, CaError> {
        match self {
            Source::Folder { folder, constrained } => Authority::open_or_make(folder, scope, *constrained),
            Source::Given { certificates, key } => given::open(certificates, key, scope),
        }
    }

    /// The PEM file that clients trust, whether it is there or not.
    pub fn certificate_path(&self) -> PathBuf {
        match self {
            Source::Folder { folder, .. } => Authority::certificate_path_in(folder),
            Source::Given { certificates, .. } => certificates.clone(),
        }
    }

    /// Where it is, for sentences.
    pub fn place(&self) -> &Path {
        match self {
            Source::Folder { folder, .. } => folder,
            Source::Given { certificates, .. } => certificates,
        }
    }

    /// What its owner should know each time it is used.
    pub fn caution(&self, authority: &Authority) -> Option<&'static str> {
        match (self, authority.reach()) {
            (Source::Folder { constrained: true, .. }, Reach::Everything) => Some(
                "this authority was made without name constraints: whoever gets its key can be any host to clients that trust it; `why401 ca rotate` makes one that is limited to the hosts in scope",
            ),
            (Source::Folder { constrained: false, .. }, Reach::Everything) => Some(
                "the authority has no name constraints, as was asked for: whoever gets its key can be any host to clients that trust it",
            ),
            (Source::Folder { constrained: false, .. }, Reach::Names(_)) => Some(
                "the authority that is there has name constraints: --no-name-constraints counts when one is made, so run `why401 ca rotate --no-name-constraints`",
            ),
            _ => None,
        }
    }
}

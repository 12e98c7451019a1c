//! Why there is no certificate authority, and what to do about it.

use std::fmt;
use std::io;
use std::path::PathBuf;

use time::OffsetDateTime;

/// Why there is no authority. Says what to do next.
#[derive(Debug)]
pub enum CaError {
    File {
        path: PathBuf,
        error: io::Error,
    },
    /// The key (or its folder) can be read or written by others.
    Exposed {
        path: PathBuf,
        mode: u32,
        at_most: u32,
    },
    /// Some of the files are there and some are not.
    Incomplete {
        missing: PathBuf,
    },
    Damaged {
        path: PathBuf,
        why: String,
    },
    Expired {
        since: OffsetDateTime,
        renewal: &'static str,
    },
    /// Hosts in scope that the authority may not sign for.
    NotPermitted {
        folder: PathBuf,
        hosts: Vec<String>,
    },
    /// The user's own authority cannot be used as it is.
    Given {
        path: PathBuf,
        why: String,
    },
    /// Only loopback addresses can be signed for: an authority for others would be worth stealing.
    Address(String),
    Crypto(String),
}

impl fmt::Display for CaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CaError::File { path, error } => write!(f, "{}: {error}", path.display()),
            CaError::Exposed { path, mode, at_most } => write!(
                f,
                "{}: has mode {mode:04o}, expected at most {at_most:04o}: others may have read or changed the key; run `why401 ca rotate`, or `chmod {at_most:o}` if you know that nobody has",
                path.display()
            ),
            CaError::Incomplete { missing } => write!(
                f,
                "{} is missing beside the other files of the authority; put it back, or run `why401 ca rotate` for a new authority",
                missing.display()
            ),
            CaError::Damaged { path, why } => write!(
                f,
                "{}: {why}; nothing was overwritten: put the file back, or run `why401 ca rotate` for a new authority",
                path.display()
            ),
            CaError::Expired { since, renewal } => {
                write!(f, "the certificate authority ended on {}: {renewal}", since.date())
            }
            CaError::NotPermitted { folder, hosts } => write!(
                f,
                "the authority in {} may not sign for {hosts}: its name constraint was fixed when it was made, from the hosts that were intercepted then. Either take {hosts} out again, or write it into the configuration (`intercept`), run `why401 ca rotate` with the same hosts (`--intercept HOST` for each that is not in the file), and let the clients trust the new authority",
                folder.display(),
                hosts = hosts.join(", ")
            ),
            CaError::Given { path, why } => write!(f, "{}: {why}", path.display()),
            CaError::Address(address) => write!(
                f,
                "{address} cannot be in scope: the authority is limited to host names and loopback addresses; use a host name, or an authority without name constraints (`why401 ca rotate --no-name-constraints`, `why401 ca --help` says what that costs)"
            ),
            CaError::Crypto(why) => write!(f, "could not make a certificate: {why}"),
        }
    }
}

impl std::error::Error for CaError {}

impl CaError {
    /// What to do next, in one line.
    pub fn next(&self) -> &'static str {
        match self {
            CaError::Given { .. } => "mend the file, or leave --ca-cert and --ca-key out",
            CaError::Address(_) => "name the host instead of its address",
            CaError::File { .. } | CaError::Crypto(_) => {
                "see that its folder can be read and written, or name another: --ca-dir"
            }
            _ => "`why401 ca rotate`, then let the clients trust the new one",
        }
    }
}

impl From<rcgen::Error> for CaError {
    fn from(error: rcgen::Error) -> CaError {
        CaError::Crypto(error.to_string())
    }
}

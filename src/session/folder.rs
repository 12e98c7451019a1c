//! Folders of sessions: private to their owner, one for each run, the oldest gone first.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::model::Millis;
use crate::wire::date;

/// Held for as long as a session is written: whoever tidies up leaves it alone.
const LOCK: &str = "lock";
/// Sessions that are kept in the user's data folder.
const SESSIONS: usize = 20;
/// How the names of files begin; a number follows.
const JOURNAL: &str = "journal-";
const KEPT: &str = "kept-";
/// The last answers that began, of the run that is written; behind a hyphen and a number those of killed runs.
pub(super) const LAST: &str = "last";

/// A folder for a new session in the user's data folder; older sessions make room, up to `bytes` of all.
pub fn default_folder(now: Millis, bytes: u64) -> Result<PathBuf, String> {
    let user = etcetera::choose_base_strategy().map_err(|_| "there is no home folder for the session".to_owned())?;
    let root = etcetera::BaseStrategy::data_dir(&user).join("why401/sessions");
    create(&root).map_err(|error| format!("{}: {error}", root.display()))?;
    make_room(&root, bytes);
    let name: String = date::iso(now).chars().filter(char::is_ascii_alphanumeric).collect();
    let folder = root.join(format!("{name}-{}", std::process::id()));
    create(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}

/// The files of a session, in the order of reading.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    kept(folder).into_iter().chain(journals(folder)).map(|(_, path)| path).collect()
}

/// Whether a folder holds a journal.
pub fn is_session(folder: &Path) -> bool {
    !journals(folder).is_empty()
}

/// Removes old sessions that nobody writes.
fn make_room(root: &Path, bytes: u64) {
    let mut sessions: Vec<PathBuf> = fs::read_dir(root)
        .map(|entries| entries.flatten().map(|entry| entry.path()).filter(|path| is_session(path)).collect())
        .unwrap_or_default();
    sessions.sort();
    let mut left: u64 = sessions.iter().map(|session| size(session)).sum();
    let mut count = sessions.len();
    for session in sessions {
        if count < SESSIONS && left <= bytes {
            return;
        }
        let size = size(&session);
        if !is_locked(&session) && remove(&session).is_ok() {
            left = left.saturating_sub(size);
            count -= 1;
        }
    }
}

fn size(session: &Path) -> u64 {
    let all = files(session).into_iter().chain(lasts(session));
    all.filter_map(|path| fs::metadata(path).ok()).map(|metadata| metadata.len()).sum()
}

/// Only what a session consists of; a folder that holds anything else stays.
fn remove(session: &Path) -> io::Result<()> {
    for path in files(session).into_iter().chain(lasts(session)) {
        fs::remove_file(path)?;
    }
    match fs::remove_file(session.join(LOCK)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => fs::remove_dir(session),
    }
}

fn is_locked(session: &Path) -> bool {
    File::open(session.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_err())
}

/// Makes the folder, for its owner only, and takes its lock. Another run that writes there is an error.
pub(super) fn open(folder: &Path) -> io::Result<File> {
    create(folder)?;
    if folder.join(LOCK).is_symlink() {
        return Err(io::Error::other("its lock is a link to another file; name another folder with --session"));
    }
    let lock = private(OpenOptions::new().create(true).write(true).truncate(false)).open(folder.join(LOCK))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(_) => Err(io::Error::other("another why401 records there; name another folder with --session")),
    }
}

fn create(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Only the owner reads and writes the file.
pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// The journals of a folder with their numbers, in order.
pub(super) fn journals(folder: &Path) -> Vec<(u64, PathBuf)> {
    numbered(folder, JOURNAL)
}

/// The files of lines that outlived their journal, in order.
pub(super) fn kept(folder: &Path) -> Vec<(u64, PathBuf)> {
    numbered(folder, KEPT)
}

fn numbered(folder: &Path, kind: &str) -> Vec<(u64, PathBuf)> {
    let number = |path: &PathBuf| {
        let name = path.file_name()?.to_str()?;
        name.strip_prefix(kind)?.strip_suffix(".jsonl")?.parse().ok()
    };
    let paths = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<(u64, PathBuf)> = paths.filter_map(|path| Some((number(&path)?, path))).collect();
    found.sort();
    found
}

pub(super) fn journal(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{JOURNAL}{number:06}.jsonl"))
}

pub(super) fn kept_file(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{KEPT}{number:06}.jsonl"))
}

/// The files of the last answers that began, those of killed runs first.
pub(super) fn lasts(folder: &Path) -> Vec<PathBuf> {
    let mut before: Vec<PathBuf> = fs::read_dir(folder)
        .map(|entries| entries.flatten().map(|entry| entry.path()).filter(|path| is_last_before(path)).collect())
        .unwrap_or_default();
    before.sort();
    let last = folder.join(LAST);
    before.into_iter().chain(last.is_file().then_some(last)).collect()
}

fn is_last_before(path: &Path) -> bool {
    let number = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix("last-"));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Where the last answers of a killed run stay, whose last journal has that number.
pub(super) fn last_before(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{LAST}-{number:06}"))
}

/// Whether a file is one of kept lines.
pub(super) fn is_kept(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(KEPT))
}

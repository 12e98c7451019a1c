//! The last answers that began, each in a line of a fixed place: what is known of an exchange before its own line can be
//! written. It is written before the first byte of the answer goes to the client, so that whoever has seen an answer finds
//! its exchange in the session, whatever becomes of the program.
//!
//! ```text
//! why401.last/1 2026-11-22T10:00:00.123Z        the run, as the heads of its journals name it
//! 4711 1793613600123 GET 401 https dev1.service-now.com 443      number mod 4,096 says which line it is
//! …
//! 615                                           numbers whose lines went with an old journal, in the same order
//! ```
//!
//! Nothing in it is free text: numbers, known words, and a host's letters.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::folder::{self, private};
use crate::model::{Body, Client, Exchange, Fields, Millis, Outcome, Request, Response, Scheme, Timing, Upstream};
use crate::wire::date;

/// Answers that are kept.
const SLOTS: u64 = 4096;
/// Bytes of one of them, with its line end.
const SLOT: usize = 128;
/// Bytes of a number that went, with its line end.
const NUMBER: usize = 21;
const SCHEMA: &str = "why401.last/1";
/// A longer name of a host is cut, in bytes.
const HOST: usize = 64;
/// Other methods might hold anything.
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];
/// A disk that takes longer for a line is left alone for a while.
const SLOW: Duration = Duration::from_millis(250);
const PAUSE: Duration = Duration::from_secs(60);
/// What an exchange says of itself that has nothing else to say.
const REASON: &str = "(its details were not written before why401 was ended)";

/// The file of one run. Nothing here locks: each line is one write to a place of its own.
pub(super) struct Last {
    file: File,
    began: Instant,
    /// Nothing is written until then, in milliseconds since `began`.
    paused: AtomicU64,
}

impl Last {
    /// Makes the file, whole: later writes change no length of it. What a run left there that was killed stays beside it.
    pub fn begin(folder: &Path, run: Millis) -> io::Result<Last> {
        let path = folder.join(folder::LAST);
        if fs::metadata(&path).is_ok_and(|metadata| metadata.len() > 0) {
            let number = folder::journals(folder).last().map_or(0, |(number, _)| *number);
            fs::rename(&path, folder::last_before(folder, number))?;
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = private(OpenOptions::new().create_new(true).write(true)).open(&path)?;
        let slots = usize::try_from(SLOTS).unwrap_or_default();
        let mut text = slot(&format!("{SCHEMA} {}", date::iso(run))).to_vec();
        text.extend(slot("").repeat(slots));
        text.extend(number(None).repeat(slots));
        if let Err(error) = file.write_all(&text) {
            fs::remove_file(&path)?;
            return Err(error);
        }
        Ok(Last { file, began: Instant::now(), paused: AtomicU64::new(0) })
    }

    /// The answer of an exchange is about to begin. A disk that fails or is slow is not asked again for a while.
    pub fn begins(&self, exchange: &Exchange, status: u16) {
        let started = self.began.elapsed();
        if millis(started) < self.paused.load(Ordering::Relaxed) {
            return;
        }
        let at = (1 + exchange.id % SLOTS) * SLOT as u64;
        let written = write_at(&self.file, &line(exchange, status), at);
        let now = self.began.elapsed();
        if written.is_err() || now.saturating_sub(started) > SLOW {
            self.paused.store(millis(now + PAUSE), Ordering::Relaxed);
        }
    }

    /// The lines of these exchanges go with an old journal: they were written.
    pub fn went(&self, ids: &[u64]) -> io::Result<()> {
        let newest = ids.iter().max().copied().unwrap_or_default();
        let near = ids.iter().filter(|id| **id + SLOTS > newest);
        near.copied().try_for_each(|id| {
            let at = (1 + SLOTS) * SLOT as u64 + id % SLOTS * NUMBER as u64;
            write_at(&self.file, &number(Some(id)), at)
        })
    }

    /// Everything was written: nothing has to be said here.
    pub fn end(&self) -> io::Result<()> {
        self.file.set_len(0)
    }
}

fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(unix)]
fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

#[cfg(windows)]
fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    match std::os::windows::fs::FileExt::seek_write(file, bytes, at)? {
        written if written == bytes.len() => Ok(()),
        _ => Err(io::ErrorKind::WriteZero.into()),
    }
}

/// Text, cut where it is too long, and blanks up to the line end.
fn slot(text: &str) -> [u8; SLOT] {
    let mut slot = [b' '; SLOT];
    slot.iter_mut().take(SLOT - 1).zip(text.bytes()).for_each(|(place, byte)| *place = byte);
    if let Some(end) = slot.last_mut() {
        *end = b'\n';
    }
    slot
}

fn number(id: Option<u64>) -> Vec<u8> {
    format!("{:>20}\n", id.map(|id| id.to_string()).unwrap_or_default()).into_bytes()
}

fn line(exchange: &Exchange, status: u16) -> [u8; SLOT] {
    let mut out = [b' '; SLOT];
    let request = &exchange.request;
    let method = METHODS.into_iter().find(|known| *known == request.method).unwrap_or("OTHER");
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    let host = request.host.get(..request.host.len().min(HOST)).unwrap_or_default();
    let host = host.get(..host.chars().take_while(plain).count()).filter(|host| !host.is_empty()).unwrap_or("-");
    let scheme = request.scheme.as_str();
    let mut rest = out.get_mut(..SLOT - 1).unwrap_or_default();
    let (id, at, port) = (exchange.id, exchange.at.0, request.port);
    // All of it has room: the longest host, method and numbers are shorter together.
    write!(rest, "{id} {at} {method} {status} {scheme} {host} {port}").unwrap_or_default();
    if let Some(end) = out.last_mut() {
        *end = b'\n';
    }
    out
}

/// What the files of a folder hold of exchanges: by run, then by number. An exchange whose own line is met is taken out.
#[derive(Default)]
pub(super) struct Left(HashMap<String, HashMap<u64, Exchange>>);

impl Left {
    /// Reads all of them; a line that is none is passed over.
    pub fn read(folder: &Path) -> Left {
        let mut left = Left::default();
        let files = folder::lasts(folder).into_iter().filter_map(|path: PathBuf| fs::read_to_string(path).ok());
        for text in files {
            let mut lines = text.lines();
            let head = lines.next().and_then(|head| head.trim().strip_prefix(SCHEMA));
            let Some(run) = head else { continue };
            let exchanges = left.0.entry(run.trim().to_owned()).or_default();
            for line in lines {
                match parse(line) {
                    Some(Slot::Began(exchange)) => drop(exchanges.insert(exchange.id, *exchange)),
                    Some(Slot::Went(id)) => drop(exchanges.remove(&id)),
                    None => {}
                }
            }
        }
        left
    }

    /// Its own line was met.
    pub fn met(&mut self, run: &str, id: u64) {
        if let Some(exchanges) = self.0.get_mut(run) {
            exchanges.remove(&id);
        }
    }

    /// Those of a run whose lines were not met, in the order of their numbers.
    pub fn of(&mut self, run: &str) -> Vec<Exchange> {
        let mut exchanges: Vec<Exchange> = self.0.remove(run).unwrap_or_default().into_values().collect();
        exchanges.sort_by_key(|exchange| exchange.id);
        exchanges
    }
}

enum Slot {
    Began(Box<Exchange>),
    Went(u64),
}

fn parse(line: &str) -> Option<Slot> {
    let mut words = line.split_ascii_whitespace();
    let id = words.next()?.parse().ok()?;
    let Some(at) = words.next() else { return Some(Slot::Went(id)) };
    let at = Millis(at.parse().ok()?);
    let method = words.next()?.to_owned();
    let status = words.next()?.parse().ok()?;
    let scheme = if words.next()? == "https" { Scheme::Https } else { Scheme::Http };
    let host = words.next().map(|host| if host == "-" { "" } else { host })?.to_owned();
    let port = words.next()?.parse().ok()?;
    let request = Request {
        method,
        scheme,
        host,
        port,
        target: "/".into(),
        version: "HTTP/1.1".into(),
        fields: Fields::default(),
        body: Body::default(),
        head: None,
        unseen: true,
    };
    let answer = Response {
        status,
        reason: REASON.into(),
        version: "HTTP/1.1".into(),
        fields: Fields::default(),
        body: Body::default(),
        ours: false,
        cut: None,
    };
    Some(Slot::Began(Box::new(Exchange {
        id,
        entry: None,
        at,
        client: Client::default(),
        request,
        outcome: Outcome::Answered(answer),
        timing: Timing::default(),
        upstream: Upstream::default(),
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(id: u64, method: &str, host: &str) -> Exchange {
        let Some(Slot::Began(mut exchange)) = parse(&format!("{id} 1793613600123 GET 200 https h 443")) else {
            panic!("no line");
        };
        (exchange.request.method, exchange.request.host) = (method.to_owned(), host.to_owned());
        *exchange
    }

    fn left(folder: &Path) -> Vec<(u64, String, String, u16)> {
        let row = |exchange: Exchange| {
            let status = exchange.status().unwrap();
            (exchange.id, exchange.request.method, exchange.request.host, status)
        };
        Left::read(folder).of(&date::iso(Millis(5))).into_iter().map(row).collect()
    }

    #[test]
    fn what_began_is_read_back_and_holds_nothing_but_known_words() {
        let folder = tempfile::tempdir().unwrap();
        let last = Last::begin(folder.path(), Millis(5)).unwrap();
        last.begins(&exchange(1, "GET", "dev1.service-now.com"), 401);
        last.begins(&exchange(2, "S3CRET-method", "h$S3cret"), 200);
        last.begins(&exchange(4099, "POST", &"h".repeat(300)), 502);
        last.begins(&exchange(4097, "PUT", "[::1]"), 204);
        let length = fs::metadata(folder.path().join(folder::LAST)).unwrap().len();
        assert_eq!(length, (1 + SLOTS) * SLOT as u64 + SLOTS * NUMBER as u64, "as long as it was made");
        // The fourth has taken the place of the first.
        let want =
            [(2, "OTHER", "h".to_owned(), 200), (4097, "PUT", String::new(), 204), (4099, "POST", "h".repeat(64), 502)];
        assert_eq!(left(folder.path()), want.map(|(id, method, host, status)| (id, method.to_owned(), host, status)));
        last.went(&[2, 4097]).unwrap();
        assert_eq!(left(folder.path()).len(), 1);
        last.end().unwrap();
        assert!(left(folder.path()).is_empty());
    }

    #[test]
    fn what_a_killed_run_left_stays_beside_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        Last::begin(folder.path(), Millis(5)).unwrap().begins(&exchange(7, "GET", "h"), 401);
        Last::begin(folder.path(), Millis(6)).unwrap().begins(&exchange(7, "GET", "h"), 403);
        assert_eq!(left(folder.path()).len(), 1);
        assert_eq!(Left::read(folder.path()).of(&date::iso(Millis(6))).len(), 1);
    }

    #[test]
    fn a_torn_line_is_none() {
        for line in ["", "x", "7 1793613600123 GE", "7 1793613600123 GET 401 https", "7 8 GET x https h 443"] {
            assert!(parse(line).is_none(), "{line}");
        }
    }
}

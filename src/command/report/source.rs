//! Where a report comes from: a session, which is redacted already, or a HAR of any tool, which is not.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::manifest::Removals;
use crate::command::progress::{Progress, Watched};
use crate::intake;
use crate::model::{Exchange, Salt};
use crate::output::redact::scrub::{Masker, Scrubber};
use crate::session::{self, Entry, Session};

/// An open recording.
pub(super) struct Source {
    path: PathBuf,
    progress: Progress,
    of: Of,
}

enum Of {
    Session { session: Box<Session>, read: u64 },
    Recording(Box<intake::Recording<Watched<File>>>),
}

/// One exchange of it.
pub(super) enum Item {
    /// From a session: stand-ins are in the places of secrets.
    Redacted(Box<Entry>),
    Raw(Box<Exchange>),
}

/// Opens a folder as a session, a file as a recording.
pub(super) fn open(path: &Path) -> Result<Source, String> {
    let named = |error: String| format!("{}: {error}", path.display());
    if path.is_dir() {
        let session = Session::open(path).map_err(|error| named(error.to_string()))?;
        let progress = Progress::over(&session::files(path));
        let of = Of::Session { session: Box::new(session), read: 0 };
        return Ok(Source { path: path.to_owned(), progress, of });
    }
    let (recording, progress) = recording(path)?;
    Ok(Source { path: path.to_owned(), progress, of: Of::Recording(Box::new(recording)) })
}

fn recording(path: &Path) -> Result<(intake::Recording<Watched<File>>, Progress), String> {
    let name = path.display().to_string();
    let progress = Progress::over(&[path.to_owned()]);
    let file = File::open(path).map_err(|error| format!("{name}: {error}"))?;
    let recording = intake::open(progress.watch(file), &name).map_err(|error| error.to_string())?;
    Ok((recording, progress))
}

impl Source {
    /// The last part of the path: no folder of this machine's is told.
    pub fn name(&self) -> String {
        self.path.file_name().map_or_else(|| "a session".into(), |name| name.to_string_lossy().into_owned())
    }

    /// The key for tags; a session brings the tags that its log showed.
    pub fn salt(&self) -> Result<Salt, String> {
        let key = crate::run::service::key()?;
        Ok(match self.of {
            Of::Session { .. } => Salt::with_aliases(key),
            Of::Recording(_) => Salt::new(key),
        })
    }

    /// Reads a raw recording ahead: what its end says is a secret is then known at its beginning. With a masker a session
    /// is read ahead too.
    pub fn learn(&self, scrubber: &mut Scrubber, mut masker: Option<&mut Masker>) -> Result<(), String> {
        match self.of {
            Of::Recording(_) => {
                let (recording, progress) = recording(&self.path)?;
                for exchange in recording.filter_map(Result::ok) {
                    scrubber.learn(&exchange);
                    masker.iter_mut().for_each(|masker| masker.learn(&exchange));
                }
                progress.clear();
            }
            Of::Session { .. } => {
                let Some(masker) = masker else { return Ok(()) };
                let ahead = open(&self.path)?;
                let Of::Session { session, .. } = ahead.of else { return Ok(()) };
                session.filter_map(Result::ok).for_each(|entry| masker.learn(&entry.exchange));
            }
        }
        Ok(())
    }

    /// The next exchange, or what is wrong with a part of the recording.
    pub fn next(&mut self) -> Option<Result<Item, String>> {
        let next = match &mut self.of {
            Of::Session { session, read } => {
                let next = session.next();
                let now = session.bytes_read();
                self.progress.advance(usize::try_from(now - *read).unwrap_or_default());
                *read = now;
                next.map(|item| item.map(|entry| Item::Redacted(Box::new(entry))).map_err(|fault| fault.to_string()))
            }
            Of::Recording(recording) => {
                let name = self.path.display().to_string();
                let next = recording.next();
                next.map(|item| {
                    item.map(|exchange| Item::Raw(Box::new(exchange))).map_err(|fault| format!("{name}: {fault}"))
                })
            }
        };
        if !matches!(next, Some(Ok(_))) {
            self.progress.clear();
        }
        next
    }
}

impl Item {
    /// The exchange without its secrets and masked names; what was removed is counted.
    pub fn harmless(
        self,
        salt: &Salt,
        (scrubber, masker): (&mut Scrubber, &mut Masker),
        removals: &mut Removals,
    ) -> Exchange {
        let scrubbed = match self {
            Item::Redacted(entry) => {
                for gone in &entry.removed {
                    if let Some(tag) = gone.tag().filter(|_| !gone.now.is_empty()) {
                        salt.alias(&masker.text(gone.now.as_bytes()), tag);
                    }
                    removals.count(&gone.place, &gone.rule);
                }
                entry.exchange
            }
            Item::Raw(exchange) => {
                let (exchange, removed) = scrubber.scrub(&exchange);
                removed.iter().for_each(|removed| removals.count(&removed.place, removed.rule.as_str()));
                exchange
            }
        };
        left_out(&scrubbed).for_each(|place| removals.count(place, "session.bodies"));
        let (masked, places) = masker.mask(&scrubbed);
        places.iter().for_each(|place| removals.count(place, "mask"));
        masked
    }
}

/// The bodies whose text the recording left out.
fn left_out(exchange: &Exchange) -> impl Iterator<Item = &'static str> {
    let answer = exchange.response().and_then(|answer| answer.body.left_out);
    let both = [("request.body", exchange.request.body.left_out), ("response.body", answer)];
    both.into_iter().filter_map(|(place, left_out)| left_out.map(|_| place))
}

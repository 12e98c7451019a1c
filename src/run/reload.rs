//! SIGHUP: the configuration is read anew and takes its place whole, or stays as it was.

use std::sync::Arc;

use super::service;
use super::tellers::Words;
use crate::cli::RunOptions;
use crate::command::Failure;
use crate::config::{self, Config, KEYS};
use crate::proxy::Running;
use crate::telling::{self, Telling};

/// What is read when the proxy starts, by the beginnings of the keys: listeners are bound, memory and the session's
/// folder are in use.
const AT_START: [&str; 8] =
    ["listen", "reverse", "access.proxy_protocol", "log.format", "session.", "ui.", "memory.", "limits.connections"];

/// Whether a key takes effect at SIGHUP already.
pub fn at_once(key: &str) -> bool {
    !AT_START.iter().any(|start| key.starts_with(start))
}

/// What a reload works on.
pub struct Reloading<'a> {
    options: &'a RunOptions,
    telling: &'a Telling,
    words: Words,
    /// As they were read, at the start and last.
    started: Config,
    latest: Config,
}

impl<'a> Reloading<'a> {
    pub fn new(options: &'a RunOptions, telling: &'a Telling, words: Words, config: &Config) -> Reloading<'a> {
        Reloading { options, telling, words, started: config.clone(), latest: config.clone() }
    }

    /// The configuration that is in force, but for what waits for the next start.
    pub fn config(&self) -> &Config {
        &self.latest
    }

    /// Reads the configuration again, and says what came of it.
    pub fn reload(&mut self, proxy: &Running) {
        match self.replace(proxy) {
            Ok(changed) if changed.is_empty() => tracing::info!("configuration read again: nothing has changed"),
            Ok(changed) => {
                tracing::info!(changed = changed.join(", "), "configuration read again, for new connections")
            }
            Err(Failure::Failed(why) | Failure::Usage(why)) => {
                tracing::error!("the configuration stays as it was:\n{why}");
            }
        }
    }

    /// The keys whose change took effect.
    fn replace(&mut self, proxy: &Running) -> Result<Vec<&'static str>, Failure> {
        let loaded = config::read(self.options.config.as_deref(), self.options.given())?;
        let next = loaded.config;
        let authority = next.authority()?.open(&next.scope()).map_err(|error| error.to_string())?;
        let settings = service::settings(&next, Arc::new(authority))?;
        let telling = telling::change(&next.log.filter, next.log.file.as_deref())?;
        // From here on nothing fails.
        let warnings = proxy.reload(settings).map_err(|error| error.to_string())?;
        self.telling.apply(telling);
        self.words.change(&next.log);
        loaded.warnings.iter().chain(&warnings).for_each(|warning| tracing::warn!("{warning}"));
        let waiting: Vec<&str> = differing(&self.started, &next).filter(|key| !at_once(key)).collect();
        if !waiting.is_empty() {
            tracing::warn!(waiting = waiting.join(", "), "changed keys that take effect at the next start only");
        }
        let changed = differing(&self.latest, &next).filter(|key| at_once(key)).collect();
        self.latest = next;
        Ok(changed)
    }
}

fn differing<'a>(one: &'a Config, other: &'a Config) -> impl Iterator<Item = &'static str> + 'a {
    KEYS.iter().filter(|key| key.shown(one) != key.shown(other)).map(|key| key.path)
}

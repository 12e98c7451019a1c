//! `why401 run`: the wiring, from the configuration to the last explanation.

pub mod announce;
mod certificates;
pub mod reload;
pub mod secrecy;
pub mod service;
pub mod signals;
pub mod tellers;
pub mod ui;

use std::sync::Arc;

use crate::cli::RunOptions;
use crate::command::{Ended, Exit};
use crate::config::{self, Config};
use crate::proxy::ca::Authority;
use crate::session;
use reload::Reloading;
use service::Service;
use signals::{HangUps, Signals};
use tellers::{Tellers, Words};

/// Runs the proxy until it is told to stop.
pub fn run(options: &RunOptions) -> Ended {
    secrecy::no_core_dumps();
    let loaded = config::read(options.config.as_deref(), options.given())?;
    let mut config = loaded.config;
    let telling = tellers::telling(&config.log, Box::new(std::io::stdout()))?;
    loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let words = Words::new(&config.log);
    let reloading = Reloading::new(options, &telling, words.clone(), &config);
    find_a_place_for_the_session(&mut config);
    let source = config.authority()?;
    let authority = source.open(&config.scope()).map_err(|error| error.to_string())?;
    source.caution(&authority).iter().for_each(|caution| tracing::warn!("{caution}"));
    service::runtime()?.block_on(serve(&config, Arc::new(authority), words, reloading))
}

async fn serve(config: &Config, authority: Arc<Authority>, words: Words, mut reloading: Reloading<'_>) -> Ended {
    // Before anything listens: from here on a signal ends the proxy in order.
    let (mut signals, mut hang_ups) = (Signals::listen()?, HangUps::listen()?);
    let service = Service::start(config, Arc::clone(&authority), Tellers(vec![Box::new(words)])).await?;
    announce::started(config, &service, &authority);
    let signal = loop {
        tokio::select! {
            signal = signals.next() => break signal,
            again = hang_ups.next() => match again {
                true => reloading.reload(&service.proxy),
                false => break "SIGHUP, the terminal was closed",
            },
        }
    };
    tracing::info!(signal, "stopping; running exchanges may end");
    tokio::select! {
        () = service.stop(reloading.config().drain) => {}
        signal = signals.next() => tracing::warn!(signal, "stopped at once"),
    }
    Ok(Exit::Done)
}

/// Where nothing else is asked for, each run is recorded in a folder of its own. Without a place for it the proxy runs all
/// the same.
fn find_a_place_for_the_session(config: &mut Config) {
    let session = &mut config.session;
    if !session.record {
        session.dir = None;
    } else if session.dir.is_none() {
        match session::default_folder(service::now(), session.total.0) {
            Ok(folder) => session.dir = Some(folder),
            Err(error) => tracing::warn!("the session is not recorded: {error}"),
        }
    }
}

//! `why401 run`: the wiring, from the configuration to the last explanation.

pub mod announce;
pub mod service;
pub mod signals;
pub mod tellers;

use std::sync::Arc;

use crate::cli::RunOptions;
use crate::command::{Ended, Exit};
use crate::config::{self, Config};
use crate::proxy::ca::Authority;
use service::Service;
use tellers::{Tellers, Words};

/// Runs the proxy until it is told to stop.
pub fn run(options: &RunOptions) -> Ended {
    let loaded = config::read(options.config.as_deref(), options.given())?;
    let mut config = loaded.config;
    let _telling = tellers::telling(&config.log, Box::new(std::io::stdout()))?;
    loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    leave_out_what_is_not_built(&mut config);
    let authority = Authority::open_or_create(&config.ca_dir()?, &config.scope()).map_err(|error| error.to_string())?;
    service::runtime()?.block_on(serve(&config, Arc::new(authority)))
}

async fn serve(config: &Config, authority: Arc<Authority>) -> Ended {
    // Before anything listens: from here on a signal ends the proxy in order.
    let mut signals = signals::Signals::listen()?;
    let words = Words::new(&config.log);
    let service = Service::start(config, Arc::clone(&authority), Tellers(vec![Box::new(words)])).await?;
    announce::started(config, &service.proxy, &authority);
    let signal = signals.next().await;
    tracing::info!(signal, "stopping; running exchanges may end");
    tokio::select! {
        () = service.stop(config.drain) => tracing::info!("stopped"),
        signal = signals.next() => tracing::warn!(signal, "stopped at once"),
    }
    Ok(Exit::Done)
}

/// Says so instead of doing nothing in silence.
fn leave_out_what_is_not_built(config: &mut Config) {
    if config.session.dir.take().is_some() {
        tracing::warn!("recording a session is not built yet: nothing is recorded");
    }
    if config.ui.listen.take().is_some() {
        tracing::warn!("the page in the browser is not built yet: it is not served");
    }
}

//! The proxy and the pipeline behind it, started and stopped as one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use tokio::runtime::{Handle, Runtime};
use tokio::sync::{mpsc, oneshot};

use super::tellers::Tellers;
use super::{announce, certificates, ui};
use crate::command::{Failure, ca};
use crate::config::{Bodies, Config};
use crate::ledger::Limits;
use crate::model::{Exchange, Millis, Salt};
use crate::pipeline::{Pipeline, Teller};
use crate::proxy::{self, Running, Scope, Tally, ca::Authority};
use crate::session::{self, Recorder, Recording};

/// How long one of the last explanations may take: nobody may be reading them. While they go on they may all be told.
const LAST_EXPLANATIONS: Duration = Duration::from_secs(5);

/// How often the pipeline looks at what it holds back, when nothing comes.
const TICK: Duration = Duration::from_millis(500);

/// Exchanges that are taken together, at most.
const TOGETHER: usize = 256;

/// How long exchanges may gather: words come that much later.
const REST: Duration = Duration::from_millis(10);

/// A running proxy whose exchanges are explained.
pub struct Service {
    pub proxy: Running,
    /// The page in the browser, where one is asked for.
    pub page: Option<ui::Page>,
    explained: oneshot::Receiver<()>,
    taken: Arc<AtomicU64>,
}

/// The threads that everything async runs on.
pub fn runtime() -> Result<Runtime, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("proxy").build();
    runtime.map_err(|error| format!("cannot start threads: {error}"))
}

impl Service {
    /// Listens, and explains from the first exchange on.
    pub async fn start(config: &Config, authority: Arc<Authority>, mut tellers: Tellers) -> Result<Service, Failure> {
        let page = page(config).await?;
        // Before the words: what has been printed is on the page.
        let feed = page.iter().map(|page| Box::new(page.feed()) as Box<dyn Teller + Send>);
        tellers.0.splice(0..0, feed);
        // As it was bound: the proxy fetches nothing from it.
        let shut = page.iter().map(ui::Bound::address).collect();
        let salt = salt()?;
        let (recorder, recording) = recorder(config, &salt)?.unzip();
        let pipeline = Pipeline::new(salt, Limits { records: config.memory.records });
        let (sender, exchanges) = mpsc::channel(config.memory.queue);
        let proxy = proxy_with(config, authority, sender, (shut, seen(recorder.as_ref()))).await?;
        let page = page.map(|page| page.serve(announce::facts(config, &proxy)));
        let (done, explained) = oneshot::channel();
        let (handle, taken) = (Handle::current(), Arc::new(AtomicU64::new(0)));
        let count = Arc::clone(&taken);
        // A thread of its own: telling may wait for a terminal, and the proxy may not.
        let work = move || {
            explain(pipeline, exchanges, tellers, recorder, (&handle, &count));
            recording.into_iter().for_each(Recording::finish);
            // Nobody waits any more when the time for the last explanations is over.
            done.send(()).unwrap_or_default();
        };
        std::thread::Builder::new()
            .name("pipeline".into())
            .spawn(work)
            .map_err(|error| format!("cannot start a thread: {error}"))?;
        Ok(Service { proxy, page, explained, taken })
    }

    /// Takes no new connection, lets running exchanges end within `drain`, and tells what is left to tell.
    pub async fn stop(self, drain: Duration) {
        let (ended, tally) = self.proxy.drain(drain).await;
        if !ended {
            tracing::warn!("some exchanges did not end in time and were cut");
        }
        // With the proxy its end of the channel is gone: the pipeline comes to its own end.
        if !told(self.explained, &self.taken, LAST_EXPLANATIONS).await {
            let left = (tally.begun - tally.unobserved).saturating_sub(self.taken.load(Ordering::Relaxed));
            tracing::warn!(left, "the last explanations were not taken in time");
        }
        if tally.unobserved > 0 {
            let unobserved = tally.unobserved;
            tracing::warn!(unobserved, "requests passed without being explained: explanations could not keep up");
        }
        let Tally { begun, answered, failed, refused, abandoned, unobserved } = tally;
        tracing::info!(begun, answered, failed, refused, abandoned, unobserved, "stopped");
    }
}

/// Waits for the end of what is told, for as long as it goes on: a burst may take its time, a reader who has stopped has
/// `pause`.
async fn told(mut explained: oneshot::Receiver<()>, taken: &AtomicU64, pause: Duration) -> bool {
    let mut before = None;
    while tokio::time::timeout(pause, &mut explained).await.is_err() {
        let now = Some(taken.load(Ordering::Relaxed));
        if now == before {
            return false;
        }
        before = now;
    }
    true
}

/// The proxy alone; its exchanges go to `sender`.
pub async fn proxy(
    config: &Config,
    authority: Arc<Authority>,
    sender: mpsc::Sender<Arc<Exchange>>,
) -> Result<Running, Failure> {
    proxy_with(config, authority, sender, (Vec::new(), None)).await
}

/// `shut`: further listeners of this process; `seen` is shown every exchange.
async fn proxy_with(
    config: &Config,
    authority: Arc<Authority>,
    sender: mpsc::Sender<Arc<Exchange>>,
    (shut, seen): (Vec<SocketAddr>, Option<Arc<dyn proxy::Watch>>),
) -> Result<Running, Failure> {
    let settings = proxy::Settings { shut, seen, ..settings(config, authority)? };
    let started = proxy::start(settings, sender).await;
    let proxy = started.map_err(|error| match error.is_usage() {
        true => Failure::Usage(format!("error: {error}")),
        false => error.to_string().into(),
    })?;
    proxy.warnings().iter().for_each(|warning| tracing::warn!("{warning}"));
    Ok(proxy)
}

/// Exchanges go to the recorder the moment they end, before they wait to be explained: words that nobody takes hold up no
/// recording.
fn seen(recorder: Option<&Recorder>) -> Option<Arc<dyn proxy::Watch>> {
    Some(Arc::new(Recorded(recorder?.clone())))
}

struct Recorded(Recorder);

impl proxy::Watch for Recorded {
    fn begins(&self, exchange: &Exchange, status: u16) {
        self.0.begins(exchange, status);
    }

    fn ended(&self, exchange: &Arc<Exchange>) {
        self.0.exchange(Arc::clone(exchange));
    }
}

async fn page(config: &Config) -> Result<Option<ui::Bound>, Failure> {
    match config.ui.listen {
        None => Ok(None),
        Some(address) => Ok(Some(ui::Bound::new(address).await?)),
    }
}

/// Takes exchanges until the proxy is gone.
///
/// The first one after a silence is taken at once. While they keep coming they are taken together, after a rest: waking this
/// thread for each of them costs more than all that is done here.
fn explain(
    mut pipeline: Pipeline,
    mut exchanges: mpsc::Receiver<Arc<Exchange>>,
    mut tellers: Tellers,
    recorder: Option<Recorder>,
    (handle, taken): (&Handle, &AtomicU64),
) {
    tellers.0.extend(recorder.map(|recorder| Box::new(recorder) as Box<dyn Teller + Send>));
    let mut together = Vec::new();
    loop {
        let first = async { tokio::time::timeout(TICK, exchanges.recv_many(&mut together, TOGETHER)).await };
        match handle.block_on(first) {
            Ok(0) => break,
            Ok(_) => {}
            Err(_) => pipeline.tick(now(), &mut tellers),
        }
        while !together.is_empty() {
            for exchange in together.drain(..) {
                pipeline.take(exchange, &mut tellers);
                taken.fetch_add(1, Ordering::Relaxed);
            }
            std::thread::sleep(rest(&exchanges));
            while together.len() < TOGETHER
                && let Ok(exchange) = exchanges.try_recv()
            {
                together.push(exchange);
            }
        }
    }
    pipeline.finish(&mut tellers);
    if pipeline.broken() > 0 {
        tracing::error!(
            broken = pipeline.broken(),
            "explanations broke off; this is a fault of why401, please report it"
        );
    }
}

/// The fuller the queue, the shorter the rest: requests wait when there is no room in it.
fn rest(exchanges: &mpsc::Receiver<Arc<Exchange>>) -> Duration {
    let (room, most) = (exchanges.capacity(), exchanges.max_capacity().max(1));
    REST.saturating_mul(u32::try_from(room).unwrap_or(u32::MAX)) / u32::try_from(most).unwrap_or(u32::MAX)
}

/// Records the session, where the configuration names a folder for it.
fn recorder(config: &Config, salt: &Salt) -> Result<Option<(Recorder, Recording)>, Failure> {
    let Some(folder) = &config.session.dir else { return Ok(None) };
    let bodies = match config.session.bodies {
        Bodies::Telling => session::Bodies::Telling,
        Bodies::All => session::Bodies::All,
    };
    let limits = session::Limits { bytes: config.session.total.0, exchanges: config.session.exchanges as u64, bodies };
    Ok(Some(Recorder::start(folder, limits, salt.clone(), now())?))
}

pub fn now() -> Millis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// What the configuration says, for the proxy.
pub fn settings(config: &Config, authority: Arc<Authority>) -> Result<proxy::Settings, Failure> {
    let mut roots = Vec::new();
    for path in &config.upstream.ca_files {
        let read = std::fs::read(path).map_err(|error| error.to_string());
        let found = read.and_then(|pem| proxy::certificates_from_pem(&pem));
        roots.extend(found.map_err(|error| Failure::Usage(format!("error: {}: {error}", path.display())))?);
    }
    Ok(proxy::Settings {
        access: config.access.clone(),
        marks: config.marks,
        listen: config.listen.clone(),
        reverse: config.reverse.clone(),
        scope: Scope(config.scope()),
        upstream_roots: roots,
        resolve: config.upstream.resolve.clone(),
        way_out: config.upstream.way_out(),
        insecure: config.upstream.insecure.clone(),
        client_certificates: certificates::read(&config.upstream.client_certificates)?,
        http1: config.http1,
        shut: Vec::new(),
        guides: ca::guides(),
        limits: config.limits.clone(),
        seen: None,
        authority,
    })
}

/// The session's key for tags of secrets.
pub fn salt() -> Result<Salt, String> {
    key().map(Salt::new)
}

/// A new key.
pub fn key() -> Result<[u8; 32], String> {
    let mut key = [0u8; 32];
    getrandom::fill(&mut key).map_err(|error| format!("no random numbers: {error}"))?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn last_explanations_are_waited_for_while_they_go_on_and_no_longer() {
        let pause = Duration::from_secs(1);
        let (done, explained) = oneshot::channel();
        let taken = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&taken);
        // Together longer than one may take.
        let slow = tokio::spawn(async move {
            for _ in 0..5 {
                tokio::time::sleep(pause / 4).await;
                count.fetch_add(1, Ordering::Relaxed);
            }
            done.send(())
        });
        assert!(told(explained, &taken, pause).await);
        slow.await.unwrap().unwrap();
        let (_nobody, explained) = oneshot::channel();
        assert!(!told(explained, &taken, pause / 20).await);
    }
}

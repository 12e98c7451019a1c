//! What connections are handed, made at the start and at every reload: from the settings, and from what outlives them.

use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};

use tokio::sync::{mpsc, watch};

use super::ca::mint::Mint;
use super::dial::pool::Pool;
use super::dial::targets::Targets;
use super::dial::{Dialer, Names};
use super::http2::sessions::Sessions;
use super::settings::{Origin, Settings, Watch};
use super::tally::Counts;
use super::{Life, Shared, StartError, guarded, tls};
use crate::model::Exchange;

/// What stays the same over reloads.
pub(super) struct Lasting {
    exchanges: mpsc::Sender<Arc<Exchange>>,
    seen: Option<Arc<dyn Watch>>,
    life: watch::Receiver<Life>,
    counts: Arc<Counts>,
    next_connection: Arc<AtomicU64>,
    own: OnceLock<Vec<SocketAddr>>,
    /// Of the same authority: clients keep their leaves and their sessions.
    mint: Option<Arc<Mint>>,
}

impl Lasting {
    pub fn new(
        exchanges: mpsc::Sender<Arc<Exchange>>,
        seen: Option<Arc<dyn Watch>>,
        life: watch::Receiver<Life>,
    ) -> Lasting {
        let (counts, next_connection) = (Arc::default(), Arc::default());
        Lasting { exchanges, seen, life, counts, next_connection, own: OnceLock::new(), mint: None }
    }

    fn of(shared: &Shared, mint: Option<Arc<Mint>>) -> Lasting {
        Lasting {
            exchanges: shared.exchanges.clone(),
            seen: shared.seen.clone(),
            life: shared.life.clone(),
            counts: shared.counts.clone(),
            next_connection: shared.next_connection.clone(),
            own: shared.targets.own.clone(),
            mint,
        }
    }
}

/// The generation after `shared`, with what `settings` say of everything but listeners.
pub(super) fn renew(shared: &Shared, settings: &Settings) -> Result<(Arc<Shared>, Vec<String>), StartError> {
    let refused = settings.authority.refuses(&settings.scope.0);
    if !refused.is_empty() {
        return Err(StartError::Scope(refused));
    }
    guarded(settings)?;
    let same = settings.authority.fingerprint() == shared.authority.fingerprint() && settings.http1 != shared.http2;
    let mint = (same && settings.limits.leaves == shared.limits.leaves).then(|| shared.mint.clone());
    share(settings, shared.fallback.clone(), Lasting::of(shared, mint))
}

/// Everything that the settings decide. The warnings are for the operator.
pub(super) fn share(
    settings: &Settings,
    fallback: Option<Origin>,
    lasting: Lasting,
) -> Result<(Arc<Shared>, Vec<String>), StartError> {
    let limits = settings.limits.clone();
    // Named everywhere: the library would otherwise pick one by what happens to be in the build.
    let provider = tls::provider();
    let (roots, mut warnings) = tls::roots(&settings.upstream_roots);
    let tls = tls::UpstreamTls::new(roots, settings.insecure.clone(), &settings.client_certificates, provider.clone())
        .map_err(StartError::Tls)?;
    warnings.extend(settings.insecure.iter().map(|host| format!("UNVERIFIED: {}", host.words())));
    // curl's --http1.0 offers nothing else; a handshake without a protocol in common would fail.
    const HTTP10: &[u8] = b"http/1.0";
    let protocols: &[&[u8]] = if settings.http1 { &[tls::HTTP1, HTTP10] } else { &[tls::HTTP2, tls::HTTP1, HTTP10] };
    let made = || Mint::new(settings.authority.clone(), provider, protocols, limits.leaves).map(Arc::new);
    let mint = lasting.mint.map_or_else(made, Ok).map_err(StartError::Authority)?;
    let mut targets = Targets::new(settings);
    targets.own = lasting.own;
    let targets = Arc::new(targets);
    let dialer = Dialer {
        names: Names::new(settings.resolve.clone(), targets.clone()),
        way_out: settings.way_out.clone(),
        tls,
        limits: limits.clone(),
    };
    let shared = Shared {
        scope: settings.scope.clone(),
        authority: settings.authority.clone(),
        guides: settings.guides.clone(),
        mint,
        dialer,
        access: settings.access.clone(),
        marks: settings.marks,
        targets,
        pool: Pool::new(limits.pooled, limits.pooled_for),
        sessions: Sessions::new(&limits),
        http2: !settings.http1,
        fallback,
        exchanges: lasting.exchanges,
        seen: lasting.seen,
        next_connection: lasting.next_connection,
        counts: lasting.counts,
        life: lasting.life,
        limits,
    };
    Ok((Arc::new(shared), warnings))
}

//! Idle upstream connections. They outlive the client connections that made them: Postman opens a new one each request.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::BytesMut;

use super::Facts;
use crate::proxy::link::Link;
use crate::proxy::settings::Origin;

/// A connection to an upstream, with what is known of it.
pub(in crate::proxy) struct Upstream {
    pub link: Link,
    pub facts: Arc<Facts>,
    /// Exchanges that it has served.
    pub served: u64,
    /// Authenticated as a whole: not to be shared.
    pub bound: bool,
}

struct Idle {
    upstream: Upstream,
    since: Instant,
}

/// Of each origin, those that have been idle for longest first.
type Idles = HashMap<Origin, VecDeque<Idle>>;

pub(in crate::proxy) struct Pool {
    idle: Mutex<Idles>,
    /// How many there are, over all origins: to count them each time would cost more the more origins there are.
    count: AtomicUsize,
    /// Over all origins.
    most: usize,
    keep: Duration,
}

impl Pool {
    pub fn new(most: usize, keep: Duration) -> Pool {
        Pool { idle: Mutex::default(), count: AtomicUsize::new(0), most, keep }
    }

    /// The connection that was used last and is still open, if it has been idle for at most `idle`. The others have been
    /// idle for longer: they stay for requests that may use them, or for the sweep.
    pub fn take(&self, origin: &Origin, idle: Duration) -> Option<Upstream> {
        let idle = idle.min(self.keep);
        loop {
            let mut upstream = self.last(origin, idle)?.upstream;
            if upstream.link.idle_and_open() {
                return Some(upstream);
            }
        }
    }

    fn last(&self, origin: &Origin, idle: Duration) -> Option<Idle> {
        let mut all = self.lock();
        let list = all.get_mut(origin)?;
        list.back().filter(|last| last.since.elapsed() <= idle)?;
        let last = list.pop_back();
        self.count.fetch_sub(1, Ordering::Relaxed);
        if list.is_empty() {
            all.remove(origin);
        }
        last
    }

    /// Keeps a connection that has just been used. Where there is no room, the one that has been idle for longest goes: a
    /// request that cannot be repeated is sent on none but a fresh one.
    pub fn put(&self, origin: &Origin, mut upstream: Upstream) {
        if self.most == 0 {
            return;
        }
        upstream.served += 1;
        upstream.link.buffer = BytesMut::new();
        let mut all = self.lock();
        let idle = Idle { upstream, since: Instant::now() };
        let full = self.count.load(Ordering::Relaxed) >= self.most;
        let oldest = if full { oldest(&mut all) } else { None };
        match all.get_mut(origin) {
            Some(list) => list.push_back(idle),
            None => drop(all.insert(origin.clone(), VecDeque::from([idle]))),
        }
        self.count.fetch_add(usize::from(oldest.is_none()), Ordering::Relaxed);
        drop(all);
        // Closed outside of the lock.
        drop(oldest);
    }

    /// Closes what has been idle for too long.
    pub fn sweep(&self) {
        let mut old = Vec::new();
        let mut all = self.lock();
        for list in all.values_mut() {
            old.extend(too_old(list, self.keep));
        }
        self.count.fetch_sub(old.len(), Ordering::Relaxed);
        all.retain(|_, list| !list.is_empty());
        drop(all);
        drop(old);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Idles> {
        // A pool cannot be left half-changed: each change is one call.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes out the connection that has been idle for longest, of all origins.
fn oldest(all: &mut Idles) -> Option<Idle> {
    let (origin, _) = all.iter().min_by_key(|(_, list)| list.front().map(|idle| idle.since))?;
    let origin = origin.clone();
    let list = all.get_mut(&origin)?;
    let oldest = list.pop_front();
    if list.is_empty() {
        all.remove(&origin);
    }
    oldest
}

/// Takes out what has been idle for more than `keep`.
fn too_old(list: &mut VecDeque<Idle>, keep: Duration) -> Vec<Idle> {
    let old = list.partition_point(|idle| idle.since.elapsed() > keep);
    list.drain(..old).collect()
}

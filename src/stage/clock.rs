//! The real clock with an offset that can be moved forward: how a story waits 71 seconds without waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::model::Millis;

/// Shared by everybody who must agree on the time: clones move together.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    ahead: Arc<AtomicI64>,
}

impl Clock {
    pub fn now(&self) -> Millis {
        let real = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.shift(Millis(i64::try_from(real.as_millis()).unwrap_or_default()))
    }

    /// A time of the real clock as this clock shows it.
    pub fn shift(&self, real: Millis) -> Millis {
        Millis(real.0.saturating_add(self.ahead.load(Ordering::SeqCst)))
    }

    /// Lets so many seconds pass at once.
    pub fn forward(&self, seconds: i64) {
        self.ahead.fetch_add(seconds.saturating_mul(1000), Ordering::SeqCst);
    }

    /// Back to the real time.
    pub fn reset(&self) {
        self.ahead.store(0, Ordering::SeqCst);
    }
}

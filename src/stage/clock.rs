//! The real clock with an offset that can be moved forward: how a story waits 71 seconds without waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::model::Millis;

/// Shared by everybody who must agree on the time: clones move together.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    ahead: Arc<AtomicI64>,
    /// The time at which it stands; 0 where it runs.
    still: Arc<AtomicI64>,
}

impl Clock {
    /// One that stands still from now on but for `forward`: how long a machine takes for a story changes nothing in it.
    pub fn standing() -> Clock {
        Clock { still: Arc::new(real().0.into()), ..Clock::default() }
    }

    pub fn now(&self) -> Millis {
        self.shift(real())
    }

    /// A time of the real clock as this clock shows it.
    pub fn shift(&self, real: Millis) -> Millis {
        let still = Some(self.still.load(Ordering::SeqCst)).filter(|still| *still != 0);
        Millis(still.unwrap_or(real.0).saturating_add(self.ahead.load(Ordering::SeqCst)))
    }

    /// Lets so much time pass at once.
    pub fn forward(&self, time: Duration) {
        self.ahead.fetch_add(i64::try_from(time.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }

    /// Back to the real time.
    pub fn reset(&self) {
        self.ahead.store(0, Ordering::SeqCst);
        self.still.store(0, Ordering::SeqCst);
    }
}

fn real() -> Millis {
    let real = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(real.as_millis()).unwrap_or_default())
}

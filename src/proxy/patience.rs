//! Limits in time that cost nothing before there is something to wait for.
//!
//! Most reads and writes of a busy connection are ready at once, and the next limit is almost always later than the last
//! one. So the clock is read only when something has to be waited for, and a timer that was set for earlier stays set: when
//! it goes off too early, it is set anew.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// The timer of one connection, or of one piece of work.
#[derive(Default)]
pub(super) struct Patience(Option<Pin<Box<Sleep>>>);

/// Longer than any limit: what cannot be added to the clock.
const AGES: Duration = Duration::from_secs(86_400 * 365);

impl Patience {
    /// Does the work, but not for longer than `limit`; `None` where it has not ended by then.
    pub async fn within<F: Future>(&mut self, limit: Duration, work: F) -> Option<F::Output> {
        let mut work = pin!(work);
        let mut until = None;
        poll_fn(|cx| {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(Some(done));
            }
            let until = *until.get_or_insert_with(|| Instant::now() + limit.min(AGES));
            let timer = self.0.get_or_insert_with(|| Box::pin(sleep_until(until)));
            if timer.deadline() > until {
                timer.as_mut().reset(until);
            }
            while timer.as_mut().poll(cx).is_ready() {
                if Instant::now() >= until {
                    return Poll::Ready(None);
                }
                timer.as_mut().reset(until);
            }
            Poll::Pending
        })
        .await
    }
}

/// One piece of work within `limit`.
pub(super) async fn within<F: Future>(limit: Duration, work: F) -> Option<F::Output> {
    Patience::default().within(limit, work).await
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    const MOMENT: Duration = Duration::from_millis(1);

    #[tokio::test]
    async fn a_limit_ends_what_takes_too_long() {
        let mut patience = Patience::default();
        assert_eq!(patience.within(Duration::ZERO, ready(1)).await, Some(1));
        // What is ready needs no timer.
        assert!(patience.0.is_none());
        assert_eq!(patience.within(MOMENT, pending::<()>()).await, None);
    }

    #[tokio::test]
    async fn a_timer_that_is_set_serves_later_and_earlier_limits() {
        let mut patience = Patience::default();
        let slow = || tokio::time::sleep(5 * MOMENT);
        assert_eq!(patience.within(MOMENT, pending::<()>()).await, None);
        // Set for a time that is over by now.
        assert_eq!(patience.within(Duration::MAX, slow()).await, Some(()));
        // Set for ages from now.
        assert_eq!(patience.within(MOMENT, pending::<()>()).await, None);
        assert_eq!(patience.within(Duration::MAX, slow()).await, Some(()));
    }
}

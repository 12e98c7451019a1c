//! What waits for the disk. The thread that writes is woken once for all that comes while it rests, and not for each.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A bounded queue with one taker.
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    news: Condvar,
    most: usize,
}

struct State<T> {
    items: Vec<T>,
    /// The taker waits and has to be woken.
    waits: bool,
}

impl<T> Queue<T> {
    pub fn new(most: usize) -> Queue<T> {
        Queue { state: Mutex::new(State { items: Vec::new(), waits: false }), news: Condvar::new(), most }
    }

    /// Adds an item; gives it back where there is no room.
    pub fn put(&self, item: T) -> Result<(), T> {
        let mut state = self.lock();
        if state.items.len() >= self.most {
            return Err(item);
        }
        state.items.push(item);
        if std::mem::take(&mut state.waits) {
            drop(state);
            self.news.notify_one();
        }
        Ok(())
    }

    /// All that is there, or what comes first within `wait`.
    pub fn take(&self, wait: Duration) -> Vec<T> {
        let mut state = self.lock();
        if state.items.is_empty() {
            state.waits = true;
            let empty = |state: &mut State<T>| state.items.is_empty() && state.waits;
            let waited = self.news.wait_timeout_while(state, wait, empty);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.waits = false;
        }
        std::mem::take(&mut state.items)
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Each change is one call: nothing is ever left half-changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn everything_comes_out_once_and_in_order() {
        let queue = Arc::new(Queue::new(10_000));
        let putting = queue.clone();
        let thread = std::thread::spawn(move || (0..5_000).for_each(|item| putting.put(item).unwrap()));
        let mut taken = Vec::new();
        while taken.len() < 5_000 {
            taken.extend(queue.take(Duration::from_secs(60)));
        }
        thread.join().unwrap();
        assert!(taken.into_iter().eq(0..5_000));
    }

    #[test]
    fn what_has_no_room_comes_back() {
        let queue = Queue::new(1);
        assert_eq!((queue.put(1), queue.put(2)), (Ok(()), Err(2)));
        assert_eq!((queue.take(Duration::ZERO), queue.take(Duration::ZERO)), (vec![1], vec![]));
    }
}

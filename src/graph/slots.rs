//! Workers of schedulers that run side by side: one set of places to work at.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Numbered slots that the workers of several schedulers share: whoever performs a task holds one.
///
/// However many graphs run side by side, so many tasks run at a time, of whichever graphs have some ready: a graph that
/// waits for its one long task leaves the other slots to its neighbours. Who asked first is served first. A worker waits
/// for a slot with its task claimed, and nobody who holds a slot waits for anything but its task, so slots never
/// come to a deadlock; budgets are those of each scheduler.
#[derive(Debug)]
pub struct Slots {
    state: Mutex<State>,
    wake: Condvar,
    count: usize,
}

#[derive(Debug)]
struct State {
    /// Numbers of the slots that nobody holds.
    free: Vec<usize>,
    /// Tickets are drawn in order, and served in order.
    drawn: u64,
    served: u64,
}

impl Slots {
    /// So many slots; 0 counts as 1.
    pub fn new(count: usize) -> Self {
        let count = count.max(1);
        let state = State { free: (0..count).rev().collect(), drawn: 0, served: 0 };
        Self { state: Mutex::new(state), wake: Condvar::new(), count }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Waits for a slot, and holds it until what is returned is dropped.
    pub(super) fn take(&self) -> Taken<'_> {
        let mut state = self.lock();
        let ticket = state.drawn;
        state.drawn += 1;
        loop {
            if state.served == ticket
                && let Some(number) = state.free.pop()
            {
                state.served += 1;
                if !state.free.is_empty() {
                    self.wake.notify_all();
                }
                return Taken { slots: self, number };
            }
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The state is whole at any time, so a poisoned lock is as good.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A slot that somebody holds.
pub(super) struct Taken<'a> {
    slots: &'a Slots,
    /// Which one, from 0.
    pub(super) number: usize,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.slots.lock().free.push(self.number);
        self.slots.wake.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn no_more_than_the_slots_work_at_a_time_and_each_has_a_number_of_its_own() {
        let slots = Slots::new(2);
        let at_work: [AtomicUsize; 2] = Default::default();
        let work = || {
            for _ in 0..50 {
                let taken = slots.take();
                assert_eq!(at_work[taken.number].fetch_add(1, Ordering::SeqCst), 0, "one holder of a slot");
                thread::sleep(Duration::from_micros(50));
                at_work[taken.number].fetch_sub(1, Ordering::SeqCst);
            }
        };
        thread::scope(|scope| (0..6).for_each(|_| drop(scope.spawn(work))));
        assert_eq!(slots.lock().free.len(), 2, "all are given back");
        assert_eq!(Slots::new(0).count(), 1);
    }
}

//! What a worker has on its desk: tasks it has claimed and results it has not told, so that one visit to the lock serves
//! both, and several small tasks.
//!
//! A lock that two processors take for every task of a microsecond costs them more than the tasks: each visit moves the
//! state from one cache to the other, and whoever finds the lock held may have to sleep. So a worker whose last tasks
//! were all quick takes several at a time: of those that declare next to nothing, at most [`BATCH`], and no more than a
//! quarter of its share of what is ready, so that the others find work however long the batch takes after all (guided
//! self-scheduling).
//!
//! # Source
//! Polychronopoulos & Kuck 1987, "Guided self-scheduling", IEEE Trans. Computers C-36, 1425: each processor takes
//! `ready / P`; we take a quarter of it, and never more than a batch.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::engine::{Claim, Engine, Shared};
use super::perform::Slot;
use super::state::Instruction;
use super::{Cost, Op};

/// Tasks on a desk at most: a visit to the lock is then little beside them, and the results that wait are few.
const BATCH: usize = 16;
/// So many quick tasks in a row make a worker expect more of them.
const STREAK: u32 = 64;
/// A quick task takes no longer.
const QUICK: Duration = Duration::from_micros(5);
/// What a small task declares at most: floating-point operations, and bytes of result and scratch.
const SMALL: (f64, u64) = (10_000.0, 4096);

/// A task that has ended well, and whose result is still to be told.
pub(super) struct Done<V> {
    pub(super) task: u32,
    pub(super) slot: Slot<V>,
    pub(super) took: Duration,
    pub(super) end: Instant,
}

/// A worker's desk.
pub(super) struct Desk<O: Op> {
    /// Tasks to be done, in their order.
    pub(super) claims: Vec<Claim<O>>,
    done: Vec<Done<O::Value>>,
    /// Quick tasks since the last that was not.
    quick: u32,
}

impl<O: Op> Default for Desk<O> {
    fn default() -> Self {
        Self { claims: Vec::new(), done: Vec::new(), quick: 0 }
    }
}

impl<O: Op> Desk<O> {
    /// Keeps a result until the next visit to the lock.
    pub(super) fn put(&mut self, done: Done<O::Value>) {
        self.quick = if done.took <= QUICK { self.quick.saturating_add(1) } else { 0 };
        self.done.push(done);
    }
}

fn is_small(cost: &Cost) -> bool {
    cost.flops <= SMALL.0 && cost.output_bytes.saturating_add(cost.scratch_bytes) <= SMALL.1
}

impl<O: Op> Engine<'_, O> {
    /// Tells what the worker has done, and waits for a task that may start; false when the worker is to leave.
    pub(super) fn exchange(&self, desk: &mut Desk<O>, workers: usize) -> bool {
        let mut shared = self.lock();
        for Done { task, slot, end, .. } in desk.done.drain(..) {
            shared.end(task, slot, end);
        }
        loop {
            if self.run.context.cancel.is_aborted() {
                shared.state.stop();
            }
            match shared.state.next() {
                Instruction::Run(task) => {
                    desk.claims.push(shared.take(self, task));
                    if desk.quick >= STREAK {
                        self.take_more(&mut shared, desk, workers);
                    }
                    if shared.sleepers > 0 && shared.state.has_ready() {
                        self.wake.notify_one();
                    }
                    return true;
                }
                Instruction::Wait => {
                    shared.sleepers += 1;
                    shared = self.wake.wait(shared).unwrap_or_else(PoisonError::into_inner);
                    shared.sleepers -= 1;
                }
                Instruction::End => {
                    self.wake.notify_all();
                    return false;
                }
            }
        }
    }

    /// Claims further tasks, where the next ones are small.
    fn take_more(&self, shared: &mut Shared<'_, O>, desk: &mut Desk<O>, workers: usize) {
        // Alone, a worker has nobody to share the lock with, and it follows the order to the letter: a batch overtakes what
        // its own results make ready. Where somebody watches, or shares the processors, every task is told when it ends.
        if workers == 1 || !self.run.callbacks.is_empty() || self.crew.slots.is_some() || self.crew.elsewhere.is_some()
        {
            return;
        }
        let most = BATCH.min(shared.state.ready() / (4 * workers));
        while desk.claims.len() < most
            && shared.state.peek().is_some_and(|task| is_small(&self.net.costs[task as usize]))
            && let Instruction::Run(task) = shared.state.next()
        {
            desk.claims.push(shared.take(self, task));
        }
    }
}

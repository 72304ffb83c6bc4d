//! Runs side by side, recorded as one.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::graph::{Callback, Key, RetryRecord, RunStart, SpillRecord, TaskRecord, TaskStart, ValueRecord};

/// One of several runs that share their callbacks: its records go on to them, its graphs' begins and ends do not.
///
/// The number of the run stands before the numbers of each key. Begin and end are for whoever starts the runs to tell,
/// once for all. What a graph leaves counts as held until the next graph of the same run begins, or the run ends.
pub struct Member<'a> {
    number: u32,
    callbacks: Vec<&'a dyn Callback>,
    /// Declared bytes that values of each kind hold.
    held: Mutex<HashMap<&'static str, u64>>,
}

impl<'a> Member<'a> {
    /// The run of this number.
    pub fn new(number: u32, callbacks: Vec<&'a dyn Callback>) -> Self {
        Self { number, callbacks, held: Mutex::default() }
    }

    fn key(&self, key: &Key) -> Key {
        let index: Vec<u32> = std::iter::once(self.number).chain(key.index().iter().copied()).collect();
        Key::new(key.layer(), index)
    }

    fn each(&self, tell: impl Fn(&dyn Callback)) {
        self.callbacks.iter().for_each(|callback| tell(*callback));
    }

    fn hold(&self, kind: &'static str, change: impl FnOnce(u64) -> u64) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = held.entry(kind).or_default();
        *bytes = change(*bytes);
    }

    /// Tells that what is still held is gone.
    fn let_go(&self) {
        let held = std::mem::take(&mut *self.held.lock().unwrap_or_else(PoisonError::into_inner));
        for (kind, bytes) in held.into_iter().filter(|(_, bytes)| *bytes > 0) {
            let value = ValueRecord { key: Key::new(kind, [self.number]), kind, bytes, at: Instant::now() };
            self.each(|callback| callback.freed(&value));
        }
    }
}

impl Callback for Member<'_> {
    fn start(&self, _run: &RunStart) {
        self.let_go();
    }

    fn pretask(&self, task: &TaskStart) {
        let task = TaskStart { key: self.key(&task.key), ..task.clone() };
        self.each(|callback| callback.pretask(&task));
    }

    fn retried(&self, retry: &RetryRecord) {
        let retry = RetryRecord { key: self.key(&retry.key), ..retry.clone() };
        self.each(|callback| callback.retried(&retry));
    }

    fn spilled(&self, spill: &SpillRecord) {
        let spill = SpillRecord { key: self.key(&spill.key), ..spill.clone() };
        self.each(|callback| callback.spilled(&spill));
    }

    fn born(&self, value: &ValueRecord) {
        self.hold(value.kind, |held| held + value.bytes);
        let value = ValueRecord { key: self.key(&value.key), ..value.clone() };
        self.each(|callback| callback.born(&value));
    }

    fn freed(&self, value: &ValueRecord) {
        self.hold(value.kind, |held| held.saturating_sub(value.bytes));
        let value = ValueRecord { key: self.key(&value.key), ..value.clone() };
        self.each(|callback| callback.freed(&value));
    }

    fn posttask(&self, task: &TaskRecord) {
        let task = TaskRecord { key: self.key(&task.key), ..task.clone() };
        self.each(|callback| callback.posttask(&task));
    }
}

impl Drop for Member<'_> {
    fn drop(&mut self) {
        self.let_go();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::CacheProfiler;

    #[test]
    fn what_one_run_leaves_is_let_go_and_its_neighbour_s_is_not() {
        let profiler = CacheProfiler::new(Instant::now(), 1 << 20);
        let members = [0, 1].map(|number| Member::new(number, vec![&profiler as &dyn Callback]));
        let value = |bytes| ValueRecord { key: Key::new("slab", [3]), kind: "slab", bytes, at: Instant::now() };
        let held = || profiler.take_points().last().map(|point| point.bytes);
        members[0].born(&value(5));
        members[1].born(&value(7));
        members[0].start(&RunStart::default());
        assert_eq!(held(), Some(7));
        members[0].born(&value(4));
        members[0].freed(&value(1));
        drop(members);
        assert_eq!(held(), Some(0));
    }

    #[test]
    fn keys_tell_the_run() {
        let member = Member::new(4, Vec::new());
        assert_eq!(member.key(&Key::new("minor", [2])).to_string(), "minor(4, 2)");
    }
}

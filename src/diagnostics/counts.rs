//! Which tasks were run and what went through scratch files, in numbers.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::graph::{Callback, SpillRecord, TaskRecord};

/// Counts the tasks that end well, by kind, and what went to scratch files and came back.
#[derive(Debug, Default)]
pub struct TaskCounts(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    by_kind: BTreeMap<&'static str, u64>,
    moved: Moved,
}

/// What went to scratch files and came back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// Values that were written.
    pub values: u64,
    /// Their declared sizes \[bytes\].
    pub written_bytes: u64,
    /// Declared sizes of what tasks took from files, once for each task that took it \[bytes\].
    pub read_bytes: u64,
}

impl TaskCounts {
    /// The numbers so far.
    pub fn by_kind(&self) -> BTreeMap<&'static str, u64> {
        self.lock().by_kind.clone()
    }

    /// What went through scratch files so far.
    pub fn moved(&self) -> Moved {
        self.lock().moved
    }

    /// Numbers are whole at any time, so a poisoned lock is as good.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Callback for TaskCounts {
    fn spilled(&self, spill: &SpillRecord) {
        let moved = &mut self.lock().moved;
        moved.values += 1;
        moved.written_bytes += spill.bytes;
    }

    fn posttask(&self, task: &TaskRecord) {
        let mut state = self.lock();
        *state.by_kind.entry(task.kind).or_default() += 1;
        state.moved.read_bytes += task.loaded_bytes;
    }
}

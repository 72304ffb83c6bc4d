//! Which tasks were run, in numbers.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::graph::{Callback, TaskRecord};

/// Counts the tasks that end well, by kind.
#[derive(Debug, Default)]
pub struct TaskCounts(Mutex<BTreeMap<&'static str, u64>>);

impl TaskCounts {
    /// The numbers so far.
    pub fn by_kind(&self) -> BTreeMap<&'static str, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Callback for TaskCounts {
    fn posttask(&self, task: &TaskRecord) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(task.kind).or_default() += 1;
    }
}

//! How collections are computed.

use std::sync::Arc;
use std::thread::available_parallelism;

use crate::graph::{Callback, GraphError, Held, Key, Op, RunContext, Scheduler, Scratch, TaskGraph, Threads, optimise};

/// On how many workers, in how much memory, watched by whom.
///
/// ```
/// use deconv::collections::Compute;
///
/// let four = Compute::new().workers(4).memory(1 << 30);
/// # let _ = four;
/// ```
#[derive(Clone, Default)]
pub struct Compute<'a> {
    workers: Option<usize>,
    memory: Option<u64>,
    scratch: Option<Arc<Scratch>>,
    callbacks: &'a [&'a dyn Callback],
}

impl<'a> Compute<'a> {
    /// A worker for each core, no limit of memory, nobody who watches.
    pub fn new() -> Self {
        Self::default()
    }

    /// So many worker threads.
    pub fn workers(self, workers: usize) -> Self {
        Self { workers: Some(workers), ..self }
    }

    /// A budget of memory \[bytes\] that live values and running tasks keep to.
    pub fn memory(self, bytes: u64) -> Self {
        Self { memory: Some(bytes), ..self }
    }

    /// A folder for values that the budget has no room for.
    pub fn scratch(self, scratch: Arc<Scratch>) -> Self {
        Self { scratch: Some(scratch), ..self }
    }

    /// Callbacks: progress bars, profilers, anything that wants to watch.
    pub fn callbacks(self, callbacks: &'a [&'a dyn Callback]) -> Self {
        Self { callbacks, ..self }
    }

    /// Computes the targets of a graph, after its passes ([`optimise`]).
    ///
    /// # Errors
    /// What [`Scheduler::execute`] says.
    pub fn run<O: Op>(&self, graph: TaskGraph<O>, targets: &[Key]) -> Result<Vec<Held<O::Value>>, GraphError> {
        let workers = self.workers.unwrap_or_else(|| available_parallelism().map_or(1, usize::from));
        let threads = Threads { memory: self.memory, scratch: self.scratch.clone(), ..Threads::new(workers) };
        let graph = optimise(graph, targets)?.graph;
        threads.execute(graph, targets, &RunContext { callbacks: self.callbacks, ..RunContext::default() })
    }
}

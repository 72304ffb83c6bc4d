//! Schedulers: what computes the targets of a graph.

use std::sync::Arc;

use super::engine::{self, Crew};
use super::{Callback, GraphError, Held, Keeper, Key, Op, Scratch, TaskContext, TaskGraph};

/// What a run is given besides the graph, whose values are of type `V`.
pub struct RunContext<'a, V> {
    /// Called in this order at each of the five points.
    pub callbacks: &'a [&'a dyn Callback],
    /// Handed to every task. A request to cancel is for the operations: the scheduler still runs every task.
    pub context: TaskContext,
    /// Shown every result.
    pub keeper: Option<&'a dyn Keeper<V>>,
}

impl<V> Default for RunContext<'_, V> {
    fn default() -> Self {
        Self { callbacks: &[], context: TaskContext::default(), keeper: None }
    }
}

impl<V> Clone for RunContext<'_, V> {
    fn clone(&self) -> Self {
        Self { context: self.context.clone(), ..*self }
    }
}

/// Computes targets of a graph.
pub trait Scheduler<O: Op>: Send + Sync {
    /// Computes the targets and returns their values in the order asked for.
    ///
    /// Takes the graph, so that values given with it are released at their last use like any result; whatever the
    /// targets do not need is dropped before the first task starts. The values are the same for every scheduler.
    ///
    /// # Errors
    /// [`GraphError::Missing`] and [`GraphError::Cycle`] before any task starts and any callback is called;
    /// [`GraphError::Task`] and [`GraphError::Panic`] when a task fails: then no other task starts, and those that run
    /// are waited for. If several fail, the error is that of the first in the static order.
    fn execute(
        &self,
        graph: TaskGraph<O>,
        targets: &[Key],
        run: &RunContext<'_, O::Value>,
    ) -> Result<Vec<Held<O::Value>>, GraphError>;
}

/// One task after the other, on the calling thread.
#[derive(Debug, Clone, Copy, Default)]
pub struct Serial;

/// Worker threads of its own, under a memory budget.
///
/// The calling thread is worker 0. Should the system refuse a thread, the run goes on with those it has.
#[derive(Debug, Clone)]
pub struct Threads {
    /// Number of workers; 0 counts as 1, and there are never more than tasks.
    pub workers: usize,
    /// Budget of live values, and results and scratch of running tasks, as declared \[bytes\].
    ///
    /// A task that would exceed it waits while others run. It is kept to for certain when it is no less than the
    /// [`super::forecast()`] of one worker, and exceeded only by a task that runs alone.
    pub memory: Option<u64>,
    /// Where values go that have no room in the budget.
    pub scratch: Option<Arc<Scratch>>,
}

impl Threads {
    /// So many workers, without a budget.
    pub fn new(workers: usize) -> Self {
        Self { workers, memory: None, scratch: None }
    }

    /// The same under a budget \[bytes\].
    #[must_use]
    pub fn with_memory(self, bytes: u64) -> Self {
        Self { memory: Some(bytes), ..self }
    }

    /// The same with a folder for what has no room in the budget.
    #[must_use]
    pub fn with_scratch(self, scratch: Arc<Scratch>) -> Self {
        Self { scratch: Some(scratch), ..self }
    }
}

impl<O: Op> Scheduler<O> for Serial {
    fn execute(
        &self,
        graph: TaskGraph<O>,
        targets: &[Key],
        run: &RunContext<'_, O::Value>,
    ) -> Result<Vec<Held<O::Value>>, GraphError> {
        engine::execute(graph, targets, run, Crew { workers: 1, memory: None })
    }
}

impl<O: Op> Scheduler<O> for Threads {
    fn execute(
        &self,
        graph: TaskGraph<O>,
        targets: &[Key],
        run: &RunContext<'_, O::Value>,
    ) -> Result<Vec<Held<O::Value>>, GraphError> {
        engine::execute(graph, targets, run, Crew { workers: self.workers, memory: self.memory })
    }
}

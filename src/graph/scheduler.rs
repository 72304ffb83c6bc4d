//! Schedulers: what computes the targets of a graph.

use std::sync::Arc;

use super::engine::{self, Crew};
use super::{Callback, GraphError, Held, Keeper, Key, Limits, Op, Scratch, Slots, TaskContext, TaskGraph};

/// What a run is given besides the graph, whose values are of type `V`.
pub struct RunContext<'a, V> {
    /// Called in this order at each point.
    pub callbacks: &'a [&'a dyn Callback],
    /// Handed to every task. A request to cancel is for the operations, and every task still runs; an abort is for the
    /// scheduler, and no task starts any more.
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
    /// [`GraphError::Missing`], [`GraphError::Cycle`] and [`GraphError::Budget`] before any task starts and any callback
    /// is called; [`GraphError::Task`], [`GraphError::Panic`] and [`GraphError::Scratch`] when a task or a file fails: then
    /// no other task starts, and those that run are waited for. If several fail, the error is that of the first in the
    /// static order. [`GraphError::Cancelled`] after an abort, unless every task had started.
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
    /// A task that would exceed it waits while others run. With a scratch folder, and values that have a codec, it is
    /// never exceeded: values stand in files as planned before the run, and a budget in which some task has no room even
    /// so is an error. Without, it is kept to when it is no less than the [`super::forecast()`] of one worker,
    /// and else exceeded by tasks that run alone.
    pub memory: Option<u64>,
    /// Where values go that have no room in the budget.
    pub scratch: Option<Arc<Scratch>>,
    /// Shared with other schedulers that run at the same time: together they perform so many tasks at once.
    pub slots: Option<Arc<Slots>>,
}

impl Threads {
    /// So many workers, without a budget.
    pub fn new(workers: usize) -> Self {
        Self { workers, memory: None, scratch: None, slots: None }
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

    /// The same with slots that other schedulers share.
    #[must_use]
    pub fn with_slots(self, slots: Arc<Slots>) -> Self {
        Self { slots: Some(slots), ..self }
    }

    /// What a run is limited to, for [`super::forecast_within`].
    pub fn limits(&self) -> Limits {
        Limits { workers: self.workers, memory: self.memory, spills: self.scratch.is_some() }
    }
}

impl<O: Op> Scheduler<O> for Serial {
    fn execute(
        &self,
        graph: TaskGraph<O>,
        targets: &[Key],
        run: &RunContext<'_, O::Value>,
    ) -> Result<Vec<Held<O::Value>>, GraphError> {
        engine::execute(
            graph,
            targets,
            run,
            &Crew { limits: Limits::workers(1), scratch: None, elsewhere: None, slots: None },
        )
    }
}

impl<O: Op> Scheduler<O> for Threads {
    fn execute(
        &self,
        graph: TaskGraph<O>,
        targets: &[Key],
        run: &RunContext<'_, O::Value>,
    ) -> Result<Vec<Held<O::Value>>, GraphError> {
        let (scratch, slots) = (self.scratch.clone(), self.slots.clone());
        let crew = Crew { limits: self.limits(), scratch, elsewhere: None, slots };
        engine::execute(graph, targets, run, &crew)
    }
}

/// The value of what a graph gave back, wherever it stands: in memory, in a file, or still to be fetched.
///
/// # Errors
/// When a file cannot be read, or the tasks that make a promised value fail.
pub fn fetch<O: Op>(
    scheduler: &dyn Scheduler<O>,
    held: &Held<O::Value>,
    run: &RunContext<'_, O::Value>,
) -> Result<Arc<O::Value>, GraphError> {
    let key = Key::new("fetched", []);
    if held.is_promised() {
        let mut graph = TaskGraph::new();
        graph.insert_value(key.clone(), held.clone())?;
        scheduler.execute(graph, std::slice::from_ref(&key), run)?;
    }
    held.value().map_err(|source| GraphError::unreadable(key, held, source))
}

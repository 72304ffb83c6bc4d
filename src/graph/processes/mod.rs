//! Tasks in child processes, that share nothing with the parent and each other but files.
//!
//! The parent plans and keeps the books as for threads; a worker thread of it stands for each child, sends the operation
//! in its serialised form with the names of the files that hold its inputs, and waits for the answer. Values that are
//! not small stand in the scratch folder from birth and never pass through the parent. A child that ends in the midst
//! of a task (a crash in a library, a kill by the system) costs this task's work only: a new child does it again.
//!
//! The link is a socket in the place of the child's standard input. A child ends at once when it closes: none outlives
//! its parent.

mod child;
mod frame;
mod pool;
mod remote;
mod serve;

use std::io;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::elsewhere::{Elsewhere, Failure, Job, Ran};
use super::engine::{self, Crew};
use super::perform::Slot;
use super::{Codec, GraphError, Held, Key, Limits, Op, RunContext, Scheduler, Scratch, TaskGraph};
use frame::{Input, Reply, Request};
use pool::{Lost, Pool};

pub use child::WorkerCommand;
pub use remote::RemoteError;
pub use serve::serve;

/// Child processes, one for each worker, under a memory budget.
///
/// Children start when they are first needed, stay from run to run, and end with the scheduler. An error of an operation
/// arrives as a [`RemoteError`] in [`GraphError::Task`].
#[derive(Debug)]
pub struct Processes {
    memory: Option<u64>,
    scratch: Arc<Scratch>,
    pool: Pool,
}

impl Processes {
    /// So many children, 0 counting as 1, that are started by `command` and share `scratch`; without a budget.
    pub fn new(workers: usize, scratch: Arc<Scratch>, command: WorkerCommand) -> Self {
        Self { memory: None, scratch, pool: Pool::new(workers, command) }
    }

    /// The same under a budget of what all children hold of inputs, results and scratch, and the parent of small values,
    /// as declared \[bytes\].
    #[must_use]
    pub fn with_memory(self, bytes: u64) -> Self {
        Self { memory: Some(bytes), ..self }
    }
}

impl<O: Op + Serialize + DeserializeOwned> Scheduler<O> for Processes {
    /// # Panics
    /// If the operations have no codec: no value could reach a child.
    fn execute(
        &self,
        graph: TaskGraph<O>,
        targets: &[Key],
        run: &RunContext<'_, O::Value>,
    ) -> Result<Vec<Held<O::Value>>, GraphError> {
        let codec = O::codec().expect("operations that run in other processes have a codec");
        let limits = Limits { workers: self.pool.workers(), memory: self.memory, spills: true };
        let elsewhere = Children { pool: &self.pool, codec };
        let crew = Crew { limits, scratch: Some(Arc::clone(&self.scratch)), elsewhere: Some(&elsewhere), slots: None };
        engine::execute(graph, targets, run, &crew)
    }
}

/// The children of a scheduler with the codec of a run's values.
struct Children<'p, V> {
    pool: &'p Pool,
    codec: Codec<V>,
}

impl<V> Children<'_, V> {
    fn input(&self, slot: &Slot<V>) -> io::Result<Input> {
        let mut bytes = Vec::new();
        match slot {
            Slot::Memory(value) => (self.codec.write)(value, &mut bytes)?,
            Slot::File(file) => match file.0.site() {
                Some((path, start, len)) => return Ok(Input::File(path.into(), start, len)),
                None => (self.codec.write)(&(self.codec.read)(&file.0)?, &mut bytes)?,
            },
        }
        Ok(Input::Bytes(bytes))
    }
}

impl<O: Op + Serialize> Elsewhere<O> for Children<'_, O::Value> {
    fn run(&self, job: &Job<'_, O>) -> Result<Ran, Failure> {
        let Job { worker, op, inputs, output, context } = *job;
        let unsendable = |error: &dyn std::fmt::Display| {
            Failure::Op(Box::new(RemoteError::new(format!("the task cannot be sent to a worker process: {error}"))))
        };
        let inputs: io::Result<_> = inputs.iter().map(|slot| self.input(slot)).collect();
        let request = Request {
            op: postcard::to_stdvec(op).map_err(|error| unsendable(&error))?,
            inputs: inputs.map_err(|error| unsendable(&error))?,
            output: output.map(Into::into),
            is_cancelled: context.cancel.is_requested(),
        };
        match self.pool.run(worker, &request, &context.cancel) {
            Ok(Reply::Done(done)) => Ok(Ran { value: done.value, run: done.run, write: done.write }),
            Ok(Reply::Failed(error)) => Err(Failure::Op(Box::new(error))),
            Ok(Reply::Panicked(message)) => Err(Failure::Panic(message)),
            Ok(Reply::NoValue(input, error)) => {
                let path = match input.map(|place| &request.inputs[place]) {
                    Some(Input::File(path, ..)) => path.into(),
                    Some(Input::Bytes(_)) => "a value in memory".into(),
                    None => output.map(ToOwned::to_owned).unwrap_or_default(),
                };
                Err(Failure::File { input, path, source: error.into() })
            }
            Err(Lost { losses, how }) => Err(Failure::Lost { losses, how }),
        }
    }
}

#[cfg(test)]
mod tests;

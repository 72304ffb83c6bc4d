//! Tasks that are done in other processes, by what the engine does here for those of threads.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::engine::{Engine, Inputs};
use super::perform::{Performed, Slot, tell_spilled};
use super::{Access, GraphError, Op, Stored, TaskContext};

/// Does tasks in other processes; called by all workers at once.
pub(super) trait Elsewhere<O: Op>: Sync {
    /// Has a task done, and waits for its end.
    fn run(&self, job: &Job<'_, O>) -> Result<Ran, Failure>;
}

/// A task with all that it needs.
pub(super) struct Job<'a, O: Op> {
    /// Which worker asks.
    pub(super) worker: usize,
    /// What is done.
    pub(super) op: &'a O,
    /// Values of the dependencies, in their order.
    pub(super) inputs: &'a [Slot<O::Value>],
    /// The file for the result, unless the result comes back as it is.
    pub(super) output: Option<&'a Path>,
    /// Asks for an early end.
    pub(super) context: &'a TaskContext,
}

/// A task that has ended well elsewhere, with the times that were taken there.
pub(super) struct Ran {
    /// The result as the codec writes it, unless it went to its file.
    pub(super) value: Option<Vec<u8>>,
    /// The operation.
    pub(super) run: Duration,
    /// Writing the result.
    pub(super) write: Duration,
}

/// Why a task has no result.
pub(super) enum Failure {
    /// The operation's own error, or what another process told of it.
    Op(Box<dyn Error + Send + Sync>),
    /// A panic in another process.
    Panic(String),
    /// Another process could not read the input of this place, or not write the result.
    File {
        /// Place of the input among the dependencies; `None` for the result.
        input: Option<usize>,
        /// The file, or what stands for it.
        path: PathBuf,
        /// What the other process was told by the file system.
        source: io::Error,
    },
    /// The processes that had the task ended before it did.
    Lost {
        /// How many there were.
        losses: u32,
        /// What the last one did.
        how: String,
    },
}

impl<O: Op> Engine<'_, O> {
    /// Has a task done by another process; what it took to get there counts as reading.
    pub(super) fn perform_elsewhere(
        &self,
        elsewhere: &dyn Elsewhere<O>,
        (worker, task): (usize, u32),
        inputs: Inputs<O::Value>,
        start: Instant,
    ) -> Result<Performed<O::Value>, GraphError> {
        let inputs = match inputs {
            Inputs::Memory(values) => values.into_iter().map(Slot::Memory).collect(),
            Inputs::Slots(slots) => slots,
        };
        let op = self.ops[task as usize].as_ref().expect("only tasks are ever ready");
        let scratch = self.crew.scratch.as_ref().filter(|_| self.course.residence.is_stored(task));
        let output = scratch.map(super::scratch::Scratch::name);
        let path = output.as_ref().map(|file| file.path().to_owned());
        let job = Job { worker, op, inputs: &inputs, output: path.as_deref(), context: &self.run.context };
        let shaped = |error: GraphError| error.with_shapes(inputs.iter().map(Slot::shape::<O>));
        let (Ran { value, run, write }, attempt) =
            self.attempt((worker, task), || elsewhere.run(&job)).map_err(shaped)?;
        let codec = O::codec().expect("what has no codec stays here");
        let stored = match (value, output) {
            (None, Some(output)) => output.stored(),
            (bytes, _) => Ok(Stored::of_bytes(bytes.unwrap_or_default())),
        };
        let told = |source| {
            let path = path.clone().unwrap_or_default();
            shaped(self.error_of((task, attempt), Failure::File { input: None, path, source }))
        };
        let stored = stored.map_err(told)?;
        let is_file = stored.site().is_some();
        let end = Instant::now();
        if is_file {
            let (key, kind) = self.name(task);
            tell_spilled(
                self.run.callbacks,
                (key, kind, worker, self.net.bytes(task)),
                stored.len(),
                (end.checked_sub(write).unwrap_or(start), end),
            );
        }
        let slot = if is_file {
            Slot::File(Arc::new((stored, codec)))
        } else {
            Slot::Memory(Arc::new((codec.read)(&stored).map_err(told)?))
        };
        self.show_slot(task, &slot, run);
        Ok(Performed { slot, attempt, read: (end - start).saturating_sub(run + write), write, end })
    }

    /// Shows a result to the keeper that may stand in a file.
    fn show_slot(&self, task: u32, slot: &Slot<O::Value>, took: Duration) {
        if self.run.keeper.is_some() {
            match slot {
                Slot::Memory(value) => self.show(task, value, took),
                // what cannot be read now fails the task that needs it
                Slot::File(file) => {
                    if let Ok(value) = (file.1.read)(&file.0) {
                        self.show(task, &Arc::new(value), took);
                    }
                }
            }
        }
    }

    /// The error of a task that failed after so many attempts.
    pub(super) fn error_of(&self, (task, attempts): (u32, u32), failure: Failure) -> GraphError {
        let site = || Box::new(self.site(task, attempts));
        match failure {
            Failure::Op(source) => GraphError::Task { task: site(), source },
            Failure::Panic(message) => GraphError::Panic { task: site(), message },
            Failure::Lost { losses, how } => GraphError::Lost { task: site(), losses, how },
            Failure::File { input, path, source } => {
                let (node, access) = match input {
                    Some(place) => (self.net.inputs.of(task)[place], Access::Read),
                    None => (task, Access::Write),
                };
                GraphError::Scratch { key: self.keys[node as usize].clone(), path, access, task: Some(site()), source }
            }
        }
    }
}

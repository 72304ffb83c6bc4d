//! How a claimed task is done: in this process here, in another one by [`super::Processes`].

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Codec, GraphError, Key, Op, Place, Scratch, Stored, TaskContext};

/// Does tasks; called by all workers at once.
pub(super) trait Performer<O: Op>: Sync {
    /// Does a task, and lets go of its inputs before it returns.
    fn perform(&self, job: Job<'_, O>) -> Result<Performed<O::Value>, Failure>;
}

/// A task with all that it needs.
pub(super) struct Job<'a, O: Op> {
    /// Which worker does it.
    pub(super) worker: usize,
    /// When it began.
    pub(super) start: Instant,
    /// What is done.
    pub(super) op: &'a O,
    /// Values of the dependencies, in their order.
    pub(super) inputs: Vec<Spot<O::Value>>,
    /// Whether the result is to stand in a file.
    pub(super) is_stored: bool,
    /// For the operation.
    pub(super) context: &'a TaskContext,
}

/// A task that has ended well.
pub(super) struct Performed<V> {
    /// The result.
    pub(super) value: Spot<V>,
    /// When its result stood where it stands.
    pub(super) end: Instant,
    /// Of the time since the start: taking inputs from files, or to another process.
    pub(super) read: Duration,
    /// Of this: writing the result to a file.
    pub(super) write: Duration,
}

/// Why a task has no result.
pub(super) enum Failure {
    /// The operation's own error, or what another process told of it.
    Op(Box<dyn Error + Send + Sync>),
    /// An input that could not be read, or a result that could not be written.
    Value(io::Error),
    /// A panic in another process.
    Panic(String),
    /// The processes that had the task ended before it did.
    Lost {
        /// How many there were.
        losses: u32,
        /// How the last one ended.
        how: String,
    },
}

impl Failure {
    /// The error of the task of this key and kind.
    pub(super) fn of(self, (key, kind): (Key, &'static str)) -> GraphError {
        match self {
            Self::Op(source) => GraphError::Task { key, kind, source },
            Self::Value(source) => GraphError::Scratch { key, source },
            Self::Panic(message) => GraphError::Panic { key, kind, message },
            Self::Lost { losses, how } => GraphError::Lost { key, kind, losses, how },
        }
    }
}

/// Where a value stands: a [`Place`] that takes no more room than two pointers.
pub(super) enum Spot<V> {
    Memory(Arc<V>),
    File(Arc<(Stored, Codec<V>)>),
}

impl<V> Clone for Spot<V> {
    fn clone(&self) -> Self {
        match self {
            Self::Memory(value) => Self::Memory(Arc::clone(value)),
            Self::File(file) => Self::File(Arc::clone(file)),
        }
    }
}

impl<V> Spot<V> {
    /// In a file.
    pub(super) fn file(stored: Stored, codec: Codec<V>) -> Self {
        Self::File(Arc::new((stored, codec)))
    }

    /// The value, read from its file if it stands in one.
    pub(super) fn into_value(self) -> io::Result<Arc<V>> {
        match self {
            Self::Memory(value) => Ok(value),
            Self::File(file) => (file.1.read)(&file.0).map(Arc::new),
        }
    }
}

impl<V> From<&Place<V>> for Spot<V> {
    fn from(place: &Place<V>) -> Self {
        match place {
            Place::Memory(value) => Self::Memory(Arc::clone(value)),
            Place::File(stored, codec) => Self::file(stored.clone(), *codec),
        }
    }
}

impl<V> From<Spot<V>> for Place<V> {
    fn from(spot: Spot<V>) -> Self {
        match spot {
            Spot::Memory(value) => Self::Memory(value),
            Spot::File(file) => Self::File(file.0.clone(), file.1),
        }
    }
}

/// Does tasks on the thread that asks.
pub(super) struct Here {
    /// Where results go that are to stand in files.
    pub(super) scratch: Option<Arc<Scratch>>,
}

impl<O: Op> Performer<O> for Here {
    fn perform(&self, job: Job<'_, O>) -> Result<Performed<O::Value>, Failure> {
        let Job { start, op, inputs, is_stored, context, .. } = job;
        let is_read = inputs.iter().any(|input| matches!(input, Spot::File(_)));
        let inputs: io::Result<Vec<_>> = inputs.into_iter().map(Spot::into_value).collect();
        let inputs = inputs.map_err(Failure::Value)?;
        let read = if is_read { start.elapsed() } else { Duration::ZERO };
        let value = op.run(&inputs, context).map_err(|error| Failure::Op(Box::new(error)))?;
        drop(inputs);
        let ran = Instant::now();
        match (O::codec(), &self.scratch) {
            (Some(codec), Some(scratch)) if is_stored => {
                let stored = scratch.store(&value, &codec).map_err(Failure::Value)?;
                let end = Instant::now();
                Ok(Performed { value: Spot::file(stored, codec), end, read, write: end - ran })
            }
            _ => Ok(Performed { value: Spot::Memory(Arc::new(value)), end: ran, read, write: Duration::ZERO }),
        }
    }
}

//! What a task is: an operation, its cost, and what it may ask of the run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use super::{Codec, Digest};

/// What is known of a value before it exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Meta {
    /// Size in memory \[bytes\].
    pub bytes: u64,
}

/// What an operation will take, declared before it runs.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Cost {
    /// Floating-point operations.
    pub flops: f64,
    /// Size of the result \[bytes\].
    pub output_bytes: u64,
    /// Memory that it holds while it runs, beside inputs and result \[bytes\].
    pub scratch_bytes: u64,
}

/// Asks a run to end before it is complete; clones share it.
///
/// There are two levels. A *request* is for the operations: long loops return what they have, every task still runs, and
/// the results fit each other. An *abort* is for the scheduler: no task starts any more, and the run ends without results.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicU8>);

const REQUESTED: u8 = 1;
const ABORTED: u8 = 2;

impl Cancel {
    /// Asks the operations for an early end with what they have.
    pub fn request(&self) {
        self.0.fetch_max(REQUESTED, Ordering::Relaxed);
    }

    /// Asks for an end without results.
    pub fn abort(&self) {
        self.0.fetch_max(ABORTED, Ordering::Relaxed);
    }

    /// Whether an early end was asked for, with results or without.
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= REQUESTED
    }

    /// Whether an end without results was asked for.
    pub fn is_aborted(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= ABORTED
    }
}

/// What a running task may look at besides its inputs.
#[derive(Debug, Clone, Default)]
pub struct TaskContext {
    /// Long loops look at it now and then, and return what they have.
    pub cancel: Cancel,
}

/// An operation of a task graph: plain data that turns input values into one output value.
///
/// The result must depend on `self` and `inputs` only, never on the worker or the time
/// (a cancelled run excepted), so that every schedule gives the same bytes.
pub trait Op: Send + Sync {
    /// What travels on the edges.
    type Value: Send + Sync;
    /// What can go wrong.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Name of the operation, for pictures and profiles.
    fn kind(&self) -> &'static str;

    /// What the operation will take, given the sizes of its inputs.
    fn cost(&self, inputs: &[Meta]) -> Cost;

    /// Computes the value; `inputs` stand in the order of the task's dependencies.
    ///
    /// # Errors
    /// Whatever the operation meets; the scheduler adds the task's key.
    fn run(&self, inputs: &[Arc<Self::Value>], context: &TaskContext) -> Result<Self::Value, Self::Error>;

    /// The parameters in words, for errors and pictures; empty when there are none.
    fn describe(&self) -> String {
        String::new()
    }

    /// The shape of a value in words, for errors; `None` where it has none.
    fn shape(_value: &Self::Value) -> Option<String> {
        None
    }

    /// Digest of everything besides its inputs that the result depends on, files that it reads included.
    ///
    /// `None` marks what must never be taken for another task or for an earlier result: closures, and operations that
    /// have an effect besides their result.
    fn digest(&self) -> Option<Digest> {
        None
    }

    /// Whether graphs of other parameters need the result as well, which many tasks have worked for: a cache keeps it then,
    /// whatever its own task took.
    fn is_shared(&self) -> bool {
        false
    }

    /// How often to try again after an error; for reads and writes that may fail now and succeed later.
    fn retries(&self) -> u32 {
        0
    }

    /// Bytes that this operation takes into memory to use an input that stands in a scratch file: all of it,
    /// unless the operation reads a part.
    ///
    /// The same value in several places is taken once, and never counts for more than its size.
    fn load_bytes(&self, _input: usize, meta: Meta) -> u64 {
        meta.bytes
    }

    /// One operation that does this one and then `next`, which takes the result as its input number `place`; its inputs
    /// are those of `next` with the inputs of `self` in that place. `None` where the two stay apart.
    fn fuse(&self, _next: &Self, _place: usize) -> Option<Self>
    where
        Self: Sized,
    {
        None
    }

    /// How values leave memory for a file and come back; without one, values always stay in memory.
    fn codec() -> Option<Codec<Self::Value>>
    where
        Self: Sized,
    {
        None
    }
}

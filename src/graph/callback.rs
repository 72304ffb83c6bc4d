//! Hooks into a run: progress bars, profilers and logs are all callbacks.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Key;
use super::forecast::KindForecast;

/// What is about to run.
#[derive(Debug, Clone, Default)]
pub struct RunStart {
    /// Tasks left after culling (values given with the graph are not counted).
    pub tasks: usize,
    /// Sum of the declared floating-point operations.
    pub flops: f64,
    /// The same by [`super::Op::kind`], with tasks and results.
    pub by_kind: BTreeMap<&'static str, KindForecast>,
    /// Forecast of the peak of live values and scratch \[bytes\].
    pub forecast_bytes: u64,
    /// Worker threads or processes.
    pub workers: usize,
    /// The budget that the run keeps to, if it has one \[bytes\].
    pub memory: Option<u64>,
    /// Declared bytes of the values that will be written to scratch files.
    pub spilled_bytes: u64,
    /// Declared bytes that tasks will load from files.
    pub loaded_bytes: u64,
}

/// A task that begins.
#[derive(Debug, Clone)]
pub struct TaskStart {
    /// Which task.
    pub key: Key,
    /// [`super::Op::kind`] of its operation.
    pub kind: &'static str,
    /// Which worker, counted from 0.
    pub worker: usize,
    /// Taken on the worker.
    pub at: Instant,
}

/// A task that has ended; every time is taken on the worker.
#[derive(Debug, Clone)]
pub struct TaskRecord {
    /// Which task.
    pub key: Key,
    /// [`super::Op::kind`] of its operation.
    pub kind: &'static str,
    /// Which worker, counted from 0.
    pub worker: usize,
    /// When its last input came to be: `start - ready` is the time spent in the queue.
    pub ready: Instant,
    /// When it began.
    pub start: Instant,
    /// When it ended: the operation itself took `end - start - read - write`.
    pub end: Instant,
    /// Of this, before the operation: taking inputs from files.
    pub read: Duration,
    /// Of this, after the operation: writing the result to a scratch file.
    pub write: Duration,
    /// Declared size of its result \[bytes\].
    pub output_bytes: u64,
    /// Declared bytes of all live values after it ended and what it released was gone.
    pub live_bytes: u64,
    /// Of its result, what left memory for a scratch file: all of it or nothing \[bytes\].
    pub spilled_bytes: u64,
    /// Declared bytes that it took from files \[bytes\].
    pub loaded_bytes: u64,
    /// Declared floating-point operations.
    pub flops: f64,
    /// Which attempt it was, counted from 1; see [`super::Op::retries`].
    pub attempt: u32,
}

/// A value that comes to memory or leaves it.
#[derive(Debug, Clone)]
pub struct ValueRecord {
    /// Whose value.
    pub key: Key,
    /// [`super::Op::kind`] of the operation that made it; [`GIVEN`] for a value given with the graph.
    pub kind: &'static str,
    /// Declared size \[bytes\].
    pub bytes: u64,
    /// When.
    pub at: Instant,
}

/// What stands for the kind of a value that no task of the graph makes.
pub const GIVEN: &str = "given";

/// A value that was written to a scratch file.
#[derive(Debug, Clone)]
pub struct SpillRecord {
    /// Whose value.
    pub key: Key,
    /// [`super::Op::kind`] of the operation that made it; [`GIVEN`] for a value given with the graph.
    pub kind: &'static str,
    /// Which worker wrote it.
    pub worker: usize,
    /// Declared size \[bytes\].
    pub bytes: u64,
    /// Length of the file \[bytes\].
    pub file_bytes: u64,
    /// When writing began.
    pub start: Instant,
    /// When it was written.
    pub end: Instant,
}

/// A task that failed and will be tried again.
#[derive(Debug, Clone)]
pub struct RetryRecord {
    /// Which task.
    pub key: Key,
    /// [`super::Op::kind`] of its operation.
    pub kind: &'static str,
    /// Which worker, counted from 0.
    pub worker: usize,
    /// The attempt that failed, counted from 1.
    pub attempt: u32,
    /// What went wrong.
    pub error: String,
    /// When it failed.
    pub at: Instant,
    /// How long the worker waits before it tries again.
    pub pause: Duration,
}

/// Hooks; every method may be called from any worker, and a run without callbacks pays nothing for them.
///
/// What memory holds over time: a value is `born` when it is given or made and stays in memory, and `freed` when its
/// last user has ended or it has left for a scratch file; a target is never freed. Inputs that a task takes from files
/// are its own ([`TaskRecord::loaded_bytes`], from `start` to `end`), and so is a result on its way to a file.
pub trait Callback: Send + Sync {
    /// A graph begins.
    fn start(&self, _run: &RunStart) {}
    /// A task begins.
    fn pretask(&self, _task: &TaskStart) {}
    /// A task failed, and will be tried again.
    fn retried(&self, _retry: &RetryRecord) {}
    /// A value was written to a scratch file.
    fn spilled(&self, _spill: &SpillRecord) {}
    /// A value stands in memory from now on.
    fn born(&self, _value: &ValueRecord) {}
    /// A value has left memory.
    fn freed(&self, _value: &ValueRecord) {}
    /// A task has ended well.
    fn posttask(&self, _task: &TaskRecord) {}
    /// A graph has ended; `ok` tells whether well.
    fn finish(&self, _ok: bool) {}
}

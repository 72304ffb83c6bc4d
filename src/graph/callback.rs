//! Hooks into a run: progress bars, profilers and logs are all callbacks.

use std::time::Instant;

use super::Key;

/// What is about to run.
#[derive(Debug, Clone)]
pub struct RunStart {
    /// Tasks left after culling (values given with the graph are not counted).
    pub tasks: usize,
    /// Sum of the declared floating-point operations.
    pub flops: f64,
    /// Forecast of the peak of live values and scratch \[bytes\].
    pub forecast_bytes: u64,
    /// Worker threads.
    pub workers: usize,
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
    /// When it ended.
    pub end: Instant,
    /// Declared size of its result \[bytes\].
    pub output_bytes: u64,
    /// Declared bytes of all live values after it ended and what it released was gone.
    pub live_bytes: u64,
    /// Declared floating-point operations.
    pub flops: f64,
}

/// Five hooks; every method may be called from any worker.
pub trait Callback: Send + Sync {
    /// A graph begins.
    fn start(&self, _run: &RunStart) {}
    /// A task begins.
    fn pretask(&self, _task: &TaskStart) {}
    /// A task has ended well.
    fn posttask(&self, _task: &TaskRecord) {}
    /// A graph has ended; `ok` tells whether well.
    fn finish(&self, _ok: bool) {}
}

//! Who worked when, and what it took.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Tasks, resources and held values of a run, over all its graphs, on one clock that begins at 0 s.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RunProfile {
    /// Workers.
    pub workers: usize,
    /// The graphs that ran, one after the other.
    pub graphs: Vec<GraphSpan>,
    /// What was run, in order of the end.
    pub tasks: Vec<TaskSpan>,
    /// Samples of the process, in order of time.
    pub resources: Vec<ResourceSample>,
    /// What the values of each kind of operation held, in order of time.
    pub cache: Vec<CachePoint>,
    /// The memory that the run was allowed to take \[bytes\].
    pub memory_limit: Option<u64>,
    /// The forecast of its peak \[bytes\].
    pub memory_forecast: Option<u64>,
}

/// One graph of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct GraphSpan {
    /// When it began \[s\].
    pub start: f64,
    /// When it ended \[s\].
    pub end: f64,
    /// Its tasks.
    pub tasks: usize,
    /// Forecast of the peak of its declared values and scratch \[bytes\].
    pub forecast_bytes: u64,
    /// Declared bytes of the values that were planned to go to scratch files.
    pub spilled_bytes: u64,
    /// Declared bytes that tasks were planned to load from files.
    pub loaded_bytes: u64,
}

/// One task, or several short ones of a kind on one worker that were merged to keep the record small.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskSpan {
    /// The (first) task's key as text.
    pub key: String,
    /// What its operation is called.
    pub kind: Cow<'static, str>,
    /// Which worker, counted from 0.
    pub worker: usize,
    /// When its inputs were there \[s\]: `start - ready` is the time spent in the queue.
    pub ready: f64,
    /// When it began \[s\].
    pub start: f64,
    /// When it (or the last of the merged) ended \[s\].
    pub end: f64,
    /// Time from begin to end \[s\], summed over the merged: `end - start` for one task.
    pub busy: f64,
    /// Of this, at the beginning: taking inputs from files \[s\].
    pub read: f64,
    /// Of this, at the end: writing the result to a scratch file \[s\].
    pub write: f64,
    /// Size of its result, or the sum over the merged \[bytes\].
    pub bytes: u64,
    /// Declared size of all live values at its end \[bytes\].
    pub live_bytes: u64,
    /// Declared bytes that it took from files.
    pub loaded_bytes: u64,
    /// Declared bytes of its result that went to a scratch file.
    pub spilled_bytes: u64,
    /// Attempts that failed before the one that is told here.
    pub retries: u64,
    /// How many tasks this stands for; 0 for the writing of a value that was given with a graph.
    pub count: u64,
}

/// The process, with the processes that it started, at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ResourceSample {
    /// When \[s\].
    pub t: f64,
    /// Resident memory \[bytes\].
    pub rss_bytes: u64,
    /// CPU time over wall time since shortly before: 100 for each busy core.
    pub cpu_percent: f64,
    /// What was read from files since the sample before, from the disk or from the system's cache \[bytes per second\].
    pub read_rate: f64,
    /// What was written to files since the sample before \[bytes per second\].
    pub write_rate: f64,
}

/// From this moment on, values of this kind hold so much memory.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CachePoint {
    /// When \[s\].
    pub t: f64,
    /// What the operation is called that made them; `given` for those that were given with the graph.
    pub kind: Cow<'static, str>,
    /// Their declared size \[bytes\].
    pub bytes: u64,
}

impl RunProfile {
    /// When the last thing happened \[s\].
    pub fn end(&self) -> f64 {
        let ends = self.tasks.iter().map(|task| task.end).chain(self.resources.iter().map(|sample| sample.t));
        let ends = ends.chain(self.graphs.iter().map(|graph| graph.end));
        ends.filter(|end| end.is_finite()).fold(0.0, f64::max)
    }

    /// Workers, also of tasks that ran where none was announced.
    pub fn lanes(&self) -> usize {
        self.workers.max(self.tasks.iter().map(|task| task.worker + 1).max().unwrap_or(1))
    }
}

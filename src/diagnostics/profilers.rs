//! All profilers on one clock.

use std::time::{Duration, Instant};

use crate::graph::Callback;
use crate::pipeline::record::RunProfile;

use super::{CacheProfiler, Profiler, ResourceProfiler};

/// The profilers of tasks, resources and held values, on one clock that begins when they are made.
#[derive(Debug)]
pub struct Profilers {
    /// Who ran what, when.
    pub tasks: Profiler,
    /// What the process took.
    pub resources: ResourceProfiler,
    /// What values held.
    pub cache: CacheProfiler,
}

impl Profilers {
    /// Begins to sample the process at this interval; what is recorded of tasks and values may take so much room, a
    /// third of it the values \[bytes\].
    pub fn new(interval: Duration, room: u64) -> Self {
        let origin = Instant::now();
        Self {
            tasks: Profiler::new(origin, room - room / 3),
            resources: ResourceProfiler::new(origin, interval),
            cache: CacheProfiler::new(origin, room / 3),
        }
    }

    /// All of them, to be given to a run.
    pub fn callbacks(&self) -> [&dyn Callback; 3] {
        [&self.tasks, &self.resources, &self.cache]
    }

    /// Takes what was recorded so far; limit and forecast of the memory are for the caller to add.
    pub fn record(&self) -> RunProfile {
        RunProfile {
            workers: self.tasks.workers(),
            graphs: self.tasks.graphs(),
            tasks: self.tasks.take_tasks(),
            resources: self.resources.samples(),
            cache: self.cache.take_points(),
            memory_limit: None,
            memory_forecast: None,
        }
    }
}

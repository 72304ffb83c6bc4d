//! Collects what every task took.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::graph::{Callback, Key, RunStart, TaskRecord};
use crate::pipeline::record::{RunProfile, TaskSpan};

use super::resources::ResourceSampler;

/// More spans than this are merged to at most half as many.
const MOST: usize = 200_000;

/// Records tasks and resources of all graphs that it is given to, on one clock that begins when it is made.
///
/// Its memory is bounded: beyond 200 000 tasks the shortest ones of a kind on a worker are merged where they are neighbours.
#[derive(Debug)]
pub struct Profiler {
    origin: Instant,
    memory_limit: Option<u64>,
    state: Mutex<State>,
    sampler: ResourceSampler,
}

#[derive(Debug, Default)]
struct State {
    workers: usize,
    forecast: Option<u64>,
    spans: Vec<Span>,
    /// Shorter spans are merged \[s\].
    resolution: f64,
}

/// A [`TaskSpan`] before its texts are written.
#[derive(Debug, Clone, PartialEq)]
struct Span {
    key: Key,
    kind: &'static str,
    worker: usize,
    ready: f64,
    start: f64,
    end: f64,
    busy: f64,
    bytes: u64,
    live_bytes: u64,
    count: u64,
}

impl Profiler {
    /// Begins to sample. `memory_limit` \[bytes\] is only recorded.
    pub fn new(memory_limit: Option<u64>) -> Self {
        let origin = Instant::now();
        let sampler = ResourceSampler::start(origin);
        Self { origin, memory_limit, state: Mutex::default(), sampler }
    }

    /// What was recorded so far.
    pub fn record(&self) -> RunProfile {
        let state = self.lock();
        RunProfile {
            workers: state.workers,
            tasks: state.spans.iter().map(Span::to_record).collect(),
            resources: self.sampler.samples(),
            memory_limit: self.memory_limit,
            memory_forecast: state.forecast,
        }
    }

    /// What was recorded; ends the sampling.
    pub fn into_record(self) -> RunProfile {
        self.record()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seconds(&self, at: Instant) -> f64 {
        at.saturating_duration_since(self.origin).as_secs_f64()
    }
}

impl Callback for Profiler {
    fn start(&self, run: &RunStart) {
        let mut state = self.lock();
        state.workers = state.workers.max(run.workers);
        state.forecast = state.forecast.max(Some(run.forecast_bytes));
    }

    fn posttask(&self, task: &TaskRecord) {
        let (start, end) = (self.seconds(task.start), self.seconds(task.end));
        let span = Span {
            key: task.key.clone(),
            kind: task.kind,
            worker: task.worker,
            ready: self.seconds(task.ready),
            start,
            end,
            busy: (end - start).max(0.0),
            bytes: task.output_bytes,
            live_bytes: task.live_bytes,
            count: 1,
        };
        let mut state = self.lock();
        state.workers = state.workers.max(task.worker + 1);
        state.spans.push(span);
        if state.spans.len() > MOST {
            state.shrink(MOST / 2);
        }
    }
}

impl State {
    /// Merges ever longer spans until at most `most` are left.
    fn shrink(&mut self, most: usize) {
        let end = self.spans.iter().map(|span| span.end).fold(0.0, f64::max);
        // The plot is about a thousand pixels wide: nothing is lost to the eye at first.
        self.resolution = self.resolution.max(end / 65_536.0).max(1e-9);
        self.spans = merged(std::mem::take(&mut self.spans), self.resolution);
        while self.spans.len() > most && self.resolution < end {
            self.resolution *= 2.0;
            self.spans = merged(std::mem::take(&mut self.spans), self.resolution);
        }
    }
}

/// Merges spans shorter than the resolution \[s\] that begin in the same bin of that width, on one worker and of one kind.
fn merged(spans: Vec<Span>, resolution: f64) -> Vec<Span> {
    let mut kept: Vec<Span> = Vec::new();
    let mut places = HashMap::new();
    for span in spans {
        if span.end - span.start >= resolution {
            kept.push(span);
            continue;
        }
        let bin = (span.start / resolution) as u64;
        let place = *places.entry((span.worker, span.kind, bin)).or_insert(kept.len());
        match kept.get_mut(place) {
            Some(first) => first.absorb(&span),
            None => kept.push(span),
        }
    }
    kept
}

impl Span {
    fn absorb(&mut self, other: &Self) {
        self.ready = self.ready.min(other.ready);
        self.start = self.start.min(other.start);
        self.end = self.end.max(other.end);
        self.busy += other.busy;
        self.bytes += other.bytes;
        self.live_bytes = self.live_bytes.max(other.live_bytes);
        self.count += other.count;
    }

    fn to_record(&self) -> TaskSpan {
        let Self { key, kind, worker, ready, start, end, busy, bytes, live_bytes, count } = self.clone();
        let (key, kind) = (key.to_string(), kind.to_owned());
        TaskSpan { key, kind, worker, ready, start, end, busy, bytes, live_bytes, count }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn task(profiler: &Profiler, number: u32, worker: usize) -> TaskRecord {
        let start = profiler.origin + Duration::from_micros(10 * u64::from(number));
        TaskRecord {
            key: Key::new("peak-1", [number]),
            kind: if number.is_multiple_of(3) { "peak" } else { "floor" },
            worker,
            ready: start,
            start: start + Duration::from_micros(2),
            end: start + Duration::from_micros(9),
            read: Duration::ZERO,
            write: Duration::ZERO,
            output_bytes: 8,
            live_bytes: u64::from(number),
            spilled_bytes: 0,
            loaded_bytes: 0,
            flops: 1.0,
            attempt: 1,
        }
    }

    #[test]
    fn tasks_are_recorded_in_seconds_from_the_making() {
        let profiler = Profiler::new(Some(1 << 30));
        profiler.start(&RunStart { tasks: 2, forecast_bytes: 77, workers: 3, ..RunStart::default() });
        profiler.posttask(&task(&profiler, 100, 1));
        profiler.start(&RunStart { tasks: 2, forecast_bytes: 55, workers: 2, ..RunStart::default() });
        let record = profiler.into_record();
        let first = &record.tasks[0];
        assert_eq!((record.workers, record.memory_limit, record.memory_forecast), (3, Some(1 << 30), Some(77)));
        assert_eq!((first.key.as_str(), first.kind.as_str(), first.worker), ("peak-1(100)", "floor", 1));
        assert!((first.start - 0.001_002).abs() < 1e-12 && (first.busy - 7e-6).abs() < 1e-12);
    }

    #[test]
    fn half_a_million_tasks_are_merged_and_none_is_lost() {
        let profiler = Profiler::new(None);
        for number in 0..500_000 {
            profiler.posttask(&task(&profiler, number, number as usize % 2));
        }
        let tasks = profiler.into_record().tasks;
        assert!(tasks.len() <= MOST, "{} spans", tasks.len());
        assert_eq!(tasks.iter().map(|task| task.count).sum::<u64>(), 500_000);
        let busy: f64 = tasks.iter().map(|task| task.busy).sum();
        assert!((busy - 3.5).abs() < 1e-6, "{busy} s");
        assert!(
            tasks.iter().all(|task| task.busy <= task.end - task.start + 1e-9),
            "one worker does one thing at a time"
        );
    }
}

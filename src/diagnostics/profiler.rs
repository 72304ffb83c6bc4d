//! Collects what every task took.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::graph::{Callback, GIVEN, Key, RunStart, SpillRecord, TaskRecord};
use crate::pipeline::record::{GraphSpan, TaskSpan};

/// More spans than this are merged to at most half as many.
const MOST: usize = 200_000;

/// Records the tasks of all graphs that it is given to, on one clock.
///
/// Its memory is bounded: beyond 200 000 tasks the shortest ones of a kind on a worker are merged where they are neighbours.
#[derive(Debug)]
pub struct Profiler {
    origin: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    workers: usize,
    graphs: Vec<GraphSpan>,
    spans: Vec<Span>,
    /// Shorter spans are merged \[s\].
    resolution: f64,
}

/// A [`TaskSpan`] before its texts are written.
#[derive(Debug, Clone)]
struct Span {
    key: Key,
    kind: &'static str,
    ready: f64,
    start: f64,
    end: f64,
    /// Everything else; `key` and `kind` are empty.
    rest: TaskSpan,
}

impl Profiler {
    /// Times count from `origin`.
    pub fn new(origin: Instant) -> Self {
        Self { origin, state: Mutex::default() }
    }

    /// The most workers that a graph had.
    pub fn workers(&self) -> usize {
        self.lock().workers
    }

    /// The graphs so far.
    pub fn graphs(&self) -> Vec<GraphSpan> {
        self.lock().graphs.clone()
    }

    /// The tasks that have ended so far, in order of the end.
    pub fn tasks(&self) -> Vec<TaskSpan> {
        self.lock().spans.iter().map(Span::to_record).collect()
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
        let start = self.seconds(Instant::now());
        let RunStart { tasks, forecast_bytes, spilled_bytes, loaded_bytes, .. } = *run;
        let mut state = self.lock();
        state.workers = state.workers.max(run.workers);
        state.graphs.push(GraphSpan { start, end: start, tasks, forecast_bytes, spilled_bytes, loaded_bytes });
    }

    fn posttask(&self, task: &TaskRecord) {
        let (start, end) = (self.seconds(task.start), self.seconds(task.end));
        let rest = TaskSpan {
            worker: task.worker,
            busy: (end - start).max(0.0),
            read: task.read.as_secs_f64(),
            write: task.write.as_secs_f64(),
            bytes: task.output_bytes,
            live_bytes: task.live_bytes,
            loaded_bytes: task.loaded_bytes,
            spilled_bytes: task.spilled_bytes,
            retries: u64::from(task.attempt.saturating_sub(1)),
            count: 1,
            ..TaskSpan::default()
        };
        let span = Span { key: task.key.clone(), kind: task.kind, ready: self.seconds(task.ready), start, end, rest };
        let mut state = self.lock();
        state.workers = state.workers.max(task.worker + 1);
        state.spans.push(span);
        if state.spans.len() > MOST {
            state.shrink(MOST / 2);
        }
    }

    fn spilled(&self, spill: &SpillRecord) {
        // what a task writes is told with the task
        if spill.kind == GIVEN {
            let (start, end) = (self.seconds(spill.start), self.seconds(spill.end));
            let busy = (end - start).max(0.0);
            let rest =
                TaskSpan { worker: spill.worker, busy, write: busy, spilled_bytes: spill.bytes, ..TaskSpan::default() };
            self.lock().spans.push(Span { key: spill.key.clone(), kind: GIVEN, ready: start, start, end, rest });
        }
    }

    fn finish(&self, _ok: bool) {
        let end = self.seconds(Instant::now());
        if let Some(graph) = self.lock().graphs.last_mut() {
            graph.end = end;
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
        let place = *places.entry((span.rest.worker, span.kind, bin)).or_insert(kept.len());
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
        let (mine, its) = (&mut self.rest, &other.rest);
        mine.busy += its.busy;
        mine.read += its.read;
        mine.write += its.write;
        mine.bytes += its.bytes;
        mine.live_bytes = mine.live_bytes.max(its.live_bytes);
        mine.loaded_bytes += its.loaded_bytes;
        mine.spilled_bytes += its.spilled_bytes;
        mine.retries += its.retries;
        mine.count += its.count;
    }

    fn to_record(&self) -> TaskSpan {
        let Self { key, kind, ready, start, end, rest } = self;
        let (key, kind) = (key.to_string(), (*kind).to_owned());
        TaskSpan { key, kind, ready: *ready, start: *start, end: *end, ..rest.clone() }
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
            read: Duration::from_micros(1),
            write: Duration::from_micros(3),
            output_bytes: 8,
            live_bytes: u64::from(number),
            spilled_bytes: 8,
            loaded_bytes: 16,
            flops: 1.0,
            attempt: 2,
        }
    }

    #[test]
    fn writing_of_given_values_is_told_and_is_no_task() {
        let profiler = Profiler::new(Instant::now());
        let at = |micros: u64| profiler.origin + Duration::from_micros(micros);
        let spill = |kind| SpillRecord {
            key: Key::new("held", [4]),
            kind,
            worker: 0,
            bytes: 64,
            file_bytes: 70,
            start: at(10),
            end: at(25),
        };
        profiler.spilled(&spill(GIVEN));
        profiler.spilled(&spill("floor"));
        let tasks = profiler.tasks();
        assert_eq!(tasks.len(), 1, "what a task writes is told with the task");
        assert_eq!((tasks[0].kind.as_str(), tasks[0].spilled_bytes, tasks[0].count), ("given", 64, 0));
        assert!((tasks[0].write - 15e-6).abs() < 1e-12 && (tasks[0].busy - 15e-6).abs() < 1e-12);
    }

    #[test]
    fn tasks_and_graphs_are_recorded_in_seconds_from_the_origin() {
        let profiler = Profiler::new(Instant::now());
        profiler.start(&RunStart { tasks: 2, forecast_bytes: 77, workers: 3, ..RunStart::default() });
        profiler.posttask(&task(&profiler, 100, 1));
        profiler.finish(true);
        profiler.start(&RunStart { tasks: 9, forecast_bytes: 55, workers: 2, ..RunStart::default() });
        let (graphs, tasks) = (profiler.graphs(), profiler.tasks());
        assert_eq!((profiler.workers(), graphs.len()), (3, 2));
        assert_eq!((graphs[0].tasks, graphs[0].forecast_bytes, graphs[1].forecast_bytes), (2, 77, 55));
        assert!(graphs[0].start < graphs[0].end && graphs[0].end <= graphs[1].start);
        let first = &tasks[0];
        assert_eq!((first.key.as_str(), first.kind.as_str(), first.worker), ("peak-1(100)", "floor", 1));
        assert!((first.start - 0.001_002).abs() < 1e-12 && (first.busy - 7e-6).abs() < 1e-12);
        assert!((first.read - 1e-6).abs() < 1e-15 && (first.write - 3e-6).abs() < 1e-15);
        assert_eq!((first.loaded_bytes, first.spilled_bytes, first.retries), (16, 8, 1));
    }

    #[test]
    fn half_a_million_tasks_are_merged_and_none_is_lost() {
        let profiler = Profiler::new(Instant::now());
        for number in 0..500_000 {
            profiler.posttask(&task(&profiler, number, number as usize % 2));
        }
        let tasks = profiler.tasks();
        assert!(tasks.len() <= MOST, "{} spans", tasks.len());
        let sum = |of: fn(&TaskSpan) -> u64| tasks.iter().map(of).sum::<u64>();
        assert_eq!((sum(|task| task.count), sum(|task| task.loaded_bytes)), (500_000, 8_000_000));
        let busy: f64 = tasks.iter().map(|task| task.busy).sum();
        assert!((busy - 3.5).abs() < 1e-6, "{busy} s");
        assert!(
            tasks.iter().all(|task| task.busy <= task.end - task.start + 1e-9),
            "one worker does one thing at a time"
        );
    }
}

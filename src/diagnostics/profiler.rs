//! Collects what every task took.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::graph::{Callback, GIVEN, Key, RunStart, SpillRecord, TaskRecord};
use crate::pipeline::record::{GraphSpan, TaskSpan};

/// No record holds more spans, whatever room it is given.
const MOST: usize = 200_000;

/// Records the tasks of all graphs that it is given to, on one clock.
///
/// Its memory is bounded: where its spans would outgrow their room, or 200 000, the shortest ones of a kind on a worker are
/// merged where they are neighbours, until half as many are left.
#[derive(Debug)]
pub struct Profiler {
    origin: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    workers: usize,
    graphs: Vec<GraphSpan>,
    /// Its room is taken at once, so that it never grows by a copy; pages that no span has reached cost nothing.
    spans: Vec<Span>,
    /// More spans than this are merged.
    most: usize,
    /// Shorter spans are merged \[s\].
    resolution: f64,
}

/// A [`TaskSpan`] before its texts are written: most of a record's memory.
#[derive(Debug)]
struct Span {
    key: Key,
    kind: &'static str,
    worker: usize,
    ready: f64,
    start: f64,
    end: f64,
    busy: f64,
    read: f64,
    write: f64,
    bytes: u64,
    live_bytes: u64,
    loaded_bytes: u64,
    spilled_bytes: u64,
    retries: u64,
    count: u64,
}

impl Profiler {
    /// Times count from `origin`; the spans may take so much room \[bytes\].
    pub fn new(origin: Instant, room: u64) -> Self {
        let most = (room / size_of::<Span>() as u64).clamp(1, MOST as u64) as usize;
        let (workers, graphs, resolution) = (0, Vec::new(), 0.0);
        let state = State { workers, graphs, spans: Vec::with_capacity(most + 1), most, resolution };
        Self { origin, state: Mutex::new(state) }
    }

    /// The most workers that a graph had.
    pub fn workers(&self) -> usize {
        self.lock().workers
    }

    /// The graphs so far.
    pub fn graphs(&self) -> Vec<GraphSpan> {
        self.lock().graphs.clone()
    }

    /// Takes the tasks that have ended so far, in order of the end.
    pub fn take_tasks(&self) -> Vec<TaskSpan> {
        let spans = std::mem::take(&mut self.lock().spans);
        spans.iter().map(Span::to_record).collect()
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
        let span = Span {
            key: task.key.clone(),
            kind: task.kind,
            worker: task.worker,
            ready: self.seconds(task.ready),
            start,
            end,
            busy: (end - start).max(0.0),
            read: task.read.as_secs_f64(),
            write: task.write.as_secs_f64(),
            bytes: task.output_bytes,
            live_bytes: task.live_bytes,
            loaded_bytes: task.loaded_bytes,
            spilled_bytes: task.spilled_bytes,
            retries: u64::from(task.attempt.saturating_sub(1)),
            count: 1,
        };
        let mut state = self.lock();
        state.workers = state.workers.max(task.worker + 1);
        state.add(span);
    }

    fn spilled(&self, spill: &SpillRecord) {
        // what a task writes is told with the task
        if spill.kind == GIVEN {
            let (start, end) = (self.seconds(spill.start), self.seconds(spill.end));
            let busy = (end - start).max(0.0);
            self.lock().add(Span {
                key: spill.key.clone(),
                kind: GIVEN,
                worker: spill.worker,
                ready: start,
                start,
                end,
                busy,
                read: 0.0,
                write: busy,
                bytes: 0,
                live_bytes: 0,
                loaded_bytes: 0,
                spilled_bytes: spill.bytes,
                retries: 0,
                count: 0,
            });
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
    fn add(&mut self, span: Span) {
        self.spans.push(span);
        if self.spans.len() > self.most {
            self.shrink(self.most / 2);
        }
    }

    /// Merges ever longer spans until at most `most` are left.
    fn shrink(&mut self, most: usize) {
        let end = self.spans.iter().map(|span| span.end).fold(0.0, f64::max);
        // The plot is about a thousand pixels wide: nothing is lost to the eye at first.
        self.resolution = self.resolution.max(end / 65_536.0).max(1e-9);
        merge(&mut self.spans, self.resolution);
        while self.spans.len() > most && self.resolution < end {
            self.resolution *= 2.0;
            merge(&mut self.spans, self.resolution);
        }
    }
}

/// Merges spans shorter than the resolution \[s\] that begin in the same bin of that width, on one worker and of one kind.
/// They come in order of time on each worker, so that one bin of each kind is open at a time.
fn merge(spans: &mut Vec<Span>, resolution: f64) {
    let mut open: HashMap<(usize, &'static str), (u64, usize)> = HashMap::new();
    let mut kept = 0;
    for place in 0..spans.len() {
        let span = &spans[place];
        if span.end - span.start < resolution {
            let bin = (span.start / resolution) as u64;
            let (opened, first) = open.entry((span.worker, span.kind)).or_insert((bin, kept));
            if *opened == bin && *first < kept {
                let (before, rest) = spans.split_at_mut(place);
                before[*first].absorb(&rest[0]);
                continue;
            }
            (*opened, *first) = (bin, kept);
        }
        spans.swap(kept, place);
        kept += 1;
    }
    spans.truncate(kept);
}

impl Span {
    fn absorb(&mut self, other: &Self) {
        self.ready = self.ready.min(other.ready);
        self.start = self.start.min(other.start);
        self.end = self.end.max(other.end);
        self.busy += other.busy;
        self.read += other.read;
        self.write += other.write;
        self.bytes += other.bytes;
        self.live_bytes = self.live_bytes.max(other.live_bytes);
        self.loaded_bytes += other.loaded_bytes;
        self.spilled_bytes += other.spilled_bytes;
        self.retries += other.retries;
        self.count += other.count;
    }

    fn to_record(&self) -> TaskSpan {
        let Self { worker, ready, start, end, busy, read, write, bytes, .. } = *self;
        let Self { live_bytes, loaded_bytes, spilled_bytes, retries, count, .. } = *self;
        TaskSpan {
            key: self.key.to_string(),
            kind: Cow::Borrowed(self.kind),
            worker,
            ready,
            start,
            end,
            busy,
            read,
            write,
            bytes,
            live_bytes,
            loaded_bytes,
            spilled_bytes,
            retries,
            count,
        }
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
        let profiler = Profiler::new(Instant::now(), 1 << 30);
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
        let tasks = profiler.take_tasks();
        assert_eq!(tasks.len(), 1, "what a task writes is told with the task");
        assert_eq!((&*tasks[0].kind, tasks[0].spilled_bytes, tasks[0].count), ("given", 64, 0));
        assert!((tasks[0].write - 15e-6).abs() < 1e-12 && (tasks[0].busy - 15e-6).abs() < 1e-12);
    }

    #[test]
    fn tasks_and_graphs_are_recorded_in_seconds_from_the_origin() {
        let profiler = Profiler::new(Instant::now(), 1 << 30);
        profiler.start(&RunStart { tasks: 2, forecast_bytes: 77, workers: 3, ..RunStart::default() });
        profiler.posttask(&task(&profiler, 100, 1));
        profiler.finish(true);
        profiler.start(&RunStart { tasks: 9, forecast_bytes: 55, workers: 2, ..RunStart::default() });
        let (graphs, tasks) = (profiler.graphs(), profiler.take_tasks());
        assert_eq!((profiler.workers(), graphs.len()), (3, 2));
        assert_eq!((graphs[0].tasks, graphs[0].forecast_bytes, graphs[1].forecast_bytes), (2, 77, 55));
        assert!(graphs[0].start < graphs[0].end && graphs[0].end <= graphs[1].start);
        let first = &tasks[0];
        assert_eq!((first.key.as_str(), &*first.kind, first.worker), ("peak-1(100)", "floor", 1));
        assert!((first.start - 0.001_002).abs() < 1e-12 && (first.busy - 7e-6).abs() < 1e-12);
        assert!((first.read - 1e-6).abs() < 1e-15 && (first.write - 3e-6).abs() < 1e-15);
        assert_eq!((first.loaded_bytes, first.spilled_bytes, first.retries), (16, 8, 1));
    }

    #[test]
    fn half_a_million_tasks_are_merged_into_their_room_and_none_is_lost() {
        for (room, most) in [(1 << 30, MOST), (1 << 20, 1 << 13), (0, 4)] {
            let profiler = Profiler::new(Instant::now(), room);
            for number in 0..500_000 {
                profiler.posttask(&task(&profiler, number, number as usize % 2));
            }
            let held = profiler.lock().spans.capacity() * size_of::<Span>();
            assert!(held <= (room as usize).min(MOST * size_of::<Span>()) + 8 * size_of::<Span>(), "{held} bytes");
            let tasks = profiler.take_tasks();
            assert!(tasks.len() <= most, "{} spans", tasks.len());
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
}

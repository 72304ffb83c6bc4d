//! Memory, CPU and traffic of the own process, sampled from a thread.

mod usage;

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::graph::{Callback, RunStart};
use crate::pipeline::record::ResourceSample;
use usage::{Meter, Usage};

/// A record never holds more samples: 80 bytes of plot for each would otherwise grow with the run.
const MOST: usize = 4000;
/// CPU is taken over at least this time: the kernel counts it in steps of 10 ms \[s\].
const CPU_WINDOW: f64 = 0.2;

/// Samples resident memory, CPU and bytes read and written by this process and those that it started, from its making
/// until it is dropped, and when a graph begins and ends.
///
/// At most 4000 samples are kept: when there are more, each two become one (the larger memory, the mean of the rates) and
/// the interval doubles.
#[derive(Debug)]
pub struct ResourceProfiler {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct State {
    samples: Samples,
    has_ended: bool,
    /// Samples that were asked for beside those that are due.
    wanted: u32,
}

impl ResourceProfiler {
    /// Starts to sample at this interval; times count from `origin`. Without samples where the system lets no thread be
    /// made or tells nothing.
    pub fn new(origin: Instant, interval: Duration) -> Self {
        let shared = Arc::new(Shared::default());
        shared.lock().samples.interval = interval.max(Duration::from_millis(1));
        let its = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("resources".into()).spawn(move || sample(&its, origin));
        Self { shared, thread: thread.ok() }
    }

    /// The samples so far, in order of time.
    pub fn samples(&self) -> Vec<ResourceSample> {
        self.shared.lock().samples.kept.clone()
    }

    fn ask(&self) {
        self.shared.lock().wanted += 1;
        self.shared.wake.notify_all();
    }
}

impl Callback for ResourceProfiler {
    fn start(&self, _run: &RunStart) {
        self.ask();
    }

    fn finish(&self, _ok: bool) {
        self.ask();
    }
}

impl Drop for ResourceProfiler {
    fn drop(&mut self) {
        self.shared.lock().has_ended = true;
        self.shared.wake.notify_all();
        if let Some(thread) = self.thread.take() {
            // A sampler that panicked has nothing more to tell.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// Samples are whole at any time, so a poisoned lock is as good.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn sample(shared: &Shared, origin: Instant) {
    let mut meter = Meter::new();
    let mut state = shared.lock();
    while !state.has_ended {
        let interval = state.samples.interval;
        state.wanted = 0;
        drop(state);
        let usage = meter.read();
        let t = origin.elapsed().as_secs_f64();
        state = shared.lock();
        if let Some(usage) = usage {
            state.samples.add(t, &usage);
        }
        let is_idle = |state: &mut State| !state.has_ended && state.wanted == 0;
        state = shared.wake.wait_timeout_while(state, interval, is_idle).unwrap_or_else(PoisonError::into_inner).0;
    }
}

/// The samples, at most [`MOST`].
#[derive(Debug, Default)]
struct Samples {
    kept: Vec<ResourceSample>,
    interval: Duration,
    /// Time and usage of the last few samples: at least [`CPU_WINDOW`] long once there are enough.
    window: VecDeque<(f64, Usage)>,
}

impl Samples {
    fn add(&mut self, t: f64, usage: &Usage) {
        while self.window.len() > 1 && t - self.window[1].0 >= CPU_WINDOW {
            self.window.pop_front();
        }
        let rate = |before: f64, change: f64| if t > before { change.max(0.0) / (t - before) } else { 0.0 };
        let cpu = self.window.front().map_or(0.0, |(then, old)| rate(*then, usage.cpu_seconds - old.cpu_seconds));
        // A child that ended takes its counts with it.
        let traffic = self.window.back().map_or((0.0, 0.0), |(then, old)| {
            let change = |now: u64, before: u64| rate(*then, now.saturating_sub(before) as f64);
            (change(usage.read_bytes, old.read_bytes), change(usage.written_bytes, old.written_bytes))
        });
        self.window.push_back((t, *usage));
        let (read_rate, write_rate) = traffic;
        self.kept.push(ResourceSample {
            t,
            rss_bytes: usage.rss_bytes,
            cpu_percent: 100.0 * cpu,
            read_rate,
            write_rate,
        });
        if self.kept.len() >= MOST {
            self.interval *= 2;
            self.kept = self.kept.chunks(2).map(joined).collect();
        }
    }
}

/// One sample for two.
fn joined(pair: &[ResourceSample]) -> ResourceSample {
    let mean = |of: fn(&ResourceSample) -> f64| pair.iter().map(of).sum::<f64>() / pair.len() as f64;
    ResourceSample {
        t: pair[0].t,
        rss_bytes: pair.iter().map(|sample| sample.rss_bytes).max().unwrap_or(0),
        cpu_percent: mean(|sample| sample.cpu_percent),
        read_rate: mean(|sample| sample.read_rate),
        write_rate: mean(|sample| sample.write_rate),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_keeps_a_bounded_number_of_samples_the_peak_and_the_rates() {
        let mut samples = Samples { interval: Duration::from_millis(50), ..Samples::default() };
        let mut t = 0.0;
        for number in 0..20_000u64 {
            t += samples.interval.as_secs_f64();
            let rss_bytes = if number == 777 { 9_999_999 } else { number };
            let (read_bytes, written_bytes) = ((1e6 * t) as u64, (3e6 * t) as u64);
            samples.add(t, &Usage { rss_bytes, cpu_seconds: 2.0 * t, read_bytes, written_bytes });
        }
        assert!(samples.kept.len() < MOST && samples.kept.len() >= MOST / 2);
        assert!(samples.window.len() < 10, "{} samples in the window", samples.window.len());
        assert!(samples.kept.iter().any(|sample| sample.rss_bytes == 9_999_999), "the peak is kept");
        assert!(samples.kept.windows(2).all(|pair| pair[0].t < pair[1].t));
        for sample in &samples.kept[10..] {
            assert!((sample.cpu_percent - 200.0).abs() < 1e-6, "{sample:?}");
            assert!((sample.read_rate - 1e6).abs() < 1e3 && (sample.write_rate - 3e6).abs() < 1e3, "{sample:?}");
        }
    }

    #[test]
    fn the_own_process_has_memory_and_uses_cpu() {
        let profiler = ResourceProfiler::new(Instant::now(), Duration::from_millis(50));
        let begin = Instant::now();
        let mut work = 0u64;
        while begin.elapsed() < Duration::from_millis(400) {
            work = work.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        }
        let samples = profiler.samples();
        assert!(samples.len() >= 3, "{} samples ({work})", samples.len());
        assert!(samples.iter().all(|sample| sample.rss_bytes > 100_000));
        assert!(samples.iter().any(|sample| sample.cpu_percent > 10.0), "{samples:?}");
    }

    #[test]
    fn a_graph_shorter_than_the_interval_is_sampled_at_its_begin_and_end() {
        let profiler = ResourceProfiler::new(Instant::now(), Duration::from_secs(60));
        let wait_for = |count: usize| {
            let begin = Instant::now();
            while profiler.samples().len() < count && begin.elapsed() < Duration::from_secs(20) {
                std::thread::sleep(Duration::from_millis(2));
            }
            assert_eq!(profiler.samples().len(), count);
        };
        wait_for(1);
        profiler.start(&RunStart::default());
        wait_for(2);
        profiler.finish(true);
        wait_for(3);
    }
}

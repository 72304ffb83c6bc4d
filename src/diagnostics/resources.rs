//! Memory and CPU of the own process, sampled from a thread.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use crate::pipeline::record::ResourceSample;

/// Between two samples at first; doubled each time that the record is full.
const INTERVAL: Duration = Duration::from_millis(50);
/// A record never holds more samples: 80 bytes of plot for each would otherwise grow with the run.
const MOST: usize = 4000;
/// CPU is taken over so many samples: the kernel counts in steps of 10 ms, a fifth of the interval.
const WINDOW: usize = 4;

/// Samples resident memory and CPU of this process from its making until it is dropped.
///
/// At most 4000 samples are kept: when there are more, each two become one (the larger memory, the mean CPU) and the
/// interval doubles.
#[derive(Debug)]
pub struct ResourceSampler {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    samples: Samples,
    has_ended: bool,
}

impl ResourceSampler {
    /// Starts to sample; times count from `origin`. Without samples where the system lets no thread be made or tells nothing.
    pub fn start(origin: Instant) -> Self {
        let shared = Arc::new(Shared::default());
        let its = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("resources".into()).spawn(move || sample(&its, origin));
        Self { shared, thread: thread.ok() }
    }

    /// The samples so far, in order of time.
    pub fn samples(&self) -> Vec<ResourceSample> {
        self.shared.lock().samples.kept.clone()
    }
}

impl Drop for ResourceSampler {
    fn drop(&mut self) {
        self.shared.lock().has_ended = true;
        self.shared.ended.notify_all();
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
    let pid = Pid::from_u32(std::process::id());
    let what = ProcessRefreshKind::nothing().with_memory().with_cpu().without_tasks();
    let mut system = System::new();
    let mut state = shared.lock();
    while !state.has_ended {
        let interval = state.samples.interval;
        drop(state);
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, what);
        let t = origin.elapsed().as_secs_f64();
        let usage = system.process(pid).map(|process| (process.memory(), process.accumulated_cpu_time()));
        state = shared.lock();
        if let Some((rss_bytes, cpu_ms)) = usage {
            state.samples.add(t, rss_bytes, cpu_ms as f64 / 1000.0);
        }
        if !state.has_ended {
            state = shared.ended.wait_timeout(state, interval).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// The samples, at most [`MOST`].
#[derive(Debug)]
struct Samples {
    kept: Vec<ResourceSample>,
    interval: Duration,
    /// Time and CPU seconds of the last few samples.
    window: VecDeque<(f64, f64)>,
}

impl Default for Samples {
    fn default() -> Self {
        Self { kept: Vec::new(), interval: INTERVAL, window: VecDeque::new() }
    }
}

impl Samples {
    fn add(&mut self, t: f64, rss_bytes: u64, cpu_seconds: f64) {
        self.window.push_back((t, cpu_seconds));
        if self.window.len() > WINDOW + 1 {
            self.window.pop_front();
        }
        let (before, used) = self.window[0];
        let cpu_percent = if t > before { 100.0 * (cpu_seconds - used).max(0.0) / (t - before) } else { 0.0 };
        self.kept.push(ResourceSample { t, rss_bytes, cpu_percent });
        if self.kept.len() >= MOST {
            self.interval *= 2;
            let pairs = self.kept.chunks(2).map(|pair| ResourceSample {
                t: pair[0].t,
                rss_bytes: pair.iter().map(|sample| sample.rss_bytes).max().unwrap_or(0),
                cpu_percent: pair.iter().map(|sample| sample.cpu_percent).sum::<f64>() / pair.len() as f64,
            });
            self.kept = pairs.collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_keeps_a_bounded_number_of_samples_and_the_peak() {
        let mut samples = Samples::default();
        let mut t = 0.0;
        for number in 0..100_000u64 {
            t += samples.interval.as_secs_f64();
            samples.add(t, if number == 777 { 9_999_999 } else { number }, 2.0 * t);
        }
        assert!(samples.kept.len() < MOST && samples.kept.len() >= MOST / 2);
        assert!(samples.kept.iter().any(|sample| sample.rss_bytes == 9_999_999), "the peak is kept");
        assert!(samples.kept.windows(2).all(|pair| pair[0].t < pair[1].t));
        assert!(samples.kept[10..].iter().all(|sample| (sample.cpu_percent - 200.0).abs() < 1e-6));
    }

    #[test]
    fn the_own_process_has_memory_and_uses_cpu() {
        let sampler = ResourceSampler::start(Instant::now());
        let begin = Instant::now();
        let mut work = 0u64;
        while begin.elapsed() < Duration::from_millis(400) {
            work = work.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        }
        let samples = sampler.samples();
        assert!(samples.len() >= 3, "{} samples ({work})", samples.len());
        assert!(samples.iter().all(|sample| sample.rss_bytes > 100_000));
        assert!(samples.iter().any(|sample| sample.cpu_percent > 10.0), "{samples:?}");
    }
}

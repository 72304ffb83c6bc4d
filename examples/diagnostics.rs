//! `(a.T + a).mean(axis=0)` watched by a progress bar, by all profilers in one report, and by a callback of one's own.
//!
//! `cargo run --release --example diagnostics`, or `... diagnostics 10000 1000` for the tutorial's size.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use deconv::collections::Compute;
use deconv::collections::array::Array;
use deconv::diagnostics::{Profilers, Progress, ProgressMode, Report};
use deconv::graph::{Callback, TaskStart};
use deconv::pipeline::record::RunRecord;

/// Prints the first keys as their tasks start, and counts all.
#[derive(Default)]
struct Keys(AtomicUsize);

impl Callback for Keys {
    fn pretask(&self, task: &TaskStart) {
        if self.0.fetch_add(1, Ordering::Relaxed) < 5 {
            println!("starts {}", task.key);
        }
    }
}

/// Runs the example.
pub fn main() -> Result<(), Box<dyn Error>> {
    let asked: Vec<usize> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let (size, chunk) = if let [size, chunk] = asked[..] { (size, chunk) } else { (600, 100) };
    let a = Array::<f64>::normal(3, (0.0, 1.0), [size, size], chunk)?;
    let means = a.t().add(&a)?.mean(&[0])?;

    let (bar, keys) = (Progress::new(ProgressMode::Auto), Keys::default());
    let profilers = Profilers::new(Duration::from_millis(10), 32 << 20);
    let [tasks, resources, cache] = profilers.callbacks();
    let values = means.compute_with(&Compute::new().workers(2).callbacks(&[&bar, tasks, resources, cache, &keys]))?;

    let record = RunRecord { profile: Some(profilers.record()), ..RunRecord::default() };
    let profile = record.profile.as_ref().ok_or("a profile")?;
    let folder = Path::new("outputs/diagnostics");
    fs::create_dir_all(folder)?;
    let title = format!("(a.T + a).mean(axis=0) of {size} x {size} in chunks of {chunk}");
    let report = Report { title, facts: Vec::new(), graph: String::new(), record: &record };
    report.write(folder)?;
    let ran: u64 = profile.tasks.iter().map(|task| task.count).sum();
    println!("{ran} tasks on {} workers; see outputs/diagnostics/report.html", profile.workers);

    let whole = a.compute()?;
    let first = (0..size).map(|row| whole[[row, 0]] + whole[[0, row]]).sum::<f64>() / size as f64;
    assert!((values[0] - first).abs() < 1e-12 * size as f64);
    assert_eq!(ran as usize, keys.0.load(Ordering::Relaxed));
    Ok(())
}

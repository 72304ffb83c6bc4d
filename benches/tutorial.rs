//! What does the tutorial's `normal(10, 0.1, size=(20000, 20000)).mean(axis=0)[::100]` cost at each length of a chunk?
//!
//! `cargo bench --bench tutorial -- CHUNK [SIZE]` runs it once and prints a line: chunk, tasks of the graph, tasks that
//! ran, wall time \[s\], CPU time \[s\] and peak memory \[MiB\] of the process, the first mean. `benches/tutorial.sh` makes the
//! table, beside Dask.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use deconv::collections::Compute;
use deconv::collections::array::{Array, cut};
use deconv::graph::{Callback, RunStart};

/// Counts the tasks of a run.
#[derive(Default)]
struct Tasks(AtomicUsize);

impl Callback for Tasks {
    fn start(&self, run: &RunStart) {
        self.0.store(run.tasks, Ordering::Relaxed);
    }
}

/// CPU time of this process \[s\], from the clock ticks that Linux counts in hundredths.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    Ok(fields.map(str::parse::<f64>).sum::<Result<f64, _>>()? / 100.0)
}

/// The most memory that this process held \[MiB\].
fn peak_mebibytes() -> Result<f64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.split_whitespace().nth(1).ok_or("no number")?.parse::<f64>()? / 1024.0)
}

fn main() -> Result<(), Box<dyn Error>> {
    let numbers: Vec<usize> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let [chunk, ref rest @ ..] = numbers[..] else {
        println!("give the length of a chunk, or run benches/tutorial.sh");
        return Ok(());
    };
    let size = rest.first().copied().unwrap_or(20_000);
    let (began, tasks) = (Instant::now(), Tasks::default());
    let x = Array::<f64>::normal(1, (10.0, 0.1), [size, size], chunk)?;
    let means = x.mean(&[0])?.slice(&[cut(..).step(100)])?;
    let values = means.compute_with(&Compute::new().callbacks(&[&tasks]))?;
    let wall = began.elapsed().as_secs_f64();
    let (cpu, peak, first) = (cpu_seconds()?, peak_mebibytes()?, values[0]);
    let raw = means.graph()?.0.tasks().count();
    println!("{chunk} {raw} {} {wall:.2} {cpu:.2} {peak:.0} {first:.12}", tasks.0.load(Ordering::Relaxed));
    Ok(())
}

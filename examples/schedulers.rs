//! One graph on several schedulers: one task after the other, on threads, with less memory than it wants and scratch files,
//! and in processes of this program.
//!
//! `cargo run --release --example schedulers`. The bytes are the same.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::time::Instant;

use deconv::collections::array::{Array, ArrayOp};
use deconv::graph::{
    Processes, RunContext, Scheduler, Scratch, Serial, Threads, WorkerCommand, forecast, optimise, serve,
};

/// The argument that makes a worker of the program.
const WORKER: &str = "--worker";

/// Runs the example, or the tasks that it sends to its workers.
///
/// # Errors
/// Those of [`work`] and of [`compare`].
pub fn main() -> Result<(), Box<dyn Error>> {
    if std::env::args().any(|argument| argument == WORKER) { work() } else { compare(WorkerCommand::own([WORKER])) }
}

/// Does what the parent sends.
///
/// # Errors
/// When standard input is not the link to a parent.
pub fn work() -> Result<(), Box<dyn Error>> {
    Ok(serve::<ArrayOp>(|_| None)?)
}

/// Runs the graph on each scheduler; `worker` starts a program that ends up in [`work`].
///
/// # Errors
/// When there is no room for scratch files, or a worker cannot be started.
///
/// # Panics
/// If a scheduler changes a bit.
pub fn compare(worker: WorkerCommand) -> Result<(), Box<dyn Error>> {
    let x = Array::<f64>::normal(1, (0.0, 1.0), [512, 512], 128)?;
    let spectrum = x.rfft2()?.abs_squared().rechunk(128)?;
    let (graph, keys) = spectrum.graph()?;
    let alone = forecast(&optimise(graph, &keys)?.graph, &keys, 1)?.peak_bytes;

    let scratch = || Scratch::new(&std::env::temp_dir());
    let small = Threads::new(2).with_memory(alone * 4 / 5).with_scratch(scratch()?);
    let schedulers: [(&str, &dyn Scheduler<ArrayOp>); 5] = [
        ("one after the other", &Serial),
        ("2 threads", &Threads::new(2)),
        ("4 threads", &Threads::new(4)),
        ("2 threads, less memory", &small),
        ("2 processes", &Processes::new(2, scratch()?, worker)),
    ];
    let mut first = None;
    for (name, scheduler) in schedulers {
        let (graph, keys) = spectrum.graph()?;
        let began = Instant::now();
        let held = scheduler.execute(optimise(graph, &keys)?.graph, &keys, &RunContext::default())?;
        println!("{name:<24} {:.3} s", began.elapsed().as_secs_f64());
        let values = spectrum.assemble(&held)?;
        assert_eq!(*first.get_or_insert_with(|| values.clone()), values, "the scheduler changes no bit");
    }
    Ok(())
}

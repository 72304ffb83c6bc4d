//! What the task graph costs beyond the work.

use std::convert::Infallible;
use std::sync::Arc;

use crate::graph::{Cost, Key, Meta, Op, RunContext, Scheduler, TaskContext, TaskGraph, Threads};
use crate::kernels::clock::thread_seconds;

/// Tasks without inputs.
const TASKS: u32 = if cfg!(test) { 1000 } else { 20_000 };
/// Tasks of which each of as many others takes all.
const SIDE: u32 = 200;
/// Repetitions: a graph is not as quick each time as a kernel is.
const ROUNDS: usize = 5;

/// An operation that does nothing.
struct Nothing;

impl Op for Nothing {
    type Value = ();
    type Error = Infallible;

    fn kind(&self) -> &'static str {
        "nothing"
    }

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        Cost { flops: 1.0, output_bytes: 8, scratch_bytes: 0 }
    }

    fn run(&self, _inputs: &[Arc<()>], _context: &TaskContext) -> Result<(), Infallible> {
        Ok(())
    }
}

/// A task, and an input beyond the first \[us\]: building, ordering and running on one worker.
pub(super) fn overhead() -> (f64, f64) {
    let alone = least(|graph| layer(graph, "one", TASKS, &[]));
    let dense = least(|graph| {
        let first = layer(graph, "one", SIDE, &[]);
        layer(graph, "two", SIDE, &first)
    });
    let task = alone / f64::from(TASKS);
    let edges = f64::from(SIDE) * f64::from(SIDE - 1);
    // a quick machine may time the edges at nothing: the table holds positive numbers
    let edge = ((dense - 2.0 * f64::from(SIDE) * task) / edges).max(1e-9);
    (1e6 * task, 1e6 * edge)
}

/// Adds tasks that all take the same inputs.
fn layer(graph: &mut TaskGraph<Nothing>, name: &str, count: u32, inputs: &[Key]) -> Vec<Key> {
    let key = |index| Key::new(name, [0, index]);
    (0..count)
        .map(|index| {
            graph.insert(key(index), Nothing, inputs.to_vec()).expect("a new key");
            key(index)
        })
        .collect()
}

/// The quickest of the rounds \[s\].
fn least(build: impl Fn(&mut TaskGraph<Nothing>) -> Vec<Key>) -> f64 {
    let round = |_| {
        let start = thread_seconds();
        let mut graph = TaskGraph::new();
        let targets = build(&mut graph);
        Threads::new(1).execute(graph, &targets, &RunContext::default()).expect("nothing can go wrong");
        thread_seconds() - start
    };
    (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min)
}

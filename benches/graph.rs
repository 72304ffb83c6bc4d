//! What does a task of the graph cost beyond its work? CPU per task of graphs whose tasks do nothing, against a plain
//! loop over the same calls.
//!
//! `cargo bench --bench graph [-- TASKS...]` prints a Markdown table, each figure the least of several runs;
//! `benches/overhead.sh` puts another scheduler's beside it. Standard output is data: lines of the table, and nothing else.

#![expect(clippy::print_stdout, reason = "it is run for what it prints")]

use std::convert::Infallible;
use std::hint::black_box;
use std::sync::Arc;

use deconv::graph::{Cost, Key, Meta, Op, RunContext, Scheduler, Serial, TaskContext, TaskGraph, Threads, order};

/// How often each graph is built and run.
const REPEATS: usize = 5;

struct Nothing;

impl Op for Nothing {
    type Value = usize;
    type Error = Infallible;

    fn kind(&self) -> &'static str {
        "nothing"
    }

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        Cost { flops: 1.0, output_bytes: 8, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<usize>], _context: &TaskContext) -> Result<usize, Infallible> {
        Ok(inputs.len())
    }
}

/// A graph in the making.
struct Shape {
    graph: TaskGraph<Nothing>,
}

impl Shape {
    fn task(&mut self, layer: &str, index: [u32; 2], inputs: Vec<Key>) -> Key {
        let key = Key::new(layer, index);
        self.graph.insert(key.clone(), Nothing, inputs).expect("a new key");
        key
    }
}

/// Tasks that need nothing, and one that needs them all.
fn sink(shape: &mut Shape, tasks: u32) -> Key {
    let all = (1..tasks).map(|index| shape.task("nothing", [0, index], vec![])).collect();
    shape.task("sink", [0, 0], all)
}

/// Tasks that need two others each, over half as many that need nothing.
fn tree(shape: &mut Shape, tasks: u32) -> Key {
    let mut level: Vec<Key> = (0..tasks.div_ceil(2)).map(|index| shape.task("nothing", [0, index], vec![])).collect();
    for height in 1.. {
        if level.len() == 1 {
            break;
        }
        let pairs = (0..).zip(level.chunks(2));
        level = pairs.map(|(index, pair)| shape.task("nothing", [height, index], pair.to_vec())).collect();
    }
    level.swap_remove(0)
}

/// CPU time of this process, all its threads \[s\].
fn cpu() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes to the struct that it is given, and to nothing else.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    assert_eq!(status, 0, "the clock of the process is always there");
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// The least CPU time so far of one step \[s\].
struct Least(f64);

impl Least {
    fn of<T>(&mut self, step: impl FnOnce() -> T) -> T {
        let start = cpu();
        let result = step();
        self.0 = self.0.min(cpu() - start);
        result
    }
}

/// Calls the operation as often as the graph does, each result as an input of the next.
fn plain_loop(tasks: u32) -> usize {
    let (context, mut last) = (TaskContext::default(), Arc::new(0));
    for _ in 0..tasks {
        let inputs = vec![Arc::clone(&last)];
        last = Arc::new(black_box(&Nothing).run(&inputs, &context).expect("nothing cannot fail"));
    }
    *last
}

type Make = fn(&mut Shape, u32) -> Key;

fn measure(name: &str, make: Make, tasks: u32) {
    let schedulers: [(&str, Box<dyn Scheduler<Nothing>>); 3] =
        [("sync", Box::new(Serial)), ("1 thread", Box::new(Threads::new(1))), ("2 threads", Box::new(Threads::new(2)))];
    let [mut build, mut ordering] = [(); 2].map(|()| Least(f64::INFINITY));
    let mut runs = [(); 3].map(|()| Least(f64::INFINITY));
    for _ in 0..REPEATS {
        for ((_, scheduler), run) in schedulers.iter().zip(&mut runs) {
            let mut shape = Shape { graph: TaskGraph::new() };
            let target = build.of(|| make(&mut shape, tasks));
            drop(ordering.of(|| order(&shape.graph, std::slice::from_ref(&target)).expect("a sound graph")));
            run.of(|| drop(scheduler.execute(shape.graph, &[target], &RunContext::default()).expect("a value")));
        }
    }
    let per_task = |least: &Least| format!("{:.2}", least.0 * 1e6 / f64::from(tasks));
    for ((scheduler, _), run) in schedulers.iter().zip(&runs) {
        let columns = [&build, &ordering, run].map(per_task).join(" | ");
        println!("| graph, {scheduler} | {name} | {tasks} | {columns} |");
    }
}

fn main() {
    let asked: Vec<u32> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let sizes = match asked.as_slice() {
        [] if is_bench => &[10_000, 100_000, 1_000_000],
        // `cargo test` only asks whether it runs.
        [] => &[100][..],
        asked => asked,
    };
    println!("| scheduler | shape | tasks | build | order | run |\n|---|---|---|---|---|---|");
    for &tasks in sizes {
        let mut alone = Least(f64::INFINITY);
        (0..REPEATS).for_each(|_| assert_eq!(alone.of(|| plain_loop(tasks)), 1));
        println!("| plain loop | | {tasks} | | | {:.2} |", alone.0 * 1e6 / f64::from(tasks));
        measure("sink", sink, tasks);
        measure("tree", tree, tasks);
    }
}

//! What does a task of the graph cost beyond its work, against a plain loop over the same work?

use std::convert::Infallible;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use deconv::graph::{Cost, Key, Meta, Op, RunContext, Scheduler, Serial, TaskContext, TaskGraph, Threads};

struct Add;

impl Op for Add {
    type Value = u64;
    type Error = Infallible;

    fn kind(&self) -> &'static str {
        "add"
    }

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        Cost { flops: 1.0, output_bytes: 8, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<u64>], _context: &TaskContext) -> Result<u64, Infallible> {
        Ok(inputs.iter().map(|value| **value).sum::<u64>() + 1)
    }
}

/// A tree of tasks that add two results each, over `leaves` leaves.
fn tree(leaves: u32) -> (TaskGraph<Add>, Key) {
    let mut graph = TaskGraph::new();
    let mut level: Vec<Key> = (0..leaves).map(|index| Key::new("add", [0, index])).collect();
    level.iter().for_each(|key| graph.insert(key.clone(), Add, vec![]).expect("a new key"));
    let mut height = 1;
    while level.len() > 1 {
        let pairs: Vec<_> = level.chunks(2).map(<[Key]>::to_vec).collect();
        level = (0..pairs.len() as u32).map(|index| Key::new("add", [height, index])).collect();
        level.iter().zip(pairs).for_each(|(key, pair)| graph.insert(key.clone(), Add, pair).expect("a new key"));
        height += 1;
    }
    (graph, level.remove(0))
}

fn overhead(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a tree of 8191 additions");
    group.sample_size(20);
    let schedulers: [(&str, Box<dyn Scheduler<Add>>); 3] = [
        ("serial", Box::new(Serial)),
        ("threads 1", Box::new(Threads::new(1))),
        ("threads 2", Box::new(Threads::new(2))),
    ];
    for (name, scheduler) in &schedulers {
        group.bench_function(BenchmarkId::new("graph", name), |bench| {
            bench.iter_batched(
                || tree(4096),
                |(graph, target)| scheduler.execute(graph, &[target], &RunContext::default()).expect("a sum"),
                criterion::BatchSize::LargeInput,
            );
        });
    }
    group.bench_function("plain loop", |bench| {
        bench.iter(|| (0..8191_u64).fold(0_u64, |sum, value| black_box(sum + value)));
    });
}

criterion_group!(benches, overhead);
criterion_main!(benches);

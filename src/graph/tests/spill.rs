//! Values in scratch files: the budget is kept, the bits stay, the files go.

use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use proptest::prelude::*;

use super::super::{
    Callback, Cost, GIVEN, GraphError, Held, Key, Limits, Place, RunContext, RunStart, SMALL, Scheduler, Scratch,
    Serial, SpillRecord, TaskRecord, Threads, ValueRecord, forecast, forecast_within,
};
use super::random::any_shape_of;
use super::{SHAPES, Shape, Sizes, chain, map_reduce, transpose};

const SIZES: Sizes = [3 * SMALL, 2 * SMALL, SMALL];

/// Files and folders left in a folder, however deep.
fn count_files(folder: &Path) -> usize {
    let below = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    below.map(|path| if path.is_dir() { 1 + count_files(&path) } else { 1 }).sum()
}

/// The least budget of a shape whose values may stand in files, as the error of a budget of nothing tells it.
fn least(shape: &Shape) -> u64 {
    let limits = Limits { workers: 1, memory: Some(0), spills: true };
    match forecast_within(&shape.graph, &shape.targets, limits) {
        Err(GraphError::Budget { needs, memory: 0, .. }) => needs,
        other => panic!("{other:?}"),
    }
}

fn numbers(values: &[Held<super::Block>]) -> Vec<u64> {
    values.iter().map(|held| held.value().unwrap().number.to_bits()).collect()
}

#[test]
fn any_budget_that_fits_the_largest_task_is_kept_with_the_same_bits_and_without_files_left() {
    let parent = tempfile::tempdir().unwrap();
    for (name, make) in SHAPES {
        for parts in [0, 7] {
            let plain = make(8, SIZES, false);
            let expected = numbers(&Serial.execute(plain.graph, &plain.targets, &RunContext::default()).unwrap());
            let new = || {
                let shape = make(8, SIZES, false);
                shape.gauge.parts.store(parts, Ordering::SeqCst);
                shape
            };
            let (low, high) = (least(&new()), forecast(&new().graph, &new().targets, 1).unwrap().peak_bytes);
            let waits = !["chain", "diamonds"].contains(&name);
            assert!(low < high || !waits, "{name}: files help where values wait for later tasks");
            for memory in [low, (3 * low + high) / 4, low.midpoint(high), high] {
                for workers in [1, 2, 5] {
                    let (shape, scratch) = (new(), Scratch::new(parent.path()).unwrap());
                    let given = shape.gauge.held();
                    let threads = Threads::new(workers).with_memory(memory).with_scratch(scratch);
                    let values = threads.execute(shape.graph, &shape.targets, &RunContext::default()).unwrap();
                    let most = shape.gauge.most();
                    assert!(most <= memory.max(given), "{name}: {most} > {memory}, {workers} workers, 1/{parts}");
                    shape.gauge.parts.store(0, Ordering::SeqCst);
                    assert_eq!(numbers(&values), expected, "{name}");
                    drop((values, threads));
                    assert_eq!((shape.gauge.held(), count_files(parent.path())), (0, 0), "{name}");
                }
            }
        }
    }
}

#[test]
fn at_the_least_budget_nearly_every_value_goes_through_a_file() {
    let parent = tempfile::tempdir().unwrap();
    let new = || {
        let shape = transpose(24, SIZES, false);
        shape.gauge.parts.store(24, Ordering::SeqCst);
        shape
    };
    let (shape, low) = (new(), least(&new()));
    let told = forecast_within(&shape.graph, &shape.targets, Limits { workers: 1, memory: Some(low), spills: true });
    let (told, declared) = (told.unwrap(), 24 * SIZES[0] + 25 * SIZES[1]);
    assert!(told.spilled_bytes >= declared * 8 / 10, "{} of {declared} bytes", told.spilled_bytes);
    for workers in [1, 2] {
        let shape = new();
        let threads = Threads::new(workers).with_memory(low).with_scratch(Scratch::new(parent.path()).unwrap());
        let values = threads.execute(shape.graph, &shape.targets, &RunContext::default()).unwrap();
        assert!(shape.gauge.most() <= low, "{} > {low}", shape.gauge.most());
        shape.gauge.parts.store(0, Ordering::SeqCst);
        let plain = transpose(24, SIZES, false);
        let expected = Serial.execute(plain.graph, &plain.targets, &RunContext::default()).unwrap();
        assert_eq!(numbers(&values), numbers(&expected));
    }
}

#[test]
fn a_budget_below_the_largest_task_is_an_error_before_anything_runs_and_names_what_would_do() {
    let parent = tempfile::tempdir().unwrap();
    for (name, make) in SHAPES {
        let shape = make(6, SIZES, false);
        let (low, given) = (least(&shape), shape.gauge.most());
        let threads = Threads::new(2).with_memory(low - 1).with_scratch(Scratch::new(parent.path()).unwrap());
        let error = threads.execute(shape.graph, &shape.targets, &RunContext::default()).err().unwrap();
        assert!(
            matches!(error, GraphError::Budget { needs, memory, .. } if needs == low && memory == low - 1),
            "{name}"
        );
        assert_eq!(shape.gauge.most(), given, "{name}: nothing ran");
    }
    let shape = transpose(4, SIZES, false);
    let threads = Threads::new(1).with_memory(1 << 16).with_scratch(Scratch::new(parent.path()).unwrap());
    let error = threads.execute(shape.graph, &shape.targets, &RunContext::default()).err().unwrap();
    let told = "no room for task block(0) (mix)\n  it needs 896.0 KiB, but the budget is 64.0 KiB";
    assert_eq!(error.to_string(), told);
    let hint = "allow at least 896.0 KiB of memory, or cut the work into smaller pieces";
    assert_eq!(error.hint().as_deref(), Some(hint));
}

/// Counts what callbacks are told of memory and files.
#[derive(Default)]
struct Watch {
    start: Mutex<Option<RunStart>>,
    spills: Mutex<Vec<SpillRecord>>,
    tasks: Mutex<Vec<TaskRecord>>,
    /// Bytes held, and the most so far.
    held: Mutex<(u64, u64)>,
    given: Mutex<u64>,
}

impl Callback for Watch {
    fn start(&self, run: &RunStart) {
        *self.start.lock().unwrap() = Some(run.clone());
    }

    fn spilled(&self, spill: &SpillRecord) {
        assert!(spill.start <= spill.end && spill.file_bytes == 24);
        self.spills.lock().unwrap().push(spill.clone());
    }

    fn born(&self, value: &ValueRecord) {
        let (held, most) = &mut *self.held.lock().unwrap();
        *held += value.bytes;
        *most = (*most).max(*held);
        *self.given.lock().unwrap() += if value.kind == GIVEN { value.bytes } else { 0 };
    }

    fn freed(&self, value: &ValueRecord) {
        self.held.lock().unwrap().0 -= value.bytes;
    }

    fn posttask(&self, task: &TaskRecord) {
        assert!(task.read + task.write <= task.end - task.start);
        self.tasks.lock().unwrap().push(task.clone());
    }
}

#[test]
fn callbacks_are_told_what_is_written_read_born_and_freed_as_the_forecast_says() {
    let parent = tempfile::tempdir().unwrap();
    for (name, make) in SHAPES {
        let shape = make(8, SIZES, false);
        let memory = least(&shape);
        let limits = Limits { workers: 2, memory: Some(memory), spills: true };
        let expected = forecast_within(&shape.graph, &shape.targets, limits).unwrap();
        assert!(expected.peak_bytes <= memory, "{name}");
        let waits = !["chain", "diamonds"].contains(&name);
        assert!(expected.spilled_bytes > 0 || !waits, "{name}");
        let watch = Watch::default();
        let run = RunContext { callbacks: &[&watch], ..RunContext::default() };
        let threads = Threads::new(2).with_memory(memory).with_scratch(Scratch::new(parent.path()).unwrap());
        let values = threads.execute(shape.graph, &shape.targets, &run).unwrap();
        let start = watch.start.into_inner().unwrap().unwrap();
        assert_eq!((start.spilled_bytes, start.loaded_bytes), (expected.spilled_bytes, expected.loaded_bytes));
        assert_eq!((start.memory, start.forecast_bytes), (Some(memory), expected.peak_bytes));
        let (spills, tasks) = (watch.spills.into_inner().unwrap(), watch.tasks.into_inner().unwrap());
        assert_eq!(spills.iter().map(|spill| spill.bytes).sum::<u64>(), expected.spilled_bytes, "{name}");
        assert_eq!(tasks.iter().map(|task| task.loaded_bytes).sum::<u64>(), expected.loaded_bytes, "{name}");
        let by_tasks = spills.iter().filter(|spill| spill.kind != GIVEN).map(|spill| spill.bytes).sum::<u64>();
        assert_eq!(tasks.iter().map(|task| task.spilled_bytes).sum::<u64>(), by_tasks, "{name}");
        let in_memory = values.iter().filter(|held| matches!(held.place(), Place::Memory(_)));
        let (held, most) = watch.held.into_inner().unwrap();
        assert_eq!(held, in_memory.map(|held| held.bytes).sum::<u64>(), "{name}: targets stay");
        assert!(most <= memory, "{name}: {most}");
    }
}

#[test]
fn the_value_whose_next_use_is_farthest_goes_and_a_small_one_never() {
    // near, far and small are made first; steps need room; near is used before far
    let mut shape = Shape::default();
    let [near, far, small] = ["a-near", "b-far", "c-small"].map(|name| shape.key(name, 0));
    shape.task(&near, 2 * SMALL, &[]);
    shape.task(&far, 2 * SMALL, std::slice::from_ref(&near));
    shape.task(&small, SMALL - 1, std::slice::from_ref(&far));
    let middle = shape.key("d-middle", 0);
    shape.task(&middle, 3 * SMALL, std::slice::from_ref(&small));
    let first = shape.key("e-first", 0);
    shape.task(&first, SMALL, &[middle, near]);
    let last = shape.key("f-last", 0);
    shape.task(&last, SMALL, &[first, far, small]);
    shape.targets = vec![last];
    let watch = Watch::default();
    let run = RunContext { callbacks: &[&watch], ..RunContext::default() };
    let parent = tempfile::tempdir().unwrap();
    let threads = Threads::new(1).with_memory(7 * SMALL).with_scratch(Scratch::new(parent.path()).unwrap());
    threads.execute(shape.graph, &shape.targets, &run).unwrap();
    let spilled: Vec<String> = watch.spills.lock().unwrap().iter().map(|spill| spill.key.to_string()).collect();
    assert_eq!(spilled, ["b-far(0)"]);
    assert!(shape.gauge.most() <= 7 * SMALL);
}

#[test]
fn a_target_in_a_file_is_given_to_the_next_graph_and_read_by_each_user() {
    let parent = tempfile::tempdir().unwrap();
    let scratch = Scratch::new(parent.path()).unwrap();
    let mut shape = map_reduce(8, SIZES, false);
    let reads: Vec<Key> = (0..8).map(|index| shape.key("read", index)).collect();
    shape.targets.extend(reads);
    let memory = least(&shape);
    let threads = Threads::new(2).with_memory(memory).with_scratch(scratch);
    let values = threads.execute(shape.graph, &shape.targets, &RunContext::default()).unwrap();
    assert!(shape.gauge.held() < values.iter().map(|held| held.bytes).sum());
    let mut next = Shape { gauge: Arc::clone(&shape.gauge), ..Shape::default() };
    let given: Vec<Key> = (0..9).map(|index| next.key("given", index)).collect();
    for (key, held) in given.iter().zip(values) {
        next.graph.insert_value(key.clone(), held).unwrap();
    }
    for index in 0..8 {
        let key = next.key("mix", index);
        next.task(&key, SMALL, &[given[index].clone(), given[index + 1].clone(), given[index].clone()]);
        next.targets.push(key);
    }
    let before = shape.gauge.held();
    let in_memory = Limits { workers: 2, memory: None, spills: false };
    let expected = forecast_within(&next.graph, &next.targets, in_memory).unwrap();
    assert!(expected.loaded_bytes > 0 && expected.spilled_bytes == 0 && expected.peak_bytes > before);
    let values = Serial.execute(next.graph, &next.targets, &RunContext::default()).unwrap();
    assert!(shape.gauge.most() <= memory.max(expected.peak_bytes));
    assert_eq!((values.len(), shape.gauge.held()), (8, 8 * SMALL));
    drop(threads);
    assert_eq!(count_files(parent.path()), 0);
}

#[test]
fn a_given_value_goes_to_a_file_only_if_nobody_else_holds_it() {
    for (holders, files) in [(1, 1), (2, 0)] {
        let parent = tempfile::tempdir().unwrap();
        let mut shape = chain(1, SIZES, false);
        let far = shape.key("far", 0);
        let block = super::Block::new(0.25, 9 * SMALL, &shape.gauge);
        let others: Vec<_> = (1..holders).map(|_| Arc::clone(&block)).collect();
        shape.graph.insert_value(far.clone(), Held::new(block, 9 * SMALL)).unwrap();
        let end = shape.key("zz-end", 0);
        shape.task(&end, SMALL, &[shape.targets[0].clone(), far]);
        shape.targets = vec![end];
        let watch = Watch::default();
        let run = RunContext { callbacks: &[&watch], ..RunContext::default() };
        let threads = Threads::new(1).with_memory(12 * SMALL).with_scratch(Scratch::new(parent.path()).unwrap());
        let result = threads.execute(shape.graph, &shape.targets, &run);
        assert_eq!(result.is_ok(), others.is_empty());
        let kinds: Vec<_> = watch.spills.lock().unwrap().iter().map(|spill| spill.kind).collect();
        assert_eq!(kinds, vec![GIVEN; files]);
    }
}

#[test]
fn choosing_among_a_hundred_thousand_values_takes_no_time() {
    let shape = map_reduce(1 << 16, SIZES, false);
    let peak = forecast(&shape.graph, &shape.targets, 1).unwrap().peak_bytes;
    let began = Instant::now();
    let limits = Limits { workers: 2, memory: Some(peak - 1), spills: true };
    let forecast = forecast_within(&shape.graph, &shape.targets, limits).unwrap();
    let seconds = began.elapsed().as_secs_f64();
    assert!(forecast.spilled_bytes > 0 && forecast.tasks > 100_000);
    assert!(seconds < 10.0, "{seconds} s, without optimisation and beside other tests");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn random_graphs_keep_any_budget_with_files(
        shape in any_shape_of(SMALL / 2),
        workers in 1..5_usize,
        percent in 0..100_u64,
        parts in 0..4_u64,
    ) {
        let parent = tempfile::tempdir().unwrap();
        shape.gauge.parts.store(parts, Ordering::SeqCst);
        let high = forecast(&shape.graph, &shape.targets, 1).unwrap().peak_bytes;
        let spare = Limits { workers: 1, memory: Some(0), spills: true };
        let low = match forecast_within(&shape.graph, &shape.targets, spare) {
            Err(GraphError::Budget { needs, .. }) => needs,
            _ => 0,
        };
        let memory = low + high.saturating_sub(low) * percent / 100;
        let given = shape.gauge.held();
        let Shape { graph, targets, gauge, .. } = shape;
        let threads = Threads::new(workers).with_memory(memory).with_scratch(Scratch::new(parent.path()).unwrap());
        let values = threads.execute(graph, &targets, &RunContext::default()).unwrap();
        prop_assert!(gauge.most() <= memory.max(given), "{} > {}", gauge.most(), memory);
        drop((values, threads));
        prop_assert_eq!((gauge.held(), count_files(parent.path())), (0, 0));
    }
}

#[test]
fn a_task_that_takes_parts_of_its_inputs_has_room_where_they_have_not() {
    // six inputs, of each a sixth, the result, and five of scratch
    let parent = tempfile::tempdir().unwrap();
    let mut shape = Shape::default();
    shape.gauge.parts.store(6, Ordering::SeqCst);
    let keys: Vec<Key> = (0..6).map(|index| shape.key("read", index)).collect();
    keys.iter().for_each(|key| shape.task(key, SMALL, &[]));
    let wide = shape.key("wide", 0);
    shape.costly(&wide, Cost { flops: 1.0, output_bytes: SMALL, scratch_bytes: 5 * SMALL }, &keys);
    shape.targets = keys.iter().cloned().chain([wide]).collect();
    assert_eq!(least(&shape), 6 * (SMALL / 6) + 6 * SMALL);
    let threads = Threads::new(3).with_memory(7 * SMALL).with_scratch(Scratch::new(parent.path()).unwrap());
    let values = threads.execute(shape.graph, &shape.targets, &RunContext::default()).unwrap();
    assert!(shape.gauge.most() <= 7 * SMALL);
    assert!(values.iter().any(|held| matches!(held.place(), Place::File(..))));
}

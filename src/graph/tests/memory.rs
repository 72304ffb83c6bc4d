//! Memory that is really held: values and scratch of the test operation count themselves.

use std::sync::atomic::Ordering;

use proptest::prelude::*;

use super::super::course::Course;
use super::super::forecast::simulated_peak;
use super::super::net::Net;
use super::super::{Cost, Key, Limits, RunContext, Scheduler, Serial, Threads, forecast};
use super::random::any_shape;
use super::{SHAPES, Shape, chain, map, map_reduce};

#[test]
fn every_result_is_released_at_its_last_use_and_targets_stay() {
    for (name, shape) in SHAPES {
        let Shape { graph, targets, gauge, .. } = shape(12, [100, 90, 80], false);
        let forecast = forecast(&graph, &targets, 1).unwrap();
        let values = Serial.execute(graph, &targets, &RunContext::default()).unwrap();
        assert_eq!(gauge.most(), forecast.peak_bytes, "{name}");
        assert_eq!(gauge.held(), values.iter().map(|value| value.bytes).sum::<u64>(), "{name}");
        drop(values);
        assert_eq!(gauge.held(), 0, "{name}");
    }
}

#[test]
fn a_given_value_is_released_at_its_last_use() {
    let shape = chain(3, [1000, 1, 1], false);
    let values = Serial.execute(shape.graph, &shape.targets, &RunContext::default()).unwrap();
    assert_eq!((values.len(), shape.gauge.held(), shape.gauge.most()), (1, 1, 1001));
}

#[test]
fn a_target_that_others_use_stays_and_a_target_asked_twice_is_one_value() {
    let mut shape = chain(3, [5, 5, 5], false);
    shape.targets.extend([shape.key("link", 0), shape.key("given", 0), shape.key("given", 0)]);
    let values = Threads::new(2).execute(shape.graph, &shape.targets, &RunContext::default()).unwrap();
    assert!(std::ptr::eq(values[2].small(), values[3].small()));
    assert_eq!(shape.gauge.held(), 15);
}

#[test]
fn the_budget_is_kept_by_threads_when_one_worker_can_keep_it() {
    for (name, shape) in SHAPES {
        let shape = shape(25, [100, 90, 80], false);
        let memory = forecast(&shape.graph, &shape.targets, 1).unwrap().peak_bytes;
        let threads = Threads::new(7).with_memory(memory);
        threads.execute(shape.graph, &shape.targets, &RunContext::default()).unwrap();
        assert!(shape.gauge.most() <= memory, "{name}: {} > {memory}", shape.gauge.most());
    }
}

#[test]
fn a_value_that_is_slow_to_free_counts_until_it_is_freed() {
    let shape = map(30, [100, 100, 0], false);
    shape.gauge.lag.store(1, Ordering::SeqCst);
    Threads::new(4).with_memory(400).execute(shape.graph, &shape.targets, &RunContext::default()).unwrap();
    assert!(shape.gauge.most() <= 400, "{}", shape.gauge.most());
}

#[test]
fn a_budget_below_the_largest_task_makes_tasks_wait_but_never_stops_the_run() {
    let shape = map_reduce(64, [100, 100, 0], false);
    let threads = Threads::new(7).with_memory(1);
    threads.execute(shape.graph, &shape.targets, &RunContext::default()).unwrap();
    assert!(shape.gauge.most() <= 8 * 100);
}

#[test]
fn scratch_is_admitted_too() {
    let mut shape = Shape::default();
    for index in 0..50 {
        let key = shape.key("read", index);
        shape.costly(&key, Cost { flops: 1.0, output_bytes: 1, scratch_bytes: 1000 }, &[]);
        shape.targets.push(key);
    }
    Threads::new(7).with_memory(2500).execute(shape.graph, &shape.targets, &RunContext::default()).unwrap();
    assert!(shape.gauge.most() <= 2500, "{}", shape.gauge.most());
}

#[test]
fn without_a_budget_a_map_holds_what_its_workers_work_on() {
    let shape = map(200, [1_000_000, 1_000_000, 1], false);
    let threads = Threads::new(3);
    threads.execute(shape.graph, &shape.targets, &RunContext::default()).unwrap();
    assert!(shape.gauge.most() <= 2 * 3 * 1_000_000 + 200, "{}", shape.gauge.most());
}

#[test]
fn without_a_budget_quick_roots_do_not_run_ahead_of_a_slow_reducer() {
    // sum(i) of sum(i - 1) and read(i), one after the other, while any number of reads could run
    let mut shape = Shape::default();
    let mut last: Vec<Key> = Vec::new();
    for index in 0..256 {
        let [read, sum] = ["read", "sum"].map(|layer| shape.key(layer, index));
        shape.task(&read, 1_000_000, &[]);
        last.push(read);
        shape.costly(&sum, Cost { flops: 1e9, output_bytes: 1_000_000, scratch_bytes: 0 }, &last);
        last = vec![sum];
    }
    shape.targets = last;
    shape.gauge.slow.store(1, Ordering::SeqCst);
    let serial = forecast(&shape.graph, &shape.targets, 1).unwrap().peak_bytes;
    let net = Net::new(&shape.graph, &shape.targets).unwrap();
    let course = Course::plan(&shape.graph, &net, Limits::workers(4)).unwrap();
    let held_back = simulated_peak(&net, &course, 4);
    let free = simulated_peak(&net, &Course { most: None, ..course }, 4);
    assert!(serial <= 3_000_000 && held_back <= 4 * serial && free > 250_000_000, "{serial} {held_back} {free}");
    Threads::new(4).execute(shape.graph, &shape.targets, &RunContext::default()).unwrap();
    assert!(shape.gauge.most() <= 4 * serial, "{} of the 256e6 bytes of all reads", shape.gauge.most());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_held_never_exceeds_a_budget_that_one_worker_keeps(shape in any_shape(), workers in 1..5_usize) {
        let memory = forecast(&shape.graph, &shape.targets, 1).unwrap().peak_bytes;
        let unneeded = shape.gauge.held();
        let Shape { graph, targets, gauge, .. } = shape;
        let values = Threads::new(workers).with_memory(memory).execute(graph, &targets, &RunContext::default()).unwrap();
        prop_assert!(gauge.most() <= memory.max(unneeded));
        drop(values);
        prop_assert_eq!(gauge.held(), 0);
    }
}

//! The schedule without threads: the state machine and the forecast.

use proptest::prelude::*;

use super::super::course::Course;
use super::super::forecast::simulated_peak;
use super::super::ledger::serial_needs;
use super::super::net::Net;
use super::super::order::{best, best_with_peak};
use super::super::residence::Residence;
use super::super::state::{Instruction, State};
use super::super::{Cost, Limits, forecast};
use super::random::any_shape;
use super::{Shape, chain, map, map_reduce};

/// The course of the best order.
fn course(net: &Net, workers: usize, memory: Option<u64>) -> Course {
    let (order, worst) = best_with_peak(net);
    Course::along(net, order, (Residence::default(), worst), Limits { workers, memory, spills: false })
}

/// Plays a run on paper: at most `workers` tasks at a time, each end chosen by `dice`; returns the peak.
fn play(net: &Net, memory: Option<u64>, (workers, dice): (usize, &[usize])) -> u64 {
    let course = course(net, workers, memory);
    let mut state = State::new(net, &course);
    let mut running = Vec::new();
    let mut dice = dice.iter().cycle();
    for _ in 0..course.order.len() {
        while running.len() < workers
            && let Instruction::Run(task) = state.next()
        {
            running.push(task);
            if memory.is_some_and(|memory| state.held() > memory) {
                assert_eq!(running.len(), 1, "a task above the budget runs alone");
            }
        }
        assert!(!running.is_empty(), "a deadlock");
        let ended = running.swap_remove(dice.next().unwrap() % running.len());
        state.done(ended);
    }
    assert_eq!(state.next(), Instruction::End);
    state.peak()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_budget_of_the_serial_peak_is_kept_by_any_number_of_workers(
        shape in any_shape(),
        workers in 1..8_usize,
        dice in prop::collection::vec(any::<usize>(), 1..50),
    ) {
        let net = Net::new(&shape.graph, &shape.targets).unwrap();
        let serial = simulated_peak(&net, &course(&net, 1, None), 1);
        prop_assert!(play(&net, Some(serial), (workers, &dice)) <= serial);
    }

    #[test]
    fn a_budget_below_the_serial_peak_is_exceeded_by_lone_tasks_only_and_never_stops_the_run(
        shape in any_shape(),
        workers in 1..8_usize,
        percent in 0..100_u64,
        dice in prop::collection::vec(any::<usize>(), 1..50),
    ) {
        let net = Net::new(&shape.graph, &shape.targets).unwrap();
        let memory = simulated_peak(&net, &course(&net, 1, None), 1) * percent / 100;
        play(&net, Some(memory), (workers, &dice));
    }

    #[test]
    fn the_forecast_of_one_worker_is_the_peak_of_the_order(shape in any_shape()) {
        let net = Net::new(&shape.graph, &shape.targets).unwrap();
        let order = best(&net);
        let given: u64 = (0..net.len() as u32).filter(|&node| !net.is_task(node)).map(|node| net.bytes(node)).sum();
        let peak = serial_needs(&net, &order, &Residence::default()).into_iter().max().unwrap_or(0).max(given);
        prop_assert_eq!(forecast(&shape.graph, &shape.targets, 1).unwrap().peak_bytes, peak);
    }
}

#[test]
fn a_worker_waits_for_dependencies_and_leaves_when_nothing_is_left_to_start() {
    let shape = chain(2, [1; 3], false);
    let net = Net::new(&shape.graph, &shape.targets).unwrap();
    let course = course(&net, 1, None);
    let order = &course.order;
    let mut state = State::new(&net, &course);
    assert_eq!(state.next(), Instruction::Run(order[0]));
    assert_eq!(state.next(), Instruction::Wait);
    assert_eq!(state.done(order[0]), [order[1]]);
    assert_eq!(state.next(), Instruction::Run(order[1]));
    assert_eq!(state.next(), Instruction::End);
}

#[test]
fn no_task_starts_after_a_stop() {
    let shape = map(10, [1; 3], false);
    let net = Net::new(&shape.graph, &shape.targets).unwrap();
    let course = course(&net, 1, None);
    let order = &course.order;
    let mut state = State::new(&net, &course);
    assert_eq!(state.next(), Instruction::Run(order[0]));
    state.stop();
    assert_eq!(state.next(), Instruction::End);
}

#[test]
fn a_task_waits_for_the_bytes_that_a_running_one_will_give_back() {
    // two reads of 10 bytes with 5 of scratch each, 30 in all
    let mut shape = Shape::default();
    for index in 0..2 {
        let key = shape.key("read", index);
        shape.costly(&key, Cost { flops: 1.0, output_bytes: 10, scratch_bytes: 5 }, &[]);
        shape.targets.push(key);
    }
    let net = Net::new(&shape.graph, &shape.targets).unwrap();
    let course = |memory| course(&net, 2, Some(memory));
    let (tight, wide) = (course(29), course(30));
    let order = &tight.order;
    let mut tight = State::new(&net, &tight);
    assert_eq!(tight.next(), Instruction::Run(order[0]));
    assert_eq!(tight.next(), Instruction::Wait);
    tight.done(order[0]);
    assert_eq!(tight.next(), Instruction::Run(order[1]));
    let mut wide = State::new(&net, &wide);
    assert_eq!(wide.next(), Instruction::Run(order[0]));
    assert_eq!(wide.next(), Instruction::Run(order[1]));
}

#[test]
fn a_task_does_not_overtake_where_its_result_would_stand_in_the_way() {
    // a 10, b 10 -> c 10; then d 10 -> e: one after the other 30 bytes are enough, but d beside a and b would
    // leave c no room, though a, b and d are 30 bytes themselves
    let mut shape = Shape::default();
    let [a, b, c, d, e] = ["a", "b", "c", "d", "e"].map(|name| shape.key(name, 0));
    shape.task(&a, 10, &[]);
    shape.task(&b, 10, &[]);
    shape.task(&c, 10, &[a, b]);
    shape.task(&d, 10, &[]);
    shape.task(&e, 10, &[c, d]);
    shape.targets = vec![e];
    let net = Net::new(&shape.graph, &shape.targets).unwrap();
    let peak = |workers, memory| {
        let limits = Limits { workers, memory, spills: false };
        simulated_peak(&net, &Course::along(&net, (0..5).collect(), (Residence::default(), 30), limits), workers)
    };
    assert_eq!(peak(1, None), 30);
    assert_eq!(peak(3, None), 40);
    assert_eq!(peak(3, Some(30)), 30);
}

#[test]
fn the_forecast_counts_tasks_and_flops_by_kind() {
    let shape = map_reduce(8, [10, 20, 0], false);
    let forecast = forecast(&shape.graph, &shape.targets, 2).unwrap();
    assert_eq!((forecast.tasks, forecast.flops), (15, 15.0));
    assert_eq!((forecast.by_kind["read"].tasks, forecast.by_kind["read"].output_bytes), (8, 80));
    assert_eq!((forecast.by_kind["mix"].tasks, forecast.by_kind["mix"].output_bytes), (7, 140));
}

#[test]
fn more_workers_are_forecast_to_hold_more() {
    let shape = map(64, [1000, 1000, 1], false);
    let peaks = [1, 4, 16].map(|workers| forecast(&shape.graph, &shape.targets, workers).unwrap().peak_bytes);
    assert!(peaks[0] < peaks[1] && peaks[1] < peaks[2], "{peaks:?}");
    assert!(peaks[2] <= 16 * 2000 + 64);
}

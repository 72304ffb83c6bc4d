//! Runs on threads: results, failures, callbacks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::super::{
    Callback, GraphError, Key, RunContext, RunStart, Scheduler, Serial, Slots, TaskRecord, TaskStart, Threads, forecast,
};
use super::{Act, SHAPES, Shape, Step, chain, map, map_reduce};

fn numbers(shape: Shape, scheduler: &dyn Scheduler<Step>) -> Vec<u64> {
    let values = scheduler.execute(shape.graph, &shape.targets, &RunContext::default()).unwrap();
    values.iter().map(|value| value.small().number.to_bits()).collect()
}

#[test]
fn values_are_the_same_bits_for_every_number_of_workers_and_any_budget() {
    for (name, shape) in SHAPES {
        let make = || shape(20, [100, 90, 80], false);
        let expected = numbers(make(), &Serial);
        for workers in [0, 1, 2, 7] {
            for memory in [None, Some(300), Some(2000)] {
                assert_eq!(
                    numbers(make(), &Threads { memory, ..Threads::new(workers) }),
                    expected,
                    "{name} on {workers}"
                );
            }
        }
    }
}

/// The most tasks that were under way at a time, and the numbers of their workers.
#[derive(Default)]
struct Busy(Mutex<(usize, usize, Vec<usize>)>);

impl Callback for Busy {
    fn pretask(&self, task: &TaskStart) {
        let mut busy = self.0.lock().unwrap();
        busy.0 += 1;
        busy.1 = busy.1.max(busy.0);
        if !busy.2.contains(&task.worker) {
            busy.2.push(task.worker);
        }
    }

    fn posttask(&self, _task: &TaskRecord) {
        self.0.lock().unwrap().0 -= 1;
    }
}

#[test]
fn graphs_side_by_side_share_slots_and_come_to_the_same_values() {
    let make = || map_reduce(60, [100, 90, 80], false);
    let expected = numbers(make(), &Serial);
    let (slots, busy) = (Arc::new(Slots::new(2)), Busy::default());
    let run = || {
        let (shape, callbacks): (_, [&dyn Callback; 1]) = (make(), [&busy]);
        let context = RunContext { callbacks: &callbacks, ..RunContext::default() };
        let threads = Threads::new(3).with_memory(2000).with_slots(Arc::clone(&slots));
        let values = threads.execute(shape.graph, &shape.targets, &context).unwrap();
        values.iter().map(|value| value.small().number.to_bits()).collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
        runs.into_iter().for_each(|run| assert_eq!(run.join().unwrap(), expected));
    });
    let (now, most, workers) = &*busy.0.lock().unwrap();
    assert!(*now == 0 && *most <= 2 && workers.iter().all(|worker| *worker < 2), "{now} {most} {workers:?}");
}

#[test]
fn inputs_come_in_the_order_of_the_dependencies_and_repeated() {
    let number = |places: &[usize]| {
        let mut shape = map(2, [1; 3], false);
        let end = shape.key("zz", 0);
        let dependencies: Vec<Key> = places.iter().map(|&place| shape.targets[place].clone()).collect();
        shape.task(&end, 1, &dependencies);
        shape.targets = vec![end];
        numbers(shape, &Threads::new(2))
    };
    assert_ne!(number(&[0, 1]), number(&[1, 0]));
    assert_ne!(number(&[0, 1]), number(&[0, 1, 1]));
}

#[test]
fn a_panicking_task_is_named_and_sleeping_workers_end() {
    // first -> bad (panics) -> after 0..20: six of the seven workers sleep while `bad` runs
    for workers in [1, 2, 7] {
        let mut shape = chain(1, [1; 3], false);
        let bad = Key::new("bad", [4]);
        shape.act(&bad, Act::Panic, &[shape.targets[0].clone()]);
        shape.targets = (0..20).map(|index| shape.key("after", index)).collect();
        for key in shape.targets.clone() {
            shape.task(&key, 1, std::slice::from_ref(&bad));
        }
        let threads = Threads::new(workers);
        let error = threads.execute(shape.graph, &shape.targets, &RunContext::default()).err().unwrap();
        let told = error.to_string();
        assert_eq!(told.lines().next(), Some("task bad(4) (act) panicked: seed 2 is bad"), "{told}");
        assert_eq!((shape.gauge.held(), shape.gauge.most()), (0, 2));
    }
}

#[test]
fn of_tasks_that_fail_the_first_in_order_is_reported_by_a_single_worker_and_the_rest_never_start() {
    let mut shape = Shape::default();
    shape.targets = (0..100).map(|index| shape.key("task", index)).collect();
    for (index, key) in shape.targets.clone().iter().enumerate() {
        if index % 10 == 9 {
            shape.act(key, Act::Fail, &[]);
        } else {
            shape.task(key, 1, &[]);
        }
    }
    let started = Log::default();
    let run = RunContext { callbacks: &[&started], ..RunContext::default() };
    let error = Serial.execute(shape.graph, &shape.targets, &run).err().unwrap();
    let started = started.pretasks.lock().unwrap();
    let last = started.last().unwrap();
    assert!(matches!(error, GraphError::Task { task, .. } if task.key == last.key));
    assert_eq!(started.iter().filter(|start| start.kind == "act").count(), 1);
}

#[test]
fn a_panicking_callback_is_named_by_its_task_and_does_not_hang_the_run() {
    struct Bad;
    impl Callback for Bad {
        fn posttask(&self, task: &TaskRecord) {
            assert!(task.key.index() != [13], "no thirteens");
        }
    }
    let shape = map(30, [1; 3], false);
    let run = RunContext { callbacks: &[&Bad], ..RunContext::default() };
    let error = Threads::new(4).execute(shape.graph, &shape.targets, &run).err().unwrap();
    assert!(
        matches!(error, GraphError::Panic { task, message } if task.key.index() == [13] && message == "no thirteens")
    );
}

/// Keeps everything that callbacks are told.
#[derive(Default)]
struct Log {
    start: Mutex<Option<RunStart>>,
    pretasks: Mutex<Vec<TaskStart>>,
    records: Mutex<Vec<TaskRecord>>,
    finish: Mutex<Vec<bool>>,
}

impl Callback for Log {
    fn start(&self, run: &RunStart) {
        *self.start.lock().unwrap() = Some(run.clone());
    }

    fn pretask(&self, task: &TaskStart) {
        self.pretasks.lock().unwrap().push(task.clone());
    }

    fn posttask(&self, task: &TaskRecord) {
        self.records.lock().unwrap().push(task.clone());
    }

    fn finish(&self, ok: bool) {
        self.finish.lock().unwrap().push(ok);
    }
}

#[test]
fn callbacks_see_the_run_and_every_task_once_with_times_in_order() {
    for workers in [1, 3] {
        let mut shape = map_reduce(32, [10, 10, 0], false);
        let unneeded = shape.key("unneeded", 0);
        shape.task(&unneeded, 1, &[]);
        let forecast = forecast(&shape.graph, &shape.targets, workers).unwrap();
        let log = Log::default();
        let run = RunContext { callbacks: &[&log], ..RunContext::default() };
        Threads::new(workers).execute(shape.graph, &shape.targets, &run).unwrap();
        let start = log.start.into_inner().unwrap().unwrap();
        assert_eq!((start.tasks, start.workers, start.forecast_bytes), (63, workers, forecast.peak_bytes));
        assert!((start.flops - forecast.flops).abs() < f64::EPSILON);
        let (pretasks, records) = (log.pretasks.into_inner().unwrap(), log.records.into_inner().unwrap());
        assert_eq!((pretasks.len(), records.len()), (63, 63));
        for record in &records {
            let begun = pretasks.iter().find(|begun| begun.key == record.key).unwrap();
            assert_eq!((begun.worker, begun.kind, begun.at), (record.worker, record.kind, record.start));
            assert!(record.ready <= record.start && record.start <= record.end && record.worker < workers);
            assert_eq!(record.output_bytes, 10);
        }
        let last = records.iter().max_by_key(|record| record.end).unwrap();
        assert_eq!((&last.key, last.live_bytes), (&shape.targets[0], 10));
        assert_eq!(*log.finish.lock().unwrap(), [true]);
    }
}

#[test]
fn the_queue_time_of_a_task_begins_when_its_last_input_came_to_be() {
    let shape = chain(5, [1; 3], false);
    let log = Log::default();
    let run = RunContext { callbacks: &[&log], ..RunContext::default() };
    Serial.execute(shape.graph, &shape.targets, &run).unwrap();
    let records = log.records.into_inner().unwrap();
    assert!(records.windows(2).all(|pair| pair[1].ready == pair[0].end));
}

#[test]
fn a_failed_run_is_finished_as_failed_and_a_broken_graph_is_never_started() {
    let log = Log::default();
    let run = RunContext { callbacks: &[&log], ..RunContext::default() };
    let mut shape = Shape::default();
    let bad = Key::new("bad", []);
    shape.act(&bad, Act::Fail, &[]);
    assert!(Threads::new(2).execute(shape.graph, &[bad], &run).is_err());
    assert_eq!(*log.finish.lock().unwrap(), [false]);
    let broken = map(1, [1; 3], false);
    assert!(Serial.execute(broken.graph, &[Key::new("gone", [])], &run).is_err());
    assert_eq!(log.finish.lock().unwrap().len(), 1);
}

#[test]
fn a_request_to_cancel_reaches_the_tasks() {
    struct Watch(AtomicBool);
    struct Asks;
    impl super::Op for Asks {
        type Value = bool;
        type Error = super::NoLuck;
        fn kind(&self) -> &'static str {
            "asks"
        }
        fn cost(&self, _inputs: &[super::Meta]) -> super::Cost {
            super::Cost::default()
        }
        fn run(&self, _: &[std::sync::Arc<bool>], context: &super::TaskContext) -> Result<bool, super::NoLuck> {
            Ok(context.cancel.is_requested())
        }
    }
    impl Callback for Watch {
        fn finish(&self, ok: bool) {
            self.0.store(ok, Ordering::Relaxed);
        }
    }
    let (watch, target) = (Watch(AtomicBool::new(false)), Key::new("asks", []));
    let mut graph = super::TaskGraph::new();
    graph.insert(target.clone(), Asks, Vec::new()).unwrap();
    let run = RunContext { callbacks: &[&watch], ..RunContext::default() };
    run.context.cancel.request();
    assert!(*Serial.execute(graph, &[target], &run).unwrap()[0].small());
    assert!(watch.0.load(Ordering::Relaxed));
}

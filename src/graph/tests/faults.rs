//! What goes wrong in mid-run: operations that fail now and then, files that cannot be written or read, an abort.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::super::{
    Access, Callback, Cancel, Codec, Cost, GraphError, Key, Meta, Op, RetryRecord, RunContext, SMALL, Scheduler,
    Scratch, Serial, SpillRecord, Stored, TaskContext, TaskGraph, TaskRecord, Threads,
};
use super::{NoLuck, Shape, map, map_reduce, transpose};

/// Fails a few times, then gives how often it was run.
struct Shaky {
    failures: u32,
    retries: u32,
    runs: Arc<AtomicU32>,
}

impl Op for Shaky {
    type Value = u32;
    type Error = NoLuck;

    fn kind(&self) -> &'static str {
        "shaky"
    }

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        Cost { output_bytes: 1 << 20, ..Cost::default() }
    }

    fn run(&self, _inputs: &[Arc<u32>], _context: &TaskContext) -> Result<u32, NoLuck> {
        let runs = self.runs.fetch_add(1, Ordering::SeqCst) + 1;
        if runs <= self.failures { Err(NoLuck(f64::from(runs))) } else { Ok(runs) }
    }

    fn describe(&self) -> String {
        format!("{} failures", self.failures)
    }

    fn shape(value: &u32) -> Option<String> {
        Some(format!("({value}, 2)"))
    }

    fn retries(&self) -> u32 {
        self.retries
    }

    fn codec() -> Option<Codec<u32>> {
        #[expect(clippy::trivially_copy_pass_by_ref, reason = "a codec takes values of any type")]
        fn write(value: &u32, to: &mut dyn Write) -> io::Result<()> {
            assert!(*value < 100, "unlucky {value}");
            to.write_all(&[0; 1000])?;
            Err(ErrorKind::StorageFull.into())
        }
        fn read(_: &Stored) -> io::Result<u32> {
            Err(ErrorKind::Unsupported.into())
        }
        Some(Codec { write, read })
    }
}

/// `shaky -> use(0)`, `use(0) -> use(1)`, of which `use` never fails.
fn shaky(failures: u32, retries: u32, before: u32) -> (TaskGraph<Shaky>, Key, Arc<AtomicU32>) {
    let mut graph = TaskGraph::new();
    let runs = Arc::new(AtomicU32::new(before));
    let op = |failures, runs: &Arc<AtomicU32>| Shaky { failures, retries, runs: Arc::clone(runs) };
    let [first, second, last] = [Key::new("shaky", []), Key::new("use", [0]), Key::new("use", [1])];
    graph.insert(first.clone(), op(failures, &runs), Vec::new()).unwrap();
    graph.insert(second.clone(), op(0, &Arc::default()), vec![first]).unwrap();
    graph.insert(last.clone(), op(0, &Arc::default()), vec![second]).unwrap();
    (graph, last, runs)
}

/// Keeps what it is told of retries and ends.
#[derive(Default)]
struct Log {
    retries: Mutex<Vec<RetryRecord>>,
    tasks: Mutex<Vec<TaskRecord>>,
}

impl Callback for Log {
    fn retried(&self, retry: &RetryRecord) {
        self.retries.lock().unwrap().push(retry.clone());
    }

    fn posttask(&self, task: &TaskRecord) {
        self.tasks.lock().unwrap().push(task.clone());
    }
}

#[test]
fn an_operation_that_may_be_tried_again_is_and_callbacks_are_told_each_time() {
    let (graph, target, runs) = shaky(2, 2, 0);
    let log = Log::default();
    let run = RunContext { callbacks: &[&log], ..RunContext::default() };
    Threads::new(2).execute(graph, &[target], &run).unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 3);
    let (retries, tasks) = (log.retries.into_inner().unwrap(), log.tasks.into_inner().unwrap());
    let told: Vec<_> = retries.iter().map(|retry| (retry.attempt, retry.error.as_str())).collect();
    assert_eq!(told, [(1, "no luck with 1"), (2, "no luck with 2")]);
    assert_eq!(retries[1].pause, 2 * retries[0].pause);
    assert_eq!(tasks.iter().map(|task| task.attempt).collect::<Vec<_>>(), [3, 1, 1]);
    assert!(tasks[0].end - tasks[0].start >= 3 * retries[0].pause);
}

#[test]
fn an_operation_that_fails_for_good_is_told_with_attempts_parameters_inputs_and_the_way_to_the_target() {
    let (graph, target, runs) = shaky(9, 1, 0);
    let error = Serial.execute(graph, &[target], &RunContext::default()).err().unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    let told = "task shaky (shaky) failed 2 times\n  parameters: 9 failures\n  wanted for: shaky -> use(0) -> use(1)";
    assert_eq!(error.to_string(), told);

    let mut shape = transpose(8, [1 << 20, 3000, 1], false);
    let bad = Key::new("bad", []);
    let blocks: Vec<Key> = (0..9).map(|index| shape.key("block", index)).collect();
    shape.act(&bad, super::Act::Fail, &blocks);
    shape.targets.push(bad);
    let error = Serial.execute(shape.graph, &shape.targets, &RunContext::default()).err().unwrap();
    let inputs = "block(0) (3000) of 2.9 KiB, block(1) (3000) of 2.9 KiB, (5 more), block(7) (3000) of 2.9 KiB, block(8) (3000) of 2.9 KiB";
    assert_eq!(error.to_string(), format!("task bad (act) failed\n  inputs: {inputs}"));
}

#[test]
fn the_shapes_of_the_inputs_of_a_task_that_failed_are_told() {
    let mut graph = TaskGraph::new();
    let [good, bad] = ["good", "bad"].map(|name| Key::new(name, []));
    let op = |failures| Shaky { failures, retries: 0, runs: Arc::default() };
    graph.insert(good.clone(), op(0), Vec::new()).unwrap();
    graph.insert(bad.clone(), op(1), vec![good]).unwrap();
    let error = Serial.execute(graph, &[bad], &RunContext::default()).err().unwrap();
    assert!(error.to_string().ends_with("inputs: good (1, 2) of 1.0 MiB"), "{error}");
}

#[test]
fn an_operation_that_may_not_be_tried_again_is_not() {
    let (graph, target, runs) = shaky(1, 0, 0);
    let error = Serial.execute(graph, &[target], &RunContext::default()).err().unwrap();
    assert!(matches!(error, GraphError::Task { task, .. } if task.attempts == 1));
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

fn count_files(folder: &Path) -> usize {
    fs::read_dir(folder).map_or(0, Iterator::count)
}

#[test]
fn a_full_disk_is_told_with_key_folder_and_remedy_and_nothing_is_left() {
    let parent = tempfile::tempdir().unwrap();
    for workers in [1, 3] {
        let (graph, target, _) = shaky(0, 0, 0);
        let scratch = Scratch::new(parent.path()).unwrap();
        let folder = scratch.path().to_owned();
        // room for two values, while the last task takes one, makes one, and the target stays
        let threads = Threads::new(workers).with_memory(2 << 20).with_scratch(scratch);
        let both = [target.clone(), Key::new("shaky", [])];
        let error = threads.execute(graph, &both, &RunContext::default()).err().unwrap();
        let hint = error.hint().unwrap();
        let told = format!("cannot write the value of shaky\n  file {}\n  for task shaky (shaky)", folder.display());
        assert!(error.to_string().starts_with(&told), "{error}");
        assert!(hint.starts_with("free space around ") && hint.contains("another scratch folder"), "{hint}");
        let GraphError::Scratch { key, path, access: Access::Write, source, .. } = error else { panic!("{error}") };
        assert_eq!((key, path, source.kind()), (both[1].clone(), folder.clone(), ErrorKind::StorageFull));
        assert_eq!(count_files(&folder), 0);
        drop(threads);
        assert_eq!(count_files(parent.path()), 0);
    }
}

#[test]
fn a_panic_while_writing_is_named_by_its_task_and_leaves_no_file() {
    let parent = tempfile::tempdir().unwrap();
    let (graph, target, _) = shaky(0, 0, 998);
    let threads = Threads::new(2).with_memory(2 << 20).with_scratch(Scratch::new(parent.path()).unwrap());
    let error = threads.execute(graph, &[target, Key::new("shaky", [])], &RunContext::default()).err().unwrap();
    assert!(matches!(&error, GraphError::Panic { message, .. } if message == "unlucky 999"), "{error}");
    drop(threads);
    assert_eq!(count_files(parent.path()), 0);
}

/// Does something with each file as soon as it is written.
struct Vandal<F: Fn(&Path) + Send + Sync> {
    folder: PathBuf,
    act: F,
}

impl<F: Fn(&Path) + Send + Sync> Callback for Vandal<F> {
    fn spilled(&self, _spill: &SpillRecord) {
        fs::read_dir(&self.folder).into_iter().flatten().flatten().for_each(|entry| (self.act)(&entry.path()));
    }
}

/// Slabs, blocks and ends that go to files.
const LARGE: [u64; 3] = [3 * SMALL, 2 * SMALL, SMALL];

/// Runs a graph that needs files under this callback, and expects a failure.
fn vandalised(workers: usize, sizes: [u64; 3], act: impl Fn(&Path) + Send + Sync) -> GraphError {
    let parent = tempfile::tempdir().unwrap();
    let shape = transpose(6, sizes, false);
    shape.gauge.parts.store(4, Ordering::SeqCst);
    let scratch = Scratch::new(parent.path()).unwrap();
    let vandal = Vandal { folder: scratch.path().to_owned(), act };
    let run = RunContext { callbacks: &[&vandal], ..RunContext::default() };
    let threads = Threads::new(workers).with_memory(9 * SMALL).with_scratch(scratch);
    let error = threads.execute(shape.graph, &shape.targets, &run).err().unwrap();
    drop(threads);
    assert_eq!((shape.gauge.held(), count_files(parent.path())), (0, 0));
    error
}

#[test]
fn a_file_that_cannot_be_read_back_is_told_with_key_path_and_remedy() {
    for workers in [1, 3] {
        let error = vandalised(workers, LARGE, |path| File::create(path).map(drop).unwrap());
        assert!(error.hint().unwrap().starts_with("check that nobody removes files"), "{error}");
        let GraphError::Scratch { key, path, access: Access::Read, task, source } = error else { panic!("{error}") };
        assert_eq!(source.kind(), ErrorKind::UnexpectedEof);
        let task = task.expect("a task wanted it");
        let lost = task.inputs.iter().find(|input| input.key == key);
        assert!(lost.is_some_and(|input| input.shape.is_none()) && task.path.len() > 1, "{task:?}");
        assert!(["slab", "block"].contains(&key.layer()) && path.file_name().is_some(), "{key} {}", path.display());
    }
}

#[test]
fn a_result_that_cannot_be_written_is_told_with_the_shapes_of_the_inputs() {
    let error = vandalised(1, [SMALL / 2, 4 * SMALL, SMALL], |path| {
        let _ = fs::remove_dir_all(path.parent().unwrap());
    });
    let GraphError::Scratch { access: Access::Write, task: Some(task), .. } = &error else { panic!("{error}") };
    assert!(task.inputs.len() == 6 && task.inputs.iter().all(|input| input.shape.is_some()), "{error}");
}

#[test]
fn a_scratch_folder_that_is_removed_in_mid_run_is_told() {
    for workers in [1, 3] {
        let error = vandalised(workers, LARGE, |path| {
            let _ = fs::remove_dir_all(path.parent().unwrap());
        });
        assert!(
            matches!(&error, GraphError::Scratch { source, .. } if source.kind() == ErrorKind::NotFound),
            "{error}"
        );
    }
}

/// Aborts once so many tasks have ended.
struct Abort {
    cancel: Cancel,
    left: AtomicU32,
}

impl Callback for Abort {
    fn posttask(&self, _task: &TaskRecord) {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.cancel.abort();
        }
    }
}

#[test]
fn an_abort_starts_no_task_any_more_and_tells_what_was_done() {
    for workers in [1, 4] {
        let shape = map_reduce(64, [10; 3], false);
        let abort = Abort { cancel: Cancel::default(), left: AtomicU32::new(20) };
        let context = TaskContext { cancel: abort.cancel.clone() };
        let run = RunContext { callbacks: &[&abort], context, ..RunContext::default() };
        let error = Threads::new(workers).execute(shape.graph, &shape.targets, &run).err().unwrap();
        let GraphError::Cancelled { done, tasks } = error else { panic!("{error}") };
        assert!(tasks == 127 && (20..20 + workers).contains(&done), "{done} of {tasks} on {workers}");
        assert_eq!(error.to_string(), format!("aborted: {done} of 127 tasks were done"));
        assert_eq!(shape.gauge.held(), 0);
    }
}

#[test]
fn a_request_alone_lets_every_task_run() {
    let shape = map(10, [1; 3], false);
    let run = RunContext::default();
    run.context.cancel.request();
    assert_eq!(Threads::new(2).execute(shape.graph, &shape.targets, &run).unwrap().len(), 10);
    run.context.cancel.abort();
    let shape: Shape = map(10, [1; 3], false);
    let error = Threads::new(2).execute(shape.graph, &shape.targets, &run).err().unwrap();
    assert!(matches!(error, GraphError::Cancelled { done: 0, tasks: 30 }));
    assert!(run.context.cancel.is_requested() && shape.gauge.most() == 0);
}

#[test]
fn an_abort_ends_the_attempts_of_a_task() {
    let (graph, target, runs) = shaky(u32::MAX, 1000, 0);
    let run = RunContext::default();
    let cancel = run.context.cancel.clone();
    let began = Instant::now();
    let ender = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        cancel.abort();
    });
    let error = Serial.execute(graph, &[target], &run).err().unwrap();
    ender.join().unwrap();
    assert!(matches!(error, GraphError::Task { .. }));
    assert!(runs.load(Ordering::SeqCst) < 20 && began.elapsed() < Duration::from_secs(20));
}

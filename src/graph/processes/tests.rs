//! Children of the test program itself: the ignored test below is what they run.

use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::*;
use crate::graph::{
    Access, Callback, Cancel, Cost, Meta, Packer, SMALL, SpillRecord, Stored, TaskContext, TaskRecord, Threads,
    Unpacker,
};

/// What the tests' tasks do; values are rows of numbers.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum Piece {
    /// So many numbers from this one on.
    Count(f64, usize),
    /// Sums of the inputs' numbers, place by place.
    Sum,
    /// Adds its process to a file, and the same as a sum.
    Signed(PathBuf),
    /// Kills its own process until there are so many lines in the file.
    Die(PathBuf, usize),
    /// Fails, with a cause.
    Fail,
    /// Fails until there are two lines in the file.
    FailOnce(PathBuf),
    /// Panics.
    Panic,
    /// Writes a line, then sleeps for a minute.
    Sleep(PathBuf),
    /// Writes a line, then waits until it is asked to end early.
    Wait(PathBuf),
}

#[derive(Debug, thiserror::Error)]
#[error("this piece fails")]
struct Broken(#[source] std::fmt::Error);

/// Adds a line with the number of this process to a file, and tells how many there are.
fn sign(path: &Path) -> usize {
    let mut file = fs::File::options().create(true).append(true).open(path).unwrap();
    file.write_all(format!("{}\n", std::process::id()).as_bytes()).unwrap();
    lines(path).len()
}

fn lines(path: &Path) -> Vec<u32> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| line.parse().unwrap()).collect()
}

fn sum(inputs: &[Arc<Vec<f64>>]) -> Vec<f64> {
    let mut total = inputs[0].to_vec();
    for input in &inputs[1..] {
        total.iter_mut().zip(&**input).for_each(|(sum, value)| *sum = (*sum + value).sin());
    }
    total
}

impl Op for Piece {
    type Value = Vec<f64>;
    type Error = Broken;

    fn kind(&self) -> &'static str {
        "piece"
    }

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let most = inputs.iter().map(|meta| meta.bytes).max().unwrap_or_default();
        let bytes = if let Self::Count(_, count) = self { 8 * *count as u64 } else { most };
        Cost { flops: 1.0, output_bytes: bytes, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Vec<f64>>], context: &TaskContext) -> Result<Vec<f64>, Broken> {
        match self {
            Self::Count(first, count) => return Ok((0..*count).map(|place| first + place as f64).collect()),
            Self::Sum => {}
            Self::Signed(path) => _ = sign(path),
            Self::Die(path, enough) => {
                if sign(path) < *enough {
                    Command::new("kill").args(["-KILL", &std::process::id().to_string()]).status().unwrap();
                    thread::sleep(Duration::from_secs(60));
                }
            }
            Self::FailOnce(path) if sign(path) > 1 => {}
            Self::Fail | Self::FailOnce(_) => return Err(Broken(std::fmt::Error)),
            Self::Panic => panic!("this piece panics"),
            Self::Sleep(path) => {
                sign(path);
                thread::sleep(Duration::from_secs(60));
            }
            Self::Wait(path) => {
                sign(path);
                let begin = Instant::now();
                while !context.cancel.is_requested() && begin.elapsed() < Duration::from_secs(60) {
                    thread::sleep(Duration::from_millis(1));
                }
            }
        }
        Ok(sum(inputs))
    }

    fn retries(&self) -> u32 {
        u32::from(matches!(self, Self::FailOnce(_)))
    }

    fn codec() -> Option<Codec<Vec<f64>>> {
        #[expect(clippy::ptr_arg, reason = "the codec is of this type")]
        fn write(value: &Vec<f64>, to: &mut dyn Write) -> io::Result<()> {
            let mut to = Packer::new(to);
            to.put(&value.len())?;
            to.put_all(value)
        }
        fn read(stored: &Stored) -> io::Result<Vec<f64>> {
            let mut from = Unpacker::new(stored);
            let len = from.get()?;
            from.get_all(len)
        }
        Some(Codec { write, read })
    }
}

#[test]
#[ignore = "is started by the other tests as their child"]
fn is_a_child() {
    let _ = serve::<Piece>(|_| Some("mend it".into()));
}

struct Bench {
    folder: tempfile::TempDir,
    processes: Processes,
}

impl Bench {
    fn new(workers: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let scratch = Scratch::new(folder.path()).unwrap();
        let name = format!("{}::is_a_child", module_path!().split_once("::").unwrap().1);
        let command = WorkerCommand::own([&name, "--exact", "--ignored", "--nocapture"]);
        Self { processes: Processes::new(workers, scratch, command), folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Files in the scratch folder.
    fn files(&self) -> usize {
        fs::read_dir(self.processes.scratch.path()).unwrap().count()
    }

    fn run(&self, tasks: Tasks, run: &RunContext<'_, Vec<f64>>) -> Result<Vec<Held<Vec<f64>>>, GraphError> {
        self.processes.execute(tasks.graph, &[tasks.last], run)
    }
}

struct Tasks {
    graph: TaskGraph<Piece>,
    last: Key,
}

fn key(number: u32) -> Key {
    Key::new("piece", [number])
}

/// Tasks on top of each other: large values and small ones, given ones too, then these pieces.
fn tasks(last: Vec<Piece>) -> Tasks {
    let mut graph = TaskGraph::new();
    let large = SMALL as usize / 4;
    let (given, small) = (Key::new("given", [0]), Key::new("given", [1]));
    let values: Vec<f64> = (0..large).map(|place| place as f64 / 3.0).collect();
    graph.insert_value(given.clone(), Held::new(Arc::new(values), 8 * large as u64)).unwrap();
    graph.insert_value(small.clone(), Held::new(Arc::new(vec![0.5; 3]), 24)).unwrap();
    let mut tops = vec![given, small];
    for number in 0..6 {
        let count = key(10 + number);
        graph
            .insert(count.clone(), Piece::Count(f64::from(number), if number % 2 == 0 { large } else { 7 }), vec![])
            .unwrap();
        let inputs = vec![count.clone(), tops[tops.len() - 2].clone(), tops[tops.len() - 1].clone(), count];
        graph.insert(key(number), Piece::Sum, inputs).unwrap();
        tops.push(key(number));
    }
    for (number, piece) in (100..).zip(last) {
        graph.insert(key(number), piece, vec![tops[tops.len() - 1].clone(), tops[tops.len() - 2].clone()]).unwrap();
        tops.push(key(number));
    }
    Tasks { graph, last: tops.pop().unwrap() }
}

fn bits(held: &[Held<Vec<f64>>]) -> Vec<u64> {
    held.iter().flat_map(|held| held.value().unwrap().iter().map(|value| value.to_bits()).collect::<Vec<_>>()).collect()
}

fn expected(last: Vec<Piece>) -> Vec<u64> {
    let Tasks { graph, last } = tasks(last);
    bits(&Threads::new(1).execute(graph, &[last], &RunContext::default()).unwrap())
}

#[derive(Default)]
struct Log {
    records: Mutex<Vec<TaskRecord>>,
    spills: Mutex<Vec<SpillRecord>>,
}

impl Callback for Log {
    fn posttask(&self, task: &TaskRecord) {
        self.records.lock().unwrap().push(task.clone());
    }

    fn spilled(&self, spill: &SpillRecord) {
        self.spills.lock().unwrap().push(spill.clone());
    }
}

#[test]
fn children_give_the_bits_of_threads_and_leave_nothing() {
    for workers in [1, 3] {
        let bench = Bench::new(workers);
        let log = Log::default();
        let run = RunContext { callbacks: &[&log], ..RunContext::default() };
        let held = bench.run(tasks(vec![Piece::Sum; 3]), &run).unwrap();
        assert_eq!(bits(&held), expected(vec![Piece::Sum; 3]));
        let records = log.records.into_inner().unwrap();
        assert_eq!(records.len(), 15);
        for record in &records {
            assert!(record.worker < workers && record.ready <= record.start && record.start <= record.end);
            assert!(record.read + record.write <= record.end - record.start, "{record:?}");
            assert_eq!(record.spilled_bytes, if record.output_bytes < SMALL { 0 } else { record.output_bytes });
        }
        let stored: u64 = records.iter().map(|record| record.spilled_bytes).sum();
        let spills = log.spills.into_inner().unwrap();
        let spilled: u64 = spills.iter().filter(|spill| spill.kind == "piece").map(|spill| spill.bytes).sum();
        assert!(stored > 0 && stored == spilled);
        drop(held);
        assert_eq!(bench.files(), 0, "the values are gone, and so are their files");
    }
}

#[test]
fn children_stay_for_the_next_run_and_are_other_processes() {
    let bench = Bench::new(1);
    let path = bench.path("signed");
    for _ in 0..2 {
        bench
            .run(tasks(vec![Piece::Signed(path.clone()), Piece::Signed(path.clone())]), &RunContext::default())
            .unwrap();
    }
    let signed = lines(&path);
    assert!(signed.len() == 4 && signed.iter().all(|process| *process == signed[0] && *process != std::process::id()));
    drop(bench);
    assert!(!Path::new(&format!("/proc/{}", signed[0])).exists(), "the child has ended with the scheduler");
}

#[test]
fn task_of_a_killed_child_is_done_again_by_another_one() {
    let bench = Bench::new(2);
    let path = bench.path("deaths");
    let held = bench.run(tasks(vec![Piece::Die(path.clone(), 3), Piece::Sum]), &RunContext::default()).unwrap();
    assert_eq!(bits(&held), expected(vec![Piece::Sum; 2]));
    let deaths = lines(&path);
    assert!(deaths.len() == 3 && deaths[0] != deaths[1] && deaths[1] != deaths[2], "{deaths:?}");
}

#[test]
fn task_that_kills_every_child_is_given_up_and_named_with_the_signal() {
    let bench = Bench::new(2);
    let path = bench.path("deaths");
    let error = bench.run(tasks(vec![Piece::Die(path.clone(), 99), Piece::Sum]), &RunContext::default()).err().unwrap();
    assert_eq!(lines(&path).len(), pool::MOST_LOSSES as usize);
    let told = error.to_string();
    assert!(told.contains("piece-100") || told.contains(&key(100).to_string()), "{told}");
    assert!(told.contains("3 worker processes were lost") && told.contains("signal 9 (SIGKILL"), "{told}");
    assert!(error.hint().is_some());
    drop(error);
    assert_eq!(bench.files(), 0);
}

#[test]
fn program_that_is_no_worker_is_told_by_how_it_ended() {
    let bench = Bench::new(1);
    for (program, how) in [("/bin/false", "ended with exit code 1"), ("/nowhere", "could not be started as /nowhere")] {
        let command = WorkerCommand { program: program.into(), arguments: vec![] };
        let processes = Processes::new(1, Arc::clone(&bench.processes.scratch), command);
        let Tasks { graph, last } = tasks(vec![]);
        let told = processes.execute(graph, &[last], &RunContext::default()).err().unwrap().to_string();
        assert!(told.contains(how), "{told}");
    }
}

#[test]
fn error_of_an_operation_arrives_with_its_causes_and_its_hint() {
    let bench = Bench::new(2);
    let error = bench.run(tasks(vec![Piece::Fail, Piece::Sum]), &RunContext::default()).err().unwrap();
    let (task, remote) = error.into_task_error::<RemoteError>().unwrap();
    assert_eq!((task.key, task.attempts), (key(100), 1));
    assert_eq!((remote.to_string().as_str(), remote.hint()), ("this piece fails", Some("mend it")));
    assert_eq!(remote.source().unwrap().to_string(), std::fmt::Error.to_string());
}

#[test]
fn operation_that_asks_for_it_is_tried_again() {
    let bench = Bench::new(1);
    let piece = Piece::FailOnce(bench.path("tries"));
    let held = bench.run(tasks(vec![piece]), &RunContext::default()).unwrap();
    assert_eq!(bits(&held), expected(vec![Piece::Sum]));
    assert_eq!(lines(&bench.path("tries")).len(), 2);
}

#[test]
fn panic_in_a_child_is_told_as_one_of_the_task_and_the_child_lives_on() {
    let bench = Bench::new(1);
    let error = bench.run(tasks(vec![Piece::Panic]), &RunContext::default()).err().unwrap();
    assert!(matches!(&error, GraphError::Panic { message, .. } if message == "this piece panics"), "{error}");
    bench.run(tasks(vec![Piece::Sum]), &RunContext::default()).unwrap();
}

#[test]
fn request_to_end_early_reaches_the_child_in_the_midst_of_its_task() {
    let bench = Bench::new(1);
    let path = bench.path("waits");
    let run = RunContext { context: TaskContext { cancel: Cancel::default() }, ..RunContext::default() };
    let tasks = tasks(vec![Piece::Wait(path.clone()), Piece::Wait(path.clone())]);
    let begin = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            while lines(&path).is_empty() && begin.elapsed() < Duration::from_secs(30) {
                thread::sleep(Duration::from_millis(1));
            }
            run.context.cancel.request();
        });
        bench.run(tasks, &run).unwrap();
    });
    assert!(begin.elapsed() < Duration::from_secs(30));
    assert_eq!(lines(&path).len(), 2, "the second task is told from its beginning");
}

#[test]
fn abort_does_not_wait_for_the_child() {
    let bench = Bench::new(1);
    let path = bench.path("waits");
    let run = RunContext::default();
    let begin = Instant::now();
    let error = thread::scope(|scope| {
        scope.spawn(|| {
            while lines(&path).is_empty() && begin.elapsed() < Duration::from_secs(30) {
                thread::sleep(Duration::from_millis(1));
            }
            run.context.cancel.abort();
        });
        bench.run(tasks(vec![Piece::Sleep(path.clone()), Piece::Sum]), &run).err().unwrap()
    });
    assert!(matches!(error, GraphError::Cancelled { .. }), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(20));
    let child = lines(&path)[0];
    assert!(!Path::new(&format!("/proc/{child}")).exists(), "the child has not been left alone");
}

#[test]
fn budget_that_has_no_room_for_a_task_is_an_error_and_one_that_has_is_kept() {
    let within = |bytes: u64| {
        let Bench { folder, processes } = Bench::new(2);
        let Tasks { graph, last } = tasks(vec![]);
        let held = processes.with_memory(bytes).execute(graph, &[last], &RunContext::default());
        let bits = held.map(|held| bits(&held));
        drop(folder);
        bits
    };
    let tight = within(SMALL).err().unwrap();
    assert!(matches!(tight, GraphError::Budget { memory: SMALL, .. }), "{tight}");
    assert_eq!(within(64 * SMALL).unwrap(), expected(vec![]));
}

#[test]
fn scratch_folder_that_is_gone_is_named() {
    let bench = Bench::new(1);
    fs::remove_dir_all(bench.processes.scratch.path()).unwrap();
    let Tasks { graph, last } = tasks(vec![]);
    let error = bench.processes.execute(graph, &[last], &RunContext::default()).err().unwrap();
    assert!(matches!(&error, GraphError::Scratch { access: Access::Write, .. }), "{error}");
}

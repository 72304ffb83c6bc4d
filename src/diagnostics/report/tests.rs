use std::time::{Duration, Instant};

use serde_json::Value;

use super::*;
use crate::diagnostics::Profilers;
use crate::graph::{Callback, Key, RunStart, TaskRecord, ValueRecord};

/// A record of a run with two graphs and three tasks.
fn record() -> RunRecord {
    let profilers = Profilers::new(Duration::from_secs(60), 1 << 20);
    let origin = Instant::now();
    let at = |millis: u64| origin + Duration::from_millis(millis);
    for callback in profilers.callbacks() {
        callback.start(&RunStart { tasks: 3, workers: 2, forecast_bytes: 1 << 20, ..RunStart::default() });
    }
    for (number, kind) in (0u32..).zip(["fft", "fft", "a</script>b"]) {
        let ready = at(10 * u64::from(number));
        let task = TaskRecord {
            key: Key::new(kind, [0, number]),
            kind,
            worker: number as usize % 2,
            ready,
            start: ready + Duration::from_millis(2),
            end: ready + Duration::from_millis(9),
            read: Duration::from_millis(1),
            write: Duration::from_millis(3),
            output_bytes: 4096,
            live_bytes: 8192,
            spilled_bytes: 4096,
            loaded_bytes: 100,
            flops: 1.0,
            attempt: 1,
        };
        let value = ValueRecord { key: task.key.clone(), kind, bytes: 4096, at: task.end };
        profilers.callbacks().iter().for_each(|callback| callback.posttask(&task));
        profilers.callbacks().iter().for_each(|callback| callback.born(&value));
    }
    profilers.callbacks().iter().for_each(|callback| callback.finish(true));
    let profile = RunProfile { memory_limit: Some(1 << 30), memory_forecast: Some(1 << 25), ..profilers.record() };
    RunRecord { profile: Some(profile), ..RunRecord::default() }
}

fn written() -> (tempfile::TempDir, RunRecord) {
    let (folder, record) = (tempfile::tempdir().expect("a folder"), record());
    let report = Report { title: "a & b".into(), facts: vec![], graph: "<svg></svg>".into(), record: &record };
    let files = report.write(folder.path()).expect("written");
    let names: Vec<_> = files.iter().filter_map(|file| file.file_name()?.to_str()).collect();
    assert_eq!(names, Report::FILES);
    (folder, record)
}

#[test]
fn records_come_back_from_json_lines_as_they_were() {
    let (folder, record) = written();
    assert_eq!(read_tasks(folder.path()).expect("readable"), record.profile.expect("set above").tasks);
}

#[test]
fn csv_has_a_line_of_names_and_one_for_each_record() {
    let (folder, _) = written();
    let text = std::fs::read_to_string(folder.path().join("tasks.csv")).expect("text");
    assert!(text.starts_with("key,kind,worker,ready,start,end,busy,read,write,bytes,"), "{text}");
    assert_eq!(text.lines().count(), 4);
    assert!(text.contains("\n\"fft(0, 1)\",fft,1,"), "{text}");
}

#[test]
fn trace_has_a_slice_for_every_task_with_reading_and_spilling_inside() {
    let (folder, _) = written();
    let bytes = std::fs::read(folder.path().join("trace.json")).expect("bytes");
    let trace: Value = serde_json::from_slice(&bytes).expect("JSON");
    let events = trace["traceEvents"].as_array().expect("a list");
    let of = |name: &str| -> Vec<&Value> { events.iter().filter(|event| event["name"] == name).collect() };
    assert_eq!((of("fft").len(), of("read inputs").len(), of("spill result").len(), of("graph").len()), (2, 3, 3, 1));
    let (task, read, write) = (of("fft")[1], of("read inputs")[1], of("spill result")[1]);
    let number = |event: &Value, key: &str| event[key].as_f64().expect("a number");
    assert!(
        (number(task, "dur") - 7000.0).abs() < 1.0 && (task["args"]["queue_us"].as_f64().unwrap() - 2000.0).abs() < 1.0
    );
    assert!((number(read, "ts") - number(task, "ts")).abs() < 1e-2);
    let end = |event: &Value| number(event, "ts") + number(event, "dur");
    assert!((end(write) - end(task)).abs() < 1e-2);
    assert_eq!(task["args"]["key"], "fft(0, 1)");
    let queue: Vec<_> = of("queue").iter().map(|event| event["args"]["tasks"].as_i64().unwrap()).collect();
    assert_eq!(queue, [1, 0, 1, 0, 1, 0]);
}

#[test]
fn the_page_is_whole_and_names_cannot_end_its_script() {
    let (folder, _) = written();
    let page = std::fs::read_to_string(folder.path().join("report.html")).expect("text");
    assert!(page.contains("<title>a &amp; b - deconv profile</title>") && page.trim_end().ends_with("</html>"));
    assert!(!page.contains("@SCRIPT@") && !page.contains("a</script>b"), "a kind's name is not markup");
    for asset in ["src=\"http", "href=", "@import", "url("] {
        assert!(!page.contains(asset), "{asset} would be loaded from elsewhere");
    }
    let data = page.split("id=\"records\">").nth(1).and_then(|rest| rest.split("</script>").next()).expect("data");
    let data: Value = serde_json::from_str(data).expect("JSON");
    assert_eq!(data["tasks"]["index"][1], "(0, 1)");
    assert_eq!(data["kinds"].as_array().expect("a list").last().expect("one")["name"], "given");
    assert_eq!(data["cache"]["bytes"].as_array().expect("a list").len(), 3);
}

#[test]
fn a_hundred_thousand_tasks_make_a_page_of_a_few_megabytes() {
    let mut record = record();
    let profile = record.profile.as_mut().expect("set above");
    let one = profile.tasks[0].clone();
    profile.tasks = (0..100_000)
        .map(|n| {
            let start = f64::from(n) * 1.234_567_89e-4;
            crate::pipeline::record::TaskSpan { start, ready: start - 1e-5, end: start + 1e-4, ..one.clone() }
        })
        .collect();
    let report = Report { title: String::new(), facts: vec![], graph: String::new(), record: &record };
    let page = page::page(&report, record.profile.as_ref().expect("set above")).expect("drawn");
    assert!(page.len() < 16 << 20, "{} bytes", page.len());
}

#[test]
fn records_that_are_none_are_told_with_their_line() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(matches!(read_tasks(folder.path()), Err(RecordError::Unreadable { .. })));
    std::fs::write(folder.path().join("tasks.jsonl"), "{\"key\": 1}\n").expect("written");
    let error = read_tasks(folder.path()).expect_err("no task");
    assert!(error.to_string().contains("line 1: found {\"key\": 1}"), "{error}");
}

#[test]
fn a_callback_of_ones_own_sees_the_run_beside_the_profilers() {
    use std::sync::Mutex;

    /// Notes each key as it starts.
    #[derive(Default)]
    struct Keys(Mutex<Vec<String>>);

    impl Callback for Keys {
        fn pretask(&self, task: &crate::graph::TaskStart) {
            self.0.lock().expect("no panic").push(task.key.to_string());
        }
    }

    let (keys, profilers) = (Keys::default(), Profilers::new(Duration::from_secs(60), 1 << 20));
    let callbacks: Vec<&dyn Callback> = std::iter::once(&keys as _).chain(profilers.callbacks()).collect();
    let start = crate::graph::TaskStart { key: Key::new("fft", [3]), kind: "fft", worker: 0, at: Instant::now() };
    callbacks.iter().for_each(|callback| callback.pretask(&start));
    assert_eq!(*keys.0.lock().expect("no panic"), ["fft(3)"]);
}

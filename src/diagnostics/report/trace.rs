//! The profile in the format of Chrome's tracing, which Perfetto and `chrome://tracing` open.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::pipeline::record::{RunProfile, TaskSpan};

/// The lane of the graphs; worker `n` has lane `n + 1`.
const GRAPHS: usize = 0;

/// Tasks as slices on the lane of their worker, with reading and spilling as slices within; memory, CPU, files, queue and
/// held values as counters. Each event is written as it is made: all of them are a hundred times as large as the record.
pub(super) fn write(profile: &RunProfile, file: &mut dyn Write) -> io::Result<()> {
    let names = [name("process_name", GRAPHS, "deconv"), name("thread_name", GRAPHS, "graphs")].into_iter();
    let workers = (0..profile.lanes()).map(|worker| name("thread_name", worker + 1, &format!("worker {worker}")));
    let graphs = profile.graphs.iter().map(|graph| {
        let args = json!({ "tasks": graph.tasks, "forecast_bytes": graph.forecast_bytes });
        slice("graph", GRAPHS, (graph.start, graph.end), args)
    });
    let tasks = profile.tasks.iter().flat_map(slices);
    let resources = profile.resources.iter().flat_map(|sample| {
        [
            counter("memory", sample.t, json!({ "resident": sample.rss_bytes })),
            counter("CPU", sample.t, json!({ "percent": sample.cpu_percent })),
            counter("files", sample.t, json!({ "read": sample.read_rate, "written": sample.write_rate })),
        ]
    });
    let held = profile
        .cache
        .iter()
        .map(|point| counter(&format!("held by {}", point.kind), point.t, json!({ "bytes": point.bytes })));
    let events = names.chain(workers).chain(graphs).chain(tasks).chain(queue(profile)).chain(resources).chain(held);
    file.write_all(b"{\"displayTimeUnit\":\"ms\",\"traceEvents\":[")?;
    for (place, event) in events.enumerate() {
        file.write_all(if place == 0 { b"\n" } else { b",\n" })?;
        serde_json::to_writer(&mut *file, &event)?;
    }
    file.write_all(b"\n]}\n")
}

/// A task, with what it reads and spills.
fn slices(task: &TaskSpan) -> impl Iterator<Item = Value> + use<> {
    let lane = task.worker + 1;
    let args = json!({
        "key": task.key, "queue_us": micros(task.start - task.ready), "bytes": task.bytes, "live_bytes": task.live_bytes,
        "loaded_bytes": task.loaded_bytes, "spilled_bytes": task.spilled_bytes, "retries": task.retries,
        "count": task.count,
    });
    let part = |name: &str, (from, to): (f64, f64)| {
        (task.count == 1 && to > from).then(|| slice(name, lane, (from, to), json!({})))
    };
    let whole = slice(&task.kind, lane, (task.start, task.end), args);
    let read = part("read inputs", (task.start, task.start + task.read));
    let spill = part("spill result", (task.end - task.write, task.end));
    [Some(whole), read, spill].into_iter().flatten()
}

/// How many tasks wait, whenever that changes.
fn queue(profile: &RunProfile) -> impl Iterator<Item = Value> + use<> {
    let waiting = profile.tasks.iter().filter(|task| task.start > task.ready);
    let mut changes: Vec<(f64, i64)> =
        waiting.flat_map(|task| [(task.ready, task.count as i64), (task.start, -(task.count as i64))]).collect();
    changes.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    changes.into_iter().scan(0, |sum, (t, change)| {
        *sum += change;
        Some(counter("queue", t, json!({ "tasks": *sum })))
    })
}

fn name(what: &str, lane: usize, name: &str) -> Value {
    json!({ "ph": "M", "name": what, "pid": 1, "tid": lane, "args": { "name": name } })
}

fn slice(name: &str, lane: usize, (start, end): (f64, f64), args: Value) -> Value {
    json!({ "ph": "X", "name": name, "pid": 1, "tid": lane, "ts": micros(start), "dur": micros(end - start), "args": args })
}

fn counter(name: &str, t: f64, args: Value) -> Value {
    json!({ "ph": "C", "name": name, "pid": 1, "ts": micros(t), "args": args })
}

/// Microseconds to a thousandth.
fn micros(seconds: f64) -> f64 {
    (seconds * 1e9).round() / 1e3
}

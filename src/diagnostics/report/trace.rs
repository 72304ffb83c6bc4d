//! The profile in the format of Chrome's tracing, which Perfetto and `chrome://tracing` open.

use serde_json::{Value, json};

use crate::pipeline::record::RunProfile;

/// The lane of the graphs; worker `n` has lane `n + 1`.
const GRAPHS: usize = 0;

/// Tasks as slices on the lane of their worker, with reading and spilling as slices within; memory, CPU, files, queue and
/// held values as counters.
pub(super) fn trace(profile: &RunProfile) -> Vec<u8> {
    let mut events = vec![name("process_name", GRAPHS, "deconv"), name("thread_name", GRAPHS, "graphs")];
    events.extend((0..profile.lanes()).map(|worker| name("thread_name", worker + 1, &format!("worker {worker}"))));
    for graph in &profile.graphs {
        let args = json!({ "tasks": graph.tasks, "forecast_bytes": graph.forecast_bytes });
        events.push(slice("graph", GRAPHS, (graph.start, graph.end), args));
    }
    for task in &profile.tasks {
        let lane = task.worker + 1;
        let args = json!({
            "key": task.key, "queue_us": micros(task.start - task.ready), "bytes": task.bytes, "live_bytes": task.live_bytes,
            "loaded_bytes": task.loaded_bytes, "spilled_bytes": task.spilled_bytes, "retries": task.retries,
            "count": task.count,
        });
        events.push(slice(&task.kind, lane, (task.start, task.end), args));
        if task.count == 1 && task.read > 0.0 {
            events.push(slice("read inputs", lane, (task.start, task.start + task.read), json!({})));
        }
        if task.count == 1 && task.write > 0.0 {
            events.push(slice("spill result", lane, (task.end - task.write, task.end), json!({})));
        }
    }
    events.extend(queue(profile));
    for sample in &profile.resources {
        events.push(counter("memory", sample.t, json!({ "resident": sample.rss_bytes })));
        events.push(counter("CPU", sample.t, json!({ "percent": sample.cpu_percent })));
        events.push(counter("files", sample.t, json!({ "read": sample.read_rate, "written": sample.write_rate })));
    }
    for point in &profile.cache {
        events.push(counter(&format!("held by {}", point.kind), point.t, json!({ "bytes": point.bytes })));
    }
    serde_json::to_vec(&json!({ "displayTimeUnit": "ms", "traceEvents": events })).expect("events are JSON")
}

/// How many tasks wait, whenever that changes.
fn queue(profile: &RunProfile) -> Vec<Value> {
    let waiting = profile.tasks.iter().filter(|task| task.start > task.ready);
    let mut changes: Vec<(f64, i64)> =
        waiting.flat_map(|task| [(task.ready, task.count as i64), (task.start, -(task.count as i64))]).collect();
    changes.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let counted = changes.iter().scan(0, |sum, (t, change)| {
        *sum += change;
        Some(counter("queue", *t, json!({ "tasks": *sum })))
    });
    counted.collect()
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

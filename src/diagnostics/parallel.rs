//! How well the workers were used, and what kept them from it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::pipeline::record::{RunProfile, TaskSpan};

/// How well the workers of a run were used, from its first graph's begin to its last graph's end.
///
/// `speed_up` is the work over the wall time: against the same tasks done one after the other at the same pace. The serial
/// remainder is what a further worker cannot shorten: the time in which one worker was busy, told by the kind of its task,
/// and the time in which none was, most of it between graphs. Where a long record had its short tasks merged these
/// times are estimates, as if the tasks of each worker came at random within the merged span.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Parallelism {
    /// Workers.
    pub workers: usize,
    /// Tasks that ended well.
    pub tasks: u64,
    /// From the first graph's begin to the last graph's end \[s\].
    pub wall_s: f64,
    /// Time in tasks, summed over the workers \[s\].
    pub busy_s: f64,
    /// `busy_s / wall_s`.
    pub speed_up: f64,
    /// `speed_up / workers`.
    pub efficiency: f64,
    /// For how long no worker was busy, one, two and so on \[s\].
    pub busy_workers_s: Vec<f64>,
    /// Of the time in which none was busy, what passed between graphs \[s\].
    pub between_graphs_s: f64,
    /// For how long a task of each kind ran alone; empty for a run of one worker \[s\].
    pub alone_s: BTreeMap<String, f64>,
    /// Of the work, taking inputs from files \[s\].
    pub read_s: f64,
    /// Of the work, writing results to scratch files \[s\].
    pub write_s: f64,
    /// Time that tasks stood in the queue with their inputs there, summed over the tasks \[s\].
    pub queued_s: f64,
}

impl Parallelism {
    /// Looks over a profile.
    pub fn of(profile: &RunProfile) -> Self {
        let workers = profile.lanes();
        let tasks = &profile.tasks;
        let sum = |of: fn(&TaskSpan) -> f64| tasks.iter().map(of).sum::<f64>();
        let (start, end) = extent(profile);
        let wall_s = (end - start).max(0.0);
        let busy_s = sum(|task| task.busy);
        let speed_up = if wall_s > 0.0 { busy_s / wall_s } else { 0.0 };
        let in_graphs: f64 = profile.graphs.iter().map(|graph| graph.end - graph.start).sum();
        let mut sweep = Sweep { busy: vec![0.0; workers + 1], alone: BTreeMap::new() };
        sweep.over(tasks);
        // What lies before the first task and after the last.
        sweep.busy[0] = (wall_s - sweep.busy[1..].iter().sum::<f64>()).max(0.0);
        let alone = if workers > 1 { sweep.alone } else { BTreeMap::new() };
        Self {
            workers,
            tasks: tasks.iter().map(|task| task.count).sum(),
            wall_s,
            busy_s,
            speed_up,
            efficiency: speed_up / workers as f64,
            busy_workers_s: sweep.busy,
            between_graphs_s: if profile.graphs.is_empty() { 0.0 } else { (wall_s - in_graphs).max(0.0) },
            alone_s: alone.into_iter().map(|(kind, seconds)| (kind.to_owned(), seconds)).collect(),
            read_s: sum(|task| task.read),
            write_s: sum(|task| task.write),
            queued_s: tasks.iter().filter(|task| task.count == 1).map(|task| (task.start - task.ready).max(0.0)).sum(),
        }
    }

    /// Time in which exactly one of several workers was busy, and in which none was \[s\].
    pub fn serial_s(&self) -> (f64, f64) {
        let one = if self.workers > 1 { self.busy_workers_s.get(1).copied().unwrap_or(0.0) } else { 0.0 };
        (one, self.busy_workers_s.first().copied().unwrap_or(0.0))
    }

    /// The kinds that ran alone, the longest first, with their seconds.
    pub fn alone(&self) -> Vec<(&str, f64)> {
        let mut kinds: Vec<_> = self.alone_s.iter().map(|(kind, seconds)| (kind.as_str(), *seconds)).collect();
        kinds.sort_by(|a, b| b.1.total_cmp(&a.1));
        kinds
    }
}

/// First begin and last end.
fn extent(profile: &RunProfile) -> (f64, f64) {
    let graphs = profile.graphs.iter().map(|graph| (graph.start, graph.end));
    let tasks = profile.tasks.iter().map(|task| (task.start, task.end));
    let (start, end) =
        graphs.chain(tasks).fold((f64::INFINITY, 0.0f64), |(start, end), (s, e)| (start.min(s), end.max(e)));
    if start <= end { (start, end) } else { (0.0, 0.0) }
}

/// Adds up who was busy at the same time.
struct Sweep<'t> {
    busy: Vec<f64>,
    alone: BTreeMap<&'t str, f64>,
}

impl<'t> Sweep<'t> {
    fn over(&mut self, tasks: &'t [TaskSpan]) {
        let mut events: Vec<(f64, bool, usize)> = tasks
            .iter()
            .enumerate()
            .filter(|(_, task)| task.end > task.start)
            .flat_map(|(place, task)| [(task.start, true, place), (task.end, false, place)])
            .collect();
        // At the same moment ends come first.
        events.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut running: Vec<usize> = Vec::new();
        let mut before = 0.0;
        for (t, begins, place) in events {
            if t > before {
                self.stretch(tasks, &running, t - before);
            }
            before = t;
            if begins {
                running.push(place);
            } else {
                running.retain(|other| *other != place);
            }
        }
    }

    /// A stretch of time in which the same spans run; a merged one is busy for a part of it.
    fn stretch(&mut self, tasks: &'t [TaskSpan], running: &[usize], length: f64) {
        let part = |place: usize| match &tasks[place] {
            task if task.count == 1 => 1.0,
            task => (task.busy / (task.end - task.start)).min(1.0),
        };
        // Chances that none, one, two ... of the spans so far are busy.
        let mut chances = vec![1.0];
        for &place in running {
            let part = part(place);
            chances.push(0.0);
            for count in (0..chances.len()).rev() {
                let fewer = if count > 0 { chances[count - 1] } else { 0.0 };
                chances[count] = chances[count] * (1.0 - part) + fewer * part;
            }
        }
        let most = self.busy.len() - 1;
        for (count, chance) in chances.iter().enumerate() {
            self.busy[count.min(most)] += chance * length;
        }
        for &place in running {
            let others: f64 = running.iter().filter(|other| **other != place).map(|other| 1.0 - part(*other)).product();
            let alone = part(place) * others * length;
            if alone > 0.0 {
                *self.alone.entry(&tasks[place].kind).or_default() += alone;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::record::GraphSpan;

    fn task(kind: &str, worker: usize, start: f64, end: f64) -> TaskSpan {
        let (kind, busy) = (kind.to_owned().into(), end - start);
        TaskSpan { kind, worker, ready: start - 0.25, start, end, busy, count: 1, ..TaskSpan::default() }
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    #[test]
    fn the_serial_remainder_is_told_by_kind() {
        // worker 0: aaaabbbb....cc, worker 1: aa......    one graph from 1 to 8, another from 9 to 11
        let tasks = vec![
            task("a", 0, 1.0, 3.0),
            task("a", 1, 1.0, 2.0),
            task("b", 0, 3.0, 5.0),
            task("b", 1, 3.0, 4.0),
            task("c", 0, 9.0, 10.0),
        ];
        let graph = |start, end| GraphSpan { start, end, ..GraphSpan::default() };
        let graphs = vec![graph(1.0, 8.0), graph(9.0, 11.0)];
        let told = Parallelism::of(&RunProfile { workers: 2, tasks, graphs, ..RunProfile::default() });
        assert!(close(told.wall_s, 10.0) && close(told.busy_s, 7.0) && close(told.speed_up, 0.7));
        assert!(close(told.efficiency, 0.35) && close(told.between_graphs_s, 1.0) && close(told.queued_s, 1.25));
        assert_eq!(told.busy_workers_s, [5.0, 3.0, 2.0]);
        assert_eq!(told.alone(), [("a", 1.0), ("b", 1.0), ("c", 1.0)]);
        assert_eq!(told.serial_s(), (3.0, 5.0));
    }

    #[test]
    fn full_use_of_all_workers_has_no_remainder() {
        let tasks = (0..40).map(|n| task("a", n % 4, (n / 4) as f64, (n / 4 + 1) as f64)).collect();
        let told = Parallelism::of(&RunProfile { workers: 4, tasks, ..RunProfile::default() });
        assert!(close(told.efficiency, 1.0) && told.serial_s() == (0.0, 0.0) && told.alone_s.is_empty());
    }

    #[test]
    fn one_worker_has_no_others_to_wait_and_nothing_is_no_work() {
        let one = RunProfile { workers: 1, tasks: vec![task("a", 0, 0.0, 2.0)], ..RunProfile::default() };
        let told = Parallelism::of(&one);
        assert!(close(told.efficiency, 1.0) && told.alone_s.is_empty() && told.serial_s() == (0.0, 0.0));
        let nothing = Parallelism::of(&RunProfile::default());
        assert_eq!((nothing.tasks, nothing.wall_s, nothing.speed_up), (0, 0.0, 0.0));
    }

    #[test]
    fn merged_spans_count_for_the_part_that_they_were_busy() {
        let half = |worker| TaskSpan { busy: 5.0, count: 50, ..task("a", worker, 0.0, 10.0) };
        let profile = RunProfile { workers: 2, tasks: vec![half(0), half(1)], ..RunProfile::default() };
        let told = Parallelism::of(&profile);
        assert!(close(told.busy_s, 10.0) && close(told.serial_s().0, 5.0) && close(told.serial_s().1, 2.5));
        assert!(close(told.alone_s["a"], 5.0));
    }
}

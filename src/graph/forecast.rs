//! What a run would take, told before it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::course::{Course, Limits, is_given_in_file};
use super::net::Net;
use super::state::{Instruction, State};
use super::{GraphError, Key, Op, TaskGraph};

/// What a run would take.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Forecast {
    /// The most that live values, and results and scratch of running tasks, would hold at one time \[bytes\].
    pub peak_bytes: u64,
    /// Declared bytes of the values that would be written to scratch files.
    pub spilled_bytes: u64,
    /// Declared bytes that tasks would take from files.
    pub loaded_bytes: u64,
    /// Tasks that the targets need.
    pub tasks: usize,
    /// Sum of the declared floating-point operations.
    pub flops: f64,
    /// The same by [`Op::kind`].
    pub by_kind: BTreeMap<&'static str, KindForecast>,
}

/// What the tasks of one kind would take.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct KindForecast {
    /// Number of tasks.
    pub tasks: usize,
    /// Sum of the declared floating-point operations.
    pub flops: f64,
    /// Sum of the declared sizes of results \[bytes\].
    pub output_bytes: u64,
}

/// Forecasts a run on so many workers (0 counts as 1) without a memory budget.
///
/// With one worker the peak is exact for [`super::Serial`], and it is the least budget that [`super::Threads`] keeps to
/// for certain without files.
///
/// # Errors
/// [`GraphError::Missing`] and [`GraphError::Cycle`].
pub fn forecast<O: Op>(graph: &TaskGraph<O>, targets: &[Key], workers: usize) -> Result<Forecast, GraphError> {
    forecast_within(graph, targets, Limits::workers(workers))
}

/// Forecasts a run within limits.
///
/// The schedule is followed on paper, each task lasting as long as its declared operations and the bytes of its result
/// suggest, so for several workers the peak is a guess; under a budget it is never above it, if every task has room.
/// What is written and read is exact.
///
/// # Errors
/// [`GraphError::Missing`], [`GraphError::Cycle`] and [`GraphError::Budget`].
pub fn forecast_within<O: Op>(graph: &TaskGraph<O>, targets: &[Key], limits: Limits) -> Result<Forecast, GraphError> {
    let net = Net::new(graph, targets)?;
    let course = Course::plan(graph, &net, limits)?;
    Ok(along(graph, &net, &course, limits))
}

/// Forecasts a run whose tasks run in other processes ([`super::Processes`]) within limits: every value that is not small
/// goes through files, and what is forecast to be held is what all processes hold together.
///
/// # Errors
/// [`GraphError::Missing`], [`GraphError::Cycle`] and [`GraphError::Budget`].
pub fn forecast_elsewhere<O: Op>(
    graph: &TaskGraph<O>,
    targets: &[Key],
    limits: Limits,
) -> Result<Forecast, GraphError> {
    let net = Net::new(graph, targets)?;
    let course = Course::all_in_files(graph, &net, limits)?;
    Ok(along(graph, &net, &course, limits))
}

fn along<O: Op>(graph: &TaskGraph<O>, net: &Net, course: &Course, limits: Limits) -> Forecast {
    Forecast {
        peak_bytes: simulated_peak(net, course, limits.workers),
        spilled_bytes: course.residence.written(net, |node| is_given_in_file(graph, net, node)),
        loaded_bytes: course.residence.read(),
        tasks: net.tasks().count(),
        flops: total_flops(net),
        by_kind: by_kind(net),
    }
}

/// What the tasks of each kind declare together.
pub(super) fn by_kind(net: &Net) -> BTreeMap<&'static str, KindForecast> {
    let mut by_kind: BTreeMap<_, KindForecast> = BTreeMap::new();
    for (cost, kind) in net.costs.iter().zip(&net.kinds) {
        if let &Some(kind) = kind {
            let entry = by_kind.entry(kind).or_default();
            entry.tasks += 1;
            entry.flops += cost.flops;
            entry.output_bytes += cost.output_bytes;
        }
    }
    by_kind
}

/// Sum of the declared floating-point operations.
pub(super) fn total_flops(net: &Net) -> f64 {
    net.costs.iter().map(|cost| cost.flops).sum()
}

/// Follows the schedule on paper and gives its peak \[bytes\].
///
/// A task is taken to last as long as its floating-point operations and the bytes of its result together, one unit of
/// time each: a guess, good enough to tell which tasks overlap.
pub(super) fn simulated_peak(net: &Net, course: &Course, workers: usize) -> u64 {
    let mut state = State::new(net, course);
    let mut running = BinaryHeap::new();
    let mut now = 0_u64;
    loop {
        while running.len() < workers.max(1)
            && let Instruction::Run(task) = state.next()
        {
            let cost = &net.costs[task as usize];
            let end = now.saturating_add(cost.flops as u64).saturating_add(cost.output_bytes).saturating_add(1);
            running.push(Reverse((end, task)));
        }
        let Some(Reverse((end, task))) = running.pop() else {
            return state.peak();
        };
        now = end;
        state.done(task);
    }
}

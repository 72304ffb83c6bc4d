//! The workers: threads around the pure [`State`], which stands behind one lock together with the values.
//!
//! A worker claims a task under the lock, runs it outside, and tells its end under the lock. A value leaves the store
//! when its last user starts, so the last user to end frees it, and it does so before its end is told: the books never
//! show less than is held. A worker that finds nothing to do sleeps; one that claims a task while others are ready
//! wakes the next sleeper, and whoever ends a task comes back to claim, so no wake-up is lost.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::forecast::{simulated_peak, total_flops};
use super::net::Net;
use super::scheduler::RunContext;
use super::state::{Instruction, State};
use super::task_graph::Node;
use super::{GraphError, Held, Key, Made, Op, RunStart, TaskGraph, TaskRecord, TaskStart, order};

/// Who runs the tasks.
#[derive(Clone, Copy)]
pub(super) struct Crew {
    /// Number of workers; the calling thread is the first.
    pub(super) workers: usize,
    /// Budget of declared bytes.
    pub(super) memory: Option<u64>,
}

/// Computes the targets; the contract is that of [`super::Scheduler::execute`].
pub(super) fn execute<O: Op>(
    graph: TaskGraph<O>,
    targets: &[Key],
    run: &RunContext<'_, O::Value>,
    crew: Crew,
) -> Result<Vec<Held<O::Value>>, GraphError> {
    let net = Net::new(&graph, targets)?;
    let order = order::best(&net);
    let workers = crew.workers.clamp(1, order.len().max(1));
    if !run.callbacks.is_empty() {
        let forecast_bytes = simulated_peak(&net, &order, workers, crew.memory);
        let (tasks, flops) = (order.len(), total_flops(&net));
        let start = RunStart { tasks, flops, forecast_bytes, workers, memory: crew.memory, ..RunStart::default() };
        run.callbacks.iter().for_each(|callback| callback.start(&start));
    }
    let engine = Engine::new(graph, &net, State::new(&net, &order, crew.memory), run)?;
    thread::scope(|scope| {
        for worker in 1..workers {
            let engine = &engine;
            let spawned = thread::Builder::new()
                .name(format!("worker-{worker}"))
                .spawn_scoped(scope, move || engine.work(worker));
            if spawned.is_err() {
                break;
            }
        }
        engine.work(0);
    });
    let result = engine.into_result();
    run.callbacks.iter().for_each(|callback| callback.finish(result.is_ok()));
    result
}

/// A run, shared by its workers.
struct Engine<'n, O: Op> {
    net: &'n Net,
    run: &'n RunContext<'n, O::Value>,
    keys: Vec<Key>,
    ops: Vec<Option<O>>,
    shared: Mutex<Shared<'n, O>>,
    wake: Condvar,
}

/// What stands behind the lock.
struct Shared<'n, O: Op> {
    state: State<'n>,
    values: Vec<Option<Arc<O::Value>>>,
    /// When the last dependency of a task came to be.
    ready: Vec<Instant>,
    sleepers: usize,
    /// The error of the first task in the static order that failed.
    error: Option<(usize, GraphError)>,
}

/// A task that one worker has taken.
struct Claim<O: Op> {
    task: u32,
    inputs: Vec<Arc<O::Value>>,
    ready: Instant,
}

impl<'n, O: Op> Engine<'n, O> {
    fn new(
        graph: TaskGraph<O>,
        net: &'n Net,
        state: State<'n>,
        run: &'n RunContext<'n, O::Value>,
    ) -> Result<Self, GraphError> {
        let (mut keys, mut ops, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for (key, node) in graph.take(&net.places) {
            let (op, value) = match node {
                Node::Task { op, .. } => (Some(op), None),
                Node::Value(held) => {
                    (None, Some(held.value().map_err(|source| GraphError::Scratch { key: key.clone(), source })?))
                }
            };
            keys.push(key);
            ops.push(op);
            values.push(value);
        }
        let shared = Shared { state, values, ready: vec![Instant::now(); net.len()], sleepers: 0, error: None };
        Ok(Self { net, run, keys, ops, shared: Mutex::new(shared), wake: Condvar::new() })
    }

    /// Runs tasks until there are none left to start.
    fn work(&self, worker: usize) {
        while let Some(claim) = self.claim() {
            let task = claim.task;
            let (key, kind) = self.name(task);
            match catch_unwind(AssertUnwindSafe(|| self.perform(worker, claim))) {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    self.fail(task, GraphError::Task { key: key.clone(), kind, source: Box::new(error) });
                }
                Err(payload) => {
                    let message = panic_message(payload.as_ref());
                    self.fail(task, GraphError::Panic { key: key.clone(), kind, message });
                }
            }
        }
    }

    /// Waits for a task that may start; `None` when the worker is to leave.
    fn claim(&self) -> Option<Claim<O>> {
        let mut shared = self.lock();
        loop {
            match shared.state.next() {
                Instruction::Run(task) => {
                    if shared.sleepers > 0 && shared.state.has_ready() {
                        self.wake.notify_one();
                    }
                    return Some(shared.take(self.net, task));
                }
                Instruction::Wait => {
                    shared.sleepers += 1;
                    shared = self.wake.wait(shared).unwrap_or_else(PoisonError::into_inner);
                    shared.sleepers -= 1;
                }
                Instruction::End => {
                    self.wake.notify_all();
                    return None;
                }
            }
        }
    }

    fn perform(&self, worker: usize, claim: Claim<O>) -> Result<(), O::Error> {
        let Claim { task, inputs, ready } = claim;
        let (key, kind) = self.name(task);
        let callbacks = self.run.callbacks;
        let start = Instant::now();
        if !callbacks.is_empty() {
            let begun = TaskStart { key: key.clone(), kind, worker, at: start };
            for callback in callbacks {
                callback.pretask(&begun);
            }
        }
        let op = self.ops[task as usize].as_ref().expect("only tasks are ever ready");
        let value = Arc::new(op.run(&inputs, &self.run.context)?);
        drop(inputs);
        self.show(task, &value, start);
        let end = Instant::now();
        let live_bytes = self.finish(task, value, end);
        if !callbacks.is_empty() {
            let cost = &self.net.costs[task as usize];
            let record = TaskRecord {
                key: key.clone(),
                kind,
                worker,
                ready,
                start,
                end,
                read: Duration::ZERO,
                write: Duration::ZERO,
                output_bytes: cost.output_bytes,
                live_bytes,
                spilled_bytes: 0,
                loaded_bytes: 0,
                flops: cost.flops,
                attempt: 1,
            };
            for callback in callbacks {
                callback.posttask(&record);
            }
        }
        Ok(())
    }

    /// Shows a result to the keeper; not where the operation may have ended early with another one.
    fn show(&self, task: u32, value: &Arc<O::Value>, start: Instant) {
        if let Some(keeper) = self.run.keeper.filter(|_| !self.run.context.cancel.is_requested()) {
            let (key, bytes) = (&self.keys[task as usize], self.net.bytes(task));
            keeper.made(&Made { key, value, bytes, seconds: start.elapsed().as_secs_f64() });
        }
    }

    /// Stores the value of a task that has ended, and returns the live bytes after it.
    fn finish(&self, task: u32, value: Arc<O::Value>, end: Instant) -> u64 {
        let mut shared = self.lock();
        let Shared { state, values, ready, .. } = &mut *shared;
        values[task as usize] = Some(value);
        for &user in state.done(task) {
            ready[user as usize] = end;
        }
        state.live()
    }

    fn fail(&self, task: u32, error: GraphError) {
        let mut shared = self.lock();
        shared.state.stop();
        let rank = shared.state.rank(task);
        if shared.error.as_ref().is_none_or(|&(earlier, _)| rank < earlier) {
            shared.error = Some((rank, error));
        }
        self.wake.notify_all();
    }

    fn name(&self, task: u32) -> (&Key, &'static str) {
        (&self.keys[task as usize], self.net.kinds[task as usize].unwrap_or_default())
    }

    fn lock(&self) -> MutexGuard<'_, Shared<'n, O>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn into_result(self) -> Result<Vec<Held<O::Value>>, GraphError> {
        let shared = self.shared.into_inner().unwrap_or_else(PoisonError::into_inner);
        match shared.error {
            Some((_, error)) => Err(error),
            None => {
                let held = |&target: &u32| Held::new(shared.value(target), self.net.bytes(target));
                Ok(self.net.targets.iter().map(held).collect())
            }
        }
    }
}

impl<O: Op> Shared<'_, O> {
    fn take(&mut self, net: &Net, task: u32) -> Claim<O> {
        let inputs = net.inputs.of(task).iter().map(|&input| self.value(input)).collect();
        for &dep in net.deps.of(task) {
            if self.state.is_taken(dep) {
                self.values[dep as usize] = None;
            }
        }
        Claim { task, inputs, ready: self.ready[task as usize] }
    }

    fn value(&self, node: u32) -> Arc<O::Value> {
        let value = self.values[node as usize].as_ref();
        Arc::clone(value.expect("a value stays until the last of its users has started, a target's for ever"))
    }
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "(no message)".into())
}

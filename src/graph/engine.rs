//! The workers: threads around the pure [`State`], which stands behind one lock together with the values.
//!
//! A worker tells what it has done and claims a task, or several small ones, in one visit to the lock ([`super::desk`]),
//! and performs them outside. A value leaves the store
//! when its last user starts, so the last user to end frees it, and it does so before its end is told: the books never
//! show less than is held. A worker that finds nothing to do sleeps; one that claims a task while others are ready
//! wakes the next sleeper, and whoever ends a task comes back to claim, so no wake-up is lost.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use super::course::{Course, Limits, is_given_in_file};
use super::desk::Desk;
use super::elsewhere::Elsewhere;
use super::forecast::{by_kind, simulated_peak, total_flops};
use super::net::Net;
use super::perform::{Slot, store};
use super::scheduler::RunContext;
use super::state::State;
use super::task_graph::Node;
use super::{
    GIVEN, GraphError, Held, InputSite, Key, Op, Place, RunStart, Scratch, Slots, TaskGraph, TaskSite, ValueRecord,
};

/// Who runs the tasks, and with what.
pub(super) struct Crew<'a, O: Op> {
    /// The calling thread is the first worker.
    pub(super) limits: Limits,
    /// Where values stand that have no room in memory.
    pub(super) scratch: Option<Arc<Scratch>>,
    /// Does the tasks, if they are not done on the threads of the workers.
    pub(super) elsewhere: Option<&'a dyn Elsewhere<O>>,
    /// Shared with other schedulers: a worker holds one while it performs a task, and bears its number.
    pub(super) slots: Option<Arc<Slots>>,
}

/// Computes the targets; the contract is that of [`super::Scheduler::execute`].
pub(super) fn execute<O: Op>(
    graph: TaskGraph<O>,
    targets: &[Key],
    run: &RunContext<'_, O::Value>,
    crew: &Crew<'_, O>,
) -> Result<Vec<Held<O::Value>>, GraphError> {
    let net = Net::new(&graph, targets)?;
    let course = match crew.elsewhere {
        Some(_) => Course::all_in_files(&graph, &net, crew.limits)?,
        None => Course::plan(&graph, &net, crew.limits)?,
    };
    let workers = crew.limits.workers.clamp(1, course.order.len().max(1));
    if !run.callbacks.is_empty() {
        let start = RunStart {
            tasks: course.order.len(),
            flops: total_flops(&net),
            by_kind: by_kind(&net),
            forecast_bytes: simulated_peak(&net, &course, workers),
            workers,
            memory: crew.limits.memory,
            spilled_bytes: course.residence.written(&net, |node| is_given_in_file(&graph, &net, node)),
            loaded_bytes: course.residence.read(),
        };
        run.callbacks.iter().for_each(|callback| callback.start(&start));
    }
    let engine = Engine::new(graph, (&net, &course), run, crew);
    let result = engine.and_then(|engine| {
        engine.run_on(workers);
        engine.into_result()
    });
    run.callbacks.iter().for_each(|callback| callback.finish(result.is_ok()));
    result
}

/// A run, shared by its workers.
pub(super) struct Engine<'n, O: Op> {
    pub(super) net: &'n Net,
    pub(super) course: &'n Course,
    pub(super) run: &'n RunContext<'n, O::Value>,
    pub(super) crew: &'n Crew<'n, O>,
    pub(super) keys: Vec<Key>,
    pub(super) ops: Vec<Option<O>>,
    shared: Mutex<Shared<'n, O>>,
    pub(super) wake: Condvar,
}

/// What stands behind the lock.
pub(super) struct Shared<'n, O: Op> {
    pub(super) state: State<'n>,
    values: Vec<Option<Slot<O::Value>>>,
    /// When the last dependency of a task came to be.
    ready: Vec<Instant>,
    pub(super) sleepers: usize,
    /// The error of the first task in the static order that failed.
    error: Option<(usize, GraphError)>,
}

/// A task that one worker has taken.
pub(super) struct Claim<O: Op> {
    pub(super) task: u32,
    pub(super) inputs: Inputs<O::Value>,
    pub(super) ready: Instant,
}

/// The inputs of a task, as it takes them.
pub(super) enum Inputs<V> {
    /// All in memory.
    Memory(Vec<Arc<V>>),
    /// Some of them perhaps in files.
    Slots(Vec<Slot<V>>),
}

/// What has happened when a task ended.
pub(super) struct Ended {
    /// Declared bytes of all live values after it.
    pub(super) live_bytes: u64,
    /// The values that it used last.
    pub(super) freed: Vec<u32>,
}

impl<'n, O: Op> Engine<'n, O> {
    fn new(
        graph: TaskGraph<O>,
        (net, course): (&'n Net, &'n Course),
        run: &'n RunContext<'n, O::Value>,
        crew: &'n Crew<'n, O>,
    ) -> Result<Self, GraphError> {
        let (mut keys, mut ops) = (Vec::with_capacity(net.len()), Vec::with_capacity(net.len()));
        let mut values = Vec::with_capacity(net.len());
        for ((key, node), number) in graph.take(&net.places).zip(0..) {
            let (op, value) = match node {
                Node::Task { op, .. } => (Some(op), None),
                Node::Value(held) => {
                    let bytes = held.bytes;
                    let slot = match held.into_place() {
                        Place::File(stored, codec) => Slot::File(Arc::new((stored, codec))),
                        Place::Memory(value) => {
                            if !course.residence.is_stored(number) {
                                tell_born(run, &key, bytes);
                            }
                            Slot::Memory(value)
                        }
                    };
                    (None, Some(slot))
                }
            };
            keys.push(key);
            ops.push(op);
            values.push(value);
        }
        let (state, ready) = (State::new(net, course), vec![Instant::now(); net.len()]);
        let shared = Mutex::new(Shared { state, values, ready, sleepers: 0, error: None });
        let engine = Self { net, course, run, crew, keys, ops, shared, wake: Condvar::new() };
        engine.store_given()?;
        Ok(engine)
    }

    /// Writes the given values to files that are to stand there.
    fn store_given(&self) -> Result<(), GraphError> {
        let values = &mut self.lock().values;
        for node in (0..self.net.len() as u32).filter(|&node| self.course.residence.is_stored(node)) {
            let Some(Slot::Memory(value)) = &values[node as usize] else { continue };
            let (key, kind) = self.name(node);
            let name = (key, kind, 0, self.net.bytes(node));
            let stored = store::<O>(self.crew.scratch.as_ref(), self.run.callbacks, name, value);
            let stored = stored.map_err(|error| match self.net.users.of(node).first() {
                Some(&task) => {
                    let inputs = self.net.inputs.of(task).iter();
                    let shapes = inputs.map(|&input| values[input as usize].as_ref().and_then(Slot::shape::<O>));
                    error.wanted_by(|| self.site(task, 1)).with_shapes(shapes)
                }
                None => error,
            })?;
            values[node as usize] = Some(stored);
        }
        Ok(())
    }

    fn run_on(&self, workers: usize) {
        thread::scope(|scope| {
            for worker in 1..workers {
                let name = format!("worker-{worker}");
                let spawned = thread::Builder::new().name(name).spawn_scoped(scope, move || self.work(worker, workers));
                if spawned.is_err() {
                    break;
                }
            }
            self.work(0, workers);
        });
    }

    /// Runs tasks until there are none left to start.
    fn work(&self, worker: usize, workers: usize) {
        let mut desk = Desk::default();
        let mut claims = Vec::new();
        while self.exchange(&mut desk, workers) {
            std::mem::swap(&mut claims, &mut desk.claims);
            for claim in claims.drain(..) {
                let task = claim.task;
                let slot = self.crew.slots.as_ref().map(|slots| slots.take());
                let worker = slot.as_ref().map_or(worker, |slot| slot.number);
                let error = match catch_unwind(AssertUnwindSafe(|| self.perform(worker, claim))) {
                    Ok(Ok(done)) => {
                        done.into_iter().for_each(|done| desk.put(done));
                        continue;
                    }
                    Ok(Err(error)) => error,
                    Err(payload) => {
                        let message = panic_message(payload.as_ref());
                        GraphError::Panic { task: Box::new(self.site(task, 1)), message }
                    }
                };
                self.fail(task, error);
                // nothing starts after it
                break;
            }
        }
    }

    /// Stores the value of a task that has ended, for those who watch.
    pub(super) fn finish(&self, task: u32, value: Slot<O::Value>, end: Instant) -> Ended {
        let mut shared = self.lock();
        shared.end(task, value, end);
        Ended { live_bytes: shared.state.live(), freed: shared.state.freed().to_vec() }
    }

    fn fail(&self, task: u32, error: GraphError) {
        let mut shared = self.lock();
        shared.state.stop();
        let rank = shared.state.rank(task);
        let error = match error {
            // a process that was not let to its end
            GraphError::Lost { .. } if self.run.context.cancel.is_aborted() => {
                let tasks = self.course.order.len();
                GraphError::Cancelled { done: tasks - shared.state.unstarted() - 1, tasks }
            }
            error => error,
        };
        if shared.error.as_ref().is_none_or(|&(earlier, _)| rank < earlier) {
            shared.error = Some((rank, error));
        }
        self.wake.notify_all();
    }

    pub(super) fn name(&self, node: u32) -> (&Key, &'static str) {
        (&self.keys[node as usize], self.net.kinds[node as usize].unwrap_or(GIVEN))
    }

    /// Tells of a task for an error.
    pub(super) fn site(&self, task: u32, attempts: u32) -> TaskSite {
        let (key, kind) = self.name(task);
        let parameters = self.ops[task as usize].as_ref().map(Op::describe).unwrap_or_default();
        let input = |&input: &u32| {
            let key = self.keys[input as usize].clone();
            InputSite { key, bytes: self.net.bytes(input), shape: None }
        };
        let inputs = self.net.inputs.of(task).iter().map(input).collect();
        let path = self.way_to_target(task).into_iter().map(|node| self.keys[node as usize].clone()).collect();
        TaskSite { key: key.clone(), kind, parameters, inputs, path, attempts }
    }

    /// The shortest way from a task over those that use it to a target, both included.
    fn way_to_target(&self, task: u32) -> Vec<u32> {
        let mut came_from = vec![u32::MAX; self.net.len()];
        let mut open = VecDeque::from([task]);
        came_from[task as usize] = task;
        while let Some(node) = open.pop_front() {
            if self.net.is_target[node as usize] {
                let mut way = vec![node];
                while let Some(&last) = way.last().filter(|&&last| last != task) {
                    way.push(came_from[last as usize]);
                }
                way.reverse();
                return way;
            }
            for &user in self.net.users.of(node) {
                if came_from[user as usize] == u32::MAX {
                    came_from[user as usize] = node;
                    open.push_back(user);
                }
            }
        }
        vec![task]
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Shared<'n, O>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn into_result(self) -> Result<Vec<Held<O::Value>>, GraphError> {
        let shared = self.shared.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, error)) = shared.error {
            return Err(error);
        }
        let (left, tasks) = (shared.state.unstarted(), self.course.order.len());
        if left > 0 {
            return Err(GraphError::Cancelled { done: tasks - left, tasks });
        }
        let held = |&target: &u32| {
            let place = match shared.slot(target) {
                Slot::Memory(value) => Place::Memory(value),
                Slot::File(file) => Place::File(file.0.clone(), file.1),
            };
            Held::at(place, self.net.bytes(target), None)
        };
        Ok(self.net.targets.iter().map(held).collect())
    }
}

impl<O: Op> Shared<'_, O> {
    /// Stores the value of a task that has ended.
    pub(super) fn end(&mut self, task: u32, value: Slot<O::Value>, end: Instant) {
        let Self { state, values, ready, .. } = self;
        values[task as usize] = Some(value);
        for &user in state.done(task) {
            ready[user as usize] = end;
        }
    }

    /// Hands a task its inputs.
    pub(super) fn take(&mut self, engine: &Engine<'_, O>, task: u32) -> Claim<O> {
        let inputs = engine.net.inputs.of(task).iter();
        let inputs = if engine.course.residence.is_memory() {
            Inputs::Memory(inputs.map(|&input| self.value(input)).collect())
        } else {
            Inputs::Slots(inputs.map(|&input| self.slot(input)).collect())
        };
        for &dep in engine.net.deps.of(task) {
            if self.state.is_taken(dep) {
                self.values[dep as usize] = None;
            }
        }
        Claim { task, inputs, ready: self.ready[task as usize] }
    }

    fn slot(&self, node: u32) -> Slot<O::Value> {
        let slot = self.values[node as usize].as_ref();
        slot.expect("a value stays until the last of its users has started, a target's for ever").clone()
    }

    fn value(&self, node: u32) -> Arc<O::Value> {
        match self.values[node as usize].as_ref() {
            Some(Slot::Memory(value)) => Arc::clone(value),
            _ => unreachable!("a value stays in memory until the last of its users has started, a target's for ever"),
        }
    }
}

/// A value that was given with the graph stands in memory.
fn tell_born<V>(run: &RunContext<'_, V>, key: &Key, bytes: u64) {
    if !run.callbacks.is_empty() {
        let record = ValueRecord { key: key.clone(), kind: GIVEN, bytes, at: Instant::now() };
        run.callbacks.iter().for_each(|callback| callback.born(&record));
    }
}

pub(super) fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "(no message)".into())
}

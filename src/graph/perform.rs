//! What a worker does with a task: take the inputs from their files, run the operation, send the result where it stands.

use std::error::Error;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::desk::Done;
use super::elsewhere::Failure;
use super::engine::{Claim, Ended, Engine, Inputs};
use super::{
    Access, Callback, Codec, GraphError, Key, Made, Op, RetryRecord, Scratch, SpillRecord, Stored, TaskRecord,
    TaskStart, ValueRecord,
};

/// Before a failed task is tried again; each further wait is twice as long, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A value where it stands.
pub(super) enum Slot<V> {
    Memory(Arc<V>),
    File(Arc<(Stored, Codec<V>)>),
}

impl<V> Clone for Slot<V> {
    fn clone(&self) -> Self {
        match self {
            Self::Memory(value) => Self::Memory(Arc::clone(value)),
            Self::File(file) => Self::File(Arc::clone(file)),
        }
    }
}

impl<V> Slot<V> {
    /// The shape of the value in words, for errors; one that stands in a file is read for it.
    pub(super) fn shape<O: Op<Value = V>>(&self) -> Option<String> {
        match self {
            Self::Memory(value) => O::shape(value),
            Self::File(file) => (file.1.read)(&file.0).ok().and_then(|value| O::shape(&value)),
        }
    }
}

/// Writes a value of this key, kind, and size, as this worker, to a new scratch file.
pub(super) fn store<O: Op>(
    scratch: Option<&Arc<Scratch>>,
    callbacks: &[&dyn Callback],
    (key, kind, worker, bytes): (&Key, &'static str, usize, u64),
    value: &O::Value,
) -> Result<Slot<O::Value>, GraphError> {
    let (scratch, codec) = scratch.zip(O::codec()).expect("only with both are values planned to stand in files");
    let start = Instant::now();
    let stored = scratch.store(value, &codec).map_err(|source| {
        let path = scratch.path().to_owned();
        GraphError::Scratch { key: key.clone(), path, access: Access::Write, task: None, source }
    })?;
    if !callbacks.is_empty() {
        tell_spilled(callbacks, (key, kind, worker, bytes), stored.len(), (start, Instant::now()));
    }
    Ok(Slot::File(Arc::new((stored, codec))))
}

/// Tells that a value of this key, kind, and size was written by this worker to a file of so many bytes.
pub(super) fn tell_spilled(
    callbacks: &[&dyn Callback],
    (key, kind, worker, bytes): (&Key, &'static str, usize, u64),
    file_bytes: u64,
    (start, end): (Instant, Instant),
) {
    let record = SpillRecord { key: key.clone(), kind, worker, bytes, file_bytes, start, end };
    callbacks.iter().for_each(|callback| callback.spilled(&record));
}

/// A task that has ended well.
pub(super) struct Performed<V> {
    /// The result.
    pub(super) slot: Slot<V>,
    /// Which attempt it was.
    pub(super) attempt: u32,
    /// Taking the inputs to where the operation ran.
    pub(super) read: Duration,
    /// Writing the result to a file.
    pub(super) write: Duration,
    /// When the result stood where it stands.
    pub(super) end: Instant,
}

impl<O: Op> Engine<'_, O> {
    /// Does all that belongs to a task; gives what is still to be told, where nobody watches.
    pub(super) fn perform(&self, worker: usize, claim: Claim<O>) -> Result<Option<Done<O::Value>>, GraphError> {
        let Claim { task, inputs, ready } = claim;
        let start = Instant::now();
        self.tell_begin(worker, task, start);
        let performed = match self.crew.elsewhere {
            Some(elsewhere) => self.perform_elsewhere(elsewhere, (worker, task), inputs, start)?,
            None => self.perform_here((worker, task), inputs, start)?,
        };
        let Performed { slot, attempt, read, write, end } = performed;
        if self.run.callbacks.is_empty() {
            return Ok(Some(Done { task, slot, took: end - start, end }));
        }
        self.tell_born(task, end);
        let ended = self.finish(task, slot, end);
        let (key, kind) = self.name(task);
        let (spilled_bytes, loaded_bytes) =
            (self.course.residence.written_by(self.net, task), self.course.residence.loads(task));
        let (output_bytes, flops) = (self.net.bytes(task), self.net.costs[task as usize].flops);
        let Ended { live_bytes, freed } = ended;
        self.tell_freed(&freed);
        let record = TaskRecord {
            key: key.clone(),
            kind,
            worker,
            ready,
            start,
            end,
            read,
            write,
            output_bytes,
            live_bytes,
            spilled_bytes,
            loaded_bytes,
            flops,
            attempt,
        };
        self.run.callbacks.iter().for_each(|callback| callback.posttask(&record));
        Ok(None)
    }

    /// Does a task on this thread.
    fn perform_here(
        &self,
        (worker, task): (usize, u32),
        inputs: Inputs<O::Value>,
        start: Instant,
    ) -> Result<Performed<O::Value>, GraphError> {
        let inputs = match inputs {
            Inputs::Memory(inputs) => inputs,
            Inputs::Slots(slots) => self.load(task, &slots).map_err(|error| {
                error.wanted_by(|| self.site(task, 1)).with_shapes(slots.iter().map(Slot::shape::<O>))
            })?,
        };
        let began = if self.course.residence.loads(task) > 0 { Instant::now() } else { start };
        let op = self.ops[task as usize].as_ref().expect("only tasks are ever ready");
        let run = || op.run(&inputs, &self.run.context).map(Arc::new).map_err(|error| Failure::Op(Box::new(error)));
        let shapes = || inputs.iter().map(|input| O::shape(input));
        let (value, attempt) = self.attempt((worker, task), run).map_err(|error| error.with_shapes(shapes()))?;
        let is_stored = self.course.residence.is_stored(task);
        let shapes: Vec<_> = if is_stored { shapes().collect() } else { Vec::new() };
        drop(inputs);
        if self.run.keeper.is_some() {
            self.show(task, &value, began.elapsed());
        }
        let made = Instant::now();
        let (slot, end) = if is_stored {
            let (key, kind) = self.name(task);
            let name = (key, kind, worker, self.net.bytes(task));
            let slot = store::<O>(self.crew.scratch.as_ref(), self.run.callbacks, name, &value)
                .map_err(|error| error.wanted_by(|| self.site(task, attempt)).with_shapes(shapes.into_iter()))?;
            drop(value);
            (slot, Instant::now())
        } else {
            (Slot::Memory(value), made)
        };
        Ok(Performed { slot, attempt, read: began - start, write: end - made, end })
    }

    /// Takes the inputs of a task to memory; one that stands in several places is read once.
    fn load(&self, task: u32, slots: &[Slot<O::Value>]) -> Result<Vec<Arc<O::Value>>, GraphError> {
        let nodes = self.net.inputs.of(task);
        let mut inputs: Vec<Arc<O::Value>> = Vec::with_capacity(slots.len());
        for (place, slot) in slots.iter().enumerate() {
            let input = match slot {
                Slot::Memory(value) => Arc::clone(value),
                Slot::File(file) => match nodes[..place].iter().position(|&node| node == nodes[place]) {
                    Some(earlier) => Arc::clone(&inputs[earlier]),
                    None => Arc::new(self.read(nodes[place], file)?),
                },
            };
            inputs.push(input);
        }
        Ok(inputs)
    }

    fn read(&self, node: u32, file: &(Stored, Codec<O::Value>)) -> Result<O::Value, GraphError> {
        let (stored, codec) = file;
        let lost = |path: &Path, source: io::Error| {
            let key = self.keys[node as usize].clone();
            GraphError::Scratch { key, path: path.to_owned(), access: Access::Read, task: None, source }
        };
        (codec.read)(stored).map_err(|source| lost(stored.path(), source))
    }

    /// Runs the operation, again if it says that this may help; gives what came of it and the number of attempts.
    pub(super) fn attempt<T>(
        &self,
        (worker, task): (usize, u32),
        mut run: impl FnMut() -> Result<T, Failure>,
    ) -> Result<(T, u32), GraphError> {
        let op = self.ops[task as usize].as_ref().expect("only tasks are ever ready");
        let (mut attempt, mut pause) = (1, FIRST_PAUSE);
        loop {
            match run() {
                Ok(done) => return Ok((done, attempt)),
                Err(Failure::Op(error)) if attempt <= op.retries() && !self.run.context.cancel.is_aborted() => {
                    self.tell_retried(worker, task, (attempt, &*error, pause));
                    thread::sleep(pause);
                    attempt += 1;
                    pause = (2 * pause).min(LONGEST_PAUSE);
                }
                Err(failure) => return Err(self.error_of((task, attempt), failure)),
            }
        }
    }

    /// Shows a result to the keeper; not where the operation may have ended early with another one.
    pub(super) fn show(&self, task: u32, value: &Arc<O::Value>, took: Duration) {
        if let Some(keeper) = self.run.keeper.filter(|_| !self.run.context.cancel.is_requested()) {
            let (key, bytes) = (&self.keys[task as usize], self.net.bytes(task));
            keeper.made(&Made { key, value, bytes, seconds: took.as_secs_f64() });
        }
    }

    fn tell_begin(&self, worker: usize, task: u32, at: Instant) {
        if !self.run.callbacks.is_empty() {
            let (key, kind) = self.name(task);
            let begun = TaskStart { key: key.clone(), kind, worker, at };
            self.run.callbacks.iter().for_each(|callback| callback.pretask(&begun));
        }
    }

    fn tell_retried(&self, worker: usize, task: u32, (attempt, error, pause): (u32, &dyn Error, Duration)) {
        if !self.run.callbacks.is_empty() {
            let ((key, kind), at, error) = (self.name(task), Instant::now(), error.to_string());
            let record = RetryRecord { key: key.clone(), kind, worker, attempt, error, at, pause };
            self.run.callbacks.iter().for_each(|callback| callback.retried(&record));
        }
    }

    /// Tells that a result stands in memory, before anybody can have freed it.
    fn tell_born(&self, task: u32, at: Instant) {
        if !self.course.residence.is_stored(task) {
            let record = self.value_record(task, at);
            self.run.callbacks.iter().for_each(|callback| callback.born(&record));
        }
    }

    fn tell_freed(&self, freed: &[u32]) {
        let at = Instant::now();
        for &value in freed.iter().filter(|&&value| !self.course.residence.is_stored(value)) {
            let record = self.value_record(value, at);
            self.run.callbacks.iter().for_each(|callback| callback.freed(&record));
        }
    }

    fn value_record(&self, node: u32, at: Instant) -> ValueRecord {
        let (key, kind) = self.name(node);
        ValueRecord { key: key.clone(), kind, bytes: self.net.bytes(node), at }
    }
}

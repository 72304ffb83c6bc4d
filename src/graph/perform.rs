//! What a worker does with a task: take the inputs from their files, run the operation, send the result where it stands.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

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
        GraphError::Scratch { key: key.clone(), path, access: Access::Write, source }
    })?;
    if !callbacks.is_empty() {
        let (file_bytes, end) = (stored.len(), Instant::now());
        let record = SpillRecord { key: key.clone(), kind, worker, bytes, file_bytes, start, end };
        callbacks.iter().for_each(|callback| callback.spilled(&record));
    }
    Ok(Slot::File(Arc::new((stored, codec))))
}

impl<O: Op> Engine<'_, O> {
    /// Does all that belongs to a task.
    pub(super) fn perform(&self, worker: usize, claim: Claim<O>) -> Result<(), GraphError> {
        let Claim { task, inputs, ready } = claim;
        let start = Instant::now();
        self.tell_begin(worker, task, start);
        let inputs = match inputs {
            Inputs::Memory(inputs) => inputs,
            Inputs::Slots(slots) => self.load(task, slots)?,
        };
        let loaded_bytes = self.course.residence.loads(task);
        let began = if loaded_bytes > 0 { Instant::now() } else { start };
        let (value, attempt) = self.attempt(worker, task, &inputs)?;
        drop(inputs);
        self.show(task, &value, began);
        let made = Instant::now();
        let (slot, spilled_bytes, end) = if self.course.residence.is_stored(task) {
            let (key, kind) = self.name(task);
            let bytes = self.net.bytes(task);
            let slot = store::<O>(self.scratch, self.run.callbacks, (key, kind, worker, bytes), &value)?;
            drop(value);
            (slot, bytes, Instant::now())
        } else {
            (Slot::Memory(value), 0, made)
        };
        if self.run.callbacks.is_empty() {
            self.finish(task, slot, end);
            return Ok(());
        }
        self.tell_born(task, end);
        let ended = self.finish(task, slot, end);
        let (key, kind) = self.name(task);
        let (read, write) = (began - start, end - made);
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
        Ok(())
    }

    /// Takes the inputs of a task to memory; one that stands in several places is read once.
    fn load(&self, task: u32, slots: Vec<Slot<O::Value>>) -> Result<Vec<Arc<O::Value>>, GraphError> {
        let nodes = self.net.inputs.of(task);
        let mut inputs: Vec<Arc<O::Value>> = Vec::with_capacity(slots.len());
        for (place, slot) in slots.into_iter().enumerate() {
            let input = match slot {
                Slot::Memory(value) => value,
                Slot::File(file) => match nodes[..place].iter().position(|&node| node == nodes[place]) {
                    Some(earlier) => Arc::clone(&inputs[earlier]),
                    None => Arc::new(self.read(nodes[place], &file)?),
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
            GraphError::Scratch { key, path: path.to_owned(), access: Access::Read, source }
        };
        (codec.read)(stored).map_err(|source| lost(stored.path(), source))
    }

    /// Runs the operation, again if it says that this may help; gives the value and the number of attempts.
    fn attempt(&self, worker: usize, task: u32, inputs: &[Arc<O::Value>]) -> Result<(Arc<O::Value>, u32), GraphError> {
        let op = self.ops[task as usize].as_ref().expect("only tasks are ever ready");
        let (mut attempt, mut pause) = (1, FIRST_PAUSE);
        loop {
            let error = match op.run(inputs, &self.run.context) {
                Ok(value) => return Ok((Arc::new(value), attempt)),
                Err(error) => error,
            };
            if attempt <= op.retries() && !self.run.context.cancel.is_aborted() {
                self.tell_retried(worker, task, (attempt, &error, pause));
                thread::sleep(pause);
                attempt += 1;
                pause = (2 * pause).min(LONGEST_PAUSE);
            } else {
                let task = Box::new(self.site(task, attempt));
                return Err(GraphError::Task { task, source: Box::new(error) });
            }
        }
    }

    /// Shows a result to the keeper; not where the operation may have ended early with another one.
    fn show(&self, task: u32, value: &Arc<O::Value>, began: Instant) {
        if let Some(keeper) = self.run.keeper.filter(|_| !self.run.context.cancel.is_requested()) {
            let (key, bytes) = (&self.keys[task as usize], self.net.bytes(task));
            keeper.made(&Made { key, value, bytes, seconds: began.elapsed().as_secs_f64() });
        }
    }

    fn tell_begin(&self, worker: usize, task: u32, at: Instant) {
        if !self.run.callbacks.is_empty() {
            let (key, kind) = self.name(task);
            let begun = TaskStart { key: key.clone(), kind, worker, at };
            self.run.callbacks.iter().for_each(|callback| callback.pretask(&begun));
        }
    }

    fn tell_retried(&self, worker: usize, task: u32, (attempt, error, pause): (u32, &O::Error, Duration)) {
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

//! What stands behind futures: their states, and the queue of those that can start.
//!
//! Every state is behind one lock. A task is queued when the last of its inputs comes to be; a task whose input fails, or
//! is cancelled, ends at once with that error.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::FutureError;
use crate::collections::call::{AnyValue, Erased};

/// What is to be done.
pub(super) struct Job {
    pub(super) function: Arc<Erased>,
    pub(super) inputs: Vec<Arc<Slot>>,
}

/// A future's place.
pub(super) struct Slot {
    name: &'static str,
    /// Locked only by who holds the lock of [`Shared`].
    state: Mutex<State>,
}

enum State {
    /// Waits for so many inputs.
    Waiting(usize, Job, Vec<Arc<Slot>>),
    /// In the queue.
    Queued(Job, Vec<Arc<Slot>>),
    Running(Vec<Arc<Slot>>),
    /// Ended as the so-manyth of all.
    Done(u64, Result<AnyValue, FutureError>),
}

#[derive(Default)]
pub(super) struct Shared {
    inner: Mutex<Inner>,
    /// There is work, or the end.
    work: Condvar,
    /// A future has ended.
    ended: Condvar,
}

#[derive(Default)]
struct Inner {
    queue: VecDeque<Arc<Slot>>,
    /// Those that wait for inputs, to be cancelled at the end.
    ended: u64,
    is_closed: bool,
}

impl Slot {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it ended, if it has.
    fn outcome(&self) -> Option<(u64, Result<AnyValue, FutureError>)> {
        if let State::Done(number, result) = &*self.state() { Some((*number, result.clone())) } else { None }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn submit(&self, name: &'static str, job: Job) -> Arc<Slot> {
        let mut inner = self.lock();
        let slot = Arc::new(Slot { name, state: Mutex::new(State::Running(Vec::new())) });
        if inner.is_closed {
            self.end(&mut inner, &slot, Err(FutureError::Cancelled { name }));
            return slot;
        }
        let mut missing = 0;
        for input in &job.inputs {
            match &mut *input.state() {
                State::Waiting(_, _, users) | State::Queued(_, users) | State::Running(users) => {
                    users.push(Arc::clone(&slot));
                    missing += 1;
                }
                State::Done(_, Ok(_)) => {}
                State::Done(_, Err(error)) => {
                    let error = FutureError::Input { name, source: Box::new(error.clone()) };
                    self.end(&mut inner, &slot, Err(error));
                    return slot;
                }
            }
        }
        *slot.state() = State::Waiting(missing, job, Vec::new());
        if missing == 0 {
            self.enqueue(&mut inner, &slot);
        }
        slot
    }

    fn enqueue(&self, inner: &mut Inner, slot: &Arc<Slot>) {
        let mut state = slot.state();
        match std::mem::replace(&mut *state, State::Running(Vec::new())) {
            State::Waiting(_, job, users) => {
                *state = State::Queued(job, users);
                inner.queue.push_back(Arc::clone(slot));
                self.work.notify_one();
            }
            other => *state = other,
        }
    }

    /// Ends a task, and tells those that wait for it.
    fn end(&self, inner: &mut Inner, slot: &Arc<Slot>, result: Result<AnyValue, FutureError>) {
        let mut open = vec![(Arc::clone(slot), result)];
        while let Some((slot, result)) = open.pop() {
            let number = inner.ended;
            let before = std::mem::replace(&mut *slot.state(), State::Done(number, result.clone()));
            let users = match before {
                State::Waiting(_, _, users) | State::Queued(_, users) | State::Running(users) => users,
                done @ State::Done(..) => {
                    *slot.state() = done;
                    continue;
                }
            };
            inner.ended += 1;
            for user in users {
                let is_ready = match (&result, &mut *user.state()) {
                    (Ok(_), State::Waiting(missing, ..)) => {
                        *missing -= 1;
                        *missing == 0
                    }
                    _ => false,
                };
                match &result {
                    Ok(_) if is_ready => self.enqueue(inner, &user),
                    Ok(_) => {}
                    Err(error) => {
                        let error = FutureError::Input { name: user.name, source: Box::new(error.clone()) };
                        open.push((user, Err(error)));
                    }
                }
            }
        }
        self.ended.notify_all();
    }

    /// A worker's life.
    pub(super) fn work(&self) {
        let mut inner = self.lock();
        loop {
            let Some(slot) = inner.queue.pop_front() else {
                if inner.is_closed {
                    return;
                }
                inner = self.work.wait(inner).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let Some(job) = start(&slot) else { continue };
            let inputs: Vec<AnyValue> =
                job.inputs.iter().filter_map(|input| input.outcome()).filter_map(|(_, result)| result.ok()).collect();
            drop(inner);
            let result = match catch_unwind(AssertUnwindSafe(|| (job.function)(&inputs))) {
                Ok(Ok(value)) => Ok(value),
                Ok(Err(error)) => Err(FutureError::Failed { name: slot.name, source: Arc::from(error) }),
                Err(payload) => Err(FutureError::Panic { name: slot.name, message: message(payload.as_ref()) }),
            };
            drop((job, inputs));
            inner = self.lock();
            self.end(&mut inner, &slot, result);
        }
    }

    /// Cancels what has not started, and takes nothing more.
    pub(super) fn close(&self) {
        let mut inner = self.lock();
        inner.is_closed = true;
        while let Some(slot) = inner.queue.pop_front() {
            self.end(&mut inner, &slot, Err(FutureError::Cancelled { name: slot.name }));
        }
        self.work.notify_all();
    }

    pub(super) fn cancel(&self, slot: &Arc<Slot>) -> bool {
        let mut inner = self.lock();
        let is_early = matches!(&*slot.state(), State::Waiting(..) | State::Queued(..));
        if is_early {
            inner.queue.retain(|queued| !Arc::ptr_eq(queued, slot));
            self.end(&mut inner, slot, Err(FutureError::Cancelled { name: slot.name }));
        }
        is_early
    }

    pub(super) fn is_done(&self, slot: &Slot) -> bool {
        let _inner = self.lock();
        slot.outcome().is_some()
    }

    pub(super) fn wait(&self, slot: &Slot) -> Result<AnyValue, FutureError> {
        let mut inner = self.lock();
        loop {
            if let Some((_, result)) = slot.outcome() {
                return result;
            }
            inner = self.ended.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until one of some slots has ended, and tells the place of the first that did.
    pub(super) fn wait_for_any(&self, slots: &[&Slot]) -> usize {
        let mut inner = self.lock();
        loop {
            let ended = slots.iter().enumerate().filter_map(|(place, slot)| slot.outcome().map(|(at, _)| (at, place)));
            if let Some((_, place)) = ended.min() {
                return place;
            }
            inner = self.ended.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Takes the job of a queued task, which runs from now on.
fn start(slot: &Slot) -> Option<Job> {
    let mut state = slot.state();
    match std::mem::replace(&mut *state, State::Running(Vec::new())) {
        State::Queued(job, users) => {
            *state = State::Running(users);
            Some(job)
        }
        other => {
            *state = other;
            None
        }
    }
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "(no message)".into())
}

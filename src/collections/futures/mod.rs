//! Futures: tasks that start when they are given, without waiting for a graph.
//!
//! ```
//! use deconv::collections::futures::Client;
//!
//! let client = Client::new(2);
//! let squares = client.map("square", 1..=4, |x: &i64| x * x);
//! let first = client.submit_on("add", (&squares[0], &squares[1]), |x: &i64, y: &i64| x + y);
//! assert_eq!(*first.result()?, 5);
//! assert_eq!(client.gather(&squares)?, [1, 4, 9, 16]);
//! # Ok::<(), deconv::collections::futures::FutureError>(())
//! ```

mod error;
mod slot;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::marker::PhantomData;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

pub use error::FutureError;

use self::slot::{Job, Shared, Slot};
use super::call::{AnyError, Function, erased, erased_fallible};

/// Worker threads that run what they are given. When the client goes, what has not started is cancelled, and what runs is
/// waited for.
pub struct Client {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

/// A value of type `T` that is being made; clones stand for the same.
pub struct Future<T> {
    slot: Arc<Slot>,
    shared: Arc<Shared>,
    value: PhantomData<fn() -> T>,
}

impl<T> Clone for Future<T> {
    fn clone(&self) -> Self {
        Self { slot: Arc::clone(&self.slot), shared: Arc::clone(&self.shared), value: PhantomData }
    }
}

/// Futures that a function takes the values of: one to four of any types, as a tuple of references.
pub trait Inputs {
    /// The types of the values.
    type Values: 'static;
    /// Where they stand.
    #[doc(hidden)]
    fn slots(&self) -> Slots;
}

/// Where the inputs of a task stand.
#[doc(hidden)]
pub struct Slots(Vec<Arc<Slot>>);

macro_rules! inputs {
    ($(($($A:ident $n:tt),*))*) => {$(
        impl<$($A: 'static),*> Inputs for ($(&Future<$A>,)*) {
            type Values = ($($A,)*);

            fn slots(&self) -> Slots {
                Slots(vec![$(Arc::clone(&self.$n.slot)),*])
            }
        }
    )*};
}

inputs! { (A 0) (A 0, B 1) (A 0, B 1, C 2) (A 0, B 1, C 2, D 3) }

impl Client {
    /// A client with so many workers (0 counts as 1). Should the system refuse a thread, it goes on with those it
    /// has; without a single one, every future is cancelled.
    pub fn new(workers: usize) -> Self {
        let shared = Arc::new(Shared::default());
        let spawn = |number: usize| {
            let shared = Arc::clone(&shared);
            thread::Builder::new().name(format!("future-{number}")).spawn(move || shared.work()).ok()
        };
        let workers: Vec<_> = (0..workers.max(1)).map_while(spawn).collect();
        if workers.is_empty() {
            shared.close();
        }
        Self { shared, workers }
    }

    fn future<T>(&self, name: &'static str, job: Job) -> Future<T> {
        let slot = self.shared.submit(name, job);
        Future { slot, shared: Arc::clone(&self.shared), value: PhantomData }
    }

    /// Starts a function as soon as a worker is free.
    pub fn submit<T: Any + Send + Sync>(
        &self,
        name: &'static str,
        function: impl Fn() -> T + Send + Sync + 'static,
    ) -> Future<T> {
        self.future(name, Job { function: erased::<(), T>(function), inputs: Vec::new() })
    }

    /// Starts a function that may fail.
    pub fn try_submit<T, E>(
        &self,
        name: &'static str,
        function: impl Fn() -> Result<T, E> + Send + Sync + 'static,
    ) -> Future<T>
    where
        T: Any + Send + Sync,
        E: Into<AnyError> + 'static,
    {
        self.future(name, Job { function: erased_fallible::<(), T, E>(function), inputs: Vec::new() })
    }

    /// Starts a function of the values of other futures, as soon as they are there.
    pub fn submit_on<I: Inputs, T: Any + Send + Sync>(
        &self,
        name: &'static str,
        inputs: I,
        function: impl Function<I::Values, T>,
    ) -> Future<T> {
        self.future(name, Job { function: erased(function), inputs: inputs.slots().0 })
    }

    /// Starts a function for each item.
    pub fn map<A: Any + Send + Sync, T: Any + Send + Sync>(
        &self,
        name: &'static str,
        items: impl IntoIterator<Item = A>,
        function: impl Fn(&A) -> T + Send + Sync + 'static,
    ) -> Vec<Future<T>> {
        let function = Arc::new(function);
        let one = |item: A| {
            let function = Arc::clone(&function);
            self.submit(name, move || function(&item))
        };
        items.into_iter().map(one).collect()
    }

    /// Waits for all values, in the order of the futures.
    ///
    /// # Errors
    /// The error of the first future in this order that has one.
    pub fn gather<T: Any + Clone + Send + Sync>(&self, futures: &[Future<T>]) -> Result<Vec<T>, FutureError> {
        futures.iter().map(|future| future.result().map(|value| T::clone(&value))).collect()
    }

    /// The futures, each as soon as it has ended, well or not, with its number in the list.
    pub fn as_completed<T>(&self, futures: &[Future<T>]) -> impl Iterator<Item = (usize, Future<T>)> + use<T> {
        let shared = Arc::clone(&self.shared);
        let mut open: Vec<(usize, Future<T>)> = futures.iter().cloned().enumerate().collect();
        std::iter::from_fn(move || {
            if open.is_empty() {
                return None;
            }
            let slots: Vec<&Slot> = open.iter().map(|(_, future)| future.slot.as_ref()).collect();
            let place = shared.wait_for_any(&slots);
            Some(open.remove(place))
        })
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.shared.close();
        for worker in self.workers.drain(..) {
            // a worker catches what its tasks do; there is nothing left to tell
            let _ = worker.join();
        }
    }
}

impl<T> Future<T> {
    /// Whether it has ended, well or not.
    pub fn is_done(&self) -> bool {
        self.shared.is_done(&self.slot)
    }

    /// Asks that it not be run, nor what waits for it. A task that runs already is not ended: returns whether
    /// the request came in time.
    pub fn cancel(&self) -> bool {
        self.shared.cancel(&self.slot)
    }
}

impl<T: Any + Send + Sync> Future<T> {
    /// Waits for the value.
    ///
    /// # Errors
    /// [`FutureError`]: the function failed or panicked, or it was cancelled, or one of its inputs was.
    ///
    /// # Panics
    /// Never: a handle has the type of its value.
    pub fn result(&self) -> Result<Arc<T>, FutureError> {
        let value = self.shared.wait(&self.slot)?;
        Ok(value.downcast().expect("a handle has the type of its value"))
    }
}

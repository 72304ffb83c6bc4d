//! Functions called later: any function of any values becomes a task.
//!
//! ```
//! use deconv::collections::delayed::{delayed, delayed_many, value};
//!
//! let inc = delayed("inc", |x: &i64| x + 1);
//! let double = delayed("double", |x: &i64| 2 * x);
//! let add = delayed("add", |x: &i64, y: &i64| x + y);
//! let sum = delayed_many("sum", |xs: &[&i64]| xs.iter().copied().sum::<i64>());
//!
//! let mut out = Vec::new();
//! for x in 1..=5 {
//!     let x = value(x);
//!     out.push(add.call(&inc.call(&x), &double.call(&x)));
//! }
//! let total = sum.call(&out);
//! assert_eq!(total.compute()?, 50);
//! # Ok::<(), deconv::graph::GraphError>(())
//! ```

use std::any::Any;
use std::io;
use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;

use super::call::{self, AnyError, Call, Function, Node, erased, erased_fallible, erased_many, known};
use super::{Compute, draw};
use crate::graph::picture::{Look, Picture};
use crate::graph::{Cost, GraphError, Key, TaskGraph};

/// A value of type `T` that is not there yet; clones stand for the same.
pub struct Delayed<T> {
    pub(super) node: Arc<Node>,
    value: PhantomData<fn() -> T>,
}

impl<T> Clone for Delayed<T> {
    fn clone(&self) -> Self {
        Self::at(Arc::clone(&self.node))
    }
}

/// A function whose calls are tasks; `I` are its inputs, `T` its result.
pub struct Lazy<I, T> {
    name: &'static str,
    function: Arc<call::Erased>,
    types: PhantomData<fn(I) -> T>,
}

/// Inputs of a function of many values of one type.
pub struct Many<A>(PhantomData<A>);

/// A value that is there.
pub fn value<T: Any + Send + Sync>(value: T) -> Delayed<T> {
    Delayed::at(Node::value(Key::new(call::layer("value"), []), Arc::new(value)))
}

/// Makes a function's calls tasks. Its result must depend on its arguments only.
pub fn delayed<I: 'static, T: Any + Send + Sync>(name: &'static str, function: impl Function<I, T>) -> Lazy<I, T> {
    Lazy { name, function: erased(function), types: PhantomData }
}

/// Makes the calls of a function that may fail tasks; what fails ends the run with its error.
pub fn delayed_fallible<I: 'static, T, E>(name: &'static str, function: impl Function<I, Result<T, E>>) -> Lazy<I, T>
where
    T: Any + Send + Sync,
    E: Into<AnyError>,
{
    Lazy { name, function: erased_fallible(function), types: PhantomData }
}

/// Makes the calls of a function of many values of one type tasks.
pub fn delayed_many<A: Any + Send + Sync, T: Any + Send + Sync>(
    name: &'static str,
    function: impl Fn(&[&A]) -> T + Send + Sync + 'static,
) -> Lazy<Many<A>, T> {
    Lazy { name, function: erased_many(function), types: PhantomData }
}

impl<I, T> Lazy<I, T> {
    fn task(&self, inputs: Vec<Arc<Node>>) -> Delayed<T> {
        self.task_at(Key::new(call::layer(self.name), []), inputs)
    }

    /// A call under a key of its own.
    pub(super) fn task_at(&self, key: Key, inputs: Vec<Arc<Node>>) -> Delayed<T> {
        Delayed::at(Node::task(
            key,
            Call { name: self.name, function: Arc::clone(&self.function), cost: Cost::default() },
            inputs,
        ))
    }
}

macro_rules! calls {
    ($(($($A:ident $a:ident),*))*) => {$(
        impl<T, $($A),*> Lazy<($($A,)*), T> {
            /// Calls the function later.
            pub fn call(&self, $($a: &Delayed<$A>),*) -> Delayed<T> {
                self.task(vec![$(Arc::clone(&$a.node)),*])
            }
        }
    )*};
}

calls! { () (A a) (A a, B b) (A a, B b, C c) (A a, B b, C c, D d) }

impl<A, T> Lazy<Many<A>, T> {
    /// Calls the function later.
    pub fn call(&self, inputs: &[Delayed<A>]) -> Delayed<T> {
        self.task(inputs.iter().map(|input| Arc::clone(&input.node)).collect())
    }
}

impl<T> Delayed<T> {
    pub(super) fn at(node: Arc<Node>) -> Self {
        Self { node, value: PhantomData }
    }

    /// Its task's key.
    pub fn key(&self) -> &Key {
        self.node.key()
    }

    /// The graph that makes it.
    ///
    /// # Errors
    /// [`GraphError::Duplicate`], which does not happen.
    pub fn graph(&self) -> Result<TaskGraph<Call>, GraphError> {
        call::graph(&[Arc::clone(&self.node)]).map(|(graph, _)| graph)
    }

    /// Draws the graph that makes it, as SVG or as DOT for Graphviz by the file's ending.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn visualize(&self, path: impl AsRef<Path>, look: &Look<'_>) -> io::Result<()> {
        let graph = self.graph().map_err(io::Error::other)?;
        let picture = Picture::new(self.key().to_string(), &graph, std::slice::from_ref(self.key()), look);
        draw(picture.map_err(io::Error::other)?, path.as_ref(), look)
    }
}

impl<T: Any + Clone> Delayed<T> {
    /// Computes it on all cores.
    ///
    /// # Errors
    /// [`GraphError::Task`] and [`GraphError::Panic`] when a function fails.
    pub fn compute(&self) -> Result<T, GraphError> {
        self.compute_with(&Compute::new())
    }

    /// Computes it.
    ///
    /// # Errors
    /// As [`Delayed::compute`].
    pub fn compute_with(&self, compute: &Compute<'_>) -> Result<T, GraphError> {
        Self::compute_all(std::slice::from_ref(self), compute).map(|mut values| values.remove(0))
    }

    /// Computes several in one run: what they share is computed once.
    ///
    /// # Errors
    /// As [`Delayed::compute`].
    pub fn compute_all(all: &[Self], compute: &Compute<'_>) -> Result<Vec<T>, GraphError> {
        let nodes: Vec<Arc<Node>> = all.iter().map(|one| Arc::clone(&one.node)).collect();
        let (graph, keys) = call::graph(&nodes)?;
        // without a codec, and of no declared size, the values never leave memory
        let held = compute.run(graph, &keys)?;
        Ok(held.iter().map(|held| known::<T>(held.small()).clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn nothing_runs_before_it_is_asked_for_and_what_is_shared_runs_once() {
        static CALLS: AtomicUsize = AtomicUsize::new(0);
        let slow = delayed("slow", |x: &i64| {
            CALLS.fetch_add(1, Ordering::Relaxed);
            x * x
        });
        let add = delayed("add", |x: &i64, y: &i64| x + y);
        let square = slow.call(&value(7));
        let both = [add.call(&square, &square), add.call(&square, &value(1))];
        assert_eq!(CALLS.load(Ordering::Relaxed), 0);
        assert_eq!(Delayed::compute_all(&both, &Compute::new()).unwrap(), [98, 50]);
        assert_eq!(CALLS.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn two_tasks_that_wait_for_each_other_meet_on_two_workers() {
        static INSIDE: AtomicUsize = AtomicUsize::new(0);
        let meet = delayed("meet", |_: &i64| {
            INSIDE.fetch_add(1, Ordering::SeqCst);
            (0..20_000).any(|_| {
                thread::sleep(Duration::from_micros(500));
                INSIDE.load(Ordering::SeqCst) == 2
            })
        });
        let both = delayed("both", |x: &bool, y: &bool| *x && *y);
        let met = both.call(&meet.call(&value(1)), &meet.call(&value(2)));
        assert!(met.compute_with(&Compute::new().workers(2)).unwrap(), "they ran side by side");
    }

    #[test]
    fn values_of_any_types_meet_and_errors_name_the_task() {
        let text = delayed("text", |n: &usize, word: &String| word.repeat(*n));
        let result = text.call(&value(3), &value("ab".to_owned()));
        assert_eq!(result.compute().unwrap(), "ababab");
        let parse = delayed_fallible("parse", |text: &String| text.parse::<i64>());
        let error = parse.call(&result).compute().unwrap_err();
        assert!(error.to_string().contains("parse"), "{error}");
        assert!(std::error::Error::source(&error).unwrap().to_string().contains("invalid digit"), "{error:?}");
        let panics = delayed("panics", |_: &String| -> i64 { panic!("on purpose") });
        let error = panics.call(&result).compute().unwrap_err().to_string();
        assert!(error.contains("panics") && error.contains("on purpose"), "{error}");
    }

    #[test]
    fn a_chain_of_a_hundred_thousand_tasks_runs_and_is_let_go_of() {
        let inc = delayed("inc", |x: &u64| x + 1);
        let mut last = value(0);
        for _ in 0..100_000 {
            last = inc.call(&last);
        }
        assert_eq!(last.compute().unwrap(), 100_000);
    }

    #[test]
    fn the_loop_of_the_tutorial_is_drawn() {
        let folder = tempfile::tempdir().unwrap();
        let inc = delayed("inc", |x: &i64| x + 1);
        let sum = delayed_many("sum", |xs: &[&i64]| xs.iter().copied().sum::<i64>());
        let total = sum.call(&(1..=5).map(|x| inc.call(&value(x))).collect::<Vec<_>>());
        assert_eq!(total.graph().unwrap().tasks().count(), 6);
        for (name, start) in [("x.svg", "<svg"), ("x.dot", "digraph")] {
            let path = folder.path().join(name);
            total.visualize(&path, &Look::default()).unwrap();
            assert!(std::fs::read_to_string(path).unwrap().starts_with(start), "{name}");
        }
        assert_eq!(total.compute().unwrap(), 20);
    }
}

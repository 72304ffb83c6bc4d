//! Functions of values of any type, as operations of a graph.

use std::any::Any;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::graph::{Cost, Key, Meta, Op, TaskContext, TaskGraph};
use crate::graph::{GraphError, Held};

/// A value of any type; clones share it.
pub(super) type AnyValue = Arc<dyn Any + Send + Sync>;

/// What a function of the user may say.
pub type AnyError = Box<dyn Error + Send + Sync>;

/// A function whose types are forgotten; the typed handles around it keep them right.
pub(super) type Erased = dyn Fn(&[AnyValue]) -> Result<AnyValue, AnyError> + Send + Sync;

/// A function that can be a task: of no value, or of references to up to four values of any types.
///
/// `I` is the tuple of its inputs; closures that say the types of their arguments are such functions.
pub trait Function<I, T>: Send + Sync + 'static {
    /// Calls it on values of the right types.
    #[doc(hidden)]
    fn call(&self, inputs: &[Arc<dyn Any + Send + Sync>]) -> T;
}

macro_rules! functions {
    ($(($($A:ident $n:tt),*))*) => {$(
        impl<F, T, $($A),*> Function<($($A,)*), T> for F
        where
            F: Fn($(&$A),*) -> T + Send + Sync + 'static,
            $($A: Any + Send + Sync,)*
        {
            fn call(&self, _inputs: &[AnyValue]) -> T {
                self($(known::<$A>(&_inputs[$n])),*)
            }
        }
    )*};
}

functions! { () (A 0) (A 0, B 1) (A 0, B 1, C 2) (A 0, B 1, C 2, D 3) }

/// The value as what the handle that stands for it says.
pub(super) fn known<T: Any>(value: &AnyValue) -> &T {
    value.downcast_ref().expect("a handle has the type of its value")
}

/// Forgets the types of a function.
pub(super) fn erased<I: 'static, T: Any + Send + Sync>(function: impl Function<I, T>) -> Arc<Erased> {
    Arc::new(move |inputs| Ok(Arc::new(function.call(inputs))))
}

/// Forgets the types of a function that may fail.
pub(super) fn erased_fallible<I: 'static, T, E>(function: impl Function<I, Result<T, E>>) -> Arc<Erased>
where
    T: Any + Send + Sync,
    E: Into<AnyError>,
{
    Arc::new(move |inputs| match function.call(inputs) {
        Ok(value) => Ok(Arc::new(value)),
        Err(error) => Err(error.into()),
    })
}

/// Forgets the types of a function of many values of one type.
pub(super) fn erased_many<A: Any + Send + Sync, T: Any + Send + Sync>(
    function: impl Fn(&[&A]) -> T + Send + Sync + 'static,
) -> Arc<Erased> {
    Arc::new(move |inputs| {
        let inputs: Vec<&A> = inputs.iter().map(known).collect();
        Ok(Arc::new(function(&inputs)))
    })
}

/// A function on its way through a graph.
#[derive(Clone)]
pub struct Call {
    pub(super) name: &'static str,
    pub(super) function: Arc<Erased>,
    /// As its author declared it.
    pub(super) cost: Cost,
}

/// A function of the user returned an error.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct CallError(AnyError);

impl Op for Call {
    type Value = AnyValue;
    type Error = CallError;

    fn kind(&self) -> &'static str {
        self.name
    }

    /// Nothing is known of it but what was declared: the memory of values of any type cannot be planned.
    fn cost(&self, _inputs: &[Meta]) -> Cost {
        self.cost
    }

    fn run(&self, inputs: &[Arc<AnyValue>], _context: &TaskContext) -> Result<AnyValue, CallError> {
        let inputs: Vec<AnyValue> = inputs.iter().map(|value| AnyValue::clone(value)).collect();
        (self.function)(&inputs).map_err(CallError)
    }
}

/// A task or a value before it is in a graph, with all that it needs.
pub(super) struct Node {
    key: Key,
    content: Content,
    inputs: Vec<Arc<Node>>,
}

enum Content {
    Value(AnyValue),
    Task(Call),
}

impl Node {
    pub(super) fn value(key: Key, value: AnyValue) -> Arc<Self> {
        Arc::new(Self { key, content: Content::Value(value), inputs: Vec::new() })
    }

    pub(super) fn task(key: Key, call: Call, inputs: Vec<Arc<Node>>) -> Arc<Self> {
        Arc::new(Self { key, content: Content::Task(call), inputs })
    }

    /// The same, and what it takes; a value takes nothing.
    pub(super) fn costing(&self, cost: Cost) -> Arc<Self> {
        let content = match &self.content {
            Content::Value(value) => Content::Value(Arc::clone(value)),
            Content::Task(call) => Content::Task(Call { cost, ..call.clone() }),
        };
        Arc::new(Self { key: self.key.clone(), content, inputs: self.inputs.clone() })
    }

    pub(super) fn key(&self) -> &Key {
        &self.key
    }
}

/// Long chains are let go of one by one: each inside the other would overflow the stack.
impl Drop for Node {
    fn drop(&mut self) {
        let mut open = std::mem::take(&mut self.inputs);
        while let Some(node) = open.pop() {
            if let Some(mut last) = Arc::into_inner(node) {
                open.append(&mut last.inputs);
            }
        }
    }
}

/// A layer's name that no other has in this process.
pub(super) fn layer(name: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{name}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The graph of some nodes and all that they need, and their keys.
pub(super) fn graph(tops: &[Arc<Node>]) -> Result<(TaskGraph<Call>, Vec<Key>), GraphError> {
    let mut graph = TaskGraph::new();
    let mut open: Vec<&Arc<Node>> = tops.iter().collect();
    while let Some(node) = open.pop() {
        if graph.contains(&node.key) {
            continue;
        }
        match &node.content {
            Content::Value(value) => graph.insert_value(node.key.clone(), Held::new(Arc::new(Arc::clone(value)), 0))?,
            Content::Task(call) => {
                let dependencies = node.inputs.iter().map(|input| input.key.clone()).collect();
                graph.insert(node.key.clone(), call.clone(), dependencies)?;
            }
        }
        open.extend(&node.inputs);
    }
    Ok((graph, tops.iter().map(|node| node.key.clone()).collect()))
}

//! Passes: the same targets from fewer and smaller tasks.
//!
//! Every pass works on a [`draft::Draft`], a checked graph by numbers; [`optimise()`] tells what they do.

mod dedupe;
mod draft;
mod fuse;
mod narrow;
#[cfg(test)]
mod tests;

use draft::Draft;

use super::{GraphError, Key, Op, TaskGraph};

/// A graph after its passes.
pub struct Optimised<O: Op> {
    /// The graph; it has all targets.
    pub graph: TaskGraph<O>,
    /// What each pass did, in their order.
    pub passes: Vec<PassReport>,
}

/// What a pass did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassReport {
    /// Name of the pass.
    pub pass: &'static str,
    /// Tasks, values and aliases before it.
    pub before: usize,
    /// Tasks, values and aliases after it.
    pub after: usize,
}

/// Gives a graph that computes the same values for the targets from fewer and smaller tasks.
///
/// 1. **Cull**: what no target needs goes.
/// 2. **Aliases**: who asks for a further name asks for the node itself; the names that are targets stay.
/// 3. **Deduplicate**: tasks whose operations have the same digest, on the same inputs, become one, and so do given
///    values with the same digest.
/// 4. **Push down**: a task of which each user takes a part is done by each user for its part alone, as a read of which
///    every user takes a slice becomes a small read for each. All users must fuse with it, without more operations in
///    sum, each must hold less than it did, and together no more than twice as much.
/// 5. **Fuse**: a task with a single user becomes one with it, where that does not make large inputs wait for others.
///
/// The last two take turns until neither finds anything. What may become one is for [`Op::fuse`] to say, what is worth
/// it is judged by [`Op::cost`]. A target is never fused into another task, and keeps its value and its name, if need be
/// as an alias; the values stay the same bytes.
///
/// ```
/// # use std::{convert::Infallible, sync::Arc};
/// # use deconv::graph::{Cost, Key, Meta, Op, TaskContext, TaskGraph, optimise};
/// /// Adds numbers to its input, one after the other.
/// struct Add(Vec<i64>);
/// impl Op for Add {
/// #   type Value = i64;
/// #   type Error = Infallible;
/// #   fn kind(&self) -> &'static str { "add" }
/// #   fn cost(&self, _: &[Meta]) -> Cost { Cost { flops: self.0.len() as f64, output_bytes: 8, scratch_bytes: 0 } }
/// #   fn run(&self, inputs: &[Arc<i64>], _: &TaskContext) -> Result<i64, Infallible> {
/// #       Ok(inputs.iter().map(|value| **value).sum::<i64>() + self.0.iter().sum::<i64>())
/// #   }
///     fn fuse(&self, next: &Self, _place: usize) -> Option<Self> {
///         Some(Self([self.0.as_slice(), next.0.as_slice()].concat()))
///     }
///     // kind, cost and run as ever
/// }
/// let mut graph = TaskGraph::new();
/// let [one, two, six] = ["one", "two", "six"].map(|name| Key::new(name, []));
/// graph.insert(one.clone(), Add(vec![1]), vec![])?;
/// graph.insert(two.clone(), Add(vec![1]), vec![one])?;
/// graph.insert(six.clone(), Add(vec![4]), vec![two])?;
/// let optimised = optimise(graph, &[six])?;
/// assert_eq!(optimised.graph.tasks().count(), 1);
/// # Ok::<(), deconv::graph::GraphError>(())
/// ```
///
/// # Errors
/// [`GraphError::Missing`] and [`GraphError::Cycle`].
pub fn optimise<O: Op>(graph: TaskGraph<O>, targets: &[Key]) -> Result<Optimised<O>, GraphError> {
    let mut report = Report { passes: Vec::new(), now: graph.len() };
    let graph = graph.cull(targets);
    report.reached("cull", graph.len());
    let mut draft = Draft::new(graph, targets)?;
    report.reached("aliases", draft.len());
    dedupe::run(&mut draft);
    report.reached("deduplicate", draft.len());
    let (mut pushed, mut fused) = (0, 0);
    loop {
        let now = (narrow::run(&mut draft), fuse::run(&mut draft));
        (pushed, fused) = (pushed + now.0, fused + now.1);
        if now == (0, 0) {
            break;
        }
    }
    report.reached("push down", report.now - pushed);
    report.reached("fuse", report.now - fused);
    Ok(Optimised { graph: draft.into_graph(), passes: report.passes })
}

/// A report in the making.
struct Report {
    passes: Vec<PassReport>,
    now: usize,
}

impl Report {
    fn reached(&mut self, pass: &'static str, after: usize) {
        self.passes.push(PassReport { pass, before: self.now, after });
        self.now = after;
    }
}

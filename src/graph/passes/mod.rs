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
/// The last three take turns until none finds anything. What may become one is for [`Op::fuse`] to say, what is worth
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
    let mut passes = Vec::new();
    let mut report = |pass, before, after| passes.push(PassReport { pass, before, after });
    let all = graph.len();
    let graph = graph.cull(targets);
    let needed = graph.len();
    report("cull", all, needed);
    let mut draft = Draft::new(graph, targets)?;
    let mut now = draft.len();
    report("aliases", needed, now);
    for (pass, went) in alternate(&mut draft) {
        report(pass, now, now - went);
        now -= went;
    }
    Ok(Optimised { graph: draft.into_graph(), passes })
}

/// Takes something away, and returns how many nodes went.
type Pass<O> = fn(&mut Draft<O>) -> usize;

/// Lets the passes that make way for each other take turns until none finds anything; returns how many nodes each took.
fn alternate<O: Op>(draft: &mut Draft<O>) -> [(&'static str, usize); 3] {
    let passes: [Pass<O>; 3] = [dedupe::run, narrow::run, fuse::run];
    let mut told = [("deduplicate", 0), ("push down", 0), ("fuse", 0)];
    loop {
        let mut found = 0;
        for (pass, (_, went)) in passes.iter().zip(&mut told) {
            let before = draft.len();
            found += pass(draft);
            // Fewer than it found, where a target that is another one's equal stays as an alias.
            *went += before - draft.len();
        }
        if found == 0 {
            return told;
        }
    }
}

//! An array's tasks before they are made: a layer makes the task of any of its chunks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use serde::Serialize;
use smallvec::SmallVec;

use super::coarse::Recut;
use super::grid::indices;
use super::op::ArrayOp;
use crate::graph::{Digest, GraphError, Key, TaskGraph};

/// Hex digits of a digest in a layer's name.
const DIGITS: usize = 12;

/// A task of a layer: its operation, and its inputs as the number of a layer below and an index there.
pub(super) type Task = (ArrayOp, Vec<(usize, Vec<usize>)>);

/// Makes the task at a place.
type Make = Box<dyn Fn(&[usize]) -> Task + Send + Sync>;

/// All tasks of one step, one for each chunk.
pub(super) struct Layer {
    name: Arc<str>,
    counts: Vec<usize>,
    inputs: Vec<Arc<Layer>>,
    task: Make,
    /// Makes the same for other chunks, where it can.
    pub(super) recut: OnceLock<Recut>,
    /// The same values from fewer and larger tasks; see [`super::coarse`].
    pub(super) coarse: OnceLock<Arc<Layer>>,
}

impl Layer {
    /// A layer of this kind, whose tasks follow from `parameters` and `inputs` alone; layers that are made alike have the
    /// same name, and are computed once.
    pub(super) fn new(
        (kind, parameters): (&str, &impl Serialize),
        counts: Vec<usize>,
        inputs: Vec<Arc<Layer>>,
        task: impl Fn(&[usize]) -> Task + Send + Sync + 'static,
    ) -> Arc<Self> {
        let below: Vec<&str> = inputs.iter().map(|input| input.name.as_ref()).collect();
        let digest = Digest::of_value(kind, &(parameters, &counts, below)).map_or_else(unique, |d| d.to_string());
        let name = format!("{kind}-{}", &digest[..DIGITS.min(digest.len())]).into();
        let (recut, coarse) = (OnceLock::new(), OnceLock::new());
        Arc::new(Self { name, counts, inputs, task: Box::new(task), recut, coarse })
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Key of the task of a chunk.
    pub(super) fn key(&self, index: &[usize]) -> Key {
        let index: SmallVec<[u32; 4]> = index.iter().map(|&i| i as u32).collect();
        Key::new(&*self.name, index)
    }

    /// Keys of all tasks, the last axis fastest.
    pub(super) fn keys(&self) -> Vec<Key> {
        indices(&self.counts).map(|index| self.key(&index)).collect()
    }
}

/// A number that no other layer of this process has.
pub(super) fn unique() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed).to_string()
}

/// The graph of a layer and all that it needs.
pub(super) fn graph(top: &Arc<Layer>) -> Result<TaskGraph<ArrayOp>, GraphError> {
    graph_through(top, |op| op)
}

/// The same graph with every operation passed through a function.
pub(super) fn graph_through(
    top: &Arc<Layer>,
    through: impl Fn(ArrayOp) -> ArrayOp,
) -> Result<TaskGraph<ArrayOp>, GraphError> {
    walked(top, |layer| layer, through)
}

/// The graph to be run: the same values under the same keys, from the coarse form of each layer that nobody else shares
/// a part of.
pub(super) fn lean(top: &Arc<Layer>) -> Result<TaskGraph<ArrayOp>, GraphError> {
    let users = users(top);
    let is_alone = |layer: &&Arc<Layer>| {
        let below = std::iter::successors(layer.inputs.first(), |layer| layer.inputs.first());
        below.map(|layer| &layer.name).all(|name| users.get(name) == Some(&1))
    };
    walked(top, |layer| layer.coarse.get().filter(|_| is_alone(&layer)).unwrap_or(layer), |op| op)
}

/// How many layers use each of those below.
fn users(top: &Arc<Layer>) -> BTreeMap<Arc<str>, usize> {
    let (mut users, mut open) = (BTreeMap::new(), vec![top]);
    let mut seen = BTreeSet::from([Arc::clone(&top.name)]);
    while let Some(layer) = open.pop() {
        for input in &layer.inputs {
            *users.entry(Arc::clone(&input.name)).or_default() += 1;
            if seen.insert(Arc::clone(&input.name)) {
                open.push(input);
            }
        }
    }
    users
}

/// The tasks of a layer and of all that it needs, each layer in the form that is chosen.
fn walked<'l>(
    top: &'l Arc<Layer>,
    form: impl Fn(&'l Arc<Layer>) -> &'l Arc<Layer>,
    through: impl Fn(ArrayOp) -> ArrayOp,
) -> Result<TaskGraph<ArrayOp>, GraphError> {
    let mut graph = TaskGraph::new();
    let mut seen = BTreeSet::new();
    let mut open = vec![top];
    while let Some(layer) = open.pop() {
        if !seen.insert(Arc::clone(&layer.name)) {
            continue;
        }
        let form = form(layer);
        for index in indices(&layer.counts) {
            let (op, inputs) = (form.task)(&index);
            let dependencies = inputs.iter().map(|(input, index)| form.inputs[*input].key(index)).collect();
            graph.insert(layer.key(&index), through(op), dependencies)?;
        }
        open.extend(&form.inputs);
    }
    Ok(graph)
}

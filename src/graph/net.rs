//! A checked graph by numbers: what ordering, forecasts and schedulers work on.
//!
//! Numbers follow key order among the nodes that the targets need, so "the lowest number" is "the first key".

use std::collections::HashMap;

use super::task_graph::{Node, TaskGraph};
use super::{Cost, GraphError, Key, Meta, Op};

/// Lists of numbers, one list per node, in one piece of memory.
pub(super) struct Rows {
    starts: Vec<usize>,
    items: Vec<u32>,
}

impl Rows {
    /// The lists as they come.
    pub(super) fn new<R: IntoIterator<Item = u32>>(rows: impl Iterator<Item = R>) -> Self {
        let mut all = Self { starts: vec![0], items: Vec::new() };
        for row in rows {
            all.items.extend(row);
            all.starts.push(all.items.len());
        }
        all
    }

    /// The list of one node.
    pub(super) fn of(&self, node: u32) -> &[u32] {
        let node = node as usize;
        &self.items[self.starts[node]..self.starts[node + 1]]
    }

    /// For each node the nodes whose lists it stands in, in ascending order.
    fn transposed(&self) -> Self {
        let mut starts = vec![0; self.starts.len()];
        for &item in &self.items {
            starts[item as usize + 1] += 1;
        }
        for node in 1..starts.len() {
            starts[node] += starts[node - 1];
        }
        let (mut next, mut items) = (starts.clone(), vec![0; self.items.len()]);
        for node in 0..self.starts.len() as u32 - 1 {
            for &item in self.of(node) {
                items[next[item as usize]] = node;
                next[item as usize] += 1;
            }
        }
        Self { starts, items }
    }
}

/// The part of a graph that the targets need; every vector is indexed by the node's number.
pub(super) struct Net {
    /// Declared costs; of a given value only `output_bytes` is set.
    pub(super) costs: Vec<Cost>,
    /// Kinds of tasks; `None` marks a given value.
    pub(super) kinds: Vec<Option<&'static str>>,
    /// Dependencies as the operation wants them, in order and repeated.
    pub(super) inputs: Rows,
    /// Dependencies in ascending order, each once.
    pub(super) deps: Rows,
    /// Tasks that depend on the node, in ascending order, each once.
    pub(super) users: Rows,
    /// The targets as they were asked for.
    pub(super) targets: Vec<u32>,
    /// Whether the value stays after its last use.
    pub(super) is_target: Vec<bool>,
    /// All nodes, each after its dependencies.
    pub(super) topological: Vec<u32>,
    /// For each node of the graph, in key order, whether it has a number here.
    pub(super) is_needed: Vec<bool>,
}

impl Net {
    /// Walks the graph from the targets, and numbers what it meets.
    ///
    /// # Errors
    /// [`GraphError::Missing`] and [`GraphError::Cycle`].
    pub(super) fn new<O: Op>(graph: &TaskGraph<O>, targets: &[Key]) -> Result<Self, GraphError> {
        let mut walk = Walk::new(graph);
        let mut asked = Vec::with_capacity(targets.len());
        for key in targets {
            let target = walk.find(key, None)?;
            walk.visit(target)?;
            asked.push(target);
        }
        Ok(walk.numbered(&asked))
    }

    /// Number of nodes, tasks and values.
    pub(super) fn len(&self) -> usize {
        self.costs.len()
    }

    /// Whether the node is a task, not a given value.
    pub(super) fn is_task(&self, node: u32) -> bool {
        self.kinds[node as usize].is_some()
    }

    /// All tasks in key order.
    pub(super) fn tasks(&self) -> impl Iterator<Item = u32> {
        (0..self.len() as u32).filter(|&node| self.is_task(node))
    }

    /// For each task how many of its dependencies are tasks.
    pub(super) fn count_awaited(&self) -> Vec<u32> {
        let awaited = |node| self.deps.of(node).iter().filter(|&&dep| self.is_task(dep)).count() as u32;
        (0..self.len() as u32).map(awaited).collect()
    }

    /// For each value how many tasks use it.
    pub(super) fn count_users(&self) -> Vec<u32> {
        (0..self.len() as u32).map(|node| self.users.of(node).len() as u32).collect()
    }

    /// Declared size of a node's value \[bytes\].
    pub(super) fn bytes(&self, node: u32) -> u64 {
        self.costs[node as usize].output_bytes
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Mark {
    New,
    Open,
    Done,
}

/// A depth-first walk over a graph whose nodes are numbered in key order.
struct Walk<'g, O: Op> {
    nodes: Vec<(&'g Key, &'g Node<O>)>,
    numbers: HashMap<&'g Key, u32>,
    inputs: Vec<Vec<u32>>,
    marks: Vec<Mark>,
    done: Vec<u32>,
}

impl<'g, O: Op> Walk<'g, O> {
    fn new(graph: &'g TaskGraph<O>) -> Self {
        let nodes: Vec<_> = graph.nodes.iter().collect();
        let numbers = nodes.iter().zip(0..).map(|(&(key, _), number)| (key, number)).collect();
        let (inputs, marks) = (vec![Vec::new(); nodes.len()], vec![Mark::New; nodes.len()]);
        Self { nodes, numbers, inputs, marks, done: Vec::new() }
    }

    fn find(&self, key: &Key, wanted_by: Option<&Key>) -> Result<u32, GraphError> {
        let missing = || GraphError::Missing { key: key.clone(), wanted_by: wanted_by.cloned() };
        self.numbers.get(key).copied().ok_or_else(missing)
    }

    fn open(&mut self, node: u32) -> Result<(), GraphError> {
        let (key, content) = self.nodes[node as usize];
        if let Node::Task { dependencies, .. } = content {
            let found: Result<_, _> = dependencies.iter().map(|dep| self.find(dep, Some(key))).collect();
            self.inputs[node as usize] = found?;
        }
        self.marks[node as usize] = Mark::Open;
        Ok(())
    }

    fn visit(&mut self, target: u32) -> Result<(), GraphError> {
        if self.marks[target as usize] == Mark::Done {
            return Ok(());
        }
        self.open(target)?;
        let mut path = vec![(target, 0)];
        while let Some((node, next)) = path.last_mut() {
            let Some(&input) = self.inputs[*node as usize].get(*next) else {
                self.marks[*node as usize] = Mark::Done;
                self.done.push(*node);
                path.pop();
                continue;
            };
            *next += 1;
            match self.marks[input as usize] {
                Mark::Done => {}
                Mark::Open => return Err(self.cycle(&path, input)),
                Mark::New => {
                    self.open(input)?;
                    path.push((input, 0));
                }
            }
        }
        Ok(())
    }

    fn cycle(&self, path: &[(u32, usize)], again: u32) -> GraphError {
        let around = path.iter().map(|&(node, _)| node).skip_while(|&node| node != again);
        GraphError::Cycle { keys: around.map(|node| self.nodes[node as usize].0.clone()).collect() }
    }

    fn numbered(self, asked: &[u32]) -> Net {
        let is_needed: Vec<bool> = self.marks.iter().map(|&mark| mark == Mark::Done).collect();
        let mut renumbered = vec![u32::MAX; self.nodes.len()];
        let needed: Vec<u32> = (0..self.nodes.len() as u32).filter(|&old| is_needed[old as usize]).collect();
        for (new, &old) in needed.iter().enumerate() {
            renumbered[old as usize] = new as u32;
        }
        let new_number = |&old: &u32| renumbered[old as usize];
        let inputs = Rows::new(needed.iter().map(|&old| self.inputs[old as usize].iter().map(new_number)));
        let deps = Rows::new((0..needed.len() as u32).map(|node| {
            let mut once = inputs.of(node).to_vec();
            once.sort_unstable();
            once.dedup();
            once
        }));
        let topological: Vec<u32> = self.done.iter().map(new_number).collect();
        let targets: Vec<u32> = asked.iter().map(new_number).collect();
        let mut is_target = vec![false; needed.len()];
        for &target in &targets {
            is_target[target as usize] = true;
        }
        let contents: Vec<&Node<O>> = needed.iter().map(|&old| self.nodes[old as usize].1).collect();
        let kinds = contents.iter().map(|content| match content {
            Node::Task { op, .. } => Some(op.kind()),
            Node::Value(_) => None,
        });
        let (kinds, costs) = (kinds.collect(), costs(&contents, &inputs, &topological));
        let users = deps.transposed();
        Net { costs, kinds, inputs, deps, users, targets, is_target, topological, is_needed }
    }
}

fn costs<O: Op>(contents: &[&Node<O>], inputs: &Rows, topological: &[u32]) -> Vec<Cost> {
    let mut costs = vec![Cost::default(); contents.len()];
    let mut metas = Vec::new();
    for &node in topological {
        costs[node as usize] = match contents[node as usize] {
            Node::Value(held) => Cost { output_bytes: held.bytes, ..Cost::default() },
            Node::Task { op, .. } => {
                metas.clear();
                metas.extend(inputs.of(node).iter().map(|&input| Meta { bytes: costs[input as usize].output_bytes }));
                op.cost(&metas)
            }
        };
    }
    costs
}

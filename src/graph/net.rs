//! A checked graph by numbers: what ordering, forecasts and schedulers work on.
//!
//! Numbers follow key order among the nodes that the targets need, so "the lowest number" is "the first key".

use std::ops::Range;

use super::task_graph::{Node, TaskGraph};
use super::{Cost, GraphError, Key, Meta, Op};

/// Lists of numbers, one list per node, in one piece of memory.
#[derive(Clone, PartialEq)]
pub(super) struct Rows {
    starts: Vec<u32>,
    items: Vec<u32>,
}

impl Rows {
    /// The lists as they come.
    pub(super) fn new<R: IntoIterator<Item = u32>>(rows: impl Iterator<Item = R>) -> Self {
        let mut all = Self { starts: vec![0], items: Vec::new() };
        for row in rows {
            all.items.extend(row);
            all.end_row();
        }
        all
    }

    fn end_row(&mut self) {
        self.starts.push(self.items.len() as u32);
    }

    /// The same lists in ascending order, with each number once.
    pub(super) fn each_once(&self) -> Self {
        let mut once = Self { starts: Vec::with_capacity(self.starts.len()), items: Vec::new() };
        once.items.reserve_exact(self.items.len());
        once.end_row();
        for node in 0..self.len() {
            let start = once.items.len();
            once.items.extend_from_slice(self.of(node));
            once.items[start..].sort_unstable();
            let mut kept = start;
            for place in start..once.items.len() {
                if place == start || once.items[place] != once.items[kept - 1] {
                    once.items[kept] = once.items[place];
                    kept += 1;
                }
            }
            once.items.truncate(kept);
            once.end_row();
        }
        once
    }

    fn len(&self) -> u32 {
        self.starts.len() as u32 - 1
    }

    /// The list of one node.
    pub(super) fn of(&self, node: u32) -> &[u32] {
        &self.items[self.range(node)]
    }

    /// Where the list of one node stands among all.
    pub(super) fn range(&self, node: u32) -> Range<usize> {
        let node = node as usize;
        self.starts[node] as usize..self.starts[node + 1] as usize
    }

    /// The numbers of all lists together.
    pub(super) fn count(&self) -> usize {
        self.items.len()
    }

    /// The list of one node, to be put in another order.
    pub(super) fn of_mut(&mut self, node: u32) -> &mut [u32] {
        let node = node as usize;
        &mut self.items[self.starts[node] as usize..self.starts[node + 1] as usize]
    }

    /// For each node the nodes whose lists it stands in, in ascending order.
    pub(super) fn transposed(&self) -> Self {
        self.transposed_to(self.starts.len() - 1)
    }

    /// For each of `columns` numbers the lists that it stands in, in ascending order.
    pub(super) fn transposed_to(&self, columns: usize) -> Self {
        let mut starts = vec![0; columns + 1];
        for &item in &self.items {
            starts[item as usize + 1] += 1;
        }
        for node in 1..starts.len() {
            starts[node] += starts[node - 1];
        }
        let (mut next, mut items) = (starts.clone(), vec![0; self.items.len()]);
        for node in 0..self.len() {
            for &item in self.of(node) {
                items[next[item as usize] as usize] = node;
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
    /// Where each node stands in the graph.
    pub(super) places: Vec<u32>,
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
            let target = graph.find(key, None)?;
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

/// A depth-first walk over a graph; until it ends, places in the graph stand for numbers.
struct Walk<'g, O: Op> {
    graph: &'g TaskGraph<O>,
    /// What each opened node depends on: a range of `items`.
    inputs: Vec<Range<u32>>,
    items: Vec<u32>,
    marks: Vec<Mark>,
    done: Vec<u32>,
}

impl<'g, O: Op> Walk<'g, O> {
    fn new(graph: &'g TaskGraph<O>) -> Self {
        let (inputs, marks) = (vec![0..0; graph.count()], vec![Mark::New; graph.count()]);
        Self { graph, inputs, items: Vec::new(), marks, done: Vec::new() }
    }

    fn open(&mut self, place: u32) -> Result<(), GraphError> {
        let (key, node) = self.graph.at(place);
        if let Node::Task { dependencies, .. } = node {
            let start = self.items.len() as u32;
            for dependency in dependencies {
                let found = self.graph.find(dependency, Some(key))?;
                self.items.push(found);
            }
            self.inputs[place as usize] = start..self.items.len() as u32;
        }
        self.marks[place as usize] = Mark::Open;
        Ok(())
    }

    fn visit(&mut self, target: u32) -> Result<(), GraphError> {
        if self.marks[target as usize] == Mark::Done {
            return Ok(());
        }
        self.open(target)?;
        let mut path = vec![(target, self.inputs[target as usize].clone())];
        while let Some((place, left)) = path.last_mut() {
            let Some(next) = left.next() else {
                self.marks[*place as usize] = Mark::Done;
                self.done.push(*place);
                path.pop();
                continue;
            };
            let input = self.items[next as usize];
            match self.marks[input as usize] {
                Mark::Done => {}
                Mark::Open => return Err(self.cycle(path.iter().map(|&(place, _)| place), input)),
                Mark::New => {
                    self.open(input)?;
                    path.push((input, self.inputs[input as usize].clone()));
                }
            }
        }
        Ok(())
    }

    fn cycle(&self, path: impl Iterator<Item = u32>, again: u32) -> GraphError {
        let around = path.skip_while(|&place| place != again);
        GraphError::Cycle { keys: around.map(|place| self.graph.at(place).0.clone()).collect() }
    }

    fn numbered(self, asked: &[u32]) -> Net {
        let is_needed = |&place: &u32| self.marks[place as usize] == Mark::Done;
        let places = self.graph.sorted((0..self.graph.count() as u32).filter(is_needed).collect());
        let mut numbers = vec![u32::MAX; self.graph.count()];
        for (number, &place) in (0..).zip(&places) {
            numbers[place as usize] = number;
        }
        let number = |&place: &u32| numbers[place as usize];
        let inputs = Rows::new(places.iter().map(|&place| {
            let Range { start, end } = self.inputs[place as usize];
            self.items[start as usize..end as usize].iter().map(number)
        }));
        let deps = inputs.each_once();
        let topological: Vec<u32> = self.done.iter().map(number).collect();
        let targets: Vec<u32> = asked.iter().map(number).collect();
        let mut is_target = vec![false; places.len()];
        for &target in &targets {
            is_target[target as usize] = true;
        }
        let contents: Vec<&Node<O>> = places.iter().map(|&place| self.graph.at(place).1).collect();
        let kinds = contents.iter().map(|content| match content {
            Node::Task { op, .. } => Some(op.kind()),
            Node::Value(_) => None,
        });
        let (kinds, costs) = (kinds.collect(), costs(&contents, &inputs, &topological));
        let users = deps.transposed();
        Net { costs, kinds, inputs, deps, users, targets, is_target, topological, places }
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

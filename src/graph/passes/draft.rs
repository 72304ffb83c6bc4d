//! A graph by numbers, for passes to take apart.

use super::super::net::{Net, Rows};
use super::super::task_graph::Node;
use super::super::{Cost, GraphError, Held, Key, Meta, Op, TaskGraph};

/// The part of a graph that the targets need, aliases resolved; every vector but `targets` is indexed by number.
pub(super) struct Draft<O: Op> {
    pub(super) keys: Vec<Key>,
    pub(super) contents: Vec<Content<O>>,
    /// Declared costs; of a given value only `output_bytes` is set.
    pub(super) costs: Vec<Cost>,
    pub(super) is_target: Vec<bool>,
    /// All nodes, each after its inputs; those that went still stand here.
    pub(super) topological: Vec<u32>,
    /// What was asked for, each key once, and the node that has its value.
    pub(super) targets: Vec<(Key, u32)>,
}

/// What stands behind a number.
pub(super) enum Content<O: Op> {
    Task {
        op: O,
        inputs: Vec<u32>,
    },
    Value(Box<Held<O::Value>>),
    /// A pass has taken it away.
    Gone,
}

impl<O: Op> Draft<O> {
    pub(super) fn new(graph: TaskGraph<O>, targets: &[Key]) -> Result<Self, GraphError> {
        let net = Net::new(&graph, targets)?;
        let mut asked: Vec<(Key, u32)> = targets.iter().cloned().zip(net.targets.iter().copied()).collect();
        asked.sort();
        asked.dedup();
        let (mut keys, mut contents) = (Vec::with_capacity(net.len()), Vec::with_capacity(net.len()));
        for (number, (key, node)) in (0..).zip(graph.take(&net.places)) {
            keys.push(key);
            contents.push(match node {
                Node::Task { op, .. } => Content::Task { op, inputs: net.inputs.of(number).to_vec() },
                Node::Value(held) => Content::Value(held),
            });
        }
        let Net { costs, is_target, topological, .. } = net;
        Ok(Self { keys, contents, costs, is_target, topological, targets: asked })
    }

    /// Number of nodes of the graph that it stands for.
    pub(super) fn len(&self) -> usize {
        let nodes = self.contents.iter().filter(|content| !matches!(content, Content::Gone)).count();
        nodes + self.targets.iter().filter(|(key, node)| *key != self.keys[*node as usize]).count()
    }

    /// The operation and its inputs, if the node is a task.
    pub(super) fn task(&self, node: u32) -> Option<(&O, &[u32])> {
        match &self.contents[node as usize] {
            Content::Task { op, inputs } => Some((op, inputs)),
            Content::Value(_) | Content::Gone => None,
        }
    }

    /// For each node its users in ascending order, each once.
    pub(super) fn users(&self) -> Rows {
        let inputs = (0..self.keys.len() as u32).map(|node| self.task(node).map_or(&[][..], |(_, inputs)| inputs));
        Rows::new(inputs.map(|inputs| inputs.iter().copied())).each_once().transposed()
    }

    /// The place of a task among its user's inputs, if it stands there once.
    pub(super) fn only_place(&self, producer: u32, user: u32) -> Option<usize> {
        let (_, inputs) = self.task(user)?;
        let mut places = (0..inputs.len()).filter(|&place| inputs[place] == producer);
        places.next().filter(|_| places.next().is_none())
    }

    /// Whether a task's inputs are together larger than its result.
    pub(super) fn widens(&self, node: u32) -> bool {
        let mut inputs = self.task(node).map_or_else(Vec::new, |(_, inputs)| inputs.to_vec());
        inputs.sort_unstable();
        inputs.dedup();
        let bytes = |node: u32| self.costs[node as usize].output_bytes;
        inputs.into_iter().map(bytes).sum::<u64>() > bytes(node)
    }

    /// What the producer and one user would be as one task, which takes the result of `producer` at `place`;
    /// `None` where the operations stay apart.
    pub(super) fn fused(&self, producer: u32, user: u32, place: usize) -> Option<Fused<O>> {
        let ((first, taken), (next, inputs)) = (self.task(producer)?, self.task(user)?);
        let op = first.fuse(next, place)?;
        let inputs = [&inputs[..place], taken, &inputs[place + 1..]].concat();
        let metas: Vec<Meta> =
            inputs.iter().map(|&input| Meta { bytes: self.costs[input as usize].output_bytes }).collect();
        Some(Fused { cost: op.cost(&metas), op, inputs })
    }

    /// Puts the fused task in the place of its user.
    pub(super) fn put(&mut self, user: u32, fused: Fused<O>) {
        let Fused { op, inputs, cost } = fused;
        self.contents[user as usize] = Content::Task { op, inputs };
        self.costs[user as usize] = cost;
    }

    /// The graph; a target whose value another node has becomes an alias of it.
    pub(super) fn into_graph(self) -> TaskGraph<O> {
        let key = |&node: &u32| self.keys[node as usize].clone();
        let nodes = self.contents.into_iter().zip(&self.keys).filter_map(|(content, own)| match content {
            Content::Task { op, inputs } => {
                Some((own.clone(), Node::Task { op, dependencies: inputs.iter().map(key).collect() }))
            }
            Content::Value(held) => Some((own.clone(), Node::Value(held))),
            Content::Gone => None,
        });
        let mut graph: TaskGraph<O> = nodes.collect();
        for (asked, node) in self.targets {
            if asked != self.keys[node as usize] {
                graph.alias(asked, self.keys[node as usize].clone()).expect("the node of that name went");
            }
        }
        graph
    }
}

/// Two tasks as one.
pub(super) struct Fused<O> {
    pub(super) op: O,
    pub(super) inputs: Vec<u32>,
    pub(super) cost: Cost,
}

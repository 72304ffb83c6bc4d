//! The graph itself: keys to tasks and values.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use super::net::Net;
use super::{GraphError, Held, Key, Op};

/// A lazy graph: nothing runs until a [`super::Scheduler`] is asked for targets.
///
/// Nodes stand in key order, so that nothing depends on the order of insertion.
pub struct TaskGraph<O: Op> {
    pub(super) nodes: BTreeMap<Key, Node<O>>,
}

/// What stands behind a key.
pub(super) enum Node<O: Op> {
    Task { op: O, dependencies: Vec<Key> },
    Value(Held<O::Value>),
}

impl<O: Op> TaskGraph<O> {
    /// A graph without nodes.
    pub fn new() -> Self {
        Self { nodes: BTreeMap::new() }
    }

    /// Adds a task; its operation will get the values of `dependencies` in this order (the same key may stand twice).
    ///
    /// # Errors
    /// [`GraphError::Duplicate`] if the graph has the key already; the graph stays as it was.
    pub fn insert(&mut self, key: Key, op: O, dependencies: Vec<Key>) -> Result<(), GraphError> {
        self.insert_node(key, Node::Task { op, dependencies })
    }

    /// Adds a value that is there before the run.
    ///
    /// # Errors
    /// [`GraphError::Duplicate`] if the graph has the key already; the graph stays as it was.
    pub fn insert_value(&mut self, key: Key, held: Held<O::Value>) -> Result<(), GraphError> {
        self.insert_node(key, Node::Value(held))
    }

    fn insert_node(&mut self, key: Key, node: Node<O>) -> Result<(), GraphError> {
        if self.contains(&key) {
            return Err(GraphError::Duplicate { key });
        }
        self.nodes.insert(key, node);
        Ok(())
    }

    /// Moves every node of `other` into this graph.
    ///
    /// # Errors
    /// [`GraphError::Duplicate`] with the first key that both have; this graph stays as it was.
    pub fn merge(&mut self, mut other: Self) -> Result<(), GraphError> {
        if let Some(key) = other.keys().find(|key| self.contains(key)) {
            return Err(GraphError::Duplicate { key: key.clone() });
        }
        self.nodes.append(&mut other.nodes);
        Ok(())
    }

    /// Number of nodes, tasks and values together.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Whether a task or a value has this key.
    pub fn contains(&self, key: &Key) -> bool {
        self.nodes.contains_key(key)
    }

    /// All keys, of tasks and values, in key order.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.nodes.keys()
    }

    /// All tasks in key order: key, kind of the operation, dependencies.
    pub fn tasks(&self) -> impl Iterator<Item = (&Key, &'static str, &[Key])> {
        self.nodes.iter().filter_map(|(key, node)| match node {
            Node::Task { op, dependencies } => Some((key, op.kind(), dependencies.as_slice())),
            Node::Value(_) => None,
        })
    }

    /// Keeps only what the targets need; what is missing is for [`TaskGraph::check`] to tell.
    pub fn cull(mut self, targets: &[Key]) -> Self {
        let mut needed = HashSet::new();
        let mut open: Vec<&Key> = targets.iter().collect();
        while let Some(key) = open.pop() {
            if let Some((key, node)) = self.nodes.get_key_value(key)
                && needed.insert(key.clone())
                && let Node::Task { dependencies, .. } = node
            {
                open.extend(dependencies);
            }
        }
        self.nodes.retain(|key, _| needed.contains(key));
        self
    }

    /// Checks that the targets can be computed; what no target needs is not looked at.
    ///
    /// # Errors
    /// [`GraphError::Missing`] with the key and who asked for it; [`GraphError::Cycle`] with the keys around the circle.
    pub fn check(&self, targets: &[Key]) -> Result<(), GraphError> {
        Net::new(self, targets).map(drop)
    }
}

impl<O: Op> Default for TaskGraph<O> {
    fn default() -> Self {
        Self::new()
    }
}

impl<O: Op> fmt::Debug for TaskGraph<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (key, node) in &self.nodes {
            match node {
                Node::Task { op, dependencies } => map.entry(key, &(op.kind(), dependencies)),
                Node::Value(held) => map.entry(key, &held.bytes),
            };
        }
        map.finish()
    }
}

//! The graph itself: keys to tasks and values.

use std::fmt;

use super::net::Net;
use super::places::Places;
use super::{GraphError, Held, Key, Op};

/// A lazy graph: nothing runs until a [`super::Scheduler`] is asked for targets.
///
/// Whatever is told of it stands in key order, so that nothing depends on the order of insertion.
pub struct TaskGraph<O: Op> {
    /// In the order of insertion.
    nodes: Vec<(Key, Node<O>)>,
    /// Where each key stands in `nodes`.
    places: Places,
}

/// What stands behind a key.
pub(super) enum Node<O: Op> {
    Task { op: O, dependencies: Vec<Key> },
    Value(Box<Held<O::Value>>),
}

impl<O: Op> TaskGraph<O> {
    /// A graph without nodes.
    pub fn new() -> Self {
        Self { nodes: Vec::new(), places: Places::default() }
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
        self.insert_node(key, Node::Value(Box::new(held)))
    }

    fn insert_node(&mut self, key: Key, node: Node<O>) -> Result<(), GraphError> {
        let hash = key.hashed();
        if self.find_hashed(&key, hash).is_some() {
            return Err(GraphError::Duplicate { key });
        }
        self.places.add(hash, self.nodes.len() as u32);
        self.nodes.push((key, node));
        Ok(())
    }

    /// Moves every node of `other` into this graph.
    ///
    /// # Errors
    /// [`GraphError::Duplicate`] with the first key that both have; this graph stays as it was.
    pub fn merge(&mut self, other: Self) -> Result<(), GraphError> {
        if let Some(key) = other.nodes.iter().map(|(key, _)| key).filter(|key| self.contains(key)).min() {
            return Err(GraphError::Duplicate { key: key.clone() });
        }
        other.nodes.into_iter().try_for_each(|(key, node)| self.insert_node(key, node))
    }

    /// Where a key stands among the nodes in the order of insertion.
    pub(super) fn find(&self, key: &Key) -> Option<u32> {
        self.find_hashed(key, key.hashed())
    }

    fn find_hashed(&self, key: &Key, hash: u32) -> Option<u32> {
        self.places.find(hash, |place| self.nodes[place as usize].0 == *key)
    }

    /// The node at a place.
    pub(super) fn at(&self, place: u32) -> (&Key, &Node<O>) {
        let (key, node) = &self.nodes[place as usize];
        (key, node)
    }

    /// All nodes in key order.
    pub(super) fn nodes(&self) -> impl Iterator<Item = (&Key, &Node<O>)> {
        self.sorted((0..self.nodes.len() as u32).collect()).into_iter().map(|place| self.at(place))
    }

    /// The same places in the order of their keys.
    pub(super) fn sorted(&self, mut places: Vec<u32>) -> Vec<u32> {
        places.sort_by(|&a, &b| self.nodes[a as usize].0.cmp(&self.nodes[b as usize].0));
        places
    }

    /// The nodes at these places, each of which stands once, in this order.
    pub(super) fn take(self, places: &[u32]) -> impl Iterator<Item = (Key, Node<O>)> {
        let mut nodes: Vec<_> = self.nodes.into_iter().map(Some).collect();
        places.iter().filter_map(move |&place| nodes[place as usize].take())
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
        self.find(key).is_some()
    }

    /// All keys, of tasks and values, in key order.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.nodes().map(|(key, _)| key)
    }

    /// All tasks in key order: key, kind of the operation, dependencies.
    pub fn tasks(&self) -> impl Iterator<Item = (&Key, &'static str, &[Key])> {
        self.nodes().filter_map(|(key, node)| match node {
            Node::Task { op, dependencies } => Some((key, op.kind(), dependencies.as_slice())),
            Node::Value(_) => None,
        })
    }

    /// Keeps only what the targets need; what is missing is for [`TaskGraph::check`] to tell.
    pub fn cull(self, targets: &[Key]) -> Self {
        let mut is_needed = vec![false; self.nodes.len()];
        let mut open: Vec<&Key> = targets.iter().collect();
        while let Some(key) = open.pop() {
            if let Some(place) = self.find(key)
                && !std::mem::replace(&mut is_needed[place as usize], true)
                && let (_, Node::Task { dependencies, .. }) = self.at(place)
            {
                open.extend(dependencies);
            }
        }
        let needed = self.nodes.into_iter().zip(is_needed).filter(|&(_, is_needed)| is_needed);
        needed.map(|(node, _)| node).collect()
    }

    /// Checks that the targets can be computed; what no target needs is not looked at.
    ///
    /// # Errors
    /// [`GraphError::Missing`] with the key and who asked for it; [`GraphError::Cycle`] with the keys around the circle.
    pub fn check(&self, targets: &[Key]) -> Result<(), GraphError> {
        Net::new(self, targets).map(drop)
    }
}

/// Nodes of one graph, with keys of their own each.
impl<O: Op> FromIterator<(Key, Node<O>)> for TaskGraph<O> {
    fn from_iter<I: IntoIterator<Item = (Key, Node<O>)>>(nodes: I) -> Self {
        let nodes: Vec<_> = nodes.into_iter().collect();
        let mut places = Places::default();
        nodes.iter().zip(0..).for_each(|((key, _), place)| places.add(key.hashed(), place));
        Self { nodes, places }
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
        for (key, node) in self.nodes() {
            match node {
                Node::Task { op, dependencies } => map.entry(key, &(op.kind(), dependencies)),
                Node::Value(held) => map.entry(key, &held.bytes),
            };
        }
        map.finish()
    }
}

//! The graph itself: keys to tasks and values.

use std::{fmt, iter};

use rustc_hash::FxHashMap;

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
    /// Further names: each key stands for the value of another.
    aliases: FxHashMap<Key, Key>,
}

/// What stands behind a key.
pub(super) enum Node<O: Op> {
    Task { op: O, dependencies: Vec<Key> },
    Value(Box<Held<O::Value>>),
}

impl<O: Op> TaskGraph<O> {
    /// A graph without nodes.
    pub fn new() -> Self {
        Self { nodes: Vec::new(), places: Places::default(), aliases: FxHashMap::default() }
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

    /// Gives the value of `of`, which may come later or be an alias itself, a further name.
    ///
    /// # Errors
    /// [`GraphError::Duplicate`] if the graph has the key already; the graph stays as it was.
    pub fn alias(&mut self, key: Key, of: Key) -> Result<(), GraphError> {
        if self.contains(&key) {
            return Err(GraphError::Duplicate { key });
        }
        self.aliases.insert(key, of);
        Ok(())
    }

    fn insert_node(&mut self, key: Key, node: Node<O>) -> Result<(), GraphError> {
        let hash = key.hashed();
        if self.find_hashed(&key, hash).is_some() || self.aliases.contains_key(&key) {
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
        let names = other.nodes.iter().map(|(key, _)| key).chain(other.aliases.keys());
        if let Some(key) = names.filter(|key| self.contains(key)).min() {
            return Err(GraphError::Duplicate { key: key.clone() });
        }
        self.aliases.extend(other.aliases);
        other.nodes.into_iter().try_for_each(|(key, node)| self.insert_node(key, node))
    }

    /// Where the node stands, among the nodes in the order of insertion, whose value has this name.
    ///
    /// # Errors
    /// [`GraphError::Missing`], and [`GraphError::Cycle`] for aliases of each other.
    pub(super) fn find(&self, key: &Key, wanted_by: Option<&Key>) -> Result<u32, GraphError> {
        if let Some(place) = self.find_hashed(key, key.hashed()) {
            return Ok(place);
        }
        let (mut name, mut asker) = (key, wanted_by);
        for _ in 0..=self.aliases.len() {
            let Some(of) = self.aliases.get(name) else {
                return Err(GraphError::Missing { key: name.clone(), wanted_by: asker.cloned() });
            };
            if let Some(place) = self.find_hashed(of, of.hashed()) {
                return Ok(place);
            }
            (name, asker) = (of, Some(name));
        }
        // After so many steps it has been round the circle.
        let around = iter::successors(self.aliases.get(name), |&next| self.aliases.get(next));
        let others = around.take_while(|&next| next != name);
        Err(GraphError::Cycle { keys: iter::once(name).chain(others).cloned().collect() })
    }

    fn find_hashed(&self, key: &Key, hash: u32) -> Option<u32> {
        self.places.find(hash, |place| self.nodes[place as usize].0 == *key)
    }

    /// Number of tasks and values.
    pub(super) fn count(&self) -> usize {
        self.nodes.len()
    }

    /// The node at a place.
    pub(super) fn at(&self, place: u32) -> (&Key, &Node<O>) {
        let (key, node) = &self.nodes[place as usize];
        (key, node)
    }

    /// All tasks and values in key order.
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

    /// Number of nodes: tasks, values and aliases together.
    pub fn len(&self) -> usize {
        self.nodes.len() + self.aliases.len()
    }

    /// Whether there is no node.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a task, a value or an alias has this key.
    pub fn contains(&self, key: &Key) -> bool {
        self.find_hashed(key, key.hashed()).is_some() || self.aliases.contains_key(key)
    }

    /// All keys, of tasks, values and aliases, in key order.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        let mut keys: Vec<&Key> = self.nodes.iter().map(|(key, _)| key).chain(self.aliases.keys()).collect();
        keys.sort();
        keys.into_iter()
    }

    /// All aliases in key order, each with the key whose value it names.
    pub fn aliases(&self) -> impl Iterator<Item = (&Key, &Key)> {
        let mut aliases: Vec<_> = self.aliases.iter().collect();
        aliases.sort();
        aliases.into_iter()
    }

    /// All tasks in key order: key, kind of the operation, dependencies.
    pub fn tasks(&self) -> impl Iterator<Item = (&Key, &'static str, &[Key])> {
        self.nodes().filter_map(|(key, node)| match node {
            Node::Task { op, dependencies } => Some((key, op.kind(), dependencies.as_slice())),
            Node::Value(_) => None,
        })
    }

    /// Keeps only what the targets need; what is missing is for [`TaskGraph::check`] to tell.
    pub fn cull(mut self, targets: &[Key]) -> Self {
        let mut is_needed = vec![false; self.nodes.len()];
        let mut aliases = FxHashMap::default();
        let mut open: Vec<&Key> = targets.iter().collect();
        while let Some(key) = open.pop() {
            if let Some(place) = self.find_hashed(key, key.hashed()) {
                if !std::mem::replace(&mut is_needed[place as usize], true)
                    && let Node::Task { dependencies, .. } = &self.nodes[place as usize].1
                {
                    open.extend(dependencies);
                }
            } else if let Some(of) = self.aliases.get(key)
                && aliases.insert(key.clone(), of.clone()).is_none()
            {
                open.push(of);
            }
        }
        let needed = std::mem::take(&mut self.nodes).into_iter().zip(is_needed).filter(|&(_, is_needed)| is_needed);
        Self { aliases, ..needed.map(|(node, _)| node).collect() }
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
        Self { nodes, places, aliases: FxHashMap::default() }
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
        self.aliases().for_each(|(key, of)| {
            map.entry(key, of);
        });
        map.finish()
    }
}

//! A graph as boxes and lines, whole or by layers.

use std::collections::BTreeMap;

use super::super::net::Net;
use super::super::task_graph::Node as GraphNode;
use super::super::{GraphError, Key, Op, TaskGraph, order};

/// Boxes and lines.
#[derive(Debug, Clone)]
pub(super) struct Sketch {
    /// In the order of the rows.
    pub(super) nodes: Vec<Node>,
    /// Which box leads to which, and how many dependencies the line stands for.
    pub(super) edges: Vec<(u32, u32, usize)>,
}

/// One box: a task, a given value, or several of a layer.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) layer: String,
    /// Its place in the layer, or how many it stands for.
    pub(super) place: String,
    /// Parameters in words.
    pub(super) about: String,
    /// `None` for a given value.
    pub(super) kind: Option<&'static str>,
    pub(super) is_target: bool,
    /// Topological level.
    pub(super) level: u32,
    /// (Mean) place in the static order; a given value stands just before its first user.
    pub(super) rank: f64,
    /// (Mean) number of tasks that run while the value stays.
    pub(super) age: f64,
    pub(super) bytes: u64,
    pub(super) seconds: Option<f64>,
    pub(super) count: usize,
}

impl Sketch {
    pub(super) fn new<O: Op>(
        graph: &TaskGraph<O>,
        targets: &[Key],
        seconds: Option<super::Seconds<'_>>,
    ) -> Result<Self, GraphError> {
        let net = Net::new(graph, targets)?;
        let places = Places::new(&net);
        let nodes = net.places.iter().zip(0u32..).map(|(&place, node)| {
            let (key, content) = graph.at(place);
            let at = node as usize;
            let kind = net.kinds[at];
            let about = match content {
                GraphNode::Task { op, .. } => op.describe(),
                GraphNode::Value(_) => String::new(),
            };
            let key_text = key.to_string();
            Node {
                layer: key.layer().to_owned(),
                place: key_text.strip_prefix(key.layer()).unwrap_or_default().to_owned(),
                about,
                kind,
                is_target: net.is_target[at],
                level: places.levels[at],
                rank: places.ranks[at],
                age: places.ages[at],
                bytes: net.bytes(node),
                seconds: kind.and_then(|kind| seconds?(key, kind, &net.costs[at])),
                count: 1,
            }
        });
        let nodes = nodes.collect();
        let edges =
            (0..net.len() as u32).flat_map(|node| net.deps.of(node).iter().map(move |&dep| (dep, node, 1))).collect();
        Ok(Self { nodes, edges }.in_order())
    }

    /// The same with at most about `most` boxes: by layer and level, or, where that does not do, by kind and spans of levels.
    pub(super) fn collapsed(self, most: usize) -> Self {
        if self.nodes.len() <= most {
            return self;
        }
        let by_layer = self.grouped(|node| (node.layer.clone(), node.level));
        if by_layer.nodes.len() <= most {
            return by_layer;
        }
        let mut kinds: Vec<_> = self.nodes.iter().map(|node| node.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let levels = self.nodes.iter().map(|node| node.level as usize + 1).max().unwrap_or(1);
        let span = levels.div_ceil((most / kinds.len().max(1)).max(1)) as u32;
        self.grouped(|node| (node.kind.unwrap_or("given").to_owned(), node.level / span))
    }

    /// One box for all nodes that have the same name and level.
    fn grouped(&self, name: impl Fn(&Node) -> (String, u32)) -> Self {
        let mut places: BTreeMap<(String, u32), u32> = BTreeMap::new();
        let mut nodes: Vec<Node> = Vec::new();
        let group_of: Vec<u32> = self
            .nodes
            .iter()
            .map(|node| {
                let (layer, level) = name(node);
                let next = nodes.len() as u32;
                let group = *places.entry((layer.clone(), level)).or_insert(next);
                match nodes.get_mut(group as usize) {
                    Some(first) => first.absorb(node),
                    None => nodes.push(Node { layer, level, ..node.clone() }),
                }
                group
            })
            .collect();
        for node in &mut nodes {
            let count = node.count as f64;
            (node.rank, node.age) = (node.rank / count, node.age / count);
            if node.count > 1 {
                node.place = format!("× {}", node.count);
                node.about = String::new();
            }
        }
        let mut counts: BTreeMap<(u32, u32), usize> = BTreeMap::new();
        for &(from, to, count) in &self.edges {
            let ends = (group_of[from as usize], group_of[to as usize]);
            if ends.0 != ends.1 {
                *counts.entry(ends).or_default() += count;
            }
        }
        let edges = counts.into_iter().map(|((from, to), count)| (from, to, count)).collect();
        Self { nodes, edges }.in_order()
    }

    /// The nodes sorted by level and by their place in the static order.
    fn in_order(self) -> Self {
        let mut sorted: Vec<usize> = (0..self.nodes.len()).collect();
        let key = |at: usize| (self.nodes[at].level, self.nodes[at].rank);
        sorted.sort_by(|&a, &b| key(a).0.cmp(&key(b).0).then(key(a).1.total_cmp(&key(b).1)).then(a.cmp(&b)));
        let mut place = vec![0u32; sorted.len()];
        for (new, &old) in sorted.iter().enumerate() {
            place[old] = new as u32;
        }
        let edges = self.edges.iter().map(|&(from, to, count)| (place[from as usize], place[to as usize], count));
        let mut edges: Vec<_> = edges.collect();
        edges.sort_unstable();
        Self { nodes: sorted.into_iter().map(|old| self.nodes[old].clone()).collect(), edges }
    }
}

impl Node {
    /// Takes in another; means are made of the sums at the end.
    fn absorb(&mut self, other: &Self) {
        self.is_target |= other.is_target;
        self.rank += other.rank;
        self.age += other.age;
        self.bytes += other.bytes;
        self.seconds = match (self.seconds, other.seconds) {
            (Some(mine), Some(other)) => Some(mine + other),
            (mine, other) => mine.or(other),
        };
        self.count += other.count;
    }
}

/// Where the nodes of a net stand.
struct Places {
    levels: Vec<u32>,
    ranks: Vec<f64>,
    ages: Vec<f64>,
}

impl Places {
    fn new(net: &Net) -> Self {
        let order = order::best(net);
        let mut ranks = vec![f64::NAN; net.len()];
        for (rank, &task) in order.iter().enumerate() {
            ranks[task as usize] = rank as f64;
        }
        let mut levels = vec![0u32; net.len()];
        for &node in &net.topological {
            let above = net.deps.of(node).iter().map(|&dep| levels[dep as usize] + 1);
            levels[node as usize] = above.max().unwrap_or(0);
        }
        let mut ages = vec![0.0; net.len()];
        for node in 0..net.len() as u32 {
            let users = net.users.of(node);
            let at = node as usize;
            if !net.is_task(node) {
                // what is given stands beside its first user
                ranks[at] = users.iter().map(|&user| ranks[user as usize] - 0.5).fold(order.len() as f64, f64::min);
                levels[at] = users.iter().map(|&user| levels[user as usize] - 1).min().unwrap_or(0);
            }
            let last = users.iter().map(|&user| ranks[user as usize]).fold(ranks[at], f64::max);
            ages[at] = if net.is_target[at] { order.len() as f64 } else { last } - ranks[at].max(0.0);
        }
        Self { levels, ranks, ages }
    }
}

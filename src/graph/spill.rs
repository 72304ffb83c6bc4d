//! Which values stand in scratch files: chosen before the run, so that the same run always spills the same values.
//!
//! The tasks are followed in their order. Where one has no room in the budget, the live value whose next use is farthest
//! goes to a file; of equals the largest. It goes there from birth: nothing is written in a hurry when memory is already
//! full, and what a value costs is known before the run: nothing while it waits, and while a user runs what this user
//! takes from the file. That takes from what earlier tasks need, never adds to it, so one walk is enough. Values that
//! the task itself uses go last, and only if it takes a part of them at a time.
//!
//! # Source
//! The farthest next use: Belady 1966, "A study of replacement algorithms for a virtual-storage computer", IBM Systems
//! Journal 5, 78.

use std::collections::BinaryHeap;

use super::course::{given_in_files, is_given_in_file};
use super::ledger::serial_needs;
use super::net::{Net, Rows};
use super::residence::Residence;
use super::task_graph::Node;
use super::{GraphError, Meta, Op, SMALL, TaskGraph};

/// What each task takes from a file for each of its dependencies, should the value stand in one \[bytes\].
pub(super) struct Edges<'n> {
    net: &'n Net,
    /// Beside `net.deps`.
    loads: Vec<u64>,
}

impl<'n> Edges<'n> {
    /// Asks all operations; the same value in two places of a task is taken once if one of them wants all of it.
    pub(super) fn new<O: Op>(graph: &TaskGraph<O>, net: &'n Net) -> Self {
        let mut loads = vec![0; net.deps.count()];
        for task in net.tasks() {
            let Node::Task { op, .. } = graph.at(net.places[task as usize]).1 else { continue };
            let (deps, row) = (net.deps.of(task), net.deps.range(task));
            for (place, &input) in net.inputs.of(task).iter().enumerate() {
                let bytes = net.bytes(input);
                let at = row.start + deps.binary_search(&input).expect("an input is a dependency");
                let sum: u64 = op.load_bytes(place, Meta { bytes }).saturating_add(loads[at]);
                loads[at] = sum.min(bytes);
            }
        }
        Self { net, loads }
    }

    /// The users of a value, and what each of them takes.
    pub(super) fn loads_of(&self, value: u32) -> impl Iterator<Item = (u32, u64)> {
        self.net.users.of(value).iter().map(move |&user| (user, self.load(user, value)))
    }

    fn load(&self, task: u32, value: u32) -> u64 {
        let at = self.net.deps.of(task).binary_search(&value).expect("a user depends on the value");
        self.loads[self.net.deps.range(task).start + at]
    }
}

/// Chooses what stands in files so that every task has room in the budget when its turn comes.
///
/// # Errors
/// [`GraphError::Budget`] with the task that needs most where some task has no room whatever stands in files.
pub(super) fn choose<O: Op>(
    graph: &TaskGraph<O>,
    net: &Net,
    order: &[u32],
    memory: u64,
) -> Result<Residence, GraphError> {
    let mut walk = Walk::new(graph, net, order);
    for (rank, &task) in order.iter().enumerate() {
        if !walk.make_room(rank as u32, task, memory) {
            return Err(too_small(graph, walk, order, memory));
        }
        walk.pass(task);
    }
    Ok(walk.residence)
}

/// The error of a budget, with what would be enough: everything that may stand in a file stands there.
fn too_small<O: Op>(graph: &TaskGraph<O>, mut walk: Walk<'_>, order: &[u32], memory: u64) -> GraphError {
    let net = walk.net;
    for value in 0..net.len() as u32 {
        if walk.may_leave[value as usize] && !walk.residence.is_stored(value) {
            walk.residence.store(value, walk.edges.loads_of(value));
        }
    }
    let needs = serial_needs(net, order, &walk.residence);
    no_room((graph, net), order, &needs, memory)
}

/// The error of a budget in which the task that needs most has no room.
pub(super) fn no_room<O: Op>(
    (graph, net): (&TaskGraph<O>, &Net),
    order: &[u32],
    needs: &[u64],
    memory: u64,
) -> GraphError {
    let (rank, &needs) =
        needs.iter().enumerate().max_by_key(|&(rank, need)| (need, usize::MAX - rank)).unwrap_or((0, &0));
    let task = order[rank];
    let key = graph.at(net.places[task as usize]).0.clone();
    GraphError::Budget { key, kind: net.kinds[task as usize].unwrap_or_default(), needs, memory }
}

/// Every value in a file that is worth one.
pub(super) fn everything<O: Op>(graph: &TaskGraph<O>, net: &Net) -> Residence {
    let edges = Edges::new(graph, net);
    let mut residence = Residence::of_nodes(net.len());
    for node in (0..net.len() as u32).filter(|&node| net.bytes(node) >= SMALL || is_given_in_file(graph, net, node)) {
        residence.store(node, edges.loads_of(node));
    }
    residence
}

/// After the last use, for a target.
const AT_THE_END: u32 = u32::MAX;

/// The tasks followed in their order, with what lives between them.
struct Walk<'n> {
    net: &'n Net,
    edges: Edges<'n>,
    residence: Residence,
    /// Whether a value may stand in a file.
    may_leave: Vec<bool>,
    /// Ranks of the users of each value, ascending.
    uses: Rows,
    /// How many of these are past.
    used: Vec<u32>,
    /// Live values in memory that may leave, by next use, size, and place from the end in key order.
    ///
    /// An entry is stale when the value has left, or its next use is another.
    far: BinaryHeap<(u32, u64, u32)>,
    live: u64,
}

impl<'n> Walk<'n> {
    fn new<O: Op>(graph: &TaskGraph<O>, net: &'n Net, order: &[u32]) -> Self {
        let mut residence = given_in_files(graph, net);
        if residence.is_memory() {
            residence = Residence::of_nodes(net.len());
        }
        let may_leave = (0..net.len() as u32).map(|node| may_leave(graph, net, node)).collect();
        let given = (0..net.len() as u32).filter(|&node| !net.is_task(node));
        let live = given.clone().map(|node| residence.kept(net, node)).sum();
        let (uses, used) = (ranks_of_users(net, order), vec![0; net.len()]);
        let edges = Edges::new(graph, net);
        let mut walk = Self { net, edges, residence, may_leave, uses, used, far: BinaryHeap::new(), live };
        given.for_each(|node| walk.offer(node));
        walk
    }

    /// Rank of the next task that uses a value; `None` after the last one.
    fn next_use(&self, value: u32) -> Option<u32> {
        let next = self.uses.of(value).get(self.used[value as usize] as usize).copied();
        next.or(self.net.is_target[value as usize].then_some(AT_THE_END))
    }

    /// Notes a value that lives and may leave memory.
    fn offer(&mut self, value: u32) {
        if self.may_leave[value as usize]
            && !self.residence.is_stored(value)
            && let Some(next) = self.next_use(value)
        {
            self.far.push((next, self.net.bytes(value), u32::MAX - value));
        }
    }

    /// Sends values to files until the task has room; `false` if it never has.
    fn make_room(&mut self, rank: u32, task: u32, memory: u64) -> bool {
        while self.live + self.residence.held(self.net, task) > memory {
            let Some(value) = self.farthest(rank).or_else(|| self.taken_in_parts(task)) else { return false };
            self.residence.store(value, self.edges.loads_of(value));
            self.live -= self.net.bytes(value);
        }
        true
    }

    /// The live value whose next use is farthest after this rank.
    fn farthest(&mut self, rank: u32) -> Option<u32> {
        while let Some(&(next, _, from_end)) = self.far.peek() {
            let value = u32::MAX - from_end;
            let is_stale = self.residence.is_stored(value) || self.next_use(value) != Some(next);
            if !is_stale {
                return (next > rank).then_some(value);
            }
            self.far.pop();
        }
        None
    }

    /// The input of the task that gives most room if it stands in a file.
    fn taken_in_parts(&self, task: u32) -> Option<u32> {
        let gain = |&&value: &&u32| self.net.bytes(value) - self.edges.load(task, value);
        let in_memory =
            |&&value: &&u32| self.may_leave[value as usize] && !self.residence.is_stored(value) && gain(&&value) > 0;
        self.net.deps.of(task).iter().filter(in_memory).max_by_key(|&value| (gain(&value), u32::MAX - value)).copied()
    }

    /// The task has had its turn.
    fn pass(&mut self, task: u32) {
        self.live += self.residence.kept(self.net, task);
        self.offer(task);
        for &dep in self.net.deps.of(task) {
            self.used[dep as usize] += 1;
            if self.next_use(dep).is_some() {
                self.offer(dep);
            } else {
                self.live -= self.residence.kept(self.net, dep);
            }
        }
    }
}

/// Whether a value may stand in a file: it is worth one, it can be written, and leaving memory frees it.
///
/// A given value that somebody else holds too would stay in memory all the same.
fn may_leave<O: Op>(graph: &TaskGraph<O>, net: &Net, node: u32) -> bool {
    let is_alone = match graph.at(net.places[node as usize]).1 {
        Node::Task { .. } => true,
        Node::Value(held) => held.is_alone_in_memory(),
    };
    is_alone && net.bytes(node) >= SMALL && O::codec().is_some()
}

fn ranks_of_users(net: &Net, order: &[u32]) -> Rows {
    let by_rank = Rows::new(order.iter().map(|&task| net.deps.of(task).iter().copied()));
    by_rank.transposed_to(net.len())
}

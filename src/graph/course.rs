//! Everything that is decided before the first task starts: the order, what stands in files, and how much may be held.

use super::ledger::{serial_needs, serial_peak_with};
use super::net::Net;
use super::residence::Residence;
use super::spill::{self, Edges};
use super::task_graph::Node;
use super::{GraphError, Op, SMALL, TaskGraph, order};

/// What a run may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Tasks that run at the same time; 0 counts as 1.
    pub workers: usize,
    /// Budget of live values, and results, scratch and loaded inputs of running tasks, as declared \[bytes\].
    pub memory: Option<u64>,
    /// Whether values that have no room in the budget may stand in files.
    pub spills: bool,
}

impl Limits {
    /// So many workers, and nothing else.
    pub fn workers(workers: usize) -> Self {
        Self { workers, memory: None, spills: false }
    }
}

/// The decisions of a run.
pub(super) struct Course {
    /// All tasks, each after its dependencies.
    pub(super) order: Vec<u32>,
    /// Which values stand in files.
    pub(super) residence: Residence,
    /// The most that a task holds when the tasks follow each other by this order \[bytes\].
    pub(super) worst: u64,
    /// The most that may be held, a task that runs alone excepted \[bytes\].
    pub(super) most: Option<u64>,
}

impl Course {
    /// Decides for a graph.
    ///
    /// # Errors
    /// [`GraphError::Budget`] if values may stand in files and some task has no room even then.
    pub(super) fn plan<O: Op>(graph: &TaskGraph<O>, net: &Net, limits: Limits) -> Result<Self, GraphError> {
        let (order, peak) = order::best_with_peak(net);
        let mut residence = given_in_files(graph, net);
        let mut worst = if residence.is_memory() { peak } else { serial_peak_with(net, &order, &residence) };
        if let Some(memory) = limits.memory.filter(|&memory| limits.spills && worst > memory) {
            residence = spill::choose(graph, net, &order, memory)?;
            worst = serial_peak_with(net, &order, &residence);
        }
        Ok(Self::along(net, order, (residence, worst), limits))
    }

    /// Decides for a graph whose tasks run in other processes: every value that is worth a file stands in one.
    ///
    /// # Errors
    /// [`GraphError::Budget`] if some task has no room even so.
    pub(super) fn all_in_files<O: Op>(graph: &TaskGraph<O>, net: &Net, limits: Limits) -> Result<Self, GraphError> {
        let (order, residence) = (order::best(net), spill::everything(graph, net));
        let worst = serial_peak_with(net, &order, &residence);
        match limits.memory {
            Some(memory) if worst > memory => {
                Err(spill::no_room((graph, net), &order, &serial_needs(net, &order, &residence), memory))
            }
            _ => Ok(Self::along(net, order, (residence, worst), limits)),
        }
    }

    /// The course of this order, with these values in files, which takes so much when the tasks follow each other.
    ///
    /// Without a budget, `P` workers keep to what one worker needs times `P`: tasks without dependencies then do not
    /// run ahead of slow ones that take their results. A depth-first schedule is known to get on in this space
    /// without idle workers. What is smaller than a value that is worth a file is not worth holding anybody back for.
    ///
    /// # Source
    /// Blumofe & Leiserson 1999, "Scheduling multithreaded computations by work stealing", J. ACM 46, 720: space
    /// `S_P <= P S_1`; we let it hold for what tasks make, not for what was given.
    pub(super) fn along(net: &Net, order: Vec<u32>, (residence, worst): (Residence, u64), limits: Limits) -> Self {
        let most = limits.memory.or_else(|| {
            let given = (0..net.len() as u32).filter(|&node| !net.is_task(node));
            let given: u64 = given.map(|node| residence.kept(net, node)).sum();
            let workers = limits.workers as u64;
            (workers > 1).then(|| given + worst.saturating_sub(given).max(SMALL).saturating_mul(workers))
        });
        Self { order, residence, worst, most }
    }

    /// Rank of each task in the order, by node.
    pub(super) fn ranks(&self, nodes: usize) -> Vec<u32> {
        let mut ranks = vec![u32::MAX; nodes];
        for (rank, &task) in self.order.iter().enumerate() {
            ranks[task as usize] = rank as u32;
        }
        ranks
    }
}

/// Given values that stand in files stay there, and are taken by each user.
pub(super) fn given_in_files<O: Op>(graph: &TaskGraph<O>, net: &Net) -> Residence {
    let is_there = |&node: &u32| is_given_in_file(graph, net, node);
    let there: Vec<u32> = (0..net.len() as u32).filter(|&node| !net.is_task(node)).filter(is_there).collect();
    if there.is_empty() {
        return Residence::default();
    }
    let mut residence = Residence::of_nodes(net.len());
    let edges = Edges::new(graph, net);
    for node in there {
        residence.store(node, edges.loads_of(node));
    }
    residence
}

/// Whether a node is a given value that stands in a file.
pub(super) fn is_given_in_file<O: Op>(graph: &TaskGraph<O>, net: &Net, node: u32) -> bool {
    match graph.at(net.places[node as usize]).1 {
        Node::Value(held) => held.is_in_file(),
        Node::Task { .. } => false,
    }
}

//! Where values stand during a run, memory or files, and what their users take from files.

use super::net::Net;

/// Which values stand in files; empty when all stay in memory.
#[derive(Default)]
pub(super) struct Residence {
    /// By node.
    stored: Vec<bool>,
    /// By task: bytes that it takes from files while it runs.
    loads: Vec<u64>,
}

impl Residence {
    /// So many nodes, with nothing in files yet.
    pub(super) fn of_nodes(count: usize) -> Self {
        Self { stored: vec![false; count], loads: vec![0; count] }
    }

    /// Moves a value from memory to a file; `loads` tells what each of its users takes from there \[bytes\].
    pub(super) fn store(&mut self, node: u32, loads: impl Iterator<Item = (u32, u64)>) {
        self.stored[node as usize] = true;
        for (user, bytes) in loads {
            self.loads[user as usize] += bytes;
        }
    }

    /// Whether every value stays in memory.
    pub(super) fn is_memory(&self) -> bool {
        self.stored.is_empty()
    }

    /// Whether the value stands in a file.
    pub(super) fn is_stored(&self, node: u32) -> bool {
        self.stored.get(node as usize).is_some_and(|&is_stored| is_stored)
    }

    /// What a value holds in memory once it is there \[bytes\].
    pub(super) fn kept(&self, net: &Net, node: u32) -> u64 {
        if self.is_stored(node) { 0 } else { net.bytes(node) }
    }

    /// What a task takes from files while it runs \[bytes\].
    pub(super) fn loads(&self, task: u32) -> u64 {
        self.loads.get(task as usize).map_or(0, |&bytes| bytes)
    }

    /// What a task holds while it runs besides live values: result, scratch, and what it takes from files \[bytes\].
    pub(super) fn held(&self, net: &Net, task: u32) -> u64 {
        let cost = &net.costs[task as usize];
        cost.output_bytes + cost.scratch_bytes + self.loads(task)
    }

    /// Declared bytes of the results and given values that a run writes to files; `is_given_there` marks those
    /// that stand in one before it.
    pub(super) fn written(&self, net: &Net, is_given_there: impl Fn(u32) -> bool) -> u64 {
        let stored = (0..net.len() as u32).filter(|&node| self.is_stored(node) && !is_given_there(node));
        stored.map(|node| net.bytes(node)).sum()
    }

    /// Declared bytes of the result that a task writes to a file.
    pub(super) fn written_by(&self, net: &Net, task: u32) -> u64 {
        net.bytes(task) - self.kept(net, task)
    }

    /// What all tasks together take from files \[bytes\].
    pub(super) fn read(&self) -> u64 {
        self.loads.iter().sum()
    }
}

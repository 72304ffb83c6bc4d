//! The book of live bytes: a value is live from when it exists to the end of its last use; targets stay.

use super::net::Net;

/// Declared bytes of the values that live.
pub(super) struct Ledger<'n> {
    net: &'n Net,
    users_left: Vec<u32>,
    live: u64,
}

impl<'n> Ledger<'n> {
    /// Before the first task: the values given with the graph are live.
    pub(super) fn new(net: &'n Net) -> Self {
        let given = (0..net.len() as u32).filter(|&node| !net.is_task(node));
        Self { net, users_left: net.count_users(), live: given.map(|node| net.bytes(node)).sum() }
    }

    /// Declared bytes of all live values.
    pub(super) fn live(&self) -> u64 {
        self.live
    }

    /// A task has ended: its result is live, and the values that it used last are not.
    pub(super) fn finish(&mut self, task: u32) {
        self.live += self.net.bytes(task);
        for &dep in self.net.deps.of(task) {
            let left = &mut self.users_left[dep as usize];
            *left -= 1;
            if *left == 0 && !self.net.is_target[dep as usize] {
                self.live -= self.net.bytes(dep);
            }
        }
    }
}

/// Bytes held while each task runs, when the tasks follow each other in this order:
/// live values, its result and its scratch.
pub(super) fn serial_needs(net: &Net, order: &[u32]) -> Vec<u64> {
    needs(net, order).collect()
}

/// The most of these.
pub(super) fn serial_peak(net: &Net, order: &[u32]) -> u64 {
    needs(net, order).max().unwrap_or(0)
}

fn needs(net: &Net, order: &[u32]) -> impl Iterator<Item = u64> {
    let mut ledger = Ledger::new(net);
    order.iter().map(move |&task| {
        let cost = &net.costs[task as usize];
        let need = ledger.live() + cost.output_bytes + cost.scratch_bytes;
        ledger.finish(task);
        need
    })
}

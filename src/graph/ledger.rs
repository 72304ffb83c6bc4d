//! The book of live bytes: a value is live from when it exists to the end of its last use; targets stay.

use super::net::Net;
use super::residence::Residence;

/// Declared bytes of the values that live in memory.
pub(super) struct Ledger<'n> {
    net: &'n Net,
    residence: &'n Residence,
    users_left: Vec<u32>,
    live: u64,
    freed: Vec<u32>,
}

impl<'n> Ledger<'n> {
    /// Before the first task: the values given with the graph are live, unless they stand in files.
    pub(super) fn new(net: &'n Net, residence: &'n Residence) -> Self {
        let given = (0..net.len() as u32).filter(|&node| !net.is_task(node));
        let live = given.map(|node| residence.kept(net, node)).sum();
        Self { net, residence, users_left: net.count_users(), live, freed: Vec::new() }
    }

    /// Declared bytes of all live values.
    pub(super) fn live(&self) -> u64 {
        self.live
    }

    /// A task has ended: its result is live, and the values that it used last are not.
    pub(super) fn finish(&mut self, task: u32) {
        self.live += self.residence.kept(self.net, task);
        self.freed.clear();
        for &dep in self.net.deps.of(task) {
            let left = &mut self.users_left[dep as usize];
            *left -= 1;
            if *left == 0 && !self.net.is_target[dep as usize] {
                self.live -= self.residence.kept(self.net, dep);
                self.freed.push(dep);
            }
        }
    }

    /// The values that the task told last has released.
    pub(super) fn freed(&self) -> &[u32] {
        &self.freed
    }
}

/// Bytes held while each task runs, when the tasks follow each other in this order:
/// live values, its result and its scratch, and what it takes from files.
pub(super) fn serial_needs(net: &Net, order: &[u32], residence: &Residence) -> Vec<u64> {
    needs(net, order, residence).collect()
}

/// The most of these where every value stays in memory.
pub(super) fn serial_peak(net: &Net, order: &[u32]) -> u64 {
    serial_peak_with(net, order, &Residence::default())
}

/// The most of these.
pub(super) fn serial_peak_with(net: &Net, order: &[u32], residence: &Residence) -> u64 {
    needs(net, order, residence).max().unwrap_or(0)
}

fn needs<'n>(net: &'n Net, order: &'n [u32], residence: &'n Residence) -> impl Iterator<Item = u64> {
    let mut ledger = Ledger::new(net, residence);
    order.iter().map(move |&task| {
        let need = ledger.live() + residence.held(net, task);
        ledger.finish(task);
        need
    })
}

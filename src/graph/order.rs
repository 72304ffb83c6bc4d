//! A static, byte-aware order of the tasks.
//!
//! Followed one by one, the order should keep the peak of live bytes low; a threaded run takes the ready task that
//! stands first. The policy:
//!
//! 1. **Depth first.** Each target is a goal; a task's missing dependencies are finished one after the other before the
//!    next goal is begun, so few results wait for each other.
//! 2. **The dependency that releases most goes first.** Of the sub-trees under a task, first those that leave no more
//!    bytes than they found (lowest peak first), then the others by falling `peak - result`: what a sub-tree needs only
//!    while it runs should be needed while few results wait. On trees this is the best depth-first order.
//! 3. **What frees memory is not put off.** A ready task whose result is no larger than what it releases as last user
//!    runs at once; so do all users of a value, once all are ready, if their results together are no larger than it.
//! 4. **Ties by key order.**
//!
//! Sub-trees that share tasks break the reasoning of 2, and neighbours in key order often share inputs. So two
//! depth-first orders are made, one by rule 2 and one with dependencies and goals in key order, and a breadth-first one;
//! each is followed on paper, and the lowest peak wins (the first of equals, in this order).
//! All takes time in proportion to the edges, apart from sorting the dependencies of each task.
//!
//! # Source
//! Rule 2: Liu 1986, "On the storage requirement in the out-of-core multifrontal method for sparse factorization",
//! ACM TOMS 12, 249; we treat shared tasks as if they were not. Rules 1 and 3 follow `dask.order` in spirit.

use std::collections::VecDeque;

use super::ledger::serial_peak;
use super::net::{Net, Rows};
use super::{GraphError, Key, Op, TaskGraph};

/// Gives the tasks that the targets need, in the order in which a single worker runs them.
///
/// # Errors
/// [`GraphError::Missing`] and [`GraphError::Cycle`].
pub fn order<O: Op>(graph: &TaskGraph<O>, targets: &[Key]) -> Result<Vec<Key>, GraphError> {
    let net = Net::new(graph, targets)?;
    let key = |task: u32| graph.at(net.places[task as usize]).0.clone();
    Ok(best(&net).into_iter().map(key).collect())
}

/// All tasks of the net in the order of lowest peak.
///
/// The later candidates are not made where the first cannot be beaten.
pub(super) fn best(net: &Net) -> Vec<u32> {
    best_with_peak(net).0
}

/// Makes an order.
type Make = fn(&Net) -> Vec<u32>;

/// The same with its peak, everything in memory \[bytes\].
pub(super) fn best_with_peak(net: &Net) -> (Vec<u32>, u64) {
    let family = Family::by_release(net);
    let is_by_key = family.is_by_key(net);
    let mut best = depth_first(net, &family);
    let (floor, mut peak) = (floor(net), serial_peak(net, &best));
    let others: [Option<Make>; 2] = [(!is_by_key).then_some(by_key), Some(breadth_first)];
    for make in others.into_iter().flatten() {
        if peak > floor {
            let order = make(net);
            let other = serial_peak(net, &order);
            if other < peak {
                (best, peak) = (order, other);
            }
        }
    }
    (best, peak)
}

/// Bytes that every order holds at some time.
fn floor(net: &Net) -> u64 {
    let sum = |nodes: &mut dyn Iterator<Item = u32>| nodes.map(|node| net.bytes(node)).sum::<u64>();
    let need = |task: u32| {
        let cost = &net.costs[task as usize];
        cost.output_bytes + cost.scratch_bytes + sum(&mut net.deps.of(task).iter().copied())
    };
    let all = || 0..net.len() as u32;
    let given = sum(&mut all().filter(|&node| !net.is_task(node)));
    let kept = sum(&mut all().filter(|&node| net.is_target[node as usize]));
    net.tasks().map(need).max().unwrap_or(0).max(given).max(kept)
}

/// Which of several comes first: the goals, and the dependencies of every task.
pub(super) struct Family {
    goals: Vec<u32>,
    children: Rows,
}

/// Tasks as they become ready.
pub(super) fn breadth_first(net: &Net) -> Vec<u32> {
    let mut awaited = net.count_awaited();
    let mut ready: VecDeque<u32> = net.tasks().filter(|&task| awaited[task as usize] == 0).collect();
    let mut order = Vec::new();
    while let Some(task) = ready.pop_front() {
        order.push(task);
        for &user in net.users.of(task) {
            awaited[user as usize] -= 1;
            if awaited[user as usize] == 0 {
                ready.push_back(user);
            }
        }
    }
    order
}

/// Rules 1, 3 and 4, with goals and dependencies in key order.
pub(super) fn by_key(net: &Net) -> Vec<u32> {
    depth_first(net, &Family { goals: goals(net), children: net.deps.clone() })
}

/// Rules 1 and 3, with goals and dependencies in the order of the family.
pub(super) fn depth_first(net: &Net, family: &Family) -> Vec<u32> {
    let mut sequence = Sequence::new(net);
    let mut path = Vec::new();
    for &goal in &family.goals {
        path.push((goal, family.children.of(goal).iter()));
        while let Some((node, children)) = path.last_mut() {
            if sequence.exists[*node as usize] {
                path.pop();
            } else if let Some(&child) = children.next() {
                path.push((child, family.children.of(child).iter()));
            } else {
                sequence.run(*node);
                sequence.run_eager();
            }
        }
    }
    sequence.order
}

fn goals(net: &Net) -> Vec<u32> {
    (0..net.len() as u32).filter(|&node| net.is_target[node as usize]).collect()
}

impl Family {
    /// Goals and dependencies by rule 2, on estimates that treat the graph as a tree.
    pub(super) fn by_release(net: &Net) -> Self {
        // Bytes above the level before the sub-tree began: the most it holds, and what it leaves.
        let (mut peaks, mut leaves) = (vec![0_i64; net.len()], vec![0_i64; net.len()]);
        let mut children = net.deps.clone();
        for &node in net.topological.iter().filter(|&&node| net.is_task(node)) {
            let siblings = children.of_mut(node);
            sort(siblings, &peaks, &leaves);
            let (mut level, mut peak, mut released) = (0, 0, 0);
            for &child in &*siblings {
                peak = peak.max(level + peaks[child as usize]);
                level += leaves[child as usize];
                let is_last_use = net.users.of(child).len() == 1 && !net.is_target[child as usize];
                released += if !net.is_task(child) && is_last_use { net.bytes(child) as i64 } else { 0 };
            }
            let cost = &net.costs[node as usize];
            peaks[node as usize] = peak.max(level + (cost.output_bytes + cost.scratch_bytes) as i64);
            leaves[node as usize] = cost.output_bytes as i64 - released;
        }
        let mut goals = goals(net);
        sort(&mut goals, &peaks, &leaves);
        Self { goals, children }
    }

    /// Whether it is the same as key order.
    fn is_by_key(&self, net: &Net) -> bool {
        self.goals.is_sorted() && self.children == net.deps
    }
}

/// Sorts siblings by rule 2.
fn sort(siblings: &mut [u32], peaks: &[i64], leaves: &[i64]) {
    siblings.sort_unstable_by_key(|&node| {
        let (peak, leaves) = (peaks[node as usize], leaves[node as usize]);
        (leaves > 0, if leaves > 0 { leaves - peak } else { peak }, node)
    });
}

/// An order in the making, with the counts that rule 3 needs; every step costs the edges it touches.
struct Sequence<'n> {
    net: &'n Net,
    order: Vec<u32>,
    /// Whether the node's value has been made (or was given).
    exists: Vec<bool>,
    /// Of a task: dependencies still to be made.
    awaited: Vec<u32>,
    /// Of a task: bytes that it releases as the last user.
    frees: Vec<u64>,
    /// Of a value: the tasks that have still to use it.
    users: Vec<Users>,
    /// Ready tasks that rule 3 has chosen, the next one last.
    eager: Vec<u32>,
}

/// The tasks that have still to use a value.
#[derive(Clone, Copy, Default)]
struct Users {
    left: u32,
    /// Sum of their numbers: the number of the only one, once one is left.
    sum: u64,
    /// Of these, tasks that are not ready.
    blocked: u32,
    /// Sum of their results \[bytes\].
    bytes: u64,
    /// Whether rule 3 has already chosen them all.
    chosen: bool,
}

impl<'n> Sequence<'n> {
    fn new(net: &'n Net) -> Self {
        let mut users = vec![Users::default(); net.len()];
        for (value, users) in users.iter_mut().enumerate() {
            let tasks = net.users.of(value as u32);
            users.left = tasks.len() as u32;
            users.blocked = users.left;
            users.sum = tasks.iter().map(|&task| u64::from(task)).sum();
            users.bytes = tasks.iter().map(|&task| net.bytes(task)).sum();
        }
        let exists = (0..net.len() as u32).map(|node| !net.is_task(node)).collect();
        let (awaited, frees) = (net.count_awaited(), vec![0; net.len()]);
        let mut new = Self { net, order: Vec::new(), exists, awaited, frees, users, eager: Vec::new() };
        for value in 0..net.len() as u32 {
            if new.users[value as usize].left == 1 {
                new.note_last_user(value);
            }
        }
        let ready: Vec<u32> = net.tasks().filter(|&task| new.awaited[task as usize] == 0).collect();
        for &task in ready.iter().rev() {
            new.note_ready(task);
        }
        new.run_eager();
        new
    }

    fn run(&mut self, task: u32) {
        let net = self.net;
        self.order.push(task);
        self.exists[task as usize] = true;
        for &dep in net.deps.of(task) {
            let users = &mut self.users[dep as usize];
            users.left -= 1;
            users.sum -= u64::from(task);
            users.bytes -= net.bytes(task);
            if users.left == 1 {
                self.note_last_user(dep);
            }
            self.offer_users(dep);
        }
        for &user in net.users.of(task).iter().rev() {
            self.awaited[user as usize] -= 1;
            if self.awaited[user as usize] == 0 {
                self.note_ready(user);
            }
        }
    }

    fn run_eager(&mut self) {
        while let Some(task) = self.eager.pop() {
            if !self.exists[task as usize] {
                self.run(task);
            }
        }
    }

    fn note_last_user(&mut self, value: u32) {
        if !self.net.is_target[value as usize] {
            let last = self.users[value as usize].sum as u32;
            self.frees[last as usize] += self.net.bytes(value);
            self.offer(last);
        }
    }

    fn note_ready(&mut self, task: u32) {
        let net = self.net;
        for &dep in net.deps.of(task) {
            self.users[dep as usize].blocked -= 1;
            self.offer_users(dep);
        }
        self.offer(task);
    }

    /// Chooses a ready task that releases as much as it makes.
    fn offer(&mut self, task: u32) {
        let frees = self.frees[task as usize];
        if self.awaited[task as usize] == 0 && frees > 0 && self.net.bytes(task) <= frees {
            self.eager.push(task);
        }
    }

    /// Chooses all users of a value, if all are ready and make no more than the value's release gives back.
    fn offer_users(&mut self, value: u32) {
        let net = self.net;
        let users = &mut self.users[value as usize];
        let is_worth = users.left > 0 && users.blocked == 0 && users.bytes <= net.bytes(value);
        if is_worth && net.bytes(value) > 0 && !net.is_target[value as usize] && !users.chosen {
            users.chosen = true;
            let waiting = net.users.of(value).iter().rev().filter(|&&user| !self.exists[user as usize]);
            self.eager.extend(waiting);
        }
    }
}

//! The memory budget: which task may start ahead of its turn.
//!
//! If the tasks followed their order one by one, each would need some bytes when its turn comes. A task that starts
//! ahead of its turn leaves its result on top of the needs of all tasks that it overtook. It may do so only if all of
//! these still fit. So, when the order followed by one worker fits into the budget, every threaded run of it does, and
//! the run never has to exceed the budget to get on.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use super::course::Course;
use super::ledger::serial_needs;
use super::net::Net;

/// Needs of the tasks by their rank \[bytes\], raised by the results of the tasks that started ahead of their turn.
pub(super) struct Budget<'n> {
    bytes: u64,
    net: &'n Net,
    course: &'n Course,
    /// Ranks and results of the tasks that started ahead of their turn and may still be ahead.
    ahead: BinaryHeap<Reverse<(usize, u64)>>,
    /// Sum of these results.
    ahead_bytes: u64,
    /// The needs with these results; made when the sum alone no longer tells that there is room.
    raised: Option<MaxTree>,
}

impl<'n> Budget<'n> {
    /// A budget of so many bytes for the tasks of a course.
    pub(super) fn new(bytes: u64, net: &'n Net, course: &'n Course) -> Self {
        Self { bytes, net, course, ahead: BinaryHeap::new(), ahead_bytes: 0, raised: None }
    }

    /// Whether so many bytes are within the budget.
    pub(super) fn holds(&self, bytes: u64) -> bool {
        bytes <= self.bytes
    }

    /// Whether a task may leave `output` bytes before the tasks of these ranks have had their turn; those before them
    /// have.
    pub(super) fn allows(&mut self, overtaken: Range<usize>, output: u64) -> bool {
        if overtaken.is_empty() || output == 0 {
            return true;
        }
        while let Some(&Reverse((rank, bytes))) = self.ahead.peek()
            && rank <= overtaken.start
        {
            self.ahead.pop();
            self.ahead_bytes -= bytes;
        }
        if self.holds(self.course.worst + self.ahead_bytes + output) {
            return true;
        }
        let raised = self.raised.get_or_insert_with(|| {
            let Course { order, residence, .. } = self.course;
            let mut tree = MaxTree::new(&serial_needs(self.net, order, residence));
            self.ahead.iter().for_each(|&Reverse((rank, bytes))| tree.add_below(rank, bytes));
            tree
        });
        let need = raised.max(&overtaken) + output;
        self.holds(need)
    }

    /// A task of this rank leaves `output` bytes ahead of its turn.
    pub(super) fn overtake(&mut self, rank: usize, output: u64) {
        if output == 0 {
            return;
        }
        self.ahead.push(Reverse((rank, output)));
        self.ahead_bytes += output;
        if let Some(tree) = &mut self.raised {
            tree.add_below(rank, output);
        }
    }
}

/// Numbers with the maximum of a range, and addition to a prefix, in logarithmic time.
struct MaxTree {
    leaves: usize,
    /// Maximum below each node, what was added at the node itself included; the children of `n` are `2n` and `2n + 1`.
    max: Vec<u64>,
    /// What was added to everything below the node.
    added: Vec<u64>,
}

impl MaxTree {
    fn new(numbers: &[u64]) -> Self {
        let leaves = numbers.len().next_power_of_two();
        let mut max = vec![0; 2 * leaves];
        max[leaves..leaves + numbers.len()].copy_from_slice(numbers);
        for node in (1..leaves).rev() {
            max[node] = max[2 * node].max(max[2 * node + 1]);
        }
        Self { leaves, max, added: vec![0; 2 * leaves] }
    }

    fn add_below(&mut self, end: usize, amount: u64) {
        self.add_in(1, 0..self.leaves, end, amount);
    }

    fn add_in(&mut self, node: usize, span: Range<usize>, end: usize, amount: u64) {
        if end <= span.start {
            return;
        }
        if span.end <= end {
            self.max[node] += amount;
            self.added[node] += amount;
            return;
        }
        let middle = usize::midpoint(span.start, span.end);
        self.add_in(2 * node, span.start..middle, end, amount);
        self.add_in(2 * node + 1, middle..span.end, end, amount);
        self.max[node] = self.added[node] + self.max[2 * node].max(self.max[2 * node + 1]);
    }

    fn max(&self, range: &Range<usize>) -> u64 {
        self.max_in(1, 0..self.leaves, range)
    }

    fn max_in(&self, node: usize, span: Range<usize>, range: &Range<usize>) -> u64 {
        if range.end <= span.start || span.end <= range.start {
            return 0;
        }
        if range.start <= span.start && span.end <= range.end {
            return self.max[node];
        }
        let middle = usize::midpoint(span.start, span.end);
        let below = self.max_in(2 * node, span.start..middle, range);
        self.added[node] + below.max(self.max_in(2 * node + 1, middle..span.end, range))
    }
}

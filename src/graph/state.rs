//! The scheduler without threads: stimuli in, instructions out, no input or output of its own.
//!
//! A worker that is free asks [`State::next`]; one that has ended a task tells [`State::done`]. Of the ready tasks the
//! first in the static order is next; under a budget it may have to wait while others run, and nothing passes it. When
//! nothing runs, the next task always starts, however much it needs: there is no deadlock. It is then the first
//! unfinished task of the order, whose dependencies all stand before it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::budget::Budget;
use super::course::Course;
use super::ledger::Ledger;
use super::net::Net;

/// What a free worker is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instruction {
    /// Run this task.
    Run(u32),
    /// Ask again after some task has ended.
    Wait,
    /// Leave: there is nothing more to start.
    End,
}

/// Where a run stands.
pub(super) struct State<'n> {
    net: &'n Net,
    course: &'n Course,
    ranks: Vec<u32>,
    ledger: Ledger<'n>,
    budget: Option<Budget<'n>>,
    /// Of a task: dependencies still to be made.
    awaited: Vec<u32>,
    /// Of a value: tasks that have still to take it.
    takers: Vec<u32>,
    /// Ranks of tasks that can start.
    ready: BinaryHeap<Reverse<u32>>,
    newly_ready: Vec<u32>,
    is_done: Vec<bool>,
    /// The lowest rank that is not done.
    first: usize,
    unstarted: usize,
    running: usize,
    /// Results and scratch of the tasks that run \[bytes\].
    reserved: u64,
    peak: u64,
    stopped: bool,
}

impl<'n> State<'n> {
    /// Before the first task.
    pub(super) fn new(net: &'n Net, course: &'n Course) -> Self {
        let (awaited, ledger) = (net.count_awaited(), Ledger::new(net, &course.residence));
        let ready = course.order.iter().zip(0..).filter(|&(&task, _)| awaited[task as usize] == 0);
        Self {
            net,
            course,
            budget: course.most.map(|bytes| Budget::new(bytes, net, course)),
            ready: ready.map(|(_, rank)| Reverse(rank)).collect(),
            newly_ready: Vec::new(),
            takers: net.count_users(),
            is_done: vec![false; course.order.len()],
            first: 0,
            unstarted: course.order.len(),
            running: 0,
            reserved: 0,
            peak: ledger.live(),
            stopped: false,
            ranks: course.ranks(net.len()),
            awaited,
            ledger,
        }
    }

    /// A worker is free.
    pub(super) fn next(&mut self) -> Instruction {
        if self.stopped || self.unstarted == 0 {
            return Instruction::End;
        }
        match self.ready.peek().copied() {
            Some(Reverse(rank)) if self.admits(rank as usize) => {
                self.ready.pop();
                Instruction::Run(self.start(rank as usize))
            }
            _ => Instruction::Wait,
        }
    }

    /// A task has ended well; returns the tasks that became ready by it.
    pub(super) fn done(&mut self, task: u32) -> &[u32] {
        self.reserved -= self.course.residence.held(self.net, task);
        self.running -= 1;
        self.ledger.finish(task);
        let rank = self.rank(task);
        self.is_done[rank] = true;
        while self.is_done.get(self.first) == Some(&true) {
            self.first += 1;
        }
        self.newly_ready.clear();
        for &user in self.net.users.of(task) {
            self.awaited[user as usize] -= 1;
            if self.awaited[user as usize] == 0 {
                self.ready.push(Reverse(self.ranks[user as usize]));
                self.newly_ready.push(user);
            }
        }
        &self.newly_ready
    }

    /// No task starts from now on.
    pub(super) fn stop(&mut self) {
        self.stopped = true;
    }

    /// Place of a task in the static order.
    pub(super) fn rank(&self, task: u32) -> usize {
        self.ranks[task as usize] as usize
    }

    /// Whether every task that uses the value has started, and the run need not keep it for them or for the caller.
    pub(super) fn is_taken(&self, value: u32) -> bool {
        self.takers[value as usize] == 0 && !self.net.is_target[value as usize]
    }

    /// Whether some task could start, the budget aside.
    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Number of tasks that could start, the budget aside.
    pub(super) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// The one of them that is next.
    pub(super) fn peek(&self) -> Option<u32> {
        self.ready.peek().map(|&Reverse(rank)| self.course.order[rank as usize])
    }

    /// Declared bytes of all live values.
    pub(super) fn live(&self) -> u64 {
        self.ledger.live()
    }

    /// Live values, and results and scratch of running tasks \[bytes\].
    pub(super) fn held(&self) -> u64 {
        self.live() + self.reserved
    }

    /// The most that live values, and results and scratch of running tasks, have held so far \[bytes\].
    pub(super) fn peak(&self) -> u64 {
        self.peak
    }

    /// Tasks that have not started.
    pub(super) fn unstarted(&self) -> usize {
        self.unstarted
    }

    /// The values that the end told last has released.
    pub(super) fn freed(&self) -> &[u32] {
        self.ledger.freed()
    }

    fn admits(&mut self, rank: usize) -> bool {
        let task = self.course.order[rank];
        let held = self.held() + self.course.residence.held(self.net, task);
        let Some(budget) = self.budget.as_mut().filter(|_| self.running > 0) else {
            return true;
        };
        budget.holds(held) && budget.allows(self.first..rank, self.course.residence.kept(self.net, task))
    }

    fn start(&mut self, rank: usize) -> u32 {
        let task = self.course.order[rank];
        let residence = &self.course.residence;
        if let Some(budget) = &mut self.budget
            && rank > self.first
        {
            budget.overtake(rank, residence.kept(self.net, task));
        }
        for &dep in self.net.deps.of(task) {
            self.takers[dep as usize] -= 1;
        }
        self.unstarted -= 1;
        self.running += 1;
        self.reserved += residence.held(self.net, task);
        self.peak = self.peak.max(self.held());
        task
    }
}

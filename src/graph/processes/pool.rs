//! The children of a scheduler, one for each worker, kept from run to run.

use std::sync::{Mutex, PoisonError};

use super::child::{Child, WorkerCommand};
use super::frame::{Reply, Request};
use crate::graph::Cancel;

/// Children that a task may lose before it counts as lost itself: a task that kills every child would else go on
/// for ever.
pub(super) const MOST_LOSSES: u32 = 3;

/// Starts children when they are first needed, and again when they are lost.
#[derive(Debug)]
pub(super) struct Pool {
    command: WorkerCommand,
    children: Vec<Mutex<Option<Child>>>,
}

/// A task that no child has brought to its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lost {
    /// Children that it has lost.
    pub(super) losses: u32,
    /// What the last one did: "was killed by signal 9".
    pub(super) how: String,
}

impl Pool {
    pub(super) fn new(workers: usize, command: WorkerCommand) -> Self {
        Self { command, children: (0..workers.max(1)).map(|_| Mutex::new(None)).collect() }
    }

    /// Number of children that run at one time.
    pub(super) fn workers(&self) -> usize {
        self.children.len()
    }

    /// Has a task run by the child of a worker, by a new one if that ends in its midst.
    pub(super) fn run(&self, worker: usize, request: &Request, cancel: &Cancel) -> Result<Reply, Lost> {
        let mut place = self.children[worker].lock().unwrap_or_else(PoisonError::into_inner);
        let mut losses = 0;
        loop {
            let how = match self.ask(&mut place, request, cancel) {
                Ok(reply) => return Ok(reply),
                Err(how) => how,
            };
            *place = None;
            losses += 1;
            if losses == MOST_LOSSES || cancel.is_aborted() {
                return Err(Lost { losses, how });
            }
        }
    }

    fn ask(&self, place: &mut Option<Child>, request: &Request, cancel: &Cancel) -> Result<Reply, String> {
        let child = match place {
            Some(child) => child,
            none => none.insert(
                Child::start(&self.command)
                    .map_err(|error| format!("could not be started as {}: {error}", self.command.program.display()))?,
            ),
        };
        child.ask(request, cancel)
    }
}

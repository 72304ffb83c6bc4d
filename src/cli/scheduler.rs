//! Who runs the tasks: the choice of the configuration.

use std::path::Path;
use std::sync::Arc;

use super::failure::Failure;
use super::worker;
use crate::graph::{Processes, Scheduler, Scratch, Slots, Threads, WorkerCommand};
use crate::pipeline::Plan;
use crate::pipeline::config::{Auto, ComputeConfig, SchedulerChoice};
use crate::pipeline::ops::DeconvOp;

/// The scheduler of a plan whose products have this prefix.
///
/// What goes between processes goes through a folder beside the products unless another is named: there is room for the
/// products, and a temporary folder is often kept in memory. Threads take it where the plan has no room in memory for every
/// value.
/// Threads share `slots` with those of other plans that run at the same time.
pub(super) fn scheduler(
    plan: &Plan,
    prefix: &str,
    slots: Option<&Arc<Slots>>,
) -> Result<Box<dyn Scheduler<DeconvOp>>, Failure> {
    let (compute, spills) = (&plan.config.compute, plan.forecast.spilled_bytes > 0);
    scheduler_of(&Crew { compute, workers: plan.workers, values: plan.values(), spills }, prefix, slots)
}

/// What a scheduler must know of the work.
pub(super) struct Crew<'a> {
    /// Who runs the tasks, and where scratch files go.
    pub compute: &'a ComputeConfig,
    /// Threads or processes.
    pub workers: usize,
    /// Memory for values \[bytes\].
    pub values: u64,
    /// Whether values will have no room in memory.
    pub spills: bool,
}

/// The scheduler of work whose products have this prefix; see [`scheduler`].
pub(super) fn scheduler_of(
    crew: &Crew<'_>,
    prefix: &str,
    slots: Option<&Arc<Slots>>,
) -> Result<Box<dyn Scheduler<DeconvOp>>, Failure> {
    let Crew { compute, workers, values: memory, spills } = *crew;
    let (folder, is_named) = match &compute.scratch {
        Auto::Given(folder) => (folder.as_path(), true),
        Auto::Auto => (folder_of(prefix), false),
    };
    Ok(match compute.scheduler {
        // one worker is the calling thread
        SchedulerChoice::Sync | SchedulerChoice::Threads => {
            let threads = Threads { slots: slots.cloned(), ..Threads::new(workers).with_memory(memory) };
            let is_needed = is_named || spills;
            Box::new(if is_needed { threads.with_scratch(Scratch::new(folder)?) } else { threads })
        }
        SchedulerChoice::Processes => {
            let command = WorkerCommand::own([worker::NAME]);
            Box::new(Processes::new(workers, Scratch::new(folder)?, command).with_memory(memory))
        }
    })
}

fn folder_of(prefix: &str) -> &Path {
    let folder = Path::new(prefix).parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or_else(|| Path::new("."))
}

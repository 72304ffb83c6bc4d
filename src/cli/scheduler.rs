//! Who runs the tasks: the choice of the configuration.

use std::path::Path;

use super::failure::Failure;
use super::worker;
use crate::graph::{Processes, Scheduler, Scratch, Threads, WorkerCommand};
use crate::pipeline::Plan;
use crate::pipeline::config::{Auto, SchedulerChoice};
use crate::pipeline::ops::DeconvOp;

/// The scheduler of a plan whose products have this prefix.
///
/// What goes between processes goes through a folder beside the products unless another is named: there is room for the
/// products, and a temporary folder is often kept in memory. Threads take it where the plan has no room in memory for every
/// value.
pub(super) fn scheduler(plan: &Plan, prefix: &str) -> Result<Box<dyn Scheduler<DeconvOp>>, Failure> {
    let compute = &plan.config.compute;
    let named = match &compute.scratch {
        Auto::Given(folder) => Some(folder.as_path()),
        Auto::Auto => None,
    };
    let (workers, memory) = (plan.workers, plan.values());
    Ok(match compute.scheduler {
        // one worker is the calling thread
        SchedulerChoice::Sync | SchedulerChoice::Threads => {
            let threads = Threads::new(workers).with_memory(memory);
            if named.is_none() && plan.forecast.spilled_bytes == 0 {
                return Ok(Box::new(threads));
            }
            Box::new(threads.with_scratch(Scratch::new(named.unwrap_or_else(|| folder_of(prefix)))?))
        }
        SchedulerChoice::Processes => {
            let scratch = Scratch::new(named.unwrap_or_else(|| folder_of(prefix)))?;
            let command = WorkerCommand::own([worker::NAME]);
            Box::new(Processes::new(workers, scratch, command).with_memory(memory))
        }
    })
}

fn folder_of(prefix: &str) -> &Path {
    let folder = Path::new(prefix).parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or_else(|| Path::new("."))
}

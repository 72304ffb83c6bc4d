//! What a plan may take of the machine, and memory of the process against that of the values that its graphs declare.

use crate::pipeline::RunConfig;
use crate::pipeline::config::{Auto, Bytes, SchedulerChoice};

/// A process before it holds any value: 14.5 to 16.5 MiB were held before the first task, without plots \[bytes\].
const PROGRAM: u64 = 31 << 19;
/// A worker process before it holds any value, what it shares with the others counted again: 17 to 19 MiB under multiscale CLEAN \[bytes\].
const CHILD: u64 = 20 << 20;
/// What each worker adds: stack, buffers of transforms and of files; 1.4 MiB were measured \[bytes\].
const WORKER: u64 = 3 << 19;
/// What the allocator keeps of values that are gone: 28 % at 2048 x 2048 with a PSF of 4096 x 4096 \[percent\].
const ALLOCATOR_PERCENT: u64 = 30;

/// What a plan may take of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Means {
    /// Worker threads or processes.
    pub workers: usize,
    /// Whether each worker is a process of its own.
    pub in_processes: bool,
    /// Cap on the memory of all processes together \[bytes\].
    pub memory: u64,
    /// What of it a record of the run takes, where one is kept \[bytes\].
    pub record: u64,
}

impl Means {
    /// What a configuration allows on this machine, now.
    pub fn of(config: &RunConfig) -> Self {
        let workers = match config.compute.threads {
            _ if config.compute.scheduler == SchedulerChoice::Sync => 1,
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let memory = match config.compute.memory {
            Auto::Given(Bytes(bytes)) => bytes,
            Auto::Auto => available_memory() / 5 * 4,
        };
        Self { workers, in_processes: config.compute.scheduler == SchedulerChoice::Processes, memory, record: 0 }
    }

    /// The part of each of so many plans that run side by side in one process: of the memory an even one, of the workers
    /// twice that, so that one plan takes over what another has no work for.
    pub fn part(self, plans: usize) -> Self {
        let workers = self.workers.min(2 * self.workers.div_ceil(plans.max(1)));
        let part = Self { workers, ..self };
        let own = self.values() / plans.max(1) as u64;
        Self { memory: if plans > 1 { part.holding(own) } else { self.memory }, ..part }
    }

    /// What of the memory is left for the values of graphs \[bytes\].
    pub fn values(self) -> u64 {
        self.memory.saturating_sub(self.fixed()) / (100 + ALLOCATOR_PERCENT) * 100
    }

    /// Memory of the processes when they hold so many bytes of values \[bytes\].
    pub(in crate::pipeline) fn holding(self, values: u64) -> u64 {
        self.fixed() + values + values / 100 * ALLOCATOR_PERCENT
    }

    /// Memory of the processes before they hold any value \[bytes\].
    fn fixed(self) -> u64 {
        let workers = self.workers as u64;
        PROGRAM + self.record + WORKER * workers + if self.in_processes { CHILD * workers } else { 0 }
    }
}

/// Bytes of memory that the machine can give now.
pub fn available_memory() -> u64 {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    system.available_memory()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_side_by_side_keep_to_the_whole() {
        for (workers, memory) in [(1, 17 << 20), (2, 100 << 20), (64, 1 << 36)] {
            let whole = Means { workers, in_processes: false, memory, record: 1 << 20 };
            for plans in 1..=9 {
                let part = whole.part(plans);
                assert!(part.values() * plans as u64 <= whole.values(), "{plans} of {whole:?}");
                assert!(part.workers <= workers && part.workers * plans >= workers, "{plans} of {whole:?}");
            }
            assert_eq!(whole.part(1), whole);
        }
    }

    #[test]
    fn values_that_fit_a_memory_make_processes_that_fit_it() {
        for memory in [0, 1 << 20, 20 << 20, 1 << 30, 1 << 40] {
            for (workers, in_processes) in [(1, false), (64, false), (3, true)] {
                for record in [0, 3 << 20] {
                    let means = Means { workers, in_processes, memory, record };
                    let fitting = means.holding(means.values());
                    assert!(memory < means.fixed() || fitting <= memory, "{means:?}");
                    assert!(memory < 4 * means.fixed() || fitting > memory - 1000, "{means:?}");
                    let least = means.holding(0);
                    assert_eq!(least, Means { record: 0, ..means }.holding(0) + record, "{means:?}");
                }
            }
        }
    }
}

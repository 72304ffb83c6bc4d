//! What a plan may take of the machine, and memory of the process against that of the values that its graphs declare.

use crate::pipeline::RunConfig;
use crate::pipeline::config::{Auto, Bytes, SchedulerChoice};

/// The program itself, its plots and buffers: 11 MiB were held beside 4 MiB of values on the sample sky \[bytes\].
const PROGRAM: u64 = 16 << 20;
/// What the allocator keeps of values that are gone: 28 % at 2048 x 2048 with a PSF of 4096 x 4096 \[percent\].
const ALLOCATOR_PERCENT: u64 = 30;

/// What a plan may take of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Means {
    /// Worker threads or processes.
    pub workers: usize,
    /// Cap on the memory of the process \[bytes\].
    pub memory: u64,
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
        Self { workers, memory }
    }

    /// The part of each of so many plans that run side by side in one process: of the memory an even one, of the workers
    /// twice that, so that one plan takes over what another has no work for.
    pub fn part(self, plans: usize) -> Self {
        let workers = self.workers.min(2 * self.workers.div_ceil(plans.max(1)));
        let own = values(self.memory) / plans.max(1) as u64;
        Self { workers, memory: if plans > 1 { of_process(own) } else { self.memory } }
    }

    /// What of the memory is left for the values of graphs \[bytes\].
    pub fn values(self) -> u64 {
        values(self.memory)
    }
}

/// Memory of a process that holds so many bytes of values \[bytes\].
pub(super) fn of_process(values: u64) -> u64 {
    PROGRAM + values + values / 100 * ALLOCATOR_PERCENT
}

/// Values that a process of so much memory can hold \[bytes\].
pub(super) fn values(memory: u64) -> u64 {
    memory.saturating_sub(PROGRAM) / (100 + ALLOCATOR_PERCENT) * 100
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
            let whole = Means { workers, memory };
            for plans in 1..=9 {
                let part = whole.part(plans);
                assert!(part.values() * plans as u64 <= whole.values(), "{plans} of {whole:?}");
                assert!(part.workers <= workers && part.workers * plans >= workers, "{plans} of {whole:?}");
            }
            assert_eq!(whole.part(1), whole);
        }
    }

    #[test]
    fn values_that_fit_a_memory_make_a_process_that_fits_it() {
        for memory in [0, 1 << 20, 20 << 20, 1 << 30, 1 << 40] {
            assert!(memory < PROGRAM || of_process(values(memory)) <= memory, "{memory}");
        }
        assert!(of_process(values(1 << 30)) > (1 << 30) - 1000);
    }
}

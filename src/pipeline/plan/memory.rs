//! Memory of the process against memory of the values that its graphs declare.

/// The program itself and its buffers, without plots: 14.5 to 16.5 MiB were held before the first task \[bytes\].
const PROGRAM: u64 = 31 << 19;
/// What each worker adds: stack, buffers of transforms and of files. Of 4 workers 1.4 MiB each were measured beside 5 MiB
/// of values \[bytes\].
const WORKER: u64 = 3 << 19;
/// What the allocator keeps of values that are gone: 28 % at 2048 x 2048 with a PSF of 4096 x 4096 \[percent\].
const ALLOCATOR_PERCENT: u64 = 30;

/// Memory of a process that holds so many bytes of values for so many workers \[bytes\].
pub(super) fn of_process(values: u64, workers: usize) -> u64 {
    fixed(workers) + values + values / 100 * ALLOCATOR_PERCENT
}

/// Values that a process of so much memory and so many workers can hold \[bytes\].
pub(super) fn values(memory: u64, workers: usize) -> u64 {
    memory.saturating_sub(fixed(workers)) / (100 + ALLOCATOR_PERCENT) * 100
}

/// What a process takes before it holds any value \[bytes\].
fn fixed(workers: usize) -> u64 {
    PROGRAM + WORKER * workers as u64
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
    fn values_that_fit_a_memory_make_a_process_that_fits_it() {
        for workers in [1, 2, 64] {
            for memory in [0, 1 << 20, 20 << 20, 1 << 30, 1 << 40] {
                let process = of_process(values(memory, workers), workers);
                assert!(memory < fixed(workers) || process <= memory, "{memory} {workers}");
            }
        }
        assert!(of_process(values(1 << 30, 2), 2) > (1 << 30) - 1000);
    }
}

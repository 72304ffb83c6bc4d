//! Memory of the process against memory of the values that its graphs declare.

/// The program itself, its plots and buffers: 11 MiB were held beside 4 MiB of values on the sample sky \[bytes\].
const PROGRAM: u64 = 16 << 20;
/// What the allocator keeps of values that are gone: 28 % at 2048 x 2048 with a PSF of 4096 x 4096 \[percent\].
const ALLOCATOR_PERCENT: u64 = 30;

/// Memory of so many processes that hold together so many bytes of values \[bytes\].
pub(super) fn of_processes(processes: u64, values: u64) -> u64 {
    PROGRAM * processes + values + values / 100 * ALLOCATOR_PERCENT
}

/// Values that so many processes can hold that have so much memory together \[bytes\].
pub(super) fn values(processes: u64, memory: u64) -> u64 {
    memory.saturating_sub(PROGRAM * processes) / (100 + ALLOCATOR_PERCENT) * 100
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
        for memory in [0, 1 << 20, 20 << 20, 1 << 30, 1 << 40] {
            for processes in [1, 3] {
                let fitting = of_processes(processes, values(processes, memory));
                assert!(memory < PROGRAM * processes || fitting <= memory, "{processes} {memory}");
            }
        }
        assert!(of_processes(1, values(1, 1 << 30)) > (1 << 30) - 1000);
        assert_eq!(values(3, 1 << 30), values(1, (1 << 30) - 2 * PROGRAM));
    }
}

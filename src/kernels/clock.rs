//! The time that a thread itself has worked: what else runs on the machine does not count.

/// CPU time of the calling thread so far \[s\].
pub fn thread_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a whole `timespec` that outlives the call.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    debug_assert_eq!(status, 0, "every system of ours has the clock");
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleep_takes_no_time_and_work_does() {
        let start = thread_seconds();
        std::thread::sleep(std::time::Duration::from_millis(30));
        let slept = thread_seconds() - start;
        let sum = (0..2_000_000_u64).fold(0_u64, |sum, n| std::hint::black_box(sum ^ n));
        let worked = thread_seconds() - start - slept;
        assert!(slept < 0.02 && worked > 0.0 && sum < u64::MAX, "{slept} {worked}");
    }
}

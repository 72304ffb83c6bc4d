//! What the allocator keeps of memory that was given back to it.

/// Asks the allocator to give memory back to the system as soon as it is free, for the rest of the process; to be called
/// before any thread is started. Without effect where the allocator is another than glibc's.
///
/// glibc gives every thread a heap of its own and, once a buffer has been freed, takes buffers of its size from these heaps,
/// whose holes stay with the process: beside 8 MB of values another 10 MB were kept so by each worker. With one heap,
/// and every buffer from 128 KiB on in pages of its own, what is free is gone.
pub fn give_back_at_once() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: each call sets a number, and the parameters are those that the C library names.
        unsafe {
            libc::mallopt(libc::M_ARENA_MAX, 1);
            libc::mallopt(libc::M_MMAP_THRESHOLD, OWN_PAGES);
            libc::mallopt(libc::M_TRIM_THRESHOLD, OWN_PAGES);
        }
    }
}

/// Buffers from this size on stand in pages of their own \[bytes\].
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const OWN_PAGES: libc::c_int = 128 << 10;

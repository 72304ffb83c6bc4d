//! How the program's memory comes from the system and goes back to it.
//!
//! A fresh page costs more than a pass over it: filling 64 MiB of vectors took 40 ms in fresh pages of 4 KiB, 17 ms in fresh pages of 2 MiB and
//! 10 ms once more (CPU time of a plain loop of `Vec::resize` and `fill`, least of five; a large page that a virtual machine's host had never
//! backed took 2 to 6 ms alone). So freed buffers are kept for the next ones, and large ones ask for large pages, but where memory is
//! scarce.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether large buffers ask for large pages.
static LARGE_PAGES: AtomicBool = AtomicBool::new(false);

/// The system's allocator, whose large buffers ask for large pages once [`manage_heap`] was told that memory is not scarce.
pub struct Heap;

// SAFETY: all memory is the system allocator's; advice on pages changes none of it.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        advised(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above. Memory fresh from the system is not touched to make it zero.
        advised(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        advised(unsafe { System.realloc(memory, layout, size) }, size)
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// Asks for large pages for the memory of a large buffer, and for what is free between it and the heap's end: the allocator's own
/// notes there would be the first to touch a page that could be part of a large one.
fn advised(memory: *mut u8, size: usize) -> *mut u8 {
    #[cfg(target_os = "linux")]
    if size >= LARGE_BUFFER && !memory.is_null() && LARGE_PAGES.load(Ordering::Relaxed) {
        let first = memory as usize / LARGE_PAGE * LARGE_PAGE;
        // SAFETY: a move by nothing tells where the heap ends.
        let heap = unsafe { libc::sbrk(0) } as usize;
        let end = (memory as usize + size).next_multiple_of(LARGE_PAGE);
        let end = if first < heap { heap.max(end) } else { end };
        // SAFETY: this advice leaves what memory holds as it is, and addresses that are not mapped give an error, which says
        // nothing of the rest.
        unsafe { libc::madvise(std::ptr::without_provenance_mut(first), end - first, libc::MADV_HUGEPAGE) };
    }
    memory
}

/// A large page \[bytes\].
#[cfg(target_os = "linux")]
const LARGE_PAGE: usize = 2 << 20;

/// Buffers from this size on ask for large pages \[bytes\].
#[cfg(target_os = "linux")]
const LARGE_BUFFER: usize = 256 << 10;

/// Tells the allocator what to do with memory that is freed, for the rest of the process; to be called before any thread is started.
/// Without effect where the allocator is another than glibc's.
///
/// Where memory is not scarce it is kept for the next buffer: all threads share one heap, which grows in steps that hold many large
/// pages, and shrinks when half a gibibyte is free at its end.
///
/// Where it is, it goes back to the system at once. glibc gives every thread a heap of its own and, once a buffer has been freed, takes
/// buffers of its size from these heaps, whose holes stay with the process: beside 8 MB of values another 10 MB were kept so
/// by each worker. With one heap, and every buffer from 128 KiB on in pages of its own, what is free is gone.
pub fn manage_heap(is_scarce: bool) {
    LARGE_PAGES.store(!is_scarce, Ordering::Relaxed);
    let manner = if is_scarce {
        Manner { own_pages: 128 << 10, ahead: 128 << 10, trim: 128 << 10 }
    } else {
        Manner { own_pages: 32 << 20, ahead: 64 << 20, trim: 512 << 20 }
    };
    manner.take();
}

/// Gives what is free back to the system, holes between small values too. Without effect where the allocator is another than glibc's.
pub fn trim_heap() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: only pages that nothing is held in are given back.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// How the C library's allocator takes and gives memory \[bytes\].
struct Manner {
    /// Buffers from this size on stand in pages of their own.
    own_pages: i32,
    /// The heap grows by this much more than is needed.
    ahead: i32,
    /// So much free memory at the heap's end goes back to the system.
    trim: i32,
}

impl Manner {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    fn take(&self) {
        // SAFETY: each call sets a number, and the parameters are those that the C library names.
        unsafe {
            libc::mallopt(libc::M_ARENA_MAX, 1);
            libc::mallopt(libc::M_MMAP_THRESHOLD, self.own_pages);
            libc::mallopt(libc::M_TOP_PAD, self.ahead);
            libc::mallopt(libc::M_TRIM_THRESHOLD, self.trim);
        }
    }

    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    fn take(&self) {}
}

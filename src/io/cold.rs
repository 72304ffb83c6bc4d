//! Reading from the disk itself, for those who measure it.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// Asks the system to forget what it holds of a file in memory; what is not on the disk yet stays.
///
/// # Errors
/// What the system says.
pub fn forget_cached(file: &File) -> io::Result<()> {
    // SAFETY: the descriptor is open for as long as `file` lives, and the call takes no pointers.
    let status = unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
    if status == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(status)) }
}

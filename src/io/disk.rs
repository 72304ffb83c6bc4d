//! Room on disks, and what killed runs left there.

use std::ffi::CString;
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::target::temporary_names;

/// Bytes that may still be written to the disk that holds a folder.
///
/// # Errors
/// When the folder is not there, or its disk does not tell.
pub fn free_bytes(folder: &Path) -> io::Result<u64> {
    let path = CString::new(folder.as_os_str().as_bytes())?;
    let mut facts = MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: the path ends with a zero byte, and `facts` has room for what is written there.
    let failed = unsafe { libc::statvfs(path.as_ptr(), facts.as_mut_ptr()) } != 0;
    if failed {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call went well, and zeros are a value of each field.
    let facts = unsafe { facts.assume_init() };
    Ok(facts.f_bavail * facts.f_frsize)
}

/// Removes what runs that were killed left of a product: the hidden files that would have become it.
///
/// No other run may be writing the same product.
///
/// # Errors
/// When the folder cannot be read, or a file cannot be removed.
pub fn remove_unfinished(product: &Path) -> io::Result<()> {
    let (folder, (prefix, suffix)) = temporary_names(product);
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.starts_with(&prefix) && name.ends_with(suffix)) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disk_of_a_folder_tells_its_room_and_a_missing_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(free_bytes(folder.path()).unwrap() > 0);
        assert!(free_bytes(&folder.path().join("nowhere")).is_err());
    }

    #[test]
    fn only_the_hidden_files_of_the_product_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let product = folder.path().join("a-model.fits");
        let (_, hidden) = super::super::target::temporary_beside(&product).unwrap();
        hidden.keep().unwrap();
        for name in ["a-model.fits", ".a-model.fits.txt", "b-model.fits", ".b-model.fits.x.part"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        remove_unfinished(&product).unwrap();
        let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [".a-model.fits.txt", ".b-model.fits.x.part", "a-model.fits", "b-model.fits"]);
    }
}

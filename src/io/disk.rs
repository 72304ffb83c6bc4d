//! Room on disks, and what killed runs left there.

use std::ffi::CString;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::target::{hidden_beside, temporary_names};

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

/// Removes what runs that were killed left of an output: the hidden files that would have become it.
///
/// A file that a run is still writing is locked by it, and stays. A folder that is not there holds none.
///
/// # Errors
/// When the folder cannot be read, or a file cannot be removed.
pub fn remove_unfinished(output: &Path) -> io::Result<()> {
    let (folder, (prefix, suffix)) = temporary_names(output);
    let entries = match fs::read_dir(folder) {
        Err(error) if is_gone(&error) => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let is_of_output = name.to_str().is_some_and(|name| name.starts_with(&prefix) && name.ends_with(suffix));
        if is_of_output {
            // another run may clear it at the same time
            remove_abandoned(&entry.path()).or_else(|error| is_gone(&error).then_some(()).ok_or(error))?;
        }
    }
    Ok(())
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == ErrorKind::NotFound
}

/// Removes a file that nobody has locked. Where the file system has no locks, nobody can tell, and it stays.
fn remove_abandoned(path: &Path) -> io::Result<()> {
    let file = fs::File::open(path)?;
    if file.try_lock().is_ok() { fs::remove_file(path) } else { Ok(()) }
}

/// Writes a whole file under a hidden name in its folder, and renames it, so that nobody ever sees half of it; a file of
/// that name is replaced.
///
/// # Errors
/// When it cannot be written; then nothing is left of it, and a file of that name stays as it was.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_through(path, |file| file.write_all(bytes))
}

/// The same for a file that is never whole in memory: `fill` writes it piece by piece.
///
/// # Errors
/// As [`write_whole`], and those of `fill`.
pub fn write_through(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let (file, hidden) = hidden_beside(path)?;
    let mut file = io::BufWriter::new(file);
    fill(&mut file)?;
    file.flush()?;
    hidden.persist(path).map_err(|error| error.error)
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
    fn file_appears_whole_or_not_at_all_and_leaves_others_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("a.json"), folder.path().join("a.json.part"));
        fs::write(&other, "mine").unwrap();
        for text in ["one", "two"] {
            write_whole(&path, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(fs::read_to_string(&other).unwrap(), "mine");
        fs::create_dir(folder.path().join("taken")).unwrap();
        assert!(write_whole(&folder.path().join("taken"), b"x").is_err());
        let fails = write_through(&path, |file| file.write_all(b"half").and(Err(io::Error::other("no more"))));
        assert_eq!((fails.is_err(), fs::read_to_string(&path).unwrap().as_str()), (true, "two"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "nothing hidden is left");
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
        let (being_written, its) = super::super::target::temporary_beside(&product).unwrap();
        remove_unfinished(&product).unwrap();
        assert!(its.exists(), "somebody is writing it");
        drop((being_written, its));
        let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [".a-model.fits.txt", ".b-model.fits.x.part", "a-model.fits", "b-model.fits"]);
    }
}

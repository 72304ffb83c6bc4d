//! The scratch folder of a run: files for values that do not fit into memory, gone when the last of them is.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Codec, Stored};

/// What a run's folder begins with; the number of the process and six letters follow.
const PREFIX: &str = concat!(env!("CARGO_PKG_NAME"), "-scratch-");

/// Of a folder that its run does not hold yet.
const UNBORN: &str = concat!(env!("CARGO_PKG_NAME"), "-new-");

/// A folder for the files of one run, inside one that the user gave.
///
/// It is removed with everything in it when the last file and the last owner of the `Scratch` are gone. A run that was
/// killed leaves its folder; the next run with the same parent removes it. Whether a run lives is told by a lock
/// on its folder, not by the number of its process, which another machine or container may use again; where the file
/// system has no locks nothing is removed but one's own.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    /// Open and locked for as long as the run lives.
    _held: File,
    next: AtomicU64,
}

/// A scratch folder that cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make a scratch folder in {}", folder.display())]
pub struct ScratchError {
    /// The folder that was given.
    pub folder: PathBuf,
    /// What the file system said.
    pub source: io::Error,
}

impl Scratch {
    /// Makes a folder for this run in `parent`, and removes those of dead runs there.
    ///
    /// # Errors
    /// When the parent is not a folder that one can write to.
    pub fn new(parent: &Path) -> Result<Arc<Self>, ScratchError> {
        remove_stale(parent);
        Self::make(parent).map(Arc::new).map_err(|source| ScratchError { folder: parent.to_owned(), source })
    }

    fn make(parent: &Path) -> io::Result<Self> {
        let made = tempfile::Builder::new().prefix(UNBORN).tempdir_in(fs::canonicalize(parent)?)?;
        let held = File::open(made.path())?;
        // a refusal means a file system without locks, on which nobody's folder ever looks dead
        let _ = held.try_lock();
        let letters = made.path().to_string_lossy();
        let letters = letters.rsplit('-').next().unwrap_or_default();
        // the name that others may remove comes after the lock
        let path = made.path().with_file_name(format!("{PREFIX}{}-{letters}", std::process::id()));
        fs::rename(made.path(), &path)?;
        let _ = made.keep();
        Ok(Self { path, _held: held, next: AtomicU64::new(0) })
    }

    /// The folder of this run.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A name for a file in the folder, not used before.
    pub fn name(self: &Arc<Self>) -> ScratchFile {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        ScratchFile { path: self.path.join(number.to_string()), _scratch: Arc::clone(self) }
    }

    /// Writes a value to a new file.
    ///
    /// # Errors
    /// When it cannot be written; nothing is left of the file then.
    pub fn store<V>(self: &Arc<Self>, value: &V, codec: &Codec<V>) -> io::Result<Stored> {
        let name = self.name();
        let mut file = BufWriter::with_capacity(1 << 16, File::create_new(name.path())?);
        (codec.write)(value, &mut file)?;
        file.flush()?;
        drop(file);
        name.stored()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// The name of a file in a scratch folder; the file goes with it.
#[derive(Debug)]
pub struct ScratchFile {
    path: PathBuf,
    _scratch: Arc<Scratch>,
}

impl ScratchFile {
    /// Where the file stands, or will stand.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was written there; the file goes with the last clone.
    ///
    /// # Errors
    /// When there is no such file.
    pub fn stored(self) -> io::Result<Stored> {
        Stored::of_scratch(Arc::new(self))
    }
}

impl Drop for ScratchFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Removes the folders of runs that are dead: nobody holds their lock.
fn remove_stale(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let is_ours = is_scratch_name(&entry.file_name().to_string_lossy());
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_ours
            && is_folder
            && let Ok(folder) = File::open(entry.path())
            && folder.try_lock().is_ok()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Whether a name is one that [`Scratch`] gives: what merely begins like it belongs to somebody else.
fn is_scratch_name(name: &str) -> bool {
    let parts = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('-'));
    parts.is_some_and(|(process, letters)| {
        let is_number = !process.is_empty() && process.bytes().all(|byte| byte.is_ascii_digit());
        is_number && letters.len() == 6 && letters.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

//! Results by what they were computed from: a result that was computed once is not computed again.
//!
//! The digest of a task is that of its operation joined with those of its dependencies, so equal digests mean equal
//! results, in this run or in another. [`Cache`] holds results by digest, in memory or in a folder, within a limit of
//! bytes; [`Cached`] is a scheduler that asks it before it lets another scheduler run what is left.
//!
//! **What is kept.** The targets of every graph, for a run goes on from them; results that other graphs need too
//! ([`super::Op::is_shared`]); and of the rest those whose computing took far longer than reading them back would
//! ([`WORTH`]). When the limit is reached, the results
//! of least cost per byte leave, those that were not used for long first. Nothing depends on what is kept but time.

mod cached;
mod digests;
mod disk;
mod mark;
mod offering;
mod ranking;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;
use thiserror::Error;

use super::{Codec, Digest, Held, Place, SMALL};
pub use cached::{CacheUse, Cached};
use disk::Disk;
use ranking::Ranking;

/// A result that no caller asked for is kept where a byte of it took longer than this to compute \[s\].
///
/// A disk gives a byte back in some 5 ns; at ten times that a result is worth the writing, which is paid at once, even
/// if it is used but rarely. A transform of a slab takes about 10 ns a byte, a minor cycle many thousand.
pub const WORTH: f64 = 5e-8;

/// What an entry takes beside its value \[bytes\].
const OVERHEAD: u64 = 256;

/// A cache that cannot be opened.
#[derive(Debug, Error)]
pub enum CacheError {
    /// The folder cannot be made, read or written.
    #[error("cannot keep results in {}\n  {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The folder holds files, and no mark tells that a cache made it.
    #[error("cannot keep results in {}\n  it holds {} and was not made for results", path.display(), found.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// The name of one of its files.
        found: PathBuf,
    },
    /// Another process works with the folder.
    #[error("cannot keep results in {}\n  another run is using it", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
}

impl CacheError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Folder { .. } => "check the folder, its permissions and the room on its disk".to_owned(),
            Self::Foreign { .. } => {
                "name a new or an empty folder (another output prefix, for --resume), or move this one away".to_owned()
            }
            Self::InUse { .. } => "wait for the other run to end, or name another folder".to_owned(),
        })
    }
}

/// Results by digest, within a limit of bytes; threads may share it.
pub struct Cache<V> {
    store: Store<V>,
    ranking: Mutex<Ranking>,
    found: AtomicU64,
    failed: AtomicU64,
}

enum Store<V> {
    /// Values with their declared sizes.
    Memory(Mutex<FxHashMap<Digest, (Arc<V>, u64)>>),
    Disk(Disk<V>),
}

/// What a cache holds, and what it was good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheStats {
    /// Results that it holds.
    pub results: usize,
    /// Their bytes.
    pub bytes: u64,
    /// How often a result was found.
    pub found: u64,
    /// Results that could not be written: the disk is full, or gone.
    pub failed: u64,
}

impl<V> Cache<V> {
    /// A cache in memory, of so many declared bytes.
    pub fn in_memory(limit: u64) -> Self {
        Self::new(Store::Memory(Mutex::default()), Ranking::new(limit))
    }

    /// A cache in a folder, of so many bytes; what an earlier run left there is used.
    ///
    /// # Errors
    /// When the folder cannot be read or written, holds files that no cache wrote, or another process uses it.
    pub fn on_disk(folder: &Path, limit: u64, codec: Codec<V>) -> Result<Self, CacheError> {
        let (disk, found) = Disk::open(folder, codec)?;
        let mut ranking = Ranking::new(u64::MAX);
        for (digest, label) in found {
            ranking.insert(digest, label.file_bytes + OVERHEAD, label.seconds);
        }
        ranking.limit(limit).into_iter().for_each(|digest| disk.remove(digest));
        Ok(Self::new(Store::Disk(disk), ranking))
    }

    /// Whether a folder is one of results, which [`Cache::on_disk`] has made; nothing is touched.
    ///
    /// # Errors
    /// When it holds something else, or cannot be read.
    pub fn is_at(folder: &Path) -> Result<bool, CacheError> {
        mark::is_marked(folder)
    }

    /// Gives up all results, at the end of its use: of a folder the files that caches write are removed, and the folder
    /// if nothing else is in it.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn clear(&self) -> io::Result<()> {
        match &self.store {
            Store::Memory(values) => values.lock().unwrap_or_else(PoisonError::into_inner).clear(),
            Store::Disk(disk) => disk.clear()?,
        }
        Ok(())
    }

    fn new(store: Store<V>, ranking: Ranking) -> Self {
        Self { store, ranking: Mutex::new(ranking), found: AtomicU64::new(0), failed: AtomicU64::new(0) }
    }

    /// Whether it holds this result; a file may still turn out to be damaged.
    pub fn contains(&self, digest: Digest) -> bool {
        self.ranking().contains(digest)
    }

    /// What the result took to compute, with all that it depends on \[s\].
    pub fn seconds(&self, digest: Digest) -> Option<f64> {
        self.ranking().seconds(digest)
    }

    /// The result, if it is there. Large ones stay in their file until they are used; a damaged file is forgotten.
    pub fn get(&self, digest: Digest) -> Option<Held<V>> {
        if !self.contains(digest) {
            return None;
        }
        let held = match &self.store {
            Store::Memory(values) => {
                let values = values.lock().unwrap_or_else(PoisonError::into_inner);
                values.get(&digest).map(|(value, bytes)| (Place::Memory(Arc::clone(value)), *bytes))
            }
            Store::Disk(disk) => read(disk, digest).ok(),
        };
        let mut ranking = self.ranking();
        if let Some((place, bytes)) = held {
            ranking.touch(digest);
            self.found.fetch_add(1, Ordering::Relaxed);
            Some(Held::at(place, bytes, Some(digest)))
        } else {
            ranking.remove(digest);
            None
        }
    }

    /// Keeps a result of so many declared bytes that took so many seconds, if there is room; tells whether it is kept.
    ///
    /// A disk that fails is no error of the run: the result is not kept, and [`CacheStats::failed`] counts it.
    pub fn put(&self, digest: Digest, value: &Arc<V>, (bytes, seconds): (u64, f64)) -> bool {
        if self.contains(digest) {
            self.ranking().touch(digest);
            return true;
        }
        match &self.store {
            Store::Memory(values) => {
                // the values are locked first, so that books and values never disagree
                let mut values = values.lock().unwrap_or_else(PoisonError::into_inner);
                let gone = self.ranking().insert(digest, bytes + OVERHEAD, seconds);
                gone.iter().flatten().for_each(|digest| drop(values.remove(digest)));
                if gone.is_some() {
                    values.insert(digest, (Arc::clone(value), bytes));
                }
                gone.is_some()
            }
            Store::Disk(disk) => self.write(disk, digest, value, (bytes, seconds)),
        }
    }

    fn write(&self, disk: &Disk<V>, digest: Digest, value: &Arc<V>, worth: (u64, f64)) -> bool {
        let Ok(label) = disk.write(digest, value, worth) else {
            self.failed.fetch_add(1, Ordering::Relaxed);
            return false;
        };
        let gone = self.ranking().insert(digest, label.file_bytes + OVERHEAD, label.seconds);
        match &gone {
            Some(gone) => gone.iter().for_each(|digest| disk.remove(*digest)),
            None => disk.remove(digest),
        }
        gone.is_some()
    }

    /// What it holds, and what it was good for.
    pub fn stats(&self) -> CacheStats {
        let ranking = self.ranking();
        CacheStats {
            results: ranking.len(),
            bytes: ranking.used(),
            found: self.found.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }

    fn ranking(&self) -> MutexGuard<'_, Ranking> {
        self.ranking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read<V>(disk: &Disk<V>, digest: Digest) -> io::Result<(Place<V>, u64)> {
    let (stored, label) = disk.open_value(digest)?;
    let codec = disk.codec();
    let place =
        if label.bytes < SMALL { Place::Memory(Arc::new((codec.read)(&stored)?)) } else { Place::File(stored, codec) };
    Ok((place, label.bytes))
}

//! Results in files: one file each, named by its digest.
//!
//! A file is written under another name and renamed when it is complete, and it carries its own length and checksum: what
//! a kill or a full disk left half-written is never taken for a result. One process at a time uses a folder.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::super::{Codec, Digest, Stored};
use super::CacheError;
use super::mark::{TAG, is_marked, mark};

/// First bytes of every file; the number is that of the layout.
const MAGIC: [u8; 8] = *b"results1";
/// Magic, length, declared bytes, seconds, checksum.
const HEAD: usize = 8 + 8 + 8 + 8 + 32;
/// The file whose lock tells that the folder is in use.
const LOCK: &str = "lock";
/// Ending of a file that is not complete.
const PART: &str = "part";
/// Bytes read at once to check them.
const PIECE: usize = 1 << 18;

/// What a file says of its value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Label {
    /// Length of the whole file \[bytes\].
    pub(super) file_bytes: u64,
    /// Declared size of the value \[bytes\].
    pub(super) bytes: u64,
    /// What it took to compute \[s\].
    pub(super) seconds: f64,
}

/// A folder of results.
pub(super) struct Disk<V> {
    folder: PathBuf,
    codec: Codec<V>,
    written: AtomicU64,
    /// Held as long as the folder is in use.
    _lock: File,
}

/// A run that was killed keeps its lock until the system has let go of its memory, which took it up to a second: it is waited
/// for so many times, so long each.
const WAITS: u32 = 60;
const WAIT: Duration = Duration::from_millis(50);

/// Takes a lock; `false` if another run has it and does not end.
fn is_taken(lock: &File) -> io::Result<bool> {
    for wait in 0..=WAITS {
        match lock.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if wait < WAITS => thread::sleep(WAIT),
            Err(TryLockError::WouldBlock) => break,
            Err(TryLockError::Error(source)) => return Err(source),
        }
    }
    Ok(false)
}

impl<V> Disk<V> {
    /// Opens a folder, which is made if it is not there; returns what it holds, the least recently written first. A
    /// folder with files and without the mark of a cache is refused before anything in it is touched.
    pub(super) fn open(folder: &Path, codec: Codec<V>) -> Result<(Self, Vec<(Digest, Label)>), CacheError> {
        let failed = |source| CacheError::Folder { path: folder.to_owned(), source };
        if !is_marked(folder)? {
            fs::create_dir_all(folder).and_then(|()| mark(folder)).map_err(failed)?;
        }
        let lock = File::options().write(true).create(true).truncate(false).open(folder.join(LOCK)).map_err(failed)?;
        if !is_taken(&lock).map_err(failed)? {
            return Err(CacheError::InUse { path: folder.to_owned() });
        }
        let disk = Self { folder: folder.to_owned(), codec, written: AtomicU64::new(0), _lock: lock };
        let found = disk.scan().map_err(failed)?;
        Ok((disk, found))
    }

    /// Looks over the folder, and clears away what is not complete.
    fn scan(&self) -> io::Result<Vec<(Digest, Label)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if is_part(&path) {
                fs::remove_file(&path)?;
            } else if let Some(digest) = named(&path) {
                match File::open(&path).and_then(|mut file| Ok((read_head(&mut file)?, file.metadata()?.modified()?))) {
                    Ok(((label, _), time)) => found.push((time, digest, label)),
                    Err(_) => fs::remove_file(&path)?,
                }
            }
        }
        found.sort_by_key(|&(time, digest, _)| (time, digest));
        Ok(found.into_iter().map(|(_, digest, label)| (digest, label)).collect())
    }

    /// Removes every file that a cache writes, and the folder if nothing else is in it.
    pub(super) fn clear(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if is_part(&path) || named(&path).is_some() {
                fs::remove_file(&path)?;
            }
        }
        // the mark last: what a kill leaves of this is still known for a cache
        [LOCK, TAG].iter().try_for_each(|name| fs::remove_file(self.folder.join(name)))?;
        match fs::remove_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
            done => done,
        }
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.folder.join(digest.to_string())
    }

    /// Writes a value that takes so many bytes and took so many seconds; returns the length of its file.
    pub(super) fn write(&self, digest: Digest, value: &V, (bytes, seconds): (u64, f64)) -> io::Result<Label> {
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let hidden = self.folder.join(format!("{number}.{PART}"));
        let written = self.write_hidden(&hidden, (digest, value), (bytes, seconds));
        let done = written.and_then(|label| fs::rename(&hidden, self.path(digest)).map(|()| label));
        if done.is_err() {
            // nothing can be done about a second failure, and the next run clears it away
            fs::remove_file(&hidden).ok();
        }
        done
    }

    fn write_hidden(
        &self,
        path: &Path,
        (digest, value): (Digest, &V),
        (bytes, seconds): (u64, f64),
    ) -> io::Result<Label> {
        let file = File::create(path)?;
        let mut to = Summing { to: BufWriter::with_capacity(PIECE, file), sum: blake3::Hasher::new(), len: 0 };
        to.to.write_all(&[0; HEAD])?;
        (self.codec.write)(value, &mut to)?;
        let Summing { to, sum, len } = to;
        let mut file = to.into_inner().map_err(io::IntoInnerError::into_error)?;
        let facts = facts(len, bytes, seconds);
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&facts)?;
        file.write_all(checksum(sum, &facts, digest).as_bytes())?;
        Ok(Label { file_bytes: len + HEAD as u64, bytes, seconds })
    }

    /// Opens the file of a value and checks every byte of it; a file that does not hold what it should is removed.
    pub(super) fn open_value(&self, digest: Digest) -> io::Result<(Stored, Label)> {
        let path = self.path(digest);
        let checked = check(&path, digest);
        if checked.is_err() {
            self.remove(digest);
        }
        let (file, label) = checked?;
        let stored = Stored::new(Arc::new(file), Arc::new(path))?;
        let inside = stored.part(HEAD as u64, label.file_bytes - HEAD as u64)?;
        Ok((inside, label))
    }

    /// How values are read.
    pub(super) fn codec(&self) -> Codec<V> {
        self.codec
    }

    /// Removes the file of a value.
    pub(super) fn remove(&self, digest: Digest) {
        // gone already, or beyond our reach: the books forget it either way
        fs::remove_file(self.path(digest)).ok();
    }
}

/// Whether a file is one that was not completed: a number and the ending, as [`Disk::write`] names it.
fn is_part(path: &Path) -> bool {
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    path.extension().is_some_and(|ending| ending == PART)
        && stem.is_some_and(|stem| stem.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The digest that names a file.
fn named(path: &Path) -> Option<Digest> {
    path.file_name().and_then(|name| name.to_str()).and_then(Digest::parse)
}

/// Passes bytes on, adds them to a checksum and counts them.
struct Summing<W> {
    to: W,
    sum: blake3::Hasher,
    len: u64,
}

impl<W: Write> Write for Summing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.sum.update(&bytes[..written]);
        self.len += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

fn facts(len: u64, bytes: u64, seconds: f64) -> Vec<u8> {
    [MAGIC, len.to_le_bytes(), bytes.to_le_bytes(), seconds.to_le_bytes()].concat()
}

/// The checksum of the bytes that `sum` saw, of the facts before them and of the file's name.
fn checksum(mut sum: blake3::Hasher, facts: &[u8], digest: Digest) -> blake3::Hash {
    sum.update(facts);
    sum.update(digest.as_bytes());
    sum.finalize()
}

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Reads what stands before the value: the label and the whole of these bytes.
fn read_head(file: &mut File) -> io::Result<(Label, [u8; HEAD])> {
    let mut head = [0; HEAD];
    file.read_exact(&mut head)?;
    let field = |number: usize| <[u8; 8]>::try_from(&head[8 * number..8 * number + 8]).expect("a field has 8 bytes");
    let (len, file_bytes) = (u64::from_le_bytes(field(1)), file.metadata()?.len());
    if field(0) != MAGIC || len.checked_add(HEAD as u64) != Some(file_bytes) {
        return Err(damaged("not complete"));
    }
    let label = Label { file_bytes, bytes: u64::from_le_bytes(field(2)), seconds: f64::from_le_bytes(field(3)) };
    Ok((label, head))
}

fn check(path: &Path, digest: Digest) -> io::Result<(File, Label)> {
    let mut file = File::open(path)?;
    let (label, head) = read_head(&mut file)?;
    let mut sum = blake3::Hasher::new();
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece)? {
            0 => break,
            read => sum.update(&piece[..read]),
        };
    }
    let (facts, expected) = head.split_at(HEAD - 32);
    if checksum(sum, facts, digest).as_bytes() == expected {
        Ok((file, label))
    } else {
        Err(damaged("its checksum is wrong"))
    }
}

//! Values outside memory: how they are written to a file, and where they stand in it.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::ScratchFile;

/// How values of one type leave memory and come back.
///
/// `read(write(value))` is the same value to the last bit. It may keep the [`Stored`] and read parts when they are
/// asked for; such a value can be written again like any other.
pub struct Codec<V> {
    /// Writes a value.
    pub write: fn(&V, &mut dyn Write) -> io::Result<()>,
    /// Reads a value, all of it or what stands for it.
    pub read: fn(&Stored) -> io::Result<V>,
}

impl<V> Clone for Codec<V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Codec<V> {}

/// A piece of a file; clones share the file, which stays readable for as long as one of them lives.
#[derive(Debug, Clone)]
pub struct Stored {
    source: Source,
    start: u64,
    len: u64,
}

/// The file of a [`Stored`].
#[derive(Debug, Clone)]
enum Source {
    /// Open for reading.
    Open(Arc<File>, Arc<PathBuf>),
    /// Opened for every read: there may be more scratch files than a process can have open at one time.
    Scratch(Arc<ScratchFile>),
    /// In memory.
    Bytes(Arc<[u8]>),
}

/// A [`Source`] that can be read now.
enum Open<'s> {
    File(Arc<File>),
    Bytes(&'s [u8]),
}

impl Source {
    fn open(&self) -> io::Result<Open<'_>> {
        match self {
            Self::Open(file, _) => Ok(Open::File(Arc::clone(file))),
            Self::Scratch(name) => File::open(name.path()).map(|file| Open::File(Arc::new(file))),
            Self::Bytes(bytes) => Ok(Open::Bytes(bytes)),
        }
    }
}

impl Open<'_> {
    fn read_at(&self, to: &mut [u8], offset: u64) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read_at(to, offset),
            Self::Bytes(bytes) => {
                let mut rest = bytes.get(usize::try_from(offset).unwrap_or(usize::MAX)..).unwrap_or_default();
                rest.read(to)
            }
        }
    }

    fn read_exact_at(&self, to: &mut [u8], offset: u64) -> io::Result<()> {
        match self {
            Self::File(file) => file.read_exact_at(to, offset),
            Self::Bytes(bytes) => {
                let mut rest = bytes.get(usize::try_from(offset).unwrap_or(usize::MAX)..).unwrap_or_default();
                rest.read_exact(to)
            }
        }
    }
}

impl Stored {
    /// All of a file that is open for reading; `path` is for messages and for other processes.
    ///
    /// # Errors
    /// When the file's length cannot be read.
    pub fn new(file: Arc<File>, path: Arc<PathBuf>) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self { source: Source::Open(file, path), start: 0, len })
    }

    /// All of a scratch file, which goes with the last clone.
    pub(super) fn of_scratch(name: Arc<ScratchFile>) -> io::Result<Self> {
        let len = std::fs::metadata(name.path())?.len();
        Ok(Self { source: Source::Scratch(name), start: 0, len })
    }

    /// Bytes in memory, as they come from another process.
    pub(super) fn of_bytes(bytes: Vec<u8>) -> Self {
        let len = bytes.len() as u64;
        Self { source: Source::Bytes(bytes.into()), start: 0, len }
    }

    /// The file that another process can open, its first byte there and its length; `None` for bytes in memory.
    pub(super) fn site(&self) -> Option<(&Path, u64, u64)> {
        match &self.source {
            Source::Bytes(_) => None,
            Source::Open(..) | Source::Scratch(_) => Some((self.path(), self.start, self.len)),
        }
    }

    /// A part of it, `len` bytes from `start`.
    ///
    /// # Errors
    /// When it ends before that: the file is damaged.
    pub fn part(&self, start: u64, len: u64) -> io::Result<Self> {
        if start.checked_add(len).is_none_or(|end| end > self.len) {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("{} is too short", self.path().display()),
            ));
        }
        Ok(Self { start: self.start + start, len, ..self.clone() })
    }

    /// Its length \[bytes\].
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The file's name.
    pub fn path(&self) -> &Path {
        match &self.source {
            Source::Open(_, path) => path,
            Source::Scratch(name) => name.path(),
            Source::Bytes(_) => Path::new("a value in memory"),
        }
    }

    /// Fills `bytes` from `offset` on.
    ///
    /// # Errors
    /// When the file ends before, or cannot be read.
    pub fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.source.open()?.read_exact_at(bytes, self.start + offset)
    }

    /// Reads it from its beginning.
    pub fn reader(&self) -> impl Read + use<'_> {
        BufReader::with_capacity(1 << 16, Cursor { stored: self, file: None, position: 0 })
    }
}

/// Reads a [`Stored`] by position, so that readers of the same file do not disturb each other.
struct Cursor<'s> {
    stored: &'s Stored,
    file: Option<Open<'s>>,
    position: u64,
}

impl Read for Cursor<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let left = self.stored.len - self.position;
        let wanted = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(self.stored.source.open()?),
        };
        let read = file.read_at(&mut bytes[..wanted], self.stored.start + self.position)?;
        self.position += read as u64;
        Ok(read)
    }
}

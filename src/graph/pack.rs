//! Writing values to files and reading them back: the tools of a [`super::Codec`].
//!
//! Long rows of numbers are raw little-endian bytes, turned in pieces that stay in the processor's cache, so that a value
//! moves about as fast as memory or disk do; everything else goes through serde in postcard's form.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Stored;

/// Bytes turned at once.
const PIECE: usize = 1 << 16;

/// A number, or a few of them, of a fixed length in bytes.
pub trait Plain: Copy {
    /// Its length \[bytes\].
    const BYTES: usize;
    /// Writes it, little-endian, into a place of [`Plain::BYTES`].
    fn put(self, to: &mut [u8]);
    /// Reads it from a place of [`Plain::BYTES`].
    fn get(from: &[u8]) -> Self;
}

macro_rules! plain {
    ($($number:ty),*) => {
        $(impl Plain for $number {
            const BYTES: usize = size_of::<$number>();

            #[inline]
            fn put(self, to: &mut [u8]) {
                to.copy_from_slice(&self.to_le_bytes());
            }

            #[inline]
            fn get(from: &[u8]) -> Self {
                let mut bytes = [0; size_of::<$number>()];
                bytes.copy_from_slice(from);
                Self::from_le_bytes(bytes)
            }
        })*
    };
}

plain!(u8, i32, u32, i64, u64, f32, f64);

impl Plain for bool {
    const BYTES: usize = 1;

    #[inline]
    fn put(self, to: &mut [u8]) {
        to[0] = self.into();
    }

    #[inline]
    fn get(from: &[u8]) -> Self {
        from[0] != 0
    }
}

/// Writes the parts of a value one after the other.
pub struct Packer<'w> {
    to: &'w mut dyn Write,
    piece: Vec<u8>,
}

impl<'w> Packer<'w> {
    /// Before the first part.
    pub fn new(to: &'w mut dyn Write) -> Self {
        Self { to, piece: Vec::new() }
    }

    /// Writes what serde knows: its length, then its form by postcard.
    ///
    /// # Errors
    /// When writing fails.
    pub fn put<T: Serialize + ?Sized>(&mut self, value: &T) -> io::Result<()> {
        let bytes = postcard::to_stdvec(value).map_err(io::Error::other)?;
        self.to.write_all(&(bytes.len() as u64).to_le_bytes())?;
        self.to.write_all(&bytes)
    }

    /// Writes numbers and nothing else: the reader must know how many.
    ///
    /// # Errors
    /// When writing fails.
    pub fn put_all<T: Plain>(&mut self, values: &[T]) -> io::Result<()> {
        for values in values.chunks(PIECE / T::BYTES) {
            self.piece.resize(values.len() * T::BYTES, 0);
            self.piece.chunks_exact_mut(T::BYTES).zip(values).for_each(|(to, value)| value.put(to));
            self.to.write_all(&self.piece)?;
        }
        Ok(())
    }
}

/// Reads the parts of a value in the order in which a [`Packer`] wrote them.
pub struct Unpacker<'s> {
    from: &'s Stored,
    at: u64,
}

impl<'s> Unpacker<'s> {
    /// Before the first part.
    pub fn new(from: &'s Stored) -> Self {
        Self { from, at: 0 }
    }

    /// Reads what [`Packer::put`] wrote.
    ///
    /// # Errors
    /// When reading fails, or the bytes are not those of a `T`.
    pub fn get<T: DeserializeOwned>(&mut self) -> io::Result<T> {
        let len = self.get_all::<u64>(1)?[0];
        let len = usize::try_from(len).map_err(|_| self.damaged("a length beyond all memory"))?;
        let bytes = self.get_all::<u8>(len)?;
        postcard::from_bytes(&bytes).map_err(|error| self.damaged(&error.to_string()))
    }

    /// Reads `count` numbers that [`Packer::put_all`] wrote.
    ///
    /// # Errors
    /// When reading fails, or there are not as many.
    pub fn get_all<T: Plain>(&mut self, count: usize) -> io::Result<Vec<T>> {
        self.skip::<T>(count).and_then(|stored| read_all(&stored))
    }

    /// Where `count` numbers stand, to be read later by [`read_all`]; the next part follows them.
    ///
    /// # Errors
    /// When there are not as many.
    pub fn skip<T: Plain>(&mut self, count: usize) -> io::Result<Stored> {
        let len = (count as u64).checked_mul(T::BYTES as u64).ok_or_else(|| self.damaged("too many numbers"))?;
        let part = self.from.part(self.at, len)?;
        self.at += len;
        Ok(part)
    }

    /// What to say of bytes that make no sense.
    pub fn damaged(&self, what: &str) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, format!("{} is damaged: {what}", self.from.path().display()))
    }
}

/// Reads all numbers of a piece of a file.
///
/// # Errors
/// When reading fails.
pub fn read_all<T: Plain>(stored: &Stored) -> io::Result<Vec<T>> {
    let count = (stored.len() / T::BYTES as u64) as usize;
    let mut values = Vec::with_capacity(count);
    let mut reader = stored.reader();
    let mut piece = Vec::new();
    while values.len() < count {
        piece.resize((count - values.len()).min(PIECE / T::BYTES) * T::BYTES, 0);
        reader.read_exact(&mut piece)?;
        values.extend(piece.chunks_exact(T::BYTES).map(T::get));
    }
    Ok(values)
}

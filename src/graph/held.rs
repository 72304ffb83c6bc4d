//! Values that outlive the graph that made them.

use std::io;
use std::sync::Arc;

use super::{Codec, Digest, Op, Stored};

/// Values that declare less than this are not worth a file \[bytes\].
pub const SMALL: u64 = 1 << 16;

/// A value between graphs: computed by one, given to another.
pub struct Held<V> {
    place: Place<V>,
    /// Its size in memory \[bytes\].
    pub bytes: u64,
    /// What it was computed from; `None` where that is not known.
    pub digest: Option<Digest>,
}

/// Where a value stands.
pub enum Place<V> {
    /// In memory.
    Memory(Arc<V>),
    /// In a file, to be read by the codec of the operations that made it.
    File(Stored, Codec<V>),
}

impl<V> Held<V> {
    /// A value in memory of so many bytes, of which nothing more is known.
    pub fn new(value: Arc<V>, bytes: u64) -> Self {
        Self { place: Place::Memory(value), bytes, digest: None }
    }

    /// A value wherever it stands.
    pub fn at(place: Place<V>, bytes: u64, digest: Option<Digest>) -> Self {
        Self { place, bytes, digest }
    }

    /// Where it stands.
    pub fn place(&self) -> &Place<V> {
        &self.place
    }

    /// Where it stands, without the rest.
    pub(super) fn into_place(self) -> Place<V> {
        self.place
    }

    /// A value of less than [`SMALL`] bytes, which never leaves memory.
    ///
    /// # Panics
    /// If it is a larger one that stands in a file: ask [`Held::value`] for those.
    pub fn small(&self) -> &V {
        match &self.place {
            Place::Memory(value) => value,
            Place::File(stored, _) => panic!("{} bytes stand in {}", self.bytes, stored.path().display()),
        }
    }

    /// The value, read from its file if it stands in one.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn value(&self) -> io::Result<Arc<V>> {
        match &self.place {
            Place::Memory(value) => Ok(Arc::clone(value)),
            Place::File(stored, codec) => (codec.read)(stored).map(Arc::new),
        }
    }
}

impl<V> Clone for Held<V> {
    fn clone(&self) -> Self {
        Self { place: self.place.clone(), bytes: self.bytes, digest: self.digest }
    }
}

impl<V> Clone for Place<V> {
    fn clone(&self) -> Self {
        match self {
            Self::Memory(value) => Self::Memory(Arc::clone(value)),
            Self::File(stored, codec) => Self::File(stored.clone(), *codec),
        }
    }
}

/// What an operation's graph gives back.
pub type HeldBy<O> = Held<<O as Op>::Value>;

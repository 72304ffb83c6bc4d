//! Values that outlive the graph that made them.

use std::io;
use std::sync::{Arc, OnceLock};

use super::{Codec, Digest, Op, Stored};

/// Values that declare less than this are not worth a file \[bytes\].
pub const SMALL: u64 = 1 << 16;

/// A value between graphs: computed by one, given to another.
pub struct Held<V> {
    stand: Stand<V>,
    /// Its size in memory \[bytes\].
    pub bytes: u64,
    /// What it was computed from; `None` where that is not known.
    pub digest: Option<Digest>,
}

/// Whether a value is there.
enum Stand<V> {
    Here(Place<V>),
    /// Known by its digest, and found or computed once a graph needs it; clones share what was found.
    Promised(Arc<OnceLock<Place<V>>>),
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
        Self::at(Place::Memory(value), bytes, None)
    }

    /// A value wherever it stands.
    pub fn at(place: Place<V>, bytes: u64, digest: Option<Digest>) -> Self {
        Self { stand: Stand::Here(place), bytes, digest }
    }

    /// A value of which only the digest is known: [`super::Cached`] gives such, and fetches them when a graph needs them.
    pub(super) fn promised(bytes: u64, digest: Digest) -> Self {
        Self { stand: Stand::Promised(Arc::default()), bytes, digest: Some(digest) }
    }

    /// The same value under another digest.
    pub(super) fn with_digest(self, digest: Option<Digest>) -> Self {
        Self { digest, ..self }
    }

    /// Whether it is promised, and was not fetched yet.
    pub fn is_promised(&self) -> bool {
        matches!(&self.stand, Stand::Promised(place) if place.get().is_none())
    }

    /// Keeps a promise.
    pub(super) fn keep(&self, found: Place<V>) {
        if let Stand::Promised(place) = &self.stand {
            // whoever came first found the same value
            place.set(found).ok();
        }
    }

    /// Where it stands.
    ///
    /// # Panics
    /// If it is only promised: see [`Held::is_promised`].
    pub fn place(&self) -> &Place<V> {
        match &self.stand {
            Stand::Here(place) => place,
            Stand::Promised(place) => place.get().expect("a scheduler that promises a value fetches it before use"),
        }
    }

    /// Where it stands, without the rest.
    pub(super) fn into_place(self) -> Place<V> {
        match self.stand {
            Stand::Here(place) => place,
            Stand::Promised(_) => self.place().clone(),
        }
    }

    /// Whether it stands in a file.
    pub(super) fn is_in_file(&self) -> bool {
        !self.is_promised() && matches!(self.place(), Place::File(..))
    }

    /// Whether its memory is free once this is dropped: nobody else holds it.
    pub(super) fn is_alone_in_memory(&self) -> bool {
        matches!(&self.stand, Stand::Here(Place::Memory(value)) if Arc::strong_count(value) == 1)
    }

    /// A value of less than [`SMALL`] bytes, which never leaves memory.
    ///
    /// # Panics
    /// If it is a larger one that stands in a file, or is only promised: ask [`super::fetch`] for those.
    pub fn small(&self) -> &V {
        match self.place() {
            Place::Memory(value) => value,
            Place::File(stored, _) => panic!("{} bytes stand in {}", self.bytes, stored.path().display()),
        }
    }

    /// The value, read from its file if it stands in one.
    ///
    /// # Errors
    /// When the file cannot be read.
    ///
    /// # Panics
    /// If it is only promised: see [`Held::is_promised`].
    pub fn value(&self) -> io::Result<Arc<V>> {
        match self.place() {
            Place::Memory(value) => Ok(Arc::clone(value)),
            Place::File(stored, codec) => (codec.read)(stored).map(Arc::new),
        }
    }
}

impl<V> Clone for Held<V> {
    fn clone(&self) -> Self {
        Self { stand: self.stand.clone(), bytes: self.bytes, digest: self.digest }
    }
}

impl<V> Clone for Stand<V> {
    fn clone(&self) -> Self {
        match self {
            Self::Here(place) => Self::Here(place.clone()),
            Self::Promised(place) => Self::Promised(Arc::clone(place)),
        }
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

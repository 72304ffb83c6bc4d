//! Names of tasks.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

/// Names one task: the layer it belongs to, and its place in the layer.
///
/// Printed like `clean-3f2a(0, 3, 5)`; the layer up to the first `-` is what plots colour by. Keys of one layer share
/// its name, and up to four numbers stand in the key itself, so that a key is cheap to make, to copy and to look up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    layer: Arc<str>,
    index: SmallVec<[u32; 4]>,
}

impl Key {
    /// A key of the given layer, at the given place.
    pub fn new(layer: impl AsRef<str>, index: impl AsRef<[u32]>) -> Self {
        Self { layer: shared(layer.as_ref()), index: SmallVec::from_slice(index.as_ref()) }
    }

    /// The layer's name.
    pub fn layer(&self) -> &str {
        &self.layer
    }

    /// The place in the layer.
    pub fn index(&self) -> &[u32] {
        &self.index
    }

    /// A hash that is the same in every run; neighbours in a layer have neighbouring hashes.
    ///
    /// Graphs are built and walked along their layers, and so most look-ups find their slot in the processor's cache.
    pub(super) fn hashed(&self) -> u32 {
        let (last, before) = self.index.split_last().unwrap_or((&0, &[]));
        // The low half is the well-mixed one.
        let row = FxBuildHasher.hash_one((&self.layer, before, last / NEIGHBOURS)) as u32;
        row / NEIGHBOURS * NEIGHBOURS + row.wrapping_add(*last) % NEIGHBOURS
    }
}

/// So many keys of a layer have neighbouring hashes: their slots fill a line of the cache.
const NEIGHBOURS: u32 = 8;

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        let is_one_layer = Arc::ptr_eq(&self.layer, &other.layer);
        let layers = if is_one_layer { Ordering::Equal } else { self.layer.cmp(&other.layer) };
        layers.then_with(|| self.index.cmp(&other.index))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.layer)?;
        for (place, number) in self.index.iter().enumerate() {
            f.write_str(if place == 0 { "(" } else { ", " })?;
            write!(f, "{number}")?;
        }
        f.write_str(if self.index.is_empty() { "" } else { ")" })
    }
}

/// Names that a thread keeps at hand; graphs have few layers, and build them one after the other.
const NAMES: usize = 64;

/// The name of a layer, shared with the keys that this thread has made of it lately.
fn shared(name: &str) -> Arc<str> {
    thread_local! {
        static LATELY: RefCell<[Option<Arc<str>>; NAMES]> = const { RefCell::new([const { None }; NAMES]) };
    }
    LATELY.with_borrow_mut(|names| {
        let place = &mut names[FxBuildHasher.hash_one(name) as usize % NAMES];
        match place {
            Some(known) if **known == *name => Arc::clone(known),
            _ => Arc::clone(place.insert(name.into())),
        }
    })
}

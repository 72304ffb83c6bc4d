//! Names of tasks.

use std::fmt;
use std::sync::Arc;

/// Names one task: the layer it belongs to, and its place in the layer.
///
/// Printed like `clean-3f2a(0, 3, 5)`; the layer up to the first `-` is what plots colour by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    layer: Arc<str>,
    index: Box<[u32]>,
}

impl Key {
    /// A key of the given layer, at the given place.
    pub fn new(layer: impl Into<Arc<str>>, index: impl Into<Box<[u32]>>) -> Self {
        Self { layer: layer.into(), index: index.into() }
    }

    /// The layer's name.
    pub fn layer(&self) -> &str {
        &self.layer
    }

    /// The place in the layer.
    pub fn index(&self) -> &[u32] {
        &self.index
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

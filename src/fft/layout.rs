//! How a transform is cut into row slabs and column blocks.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// A transform of `ly` rows by `lx` columns, its half plane cut into blocks of columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// Rows of the transform.
    pub ly: usize,
    /// Columns of the transform.
    pub lx: usize,
    /// Columns of the half plane in one block; the last block may be narrower.
    pub block: usize,
}

impl Layout {
    /// Columns of the half plane.
    pub fn half(&self) -> usize {
        self.lx / 2 + 1
    }

    /// Number of column blocks.
    pub fn blocks(&self) -> usize {
        self.half().div_ceil(self.block)
    }

    /// Columns of block `index`.
    pub fn columns(&self, index: usize) -> Range<usize> {
        let first = index * self.block;
        first..(first + self.block).min(self.half())
    }

    /// Factor of the inverse transform: `1 / (ly * lx)`.
    pub fn scale(&self) -> f32 {
        (1.0 / (self.ly as f64 * self.lx as f64)) as f32
    }
}

/// Where pixel `(0, 0)` of a slab stands in the transform; positions wrap around.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Placement {
    /// Row of the slab's first row.
    pub y: isize,
    /// Column of the slab's first column.
    pub x: isize,
}

//! Rows of a plane.

use serde::{Deserialize, Serialize};

/// Rows `first .. last` of a plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows {
    /// First row.
    pub first: usize,
    /// Row after the last.
    pub last: usize,
}

impl Rows {
    /// Number of rows.
    pub fn len(self) -> usize {
        self.last - self.first
    }

    /// Whether there is no row.
    pub fn is_empty(self) -> bool {
        self.first == self.last
    }

    /// The rows as a range.
    pub fn range(self) -> std::ops::Range<usize> {
        self.first..self.last
    }

    /// Cuts `ny` rows into slabs of `height` rows; the last may be lower.
    pub fn cut(ny: usize, height: usize) -> Vec<Self> {
        (0..ny).step_by(height).map(|first| Self { first, last: (first + height).min(ny) }).collect()
    }
}

impl From<std::ops::Range<usize>> for Rows {
    fn from(rows: std::ops::Range<usize>) -> Self {
        Self { first: rows.start, last: rows.end }
    }
}

//! What the stages of a chunked transform hand on, in memory or in a file of which the next stage reads a part.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use rustfft::num_complex::Complex32;

use super::layout::Placement;

/// Complex numbers that stand in a file.
pub trait Elsewhere: Send + Sync {
    /// How many there are.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads some of them.
    ///
    /// # Errors
    /// When the file cannot be read.
    fn read(&self, range: Range<usize>) -> io::Result<Vec<Complex32>>;
}

/// Complex numbers, in memory or in a file.
#[derive(Clone)]
pub enum Numbers {
    /// In memory.
    Here(Vec<Complex32>),
    /// In a file, to be read in parts.
    There(Arc<dyn Elsewhere>),
}

impl Numbers {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Here(values) => values.len(),
            Self::There(file) => file.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Some of them, read if they stand in a file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn get(&self, range: Range<usize>) -> io::Result<Cow<'_, [Complex32]>> {
        match self {
            Self::Here(values) => Ok(Cow::Borrowed(&values[range])),
            Self::There(file) => file.read(range).map(Cow::Owned),
        }
    }

    fn bytes(&self) -> u64 {
        (self.len() * size_of::<Complex32>()) as u64
    }
}

impl From<Vec<Complex32>> for Numbers {
    fn from(values: Vec<Complex32>) -> Self {
        Self::Here(values)
    }
}

impl fmt::Debug for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if let Self::Here(_) = self { "in memory" } else { "in a file" };
        write!(f, "{} complex numbers {place}", self.len())
    }
}

/// Row transforms of a slab, grouped by column block: block `j` is a contiguous `(rows, width)` piece.
#[derive(Debug, Clone)]
pub struct SlabSpectrum {
    placement: Placement,
    rows: usize,
    values: Numbers,
}

impl SlabSpectrum {
    /// A spectrum of so many rows, placed there, with its values block after block.
    pub fn from_parts(placement: Placement, rows: usize, values: Numbers) -> Self {
        Self { placement, rows, values }
    }

    /// Where it stands in the transform.
    pub fn placement(&self) -> Placement {
        self.placement
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Its values, block after block.
    pub fn values(&self) -> &Numbers {
        &self.values
    }

    /// Size in memory \[bytes\], were it all there.
    pub fn bytes(&self) -> u64 {
        self.values.bytes()
    }

    /// The columns of one block, row by row.
    pub(super) fn piece(&self, columns: &Range<usize>) -> io::Result<Cow<'_, [Complex32]>> {
        self.values.get(self.rows * columns.start..self.rows * columns.end)
    }
}

/// The PSF's transform on one block of columns: column after column, each `ly` long.
#[derive(Debug, Clone)]
pub struct Transfer {
    first: usize,
    ly: usize,
    values: Vec<Complex32>,
}

impl Transfer {
    /// A block from column `first` on, of columns that are `ly` long.
    pub fn from_parts(first: usize, ly: usize, values: Vec<Complex32>) -> Self {
        Self { first, ly, values }
    }

    /// What it is made of: its first column, the length of a column, and the values.
    pub fn parts(&self) -> (usize, usize, &[Complex32]) {
        (self.first, self.ly, &self.values)
    }

    /// Size in memory \[bytes\].
    pub fn bytes(&self) -> u64 {
        size_of_val(&self.values[..]) as u64
    }

    /// How many columns there are.
    pub fn width(&self) -> usize {
        self.values.len() / self.ly
    }

    /// Column `kx` of the half plane, `ly` long.
    ///
    /// # Panics
    /// If the block does not hold the column.
    pub fn column(&self, kx: usize) -> &[Complex32] {
        let at = (kx - self.first) * self.ly;
        &self.values[at..at + self.ly]
    }
}

/// Rows `0 .. ny` of one block of columns after the inverse column transform, row by row.
#[derive(Debug, Clone)]
pub struct BlockRows {
    width: usize,
    values: Numbers,
}

impl BlockRows {
    /// Rows of so many columns, with their values row by row.
    pub fn from_parts(width: usize, values: Numbers) -> Self {
        Self { width, values }
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Its values, row by row.
    pub fn values(&self) -> &Numbers {
        &self.values
    }

    /// Size in memory \[bytes\], were it all there.
    pub fn bytes(&self) -> u64 {
        self.values.bytes()
    }

    /// Some rows.
    pub(super) fn rows(&self, rows: &Range<usize>) -> io::Result<Cow<'_, [Complex32]>> {
        self.values.get(rows.start * self.width..rows.end * self.width)
    }
}

//! Size and cell of a plane.

use serde::{Deserialize, Serialize};

/// Signed size of a pixel \[deg\]: `dx` is CDELT1 (negative where east is left), `dy` is CDELT2.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Step along FITS axis 1 \[deg\].
    pub dx: f64,
    /// Step along FITS axis 2 \[deg\].
    pub dy: f64,
}

/// Shape `(ny, nx)` of a plane, and its cell where the header tells it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Geometry {
    /// Rows (FITS axis 2).
    pub ny: usize,
    /// Columns (FITS axis 1).
    pub nx: usize,
    /// Size of a pixel, if known.
    pub cell: Option<Cell>,
}

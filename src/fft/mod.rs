//! Real 2-D Fourier transforms: whole planes, and planes in row slabs and column blocks.
//!
//! The forward transform is not normalised, the inverse divides by the number of pixels. A half plane holds the
//! columns `kx = 0 ..= lx/2`; every sum over a spectrum weighs columns with [`column_weight`].

mod columns;
mod layout;
mod mix;
mod real2d;
mod rows;
mod shrink;
mod sizes;
mod stages;
mod sum;
mod values;

pub use columns::strip_bytes;
pub use layout::{Layout, Placement};
pub use mix::{mix_columns, see_columns};
pub use real2d::Real2d;
pub use rows::{forward_rows, inverse_rows};
pub use shrink::{low_product, low_transfer, shrink_columns};
pub use sizes::{good_size, linear_size};
pub use stages::{Columns, column_transfer, make_columns, map_columns, visit_columns};
pub use sum::{Term, sum_columns};
pub use values::{BlockRows, Elsewhere, Numbers, SlabSpectrum, Transfer};

/// How often column `kx` of a half plane of row length `lx` stands in the full plane: 1 or 2.
pub fn column_weight(kx: usize, lx: usize) -> f64 {
    if kx == 0 || 2 * kx == lx { 1.0 } else { 2.0 }
}

#[cfg(test)]
mod tests;

//! The column stages of a chunked transform.
//!
//! A slab's spectrum is grouped by column block, so that a block reads one contiguous piece of each slab. Each column is
//! transformed by itself, so the result does not depend on how the plane was cut.

use std::io;
use std::ops::Range;

use rustfft::num_complex::Complex32;

use super::columns::{Piece, STRIP, Strips, pieces, with_strips};
use super::layout::Layout;
use super::values::{BlockRows, SlabSpectrum, Transfer};

/// One column of each set of slabs, transformed: number `kx` of the half plane, `ly` values per set.
pub struct Columns<'a> {
    /// Column of the half plane.
    pub kx: usize,
    /// The column of the first set; what stands here afterwards is transformed back by [`map_columns`].
    pub first: &'a mut [Complex32],
    /// The column of the second set, where there is one.
    pub second: &'a [Complex32],
}

/// Transforms the first columns of a block (`at`: which, and how many) of one or two sets of slabs, strip by strip; `work` gets each strip's
/// first column in the block, the columns in it, the plans, and the columns of both sets.
fn for_strips(
    sets: [&[&SlabSpectrum]; 2],
    layout: &Layout,
    at: (usize, usize),
    work: impl FnMut(Range<usize>, &mut Strips, [&mut [Complex32]; 2]),
) -> io::Result<()> {
    let columns = layout.columns(at.0);
    let sets = [pieces(sets[0], &columns)?, pieces(sets[1], &columns)?];
    strip_by_strip(&sets, layout.ly, (columns.len(), at.1), work);
    Ok(())
}

/// The same for pieces of slabs, `widths.0` columns wide each, of which the first `widths.1` count.
fn strip_by_strip(
    sets: &[Vec<Piece<'_>>; 2],
    ly: usize,
    (width, count): (usize, usize),
    mut work: impl FnMut(Range<usize>, &mut Strips, [&mut [Complex32]; 2]),
) {
    let used = sets.iter().filter(|set| !set.is_empty()).count();
    with_strips(ly, used, |strips, columns| {
        for first in (0..count).step_by(STRIP) {
            let strip = first..(first + STRIP).min(count);
            for (set, columns) in sets.iter().zip(columns.chunks_exact_mut(strips.length())) {
                strips.forward(set, width, &strip, (columns, strips.stride()));
            }
            let (one, two) = columns.split_at_mut(strips.length());
            work(strip, strips, [one, two]);
        }
    });
}

/// Shows `visit` the first columns of a block, transformed: `at` is the block and how many of its columns, `slabs` the
/// pieces of that block.
pub(super) fn low_columns(
    slabs: Vec<Piece<'_>>,
    layout: &Layout,
    at: (usize, usize),
    mut visit: impl FnMut(usize, &[Complex32]),
) {
    let (index, count) = at;
    let columns = layout.columns(index);
    strip_by_strip(&[slabs, Vec::new()], layout.ly, (columns.len(), count), |strip, strips, [one, _]| {
        for (c, column) in one.chunks_exact(strips.stride()).take(strip.len()).enumerate() {
            debug_assert!(strip.start + c < count);
            visit(columns.start + strip.start + c, &column[..layout.ly]);
        }
    });
}

/// Shows `visit` every column of block `index` of one or two sets of slabs (the second may be empty).
///
/// # Errors
/// When a slab stands in a file that cannot be read.
pub fn visit_columns(
    sets: [&[&SlabSpectrum]; 2],
    layout: &Layout,
    index: usize,
    mut visit: impl FnMut(Columns<'_>),
) -> io::Result<()> {
    let Range { start, end } = layout.columns(index);
    for_strips(sets, layout, (index, end - start), |strip, strips, [one, two]| {
        let stride = strips.stride();
        for (c, first) in one.chunks_exact_mut(stride).take(strip.len()).enumerate() {
            let second = two.get(c * stride..c * stride + layout.ly).unwrap_or_default();
            visit(Columns { kx: start + strip.start + c, first: &mut first[..layout.ly], second });
        }
    })
}

/// Changes every column of block `index` by `work` and transforms it back: rows `0 .. ny` of the block, not scaled.
///
/// # Errors
/// When a slab stands in a file that cannot be read.
pub fn map_columns(
    sets: [&[&SlabSpectrum]; 2],
    layout: &Layout,
    index: usize,
    ny: usize,
    mut work: impl FnMut(Columns<'_>),
) -> io::Result<BlockRows> {
    let columns = layout.columns(index);
    let width = columns.len();
    let mut values = vec![Complex32::default(); ny * width];
    for_strips(sets, layout, (index, width), |strip, strips, [one, two]| {
        let stride = strips.stride();
        for (c, first) in one.chunks_exact_mut(stride).take(strip.len()).enumerate() {
            let second = two.get(c * stride..c * stride + layout.ly).unwrap_or_default();
            let column = &mut first[..layout.ly];
            work(Columns { kx: columns.start + strip.start + c, first: column, second });
        }
        strips.inverse(one, &strip, (ny, 0), (&mut values, width));
    })?;
    Ok(BlockRows::from_parts(width, values.into()))
}

/// Transforms columns that `fill` makes back: of block `index` the first `rows.0` rows, then the last `rows.1`, not scaled.
///
/// # Panics
/// If there are not so many rows.
pub fn make_columns(
    layout: &Layout,
    index: usize,
    rows: (usize, usize),
    mut fill: impl FnMut(usize, &mut [Complex32]),
) -> BlockRows {
    let columns = layout.columns(index);
    let width = columns.len();
    let mut values = vec![Complex32::default(); (rows.0 + rows.1) * width];
    with_strips(layout.ly, 1, |strips, buffer| {
        for first in (0..width).step_by(STRIP) {
            let strip = first..(first + STRIP).min(width);
            for (kx, column) in strip.clone().zip(buffer.chunks_exact_mut(strips.stride())) {
                fill(columns.start + kx, &mut column[..layout.ly]);
            }
            strips.inverse(buffer, &strip, rows, (&mut values, width));
        }
    });
    BlockRows::from_parts(width, values.into())
}

/// The transfer function on block `index`, from the row transforms of the PSF's slabs.
///
/// # Errors
/// When a slab stands in a file that cannot be read.
pub fn column_transfer(slabs: &[&SlabSpectrum], layout: &Layout, index: usize) -> io::Result<Transfer> {
    let (columns, ly) = (layout.columns(index), layout.ly);
    let (pieces, width) = (pieces(slabs, &columns)?, columns.len());
    let mut values = vec![Complex32::default(); width * ly];
    with_strips(ly, 0, |strips, _| {
        for (number, upright) in values.chunks_mut(STRIP * ly).enumerate() {
            let first = number * STRIP;
            strips.forward(&pieces, width, &(first..(first + STRIP).min(width)), (upright, ly));
        }
    });
    Ok(Transfer::from_parts(columns.start, layout.ly, values))
}

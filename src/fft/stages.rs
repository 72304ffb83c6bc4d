//! The stages of a chunked transform: rows of a slab, columns of a block, rows back.
//!
//! A slab's spectrum is grouped by column block, so that a block reads one contiguous piece of each slab. Each row
//! and each column is transformed by itself, so the result does not depend on how the plane was cut.

use std::cell::RefCell;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use ndarray::{Array2, ArrayView2};
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use rustfft::num_complex::Complex32;

use super::columns::{Piece, STRIP, Strips, pieces, with_strips};
use super::layout::{Layout, Placement};
use super::real2d::make_ends_real;
use super::values::{BlockRows, SlabSpectrum, Transfer};

thread_local! {
    /// A worker's plans of rows.
    static PLANS: RefCell<RealFftPlanner<f32>> = RefCell::new(RealFftPlanner::new());
}

fn rows_forward(lx: usize) -> Arc<dyn RealToComplex<f32>> {
    PLANS.with_borrow_mut(|plans| plans.plan_fft_forward(lx))
}

fn rows_inverse(lx: usize) -> Arc<dyn ComplexToReal<f32>> {
    PLANS.with_borrow_mut(|plans| plans.plan_fft_inverse(lx))
}

/// Transforms the rows of a slab of shape `(rows, columns)`, placed in rows of length `lx`.
///
/// # Panics
/// Never: the plan makes the buffers that it is given.
pub fn forward_rows(slab: ArrayView2<'_, f32>, layout: &Layout, placement: Placement) -> SlabSpectrum {
    let rows = slab.nrows();
    let plan = rows_forward(layout.lx);
    let mut values = vec![Complex32::default(); rows * layout.half()];
    let mut input = plan.make_input_vec();
    let mut output = plan.make_output_vec();
    let mut scratch = plan.make_scratch_vec();
    let start = placement.x.rem_euclid(layout.lx as isize) as usize;
    let slab = slab.as_standard_layout();
    for (y, row) in slab.rows().into_iter().enumerate() {
        let row = row.to_slice().expect("the slab is in row order");
        if row.iter().all(|value| *value == 0.0) {
            continue;
        }
        place(row, start, &mut input);
        plan.process_with_scratch(&mut input, &mut output, &mut scratch).expect("buffers are made by the plan");
        for block in 0..layout.blocks() {
            let columns = layout.columns(block);
            let at = rows * columns.start + y * columns.len();
            values[at..at + columns.len()].copy_from_slice(&output[columns]);
        }
    }
    SlabSpectrum::from_parts(placement, rows, values.into())
}

/// Puts a row into a longer one of zeros, its first pixel at `start`; what passes the end goes on at the beginning, and
/// adds up where it laps itself (a PSF wider than a circular plane).
fn place(row: &[f32], start: usize, to: &mut [f32]) {
    if start == 0 && row.len() == to.len() {
        to.copy_from_slice(row);
        return;
    }
    to.fill(0.0);
    let (mut rest, mut first) = (row, start);
    while !rest.is_empty() {
        let (run, after) = rest.split_at(rest.len().min(to.len() - first));
        to[first..].iter_mut().zip(run).for_each(|(to, value)| *to += *value);
        (rest, first) = (after, 0);
    }
}

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
                strips.forward(set, width, &strip, columns);
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
    let columns = layout.columns(index);
    let mut values = Vec::with_capacity(columns.len() * layout.ly);
    visit_columns([slabs, &[]], layout, index, |column| values.extend_from_slice(column.first))?;
    Ok(Transfer::from_parts(columns.start, layout.ly, values))
}

/// Transforms rows `rows` back from all blocks, in their order, and keeps the first `nx` columns, scaled. Where the blocks do
/// not hold the whole half plane of `layout`, what they leave out is 0.
///
/// # Errors
/// When a block stands in a file that cannot be read.
///
/// # Panics
/// If the blocks hold more than the half plane.
pub fn inverse_rows(blocks: &[&BlockRows], layout: &Layout, rows: Range<usize>, nx: usize) -> io::Result<Array2<f32>> {
    let plan = rows_inverse(layout.lx);
    let mut input = plan.make_input_vec();
    let mut output = plan.make_output_vec();
    let mut scratch = plan.make_scratch_vec();
    let scale = layout.scale();
    let pieces: Vec<_> =
        blocks.iter().map(|block| Ok((block.width(), block.rows(&rows)?))).collect::<io::Result<_>>()?;
    let mut slab = Array2::zeros((rows.len(), nx));
    for (y, mut row) in slab.rows_mut().into_iter().enumerate() {
        let mut at = 0;
        for (width, cells) in &pieces {
            input[at..at + width].copy_from_slice(&cells[y * width..(y + 1) * width]);
            at += width;
        }
        input[at..].fill(Complex32::default());
        make_ends_real(&mut input, layout.lx);
        plan.process_with_scratch(&mut input, &mut output, &mut scratch)
            .expect("buffers are made by the plan, and the ends are real");
        row.iter_mut().zip(&output).for_each(|(to, from)| *to = *from * scale);
    }
    Ok(slab)
}

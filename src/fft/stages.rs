//! The stages of a chunked transform: rows of a slab, columns of a block, rows back.
//!
//! A slab's spectrum is grouped by column block, so that a block reads one contiguous piece of each slab. Each row
//! and each column is transformed by itself, so the result does not depend on how the plane was cut.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use ndarray::{Array2, ArrayView2};
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use rustfft::num_complex::Complex32;
use rustfft::{Fft, FftPlanner};

use super::layout::{Layout, Placement};
use super::real2d::make_ends_real;
use super::values::{BlockRows, SlabSpectrum, Transfer};

/// Columns that are transformed together: sixteen share the cache lines of a row.
pub(super) const STRIP: usize = 16;
/// Columns of a strip lie an odd number of cache lines apart, so that they do not share cache sets.
pub(super) const STRIP_PADDING: usize = 8;
/// Complex numbers in a cache line.
const LINE: usize = 8;

struct Plans {
    real: RealFftPlanner<f32>,
    complex: FftPlanner<f32>,
    buffers: HashMap<usize, Vec<Complex32>>,
}

thread_local! {
    /// A worker's plans and its strip of columns: planning and touching fresh pages cost more than the transform.
    static PLANS: RefCell<Plans> =
        RefCell::new(Plans { real: RealFftPlanner::new(), complex: FftPlanner::new(), buffers: HashMap::new() });
}

fn rows_forward(lx: usize) -> Arc<dyn RealToComplex<f32>> {
    PLANS.with_borrow_mut(|plans| plans.real.plan_fft_forward(lx))
}

fn rows_inverse(lx: usize) -> Arc<dyn ComplexToReal<f32>> {
    PLANS.with_borrow_mut(|plans| plans.real.plan_fft_inverse(lx))
}

pub(super) fn columns_plans(ly: usize) -> (Arc<dyn Fft<f32>>, Arc<dyn Fft<f32>>) {
    PLANS.with_borrow_mut(|plans| (plans.complex.plan_fft_forward(ly), plans.complex.plan_fft_inverse(ly)))
}

pub(super) fn with_strip<R>(length: usize, work: impl FnOnce(&mut [Complex32]) -> R) -> R {
    let mut strip = PLANS.with_borrow_mut(|plans| plans.buffers.remove(&length)).unwrap_or_default();
    strip.resize(length, Complex32::default());
    let result = work(&mut strip);
    PLANS.with_borrow_mut(|plans| plans.buffers.insert(length, strip));
    result
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

/// What one column block needs of a slab.
pub(super) struct Piece<'a> {
    placement: Placement,
    rows: usize,
    cells: Cow<'a, [Complex32]>,
}

impl Piece<'_> {
    /// What a block needs of a slab that is gone afterwards.
    pub(super) fn owned(slab: &SlabSpectrum, columns: &Range<usize>) -> io::Result<Piece<'static>> {
        let cells = Cow::Owned(slab.piece(columns)?.into_owned());
        Ok(Piece { placement: slab.placement(), rows: slab.rows(), cells })
    }
}

/// The pieces of a block's columns, read from their files where they stand there.
pub(super) fn pieces<'a>(slabs: &[&'a SlabSpectrum], columns: &Range<usize>) -> io::Result<Vec<Piece<'a>>> {
    let piece = |slab: &&'a SlabSpectrum| {
        Ok(Piece { placement: slab.placement(), rows: slab.rows(), cells: slab.piece(columns)? })
    };
    slabs.iter().map(piece).collect()
}

/// Gathers columns `strip` of the slabs' pieces into `to`, a column every `stride`; rows that meet add up, of which there
/// are two at the most, so that the cut does not change the sum.
pub(super) fn gather(slabs: &[Piece<'_>], width: usize, strip: &Range<usize>, to: &mut [Complex32], ly: usize) {
    let covered: usize = slabs.iter().map(|slab| slab.rows).sum();
    if covered != ly {
        to.fill(Complex32::default());
    }
    for slab in slabs {
        let start = slab.placement.y.rem_euclid(ly as isize) as usize;
        let mut cells = &slab.cells[..];
        let mut y = start;
        while !cells.is_empty() {
            let (run, rest) = cells.split_at(cells.len().min((ly - y) * width));
            if covered > ly {
                turn(run, width, strip, (to, y), |to, value| *to += value);
            } else {
                turn(run, width, strip, (to, y), |to, value| *to = value);
            }
            (cells, y) = (rest, 0);
        }
    }
}

/// Puts columns `strip` of rows of `width` cells upright, from row `y` of columns that stand `ly + STRIP_PADDING` apart.
///
/// Eight rows at a time: a column then gets a whole cache line at once (half the time of cell after cell).
fn turn(
    cells: &[Complex32],
    width: usize,
    strip: &Range<usize>,
    (to, y): (&mut [Complex32], usize),
    put: impl Fn(&mut Complex32, Complex32),
) {
    let stride = to.len() / STRIP;
    for (eight, rows) in cells.chunks(LINE * width).enumerate() {
        let first = y + LINE * eight;
        let height = rows.len() / width;
        for (c, column) in strip.clone().zip(to.chunks_exact_mut(stride)) {
            let column = &mut column[first..first + height];
            column.iter_mut().zip(rows[c..].iter().step_by(width)).for_each(|(to, value)| put(to, *value));
        }
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
/// first column in the block, the columns in it, and the buffers (a column every `stride`) of both sets.
fn for_strips(
    sets: [&[&SlabSpectrum]; 2],
    layout: &Layout,
    at: (usize, usize),
    work: impl FnMut(Range<usize>, &mut [Complex32], &mut [Complex32]),
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
    widths: (usize, usize),
    mut work: impl FnMut(Range<usize>, &mut [Complex32], &mut [Complex32]),
) {
    let (width, count) = widths;
    let stride = ly + STRIP_PADDING;
    let (forward, _) = columns_plans(ly);
    let mut scratch = vec![Complex32::default(); forward.get_inplace_scratch_len()];
    let used = sets.iter().filter(|set| !set.is_empty()).count();
    with_strip(used * STRIP * stride, |buffer| {
        for first in (0..count).step_by(STRIP) {
            let strip = first..(first + STRIP).min(count);
            for (set, values) in sets.iter().zip(buffer.chunks_exact_mut(STRIP * stride)) {
                gather(set, width, &strip, values, ly);
                for column in values.chunks_exact_mut(stride).take(strip.len()) {
                    forward.process_with_scratch(&mut column[..ly], &mut scratch);
                }
            }
            let (one, two) = buffer.split_at_mut(STRIP * stride);
            work(strip, one, two);
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
    let ((index, count), stride) = (at, layout.ly + STRIP_PADDING);
    let columns = layout.columns(index);
    strip_by_strip(&[slabs, Vec::new()], layout.ly, (columns.len(), count), |strip, one, _| {
        for (c, column) in one.chunks_exact(stride).take(strip.len()).enumerate() {
            debug_assert!(strip.start + c < count);
            visit(columns.start + strip.start + c, &column[..layout.ly]);
        }
    });
}

/// Puts columns of equal length into their places in a block's rows, the first of them at column `first`.
pub(super) fn scatter_all(columns: &[Vec<Complex32>], first: usize, rows: &mut [Complex32], width: usize) {
    for (y, row) in rows.chunks_exact_mut(width).enumerate() {
        row[first..].iter_mut().zip(columns).for_each(|(to, column)| *to = column[y]);
    }
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
    let stride = layout.ly + STRIP_PADDING;
    let Range { start, end } = layout.columns(index);
    for_strips(sets, layout, (index, end - start), |strip, one, two| {
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
    let stride = layout.ly + STRIP_PADDING;
    let columns = layout.columns(index);
    let width = columns.len();
    let (_, inverse) = columns_plans(layout.ly);
    let mut scratch = vec![Complex32::default(); inverse.get_inplace_scratch_len()];
    let mut values = vec![Complex32::default(); ny * width];
    for_strips(sets, layout, (index, width), |strip, one, two| {
        for (c, first) in one.chunks_exact_mut(stride).take(strip.len()).enumerate() {
            let second = two.get(c * stride..c * stride + layout.ly).unwrap_or_default();
            let column = &mut first[..layout.ly];
            work(Columns { kx: columns.start + strip.start + c, first: column, second });
            inverse.process_with_scratch(column, &mut scratch);
        }
        scatter(one, &strip, stride, &mut values, width);
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
    let stride = layout.ly + STRIP_PADDING;
    let columns = layout.columns(index);
    let width = columns.len();
    let (_, inverse) = columns_plans(layout.ly);
    let mut scratch = vec![Complex32::default(); inverse.get_inplace_scratch_len()];
    let mut values = vec![Complex32::default(); (rows.0 + rows.1) * width];
    with_strip(STRIP * stride, |buffer| {
        for first in (0..width).step_by(STRIP) {
            let strip = first..(first + STRIP).min(width);
            for (kx, column) in strip.clone().zip(buffer.chunks_exact_mut(stride)) {
                let column = &mut column[..layout.ly];
                fill(columns.start + kx, column);
                inverse.process_with_scratch(column, &mut scratch);
                column.copy_within(layout.ly - rows.1.., rows.0);
            }
            scatter(buffer, &strip, stride, &mut values, width);
        }
    });
    BlockRows::from_parts(width, values.into())
}

/// Puts the columns of a strip into their places in a block's rows, eight rows at a time.
pub(super) fn scatter(
    strip: &[Complex32],
    columns: &Range<usize>,
    stride: usize,
    rows: &mut [Complex32],
    width: usize,
) {
    for (eight, rows) in rows.chunks_mut(LINE * width).enumerate() {
        let first = LINE * eight;
        let height = rows.len() / width;
        for (c, column) in columns.clone().zip(strip.chunks_exact(stride)) {
            let column = &column[first..first + height];
            rows[c..].iter_mut().step_by(width).zip(column).for_each(|(to, value)| *to = *value);
        }
    }
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

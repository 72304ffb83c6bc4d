//! Rows of a slab: transformed and cut into the pieces of column blocks, and back.
//!
//! Each row is transformed by itself, so the result does not depend on how the plane was cut.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use ndarray::{Array2, ArrayView2, ArrayViewMut2, s};
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use rustfft::num_complex::Complex32;

use super::layout::{Layout, Placement};
use super::real2d::make_ends_real;
use super::values::{BlockRows, SlabSpectrum};
use crate::kernels::lanes::{LANES, LaneRealFft, as_pairs, as_pairs_mut};

/// What transforms the rows of one length.
struct RowPlan {
    /// Sixteen at once, where the machine can.
    lanes: Option<LaneRealFft>,
    /// One by one.
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    /// Rows of numbers that must be put together first.
    numbers: Vec<f32>,
}

thread_local! {
    /// A worker's plans: planning costs more than the transform.
    static PLANS: RefCell<HashMap<usize, RowPlan>> = RefCell::new(HashMap::new());
}

impl RowPlan {
    fn new(lx: usize) -> Self {
        let mut planner = RealFftPlanner::new();
        let (forward, inverse) = (planner.plan_fft_forward(lx), planner.plan_fft_inverse(lx));
        Self { lanes: LaneRealFft::new(lx), forward, inverse, numbers: Vec::new() }
    }
}

/// Hands `work` the plan of rows of `lx` numbers.
fn with_plan<R>(lx: usize, work: impl FnOnce(&mut RowPlan) -> R) -> R {
    let mut plan = PLANS.with_borrow_mut(|all| all.remove(&lx)).unwrap_or_else(|| RowPlan::new(lx));
    let result = work(&mut plan);
    PLANS.with_borrow_mut(|all| all.insert(lx, plan));
    result
}

/// Transforms the rows of a slab of shape `(rows, columns)`, placed in rows of length `lx`.
///
/// # Panics
/// Never: the plan makes the buffers that it is given.
pub fn forward_rows(slab: ArrayView2<'_, f32>, layout: &Layout, placement: Placement) -> SlabSpectrum {
    let rows = slab.nrows();
    let mut values = vec![Complex32::default(); rows * layout.half()];
    let start = placement.x.rem_euclid(layout.lx as isize) as usize;
    let slab = slab.as_standard_layout();
    with_plan(layout.lx, |plan| plan.forward(slab.view(), start, layout, &mut values));
    SlabSpectrum::from_parts(placement, rows, values.into())
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
    let pieces: Vec<(usize, _)> =
        blocks.iter().map(|block| Ok((block.width(), block.rows(&rows)?))).collect::<io::Result<_>>()?;
    let pieces: Vec<(usize, &[Complex32])> = pieces.iter().map(|(width, cells)| (*width, &cells[..])).collect();
    let mut slab = Array2::zeros((rows.len(), nx));
    with_plan(layout.lx, |plan| plan.inverse(&pieces, layout, slab.view_mut()));
    Ok(slab)
}

impl RowPlan {
    /// Rows of a slab, the first pixel of each at `start`; each row's transform is cut into pieces of the blocks. Rows of
    /// zeros are left as they are.
    fn forward(&mut self, slab: ArrayView2<'_, f32>, start: usize, layout: &Layout, values: &mut [Complex32]) {
        let (rows, lx) = (slab.nrows(), layout.lx);
        let row = |y: usize| slab.slice_move(s![y, ..]).to_slice().expect("the slab is in row order");
        let is_zero = |y: usize| row(y).iter().all(|value| *value == 0.0);
        let pieces = (0..layout.blocks()).map(|block| layout.columns(block));
        let Some(lanes) = &mut self.lanes else {
            let plan = &self.forward;
            let (mut input, mut output) = (plan.make_input_vec(), plan.make_output_vec());
            let mut scratch = plan.make_scratch_vec();
            for y in (0..rows).filter(|y| !is_zero(*y)) {
                place(row(y), start, &mut input);
                plan.process_with_scratch(&mut input, &mut output, &mut scratch).expect("buffers are made by the plan");
                for columns in pieces.clone() {
                    let at = rows * columns.start + y * columns.len();
                    values[at..at + columns.len()].copy_from_slice(&output[columns]);
                }
            }
            return;
        };
        for first in (0..rows).step_by(LANES) {
            let these = first..(first + LANES).min(rows);
            let kept = these.clone().filter(|y| !is_zero(*y)).fold(0_u16, |kept, y| kept | 1 << (y - first));
            if kept == 0 {
                continue;
            }
            if start == 0 && slab.ncols() == lx {
                let cells = slab.to_slice().expect("the slab is in row order");
                lanes.forward(as_pairs(&cells[first * lx..]), lx / 2, these.len());
            } else {
                self.numbers.resize(LANES * lx, 0.0);
                let numbers = self.numbers.chunks_exact_mut(lx);
                these.clone().zip(numbers).for_each(|(y, to)| place(row(y), start, to));
                lanes.forward(as_pairs(&self.numbers), lx / 2, these.len());
            }
            for columns in pieces.clone() {
                let at = rows * columns.start + first * columns.len();
                lanes.put(columns.clone(), &mut values[at..], kept);
            }
        }
    }

    /// Rows from the pieces of the blocks, each with its width, in their order.
    fn inverse(&mut self, pieces: &[(usize, &[Complex32])], layout: &Layout, mut slab: ArrayViewMut2<'_, f32>) {
        let (rows, nx) = slab.dim();
        let scale = layout.scale();
        let Some(lanes) = &mut self.lanes else {
            let plan = &self.inverse;
            let (mut input, mut output) = (plan.make_input_vec(), plan.make_output_vec());
            let mut scratch = plan.make_scratch_vec();
            for (y, mut row) in slab.rows_mut().into_iter().enumerate() {
                let mut at = 0;
                for (width, cells) in pieces {
                    input[at..at + width].copy_from_slice(&cells[y * width..(y + 1) * width]);
                    at += width;
                }
                input[at..].fill(Complex32::default());
                make_ends_real(&mut input, layout.lx);
                plan.process_with_scratch(&mut input, &mut output, &mut scratch)
                    .expect("buffers are made by the plan, and the ends are real");
                row.iter_mut().zip(&output).for_each(|(to, from)| *to = *from * scale);
            }
            return;
        };
        let pairs = nx.div_ceil(2);
        for first in (0..rows).step_by(LANES) {
            let count = LANES.min(rows - first);
            let mut at = 0;
            for (width, cells) in pieces {
                lanes.take(at..at + width, &cells[first * width..], count);
                at += width;
            }
            lanes.clear_from(at);
            if nx.is_multiple_of(2) {
                let cells = slab.as_slice_mut().expect("the slab is in row order");
                lanes.inverse(scale, as_pairs_mut(&mut cells[first * nx..]), pairs, count);
            } else {
                self.numbers.resize(LANES * 2 * pairs, 0.0);
                lanes.inverse(scale, as_pairs_mut(&mut self.numbers), pairs, count);
                for (mut row, numbers) in
                    slab.rows_mut().into_iter().skip(first).zip(self.numbers.chunks_exact(2 * pairs))
                {
                    row.iter_mut().zip(numbers).for_each(|(to, from)| *to = *from);
                }
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_at_once_are_the_rows_one_by_one() {
        let (layout, rows) = (Layout { ly: 1, lx: 60, block: 9 }, 21);
        for (columns, start, nx) in [(60, 0, 60), (41, 0, 41), (40, 37, 59)] {
            let value = |(y, x): (usize, usize)| if y == 4 { 0.0 } else { ((x * x + 7 * y + x) % 17) as f32 - 8.0 };
            let slab = Array2::from_shape_fn((rows, columns), value);
            let mut plain = RowPlan { lanes: None, ..RowPlan::new(layout.lx) };
            let both = [&mut RowPlan::new(layout.lx), &mut plain].map(|plan| {
                let mut values = vec![Complex32::default(); rows * layout.half()];
                plan.forward(slab.view(), start, &layout, &mut values);
                let piece = |block| {
                    let columns: Range<usize> = layout.columns(block);
                    (columns.len(), &values[rows * columns.start..rows * columns.end])
                };
                let mut back = Array2::zeros((rows, nx));
                // the last block is left out
                let pieces: Vec<_> = (0..layout.blocks() - 1).map(piece).collect();
                plan.inverse(&pieces, &layout, back.view_mut());
                (values, back)
            });
            assert!(both[0].0.iter().any(|z| z.norm() > 50.0) && both[0].1.iter().any(|value| value.abs() > 4.0));
            assert!(both[0].0.iter().zip(&both[1].0).all(|(a, b)| (a - b).norm() < 2e-4));
            assert!(both[0].1.iter().zip(&both[1].1).all(|(a, b)| (a - b).abs() < 1e-4));
        }
    }
}

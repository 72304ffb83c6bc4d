//! Columns of a block, sixteen at a time: taken from slabs and transformed, transformed back and put into rows.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use rustfft::num_complex::Complex32;
use rustfft::{Fft, FftPlanner};

use super::layout::Placement;
use super::values::SlabSpectrum;
use crate::kernels::lanes::{Cells, LANES, LaneFft};

/// Columns that are transformed together: sixteen share the cache lines of a row.
pub(super) const STRIP: usize = LANES;
/// Columns of a strip lie an odd number of cache lines apart, so that they do not share cache sets.
const STRIP_PADDING: usize = 8;
/// Complex numbers in a cache line.
const LINE: usize = 8;

/// Buffers of a worker that transforms columns of `ly` rows of so many images together \[bytes\].
pub fn strip_bytes(ly: usize, images: usize) -> u64 {
    ((images + 2) * STRIP * (ly + STRIP_PADDING) * size_of::<Complex32>()) as u64
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

/// What transforms the columns of one length.
pub(super) struct Strips {
    ly: usize,
    /// Sixteen at once, where the machine can.
    lanes: Option<LaneFft>,
    /// One by one.
    forward: Arc<dyn Fft<f32>>,
    inverse: Arc<dyn Fft<f32>>,
    scratch: Vec<Complex32>,
    columns: Vec<Complex32>,
}

thread_local! {
    /// A worker's plans and its strips of columns: planning and touching fresh pages cost more than the transform.
    static STRIPS: RefCell<HashMap<usize, Strips>> = RefCell::new(HashMap::new());
}

/// Hands `work` the plans of columns of `ly` rows, and strips of columns for so many images, one after the other.
pub(super) fn with_strips<R>(ly: usize, images: usize, work: impl FnOnce(&mut Strips, &mut [Complex32]) -> R) -> R {
    let mut strips = STRIPS.with_borrow_mut(|all| all.remove(&ly)).unwrap_or_else(|| Strips::new(ly));
    let mut columns = std::mem::take(&mut strips.columns);
    let length = images * strips.length();
    columns.resize(length.max(columns.len()), Complex32::default());
    let result = work(&mut strips, &mut columns[..length]);
    strips.columns = columns;
    STRIPS.with_borrow_mut(|all| all.insert(ly, strips));
    result
}

impl Strips {
    fn new(ly: usize) -> Self {
        let mut planner = FftPlanner::new();
        let (forward, inverse) = (planner.plan_fft_forward(ly), planner.plan_fft_inverse(ly));
        let longest = forward.get_inplace_scratch_len().max(inverse.get_inplace_scratch_len());
        let scratch = vec![Complex32::default(); longest];
        Self { ly, lanes: LaneFft::new(ly), forward, inverse, scratch, columns: Vec::new() }
    }

    /// Cells from a column of a strip to the next.
    pub(super) fn stride(&self) -> usize {
        self.ly + STRIP_PADDING
    }

    /// Cells of a strip.
    pub(super) fn length(&self) -> usize {
        STRIP * self.stride()
    }

    /// Takes columns `strip` of pieces that are `width` columns wide, and transforms them; each starts a stride after the one before. Rows
    /// that no piece has are 0; rows that meet add up, of which there are two at the most, so that the cut does not change the sum.
    pub(super) fn forward(
        &mut self,
        slabs: &[Piece<'_>],
        width: usize,
        strip: &Range<usize>,
        (columns, stride): (&mut [Complex32], usize),
    ) {
        let covered: usize = slabs.iter().map(|slab| slab.rows).sum();
        let ly = self.ly;
        if let Some(lanes) = &mut self.lanes {
            if covered != ly {
                lanes.clear();
            }
            each_run(slabs, width, ly, |y, run| {
                lanes.load(y, &Cells { cells: run, pitch: width, columns: strip.clone() }, covered > ly);
            });
            lanes.forward(columns, stride, strip.len());
            return;
        }
        if covered != ly {
            columns.fill(Complex32::default());
        }
        each_run(slabs, width, ly, |y, run| {
            if covered > ly {
                turn(run, width, strip, (columns, stride, y), |to, value| *to += value);
            } else {
                turn(run, width, strip, (columns, stride, y), |to, value| *to = value);
            }
        });
        for column in columns.chunks_mut(stride).take(strip.len()) {
            self.forward.process_with_scratch(&mut column[..ly], &mut self.scratch);
        }
    }

    /// Transforms the columns of a strip back, not scaled, and puts the first `kept.0` and the last `kept.1` rows of columns `strip` into
    /// rows of `width` cells.
    pub(super) fn inverse(
        &mut self,
        columns: &mut [Complex32],
        strip: &Range<usize>,
        kept: (usize, usize),
        (rows, width): (&mut [Complex32], usize),
    ) {
        let (ly, stride) = (self.ly, self.stride());
        if let Some(lanes) = &mut self.lanes {
            let mut to = Cells { cells: rows, pitch: width, columns: strip.clone() };
            lanes.inverse(columns, stride, &[0..kept.0, ly - kept.1..ly], &mut to);
            return;
        }
        for column in columns.chunks_exact_mut(stride).take(strip.len()) {
            self.inverse.process_with_scratch(&mut column[..ly], &mut self.scratch);
            column.copy_within(ly - kept.1..ly, kept.0);
        }
        scatter(columns, strip, stride, rows, width);
    }
}

/// Shows `work` the rows of pieces that are `width` columns wide, in runs that do not pass the end of the columns: the first row
/// of each, and its cells.
fn each_run(slabs: &[Piece<'_>], width: usize, ly: usize, mut work: impl FnMut(usize, &[Complex32])) {
    for slab in slabs {
        let mut cells = &slab.cells[..];
        let mut y = slab.placement.y.rem_euclid(ly as isize) as usize;
        while !cells.is_empty() {
            let (run, rest) = cells.split_at(cells.len().min((ly - y) * width));
            work(y, run);
            (cells, y) = (rest, 0);
        }
    }
}

/// Puts columns `strip` of rows of `width` cells upright, from row `y` of the columns of `to` on.
///
/// Eight rows at a time: a column then gets a whole cache line at once (half the time of cell after cell).
fn turn(
    cells: &[Complex32],
    width: usize,
    strip: &Range<usize>,
    (to, stride, y): (&mut [Complex32], usize, usize),
    put: impl Fn(&mut Complex32, Complex32),
) {
    for (eight, rows) in cells.chunks(LINE * width).enumerate() {
        let first = y + LINE * eight;
        let height = rows.len() / width;
        for (c, column) in strip.clone().zip(to.chunks_mut(stride)) {
            let column = &mut column[first..first + height];
            column.iter_mut().zip(rows[c..].iter().step_by(width)).for_each(|(to, value)| put(to, *value));
        }
    }
}

/// Puts the columns of a strip into their places in a block's rows, eight rows at a time.
fn scatter(strip: &[Complex32], columns: &Range<usize>, stride: usize, rows: &mut [Complex32], width: usize) {
    for (eight, rows) in rows.chunks_mut(LINE * width).enumerate() {
        let first = LINE * eight;
        let height = rows.len() / width;
        for (c, column) in columns.clone().zip(strip.chunks_exact(stride)) {
            let column = &column[first..first + height];
            rows[c..].iter_mut().step_by(width).zip(column).for_each(|(to, value)| *to = *value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A slab of `rows` rows of `width` columns, its first row at `y`.
    fn slab(y: isize, rows: usize, width: usize) -> Piece<'static> {
        let value = |i: usize| Complex32::new(((i * i + 5 * i) % 23) as f32 - 11.0, (i % 7) as f32 - 3.0);
        Piece { placement: Placement { y, x: 0 }, rows, cells: (0..rows * width).map(value).collect() }
    }

    #[test]
    fn sixteen_at_once_are_the_columns_one_by_one() {
        let (ly, width) = (48, 21);
        let whole = vec![slab(0, 20, width), slab(20, 28, width)];
        let short = vec![slab(-4, 9, width), slab(30, 7, width)];
        let lapped = vec![slab(-10, 30, width), slab(15, 40, width)];
        for slabs in [whole, short, lapped] {
            for strip in [0..16, 16..21] {
                let mut fast = Strips::new(ly);
                let mut plain = Strips { lanes: None, ..Strips::new(ly) };
                let both = [&mut fast, &mut plain].map(|strips| {
                    let mut columns = vec![Complex32::default(); strips.length()];
                    strips.forward(&slabs, width, &strip, (&mut columns, ly + 8));
                    let mut rows = vec![Complex32::default(); 13 * width];
                    let spectra: Vec<Complex32> = columns
                        .chunks_exact(strips.stride())
                        .take(strip.len())
                        .flat_map(|c| &c[..ly])
                        .copied()
                        .collect();
                    strips.inverse(&mut columns, &strip, (10, 3), (&mut rows, width));
                    (spectra, rows)
                });
                let apart =
                    |a: &[Complex32], b: &[Complex32]| a.iter().zip(b).map(|(a, b)| (a - b).norm()).fold(0.0, f32::max);
                assert!(both[0].0.iter().any(|z| z.norm() > 10.0));
                assert!(apart(&both[0].0, &both[1].0) < 2e-4, "forward: {}", apart(&both[0].0, &both[1].0));
                assert!(apart(&both[0].1, &both[1].1) < 1e-2, "inverse: {}", apart(&both[0].1, &both[1].1));
            }
        }
    }
}

//! Convolution with smooth kernels: only low frequencies count, so the result is wanted at every `step`-th pixel only.

use std::io;

use ndarray::{ArrayView2, s};
use rustfft::num_complex::Complex32;

use super::columns::{Piece, STRIP, pieces, with_strips};
use super::layout::{Layout, Placement};
use super::rows::forward_rows;
use super::stages::low_columns;
use super::values::{BlockRows, SlabSpectrum, Transfer};

impl Layout {
    /// The layout of the same plane at every `step`-th pixel, which must divide both lengths.
    ///
    /// # Panics
    /// If it does not.
    pub fn shrunk(&self, step: usize) -> Self {
        assert!(self.ly.is_multiple_of(step) && self.lx.is_multiple_of(step), "the step divides the layout");
        Self { ly: self.ly / step, lx: self.lx / step, block: self.block }
    }
}

/// Whether number `k` of `length` frequencies is none of `kept`, or the one that has no opposite.
fn is_high(k: usize, length: usize, kept: usize) -> bool {
    kept < length && 2 * k.min(length - k) >= kept
}

/// Rows of a kernel that are transformed together: of each only the columns of a block are kept.
const TOGETHER: usize = 64;

/// The low frequencies of a kernel on block `at.0` of the layout shrunk by `at.1`: those that a plane of every `at.1`-th pixel
/// has. The kernel stands with its middle pixel at the origin.
///
/// # Errors
/// Never: all is in memory.
pub fn low_transfer(kernel: ArrayView2<'_, f32>, layout: &Layout, at: (usize, usize)) -> io::Result<Transfer> {
    let (index, step) = at;
    let (small, (ny, nx)) = (layout.shrunk(step), kernel.dim());
    let columns = layout.columns(index);
    let rows = (0..ny).step_by(TOGETHER).map(|first| {
        let some = kernel.slice(s![first..ny.min(first + TOGETHER), ..]);
        let placement = Placement { y: first as isize - (ny / 2) as isize, x: -((nx / 2) as isize) };
        Piece::owned(&forward_rows(some, layout, placement), &columns)
    });
    let rows = rows.collect::<io::Result<Vec<_>>>()?;
    let kept = small.columns(index);
    let mut values = Vec::with_capacity(kept.len() * small.ly);
    low_columns(rows, layout, (index, kept.len()), |kx, column| {
        let is_out = is_high(kx, layout.lx, small.lx);
        values.extend((0..small.ly).map(|ky| {
            let ky = if 2 * ky < small.ly { ky } else { ky + layout.ly - small.ly };
            if is_out || is_high(ky, layout.ly, small.ly) { Complex32::default() } else { column[ky] }
        }));
    });
    Ok(Transfer::from_parts(kept.start, small.ly, values))
}

/// Convolves on block `index` of the layout shrunk by `step`, and transforms it back: `ny` rows, to be transformed back by
/// [`super::inverse_rows`] with that layout. `kernel` is that block of [`low_transfer`].
///
/// # Errors
/// When a slab stands in a file that cannot be read.
pub fn shrink_columns(
    slabs: &[&SlabSpectrum],
    layout: &Layout,
    at: (usize, usize),
    kernel: &Transfer,
    ny: usize,
) -> io::Result<BlockRows> {
    let (index, step) = at;
    let small = layout.shrunk(step);
    let width = small.columns(index).len();
    let mut values = vec![Complex32::default(); ny * width];
    let scale = 1.0 / (step * step) as f32;
    let start = small.columns(index).start;
    let pieces = pieces(slabs, &layout.columns(index))?;
    with_strips(small.ly, 1, |strips, buffer| {
        low_columns(pieces, layout, (index, width), |kx, column| {
            let (low, high, c) = (small.ly.div_ceil(2), small.ly / 2, kx - start);
            let short = &mut buffer[c % STRIP * strips.stride()..][..small.ly];
            short[..low].copy_from_slice(&column[..low]);
            short[low..].copy_from_slice(&column[layout.ly - high..]);
            short.iter_mut().zip(kernel.column(kx)).for_each(|(value, k)| *value *= *k * scale);
            if c % STRIP + 1 == STRIP || c + 1 == width {
                strips.inverse(buffer, &(c / STRIP * STRIP..c + 1), (ny, 0), (&mut values, width));
            }
        });
    });
    Ok(BlockRows::from_parts(width, values.into()))
}

/// Fills a column of a layout of `length` rows with the low frequencies of a product: column `kx` of the plane's transform
/// and of kernels that were kept at lengths of their own.
pub fn low_product(plane: &[Complex32], kernels: &[&[Complex32]], column: &mut [Complex32], scale: f32) {
    let kept = kernels.iter().map(|kernel| kernel.len()).min().unwrap_or(plane.len()).min(column.len());
    column.fill(Complex32::default());
    let length = column.len();
    for k in 0..kept {
        let is_low = 2 * k < kept;
        let of = |length: usize| if is_low { k } else { length - (kept - k) };
        let product = kernels.iter().fold(plane[of(plane.len())], |value, kernel| value * kernel[of(kernel.len())]);
        column[of(length)] = product * scale;
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::super::inverse_rows;
    use super::*;

    /// A Gaussian of this standard deviation in pixels, and what it makes of a plane, by direct sums.
    fn gaussian(sigma: f64) -> Array2<f32> {
        let reach = (4.0 * sigma) as isize;
        let side = 2 * reach as usize + 1;
        Array2::from_shape_fn((side, side), |(y, x)| {
            let (dy, dx) = (y as f64 - reach as f64, x as f64 - reach as f64);
            (-(dy * dy + dx * dx) / (2.0 * sigma * sigma)).exp() as f32
        })
    }

    #[test]
    fn a_smooth_kernel_gives_every_step_th_pixel_of_the_convolution() {
        let (ny, nx) = (37, 44);
        let plane = Array2::from_shape_fn((ny, nx), |(y, x)| ((y * 131 + x * 57) % 101) as f32 / 101.0 - 0.5);
        let kernel = gaussian(6.0);
        let reach = kernel.nrows() / 2;
        let direct = |y: usize, x: usize| -> f64 {
            let term = |((ky, kx), k): ((usize, usize), &f32)| {
                let (py, px) = ((y + reach).wrapping_sub(ky), (x + reach).wrapping_sub(kx));
                plane.get((py, px)).map_or(0.0, |value| f64::from(*value) * f64::from(*k))
            };
            kernel.indexed_iter().map(term).sum()
        };
        for (step, cut) in [(1, 64), (2, 16), (4, 5), (4, 64)] {
            let layout = Layout { ly: 64, lx: 72, block: cut };
            let small = layout.shrunk(step);
            let slabs = [forward_rows(plane.view(), &layout, Placement::default())];
            let slabs: Vec<_> = slabs.iter().collect();
            let (rows, columns) = (ny.div_ceil(step), nx.div_ceil(step));
            let blocks: Vec<_> = (0..small.blocks())
                .map(|index| {
                    let transfer = low_transfer(kernel.view(), &layout, (index, step)).unwrap();
                    shrink_columns(&slabs, &layout, (index, step), &transfer, rows).unwrap()
                })
                .collect();
            let found = inverse_rows(&blocks.iter().collect::<Vec<_>>(), &small, 0..rows, columns).unwrap();
            let most = found.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
            for ((y, x), value) in found.indexed_iter() {
                let error = (f64::from(*value) - direct(step * y, step * x)).abs();
                // the kernel is cut at four standard deviations
                assert!(error < 1e-3 * f64::from(most), "{step} {cut} ({y}, {x}): {error}");
            }
        }
    }
}

//! What a component of a scale leaves in the residual that is smoothed with the same scale, or with another.

use std::io;

use ndarray::{Array2, s};

use crate::fft::{BlockRows, Layout, Transfer, inverse_rows, low_product, make_columns};
use crate::images::{Psf, PsfPeak};

/// Furthest lags of a table for images of shape `(ny, nx)`, in steps of it: as far as the transform tells them apart.
pub fn table_reach(layout: &Layout, spacing: usize, shape: (usize, usize)) -> (usize, usize) {
    let small = layout.shrunk(spacing);
    let axis = |n: usize, length: usize| (n.saturating_sub(1)).div_ceil(spacing).min((length - 1) / 2);
    (axis(shape.0, small.ly), axis(shape.1, small.lx))
}

/// Blocks of a table's columns that hold anything: the others are above the frequencies that some kernel keeps, given as the
/// steps of the kernels.
pub fn table_blocks(layout: &Layout, spacing: usize, steps: impl IntoIterator<Item = usize>) -> usize {
    let coarsest = steps.into_iter().fold(spacing, usize::max);
    layout.shrunk(coarsest).blocks()
}

/// One block of columns of the PSF smoothed with kernels, at every `at.1`-th lag: rows `0 ..= up` of lags, then `-up .. 0`.
///
/// `psf` and `kernels` are block `at.0` of the PSF's transfer function and of what [`crate::fft::low_transfer`] kept of kernels
/// at steps that the spacing divides, or that divide it no more than twice.
pub fn table_columns(
    psf: &Transfer,
    kernels: &[&Transfer],
    layout: &Layout,
    at: (usize, usize),
    up: usize,
) -> BlockRows {
    let (index, spacing) = at;
    let scale = 1.0 / (spacing * spacing) as f32;
    let kept = kernels.iter().map(|kernel| kernel.parts().0 + kernel.width()).min().unwrap_or(usize::MAX);
    make_columns(&layout.shrunk(spacing), index, (up + 1, up), |kx, column| {
        if kx < kept {
            let kernels: Vec<_> = kernels.iter().map(|kernel| kernel.column(kx)).collect();
            low_product(psf.column(kx), &kernels, column, scale);
        } else {
            column.fill(<_>::default());
        }
    })
}

/// Rows of a table that are transformed together.
pub const TABLE_ROWS: usize = 64;

/// The PSF smoothed with kernels, at every `spacing`-th lag as far as `reach`, from the blocks of [`table_columns`]; it is not
/// normalised, and its centre is the lag 0. Beyond the PSF's edge its sidelobes count as 0.
///
/// # Errors
/// When a block stands in a file that cannot be read.
///
/// # Panics
/// If the blocks have other rows.
pub fn table_rows(blocks: &[&BlockRows], layout: &Layout, spacing: usize, reach: (usize, usize)) -> io::Result<Psf> {
    let (small, (up, left)) = (layout.shrunk(spacing), reach);
    let mut pixels = Array2::zeros((2 * up + 1, 2 * left + 1));
    let height = 2 * up + 1;
    for first in (0..height).step_by(TABLE_ROWS) {
        let rows = first..(first + TABLE_ROWS).min(height);
        // columns left of the centre stand at the end of the transform
        for (row, found) in rows.clone().zip(inverse_rows(blocks, &small, rows, small.lx)?.rows()) {
            let to = if row <= up { up + row } else { row - up - 1 };
            let mut part = pixels.row_mut(to);
            part.slice_mut(s![left..]).assign(&found.slice(s![..=left]));
            part.slice_mut(s![..left]).assign(&found.slice(s![small.lx - left..]));
        }
    }
    let peak = PsfPeak { shape: pixels.dim(), centre: (up, left), scale: 1.0, blanks: None };
    Ok(Psf::from_parts(peak, pixels).expect("the centre is a pixel"))
}

/// A table divided by its peak, which is told by [`Psf::scale`]; `None` where that is not positive: the scale is not
/// measured at all.
pub fn normal_table(table: &Psf) -> Option<Psf> {
    let scale = table.pixels()[table.centre()];
    let is_measured = scale > 0.0 && scale.is_finite();
    let peak = PsfPeak { scale, ..*table.peak() };
    Psf::from_parts(peak, table.pixels().mapv(|value| value / scale)).filter(|_| is_measured)
}

#[cfg(test)]
mod tests {
    use super::super::{Scale, ScaleShape};
    use super::*;
    use crate::fft::{Placement, column_transfer, forward_rows, low_transfer};

    fn psf() -> Psf {
        let plane = Array2::from_shape_fn((41, 50), |(y, x)| {
            let (dy, dx) = (y as f32 - 20.0, x as f32 - 25.0);
            (-(dy * dy + dx * dx) / 8.0).exp() + 0.1 * (0.7 * dy + 0.4 * dx).cos()
        });
        Psf::new(plane).unwrap()
    }

    const LAYOUT: Layout = Layout { ly: 128, lx: 128, block: 24 };

    fn transfers(psf: &Psf) -> Vec<Transfer> {
        let (cy, cx) = psf.centre();
        let placement = Placement { y: -(cy as isize), x: -(cx as isize) };
        let rows = forward_rows(psf.pixels().view(), &LAYOUT, placement);
        (0..LAYOUT.blocks()).map(|block| column_transfer(&[&rows], &LAYOUT, block).unwrap()).collect()
    }

    /// The table between scales on grids of so many pixels, put together block by block.
    fn table(psf: &Psf, kernels: &[(&Scale, usize)], spacing: usize, shape: (usize, usize)) -> Psf {
        let (psf, reach) = (transfers(psf), table_reach(&LAYOUT, spacing, shape));
        let count = table_blocks(&LAYOUT, spacing, kernels.iter().map(|(_, step)| *step));
        let block = |index: usize| {
            let kernel = |(scale, step): &(&Scale, usize)| low_transfer(scale.kernel().view(), &LAYOUT, (index, *step));
            let kernels: Vec<Transfer> = kernels.iter().map(|one| kernel(one).unwrap()).collect();
            table_columns(&psf[index], &kernels.iter().collect::<Vec<_>>(), &LAYOUT, (index, spacing), reach.0)
        };
        let blocks: Vec<BlockRows> = (0..count).map(block).collect();
        table_rows(&blocks.iter().collect::<Vec<_>>(), &LAYOUT, spacing, reach).unwrap()
    }

    /// `K * value` at a lag.
    fn smoothed(kernel: &Array2<f32>, value: &dyn Fn(isize, isize) -> f64, (dy, dx): (isize, isize)) -> f64 {
        let reach = (kernel.nrows() / 2) as isize;
        let weigh = |((y, x), k): ((usize, usize), &f32)| {
            f64::from(*k) * value(dy - (y as isize - reach), dx - (x as isize - reach))
        };
        kernel.indexed_iter().map(weigh).sum()
    }

    #[test]
    fn a_table_is_the_direct_sum_at_its_lags() {
        let psf = psf();
        let (wide, narrow) = [34.0, 12.0].map(|width| Scale::new(width, ScaleShape::TaperedQuadratic, 0.6, 3.0)).into();
        let at = |dy: isize, dx: isize| f64::from(psf.value_at_lag(dy, dx));
        let sums = |kernel: &Array2<f32>, value: &dyn Fn(isize, isize) -> f64| {
            Array2::from_shape_fn((121, 121), |(y, x)| smoothed(kernel, value, (y as isize - 60, x as isize - 60)))
        };
        let once = sums(&wide.kernel(), &at);
        let once = |dy: isize, dx: isize| once[((dy + 60) as usize, (dx + 60) as usize)];
        for (second, kernels, spacing) in [(wide, [(&wide, 2), (&wide, 2)], 2), (narrow, [(&narrow, 1), (&wide, 2)], 1)]
        {
            let found = table(&psf, &kernels, spacing, (30, 30));
            let peak = smoothed(&second.kernel(), &once, (0, 0));
            for (y, x) in [(0, 0), (1, 0), (-3, 4), (10, -12)] {
                let lag = (y * spacing as isize, x * spacing as isize);
                let expected = smoothed(&second.kernel(), &once, lag);
                let found = f64::from(found.value_at_lag(y, x));
                // what a kernel has above the frequencies that are kept
                assert!((found - expected).abs() < 2e-3 * peak, "({y}, {x}): {found}, expected {expected}");
            }
            let normal = normal_table(&found).unwrap();
            assert!((f64::from(normal.scale()) / peak - 1.0).abs() < 2e-3 && normal.value_at_lag(0, 0) == 1.0);
        }
    }

    #[test]
    fn a_table_without_kernels_is_the_psf() {
        let psf = psf();
        let table = table(&psf, &[], 1, (60, 60));
        for (y, x) in [(0, 0), (20, 24), (-20, -25), (21, 0)] {
            assert!((table.value_at_lag(y, x) - psf.value_at_lag(y, x)).abs() < 1e-5, "({y}, {x})");
        }
    }
}

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

/// The PSF smoothed with kernels, at every `spacing`-th lag between pixels of an image of shape `(ny, nx)`; it is not
/// normalised, and its centre is the lag 0.
///
/// `psf` is the PSF's transfer function, block by block; `kernels` are what [`crate::fft::low_transfer`] kept of kernels at
/// steps that `spacing` divides, or that divide it no more than twice. Beyond the PSF's edge its sidelobes count as 0.
///
/// # Errors
/// Never: all is in memory.
///
/// # Panics
/// If the blocks are not those of the layout.
pub fn smooth_table(
    psf: &[&Transfer],
    layout: &Layout,
    kernels: &[&Transfer],
    spacing: usize,
    shape: (usize, usize),
) -> io::Result<Psf> {
    let small = layout.shrunk(spacing);
    let scale = 1.0 / (spacing * spacing) as f32;
    let columns = kernels.iter().map(|kernel| kernel.width()).min().unwrap_or(usize::MAX);
    let blocks: Vec<BlockRows> = (0..small.blocks())
        .map(|block| {
            make_columns(&small, block, small.ly, |kx, column| {
                if kx < columns {
                    let kernels: Vec<_> = kernels.iter().map(|kernel| kernel.column(kx)).collect();
                    low_product(psf[kx / layout.block].column(kx), &kernels, column, scale);
                } else {
                    column.fill(<_>::default());
                }
            })
        })
        .collect();
    let (up, left) = table_reach(layout, spacing, shape);
    let mut pixels = Array2::zeros((2 * up + 1, 2 * left + 1));
    let blocks: Vec<_> = blocks.iter().collect();
    // rows above the centre stand at the end of the transform, columns left of it too
    for (rows, first) in [(0..up + 1, up), (small.ly - up..small.ly, 0)] {
        let found = inverse_rows(&blocks, &small, rows.clone(), small.lx)?;
        let mut part = pixels.slice_mut(s![first..first + rows.len(), ..]);
        part.slice_mut(s![.., left..]).assign(&found.slice(s![.., ..=left]));
        part.slice_mut(s![.., ..left]).assign(&found.slice(s![.., small.lx - left..]));
    }
    let peak = PsfPeak { shape: pixels.dim(), centre: (up, left), scale: 1.0 };
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

    fn kernel(scale: &Scale, step: usize) -> Transfer {
        let reach = -(scale.reach() as isize);
        let rows = forward_rows(scale.kernel().view(), &LAYOUT, Placement { y: reach, x: reach });
        low_transfer(&[&rows], &LAYOUT, step).unwrap()
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
        let transfers = transfers(&psf);
        let blocks: Vec<_> = transfers.iter().collect();
        let at = |dy: isize, dx: isize| f64::from(psf.value_at_lag(dy, dx));
        let table = |kernel: &Array2<f32>, value: &dyn Fn(isize, isize) -> f64| {
            Array2::from_shape_fn((121, 121), |(y, x)| smoothed(kernel, value, (y as isize - 60, x as isize - 60)))
        };
        let once = table(&wide.kernel(), &at);
        let once = |dy: isize, dx: isize| once[((dy + 60) as usize, (dx + 60) as usize)];
        let (low, full) = (kernel(&wide, 2), kernel(&narrow, 1));
        for (second, kernels, spacing) in [(wide, [&low, &low], 2), (narrow, [&full, &low], 1)] {
            let found = smooth_table(&blocks, &LAYOUT, &kernels, spacing, (30, 30)).unwrap();
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
        let transfers = transfers(&psf);
        let table = smooth_table(&transfers.iter().collect::<Vec<_>>(), &LAYOUT, &[], 1, (60, 60)).unwrap();
        for (y, x) in [(0, 0), (20, 24), (-20, -25), (21, 0)] {
            assert!((table.value_at_lag(y, x) - psf.value_at_lag(y, x)).abs() < 1e-5, "({y}, {x})");
        }
    }
}

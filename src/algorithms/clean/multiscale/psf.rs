//! What a component of a scale leaves in the residual that is smoothed with the same scale.

use std::io;

use ndarray::{Array2, s};

use super::Scale;
use crate::fft::{Layout, Placement, column_transfer, forward_rows, good_size, inverse_rows, map_columns};
use crate::images::{Psf, PsfPeak};

/// Columns of the transform that are worked on at a time.
const BLOCK: usize = 256;

/// The transform that smooths a PSF twice with a scale, as far as an image of shape `(ny, nx)` can meet it.
pub fn smoothing_layout(psf: &PsfPeak, shape: (usize, usize), scale: &Scale) -> Layout {
    let (rows, columns) = psf.kept(shape.0, shape.1);
    let length = |kept: usize| good_size(kept + 2 * scale.reach());
    Layout { ly: length(rows.len()), lx: length(columns.len()), block: BLOCK }
}

/// `K * K * psf` at the lags between centres of the scale, divided by its peak, which is told by [`Psf::scale`].
///
/// The lags are those of an image of shape `(ny, nx)`; pixel `(y, x)` from the centre is the lag `step (y, x)`. Beyond the
/// PSF's edge its sidelobes count as 0. `None` where the peak is not positive: the scale is not measured at all.
///
/// # Errors
/// Never: all is in memory.
pub fn smooth_psf(psf: &Psf, shape: (usize, usize), scale: &Scale) -> io::Result<Option<Psf>> {
    let layout = smoothing_layout(psf.peak(), shape, scale);
    let (rows, columns) = psf.peak().kept(shape.0, shape.1);
    let (cy, cx) = (psf.centre().0 - rows.start, psf.centre().1 - columns.start);
    let (ny, nx) = (rows.len(), columns.len());
    let reach = scale.reach() as isize;
    let image = forward_rows(psf.pixels().slice(s![rows, columns]), &layout, Placement::default());
    let kernel = forward_rows(scale.kernel().view(), &layout, Placement { y: -reach, x: -reach });
    let blocks = (0..layout.blocks()).map(|block| {
        let transfer = column_transfer(&[&kernel], &layout, block)?;
        map_columns([&[&image], &[]], &layout, block, ny, |column| {
            let twice = transfer.column(column.kx).iter().map(|k| k * k);
            column.first.iter_mut().zip(twice).for_each(|(value, k)| *value *= k);
        })
    });
    let blocks = blocks.collect::<io::Result<Vec<_>>>()?;
    let smooth = inverse_rows(&blocks.iter().collect::<Vec<_>>(), &layout, 0..ny, nx)?;
    let step = scale.grid().step;
    let (first_y, first_x) = (cy % step, cx % step);
    let peak = smooth[(cy, cx)];
    let lags = smooth.slice(s![first_y..;step, first_x..;step]);
    let pixels: Array2<f32> = lags.mapv(|value| value / peak);
    let peak = PsfPeak { shape: pixels.dim(), centre: (cy / step, cx / step), scale: peak };
    Ok(Psf::from_parts(peak, pixels).filter(|_| peak.scale > 0.0 && peak.scale.is_finite()))
}

#[cfg(test)]
mod tests {
    use super::super::ScaleShape;
    use super::*;

    #[test]
    fn a_smooth_psf_is_the_direct_sum_at_the_lags_of_the_grid() {
        let plane = Array2::from_shape_fn((41, 50), |(y, x)| {
            let (dy, dx) = (y as f32 - 20.0, x as f32 - 25.0);
            (-(dy * dy + dx * dx) / 8.0).exp() + 0.1 * (0.7 * dy + 0.4 * dx).cos()
        });
        let psf = Psf::new(plane).unwrap();
        let scale = Scale::new(34.0, ScaleShape::TaperedQuadratic, 0.6, 3.0);
        let (kernel, reach) = (scale.kernel(), scale.reach() as isize);
        let once = |value: &dyn Fn(isize, isize) -> f64, dy: isize, dx: isize| -> f64 {
            let weigh = |((y, x), k): ((usize, usize), &f32)| {
                f64::from(*k) * value(dy - (y as isize - reach), dx - (x as isize - reach))
            };
            kernel.indexed_iter().map(weigh).sum()
        };
        let smooth = smooth_psf(&psf, (30, 30), &scale).unwrap().unwrap();
        // once over a table, then twice at a few lags
        let at = |dy: isize, dx: isize| f64::from(psf.value_at_lag(dy, dx));
        let table = Array2::from_shape_fn((121, 121), |(y, x)| once(&at, y as isize - 60, x as isize - 60));
        let from_table = |dy: isize, dx: isize| table[((dy + 60) as usize, (dx + 60) as usize)];
        let peak = once(&from_table, 0, 0);
        assert!((f64::from(smooth.scale()) / peak - 1.0).abs() < 1e-5);
        for (y, x) in [(0, 0), (1, 0), (-3, 4), (10, -12)] {
            let expected = once(&from_table, 2 * y, 2 * x) / peak;
            let found = f64::from(smooth.value_at_lag(y, x));
            assert!((found - expected).abs() < 1e-5, "({y}, {x}): {found}, expected {expected}");
        }
    }

    #[test]
    fn a_psf_smoothed_with_a_point_is_itself() {
        let psf = Psf::new(Array2::from_shape_fn((9, 9), |(y, x)| 1.0 / (1.0 + (y * y + 8 * x) as f32))).unwrap();
        let smooth = smooth_psf(&psf, (9, 9), &Scale::POINT).unwrap().unwrap();
        assert!(smooth.pixels().iter().zip(psf.pixels()).all(|(a, b)| (a - b).abs() < 1e-6));
    }
}

//! Sums over planes, in f64 and without their blanks; and the Gaussian beam on a plane.

use ndarray::{Array2, Zip};
use rustfft::num_complex::Complex64;

use crate::fft::{Real2d, linear_size};
use crate::images::{BeamShape, sigma_mad};

/// Beyond so many full widths a beam is 0 in `f32`.
const REACH: f64 = 5.0;

/// Root of the mean square of the finite values; NaN if there are none.
pub(super) fn rms(values: impl Iterator<Item = f64>) -> f64 {
    let (squares, count) = finite(values).fold((0.0, 0.0), |(sum, count), value| (sum + value * value, count + 1.0));
    (squares / count).sqrt()
}

/// Standard deviation of the finite values about their mean.
pub(super) fn std(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let (sum, count) = finite(values.clone()).fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    let mean: f64 = sum / count;
    rms(values.map(|value| value - mean))
}

/// The finite ones.
pub(super) fn finite(values: impl Iterator<Item = f64>) -> impl Iterator<Item = f64> {
    values.filter(|value| value.is_finite())
}

/// Robust noise of the finite values; NaN if there are none.
pub(super) fn robust(values: impl Iterator<Item = f32>) -> f64 {
    let mut values: Vec<f32> = values.filter(|value| value.is_finite()).collect();
    sigma_mad(&mut values).unwrap_or(f64::NAN)
}

/// Lowest and highest finite value.
pub(super) fn extremes(plane: &Array2<f32>) -> (f64, f64) {
    let values = finite(plane.iter().map(|value| f64::from(*value)));
    values.fold((f64::NAN, f64::NAN), |(low, high), value| (low.min(value), high.max(value)))
}

/// Median of values, which are reordered; NaN if there are none.
pub(super) fn median(values: &mut [f64]) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) }
}

/// Median, and 1.4826 times the median absolute deviation from it.
pub(super) fn centre_and_spread(mut values: Vec<f64>) -> (f64, f64) {
    let centre = median(&mut values);
    let mut deviations: Vec<f64> = values.iter().map(|value| (value - centre).abs()).collect();
    (centre, crate::images::MAD_TO_SIGMA * median(&mut deviations))
}

/// Does work whose transforms would spread over all threads on one: the workers of the graph are enough.
pub(super) fn alone<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    match rayon::ThreadPoolBuilder::new().num_threads(1).build() {
        Ok(pool) => pool.install(work),
        Err(_) => work(),
    }
}

/// `plane * gaussian`, a linear convolution in f64 with the sampled Gaussian, shape `(ny, nx)`; blanks count as 0.
pub(super) fn blurred(plane: &Array2<f32>, gaussian: BeamShape, scale: f64) -> Array2<f32> {
    alone(|| {
        let (ny, nx) = plane.dim();
        let reach = (REACH * gaussian.widths().0).ceil().max(1.0) as usize;
        let shape = (linear_size(ny, reach.min(ny)), linear_size(nx, reach.min(nx)));
        let transform = Real2d::<f64>::new(shape);
        let mut spectrum = transform.forward(&padded(plane, shape));
        let kernel = transform.forward(&sampled(gaussian, shape, (reach.min(ny - 1), reach.min(nx - 1))));
        Zip::from(&mut spectrum).and(&kernel).for_each(|value, factor| *value *= factor * scale);
        drop(kernel);
        let convolved = transform.inverse(&mut spectrum);
        Array2::from_shape_fn((ny, nx), |at| convolved[at] as f32)
    })
}

/// A plane in the corner of a larger one, blanks as 0.
pub(super) fn padded(plane: &Array2<f32>, shape: (usize, usize)) -> Array2<f64> {
    let mut large = Array2::zeros(shape);
    for (at, value) in plane.indexed_iter().filter(|(_, value)| value.is_finite()) {
        large[at] = f64::from(*value);
    }
    large
}

/// The Gaussian with its peak in the corner, lags up to `reach` wrapped round.
fn sampled(gaussian: BeamShape, (ly, lx): (usize, usize), reach: (usize, usize)) -> Array2<f64> {
    let mut kernel = Array2::zeros((ly, lx));
    let lags = |reach: usize| -(reach as isize)..=reach as isize;
    for dy in lags(reach.0) {
        for dx in lags(reach.1) {
            let at = (dy.rem_euclid(ly as isize) as usize, dx.rem_euclid(lx as isize) as usize);
            kernel[at] = gaussian.value(dy as f64, dx as f64);
        }
    }
    kernel
}

/// Sum of a sampled Gaussian over all pixels, about its area.
pub(super) fn area(gaussian: BeamShape) -> f64 {
    std::f64::consts::PI / (gaussian.a * gaussian.c - gaussian.b * gaussian.b).sqrt()
}

/// The Gaussian so many times as wide.
pub(super) fn widened(gaussian: BeamShape, times: f64) -> BeamShape {
    let BeamShape { a, b, c } = gaussian;
    let factor = 1.0 / (times * times);
    BeamShape { a: a * factor, b: b * factor, c: c * factor }
}

/// Power of each mode of a half plane, unitary: white noise of variance 1 has mean 1.
pub(super) fn power(spectrum: &Array2<Complex64>, pixels: f64) -> Array2<f64> {
    spectrum.mapv(|value| value.norm_sqr() / pixels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn point_blurred_is_the_beam_and_blanks_count_as_nothing() {
        let beam = BeamShape { a: 0.2, b: 0.05, c: 0.1 };
        let mut plane = Array2::<f32>::zeros((21, 30));
        plane[(4, 25)] = 2.0;
        plane[(20, 0)] = f32::NAN;
        let blurred = blurred(&plane, beam, 1.0);
        for ((y, x), value) in blurred.indexed_iter() {
            let expected = 2.0 * beam.value(y as f64 - 4.0, x as f64 - 25.0);
            assert!((f64::from(*value) - expected).abs() < 1e-6, "{y} {x}: {value} {expected}");
        }
    }

    #[test]
    fn area_is_the_sum_of_the_sampled_beam() {
        let beam = widened(BeamShape { a: 0.3, b: 0.05, c: 0.2 }, 2.0);
        let sum = sampled(beam, (64, 64), (30, 30)).sum();
        assert!((sum / area(beam) - 1.0).abs() < 1e-9, "{sum}");
    }

    #[test]
    fn statistics_leave_blanks_out() {
        let values = [3.0, f64::NAN, -1.0, 1.0];
        assert!((rms(values.into_iter()) - (11.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        assert!((std(values.into_iter()) - (8.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!(centre_and_spread(vec![1.0, 2.0, 3.0, 9.0]).0, 2.5);
        assert!(median(&mut []).is_nan() && rms([].into_iter()).is_nan());
    }
}

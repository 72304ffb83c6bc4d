//! Point sources between pixels, exactly.
//!
//! An interferometer sees a source at `x` as the phase ramp `exp(-2 pi i k x)` over the sampled frequencies only. A
//! short kernel on the pixels has that same spectrum there: a sinc, windowed so that its transform is 1 up to the
//! highest sampled frequency `b` and its aliases vanish below it. Both hold to [`ACCURACY`] with about
//! `5 / (1 - 2b)` taps a side (Kaiser 1974), whatever the number of cells. On a pixel centre the kernel is one tap.

use std::f64::consts::PI;

use ndarray::Array2;

/// Largest error of the kernel's spectrum inside the band, relative to the source: about `f32` rounding.
pub const ACCURACY: f64 = 1e-7;
/// 1.6e-8 by the design formula for each of ripple and alias: what is left over covers the formula's own error.
const ATTENUATION_DB: f64 = 156.0;

/// A windowed sinc that is exact up to a given spatial frequency.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Kernel {
    /// Taps reach this far from the source \[pixels\].
    half: f64,
    beta: f64,
}

impl Kernel {
    /// A kernel exact up to `band` \[cycles/pixel\], below 0.5.
    ///
    /// # Source
    /// Kaiser 1974, as in Oppenheim & Schafer, *Discrete-Time Signal Processing*, eqs. 7.75 and 7.76.
    pub fn new(band: f64) -> Self {
        let transition = 2.0 * PI * (1.0 - 2.0 * band);
        let taps = (ATTENUATION_DB - 7.95) / (2.285 * transition) + 1.0;
        Self { half: (taps / 2.0).ceil(), beta: 0.1102 * (ATTENUATION_DB - 8.7) }
    }

    /// First pixel and values of the taps round position `x`.
    fn taps(self, x: f64) -> (i64, Vec<f64>) {
        let nearest = x.round();
        if (x - nearest).abs() < 1e-9 {
            return (nearest as i64, vec![1.0]);
        }
        let (first, last) = ((x - self.half).ceil() as i64, (x + self.half).floor() as i64);
        let value = |pixel: i64| {
            let distance = pixel as f64 - x;
            let window = bessel_i0(self.beta * (1.0 - (distance / self.half).powi(2)).max(0.0).sqrt());
            (PI * distance).sin() / (PI * distance) * window / bessel_i0(self.beta)
        };
        (first, (first..=last).map(value).collect())
    }

    /// Adds a source of `flux` at `(y, x)` \[zero-based pixels\] to `plane`, which wraps around at its edges.
    pub fn add(self, plane: &mut Array2<f32>, (y, x): (f64, f64), flux: f64) {
        let (ny, nx) = plane.dim();
        let ((y0, rows), (x0, columns)) = (self.taps(y), self.taps(x));
        for (dy, row) in rows.iter().enumerate() {
            let mut line = plane.row_mut((y0 + dy as i64).rem_euclid(ny as i64) as usize);
            for (dx, column) in columns.iter().enumerate() {
                line[(x0 + dx as i64).rem_euclid(nx as i64) as usize] += (flux * row * column) as f32;
            }
        }
    }
}

/// Modified Bessel function of the first kind, order 0, by its power series (Abramowitz & Stegun 9.6.12).
fn bessel_i0(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let mut term = 1.0;
    let mut sum = 1.0;
    for k in 1..200 {
        term *= quarter / (f64::from(k) * f64::from(k));
        sum += term;
        if term < sum * f64::EPSILON {
            break;
        }
    }
    sum
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "one tap is exact")]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_the_phase_ramp_inside_its_band() {
        for band in [0.2, 0.35, 0.45, 0.49] {
            let kernel = Kernel::new(band);
            for x in [100.5, 100.2371, 99.999] {
                let (first, taps) = kernel.taps(x);
                for step in 0..=50 {
                    let f = band * f64::from(step) / 50.0;
                    let phase = |position: f64| 2.0 * PI * f * position;
                    let sum = |part: fn(f64) -> f64| {
                        taps.iter().zip(first..).map(|(tap, pixel)| tap * part(phase(pixel as f64 - x))).sum::<f64>()
                    };
                    let error = (sum(f64::cos) - 1.0).hypot(sum(f64::sin));
                    assert!(error < ACCURACY, "band {band}, x {x}, f {f}: {error:e}");
                }
            }
        }
    }

    #[test]
    fn a_source_on_a_pixel_is_that_pixel() {
        let mut plane = Array2::zeros((8, 8));
        Kernel::new(0.4).add(&mut plane, (3.0, 7.0), 2.0);
        assert_eq!(plane[[3, 7]], 2.0);
        assert_eq!(plane.sum(), 2.0);
    }
}

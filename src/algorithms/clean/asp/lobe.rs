//! What the main lobe of a PSF makes of a Gaussian, in closed form.

use std::f64::consts::LN_2;

use crate::images::{BeamError, Psf, UNIT_CELL, fit_beam};

/// A Gaussian of unit sum times its flux; a point where `sigma` is 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Aspen {
    /// Flux \[Jy\].
    pub flux: f64,
    /// Row of the centre \[pixels\].
    pub y: f64,
    /// Column of the centre \[pixels\].
    pub x: f64,
    /// Standard deviation \[pixels\].
    pub sigma: f64,
}

/// A Gaussian of peak `height`: `height exp(-(a dx² + 2 b dx dy + c dy²) / 2)`, offsets in pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hill {
    pub height: f64,
    pub a: f64,
    pub b: f64,
    pub c: f64,
}

impl Hill {
    /// Its value at an offset from its centre.
    pub(super) fn at(&self, dy: f64, dx: f64) -> f64 {
        self.height * (-0.5 * (self.a * dx * dx + 2.0 * self.b * dx * dy + self.c * dy * dy)).exp()
    }

    /// So many standard deviations of its wider axis \[pixels\].
    pub(super) fn reach(&self, sigmas: f64) -> f64 {
        let (mean, half) = (0.5 * (self.a + self.c), (0.5 * (self.a - self.c)).hypot(self.b));
        sigmas / (mean - half).sqrt()
    }
}

/// A main lobe: a Gaussian of peak 1, and what the whole PSF answers to wider and wider Gaussians.
///
/// A Gaussian source seen through a Gaussian lobe is a Gaussian again, its variances added up. Its height is not left to
/// the lobe: a PSF without short baselines answers less to a wide source, so the height is that of the PSF itself,
/// `(h * G)(0)`, tabulated over the widths.
///
/// # Source
/// Zhang, Bhatnagar, Rau & Zhang (2016), A&A 592, A128, who take the height of the lobe too.
#[derive(Debug, Clone)]
pub(super) struct Lobe {
    /// Variances and covariance of the lobe \[pixels²\]: xx, xy, yy.
    variance: [f64; 3],
    /// Mean full width at half maximum \[pixels\].
    pub width: f64,
    /// Highest absolute value of the PSF outside its main lobe.
    pub sidelobe: f32,
    /// Height of the PSF's answer over that of the lobe, at multiples of `step` in [`Self::place`].
    shares: Vec<f64>,
    /// Distance of the entries of the table.
    step: f64,
}

/// Entries of the table beyond that of a point.
const ENTRIES: usize = 48;
/// Standard deviations over which a Gaussian is summed.
const REACH: f64 = 4.0;
/// A source that the PSF answers with less than this share of what its lobe alone would is not seen.
const LEAST: f64 = 0.02;

impl Lobe {
    /// The lobe of a PSF, for sources of up to `widest` times its width.
    ///
    /// # Errors
    /// If no Gaussian fits its main lobe.
    pub(super) fn new(psf: &Psf, widest: f64) -> Result<Self, BeamError> {
        let fit = fit_beam(psf, UNIT_CELL)?;
        // the fitted form has no factor of a half
        let (a, b, c) = (2.0 * fit.shape.a, 2.0 * fit.shape.b, 2.0 * fit.shape.c);
        let determinant = a * c - b * b;
        let width = (fit.pixels.0 * fit.pixels.1).sqrt();
        let mut lobe = Self {
            variance: [c / determinant, -b / determinant, a / determinant],
            width,
            sidelobe: fit.sidelobe_max.max(-fit.sidelobe_min),
            shares: vec![1.0],
            step: widest.powi(2).ln_1p() / ENTRIES as f64,
        };
        for entry in 1..=ENTRIES {
            let sigma = lobe.sigma_at(entry);
            let share = answer(psf, sigma) / lobe.flat(sigma).height;
            if share < LEAST {
                break;
            }
            lobe.shares.push(share);
        }
        Ok(lobe)
    }

    /// Standard deviation of the lobe, the mean of its axes \[pixels\].
    pub(super) fn sigma(&self) -> f64 {
        self.width / (8.0 * LN_2).sqrt()
    }

    /// The widest source that the PSF answers: its standard deviation \[pixels\]; 0 if points are all that it shows.
    pub(super) fn widest(&self) -> f64 {
        self.sigma_at(self.shares.len() - 1)
    }

    fn sigma_at(&self, entry: usize) -> f64 {
        self.sigma() * (entry as f64 * self.step).exp_m1().sqrt()
    }

    /// What a source of unit flux looks like through the lobe alone.
    fn flat(&self, sigma: f64) -> Hill {
        let [xx, xy, yy] = self.variance;
        let lobe = xx * yy - xy * xy;
        let (xx, yy) = (xx + sigma * sigma, yy + sigma * sigma);
        let both = xx * yy - xy * xy;
        Hill { height: (lobe / both).sqrt(), a: yy / both, b: -xy / both, c: xx / both }
    }

    /// Share of the lobe's height that the PSF answers with, and its slope along `ln(1 + (sigma / lobe)²)`.
    fn share(&self, sigma: f64) -> (f64, f64) {
        let place = (sigma / self.sigma()).powi(2).ln_1p() / self.step;
        let last = self.shares.len() - 1;
        if place >= last as f64 {
            return (self.shares[last], 0.0);
        }
        let entry = place as usize;
        let rise = self.shares[entry + 1] - self.shares[entry];
        (self.shares[entry] + (place - entry as f64) * rise, rise / self.step)
    }

    /// What a source of unit flux and a standard deviation of `sigma` looks like.
    pub(super) fn hill(&self, sigma: f64) -> Hill {
        let flat = self.flat(sigma);
        Hill { height: flat.height * self.share(sigma).0, ..flat }
    }

    /// The value of [`Self::hill`] at an offset, and its derivatives over its logarithm: by the row and the column of the
    /// source's centre, and by `sigma`.
    pub(super) fn slopes(&self, sigma: f64, (dy, dx): (f64, f64)) -> (f64, [f64; 3]) {
        let hill = self.hill(sigma);
        // the inverse of the summed variances, times the offset
        let (gx, gy) = (hill.a * dx + hill.b * dy, hill.b * dx + hill.c * dy);
        let (share, slope) = self.share(sigma);
        let along = 2.0 * sigma / (self.sigma().powi(2) + sigma * sigma);
        let by_sigma = slope / share * along + sigma * (gx * gx + gy * gy - hill.a - hill.c);
        (hill.at(dy, dx), [gy, gx, by_sigma])
    }
}

/// `(h * G)(0)` for a Gaussian of unit sum over the pixels it is drawn on.
fn answer(psf: &Psf, sigma: f64) -> f64 {
    let reach = (REACH * sigma).ceil() as isize;
    let profile: Vec<f64> = (-reach..=reach).map(|lag| (-0.5 * (lag as f64 / sigma).powi(2)).exp()).collect();
    let sum: f64 = profile.iter().sum();
    let row = |dy: isize| -> f64 {
        (-reach..=reach).zip(&profile).map(|(dx, weight)| weight * f64::from(psf.value_at_lag(dy, dx))).sum()
    };
    (-reach..=reach).zip(&profile).map(|(dy, weight)| weight * row(dy)).sum::<f64>() / (sum * sum)
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    /// A lobe of 2 by 1.5 pixels (standard deviations) in a shallow bowl, as without short baselines.
    fn psf() -> Psf {
        let at = |(y, x): (usize, usize)| {
            let (dy, dx) = (y as f64 - 60.0, x as f64 - 60.0);
            let lobe = (-0.5 * ((dy / 2.0).powi(2) + (dx / 1.5).powi(2))).exp();
            (lobe - 0.025 * (-0.5 * (dy * dy + dx * dx) / 144.0).exp()) as f32
        };
        Psf::new(Array2::from_shape_fn((121, 121), at)).unwrap()
    }

    #[test]
    fn hills_are_what_the_psf_makes_of_gaussians() {
        let (psf, lobe) = (psf(), Lobe::new(&psf(), 8.0).unwrap());
        for sigma in [0.0, 0.7, 2.0, 4.0] {
            let expected = if sigma > 0.0 { answer(&psf, sigma) } else { 1.0 };
            let found = lobe.hill(sigma).at(0.0, 0.0);
            assert!((found / expected - 1.0).abs() < 0.01, "{sigma}: {found}, expected {expected}");
        }
    }

    #[test]
    fn sources_in_the_bowl_of_a_psf_are_not_seen() {
        let lobe = Lobe::new(&psf(), 20.0).unwrap();
        // lobe and bowl add up to 2 pi (3 - 3.6): to a wide source there is no answer
        assert!(lobe.widest() < 20.0 * lobe.sigma(), "{}", lobe.widest());
        assert!(answer(&psf(), 2.0 * lobe.widest()) < LEAST * lobe.flat(2.0 * lobe.widest()).height);
    }

    #[test]
    fn slopes_agree_with_finite_differences() {
        let lobe = Lobe::new(&psf(), 8.0).unwrap();
        let step = 1e-6;
        for sigma in [0.4, 1.7, 5.3] {
            for (dy, dx) in [(0.0, 0.0), (1.5, -2.0), (-4.0, 3.0)] {
                let (value, slopes) = lobe.slopes(sigma, (dy, dx));
                // a shift of the centre is an opposite shift of the pixel
                let by = [
                    lobe.hill(sigma).at(dy - step, dx) - lobe.hill(sigma).at(dy + step, dx),
                    lobe.hill(sigma).at(dy, dx - step) - lobe.hill(sigma).at(dy, dx + step),
                    lobe.hill(sigma + step).at(dy, dx) - lobe.hill(sigma - step).at(dy, dx),
                ];
                for (slope, difference) in slopes.iter().zip(by) {
                    let (found, expected) = (slope * value, difference / (2.0 * step));
                    assert!((found - expected).abs() < 1e-5 * value.max(1e-3), "{sigma}: {found}, expected {expected}");
                }
            }
        }
    }
}

//! From one beam to another, wider one: the kernel that does it, and how good a fitted beam is.

use std::f64::consts::{LN_2, PI};

use serde::{Deserialize, Serialize};

use super::{BeamFit, BeamShape};

/// The Gaussian that turns what is seen with one beam into what a wider one sees.
///
/// Its covariance is `K = C - C_i` of those of the beams, its transform is known in closed form, so that a narrow or
/// vanishing kernel is as exact as a wide one:
/// ```text
/// k^(f) = sqrt(det C / det C_i) exp(-2 pi^2 f^T K f)
/// ```
/// which turns a beam of peak 1 and covariance `C_i` into one of peak 1 and covariance `C`: the result is in Jy per new beam.
///
/// # Source
/// ALGORITHMS 8.3.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BeamChange {
    /// Covariance along x, of x and y, along y \[pixels^2\].
    pub covariance: (f64, f64, f64),
    /// Sum of the kernel.
    pub sum: f64,
}

/// Part of the new beam's variance by which the old one may be wider: the digits of headers.
const ROUNDING: f64 = 1e-6;

impl BeamChange {
    /// From a beam to another; `None` where that is narrower along any direction.
    pub fn new(from: &BeamShape, to: &BeamShape) -> Option<Self> {
        let ((fx, fxy, fy), (tx, txy, ty)) = (covariance(from), covariance(to));
        let (xx, xy, yy) = (tx - fx, txy - fxy, ty - fy);
        let least = 0.5 * (xx + yy) - f64::hypot(0.5 * (xx - yy), xy);
        let is_wider = least >= -ROUNDING * (tx + ty);
        let sum = ((tx * ty - txy * txy) / (fx * fy - fxy * fxy)).sqrt();
        is_wider.then_some(Self { covariance: (xx, xy, yy), sum })
    }

    /// The kernel's transform at frequency `(fy, fx)` \[cycles/pixel\].
    pub fn transfer(&self, fy: f64, fx: f64) -> f64 {
        let (xx, xy, yy) = self.covariance;
        let form = xx * fx * fx + 2.0 * xy * fx * fy + yy * fy * fy;
        self.sum * (-2.0 * PI * PI * form.max(0.0)).exp()
    }

    /// Pixels beyond which the kernel is 0 in `f32`: five full widths.
    pub fn reach(&self) -> usize {
        let (xx, xy, yy) = self.covariance;
        let widest = 0.5 * (xx + yy) + f64::hypot(0.5 * (xx - yy), xy);
        (5.0 * (8.0 * LN_2 * widest.max(0.0)).sqrt()).ceil() as usize + 1
    }
}

/// Covariance of `exp(-(a x^2 + 2 b x y + c y^2))`: half the inverse of its matrix, `(xx, xy, yy)` \[pixels^2\].
fn covariance(shape: &BeamShape) -> (f64, f64, f64) {
    let twice = 2.0 * (shape.a * shape.c - shape.b * shape.b);
    (shape.c / twice, -shape.b / twice, shape.a / twice)
}

impl BeamShape {
    /// Area of the beam, its sum over all pixels.
    pub fn area(&self) -> f64 {
        PI / (self.a * self.c - self.b * self.b).sqrt()
    }
}

/// Rms of PSF less beam over the fitted pixels above which the main lobe is not like a Gaussian.
pub const POOR_MISFIT: f64 = 0.05;
/// A narrower beam \[pixels\] is under-sampled (ALGORITHMS 8.1).
pub const NARROW: f64 = 2.5;
/// Share by which the main lobe's area may differ from the beam's: beyond it fluxes of what is not cleaned are off.
pub const POOR_AREA: f64 = 0.3;

impl BeamFit {
    /// What is doubtful about the fit, each with its number and the limit.
    pub fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        if self.misfit > POOR_MISFIT {
            let misfit = 100.0 * self.misfit;
            doubts.push(format!(
                "the clean beam fits the PSF's main lobe poorly: rms {misfit:.1} % of the peak, {:.0} % is usual at most; \
                 see the plot of the beam, and give a beam with --beam-shape",
                100.0 * POOR_MISFIT
            ));
        }
        if self.pixels.1 < NARROW {
            doubts.push(format!(
                "the beam is {:.2} pixels wide, less than {NARROW}: the image is under-sampled, smaller cells would help",
                self.pixels.1
            ));
        }
        let share = self.lobe / self.shape.area();
        if (share - 1.0).abs() > POOR_AREA {
            doubts.push(format!(
                "the PSF's main lobe has {share:.2} times the area of the clean beam: what is left in the residual counts \
                 for that in fluxes of the restored image; see --residual-scale jvm"
            ));
        }
        doubts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::{CleanBeam, UNIT_CELL};

    fn shape(bmaj: f64, bmin: f64, bpa: f64) -> BeamShape {
        CleanBeam::new(bmaj, bmin, bpa).unwrap().shape_in_pixels(UNIT_CELL).unwrap()
    }

    #[test]
    fn transforms_of_beam_and_kernel_multiply_to_that_of_the_wider_beam() {
        for (from, to) in [
            (shape(4.0, 3.0, 20.0), shape(8.0, 6.0, 70.0)),
            (shape(4.0, 3.0, 20.0), shape(4.0, 4.0, 0.0)),
            (shape(2.5, 2.0, 130.0), shape(2.6, 2.5, 40.0)),
        ] {
            let change = BeamChange::new(&from, &to).unwrap();
            for (fy, fx) in [(0.0, 0.0), (0.1, -0.05), (0.02, 0.13)] {
                let expected = to.area() * to.transfer(fy, fx);
                let found = from.area() * from.transfer(fy, fx) * change.transfer(fy, fx);
                assert!((found - expected).abs() < 1e-9 * to.area(), "{found} {expected}");
            }
        }
    }

    #[test]
    fn a_beam_that_is_narrower_somewhere_is_refused_and_the_same_one_changes_nothing() {
        let beam = shape(6.0, 4.0, 30.0);
        assert!(BeamChange::new(&beam, &shape(5.9, 5.9, 0.0)).is_none());
        assert!(BeamChange::new(&beam, &shape(6.5, 4.0, 120.0)).is_none(), "crossed");
        let same = BeamChange::new(&beam, &beam).unwrap();
        assert!((same.transfer(0.3, -0.4) - 1.0).abs() < 1e-12 && same.reach() == 1);
    }

    #[test]
    fn doubts_have_numbers_and_good_fits_have_none() {
        let beam = CleanBeam::new(4.0, 3.0, 0.0).unwrap();
        let shape = shape(4.0, 3.0, 0.0);
        let good = BeamFit {
            beam,
            shape,
            pixels: (4.0, 3.0),
            sidelobe_max: 0.1,
            sidelobe_min: -0.1,
            misfit: 0.01,
            lobe: shape.area(),
        };
        assert_eq!(good.doubts(), Vec::<String>::new());
        let poor = BeamFit { misfit: 0.08, pixels: (2.6, 2.2), lobe: 2.0 * shape.area(), ..good };
        let doubts = poor.doubts().join("\n");
        for needle in ["8.0 %", "5 %", "2.20 pixels", "2.5", "2.00 times", "--beam-shape", "jvm"] {
            assert!(doubts.contains(needle), "{needle}: {doubts}");
        }
    }
}

//! The main lobe of the PSF, straight from the uv plane.
//!
//! Along a fixed direction the PSF is a one-dimensional cosine sum over the weights projected on that direction, so
//! its half-maximum can be found to any fraction of a pixel without an image. That is what picks the cell.

use std::f64::consts::{FRAC_1_SQRT_2, TAU};

use serde::Serialize;

use super::uvplane::{CellWeight, UvPlane};
use crate::fft::column_weight;
use crate::images::CleanBeam;

/// Full widths at half maximum of an elliptical main lobe \[pixels\].
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MainLobe {
    /// Along the major axis.
    pub major: f64,
    /// Along the minor axis.
    pub minor: f64,
    /// Position angle of the major axis from north through east \[rad\]; east is towards smaller x.
    pub angle: f64,
}

impl MainLobe {
    /// Measures the half-maximum of the PSF in four directions and lays an ellipse through them.
    ///
    /// `None` if the PSF does not fall to one half within the plane.
    pub fn measure(plane: &UvPlane, weight: CellWeight) -> Option<Self> {
        let profiles = Profiles::project(plane, weight);
        let [east_west, north_south, rising, falling] = profiles.0.each_ref().map(Profile::half_width);
        // 1/r^2 = a cos^2 + b sin^2 + c sin cos, least squares over the four directions.
        let inverse = |radius: f64| radius.powi(-2);
        let (a, b) = (inverse(east_west?), inverse(north_south?));
        let (plus, minus) = (inverse(rising?), inverse(falling?));
        let misfit = (plus + minus - a - b) / 4.0;
        Some(Self::from_quadratic(a + misfit, b + misfit, plus - minus))
    }

    /// The ellipse `a x^2 + b y^2 + c x y = 1` of half-maximum.
    fn from_quadratic(a: f64, b: f64, c: f64) -> Self {
        let (mean, spread) = (f64::midpoint(a, b), ((a - b) / 2.0).hypot(c / 2.0));
        // The major axis lies along the smaller eigenvalue; its direction from +x towards +y.
        let direction = 0.5 * (-c).atan2(b - a);
        Self {
            major: 2.0 / (mean - spread).max(f64::MIN_POSITIVE).sqrt(),
            minor: 2.0 / (mean + spread).sqrt(),
            angle: (direction + TAU / 4.0).rem_euclid(TAU / 2.0),
        }
    }

    /// The same beam in degrees on the sky, for pixels of `pixel` \[rad\].
    pub fn on_sky(self, pixel: f64) -> CleanBeam {
        let degrees = |pixels: f64| (pixels * pixel).to_degrees();
        CleanBeam { bmaj: degrees(self.major), bmin: degrees(self.minor), bpa: self.angle.to_degrees() }
    }
}

/// Weights projected on x, y, and the two diagonals.
struct Profiles([Profile; 4]);

struct Profile {
    /// Weight at index `k + offset`.
    weights: Vec<f64>,
    offset: i64,
    /// Spatial frequency of one index \[cycles/pixel\].
    step: f64,
}

impl Profiles {
    fn project(plane: &UvPlane, weight: CellWeight) -> Self {
        let side = plane.grid().side;
        let half = (side / 2) as i64;
        let step = 1.0 / side as f64;
        let profile =
            |reach: i64, step: f64| Profile { weights: vec![0.0; 2 * reach as usize + 1], offset: reach, step };
        let diagonal = step * FRAC_1_SQRT_2;
        let mut profiles =
            [profile(half, step), profile(half, step), profile(2 * half, diagonal), profile(2 * half, diagonal)];
        plane.for_each_cell(|row, kx, count| {
            let (kx, ky) = (kx as i64, plane.signed(row));
            let value = weight.of_cell(count) * column_weight(kx as usize, side);
            for (profile, k) in profiles.iter_mut().zip([kx, ky, kx + ky, kx - ky]) {
                profile.weights[(k + profile.offset) as usize] += value;
            }
        });
        Self(profiles)
    }
}

impl Profile {
    /// The first distance at which the PSF is half its peak \[pixels\].
    fn half_width(&self) -> Option<f64> {
        let frequencies = (0..).map(|index: i64| (index - self.offset) as f64 * self.step);
        let occupied: Vec<(f64, f64)> =
            frequencies.zip(self.weights.iter().copied()).filter(|(_, weight)| *weight > 0.0).collect();
        let total: f64 = occupied.iter().map(|(_, weight)| weight).sum();
        let spread = (occupied.iter().map(|(f, weight)| weight * f * f).sum::<f64>() / total).sqrt();
        let value = |x: f64| occupied.iter().map(|(f, weight)| weight * (TAU * f * x).cos()).sum::<f64>() / total;
        // A Gaussian of this spread would fall to one half at 0.187 / spread; long tails make it later.
        let stride = 0.03 / spread;
        let reach = 0.5 / self.step;
        let mut low = 0.0;
        while value(low + stride) > 0.5 {
            low += stride;
            if low > reach {
                return None;
            }
        }
        let mut high = low + stride;
        for _ in 0..40 {
            let middle = f64::midpoint(low, high);
            if value(middle) > 0.5 { low = middle } else { high = middle }
        }
        Some(high)
    }
}

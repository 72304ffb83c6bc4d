//! The clean beam: a Gaussian as wide as the PSF's main lobe, and its fit.

use std::f64::consts::{LN_2, PI};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::beam_change::NARROW;
use super::psf::{Region, connected};
use super::{Cell, Psf};

/// Level above which the main lobe is fitted (CASA's usual cutoff, ALGORITHMS 8.1).
pub(super) const FIT_LEVEL: f32 = 0.35;

/// Fewer pixels of a main lobe do not tell three parameters, so that it is interpolated too (ALGORITHMS 8.1).
const LEAST_PIXELS: usize = 9;

/// Steps per pixel of that interpolation.
const FINE: isize = 4;

/// Half-width of the cut-out that is interpolated \[pixels\].
pub(super) const CUT_OUT: isize = 64;

/// The cell to fit with when the header has none: one degree per pixel, east to the left.
pub const UNIT_CELL: Cell = Cell { dx: -1.0, dy: 1.0 };

/// Why there is no clean beam.
#[derive(Debug, Clone, PartialEq, Error, Serialize, Deserialize)]
pub enum BeamError {
    /// The values given are not those of an ellipse.
    #[error("a beam of {bmaj} by {bmin} deg at {bpa} deg; expected finite values with bmaj >= bmin > 0")]
    Ellipse {
        /// Major axis given \[deg\].
        bmaj: f64,
        /// Minor axis given \[deg\].
        bmin: f64,
        /// Position angle given \[deg\].
        bpa: f64,
    },
    /// A cell of no size.
    #[error("cell of {dx} by {dy} deg; expected finite steps other than 0")]
    Cell {
        /// CDELT1 given \[deg\].
        dx: f64,
        /// CDELT2 given \[deg\].
        dy: f64,
    },
    /// A beam that the residual cannot be convolved to.
    #[error(
        "cannot convolve the residual to a beam of {} by {} pixels\n  the PSF's is {} by {} pixels, wider in some direction",
        two(to.0), two(to.1), two(from.0), two(from.1)
    )]
    Narrower {
        /// Widths of the PSF's beam (major, minor) \[pixels\].
        from: (f64, f64),
        /// Widths of the beam asked for.
        to: (f64, f64),
    },
    /// The main lobe is not like a Gaussian.
    #[error("no Gaussian fits the main lobe of the PSF ({pixels} pixels above 0.35); give the beam by hand")]
    NotAGaussian {
        /// Number of pixels fitted.
        pixels: usize,
    },
}

/// Two decimals.
fn two(width: f64) -> String {
    format!("{width:.2}")
}

/// An elliptical Gaussian beam of peak 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CleanBeam {
    /// Full width at half maximum along the major axis \[deg\].
    pub bmaj: f64,
    /// Full width at half maximum along the minor axis \[deg\].
    pub bmin: f64,
    /// Position angle of the major axis, from north through east \[deg\].
    pub bpa: f64,
}

impl CleanBeam {
    /// A beam of given axes (full widths at half maximum \[deg\]) and position angle \[deg\].
    ///
    /// # Errors
    /// [`BeamError::Ellipse`] unless `bmaj >= bmin > 0` and all are finite.
    pub fn new(bmaj: f64, bmin: f64, bpa: f64) -> Result<Self, BeamError> {
        let is_ellipse = bmaj.is_finite() && bpa.is_finite() && bmin > 0.0 && bmaj >= bmin;
        if is_ellipse { Ok(Self { bmaj, bmin, bpa }) } else { Err(BeamError::Ellipse { bmaj, bmin, bpa }) }
    }

    /// A circular beam of given full width at half maximum \[deg\].
    ///
    /// # Errors
    /// [`BeamError::Ellipse`] unless the width is positive and finite.
    pub fn circular(fwhm: f64) -> Result<Self, BeamError> {
        Self::new(fwhm, fwhm, 0.0)
    }

    /// The beam on the pixel grid.
    ///
    /// # Errors
    /// [`BeamError::Cell`] if a step of `cell` is 0 or not finite.
    pub fn shape_in_pixels(&self, cell: Cell) -> Result<BeamShape, BeamError> {
        check_cell(cell)?;
        let (sin, cos) = self.bpa.to_radians().sin_cos();
        let (major, minor) = (4.0 * LN_2 / self.bmaj.powi(2), 4.0 * LN_2 / self.bmin.powi(2));
        // The major axis points to (east, north) = (sin, cos); pixel offsets times the cell are sky offsets.
        let east = major * sin * sin + minor * cos * cos;
        let cross = (major - minor) * sin * cos;
        let north = major * cos * cos + minor * sin * sin;
        Ok(BeamShape { a: east * cell.dx * cell.dx, b: cross * cell.dx * cell.dy, c: north * cell.dy * cell.dy })
    }

    /// Area of the beam, `π bmaj bmin / (4 ln 2 |CDELT1 CDELT2|)` \[pixels\]: flux is the sum of pixels over it.
    ///
    /// # Errors
    /// [`BeamError::Cell`] if a step of `cell` is 0 or not finite.
    pub fn area_pixels(&self, cell: Cell) -> Result<f64, BeamError> {
        check_cell(cell)?;
        Ok(PI * self.bmaj * self.bmin / (4.0 * LN_2 * (cell.dx * cell.dy).abs()))
    }
}

/// `exp(−(a x² + 2 b x y + c y²))` with `x`, `y` in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BeamShape {
    /// Coefficient of `x²` \[1/pixel²\].
    pub a: f64,
    /// Half the coefficient of `x y` \[1/pixel²\].
    pub b: f64,
    /// Coefficient of `y²` \[1/pixel²\].
    pub c: f64,
}

impl BeamShape {
    /// How far it is drawn out, 5 full widths, where it is 0 in `f32` \[pixels\].
    pub fn reach(&self) -> usize {
        (5.0 * self.widths().0).ceil() as usize
    }

    /// Value at `(dy, dx)` pixels from the peak.
    pub fn value(&self, dy: f64, dx: f64) -> f64 {
        (-(self.a * dx * dx + 2.0 * self.b * dx * dy + self.c * dy * dy)).exp()
    }

    /// Fourier transform over that at zero, at frequency `(fy, fx)` \[cycles/pixel\]: `exp(−π² fᵀ A⁻¹ f)`.
    pub fn transfer(&self, fy: f64, fx: f64) -> f64 {
        let determinant = self.a * self.c - self.b * self.b;
        (-PI * PI * (self.c * fx * fx - 2.0 * self.b * fx * fy + self.a * fy * fy) / determinant).exp()
    }

    /// Full widths at half maximum (major, minor) \[pixels\].
    pub fn widths(&self) -> (f64, f64) {
        let (small, large) = eigenvalues(self);
        (2.0 * (LN_2 / small).sqrt(), 2.0 * (LN_2 / large).sqrt())
    }

    /// The beam on the sky, for pixels of size `cell` (steps other than 0).
    fn on_sky(&self, cell: Cell) -> CleanBeam {
        let sky =
            Self { a: self.a / (cell.dx * cell.dx), b: self.b / (cell.dx * cell.dy), c: self.c / (cell.dy * cell.dy) };
        let (bmaj, bmin) = sky.widths();
        // Twice the angle of the major axis from north: of [[c, b], [b, a]] in (north, east) it is the smaller eigenvalue's.
        let bpa = (0.5 * (-2.0 * sky.b).atan2(sky.a - sky.c)).to_degrees();
        CleanBeam { bmaj, bmin, bpa: if bpa < 0.0 { bpa + 180.0 } else { bpa } }
    }
}

/// Eigenvalues of `[[a, b], [b, c]]`, the smaller first; without cancellation when they differ much.
fn eigenvalues(shape: &BeamShape) -> (f64, f64) {
    let half_difference = f64::hypot(0.5 * (shape.a - shape.c), shape.b);
    let large = 0.5 * (shape.a + shape.c) + half_difference;
    ((shape.a * shape.c - shape.b * shape.b) / large, large)
}

fn check_cell(cell: Cell) -> Result<(), BeamError> {
    let is_step = |d: f64| d.is_finite() && d != 0.0;
    if is_step(cell.dx) && is_step(cell.dy) { Ok(()) } else { Err(BeamError::Cell { dx: cell.dx, dy: cell.dy }) }
}

/// A clean beam fitted to a PSF, and how well it fits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BeamFit {
    /// The beam on the sky.
    pub beam: CleanBeam,
    /// The beam on the pixel grid.
    pub shape: BeamShape,
    /// Full widths at half maximum (major, minor) \[pixels\]; below 2.5 the image is under-sampled.
    pub pixels: (f64, f64),
    /// Largest value outside the main lobe.
    pub sidelobe_max: f32,
    /// Smallest value outside the main lobe.
    pub sidelobe_min: f32,
    /// Rms of PSF − Gaussian over the fitted pixels, in units of the peak.
    pub misfit: f64,
    /// Sum of the PSF over the region that falls steadily from the peak, to the first null or where it rises again
    /// \[pixels\].
    pub lobe: f64,
}

/// Fits a Gaussian of peak 1 at the PSF's centre to its main lobe (the connected region above 0.35).
///
/// Least squares over the pixels of the lobe by Levenberg–Marquardt, three parameters, in f64. A beam of less than
/// 2.5 pixels is fitted to the PSF interpolated four times finer (band-limited, on a cut-out). Without a cell in the
/// header use [`UNIT_CELL`]. The sidelobes are the extremes outside the region that falls steadily from the peak.
///
/// # Errors
/// [`BeamError::Cell`] for a cell of no size; [`BeamError::NotAGaussian`] if the fit does not settle on an ellipse.
///
/// # Source
/// ALGORITHMS 8.1. `WSClean` fits a box of ten beams instead, sidelobes included, so a few per cent differ.
pub fn fit_beam(psf: &Psf, cell: Cell) -> Result<BeamFit, BeamError> {
    fit_lobe(psf, cell).map(|(fit, _)| fit)
}

/// [`fit_beam`], and the region that falls steadily from the peak.
pub(super) fn fit_lobe(psf: &Psf, cell: Cell) -> Result<(BeamFit, Region), BeamError> {
    check_cell(cell)?;
    let area = psf.main_lobe(0.5).len() as f64;
    let width = 2.0 * (area / PI).sqrt();
    let is_coarse = width < NARROW || psf.main_lobe(FIT_LEVEL).len() < LEAST_PIXELS;
    let samples = if is_coarse { fine_samples(psf) } else { pixel_samples(psf) };
    let guess = 4.0 * LN_2 / width.max(1.0).powi(2);
    let (ny, nx) = psf.pixels().dim();
    // a flat top fits a Gaussian without end
    let shape = least_squares(&samples, BeamShape { a: guess, b: 0.0, c: guess })
        .filter(|shape| shape.widths().0 <= ny.max(nx).max(LEAST_PIXELS) as f64)
        .ok_or(BeamError::NotAGaussian { pixels: samples.len() })?;
    let square: f64 = samples.iter().map(|s| (s.value - shape.value(s.dy, s.dx)).powi(2)).sum();
    let steady = steady_lobe(psf, &shape);
    let (sidelobe_min, sidelobe_max) = sidelobes(psf, &steady);
    let fit = BeamFit {
        beam: shape.on_sky(cell),
        shape,
        pixels: shape.widths(),
        sidelobe_max,
        sidelobe_min,
        misfit: (square / samples.len() as f64).sqrt(),
        lobe: steady.clone().in_order().into_iter().map(|at| f64::from(psf.pixels()[at])).sum(),
    };
    Ok((fit, steady))
}

/// A value of the PSF at an offset from its peak \[pixels\].
struct Sample {
    dy: f64,
    dx: f64,
    value: f64,
}

/// The main lobe as it is, in index order so that the sums of the fit are always the same.
fn pixel_samples(psf: &Psf) -> Vec<Sample> {
    let (cy, cx) = psf.centre();
    let lobe = psf.main_lobe(FIT_LEVEL).in_order();
    let sample = |(y, x): (usize, usize)| Sample {
        dy: y as f64 - cy as f64,
        dx: x as f64 - cx as f64,
        value: f64::from(psf.pixels()[(y, x)]),
    };
    lobe.into_iter().map(sample).collect()
}

/// The main lobe at a quarter of a pixel: trigonometric interpolation of a cut-out around the peak, row by row.
fn fine_samples(psf: &Psf) -> Vec<Sample> {
    let (ny, nx) = psf.shape();
    let half = (ny.max(nx) as isize).clamp(8, CUT_OUT);
    let size = (2 * half + 1) as usize;
    let reach = 4 * FINE;
    let kernel: Vec<Vec<f64>> = (-reach..=reach)
        .map(|at| (-half..=half).map(|lag| dirichlet(at as f64 / FINE as f64 - lag as f64, size)).collect())
        .collect();
    let dot = |weights: &[f64], values: &[f64]| weights.iter().zip(values).map(|(w, v)| w * v).sum::<f64>();
    let rows: Vec<Vec<f64>> = (-half..=half)
        .map(|dy| {
            let row: Vec<f64> = (-half..=half).map(|dx| f64::from(psf.value_at_lag(dy, dx))).collect();
            kernel.iter().map(|weights| dot(weights, &row)).collect()
        })
        .collect();
    let fine = ndarray::Array2::from_shape_fn((kernel.len(), kernel.len()), |(y, x)| {
        let column: Vec<f64> = rows.iter().map(|row| row[x]).collect();
        dot(&kernel[y], &column) as f32
    });
    let lobe = connected(&fine, (reach as usize, reach as usize), |_, _, value| value >= FIT_LEVEL).in_order();
    let offset = |at: usize| (at as f64 - reach as f64) / FINE as f64;
    lobe.into_iter().map(|(y, x)| Sample { dy: offset(y), dx: offset(x), value: f64::from(fine[(y, x)]) }).collect()
}

/// Interpolation kernel of `size` (odd) equidistant samples: `sin(πt) / (size sin(πt/size))`.
fn dirichlet(t: f64, size: usize) -> f64 {
    let n = size as f64;
    let below = n * (PI * t / n).sin();
    if below.abs() < 1e-12 { 1.0 } else { (PI * t).sin() / below }
}

/// Levenberg–Marquardt on `(a, b, c)`; `None` if it does not settle on a positive definite form.
fn least_squares(samples: &[Sample], start: BeamShape) -> Option<BeamShape> {
    let cost = |s: &BeamShape| samples.iter().map(|p| (p.value - s.value(p.dy, p.dx)).powi(2)).sum::<f64>();
    let mut shape = start;
    let mut best = cost(&shape);
    let mut damping = 1e-3;
    for _ in 0..200 {
        let (matrix, gradient) = normal_equations(samples, &shape);
        let step = solve(matrix, gradient, damping)?;
        let trial = BeamShape { a: shape.a + step[0], b: shape.b + step[1], c: shape.c + step[2] };
        let trial_cost = cost(&trial);
        let is_ellipse = trial.a > 0.0 && trial.c > 0.0 && trial.a * trial.c > trial.b * trial.b;
        if is_ellipse && trial_cost <= best {
            let scale = shape.a + shape.c;
            let is_settled = step.iter().all(|s| s.abs() < 1e-10 * scale);
            (shape, best, damping) = (trial, trial_cost, damping * 0.1);
            if is_settled {
                return Some(shape);
            }
        } else {
            damping *= 10.0;
            if damping > 1e12 {
                return (best / samples.len() as f64 <= 0.25).then_some(shape);
            }
        }
    }
    None
}

/// `JᵀJ` and `Jᵀr` for the parameters `(a, b, c)`.
fn normal_equations(samples: &[Sample], shape: &BeamShape) -> ([[f64; 3]; 3], [f64; 3]) {
    let (mut matrix, mut gradient) = ([[0.0; 3]; 3], [0.0; 3]);
    for p in samples {
        let value = shape.value(p.dy, p.dx);
        let slope = [-p.dx * p.dx * value, -2.0 * p.dx * p.dy * value, -p.dy * p.dy * value];
        for i in 0..3 {
            gradient[i] += slope[i] * (p.value - value);
            for j in 0..3 {
                matrix[i][j] += slope[i] * slope[j];
            }
        }
    }
    (matrix, gradient)
}

/// Solves `(M + damping diag M) s = g` by Cramer's rule; `None` if singular.
fn solve(mut m: [[f64; 3]; 3], g: [f64; 3], damping: f64) -> Option<[f64; 3]> {
    for (i, row) in m.iter_mut().enumerate() {
        row[i] *= 1.0 + damping;
    }
    let determinant = |m: &[[f64; 3]; 3]| {
        m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
            + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
    };
    let whole = determinant(&m);
    if !whole.is_normal() {
        return None;
    }
    let with_column = |column: usize| {
        let mut replaced = m;
        for (row, value) in replaced.iter_mut().zip(g) {
            row[column] = value;
        }
        determinant(&replaced) / whole
    };
    Some([with_column(0), with_column(1), with_column(2)])
}

/// What falls steadily from the peak, within two FWHM: a sidelobe joined to the main lobe begins where values rise again.
fn steady_lobe(psf: &Psf, shape: &BeamShape) -> Region {
    let (cy, cx) = psf.centre();
    let offset = |at: usize, centre: usize| at as f64 - centre as f64;
    // The Gaussian is 2^(-4 r²) at r FWHM from its peak.
    let is_near = |(y, x): (usize, usize)| shape.value(offset(y, cy), offset(x, cx)) > 0.5_f64.powi(16);
    connected(psf.pixels(), (cy, cx), |from, at, to| to > 0.0 && to <= from && is_near(at))
}

/// Smallest and largest value of the PSF outside its main lobe; 0 if there is no such pixel.
fn sidelobes(psf: &Psf, lobe: &Region) -> (f32, f32) {
    let (mut min, mut max) = (0.0_f32, 0.0_f32);
    for (at, &value) in psf.pixels().indexed_iter() {
        if value < min || (value > max && !lobe.contains(at)) {
            (min, max) = (min.min(value), max.max(value));
        }
    }
    (min, max)
}

#[cfg(test)]
#[path = "beam_tests.rs"]
mod tests;

//! The problem: size of the spectrum, noise and prior.

use std::f64::consts::PI;
use std::sync::Arc;

use rustfft::num_complex::Complex;
use serde::{Deserialize, Serialize};

/// Floor of the prior, as a fraction of its maximum, unless another is asked for (ALGORITHMS 6.1).
pub const DEFAULT_FLOOR: f64 = 1e-8;

/// Size of a spectrum, and of the data behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plane {
    /// Rows of the transformed image, and length of a column.
    pub ly: usize,
    /// Columns of the transformed image; its half plane has `lx/2 + 1`.
    pub lx: usize,
    /// Pixels that hold data: `ly · lx`, or fewer if the image was padded by zeros.
    pub data_pixels: usize,
}

impl Plane {
    /// The spectrum of an image of shape `(ly, lx)` that is not padded.
    pub fn circular(ly: usize, lx: usize) -> Self {
        Self { ly, lx, data_pixels: ly * lx }
    }

    /// Number of columns of the half plane.
    pub fn columns(&self) -> usize {
        self.lx / 2 + 1
    }

    /// How many modes a mode of column `kx` stands for: 1 where the column is its own mirror image, else 2.
    pub fn weight(&self, kx: usize) -> u64 {
        if kx == 0 || 2 * kx == self.lx { 1 } else { 2 }
    }

    /// Number of modes of the full spectrum.
    pub fn modes(&self) -> usize {
        self.ly * self.lx
    }

    /// `(|fy|, |fx|)` of a mode \[cycles/pixel\].
    pub(super) fn frequency(&self, ky: usize, kx: usize) -> (f64, f64) {
        (ky.min(self.ly - ky) as f64 / self.ly as f64, kx as f64 / self.lx as f64)
    }

    /// Signed `(fy, fx)` of a mode \[cycles/pixel\].
    pub fn signed_frequency(&self, ky: usize, kx: usize) -> (f64, f64) {
        let (fy, fx) = self.frequency(ky, kx);
        (if 2 * ky > self.ly { -fy } else { fy }, fx)
    }
}

/// Spectrum `S` of the noise, up to its level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoiseModel {
    /// `S = max(Re H, 0)`: noise that passed through the weights of the uv plane, as in a naturally weighted dirty image.
    Psf,
    /// `S = 1`: noise added to the image, as by an optical camera.
    White,
}

/// Operator `D` of the prior, by its power spectrum `Q = |D|²` with `θ = 2π k / L` per axis.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Regularisation {
    /// `Q = (4 − 2 cos θx − 2 cos θy)²`: smooth diffuse emission.
    Laplacian,
    /// `Q = 4 − 2 cos θx − 2 cos θy`: diffuse emission.
    Gradient,
    /// `Q = 1`: point sources.
    Identity,
    /// `Q = (1 + (4 − 2 cos θx − 2 cos θy) / κ²)^(ν + 1)` with `κ² = 2ν/ℓ²`: the power spectrum of a Matérn process of smoothness
    /// `ν` and length `ℓ` on the pixel grid (Lindgren, Rue & Lindström 2011). It knows a largest scale, which the others do not.
    Matern {
        /// Smoothness: 0.5 is an exponential correlation, large values a Gaussian one.
        nu: f64,
        /// Length of the correlation \[pixels\].
        length: f64,
    },
}

/// `Q` of the Matérn prior for a squared frequency on the grid.
pub(super) fn matern(step: f64, nu: f64, length: f64) -> f64 {
    (1.0 + 0.5 * step * length * length / nu).powf(nu + 1.0)
}

/// What is solved: a spectrum of this size, with this noise and this prior.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Terms", into = "Terms")]
pub struct Problem {
    plane: Plane,
    noise: NoiseModel,
    regularisation: Regularisation,
    /// `2 − 2 cos θ` per row and per column of the half plane.
    steps: Arc<(Vec<f64>, Vec<f64>)>,
    /// What is added to `Q`.
    floor: f64,
}

/// A problem without what follows from the rest.
#[derive(Serialize, Deserialize)]
struct Terms {
    plane: Plane,
    noise: NoiseModel,
    regularisation: Regularisation,
    floor: f64,
}

impl From<Problem> for Terms {
    fn from(Problem { plane, noise, regularisation, floor, .. }: Problem) -> Self {
        Self { plane, noise, regularisation, floor }
    }
}

impl From<Terms> for Problem {
    fn from(Terms { plane, noise, regularisation, floor }: Terms) -> Self {
        Self { plane, noise, regularisation, steps: steps(plane), floor }
    }
}

/// `2 − 2 cos θ` per row and per column of the half plane.
fn steps(plane: Plane) -> Arc<(Vec<f64>, Vec<f64>)> {
    let axis = |length: usize, count: usize| -> Vec<f64> {
        (0..count).map(|k| 4.0 * (PI * k as f64 / length as f64).sin().powi(2)).collect()
    };
    Arc::new((axis(plane.ly, plane.ly), axis(plane.lx, plane.columns())))
}

impl Problem {
    /// A problem whose prior is `regularisation` plus `floor` times its maximum (1e-8 is usual: a Laplacian leaves the mean free, and
    /// an interferometer does not measure it). A Matérn prior keeps the mean by itself, and has no floor: its maximum is so far above its
    /// plateau that 1e-8 of it would hide that.
    pub fn new(plane: Plane, noise: NoiseModel, regularisation: Regularisation, floor: f64) -> Self {
        let steps = steps(plane);
        let highest = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
        let mut problem = Self { plane, noise, regularisation, steps, floor: 0.0 };
        let max = problem.bare(highest(&problem.steps.0) + highest(&problem.steps.1));
        // A plane of one pixel has nothing but the mean: a Laplacian of it is 0, and only the floor is left.
        problem.floor = match regularisation {
            Regularisation::Matern { .. } => 0.0,
            _ => floor * if max > 0.0 { max } else { 1.0 },
        };
        problem
    }

    /// The size of the spectrum.
    pub fn plane(&self) -> Plane {
        self.plane
    }

    /// The spectrum of the noise.
    pub fn noise(&self) -> NoiseModel {
        self.noise
    }

    /// The operator of the prior.
    pub(super) fn regularisation(&self) -> Regularisation {
        self.regularisation
    }

    /// `4 − 2 cos θx − 2 cos θy` of a mode.
    pub(super) fn step(&self, ky: usize, kx: usize) -> f64 {
        self.steps.0[ky] + self.steps.1[kx]
    }

    /// `Q` of a mode, floor included.
    pub fn penalty(&self, ky: usize, kx: usize) -> f64 {
        self.bare(self.step(ky, kx)) + self.floor
    }

    /// The least `Q` of a mode.
    pub(super) fn least_penalty(&self) -> f64 {
        self.penalty(0, 0)
    }

    /// `scale` times `Q` of modes `first .. first + weights.len()` of column `kx`, in single precision.
    pub(super) fn penalties(&self, kx: usize, first: usize, scale: f64, weights: &mut [f32]) {
        let (across, rows) = (self.steps.1[kx], &self.steps.0[first..first + weights.len()]);
        match self.regularisation {
            Regularisation::Laplacian => weights.iter_mut().zip(rows).for_each(|(weight, row)| {
                let step = row + across;
                *weight = (scale * (step * step + self.floor)) as f32;
            }),
            Regularisation::Gradient => weights.iter_mut().zip(rows).for_each(|(weight, row)| {
                *weight = (scale * (row + across + self.floor)) as f32;
            }),
            Regularisation::Identity => weights.fill((scale * (1.0 + self.floor)) as f32),
            Regularisation::Matern { nu, length } => weights.iter_mut().zip(rows).for_each(|(weight, row)| {
                *weight = (scale * (matern(row + across, nu, length) + self.floor)) as f32;
            }),
        }
    }

    /// `S` of a mode whose transfer function is `h`.
    pub fn noise_power(&self, h: Complex<f64>) -> f64 {
        match self.noise {
            NoiseModel::Psf => h.re.max(0.0),
            NoiseModel::White => 1.0,
        }
    }

    /// Whether a mode carries a datum: `|H| > floor`, and for the noise of the PSF `Re H > floor` (the same for real `H >= 0`).
    pub(super) fn is_usable(&self, h: Complex<f64>, floor: f64) -> bool {
        match self.noise {
            NoiseModel::Psf => h.re > floor,
            NoiseModel::White => h.norm_sqr() > floor * floor,
        }
    }

    fn bare(&self, step: f64) -> f64 {
        match self.regularisation {
            Regularisation::Laplacian => step * step,
            Regularisation::Gradient => step,
            Regularisation::Identity => 1.0,
            Regularisation::Matern { nu, length } => matern(step, nu, length),
        }
    }
}

/// A mode in double precision.
pub(super) fn widen(z: Complex<f32>) -> Complex<f64> {
    Complex::new(f64::from(z.re), f64::from(z.im))
}

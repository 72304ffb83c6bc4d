//! The linear boundary with the exact convolution: its equation, where that of one diagonal is not enough.
//!
//! With `P` the padding by zeros, `Pᵀ` the crop to the pixels that were observed, `F` the DFT of the padded plane:
//! ```text
//! minimise  (d − B x)ᵀ W (d − B x) + λ xᵀ PᵀF⁻¹QFP x        B = PᵀF⁻¹HFP        W = PᵀF⁻¹KFP
//! (BᵀWB + λ PᵀF⁻¹QFP) x = BᵀW d
//! white noise:   K = 1                           C = max(|H|², (0.03 max|H|)²) + λQ
//! psf noise:     K = 1/max(Re H, 0.01 max|H|)    C = max(K|H|², 0.1 max|H|) + λQ
//! ```
//! `B` is the convolution of the residual, whatever sign `H` has, and only pixels that were observed count. `W` stands for the
//! inverse of the noise's covariance `PᵀF⁻¹SFP`; as any positive weights it leaves the estimate right where the data are exact,
//! and costs no more than some of the noise's optimal weighting. Where `H >= 0` and the noise is that of the PSF, `S = H`, the
//! optimal weights give `BᵀWB = B`, one diagonal: then the shorter equation of [`Filter`] is the better one.
//!
//! A PSF of the image's size, cut off at its edges, has negative `Re H` beside the cells of the uv plane (34 of 126 on a field
//! of 4096); taken for 0 they are a wrong model of the sky (`benches/README.md`, borders).

use std::f64::consts::FRAC_PI_2;

use rustfft::num_complex::Complex;
use serde::{Deserialize, Serialize};

use super::draw::Part;
use super::survey::{NEGATIVE, Usable};
use super::{Draw, Filter, NoiseModel, Regularisation};

/// The preconditioner takes `|H|`, or `K|H|²`, for no less than this fraction of its maximum; (white noise, noise of the PSF).
///
/// On the field of 2048, λ = 1 and the noise of the PSF, `r . C⁻¹ r` after 40 iterations was 5.2e-3, 1.4e-3, 7.8e-4 and 5.6e-4 of
/// the start (square roots) with 0.01, 0.03, 0.06 and 0.1.
const PRECONDITIONER_FLOORS: (f64, f64) = (3e-2, 1e-1);

/// The taper reaches so many times the length over which the prior is stiffer than the data.
///
/// A Gaussian PSF, λ of 3e3 and 3e5, 64² and 192² pixels, a box and noise for skies: 1 always takes fewer iterations than no taper
/// (0.2 to 0.8 of them, to 2e-4); 2 takes more on a plane of 64 pixels where the length is 10.
const TAPER_REACH: f64 = 1.0;

/// The equation of the linear boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Equation {
    /// One diagonal: the noise of a PSF whose transfer function is not negative.
    Normal,
    /// The exact convolution and weights.
    Weighted,
    /// The same with the weights of a noise that a file tells of ([`Natural`](super::Natural)).
    Natural,
}

impl Equation {
    /// The one for a noise and a PSF.
    pub fn of(noise: NoiseModel, usable: &Usable) -> Self {
        match noise {
            NoiseModel::Psf if usable.negative_share() <= NEGATIVE => Self::Normal,
            NoiseModel::Psf | NoiseModel::White => Self::Weighted,
        }
    }
}

impl Filter {
    /// Whether `K` is not 1.
    pub fn has_weights(noise: NoiseModel) -> bool {
        noise == NoiseModel::Psf
    }

    /// `K` of a mode.
    pub(super) fn weight(&self, h: Complex<f32>) -> f32 {
        match self.problem.noise() {
            NoiseModel::Psf => 1.0 / h.re.max(self.raised as f32),
            NoiseModel::White => 1.0,
        }
    }

    /// Multiplies by `H`.
    pub fn convolve_column(x: &mut [Complex<f32>], h: &[Complex<f32>]) {
        x.iter_mut().zip(h).for_each(|(x, h)| *x *= h);
    }

    /// Multiplies by `K`.
    pub fn weigh_column(&self, y: &mut [Complex<f32>], h: &[Complex<f32>]) {
        y.iter_mut().zip(h).for_each(|(y, h)| *y *= self.weight(*h));
    }

    /// `conj(H) Y + λ Q X`; with no `x` the first term alone.
    pub fn correlate_column(&self, kx: usize, (y, x): (&mut [Complex<f32>], &[Complex<f32>]), h: &[Complex<f32>]) {
        y.iter_mut().zip(h).for_each(|(y, h)| *y *= h.conj());
        if !x.is_empty() {
            self.add_prior(kx, y, x);
        }
    }

    /// Divides by `C`.
    pub fn precondition_weighted_column(&self, kx: usize, x: &mut [Complex<f32>], h: &[Complex<f32>]) {
        let least = self.least_weighted() as f32;
        self.scaled_by(kx, (x, h), |h, prior| 1.0 / ((h.norm_sqr() * self.weight(h)).max(least) + prior));
    }

    /// Fills column `kx` with the plain spectrum of a perturbation of the data, which multiplied by `Bᵀ` after its crop has the
    /// covariance `BᵀWB/γn`.
    pub fn draw_data_column(
        &self,
        kx: usize,
        column: &mut [Complex<f32>],
        (h, gamma_n): (&[Complex<f32>], f64),
        draw: Draw,
    ) {
        self.draw_scaled(kx, column, (draw, Part::Data), |ky| f64::from(self.weight(h[ky])) / gamma_n);
    }

    /// Adds to `conj(H)` times the column, which is made of [`draw_data_column`](Self::draw_data_column), the plain spectrum of a
    /// perturbation of covariance `λQ/γn`: together that of the matrix over `γn`.
    pub fn add_drawn_column(
        &self,
        kx: usize,
        column: &mut [Complex<f32>],
        (h, gamma_n): (&[Complex<f32>], f64),
        draw: Draw,
    ) {
        let mut prior = vec![Complex::default(); column.len()];
        self.draw_scaled(kx, &mut prior, (draw, Part::Prior), |ky| {
            self.lambda * self.problem.penalty(ky, kx) / gamma_n
        });
        column.iter_mut().zip(h).zip(prior).for_each(|((y, h), prior)| *y = *y * h.conj() + prior);
    }

    /// Least `K|H|²` of the preconditioner.
    pub(super) fn least_weighted(&self) -> f64 {
        match self.problem.noise() {
            NoiseModel::Psf => PRECONDITIONER_FLOORS.1 * self.highest,
            NoiseModel::White => (PRECONDITIONER_FLOORS.0 * self.highest).powi(2),
        }
    }

    /// Over how many pixels from the edges the preconditioner is tapered, and by which power of the taper; `None` where the data
    /// outweigh the prior from one pixel to the next.
    ///
    /// The prior ties what is inside to the zeros outside. Its inverse on the image is that of the repeating plane but near the
    /// edges, where it goes down with their distance `e` to the power `2m − 2`, `m` being the order of the prior's differences
    /// (2 for a Laplacian, a clamped plate). With `sin(π/2 min(1, e/width))^(m − 1)` on both sides of `C⁻¹` BL Lac by the VLBA
    /// (λ = 5.6e6) has `√(r . z)` at 7.7e-2 of the start after 20 iterations and 1.4e-4 after 100; without, at 2.8 and 0.25.
    pub fn taper(&self) -> Option<(f64, f64)> {
        let data = match self.problem.noise() {
            NoiseModel::Psf => self.highest,
            NoiseModel::White => self.highest * self.highest,
        };
        let ratio = data / self.lambda;
        let (step, power) = match self.problem.regularisation() {
            Regularisation::Laplacian => (ratio.sqrt(), 1.0),
            Regularisation::Matern { nu, length } => {
                (((1.0 + ratio).powf(1.0 / (nu + 1.0)) - 1.0) * 2.0 * nu / (length * length), nu)
            }
            // the inverse of a gradient's prior goes down but by its logarithm, that of the identity not at all
            Regularisation::Gradient | Regularisation::Identity => return None,
        };
        let width = TAPER_REACH / step.sqrt();
        (width > 1.0).then_some((width, power))
    }
}

/// The taper at pixel `index` of an axis of `length`, for what [`Filter::taper`] says.
pub fn taper(index: usize, length: usize, (width, power): (f64, f64)) -> f64 {
    let edge = (index + 1).min(length - index) as f64;
    (FRAC_PI_2 * (edge / width).min(1.0)).sin().powf(power)
}

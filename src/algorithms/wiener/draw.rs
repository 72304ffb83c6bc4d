//! Samples of the posterior by perturbation and optimisation (Orieux, Féron & Giovannelli 2012).
//!
//! The posterior of the linear boundary is normal about the solution of `A x = r` with covariance `A⁻¹/γn`. White noise on the
//! padded plane, multiplied by `√(G/γn)` and cropped, has the covariance `A/γn` exactly where `A = Pᵀ F⁻¹ G F P`, so the solution
//! of `A δ = η` is a sample of the posterior's deviations: one run of the solver each. Where `A = BᵀWB + λ Pᵀ F⁻¹ Q F P`, data and
//! prior are perturbed apart: `η = Bᵀ(√K noise) + √(λQ) noise`.

use std::f64::consts::FRAC_1_SQRT_2;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rustfft::num_complex::Complex;
use serde::{Deserialize, Serialize};

use super::filter::Filter;

/// Which random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draw {
    /// Seed of the run.
    pub seed: u64,
    /// Number of the sample.
    pub sample: u32,
}

/// Bits of a stream's number that tell the column and the part; the sample stands above them.
const COLUMN_BITS: u32 = 32;

/// What is perturbed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The prior, or prior and data together.
    Prior,
    /// The data.
    Data,
}

impl Filter {
    /// Fills column `kx` with the plain spectrum of a perturbation `η` of covariance `A/γn`; `h` is the PSF's column.
    pub fn draw_column(
        &self,
        kx: usize,
        column: &mut [Complex<f32>],
        (h, gamma_n): (&[Complex<f32>], f64),
        draw: Draw,
    ) {
        let power = |ky: usize| self.matrix((ky, kx), super::model::widen(h[ky])) / gamma_n;
        self.draw_scaled(kx, column, (draw, Part::Prior), power);
    }

    /// Fills column `kx` with the plain spectrum of noise of a `power`, of its row, in each mode.
    ///
    /// Every column has its stream of a counter-based generator, so that no cut changes a number.
    pub(super) fn draw_scaled(
        &self,
        kx: usize,
        column: &mut [Complex<f32>],
        (draw, part): (Draw, Part),
        power: impl Fn(usize) -> f64,
    ) {
        let plane = self.problem.plane();
        let mut rng = ChaCha8Rng::seed_from_u64(draw.seed);
        let part = u64::from(part == Part::Data) << (COLUMN_BITS - 1);
        // sample 0 of column 0 shares no stream with the chains, which take the first few
        rng.set_stream((u64::from(draw.sample) + 1) << COLUMN_BITS | part | kx as u64);
        let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
        let ly = column.len();
        let mut values: Vec<Complex<f64>> = (0..ly).map(|_| Complex::new(normal(), normal()) * FRAC_1_SQRT_2).collect();
        if plane.weight(kx) == 1 {
            // its own mirror image: Hermitian, and real where a mode is
            for ky in 0..ly {
                let mirror = (ly - ky) % ly;
                if mirror == ky {
                    values[ky] = Complex::new(values[ky].re / FRAC_1_SQRT_2, 0.0);
                } else if mirror < ky {
                    values[ky] = values[mirror].conj();
                }
            }
        }
        // from the unitary to the plain spectrum
        let scale = (plane.modes() as f64).sqrt();
        for (ky, (to, value)) in column.iter_mut().zip(values).enumerate() {
            let value = value * (scale * power(ky).sqrt());
            *to = Complex::new(value.re as f32, value.im as f32);
        }
    }

    /// Keeps the modes that carry a datum, and no other.
    pub fn measured_column(&self, x: &mut [Complex<f32>], h: &[Complex<f32>]) {
        for (x, h) in x.iter_mut().zip(h) {
            if !self.problem.is_usable(super::model::widen(*h), self.floor) {
                *x = Complex::default();
            }
        }
    }
}

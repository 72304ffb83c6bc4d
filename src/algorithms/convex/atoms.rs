//! What happens to the Fourier modes.

use std::f64::consts::{LN_2, PI};

use rustfft::num_complex::Complex32;
use serde::{Deserialize, Serialize};

use crate::fft::Layout;
use crate::images::BeamShape;

/// Modes whose sums are kept on the stack.
const RUN: usize = 128;

/// Constants of the splitting.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Splitting {
    /// `κ`: thresholds in units of the noise.
    pub kappa: f64,
    /// `ρ` over `max|H|`: coefficients move by the residual over `ρ` where the PSF tells little of them.
    pub share: f64,
    /// `α`: 1, or more to go further than the splitting itself, below 2.
    pub relaxation: f64,
}

impl Splitting {
    /// `ρ`, given `max|H|`.
    pub fn rho(&self, max_transfer: f64) -> f64 {
        self.share * max_transfer
    }

    /// `κ σ / ρ` \[Jy\], given the noise of a width's residual and `max|H|`.
    pub fn level(&self, sigma: f64, max_transfer: f64) -> f32 {
        (self.kappa * sigma / self.rho(max_transfer)) as f32
    }
}

/// Transfer functions of the atoms on the modes of a layout: real, and products of one factor per axis.
#[derive(Debug, Clone)]
pub struct Atoms {
    rows: Vec<Vec<f32>>,
    columns: Vec<Vec<f32>>,
    size: (usize, usize),
}

impl Atoms {
    /// Gaussians of unit sum and these full widths at half maximum \[pixels\], 0 for points.
    pub fn new(widths: &[f64], layout: &Layout) -> Self {
        let factor = |width: f64, f: f64| (-PI * PI * width * width * f * f / (4.0 * LN_2)).exp() as f32;
        let axis = |length: usize, count: usize, width: f64| -> Vec<f32> {
            (0..count).map(|k| factor(width, k.min(length - k) as f64 / length as f64)).collect()
        };
        Self {
            rows: widths.iter().map(|width| axis(layout.ly, layout.ly, *width)).collect(),
            columns: widths.iter().map(|width| axis(layout.lx, layout.half(), *width)).collect(),
            size: (layout.ly, layout.lx),
        }
    }

    /// Number of widths.
    pub fn count(&self) -> usize {
        self.rows.len()
    }

    /// Replaces column `kx` of the spectra of `y_j` by those of `B_j G`, given `H₊`, the spectrum `D`, and `ρ`.
    pub fn correct(&self, kx: usize, y: &mut [&mut [Complex32]], (h, data): (&[f32], &[Complex32]), rho: f64) {
        let rho = rho as f32;
        for first in (0..self.size.0).step_by(RUN) {
            let run = first..(first + RUN).min(self.size.0);
            let (mut sum, mut squares) = ([Complex32::ZERO; RUN], [0.0_f32; RUN]);
            for (j, y) in y.iter().enumerate() {
                let (across, down) = (self.columns[j][kx], &self.rows[j][run.clone()]);
                let sums = sum.iter_mut().zip(&mut squares);
                for (((sum, square), y), b) in sums.zip(&y[run.clone()]).zip(down) {
                    let b = across * b;
                    *sum += y * b;
                    *square += b * b;
                }
            }
            let modes = h[run.clone()].iter().zip(&data[run.clone()]);
            for ((sum, square), (h, data)) in sum.iter_mut().zip(&squares).zip(modes) {
                *sum = (data - *sum * *h) / (rho + h * square);
            }
            for (j, y) in y.iter_mut().enumerate() {
                let (across, down) = (self.columns[j][kx], &self.rows[j][run.clone()]);
                for ((y, gain), b) in y[run.clone()].iter_mut().zip(&sum).zip(down) {
                    *y = gain * (across * b);
                }
            }
        }
    }

    /// Puts `Σ_j B_j z_j`, the model, in the place of the first of the spectra of `z_j` in column `kx`; they may begin after the
    /// first widths.
    pub fn model(&self, kx: usize, z: &mut [&mut [Complex32]]) {
        let skipped = self.count() - z.len();
        let Some((sum, rest)) = z.split_first_mut() else { return };
        self.spread_one(kx, skipped, sum);
        for (j, z) in rest.iter().enumerate() {
            let (across, down) = (self.columns[skipped + j + 1][kx], &self.rows[skipped + j + 1]);
            sum.iter_mut().zip(&**z).zip(down).for_each(|((sum, z), b)| *sum += z * (across * b));
        }
    }

    /// Multiplies column `kx` of each spectrum by its atom's transfer function, and by that of a `beam` of peak 1 where there is one:
    /// \[Jy\] become \[Jy/beam\].
    pub fn spread(&self, kx: usize, spectra: &mut [&mut [Complex32]], beam: Option<BeamShape>) {
        let seen = beam.map(|beam| beam_column(beam, kx, self.size));
        for (j, spectrum) in spectra.iter_mut().enumerate() {
            self.spread_one(kx, j, spectrum);
            if let Some(seen) = &seen {
                spectrum.iter_mut().zip(seen).for_each(|(value, beam)| *value *= *beam);
            }
        }
    }

    fn spread_one(&self, kx: usize, atom: usize, spectrum: &mut [Complex32]) {
        let (across, down) = (self.columns[atom][kx], &self.rows[atom]);
        spectrum.iter_mut().zip(down).for_each(|(value, b)| *value *= across * b);
    }
}

/// Transfer function of a beam of peak 1 on column `kx` of a transform of shape `(ly, lx)`.
pub(super) fn beam_column(beam: BeamShape, kx: usize, (ly, lx): (usize, usize)) -> Vec<f32> {
    let area = PI / (beam.a * beam.c - beam.b * beam.b).sqrt();
    let row = |ky: usize| if 2 * ky > ly { ky as f64 - ly as f64 } else { ky as f64 } / ly as f64;
    (0..ly).map(|ky| (area * beam.transfer(row(ky), kx as f64 / lx as f64)) as f32).collect()
}

//! First pass: which modes carry a datum.

use std::collections::BTreeMap;

use rustfft::num_complex::Complex;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::exact::{ExactSum, Quantum};
use super::model::{NoiseModel, Problem};
use crate::kernels::modes;

/// Modes beyond this `|fx|` and `|fy|` \[cycles/pixel\] are seen by no array whose beam has 2.5 pixels or more.
const CORNER: f64 = 0.45;

/// Leakage into the corner is multiplied by this to make τ.
const ABOVE_LEAKAGE: f64 = 5.0;

/// Range of an automatic τ: above the rounding of f32, below the weight of single visibilities.
const TAU_RANGE: (f64, f64) = (1e-6, 1e-3);

/// No `|H|` of a peak-1 PSF exceeds this: it is at most its number of pixels.
const LARGEST_TRANSFER: f64 = 1.0e12;

/// How the least usable `|H| / max|H|` is chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TauRule {
    /// Five times the median over the corner of the spectrum, which no array samples, within 1e-6 .. 1e-3.
    Auto,
    /// This value.
    Given(f64),
}

/// No mode of the PSF is usable: it is zero, or nowhere positive.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[error("no Fourier mode of the PSF is usable: largest |H| is {max_transfer:e}")]
pub struct NoSignal {
    /// Largest `|H|`.
    pub max_transfer: f64,
}

/// What one pass over the spectra of PSF and data finds; part surveys merge in any order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Survey {
    problem: Problem,
    max_transfer: f64,
    max_data: f64,
    least_real: f64,
    zero_spacing: f64,
    noise_sum: ExactSum,
    /// Number of corner modes by the leading 16 bits of `|H|` as f32 (sign 0, exponent, 7 bits of mantissa).
    corner: BTreeMap<u32, u64>,
}

impl Survey {
    /// Before any column.
    pub fn new(problem: &Problem) -> Self {
        Self {
            problem: problem.clone(),
            max_transfer: 0.0,
            max_data: 0.0,
            least_real: f64::INFINITY,
            zero_spacing: 0.0,
            noise_sum: ExactSum::default(),
            corner: BTreeMap::new(),
        }
    }

    /// Adds column `kx` of the PSF, `ly` modes.
    pub fn add_transfer(&mut self, kx: usize, h: &[Complex<f32>]) {
        let (plane, quantum) = (self.problem.plane(), Quantum::new(LARGEST_TRANSFER));
        let weight = plane.weight(kx);
        let (largest, least_real) = modes::extremes(h);
        let noise = match self.problem.noise() {
            NoiseModel::Psf => modes::positive_sum(h),
            NoiseModel::White => h.len() as f64,
        };
        self.max_transfer = self.max_transfer.max(f64::from(largest).sqrt());
        self.least_real = self.least_real.min(f64::from(least_real));
        // A column is never split, so its own sum may be a floating-point one.
        self.noise_sum.add(noise * weight as f64 / plane.ly as f64, quantum);
        if is_corner(kx as f64 / plane.lx as f64, plane.lx) {
            for (_, h) in h.iter().enumerate().filter(|(ky, _)| is_corner(plane.frequency(*ky, kx).0, plane.ly)) {
                *self.corner.entry(h.norm_sqr().sqrt().to_bits() >> 16).or_default() += weight;
            }
        }
        if kx == 0 {
            self.zero_spacing = h.first().map_or(0.0, |z| f64::from(z.re));
        }
    }

    /// Adds a column of the data, `ly` modes; only a [`super::SpectrumTable`] needs the data surveyed.
    pub fn add_data(&mut self, y: &[Complex<f32>]) {
        self.max_data = self.max_data.max(f64::from(modes::extremes(y).0));
    }

    /// Adds what another survey of the same problem saw.
    pub fn merge(&mut self, other: &Self) {
        self.max_transfer = self.max_transfer.max(other.max_transfer);
        self.max_data = self.max_data.max(other.max_data);
        self.least_real = self.least_real.min(other.least_real);
        self.zero_spacing += other.zero_spacing;
        self.noise_sum.merge(other.noise_sum);
        for (&size, &count) in &other.corner {
            *self.corner.entry(size).or_default() += count;
        }
    }

    /// Decides which modes are usable.
    ///
    /// # Errors
    /// [`NoSignal`] if the PSF's transfer function is 0, or not finite.
    pub fn finish(&self, rule: TauRule) -> Result<Usable, NoSignal> {
        let max_transfer = self.max_transfer;
        let noise_mean = self.noise_sum.value(Quantum::new(LARGEST_TRANSFER)) / self.problem.plane().lx as f64;
        if !max_transfer.is_normal() || noise_mean <= 0.0 {
            return Err(NoSignal { max_transfer });
        }
        let tau = match rule {
            TauRule::Given(tau) => tau,
            TauRule::Auto => (ABOVE_LEAKAGE * self.corner_median() / max_transfer).clamp(TAU_RANGE.0, TAU_RANGE.1),
        };
        Ok(Usable {
            tau,
            floor: tau * max_transfer,
            max_transfer,
            least_real: self.least_real,
            zero_spacing: self.zero_spacing,
            noise_mean,
            max_data: self.max_data,
        })
    }

    /// Median of `|H|` over the corner, to within a step of the histogram (0.8 %).
    fn corner_median(&self) -> f64 {
        let half = self.corner.values().sum::<u64>().div_ceil(2);
        let mut below = 0;
        for (&size, &count) in &self.corner {
            below += count;
            if below >= half {
                return f64::from(f32::from_bits((size << 16) | 0x8000));
            }
        }
        0.0
    }
}

/// Whether `|f|` is in the outer part of an axis of `length`; at least its highest frequency is.
fn is_corner(frequency: f64, length: usize) -> bool {
    frequency > CORNER.min((length / 2) as f64 / length as f64 - f64::EPSILON)
}

/// Which modes carry a datum, and the scales found on the way.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Usable {
    /// Least usable `|H| / max|H|`.
    pub tau: f64,
    /// Least usable `|H|`.
    pub floor: f64,
    /// Largest `|H|`.
    pub max_transfer: f64,
    /// Smallest `Re H`: negative where a PSF was truncated.
    pub least_real: f64,
    /// `Re H` at zero spacing: 0 if the array does not measure the total flux.
    pub zero_spacing: f64,
    /// Mean of `S` over all modes: image noise of variance `σ²` has `σ²/mean` in the formulas.
    pub noise_mean: f64,
    /// Largest `|Y|²`.
    pub(super) max_data: f64,
}

/// `−Re H` over `max|H|` from which on negative values are worth a note: rounding and the odd part of narrow-field PSFs stay below.
pub(super) const NEGATIVE: f64 = 0.01;

/// `H` at zero spacing over `max|H|` from which the total flux counts as measured. A cropped PSF leaks: of
/// interferometers without short spacings 0.05 was seen (M31 by the VLA, PSF of the image's size).
const FLUX_MEASURED: f64 = 0.1;

impl Usable {
    /// `Re H` at zero spacing over `max|H|`.
    pub fn zero_spacing_share(&self) -> f64 {
        self.zero_spacing / self.max_transfer
    }

    /// Whether the zero spacing is measured and not only leaked into.
    pub fn is_flux_measured(&self) -> bool {
        self.zero_spacing_share() > FLUX_MEASURED
    }

    /// `−Re H` over `max|H|` where it is most; 0 or less where it is nowhere negative.
    pub(super) fn negative_share(&self) -> f64 {
        -self.least_real / self.max_transfer
    }

    /// What to tell of a transfer function that is negative where it should not be: with the noise of the PSF its values are
    /// variances.
    pub fn negative_note(&self, noise: NoiseModel) -> Option<String> {
        let share = self.negative_share();
        (noise == NoiseModel::Psf && share > NEGATIVE).then(|| {
            format!(
                "the PSF's transfer function is negative in places, down to {share:.3} of its maximum, as that of a PSF that \
                 is cut off: it is taken for 0 there in the estimate; the residual is exact"
            )
        })
    }
}

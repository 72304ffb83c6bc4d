//! What no stationary linear estimate can exceed on these data.

use std::fmt;

use rustfft::num_complex::Complex;
use serde::{Deserialize, Serialize};

use super::exact::{ExactSum, Quantum};
use super::model::{Problem, widen};
use super::survey::Usable;
use crate::images::BeamShape;

/// Below this the holes of the uv plane show in the image \[dB\]: a thousandth of the power is missing at 30 dB.
const NEARLY_COMPLETE: f64 = 25.0;

/// Sums `|B X|²` over the usable modes and over the others, `B` being the clean beam and `X` a sky.
///
/// Every stationary filter leaves the other modes at 0, so no choice of prior or λ can bring `SNR(B*x, B*x̂)` above
/// `10 log10(Σ |B X|² / Σ_{not usable} |B X|²)` (ALGORITHMS 6.4). The run does not know the sky and assumes one point
/// source (`X = 1`): the figure then is a property of the PSF. With the true sky it bounds the result exactly; the
/// linear boundary, whose support couples neighbouring modes, may pass it a little.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ceiling {
    problem: Problem,
    usable: Usable,
    beam: BeamShape,
    quantum: Quantum,
    kept: ExactSum,
    lost: ExactSum,
    modes: u64,
}

impl Ceiling {
    /// The ceiling for a point source.
    pub fn of_point(problem: &Problem, usable: &Usable, beam: BeamShape) -> Self {
        Self::of_sky(problem, usable, beam, 1.0)
    }

    /// The ceiling for a sky whose pixels' absolute values add up to `flux` \[Jy\].
    pub fn of_sky(problem: &Problem, usable: &Usable, beam: BeamShape, flux: f64) -> Self {
        let quantum = Quantum::new(2.0 * flux * flux);
        let (kept, lost) = (ExactSum::default(), ExactSum::default());
        Self { problem: problem.clone(), usable: *usable, beam, quantum, kept, lost, modes: 0 }
    }

    /// Adds column `kx` of the PSF's spectrum, for a point source.
    pub fn add_column(&mut self, kx: usize, h: &[Complex<f32>]) {
        self.add(kx, h, |_| 1.0);
    }

    /// Adds column `kx` of the spectra of the PSF and of the sky (plain DFT).
    pub fn add_sky_column(&mut self, kx: usize, h: &[Complex<f32>], x: &[Complex<f32>]) {
        self.add(kx, h, |ky| widen(x[ky]).norm_sqr());
    }

    fn add(&mut self, kx: usize, h: &[Complex<f32>], power: impl Fn(usize) -> f64) {
        let plane = self.problem.plane();
        let (mut kept, mut lost, mut modes) = (0.0, 0.0, 0);
        for (ky, &h) in h.iter().enumerate() {
            let (fy, fx) = plane.signed_frequency(ky, kx);
            let seen = power(ky) * self.beam.transfer(fy, fx).powi(2);
            if self.problem.is_usable(widen(h), self.usable.floor) {
                kept += seen;
                modes += 1;
            } else {
                lost += seen;
            }
        }
        // A column is never split, so its own sums may be floating-point ones.
        let weight = plane.weight(kx);
        self.kept.add(weight as f64 * kept, self.quantum);
        self.lost.add(weight as f64 * lost, self.quantum);
        self.modes += weight * modes;
    }

    /// Adds what another ceiling of the same problem holds.
    pub fn merge(&mut self, other: &Self) {
        self.kept.merge(other.kept);
        self.lost.merge(other.lost);
        self.modes += other.modes;
    }

    /// The figures.
    pub fn report(&self) -> CeilingReport {
        let (kept, lost) = (self.kept.value(self.quantum), self.lost.value(self.quantum));
        CeilingReport {
            usable_fraction: self.modes as f64 / self.problem.plane().modes() as f64,
            zero_spacing: self.usable.zero_spacing_share(),
            is_flux_measured: self.usable.is_flux_measured(),
            power_fraction: kept / (kept + lost),
            decibels: 10.0 * ((kept + lost) / lost).log10(),
        }
    }
}

impl CeilingReport {
    /// Whether the user should know: holes show in the image, or the total flux is not measured.
    pub fn is_limiting(&self) -> bool {
        self.decibels < NEARLY_COMPLETE || !self.is_flux_measured
    }
}

/// What the usable modes can tell; [`fmt::Display`] is the sentence for the user.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CeilingReport {
    /// Fraction of the Fourier modes that carry a datum.
    pub usable_fraction: f64,
    /// `Re H` at zero spacing over `max|H|`.
    pub zero_spacing: f64,
    /// Whether the zero spacing is measured and not only leaked into: `zero_spacing > 0.1`.
    pub is_flux_measured: bool,
    /// Fraction of the power at the clean beam's resolution that lies in usable modes.
    pub power_fraction: f64,
    /// Highest signal-to-noise ratio at the clean beam's resolution \[dB\]; infinite if nothing is missing.
    pub decibels: f64,
}

impl fmt::Display for CeilingReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (modes, power) = (100.0 * self.usable_fraction, 100.0 * self.power_fraction);
        write!(f, "{modes:.1} % of the Fourier modes carry data, with {power:.1} % of a point source's power at the ")?;
        write!(f, "clean beam's resolution: a Fourier filter cannot exceed {:.1} dB", self.decibels)?;
        if self.decibels < NEARLY_COMPLETE {
            write!(f, ", and the sidelobes of the holes stay; use a CLEAN where they matter")?;
        }
        if !self.is_flux_measured {
            write!(
                f,
                "; the total flux is not measured (H at zero spacing is {:.1e} of its maximum), ",
                self.zero_spacing
            )?;
            write!(f, "so do not quote integrated fluxes from this image")?;
        }
        Ok(())
    }
}

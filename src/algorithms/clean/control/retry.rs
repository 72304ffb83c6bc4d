//! What counts as worse, and once more after a divergence, from the last good state and with smaller steps.

use serde::{Deserialize, Serialize};

use super::super::asp::Turns;
use super::Control;
use crate::algorithms::stop::{CycleState, Phase, PlaneStats, StopReason, Worse};

/// A peak this much above the lowest is worse (the same 10 % as `DDFacet`'s `AllowResidIncrease`).
pub const PEAK_RISE: f32 = 1.1;
/// The same of the highest of several scales (`WSClean`'s factor). Flux goes back and forth between scales on its way to the
/// best sum of both: points taken off an overlap leave a bowl that wide scales see at their bias, and the next turns fill
/// it. On simulated fields of points and Gaussians the highest peak doubled on the way to a fifth of it; rms and noise
/// tell a divergence before.
pub(in super::super) const SCALES_RISE: f32 = 4.0;
/// An rms this much above the lowest is worse: a PSF of another image can keep the peak down and fill the image with
/// sidelobes (to three times the rms of the dirty image, in `tests/integration/faults.rs`).
const RMS_RISE: f64 = 1.1;
/// Noise this much above the lowest of the mask phase is worse: a good component takes noise away.
const NOISE_RISE: f64 = 1.05;
/// Rounding of the exact residual in units of the greatest value: a few times `eps * log2` of a million pixels. A model
/// that leaves nothing else (images without noise) goes up and down by it, and has not diverged.
const ROUNDING: f32 = 32.0 * f32::EPSILON;
/// Share of the gain that is left.
pub(in super::super) const GAIN_LEFT: f32 = 0.25;
/// Share of mgain that is left.
const MGAIN_LEFT: f32 = 0.5;

/// How a plane that had diverged was cleaned again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    /// Share of a peak that one component took then.
    pub gain: f32,
    /// Share of the peak that one major cycle took at first.
    pub mgain: f32,
    /// Scales that were left; 0 where components are points only.
    pub scales: usize,
    /// Why.
    pub after: StopReason,
}

/// What of a residual with these values may be rounding alone \[Jy/beam\].
pub(super) fn rounding(stats: &PlaneStats) -> f32 {
    let greatest = stats.max.abs().max(stats.min.abs());
    if greatest.is_finite() { ROUNDING * greatest } else { 0.0 }
}

impl Retry {
    /// What to tell in the end: that it diverged, unless the goal was reached after all.
    pub fn verdict(&self, reason: StopReason) -> StopReason {
        match reason {
            StopReason::Stalled { .. } | StopReason::Iterations { .. } | StopReason::MajorCycles { .. } => {
                self.after.clone()
            }
            other => other,
        }
    }

    /// What to tell of it.
    pub fn note(&self) -> String {
        let Self { gain, mgain, scales, .. } = self;
        let scales = if *scales > 0 { format!(", {scales} scales") } else { String::new() };
        format!(
            "it diverged, and was cleaned once more from the last good state with gain {gain}, mgain {mgain}{scales}"
        )
    }
}

impl Control {
    /// Whether the last cycle made things worse, and how.
    pub(super) fn worse(&self) -> Option<Worse> {
        let CycleState { stats, phase, .. } = &self.state;
        let is_masked = *phase == Phase::Masked;
        let is_finite = stats.rms.is_finite() && stats.sigma.is_finite();
        if !is_finite || stats.peak > self.limit() {
            Some(Worse::Peak)
        } else if stats.rms > (RMS_RISE * self.lowest_rms).max(f64::from(self.rounding)) {
            Some(Worse::Rms)
        } else if is_masked && stats.sigma > NOISE_RISE * self.lowest_sigma {
            Some(Worse::Noise)
        } else if is_masked && stats.outside > self.outside_limit {
            Some(Worse::Outside)
        } else {
            None
        }
    }

    /// Peaks above this are worse \[Jy/beam\].
    pub fn limit(&self) -> f32 {
        let rise = if self.state.scales > 1 { SCALES_RISE } else { PEAK_RISE };
        self.rounding.max(rise * self.state.lowest)
    }

    /// Whether the limits of components and cycles leave room for another try.
    pub fn has_room(&self) -> bool {
        self.state.iterations < self.params.niter && self.state.major < self.params.nmiter
    }

    /// Goes on from the state of before with the usual steps: the cause of the divergence was found.
    pub fn forgive(&mut self) {
        self.descent = 1.0 - self.params.mgain;
        self.returned = true;
        (self.state.worse, self.state.backs, self.state.is_final) = (None, 0, false);
    }

    /// Begins once more from the state of before, with smaller steps; `None` where the limits of components or cycles leave
    /// no room for it.
    pub fn retry(&mut self, after: StopReason) -> Option<Retry> {
        if !self.has_room() {
            return None;
        }
        self.params.gain *= GAIN_LEFT;
        self.params.mgain *= MGAIN_LEFT;
        self.descent = 1.0 - self.params.mgain;
        self.turns.iter_mut().for_each(Turns::give_up);
        (self.reached, self.stalled, self.returned) = (None, None, true);
        (self.outside_limit, self.lowest_sigma, self.phase_sigma) = (f32::INFINITY, f64::INFINITY, 0.0);
        let CycleState { phase, lowest, stalled, worse, backs, is_final, .. } = &mut self.state;
        (*phase, *lowest, *stalled, *worse, *backs, *is_final) = (Phase::Open, f32::INFINITY, 0, None, 0, false);
        Some(Retry { gain: self.params.gain, mgain: self.params.mgain, scales: 0, after })
    }
}
